//! "Was this right for you?": the answers of subscribers.

use diesel::prelude::*;
use store::schema::{alert_feedback, alert_matches};
use store::{DbConn, Id, StoreError, Timestamp, on_each, text_enum};

use crate::subscription::AlertError;

text_enum! {
    /// Whether a posting was what the subscriber looks for.
    pub enum Verdict {
        /// It was.
        Right = "right",
        /// It was not.
        Wrong = "wrong",
    }
}

/// Writes down what the subscriber says of a posting that the alert told; a later answer replaces an earlier one.
///
/// # Errors
/// `NotFound` when the alert never told this posting, or is gone.
pub fn answer(
    tx: &mut DbConn,
    alert_id: Id,
    posting_id: Id,
    verdict: Verdict,
    now: Timestamp,
) -> Result<(), AlertError> {
    let told: i64 = alert_matches::table
        .find((alert_id, posting_id))
        .filter(alert_matches::outcome.eq("mailed"))
        .count()
        .get_result(tx)?;
    if told == 0 {
        return Err(AlertError::NotFound);
    }
    let change = (
        alert_feedback::verdict.eq(verdict),
        alert_feedback::created_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(alert_feedback::table)
        .values((alert_feedback::alert_id.eq(alert_id), alert_feedback::posting_id.eq(posting_id), change))
        .on_conflict((alert_feedback::alert_id, alert_feedback::posting_id))
        .do_update()
        .set(change)
        .execute(c))?;
    Ok(())
}

/// How often an alert, or with `None` any, was told that a posting was right, and wrong.
pub fn count(conn: &mut DbConn, alert_id: Option<Id>) -> Result<(i64, i64), StoreError> {
    let mut query = alert_feedback::table
        .group_by(alert_feedback::verdict)
        .select((alert_feedback::verdict, diesel::dsl::count_star()))
        .into_boxed();
    if let Some(id) = alert_id {
        query = query.filter(alert_feedback::alert_id.eq(id));
    }
    let counts: Vec<(Verdict, i64)> = query.load(conn)?;
    let of = |verdict| {
        counts
            .iter()
            .find(|(found, _)| *found == verdict)
            .map_or(0, |(_, count)| *count)
    };
    Ok((of(Verdict::Right), of(Verdict::Wrong)))
}
