//! Changes of postings that a subscriber was told of: noting them, and saying what changed.
//!
//! A change is measured against the version that the subscriber last heard of, not against the version before: pay that
//! goes up, down and up again is news once. Each change is a ledger row, so it is told at most once.

use std::collections::HashMap;

use diesel::prelude::*;
use jiff::SignedDuration;
use postings::changes::Change;
use postings::{Pay, PayBand, Posting, PostingContent, PostingStatus};
use store::revision::{self, Counter};
use store::schema::{alert_changes, alert_matches, alerts, postings as posting_rows};
use store::{Db, DbConn, Id, StoreError, Timestamp, cols, on_each};

use crate::alert::{Alert, AlertStatus, ChangeKind, Frequency};
use crate::schedule;

/// Rows read or written at once.
const ROWS: i64 = 1000;
/// Changes of one mail that are looked at again; a mail has fewer.
const TOLD: i64 = 100;
/// How many versions of a posting are looked through for the one that somebody was told.
const VERSIONS: i64 = 200;
/// A posting ends soon when it ends within this time.
pub const SOON: SignedDuration = SignedDuration::from_hours(3 * 24);
/// What is soon for a weekly alert: before its next mail but one.
pub const SOON_FOR_WEEKLY: SignedDuration = SignedDuration::from_hours(8 * 24);

/// A posting that a subscriber was told of.
#[derive(Queryable, Selectable)]
#[diesel(table_name = alert_matches)]
struct Told {
    posting_id: Id,
    #[diesel(column_name = told_at)]
    at: Option<Timestamp>,
    #[diesel(column_name = told_version)]
    version: Option<i32>,
    closed_at: Option<Timestamp>,
}

#[derive(Insertable)]
#[diesel(table_name = alert_changes, treat_none_as_default_value = false)]
struct News {
    alert_id: Id,
    posting_id: Id,
    kind: ChangeKind,
    mark: i64,
    outcome: &'static str,
    due_at: Timestamp,
    noted_at: Timestamp,
}

impl News {
    fn new(alert: &Alert, posting_id: Id, kind: ChangeKind, mark: i64, now: Timestamp) -> Self {
        Self {
            alert_id: alert.id,
            posting_id,
            kind,
            mark,
            outcome: "pending",
            due_at: schedule::due_at(alert, now),
            noted_at: now,
        }
    }
}

/// Writes down what subscribers who were told of the posting wish to hear about `change`; returns how many rows are new.
/// Part of the match pass.
pub(crate) fn note(tx: &mut DbConn, change: &Change, now: Timestamp) -> Result<usize, StoreError> {
    match change {
        Change::Remove(id) => note_end(tx, *id, now).map(|()| 0),
        Change::Upsert(posting) if posting.row.first_revision == posting.row.revision => Ok(0),
        Change::Upsert(posting) => note_news(tx, posting, now),
    }
}

/// Remembers that a posting closed. One that is only paused, or whose employer is, is not over.
fn note_end(tx: &mut DbConn, id: Id, now: Timestamp) -> Result<(), StoreError> {
    let status = postings::find::find(tx, id)?.map(|posting| posting.row.status);
    if matches!(status, Some(PostingStatus::Closed | PostingStatus::Expired)) {
        diesel::update(alert_matches::table)
            .filter(alert_matches::posting_id.eq(id))
            .filter(
                alert_matches::outcome
                    .eq("mailed")
                    .and(alert_matches::closed_at.is_null()),
            )
            .set(alert_matches::closed_at.eq(now))
            .execute(tx)?;
    }
    Ok(())
}

fn note_news(tx: &mut DbConn, posting: &Posting, now: Timestamp) -> Result<usize, StoreError> {
    let (id, revision) = (posting.row.id, posting.row.revision.unwrap_or_default());
    let mut heard: Option<HashMap<i32, PostingContent>> = None;
    let mut last: Option<Id> = None;
    let mut written = 0;
    loop {
        let rows = told_alerts(tx, id, last)?;
        let Some((_, alert)) = rows.last() else {
            return Ok(written);
        };
        last = Some(alert.id);
        let heard = match &mut heard {
            Some(heard) => heard,
            None => heard.insert(versions(tx, id)?),
        };
        let mut news = Vec::new();
        for (told, alert) in &rows {
            let before = told.version.and_then(|version| heard.get(&version));
            let kinds = alert.notify.kinds().into_iter().filter(|kind| match kind {
                ChangeKind::PayRaised => {
                    before.is_some_and(|before| raised_pay(before, posting.content()).is_some())
                }
                ChangeKind::PlaceAdded => {
                    before.is_some_and(|before| !added_places(before, posting.content()).is_empty())
                }
                ChangeKind::Reopened => told.closed_at.is_some(),
                ChangeKind::ClosingSoon => false,
            });
            news.extend(kinds.map(|kind| News::new(alert, id, kind, revision, now)));
        }
        written += write(tx, &news)?;
        diesel::update(alert_matches::table)
            .filter(
                alert_matches::posting_id
                    .eq(id)
                    .and(alert_matches::closed_at.is_not_null()),
            )
            .filter(
                alert_matches::alert_id.eq_any(rows.iter().map(|(_, alert)| alert.id).collect::<Vec<_>>()),
            )
            .set(alert_matches::closed_at.eq(None::<Timestamp>))
            .execute(tx)?;
    }
}

