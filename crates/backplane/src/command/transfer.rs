//! `backplane move`: from SQLite to PostgreSQL.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use store::transfer::{self, TransferError};
use store::{Backend, Db, DbOptions};

use crate::cli::MoveArgs;
use crate::config::Config;
use crate::progress::Progress;
use crate::wiring::{self, ServerLock};

/// Copies the SQLite database of these settings into an empty PostgreSQL database and compares the two.
pub(super) fn run(config: Config, args: &MoveArgs) -> Result<ExitCode> {
    if url::Url::parse(&args.to).is_ok_and(|to| to.password().is_some()) {
        bail!(
            "every user of this machine can read a password on the command line: leave it out of --to, and name it in \
             ~/.pgpass or in the variable PGPASSWORD"
        );
    }
    let Some(database) = config.sqlite_path() else {
        bail!("database.url is PostgreSQL already: there is nothing to move");
    };
    if !database.is_file() {
        bail!("there is no database at {}", database.display());
    }
    let lock = ServerLock::take(&config).context("the database cannot be moved while it is served")?;
    let place = wiring::open(config)?;
    let target = Db::open(&DbOptions {
        pool_size: 1,
        ..DbOptions::new(args.to.clone())
    })
    .context("the target cannot be opened")?;
    if target.backend() != Backend::Postgres {
        bail!("--to must be postgres://user@host/name");
    }
    target
        .migrate()
        .context("the target's schema could not be made")?;
    let mut progress: Option<(bool, Progress)> = None;
    let outcome = transfer::to_postgres(&place.db, &target, &mut |now| {
        if progress
            .as_ref()
            .is_none_or(|(comparing, _)| *comparing != now.is_comparing)
        {
            if let Some((_, before)) = progress.take() {
                before.finish();
            }
            let what = if now.is_comparing { "Comparing" } else { "Copying" };
            progress = Some((now.is_comparing, Progress::new(what, now.total)));
        }
        if let Some((_, bar)) = &mut progress {
            bar.at(now.done, now.table);
        }
    });
    if let Some((_, bar)) = progress {
        bar.finish();
    }
    drop(lock);
    let moved = match outcome {
        Err(TransferError::NotEmpty(table)) => bail!(
            "the target is in use: its table {table} has rows; name an empty database, nothing was changed"
        ),
        outcome => {
            outcome.context("nothing was moved; the target is as it was and the command can be repeated")?
        }
    };
    let rows: u64 = moved.iter().map(|table| table.rows).sum();
    for table in &moved {
        println!("{:>10}  {}  {}", table.rows, table.content, table.table);
    }
    println!("{rows} rows in {} tables, the same on both sides.", moved.len());
    println!(
        "Now set database.url to the new address and start the server; keep {} until you trust it.",
        database.display()
    );
    println!(
        "The keys stay in {}; every further node needs a copy of them.",
        place.config.data_dir.join("keys").display()
    );
    Ok(ExitCode::SUCCESS)
}
