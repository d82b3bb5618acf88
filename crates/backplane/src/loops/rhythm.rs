//! When a pass runs: at once when woken, now and then in any case, later after a failure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::Workshop;

/// Pause after a first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Name and pace of a loop.
pub(super) struct Rhythm {
    /// In logs and figures.
    pub(super) name: &'static str,
    /// How long to wait at most from one pass to the next.
    pub(super) poll: Duration,
    /// What ends the wait early.
    pub(super) wake: fn(&Workshop) -> &Notify,
}

/// What a pass says when it is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    /// Whether it found something to do.
    pub(super) worked: bool,
    /// When to come again.
    pub(super) next: Next,
}

/// When to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At once: more is waiting.
    AtOnce,
    /// At the usual pace.
    AsUsual,
    /// After this time, when that is sooner than usual.
    Within(Duration),
}

impl Done {
    /// Nothing was to be done.
    pub(super) const IDLE: Self = Self {
        worked: false,
        next: Next::AsUsual,
    };

    /// Something was done, and possibly more is waiting.
    pub(super) fn after(worked: bool, is_caught_up: bool) -> Self {
        let next = if is_caught_up { Next::AsUsual } else { Next::AtOnce };
        Self { worked, next }
    }
}

/// Runs `pass` until `stop` says so. A failure or a panic is logged and ends nothing.
pub(super) async fn repeat<F>(
    rhythm: Rhythm,
    shop: Arc<Workshop>,
    mut stop: watch::Receiver<bool>,
    pass: fn(Arc<Workshop>) -> F,
) where
    F: Future<Output = Result<Done>> + Send + 'static,
{
    let mut failures = 0;
    while !*stop.borrow() {
        let outcome = measured(rhythm.name, pass(Arc::clone(&shop))).await;
        let (wait, may_be_woken) = match outcome {
            Ok(done) => {
                failures = 0;
                (wait_after(done.next, rhythm.poll), true)
            }
            Err(error) => {
                let wait = pause_after(failures);
                failures += 1;
                let again_in_ms = wait.as_millis() as u64;
                tracing::error!(
                    pass = rhythm.name,
                    error = format!("{error:#}"),
                    again_in_ms,
                    "a background pass failed"
                );
                (wait, false)
            }
        };
        let woken = async {
            if may_be_woken {
                (rhythm.wake)(&shop).notified().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = stop.changed() => return,
            () = woken => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Runs one pass as a task of its own, so that a panic stays in it and dropping the loop drops it too.
async fn measured(
    name: &'static str,
    pass: impl Future<Output = Result<Done>> + Send + 'static,
) -> Result<Done> {
    let began = Instant::now();
    let mut task = JoinSet::new();
    task.spawn(pass);
    let outcome = match task.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(anyhow::anyhow!("it was interrupted: {error}")),
        None => Err(anyhow::anyhow!("it did not run")),
    };
    let word = match &outcome {
        Ok(done) if done.worked => "worked",
        Ok(_) => "idle",
        Err(_) => "failed",
    };
    metrics::counter!("backplane_passes_total", "pass" => name, "outcome" => word).increment(1);
    if word != "idle" {
        tracing::trace!(
            target: "backplane::traces",
            name = format!("pass {name}").as_str(),
            duration_us = began.elapsed().as_micros() as u64,
            failed = word == "failed",
            pass = name,
        );
    }
    if word == "worked" {
        metrics::histogram!("backplane_pass_duration_seconds", "pass" => name).record(began.elapsed());
    }
    outcome
}

fn wait_after(next: Next, poll: Duration) -> Duration {
    match next {
        Next::AtOnce => Duration::ZERO,
        Next::AsUsual => poll,
        Next::Within(wait) => wait.min(poll),
    }
}

/// 250 ms, 500 ms, 1 s … 30 s.
fn pause_after(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_after_failures_doubles_up_to_half_a_minute() {
        let pauses: Vec<u64> = (0..9).map(|n| pause_after(n).as_millis() as u64).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn more_work_is_done_at_once_and_a_due_date_is_waited_for_at_most_as_long_as_usual() {
        let poll = Duration::from_secs(1);
        assert_eq!(wait_after(Done::after(true, false).next, poll), Duration::ZERO);
        assert_eq!(wait_after(Done::IDLE.next, poll), poll);
        assert_eq!(wait_after(Next::Within(poll / 4), poll), poll / 4);
        assert_eq!(wait_after(Next::Within(poll * 4), poll), poll);
    }
}
