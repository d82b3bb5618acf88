//! Events: what happened to postings, read from the one change feed.

use std::collections::HashMap;

use diesel::prelude::*;
use serde_json::{Value, json};
use store::revision::{self, Counter};
use store::schema::{employers, postings, webhook_deliveries, webhook_endpoints, webhook_events};
use store::{Db, DbConn, Id, Random, StoreError, Timestamp, cols, on_each, text_enum};

use super::endpoint::{Endpoint, EndpointError, EndpointState, find};
use super::ledger::DeliveryState;
use crate::find::to_posting;
use crate::posting::{EmployerRef, Posting, PostingRow, PostingStatus};

/// The reader's name.
const CURSOR: &str = "webhooks";
/// Endpoints that are looked at.
const MAX_ENDPOINTS: i64 = 100_000;
/// Rows of one INSERT: 13 parameters each, and a statement takes at most 32,766.
const INSERT_CHUNK: usize = 500;

text_enum! {
    /// What happened.
    pub enum EventKind {
        /// A posting is public for the first time.
        Published = "posting.published",
        /// A posting that was public before is public in this form: it was changed, renewed, resumed or opened again.
        Updated = "posting.updated",
        /// A posting, or its employer, pauses.
        Paused = "posting.paused",
        /// A posting was closed by its employer or its source.
        Closed = "posting.closed",
        /// A posting came to its end.
        Expired = "posting.expired",
        /// A posting is gone for good, or not for the public any more.
        Removed = "posting.removed",
        /// A trial that the endpoint's owner asked for.
        Trial = "webhook.test",
    }
}

/// What [`note_pass`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoteReport {
    /// Events that somebody wanted.
    pub events: usize,
    /// Rows of the ledger.
    pub deliveries: usize,
    /// Whether there was nothing more to read.
    pub is_caught_up: bool,
}

impl NoteReport {
    const CAUGHT_UP: Self = Self {
        events: 0,
        deliveries: 0,
        is_caught_up: true,
    };
}

/// Reads up to `limit` changes and writes what endpoints are to be told; `render` gives a posting as the API shows it. A
/// change that nobody wants leaves nothing behind. A posting that changed twice since the last time is told once, as it is
/// now.
///
/// # Errors
/// [`StoreError::Interrupted`] when another process read the same changes: nothing was written then.
pub fn note_pass(
    db: &Db,
    render: &dyn Fn(Posting) -> Value,
    random: &Random,
    limit: i64,
    now: Timestamp,
) -> Result<NoteReport, StoreError> {
    let is_behind = |conn: &mut DbConn| -> Result<bool, StoreError> {
        Ok(revision::cursor(conn, CURSOR)? < revision::latest(conn, Counter::Postings)?)
    };
    if db.read_blocking(is_behind)? {
        db.write_blocking(|tx| note_changes(tx, render, random, limit, now))
    } else {
        Ok(NoteReport::CAUGHT_UP)
    }
}

fn note_changes(
    tx: &mut DbConn,
    render: &dyn Fn(Posting) -> Value,
    random: &Random,
    limit: i64,
    now: Timestamp,
) -> Result<NoteReport, StoreError> {
    let from = revision::cursor(tx, CURSOR)?;
    let latest = revision::latest(tx, Counter::Postings)?;
    if from >= latest {
        return Ok(NoteReport::CAUGHT_UP);
    }
    let endpoints: Vec<Endpoint> = webhook_endpoints::table
        .order(webhook_endpoints::id)
        .limit(MAX_ENDPOINTS)
        .select(cols::<Endpoint>())
        .load(tx)?;
    let changes = if endpoints.is_empty() {
        Vec::new()
    } else {
        list_changes(tx, from, limit)?
    };
    let is_caught_up = (changes.len() as i64) < limit;
    let last = changes.last().and_then(|posting| posting.row.revision);
    // A page that is not full is everything up to here.
    let to = if is_caught_up {
        last.unwrap_or(latest).max(latest)
    } else {
        last.unwrap_or(latest)
    };
    let mut by_employer: HashMap<Option<Id>, Vec<&Endpoint>> = HashMap::new();
    for endpoint in &endpoints {
        by_employer
            .entry(endpoint.employer_id)
            .or_default()
            .push(endpoint);
    }
    let mut batch = Batch::default();
    for posting in changes {
        let (kind, owner) = (kind_of(&posting, from), posting.row.employer_id);
        let revision = posting.row.revision.unwrap_or_default();
        let candidates = [Some(owner), None].map(|key| by_employer.get(&key).map_or(&[][..], Vec::as_slice));
        let wanting = candidates.concat();
        let wanting = wanting
            .iter()
            .filter(|endpoint| endpoint.wants(kind, owner, revision));
        let wanting: Vec<&Endpoint> = wanting.copied().collect();
        if !wanting.is_empty() {
            batch.add(kind, posting, &wanting, render, random, now);
        }
    }
    batch.write(tx)?;
    if !revision::advance_cursor(tx, CURSOR, from, to)? {
        return Err(StoreError::Interrupted);
    }
    Ok(NoteReport {
        events: batch.events.len(),
        deliveries: batch.deliveries.len(),
        is_caught_up,
    })
}

fn list_changes(conn: &mut DbConn, after: i64, limit: i64) -> Result<Vec<Posting>, StoreError> {
    let rows = postings::table
        .inner_join(employers::table)
        .filter(postings::revision.gt(after))
        .order(postings::revision)
        .limit(limit)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load::<(PostingRow, EmployerRef)>(conn)?;
    Ok(rows.into_iter().map(to_posting).collect())
}

