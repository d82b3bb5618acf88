//! `backplane admin`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use mail::{EmailAddress, SuppressionReason};
use store::revision::{self, Counter};

use crate::cli::{AdminCommand, SuppressionCommand};
use crate::config::Config;
use crate::wiring::{self, Installation};

/// Addresses read at once.
const PAGE: i64 = 1000;

/// Does what an operator asks for.
pub(super) fn run(config: Config, command: AdminCommand) -> Result<ExitCode> {
    let place = wiring::open(config)?;
    match command {
        AdminCommand::MakeOperator { email } => make_operator(&place, &email)?,
        AdminCommand::Status => status(&place)?,
        AdminCommand::Suppressions { command } => match command {
            SuppressionCommand::List => list_suppressions(&place)?,
            SuppressionCommand::Add { email, note } => suppress(&place, &email, &note)?,
            SuppressionCommand::Remove { email } => unsuppress(&place, &email)?,
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn address(text: &str) -> Result<EmailAddress> {
    text.parse().with_context(|| format!("{text} is not an address"))
}

fn make_operator(place: &Installation, email: &str) -> Result<()> {
    let address = address(email)?;
    let now = place.clock.now();
    let is_made = place
        .db
        .write_blocking(|tx| accounts::make_operator(tx, &address, now))?;
    if !is_made {
        bail!("nobody has registered with {address}; register first, then make that user an operator");
    }
    println!("{address} is an operator now.");
    Ok(())
}

fn status(place: &Installation) -> Result<()> {
    let db = &place.db;
    let mails = db.read_blocking(mail::queue_counts)?;
    let alerts = db.read_blocking(alerts::subscription::count_by_status)?;
    let revision = db.read_blocking(|conn| revision::latest(conn, Counter::Postings))?;
    let now = place.clock.now();
    let health = db.read_blocking(|conn| alerts::health(conn, now))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "postings: {revision} visible changes so far")?;
    for (status, count) in alerts {
        writeln!(out, "alerts {status}: {count}")?;
    }
    writeln!(out, "alerts with mail due: {}", health.alerts_due)?;
    writeln!(out, "alerts that wait for their time: {}", health.alerts_waiting)?;
    writeln!(
        out,
        "alerts that wrote in the last 24 hours: {}",
        health.alerts_mailed_last_day
    )?;
    if let Some(at) = health.last_mailed_at {
        writeln!(out, "last mail of an alert: {at}")?;
    }
    for (reason, count) in &health.waiting_for {
        writeln!(out, "postings waiting, {reason}: {count}")?;
    }
    writeln!(out, "answers: {} right, {} wrong", health.right, health.wrong)?;
    for warning in alerts::warnings(&health, now) {
        writeln!(out, "warning: {warning}")?;
    }
    let states = [
        ("queued", mails.queued),
        ("sent", mails.sent),
        ("failed", mails.failed),
        ("expired", mails.expired),
        ("suppressed", mails.suppressed),
    ];
    for (state, count) in states {
        writeln!(out, "mails {state}: {count}")?;
    }
    if let Some(since) = mails.oldest_queued_at {
        writeln!(out, "oldest queued mail: {since}")?;
    }
    Ok(())
}

fn list_suppressions(place: &Installation) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut after: Option<EmailAddress> = None;
    loop {
        let start = after.clone();
        let page = place
            .db
            .read_blocking(|conn| mail::list_suppressions(conn, start.as_ref(), PAGE))?;
        for entry in &page {
            writeln!(out, "{}\t{}\t{}", entry.address, entry.reason, entry.created_at)?;
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last.address),
            None => return Ok(()),
        }
    }
}

fn suppress(place: &Installation, email: &str, note: &str) -> Result<()> {
    let address = address(email)?;
    let now = place.clock.now();
    place
        .db
        .write_blocking(|tx| mail::suppress(tx, &address, SuppressionReason::Operator, note, now))?;
    println!("{address} gets no bulk mail from now on.");
    Ok(())
}

fn unsuppress(place: &Installation, email: &str) -> Result<()> {
    let address = address(email)?;
    if !place.db.write_blocking(|tx| mail::unsuppress(tx, &address))? {
        bail!("{address} was not suppressed");
    }
    println!("{address} gets bulk mail again.");
    Ok(())
}
