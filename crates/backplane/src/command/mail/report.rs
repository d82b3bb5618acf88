//! `backplane mail report` and `backplane mail reports`.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use mail::LinkKey;
use mail::report::{self, REPORT_BYTES, Report, ReportDesk, ReportOutcome};

use crate::config::Config;
use crate::wiring::{self, Installation};

/// Tells a mail server to try again later (`EX_TEMPFAIL` of sysexits.h).
const TRY_AGAIN: u8 = 75;

/// Takes in a report from standard input.
pub(super) fn receive(config: Config) -> ExitCode {
    match read_and_receive(config) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("backplane: the report could not be taken in: {error:#}");
            ExitCode::from(TRY_AGAIN)
        }
    }
}

fn read_and_receive(config: Config) -> Result<String> {
    let mut bytes = Vec::new();
    let most = REPORT_BYTES as u64 + 1;
    std::io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut bytes)
        .context("standard input cannot be read")?;
    let report = match Report::parse(&bytes) {
        Ok(report) => report,
        Err(error) => return Ok(format!("ignored: {error}")),
    };
    let mail_config = config.mail_config()?;
    let place = wiring::open(config)?;
    let links =
        LinkKey::load_or_create(&place.config.data_dir, &place.random).context("the keys cannot be used")?;
    let return_path = place.config.return_path(&links.into());
    let desk = ReportDesk::new(&mail_config, return_path, None);
    let now = place.clock.now();
    let received = place
        .db
        .write_blocking(|tx| report::receive(tx, &desk, &report, &place.random, now))?;
    let kind = report.kind;
    Ok(match (received.outcome, received.mail_id) {
        (ReportOutcome::Suppressed, Some(id)) => {
            format!("suppressed: the reader of mail {id} gets no bulk mail any more ({kind})")
        }
        (ReportOutcome::Recorded, Some(id)) => {
            format!("recorded: a {kind} of mail {id}, which suppresses nobody")
        }
        (ReportOutcome::Repeated, Some(id)) => {
            format!("repeated: a {kind} of mail {id} was reported before, nothing was changed")
        }
        _ => format!("unknown: a {kind} of no mail that was sent from here, nothing was changed"),
    })
}

/// Prints the newest reports.
pub(super) fn list(place: &Installation, limit: u16) -> Result<()> {
    let reports = place
        .db
        .read_blocking(|conn| report::list_reports(conn, i64::from(limit)))?;
    let mut out = std::io::stdout().lock();
    for entry in reports {
        let effect = if entry.suppressed {
            "suppressed"
        } else {
            "recorded"
        };
        writeln!(
            out,
            "{}\t{}\t{}\t{effect}\t{}",
            entry.received_at, entry.kind, entry.mail_id, entry.detail
        )?;
    }
    Ok(())
}
