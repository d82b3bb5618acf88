//! The `backplane` program: command line, settings, wiring and background loops.

mod cli;
mod command;
mod config;
mod loops;
mod progress;
mod reload;
mod samples;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match command::run(cli) {
        Ok(status) => status,
        Err(error) => {
            // The chain of causes in one line: `what failed: why: what the system said`.
            eprintln!("backplane: {error:#}");
            ExitCode::FAILURE
        }
    }
}
