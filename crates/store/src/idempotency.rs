//! Remembered answers to writes that carry an `Idempotency-Key`.
//!
//! The row is written in the transaction of the effect, so that the effect and its answer exist together or not at all.

use diesel::prelude::*;
use jiff::SignedDuration;

use crate::schema::idempotency_keys;
use crate::{DbConn, StoreError, Timestamp};

/// How long an answer is remembered.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A remembered answer.
#[derive(Debug, Clone, Queryable)]
pub struct Remembered {
    /// SHA-256 of what was asked; another request under the same key is refused.
    pub request_hash: Vec<u8>,
    /// HTTP status of the answer.
    pub status: i32,
    /// Body of the answer.
    pub body: String,
}

/// The answer that `scope` (who asked) was given under `key`, when it is younger than [`KEPT`].
pub fn find(
    conn: &mut DbConn,
    scope: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<Remembered>, StoreError> {
    Ok(idempotency_keys::table
        .find((scope, key))
        .filter(idempotency_keys::created_at.gt(now.minus(KEPT)))
        .select((
            idempotency_keys::request_hash,
            idempotency_keys::status,
            idempotency_keys::body,
        ))
        .first(conn)
        .optional()?)
}

/// Remembers an answer. A repetition that comes at the same moment fails on the key and rolls its effect back.
///
/// # Errors
/// A unique violation on `key` when the answer exists already.
pub fn remember(
    tx: &mut DbConn,
    scope: &str,
    key: &str,
    answer: &Remembered,
    now: Timestamp,
) -> Result<(), diesel::result::Error> {
    diesel::delete(
        idempotency_keys::table
            .find((scope, key))
            .filter(idempotency_keys::created_at.le(now.minus(KEPT))),
    )
    .execute(tx)?;
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::scope.eq(scope),
            idempotency_keys::key.eq(key),
            idempotency_keys::request_hash.eq(&answer.request_hash),
            idempotency_keys::status.eq(answer.status),
            idempotency_keys::body.eq(&answer.body),
            idempotency_keys::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

/// Forgets answers older than [`KEPT`]; at most `limit` of them. Returns how many.
pub fn forget_old(tx: &mut DbConn, limit: i64, now: Timestamp) -> Result<usize, StoreError> {
    let old: Vec<(String, String)> = idempotency_keys::table
        .filter(idempotency_keys::created_at.le(now.minus(KEPT)))
        .order((idempotency_keys::scope, idempotency_keys::key))
        .limit(limit)
        .select((idempotency_keys::scope, idempotency_keys::key))
        .load(tx)?;
    for (scope, key) in &old {
        diesel::delete(idempotency_keys::table.find((scope, key))).execute(tx)?;
    }
    Ok(old.len())
}
