//! The delivery pass: due mails out of the outbox, over the transport, outcome into the outbox.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{Clock, Db, Id, Random, StoreError, Timestamp};
use tokio::task::JoinSet;

use crate::claim::{self, Outcome};
use crate::transport::{Carrier, Delivery};
use crate::{Mail, MailConfig, SuppressionReason, Transport, backoff, render, suppress};

/// Mails that one pass claims at most.
const BATCH: i64 = 100;

/// Connections that one pass opens at most; also the most mails that a crash can repeat.
const CONNECTIONS: usize = 4;

/// A mail is begun only while its lease lasts at least this long: more than all timeouts of one delivery.
const LEASE_NEEDED: jiff::SignedDuration = jiff::SignedDuration::from_secs(230);

/// Longest text kept of what a relay said.
const ERROR_CHARS: usize = 500;

/// What a delivery pass works with. Cheap to clone.
#[derive(Clone)]
pub struct Courier {
    /// Where the outbox is.
    pub db: Db,
    /// The way out.
    pub transport: Transport,
    /// Who we are.
    pub config: Arc<MailConfig>,
    /// For the spread of repetitions.
    pub random: Arc<Random>,
    /// Tells when things happen.
    pub clock: Arc<dyn Clock>,
    /// This process, as the holder of leases: new at every start.
    pub holder: Id,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier")
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// What a delivery pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// Given back untried because the relay failed.
    pub released: usize,
    /// Tried, but the lease had run out: whoever holds it now decides.
    pub lost: usize,
    /// Whether the relay itself failed: calling again at once makes no sense.
    pub relay_failed: bool,
    /// When the next mail is due; `None` when none is queued. May be in the past: call again.
    pub next_due: Option<Timestamp>,
}

impl PassReport {
    /// How many mails were touched.
    pub fn done(&self) -> usize {
        self.sent + self.retried + self.failed + self.expired + self.suppressed + self.released + self.lost
    }
}

/// Sends up to 100 due mails, four at a time, and records what became of each. Safe to run in several processes at once
/// and to be killed at any point: what was claimed becomes due again when its lease runs out ([`crate::LEASE`]).
///
/// # Errors
/// When the outbox cannot be read. A mail whose outcome could not be recorded is counted as `lost`, and repeated later
/// with the same Message-ID.
pub async fn delivery_pass(courier: &Courier) -> Result<PassReport, StoreError> {
    let now = courier.clock.now();
    let holder = courier.holder;
    let claimed = courier
        .db
        .write(move |tx| claim::claim(tx, holder, BATCH, now))
        .await?;
    let mut report = PassReport {
        expired: claimed.expired,
        suppressed: claimed.suppressed,
        ..PassReport::default()
    };
    if !claimed.is_empty() {
        let batch = Arc::new(Batch::new(courier.clone(), claimed.mails));
        let mut lines = JoinSet::new();
        for _ in 0..batch.len().min(CONNECTIONS) {
            lines.spawn(Arc::clone(&batch).work());
        }
        while let Some(ended) = lines.join_next().await {
            if let Ok(part) = ended {
                report.add(&part);
            } else {
                tracing::error!(
                    "a line of deliveries was interrupted; its mail is repeated when its lease runs out"
                );
                report.lost += 1;
            }
        }
        tracing::info!(
            sent = report.sent,
            retried = report.retried,
            failed = report.failed,
            expired = report.expired,
            suppressed = report.suppressed,
            released = report.released,
            "mails were delivered"
        );
    }
    report.next_due = courier.db.read(claim::next_due).await?;
    Ok(report)
}

impl PassReport {
    fn add(&mut self, part: &PassReport) {
        self.sent += part.sent;
        self.retried += part.retried;
        self.failed += part.failed;
        self.released += part.released;
        self.lost += part.lost;
        self.relay_failed |= part.relay_failed;
    }
}

/// The mails of one pass, worked off by several lines.
struct Batch {
    courier: Courier,
    mails: Mutex<VecDeque<Mail>>,
    relay_failed: AtomicBool,
}

impl Batch {
    fn new(courier: Courier, mails: Vec<Mail>) -> Self {
        Self {
            courier,
            mails: Mutex::new(mails.into()),
            relay_failed: AtomicBool::new(false),
        }
    }

