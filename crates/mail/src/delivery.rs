//! The delivery pass: due mails out of the outbox, over the transport, outcome into the outbox.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use store::{StoreError, Timestamp};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::breaker::Way;
use crate::claim::{self, Outcome};
use crate::courier::Courier;
use crate::domains::{Domains, Gate, class_of};
use crate::transport::{Delivery, Place};
use crate::{Mail, backoff, render};

/// Mails that one pass claims at most.
const BATCH: usize = 200;

/// Mails claimed for each connection that is free.
const PER_SLOT: usize = 25;

/// How long a pass waits for mails that make no progress. They go on without it, and it leaves room for others.
const PATIENCE: Duration = Duration::from_secs(1);

/// A mail is begun only while its lease lasts at least this long: more than all timeouts of one delivery.
const LEASE_NEEDED: jiff::SignedDuration = jiff::SignedDuration::from_secs(230);

/// How long the outcome of a mail is tried to be recorded: until its lease is about to run out.
const RECORDED_WITHIN: Duration = Duration::from_mins(4);

/// Longest text kept of what a relay said.
const ERROR_CHARS: usize = 500;

/// What a delivery pass did, with what mails that an earlier one began came to meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PassReport {
    /// Taken by the other side.
    pub sent: usize,
    /// To be tried again.
    pub retried: usize,
    /// Refused for good.
    pub failed: usize,
    /// Came to their end unsent.
    pub expired: usize,
    /// Bulk mail to suppressed addresses.
    pub suppressed: usize,
    /// Bulk mail of which nothing was left to tell.
    pub withdrawn: usize,
    /// Given back untried: the relay failed, or their domain has had enough for the moment.
    pub released: usize,
    /// Tried, but the lease had run out: whoever holds it now decides.
    pub lost: usize,
    /// Whether the relay itself failed: calling again at once makes no sense.
    pub relay_failed: bool,
    /// When the next mail is due; `None` when none is queued. May be in the past: call again.
    pub next_due: Option<Timestamp>,
    /// How many were sent, retried or failed, by outcome and by who runs the mailbox (`google`, `other` …).
    pub by_class: HashMap<(&'static str, &'static str), usize>,
}

impl PassReport {
    /// How many mails were touched.
    pub fn done(&self) -> usize {
        let ended = self.sent + self.failed + self.expired + self.suppressed + self.withdrawn;
        ended + self.retried + self.released + self.lost
    }

    fn count(&mut self, outcome: &'static str, class: &'static str) {
        match outcome {
            "sent" => self.sent += 1,
            "failed" => self.failed += 1,
            _ => self.retried += 1,
        }
        *self.by_class.entry((outcome, class)).or_default() += 1;
    }
}

/// Sends up to 200 due mails, as many at once and as fast as the rules allow, and records what became of each. Safe to
/// run in several processes at once and to be killed at any point: what was claimed becomes due again when its lease runs
/// out ([`crate::LEASE`]).
///
/// It does not wait for mails that make no progress for a second: they keep their connection, and their outcome is in the
/// report of a later pass. While the relay does not answer, a pass does nothing but try it with one mail now and then.
///
/// # Errors
/// When the outbox cannot be read. A mail whose outcome could not be recorded is counted as `lost`, and repeated later
/// with the same Message-ID.
pub async fn delivery_pass(courier: &Courier) -> Result<PassReport, StoreError> {
    let traffic = &courier.traffic;
    courier.carrier.close_idle().await;
    let way = traffic.breaker().way(courier.clock.now());
    let mut report = PassReport::default();
    match way {
        Way::Closed(until) => {
            report.relay_failed = true;
            report.next_due = Some(until);
        }
        Way::Probe => {
            deliver_batch(courier, 1, &mut report).await?;
            if traffic.breaker().way(courier.clock.now()) == Way::Open {
                deliver_batch(courier, BATCH, &mut report).await?;
            }
        }
        Way::Open => {
            if traffic.free_slots() == 0 {
                // Everything in flight hangs.
                let _ = tokio::time::timeout(PATIENCE, traffic.changed.notified()).await;
            }
            deliver_batch(courier, BATCH, &mut report).await?;
        }
    }
    let tally = std::mem::take(&mut *traffic.tally());
    report.sent = tally.sent;
    report.retried = tally.retried;
    report.failed = tally.failed;
    report.lost += tally.lost;
    report.by_class = tally.by_class;
    traffic.domains().tidy(courier.clock.now());
    if let Way::Closed(until) = traffic.breaker().way(courier.clock.now()) {
        report.relay_failed = true;
        report.next_due = Some(until);
    } else {
        report.next_due = courier.db.read(claim::next_due).await?;
    }
    if report.done() > 0 {
        tracing::info!(
            sent = report.sent,
            retried = report.retried,
            failed = report.failed,
            expired = report.expired,
            suppressed = report.suppressed,
            withdrawn = report.withdrawn,
            released = report.released,
            "mails were delivered"
        );
    }
    Ok(report)
}

