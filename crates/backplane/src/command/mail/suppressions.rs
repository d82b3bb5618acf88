//! `backplane mail suppressions`, also as `backplane admin suppressions`.

use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use mail::{EmailAddress, SuppressionReason};

use crate::cli::SuppressionCommand;
use crate::wiring::Installation;

/// Addresses read at once.
const PAGE: i64 = 1000;

/// Does what an operator asks for.
pub(crate) fn run(place: &Installation, command: SuppressionCommand) -> Result<()> {
    match command {
        SuppressionCommand::List => list_suppressions(place),
        SuppressionCommand::Add { email, note } => suppress(place, &email, &note),
        SuppressionCommand::Remove { email } => unsuppress(place, &email),
    }
}

/// `text` as an address.
pub(crate) fn address(text: &str) -> Result<EmailAddress> {
    text.parse().with_context(|| format!("{text} is not an address"))
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
            writeln!(
                out,
                "{}\t{}\t{}\t{}",
                entry.address, entry.reason, entry.created_at, entry.detail
            )?;
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
