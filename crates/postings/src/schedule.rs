//! Postings that become public at a set time, and copies of postings.

use diesel::prelude::*;
use store::schema::postings;
use store::{DbConn, Id, Random, StoreError, Timestamp};

use crate::input::PostingInput;
use crate::lifecycle::{
    self, MAX_LIFETIME, PostingError, require, require_publishable, require_status, save,
};
use crate::posting::{Posting, PostingStatus};
use crate::rules::PostingRules;
use crate::transparency;
use crate::validate::FieldError;

/// Sets the time at which a draft becomes public; also moves it.
pub fn schedule(
    tx: &mut DbConn,
    id: Id,
    publish_at: Timestamp,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    require_status(
        &posting,
        &[PostingStatus::Draft, PostingStatus::Scheduled],
        "scheduled",
    )?;
    require_publishable(&posting)?;
    let wrong = |detail: &str| {
        let error = FieldError::new("/publish_at", "time_out_of_range", detail);
        Err(PostingError::Invalid(vec![error]))
    };
    if publish_at <= now || publish_at > now.plus(MAX_LIFETIME) {
        return wrong("a time from now to one year ahead");
    }
    if posting.row.expires_at.is_some_and(|end| end <= publish_at) {
        return wrong("before expires_at");
    }
    posting.row.status = PostingStatus::Scheduled;
    posting.row.publish_at = Some(publish_at);
    save(tx, posting, now)
}

/// Makes a posting that is scheduled, or waits for a moderator, a draft again.
pub fn unschedule(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    require_status(
        &posting,
        &[PostingStatus::Scheduled, PostingStatus::InReview],
        "unscheduled",
    )?;
    posting.row.status = PostingStatus::Draft;
    posting.row.publish_at = None;
    save(tx, posting, now)
}

/// Makes up to `limit` scheduled postings public whose time has come; returns how many it handled. One that can no longer be
/// published, because its employer lost its website, its end has passed or it does not say what the operator's rules want,
/// is a draft again. A pass: safe to run twice, also on two machines at once, where one of them finds nothing left to do.
pub fn publish_due(
    tx: &mut DbConn,
    rules: &PostingRules,
    limit: i64,
    now: Timestamp,
) -> Result<usize, PostingError> {
    let due: Vec<Id> = postings::table
        .filter(postings::status.eq(PostingStatus::Scheduled))
        .filter(postings::publish_at.le(now))
        .order((postings::publish_at, postings::id))
        .limit(limit)
        .select(postings::id)
        .load(tx)?;
    for id in &due {
        match publish_one(tx, *id, *rules, now) {
            Ok(())
            // Somebody else handled or changed it meanwhile; if it is still due, the next pass finds it.
            | Err(
                PostingError::NotFound
                | PostingError::StateConflict { .. }
                | PostingError::VersionConflict { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(due.len())
}

fn publish_one(tx: &mut DbConn, id: Id, rules: PostingRules, now: Timestamp) -> Result<(), PostingError> {
    let posting = require(tx, id, None)?;
    require_status(&posting, &[PostingStatus::Scheduled], "published")?;
    let seen = Some(posting.row.version);
    let said = transparency::require_said(tx, &posting, rules.pay_transparency, now);
    match said.and_then(|()| lifecycle::publish(tx, id, seen, now)) {
        Ok(_) => Ok(()),
        Err(PostingError::Invalid(_)) => unschedule(tx, id, seen, now).map(|_| ()),
        Err(error) => Err(error),
    }
}

/// A draft that says the same as the posting `id`, without its own names and times.
pub fn duplicate(tx: &mut DbConn, id: Id, random: &Random, now: Timestamp) -> Result<Posting, PostingError> {
    let posting = require(tx, id, None)?;
    let input = PostingInput {
        filled: None,
        ..PostingInput::of(posting.content(), None, None)
    };
    lifecycle::create(tx, posting.row.employer_id, input, random, now)
}

/// When the next scheduled posting is due.
pub fn next_due(conn: &mut DbConn) -> Result<Option<Timestamp>, StoreError> {
    Ok(postings::table
        .filter(postings::status.eq(PostingStatus::Scheduled))
        .order(postings::publish_at)
        .select(postings::publish_at)
        .first::<Option<Timestamp>>(conn)
        .optional()?
        .flatten())
}
