//! The delivery pass: due rows out of the ledger, over HTTPS, outcome into the ledger.

use std::collections::HashSet;
use std::io::Read as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use mail::{LinkKey, MailConfig};
use store::{Clock, Db, Id, Random, StoreError, Timestamp};
use ureq::Agent;

use super::endpoint::Endpoint;
use super::ledger::{self, Delivery, DeliveryRow, claim, give_back, list_due};
use super::outcome::{Answer, Attempt, Verdict, put_off, record};
use crate::outward::{self, Reach};

/// How long an endpoint may take, with everything.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a pass waits for endpoints that are slow. They go on without it.
const PASS_PATIENCE: Duration = Duration::from_secs(1);
/// Endpoints that are told at once.
const MAX_AT_ONCE: usize = 16;
/// A delivery is begun only so long after its claim: a lease is longer by all timeouts of one.
const BEGIN_WITHIN: Duration = Duration::from_mins(2);
/// So many failures one after the other, and the rest waits.
const TOO_MANY_FAILURES: usize = 5;
/// How long the rest waits at most before one more is tried.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(5);
/// What is read of an answer, so that its connection can be used again.
const READ_BYTES: u64 = 16 << 10;

/// What a delivery pass did, with what slow endpoints of earlier passes came to meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryReport {
    /// Taken.
    pub delivered: usize,
    /// To be tried again.
    pub retried: usize,
    /// Given up.
    pub failed: usize,
    /// Endpoints that were disabled.
    pub disabled: usize,
    /// Tried, but the lease had run out.
    pub lost: usize,
    /// When the next row is due; may be in the past.
    pub next_due: Option<Timestamp>,
}

impl DeliveryReport {
    /// How many rows were touched.
    pub fn done(&self) -> usize {
        self.delivered + self.retried + self.failed + self.disabled + self.lost
    }
}

/// What delivery works with.
pub struct Messenger {
    db: Db,
    agent: Agent,
    config: Arc<MailConfig>,
    key: Arc<LinkKey>,
    random: Arc<Random>,
    clock: Arc<dyn Clock>,
    holder: Id,
    traffic: Mutex<Traffic>,
    changed: Condvar,
}

#[derive(Default)]
struct Traffic {
    busy: HashSet<Id>,
    tally: DeliveryReport,
}

impl std::fmt::Debug for Messenger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Messenger")
    }
}

impl Messenger {
    /// A messenger that goes as far as `reach`; `config` is for mails about endpoints, `key` opens their secrets, `holder` is
    /// this process.
    pub fn new(
        db: Db,
        reach: Reach,
        config: Arc<MailConfig>,
        key: Arc<LinkKey>,
        random: Arc<Random>,
        clock: Arc<dyn Clock>,
        holder: Id,
    ) -> Self {
        Self {
            db,
            agent: outward::agent(reach, PATIENCE),
            config,
            key,
            random,
            clock,
            holder,
            traffic: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody is being told, for `patience` at most.
    pub fn wait(&self, patience: Duration) {
        let is_busy = |traffic: &mut Traffic| !traffic.busy.is_empty();
        // Whether it took too long shows in what the next pass finds.
        drop(self.changed.wait_timeout_while(self.traffic(), patience, is_busy));
    }
}

/// Makes room for its endpoint again, whatever happens.
struct Busy<'a>(&'a Messenger, Id);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.traffic().busy.remove(&self.1);
        self.0.changed.notify_all();
    }
}

/// Tells endpoints what is due, several at once and each in the order in which it happened. Safe to run in several
/// processes and to be killed at any point: what was claimed becomes due again when its lease runs out.
///
/// # Errors
/// When the ledger cannot be read.
pub fn delivery_pass(messenger: &Arc<Messenger>) -> Result<DeliveryReport, StoreError> {
    let now = messenger.clock.now();
    let next = messenger.db.read_blocking(ledger::next_due)?;
    if next.is_some_and(|at| at <= now) {
        let busy: Vec<Id> = messenger.traffic().busy.iter().copied().collect();
        let room = MAX_AT_ONCE.saturating_sub(busy.len()) as i64;
        let due = messenger
            .db
            .read_blocking(|conn| list_due(conn, &busy, room, now))?;
        for endpoint_id in due {
            start(messenger, endpoint_id, now)?;
        }
        messenger.wait(PASS_PATIENCE);
    }
    let mut report = std::mem::take(&mut messenger.traffic().tally);
    report.next_due = messenger.db.read_blocking(ledger::next_due)?;
    Ok(report)
}

