//! Refresh tokens: each works once, and using one again ends the session (RFC 9700, section 4.14.2).

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::LinkKey;
use store::schema::{refresh_tokens, sessions};
use store::{DbConn, Id, StoreError, Timestamp, cols};

use crate::session::insert_refresh_token;
use crate::{Session, StartedSession, secret};

/// For this long after its use a token is answered with the same successor once more: two tabs, or a lost reply.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// What came of a refresh token. Commit the transaction in every case: `Reused` has ended the session in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Rotation {
    /// The session goes on with a new token.
    Rotated(StartedSession),
    /// The token was used before: somebody has a copy, so the session was ended.
    Reused {
        /// The ended session.
        session_id: Id,
    },
    /// Unknown, too old, or its session has ended.
    Invalid,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
struct Token {
    session_id: Id,
    expires_at: Timestamp,
    spent_at: Option<Timestamp>,
}

/// Uses `token` up and continues its session with a successor.
///
/// The successor follows from the token and `key`, so that a second request within 10 seconds gets the *same* one: the
/// family never has two ends, and a thief who is as quick as that still shares his token with the owner, which shows at
/// the next use.
pub fn rotate_refresh(
    tx: &mut DbConn,
    token: &str,
    key: &LinkKey,
    now: Timestamp,
) -> Result<Rotation, StoreError> {
    let hash = secret::hash(token);
    let spent = diesel::update(refresh_tokens::table.find(&hash))
        .filter(refresh_tokens::spent_at.is_null())
        .filter(refresh_tokens::expires_at.gt(now))
        .set(refresh_tokens::spent_at.eq(now))
        .execute(tx)?;
    let found: Option<Token> = refresh_tokens::table
        .find(&hash)
        .select(cols::<Token>())
        .first(tx)
        .optional()?;
    let Some(found) = found else {
        return Ok(Rotation::Invalid);
    };
    let successor = key.derive("refresh", token);
    match found.spent_at {
        _ if spent == 1 => go_on(tx, found.session_id, successor, now),
        Some(spent_at) if now < spent_at.plus(GRACE) => repeat(tx, found.session_id, successor, now),
        Some(_) if found.expires_at > now => {
            end(tx, found.session_id, now)?;
            tracing::warn!(session = %found.session_id, "a refresh token was used a second time; its session was ended");
            Ok(Rotation::Reused {
                session_id: found.session_id,
            })
        }
        _ => Ok(Rotation::Invalid),
    }
}

fn go_on(tx: &mut DbConn, session: Id, successor: String, now: Timestamp) -> Result<Rotation, StoreError> {
    let began: Option<Timestamp> = sessions::table
        .find(session)
        .select(sessions::created_at)
        .first(tx)
        .optional()?;
    let Some(ends_at) = began.map(|began| Session::end_after(began, now)) else {
        return Ok(Rotation::Invalid);
    };
    if ends_at <= now {
        return Ok(Rotation::Invalid);
    }
    let continued: Option<Session> = diesel::update(sessions::table.find(session))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .set((sessions::last_used_at.eq(now), sessions::expires_at.eq(ends_at)))
        .returning(cols::<Session>())
        .get_result(tx)
        .optional()?;
    let Some(session) = continued else {
        return Ok(Rotation::Invalid);
    };
    insert_refresh_token(tx, session.id, &successor, now)?;
    Ok(Rotation::Rotated(StartedSession {
        session,
        refresh_token: successor,
    }))
}

/// Gives the successor out again, as long as nobody has used it.
fn repeat(tx: &mut DbConn, session: Id, successor: String, now: Timestamp) -> Result<Rotation, StoreError> {
    let session: Option<Session> = refresh_tokens::table
        .find(secret::hash(&successor))
        .filter(refresh_tokens::spent_at.is_null())
        .inner_join(sessions::table)
        .filter(sessions::id.eq(session))
        .select(cols::<Session>())
        .first(tx)
        .optional()?;
    Ok(match session {
        Some(session) if session.is_active(now) => Rotation::Rotated(StartedSession {
            session,
            refresh_token: successor,
        }),
        _ => Rotation::Invalid,
    })
}

fn end(tx: &mut DbConn, session: Id, now: Timestamp) -> Result<(), StoreError> {
    diesel::update(sessions::table.find(session))
        .filter(sessions::revoked_at.is_null())
        .set(sessions::revoked_at.eq(now))
        .execute(tx)?;
    Ok(())
}
