//! One connection type over both databases.
#![expect(missing_docs, reason = "diesel's derive writes items without documentation")]

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, SqliteConnection};

/// A connection to either database. Queries written against [`crate::schema`] run on both.
///
/// What the two cannot share in one query text (`ON CONFLICT`, batch inserts) goes through
/// [`on_each!`](crate::on_each).
#[derive(diesel::MultiConnection)]
pub enum DbConn {
    Pg(PgConnection),
    Sqlite(SqliteConnection),
}

impl DbConn {
    /// Runs several statements that take no parameters.
    pub fn batch(&mut self, statements: &str) -> diesel::QueryResult<()> {
        self.batch_execute(statements)
    }
}

/// The columns of `Row`, for `returning` and `select`: `Row::as_returning()` knows only one database.
pub fn cols<Row: diesel::Selectable<MultiBackend>>() -> Row::SelectExpression {
    Row::construct_selection()
}

/// Runs one piece of code against the concrete connection of either database.
///
/// ```ignore
/// on_each!(conn, c => diesel::insert_into(t::table).values(&rows).on_conflict_do_nothing().execute(c))
/// ```
#[macro_export]
macro_rules! on_each {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::DbConn::Pg($c) => $body,
            $crate::DbConn::Sqlite($c) => $body,
        }
    };
}
