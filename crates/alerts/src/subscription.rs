//! Asking for an alert, confirming, changing and ending it.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use jiff::SignedDuration;
use mail::EmailAddress;
use search::Query;
use store::page::Page;
use store::revision::{self, Counter};
use store::schema::{alert_matches, alerts};
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols};

pub use crate::alert::find;
use crate::alert::{Alert, AlertStatus, Frequency};
use crate::mails::{self, Letterhead};
use crate::rows::{count_of, drop_pending, find_same, save, start_anew};
use crate::schedule;

/// How long a confirmation link is good.
pub const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// How long an unconfirmed alert is kept, so that a late click gets a true answer.
pub const UNCONFIRMED_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Alerts of one address at most.
pub const MAX_PER_ADDRESS: i64 = 50;
/// Confirmation mails to one address within [`CONFIRMATIONS_WINDOW`] at most: a victim's mailbox is not flooded.
pub const MAX_CONFIRMATIONS: i64 = 5;
/// See [`MAX_CONFIRMATIONS`].
pub const CONFIRMATIONS_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewAlert {
    /// Who is told.
    pub email: EmailAddress,
    /// The account that asks, when there is one.
    pub user_id: Option<Id>,
    /// What it looks for.
    pub query: Query,
    /// How soon it writes.
    pub frequency: Frequency,
    /// IANA name of a time zone.
    pub timezone: String,
    /// Hour of digests, 0-23.
    pub hour: i16,
}

/// What changes about an alert; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct AlertPatch {
    /// What it looks for.
    pub query: Option<Query>,
    /// How soon it writes.
    pub frequency: Option<Frequency>,
    /// IANA name of a time zone.
    pub timezone: Option<String>,
    /// Hour of digests, 0-23.
    pub hour: Option<i16>,
    /// `Active` or `Paused`.
    pub status: Option<AlertStatus>,
}

/// Why an alert could not be made, confirmed or changed.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// There is no such alert for whoever asks.
    #[error("alert not found")]
    NotFound,
    /// The query would match every posting.
    #[error("the query restricts nothing")]
    QueryUnfiltered,
    /// Not an IANA time zone.
    #[error("unknown time zone")]
    TimezoneUnknown,
    /// Not an hour of the day.
    #[error("the hour is not between 0 and 23")]
    HourInvalid,
    /// Only active and paused can be asked for.
    #[error("an alert that is {0} cannot be changed like this")]
    StateConflict(AlertStatus),
    /// The address has as many alerts as it may have.
    #[error("too many alerts")]
    TooMany,
    /// The confirmation token is not one of ours.
    #[error("the token is not valid")]
    TokenInvalid,
    /// The confirmation came too late.
    #[error("the token has expired")]
    TokenExpired,
    /// The alert was changed meanwhile.
    #[error("the alert is at version {0}")]
    VersionConflict(i32),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for AlertError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a confirmation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// The alert is active from now on.
    Now(Id),
    /// It was before.
    Already(Id),
}

/// Asks for an alert by address alone: stores it unconfirmed and writes a confirmation mail. What the caller tells the
/// client must not depend on the outcome, except for mistakes in the request itself: an address that already has this
/// alert, has too many, or was written to too often gets nothing new.
pub fn request(
    tx: &mut DbConn,
    new: NewAlert,
    letterhead: &Letterhead,
    random: &Random,
    now: Timestamp,
) -> Result<(), AlertError> {
    check(&new)?;
    let since = now.minus(CONFIRMATIONS_WINDOW);
    let recent = mail::count_recent(tx, &new.email, &[mails::CONFIRM], since)?;
    let same = find_same(tx, &new.email, &new.query, new.frequency)?;
    if recent >= MAX_CONFIRMATIONS || same.is_some() || count_of(tx, &new.email)? >= MAX_PER_ADDRESS {
        tracing::info!(
            is_repeated = same.is_some(),
            recent,
            "a request for an alert changed nothing"
        );
        return Ok(());
    }
    let token = random.token();
    let alert = Alert {
        confirm_token_hash: Some(hash(&token)),
        confirm_expires_at: Some(now.plus(CONFIRM_WITHIN)),
        ..unconfirmed(tx, new, random, now)?
    };
    diesel::insert_into(alerts::table).values(&alert).execute(tx)?;
    mail::enqueue(
        tx,
        &[mails::confirmation(letterhead, &alert, &token)],
        random,
        now,
    )?;
    Ok(())
}

