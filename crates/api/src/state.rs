//! What every handler works with.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use accounts::{DomainReport, JwtKeys, Letters, PasswordHasher, Providers, Quotas, SignInDesk, TxtLookup};

use alerts::Letterhead;
use mail::MailConfig;
use mail::report::ReportDesk;
use metrics_exporter_prometheus::PrometheusHandle;
use postings::Posting;
use postings::PostingRules;
use postings::numbers::Counters;
use postings::outward::Reach;
use search::LiveIndex;
use store::{Clock, Db, DbConn, Random, StoreError, Timestamp};
use tokio::sync::{Notify, Semaphore};

use crate::answers::Answers;
use crate::edge::Edge;
use crate::rate_limit::RateLimiter;
use crate::routes::postings::PostingBody;

/// Large feeds that are read at once.
const LARGE_FEEDS: usize = 16;

/// What the binary puts together.
pub struct Parts {
    /// The database, migrated.
    pub db: Db,
    /// The search index.
    pub index: Arc<LiveIndex>,
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
    /// What the operator chose for postings.
    pub posting_rules: PostingRules,
    /// Renders the metrics, when they are recorded.
    pub metrics: Option<PrometheusHandle>,
    /// Takes in what mail servers report.
    pub reports: ReportDesk,
    /// How far webhooks may go.
    pub reach: Reach,
    /// Looks up TXT records; `None` when the machine has no name servers.
    pub dns: Option<Arc<dyn TxtLookup>>,
    /// What stands between the world and us.
    pub edge: Edge,
    /// Identity providers with which people may sign in.
    pub providers: Providers,
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
    /// What an employer may have, when the operator says nothing else.
    pub quotas: Quotas,
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
            quotas: Quotas::default(),
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
    /// Postings changed, or somebody is to be told.
    pub webhooks: Notify,
}

impl Wake {
    /// After a visible change of a posting.
    pub(crate) fn postings_changed(&self) {
        self.index.notify_one();
        self.alerts.notify_one();
        self.webhooks.notify_one();
    }
}

/// Shared by all handlers. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Shared>);

/// What all clones of a [`State`] share.
pub struct Shared {
    pub(crate) db: Db,
    pub(crate) index: Arc<LiveIndex>,
    pub(crate) mail_config: Arc<MailConfig>,
    pub(crate) letterhead: Letterhead,
    pub(crate) jwt: JwtKeys,
    pub(crate) hasher: PasswordHasher,
    pub(crate) random: Arc<Random>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What the operator chose and may choose anew.
    chosen: RwLock<(Limits, PostingRules)>,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) reports: ReportDesk,
    pub(crate) reach: Reach,
    counters: Counters,
    /// Room for readers of large feeds, each of whom has a thread and a connection.
    pub(crate) feeds: Arc<Semaphore>,
    /// Room for large bodies, see [`crate::room`].
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) dns: Option<Arc<dyn TxtLookup>>,
    pub(crate) edge: Edge,
    pub(crate) providers: Providers,
    pub(crate) desk: SignInDesk,
    pub(crate) wake: Wake,
    pub(crate) rates: RateLimiter,
    pub(crate) answers: Answers,
    in_flight: AtomicUsize,
    is_ready: AtomicBool,
    is_stopping: AtomicBool,
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
        let desk = SignInDesk {
            db: parts.db.clone(),
            hasher: parts.hasher.clone(),
            links: Arc::clone(&parts.letterhead.links),
            mail: Arc::clone(&parts.mail_config),
            random: Arc::clone(&parts.random),
        };
        Self(Arc::new(Shared {
            desk,
            edge: parts.edge,
            providers: parts.providers,
            rates: RateLimiter::new(parts.limits.enabled),
            db: parts.db,
            index: parts.index,
            mail_config: parts.mail_config,
            letterhead: parts.letterhead,
            jwt: parts.jwt,
            hasher: parts.hasher,
            random: parts.random,
            clock: parts.clock,
            chosen: RwLock::new((parts.limits, parts.posting_rules)),
            metrics: parts.metrics,
            reports: parts.reports,
            reach: parts.reach,
            counters: Counters::default(),
            feeds: Arc::new(Semaphore::new(LARGE_FEEDS)),
            bodies: crate::room::all(parts.limits.import_bytes),
            dns: parts.dns,
            wake: Wake::default(),
            answers: Answers::default(),
            in_flight: AtomicUsize::new(0),
            is_ready: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        }))
    }

    /// What the operator chose for postings.
    pub fn posting_rules(&self) -> PostingRules {
        self.chosen().1
    }

    /// How much a client may ask.
    pub(crate) fn limits(&self) -> Limits {
        self.chosen().0
    }

    fn chosen(&self) -> (Limits, PostingRules) {
        *self.0.chosen.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The operator chose anew. The largest bodies stay what they were when the server started.
    pub fn choose(&self, limits: Limits, posting_rules: PostingRules) {
        self.rates.enable(limits.enabled);
        *self.0.chosen.write().unwrap_or_else(PoisonError::into_inner) = (limits, posting_rules);
        self.answers.forget();
    }

    /// Wakes the background passes.
    pub fn wake(&self) -> &Wake {
        &self.0.wake
    }

    /// Whether the index has caught up and requests are welcome. Without effect once [`State::set_stopping`] was called.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Release);
    }

    /// The process is about to end: it is not ready any more, whatever its passes find.
    pub fn set_stopping(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Looks again at domains whose time has come; see [`accounts::domain_pass`]. Without name servers nothing is looked at.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn domain_pass(&self) -> Result<DomainReport, StoreError> {
        let Some(dns) = &self.dns else {
            return Ok(DomainReport::default());
        };
        accounts::domain_pass(
            &self.db,
            dns.as_ref(),
            &self.mail_config,
            &self.random,
            self.now(),
        )
        .await
    }

    /// Forgets clients that have been quiet, and takes over changed keys. Call it every minute or so.
    pub fn tidy(&self) {
        self.rates.forget_idle();
        if let Err(error) = self.jwt.reload(self.now()) {
            tracing::warn!(%error, "the keys of access tokens could not be read again");
        }
    }

    /// Other nodes serve the same clients: what is spent here is remembered for them. Call it before the first request.
    pub fn share_budgets(&self) {
        self.rates.share(Arc::clone(&self.letterhead.links));
    }

    /// Messages to the other nodes about what clients spent here since the last call.
    pub fn take_untold_budgets(&self) -> Vec<String> {
        self.rates.take_untold()
    }

    /// Takes in such a message of another node; returns how many requests it tells of.
    pub fn hear_of_budgets(&self, message: &str) -> u64 {
        self.rates.hear(message)
    }

    /// A place among the requests that are worked on; `None` when there are too many.
    pub(crate) fn enter(&self) -> Option<Place> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        // Made before the question, so that it is given back in either case.
        let place = Place(self.clone());
        (before < self.limits().in_flight).then_some(place)
    }

    /// Requests that are worked on at this moment.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.has_caught_up() && !self.is_stopping.load(Ordering::Acquire)
    }

    pub(crate) fn has_caught_up(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// What readers did since it was written last.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the board calls itself on its pages, as in its mails.
    pub(crate) fn site(&self) -> &str {
        self.mail_config.site()
    }

    /// A posting as `GET /v1/postings/{id}` shows it.
    pub fn render(&self, posting: Posting) -> serde_json::Value {
        serde_json::to_value(PostingBody::of(posting, self)).unwrap_or_default()
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
