//! `backplane mail`.

mod dkim;
mod preview;
mod report;
pub(super) mod suppressions;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::MailCommand;
use crate::config::Config;
use crate::wiring;

/// Does what the command line says.
pub(super) fn run(config: Config, command: MailCommand) -> Result<ExitCode> {
    match command {
        MailCommand::Report => return Ok(report::receive(config)),
        MailCommand::Reports { limit } => report::list(&wiring::open(config)?, limit)?,
        MailCommand::Preview { kind, language, dir } => {
            preview::run(&config, kind.as_deref(), &language, &dir)?;
        }
        MailCommand::Dkim { command } => dkim::run(&config, command)?,
        MailCommand::Suppressions { command } => suppressions::run(&wiring::open(config)?, command)?,
    }
    Ok(ExitCode::SUCCESS)
}
