//! Lists of events.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use jiff::SignedDuration;
use store::page::Page;
use store::schema::{employers, event_postings, hiring_events, postings};
use store::{DbConn, Id, StoreError, Timestamp, cols};

use super::{Event, EventKind};
use crate::posting::{EmployerRef, PostingStatus};

/// The postings of each of these events, without those that were erased.
pub fn list_postings(conn: &mut DbConn, events: &[Id]) -> Result<HashMap<Id, Vec<Id>>, StoreError> {
    let rows: Vec<(Id, Id)> = event_postings::table
        .inner_join(postings::table)
        .filter(postings::deleted_at.is_null())
        .filter(event_postings::event_id.eq_any(events.to_vec()))
        .order((event_postings::event_id, event_postings::posting_id))
        .select((event_postings::event_id, event_postings::posting_id))
        .load(conn)?;
    let mut by_event: HashMap<Id, Vec<Id>> = HashMap::new();
    for (event, posting) in rows {
        by_event.entry(event).or_default().push(posting);
    }
    Ok(by_event)
}

/// Those postings of each of these events that everybody sees.
pub fn list_public_postings(conn: &mut DbConn, events: &[Id]) -> Result<HashMap<Id, Vec<Id>>, StoreError> {
    let mut by_event = list_postings(conn, events)?;
    let named: Vec<Id> = by_event.values().flatten().copied().collect();
    let public: HashSet<Id> = postings::table
        .filter(postings::id.eq_any(named))
        .filter(postings::status.eq(PostingStatus::Published))
        .filter(postings::deleted_at.is_null())
        .order(postings::id)
        .select(postings::id)
        .load(conn)?
        .into_iter()
        .collect();
    for ids in by_event.values_mut() {
        ids.retain(|id| public.contains(id));
    }
    Ok(by_event)
}

/// Which events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Those that are not over, the soonest first.
    Upcoming,
    /// Those that are over, the latest first.
    Past,
}

/// Where a page of events begins: after this beginning and id.
pub type After = (Timestamp, Id);

/// Events with their employers, of one employer or of all active ones, of one kind or of all.
pub fn list(
    conn: &mut DbConn,
    employer: Option<Id>,
    kind: Option<EventKind>,
    when: When,
    after: Option<After>,
    limit: usize,
    now: Timestamp,
) -> Result<Page<(Event, EmployerRef), After>, StoreError> {
    let mut query = hiring_events::table
        .inner_join(employers::table)
        .select((cols::<Event>(), cols::<EmployerRef>()))
        .limit(limit as i64 + 1)
        .into_boxed();
    query = match employer {
        Some(id) => query.filter(hiring_events::employer_id.eq(id)),
        None => query.filter(employers::status.eq("active")),
    };
    if let Some(kind) = kind {
        query = query.filter(hiring_events::kind.eq(kind));
    }
    let (starts, id) = (hiring_events::starts_at, hiring_events::id);
    query = match when {
        When::Upcoming => query.filter(hiring_events::ends_at.gt(now)).order((starts, id)),
        When::Past => query
            .filter(hiring_events::ends_at.le(now))
            .order((starts.desc(), id.desc())),
    };
    if let Some((at, last)) = after {
        query = match when {
            When::Upcoming => query.filter(starts.gt(at).or(starts.eq(at).and(id.gt(last)))),
            When::Past => query.filter(starts.lt(at).or(starts.eq(at).and(id.lt(last)))),
        };
    }
    let rows: Vec<(Event, EmployerRef)> = query.load(conn)?;
    Ok(Page::cut(rows, limit, |(event, _): &(Event, EmployerRef)| {
        (event.starts_at, event.id)
    }))
}

/// The employer of an event.
pub fn employer_of(conn: &mut DbConn, event: &Event) -> Result<EmployerRef, StoreError> {
    Ok(employers::table
        .find(event.employer_id)
        .select(cols::<EmployerRef>())
        .first(conn)?)
}

/// Whether everybody may see an employer's events: not while it is frozen.
pub fn is_shown(employer: &EmployerRef) -> bool {
    employer.status == "active"
}

/// The event `id`, when everybody may see it.
pub fn find_shown(conn: &mut DbConn, id: Id) -> Result<Option<Event>, StoreError> {
    Ok(hiring_events::table
        .inner_join(employers::table)
        .filter(hiring_events::id.eq(id))
        .filter(employers::status.eq("active"))
        .select(cols::<Event>())
        .first(conn)
        .optional()?)
}

/// What an employer's calendar shows: what is to come, and what was in the last 90 days; at most 500. Nothing while the
/// employer is frozen.
pub fn list_for_calendar(conn: &mut DbConn, employer: Id, now: Timestamp) -> Result<Vec<Event>, StoreError> {
    Ok(hiring_events::table
        .inner_join(employers::table)
        .filter(hiring_events::employer_id.eq(employer))
        .filter(employers::status.eq("active"))
        .filter(hiring_events::ends_at.gt(now.minus(SignedDuration::from_hours(90 * 24))))
        .order((hiring_events::starts_at, hiring_events::id))
        .limit(500)
        .select(cols::<Event>())
        .load(conn)?)
}
