//! What PostgreSQL tells at once: that somebody, on whichever node, committed something.
//!
//! It only shortens the wait. A listener that loses its connection loses nothing, because every pass looks by itself.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::{DbConn, StoreError};

/// The channel on which the triggers of the schema speak: `postings` and `alerts` for changes, `mail` for the outbox.
const CHANNEL: &str = "backplane";
/// The channel on which nodes speak to each other about what is stored nowhere.
const NODES: &str = "backplane_nodes";

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Somebody committed something: `postings`, `alerts` or `mail`.
    Commit(String),
    /// What a node, perhaps this one, says to all nodes.
    ByNode(String),
}

/// Says `message`, of less than 8,000 bytes, to every node that listens, once the transaction commits. On SQLite nobody else is
/// there.
pub fn tell_nodes(tx: &mut DbConn, message: &str) -> Result<(), StoreError> {
    if let DbConn::Pg(c) = tx {
        diesel::sql_query("SELECT pg_notify($1, $2)")
            .bind::<Text, _>(NODES)
            .bind::<Text, _>(message)
            .execute(c)?;
    }
    Ok(())
}

/// A connection of its own that hears what is told. It needs a session: a pooler in transaction mode has none to give.
pub struct Listener(PgConnection);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Listener {
    /// Begins to listen on the PostgreSQL at `url`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let mut conn = PgConnection::establish(url).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        conn.batch_execute(&format!("LISTEN {CHANNEL}; LISTEN {NODES}"))?;
        Ok(Self(conn))
    }

    /// What was told since the last call; does not wait and asks the server nothing.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn heard(&mut self) -> Result<Vec<Told>, StoreError> {
        self.0
            .notifications_iter()
            .map(|told| {
                let told = told.map_err(StoreError::from)?;
                Ok(if told.channel == NODES {
                    Told::ByNode(told.payload)
                } else {
                    Told::Commit(told.payload)
                })
            })
            .collect()
    }

    /// Whether the server still answers: a connection that died in silence hears nothing for ever.
    ///
    /// # Errors
    /// When it does not.
    pub fn ask(&mut self) -> Result<(), StoreError> {
        Ok(self.0.batch_execute("SELECT 1")?)
    }
}
