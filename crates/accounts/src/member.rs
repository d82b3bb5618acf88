//! Who may do what for an employer.

use diesel::prelude::*;
use mail::EmailAddress;
use serde::Serialize;
use store::schema::{employers, members, users};
use store::{DbConn, Id, StoreError, Timestamp, cols, on_each};

use crate::Employer;

/// Members of one employer at most.
const MOST_MEMBERS: i64 = 500;

store::text_enum! {
    /// What a member may do.
    pub enum Role {
        /// Everything, also manage members and API keys.
        Owner = "owner",
        /// Write, publish and close postings.
        Recruiter = "recruiter",
        /// Look at everything, change nothing.
        Viewer = "viewer",
    }
}

impl Role {
    /// Whether the member may write, publish and close postings.
    pub fn can_edit_postings(self) -> bool {
        matches!(self, Self::Owner | Self::Recruiter)
    }

    /// Whether the member may manage members, invitations, API keys and the employer itself.
    pub fn can_manage_members(self) -> bool {
        self == Self::Owner
    }
}

/// A person who works for an employer here.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Serialize, utoipa::ToSchema)]
pub struct Member {
    /// The person.
    pub user_id: Id,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: EmailAddress,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

/// Why something about members did not work.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// There is no such member.
    #[error("there is no such member")]
    NotFound,
    /// The person is a member already.
    #[error("the person is a member already")]
    AlreadyMember,
    /// The last owner can neither go nor become anything else.
    #[error("an employer needs an owner")]
    LastOwner,
    /// 500 members are there.
    #[error("the employer has as many members as it can have")]
    TooMany,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for MemberError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What `user` may do for `employer`; `None` for who is no member.
pub fn role_of(conn: &mut DbConn, employer: Id, user: Id) -> Result<Option<Role>, StoreError> {
    Ok(members::table
        .find((employer, user))
        .select(members::role)
        .first(conn)
        .optional()?)
}

/// What `user` may do for `employer`.
///
/// # Errors
/// [`MemberError::NotFound`] for who is no member.
pub fn require_role(conn: &mut DbConn, employer: Id, user: Id) -> Result<Role, MemberError> {
    role_of(conn, employer, user)?.ok_or(MemberError::NotFound)
}

/// The members of `employer`, in the order of their user ids; at most 500.
pub fn list_members(conn: &mut DbConn, employer: Id) -> Result<Vec<Member>, StoreError> {
    Ok(members::table
        .inner_join(users::table)
        .filter(members::employer_id.eq(employer))
        .order(members::user_id)
        .limit(MOST_MEMBERS)
        .select((
            users::id,
            users::name,
            users::email,
            members::role,
            members::created_at,
        ))
        .load(conn)?)
}

/// The employers for which `user` works, and as what; at most 500.
pub fn list_memberships(conn: &mut DbConn, user: Id) -> Result<Vec<(Employer, Role)>, StoreError> {
    Ok(members::table
        .inner_join(employers::table)
        .filter(members::user_id.eq(user))
        .order(members::employer_id)
        .limit(MOST_MEMBERS)
        .select((cols::<Employer>(), members::role))
        .load(conn)?)
}

/// Makes `user` a member.
///
/// # Errors
/// [`MemberError::AlreadyMember`], also with another role; [`MemberError::TooMany`].
pub fn add_member(
    tx: &mut DbConn,
    employer: Id,
    user: Id,
    role: Role,
    now: Timestamp,
) -> Result<(), MemberError> {
    let present: i64 = members::table
        .filter(members::employer_id.eq(employer))
        .count()
        .get_result(tx)?;
    if present >= MOST_MEMBERS {
        return Err(MemberError::TooMany);
    }
    if insert_member(tx, employer, user, role, now)? {
        Ok(())
    } else {
        Err(MemberError::AlreadyMember)
    }
}

/// False when `user` is a member already.
pub(crate) fn insert_member(
    tx: &mut DbConn,
    employer: Id,
    user: Id,
    role: Role,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = (
        members::employer_id.eq(employer),
        members::user_id.eq(user),
        members::role.eq(role),
        members::created_at.eq(now),
    );
    let inserted = on_each!(tx, c => diesel::insert_into(members::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// Gives the member `user` another role.
///
/// # Errors
/// [`MemberError::NotFound`]; [`MemberError::LastOwner`].
pub fn change_role(tx: &mut DbConn, employer: Id, user: Id, role: Role) -> Result<(), MemberError> {
    lock_employer(tx, employer)?;
    let current = require_role(tx, employer, user)?;
    if current == Role::Owner && role != Role::Owner {
        require_another_owner(tx, employer, user)?;
    }
    diesel::update(members::table.find((employer, user)))
        .set(members::role.eq(role))
        .execute(tx)?;
    Ok(())
}

/// Takes the member `user` out.
///
/// # Errors
/// [`MemberError::NotFound`]; [`MemberError::LastOwner`].
pub fn remove_member(tx: &mut DbConn, employer: Id, user: Id) -> Result<(), MemberError> {
    lock_employer(tx, employer)?;
    let current = require_role(tx, employer, user)?;
    if current == Role::Owner {
        require_another_owner(tx, employer, user)?;
    }
    diesel::delete(members::table.find((employer, user))).execute(tx)?;
    Ok(())
}

/// Lets one change of what `employer` has happen after the other: two owners who leave at once must not both go, and two
/// requests at once must not both take the last place. Whoever also takes the counter of postings takes it after this.
/// Writing the row without a change locks it on PostgreSQL; on SQLite there is one writer anyway.
pub fn lock_employer(tx: &mut DbConn, employer: Id) -> Result<(), StoreError> {
    diesel::update(employers::table.find(employer))
        .set(employers::version.eq(employers::version))
        .execute(tx)?;
    Ok(())
}

fn require_another_owner(tx: &mut DbConn, employer: Id, user: Id) -> Result<(), MemberError> {
    let others: i64 = members::table
        .filter(members::employer_id.eq(employer))
        .filter(members::user_id.ne(user))
        .filter(members::role.eq(Role::Owner))
        .count()
        .get_result(tx)?;
    if others == 0 {
        Err(MemberError::LastOwner)
    } else {
        Ok(())
    }
}
