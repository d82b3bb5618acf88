//! Silence and success told apart.

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::{alert_changes, alert_matches, alerts, suppressions};
use store::{DbConn, StoreError, Timestamp};

use crate::alert::AlertStatus;
use crate::feedback;

/// How alerts do, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AlertHealth {
    /// Active alerts.
    pub active: i64,
    /// Active alerts with something that is due and was not written yet. More than a moment above 0 is a fault.
    pub alerts_due: i64,
    /// Active alerts with something that waits for its time.
    pub alerts_waiting: i64,
    /// Active alerts that wrote a mail in the last 24 hours.
    pub alerts_mailed_last_day: i64,
    /// When the last mail was written.
    pub last_mailed_at: Option<Timestamp>,
    /// Since when what is due and not written has been due; none when nothing is.
    pub oldest_due_at: Option<Timestamp>,
    /// Postings that wait, by what they wait for: `digest`, `quiet_hours`, `pace`, `overflow`, or `now`.
    pub waiting_for: BTreeMap<String, i64>,
    /// Active alerts whose address is suppressed: they write, and nothing leaves.
    pub alerts_suppressed: i64,
    /// Alerts whose owners are asked whether to keep them.
    pub keep_asked: i64,
    /// Answers that a posting was right.
    pub right: i64,
    /// Answers that a posting was not.
    pub wrong: i64,
}

/// What an operator should look at, in words; empty when all is well.
pub fn warnings(health: &AlertHealth, now: Timestamp) -> Vec<String> {
    /// What is due is written within seconds; minutes mean that the pass does not run.
    const LATE: SignedDuration = SignedDuration::from_mins(5);
    let mut warnings = Vec::new();
    if let Some(since) = health.oldest_due_at.filter(|since| *since <= now.minus(LATE)) {
        let count = health.alerts_due;
        warnings.push(format!(
            "{count} alerts have mail due that is not written, the oldest since {since}: is a server running?"
        ));
    }
    if health.alerts_suppressed > 0 {
        let count = health.alerts_suppressed;
        warnings.push(format!(
            "{count} active alerts belong to suppressed addresses and reach nobody"
        ));
    }
    let answers = health.right + health.wrong;
    if answers >= 20 && health.wrong * 2 > answers {
        warnings.push(format!(
            "{} of {answers} answers say that a posting was not right",
            health.wrong
        ));
    }
    warnings
}

/// Looks at all alerts.
pub fn health(conn: &mut DbConn, now: Timestamp) -> Result<AlertHealth, StoreError> {
    let active = || alerts::table.filter(alerts::status.eq(AlertStatus::Active));
    let day_ago = now.minus(SignedDuration::from_hours(24));
    let pending = || alert_matches::table.filter(alert_matches::outcome.eq("pending"));
    let pending_changes = || alert_changes::table.filter(alert_changes::outcome.eq("pending"));
    let is_due = alerts::id
        .eq_any(
            pending()
                .filter(alert_matches::due_at.le(now))
                .select(alert_matches::alert_id),
        )
        .or(alerts::id.eq_any(
            pending_changes()
                .filter(alert_changes::due_at.le(now))
                .select(alert_changes::alert_id),
        ));
    let waits = alerts::id
        .eq_any(
            pending()
                .filter(alert_matches::due_at.gt(now))
                .select(alert_matches::alert_id),
        )
        .or(alerts::id.eq_any(
            pending_changes()
                .filter(alert_changes::due_at.gt(now))
                .select(alert_changes::alert_id),
        ));
    let (oldest_match, oldest_change): (Option<Timestamp>, Option<Timestamp>) = (
        pending()
            .filter(alert_matches::due_at.le(now))
            .select(diesel::dsl::min(alert_matches::due_at))
            .get_result(conn)?,
        pending_changes()
            .filter(alert_changes::due_at.le(now))
            .select(diesel::dsl::min(alert_changes::due_at))
            .get_result(conn)?,
    );
    let by_reason: Vec<(Option<String>, i64)> = pending()
        .group_by(alert_matches::held_by)
        .select((alert_matches::held_by, diesel::dsl::count_star()))
        .load(conn)?;
    let waiting_for = by_reason
        .into_iter()
        .map(|(reason, count)| (reason.unwrap_or_else(|| "now".to_owned()), count))
        .collect();
    let (right, wrong) = feedback::count(conn, None)?;
    Ok(AlertHealth {
        active: active().count().get_result(conn)?,
        alerts_due: active().filter(is_due).count().get_result(conn)?,
        alerts_waiting: active().filter(waits).count().get_result(conn)?,
        alerts_mailed_last_day: active()
            .filter(alerts::last_mailed_at.gt(day_ago))
            .count()
            .get_result(conn)?,
        last_mailed_at: alerts::table
            .select(diesel::dsl::max(alerts::last_mailed_at))
            .get_result(conn)?,
        oldest_due_at: oldest_match.into_iter().chain(oldest_change).min(),
        waiting_for,
        alerts_suppressed: active()
            .filter(alerts::email.eq_any(suppressions::table.select(suppressions::address)))
            .count()
            .get_result(conn)?,
        keep_asked: active()
            .filter(alerts::keep_asked_at.is_not_null())
            .count()
            .get_result(conn)?,
        right,
        wrong,
    })
}
