//! `backplane serve`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use accounts::{JwtKeys, PasswordHasher};
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use alerts::{LastLook, Letterhead};
use anyhow::{Context as _, Result, bail};
use mail::report::ReportDesk;
use mail::{Courier, LinkKey, Transport};
use postings::import;
use postings::webhooks::{self, Messenger};
use search::LiveIndex;
use store::{Backend, Db, lease};

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::loops::{Loops, Workshop};
use crate::wiring::{self, Installation, ServerLock};
use crate::{reload, samples, telemetry};

/// How long requests in flight may take after a signal, seconds.
const REQUESTS_PATIENCE_S: u64 = 4;
/// How long background passes may take after that.
const LOOPS_PATIENCE: Duration = Duration::from_secs(3);
/// How long threads may take after that.
const THREADS_PATIENCE: Duration = Duration::from_secs(1);
/// Threads for background loops; their blocking work has threads of its own.
const LOOP_THREADS: usize = 2;
/// How long a client may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection that is being closed may take.
const REQUEST_END_PATIENCE: Duration = Duration::from_secs(5);
/// How often the disk is looked after.
const LOOK_AT_DISK: Duration = Duration::from_millis(200);
/// Connections of one worker at most; more wait to be accepted. Each that begins a request and says no more is gone after
/// `HEAD_PATIENCE`; idle ones cost some kilobytes each (`scripts/soak --idle`).
const CONNECTIONS: usize = 12_000;
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What a process does of all that is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Node,
    /// Answers requests, and keeps its own index up to date.
    Front,
    /// Background work.
    Worker,
}

impl Role {
    /// In logs and figures.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Front => "front",
            Self::Worker => "worker",
        }
    }
}

/// A board that is ready to be started.
pub(crate) struct Board {
    shop: Workshop,
    held: Held,
}

/// What a board keeps for as long as it runs.
struct Held {
    state: api::State,
    db: Db,
    config: Arc<Config>,
    role: Role,
    #[expect(dead_code, reason = "held, not read")]
    lock: ServerLock,
}

/// Runs the board until a signal ends it.
pub(crate) fn run(config: Config, args: &ServeArgs) -> Result<ExitCode> {
    let role = if args.front { Role::Front } else { Role::Node };
    let board = Board::open(config, role)?;
    if args.samples {
        board.load_samples()?;
    }
    until_signal(board)
}

/// Runs only the background work until a signal ends it.
pub(crate) fn run_worker(config: Config) -> Result<ExitCode> {
    until_signal(Board::open(config, Role::Worker)?)
}

fn until_signal(board: Board) -> Result<ExitCode> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let running = board.start()?;
        running.greet();
        running.until_signal().await
    });
    runtime.shutdown_timeout(THREADS_PATIENCE);
    outcome?;
    tracing::info!("the server has stopped");
    telemetry::send_traces_left();
    Ok(ExitCode::SUCCESS)
}

/// The runtime of the background loops.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(LOOP_THREADS)
        .thread_name("backplane-loops")
        .enable_all()
        .build()
        .context("threads cannot be started")
}

