//! Asking for an alert, confirming, changing and ending it.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{EmailAddress, SuppressionReason};
use search::Query;
use store::page::Page;
use store::revision::{self, Counter};
use store::schema::alerts;
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols};

pub use crate::alert::find;
use crate::alert::{Alert, AlertStatus, EndReason, Frequency, Notify, QuietHours};
use crate::letterhead::Letterhead;
use crate::mails;
use crate::rows::{
    count_of, drop_pending, find_same, forget_changes, list_pending, reschedule, save, silence, start_anew,
};
use crate::rules::AlertRules;
use crate::schedule;

/// How long a confirmation link is good.
pub const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// How long an unconfirmed alert is kept, so that a late click gets a true answer.
pub const UNCONFIRMED_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Alerts of one address at most.
pub const MAX_PER_ADDRESS: i64 = 50;
/// Alerts of one address that wait for a confirmation at most.
pub const MAX_PENDING: i64 = 10;
/// How often an address whose owner reported a mail as spam may be sent a confirmation mail.
pub const AFTER_COMPLAINT: SignedDuration = SignedDuration::from_hours(30 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);

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
    /// Which changes of postings it tells.
    pub notify: Notify,
    /// When an instant alert keeps still.
    pub quiet_hours: Option<QuietHours>,
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
    /// Which changes of postings it tells.
    pub notify: Option<Notify>,
    /// When an instant alert keeps still; `Some(None)` ends that.
    pub quiet_hours: Option<Option<QuietHours>>,
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
    /// Not two different hours of the day.
    #[error("quiet hours need two different hours between 0 and 23")]
    QuietHoursInvalid,
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
/// client must not depend on the outcome, except for mistakes in the request itself. An address that has this alert, or
/// too many, gets nothing new. Within [`AlertRules::confirmation_gap`] of a confirmation mail no other is written: what
/// is asked for then waits on the page to which the first one leads.
pub fn request(
    tx: &mut DbConn,
    new: NewAlert,
    letterhead: &Letterhead,
    random: &Random,
    now: Timestamp,
) -> Result<(), AlertError> {
    check(&new)?;
    let answer = answer_to(tx, &new, &letterhead.rules, now)?;
    // The mail is made and the counter moved in every case, so that the time it takes tells nothing either.
    let token = random.token();
    let unconfirmed = unconfirmed(tx, new, random, now)?;
    let alert = Alert {
        confirm_token_hash: (answer == RequestAnswer::Mail).then(|| hash(&token)),
        confirm_expires_at: Some(now.plus(CONFIRM_WITHIN)),
        ..unconfirmed
    };
    let draft = mails::confirmation(letterhead, &alert, &token);
    if answer != RequestAnswer::Nothing {
        diesel::insert_into(alerts::table).values(&alert).execute(tx)?;
    }
    match answer {
        RequestAnswer::Mail => {
            mail::enqueue(tx, &[draft], random, now)?;
        }
        other => tracing::info!(answer = ?other, "a request for an alert wrote no mail"),
    }
    Ok(())
}

/// What a request by address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestAnswer {
    /// A confirmation mail.
    Mail,
    /// It waits on the page of the mail before.
    Wait,
    /// Nothing new.
    Nothing,
}

fn answer_to(
    tx: &mut DbConn,
    new: &NewAlert,
    rules: &AlertRules,
    now: Timestamp,
) -> Result<RequestAnswer, AlertError> {
    let mailed_since = |tx: &mut DbConn, window: SignedDuration| {
        mail::count_recent(tx, &new.email, &[mails::CONFIRM], now.minus(window))
    };
    let (today, lately) = (mailed_since(tx, DAY)?, mailed_since(tx, rules.confirmation_gap)?);
    let has_same = find_same(tx, &new.email, &new.query, new.frequency)?.is_some();
    let open = count_of(tx, &new.email)?;
    let waiting = list_pending(tx, &new.email)?;
    let suppression = mail::find_suppression(tx, &new.email)?.map(|suppression| suppression.reason);
    let may_write = match suppression {
        None | Some(SuppressionReason::Bounce) => true,
        Some(SuppressionReason::Complaint) => mailed_since(tx, AFTER_COMPLAINT)? == 0,
        Some(SuppressionReason::Operator) => false,
    };
    if has_same || open >= MAX_PER_ADDRESS || !may_write {
        return Ok(RequestAnswer::Nothing);
    }
    let is_gap_over = lately == 0 || rules.confirmation_gap.is_zero();
    if today < rules.confirmations_per_day && is_gap_over {
        return Ok(RequestAnswer::Mail);
    }
    let is_known = |alert: &Alert| alert.query.0 == new.query && alert.frequency == new.frequency;
    if waiting.len() as i64 >= MAX_PENDING || waiting.iter().any(is_known) {
        return Ok(RequestAnswer::Nothing);
    }
    Ok(RequestAnswer::Wait)
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
///
/// That the mail arrived lifts a suppression after a bounce. One after a complaint is lifted only when the owner says so:
/// `resume`.
pub fn confirm(
    tx: &mut DbConn,
    token: &str,
    resume: Resume,
    now: Timestamp,
) -> Result<Confirmed, AlertError> {
    // Two clicks at once come one after the other.
    revision::lock(tx, Counter::Alerts)?;
    let alert = find_by_token(tx, token)?.ok_or(AlertError::TokenInvalid)?;
    if alert.status == AlertStatus::Pending && alert.confirm_expires_at.is_none_or(|at| at <= now) {
        return Err(AlertError::TokenExpired);
    }
    if alert.status == AlertStatus::Ended {
        return Err(AlertError::TokenInvalid);
    }
    lift_suppression(tx, &alert.email, resume)?;
    activate(tx, alert, now)
}

/// Whether the owner of an address asked explicitly to be written to again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// They said so.
    Asked,
    /// They said nothing of that.
    NotAsked,
}

