//! What becomes of a delivery and of its endpoint after an attempt.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::MailConfig;
use store::schema::{webhook_deliveries, webhook_endpoints};
use store::{DbConn, Id, Random, StoreError, Timestamp};

use super::endpoint::{Endpoint, EndpointState};
use super::ledger::{Delivery, DeliveryState, hold_queued};
use super::letter::write_letters;

/// How long to wait after the first, second … attempt, seconds: twelve attempts in about three days.
const STEPS_S: [i64; 11] = [
    5, 30, 300, 1800, 7200, 18_000, 36_000, 43_200, 43_200, 50_400, 57_600,
];
/// An endpoint that took nothing for so long is disabled.
pub(super) const DISABLE_AFTER: SignedDuration = SignedDuration::from_hours(72);
/// The longest wait that an endpoint may ask for.
const MAX_RETRY_AFTER_S: i64 = 86_400;
/// An endpoint that took nothing for so long and then does is told at once what waits for it.
const RECOVERED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What an endpoint did with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It took it.
    Taken(u16),
    /// It wants no more messages.
    Gone,
    /// It answered something else, and perhaps when to come again, seconds.
    Refused(u16, Option<i64>),
    /// It did not answer.
    Silent(String),
}

/// One attempt.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) answer: Answer,
    pub(super) duration_ms: i32,
    /// When it ended.
    pub(super) at: Timestamp,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Delivered,
    /// To be tried again then.
    Retried(Timestamp),
    Failed,
    /// The endpoint is disabled from now on.
    Disabled,
    /// The lease had run out: whoever holds it now decides.
    Lost,
}

/// When to try again after `attempts` attempts (from 1), with up to a tenth more; `None` after the last.
fn next_attempt(
    attempts: i32,
    retry_after_s: Option<i64>,
    random: &Random,
    now: Timestamp,
) -> Option<Timestamp> {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let step = *STEPS_S.get(index)? as f64 * (1.0 + random.fraction() / 10.0);
    let wait = (step as i64).max(retry_after_s.unwrap_or(0).clamp(0, MAX_RETRY_AFTER_S));
    Some(now.plus(SignedDuration::from_secs(wait)))
}

/// Writes what came of an attempt, when the lease under which it was made is still the row's.
pub(super) fn record(
    tx: &mut DbConn,
    endpoint_id: Id,
    delivery: &Delivery,
    attempt: &Attempt,
    config: &MailConfig,
    random: &Random,
) -> Result<Verdict, StoreError> {
    let now = attempt.at;
    if !super::endpoint::lock(tx, endpoint_id)? {
        return Ok(Verdict::Lost);
    }
    let (status, error, retry_after) = match &attempt.answer {
        Answer::Taken(status) => (Some(*status), None, None),
        Answer::Gone => (
            Some(410),
            Some("it wants no more messages (410)".to_owned()),
            None,
        ),
        Answer::Refused(status, after) => (
            Some(*status),
            Some(format!("it answered with status {status}")),
            *after,
        ),
        Answer::Silent(why) => (None, Some(why.clone()), None),
    };
    let attempts = delivery.row.attempts + 1;
    let is_taken = matches!(attempt.answer, Answer::Taken(_));
    let next = next_attempt(attempts, retry_after, random, now);
    let (state, finished_at) = match (is_taken, next) {
        (true, _) => (DeliveryState::Delivered, Some(now)),
        (false, Some(_)) => (DeliveryState::Queued, None),
        (false, None) => (DeliveryState::Failed, Some(now)),
    };
    let row = &delivery.row;
    let status = status.map(i32::from);
    let recorded = diesel::update(webhook_deliveries::table.find((row.endpoint_id, row.event_id)))
        .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
        .filter(webhook_deliveries::lease_holder.eq(row.lease_holder))
        .filter(webhook_deliveries::lease_expires_at.eq(row.lease_expires_at))
        .set((
            webhook_deliveries::state.eq(state),
            webhook_deliveries::attempts.eq(attempts),
            webhook_deliveries::next_attempt_at.eq(next.unwrap_or(now)),
            webhook_deliveries::lease_holder.eq(None::<Id>),
            webhook_deliveries::lease_expires_at.eq(None::<Timestamp>),
            webhook_deliveries::last_status.eq(status),
            webhook_deliveries::last_error.eq(&error),
            webhook_deliveries::last_attempt_at.eq(Some(now)),
            webhook_deliveries::duration_ms.eq(Some(attempt.duration_ms)),
            webhook_deliveries::finished_at.eq(finished_at),
        ))
        .execute(tx)?;
    if recorded == 0 {
        return Ok(Verdict::Lost);
    }
    let Some(endpoint) = super::endpoint::find(tx, endpoint_id)? else {
        return Ok(Verdict::Lost);
    };
    if is_taken {
        note_success(tx, &endpoint, status, now)?;
        return Ok(Verdict::Delivered);
    }
    let since = endpoint.failing_since.unwrap_or(now);
    diesel::update(webhook_endpoints::table.find(endpoint_id))
        .set((
            webhook_endpoints::failing_since.eq(Some(since)),
            webhook_endpoints::last_status.eq(status),
            webhook_endpoints::last_error.eq(&error),
            webhook_endpoints::last_attempt_at.eq(Some(now)),
        ))
        .execute(tx)?;
    let reason = if attempt.answer == Answer::Gone {
        Some("it answered 410: it wants no more messages".to_owned())
    } else if since.plus(DISABLE_AFTER) <= now {
        Some(format!(
            "it took nothing for three days; last, {}",
            error.unwrap_or_default()
        ))
    } else {
        None
    };
    if let Some(reason) = reason {
        disable(tx, &endpoint, delivery, &reason, config, random, now)?;
        return Ok(Verdict::Disabled);
    }
    Ok(next.map_or(Verdict::Failed, Verdict::Retried))
}

