//! What every handler works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use accounts::{JwtKeys, Letters, PasswordHasher};
use alerts::Letterhead;
use mail::MailConfig;
use mail::report::ReportDesk;
use metrics_exporter_prometheus::PrometheusHandle;
use search::Index;
use store::{Clock, Db, DbConn, Random, StoreError, Timestamp};
use tokio::sync::Notify;

use crate::rate_limit::RateLimiter;

/// What the binary puts together.
pub struct Parts {
    /// The database, migrated.
    pub db: Db,
    /// The search index.
    pub index: Arc<Index>,
    /// Who we are in mails, and under which URL.
    pub mail_config: Arc<MailConfig>,
    /// The links of alerts.
    pub letterhead: Letterhead,
    /// Keys of access tokens.
    pub jwt: JwtKeys,
    /// Hashes passwords.
    pub hasher: PasswordHasher,
    /// Randomness.
    pub random: Arc<Random>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How much a client may ask.
    pub limits: Limits,
    /// Renders the metrics, when they are recorded.
    pub metrics: Option<PrometheusHandle>,
    /// Takes in what mail servers report.
    pub reports: ReportDesk,
}

/// How much a client may ask.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Whether requests are counted at all.
    pub enabled: bool,
    /// Largest JSON body, in bytes.
    pub body_bytes: usize,
    /// Largest body of an import, in bytes.
    pub import_bytes: usize,
    /// Requests that are worked on at once; more are turned away with 503.
    pub in_flight: usize,
}

impl Default for Limits {
    /// Counted; 1 MiB, 64 MiB and 256 requests.
    fn default() -> Self {
        Self {
            enabled: true,
            body_bytes: 1 << 20,
            import_bytes: 64 << 20,
            in_flight: 256,
        }
    }
}

/// Wakes the background passes after a commit. They also look by themselves.
#[derive(Debug, Default)]
pub struct Wake {
    /// Postings changed.
    pub index: Notify,
    /// Postings or alerts changed.
    pub alerts: Notify,
    /// A mail was written.
    pub mail: Notify,
}

impl Wake {
    /// After a visible change of a posting.
    pub(crate) fn postings_changed(&self) {
        self.index.notify_one();
        self.alerts.notify_one();
    }
}

/// Shared by all handlers. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Shared>);

/// What all clones of a [`State`] share.
pub struct Shared {
    pub(crate) db: Db,
    pub(crate) index: Arc<Index>,
    pub(crate) mail_config: Arc<MailConfig>,
    pub(crate) letterhead: Letterhead,
    pub(crate) jwt: JwtKeys,
    pub(crate) hasher: PasswordHasher,
    pub(crate) random: Arc<Random>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) reports: ReportDesk,
    pub(crate) wake: Wake,
    pub(crate) rates: RateLimiter,
    in_flight: AtomicUsize,
    is_ready: AtomicBool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl std::ops::Deref for State {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// A request that is worked on, until it goes out of scope.
pub(crate) struct Place(State);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl State {
    /// A state of these parts. It says "not ready" until [`State::set_ready`].
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            rates: RateLimiter::new(parts.limits.enabled),
            db: parts.db,
            index: parts.index,
            mail_config: parts.mail_config,
            letterhead: parts.letterhead,
            jwt: parts.jwt,
            hasher: parts.hasher,
            random: parts.random,
            clock: parts.clock,
            limits: parts.limits,
            metrics: parts.metrics,
            reports: parts.reports,
            wake: Wake::default(),
            in_flight: AtomicUsize::new(0),
            is_ready: AtomicBool::new(false),
        }))
    }

    /// Wakes the background passes.
    pub fn wake(&self) -> &Wake {
        &self.0.wake
    }

    /// Whether the index has caught up and requests are welcome; false again while shutting down.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Release);
    }

    /// A place among the requests that are worked on; `None` when there are too many.
    pub(crate) fn enter(&self) -> Option<Place> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        // Made before the question, so that it is given back in either case.
        let place = Place(self.clone());
        (before < self.limits.in_flight).then_some(place)
    }

    /// Requests that are worked on at this moment.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn letters(&self) -> Letters<'_> {
        Letters {
            config: &self.mail_config,
            random: &self.random,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.mail_config.url(path)
    }

    /// [`Db::read`] with the state at hand.
    pub(crate) async fn read<T, E>(
        &self,
        look: impl FnOnce(&mut DbConn, &State) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let state = self.clone();
        self.db.read(move |conn| look(conn, &state)).await
    }

    /// [`Db::write`] with the state at hand.
    pub(crate) async fn write<T, E>(
        &self,
        change: impl FnOnce(&mut DbConn, &State) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let state = self.clone();
        self.db.write(move |tx| change(tx, &state)).await
    }
}
