//! Publishing under the operator's rules: what waits for a moderator, and what they decide.

use diesel::prelude::*;
use mail::{Block, MailConfig, MailKind};
use serde::Serialize;
use store::page::Page;
use store::schema::{employers, posting_reviews, posting_versions, postings};
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, text_enum};
use utoipa::ToSchema;

use crate::content::PostingContent;
use crate::find::to_posting;
use crate::lifecycle::{self, PostingError, require, require_publishable, require_status, save};
use crate::notices::{self, Notice};
use crate::posting::{EmployerRef, Posting, PostingRow, PostingStatus};
use crate::rules::{PostingRules, Review};
use crate::{schedule, transparency};

const KIND: MailKind = MailKind::PostingReview;

text_enum! {
    /// What a moderator decided about a posting that waited.
    pub enum ReviewDecision {
        /// It may be public.
        Approved = "approved",
        /// It may not.
        Rejected = "rejected",
    }
}

/// A decision about a posting that waited.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, ToSchema)]
#[diesel(table_name = posting_reviews, treat_none_as_default_value = false)]
pub struct PostingReview {
    /// Id.
    pub id: Id,
    /// Which posting.
    pub posting_id: Id,
    /// The version that was looked at.
    pub version: i32,
    /// What was decided.
    pub decision: ReviewDecision,
    /// Why, in words to the employer.
    pub reason: Option<String>,
    /// By whom; none when their account is erased.
    pub decided_by: Option<Id>,
    /// When.
    pub decided_at: Timestamp,
}

/// Who decides, with what belongs to writing about it.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// Who we are.
    pub config: &'a MailConfig,
    /// Makes ids.
    pub random: &'a Random,
    /// The moderator.
    pub by: Id,
}

/// Whether a posting has to wait for a moderator. One that was rejected always has to.
fn must_wait(conn: &mut DbConn, posting: &Posting, review: Review) -> Result<bool, StoreError> {
    // Its status alone does not tell: one that was handed in again and taken back is a draft.
    let is_rejected = posting.row.status == PostingStatus::Rejected
        || last_decision(conn, posting.row.id)? == Some(ReviewDecision::Rejected);
    if is_rejected {
        return Ok(true);
    }
    is_looked_at(conn, posting.row.employer_id, review)
}

/// Whether what this employer hands in is looked at. What the operator or its board brought in says nothing about its members;
/// what a moderator approved does.
pub(crate) fn is_looked_at(conn: &mut DbConn, employer: Id, review: Review) -> Result<bool, StoreError> {
    match review {
        Review::None => return Ok(false),
        Review::All => return Ok(true),
        Review::First => {}
    }
    let written: i64 = postings::table
        .filter(postings::employer_id.eq(employer))
        .filter(
            postings::first_revision
                .is_not_null()
                .and(postings::source.is_null()),
        )
        .count()
        .get_result(conn)?;
    if written > 0 {
        return Ok(false);
    }
    let approved: i64 = posting_reviews::table
        .filter(posting_reviews::decision.eq(ReviewDecision::Approved))
        .filter(
            posting_reviews::posting_id.eq_any(
                postings::table
                    .filter(postings::employer_id.eq(employer))
                    .filter(postings::first_revision.is_not_null())
                    .select(postings::id),
            ),
        )
        .count()
        .get_result(conn)?;
    Ok(approved == 0)
}

/// What a moderator decided last about a posting. Versions order decisions that were made in the same moment.
fn last_decision(conn: &mut DbConn, posting: Id) -> Result<Option<ReviewDecision>, StoreError> {
    Ok(posting_reviews::table
        .filter(posting_reviews::posting_id.eq(posting))
        .order(posting_reviews::version.desc())
        .select(posting_reviews::decision)
        .first(conn)
        .optional()?)
}

