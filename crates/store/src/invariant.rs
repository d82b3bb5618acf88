//! Statements that must hold between rows, counted where they do not.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::{DbConn, StoreError};

/// A statement about rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    /// In reports: `snake_case`.
    pub name: &'static str,
    /// What holds, in words.
    pub meaning: &'static str,
    /// A query for the number of rows that break it, in SQL that both databases read alike.
    pub violations: &'static str,
    /// Statements that mend them without losing anything; `None` when a person has to decide.
    pub repair: Option<&'static str>,
}

/// How many rows break `invariant`.
pub fn count_violations(conn: &mut DbConn, invariant: &Invariant) -> Result<i64, StoreError> {
    let text = format!("({})", invariant.violations);
    let count = crate::on_each!(conn, c => diesel::select(diesel::dsl::sql::<BigInt>(&text)).get_result(c))?;
    Ok(count)
}

/// Mends what breaks `invariant`, when it can be mended; returns whether it can.
pub fn repair(tx: &mut DbConn, invariant: &Invariant) -> Result<bool, StoreError> {
    let Some(statements) = invariant.repair else {
        return Ok(false);
    };
    tx.batch(statements)?;
    Ok(true)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    finding: String,
}

#[derive(QueryableByName)]
struct Checked {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

#[derive(QueryableByName)]
struct Orphan {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Nullable<Text>)]
    parent: Option<String>,
}

/// What the database itself says about its health, at most `limit` findings; none when it is whole.
///
/// SQLite reads every page (`integrity_check`) and every reference (`foreign_key_check`). PostgreSQL keeps references
/// by itself; indexes that could not be built and constraints that were never checked are named.
pub fn damage(conn: &mut DbConn, limit: i64) -> Result<Vec<String>, StoreError> {
    match conn {
        DbConn::Sqlite(c) => {
            let checked: Vec<Checked> =
                diesel::sql_query(format!("PRAGMA integrity_check({limit})")).load(c)?;
            let mut findings: Vec<String> = checked.into_iter().map(|row| row.integrity_check).collect();
            findings.retain(|finding| finding != "ok");
            let orphans: Vec<Orphan> = diesel::sql_query(
                "SELECT \"table\" AS \"table\", parent FROM pragma_foreign_key_check LIMIT ?",
            )
            .bind::<BigInt, _>(limit)
            .load(c)?;
            findings.extend(orphans.into_iter().map(|orphan| {
                let parent = orphan.parent.unwrap_or_default();
                format!(
                    "a row of {} refers to a row of {parent} that is not there",
                    orphan.table
                )
            }));
            Ok(findings)
        }
        DbConn::Pg(c) => {
            let found: Vec<Found> = diesel::sql_query(
                "SELECT 'the index ' || indexrelid::regclass::text || ' is not valid' AS finding
                   FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
                  WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace
                 UNION ALL
                 SELECT 'the constraint ' || conname || ' was never checked'
                   FROM pg_constraint
                  WHERE NOT convalidated AND connamespace = current_schema()::regnamespace
                 LIMIT $1",
            )
            .bind::<BigInt, _>(limit)
            .load(c)?;
            Ok(found.into_iter().map(|row| row.finding).collect())
        }
    }
}
