//! The passes, each with what it wakes and what it counts.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use alerts::{MatchState, closing_pass, dispatch_pass, keep_pass, match_pass, mend_schedules, subscription};
use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use postings::{import, lifecycle, numbers as figures, registrations, schedule, warning};
use store::revision::{self, Counter};
use store::{DbConn, StoreError, Timestamp, idempotency};

use super::Workshop;
use super::rhythm::{Done, Next};
use crate::command::serve::Role;

/// Rows that one transaction of the upkeep changes at most.
const UPKEEP_ROWS: i64 = 500;
/// Transactions of one kind in one upkeep at most; the rest waits for the next.
const UPKEEP_ROUNDS: usize = 200;
/// An import that began so long ago and did not end lost its process.
const LONGEST_IMPORT: SignedDuration = SignedDuration::from_hours(24);
/// Shortest wait for a mail that is nearly due.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("the work was interrupted")?
}

/// From the database into the search index of this node.
pub(super) async fn index(shop: Arc<Workshop>) -> Result<Done> {
    let worker = Arc::clone(&shop);
    let report = blocking(move || Ok(worker.index.pass(&worker.db)?)).await?;
    metrics::gauge!("backplane_index_revision").set(report.cursor as f64);
    metrics::gauge!("backplane_index_rebuilding").set(if report.building.is_some() { 1.0 } else { 0.0 });
    if let Some(revision) = report.building {
        shop.tell_rebuild(revision).await?;
    }
    if report.applied > 0 {
        metrics::counter!("backplane_index_changes_total").increment(report.applied as u64);
        shop.state.wake().webhooks.notify_one();
        shop.state.wake().alerts.notify_one();
    }
    if report.is_caught_up {
        shop.state.set_ready(true);
    }
    let is_building = report.building.is_some();
    Ok(Done::after(
        report.applied > 0 || is_building || report.is_switched,
        report.is_caught_up && !is_building,
    ))
}

/// From new postings to what alerts are owed.
pub(super) async fn matching(shop: Arc<Workshop>) -> Result<Done> {
    if !shop.may_run("match").await? {
        return Ok(Done::IDLE);
    }
    let worker = Arc::clone(&shop);
    let outcome = blocking(move || {
        let mut state = worker.inner.matching.lock().unwrap_or_else(|poisoned| {
            // A pass panicked half way: what is in memory is made anew.
            worker.inner.matching.clear_poison();
            let mut state = PoisonError::into_inner(poisoned);
            *state = MatchState::new();
            state
        });
        let vocabulary = taxonomy::Taxonomy::bundled().version();
        let mut matched_by = worker
            .inner
            .matched_by
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *matched_by != vocabulary {
            // Queries are understood by another vocabulary from here on.
            *state = MatchState::new();
            vocabulary.clone_into(&mut matched_by);
        }
        drop(matched_by);
        match match_pass(&worker.db, &mut state, worker.now()) {
            // Another node did this batch.
            Err(StoreError::Interrupted) => Ok(None),
            outcome => Ok(Some(outcome?)),
        }
    });
    let Some(report) = outcome.await? else {
        return Ok(Done::IDLE);
    };
    metrics::gauge!("backplane_alerts_in_memory").set(report.alerts as f64);
    if report.matches > 0 {
        metrics::counter!("backplane_alert_matches_total").increment(report.matches as u64);
        shop.inner.dispatch.notify_one();
    }
    Ok(Done::after(report.changes > 0, report.is_caught_up))
}

/// From what alerts are owed to mails in the outbox.
pub(super) async fn dispatch(shop: Arc<Workshop>) -> Result<Done> {
    if !shop.may_run("dispatch").await? {
        return Ok(Done::IDLE);
    }
    let worker = Arc::clone(&shop);
    let pass = move || {
        Ok(dispatch_pass(
            &worker.db,
            &worker.letterhead,
            &worker.random,
            worker.now(),
        )?)
    };
    let report = blocking(pass).await?;
    let told = [
        ("posting", report.postings),
        ("change", report.changes),
        ("dropped", report.dropped),
        ("held", report.held),
    ];
    for (what, count) in told.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("backplane_alert_dispatched_total", "what" => what).increment(count as u64);
    }
    if report.mails > 0 {
        metrics::counter!("backplane_alert_mails_total").increment(report.mails as u64);
        shop.state.wake().mail.notify_one();
    }
    Ok(Done::after(
        report.mails + report.dropped + report.held > 0,
        report.is_caught_up,
    ))
}

