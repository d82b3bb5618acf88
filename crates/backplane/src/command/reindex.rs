//! `backplane reindex`.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use search::{LiveIndex, Standing};
use store::Db;
use store::revision::{self, Counter};

use super::verify::bring_up_to_date;
use crate::config::Config;
use crate::progress::Progress;
use crate::wiring::{self, ServerLock};

/// How often a running server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Builds the index anew from the database beside the one in service, and puts it in its place: a running server does it
/// when it is asked to, otherwise this process does.
pub(super) fn run(config: Config) -> Result<ExitCode> {
    let dir = config.index_dir();
    let began = Instant::now();
    let by = if wiring::server_of(&config).is_some() {
        LiveIndex::want_rebuild(&dir).with_context(|| format!("{} cannot be written", dir.display()))?;
        watch(config, &dir)?;
        "by the running server, which answered from the old one meanwhile"
    } else {
        let lock = ServerLock::take(&config).context("the search index cannot be rebuilt now")?;
        let place = wiring::open(config)?;
        LiveIndex::want_rebuild(&dir).with_context(|| format!("{} cannot be written", dir.display()))?;
        let index = LiveIndex::open(&dir)?;
        bring_up_to_date(&index, &place.db)?;
        index.close()?;
        drop(lock);
        "and the next start searches it"
    };
    println!(
        "The search index was built anew in {:.1} s, {by}.",
        began.elapsed().as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}

/// Waits for the running server, and shows how far it is.
fn watch(config: Config, dir: &Path) -> Result<()> {
    let before = LiveIndex::standing(dir).generation;
    let place = wiring::look(config)?;
    let latest = |db: &Db| db.read_blocking(|conn| revision::latest(conn, Counter::Postings));
    let mut progress = Progress::new("Indexing", latest(&place.db)?.unsigned_abs());
    loop {
        let Standing {
            generation,
            building,
            is_wanted,
        } = LiveIndex::standing(dir);
        if generation > before && building.is_none() && !is_wanted {
            break;
        }
        progress.at(building.unwrap_or(0).unsigned_abs(), "changes");
        if wiring::server_of(&place.config).is_none() {
            bail!("the server ended meanwhile; it goes on at its next start, or run this command again");
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    progress.finish();
    Ok(())
}