/// Claims what is due for one endpoint and tells it on a thread of its own.
fn start(messenger: &Arc<Messenger>, endpoint_id: Id, now: Timestamp) -> Result<(), StoreError> {
    let holder = messenger.holder;
    let claimed = messenger
        .db
        .write_blocking(|tx| claim(tx, endpoint_id, holder, now))?;
    let Some((endpoint, deliveries)) = claimed else {
        return Ok(());
    };
    messenger.traffic().busy.insert(endpoint_id);
    let worker = Arc::clone(messenger);
    let work = move || {
        let _busy = Busy(&worker, endpoint_id);
        if let Err(error) = tell(&worker, &endpoint, deliveries) {
            tracing::warn!(webhook = %endpoint.id, %error, "the outcome of a delivery was not recorded; it is repeated");
        }
    };
    let started = thread::Builder::new().name("webhook".to_owned()).spawn(work);
    if let Err(error) = started {
        messenger.traffic().busy.remove(&endpoint_id);
        tracing::warn!(%error, "no thread for a webhook");
    }
    Ok(())
}

/// Tells one endpoint what was claimed for it, one message after the other.
fn tell(messenger: &Messenger, endpoint: &Endpoint, deliveries: Vec<Delivery>) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut failures = 0;
    let mut waiting = deliveries.into_iter();
    while let Some(delivery) = waiting.next() {
        if began.elapsed() > BEGIN_WITHIN {
            let rest: Vec<DeliveryRow> = std::iter::once(delivery)
                .chain(waiting)
                .map(|one| one.row)
                .collect();
            let now = messenger.clock.now();
            messenger.db.write_blocking(|tx| give_back(tx, &rest, now))?;
            return Ok(());
        }
        let attempt = attempt(messenger, endpoint, &delivery);
        let (config, random) = (&messenger.config, &messenger.random);
        let verdict = messenger
            .db
            .write_blocking(|tx| record(tx, endpoint.id, &delivery, &attempt, config, random))?;
        count(messenger, verdict);
        failures = if verdict == Verdict::Delivered {
            0
        } else {
            failures + 1
        };
        let is_down = match &attempt.answer {
            Answer::Silent(_) | Answer::Refused(_, Some(_)) => true,
            _ => failures >= TOO_MANY_FAILURES,
        };
        match verdict {
            Verdict::Disabled => return Ok(()),
            Verdict::Retried(next) if is_down => {
                let asked = matches!(attempt.answer, Answer::Refused(_, Some(_)));
                let hold = if asked {
                    next
                } else {
                    next.min(attempt.at.plus(LONGEST_HOLD))
                };
                let rest: Vec<DeliveryRow> = waiting.map(|one| one.row).collect();
                messenger.db.write_blocking(|tx| {
                    give_back(tx, &rest, hold)?;
                    put_off(tx, endpoint.id, Some(hold), attempt.at)
                })?;
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

fn count(messenger: &Messenger, verdict: Verdict) {
    let mut traffic = messenger.traffic();
    let tally = &mut traffic.tally;
    match verdict {
        Verdict::Delivered => tally.delivered += 1,
        Verdict::Retried(_) => tally.retried += 1,
        Verdict::Failed => tally.failed += 1,
        Verdict::Disabled => tally.disabled += 1,
        Verdict::Lost => tally.lost += 1,
    }
}

fn attempt(messenger: &Messenger, endpoint: &Endpoint, delivery: &Delivery) -> Attempt {
    let began = Instant::now();
    let now = messenger.clock.now();
    let (id, body) = (delivery.event.id.to_string(), &delivery.event.payload);
    let Some(signatures) = endpoint.signatures(&messenger.key, &id, body, now) else {
        let why = "its secret was sealed with other keys than this installation has: give it a new one";
        return Attempt {
            answer: Answer::Silent(why.to_owned()),
            duration_ms: 0,
            at: now,
        };
    };
    let sent = messenger
        .agent
        .post(&endpoint.url)
        .header("Content-Type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", now.seconds().to_string())
        .header("webhook-signature", signatures)
        .send(body);
    let answer = match sent {
        Ok(response) => {
            let status = response.status().as_u16();
            let after = response.headers().get("retry-after");
            let after = after
                .and_then(|value| value.to_str().ok())
                .and_then(|text| wait_of(text, now));
            // Only to leave the connection clean; what is said does not matter.
            let mut reader = response.into_body().into_reader().take(READ_BYTES);
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
            match status {
                200..300 => Answer::Taken(status),
                410 => Answer::Gone,
                _ => Answer::Refused(status, after),
            }
        }
        Err(error) => Answer::Silent(format!("it cannot be reached: {error}")),
    };
    Attempt {
        answer,
        duration_ms: i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX),
        at: messenger.clock.now(),
    }
}

/// The seconds that a `Retry-After` asks for: a number, or a date (RFC 9110, 10.2.3).
fn wait_of(text: &str, now: Timestamp) -> Option<i64> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(date.timestamp().as_second().saturating_sub(now.seconds()).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    #[test]
    fn a_wait_is_a_number_or_a_date() {
        let now = monday_morning();
        assert_eq!(wait_of(" 120 ", now), Some(120));
        assert_eq!(wait_of("Mon, 23 Nov 2026 09:01:00 GMT", now), Some(60));
        assert_eq!(wait_of("Mon, 23 Nov 2026 08:00:00 GMT", now), Some(0));
        assert_eq!(wait_of("soon", now), None);
    }
}