/// Out of the outbox.
pub(super) async fn mail(shop: Arc<Workshop>) -> Result<Done> {
    let report = mail::delivery_pass(&shop.courier).await?;
    for ((outcome, class), count) in &report.by_class {
        metrics::counter!("backplane_mails_total", "outcome" => *outcome, "mailboxes" => *class)
            .increment(*count as u64);
    }
    metrics::gauge!("backplane_relay_available").set(if report.relay_failed { 0.0 } else { 1.0 });
    metrics::gauge!("backplane_relay_connections").set(shop.courier.open_connections() as f64);
    let counts = [
        ("expired", report.expired),
        ("suppressed", report.suppressed),
        ("withdrawn", report.withdrawn),
        ("lost", report.lost),
    ];
    for (outcome, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("backplane_mails_total", "outcome" => outcome, "mailboxes" => "any")
            .increment(count as u64);
    }
    let worked = report.done() > 0;
    let next = report.next_due.map_or(Next::AsUsual, |due| {
        when_due(due, shop.now(), worked && !report.relay_failed)
    });
    Ok(Done { worked, next })
}

fn when_due(due: Timestamp, now: Timestamp, made_progress: bool) -> Next {
    match u64::try_from(due.micros() - now.micros()) {
        Ok(micros) if micros > 0 => Next::Within(Duration::from_micros(micros).max(SHORTEST_WAIT)),
        _ if made_progress => Next::AtOnce,
        // Due, but nothing could be done about it just now.
        _ => Next::AsUsual,
    }
}

/// From scheduled postings to public ones.
pub(super) async fn schedule(shop: Arc<Workshop>) -> Result<Done> {
    let worker = Arc::clone(&shop);
    let handled = blocking(move || {
        let now = worker.now();
        let next = worker.db.read_blocking(schedule::next_due)?;
        if next.is_none_or(|at| at > now) {
            return Ok(0);
        }
        let rules = worker.state.posting_rules();
        worker
            .db
            .write_blocking(|tx| schedule::publish_due(tx, &rules, UPKEEP_ROWS, now))
            .context("scheduled postings could not be published")
    })
    .await?;
    if handled > 0 {
        shop.state.wake().index.notify_one();
    }
    Ok(Done::after(handled > 0, (handled as i64) < UPKEEP_ROWS))
}

/// From employers' boards elsewhere to postings here.
pub(super) async fn boards(shop: Arc<Workshop>) -> Result<Done> {
    if shop.fetcher.is_none() || !shop.may_run("boards").await? {
        return Ok(Done::IDLE);
    }
    let worker = Arc::clone(&shop);
    let report = blocking(move || match &worker.fetcher {
        Some(fetcher) => Ok(import::fetch_pass(
            &worker.db,
            fetcher,
            &worker.random,
            worker.now(),
        )?),
        None => Ok(import::FetchReport::default()),
    })
    .await?;
    let counts = [
        ("imported", report.imported),
        ("unmodified", report.unmodified),
        ("failed", report.failed),
    ];
    for (outcome, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("backplane_board_fetches_total", "outcome" => outcome).increment(count as u64);
    }
    if report.imported > 0 {
        shop.state.wake().index.notify_one();
    }
    let worked = report.imported + report.unmodified + report.failed > 0;
    Ok(Done::after(worked, report.is_caught_up))
}

/// From what readers did to the numbers of employers.
pub(super) async fn numbers(shop: Arc<Workshop>) -> Result<Done> {
    let worker = Arc::clone(&shop);
    let written = blocking(move || Ok(worker.state.counters().flush(&worker.db)?)).await?;
    Ok(Done::after(written > 0, true))
}

/// From what clients spent here to the other nodes. What is lost on the way is lost.
pub(super) async fn budgets(shop: Arc<Workshop>) -> Result<Done> {
    let messages = shop.state.take_untold_budgets();
    if messages.is_empty() {
        return Ok(Done::IDLE);
    }
    let holder = shop.holder;
    let tell = move |tx: &mut DbConn| {
        for message in &messages {
            store::tell_nodes(tx, &format!("{holder}\n{message}"))?;
        }
        Ok::<_, StoreError>(())
    };
    shop.db.write(tell).await?;
    Ok(Done::after(true, true))
}

/// From domains that were shown once to what their name servers say today.
pub(super) async fn domains(shop: Arc<Workshop>) -> Result<Done> {
    shop.state.tidy();
    if shop.role == Role::Front || !shop.may_run("domains").await? {
        return Ok(Done::IDLE);
    }
    let report = shop.state.domain_pass().await?;
    if report.lost > 0 {
        tracing::info!(
            lost = report.lost,
            "domains are no longer shown to be their employers'"
        );
        shop.state.wake().mail.notify_one();
    }
    Ok(Done::after(report.checked > 0, report.is_caught_up))
}

