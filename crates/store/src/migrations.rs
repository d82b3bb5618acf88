//! The schema's steps, compiled in, one set for each database.

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::installation::{self, Fact};
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
    EmbeddedMigrations: MigrationSource<DB>,
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

/// Takes every missing step, all or none on PostgreSQL. Two processes that start together wait for each other.
///
/// # Errors
/// [`StoreError::Migration`] when a step fails, or when the schema belongs to a later program that says this one cannot
/// use it ([`Fact::OldestStep`](crate::installation::Fact)).
pub fn run_pending(conn: &mut DbConn) -> Result<Vec<String>, StoreError> {
    let done = match conn {
        DbConn::Pg(c) => in_one_transaction(c)?,
        DbConn::Sqlite(c) => c
            .run_pending_migrations(SQLITE)
            .map(|steps| steps.iter().map(ToString::to_string).collect())
            .map_err(failed)?,
    };
    refuse_what_is_too_new(conn)?;
    Ok(done)
}

/// The steps under a lock that ends with the transaction: a lock of the session would stay behind in a pooler.
#[expect(clippy::disallowed_methods, reason = "not a change of the product's rows")]
fn in_one_transaction(c: &mut diesel::PgConnection) -> Result<Vec<String>, StoreError> {
    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;

    c.transaction(|c| {
        // The number is ours alone: it only has to differ from other programs' advisory locks.
        c.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(4217601001)")?;
        c.run_pending_migrations(POSTGRES)
            .map(|steps| steps.iter().map(ToString::to_string).collect())
            .map_err(failed)
    })
}

/// Later steps that only add something do no harm; a step that takes something away names itself in the database.
fn refuse_what_is_too_new(conn: &mut DbConn) -> Result<(), StoreError> {
    let Some(needed) = installation::find(conn, Fact::OldestStep)? else {
        return Ok(());
    };
    let known = latest_known();
    if known >= needed {
        return Ok(());
    }
    Err(StoreError::Migration(format!(
        "the database belongs to a later version of Backplane: it needs step {needed}, and this program knows only {known}; \
         start the later version again, or restore a backup made before the upgrade"
    )))
}

/// The version of the last step that this program knows, such as `0020`.
pub fn latest_known() -> String {
    let steps = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).unwrap_or_default();
    let versions = steps.iter().map(|step| step.name().version().to_string());
    versions.max().unwrap_or_default()
}

/// Takes every step back. For tests of the steps; it loses all data.
pub fn revert_all(conn: &mut DbConn) -> Result<(), StoreError> {
    match conn {
        DbConn::Pg(c) => c.revert_all_migrations(POSTGRES).map(|_| ()).map_err(failed),
        DbConn::Sqlite(c) => c.revert_all_migrations(SQLITE).map(|_| ()).map_err(failed),
    }
}
