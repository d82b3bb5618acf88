//! `backplane demo`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::config::Config;

/// Plays the journey.
pub(super) fn run(_config: Config) -> Result<ExitCode> {
    bail!("not yet")
}
