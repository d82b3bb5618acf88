//! Opening what a command needs, in the right order.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use store::{Clock, Db, DbOptions, Id, Random, SystemClock, Timestamp};

use crate::config::Config;

/// Name of the file that the server of a data directory holds locked.
const LOCK_FILE: &str = "server.lock";

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

/// Opens database and data directory; takes missing migration steps.
pub(crate) fn open(config: Config) -> Result<Installation> {
    prepare_data_dir(&config.data_dir)?;
    let options = DbOptions {
        url: config.database_url.clone(),
        pool_size: config.pool_size,
        acquire_timeout: Duration::from_secs(5),
    };
    let db = Db::open(&options).context("the database cannot be opened")?;
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
