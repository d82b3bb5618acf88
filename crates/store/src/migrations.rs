//! The schema's steps, compiled in, one set for each database.

use diesel::backend::Backend;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{DbConn, StoreError};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Steps that the program knows and the database has not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingMigrations(pub Vec<String>);

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Migration(error.to_string())
}

fn names<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<Vec<String>, StoreError>
where
    EmbeddedMigrations: diesel::migration::MigrationSource<DB>,
{
    let pending = harness.pending_migrations(source).map_err(failed)?;
    Ok(pending.iter().map(|step| step.name().to_string()).collect())
}

/// Which steps are missing.
pub fn pending_migrations(conn: &mut DbConn) -> Result<PendingMigrations, StoreError> {
    let missing = match conn {
        DbConn::Pg(c) => names(c, POSTGRES)?,
        DbConn::Sqlite(c) => names(c, SQLITE)?,
    };
    Ok(PendingMigrations(missing))
}

/// Takes every missing step. Two processes that start together wait for each other.
pub fn run_pending(conn: &mut DbConn) -> Result<Vec<String>, StoreError> {
    match conn {
        DbConn::Pg(c) => {
            use diesel::connection::SimpleConnection;
            // The number is ours alone: it only has to differ from other programs' advisory locks.
            c.batch_execute("SELECT pg_advisory_lock(4217601001)")?;
            let done = c
                .run_pending_migrations(POSTGRES)
                .map(|steps| steps.iter().map(ToString::to_string).collect());
            c.batch_execute("SELECT pg_advisory_unlock(4217601001)")?;
            done.map_err(failed)
        }
        DbConn::Sqlite(c) => c
            .run_pending_migrations(SQLITE)
            .map(|steps| steps.iter().map(ToString::to_string).collect())
            .map_err(failed),
    }
}

/// Takes every step back. For tests of the steps; it loses all data.
pub fn revert_all(conn: &mut DbConn) -> Result<(), StoreError> {
    match conn {
        DbConn::Pg(c) => c.revert_all_migrations(POSTGRES).map(|_| ()).map_err(failed),
        DbConn::Sqlite(c) => c.revert_all_migrations(SQLITE).map(|_| ()).map_err(failed),
    }
}
