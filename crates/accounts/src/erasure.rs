//! What the law gives to users: a copy of everything, and its end.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{EmailAddress, MailState};
use serde::Serialize;
use store::schema::{
    email_changes, employers, invitations, known_clients, members, one_time_tokens, refresh_tokens, sessions,
    users,
};
use store::{DbConn, Id, StoreError, Timestamp, cols};

use crate::member::lock_employer;
use crate::{
    AuditEntry, EmployerStatus, Passkey, ProviderIdentity, Role, SecondFactor, Session, User, audit,
    email_change, find_user, list_identities, list_memberships, list_passkeys, mfa, oidc, passkey, throttle,
};

/// How long what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Ended sessions, for questions about the account's safety.
    pub ended_sessions: SignedDuration,
    /// Clients from which somebody signed in; a sign-in from a forgotten one is a new one.
    pub known_clients: SignedDuration,
    /// Entries of audit trails.
    pub audit: SignedDuration,
}

impl Default for Retention {
    /// 30 days, 180 days and three years.
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self {
            ended_sessions: days(30),
            known_clients: days(180),
            audit: days(3 * 365),
        }
    }
}

/// Everything that this crate and the outbox know about a user.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct UserExport {
    /// The account.
    pub user: User,
    /// Sessions, ended ones included; the newest 1,000.
    pub sessions: Vec<Session>,
    /// Employers.
    pub memberships: Vec<Membership>,
    /// Mails that were written to the address; the newest 1,000 of those not deleted yet.
    pub mails: Vec<MailRecord>,
    /// Whether there is a second factor.
    pub second_factor: SecondFactor,
    /// A new address that waits to be confirmed.
    pub email_change: Option<PendingEmail>,
    /// When the clients that the account is known by were seen last; of themselves only hashes are kept.
    pub known_clients: Vec<Timestamp>,
    /// Passkeys; of the keys themselves only the public half is kept.
    pub passkeys: Vec<Passkey>,
    /// Identity providers with which the account can be signed in to.
    pub identities: Vec<ProviderIdentity>,
    /// What the user changed about how they sign in; the newest 1,000.
    pub safety_changes: Vec<AuditEntry>,
}

/// A new address that waits to be confirmed by both mailboxes.
#[derive(Debug, Clone, Queryable, Serialize, utoipa::ToSchema)]
pub struct PendingEmail {
    /// The new address.
    pub new_email: EmailAddress,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
}

/// An employer for which a user works.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Membership {
    /// The employer.
    pub employer_id: Id,
    /// Its name.
    pub employer_name: String,
    /// What the user may do.
    pub role: Role,
}

