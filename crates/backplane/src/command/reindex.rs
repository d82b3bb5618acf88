//! `backplane reindex`.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use search::Index;

use crate::config::Config;
use crate::wiring::{self, ServerLock};

/// Throws the index away and builds it from the database.
pub(super) fn run(config: Config) -> Result<ExitCode> {
    let lock = ServerLock::take(&config).context("the search index cannot be rebuilt now")?;
    let place = wiring::open(config)?;
    let dir = place.config.index_dir();
    let began = Instant::now();
    Index::clear(&dir)?;
    let index = Index::open(&dir)?;
    let mut changes = 0;
    loop {
        let report = index.pass(&place.db)?;
        changes += report.applied;
        if report.is_caught_up {
            break;
        }
        eprintln!("{changes} changes read, {} postings in the index", index.len());
    }
    println!(
        "The search index holds {} postings, built from {changes} changes in {:.1} s.",
        index.len(),
        began.elapsed().as_secs_f64()
    );
    drop(index);
    drop(lock);
    Ok(ExitCode::SUCCESS)
}
