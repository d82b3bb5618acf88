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

text_enum! {
    /// Why an alert ended.
    pub enum EndReason {
        /// Its owner said so.
        Unsubscribed = "unsubscribed",
        /// Its owner did not answer whether to keep it.
        Retired = "retired",
    }
}

text_enum! {
    /// A change of a posting that an alert may tell, when its subscriber was told of the posting before.
    #[schema(as = PostingChangeKind)]
    pub enum ChangeKind {
        /// It pays more than when the subscriber last heard of it.
        PayRaised = "pay_raised",
        /// It has a place that it did not have then.
        PlaceAdded = "place_added",
        /// It ends soon.
        ClosingSoon = "closing_soon",
        /// It was closed since, and is open again.
        Reopened = "reopened",
    }
}

text_enum! {
    /// What a posting waits for that an alert owes.
    pub(crate) enum HeldBy {
        /// The hour of the digest.
        Digest = "digest",
        /// The end of the quiet hours.
        QuietHours = "quiet_hours",
        /// An instant alert wrote much lately.
        Pace = "pace",
        /// It did not fit into a mail.
        Overflow = "overflow",
    }
}

/// Which changes an alert tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = alerts)]
pub struct Notify {
    #[diesel(column_name = notify_pay_raised)]
    pay_raised: bool,
    #[diesel(column_name = notify_place_added)]
    place_added: bool,
    #[diesel(column_name = notify_closing_soon)]
    closing_soon: bool,
    #[diesel(column_name = notify_reopened)]
    reopened: bool,
}

impl Notify {
    /// Whether `kind` is told.
    pub fn has(self, kind: ChangeKind) -> bool {
        match kind {
            ChangeKind::PayRaised => self.pay_raised,
            ChangeKind::PlaceAdded => self.place_added,
            ChangeKind::ClosingSoon => self.closing_soon,
            ChangeKind::Reopened => self.reopened,
        }
    }

    /// The kinds that are told, in their order.
    pub fn kinds(self) -> Vec<ChangeKind> {
        ChangeKind::ALL
            .iter()
            .copied()
            .filter(|kind| self.has(*kind))
            .collect()
    }

    /// Whether none is told.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl FromIterator<ChangeKind> for Notify {
    fn from_iter<T: IntoIterator<Item = ChangeKind>>(kinds: T) -> Self {
        let mut notify = Self::default();
        for kind in kinds {
            match kind {
                ChangeKind::PayRaised => notify.pay_raised = true,
                ChangeKind::PlaceAdded => notify.place_added = true,
                ChangeKind::ClosingSoon => notify.closing_soon = true,
                ChangeKind::Reopened => notify.reopened = true,
            }
        }
        notify
    }
}

/// Hours in which an instant alert keeps still, in the subscriber's zone: from the beginning of `from` to the beginning
/// of `to`, over midnight when `to` is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Hour of the day at which they begin, 0-23.
    #[schema(example = 22)]
    pub from: i16,
    /// Hour of the day at which they end, 0-23, another one.
    #[schema(example = 7)]
    pub to: i16,
}

impl QuietHours {
    /// Whether both are hours of a day, and not the same.
    pub fn is_valid(self) -> bool {
        (0..=23).contains(&self.from) && (0..=23).contains(&self.to) && self.from != self.to
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
    /// Which changes of postings it tells.
    #[diesel(embed)]
    pub notify: Notify,
    /// See [`QuietHours::from`].
    pub quiet_from: Option<i16>,
    /// See [`QuietHours::to`].
    pub quiet_to: Option<i16>,
    /// When its owner last did something with it.
    pub touched_at: Timestamp,
    /// When its owner was asked whether to keep it, and did not answer since.
    pub keep_asked_at: Option<Timestamp>,
    /// Up to when its instant mails have used up their pace; see [`crate::AlertRules::instant_burst`].
    pub paced_until: Option<Timestamp>,
    /// When its last mail about postings was written.
    pub last_mailed_at: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
}

impl Alert {
    /// When it keeps still.
    pub fn quiet_hours(&self) -> Option<QuietHours> {
        Some(QuietHours {
            from: self.quiet_from?,
            to: self.quiet_to?,
        })
    }

    /// Whether it was confirmed and has not ended.
    pub fn is_open(&self) -> bool {
        matches!(self.status, AlertStatus::Active | AlertStatus::Paused)
    }
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
