//! `backplane backup` and `backplane restore`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::config::Config;

/// Writes a copy.
pub(super) fn backup(_config: Config, _dest: &Path) -> Result<ExitCode> {
    bail!("not yet")
}

/// Brings a copy back.
pub(super) fn restore(_config: Config, _src: &Path) -> Result<ExitCode> {
    bail!("not yet")
}
