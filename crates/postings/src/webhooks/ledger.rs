//! The ledger: what each endpoint is told, what came of it, and telling it again.

use diesel::prelude::*;
use jiff::SignedDuration;
use store::page::Page;
use store::schema::{webhook_deliveries, webhook_endpoints, webhook_events};
use store::{DbConn, Id, StoreError, Timestamp, cols, text_enum};

use super::endpoint::{Endpoint, EndpointError, EndpointState, find, lock};
use super::event::EventKind;

/// How long a claimed row belongs to the process that claimed it.
pub(super) const LEASE: SignedDuration = SignedDuration::from_mins(3);
/// Rows of one endpoint that are claimed at once.
pub(super) const PER_ENDPOINT: i64 = 50;

text_enum! {
    /// Where a delivery stands.
    pub enum DeliveryState {
        /// To be told, or being told.
        Queued = "queued",
        /// The endpoint took it.
        Delivered = "delivered",
        /// It was tried for about three days.
        Failed = "failed",
        /// It happened while the endpoint was disabled; a replay tells it.
        Held = "held",
    }
}

/// One event for one endpoint.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
pub struct DeliveryRow {
    /// Whom.
    pub endpoint_id: Id,
    /// What; the `webhook-id`.
    pub event_id: Id,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: i32,
    /// When it is due; while it is claimed, when the claim runs out.
    pub next_attempt_at: Timestamp,
    pub(super) lease_holder: Option<Id>,
    pub(super) lease_expires_at: Option<Timestamp>,
    /// What was answered last.
    pub last_status: Option<i32>,
    /// What the last attempt failed with.
    pub last_error: Option<String>,
    /// When it was tried last.
    pub last_attempt_at: Option<Timestamp>,
    /// How long that took.
    pub duration_ms: Option<i32>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it left the state `queued`.
    pub finished_at: Option<Timestamp>,
}

/// What is told.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhook_events)]
pub struct EventRow {
    /// The `webhook-id`.
    pub id: Id,
    /// What happened.
    pub kind: EventKind,
    /// To which posting.
    pub posting_id: Option<Id>,
    /// At which revision of the change feed.
    pub revision: Option<i64>,
    /// The message.
    pub payload: String,
}

/// A delivery with what is told.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The row.
    pub row: DeliveryRow,
    /// What is told.
    pub event: EventRow,
}

/// Where a page of deliveries begins: when one was written, and which event it tells.
pub type DeliveryKey = (Timestamp, Id);

/// The deliveries of an endpoint, newest first, in one state or in all.
pub fn list_deliveries(
    conn: &mut DbConn,
    endpoint_id: Id,
    state: Option<DeliveryState>,
    before: Option<DeliveryKey>,
    limit: usize,
) -> Result<Page<Delivery, DeliveryKey>, StoreError> {
    let mut query = webhook_deliveries::table
        .inner_join(webhook_events::table)
        .filter(webhook_deliveries::endpoint_id.eq(endpoint_id))
        .order((
            webhook_deliveries::created_at.desc(),
            webhook_deliveries::event_id.desc(),
        ))
        .limit(limit as i64 + 1)
        .select((cols::<DeliveryRow>(), cols::<EventRow>()))
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(webhook_deliveries::state.eq(state));
    }
    if let Some((at, id)) = before {
        let same = webhook_deliveries::created_at
            .eq(at)
            .and(webhook_deliveries::event_id.lt(id));
        query = query.filter(webhook_deliveries::created_at.lt(at).or(same));
    }
    let rows: Vec<(DeliveryRow, EventRow)> = query.load(conn)?;
    let rows = rows
        .into_iter()
        .map(|(row, event)| Delivery { row, event })
        .collect();
    Ok(Page::cut(rows, limit, |last: &Delivery| {
        (last.row.created_at, last.row.event_id)
    }))
}

/// What an endpoint was told of one event.
pub fn find_delivery(
    conn: &mut DbConn,
    endpoint_id: Id,
    event_id: Id,
) -> Result<Option<Delivery>, StoreError> {
    let found: Option<(DeliveryRow, EventRow)> = webhook_deliveries::table
        .inner_join(webhook_events::table)
        .filter(webhook_deliveries::endpoint_id.eq(endpoint_id))
        .filter(webhook_deliveries::event_id.eq(event_id))
        .select((cols::<DeliveryRow>(), cols::<EventRow>()))
        .first(conn)
        .optional()?;
    Ok(found.map(|(row, event)| Delivery { row, event }))
}