fn note_success(
    tx: &mut DbConn,
    endpoint: &Endpoint,
    status: Option<i32>,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(webhook_endpoints::table.find(endpoint.id))
        .set((
            webhook_endpoints::failing_since.eq(None::<Timestamp>),
            webhook_endpoints::last_status.eq(status),
            webhook_endpoints::last_error.eq(None::<String>),
            webhook_endpoints::last_attempt_at.eq(Some(now)),
            webhook_endpoints::last_success_at.eq(Some(now)),
        ))
        .execute(tx)?;
    if endpoint
        .failing_since
        .is_some_and(|since| since.plus(RECOVERED_AFTER) <= now)
    {
        put_off(tx, endpoint.id, None, now)?;
    }
    Ok(())
}

/// Sets when the untold rest of an endpoint is due: not before `not_before`, or all of it at once.
pub(super) fn put_off(
    tx: &mut DbConn,
    endpoint_id: Id,
    not_before: Option<Timestamp>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    macro_rules! due {
        ($which:expr, $at:expr) => {
            diesel::update(webhook_deliveries::table)
                .filter(webhook_deliveries::endpoint_id.eq(endpoint_id))
                .filter(webhook_deliveries::state.eq(DeliveryState::Queued))
                .filter(webhook_deliveries::lease_holder.is_null())
                .filter($which)
                .set(webhook_deliveries::next_attempt_at.eq($at))
                .execute(tx)?
        };
    }
    Ok(match not_before {
        Some(at) => due!(webhook_deliveries::next_attempt_at.lt(at), at),
        None => due!(webhook_deliveries::next_attempt_at.gt(now), now),
    })
}

/// Disables an endpoint, holds what it was to be told, and writes to those who look after it.
fn disable(
    tx: &mut DbConn,
    endpoint: &Endpoint,
    delivery: &Delivery,
    reason: &str,
    config: &MailConfig,
    random: &Random,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(webhook_endpoints::table.find(endpoint.id))
        .set((
            webhook_endpoints::state.eq(EndpointState::Disabled),
            webhook_endpoints::disabled_reason.eq(Some(reason)),
            webhook_endpoints::version.eq(webhook_endpoints::version + 1),
            webhook_endpoints::updated_at.eq(now),
        ))
        .execute(tx)?;
    hold_queued(tx, endpoint.id, now)?;
    // The attempt that was the last one waits for a replay like all others.
    diesel::update(webhook_deliveries::table.find((endpoint.id, delivery.row.event_id)))
        .set((
            webhook_deliveries::state.eq(DeliveryState::Held),
            webhook_deliveries::finished_at.eq(Some(now)),
        ))
        .execute(tx)?;
    write_letters(tx, endpoint, reason, config, random, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    #[test]
    fn attempts_go_on_for_three_days_and_then_end() {
        let (random, now) = (Random::seeded(1), monday_morning());
        let mut waited = 0;
        let mut before = 0;
        for attempts in 1..=11 {
            let next = next_attempt(attempts, None, &random, now).unwrap();
            let wait = next.seconds() - now.seconds();
            assert!(wait >= before * 9 / 10, "longer and longer");
            before = wait;
            waited += wait;
        }
        assert!((70 * 3600..=80 * 3600).contains(&waited), "{waited}");
        assert_eq!(next_attempt(12, None, &random, now), None);
        let asked = next_attempt(1, Some(600), &random, now).unwrap();
        assert_eq!(asked.seconds() - now.seconds(), 600, "as long as it says");
        let asked = next_attempt(1, Some(i64::MAX), &random, now).unwrap();
        assert_eq!(asked.seconds() - now.seconds(), 86_400, "but a day at most");
    }
}
