//! Invitations to work for an employer.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::EmailAddress;
use serde::Serialize;
use store::schema::{employers, invitations};
use store::{DbConn, Id, StoreError, Timestamp, cols, on_each};

use crate::registration::minute_key;
use crate::{Employer, Letters, MemberError, Role, User, add_member, secret, user};

/// How long an invitation can be accepted.
const INVITED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Open invitations of one employer at most: an invitation is a mail to a stranger.
const MOST_OPEN: i64 = 50;

/// An invitation that was not accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = invitations)]
pub struct Invitation {
    /// Identifier.
    pub id: Id,
    /// For which employer.
    pub employer_id: Id,
    /// Who is invited.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// When it was sent.
    pub created_at: Timestamp,
}

/// Somebody to be invited.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Who.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
}

/// Why something about an invitation did not work.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// A token that was never given out, was used or withdrawn, or is too old.
    #[error("the invitation is unknown, used or too old")]
    Token,
    /// The invitation is for another address, or this one is not verified.
    #[error("the invitation is for another address")]
    WrongAddress,
    /// The person is a member already.
    #[error("the person is a member already")]
    AlreadyMember,
    /// The address was invited less than a minute ago, or 50 invitations are open.
    #[error("too many invitations at the moment")]
    TooMany,
    /// There is no such employer.
    #[error("there is no such employer")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for InvitationError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<MemberError> for InvitationError {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::Store(error) => Self::Store(error),
            MemberError::AlreadyMember => Self::AlreadyMember,
            MemberError::TooMany | MemberError::LastOwner => Self::TooMany,
            MemberError::NotFound => Self::NotFound,
        }
    }
}

/// Invites somebody by mail; inviting an address again replaces the older invitation.
pub fn invite(
    tx: &mut DbConn,
    employer: &Employer,
    new: &NewInvitation,
    inviter: &User,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<Invitation, InvitationError> {
    if let Some(known) = user::find_user_by_email(tx, &new.email)?
        && crate::role_of(tx, employer.id, known.id)?.is_some()
    {
        return Err(InvitationError::AlreadyMember);
    }
    let open: i64 = invitations::table
        .filter(invitations::employer_id.eq(employer.id))
        .filter(invitations::email.ne(&new.email))
        .filter(invitations::expires_at.gt(now))
        .count()
        .get_result(tx)?;
    if open >= MOST_OPEN {
        return Err(InvitationError::TooMany);
    }
    let token = letters.random.token();
    let letter = letters.invitation(&employer.name, &inviter.name, new.role, &token);
    let key = format!("{}:{}", minute_key("invitation", employer.id, now), new.email);
    if !letters.send(tx, letter, &new.email, key, INVITED_FOR, now)? {
        return Err(InvitationError::TooMany);
    }
    diesel::delete(invitations::table)
        .filter(invitations::employer_id.eq(employer.id))
        .filter(invitations::email.eq(&new.email))
        .execute(tx)?;
    insert_invitation(tx, employer.id, new, &token, letters, now)
}

fn insert_invitation(
    tx: &mut DbConn,
    employer: Id,
    new: &NewInvitation,
    token: &str,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<Invitation, InvitationError> {
    let invitation = Invitation {
        id: letters.random.id(now),
        employer_id: employer,
        email: new.email.clone(),
        role: new.role,
        expires_at: now.plus(INVITED_FOR),
        created_at: now,
    };
    let row = (
        invitations::id.eq(invitation.id),
        invitations::employer_id.eq(employer),
        invitations::email.eq(&new.email),
        invitations::role.eq(new.role),
        invitations::token_hash.eq(secret::hash(token)),
        invitations::expires_at.eq(invitation.expires_at),
        invitations::created_at.eq(now),
    );
    let inserted = on_each!(tx, c => diesel::insert_into(invitations::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    if inserted == 1 {
        Ok(invitation)
    } else {
        Err(InvitationError::TooMany)
    }
}

/// The open invitations of `employer`, newest first; at most 50.
pub fn list_invitations(
    conn: &mut DbConn,
    employer: Id,
    now: Timestamp,
) -> Result<Vec<Invitation>, StoreError> {
    Ok(invitations::table
        .filter(invitations::employer_id.eq(employer))
        .filter(invitations::expires_at.gt(now))
        .order(invitations::id.desc())
        .limit(MOST_OPEN)
        .select(cols::<Invitation>())
        .load(conn)?)
}

/// Withdraws the invitation `id` of `employer`; false when there is none.
pub fn revoke_invitation(tx: &mut DbConn, employer: Id, id: Id) -> Result<bool, StoreError> {
    let deleted = diesel::delete(invitations::table.find(id))
        .filter(invitations::employer_id.eq(employer))
        .execute(tx)?;
    Ok(deleted == 1)
}

/// Uses an invitation up: `user` becomes a member. The token alone is not enough, it must be the invited address.
pub fn accept_invitation(
    tx: &mut DbConn,
    token: &str,
    user: &User,
    now: Timestamp,
) -> Result<(Employer, Role), InvitationError> {
    let invitation: Invitation = invitations::table
        .filter(invitations::token_hash.eq(secret::hash(token)))
        .filter(invitations::expires_at.gt(now))
        .select(cols::<Invitation>())
        .first(tx)
        .optional()?
        .ok_or(InvitationError::Token)?;
    if invitation.email != user.email || user.verified_at.is_none() {
        return Err(InvitationError::WrongAddress);
    }
    if diesel::delete(invitations::table.find(invitation.id)).execute(tx)? == 0 {
        return Err(InvitationError::Token);
    }
    add_member(tx, invitation.employer_id, user.id, invitation.role, now)?;
    let employer = employers::table
        .find(invitation.employer_id)
        .select(cols::<Employer>())
        .first(tx)?;
    Ok((employer, invitation.role))
}