/// Claims at most `most` mails and sends them.
async fn deliver_batch(courier: &Courier, most: usize, report: &mut PassReport) -> Result<(), StoreError> {
    let limit = most.min(courier.traffic.free_slots() * PER_SLOT) as i64;
    if limit == 0 {
        return Ok(());
    }
    let (holder, now) = (courier.holder, courier.clock.now());
    let review = courier.review.clone();
    let claimed = courier
        .db
        .write(move |tx| claim::claim(tx, holder, limit, review.as_deref(), now))
        .await?;
    report.expired += claimed.expired;
    report.suppressed += claimed.suppressed;
    report.withdrawn += claimed.withdrawn;
    let (waiting, put_off) = plan(courier, claimed.mails);
    give_back(courier, put_off, report).await?;
    let rest = send_all(courier, waiting, report).await?;
    let now = courier.clock.now();
    let at = match courier.traffic.breaker().way(now) {
        Way::Closed(until) => until,
        Way::Open | Way::Probe => now,
    };
    let rest = rest.into_iter().map(|mail| (mail, at)).collect();
    give_back(courier, rest, report).await
}

/// Mails to be sent now, and those of domains with a rate that are beyond a second's worth, each with its time. A mail
/// that somebody waits for is never put off.
fn plan(courier: &Courier, mails: Vec<Mail>) -> (VecDeque<Mail>, Vec<(Mail, Timestamp)>) {
    let rules = &courier.traffic.rules;
    let now = courier.clock.now();
    let mut domains = courier.traffic.domains();
    let mut taken: HashMap<String, usize> = HashMap::new();
    let (mut waiting, mut put_off) = (VecDeque::new(), Vec::new());
    for mail in mails {
        let domain = mail.recipient.domain();
        if let Some(most) = Domains::per_pass(rules, domain) {
            let count = taken.entry(domain.to_owned()).or_default();
            *count += 1;
            if mail.is_bulk && *count > most {
                let place = domains.book(rules, domain, now);
                put_off.push((mail, place));
                continue;
            }
        }
        waiting.push_back(mail);
    }
    (waiting, put_off)
}

async fn give_back(
    courier: &Courier,
    mails: Vec<(Mail, Timestamp)>,
    report: &mut PassReport,
) -> Result<(), StoreError> {
    if mails.is_empty() {
        return Ok(());
    }
    report.released += courier.db.write(move |tx| claim::give_back(tx, &mails)).await?;
    Ok(())
}

