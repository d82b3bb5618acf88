//! Rows of alerts: looking for an address's others, and saving a change with its place among all changes.

use diesel::prelude::*;
use mail::EmailAddress;
use search::Query;
use store::revision::{self, Counter};
use store::schema::{alert_changes, alert_matches, alerts};
use store::{DbConn, Id, StoreError, Timestamp, cols};

use crate::alert::{Alert, AlertStatus, ChangeKind, Frequency, Notify};
use crate::mails;
use crate::matching::held_by;
use crate::schedule;
use crate::subscription::{AlertError, MAX_PER_ADDRESS};

/// The confirmed alert of the address that looks for the same and writes as soon.
pub(crate) fn find_same(
    conn: &mut DbConn,
    email: &EmailAddress,
    query: &Query,
    frequency: Frequency,
) -> Result<Option<Alert>, StoreError> {
    let of_address: Vec<Alert> = alerts::table
        .filter(alerts::email.eq(email))
        .filter(alerts::status.eq_any([AlertStatus::Active, AlertStatus::Paused]))
        .order(alerts::id)
        .limit(MAX_PER_ADDRESS)
        .select(cols::<Alert>())
        .load(conn)?;
    Ok(of_address
        .into_iter()
        .find(|alert| alert.query.0 == *query && alert.frequency == frequency))
}

pub(crate) fn count_of(conn: &mut DbConn, email: &EmailAddress) -> Result<i64, StoreError> {
    let open = [AlertStatus::Pending, AlertStatus::Active, AlertStatus::Paused];
    Ok(alerts::table
        .filter(alerts::email.eq(email).and(alerts::status.eq_any(open)))
        .count()
        .get_result(conn)?)
}

/// The alerts of the address that wait for a confirmation, oldest first.
pub(crate) fn list_pending(conn: &mut DbConn, email: &EmailAddress) -> Result<Vec<Alert>, StoreError> {
    Ok(alerts::table
        .filter(
            alerts::email
                .eq(email)
                .and(alerts::status.eq(AlertStatus::Pending)),
        )
        .order(alerts::id)
        .limit(MAX_PER_ADDRESS)
        .select(cols::<Alert>())
        .load(conn)?)
}

/// Nothing of the alert leaves any more: neither what it is owed nor what is in the outbox.
pub(crate) fn silence(tx: &mut DbConn, alert: &Alert, why: &str, now: Timestamp) -> Result<(), StoreError> {
    drop_pending(tx, alert.id)?;
    let about = mails::dedup_prefix(alert.id);
    mail::withdraw(tx, &alert.email, &about, why, now).map(|_| ())
}

/// Puts what waits for the alert to when it is due by its schedule.
pub(crate) fn reschedule(tx: &mut DbConn, alert: &Alert, now: Timestamp) -> Result<(), StoreError> {
    let due_at = schedule::due_at(alert, now);
    diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(alert.id)
                .and(alert_matches::outcome.eq("pending")),
        )
        .set((
            alert_matches::due_at.eq(due_at),
            alert_matches::held_by.eq(held_by(alert, due_at, now)),
        ))
        .execute(tx)?;
    diesel::update(alert_changes::table)
        .filter(
            alert_changes::alert_id
                .eq(alert.id)
                .and(alert_changes::outcome.eq("pending")),
        )
        .set(alert_changes::due_at.eq(due_at))
        .execute(tx)?;
    Ok(())
}

/// An alert that tells other changes from now on starts with what happens from now on.
pub(crate) fn forget_changes(tx: &mut DbConn, before: &Alert, notify: Notify) -> Result<(), StoreError> {
    if notify == before.notify {
        return Ok(());
    }
    let ended: Vec<ChangeKind> = ChangeKind::ALL
        .iter()
        .copied()
        .filter(|kind| !notify.has(*kind))
        .collect();
    diesel::update(alert_changes::table)
        .filter(
            alert_changes::alert_id
                .eq(before.id)
                .and(alert_changes::outcome.eq("pending")),
        )
        .filter(alert_changes::kind.eq_any(ended))
        .set(alert_changes::outcome.eq("dropped"))
        .execute(tx)?;
    if !before.notify.has(ChangeKind::Reopened) {
        diesel::update(alert_matches::table)
            .filter(
                alert_matches::alert_id
                    .eq(before.id)
                    .and(alert_matches::closed_at.is_not_null()),
            )
            .set(alert_matches::closed_at.eq(None::<Timestamp>))
            .execute(tx)?;
    }
    Ok(())
}

pub(crate) fn drop_pending(tx: &mut DbConn, id: Id) -> Result<(), StoreError> {
    diesel::update(alert_changes::table)
        .filter(
            alert_changes::alert_id
                .eq(id)
                .and(alert_changes::outcome.eq("pending")),
        )
        .set(alert_changes::outcome.eq("dropped"))
        .execute(tx)?;
    diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(id)
                .and(alert_matches::outcome.eq("pending")),
        )
        .set(alert_matches::outcome.eq("dropped"))
        .execute(tx)?;
    Ok(())
}

/// Saves an alert that is owed only what is first published from now on.
pub(crate) fn start_anew(tx: &mut DbConn, alert: Alert, now: Timestamp) -> Result<Alert, AlertError> {
    // The sequence first: it keeps a match pass from running between the two numbers.
    let sequence = revision::take(tx, Counter::Alerts, 1)?;
    let start_revision = revision::latest(tx, Counter::Postings)?;
    write(
        tx,
        Alert {
            start_revision,
            sequence,
            ..alert
        },
        now,
    )
}

pub(crate) fn save(tx: &mut DbConn, alert: Alert, now: Timestamp) -> Result<Alert, AlertError> {
    let sequence = revision::take(tx, Counter::Alerts, 1)?;
    write(tx, Alert { sequence, ..alert }, now)
}

fn write(tx: &mut DbConn, alert: Alert, now: Timestamp) -> Result<Alert, AlertError> {
    let before = alert.version;
    let after = Alert {
        version: before + 1,
        updated_at: now,
        touched_at: now,
        keep_asked_at: None,
        ..alert
    };
    let changed = diesel::update(alerts::table.find(after.id).filter(alerts::version.eq(before)))
        .set(&after)
        .execute(tx)?;
    if changed == 1 {
        Ok(after)
    } else {
        Err(AlertError::VersionConflict(before + 1))
    }
}