/// A mail that was written to a user.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct MailRecord {
    /// What sort of mail.
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// Where it stands.
    pub state: MailState,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Why a user was not erased.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// There is no such user.
    #[error("there is no such user")]
    NotFound,
    /// The user is the only owner of an active employer: hand it over or pause it first.
    #[error("the user is the only owner of an active employer")]
    LastOwner {
        /// The employer.
        employer_id: Id,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for ErasureError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Everything that is known about the user `id`; `None` when there is no such user.
pub fn export_user(conn: &mut DbConn, id: Id) -> Result<Option<UserExport>, StoreError> {
    let Some(user) = find_user(conn, id)? else {
        return Ok(None);
    };
    let sessions = sessions::table
        .filter(sessions::user_id.eq(id))
        .order(sessions::id.desc())
        .limit(1000)
        .select(cols::<Session>())
        .load(conn)?;
    let memberships = list_memberships(conn, id)?
        .into_iter()
        .map(|(employer, role)| Membership {
            employer_id: employer.id,
            employer_name: employer.name,
            role,
        })
        .collect();
    let mails = mail::list_for_recipient(conn, &user.email, 1000)?
        .into_iter()
        .map(|mail| MailRecord {
            kind: mail.kind,
            subject: mail.subject,
            state: mail.state,
            created_at: mail.created_at,
        })
        .collect();
    let email_change = email_changes::table
        .find(id)
        .select((
            email_changes::new_email,
            email_changes::created_at,
            email_changes::expires_at,
        ))
        .first(conn)
        .optional()?;
    let known_clients = known_clients::table
        .filter(known_clients::user_id.eq(id))
        .order(known_clients::last_seen_at.desc())
        .limit(1000)
        .select(known_clients::last_seen_at)
        .load(conn)?;
    Ok(Some(UserExport {
        user,
        sessions,
        memberships,
        mails,
        second_factor: mfa::second_factor(conn, id)?,
        email_change,
        known_clients,
        passkeys: list_passkeys(conn, id)?,
        identities: list_identities(conn, id)?,
        safety_changes: audit::list_own(conn, id, 1000)?,
    }))
}

/// Erases the user `id`: the account, sessions, tokens, memberships, invitations and mails to the address. What they
/// published belongs to the employer and stays. Nobody can sign in as them from here on.
///
/// # Errors
/// [`ErasureError::LastOwner`] while an active employer would be left without an owner.
pub fn delete_user(tx: &mut DbConn, id: Id) -> Result<User, ErasureError> {
    let user = find_user(tx, id)?.ok_or(ErasureError::NotFound)?;
    let owned: Vec<(Id, EmployerStatus)> = members::table
        .inner_join(employers::table)
        .filter(members::user_id.eq(id))
        .filter(members::role.eq(Role::Owner))
        .order(members::employer_id)
        .limit(1000)
        .select((employers::id, employers::status))
        .load(tx)?;
    for (employer_id, status) in owned {
        lock_employer(tx, employer_id)?;
        let others: i64 = members::table
            .filter(members::employer_id.eq(employer_id))
            .filter(members::user_id.ne(id))
            .filter(members::role.eq(Role::Owner))
            .count()
            .get_result(tx)?;
        if others == 0 && status == EmployerStatus::Active {
            return Err(ErasureError::LastOwner { employer_id });
        }
    }
    diesel::delete(invitations::table.filter(invitations::email.eq(&user.email))).execute(tx)?;
    mail::erase_recipient(tx, &user.email)?;
    if diesel::delete(users::table.find(id)).execute(tx)? == 0 {
        return Err(ErasureError::NotFound);
    }
    Ok(user)
}

/// Deletes tokens, invitations, sessions, counts and entries whose time is over; at most `limit` of each. Returns how many rows
/// went.
pub fn purge_expired(
    tx: &mut DbConn,
    kept: &Retention,
    limit: i64,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let tokens: Vec<Vec<u8>> = one_time_tokens::table
        .filter(one_time_tokens::expires_at.le(now))
        .order(one_time_tokens::token_hash)
        .limit(limit)
        .select(one_time_tokens::token_hash)
        .load(tx)?;
    let spent: Vec<Vec<u8>> = refresh_tokens::table
        .filter(refresh_tokens::expires_at.le(now))
        .order(refresh_tokens::token_hash)
        .limit(limit)
        .select(refresh_tokens::token_hash)
        .load(tx)?;
    let old = now.minus(kept.ended_sessions);
    let ended: Vec<Id> = sessions::table
        .filter(sessions::expires_at.le(old).or(sessions::revoked_at.le(old)))
        .order(sessions::id)
        .limit(limit)
        .select(sessions::id)
        .load(tx)?;
    let invited: Vec<Id> = invitations::table
        .filter(invitations::expires_at.le(now))
        .order(invitations::id)
        .limit(limit)
        .select(invitations::id)
        .load(tx)?;
    let attempts = throttle::forget(tx, limit, kept.known_clients, now)?
        + audit::forget_before(tx, limit, now.minus(kept.audit))?
        + mfa::forget_challenges(tx, now)?
        + passkey::forget_challenges(tx, now)?
        + oidc::forget_flows(tx, now)?
        + email_change::forget_changes(tx, now)?;
    Ok(attempts
        + diesel::delete(one_time_tokens::table.filter(one_time_tokens::token_hash.eq_any(tokens)))
            .execute(tx)?
        + diesel::delete(refresh_tokens::table.filter(refresh_tokens::token_hash.eq_any(spent)))
            .execute(tx)?
        + diesel::delete(sessions::table.filter(sessions::id.eq_any(ended))).execute(tx)?
        + diesel::delete(invitations::table.filter(invitations::id.eq_any(invited))).execute(tx)?)
}