/// The next alerts after `last` that told of the posting and tell changes.
fn told_alerts(tx: &mut DbConn, posting_id: Id, last: Option<Id>) -> Result<Vec<(Told, Alert)>, StoreError> {
    let mut query = alert_matches::table
        .inner_join(alerts::table)
        .filter(
            alert_matches::posting_id
                .eq(posting_id)
                .and(alert_matches::outcome.eq("mailed")),
        )
        .filter(alerts::status.eq(AlertStatus::Active))
        .filter(
            alerts::notify_pay_raised
                .eq(true)
                .or(alerts::notify_place_added.eq(true))
                .or(alerts::notify_reopened.eq(true)),
        )
        .order(alert_matches::alert_id)
        .limit(ROWS)
        .select((cols::<Told>(), cols::<Alert>()))
        .into_boxed();
    if let Some(last) = last {
        query = query.filter(alert_matches::alert_id.gt(last));
    }
    Ok(query.load(tx)?)
}

fn write(tx: &mut DbConn, news: &[News]) -> Result<usize, StoreError> {
    let mut written = 0;
    for chunk in news.chunks(ROWS as usize) {
        written += on_each!(tx, c => diesel::insert_into(alert_changes::table)
            .values(chunk)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(written)
}

/// What the posting said in its latest public versions, by number.
pub(crate) fn versions(
    conn: &mut DbConn,
    posting_id: Id,
) -> Result<HashMap<i32, PostingContent>, StoreError> {
    let versions = postings::find::list_versions(conn, posting_id, VERSIONS)?;
    Ok(versions
        .into_iter()
        .map(|(version, content, _)| (version, content))
        .collect())
}

/// The band that shows what a posting pays.
pub(crate) fn shown_pay(content: &PostingContent) -> Option<&PayBand> {
    let pay: &Pay = content.pay.as_ref()?;
    pay.base.as_ref().or(pay.ranges.first()).or(pay.total.as_ref())
}

/// The bands before and after, when the posting states pay at both times, and more after: its highest yearly figure rose.
pub(crate) fn raised_pay<'a>(
    before: &'a PostingContent,
    after: &'a PostingContent,
) -> Option<(&'a PayBand, &'a PayBand)> {
    let (was, is) = (shown_pay(before)?, shown_pay(after)?);
    let highest = |content: &PostingContent| content.pay.as_ref().and_then(Pay::yearly_usd);
    (highest(after)? > highest(before)?).then_some((was, is))
}

/// The places that the posting has after, and had not before. One that only learnt its coordinates is no other place.
pub(crate) fn added_places<'a>(
    before: &PostingContent,
    after: &'a PostingContent,
) -> Vec<&'a postings::Location> {
    let known: Vec<String> = before
        .locations
        .iter()
        .map(|place| place.label().to_lowercase())
        .collect();
    let is_new = |place: &&postings::Location| !known.contains(&place.label().to_lowercase());
    after.locations.iter().filter(is_new).collect()
}

/// Writes down which postings end soon, for the subscribers who were told of them and wish to hear of it; returns how
/// many rows it dealt with. Who was told of the posting when its end was near already is not told again. A pass, over at
/// most 1,000 rows; safe to run twice and in two processes.
pub fn closing_pass(db: &Db, now: Timestamp) -> Result<usize, StoreError> {
    if db.read_blocking(|conn| ending(conn, 1, now))?.is_empty() {
        return Ok(0);
    }
    db.write_blocking(|tx| {
        revision::lock(tx, Counter::Alerts)?;
        let rows = ending(tx, ROWS, now)?;
        let mut news = Vec::new();
        for (told, alert, end) in &rows {
            let Some(end) = *end else { continue };
            if told.at.is_none_or(|at| at < end.minus(soon(alert))) {
                news.push(News::new(
                    alert,
                    told.posting_id,
                    ChangeKind::ClosingSoon,
                    end.seconds(),
                    now,
                ));
            }
            diesel::update(alert_matches::table.find((alert.id, told.posting_id)))
                .set(alert_matches::end_told.eq(end))
                .execute(tx)?;
        }
        write(tx, &news)?;
        Ok(rows.len())
    })
}

fn soon(alert: &Alert) -> SignedDuration {
    if alert.frequency == Frequency::Weekly {
        SOON_FOR_WEEKLY
    } else {
        SOON
    }
}

