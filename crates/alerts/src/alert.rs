//! An alert as it is kept.

use diesel::prelude::*;
use mail::EmailAddress;
use search::Query;
use store::schema::alerts;
use store::{DbConn, Id, Json, StoreError, Timestamp, cols, text_enum};

text_enum! {
    /// How soon an alert writes.
    pub enum Frequency {
        /// As soon as a posting matches.
        Instant = "instant",
        /// Once a day.
        Daily = "daily",
        /// Once a week, on Monday.
        Weekly = "weekly",
    }
}

text_enum! {
    /// Where an alert is in its life.
    pub enum AlertStatus {
        /// Waits for its confirmation.
        Pending = "pending",
        /// Writes.
        Active = "active",
        /// Stopped for a while; what is published meanwhile is not owed.
        Paused = "paused",
        /// Unsubscribed.
        Ended = "ended",
    }
}

/// A stored search and whom it tells.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = alerts, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Alert {
    /// Id.
    pub id: Id,
    /// Who is told.
    pub email: EmailAddress,
    /// The account it belongs to, when it was made with one.
    pub user_id: Option<Id>,
    /// What it looks for.
    pub query: Json<Query>,
    /// How soon it writes.
    pub frequency: Frequency,
    /// IANA name of the time zone in which `hour` counts.
    pub timezone: String,
    /// Hour of the day at which digests are written, 0-23.
    pub hour: i16,
    /// Where it is in its life.
    pub status: AlertStatus,
    /// SHA-256 of the token that confirms it.
    pub confirm_token_hash: Option<Vec<u8>>,
    /// Until when it can be confirmed.
    pub confirm_expires_at: Option<Timestamp>,
    /// It is owed postings that were first published after this revision.
    pub start_revision: i64,
    /// Place of its last change among the changes of all alerts.
    pub sequence: i64,
    /// Counts its changes; the `ETag`.
    pub version: i32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

/// The alert `id`, in whatever status.
pub fn find(conn: &mut DbConn, id: Id) -> Result<Option<Alert>, StoreError> {
    Ok(alerts::table
        .find(id)
        .select(cols::<Alert>())
        .first(conn)
        .optional()?)
}

/// The alerts that changed after `sequence`, in order of their changes, at most `limit`.
pub(crate) fn changed_since(conn: &mut DbConn, sequence: i64, limit: i64) -> Result<Vec<Alert>, StoreError> {
    Ok(alerts::table
        .filter(alerts::sequence.gt(sequence))
        .order(alerts::sequence)
        .limit(limit)
        .select(cols::<Alert>())
        .load(conn)?)
}
