//! Everything that is held about an address, for whoever has a signed link of one of its mails.

use diesel::prelude::*;
use mail::{EmailAddress, SuppressionReason};
use serde::Serialize;
use store::revision::{self, Counter};
use store::schema::{alert_feedback, alert_matches, alerts, postings};
use store::{DbConn, Id, StoreError, Timestamp, cols};
use utoipa::ToSchema;

use crate::alert::{Alert, AlertStatus};
use crate::feedback::Verdict;
use crate::mails;
use crate::rows::list_pending;
use crate::subscription::{AlertError, Confirmed, MAX_PER_ADDRESS, Resume, activate, lift_suppression};

/// Alerts of an address at most, with those that ended.
const ALERTS: i64 = 500;
/// Postings and mails in an export at most, the newest first.
const ROWS: i64 = 10_000;

/// The alerts of an address, oldest first: those that wait for a confirmation, are active, paused or have ended.
pub fn list_of_address(conn: &mut DbConn, address: &EmailAddress) -> Result<Vec<Alert>, StoreError> {
    Ok(alerts::table
        .filter(alerts::email.eq(address))
        .order(alerts::id)
        .limit(ALERTS)
        .select(cols::<Alert>())
        .load(conn)?)
}

/// A posting that somebody was told of.
#[derive(Debug, Clone, Serialize, ToSchema, Queryable)]
pub struct ToldPosting {
    /// The alert that told it.
    pub alert_id: Id,
    /// The posting.
    pub posting_id: Id,
    /// Its name in addresses.
    pub slug: String,
    /// When the mail about it, or about its last change, was written.
    pub told_at: Option<Timestamp>,
}

/// An answer to "was this right for you?".
#[derive(Debug, Clone, Serialize, ToSchema, Queryable)]
pub struct Answer {
    /// The alert that told the posting.
    pub alert_id: Id,
    /// The posting.
    pub posting_id: Id,
    /// The answer.
    pub verdict: Verdict,
    /// When it was given.
    pub created_at: Timestamp,
}

/// A mail in the outbox or sent, without its text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MailRecord {
    /// What sort of mail.
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: mail::MailState,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it left.
    pub finished_at: Option<Timestamp>,
}

/// Everything that alerts hold about an address.
#[derive(Debug, Clone)]
pub struct Holdings {
    /// The address.
    pub address: EmailAddress,
    /// Whether and why it gets no alerts.
    pub suppression: Option<mail::Suppression>,
    /// Its alerts; see [`list_of_address`].
    pub alerts: Vec<Alert>,
    /// What they told, newest first.
    pub told: Vec<ToldPosting>,
    /// What was answered.
    pub answers: Vec<Answer>,
    /// The mails that alerts wrote to it and that are still kept, newest first.
    pub mails: Vec<MailRecord>,
}

/// Everything that alerts hold about `address`.
pub fn export(conn: &mut DbConn, address: &EmailAddress) -> Result<Holdings, StoreError> {
    let told = alert_matches::table
        .inner_join(alerts::table)
        .inner_join(postings::table)
        .filter(alerts::email.eq(address).and(alert_matches::outcome.eq("mailed")))
        .order((
            alert_matches::told_at.desc(),
            alert_matches::alert_id,
            alert_matches::posting_id,
        ))
        .limit(ROWS)
        .select((
            alert_matches::alert_id,
            alert_matches::posting_id,
            postings::slug,
            alert_matches::told_at,
        ))
        .load(conn)?;
    let answers = alert_feedback::table
        .inner_join(alerts::table)
        .filter(alerts::email.eq(address))
        .order((
            alert_feedback::created_at.desc(),
            alert_feedback::alert_id,
            alert_feedback::posting_id,
        ))
        .limit(ROWS)
        .select((
            alert_feedback::alert_id,
            alert_feedback::posting_id,
            alert_feedback::verdict,
            alert_feedback::created_at,
        ))
        .load(conn)?;
    let mails = mail::list_for_recipient(conn, address, ROWS)?
        .into_iter()
        .filter(|mail| mails::KINDS.iter().any(|kind| kind.as_str() == mail.kind))
        .map(|mail| MailRecord {
            kind: mail.kind,
            subject: mail.subject,
            state: mail.state,
            created_at: mail.created_at,
            finished_at: mail.finished_at,
        });
    Ok(Holdings {
        address: address.clone(),
        suppression: mail::find_suppression(conn, address)?,
        alerts: list_of_address(conn, address)?,
        told,
        answers,
        mails: mails.collect(),
    })
}

/// Erases everything that alerts hold about `address`: its alerts with what they told and what was answered, the mails
/// they wrote, sent or not, and whether the address is suppressed, unless an operator said that. Returns how many alerts
/// there were.
pub fn erase_address(tx: &mut DbConn, address: &EmailAddress) -> Result<usize, AlertError> {
    revision::lock(tx, Counter::Alerts)?;
    mail::erase_kinds(tx, address, &mails::KINDS)?;
    lift_suppression(tx, address, Resume::Asked)?;
    Ok(diesel::delete(alerts::table.filter(alerts::email.eq(address))).execute(tx)?)
}

/// Confirms an alert of `address` that was asked for while the confirmation of another was on its way: whoever has a
/// signed link of the address owns it.
pub fn confirm_waiting(
    tx: &mut DbConn,
    address: &EmailAddress,
    id: Id,
    now: Timestamp,
) -> Result<Confirmed, AlertError> {
    revision::lock(tx, Counter::Alerts)?;
    let waiting = list_pending(tx, address)?;
    let alert = waiting
        .into_iter()
        .find(|alert| alert.id == id)
        .ok_or(AlertError::NotFound)?;
    activate(tx, alert, now)
}

/// Why and since when `address` gets no alerts, for showing it to its owner.
pub fn suppression(
    conn: &mut DbConn,
    address: &EmailAddress,
) -> Result<Option<(SuppressionReason, Timestamp)>, StoreError> {
    Ok(mail::find_suppression(conn, address)?.map(|found| (found.reason, found.created_at)))
}

/// How many alerts of `address` could still be made.
pub fn room_of(conn: &mut DbConn, address: &EmailAddress) -> Result<i64, StoreError> {
    let open = [AlertStatus::Pending, AlertStatus::Active, AlertStatus::Paused];
    let count: i64 = alerts::table
        .filter(alerts::email.eq(address).and(alerts::status.eq_any(open)))
        .count()
        .get_result(conn)?;
    Ok(MAX_PER_ADDRESS.saturating_sub(count).max(0))
}