/// Makes a draft public, or lets it wait for a moderator, as the operator's rules say; also one that was rejected and is
/// handed in again.
pub fn publish(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    rules: &PostingRules,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    let from = [
        PostingStatus::Draft,
        PostingStatus::Scheduled,
        PostingStatus::Rejected,
    ];
    require_status(&posting, &from, "published")?;
    require_publishable(&posting)?;
    transparency::require_said(tx, &posting, rules.pay_transparency, now)?;
    // What is scheduled has been approved, where approval is needed.
    if posting.row.status == PostingStatus::Scheduled || !must_wait(tx, &posting, rules.review)? {
        return lifecycle::go_public(tx, posting, now);
    }
    posting.row.status = PostingStatus::InReview;
    posting.row.publish_at = None;
    save(tx, posting, now)
}

/// Sets the time at which a draft becomes public, or at which it does when a moderator approves it before.
pub fn schedule(
    tx: &mut DbConn,
    id: Id,
    publish_at: Timestamp,
    if_match: Option<i32>,
    rules: &PostingRules,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let posting = require(tx, id, if_match)?;
    transparency::require_said(tx, &posting, rules.pay_transparency, publish_at)?;
    let was_draft = posting.row.status == PostingStatus::Draft;
    let has_to_wait = was_draft && must_wait(tx, &posting, rules.review)?;
    let mut posting = schedule::schedule(tx, id, publish_at, if_match, now)?;
    if !has_to_wait {
        return Ok(posting);
    }
    posting.row.status = PostingStatus::InReview;
    save(tx, posting, now)
}

/// Gives a posting another [`lifecycle::LIFETIME`] from now. One that ended and was changed since readers saw it is looked at
/// like a new one.
pub fn renew(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    rules: &PostingRules,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    require_status(&posting, lifecycle::RENEWABLE, "renewed")?;
    require_publishable(&posting)?;
    transparency::require_said(tx, &posting, rules.pay_transparency, now)?;
    let waits = posting.row.status != PostingStatus::Published
        && must_wait(tx, &posting, rules.review)?
        && !says_what_was_public(tx, &posting)?;
    if !waits {
        return lifecycle::renew(tx, id, if_match, now);
    }
    let row = &mut posting.row;
    row.status = PostingStatus::InReview;
    row.publish_at = None;
    row.expires_at = Some(now.plus(lifecycle::LIFETIME));
    row.close_reason = None;
    row.closed_at = None;
    save(tx, posting, now)
}

/// Whether a posting says what it said when it was public last, apart from how many openings are filled.
fn says_what_was_public(conn: &mut DbConn, posting: &Posting) -> Result<bool, StoreError> {
    was_public(conn, posting.row.id, posting.content())
}

/// Whether the posting `id` said `content` when it was public last, apart from how many openings are filled.
pub(crate) fn was_public(conn: &mut DbConn, id: Id, content: &PostingContent) -> Result<bool, StoreError> {
    let last: Option<Json<PostingContent>> = posting_versions::table
        .filter(posting_versions::posting_id.eq(id))
        .order(posting_versions::version.desc())
        .select(posting_versions::content)
        .first(conn)
        .optional()?;
    Ok(last.is_some_and(|last| {
        let filled = content.filled;
        PostingContent { filled, ..last.0 } == *content
    }))
}

/// Changes what a posting says. One that is public, or becomes so without being handed in again, must still say what the
/// operator's rules want. What is scheduled and was approved waits again when it changes.
pub fn update(
    tx: &mut DbConn,
    id: Id,
    patch: &serde_json::Value,
    if_match: Option<i32>,
    rules: &PostingRules,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let choice = rules.pay_transparency;
    let mut posting = lifecycle::update_if(tx, id, patch, if_match, now, |conn, posting| {
        transparency::require_said(conn, posting, choice, posting.row.publish_at.unwrap_or(now))
    })?;
    if posting.row.status == PostingStatus::Scheduled && must_wait(tx, &posting, rules.review)? {
        posting.row.status = PostingStatus::InReview;
        posting = save(tx, posting, now)?;
    }
    Ok(posting)
}

/// Postings that wait for a moderator, oldest first, after the posting `after`.
pub fn list_waiting(
    conn: &mut DbConn,
    after: Option<Id>,
    limit: usize,
) -> Result<Page<Posting, Id>, StoreError> {
    let mut query = postings::table
        .inner_join(employers::table)
        .filter(
            postings::status
                .eq(PostingStatus::InReview)
                .and(postings::deleted_at.is_null()),
        )
        .order(postings::id)
        .limit(limit as i64 + 1)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(postings::id.gt(after));
    }
    let rows: Vec<(PostingRow, EmployerRef)> = query.load(conn)?;
    let found = rows.into_iter().map(to_posting).collect();
    Ok(Page::cut(found, limit, |posting: &Posting| posting.row.id))
}

