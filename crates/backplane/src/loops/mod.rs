//! Background work: each pass in a loop of its own, woken when something happened and polled in case nobody said so.
//!
//! A pass reads what is due from the database and is safe to run twice, so the loops hold no work that a crash could
//! lose. Passes that would do the same work on every node of a PostgreSQL installation share a lease.

mod hearing;
mod passes;
mod process;
mod rhythm;
mod webhooks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alerts::{Letterhead, MatchState};
use anyhow::Result;
use jiff::SignedDuration;
use mail::Courier;
use metrics_exporter_prometheus::PrometheusHandle;
use postings::import::Fetcher;
use postings::webhooks::Messenger;
use search::LiveIndex;
use store::revision::{self, Counter};
use store::{Backend, Clock, Db, Id, Random, StoreError, Timestamp, lease};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::command::serve::Role;
use rhythm::{Rhythm, repeat};

/// How long a node keeps a pass to itself without saying so again.
const LEASE: SignedDuration = SignedDuration::from_secs(10);

/// How often the log hears how far the index under construction is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// How long mails in flight may take when the loops have ended.
const MAILS_PATIENCE: Duration = Duration::from_secs(1);

/// What the passes work with.
pub(crate) struct Workshop {
    /// The truth.
    pub(crate) db: Db,
    /// The search index of this node.
    pub(crate) index: Arc<LiveIndex>,
    /// The API, which wakes the loops and is told when the index is ready.
    pub(crate) state: api::State,
    /// How alert mails look.
    pub(crate) letterhead: Letterhead,
    /// The way out for mails.
    pub(crate) courier: Courier,
    /// Makes ids.
    pub(crate) random: Arc<Random>,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
    /// This process, as the holder of leases.
    pub(crate) holder: Id,
    /// Collected figures.
    pub(crate) metrics: Option<PrometheusHandle>,
    /// Asks boards for their postings; none when nobody is to be asked.
    pub(crate) fetcher: Option<Fetcher>,
    /// Tells webhooks.
    pub(crate) messenger: Arc<Messenger>,
    /// How long what is over is kept.
    pub(crate) retention: crate::config::Retained,
    /// What of all this is done here.
    pub(crate) role: Role,
    /// Where commits of other nodes are heard of.
    pub(crate) notify_url: Option<String>,
    /// What only the loops know.
    pub(crate) inner: Inner,
}

/// What only the loops know.
#[derive(Default)]
pub(crate) struct Inner {
    matching: Mutex<MatchState>,
    /// Version of the vocabulary that it was made with.
    matched_by: Mutex<String>,
    dispatch: Notify,
    nobody: Notify,
    leases: Mutex<HashMap<&'static str, Timestamp>>,
    /// When the log last heard how far the index under construction is.
    rebuild_told: Mutex<Option<Instant>>,
}