/// What [`create`] did.
#[derive(Debug, Clone)]
pub enum Created {
    /// The alert is new.
    New(Box<Alert>),
    /// The address has this alert already.
    Existing(Box<Alert>),
}

/// Makes an alert for a person who is signed in with a verified address: active at once. Nobody is told twice: an
/// address that has this alert keeps the one it has, and it belongs to the account from now on.
pub fn create(
    tx: &mut DbConn,
    new: NewAlert,
    random: &Random,
    now: Timestamp,
) -> Result<Created, AlertError> {
    check(&new)?;
    revision::lock(tx, Counter::Alerts)?;
    if let Some(same) = find_same(tx, &new.email, &new.query, new.frequency)? {
        let existing = if same.user_id.is_some() {
            same
        } else {
            let user_id = new.user_id;
            save(tx, Alert { user_id, ..same }, now)?
        };
        return Ok(Created::Existing(Box::new(existing)));
    }
    if count_of(tx, &new.email)? >= MAX_PER_ADDRESS {
        return Err(AlertError::TooMany);
    }
    let alert = Alert {
        status: AlertStatus::Active,
        confirmed_at: Some(now),
        ..unconfirmed(tx, new, random, now)?
    };
    diesel::insert_into(alerts::table).values(&alert).execute(tx)?;
    Ok(Created::New(Box::new(alert)))
}

/// Confirms the alert whose mail carried `token`. From here on it is owed what is first published. Where the address has
/// confirmed the same alert with another mail, that one goes on alone.
pub fn confirm(tx: &mut DbConn, token: &str, now: Timestamp) -> Result<Confirmed, AlertError> {
    // Two clicks at once come one after the other.
    revision::lock(tx, Counter::Alerts)?;
    let alert = find_by_token(tx, token)?.ok_or(AlertError::TokenInvalid)?;
    match alert.status {
        AlertStatus::Active | AlertStatus::Paused => return Ok(Confirmed::Already(alert.id)),
        AlertStatus::Ended => return Err(AlertError::TokenInvalid),
        AlertStatus::Pending => {}
    }
    if alert.confirm_expires_at.is_none_or(|at| at <= now) {
        return Err(AlertError::TokenExpired);
    }
    if let Some(same) = find_same(tx, &alert.email, &alert.query.0, alert.frequency)? {
        return Ok(Confirmed::Already(same.id));
    }
    let id = alert.id;
    let changed = Alert {
        status: AlertStatus::Active,
        confirmed_at: Some(now),
        ..alert
    };
    start_anew(tx, changed, now)?;
    Ok(Confirmed::Now(id))
}

/// The alert that `token` confirms, for showing what is about to be confirmed.
pub fn find_by_token(conn: &mut DbConn, token: &str) -> Result<Option<Alert>, StoreError> {
    Ok(alerts::table
        .filter(alerts::confirm_token_hash.eq(hash(token)))
        .select(cols::<Alert>())
        .first(conn)
        .optional()?)
}

/// Ends an alert for good. Doing it twice, or for one that is gone, is fine.
pub fn unsubscribe(tx: &mut DbConn, id: Id, now: Timestamp) -> Result<(), AlertError> {
    // No pass writes matches or mails in the meantime, and two clicks at once come one after the other.
    revision::lock(tx, Counter::Alerts)?;
    let Some(alert) = find(tx, id)? else { return Ok(()) };
    if alert.status == AlertStatus::Ended {
        return Ok(());
    }
    drop_pending(tx, id)?;
    save(
        tx,
        Alert {
            status: AlertStatus::Ended,
            ..alert
        },
        now,
    )
    .map(|_| ())
}

