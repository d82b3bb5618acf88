//! Opening a database and lending its connections.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager};
use diesel::prelude::*;

use crate::{DbConn, StoreError, migrations};

/// Which of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded one.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// `sqlite:PATH`, or `postgres://…` / `postgresql://…`.
    pub url: String,
    /// Connections for reading on SQLite, all connections on PostgreSQL.
    pub pool_size: u32,
    /// How long to wait for a free connection before saying "not available".
    pub acquire_timeout: Duration,
    /// What a connection to PostgreSQL leads to.
    pub connections: Connections,
}

/// What a connection to PostgreSQL leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// The server itself: settings and prepared statements of a session stay.
    Direct,
    /// A pooler that lends a session for each transaction (PgBouncer, `pool_mode = transaction`): nothing may be left
    /// behind in a session, so every look is a transaction too, and statements are not kept.
    Pooled,
}

impl DbOptions {
    /// Options for `url` with the defaults: 8 connections, 5 seconds.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            pool_size: 8,
            acquire_timeout: Duration::from_secs(5),
            connections: Connections::Direct,
        }
    }
}

/// A database. Cheap to clone.
///
/// Reading goes through a pool. Writing goes through one short transaction at a time on SQLite (a single writer with
/// a queue: more of them only starve each other), and through the pool on PostgreSQL.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pool: r2d2::Pool<Manager>,
    sqlite_writer: Option<Mutex<DbConn>>,
    backend: Backend,
    connections: Connections,
    has_failed: AtomicBool,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("backend", &self.0.backend)
            .finish_non_exhaustive()
    }
}

/// A transaction that has not ended is rolled back when this goes out of scope, also during a panic.
struct OpenTransaction<'c> {
    conn: &'c mut DbConn,
    open: bool,
}

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if self.open
            && let Err(error) = <DbConn as Connection>::TransactionManager::rollback_transaction(self.conn)
        {
            tracing::warn!(%error, "a transaction could not be rolled back");
        }
    }
}

impl Db {
    /// Opens the database at `options.url` and checks that it answers. Takes no migration step.
    ///
    /// # Errors
    /// [`StoreError::Address`] for a URL that is neither database's, [`StoreError::Unavailable`] when it does not answer.
    pub fn open(options: &DbOptions) -> Result<Self, StoreError> {
        let target = Target::parse(&options.url)?;
        let backend = target.backend();
        let sqlite_writer = match &target {
            Target::Sqlite(path) => Some(Mutex::new(open_sqlite(path, SqliteRole::Writer)?)),
            Target::Postgres(_) => {
                connect(&target, options.connections)?; // a direct attempt gives the server's own words; the pool would only say "timed out"
                None
            }
        };
        let pool = r2d2::Pool::builder()
            .max_size(options.pool_size.max(1))
            .min_idle(Some(1))
            .test_on_check_out(backend == Backend::Postgres)
            .connection_timeout(options.acquire_timeout)
            .error_handler(Box::new(LogErrors))
            .build(Manager {
                target,
                connections: options.connections,
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            pool,
            sqlite_writer,
            backend,
            connections: options.connections,
            has_failed: AtomicBool::new(false),
        })))
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.0.backend
    }

    /// How many connections are open, and how many of them nobody uses at the moment.
    pub fn pool_state(&self) -> (u32, u32) {
        let state = self.0.pool.state();
        (state.connections, state.idle_connections)
    }

    /// Takes every missing migration step and returns their names.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        match &self.0.sqlite_writer {
            Some(writer) => migrations::run_pending(&mut lock(writer)),
            None => migrations::run_pending(&mut *self.pooled()?),
        }
    }

    /// Runs `look` with a connection for reading, on this thread.
    pub fn read_blocking<T, E: From<StoreError>>(
        &self,
        look: impl FnOnce(&mut DbConn) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = self.pooled()?;
        match self.0.connections {
            Connections::Direct => look(&mut conn),
            Connections::Pooled => transaction(&mut conn, Connections::Pooled, look, || {}),
        }
    }

    /// Runs `change` in one transaction on this thread: commits when it returns `Ok`, rolls back otherwise.
    pub fn write_blocking<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut DbConn) -> Result<T, E>,
    ) -> Result<T, E> {
        match &self.0.sqlite_writer {
            Some(writer) => {
                let mut conn = lock(writer);
                if self.has_failed() {
                    let words = "the disk failed; the program has to start again";
                    return Err(StoreError::NoSpace(words.to_owned()).into());
                }
                transaction(&mut conn, Connections::Direct, change, || {
                    self.0.has_failed.store(true, Ordering::Release);
                })
            }
            None => transaction(&mut *self.pooled()?, self.0.connections, change, || {}),
        }
    }

    /// Whether the disk below an embedded database failed while something was committed. What the system then believes to be
    /// on disk may not be there, so nothing is written any more; a new start reads the log again and writes it anew.
    pub fn has_failed(&self) -> bool {
        self.0.has_failed.load(Ordering::Acquire)
    }

    /// [`Db::read_blocking`] off the async threads.
    pub async fn read<T, E>(
        &self,
        look: impl FnOnce(&mut DbConn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let db = self.clone();
        off_thread(move || db.read_blocking(look)).await
    }

    /// [`Db::write_blocking`] off the async threads.
    pub async fn write<T, E>(
        &self,
        change: impl FnOnce(&mut DbConn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let db = self.clone();
        off_thread(move || db.write_blocking(change)).await
    }

    fn pooled(&self) -> Result<r2d2::PooledConnection<Manager>, StoreError> {
        self.0
            .pool
            .get()
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

async fn off_thread<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(StoreError::Interrupted.into()),
    }
}

fn lock(writer: &Mutex<DbConn>) -> MutexGuard<'_, DbConn> {
    // A panic in an earlier writer rolled its transaction back, so the connection is good.
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the one place that opens transactions")]
fn transaction<T, E: From<StoreError>>(
    conn: &mut DbConn,
    connections: Connections,
    change: impl FnOnce(&mut DbConn) -> Result<T, E>,
    on_failed_disk: impl FnOnce(),
) -> Result<T, E> {
    match conn {
        // A deferred BEGIN that reads first fails with "database is locked" whatever the timeout.
        DbConn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        DbConn::Pg(c) => AnsiTransactionManager::begin_transaction(c),
    }
    .map_err(StoreError::from)?;
    let mut open = OpenTransaction { conn, open: true };
    if connections == Connections::Pooled
        && let DbConn::Pg(c) = &mut *open.conn
    {
        c.batch_execute(&session_settings("SET LOCAL"))
            .map_err(StoreError::from)?;
    }
    let value = change(open.conn)?;
    open.open = false;
    match <DbConn as Connection>::TransactionManager::commit_transaction(open.conn) {
        Ok(()) => Ok(value),
        Err(error) => {
            open.open = matches!(open.conn, DbConn::Sqlite(_)); // PostgreSQL has ended it; SQLite may keep it open
            let error = StoreError::from(error);
            // A full disk is another text, and nothing to end for.
            if matches!(&error, StoreError::NoSpace(words) if words.contains("disk I/O error")) {
                on_failed_disk();
            }
            Err(error.into())
        }
    }
}

#[derive(Debug, Clone)]
enum Target {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Target {
    fn parse(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        match url.strip_prefix("sqlite:") {
            Some("" | ":memory:") | None => Err(StoreError::Address(
                "database.url must be sqlite:PATH to a file, or postgres://user:password@host/name"
                    .to_owned(),
            )),
            Some(path) => Ok(Self::Sqlite(PathBuf::from(
                path.strip_prefix("//").unwrap_or(path),
            ))),
        }
    }

    fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Postgres(_) => Backend::Postgres,
        }
    }
}

