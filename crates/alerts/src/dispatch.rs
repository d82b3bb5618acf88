//! The dispatch pass: from due ledger rows to mails in the outbox.

use std::collections::HashMap;

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::{alert_changes, alert_matches, alerts};
use store::{Db, DbConn, Id, Random, StoreError, Timestamp};

use crate::alert::{self, Alert, AlertStatus, Frequency, HeldBy};
use crate::changes::{self, DueChange};
use crate::digest::{self, Changed, Contents, What};
use crate::letterhead::Letterhead;
use crate::rank;
use crate::reasons::{Candidate, Readings, Reasons, Shelf};
use crate::rows::reschedule;
use crate::rules::AlertRules;
use crate::schedule;

/// Alerts served in one transaction.
const ALERTS: i64 = 100;
/// Due postings looked at for one mail; what is beyond waits for the next.
const MATCHES: i64 = 500;
/// Due changes in one mail; what is beyond waits for the next.
const CHANGES: i64 = 20;

/// By which mail a subscriber hears of postings, and when it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) by: Id,
    pub(crate) at: Timestamp,
}

/// What a dispatch pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DispatchReport {
    /// Mails written into the outbox.
    pub mails: usize,
    /// New postings in them.
    pub postings: usize,
    /// Changes of postings in them.
    pub changes: usize,
    /// What was no longer to be told.
    pub dropped: usize,
    /// Alerts whose mail has to wait for the end of the quiet hours, or for their pace.
    pub held: usize,
    /// Whether nothing more was due.
    pub is_caught_up: bool,
}

/// Writes the mails of up to 100 alerts for which something is due, one mail each. A posting is in the mail only if search
/// would find it for this alert now. A pass: ledger and outbox change in one transaction.
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
        let mut known = (Shelf::default(), Readings::default());
        for alert_id in due {
            let alert = alert::find(tx, alert_id)?.filter(|alert| alert.status == AlertStatus::Active);
            let Some(alert) = alert else {
                report.dropped += drop_due(tx, alert_id, now)?;
                continue;
            };
            if let Some((until, why)) = hold(&alert, &letterhead.rules, now) {
                report.held += 1;
                postpone(tx, &alert, until, why, now)?;
                continue;
            }
            let told = Told {
                by: random.id(now),
                at: now,
            };
            let draft = write_mail(tx, letterhead, &alert, &mut known, &mut report, told)?;
            drafts.extend(draft.map(|draft| (told.by, draft)));
        }
        report.mails = mail::enqueue_as(tx, &drafts, now)?;
        Ok(report)
    })
}

/// Brings forward what is due later than its schedule can say: the clock was ahead when it was written down. Returns how
/// many alerts it concerned, at most `limit`. A pass.
pub fn mend_schedules(tx: &mut DbConn, limit: i64, now: Timestamp) -> Result<usize, StoreError> {
    // A day has up to 25 hours, and the next Monday but none is at most eight days away.
    let (a_day, a_week) = (
        jiff::SignedDuration::from_hours(26),
        jiff::SignedDuration::from_hours(8 * 24 + 2),
    );
    let is_late = alert_matches::due_at.gt(now.plus(a_week)).or(alerts::frequency
        .ne(Frequency::Weekly)
        .and(alert_matches::due_at.gt(now.plus(a_day))));
    let mut late: Vec<Id> = alert_matches::table
        .inner_join(alerts::table)
        .filter(
            alert_matches::outcome
                .eq("pending")
                .and(alert_matches::due_at.gt(now.plus(a_day))),
        )
        .filter(is_late)
        .group_by(alert_matches::alert_id)
        .order(alert_matches::alert_id)
        .limit(limit)
        .select(alert_matches::alert_id)
        .load(tx)?;
    let is_late = alert_changes::due_at.gt(now.plus(a_week)).or(alerts::frequency
        .ne(Frequency::Weekly)
        .and(alert_changes::due_at.gt(now.plus(a_day))));
    let late_changes: Vec<Id> = alert_changes::table
        .inner_join(alerts::table)
        .filter(
            alert_changes::outcome
                .eq("pending")
                .and(alert_changes::due_at.gt(now.plus(a_day))),
        )
        .filter(is_late)
        .group_by(alert_changes::alert_id)
        .order(alert_changes::alert_id)
        .limit(limit)
        .select(alert_changes::alert_id)
        .load(tx)?;
    late.extend(late_changes);
    late.sort_unstable();
    late.dedup();
    if late.is_empty() {
        return Ok(0);
    }
    revision::lock(tx, Counter::Alerts)?;
    for id in &late {
        if let Some(alert) = alert::find(tx, *id)? {
            reschedule(tx, &alert, now)?;
        }
    }
    Ok(late.len())
}