/// Ends what is over and forgets what nobody needs any more.
pub(super) async fn upkeep(shop: Arc<Workshop>) -> Result<Done> {
    if !shop.may_run("upkeep").await? {
        return Ok(Done::IDLE);
    }
    let worker = Arc::clone(&shop);
    let (expired, others) = blocking(move || tidy(&worker)).await?;
    let worker = Arc::clone(&shop);
    let asked = blocking(move || look_after_alerts(&worker)).await?;
    if asked > 0 {
        shop.inner.dispatch.notify_one();
        shop.state.wake().mail.notify_one();
    }
    if expired > 0 {
        tracing::info!(expired, "postings came to their end");
        metrics::counter!("backplane_postings_expired_total").increment(expired as u64);
        shop.state.wake().index.notify_one();
    }
    Ok(Done::after(expired + others + asked > 0, true))
}

fn tidy(shop: &Workshop) -> Result<(usize, usize)> {
    let now = shop.now();
    let expired = in_rounds(shop, |tx| {
        lifecycle::expire_due(tx, UPKEEP_ROWS, now).context("postings could not be expired")
    })?;
    let config = &shop.letterhead.config;
    let warned = in_rounds(shop, |tx| {
        Ok(warning::warn_due(tx, config, &shop.random, UPKEEP_ROWS, now)?)
    })?;
    if warned > 0 {
        shop.state.wake().mail.notify_one();
    }
    let forgotten = in_rounds(shop, |tx| {
        Ok(subscription::forget_unconfirmed(tx, UPKEEP_ROWS, now)?)
    })?;
    let mails = in_rounds(shop, |tx| {
        Ok(mail::purge_finished(
            tx,
            now.minus(shop.retention.finished_mails),
            UPKEEP_ROWS,
        )?)
    })?;
    let told = in_rounds(shop, |tx| super::webhooks::tidy(shop, tx, UPKEEP_ROWS, now))?;
    let answers = in_rounds(shop, |tx| Ok(idempotency::forget_old(tx, UPKEEP_ROWS, now)?))?;
    let seats = in_rounds(shop, |tx| Ok(registrations::forget_past(tx, UPKEEP_ROWS, now)?))?;
    let secrets = in_rounds(shop, |tx| {
        Ok(accounts::purge_expired(
            tx,
            &shop.retention.accounts,
            UPKEEP_ROWS,
            now,
        )?)
    })?;
    let numbers = forget_numbers(shop, now)?;
    let began_before = now.minus(LONGEST_IMPORT);
    let runs = shop
        .db
        .write_blocking(|tx| import::fail_interrupted_runs(tx, began_before, now))?;
    Ok((
        expired,
        warned + forgotten + mails + told + answers + seats + secrets + numbers + runs,
    ))
}

/// Deletes figures of days that no report reaches any more. Days end once in 24 hours, and there is no index by day: looking in
/// one minute of each hour is plenty.
fn forget_numbers(shop: &Workshop, now: Timestamp) -> Result<usize> {
    let mut gone = 0;
    if now.seconds().rem_euclid(3600) >= 60 {
        return Ok(gone);
    }
    for _ in 0..UPKEEP_ROUNDS {
        let day: Result<_, StoreError> = shop.db.read_blocking(|conn| figures::find_old_day(conn, now));
        let Some(day) = day? else { break };
        let forgotten: Result<usize, StoreError> = shop.db.write_blocking(|tx| figures::forget_day(tx, day));
        gone += forgotten?;
    }
    Ok(gone)
}

/// What alerts do by the calendar: tell what ends soon, ask whether to keep them, and mend what a wrong clock wrote.
fn look_after_alerts(shop: &Workshop) -> Result<usize> {
    let now = shop.now();
    let mended = in_rounds(shop, |tx| Ok(mend_schedules(tx, UPKEEP_ROWS, now)?))?;
    if mended > 0 {
        tracing::warn!(
            mended,
            "alerts were due later than they can be: the clock was ahead for a while"
        );
    }
    let mut done = mended;
    for _ in 0..UPKEEP_ROUNDS {
        let closing = closing_pass(&shop.db, now)?;
        let kept = keep_pass(&shop.db, &shop.letterhead, &shop.random, now)?;
        if kept.asked + kept.retired > 0 {
            tracing::info!(
                asked = kept.asked,
                retired = kept.retired,
                "alerts that nobody touched"
            );
        }
        metrics::counter!("backplane_alerts_retired_total").increment(kept.retired as u64);
        done += closing + kept.asked + kept.retired;
        if closing == 0 && kept.is_caught_up {
            break;
        }
    }
    Ok(done)
}

/// Repeats `change`, each time in a transaction of its own, until it finds less than a full batch. Returns the sum.
fn in_rounds(shop: &Workshop, change: impl Fn(&mut DbConn) -> Result<usize>) -> Result<usize> {
    let mut sum = 0;
    for _ in 0..UPKEEP_ROUNDS {
        let outcome: Result<usize, Failed> = shop.db.write_blocking(|tx| Ok(change(tx)?));
        let count = outcome?;
        sum += count;
        if (count as i64) < UPKEEP_ROWS {
            break;
        }
    }
    Ok(sum)
}

