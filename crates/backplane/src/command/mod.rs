//! One module for each command.

mod admin;
mod backup;
mod config;
mod demo;
mod doctor;
mod healthcheck;
mod import;
mod mail;
mod reindex;
pub(crate) mod serve;
mod transfer;
mod verify;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::telemetry::{self, Audience};

/// Does what the command line says and returns the exit status.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    let file = cli.config.as_deref();
    let audience = match cli.command {
        Command::Serve(_) | Command::Worker => Audience::Server,
        _ => Audience::Person,
    };
    let settings = || -> Result<Config> {
        let config = Config::load(file)?;
        telemetry::start_logging(&config, audience)?;
        config.read_own_data()?.put_in_force();
        Ok(config)
    };
    match cli.command {
        Command::Serve(args) => serve::run(settings()?, &args),
        Command::Import(args) => import::run(settings()?, &args),
        Command::Worker => serve::run_worker(settings()?),
        Command::Reindex => reindex::run(settings()?),
        Command::Verify(args) => verify::run(settings()?, &args),
        Command::Doctor(args) => doctor::run(file, &args),
        Command::Move(args) => transfer::run(settings()?, &args),
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
        Command::Man { command } => man(command.as_deref()),
    }
}

/// Prints the manual page of the program, or of one command.
fn man(command: Option<&str>) -> Result<ExitCode> {
    let mut program = Cli::command();
    program.build();
    let page = match command {
        None => program,
        Some(name) => program
            .find_subcommand(name)
            .with_context(|| format!("there is no command {name}"))?
            .clone(),
    };
    clap_mangen::Man::new(page).render(&mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
