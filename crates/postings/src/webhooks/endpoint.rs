//! Endpoints: where somebody wants to be told.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::LinkKey;
use serde::Serialize;
use store::revision::{self, Counter};
use store::schema::webhook_endpoints;
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, text_enum};

use super::event::EventKind;
use super::ledger::hold_queued;
use super::secret::Secret;
use crate::outward::{self, Reach};

/// Endpoints that are shown of one employer, or of the board; quotas are smaller.
const MAX_SHOWN: i64 = 1000;
/// Longest description, in characters.
const DESCRIPTION_CHARS: usize = 200;
/// How long the secret before the present one signs too.
pub(super) const ROTATION: SignedDuration = SignedDuration::from_hours(24);

text_enum! {
    /// Whether an endpoint is told.
    pub enum EndpointState {
        /// It is.
        Enabled = "enabled",
        /// It is not: its owner said so, it said so itself (410), or it failed for long. What happens meanwhile is held.
        Disabled = "disabled",
    }
}

/// An endpoint.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_endpoints, treat_none_as_default_value = false)]
pub struct Endpoint {
    /// Id.
    pub id: Id,
    /// Whose postings it is told of; those of the whole board when there is none.
    pub employer_id: Option<Id>,
    /// Where it is.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// What it wants to be told; everything when empty.
    pub events: Json<Vec<EventKind>>,
    pub(super) secret: String,
    pub(super) previous_secret: Option<String>,
    /// Until when the secret before the present one signs too.
    pub previous_until: Option<Timestamp>,
    /// Whether it is told.
    pub state: EndpointState,
    /// Why not.
    pub disabled_reason: Option<String>,
    /// Since when every attempt failed; none when the last one did not.
    pub failing_since: Option<Timestamp>,
    pub(super) start_revision: i64,
    /// What it answered last.
    pub last_status: Option<i32>,
    /// What the last attempt failed with; none when it did not.
    pub last_error: Option<String>,
    /// When it was told last, or tried.
    pub last_attempt_at: Option<Timestamp>,
    /// When it last took something.
    pub last_success_at: Option<Timestamp>,
    /// Counts changes by its owner.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner changed it last.
    pub updated_at: Timestamp,
}

impl Endpoint {
    /// The signatures of a message at `now`: by the present secret, and by the one before while that one counts. `None`
    /// when the present one was sealed with other keys than `key`.
    pub(super) fn signatures(&self, key: &LinkKey, id: &str, body: &str, now: Timestamp) -> Option<String> {
        let sign = |secret: Secret| secret.sign(id, now.seconds(), body);
        let present = Secret::unsealed(&self.secret, key, self.id).map(sign)?;
        let old = self.previous_until.filter(|until| *until > now);
        let old = old.and(self.previous_secret.as_deref());
        let old = old.and_then(|stored| Secret::unsealed(stored, key, self.id));
        Some(match old.map(sign) {
            Some(old) => format!("{present} {old}"),
            None => present,
        })
    }

    /// Whether it wants to be told of this.
    pub(super) fn wants(&self, kind: EventKind, employer_id: Id, revision: i64) -> bool {
        self.start_revision < revision
            && self.employer_id.is_none_or(|own| own == employer_id)
            && (self.events.0.is_empty() || self.events.0.contains(&kind))
    }
}

/// Why an endpoint could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// There is no such endpoint, or delivery.
    #[error("webhook not found")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("the webhook was changed meanwhile")]
    VersionConflict,
    /// It is disabled.
    #[error("the webhook is disabled; enable it first")]
    Disabled,
    /// A value that cannot be: the field and what is wrong.
    #[error("{0}: {1}")]
    Invalid(&'static str, &'static str),
    /// Its secret could not be sealed.
    #[error("the secret of the webhook could not be sealed")]
    Sealed,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for EndpointError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An endpoint to be made.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Where it is.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// What it wants to be told; everything when empty.
    pub events: Vec<EventKind>,
}

/// What changes about an endpoint; what is `None` stays.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EndpointChange {
    /// Where it is.
    pub url: Option<String>,
    /// What its owner calls it.
    pub description: Option<String>,
    /// What it wants to be told.
    pub events: Option<Vec<EventKind>>,
    /// Whether it is told.
    pub state: Option<EndpointState>,
}

