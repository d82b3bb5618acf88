//! A whole database from SQLite to PostgreSQL, every table as both schemas describe it.
//!
//! Everything is written in one transaction and compared before it is committed: row counts, and a hash over the content
//! of every row. So an attempt that is interrupted leaves an empty database, and can simply be repeated.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

use crate::{Backend, Db, DbConn, StoreError};

mod shape;

use shape::{Column, Kind, Table};

/// How many rows `$table` has; a macro because the two connections share no trait that can be named briefly.
macro_rules! count {
    ($conn:expr, $table:expr) => {
        diesel::select(diesel::dsl::sql::<BigInt>(&format!(
            "(SELECT count(*) FROM \"{}\")",
            $table.name
        )))
        .get_result::<i64>($conn)
        .map_err(StoreError::from)? as u64
    };
}

/// Rows read and written at once.
const PAGE: i64 = 500;
/// Tables that a new database may have rows in: they are replaced.
const STARTS_WITH_ROWS: [&str; 4] = ["counters", "cursors", "installation", "leases"];

/// Why a database could not be moved. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Not from SQLite to PostgreSQL.
    #[error("only a SQLite database can be moved, and only to PostgreSQL")]
    Direction,
    /// Somebody uses the target.
    #[error("the target is not empty: {0} has rows")]
    NotEmpty(String),
    /// The schemas differ.
    #[error("the two schemas differ: {0}")]
    Schema(String),
    /// What was written is not what was read.
    #[error("{table} differs after it was written: {detail}")]
    Differs {
        /// Table.
        table: String,
        /// What differs.
        detail: String,
    },
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A table that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Table.
    pub table: String,
    /// Rows, as many on one side as on the other.
    pub rows: u64,
    /// Hash over the content of its rows in any order, the same on both sides.
    pub content: String,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress<'t> {
    /// Whether rows are compared; written otherwise.
    pub is_comparing: bool,
    /// Table.
    pub table: &'t str,
    /// Rows of all tables that are done.
    pub done: u64,
    /// Rows of all tables.
    pub total: u64,
}

