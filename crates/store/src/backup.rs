//! Copies of an embedded database.

use std::fs::File;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::StoreError;

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// Writes the SQLite database at `from`, as it is at one moment, into the new file `to`, checks the copy, and returns when
/// it is on disk. Whoever else uses the database goes on meanwhile.
///
/// # Errors
/// When `to` exists, the disk is full, or the database is damaged.
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
    let mut conn = open(from)?;
    conn.batch_execute("PRAGMA busy_timeout = 10000")?;
    diesel::sql_query("VACUUM INTO ?")
        .bind::<Text, _>(text_of(to)?)
        .execute(&mut conn)?;
    check_sqlite(to)?;
    let synced = File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::NoSpace(format!("{}: {error}", to.display())))
}

/// Reads the whole SQLite database at `path`.
///
/// # Errors
/// [`StoreError::Unavailable`] with the first damage that was found.
pub fn check_sqlite(path: &Path) -> Result<(), StoreError> {
    let mut conn = open(path)?;
    let verdicts: Vec<Verdict> = diesel::sql_query("PRAGMA integrity_check").load(&mut conn)?;
    match verdicts.first().map(|verdict| verdict.integrity_check.as_str()) {
        Some("ok") => Ok(()),
        found => {
            let damage = found.unwrap_or("no answer");
            Err(StoreError::Unavailable(format!(
                "{} is damaged: {damage}",
                path.display()
            )))
        }
    }
}

fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Unavailable(format!(
            "there is no database at {}",
            path.display()
        )));
    }
    SqliteConnection::establish(text_of(path)?)
        .map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))
}

fn text_of(path: &Path) -> Result<&str, StoreError> {
    path.to_str()
        .ok_or_else(|| StoreError::Address(format!("{} is not UTF-8", path.display())))
}
