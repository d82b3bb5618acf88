//! What can go wrong between the program and its database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the database, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or has no free connection; trying again later makes sense.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database refuses writes because its disk is full or read-only.
    #[error("the database cannot write: {0}")]
    NoSpace(String),
    /// The address of the database is not one we understand.
    #[error("{0}")]
    Address(String),
    /// The schema is not the one this program was built for.
    #[error("migration failed: {0}")]
    Migration(String),
    /// Anything else the database says; a bug or damage.
    #[error("database error")]
    Database(#[source] DieselError),
    /// The work was interrupted because the program is stopping or its thread panicked.
    #[error("the work on the database was interrupted")]
    Interrupted,
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, info) => {
                Self::Unavailable(info.message().to_owned())
            }
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection broke".to_owned()),
            DieselError::DatabaseError(_, info) => match class(info.message()) {
                Class::Unavailable => Self::Unavailable(info.message().to_owned()),
                Class::NoSpace => Self::NoSpace(info.message().to_owned()),
                Class::Other => Self::Database(error),
            },
            DieselError::RollbackErrorOnCommit { commit_error, .. } => match commit_error.as_ref() {
                DieselError::DatabaseError(_, info) if class(info.message()) == Class::NoSpace => {
                    Self::NoSpace(info.message().to_owned())
                }
                _ => Self::Unavailable("the transaction could not be finished".to_owned()),
            },
            _ => Self::Database(error),
        }
    }
}

#[derive(PartialEq)]
enum Class {
    Unavailable,
    NoSpace,
    Other,
}

/// Neither driver gives codes for these, so their fixed English messages decide (SQLite's `sqlite3_errstr` table and
/// PostgreSQL's `lc_messages`-independent libpq texts).
fn class(message: &str) -> Class {
    const UNAVAILABLE: [&str; 11] = [
        "database is locked",
        "server closed the connection",
        "connection to server",
        "no connection to the server",
        "terminating connection",
        "due to idle-in-transaction timeout",
        "could not connect",
        "the database system is",
        "could not receive data",
        "could not send data",
        "canceling statement due to",
    ];
    const NO_SPACE: [&str; 5] = [
        "database or disk is full",
        "No space left",
        "disk I/O error",
        "readonly database",
        "read-only transaction",
    ];
    if UNAVAILABLE.iter().any(|part| message.contains(part)) {
        Class::Unavailable
    } else if NO_SPACE.iter().any(|part| message.contains(part)) {
        Class::NoSpace
    } else {
        Class::Other
    }
}

/// Whether `error` says that a row like this one exists already, and that `column` is among those that collide.
///
/// PostgreSQL names the constraint (`<table>_<columns>_key`), SQLite the columns; both contain the column's name.
pub fn is_unique_violation(error: &DieselError, column: &str) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
            info.constraint_name().unwrap_or_default().contains(column) || info.message().contains(column)
        }
        _ => false,
    }
}
