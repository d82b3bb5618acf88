//! Alerts that nobody touches: their owners are asked, and without an answer they retire.

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::alerts;
use store::{Db, DbConn, Random, StoreError, Timestamp, cols};

use crate::alert::{Alert, AlertStatus, EndReason};
use crate::letterhead::Letterhead;
use crate::mails;
use crate::rows::silence;
use crate::rules::AlertRules;
use crate::subscription::AlertError;

/// Alerts asked or retired in one transaction.
const ALERTS: i64 = 200;

/// What a keep pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeepReport {
    /// Owners who were asked.
    pub asked: usize,
    /// Alerts that ended without an answer.
    pub retired: usize,
    /// Whether nothing more was due.
    pub is_caught_up: bool,
}

/// Asks the owners of untouched alerts whether to keep them, and retires those that got no answer. A pass: mail and alert
/// change in one transaction. An alert retires only [`AlertRules::retire_after`] after the question was asked.
pub fn keep_pass(
    db: &Db,
    letterhead: &Letterhead,
    random: &Random,
    now: Timestamp,
) -> Result<KeepReport, StoreError> {
    let rules = letterhead.rules;
    let nothing = db.read_blocking(|conn| {
        Ok::<_, StoreError>(
            untouched(conn, &rules, 1, now)?.is_empty() && unanswered(conn, &rules, 1, now)?.is_empty(),
        )
    })?;
    if nothing {
        return Ok(KeepReport {
            is_caught_up: true,
            ..KeepReport::default()
        });
    }
    db.write_blocking(|tx| {
        revision::lock(tx, Counter::Alerts)?;
        let (silent, old) = (
            unanswered(tx, &rules, ALERTS, now)?,
            untouched(tx, &rules, ALERTS, now)?,
        );
        for alert in &silent {
            retire(tx, alert, now)?;
        }
        let drafts: Vec<_> = old
            .iter()
            .map(|alert| mails::keep(letterhead, alert, now.plus(rules.retire_after)))
            .collect();
        let ids: Vec<_> = old.iter().map(|alert| alert.id).collect();
        diesel::update(alerts::table.filter(alerts::id.eq_any(ids)))
            .set(alerts::keep_asked_at.eq(now))
            .execute(tx)?;
        mail::enqueue(tx, &drafts, random, now)?;
        Ok(KeepReport {
            asked: old.len(),
            retired: silent.len(),
            is_caught_up: silent.len().max(old.len()) < ALERTS as usize,
        })
    })
}

/// The owner's answer: the alert lives on. Whoever can do anything with an alert can say so.
pub fn keep(tx: &mut DbConn, alert: &Alert, now: Timestamp) -> Result<(), AlertError> {
    revision::lock(tx, Counter::Alerts)?;
    diesel::update(alerts::table.find(alert.id))
        .set((
            alerts::touched_at.eq(now),
            alerts::keep_asked_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?;
    Ok(())
}

fn retire(tx: &mut DbConn, alert: &Alert, now: Timestamp) -> Result<(), StoreError> {
    silence(tx, alert, "retired", now)?;
    let sequence = revision::take(tx, Counter::Alerts, 1)?;
    diesel::update(alerts::table.find(alert.id))
        .set((
            alerts::status.eq(AlertStatus::Ended),
            alerts::end_reason.eq(EndReason::Retired),
            alerts::sequence.eq(sequence),
            alerts::version.eq(alerts::version + 1),
            alerts::updated_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

fn untouched(
    conn: &mut DbConn,
    rules: &AlertRules,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Alert>, StoreError> {
    Ok(alerts::table
        .filter(alerts::status.eq_any([AlertStatus::Active, AlertStatus::Paused]))
        .filter(alerts::touched_at.le(now.minus(rules.keep_after)))
        .filter(alerts::keep_asked_at.is_null())
        .order((alerts::touched_at, alerts::id))
        .limit(limit)
        .select(cols::<Alert>())
        .load(conn)?)
}

fn unanswered(
    conn: &mut DbConn,
    rules: &AlertRules,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Alert>, StoreError> {
    Ok(alerts::table
        .filter(alerts::status.eq_any([AlertStatus::Active, AlertStatus::Paused]))
        .filter(alerts::touched_at.le(now.minus(rules.keep_after)))
        .filter(alerts::keep_asked_at.le(now.minus(rules.retire_after)))
        .order((alerts::keep_asked_at, alerts::id))
        .limit(limit)
        .select(cols::<Alert>())
        .load(conn)?)
}