/// Carries either kind of failure out of a transaction.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Figures that nobody counts by the way.
pub(super) async fn figures(shop: Arc<Workshop>) -> Result<Done> {
    if let Some(metrics) = &shop.metrics {
        metrics.run_upkeep();
    }
    super::process::figures();
    metrics::gauge!("backplane_leases_held").set(shop.leases().len() as f64);
    let has_index = shop.role != Role::Worker;
    let cursor = shop.index.cursor();
    let (counts, postings, alerts, latest) = shop
        .db
        .read(|conn| {
            let postings = postings::find::count_by_status(conn)?;
            let alerts = subscription::count_by_status(conn)?;
            let latest = revision::latest(conn, Counter::Postings)?;
            Ok::<_, StoreError>((mail::queue_counts(conn)?, postings, alerts, latest))
        })
        .await?;
    if has_index {
        metrics::gauge!("backplane_index_postings").set(shop.index.len() as f64);
        metrics::gauge!("backplane_index_behind_revisions").set(latest.saturating_sub(cursor).max(0) as f64);
    }
    for (status, count) in postings {
        metrics::gauge!("backplane_postings", "status" => status.as_str()).set(count as f64);
    }
    for (status, count) in alerts {
        metrics::gauge!("backplane_alerts", "status" => status.as_str()).set(count as f64);
    }
    alert_figures(&shop).await?;
    super::webhooks::figures(&shop).await?;
    let states = [
        ("queued", counts.queued),
        ("sent", counts.sent),
        ("failed", counts.failed),
        ("expired", counts.expired),
        ("suppressed", counts.suppressed),
    ];
    for (state, count) in states {
        metrics::gauge!("backplane_outbox_mails", "state" => state).set(count as f64);
    }
    let age_s = |since: Option<Timestamp>| {
        since.map_or(0.0, |since| {
            shop.now().micros().saturating_sub(since.micros()).max(0) as f64 / 1e6
        })
    };
    metrics::gauge!("backplane_outbox_oldest_queued_seconds").set(age_s(counts.oldest_queued_at));
    metrics::gauge!("backplane_outbox_oldest_due_seconds").set(age_s(counts.oldest_due_at));
    let suppressed = shop.db.read(mail::count_suppressions).await?;
    for reason in ["bounce", "complaint", "operator"] {
        let found = suppressed.iter().find(|(known, _)| known.as_str() == reason);
        let count = found.map_or(0, |(_, count)| *count);
        metrics::gauge!("backplane_suppressed_addresses", "reason" => reason).set(count as f64);
    }
    let is_sent = if shop.courier.leaves_the_machine() {
        1.0
    } else {
        0.0
    };
    metrics::gauge!("backplane_mail_configured").set(is_sent);
    Ok(Done::IDLE)
}

/// Whether alerts are silent because there is nothing to say.
async fn alert_figures(shop: &Workshop) -> Result<()> {
    let now = shop.now();
    let health = shop.db.read(move |conn| alerts::health(conn, now)).await?;
    let since = |at: Option<Timestamp>| {
        at.map_or(0.0, |at| {
            now.micros().saturating_sub(at.micros()).max(0) as f64 / 1e6
        })
    };
    metrics::gauge!("backplane_alerts_due").set(health.alerts_due as f64);
    metrics::gauge!("backplane_alerts_waiting").set(health.alerts_waiting as f64);
    metrics::gauge!("backplane_alerts_mailed_last_day").set(health.alerts_mailed_last_day as f64);
    metrics::gauge!("backplane_alerts_oldest_due_seconds").set(since(health.oldest_due_at));
    metrics::gauge!("backplane_alerts_suppressed").set(health.alerts_suppressed as f64);
    for reason in ["digest", "quiet_hours", "pace", "overflow", "now"] {
        let count = health.waiting_for.get(reason).copied().unwrap_or_default();
        metrics::gauge!("backplane_alert_postings_waiting", "for" => reason).set(count as f64);
    }
    for (verdict, count) in [("right", health.right), ("wrong", health.wrong)] {
        metrics::gauge!("backplane_alert_answers", "verdict" => verdict).set(count as f64);
    }
    for warning in alerts::warnings(&health, now) {
        tracing::debug!(warning, "alerts need a look");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_that_is_due_but_cannot_leave_does_not_make_the_loop_spin() {
        let now = Timestamp::from_seconds(1000);
        assert_eq!(when_due(now, now, true), Next::AtOnce);
        assert_eq!(
            when_due(now.minus(SignedDuration::from_secs(5)), now, false),
            Next::AsUsual
        );
        let soon = now.plus(SignedDuration::from_micros(10));
        assert_eq!(when_due(soon, now, false), Next::Within(SHORTEST_WAIT));
    }
}
