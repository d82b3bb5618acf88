//! What one process remembers from pass to pass about the way out: connections, mails in flight, pace, a silent relay.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::DeliveryRules;
use crate::breaker::Breaker;
use crate::delivery::PassReport;
use crate::domains::Domains;
use crate::recorder::Recorder;

/// How long a connection that was one too many is done without.
const RETIRED: Duration = Duration::from_secs(30);

/// Shared by all passes of one process.
pub(crate) struct Traffic {
    pub(crate) rules: DeliveryRules,
    pub(crate) recorder: Recorder,
    /// Told whenever a mail is through.
    pub(crate) changed: Notify,
    /// A permit is a mail in flight, or one less connection for a while.
    slots: Arc<Semaphore>,
    retired: AtomicUsize,
    breaker: Mutex<Breaker>,
    domains: Mutex<Domains>,
    tally: Mutex<PassReport>,
    tasks: Mutex<JoinSet<()>>,
}

impl std::fmt::Debug for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traffic")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Traffic {
    pub(crate) fn new(rules: DeliveryRules) -> Self {
        Self {
            recorder: Recorder::default(),
            changed: Notify::new(),
            slots: Arc::new(Semaphore::new(rules.connections)),
            retired: AtomicUsize::new(0),
            breaker: Mutex::default(),
            domains: Mutex::default(),
            tally: Mutex::default(),
            tasks: Mutex::default(),
            rules,
        }
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn domains(&self) -> MutexGuard<'_, Domains> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was done since somebody took the figures last.
    pub(crate) fn tally(&self) -> MutexGuard<'_, PassReport> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Mails in flight.
    pub(crate) fn in_flight(&self) -> usize {
        let taken = self.rules.connections.saturating_sub(self.free_slots());
        taken.saturating_sub(self.retired.load(Ordering::Relaxed))
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.slots.available_permits()
    }

    pub(crate) fn try_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Lets `send` run on its own; it ends with the last courier.
    pub(crate) fn start(&self, send: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that ended are forgotten; one that panicked has left its mail to its lease.
        while let Some(ended) = tasks.try_join_next() {
            if ended.is_err() {
                tracing::error!("a delivery was interrupted; its mail is repeated when its lease runs out");
            }
        }
        tasks.spawn(send);
    }

    /// Makes do with one connection less for a while: the relay said that it has too many.
    pub(crate) fn retire(self: &Arc<Self>, slot: OwnedSemaphorePermit) {
        self.retired.fetch_add(1, Ordering::Relaxed);
        let traffic = Arc::downgrade(self);
        self.start(async move {
            tokio::time::sleep(RETIRED).await;
            drop(slot);
            if let Some(traffic) = traffic.upgrade() {
                traffic.retired.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }

    /// Drops what is in flight, connections and all.
    pub(crate) async fn drop_all(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// Waits until nothing is in flight, for at most `patience`; false when something still is.
    pub(crate) async fn quiet(&self, patience: Duration) -> bool {
        let end = tokio::time::Instant::now() + patience;
        loop {
            let changed = self.changed.notified();
            if self.in_flight() == 0 {
                return true;
            }
            if tokio::time::timeout_at(end, changed).await.is_err() {
                return self.in_flight() == 0;
            }
        }
    }
}