/// What to tell again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// One event.
    One(Id),
    /// Everything that was written since.
    Since(Timestamp),
}

/// Queues what was told, failed or was held once more, under the same `webhook-id`; returns how many.
///
/// # Errors
/// [`EndpointError::Disabled`] while nothing is told, [`EndpointError::NotFound`] for an event that was never for it.
pub fn replay(
    tx: &mut DbConn,
    endpoint_id: Id,
    what: Replay,
    now: Timestamp,
) -> Result<usize, EndpointError> {
    lock(tx, endpoint_id)?;
    let endpoint = find(tx, endpoint_id)?.ok_or(EndpointError::NotFound)?;
    if endpoint.state == EndpointState::Disabled {
        return Err(EndpointError::Disabled);
    }
    let (one, since) = match what {
        Replay::One(id) => {
            find_delivery(tx, endpoint_id, id)?.ok_or(EndpointError::NotFound)?;
            (Some(id), None)
        }
        Replay::Since(at) => (None, Some(at)),
    };
    macro_rules! again {
        ($which:expr) => {
            diesel::update(webhook_deliveries::table)
                .filter(webhook_deliveries::endpoint_id.eq(endpoint_id))
                .filter(webhook_deliveries::state.ne(DeliveryState::Queued))
                .filter($which)
                .set((
                    webhook_deliveries::state.eq(DeliveryState::Queued),
                    webhook_deliveries::attempts.eq(0),
                    webhook_deliveries::next_attempt_at.eq(now),
                    webhook_deliveries::finished_at.eq(None::<Timestamp>),
                ))
                .execute(tx)?
        };
    }
    Ok(match (one, since) {
        (Some(id), _) => again!(webhook_deliveries::event_id.eq(id)),
        (None, Some(at)) => again!(webhook_deliveries::created_at.ge(at)),
        (None, None) => 0,
    })
}