/// Copies every row of `from`, which nobody can write meanwhile, into the empty `to`. Both have taken every step of the
/// schema.
///
/// # Errors
/// [`TransferError::NotEmpty`] when somebody uses `to`. In every case of an error `to` is as it was.
pub fn to_postgres(
    from: &Db,
    to: &Db,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Moved>, TransferError> {
    if from.backend() != Backend::Sqlite || to.backend() != Backend::Postgres {
        return Err(TransferError::Direction);
    }
    from.write_blocking(|source| to.write_blocking(|target| copy_all(source, target, tell)))
}

fn copy_all(
    source: &mut DbConn,
    target: &mut DbConn,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Moved>, TransferError> {
    let (DbConn::Sqlite(source), DbConn::Pg(target)) = (source, target) else {
        return Err(TransferError::Direction);
    };
    run(
        target,
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
    )?;
    let tables = shape::tables(source, target)?;
    for table in &tables {
        if !STARTS_WITH_ROWS.contains(&table.name.as_str()) && count!(target, table) > 0 {
            return Err(TransferError::NotEmpty(table.name.clone()));
        }
    }
    let mut total = 0;
    for table in &tables {
        total += count!(source, table);
    }
    let mut done = 0;
    let mut written: HashMap<&str, Tally> = HashMap::new();
    for table in &tables {
        let begun = done;
        let tally = copy(source, target, table, &mut |rows| {
            tell(Progress {
                is_comparing: false,
                table: &table.name,
                done: begun + rows,
                total,
            });
        })?;
        done += tally.rows;
        written.insert(&table.name, tally);
    }
    done = 0;
    let mut moved = Vec::new();
    for table in &tables {
        let begun = done;
        let found = read_back(target, table, &mut |rows| {
            tell(Progress {
                is_comparing: true,
                table: &table.name,
                done: begun + rows,
                total,
            });
        })?;
        done += found.rows;
        let expected = written.remove(table.name.as_str()).unwrap_or_default();
        if found != expected {
            return Err(TransferError::Differs {
                table: table.name.clone(),
                detail: format!(
                    "{} rows with content {:032x} were read, {} rows with {:032x} are there",
                    expected.rows, expected.content, found.rows, found.content
                ),
            });
        }
        moved.push(Moved {
            table: table.name.clone(),
            rows: found.rows,
            content: format!("{:032x}", found.content),
        });
    }
    Ok(moved)
}

/// How many rows, and what is in them whatever their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    rows: u64,
    content: u128,
}

impl Tally {
    fn add(&mut self, table: &Table, row: &str) -> Result<(), TransferError> {
        let hash = digest(&SHA256, canonical(table, row)?.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&hash.as_ref()[..16]);
        self.content = self.content.wrapping_add(u128::from_be_bytes(half));
        self.rows += 1;
        Ok(())
    }
}

/// A row in one form, whichever database wrote it: documents by their meaning, whole numbers without a point.
fn canonical(table: &Table, row: &str) -> Result<String, TransferError> {
    let unreadable = |_| TransferError::Differs {
        table: table.name.clone(),
        detail: "a row cannot be read".to_owned(),
    };
    let mut value: Value = serde_json::from_str(row).map_err(unreadable)?;
    let mut text = String::new();
    for Column { name, kind } in &table.columns {
        let mut cell = value.get_mut(name).map(Value::take).unwrap_or_default();
        if *kind == Kind::Document
            && let Value::String(document) = &cell
        {
            cell = serde_json::from_str(document).map_err(unreadable)?;
            text.push('j');
        }
        write_canonical(&cell, &mut text);
        text.push('\n');
    }
    Ok(text)
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (name, member) in members {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(member, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), ..) => out.push_str(&whole.to_string()),
            (_, Some(whole), _) => out.push_str(&whole.to_string()),
            (.., Some(number)) => out.push_str(&number.to_string()),
            _ => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

#[derive(QueryableByName)]
struct SourceRow {
    #[diesel(sql_type = BigInt)]
    row_number: i64,
    #[diesel(sql_type = Text)]
    body: String,
}

#[derive(QueryableByName)]
struct TargetRow {
    #[diesel(sql_type = Text)]
    body: String,
}

fn copy(
    source: &mut SqliteConnection,
    target: &mut PgConnection,
    table: &Table,
    tell: &mut dyn FnMut(u64),
) -> Result<Tally, TransferError> {
    run(target, &format!("DELETE FROM \"{}\"", table.name))?;
    let (select, insert) = (table.select_from_sqlite(), table.insert_into_postgres());
    let mut tally = Tally::default();
    let mut last = i64::MIN;
    loop {
        let rows: Vec<SourceRow> = diesel::sql_query(&select)
            .bind::<BigInt, _>(last)
            .bind::<BigInt, _>(PAGE)
            .load(source)
            .map_err(StoreError::from)?;
        let Some(end) = rows.last() else { break };
        last = end.row_number;
        let mut batch = String::from("[");
        for row in &rows {
            tally.add(table, &row.body)?;
            if batch.len() > 1 {
                batch.push(',');
            }
            batch.push_str(&row.body);
        }
        batch.push(']');
        diesel::sql_query(&insert)
            .bind::<Text, _>(batch)
            .execute(target)
            .map_err(StoreError::from)?;
        tell(tally.rows);
    }
    for column in shape::numbered_columns(target, table)? {
        // What counts up by itself goes on after the largest number.
        run(
            target,
            &format!(
                "SELECT setval(pg_get_serial_sequence('{0}', '{1}'), GREATEST((SELECT max(\"{1}\") FROM \"{0}\"), 1))",
                table.name, column
            ),
        )?;
    }
    Ok(tally)
}

fn read_back(
    target: &mut PgConnection,
    table: &Table,
    tell: &mut dyn FnMut(u64),
) -> Result<Tally, TransferError> {
    let select = table.select_from_postgres();
    run(target, &format!("DECLARE moved NO SCROLL CURSOR FOR {select}"))?;
    let mut tally = Tally::default();
    loop {
        let rows: Vec<TargetRow> = diesel::sql_query(format!("FETCH {PAGE} FROM moved"))
            .load(target)
            .map_err(StoreError::from)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            tally.add(table, &row.body)?;
        }
        tell(tally.rows);
    }
    run(target, "CLOSE moved")?;
    Ok(tally)
}

fn run(target: &mut PgConnection, statement: &str) -> Result<(), StoreError> {
    use diesel::connection::SimpleConnection as _;
    Ok(target.batch_execute(statement)?)
}
