//! What a report changes.

use diesel::prelude::*;
use serde::Serialize;
use store::schema::{mail_reports, outbox};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols, on_each};

use super::{Report, ReportDesk, ReportKind};
use crate::{EmailAddress, SuppressionReason, suppress};

/// What came of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportOutcome {
    /// The address gets no bulk mail from now on.
    Suppressed,
    /// It was written down and changes nothing more.
    Recorded,
    /// The same was reported about the same mail before.
    Repeated,
    /// It is about no mail that was sent from here, so it changed nothing.
    Unknown,
}

/// What came of a report, and about which mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// What came of it.
    pub outcome: ReportOutcome,
    /// The mail; `None` when it is unknown.
    pub mail_id: Option<Id>,
}

/// A report that was received.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = mail_reports)]
pub struct MailReport {
    /// Its id.
    pub id: Id,
    /// The mail in the outbox.
    pub mail_id: Id,
    /// What it says.
    pub kind: ReportKind,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub status: Option<String>,
    /// What the other side said.
    pub detail: String,
    /// Whether the address was suppressed for it.
    pub suppressed: bool,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// Writes `report` down. A bounce that says for good that the mailbox takes no mail, and every complaint, suppress the
/// address at once; a delay, a full mailbox or a refusal out of dislike suppress nobody. The same report again changes
/// nothing, also when the address was let in again meanwhile.
pub fn receive(
    tx: &mut DbConn,
    desk: &ReportDesk,
    report: &Report,
    random: &Random,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let unknown = Received {
        outcome: ReportOutcome::Unknown,
        mail_id: None,
    };
    let Some(mail_id) = desk.mail_of(report) else {
        return Ok(unknown);
    };
    let recipient: Option<EmailAddress> = outbox::table
        .find(mail_id)
        .select(outbox::recipient)
        .first(tx)
        .optional()?;
    let Some(recipient) = recipient else {
        return Ok(unknown);
    };
    let reason = match report.kind {
        ReportKind::Complaint => Some(SuppressionReason::Complaint),
        ReportKind::Bounce => report
            .status
            .is_some_and(crate::status::Status::ends_the_mailbox)
            .then_some(SuppressionReason::Bounce),
        ReportKind::Delay => None,
    };
    let row = (
        mail_reports::id.eq(random.id(now)),
        mail_reports::mail_id.eq(mail_id),
        mail_reports::kind.eq(report.kind),
        mail_reports::status.eq(report.status.map(|status| status.to_string())),
        mail_reports::detail.eq(report.detail.as_str()),
        mail_reports::suppressed.eq(reason.is_some()),
        mail_reports::received_at.eq(now),
    );
    let new = on_each!(tx, c => diesel::insert_into(mail_reports::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    let outcome = match (new, reason) {
        (0, _) => ReportOutcome::Repeated,
        (_, None) => ReportOutcome::Recorded,
        (_, Some(reason)) => {
            suppress(tx, &recipient, reason, &report.detail, now)?;
            ReportOutcome::Suppressed
        }
    };
    Ok(Received {
        outcome,
        mail_id: Some(mail_id),
    })
}

/// The `limit` newest reports, newest first.
pub fn list_reports(conn: &mut DbConn, limit: i64) -> Result<Vec<MailReport>, StoreError> {
    Ok(mail_reports::table
        .select(cols::<MailReport>())
        .order((mail_reports::received_at.desc(), mail_reports::id.desc()))
        .limit(limit)
        .load(conn)?)
}