/// Lets a posting that waits become public, now or at its time, and tells its employer. `seen` is the version that the
/// moderator looked at: it may be changed while it waits.
pub fn approve(
    tx: &mut DbConn,
    id: Id,
    seen: i32,
    rules: &PostingRules,
    bench: &Bench<'_>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, Some(seen))?;
    require_status(&posting, &[PostingStatus::InReview], "approved")?;
    let at = posting.row.publish_at.map_or(now, |at| at.max(now));
    transparency::require_said(tx, &posting, rules.pay_transparency, at)?;
    note(tx, &posting, ReviewDecision::Approved, None, bench, now)?;
    let words = if let Some(at) = posting.row.publish_at.filter(|at| *at > now) {
        posting.row.status = PostingStatus::Scheduled;
        posting = save(tx, posting, now)?;
        format!("A moderator approved it. It becomes public at {}.", in_words(at))
    } else {
        posting = lifecycle::go_public(tx, posting, now)?;
        "A moderator approved it. It is public now.".to_owned()
    };
    write(
        tx,
        &posting,
        "Approved",
        vec![Block::Paragraph(words)],
        bench,
        now,
    )?;
    Ok(posting)
}

/// Refuses a posting that waits, and tells its employer why. It can be changed and published again.
pub fn reject(
    tx: &mut DbConn,
    id: Id,
    reason: &str,
    if_match: Option<i32>,
    bench: &Bench<'_>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    require_status(&posting, &[PostingStatus::InReview], "rejected")?;
    note(
        tx,
        &posting,
        ReviewDecision::Rejected,
        Some(reason.to_owned()),
        bench,
        now,
    )?;
    posting.row.status = PostingStatus::Rejected;
    posting.row.publish_at = None;
    let posting = save(tx, posting, now)?;
    let words = vec![
        Block::Paragraph("A moderator did not approve it, for this reason:".to_owned()),
        Block::Paragraph(reason.to_owned()),
        Block::Paragraph("Change it and hand it in again:".to_owned()),
        Block::Code(format!("PATCH /v1/postings/{id}")),
        Block::Code(format!("POST /v1/postings/{id}/publish")),
    ];
    write(tx, &posting, "Not approved", words, bench, now)?;
    Ok(posting)
}

fn note(
    tx: &mut DbConn,
    posting: &Posting,
    decision: ReviewDecision,
    reason: Option<String>,
    bench: &Bench<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = PostingReview {
        id: bench.random.id(now),
        posting_id: posting.row.id,
        version: posting.row.version,
        decision,
        reason,
        decided_by: Some(bench.by),
        decided_at: now,
    };
    diesel::insert_into(posting_reviews::table)
        .values(&row)
        .execute(tx)?;
    Ok(())
}

/// "2026-11-23 09:00 UTC".
fn in_words(at: Timestamp) -> String {
    let text = at.to_string();
    let minutes = text.get(..16).unwrap_or(&text);
    format!("{} UTC", minutes.replace('T', " "))
}

fn write(
    tx: &mut DbConn,
    posting: &Posting,
    subject: &str,
    blocks: Vec<Block>,
    bench: &Bench<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let notice = Notice {
        kind: KIND,
        subject: format!("{subject}: {}", posting.content().title),
        blocks,
        about: format!("{}/{}", posting.row.id, posting.row.version),
        posting,
    };
    notices::tell(tx, bench.config, &notice, bench.random, now)?;
    Ok(())
}

/// What moderators decided about a posting, newest first, at most 100.
pub fn list_decisions(conn: &mut DbConn, posting: Id) -> Result<Vec<PostingReview>, StoreError> {
    Ok(posting_reviews::table
        .filter(posting_reviews::posting_id.eq(posting))
        .order(posting_reviews::id.desc())
        .limit(100)
        .select(cols::<PostingReview>())
        .load(conn)?)
}
