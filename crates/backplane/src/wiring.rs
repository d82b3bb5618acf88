//! Opening what a command needs, in the right order.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::digest::{SHA256, digest};
use search::LiveIndex;
use store::installation::{self, Fact};
use store::{Clock, Db, DbOptions, Id, Random, StoreError, SystemClock, Timestamp};

use crate::config::Config;

/// Name of the file that the server of a data directory holds locked.
const LOCK_FILE: &str = "server.lock";
/// Name of the file in the index's directory that says whose it is.
const INDEX_OF: &str = "of-installation";

/// The opened installation: settings, database, clock and randomness.
pub(crate) struct Installation {
    /// Settings.
    pub(crate) config: Config,
    /// Database, with every migration step taken.
    pub(crate) db: Db,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes ids and secrets.
    pub(crate) random: Arc<Random>,
}

/// How the database of `config` is opened.
pub(crate) fn db_options(config: &Config) -> DbOptions {
    DbOptions {
        url: config.database_url.clone(),
        pool_size: config.pool_size,
        acquire_timeout: Duration::from_secs(5),
        connections: config.connections,
    }
}

/// The key files in `data_dir`, in the order of their names.
pub(crate) fn key_files(data_dir: &Path) -> Result<Vec<PathBuf>> {
    let dir = data_dir.join("keys");
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("{} cannot be read", dir.display());
    let entries = std::fs::read_dir(&dir).with_context(unreadable)?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(unreadable)?.path();
        if path.is_file() && path.extension().is_some_and(|e| e == "pk8" || e == "key") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A name for the keys in `data_dir` that says nothing about them; `None` while there are none.
fn fingerprint(data_dir: &Path) -> Result<Option<String>> {
    let files = key_files(data_dir)?;
    let mut all = aws_lc_rs::digest::Context::new(&SHA256);
    for path in &files {
        let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        all.update(digest(&SHA256, &bytes).as_ref());
    }
    let name = data_encoding::HEXLOWER.encode(&all.finish().as_ref()[..16]);
    Ok((!files.is_empty()).then_some(name))
}

/// Whether the keys of this node are those that the database was used with; also true while it was used with none.
pub(crate) fn keys_agree(db: &Db, config: &Config) -> Result<bool> {
    let known = db.read_blocking(|conn| installation::find(conn, Fact::Keys))?;
    Ok(match known {
        None => true,
        Some(known) => fingerprint(&config.data_dir)?.is_none_or(|own| own == known),
    })
}

/// Refuses to make new keys for a database that was used with others: links in mails that were sent would stop working,
/// and nodes would not believe each other.
pub(crate) fn require_keys(db: &Db, config: &Config) -> Result<()> {
    let known = db.read_blocking(|conn| installation::find(conn, Fact::Keys))?;
    if known.is_some() && fingerprint(&config.data_dir)?.is_none() {
        bail!(
            "{} has no keys, but the database was used with some: copy the directory from another node or from the \
             backup; or, to start with new ones, run `backplane admin accept-keys`",
            config.data_dir.join("keys").display()
        );
    }
    Ok(())
}

/// Remembers the keys of the first node, and says so when those of this one are others.
pub(crate) fn register_keys(db: &Db, config: &Config) -> Result<()> {
    let Some(own) = fingerprint(&config.data_dir)? else {
        return Ok(());
    };
    let known = db.write_blocking(|tx| -> Result<Option<String>, StoreError> {
        let known = installation::find(tx, Fact::Keys)?;
        if known.is_none() {
            installation::remember(tx, Fact::Keys, &own)?;
        }
        Ok(known)
    })?;
    if known.is_some_and(|known| known != own) {
        tracing::error!(
            "the keys of this node are not those that the database was used with: links and sign-ins made by other nodes \
             are refused here; copy the directory keys from another node, or run `backplane admin accept-keys` after \
             exchanging them everywhere on purpose"
        );
    }
    Ok(())
}

/// Throws the search index away when it belongs to another installation: its revisions count other changes, so nobody would
/// notice what is missing in it. One that does not say whose it is counts as ours.
pub(crate) fn require_own_index(db: &Db, config: &Config, random: &Random, now: Timestamp) -> Result<()> {
    let known = db.read_blocking(|conn| installation::find(conn, Fact::Identity))?;
    let own = if let Some(known) = known {
        known
    } else {
        let new = random.id(now).to_string();
        db.write_blocking(|tx| installation::find_or_remember(tx, Fact::Identity, &new))?
    };
    let dir = config.index_dir();
    let path = dir.join(INDEX_OF);
    let unusable = || format!("{} cannot be used", path.display());
    let named = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(unusable),
    };
    if named.as_deref() == Some(own.as_bytes()) {
        return Ok(());
    }
    if named.is_some() {
        tracing::warn!(
            "the search index belongs to another installation; it is built anew from the database"
        );
        LiveIndex::clear(&dir).context("the search index of another installation cannot be removed")?;
    }
    std::fs::create_dir_all(&dir).with_context(unusable)?;
    std::fs::write(&path, own).with_context(unusable)
}

