//! `backplane doctor`: is everything around the program as it should be, and if not, what to do?

mod machine;
mod services;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::verify::DISAGREES;
use crate::cli::DoctorArgs;
use crate::config::Config;
use crate::telemetry::{self, Audience};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// It does not work.
    Fail,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    about: &'static str,
    found: String,
    /// What to do; empty when nothing is to be done.
    advice: String,
}

/// The findings so far.
#[derive(Debug, Default)]
struct Chart(Vec<Finding>);

impl Chart {
    fn note(
        &mut self,
        level: Level,
        about: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let (found, advice) = (found.into(), advice.into());
        self.0.push(Finding {
            level,
            about,
            found,
            advice,
        });
    }

    fn ok(&mut self, about: &'static str, found: impl Into<String>) {
        self.note(Level::Ok, about, found, "");
    }

    fn warn(&mut self, about: &'static str, found: impl Into<String>, advice: impl Into<String>) {
        self.note(Level::Warn, about, found, advice);
    }

    fn fail(&mut self, about: &'static str, found: impl Into<String>, advice: impl Into<String>) {
        self.note(Level::Fail, about, found, advice);
    }
}

/// Looks at everything and changes nothing, also beside a running server.
pub(super) fn run(file: Option<&Path>, args: &DoctorArgs) -> Result<ExitCode> {
    let mut chart = Chart::default();
    chart.ok(
        "version",
        format!("{} ({})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH),
    );
    match Config::load(file) {
        Ok(config) => {
            telemetry::start_logging(&config, Audience::Person)?;
            examine(&config, &mut chart);
        }
        Err(error) => chart.fail(
            "settings",
            error.to_string(),
            "correct the setting; `backplane config show` lists all",
        ),
    }
    let is_well = chart.0.iter().all(|finding| finding.level != Level::Fail);
    let mut out = std::io::stdout().lock();
    if args.json {
        let report = serde_json::json!({"well": is_well, "findings": chart.0});
        writeln!(out, "{report}")?;
    } else {
        for Finding {
            level,
            about,
            found,
            advice,
        } in &chart.0
        {
            let word = match level {
                Level::Ok => "ok  ",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            writeln!(out, "{word}  {about}: {found}")?;
            if !advice.is_empty() {
                writeln!(out, "      → {advice}")?;
            }
        }
    }
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DISAGREES)
    })
}

fn examine(config: &Config, chart: &mut Chart) {
    chart.ok("settings", "every key is known and every value fits");
    match config.read_own_data() {
        Ok(data) => {
            data.put_in_force();
        }
        Err(error) => chart.fail(
            "data",
            error.to_string(),
            "correct the file, or take it out of data_override; a running server goes on with what it had",
        ),
    }
    machine::data_dir(config, chart);
    machine::keys(config, chart);
    machine::open_files(chart);
    services::address(config, chart);
    let db = services::database(config, chart);
    machine::clock(db.as_ref(), chart);
    services::index(config, db.as_ref(), chart);
    services::mail(config, chart);
}