struct Manager {
    target: Target,
    connections: Connections,
}

impl r2d2::ManageConnection for Manager {
    type Connection = DbConn;
    type Error = StoreError;

    fn connect(&self) -> Result<DbConn, StoreError> {
        connect(&self.target, self.connections)
    }

    fn is_valid(&self, conn: &mut DbConn) -> Result<(), StoreError> {
        Ok(conn.batch("SELECT 1")?)
    }

    fn has_broken(&self, conn: &mut DbConn) -> bool {
        std::thread::panicking()
            || <DbConn as Connection>::TransactionManager::is_broken_transaction_manager(conn)
    }
}

#[derive(Debug)]
struct LogErrors;

impl r2d2::HandleError<StoreError> for LogErrors {
    fn handle_error(&self, error: StoreError) {
        tracing::warn!(%error, "no connection to the database");
    }
}

/// What holds for every statement, for the session (`SET`) or for one transaction (`SET LOCAL`).
fn session_settings(set: &str) -> String {
    // A node that is cut off in the middle of a transaction must not hold the others up.
    format!(
        "{set} TIME ZONE 'UTC'; {set} statement_timeout = '60s'; {set} lock_timeout = '20s';
         {set} idle_in_transaction_session_timeout = '10s'"
    )
}

fn connect(target: &Target, connections: Connections) -> Result<DbConn, StoreError> {
    match target {
        Target::Sqlite(path) => open_sqlite(path, SqliteRole::Reader),
        Target::Postgres(url) => {
            let mut conn =
                PgConnection::establish(url).map_err(|e| StoreError::Unavailable(e.to_string()))?;
            match connections {
                Connections::Direct => conn.batch_execute(&session_settings("SET"))?,
                Connections::Pooled => conn.set_prepared_statement_cache_size(CacheSize::Disabled),
            }
            Ok(DbConn::Pg(conn))
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum SqliteRole {
    Writer,
    Reader,
}

fn open_sqlite(path: &Path, role: SqliteRole) -> Result<DbConn, StoreError> {
    let text = path
        .to_str()
        .ok_or_else(|| StoreError::Address(format!("{} is not UTF-8", path.display())))?;
    let unavailable = |error: String| StoreError::Unavailable(format!("{text}: {error}"));
    let mut conn = SqliteConnection::establish(text).map_err(|e| unavailable(e.to_string()))?;
    // FULL: an acknowledged write survives power loss. No mapped file: an error of the disk under one ends the process
    // with a signal instead of an error, and each connection's pages would count as memory once more. Every pragma here
    // holds for this connection only.
    conn.batch_execute(
        "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA mmap_size = 0;
         PRAGMA secure_delete = ON;",
    )
    .map_err(|e| unavailable(e.to_string()))?;
    if role == SqliteRole::Reader {
        // There are many of them, and the system keeps the same pages for all.
        conn.batch_execute("PRAGMA query_only = ON; PRAGMA cache_size = -8000;")
            .map_err(|e| unavailable(e.to_string()))?;
    }
    Ok(DbConn::Sqlite(conn))
}
