//! Telling webhooks: from the change feed into their ledger, and out of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::SignedDuration;
use postings::webhooks;
use store::{DbConn, StoreError, Timestamp};

use super::Workshop;
use super::passes::blocking;
use super::rhythm::{Done, Next};

/// Changes that one transaction reads at most.
const CHANGES: i64 = 200;
/// How long events are kept for replays.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Reads changes and tells what is due.
pub(super) async fn pass(shop: Arc<Workshop>) -> Result<Done> {
    if !shop.may_run("webhooks").await? {
        return Ok(Done::IDLE);
    }
    let worker = Arc::clone(&shop);
    let (noted, told) = blocking(move || {
        let render = |posting| worker.state.render(posting);
        let noted = match webhooks::note_pass(&worker.db, &render, &worker.random, CHANGES, worker.now()) {
            // Another node read them.
            Err(StoreError::Interrupted) => webhooks::NoteReport::default(),
            outcome => outcome?,
        };
        Ok((noted, webhooks::delivery_pass(&worker.messenger)?))
    })
    .await?;
    let counts = [
        ("delivered", told.delivered),
        ("retried", told.retried),
        ("failed", told.failed),
        ("disabled", told.disabled),
        ("lost", told.lost),
    ];
    for (outcome, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("backplane_webhook_deliveries_total", "outcome" => outcome).increment(count as u64);
    }
    if told.disabled > 0 {
        shop.state.wake().mail.notify_one();
    }
    let worked = noted.events + told.done() > 0;
    Ok(Done {
        worked,
        next: when_next(noted.is_caught_up, told.done() > 0, told.next_due, shop.now()),
    })
}

/// At once while there is more to read or rows move; otherwise when the next row is due.
fn when_next(is_caught_up: bool, moved: bool, next_due: Option<Timestamp>, now: Timestamp) -> Next {
    match next_due {
        _ if !is_caught_up => Next::AtOnce,
        Some(at) if at <= now && moved => Next::AtOnce,
        Some(at) if at > now => {
            let wait = at.micros().saturating_sub(now.micros()).max(20_000);
            Next::Within(Duration::from_micros(wait.unsigned_abs()))
        }
        _ => Next::AsUsual,
    }
}

/// Forgets events that are too old for a replay and secrets that no longer sign; seals those of older versions.
pub(super) fn tidy(shop: &Workshop, tx: &mut DbConn, limit: i64, now: Timestamp) -> Result<usize> {
    let sealed = webhooks::seal_secrets(tx, &shop.letterhead.links, &shop.random, limit, now)?;
    Ok(sealed + webhooks::purge(tx, now.minus(KEPT), limit)?)
}

/// What operators look at.
pub(super) async fn figures(shop: &Workshop) -> Result<()> {
    let counts = shop.db.read(webhooks::count_by_state).await?;
    let deliveries = [
        ("queued", counts.queued),
        ("failed", counts.failed),
        ("held", counts.held),
    ];
    for (state, count) in deliveries {
        metrics::gauge!("backplane_webhook_queue", "state" => state).set(count as f64);
    }
    for (state, count) in [("failing", counts.failing), ("disabled", counts.disabled)] {
        metrics::gauge!("backplane_webhooks", "state" => state).set(count as f64);
    }
    Ok(())
}
