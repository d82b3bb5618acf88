//! The dispatch pass: from due ledger rows to mails in the outbox.

use diesel::prelude::*;
use postings::Posting;
use search::{Matcher, SearchDocument};
use store::revision::{self, Counter};
use store::schema::alert_matches;
use store::{Db, DbConn, Id, Random, StoreError, Timestamp};

use crate::alert::{self, Alert, AlertStatus};
use crate::mails::{self, Letterhead};
use crate::schedule;

/// Alerts served in one transaction.
const ALERTS: i64 = 100;
/// Due postings looked at for one mail; what is beyond waits for the next.
const MATCHES: i64 = 200;
/// Postings in one mail.
const IN_MAIL: usize = 25;

/// What a dispatch pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DispatchReport {
    /// Mails written into the outbox.
    pub mails: usize,
    /// Postings in them.
    pub postings: usize,
    /// Postings that were no longer to be told.
    pub dropped: usize,
    /// Whether nothing more was due.
    pub is_caught_up: bool,
}

/// Writes the mails of up to 100 alerts with due postings, one mail each. A posting is in the mail only if search would
/// find it for this alert now. A pass: ledger and outbox change in one transaction.
pub fn dispatch_pass(
    db: &Db,
    letterhead: &Letterhead,
    random: &Random,
    now: Timestamp,
) -> Result<DispatchReport, StoreError> {
    if db.read_blocking(|conn| due_alerts(conn, 1, now))?.is_empty() {
        return Ok(DispatchReport {
            is_caught_up: true,
            ..DispatchReport::default()
        });
    }
    db.write_blocking(|tx| {
        // One process at a time writes mails, and no alert ends while a mail of it is being written.
        revision::lock(tx, Counter::Alerts)?;
        let due = due_alerts(tx, ALERTS, now)?;
        let mut report = DispatchReport {
            is_caught_up: (due.len() as i64) < ALERTS,
            ..DispatchReport::default()
        };
        let mut drafts = Vec::new();
        for alert_id in due {
            let alert = alert::find(tx, alert_id)?.filter(|alert| alert.status == AlertStatus::Active);
            let Some(alert) = alert else {
                let postings = due_postings(tx, alert_id, now)?;
                report.dropped += settle(tx, alert_id, &postings, "dropped")?;
                continue;
            };
            if let Some(draft) = write_mail(tx, letterhead, &alert, &mut report, now)? {
                drafts.push(draft);
            }
        }
        report.mails = mail::enqueue(tx, &drafts, random, now)?;
        Ok(report)
    })
}

fn due_alerts(conn: &mut DbConn, limit: i64, now: Timestamp) -> Result<Vec<Id>, StoreError> {
    Ok(alert_matches::table
        .filter(
            alert_matches::outcome
                .eq("pending")
                .and(alert_matches::due_at.le(now)),
        )
        .group_by(alert_matches::alert_id)
        .order((diesel::dsl::min(alert_matches::due_at), alert_matches::alert_id))
        .limit(limit)
        .select(alert_matches::alert_id)
        .load(conn)?)
}

fn due_postings(conn: &mut DbConn, alert_id: Id, now: Timestamp) -> Result<Vec<Id>, StoreError> {
    Ok(alert_matches::table
        .filter(
            alert_matches::alert_id
                .eq(alert_id)
                .and(alert_matches::outcome.eq("pending")),
        )
        .filter(alert_matches::due_at.le(now))
        .order((alert_matches::revision.desc(), alert_matches::posting_id))
        .limit(MATCHES)
        .select(alert_matches::posting_id)
        .load(conn)?)
}

fn write_mail(
    tx: &mut DbConn,
    letterhead: &Letterhead,
    alert: &Alert,
    report: &mut DispatchReport,
    now: Timestamp,
) -> Result<Option<mail::Draft>, StoreError> {
    let due = due_postings(tx, alert.id, now)?;
    let mut current = postings::find::list_searchable(tx, &due, now)?;
    current.retain(|posting| still_matches(alert, posting, now));
    current.sort_by_key(|posting| std::cmp::Reverse((posting.row.published_at, posting.row.id)));
    let gone: Vec<Id> = due
        .into_iter()
        .filter(|id| current.iter().all(|posting| posting.row.id != *id))
        .collect();
    report.dropped += settle(tx, alert.id, &gone, "dropped")?;
    if current.is_empty() {
        return Ok(None);
    }
    current.truncate(IN_MAIL);
    let told: Vec<Id> = current.iter().map(|posting| posting.row.id).collect();
    report.postings += settle(tx, alert.id, &told, "mailed")?;
    let waiting = postpone(tx, alert, now)?;
    Ok(Some(mails::matches(letterhead, alert, &current, waiting, now)))
}

/// The query may have been changed, or the posting, since they met.
fn still_matches(alert: &Alert, posting: &Posting, now: Timestamp) -> bool {
    let mut matcher = Matcher::new();
    matcher.insert(alert.id, &alert.query.0);
    let mut found = false;
    matcher.matching(&SearchDocument::of(posting), now, |_| found = true);
    found
}

fn settle(tx: &mut DbConn, alert_id: Id, postings: &[Id], outcome: &str) -> Result<usize, StoreError> {
    Ok(diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(alert_id)
                .and(alert_matches::posting_id.eq_any(postings.to_vec())),
        )
        .filter(alert_matches::outcome.eq("pending"))
        .set(alert_matches::outcome.eq(outcome))
        .execute(tx)?)
}

/// What did not fit waits for the next digest; an instant alert writes again at once. Returns how many wait.
fn postpone(tx: &mut DbConn, alert: &Alert, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(alert.id)
                .and(alert_matches::outcome.eq("pending"))
                .and(alert_matches::due_at.le(now)),
        )
        .set(alert_matches::due_at.eq(schedule::due_at(alert, now)))
        .execute(tx)?)
}