fn due_alerts(conn: &mut DbConn, limit: i64, now: Timestamp) -> Result<Vec<Id>, StoreError> {
    let mut due: Vec<Id> = alert_matches::table
        .filter(
            alert_matches::outcome
                .eq("pending")
                .and(alert_matches::due_at.le(now)),
        )
        .group_by(alert_matches::alert_id)
        .order((diesel::dsl::min(alert_matches::due_at), alert_matches::alert_id))
        .limit(limit)
        .select(alert_matches::alert_id)
        .load(conn)?;
    let with_changes: Vec<Id> = alert_changes::table
        .filter(
            alert_changes::outcome
                .eq("pending")
                .and(alert_changes::due_at.le(now)),
        )
        .group_by(alert_changes::alert_id)
        .order((diesel::dsl::min(alert_changes::due_at), alert_changes::alert_id))
        .limit(limit)
        .select(alert_changes::alert_id)
        .load(conn)?;
    for id in with_changes {
        if !due.contains(&id) {
            due.push(id);
        }
    }
    Ok(due)
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

/// Until when the mail of an instant alert has to wait, and what for.
fn hold(alert: &Alert, rules: &AlertRules, now: Timestamp) -> Option<(Timestamp, HeldBy)> {
    if alert.frequency != Frequency::Instant {
        return None;
    }
    if let Some(until) = schedule::quiet_until(alert, now) {
        return Some((until, HeldBy::QuietHours));
    }
    let free_at = paced(alert, rules, now)?.minus(rules.instant_every * burst(rules).saturating_sub(1));
    (free_at > now).then_some((free_at, HeldBy::Pace))
}

fn burst(rules: &AlertRules) -> i32 {
    i32::try_from(rules.instant_burst).unwrap_or(i32::MAX)
}

/// Up to when the mails so far have used up the pace (the theoretical arrival time of GCRA); `None` without one. More
/// than a whole burst ahead was written by a clock that has gone back since, and means nothing.
fn paced(alert: &Alert, rules: &AlertRules, now: Timestamp) -> Option<Timestamp> {
    if alert.frequency != Frequency::Instant || rules.instant_burst == 0 {
        return None;
    }
    let longest = now.plus(rules.instant_every * burst(rules));
    let until = alert.paced_until.filter(|until| *until <= longest);
    Some(until.unwrap_or(now).max(now))
}

fn write_mail(
    tx: &mut DbConn,
    letterhead: &Letterhead,
    alert: &Alert,
    (shelf, readings): &mut (Shelf, Readings),
    report: &mut DispatchReport,
    told: Told,
) -> Result<Option<mail::Draft>, StoreError> {
    let now = told.at;
    let reasons = readings.of(&alert.query.0);
    let due = due_postings(tx, alert.id, now)?;
    let seen = shelf.take(tx, &due, now)?;
    let candidates: Vec<_> = seen.iter().filter_map(|seen| reasons.judge(seen, now)).collect();
    let is_current = |id: &Id| candidates.iter().any(|found| found.seen.posting.row.id == *id);
    let gone: Vec<Id> = due.iter().filter(|id| !is_current(id)).copied().collect();
    report.dropped += drop_postings(tx, alert.id, &gone)?;
    let choice = rank::choose(candidates, &letterhead.rules);
    let changed = changed_postings(tx, alert, shelf, reasons, report, told)?;
    if choice.shown.is_empty() && changed.is_empty() {
        return Ok(None);
    }
    let versions: Vec<(Id, i32)> = choice.shown.iter().map(version_of).collect();
    report.postings += tell(tx, alert.id, &versions, told)?;
    report.changes += changed.iter().map(|changed| changed.what.len()).sum::<usize>();
    let next = next_mail(alert, &letterhead.rules, now);
    let waiting = postpone(tx, alert, next.unwrap_or(now), HeldBy::Overflow, now)?;
    let paced_until =
        paced(alert, &letterhead.rules, now).map(|until| until.plus(letterhead.rules.instant_every));
    diesel::update(alerts::table.find(alert.id))
        .set((
            alerts::last_mailed_at.eq(now),
            alerts::paced_until.eq(paced_until),
        ))
        .execute(tx)?;
    let contents = Contents {
        new: choice.shown,
        more: choice.more,
        changed,
        waiting,
        next,
    };
    Ok(Some(digest::write(letterhead, alert, &contents, now)))
}

/// When what does not fit into this mail comes; `None` when at once.
pub(crate) fn next_mail(alert: &Alert, rules: &AlertRules, now: Timestamp) -> Option<Timestamp> {
    let follows_at_once = alert.frequency == Frequency::Instant && rules.instant_burst == 0;
    (!follows_at_once).then(|| schedule::next_digest(alert, now))
}

/// The posting with its version, as it is told.
pub(crate) fn version_of(candidate: &Candidate) -> (Id, i32) {
    let row = &candidate.seen.posting.row;
    (row.id, row.version)
}

/// The new postings that wait for a later mail, the newest first.
pub(crate) fn pending_postings(conn: &mut DbConn, alert_id: Id) -> Result<Vec<Id>, StoreError> {
    Ok(alert_matches::table
        .filter(
            alert_matches::alert_id
                .eq(alert_id)
                .and(alert_matches::outcome.eq("pending")),
        )
        .order((alert_matches::revision.desc(), alert_matches::posting_id))
        .limit(MATCHES)
        .select(alert_matches::posting_id)
        .load(conn)?)
}

/// How many new postings wait for a later mail.
pub(crate) fn count_waiting(conn: &mut DbConn, alert_id: Id) -> Result<usize, StoreError> {
    let count: i64 = alert_matches::table
        .filter(
            alert_matches::alert_id
                .eq(alert_id)
                .and(alert_matches::outcome.eq("pending")),
        )
        .count()
        .get_result(conn)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The postings with changes that are due and still true, each posting once. Their rows are settled.
fn changed_postings(
    tx: &mut DbConn,
    alert: &Alert,
    shelf: &mut Shelf,
    reasons: &mut Reasons,
    report: &mut DispatchReport,
    told: Told,
) -> Result<Vec<Changed>, StoreError> {
    let now = told.at;
    let due = changes::due_changes(tx, alert.id, CHANGES, now)?;
    let mut by_posting: Vec<(Id, Vec<DueChange>)> = Vec::new();
    for change in due {
        match by_posting.iter_mut().find(|(id, _)| *id == change.posting_id) {
            Some((_, changes)) => changes.push(change),
            None => by_posting.push((change.posting_id, vec![change])),
        }
    }
    let mut changed = Vec::new();
    for (id, due) in by_posting {
        let current = shelf
            .take(tx, &[id], now)?
            .pop()
            .and_then(|seen| reasons.judge(&seen, now));
        let mut what: Vec<What> = Vec::new();
        let heard = changes::told_version(tx, alert.id, id)?;
        if let Some(current) = &current {
            let mut versions = changes::versions(tx, id)?;
            let before = heard.and_then(|version| versions.remove(&version));
            for change in &due {
                let still = What::still(change, before.as_ref(), &current.seen.posting)
                    .filter(|_| alert.notify.has(change.kind));
                // Two raises before one mail are one.
                what.extend(still.filter(|still| !what.contains(still)));
            }
        }
        let teller = (!what.is_empty()).then_some((told.by, heard));
        for change in &due {
            let settled = changes::settle(tx, alert.id, change, teller)?;
            if what.is_empty() {
                report.dropped += settled;
            }
        }
        if let (Some(current), false) = (current, what.is_empty()) {
            hear(tx, alert.id, version_of(&current), told.at)?;
            changed.push(Changed { current, what });
        }
    }
    Ok(changed)
}

/// Marks postings as told in the version with this number.
fn tell(tx: &mut DbConn, alert_id: Id, postings: &[(Id, i32)], told: Told) -> Result<usize, StoreError> {
    let mut by_version: HashMap<i32, Vec<Id>> = HashMap::new();
    for (id, version) in postings {
        by_version.entry(*version).or_default().push(*id);
    }
    let mut count = 0;
    for (version, ids) in by_version {
        count += diesel::update(alert_matches::table)
            .filter(
                alert_matches::alert_id
                    .eq(alert_id)
                    .and(alert_matches::posting_id.eq_any(ids)),
            )
            .filter(alert_matches::outcome.eq("pending"))
            .set((
                alert_matches::outcome.eq("mailed"),
                alert_matches::told_at.eq(told.at),
                alert_matches::told_version.eq(version),
                alert_matches::told_in.eq(told.by),
                alert_matches::held_by.eq(None::<HeldBy>),
            ))
            .execute(tx)?;
    }
    Ok(count)
}

/// The subscriber hears of a posting that was told before.
pub(crate) fn hear(
    tx: &mut DbConn,
    alert_id: Id,
    (posting_id, version): (Id, i32),
    at: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(alert_matches::table.find((alert_id, posting_id)))
        .set((
            alert_matches::told_at.eq(at),
            alert_matches::told_version.eq(version),
        ))
        .execute(tx)?;
    Ok(())
}

fn drop_postings(tx: &mut DbConn, alert_id: Id, postings: &[Id]) -> Result<usize, StoreError> {
    if postings.is_empty() {
        return Ok(0);
    }
    Ok(diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(alert_id)
                .and(alert_matches::posting_id.eq_any(postings.to_vec())),
        )
        .filter(alert_matches::outcome.eq("pending"))
        .set((
            alert_matches::outcome.eq("dropped"),
            alert_matches::held_by.eq(None::<HeldBy>),
        ))
        .execute(tx)?)
}

/// Everything that is due for an alert that no longer writes.
fn drop_due(tx: &mut DbConn, alert_id: Id, now: Timestamp) -> Result<usize, StoreError> {
    let matches = diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(alert_id)
                .and(alert_matches::outcome.eq("pending")),
        )
        .filter(alert_matches::due_at.le(now))
        .set(alert_matches::outcome.eq("dropped"))
        .execute(tx)?;
    let changes = diesel::update(alert_changes::table)
        .filter(
            alert_changes::alert_id
                .eq(alert_id)
                .and(alert_changes::outcome.eq("pending")),
        )
        .filter(alert_changes::due_at.le(now))
        .set(alert_changes::outcome.eq("dropped"))
        .execute(tx)?;
    Ok(matches + changes)
}

/// What is due waits until `until`. Returns how many new postings wait.
fn postpone(
    tx: &mut DbConn,
    alert: &Alert,
    until: Timestamp,
    why: HeldBy,
    now: Timestamp,
) -> Result<usize, StoreError> {
    diesel::update(alert_changes::table)
        .filter(
            alert_changes::alert_id
                .eq(alert.id)
                .and(alert_changes::outcome.eq("pending")),
        )
        .filter(alert_changes::due_at.le(now))
        .set(alert_changes::due_at.eq(until))
        .execute(tx)?;
    Ok(diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(alert.id)
                .and(alert_matches::outcome.eq("pending"))
                .and(alert_matches::due_at.le(now)),
        )
        .set((alert_matches::due_at.eq(until), alert_matches::held_by.eq(why)))
        .execute(tx)?)
}
