//! The match pass: from visible changes of postings to ledger rows.

use std::collections::HashSet;

use diesel::prelude::*;
use postings::changes::{Change, changed_since};
use search::{Matcher, SearchDocument};
use store::revision::{self, Counter};
use store::schema::{alert_matches, alerts};
use store::{Db, DbConn, Id, StoreError, Timestamp, cols, on_each};

use crate::alert::{self, Alert, AlertStatus, Frequency, HeldBy};
use crate::changes;
use crate::schedule;

/// Name of the pass's cursor.
const CURSOR: &str = "alerts";
/// Changes in one pass.
const BATCH: i64 = 200;
/// Alerts read at once.
const PAGE: i64 = 5000;
/// Ledger rows written at once: 7 columns each stay below both databases' limits of bound values.
const ROWS: usize = 1000;
/// Postings from which the matcher learns what is frequent.
const SAMPLE: i64 = 500;

/// The confirmed alerts in memory, brought up to date from the database before every use.
#[derive(Debug, Default)]
pub struct MatchState {
    matcher: Matcher,
    /// Those of the alerts that tell changes.
    watching: HashSet<Id>,
    /// Whether the matcher has seen what is frequent.
    has_learned: bool,
    /// Place in the changes of alerts up to which the matcher is complete.
    sequence: i64,
}

/// What a match pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MatchReport {
    /// Changes looked at.
    pub changes: usize,
    /// Ledger rows that are new.
    pub matches: usize,
    /// Changes of postings that subscribers were told of, and wish to hear of.
    pub news: usize,
    /// Alerts in memory.
    pub alerts: usize,
    /// Whether nothing more was waiting.
    pub is_caught_up: bool,
}

#[derive(Insertable)]
#[diesel(table_name = alert_matches, treat_none_as_default_value = false)]
struct Match {
    alert_id: Id,
    posting_id: Id,
    revision: i64,
    outcome: &'static str,
    due_at: Timestamp,
    matched_at: Timestamp,
    held_by: Option<HeldBy>,
}

impl MatchState {
    /// A state without alerts; the first pass loads them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads the alerts that changed since the last time.
    fn catch_up(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        loop {
            let changed = alert::changed_since(conn, self.sequence, PAGE)?;
            let Some(last) = changed.last() else { return Ok(()) };
            let sequence = last.sequence;
            for alert in &changed {
                let is_active = alert.status == AlertStatus::Active;
                if is_active {
                    self.matcher.insert(alert.id, &alert.query.0);
                } else {
                    self.matcher.remove(alert.id);
                }
                if is_active && !alert.notify.is_empty() {
                    self.watching.insert(alert.id);
                } else {
                    self.watching.remove(&alert.id);
                }
            }
            self.sequence = sequence;
        }
    }

    fn learn(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        let latest = revision::latest(conn, Counter::Postings)?;
        for (_, change) in changed_since(conn, latest.saturating_sub(SAMPLE), SAMPLE)? {
            if let Change::Upsert(posting) = change {
                self.matcher.observe(&SearchDocument::of(&posting));
            }
        }
        Ok(())
    }
}

/// Asks the stored queries about up to 200 changes past the cursor and writes one ledger row for each new (alert,
/// posting). A pass: ledger and cursor move in one transaction, so it is safe to repeat and in two processes.
pub fn match_pass(db: &Db, state: &mut MatchState, now: Timestamp) -> Result<MatchReport, StoreError> {
    // Most of the loading happens outside the transaction, so that a million alerts hold nobody up at the start.
    db.read_blocking(|conn| {
        if !state.has_learned {
            state.learn(conn)?;
            state.has_learned = true;
        }
        state.catch_up(conn)
    })?;
    let waiting = db.read_blocking(|conn| {
        Ok::<_, StoreError>(revision::cursor(conn, CURSOR)? < revision::latest(conn, Counter::Postings)?)
    })?;
    if !waiting {
        return Ok(MatchReport {
            alerts: state.matcher.len(),
            is_caught_up: true,
            ..MatchReport::default()
        });
    }
    db.write_blocking(|tx| match_changes(tx, state, now))
}

