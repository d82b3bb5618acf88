//! What holds for the installation as a whole, whichever node looks.

use diesel::prelude::*;

use crate::schema::installation;
use crate::{DbConn, StoreError, on_each};

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Fingerprint of the keys that sign links and tokens.
    Keys,
    /// What the installation is called among others; found beside its search indexes, too.
    Identity,
    /// The last step that a program must know to be allowed to use this schema.
    OldestStep,
}

impl Fact {
    fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Identity => "identity",
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

/// What is remembered of `fact`; `value` from now on when that is nothing. Of two nodes that begin at once, both get the same.
pub fn find_or_remember(tx: &mut DbConn, fact: Fact, value: &str) -> Result<String, StoreError> {
    let row = (installation::name.eq(fact.name()), installation::value.eq(value));
    on_each!(tx, c => diesel::insert_into(installation::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(find(tx, fact)?.unwrap_or_else(|| value.to_owned()))
}