/// The running loops.
pub(crate) struct Loops {
    shop: Arc<Workshop>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Loops {
    /// Starts every loop on the current runtime.
    pub(crate) fn start(shop: Workshop) -> Self {
        let shop = Arc::new(shop);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let rhythm = |name, poll_ms, wake| Rhythm {
            name,
            poll: Duration::from_millis(poll_ms),
            wake,
        };
        macro_rules! start {
            ($rhythm:expr, $pass:path) => {
                tasks.spawn(repeat($rhythm, Arc::clone(&shop), stopped.clone(), $pass))
            };
        }
        let role = shop.role;
        if let Some(url) = shop.notify_url.clone() {
            hearing::start(url, Arc::clone(&shop), stopped.clone());
            if role != Role::Worker {
                start!(
                    rhythm("budgets", 1000, |shop| &shop.inner.nobody),
                    passes::budgets
                );
            }
        }
        start!(
            rhythm("figures", 15_000, |shop| &shop.inner.nobody),
            passes::figures
        );
        start!(
            rhythm("numbers", 10_000, |shop| &shop.inner.nobody),
            passes::numbers
        );
        start!(
            rhythm("domains", 60_000, |shop| &shop.inner.nobody),
            passes::domains
        );
        if role == Role::Worker {
            // It searches nothing, so it need not wait for an index.
            shop.state.set_ready(true);
        } else {
            start!(
                rhythm("index", 500, |shop| &shop.state.wake().index),
                passes::index
            );
        }
        if role == Role::Front {
            return Self { shop, tasks, stop };
        }
        start!(
            rhythm("match", 1000, |shop| &shop.state.wake().alerts),
            passes::matching
        );
        start!(
            rhythm("dispatch", 1000, |shop| &shop.inner.dispatch),
            passes::dispatch
        );
        start!(rhythm("mail", 1000, |shop| &shop.state.wake().mail), passes::mail);
        start!(
            rhythm("schedule", 1000, |shop| &shop.inner.nobody),
            passes::schedule
        );
        start!(rhythm("boards", 5000, |shop| &shop.inner.nobody), passes::boards);
        start!(
            rhythm("webhooks", 1000, |shop| &shop.state.wake().webhooks),
            webhooks::pass
        );
        start!(
            rhythm("upkeep", 60_000, |shop| &shop.inner.nobody),
            passes::upkeep
        );
        Self { shop, tasks, stop }
    }

    /// Lets every loop finish its pass for at most `patience`, then drops what still runs (it is done again later), and
    /// gives leases up.
    pub(crate) async fn stop(mut self, patience: Duration) {
        // Nobody listens any more when every loop has ended.
        let _ = self.stop.send(true);
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all_ended).await.is_err() {
            tracing::warn!("background work was interrupted; it goes on at the next start");
        }
        self.tasks.shutdown().await;
        self.shop.courier.stop(MAILS_PATIENCE).await;
        if let Err(error) = passes::numbers(Arc::clone(&self.shop)).await {
            tracing::warn!(%error, "what readers did in the last seconds was not written");
        }
        let release = tokio::time::timeout(Duration::from_secs(1), self.shop.release_leases());
        if release.await.is_err() {
            tracing::warn!("leases were not given up; other nodes wait until they run out");
        }
    }
}

impl Workshop {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether this node may run the pass `name` now. Alone on a SQLite database, it always may.
    async fn may_run(&self, name: &'static str) -> Result<bool, StoreError> {
        if self.db.backend() == Backend::Sqlite {
            return Ok(true);
        }
        let now = self.now();
        let held_until = self.leases().get(name).copied();
        if held_until.is_some_and(|until| until.minus(LEASE / 2) > now && until <= now.plus(LEASE)) {
            return Ok(true);
        }
        let holder = self.holder;
        let is_ours = self
            .db
            .write(move |tx| lease::acquire(tx, name, holder, LEASE, now))
            .await?;
        if is_ours {
            self.leases().insert(name, now.plus(LEASE));
        } else {
            self.leases().remove(name);
        }
        Ok(is_ours)
    }

    /// Says now and then how far the index under construction is.
    async fn tell_rebuild(&self, revision: i64) -> Result<(), StoreError> {
        {
            let mut told = self
                .inner
                .rebuild_told
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
                return Ok(());
            }
            *told = Some(Instant::now());
        }
        let latest = self
            .db
            .read(|conn| revision::latest(conn, Counter::Postings))
            .await?;
        tracing::info!(revision, latest, "the search index is being built anew");
        Ok(())
    }

    async fn release_leases(&self) {
        let names: Vec<&'static str> = self.leases().drain().map(|(name, _)| name).collect();
        let holder = self.holder;
        for name in names {
            let released = self.db.write(move |tx| lease::release(tx, name, holder)).await;
            if let Err(error) = released {
                tracing::warn!(lease = name, %error, "a lease was not given up");
            }
        }
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Timestamp>> {
        self.inner.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