    fn len(&self) -> usize {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn next(&self) -> Option<Mail> {
        self.mails
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    async fn work(self: Arc<Self>) -> PassReport {
        let mut report = PassReport::default();
        let hello = self.courier.config.from.address.domain();
        let mut carrier = Carrier::new(&self.courier.transport, hello);
        while let Some(mail) = self.next() {
            if self.relay_failed.load(Ordering::Relaxed) {
                let at = self.after_relay_fault(&mail);
                self.record(&mail, Outcome::Released { at }, &mut report).await;
            } else if let Some(mail) = self.with_enough_lease(mail, &mut report).await {
                self.deliver(&mut carrier, &mail, &mut report).await;
            }
        }
        carrier.close().await;
        report.relay_failed = self.relay_failed.load(Ordering::Relaxed);
        report
    }

    async fn deliver(&self, carrier: &mut Carrier, mail: &Mail, report: &mut PassReport) {
        let delivery = match render(mail, &self.courier.config, self.courier.clock.now()) {
            Ok(message) => carrier.deliver(message).await,
            Err(error) => Delivery::Refused {
                detail: error.to_string(),
                no_such_mailbox: false,
            },
        };
        if delivery != Delivery::Accepted {
            tracing::warn!(mail = %mail.id, kind = mail.kind, attempt = mail.attempts, outcome = delivery.as_str(),
                "a mail was not delivered");
        }
        let now = self.courier.clock.now();
        let random = &self.courier.random;
        let outcome = match delivery {
            Delivery::Accepted => Outcome::Sent,
            Delivery::Later { detail } | Delivery::Unknown { detail } => Outcome::Retry {
                error: cut(detail),
                at: backoff::after_attempt(mail.attempts, random, now),
            },
            Delivery::Refused {
                detail,
                no_such_mailbox,
            } => {
                if no_such_mailbox {
                    self.suppress(mail, &detail, now).await;
                }
                Outcome::Failed { error: cut(detail) }
            }
            Delivery::RelayFault { detail } => {
                self.relay_failed.store(true, Ordering::Relaxed);
                Outcome::Retry {
                    error: cut(detail),
                    at: self.after_relay_fault(mail),
                }
            }
        };
        self.record(mail, outcome, report).await;
    }

    fn after_relay_fault(&self, mail: &Mail) -> Timestamp {
        backoff::after_relay_fault(mail.attempts, &self.courier.random, self.courier.clock.now())
    }

    /// `mail` when it can be begun, its lease renewed where needed.
    async fn with_enough_lease(&self, mut mail: Mail, report: &mut PassReport) -> Option<Mail> {
        let now = self.courier.clock.now();
        let until = mail.lease_expires_at.unwrap_or(now);
        if until.minus(LEASE_NEEDED) > now {
            return Some(mail);
        }
        let held = mail.clone();
        let renewed = self
            .courier
            .db
            .write(move |tx| claim::renew(tx, &held, now))
            .await;
        if !matches!(renewed, Ok(true)) {
            report.lost += 1;
            return None;
        }
        mail.lease_expires_at = Some(now.plus(crate::LEASE));
        Some(mail)
    }

    async fn suppress(&self, mail: &Mail, detail: &str, now: Timestamp) {
        let address = mail.recipient.clone();
        let detail = cut(detail.to_owned());
        let suppressed = self
            .courier
            .db
            .write(move |tx| suppress(tx, &address, SuppressionReason::Bounce, &detail, now))
            .await;
        if let Err(error) = suppressed {
            tracing::error!(mail = %mail.id, %error, "an address that bounced could not be suppressed");
        }
    }

    /// Writes what became of `mail`, trying a few times: a mail that is out but not recorded goes out twice.
    async fn record(&self, mail: &Mail, outcome: Outcome, report: &mut PassReport) {
        let outcome = Arc::new(outcome);
        let held = Arc::new(mail.clone());
        for wait_ms in [0, 100, 1000, 5000] {
            if wait_ms > 0 {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
            let (shared, held, now) = (Arc::clone(&outcome), Arc::clone(&held), self.courier.clock.now());
            match self
                .courier
                .db
                .write(move |tx| claim::record(tx, &held, &shared, now))
                .await
            {
                Ok(true) => return report.count(&outcome),
                Ok(false) => {
                    tracing::warn!(mail = %mail.id, "the lease on a mail ran out before its outcome was recorded");
                    break;
                }
                Err(error) => {
                    tracing::warn!(mail = %mail.id, %error, "the outcome of a mail was not recorded");
                }
            }
        }
        report.lost += 1;
    }
}

impl PassReport {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Sent => self.sent += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Retry { .. } => self.retried += 1,
            Outcome::Released { .. } => self.released += 1,
        }
    }
}

fn cut(text: String) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(ERROR_CHARS)
        .collect()
}