/// Begins the mails as slots and domains become free, and waits for them as long as there is progress. Returns those
/// that were not begun.
async fn send_all(
    courier: &Courier,
    mut waiting: VecDeque<Mail>,
    report: &mut PassReport,
) -> Result<VecDeque<Mail>, StoreError> {
    let traffic = &courier.traffic;
    let mut put_off = Vec::new();
    loop {
        // Asked for before anything is looked at, so that no change is missed.
        let changed = traffic.changed.notified();
        if matches!(traffic.breaker().way(courier.clock.now()), Way::Closed(_)) {
            break;
        }
        let until = begin_some(courier, &mut waiting, &mut put_off, report).await;
        if waiting.is_empty() {
            break;
        }
        let patience = Instant::now() + PATIENCE;
        let moment = until.map_or(patience, |until| until.min(patience));
        if tokio::time::timeout_at(moment, changed).await.is_err()
            && until.is_none_or(|until| until > patience)
        {
            break;
        }
    }
    give_back(courier, put_off, report).await?;
    loop {
        let changed = traffic.changed.notified();
        if traffic.in_flight() == 0 || tokio::time::timeout(PATIENCE, changed).await.is_err() {
            return Ok(waiting);
        }
    }
}

/// Begins every mail that may begin now. Returns the earliest moment at which another one may, as far as it is known.
async fn begin_some(
    courier: &Courier,
    waiting: &mut VecDeque<Mail>,
    put_off: &mut Vec<(Mail, Timestamp)>,
    report: &mut PassReport,
) -> Option<Instant> {
    let traffic = &courier.traffic;
    let mut earliest: Option<Instant> = None;
    for _ in 0..waiting.len() {
        let Some(slot) = traffic.try_slot() else {
            break;
        };
        let Some(mail) = waiting.pop_front() else {
            break;
        };
        let now = courier.clock.now();
        let gate = traffic
            .domains()
            .begin(&traffic.rules, mail.recipient.domain(), now);
        match gate {
            Gate::Go => {
                let held = with_enough_lease(courier, mail.clone()).await;
                let unsent = match held {
                    Some(held) if is_outdated(courier, &held).await => Some(held),
                    Some(held) => {
                        start(courier, held, slot);
                        continue;
                    }
                    None => None,
                };
                let domain = mail.recipient.domain();
                traffic.domains().end(&traffic.rules, domain, None, now);
                match unsent {
                    // Due at once: the next claim revises it.
                    Some(held) => put_off.push((held, now)),
                    None => report.lost += 1,
                }
            }
            Gate::Wait(until) => {
                waiting.push_back(mail);
                earliest = match (earliest, until) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
            Gate::Closed(until) => put_off.push((mail, until)),
        }
    }
    earliest
}

/// Lets `mail` leave on its own, with the connection that `slot` stands for.
fn start(courier: &Courier, mail: Mail, slot: OwnedSemaphorePermit) {
    let sender = courier.clone();
    courier.traffic.start(async move {
        if send(&sender, mail).await == Room::OneTooMany {
            sender.traffic.retire(slot);
        } else {
            drop(slot);
        }
        sender.traffic.changed.notify_waiters();
    });
}

/// Whether the relay can bear as many connections as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Enough,
    OneTooMany,
}

/// Tries one mail and records what became of it.
async fn send(courier: &Courier, mail: Mail) -> Room {
    let traffic = &courier.traffic;
    let domain = mail.recipient.domain().to_owned();
    let class = class_of(&mail.recipient);
    let sender = courier.return_path.as_deref().map(|path| path.of(mail.id));
    let (delivery, place) = match render(&mail, &courier.config, courier.clock.now()) {
        Ok(mut message) => {
            message.sender = sender.unwrap_or(message.sender);
            let lane = traffic.rules.lane(&domain);
            courier.carrier.deliver(message, lane).await
        }
        Err(error) => {
            let refused = Delivery::Refused {
                detail: error.to_string(),
                no_such_mailbox: false,
            };
            (refused, Place::none())
        }
    };
    if delivery != Delivery::Accepted {
        tracing::warn!(mail = %mail.id, kind = mail.kind, attempt = mail.attempts, outcome = delivery.as_str(),
            "a mail was not delivered");
    }
    let is_throttled = match &delivery {
        Delivery::Accepted => Some(false),
        Delivery::Later {
            is_throttled: true, ..
        } => Some(true),
        _ => None,
    };
    let room = match &delivery {
        Delivery::NoRelay { is_surplus: true, .. } => Room::OneTooMany,
        _ => Room::Enough,
    };
    let now = courier.clock.now();
    let (outcome, word) = judge(courier, &mail, delivery, now);
    traffic.domains().end(&traffic.rules, &domain, is_throttled, now);
    if record(courier, mail, outcome).await {
        traffic.tally().count(word, class);
    } else {
        traffic.tally().lost += 1;
    }
    drop(place);
    room
}

