//! Sessions: one for each sign-in.

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::{refresh_tokens, sessions, users};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols};

use crate::{User, secret};

/// A session ends when it was not used for this long.
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A session ends so long after it began, however much it is used (ASVS 5.0, 7.3.2).
pub const SESSION_LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long a sign-in counts as having just shown who asks.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(10);

/// Sessions that [`list_sessions`] shows at most, and that one user can have: the oldest ends when another begins.
const MOST_SESSIONS: i64 = 100;

/// Longest user agent that is kept, in characters.
const USER_AGENT_CHARS: usize = 200;

/// A sign-in that lasts until it is ended or not used for [`SESSION_LIFETIME`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub struct Session {
    /// Identifier; `sid` in access tokens.
    pub id: Id,
    /// Whose it is.
    pub user_id: Id,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its refresh token was last used.
    pub last_used_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was ended.
    #[serde(skip)]
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// When it ends, used at `now` and not again.
    pub(crate) fn end_after(created_at: Timestamp, now: Timestamp) -> Timestamp {
        now.plus(SESSION_LIFETIME).min(created_at.plus(SESSION_LONGEST))
    }

    /// Whether it can still be used.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }
}

/// A session and the secret that continues it. The secret is shown here once and stored as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct StartedSession {
    /// The session.
    pub session: Session,
    /// The refresh token, which works once.
    pub refresh_token: String,
}

impl std::fmt::Debug for StartedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StartedSession")
            .field("session", &self.session.id)
            .finish_non_exhaustive()
    }
}

/// Why a session is none.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It was ended, ran out, or never was.
    #[error("the session has ended")]
    Ended,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: User,
    /// The session in which they ask.
    pub session_id: Id,
}

/// Starts a session for `user`.
pub fn start_session(
    tx: &mut DbConn,
    user: Id,
    user_agent: Option<&str>,
    random: &Random,
    now: Timestamp,
) -> Result<StartedSession, StoreError> {
    let clean = |text: &str| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(USER_AGENT_CHARS)
            .collect()
    };
    let session = Session {
        id: random.id(now),
        user_id: user,
        user_agent: user_agent.map(clean),
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(SESSION_LIFETIME),
        revoked_at: None,
    };
    end_oldest(tx, user, now)?;
    diesel::insert_into(sessions::table)
        .values(&session)
        .execute(tx)?;
    let refresh_token = random.token();
    insert_refresh_token(tx, session.id, &refresh_token, now)?;
    Ok(StartedSession {
        session,
        refresh_token,
    })
}

/// Keeps the number of a user's sessions bounded.
fn end_oldest(tx: &mut DbConn, user: Id, now: Timestamp) -> Result<(), StoreError> {
    let surplus: Option<Id> = sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .order(sessions::id.desc())
        .offset(MOST_SESSIONS - 1)
        .select(sessions::id)
        .first(tx)
        .optional()?;
    if let Some(oldest_kept) = surplus {
        diesel::update(sessions::table)
            .filter(sessions::user_id.eq(user))
            .filter(sessions::id.le(oldest_kept))
            .filter(sessions::revoked_at.is_null())
            .set(sessions::revoked_at.eq(now))
            .execute(tx)?;
    }
    Ok(())
}

pub(crate) fn insert_refresh_token(
    tx: &mut DbConn,
    session: Id,
    token: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::token_hash.eq(secret::hash(token)),
            refresh_tokens::session_id.eq(session),
            refresh_tokens::expires_at.eq(now.plus(SESSION_LIFETIME)),
            refresh_tokens::spent_at.eq(None::<Timestamp>),
            refresh_tokens::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

/// Who asks in session `id`, as long as it is active: asked for every request, so that signing out works at once.
///
/// # Errors
/// [`SessionError::Ended`].
pub fn require_active_session(conn: &mut DbConn, id: Id, now: Timestamp) -> Result<Identity, SessionError> {
    let user: Option<User> = sessions::table
        .find(id)
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .inner_join(users::table)
        .select(cols::<User>())
        .first(conn)
        .optional()
        .map_err(StoreError::from)?;
    match user {
        Some(user) => Ok(Identity { user, session_id: id }),
        None => Err(SessionError::Ended),
    }
}

/// Whether the session `id` of `user` began just now, so that who asks in it has just shown who they are.
pub(crate) fn is_fresh(conn: &mut DbConn, user: Id, id: Id, now: Timestamp) -> Result<bool, StoreError> {
    let found: i64 = sessions::table
        .find(id)
        .filter(sessions::user_id.eq(user))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::created_at.gt(now.minus(FRESH_FOR)))
        .count()
        .get_result(conn)?;
    Ok(found == 1)
}

/// The active sessions of `user`, newest first; at most 100.
pub fn list_sessions(conn: &mut DbConn, user: Id, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    Ok(sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .order(sessions::id.desc())
        .limit(MOST_SESSIONS)
        .select(cols::<Session>())
        .load(conn)?)
}

/// Ends the session `id` of `user` at once, its access tokens included. False when there is no such active session.
pub fn revoke_session(tx: &mut DbConn, user: Id, id: Id, now: Timestamp) -> Result<bool, StoreError> {
    let ended = diesel::update(sessions::table.find(id))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::revoked_at.is_null())
        .set(sessions::revoked_at.eq(now))
        .execute(tx)?;
    Ok(ended == 1)
}

/// Ends every session of `user`; returns how many.
pub fn revoke_all_sessions(tx: &mut DbConn, user: Id, now: Timestamp) -> Result<usize, StoreError> {
    revoke_all_but(tx, user, None, now)
}

pub(crate) fn revoke_all_but(
    tx: &mut DbConn,
    user: Id,
    keep: Option<Id>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let kept = keep.unwrap_or(Id::from_bytes([0; 16]));
    Ok(diesel::update(sessions::table)
        .filter(sessions::user_id.eq(user))
        .filter(sessions::id.ne(kept))
        .filter(sessions::revoked_at.is_null())
        .set(sessions::revoked_at.eq(now))
        .execute(tx)?)
}