/// What happened to a posting that changed after the revision `seen`.
fn kind_of(posting: &Posting, seen: i64) -> EventKind {
    let row = &posting.row;
    if row.deleted_at.is_some() {
        return EventKind::Removed;
    }
    match row.status {
        PostingStatus::Published if !posting.is_searchable() => EventKind::Paused,
        PostingStatus::Published if row.first_revision.is_some_and(|first| first > seen) => {
            EventKind::Published
        }
        PostingStatus::Published => EventKind::Updated,
        PostingStatus::Paused => EventKind::Paused,
        PostingStatus::Closed => EventKind::Closed,
        PostingStatus::Expired => EventKind::Expired,
        PostingStatus::Draft
        | PostingStatus::InReview
        | PostingStatus::Scheduled
        | PostingStatus::Rejected => EventKind::Removed,
    }
}

#[derive(Insertable)]
#[diesel(table_name = webhook_events, treat_none_as_default_value = false)]
struct NewEvent {
    id: Id,
    kind: EventKind,
    posting_id: Option<Id>,
    revision: Option<i64>,
    payload: String,
    created_at: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = webhook_deliveries, treat_none_as_default_value = false)]
struct NewDelivery {
    endpoint_id: Id,
    event_id: Id,
    state: DeliveryState,
    attempts: i32,
    next_attempt_at: Timestamp,
    created_at: Timestamp,
}

impl NewDelivery {
    fn of(endpoint: &Endpoint, event_id: Id, now: Timestamp) -> Self {
        let state = match endpoint.state {
            EndpointState::Enabled => DeliveryState::Queued,
            EndpointState::Disabled => DeliveryState::Held,
        };
        Self {
            endpoint_id: endpoint.id,
            event_id,
            state,
            attempts: 0,
            next_attempt_at: now,
            created_at: now,
        }
    }
}

/// What is written together.
#[derive(Default)]
struct Batch {
    events: Vec<NewEvent>,
    deliveries: Vec<NewDelivery>,
}

impl Batch {
    fn add(
        &mut self,
        kind: EventKind,
        posting: Posting,
        endpoints: &[&Endpoint],
        render: &dyn Fn(Posting) -> Value,
        random: &Random,
        now: Timestamp,
    ) {
        let (id, posting_id, revision) = (random.id(now), posting.row.id, posting.row.revision);
        let shown = match kind {
            EventKind::Removed => ids(posting_id, posting.row.employer_id),
            _ => render(posting),
        };
        let data = json!({ "revision": revision, "posting": shown });
        self.events.push(NewEvent {
            id,
            kind,
            posting_id: Some(posting_id),
            revision,
            payload: payload(kind, &data, now),
            created_at: now,
        });
        let rows = endpoints
            .iter()
            .map(|endpoint| NewDelivery::of(endpoint, id, now));
        self.deliveries.extend(rows);
    }

    fn write(&self, tx: &mut DbConn) -> Result<(), StoreError> {
        for chunk in self.events.chunks(INSERT_CHUNK) {
            on_each!(tx, c => diesel::insert_into(webhook_events::table).values(chunk).execute(c))?;
        }
        for chunk in self.deliveries.chunks(INSERT_CHUNK) {
            on_each!(tx, c => diesel::insert_into(webhook_deliveries::table).values(chunk).execute(c))?;
        }
        Ok(())
    }
}

fn payload(kind: EventKind, data: &Value, now: Timestamp) -> String {
    json!({ "type": kind.as_str(), "timestamp": now, "data": data }).to_string()
}

/// Takes what a posting said out of the messages about it, told or not: it was erased. What remains is what a removal says.
pub(crate) fn forget_posting(tx: &mut DbConn, posting: Id, employer: Id) -> Result<(), StoreError> {
    let events: Vec<(Id, EventKind, Option<i64>, Timestamp)> = webhook_events::table
        .filter(webhook_events::posting_id.eq(posting))
        .order(webhook_events::id)
        .select((
            webhook_events::id,
            webhook_events::kind,
            webhook_events::revision,
            webhook_events::created_at,
        ))
        .load(tx)?;
    for (id, kind, revision, at) in events {
        let data = json!({ "revision": revision, "posting": ids(posting, employer) });
        diesel::update(webhook_events::table.find(id))
            .set(webhook_events::payload.eq(payload(kind, &data, at)))
            .execute(tx)?;
    }
    Ok(())
}

/// All that is said of a posting that is gone.
fn ids(posting: Id, employer: Id) -> Value {
    json!({ "id": posting, "employer": { "id": employer } })
}

/// Queues a trial for an endpoint; returns the event's id.
///
/// # Errors
/// [`EndpointError::Disabled`] while nothing is told.
pub fn send_trial(
    tx: &mut DbConn,
    endpoint_id: Id,
    random: &Random,
    now: Timestamp,
) -> Result<Id, EndpointError> {
    let endpoint = find(tx, endpoint_id)?.ok_or(EndpointError::NotFound)?;
    if endpoint.state == EndpointState::Disabled {
        return Err(EndpointError::Disabled);
    }
    let id = random.id(now);
    let data = json!({ "webhook": { "id": endpoint.id, "url": endpoint.url } });
    let batch = Batch {
        events: vec![NewEvent {
            id,
            kind: EventKind::Trial,
            posting_id: None,
            revision: None,
            payload: payload(EventKind::Trial, &data, now),
            created_at: now,
        }],
        deliveries: vec![NewDelivery::of(&endpoint, id, now)],
    };
    batch.write(tx)?;
    Ok(id)
}