/// What a delivery means for the mail, and in one word for the figures.
fn judge(courier: &Courier, mail: &Mail, delivery: Delivery, now: Timestamp) -> (Outcome, &'static str) {
    let (traffic, random) = (&courier.traffic, &courier.random);
    let rules = &traffic.rules;
    match delivery {
        Delivery::Accepted => {
            traffic.breaker().reset();
            (Outcome::Sent, "sent")
        }
        Delivery::Later { detail, .. } | Delivery::Unknown { detail } => {
            let at = backoff::after_attempt(rules, mail.attempts, random, now);
            let error = cut(detail);
            (Outcome::Retry { error, at }, "retried")
        }
        Delivery::Refused {
            detail,
            no_such_mailbox,
        } => {
            let outcome = Outcome::Failed {
                error: cut(detail),
                suppress: no_such_mailbox,
            };
            (outcome, "failed")
        }
        Delivery::NoRelay { detail, is_surplus } => {
            let at = if is_surplus {
                now
            } else {
                traffic.breaker().trip(random, now)
            };
            let error = cut(detail);
            (Outcome::Stranded { error, at }, "relay_fault")
        }
        Delivery::RelayFault { detail, .. } => {
            let again = traffic.breaker().trip(random, now);
            let at = backoff::after_relay_fault(rules, mail.attempts, random, now).max(again);
            let error = cut(detail);
            (Outcome::Retry { error, at }, "relay_fault")
        }
    }
}

/// `mail` when it can be begun, its lease renewed where needed.
async fn with_enough_lease(courier: &Courier, mut mail: Mail) -> Option<Mail> {
    let now = courier.clock.now();
    let until = mail.lease_expires_at.unwrap_or(now);
    if until.minus(LEASE_NEEDED) > now {
        return Some(mail);
    }
    let held = mail.clone();
    let renewed = courier.db.write(move |tx| claim::renew(tx, &held, now)).await;
    if !matches!(renewed, Ok(true)) {
        return None;
    }
    mail.lease_expires_at = Some(now.plus(crate::LEASE));
    Some(mail)
}

/// Whether `mail` tells something that changed since it was claimed. Without an answer it waits.
async fn is_outdated(courier: &Courier, mail: &Mail) -> bool {
    let Some(review) = courier.review.clone().filter(|_| mail.is_bulk) else {
        return false;
    };
    let (ids, now) = ([mail.id], courier.clock.now());
    let found = courier
        .db
        .read(move |conn| review.outdated(conn, &ids, now))
        .await;
    found.map_or(true, |ids| !ids.is_empty())
}

/// Writes what became of `mail`, trying for as long as the mail is ours: one that is out but not recorded goes out twice.
/// While a database does not answer, its place past the final dot stays taken, and no other mail gets there.
async fn record(courier: &Courier, mail: Mail, outcome: Outcome) -> bool {
    let end = Instant::now() + RECORDED_WITHIN;
    for wait_ms in [0, 100, 1000].into_iter().chain(std::iter::repeat(5000)) {
        if Instant::now() + Duration::from_millis(wait_ms) > end {
            break;
        }
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        let written = courier
            .traffic
            .recorder
            .record(&courier.db, &*courier.clock, mail.clone(), outcome.clone())
            .await;
        match written {
            Ok(true) => return true,
            Ok(false) => {
                tracing::warn!(mail = %mail.id, "the lease on a mail ran out before its outcome was recorded");
                return false;
            }
            Err(error) => {
                tracing::warn!(mail = %mail.id, error, "the outcome of a mail was not recorded");
            }
        }
    }
    false
}

fn cut(text: String) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(ERROR_CHARS)
        .collect()
}