impl Board {
    /// Opens everything that a board needs and takes the right to be the one server of its data directory.
    pub(crate) fn open(config: Config, role: Role) -> Result<Self> {
        if role != Role::Node && config.sqlite_path().is_some() {
            bail!(
                "SQLite belongs to one process: run `backplane serve` alone, or set database.url to PostgreSQL"
            );
        }
        raise_open_files();
        let lock = ServerLock::take(&config)?;
        let mail_config = config.mail_config()?;
        let Installation {
            config,
            db,
            clock,
            random,
            ..
        } = wiring::open(config)?;
        let now = clock.now();
        let holder = wiring::node_id(&config.data_dir, &random, now)?;
        // The lock says that the process that had this name is gone, so what it held is free.
        db.write_blocking(|tx| {
            lease::release_all(tx, holder)?;
            webhooks::release_claims(tx, holder, now)?;
            mail::release_claims(tx, holder, now)
        })?;
        if db.backend() == Backend::Sqlite {
            // One server at a time: whatever ran has ended with it.
            db.write_blocking(|tx| import::fail_interrupted_runs(tx, now, now))?;
        }
        wiring::require_keys(&db, &config)?;
        let keys = || {
            format!(
                "the keys in {} cannot be used",
                config.data_dir.join("keys").display()
            )
        };
        let jwt =
            JwtKeys::load_or_create(&config.data_dir, &config.public_url, &random, now).with_context(keys)?;
        let links = LinkKey::load_or_create(&config.data_dir, &random).with_context(keys)?;
        let links = Arc::new(links);
        wiring::register_keys(&db, &config)?;
        let return_path = config.return_path(&links);
        let reports = ReportDesk::new(&mail_config, return_path.clone(), config.report_token.as_deref());
        let letterhead = Letterhead {
            config: Arc::clone(&mail_config),
            links,
            rules: config.alert_rules,
        };
        wiring::require_own_index(&db, &config, &random, now)?;
        let index =
            Arc::new(LiveIndex::open(&config.index_dir()).context("the search index cannot be opened")?);
        let metrics = telemetry::start_metrics(role)?;
        let state = api::State::new(api::Parts {
            db: db.clone(),
            index: Arc::clone(&index),
            mail_config: Arc::clone(&mail_config),
            letterhead: letterhead.clone(),
            jwt,
            hasher: PasswordHasher::new(Arc::clone(&random)).context("passwords cannot be hashed")?,
            random: Arc::clone(&random),
            clock: Arc::clone(&clock),
            limits: limits(&config),
            posting_rules: config.posting_rules,
            metrics: Some(metrics.clone()),
            reports,
            reach: config.webhook_reach,
            dns: wiring::name_servers(),
            edge: config.edge.clone(),
            providers: config.identity_providers()?,
        });
        if config.notify_url.is_some() && role != Role::Worker {
            state.share_budgets();
        }
        let messenger = Messenger::new(
            db.clone(),
            config.webhook_reach,
            Arc::clone(&mail_config),
            Arc::clone(&letterhead.links),
            Arc::clone(&random),
            Arc::clone(&clock),
            holder,
        );
        let courier = Courier::new(
            db.clone(),
            &config.transport,
            mail_config,
            Arc::clone(&random),
            Arc::clone(&clock),
            holder,
        )
        .with_rules(&config.transport, config.delivery.clone())
        .with_return_path(return_path)
        .with_review(Arc::new(LastLook::new(letterhead.clone())));
        for warning in config.mail_warning().into_iter().chain(config.dangers()) {
            tracing::warn!("{warning}");
        }
        let shop = Workshop {
            db,
            index,
            state: state.clone(),
            letterhead,
            courier,
            random,
            clock,
            holder,
            role,
            notify_url: config.notify_url.clone(),
            metrics: Some(metrics),
            fetcher: config.boards.clone().map(import::Fetcher::new),
            messenger: Arc::new(messenger),
            retention: config.retention,
            inner: crate::loops::Inner::default(),
        };
        let held = Held {
            state,
            db: shop.db.clone(),
            config: Arc::new(config),
            role,
            lock,
        };
        Ok(Self { shop, held })
    }

    /// Fills an empty board with the samples.
    pub(crate) fn load_samples(&self) -> Result<()> {
        let Workshop {
            db, random, clock, ..
        } = &self.shop;
        if !samples::is_wanted(db)? {
            tracing::info!("the board has employers already, so the samples are left out");
            return Ok(());
        }
        let summary = samples::load(db, random, clock.now())?;
        tracing::info!(postings = summary.created, "the samples were imported");
        Ok(())
    }

    /// The database, for looking at what the board did.
    pub(crate) fn db(&self) -> &Db {
        &self.shop.db
    }

    /// Starts answering and the background loops.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub(crate) fn start(self) -> Result<Running> {
        let server = listen(&self.held.state, &self.held.config, self.held.role)?;
        let handle = server.handle();
        let served = tokio::spawn(server);
        let loops = Loops::start(self.shop);
        Ok(Running {
            held: self.held,
            handle,
            served,
            loops,
        })
    }
}

/// What callers are allowed.
fn limits(config: &Config) -> api::Limits {
    api::Limits {
        enabled: config.limits.enabled,
        body_bytes: config.limits.body_bytes,
        import_bytes: config.limits.import_bytes,
        quotas: config.quotas,
        in_flight: config.limits.in_flight,
    }
}

/// Allows as many open files, and so connections, as the system lets us have.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, "the number of open files stays limited");
    }
}

fn listen(state: &api::State, config: &Config, role: Role) -> Result<Server> {
    let everything = api::configure(state);
    let about_us = api::configure_worker(state);
    let routes = move |service: &mut actix_web::web::ServiceConfig| match role {
        Role::Worker => about_us(service),
        Role::Node | Role::Front => everything(service),
    };
    let mut server =
        HttpServer::new(move || App::new().wrap(from_fn(api::observe)).configure(routes.clone()))
            .disable_signals()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_PATIENCE)
            .client_disconnect_timeout(REQUEST_END_PATIENCE)
            .max_connections(CONNECTIONS)
            .shutdown_timeout(REQUESTS_PATIENCE_S);
    if config.workers > 0 {
        server = server.workers(config.workers);
    }
    let bound = server
        .bind(config.bind)
        .with_context(|| format!("{} cannot be listened on (server.bind)", config.bind))?;
    Ok(bound.run())
}