fn ending(
    conn: &mut DbConn,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<(Told, Alert, Option<Timestamp>)>, StoreError> {
    let is_soon = posting_rows::expires_at.le(now.plus(SOON)).or(alerts::frequency
        .eq(Frequency::Weekly)
        .and(posting_rows::expires_at.le(now.plus(SOON_FOR_WEEKLY))));
    let is_open = alert_matches::end_told
        .is_null()
        .or(alert_matches::end_told.ne(posting_rows::expires_at));
    Ok(alert_matches::table
        .inner_join(alerts::table)
        .inner_join(posting_rows::table)
        .filter(
            alerts::status
                .eq(AlertStatus::Active)
                .and(alerts::notify_closing_soon.eq(true)),
        )
        .filter(alert_matches::outcome.eq("mailed"))
        .filter(posting_rows::status.eq(PostingStatus::Published))
        .filter(posting_rows::expires_at.gt(now))
        .filter(posting_rows::expires_at.le(now.plus(SOON_FOR_WEEKLY)))
        .filter(is_soon.assume_not_null())
        .filter(is_open.assume_not_null())
        .order((
            posting_rows::expires_at,
            alert_matches::alert_id,
            alert_matches::posting_id,
        ))
        .limit(limit)
        .select((cols::<Told>(), cols::<Alert>(), posting_rows::expires_at))
        .load(conn)?)
}

/// A change that is due, for the mail.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = alert_changes)]
pub(crate) struct DueChange {
    pub(crate) posting_id: Id,
    pub(crate) kind: ChangeKind,
    pub(crate) mark: i64,
}

/// The due changes of an alert in the order in which they were noted, at most `limit`.
pub(crate) fn due_changes(
    conn: &mut DbConn,
    alert_id: Id,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<DueChange>, StoreError> {
    Ok(alert_changes::table
        .filter(
            alert_changes::alert_id
                .eq(alert_id)
                .and(alert_changes::outcome.eq("pending")),
        )
        .filter(alert_changes::due_at.le(now))
        .order((
            alert_changes::noted_at,
            alert_changes::posting_id,
            alert_changes::kind,
            alert_changes::mark,
        ))
        .limit(limit)
        .select(cols::<DueChange>())
        .load(conn)?)
}

/// Settles one pending change: told by a mail, with the version that the subscriber had heard of before, or dropped.
pub(crate) fn settle(
    tx: &mut DbConn,
    alert_id: Id,
    change: &DueChange,
    teller: Option<(Id, Option<i32>)>,
) -> Result<usize, StoreError> {
    Ok(
        diesel::update(alert_changes::table.find((alert_id, change.posting_id, change.kind, change.mark)))
            .filter(alert_changes::outcome.eq("pending"))
            .set((
                alert_changes::outcome.eq(if teller.is_some() { "mailed" } else { "dropped" }),
                alert_changes::told_in.eq(teller.map(|(mail, _)| mail)),
                alert_changes::told_from.eq(teller.and_then(|(_, version)| version)),
            ))
            .execute(tx)?,
    )
}

/// A change that a mail tells.
pub(crate) struct ToldChange {
    pub(crate) due: DueChange,
    /// The version that the subscriber had heard of before.
    pub(crate) told_from: Option<i32>,
}

/// The changes that `mail` tells.
pub(crate) fn told_in(conn: &mut DbConn, mail: Id) -> Result<Vec<ToldChange>, StoreError> {
    let rows: Vec<(DueChange, Option<i32>)> = alert_changes::table
        .filter(
            alert_changes::told_in
                .eq(mail)
                .and(alert_changes::outcome.eq("mailed")),
        )
        .order((
            alert_changes::noted_at,
            alert_changes::posting_id,
            alert_changes::kind,
            alert_changes::mark,
        ))
        .limit(TOLD)
        .select((cols::<DueChange>(), alert_changes::told_from))
        .load(conn)?;
    let told = rows
        .into_iter()
        .map(|(due, told_from)| ToldChange { due, told_from });
    Ok(told.collect())
}

/// The change was not told after all, and the subscriber knows the posting as before.
pub(crate) fn untell(tx: &mut DbConn, alert_id: Id, change: &ToldChange) -> Result<(), StoreError> {
    let due = &change.due;
    diesel::update(alert_changes::table.find((alert_id, due.posting_id, due.kind, due.mark)))
        .set((
            alert_changes::outcome.eq("dropped"),
            alert_changes::told_in.eq(None::<Id>),
        ))
        .execute(tx)?;
    diesel::update(alert_matches::table.find((alert_id, due.posting_id)))
        .set(alert_matches::told_version.eq(change.told_from))
        .execute(tx)?;
    Ok(())
}

/// The version of the posting that the subscriber last heard of.
pub(crate) fn told_version(
    conn: &mut DbConn,
    alert_id: Id,
    posting_id: Id,
) -> Result<Option<i32>, StoreError> {
    let found: Option<Option<i32>> = alert_matches::table
        .find((alert_id, posting_id))
        .select(alert_matches::told_version)
        .first(conn)
        .optional()?;
    Ok(found.flatten())
}
