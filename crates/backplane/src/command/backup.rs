//! `backplane backup` and `backplane restore`.
//!
//! A backup is a directory: the database as one file, the keys, and a note of what made it. The search index is not in
//! it, because it is built from the database; nor is mail that was written as files.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use store::{Clock as _, SystemClock, Timestamp, check_sqlite, copy_sqlite};

use crate::config::Config;
use crate::wiring::{self, ServerLock};

/// Version of the directory's layout.
const FORMAT: u32 = 1;
const DATABASE: &str = "backplane.db";
const KEYS: &str = "keys";
const NOTE: &str = "backup.json";

/// What made a backup, and when.
#[derive(Serialize, Deserialize)]
struct Note {
    format: u32,
    version: String,
    created_at: Timestamp,
}

/// Writes a copy of database and keys into the new directory `dest`: whole, or not at all.
pub(super) fn backup(config: Config, dest: &Path) -> Result<ExitCode> {
    let database = sqlite_path(&config)?;
    ensure!(
        !dest.exists(),
        "{} exists already; name a new directory",
        dest.display()
    );
    ensure!(
        database.is_file(),
        "there is no database at {}",
        database.display()
    );
    let partial = with_suffix(dest, ".partial");
    remove(&partial)?;
    make_private_dir(&partial)?;
    copy_sqlite(&database, &partial.join(DATABASE)).context("the database cannot be copied")?;
    copy_keys(&config.data_dir.join(KEYS), &partial.join(KEYS))?;
    let note = Note {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: SystemClock.now(),
    };
    write_synced(&partial.join(NOTE), &serde_json::to_vec_pretty(&note)?)?;
    sync_dir(&partial)?;
    fs::rename(&partial, dest).with_context(|| format!("{} cannot be made", dest.display()))?;
    sync_dir(parent_of(dest))?;
    println!(
        "Database and keys are in {}. Whoever can read it can sign in as anybody.",
        dest.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Brings the copy in `src` into an empty data directory.
pub(super) fn restore(config: Config, src: &Path) -> Result<ExitCode> {
    let database = sqlite_path(&config)?;
    let note = fs::read(src.join(NOTE)).with_context(|| format!("{} is not a backup", src.display()))?;
    let note: Note =
        serde_json::from_slice(&note).with_context(|| format!("{} is damaged", src.join(NOTE).display()))?;
    ensure!(
        note.format == FORMAT,
        "{} was made by version {}, in a form that this version does not know",
        src.display(),
        note.version
    );
    check_sqlite(&src.join(DATABASE)).context("the backup cannot be used")?;
    wiring::prepare_data_dir(&config.data_dir)?;
    let keys = config.data_dir.join(KEYS);
    // A log left behind by another database would be played into this one.
    for present in [&database, &with_suffix(&database, "-wal"), &keys] {
        ensure!(
            !present.exists(),
            "{} exists already; restore into an empty data directory",
            present.display()
        );
    }
    let lock = ServerLock::take(&config)?;
    let (partial, partial_keys) = (with_suffix(&database, ".partial"), with_suffix(&keys, ".partial"));
    remove(&partial)?;
    remove(&partial_keys)?;
    copy_sqlite(&src.join(DATABASE), &partial).context("the database cannot be copied")?;
    copy_keys(&src.join(KEYS), &partial_keys)?;
    // The index of another database would be thrown away later anyway.
    search::LiveIndex::clear(&config.index_dir())?;
    // The database last: what is there without it is no installation yet.
    for (from, to) in [(&partial_keys, &keys), (&partial, &database)] {
        fs::rename(from, to).with_context(|| format!("{} cannot be made", to.display()))?;
        sync_dir(parent_of(to))?;
    }
    drop(lock);
    println!(
        "Restored what was backed up at {}; the next start builds the search index.",
        note.created_at
    );
    Ok(ExitCode::SUCCESS)
}

fn sqlite_path(config: &Config) -> Result<PathBuf> {
    let Some(path) = config.sqlite_path() else {
        bail!(
            "the database is PostgreSQL: back it up with pg_dump and restore it with pg_restore, and copy {} beside it",
            config.data_dir.join(KEYS).display()
        );
    };
    Ok(path)
}

/// Copies key files, for their owner only. A data directory that has none yet gives an empty directory.
fn copy_keys(from: &Path, to: &Path) -> Result<()> {
    make_private_dir(to)?;
    if !from.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let path = entry?.path();
        let is_key = path.is_file() && path.extension().is_some_and(|e| e == "pk8" || e == "key");
        if let (true, Some(name)) = (is_key, path.file_name()) {
            let bytes = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            write_synced(&to.join(name), &bytes)?;
        }
    }
    sync_dir(to)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Removes what an interrupted attempt left.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    removed.with_context(|| format!("{} cannot be removed", path.display()))
}

fn make_private_dir(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .with_context(|| format!("{} cannot be made", path.display()))
}

fn sync_dir(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("{} cannot be synced", path.display()))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    // `a/b/` and `a/b` are the same directory.
    let mut name: OsString = path.components().as_path().as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
