//! One module for each command.

mod admin;
mod backup;
mod config;
mod demo;
mod healthcheck;
mod import;
mod mail;
mod reindex;
mod serve;

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::telemetry::{self, Audience};

/// Does what the command line says and returns the exit status.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    let file = cli.config.as_deref();
    let audience = match cli.command {
        Command::Serve(_) => Audience::Server,
        _ => Audience::Person,
    };
    let settings = || -> Result<Config> {
        let config = Config::load(file)?;
        telemetry::start_logging(&config, audience)?;
        Ok(config)
    };
    match cli.command {
        Command::Serve(args) => serve::run(settings()?, &args),
        Command::Import(args) => import::run(settings()?, &args),
        Command::Reindex => reindex::run(settings()?),
        Command::Admin { command } => admin::run(settings()?, command),
        Command::Mail { command } => mail::run(settings()?, command),
        Command::Config { command } => config::run(file, &command),
        Command::Backup { dest } => backup::backup(settings()?, &dest),
        Command::Restore { src } => backup::restore(settings()?, &src),
        Command::Demo => {
            settings()?;
            demo::run()
        }
        Command::Healthcheck => healthcheck::run(&settings()?),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "backplane", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