/// Takes what is queued for an endpoint out of the queue until a replay; returns how many.
pub(super) fn hold_queued(tx: &mut DbConn, endpoint_id: Id, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::update(webhook_deliveries::table)
        .filter(webhook_deliveries::endpoint_id.eq(endpoint_id))
        .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
        .set((
            webhook_deliveries::state.eq(DeliveryState::Held),
            webhook_deliveries::finished_at.eq(Some(now)),
            webhook_deliveries::lease_holder.eq(None::<Id>),
            webhook_deliveries::lease_expires_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?)
}

/// Endpoints that something is due for, without those of `busy`, at most `limit`.
pub(super) fn list_due(
    conn: &mut DbConn,
    busy: &[Id],
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Id>, StoreError> {
    Ok(webhook_deliveries::table
        .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
        .filter(webhook_deliveries::next_attempt_at.le(now))
        .filter(webhook_deliveries::endpoint_id.ne_all(busy.to_vec()))
        .select(webhook_deliveries::endpoint_id)
        .distinct()
        .order(webhook_deliveries::endpoint_id)
        .limit(limit)
        .load(conn)?)
}

/// Leases what is due for one endpoint to `holder`, in the order in which it happened.
pub(super) fn claim(
    tx: &mut DbConn,
    endpoint_id: Id,
    holder: Id,
    now: Timestamp,
) -> Result<Option<(Endpoint, Vec<Delivery>)>, StoreError> {
    lock(tx, endpoint_id)?;
    let Some(endpoint) = find(tx, endpoint_id)? else {
        return Ok(None);
    };
    if endpoint.state == EndpointState::Disabled {
        // Noted while its owner disabled it.
        hold_queued(tx, endpoint_id, now)?;
        return Ok(None);
    }
    let due: Vec<EventRow> = webhook_deliveries::table
        .inner_join(webhook_events::table)
        .filter(webhook_deliveries::endpoint_id.eq(endpoint_id))
        .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
        .filter(webhook_deliveries::next_attempt_at.le(now))
        .order((webhook_deliveries::next_attempt_at, webhook_deliveries::event_id))
        .limit(PER_ENDPOINT)
        .select(cols::<EventRow>())
        .load(tx)?;
    let until = now.plus(LEASE);
    let ids: Vec<Id> = due.iter().map(|event| event.id).collect();
    let leased: Vec<DeliveryRow> = diesel::update(webhook_deliveries::table)
        .filter(webhook_deliveries::endpoint_id.eq(endpoint_id))
        .filter(webhook_deliveries::event_id.eq_any(ids))
        .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
        .filter(webhook_deliveries::next_attempt_at.le(now))
        .set((
            webhook_deliveries::lease_holder.eq(Some(holder)),
            webhook_deliveries::lease_expires_at.eq(Some(until)),
            webhook_deliveries::next_attempt_at.eq(until),
        ))
        .returning(cols::<DeliveryRow>())
        .get_results(tx)?;
    let mut rows: std::collections::HashMap<Id, DeliveryRow> =
        leased.into_iter().map(|row| (row.event_id, row)).collect();
    let pair = |event: EventRow| {
        Some(Delivery {
            row: rows.remove(&event.id)?,
            event,
        })
    };
    let mut deliveries: Vec<Delivery> = due.into_iter().filter_map(pair).collect();
    deliveries.sort_by_key(|delivery| (delivery.event.revision.unwrap_or(i64::MAX), delivery.event.id));
    Ok(Some((endpoint, deliveries)))
}

/// Gives claimed rows back untried, due at `at`.
pub(super) fn give_back(tx: &mut DbConn, rows: &[DeliveryRow], at: Timestamp) -> Result<usize, StoreError> {
    let mut given = 0;
    for row in rows {
        given += diesel::update(webhook_deliveries::table.find((row.endpoint_id, row.event_id)))
            .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
            .filter(webhook_deliveries::lease_holder.eq(row.lease_holder))
            .filter(webhook_deliveries::lease_expires_at.eq(row.lease_expires_at))
            .set((
                webhook_deliveries::next_attempt_at.eq(at),
                webhook_deliveries::lease_holder.eq(None::<Id>),
                webhook_deliveries::lease_expires_at.eq(None::<Timestamp>),
            ))
            .execute(tx)?;
    }
    Ok(given)
}

/// Makes every row that `holder` had leased due again: a process that starts under the name of its dead predecessor need not
/// wait until the leases run out. Returns how many.
pub fn release_claims(tx: &mut DbConn, holder: Id, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::update(webhook_deliveries::table)
        .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
        .filter(webhook_deliveries::lease_holder.eq(holder))
        .set((
            webhook_deliveries::next_attempt_at.eq(now),
            webhook_deliveries::lease_holder.eq(None::<Id>),
            webhook_deliveries::lease_expires_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?)
}

/// When the next row is due; `None` when none is queued.
pub(super) fn next_due(conn: &mut DbConn) -> Result<Option<Timestamp>, StoreError> {
    Ok(webhook_deliveries::table
        .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
        .select(webhook_deliveries::next_attempt_at)
        .order(webhook_deliveries::next_attempt_at)
        .first(conn)
        .optional()?)
}

/// How many rows and endpoints there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryCounts {
    /// Rows to be told.
    pub queued: i64,
    /// Rows that were given up.
    pub failed: i64,
    /// Rows that wait for a replay.
    pub held: i64,
    /// Endpoints whose last attempt failed.
    pub failing: i64,
    /// Endpoints that are not told.
    pub disabled: i64,
}

/// Counts what an operator looks at.
pub fn count_by_state(conn: &mut DbConn) -> Result<DeliveryCounts, StoreError> {
    let rows: Vec<(DeliveryState, i64)> = webhook_deliveries::table
        .filter(webhook_deliveries::state.ne(DeliveryState::Delivered))
        .group_by(webhook_deliveries::state)
        .select((webhook_deliveries::state, diesel::dsl::count_star()))
        .load(conn)?;
    let of = |state| {
        rows.iter()
            .find(|(known, _)| *known == state)
            .map_or(0, |row| row.1)
    };
    let failing = webhook_endpoints::table
        .filter(webhook_endpoints::failing_since.is_not_null())
        .count()
        .get_result(conn)?;
    let disabled = webhook_endpoints::table
        .filter(webhook_endpoints::state.eq(EndpointState::Disabled))
        .count()
        .get_result(conn)?;
    Ok(DeliveryCounts {
        queued: of(DeliveryState::Queued),
        failed: of(DeliveryState::Failed),
        held: of(DeliveryState::Held),
        failing,
        disabled,
    })
}

/// Forgets up to `limit` events from before `older_than`, with their rows; returns how many.
pub fn purge(tx: &mut DbConn, older_than: Timestamp, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<Id> = webhook_events::table
        .filter(webhook_events::created_at.lt(older_than))
        .order((webhook_events::created_at, webhook_events::id))
        .limit(limit)
        .select(webhook_events::id)
        .load(tx)?;
    Ok(diesel::delete(webhook_events::table.filter(webhook_events::id.eq_any(old))).execute(tx)?)
}
