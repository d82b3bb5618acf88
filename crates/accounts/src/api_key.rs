//! API keys: programs that write for an employer.

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::api_keys;
use store::{DbConn, Id, Random, StoreError, Timestamp, cols};

use crate::secret;

/// What every key begins with, so that scanners recognise a leaked one.
const PREFIX: &str = "bp_";

/// Keys that one employer sees at most.
const MOST_KEYS: i64 = 100;

/// A key's use is noted at most this often.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// A key with which a program acts for an employer, as a recruiter would.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = api_keys)]
pub struct ApiKey {
    /// Identifier.
    pub id: Id,
    /// For which employer.
    pub employer_id: Id,
    /// What its owner calls it.
    pub name: String,
    /// The first characters of the secret, to tell keys apart.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A new key with its secret, which is shown here once and stored as a hash.
#[derive(Clone)]
pub struct NewApiKey {
    /// The key.
    pub key: ApiKey,
    /// The secret: `bp_` and 43 characters.
    pub secret: String,
}

impl std::fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewApiKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Makes a key for `employer`. `name` is cut to 120 characters without control characters.
pub fn create_api_key(
    tx: &mut DbConn,
    employer: Id,
    name: &str,
    random: &Random,
    now: Timestamp,
) -> Result<NewApiKey, StoreError> {
    let secret = format!("{PREFIX}{}", random.token());
    let key = ApiKey {
        id: random.id(now),
        employer_id: employer,
        name: name.chars().filter(|c| !c.is_control()).take(120).collect(),
        hint: secret.chars().take(PREFIX.len() + 6).collect(),
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(key.id),
            api_keys::employer_id.eq(employer),
            api_keys::name.eq(&key.name),
            api_keys::key_hash.eq(secret::hash(&secret)),
            api_keys::hint.eq(&key.hint),
            api_keys::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(NewApiKey { key, secret })
}

/// The key with this secret, when it was not revoked.
pub fn find_api_key(conn: &mut DbConn, secret: &str) -> Result<Option<ApiKey>, StoreError> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    Ok(api_keys::table
        .filter(api_keys::key_hash.eq(secret::hash(secret)))
        .filter(api_keys::revoked_at.is_null())
        .select(cols::<ApiKey>())
        .first(conn)
        .optional()?)
}

impl ApiKey {
    /// Whether [`touch_api_key`] has something to write.
    pub fn is_use_unnoted(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|at| at.plus(NOTED_EVERY) <= now)
    }
}

/// Notes that `key` was used. Call it when [`ApiKey::is_use_unnoted`] says so.
pub fn touch_api_key(tx: &mut DbConn, key: Id, now: Timestamp) -> Result<(), StoreError> {
    diesel::update(api_keys::table.find(key))
        .set(api_keys::last_used_at.eq(now))
        .execute(tx)?;
    Ok(())
}

/// The keys of `employer`, revoked ones included, newest first; at most 100.
pub fn list_api_keys(conn: &mut DbConn, employer: Id) -> Result<Vec<ApiKey>, StoreError> {
    Ok(api_keys::table
        .filter(api_keys::employer_id.eq(employer))
        .order(api_keys::id.desc())
        .limit(MOST_KEYS)
        .select(cols::<ApiKey>())
        .load(conn)?)
}

/// Revokes the key `id` of `employer`; false when there is no such key or it was revoked before.
pub fn revoke_api_key(tx: &mut DbConn, employer: Id, id: Id, now: Timestamp) -> Result<bool, StoreError> {
    let revoked = diesel::update(api_keys::table.find(id))
        .filter(api_keys::employer_id.eq(employer))
        .filter(api_keys::revoked_at.is_null())
        .set(api_keys::revoked_at.eq(now))
        .execute(tx)?;
    Ok(revoked == 1)
}