/// Makes an endpoint that is told of what happens from now on to the postings of `employer_id`, or of the whole board. How
/// many an employer may have is the caller's to ask.
pub fn create(
    tx: &mut DbConn,
    employer_id: Option<Id>,
    new: NewEndpoint,
    reach: Reach,
    key: &LinkKey,
    random: &Random,
    now: Timestamp,
) -> Result<(Endpoint, Secret), EndpointError> {
    check_url(&new.url, reach)?;
    check_description(&new.description)?;
    let secret = Secret::new(random);
    let id = random.id(now);
    let endpoint = Endpoint {
        id,
        employer_id,
        url: new.url,
        description: new.description,
        events: Json(new.events),
        secret: secret.sealed(key, id, random).ok_or(EndpointError::Sealed)?,
        previous_secret: None,
        previous_until: None,
        state: EndpointState::Enabled,
        disabled_reason: None,
        failing_since: None,
        start_revision: revision::latest(tx, Counter::Postings)?,
        last_status: None,
        last_error: None,
        last_attempt_at: None,
        last_success_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    diesel::insert_into(webhook_endpoints::table)
        .values(&endpoint)
        .execute(tx)?;
    Ok((endpoint, secret))
}

fn check_url(text: &str, reach: Reach) -> Result<(), EndpointError> {
    outward::check(text, reach).map_err(|detail| EndpointError::Invalid("/url", detail))
}

fn check_description(text: &str) -> Result<(), EndpointError> {
    if text.chars().count() <= DESCRIPTION_CHARS && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(EndpointError::Invalid(
        "/description",
        "one line of at most 200 characters",
    ))
}

/// The endpoints of an employer, or of the board, oldest first.
pub fn list(conn: &mut DbConn, employer_id: Option<Id>) -> Result<Vec<Endpoint>, StoreError> {
    let mut query = webhook_endpoints::table
        .order(webhook_endpoints::id)
        .limit(MAX_SHOWN)
        .select(cols::<Endpoint>())
        .into_boxed();
    query = match employer_id {
        Some(id) => query.filter(webhook_endpoints::employer_id.eq(id)),
        None => query.filter(webhook_endpoints::employer_id.is_null()),
    };
    Ok(query.load(conn)?)
}

/// Lets one change of an endpoint and of what it is told happen after the other: its row first, then its deliveries. False when
/// there is no such endpoint.
pub(super) fn lock(tx: &mut DbConn, id: Id) -> Result<bool, StoreError> {
    let locked = diesel::update(webhook_endpoints::table.find(id))
        .set(webhook_endpoints::version.eq(webhook_endpoints::version))
        .execute(tx)?;
    Ok(locked == 1)
}

/// How many endpoints the employer has.
pub fn count(conn: &mut DbConn, employer_id: Id) -> Result<i64, StoreError> {
    Ok(webhook_endpoints::table
        .filter(webhook_endpoints::employer_id.eq(employer_id))
        .count()
        .get_result(conn)?)
}

/// The endpoint `id`.
pub fn find(conn: &mut DbConn, id: Id) -> Result<Option<Endpoint>, StoreError> {
    Ok(webhook_endpoints::table
        .find(id)
        .select(cols::<Endpoint>())
        .first(conn)
        .optional()?)
}

/// Changes an endpoint, of version `expected` when that is given. Disabling holds what is queued; enabling begins afresh, and
/// what was held waits for [`super::replay`].
pub fn update(
    tx: &mut DbConn,
    id: Id,
    change: EndpointChange,
    expected: Option<i32>,
    reach: Reach,
    now: Timestamp,
) -> Result<Endpoint, EndpointError> {
    let endpoint = require(tx, id, expected)?;
    if let Some(url) = &change.url {
        check_url(url, reach)?;
    }
    if let Some(description) = &change.description {
        check_description(description)?;
    }
    let is_switched = change.state.is_some_and(|state| state != endpoint.state);
    let (reason, failing_since) = match (is_switched, change.state) {
        (true, Some(EndpointState::Disabled)) => (Some("by its owner".to_owned()), None),
        (true, _) => (None, None),
        _ => (endpoint.disabled_reason, endpoint.failing_since),
    };
    let state = change.state.unwrap_or(endpoint.state);
    let changed = diesel::update(webhook_endpoints::table.find(id))
        .filter(webhook_endpoints::version.eq(endpoint.version))
        .set((
            webhook_endpoints::url.eq(change.url.unwrap_or(endpoint.url)),
            webhook_endpoints::description.eq(change.description.unwrap_or(endpoint.description)),
            webhook_endpoints::events.eq(change.events.map_or(endpoint.events, Json)),
            webhook_endpoints::state.eq(state),
            webhook_endpoints::disabled_reason.eq(reason),
            webhook_endpoints::failing_since.eq(failing_since),
            webhook_endpoints::version.eq(endpoint.version + 1),
            webhook_endpoints::updated_at.eq(now),
        ))
        .execute(tx)?;
    if changed == 0 {
        return Err(EndpointError::VersionConflict);
    }
    if is_switched && state == EndpointState::Disabled {
        hold_queued(tx, id, now)?;
    }
    find(tx, id)?.ok_or(EndpointError::NotFound)
}

fn require(tx: &mut DbConn, id: Id, expected: Option<i32>) -> Result<Endpoint, EndpointError> {
    let endpoint = find(tx, id)?.ok_or(EndpointError::NotFound)?;
    if expected.is_some_and(|version| version != endpoint.version) {
        return Err(EndpointError::VersionConflict);
    }
    Ok(endpoint)
}

/// Gives an endpoint a new secret. The one before signs too for a day, so that no message fails meanwhile.
pub fn rotate_secret(
    tx: &mut DbConn,
    id: Id,
    key: &LinkKey,
    random: &Random,
    now: Timestamp,
) -> Result<(Endpoint, Secret), EndpointError> {
    let endpoint = require(tx, id, None)?;
    let secret = Secret::new(random);
    let sealed = secret.sealed(key, id, random).ok_or(EndpointError::Sealed)?;
    let changed = diesel::update(webhook_endpoints::table.find(id))
        .filter(webhook_endpoints::version.eq(endpoint.version))
        .set((
            webhook_endpoints::secret.eq(sealed),
            webhook_endpoints::previous_secret.eq(Some(endpoint.secret)),
            webhook_endpoints::previous_until.eq(Some(now.plus(ROTATION))),
            webhook_endpoints::version.eq(endpoint.version + 1),
            webhook_endpoints::updated_at.eq(now),
        ))
        .execute(tx)?;
    if changed == 0 {
        return Err(EndpointError::VersionConflict);
    }
    let endpoint = find(tx, id)?.ok_or(EndpointError::NotFound)?;
    Ok((endpoint, secret))
}

/// Deletes an endpoint with everything that it was told.
pub fn delete(tx: &mut DbConn, id: Id, expected: Option<i32>) -> Result<(), EndpointError> {
    require(tx, id, expected)?;
    diesel::delete(webhook_endpoints::table.find(id)).execute(tx)?;
    Ok(())
}

/// Seals secrets that an older version left as they were, and forgets those that no longer sign; at most `limit` endpoints.
/// Returns how many.
pub fn seal_secrets(
    tx: &mut DbConn,
    key: &LinkKey,
    random: &Random,
    limit: i64,
    now: Timestamp,
) -> Result<usize, EndpointError> {
    let is_over = webhook_endpoints::previous_until.le(now).assume_not_null();
    let is_due = webhook_endpoints::secret
        .like("whsec%")
        .or(webhook_endpoints::previous_secret
            .like("whsec%")
            .assume_not_null())
        .or(webhook_endpoints::previous_secret.is_not_null().and(is_over));
    let due: Vec<Endpoint> = webhook_endpoints::table
        .filter(is_due)
        .order(webhook_endpoints::id)
        .limit(limit)
        .select(cols::<Endpoint>())
        .load(tx)?;
    for endpoint in &due {
        let seal = |stored: &str| {
            if Secret::is_open(stored) {
                Secret::unsealed(stored, key, endpoint.id)?.sealed(key, endpoint.id, random)
            } else {
                Some(stored.to_owned())
            }
        };
        let still_signs = endpoint.previous_until.is_some_and(|until| until > now);
        let previous = endpoint.previous_secret.as_deref().filter(|_| still_signs);
        diesel::update(webhook_endpoints::table.find(endpoint.id))
            .filter(webhook_endpoints::version.eq(endpoint.version))
            .set((
                webhook_endpoints::secret.eq(seal(&endpoint.secret).ok_or(EndpointError::Sealed)?),
                webhook_endpoints::previous_secret.eq(previous.and_then(seal)),
            ))
            .execute(tx)?;
    }
    Ok(due.len())
}