fn match_changes(tx: &mut DbConn, state: &mut MatchState, now: Timestamp) -> Result<MatchReport, StoreError> {
    // Nobody can confirm an alert while this is held: an alert is either in memory below, or starts after this batch.
    revision::lock(tx, Counter::Alerts)?;
    state.catch_up(tx)?;
    let from = revision::cursor(tx, CURSOR)?;
    let mut report = MatchReport {
        alerts: state.matcher.len(),
        is_caught_up: true,
        ..MatchReport::default()
    };
    let to = if state.matcher.is_empty() {
        revision::latest(tx, Counter::Postings)?
    } else {
        let changes = changed_since(tx, from, BATCH)?;
        report.changes = changes.len();
        report.is_caught_up = (changes.len() as i64) < BATCH;
        for (_, change) in &changes {
            if let Change::Upsert(posting) = change {
                report.matches += match_posting(tx, state, posting, now)?;
            }
            if !state.watching.is_empty() {
                report.news += changes::note(tx, change, now)?;
            }
        }
        changes.last().map_or(from, |(revision, _)| *revision)
    };
    if to > from && !revision::advance_cursor(tx, CURSOR, from, to)? {
        // Another process did this batch; rolling back forgets ours.
        return Err(StoreError::Interrupted);
    }
    Ok(report)
}

fn match_posting(
    tx: &mut DbConn,
    state: &mut MatchState,
    posting: &postings::Posting,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let document = SearchDocument::of(posting);
    let mut matching: Vec<Id> = Vec::new();
    state.matcher.matching(&document, now, |id| matching.push(id));
    let first_revision = posting.row.first_revision.unwrap_or_default();
    let mut written = 0;
    for ids in matching.chunks(ROWS) {
        let rows: Vec<Match> = owed(tx, ids, first_revision)?
            .iter()
            .map(|alert| {
                let due_at = schedule::due_at(alert, now);
                Match {
                    alert_id: alert.id,
                    posting_id: posting.row.id,
                    revision: document.revision,
                    outcome: "pending",
                    due_at,
                    matched_at: now,
                    held_by: held_by(alert, due_at, now),
                }
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        written += owe_again(tx, &rows, posting.row.id, now)?;
        written += on_each!(tx, c => diesel::insert_into(alert_matches::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(written)
}

/// What a row waits for that is found `now`.
pub(crate) fn held_by(alert: &Alert, due_at: Timestamp, now: Timestamp) -> Option<HeldBy> {
    match alert.frequency {
        Frequency::Instant if due_at <= now => None,
        Frequency::Instant => Some(HeldBy::QuietHours),
        Frequency::Daily | Frequency::Weekly => Some(HeldBy::Digest),
    }
}

/// A posting that had left search when its mail was due, and is back, was never told: it is owed again.
fn owe_again(tx: &mut DbConn, rows: &[Match], posting_id: Id, now: Timestamp) -> Result<usize, StoreError> {
    let alert_ids: Vec<Id> = rows.iter().map(|row| row.alert_id).collect();
    let dropped: Vec<Id> = alert_matches::table
        .filter(alert_matches::posting_id.eq(posting_id))
        .filter(alert_matches::alert_id.eq_any(alert_ids))
        .filter(alert_matches::outcome.eq("dropped"))
        .order(alert_matches::alert_id)
        .limit(rows.len() as i64)
        .select(alert_matches::alert_id)
        .load(tx)?;
    let mut revived = 0;
    for row in rows.iter().filter(|row| dropped.contains(&row.alert_id)) {
        revived += diesel::update(alert_matches::table.find((row.alert_id, posting_id)))
            .set((
                alert_matches::outcome.eq(row.outcome),
                alert_matches::revision.eq(row.revision),
                alert_matches::due_at.eq(row.due_at),
                alert_matches::matched_at.eq(now),
                alert_matches::held_by.eq(row.held_by),
            ))
            .execute(tx)?;
    }
    Ok(revived)
}

/// Those of the alerts that began before the posting was first published.
fn owed(tx: &mut DbConn, ids: &[Id], first_revision: i64) -> Result<Vec<Alert>, StoreError> {
    Ok(alerts::table
        .filter(
            alerts::id
                .eq_any(ids.to_vec())
                .and(alerts::status.eq(AlertStatus::Active)),
        )
        .filter(alerts::start_revision.lt(first_revision))
        .order(alerts::id)
        .limit(ids.len() as i64)
        .select(cols::<Alert>())
        .load(tx)?)
}
