//! What holds for the installation as a whole, whichever node looks.

use diesel::prelude::*;

use crate::schema::installation;
use crate::{DbConn, StoreError};

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Fingerprint of the keys that sign links and tokens.
    Keys,
    /// The last step that a program must know to be allowed to use this schema.
    OldestStep,
}

impl Fact {
    fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::OldestStep => "oldest_step",
        }
    }
}

/// What is remembered of `fact`.
pub fn find(conn: &mut DbConn, fact: Fact) -> Result<Option<String>, StoreError> {
    Ok(installation::table
        .find(fact.name())
        .select(installation::value)
        .first(conn)
        .optional()?)
}

/// Forgets `fact`.
pub fn forget(tx: &mut DbConn, fact: Fact) -> Result<(), StoreError> {
    diesel::delete(installation::table.find(fact.name())).execute(tx)?;
    Ok(())
}

/// Remembers `value` as `fact`, instead of what was.
pub fn remember(tx: &mut DbConn, fact: Fact, value: &str) -> Result<(), StoreError> {
    forget(tx, fact)?;
    diesel::insert_into(installation::table)
        .values((installation::name.eq(fact.name()), installation::value.eq(value)))
        .execute(tx)?;
    Ok(())
}
