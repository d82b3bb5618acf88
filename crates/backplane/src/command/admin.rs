//! `backplane admin`.

use std::io::Write as _;
use std::process::ExitCode;

use accounts::OldKey;
use anyhow::{Context as _, Result, bail};
use store::revision::{self, Counter};
use store::{StoreError, Timestamp};

use super::mail::suppressions;
use crate::cli::{AdminCommand, KeysCommand};
use crate::config::Config;
use crate::wiring::{self, Installation};

/// Different errors that are shown.
const ERRORS: i64 = 5;

/// Does what an operator asks for.
pub(super) fn run(config: Config, command: AdminCommand) -> Result<ExitCode> {
    let place = wiring::open(config)?;
    match command {
        AdminCommand::MakeOperator { email } => make_operator(&place, &email)?,
        AdminCommand::EndSessions { email } => end_sessions(&place, &email)?,
        AdminCommand::AcceptKeys => {
            wiring::accept_keys(&place.db, &place.config)?;
            println!(
                "The keys of this data directory are the right ones now; links and sign-ins made with others stop working."
            );
        }
        AdminCommand::Status => status(&place)?,
        AdminCommand::Keys {
            command: KeysCommand::Rotate { withdraw },
        } => rotate_keys(&place, withdraw)?,
        AdminCommand::Suppressions { command } => suppressions::run(&place, command)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn make_operator(place: &Installation, email: &str) -> Result<()> {
    let address = suppressions::address(email)?;
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

fn end_sessions(place: &Installation, email: &str) -> Result<()> {
    let address = suppressions::address(email)?;
    let now = place.clock.now();
    let ended = place.db.write_blocking(|tx| -> Result<_, StoreError> {
        let Some(user) = accounts::find_user_by_email(tx, &address)? else {
            return Ok(None);
        };
        Ok(Some(accounts::revoke_all_sessions(tx, user.id, now)?))
    })?;
    match ended {
        None => bail!("nobody has registered with {address}"),
        Some(count) => println!("{count} sessions of {address} have ended; their password still works."),
    }
    Ok(())
}

fn rotate_keys(place: &Installation, withdraw: bool) -> Result<()> {
    let (old, fate) = if withdraw {
        (
            OldKey::Withdrawn,
            "The old one is gone; clients refresh their tokens.",
        )
    } else {
        (
            OldKey::Overlaps,
            "Tokens of the old one are good until they expire.",
        )
    };
    let (dir, now) = (&place.config.data_dir, place.clock.now());
    let rotation = accounts::rotate_keys(dir, old, &place.random, now)
        .with_context(|| format!("the keys in {} cannot be changed", dir.join("keys").display()))?;
    println!(
        "Access tokens are signed with the key {} now. {fate}",
        rotation.key_id
    );
    println!(
        "A running server takes it over within a minute. Copy the keys to nodes that do not share the directory."
    );
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
    let now = place.clock.now();
    if let Some(since) = mails.oldest_queued_at {
        writeln!(out, "oldest queued mail: {since}{}", age(since, now))?;
    }
    if let Some(since) = mails.oldest_due_at {
        writeln!(out, "oldest due mail: {since}{}", age(since, now))?;
    }
    for (error, count) in db.read_blocking(|conn| mail::list_recent_errors(conn, ERRORS))? {
        writeln!(out, "mails put off or refused, {count}: {error}")?;
    }
    for (reason, count) in db.read_blocking(mail::count_suppressions)? {
        writeln!(out, "suppressed addresses, {reason}: {count}")?;
    }
    if let Some(warning) = place.config.mail_warning() {
        writeln!(out, "warning: {warning}")?;
    }
    Ok(())
}

/// How long ago, in words.
fn age(since: Timestamp, now: Timestamp) -> String {
    match now.as_jiff().duration_since(since.as_jiff()).as_mins() {
        ..=0 => String::new(),
        minutes @ 1..120 => format!(", {minutes} min ago"),
        minutes => format!(", {} h ago", minutes / 60),
    }
}