/// A board that answers.
pub(crate) struct Running {
    held: Held,
    handle: ServerHandle,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    loops: Loops,
}

impl Running {
    /// Says on standard output what to open.
    fn greet(&self) {
        let config = &self.held.config;
        let url = &config.public_url;
        if self.held.role == Role::Worker {
            println!(
                "A Backplane worker runs; http://{}/readyz says how it is.",
                config.bind
            );
            tracing::info!(bind = %config.bind, "the worker runs");
            return;
        }
        println!("Backplane answers on {url}");
        println!("  try      curl '{url}/v1/search?q=rtl'");
        println!("  docs     {url}/docs");
        println!("  data     {}", config.data_dir.display());
        match &config.transport {
            Transport::File(dir) => println!("  mail     {} (one .eml file each)", dir.display()),
            _ => println!("  mail     by SMTP"),
        }
        println!("Stop with Ctrl-C.");
        tracing::info!(bind = %config.bind, "the server answers");
    }

    /// Waits for SIGINT or SIGTERM, or for the server to fail, then stops. SIGHUP reads settings and data again.
    async fn until_signal(mut self) -> Result<()> {
        let mut signals = Signals::listen()?;
        let mut look = tokio::time::interval(LOOK_AT_DISK);
        let failed = loop {
            tokio::select! {
                ended = &mut self.served => break Some(ended),
                _ = look.tick() => {
                    if self.held.db.has_failed() {
                        tracing::error!("the disk below the database failed; ending, so that the next start reads what is really there");
                        self.stop().await;
                        bail!("the disk below the database failed: look into the system's log, then start again");
                    }
                }
                signal = signals.next() => {
                    if signal == "SIGHUP" {
                        self.reload().await;
                        continue;
                    }
                    tracing::info!(signal, "stopping");
                    self.held.state.set_stopping();
                    let drain = self.held.config.drain;
                    if signal == "SIGTERM" && !drain.is_zero() {
                        tracing::info!(seconds = drain.as_secs(), "answering until load balancers have noticed");
                        tokio::time::sleep(drain).await;
                    }
                    break None;
                }
            }
        };
        self.stop().await;
        match failed {
            None => Ok(()),
            Some(ended) => ended
                .context("the server was interrupted")?
                .context("the server failed"),
        }
    }

    /// Reads settings and data again; what is wrong with them is logged, and everything stays as it was.
    async fn reload(&mut self) {
        let running = Arc::clone(&self.held.config);
        let outcome = tokio::task::spawn_blocking(move || reload::reload(&running)).await;
        let outcome = outcome.unwrap_or_else(|error| Err(error.into()));
        match outcome {
            Ok(reloaded) => {
                let state = &self.held.state;
                state.choose(limits(&reloaded.config), reloaded.config.posting_rules);
                if reloaded.is_vocabulary_new {
                    tracing::info!("the vocabulary is another one; the search index is built anew with it");
                    state.wake().index.notify_one();
                    state.wake().alerts.notify_one();
                }
                if !reloaded.waiting.is_empty() {
                    let keys = reloaded.waiting.join(", ");
                    tracing::warn!(keys, "these settings hold after a restart only");
                }
                tracing::info!("settings and data were read again");
                metrics::counter!("backplane_reloads_total", "outcome" => "done").increment(1);
                self.held.config = Arc::new(reloaded.config);
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "settings and data were not read again; what was in force is"
                );
                metrics::counter!("backplane_reloads_total", "outcome" => "refused").increment(1);
            }
        }
    }

    /// Refuses new requests, finishes those in flight and the passes, and gives everything up.
    pub(crate) async fn stop(self) {
        self.held.state.set_stopping();
        self.handle.stop(true).await;
        self.loops.stop(LOOPS_PATIENCE).await;
    }
}

/// The signals that are heard, from the first moment on.
struct Signals {
    #[cfg(unix)]
    heard: [(&'static str, tokio::signal::unix::Signal); 3],
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hear = |kind| signal(kind).context("signals cannot be heard");
        Ok(Self {
            heard: [
                ("SIGTERM", hear(SignalKind::terminate())?),
                ("SIGINT", hear(SignalKind::interrupt())?),
                ("SIGHUP", hear(SignalKind::hangup())?),
            ],
        })
    }

    /// The name of the next one.
    #[cfg(unix)]
    async fn next(&mut self) -> &'static str {
        let [terminate, interrupt, hangup] = &mut self.heard;
        tokio::select! {
            _ = terminate.1.recv() => terminate.0,
            _ = interrupt.1.recv() => interrupt.0,
            _ = hangup.1.recv() => hangup.0,
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    fn listen() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> &'static str {
        // What cannot be heard never comes.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
