//! API keys: programs that write for an employer.

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::api_keys;
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols};

use crate::quota::{Counted, QuotaError, Quotas, require_room};
use crate::secret;

/// What every key begins with, so that scanners recognise a leaked one.
const PREFIX: &str = "bp_";

/// Keys that one employer sees at most.
const MOST_KEYS: i64 = 100;

/// A key's use is noted at most this often.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

store::text_enum! {
    /// What a key may do. None of them touches the employer itself, its members or keys.
    pub enum Scope {
        /// Look at everything that a viewer sees.
        Read = "read",
        /// Write, publish and close postings.
        Postings = "postings",
        /// Import, and name boards that are imported from.
        Imports = "imports",
    }
}

/// A key that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// What its owner calls it; cut to 120 characters without control characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// Until when; for ever when `None`.
    pub expires_at: Option<Timestamp>,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// A key that may do nothing.
    #[error("a key needs at least one scope")]
    Scopes,
    /// A time that has passed.
    #[error("a key ends in the future")]
    Expiry,
    /// As many as there can be.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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
    /// What it may do.
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Json<Vec<Scope>>,
    /// Until when it works; for ever when null.
    pub expires_at: Option<Timestamp>,
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

/// Makes a key for `employer`, as long as it may have one more.
pub fn create_api_key(
    tx: &mut DbConn,
    employer: Id,
    request: &KeyRequest,
    quotas: Quotas,
    random: &Random,
    now: Timestamp,
) -> Result<NewApiKey, ApiKeyError> {
    let mut scopes = request.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(ApiKeyError::Scopes);
    }
    if request.expires_at.is_some_and(|at| at <= now) {
        return Err(ApiKeyError::Expiry);
    }
    require_room(tx, employer, Counted::ApiKeys, 1, quotas, now)?;
    let secret = format!("{PREFIX}{}", random.token());
    let key = ApiKey {
        id: random.id(now),
        employer_id: employer,
        name: request
            .name
            .chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect(),
        hint: secret.chars().take(PREFIX.len() + 6).collect(),
        created_at: now,
        last_used_at: None,
        revoked_at: None,
        scopes: Json(scopes),
        expires_at: request.expires_at,
    };
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(key.id),
            api_keys::employer_id.eq(employer),
            api_keys::name.eq(&key.name),
            api_keys::key_hash.eq(secret::hash(&secret)),
            api_keys::hint.eq(&key.hint),
            api_keys::created_at.eq(now),
            api_keys::scopes.eq(&key.scopes),
            api_keys::expires_at.eq(key.expires_at),
        ))
        .execute(tx)
        .map_err(StoreError::from)?;
    Ok(NewApiKey { key, secret })
}

/// The key with this secret, when it still works.
pub fn find_api_key(conn: &mut DbConn, secret: &str, now: Timestamp) -> Result<Option<ApiKey>, StoreError> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    Ok(api_keys::table
        .filter(api_keys::key_hash.eq(secret::hash(secret)))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)))
        .select(cols::<ApiKey>())
        .first(conn)
        .optional()?)
}

impl ApiKey {
    /// Whether it may do what `scope` stands for.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.0.contains(&scope)
    }

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
