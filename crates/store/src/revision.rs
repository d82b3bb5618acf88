//! Numbers in commit order.
//!
//! A PostgreSQL sequence is handed out before commit, so a reader that has seen 7 may later find 6. Here the number
//! comes from a row that the taking transaction keeps locked until it commits (on SQLite the one writer has the same
//! effect): **whoever has seen revision N can never miss a later commit of N-1**.

use diesel::prelude::*;

use crate::schema::{counters, cursors};
use crate::{DbConn, StoreError};

/// Which sequence of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Visible changes of postings.
    Postings,
    /// Changes of alerts, for whoever keeps them in memory.
    Alerts,
}

impl Counter {
    fn name(self) -> &'static str {
        match self {
            Self::Postings => "postings",
            Self::Alerts => "alerts",
        }
    }
}

/// Takes the next `count` revisions and returns the first. Call it late: from here to commit no other writer of the
/// same counter can finish.
pub fn take(tx: &mut DbConn, counter: Counter, count: i64) -> Result<i64, StoreError> {
    let last: i64 = diesel::update(counters::table.find(counter.name()))
        .set(counters::value.eq(counters::value + count))
        .returning(counters::value)
        .get_result(tx)?;
    Ok(last - count + 1)
}

/// Waits for every transaction that has taken a revision of `counter` and keeps others from taking one until this
/// transaction ends.
pub fn lock(tx: &mut DbConn, counter: Counter) -> Result<(), StoreError> {
    take(tx, counter, 0).map(|_| ())
}

/// The newest committed revision; 0 before the first.
pub fn latest(conn: &mut DbConn, counter: Counter) -> Result<i64, StoreError> {
    Ok(counters::table
        .find(counter.name())
        .select(counters::value)
        .first(conn)?)
}

/// Where the reader called `name` stands; 0 before its first step.
pub fn cursor(conn: &mut DbConn, name: &str) -> Result<i64, StoreError> {
    let found = cursors::table
        .find(name)
        .select(cursors::revision)
        .first(conn)
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// Moves the reader `name` from `from` to `to`. False when another process moved it meanwhile: roll back then.
pub fn advance_cursor(tx: &mut DbConn, name: &str, from: i64, to: i64) -> Result<bool, StoreError> {
    crate::on_each!(tx, c => diesel::insert_into(cursors::table)
        .values((cursors::name.eq(name), cursors::revision.eq(0)))
        .on_conflict_do_nothing()
        .execute(c))?;
    let moved = diesel::update(cursors::table.find(name).filter(cursors::revision.eq(from)))
        .set(cursors::revision.eq(to))
        .execute(tx)?;
    Ok(moved == 1)
}