/// Takes the keys of this data directory for the right ones; the next start remembers them, or makes new ones.
pub(crate) fn accept_keys(db: &Db, config: &Config) -> Result<()> {
    let own = fingerprint(&config.data_dir)?;
    db.write_blocking(|tx| match &own {
        Some(own) => installation::remember(tx, Fact::Keys, own),
        None => installation::forget(tx, Fact::Keys),
    })?;
    Ok(())
}

/// The process that has the right to be the server of `config`'s data directory, when one runs.
pub(crate) fn server_of(config: &Config) -> Option<String> {
    let mut file = File::open(config.data_dir.join(LOCK_FILE)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok()?;
            Some(holder.trim().to_owned())
        }
        _ => None,
    }
}

/// Opens database and data directory; takes missing migration steps.
pub(crate) fn open(config: Config) -> Result<Installation> {
    prepare_data_dir(&config.data_dir)?;
    let db = Db::open(&db_options(&config)).context("the database cannot be opened")?;
    let steps = db
        .migrate()
        .context("the database could not be brought up to date")?;
    if !steps.is_empty() {
        tracing::info!(
            count = steps.len(),
            last = steps.last(),
            "the database was brought up to date"
        );
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random = Arc::new(Random::system());
    Ok(Installation {
        config,
        db,
        clock,
        random,
    })
}

/// Opens the database to look at it; makes nothing and takes no step.
pub(crate) fn look(config: Config) -> Result<Installation> {
    if let Some(path) = config.sqlite_path().filter(|path| !path.is_file()) {
        bail!("there is no database at {}", path.display());
    }
    let db = Db::open(&db_options(&config)).context("the database cannot be opened")?;
    let missing = db.read_blocking(store::pending_migrations)?.0.len();
    if missing > 0 {
        bail!(
            "the database is {missing} steps behind this program: start the server first, which takes them"
        );
    }
    Ok(Installation {
        config,
        db,
        clock: Arc::new(SystemClock),
        random: Arc::new(Random::system()),
    })
}

/// The name under which the server of this data directory holds leases; the same after a restart.
pub(crate) fn node_id(data_dir: &Path, random: &Random, now: Timestamp) -> Result<Id> {
    let path = data_dir.join("node.id");
    let unusable = || format!("{} cannot be used", path.display());
    let bytes = mail::keyfile::load_or_create(&path, || Ok(random.id(now).to_string().into_bytes()))
        .with_context(unusable)?;
    String::from_utf8_lossy(&bytes)
        .trim()
        .parse()
        .with_context(unusable)
}

/// Makes the data directory for its owner only; warns when one that exists is open to others.
pub(crate) fn prepare_data_dir(dir: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(dir)
        .with_context(|| format!("the data directory {} cannot be made", dir.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(dir)
            .with_context(|| format!("the data directory {} cannot be read", dir.display()))?
            .permissions()
            .mode();
        if mode & 0o007 != 0 {
            tracing::warn!(dir = %dir.display(), "everybody on this machine can look into the data directory; chmod 700 it");
        }
    }
    Ok(())
}

/// The right to be the one server of a data directory and of a SQLite database; ends with the process, also a killed one.
#[derive(Debug)]
pub(crate) struct ServerLock(#[expect(dead_code, reason = "held, not read")] Vec<File>);

impl ServerLock {
    /// Takes the right.
    ///
    /// # Errors
    /// When another process has it; says which.
    pub(crate) fn take(config: &Config) -> Result<Self> {
        prepare_data_dir(&config.data_dir)?;
        let mut files = vec![lock_file(&config.data_dir.join(LOCK_FILE), &config.data_dir)?];
        if let Some(path) = config
            .sqlite_path()
            .filter(|path| path.parent() != Some(config.data_dir.as_path()))
        {
            let mut name = path.clone().into_os_string();
            name.push(".lock");
            files.push(lock_file(&PathBuf::from(name), &path)?);
        }
        Ok(Self(files))
    }
}

fn lock_file(path: &Path, guarded: &Path) -> Result<File> {
    let unusable = || format!("the lock file {} cannot be used", path.display());
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who holds it only makes the message better.
            let _ = file.read_to_string(&mut holder);
            let process = match holder.trim() {
                "" => String::new(),
                id => format!(" (process {id})"),
            };
            bail!(
                "{} is in use by a running Backplane server{process}; stop it first",
                guarded.display()
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(unusable),
    }
    file.set_len(0).with_context(unusable)?;
    file.rewind().with_context(unusable)?;
    write!(file, "{}", std::process::id()).with_context(unusable)?;
    Ok(file)
}

/// Whoever looks up TXT records; `None` when this machine has no name servers, which leaves domains to be shown by mail.
pub(crate) fn name_servers() -> Option<Arc<dyn accounts::TxtLookup>> {
    match accounts::Dns::of_this_machine() {
        Ok(dns) => Some(Arc::new(dns)),
        Err(error) => {
            tracing::warn!(%error, "this machine has no name servers, so domains can be shown by mail only");
            None
        }
    }
}