/// Lets an address get alerts again as far as its owner may decide; returns whether it was suppressed before, and is not
/// now. What an operator said stays.
pub fn lift_suppression(tx: &mut DbConn, address: &EmailAddress, resume: Resume) -> Result<bool, AlertError> {
    let reason = mail::find_suppression(tx, address)?.map(|suppression| suppression.reason);
    let may_lift = match reason {
        Some(SuppressionReason::Bounce) => true,
        Some(SuppressionReason::Complaint) => resume == Resume::Asked,
        Some(SuppressionReason::Operator) | None => false,
    };
    Ok(may_lift && mail::unsuppress(tx, address)?)
}

/// Makes an unconfirmed alert active, unless the address has the same one. The caller holds the lock on alerts.
pub(crate) fn activate(tx: &mut DbConn, alert: Alert, now: Timestamp) -> Result<Confirmed, AlertError> {
    if alert.status != AlertStatus::Pending {
        return Ok(Confirmed::Already(alert.id));
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
    silence(tx, &alert, "unsubscribed", now)?;
    save(
        tx,
        Alert {
            status: AlertStatus::Ended,
            end_reason: Some(EndReason::Unsubscribed),
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
    let can_be = matches!(status, AlertStatus::Active | AlertStatus::Paused);
    // One that retired may be taken up again.
    let is_retired = before.end_reason == Some(EndReason::Retired) && patch.status.is_some();
    if !can_be || !(before.is_open() || is_retired) {
        return Err(AlertError::StateConflict(before.status));
    }
    let is_new_search = patch.query.as_ref().is_some_and(|query| *query != before.query.0);
    let is_resumed = before.status != AlertStatus::Active && status == AlertStatus::Active;
    let quiet_hours = patch.quiet_hours.unwrap_or_else(|| before.quiet_hours());
    let after = Alert {
        notify: patch.notify.unwrap_or(before.notify),
        quiet_from: quiet_hours.map(|quiet| quiet.from),
        quiet_to: quiet_hours.map(|quiet| quiet.to),
        end_reason: None,
        query: patch.query.map_or_else(|| before.query.clone(), Json),
        frequency: patch.frequency.unwrap_or(before.frequency),
        timezone: patch.timezone.unwrap_or_else(|| before.timezone.clone()),
        hour: patch.hour.unwrap_or(before.hour),
        status,
        ..before.clone()
    };
    check_parts(&after.query.0, &after.timezone, after.hour, after.quiet_hours())?;
    if is_new_search {
        drop_pending(tx, id)?;
    }
    if status == AlertStatus::Paused && before.status == AlertStatus::Active {
        silence(tx, &before, "paused", now)?;
    }
    forget_changes(tx, &before, after.notify)?;
    let saved = if is_new_search || is_resumed {
        start_anew(tx, after, now)?
    } else {
        save(tx, after, now)?
    };
    if rhythm(&saved) != rhythm(&before) {
        reschedule(tx, &saved, now)?;
    }
    Ok(saved)
}

/// What the schedule of an alert follows from.
fn rhythm(alert: &Alert) -> (Frequency, i16, &str, Option<QuietHours>) {
    (alert.frequency, alert.hour, &alert.timezone, alert.quiet_hours())
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
    check_parts(&new.query, &new.timezone, new.hour, new.quiet_hours)
}

fn check_parts(
    query: &Query,
    timezone: &str,
    hour: i16,
    quiet_hours: Option<QuietHours>,
) -> Result<(), AlertError> {
    if query.is_unfiltered() {
        return Err(AlertError::QueryUnfiltered);
    }
    if schedule::time_zone(timezone).is_none() {
        return Err(AlertError::TimezoneUnknown);
    }
    if !(0..=23).contains(&hour) {
        return Err(AlertError::HourInvalid);
    }
    if quiet_hours.is_some_and(|quiet| !quiet.is_valid()) {
        return Err(AlertError::QuietHoursInvalid);
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
        notify: new.notify,
        quiet_from: new.quiet_hours.map(|quiet| quiet.from),
        quiet_to: new.quiet_hours.map(|quiet| quiet.to),
        touched_at: now,
        keep_asked_at: None,
        paced_until: None,
        last_mailed_at: None,
        end_reason: None,
    })
}

fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}
