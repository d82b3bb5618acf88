//! The life of a posting: draft → published → paused → closed or expired, and back by renewal. What pauses is a hold
//! ([`crate::holds`]): a posting is public when nothing holds it.
//!
//! Every function here changes one posting in the caller's transaction, by compare-and-set on its version. A change
//! that readers can see takes a revision, and its content is kept as a version.

use diesel::prelude::*;
use jiff::SignedDuration;
use store::revision::{self, Counter};
use store::schema::{employers, posting_versions, postings};
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, is_unique_violation};

use crate::content::PostingContent;
use crate::find::{find, to_posting};
use crate::holds::{self, Scope, Why};
use crate::input::PostingInput;
use crate::patch::{keep_carried, patched};
use crate::posting::{CloseReason, EmployerRef, Posting, PostingRow, PostingStatus};
use crate::trust;
use crate::validate::{FieldError, fold, publication_errors, validate};

/// How long a posting is public when nothing else is said.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(60 * 24);
/// The longest time until `expires_at`.
pub const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Why a posting could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PostingError {
    /// There is no such posting for this employer.
    #[error("posting not found")]
    NotFound,
    /// The employer does not exist.
    #[error("employer not found")]
    EmployerNotFound,
    /// The posting was changed meanwhile.
    #[error("the posting is at version {current}")]
    VersionConflict {
        /// Its version now.
        current: i32,
    },
    /// The step is not possible from where the posting is.
    #[error("a posting that is {status} cannot be {action}")]
    StateConflict {
        /// Where it is.
        status: PostingStatus,
        /// What was asked.
        action: &'static str,
    },
    /// The employer has a posting with this `external_id`.
    #[error("another posting has this external id")]
    ExternalIdTaken {
        /// That posting, when it could still be looked up.
        by: Option<Id>,
    },
    /// It is held already, or by something that this step does not release.
    #[error("{}", .0.words())]
    Held(holds::HoldKind),
    /// The content is not acceptable.
    #[error("the posting has {} mistakes", .0.len())]
    Invalid(Vec<FieldError>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for PostingError {
    fn from(error: diesel::result::Error) -> Self {
        if is_unique_violation(&error, "external_id") {
            return Self::ExternalIdTaken { by: None };
        }
        Self::Store(error.into())
    }
}

/// Makes a draft of `input` for `employer_id`.
pub fn create(
    tx: &mut DbConn,
    employer_id: Id,
    input: PostingInput,
    random: &Random,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let employer = employers::table
        .find(employer_id)
        .select(cols::<EmployerRef>())
        .first::<EmployerRef>(tx)
        .optional()?
        .ok_or(PostingError::EmployerNotFound)?;
    let external_id = external_id_of(&input);
    let expires_at = input.expires_at;
    let content = validate_all(input, check_expiry(expires_at, now))?;
    let id = random.id(now);
    require_free(tx, employer_id, external_id.as_deref(), id)?;
    let row = PostingRow {
        id,
        employer_id,
        slug: slug_of(&content.title, &employer.slug, id),
        status: PostingStatus::Draft,
        version: 1,
        revision: None,
        first_revision: None,
        content: Json(content),
        content_hash: Vec::new(),
        source: None,
        source_id: None,
        external_id,
        close_reason: None,
        created_at: now,
        updated_at: now,
        published_at: None,
        expires_at,
        closed_at: None,
        deleted_at: None,
        publish_at: None,
        campaign_id: None,
        verified_at: None,
        reposted_from: None,
    };
    diesel::insert_into(postings::table).values(&row).execute(tx)?;
    Ok(Posting { employer, row })
}

/// Name of a posting in addresses: title, employer and the end of the id, which makes it unique.
pub(crate) fn slug_of(title: &str, employer_slug: &str, id: Id) -> String {
    let mut title = slug::slugify(title);
    title.truncate(80);
    let id = id.to_string();
    let parts = [title.trim_matches('-'), employer_slug, &id[id.len() - 12..]];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

/// The employer's own name for a posting; one that is blank is none.
fn external_id_of(input: &PostingInput) -> Option<String> {
    input.external_id.as_deref().map(fold).filter(|id| !id.is_empty())
}

/// The content of `input`, or everything that is wrong with it and its end together.
fn validate_all(input: PostingInput, expiry: Option<FieldError>) -> Result<PostingContent, PostingError> {
    match (validate(input), expiry) {
        (Ok(content), None) => Ok(content),
        (Ok(_), Some(error)) => Err(PostingError::Invalid(vec![error])),
        (Err(mut errors), expiry) => {
            errors.extend(expiry);
            Err(PostingError::Invalid(errors))
        }
    }
}

/// Changes what the posting says; `patch` is a JSON merge patch (RFC 7396) over its input form. A public posting of which
/// this fills the last opening is closed as `filled`.
pub fn update(
    tx: &mut DbConn,
    id: Id,
    patch: &serde_json::Value,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    update_if(tx, id, patch, if_match, now, |_, _| Ok(()))
}

/// [`update`] when `check` agrees with what a posting would say then that is public, or becomes so without being handed in
/// again: when its hold is released, at its time, or by a moderator.
pub(crate) fn update_if(
    tx: &mut DbConn,
    id: Id,
    patch: &serde_json::Value,
    if_match: Option<i32>,
    now: Timestamp,
    check: impl FnOnce(&mut DbConn, &Posting) -> Result<(), PostingError>,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    let input = patched(&posting, patch).map_err(|error| PostingError::Invalid(vec![error]))?;
    let row = &mut posting.row;
    row.external_id = external_id_of(&input);
    let mut expiry = None;
    if input.expires_at != row.expires_at {
        expiry = check_expiry(input.expires_at, now);
        let is_running = matches!(row.status, PostingStatus::Published | PostingStatus::Paused);
        row.expires_at = input
            .expires_at
            .or_else(|| is_running.then(|| now.plus(LIFETIME)));
    }
    let written = row.source.is_some().then(|| input.clone());
    let filled_before = row.content.0.filled;
    let mut content = validate_all(input, expiry)?;
    keep_carried(&mut content, &row.content.0, patch);
    let is_filled_now = content.filled == content.openings && content.filled > filled_before;
    row.content = Json(content);
    require_free(tx, row.employer_id, row.external_id.as_deref(), id)?;
    if matches!(row.status, PostingStatus::Published | PostingStatus::Paused) {
        row.verified_at = Some(now);
    }
    if row.status == PostingStatus::Published {
        require_publishable(&posting)?;
    }
    if CLOSABLE.contains(&posting.row.status) || posting.row.status == PostingStatus::InReview {
        check(tx, &posting)?;
    }
    if let Some(written) = written {
        crate::import::note_edits(tx, id, patch, &written)?;
    }
    if is_filled_now && CLOSABLE.contains(&posting.row.status) {
        return end(tx, posting, CloseReason::Filled, now);
    }
    save(tx, posting, now)
}

/// Refuses an `external_id` that another posting of the employer has, and says which one.
fn require_free(
    conn: &mut DbConn,
    employer_id: Id,
    external_id: Option<&str>,
    id: Id,
) -> Result<(), PostingError> {
    let Some(external_id) = external_id else {
        return Ok(());
    };
    let owner: Option<Id> = postings::table
        .filter(
            postings::employer_id
                .eq(employer_id)
                .and(postings::external_id.eq(external_id)),
        )
        .filter(postings::id.ne(id))
        .select(postings::id)
        .first(conn)
        .optional()?;
    match owner {
        Some(owner) => Err(PostingError::ExternalIdTaken { by: Some(owner) }),
        None => Ok(()),
    }
}

/// Makes a draft public.
pub fn publish(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let posting = require(tx, id, if_match)?;
    require_status(
        &posting,
        &[PostingStatus::Draft, PostingStatus::Scheduled],
        "published",
    )?;
    go_public(tx, posting, now)
}

/// Makes a posting public that may be; the caller has looked where it is in its life.
pub(crate) fn go_public(
    tx: &mut DbConn,
    mut posting: Posting,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    require_publishable(&posting)?;
    if posting.row.expires_at.is_some_and(|at| at <= now) {
        let detail = "this time has passed; give a later one, or null for 60 days";
        return Err(PostingError::Invalid(vec![FieldError::new(
            "/expires_at",
            "time_passed",
            detail,
        )]));
    }
    posting.row.verified_at = Some(now);
    // One that was public before and waited for a moderator again is not new.
    if posting.row.first_revision.is_none() {
        // The source of an imported one says since when it is open.
        if posting.row.source.is_none() || posting.row.published_at.is_none() {
            posting.row.published_at = Some(now);
        }
        posting.row.reposted_from = trust::find_predecessor(tx, &posting, now)?;
    }
    posting.row.publish_at = None;
    posting.row.expires_at = Some(posting.row.expires_at.unwrap_or(now.plus(LIFETIME)));
    holds::settle(tx, &mut posting, now)?;
    save(tx, posting, now)
}

/// Takes a public posting out of search until [`resume`].
pub fn pause(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let posting = require(tx, id, if_match)?;
    // One that something else holds may be paused as well, so that it stays when that is released.
    require_status(
        &posting,
        &[PostingStatus::Published, PostingStatus::Paused],
        "paused",
    )?;
    let own = Scope::Posting(id);
    if holds::active(tx, posting.row.employer_id, own)?.is_some() {
        return Err(PostingError::StateConflict {
            status: posting.row.status,
            action: "paused",
        });
    }
    let hold = holds::pause_id(&posting, now);
    holds::hold_as(tx, hold, posting.row.employer_id, own, Why::default(), now)?;
    require(tx, id, None)
}

/// Brings a paused posting back, when nothing else holds it.
///
/// # Errors
/// [`PostingError::Held`] when it is not paused itself: what holds it must be released instead.
pub fn resume(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let posting = require(tx, id, if_match)?;
    require_status(&posting, &[PostingStatus::Paused], "resumed")?;
    require_publishable(&posting)?;
    if let Some(own) = holds::active(tx, posting.row.employer_id, Scope::Posting(id))? {
        holds::release(tx, own.id, None, now)?;
        return require(tx, id, None);
    }
    match holds::list_active(tx, id)?.first() {
        Some(other) => Err(PostingError::Held(other.kind)),
        None => holds::come_back(tx, posting, now),
    }
}

/// Gives a posting another [`LIFETIME`] from now; a closed or expired one is public again.
pub fn renew(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    require_status(&posting, RENEWABLE, "renewed")?;
    require_publishable(&posting)?;
    posting.row.expires_at = Some(now.plus(LIFETIME));
    posting.row.verified_at = Some(now);
    posting.row.close_reason = None;
    posting.row.closed_at = None;
    holds::settle(tx, &mut posting, now)?;
    save(tx, posting, now)
}

/// From where a posting can be renewed.
pub(crate) const RENEWABLE: &[PostingStatus] = &[
    PostingStatus::Published,
    PostingStatus::Closed,
    PostingStatus::Expired,
];

/// Ends a posting for `reason`.
pub fn close(
    tx: &mut DbConn,
    id: Id,
    reason: CloseReason,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let posting = require(tx, id, if_match)?;
    require_status(&posting, CLOSABLE, "closed")?;
    end(tx, posting, reason, now)
}

/// From where a posting can be closed.
pub(crate) const CLOSABLE: &[PostingStatus] = &[
    PostingStatus::Published,
    PostingStatus::Paused,
    PostingStatus::Scheduled,
];

/// Closes a posting that may be. Who says that it is filled says that all its openings are.
pub(crate) fn end(
    tx: &mut DbConn,
    mut posting: Posting,
    reason: CloseReason,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    holds::drop_own(tx, &posting, now)?;
    if reason == CloseReason::Filled {
        posting.row.content.0.filled = posting.row.content.0.openings;
    }
    posting.row.status = PostingStatus::Closed;
    posting.row.publish_at = None;
    posting.row.close_reason = Some(reason);
    posting.row.closed_at = Some(now);
    save(tx, posting, now)
}

/// Erases a posting: a draft without a trace; one that was public leaves its id in the feed of changes, and an imported one
/// also its source's name for it, so that it does not come back.
pub fn delete(tx: &mut DbConn, id: Id, if_match: Option<i32>, now: Timestamp) -> Result<(), PostingError> {
    let mut posting = require(tx, id, if_match)?;
    if posting.row.revision.is_none() {
        diesel::delete(postings::table.find(id)).execute(tx)?;
        return Ok(());
    }
    diesel::delete(posting_versions::table.filter(posting_versions::posting_id.eq(id))).execute(tx)?;
    holds::drop_own(tx, &posting, now)?;
    crate::webhooks::forget_posting(tx, id, posting.row.employer_id)?;
    let row = &mut posting.row;
    row.campaign_id = None;
    row.content = Json(PostingContent::default());
    row.slug = format!("erased-{id}");
    row.external_id = None;
    row.status = PostingStatus::Closed;
    row.deleted_at = Some(now);
    save(tx, posting, now)?;
    diesel::update(postings::table.find(id))
        .set(postings::edits.eq(None::<Json<serde_json::Value>>))
        .execute(tx)?;
    Ok(())
}

/// Ends up to `limit` public postings whose time is over; returns how many. A pass: safe to run twice.
pub fn expire_due(tx: &mut DbConn, limit: i64, now: Timestamp) -> Result<usize, PostingError> {
    let due = postings::table
        .inner_join(employers::table)
        .filter(postings::status.eq_any([PostingStatus::Published, PostingStatus::Paused]))
        .filter(postings::expires_at.le(now).and(postings::deleted_at.is_null()))
        .order((postings::expires_at, postings::id))
        .limit(limit)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load::<(PostingRow, EmployerRef)>(tx)?;
    let count = due.len();
    for row in due {
        let mut posting = to_posting(row);
        holds::drop_own(tx, &posting, now)?;
        posting.row.status = PostingStatus::Expired;
        posting.row.close_reason = Some(CloseReason::Expired);
        posting.row.closed_at = Some(now);
        save(tx, posting, now)?;
    }
    Ok(count)
}

pub(crate) fn require(tx: &mut DbConn, id: Id, if_match: Option<i32>) -> Result<Posting, PostingError> {
    let posting = find(tx, id)?.ok_or(PostingError::NotFound)?;
    match if_match {
        Some(version) if version != posting.row.version => Err(PostingError::VersionConflict {
            current: posting.row.version,
        }),
        _ => Ok(posting),
    }
}

pub(crate) fn require_status(
    posting: &Posting,
    from: &[PostingStatus],
    action: &'static str,
) -> Result<(), PostingError> {
    if from.contains(&posting.row.status) {
        return Ok(());
    }
    Err(PostingError::StateConflict {
        status: posting.row.status,
        action,
    })
}

/// A posting that came by an import is public as its source wrote it, also without a way to apply.
pub(crate) fn require_publishable(posting: &Posting) -> Result<(), PostingError> {
    if posting.row.source.is_some() {
        return Ok(());
    }
    let errors = publication_errors(posting.content(), posting.employer.website.is_some());
    if errors.is_empty() {
        Ok(())
    } else {
        Err(PostingError::Invalid(errors))
    }
}

pub(crate) fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Option<FieldError> {
    let at = expires_at?;
    let detail = "a time from now to one year ahead";
    (at <= now || at > now.plus(MAX_LIFETIME))
        .then(|| FieldError::new("/expires_at", "time_out_of_range", detail))
}

/// Writes a changed posting: next version, and a revision and a kept version when readers can see the change.
pub(crate) fn save(tx: &mut DbConn, mut posting: Posting, now: Timestamp) -> Result<Posting, PostingError> {
    let before = posting.row.version;
    let is_visible = posting.row.revision.is_some() || posting.row.status == PostingStatus::Published;
    posting.row.version = before + 1;
    posting.row.updated_at = now;
    if is_visible {
        let revision = revision::take(tx, Counter::Postings, 1)?;
        posting.row.revision = Some(revision);
        posting.row.first_revision.get_or_insert(revision);
    }
    let changed = diesel::update(
        postings::table
            .find(posting.row.id)
            .filter(postings::version.eq(before)),
    )
    .set(&posting.row)
    .execute(tx)?;
    if changed == 0 {
        return Err(PostingError::VersionConflict { current: before + 1 });
    }
    if posting.row.status == PostingStatus::Published {
        diesel::insert_into(posting_versions::table)
            .values((
                posting_versions::posting_id.eq(posting.row.id),
                posting_versions::version.eq(posting.row.version),
                posting_versions::content.eq(&posting.row.content),
                posting_versions::created_at.eq(now),
            ))
            .execute(tx)?;
    }
    Ok(posting)
}
