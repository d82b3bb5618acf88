//! `backplane reindex`.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::verify::rebuild;
use crate::config::Config;
use crate::wiring::{self, ServerLock};

/// Throws the index away and builds it from the database.
pub(super) fn run(config: Config) -> Result<ExitCode> {
    let lock = ServerLock::take(&config).context("the search index cannot be rebuilt now")?;
    let place = wiring::open(config)?;
    let began = Instant::now();
    let (index, changes) = rebuild(&place.config.index_dir(), &place.db)?;
    println!(
        "The search index holds {} postings, built from {changes} changes in {:.1} s.",
        index.len(),
        began.elapsed().as_secs_f64()
    );
    drop(index);
    drop(lock);
    Ok(ExitCode::SUCCESS)
}