/// Changes an alert. A new query, or being active again after a pause, starts it anew: it is owed what is first
/// published from now on.
pub fn update(
    tx: &mut DbConn,
    id: Id,
    patch: AlertPatch,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Alert, AlertError> {
    revision::lock(tx, Counter::Alerts)?;
    let before = find(tx, id)?.ok_or(AlertError::NotFound)?;
    if if_match.is_some_and(|version| version != before.version) {
        return Err(AlertError::VersionConflict(before.version));
    }
    let status = patch.status.unwrap_or(before.status);
    let is_open = |status| matches!(status, AlertStatus::Active | AlertStatus::Paused);
    if !is_open(before.status) || !is_open(status) {
        return Err(AlertError::StateConflict(before.status));
    }
    let is_new_search = patch.query.as_ref().is_some_and(|query| *query != before.query.0);
    let is_resumed = before.status == AlertStatus::Paused && status == AlertStatus::Active;
    let after = Alert {
        query: patch.query.map_or_else(|| before.query.clone(), Json),
        frequency: patch.frequency.unwrap_or(before.frequency),
        timezone: patch.timezone.unwrap_or_else(|| before.timezone.clone()),
        hour: patch.hour.unwrap_or(before.hour),
        status,
        ..before.clone()
    };
    check_parts(&after.query.0, &after.timezone, after.hour)?;
    let is_rescheduled =
        (after.frequency, after.hour) != (before.frequency, before.hour) || after.timezone != before.timezone;
    if is_new_search || status == AlertStatus::Paused {
        drop_pending(tx, id)?;
    }
    let saved = if is_new_search || is_resumed {
        start_anew(tx, after, now)?
    } else {
        save(tx, after, now)?
    };
    if is_rescheduled {
        diesel::update(alert_matches::table)
            .filter(
                alert_matches::alert_id
                    .eq(id)
                    .and(alert_matches::outcome.eq("pending")),
            )
            .set(alert_matches::due_at.eq(schedule::due_at(&saved, now)))
            .execute(tx)?;
    }
    Ok(saved)
}

/// Erases an alert and what it was told.
pub fn erase(tx: &mut DbConn, id: Id) -> Result<(), AlertError> {
    // Whoever keeps alerts in memory learns of it by the row that is no longer there when its postings are mailed.
    match diesel::delete(alerts::table.find(id)).execute(tx)? {
        0 => Err(AlertError::NotFound),
        _ => Ok(()),
    }
}

/// An account's alerts, newest first, after the alert `before`.
pub fn list_of_user(
    conn: &mut DbConn,
    user_id: Id,
    before: Option<Id>,
    limit: usize,
) -> Result<Page<Alert, Id>, StoreError> {
    let mut query = alerts::table
        .filter(
            alerts::user_id
                .eq(user_id)
                .and(alerts::status.ne(AlertStatus::Ended)),
        )
        .order(alerts::id.desc())
        .limit(limit as i64 + 1)
        .select(cols::<Alert>())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(alerts::id.lt(before));
    }
    Ok(Page::cut(query.load(conn)?, limit, |alert: &Alert| alert.id))
}

/// How many alerts are in each status.
pub fn count_by_status(conn: &mut DbConn) -> Result<Vec<(AlertStatus, i64)>, StoreError> {
    Ok(alerts::table
        .group_by(alerts::status)
        .select((alerts::status, diesel::dsl::count_star()))
        .load(conn)?)
}

/// Forgets alerts that nobody confirmed in time, at most `limit`. A pass.
pub fn forget_unconfirmed(tx: &mut DbConn, limit: i64, now: Timestamp) -> Result<usize, StoreError> {
    let old: Vec<Id> = alerts::table
        .filter(alerts::status.eq(AlertStatus::Pending))
        .filter(alerts::created_at.le(now.minus(UNCONFIRMED_KEPT)))
        .order((alerts::created_at, alerts::id))
        .limit(limit)
        .select(alerts::id)
        .load(tx)?;
    Ok(diesel::delete(alerts::table.filter(alerts::id.eq_any(old))).execute(tx)?)
}

fn check(new: &NewAlert) -> Result<(), AlertError> {
    check_parts(&new.query, &new.timezone, new.hour)
}

fn check_parts(query: &Query, timezone: &str, hour: i16) -> Result<(), AlertError> {
    if query.is_unfiltered() {
        return Err(AlertError::QueryUnfiltered);
    }
    if schedule::time_zone(timezone).is_none() {
        return Err(AlertError::TimezoneUnknown);
    }
    if !(0..=23).contains(&hour) {
        return Err(AlertError::HourInvalid);
    }
    Ok(())
}

fn unconfirmed(tx: &mut DbConn, new: NewAlert, random: &Random, now: Timestamp) -> Result<Alert, StoreError> {
    Ok(Alert {
        id: random.id(now),
        email: new.email,
        user_id: new.user_id,
        query: Json(new.query),
        frequency: new.frequency,
        timezone: new.timezone,
        hour: new.hour,
        status: AlertStatus::Pending,
        confirm_token_hash: None,
        confirm_expires_at: None,
        sequence: revision::take(tx, Counter::Alerts, 1)?,
        start_revision: revision::latest(tx, Counter::Postings)?,
        version: 1,
        created_at: now,
        updated_at: now,
        confirmed_at: None,
    })
}

fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}
