//! Holds: everything that keeps postings out of search for a while, in one form.
//!
//! A pause of one posting, a frozen campaign, a frozen employer and a moderator's freeze are each a [`Hold`]. A hold remembers
//! which postings it took out, and since when; released holds stay as memory. A posting is `paused` while any hold upon it is
//! not released, and comes back when the last one is: so holds compose, in whatever order they are made and released.
//! Each posting takes its revision in the transaction of the hold, so that index, alerts and feeds follow at once.

use diesel::prelude::*;
use serde::Serialize;
use store::page::Page;
use store::revision::{self, Counter};
use store::schema::{held_postings, holds, postings};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols, on_each, text_enum};
use utoipa::ToSchema;

use crate::lifecycle::{LIFETIME, PostingError, require, require_publishable, save};
use crate::posting::{Posting, PostingStatus};

/// Longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 500;
/// Postings that are looked up at once.
const CHUNK: usize = 500;
/// Why a posting stays paused that nothing else holds.
const UNFIT: &str = "it lacks what a public posting has; add it, then resume";

text_enum! {
    /// What a hold is upon.
    pub enum HoldKind {
        /// One posting, paused by its employer.
        Posting = "posting",
        /// Every posting of a campaign.
        Campaign = "campaign",
        /// Every posting of an employer.
        Employer = "employer",
        /// One posting, frozen by a moderator.
        Moderation = "moderation",
    }
}

impl HoldKind {
    /// What to do about a hold of this kind.
    pub fn words(self) -> &'static str {
        match self {
            Self::Posting => "the posting is paused: resume it",
            Self::Campaign => "its campaign is frozen: resume the campaign",
            Self::Employer => "its employer is frozen: resume the employer",
            Self::Moderation => "a moderator froze it: ask the board's operator",
        }
    }
}

/// Something that keeps postings out of search.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, ToSchema)]
#[diesel(table_name = holds, treat_none_as_default_value = false)]
pub struct Hold {
    /// Id.
    pub id: Id,
    /// Whose postings.
    pub employer_id: Id,
    /// What it is upon.
    pub kind: HoldKind,
    /// The campaign, when it is upon one.
    pub campaign_id: Option<Id>,
    /// The posting, when it is upon one.
    pub posting_id: Option<Id>,
    /// Why, in the words of whoever made it.
    pub reason: Option<String>,
    /// Who made it; none for a program, and for somebody whose account is erased.
    pub held_by: Option<Id>,
    /// Since when.
    pub held_at: Timestamp,
    /// Who released it.
    pub released_by: Option<Id>,
    /// When it was released; null while it holds.
    pub released_at: Option<Timestamp>,
}

/// Which postings a hold is upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This posting, by its employer.
    Posting(Id),
    /// Those of this campaign.
    Campaign(Id),
    /// All of the employer's.
    Employer,
    /// This posting, by a moderator.
    Moderation(Id),
}

impl Scope {
    fn kind(self) -> HoldKind {
        match self {
            Self::Posting(_) => HoldKind::Posting,
            Self::Campaign(_) => HoldKind::Campaign,
            Self::Employer => HoldKind::Employer,
            Self::Moderation(_) => HoldKind::Moderation,
        }
    }

    fn posting(self) -> Option<Id> {
        match self {
            Self::Posting(id) | Self::Moderation(id) => Some(id),
            Self::Campaign(_) | Self::Employer => None,
        }
    }

    fn campaign(self) -> Option<Id> {
        match self {
            Self::Campaign(id) => Some(id),
            _ => None,
        }
    }
}

/// Who does it, and why.
#[derive(Debug, Clone, Default)]
pub struct Why {
    /// In their words.
    pub reason: Option<String>,
    /// The person; none for a program.
    pub by: Option<Id>,
}

/// The hold of this scope that is not released.
pub fn active(conn: &mut DbConn, employer_id: Id, scope: Scope) -> Result<Option<Hold>, StoreError> {
    let mut query = holds::table
        .filter(
            holds::employer_id
                .eq(employer_id)
                .and(holds::kind.eq(scope.kind())),
        )
        .filter(holds::released_at.is_null())
        .order(holds::id)
        .select(cols::<Hold>())
        .into_boxed();
    if let Some(id) = scope.posting() {
        query = query.filter(holds::posting_id.eq(id));
    }
    if let Some(id) = scope.campaign() {
        query = query.filter(holds::campaign_id.eq(id));
    }
    Ok(query.first(conn).optional()?)
}

/// Takes every public posting in `scope` out of search. Returns the hold and how many postings it is upon, those that
/// something else holds as well included.
///
/// # Errors
/// [`PostingError::Held`] when there is such a hold already.
pub fn hold(
    tx: &mut DbConn,
    employer_id: Id,
    scope: Scope,
    why: Why,
    random: &Random,
    now: Timestamp,
) -> Result<(Hold, usize), PostingError> {
    hold_as(tx, random.id(now), employer_id, scope, why, now)
}

pub(crate) fn hold_as(
    tx: &mut DbConn,
    id: Id,
    employer_id: Id,
    scope: Scope,
    why: Why,
    now: Timestamp,
) -> Result<(Hold, usize), PostingError> {
    // A posting that is being published right now must not slip through between looking and holding.
    revision::lock(tx, Counter::Postings)?;
    if active(tx, employer_id, scope)?.is_some() {
        return Err(PostingError::Held(scope.kind()));
    }
    let row = Hold {
        id,
        employer_id,
        kind: scope.kind(),
        campaign_id: scope.campaign(),
        posting_id: scope.posting(),
        reason: why.reason,
        held_by: why.by,
        held_at: now,
        released_by: None,
        released_at: None,
    };
    diesel::insert_into(holds::table).values(&row).execute(tx)?;
    let ids = in_scope(tx, employer_id, scope)?;
    for id in &ids {
        note_held(tx, row.id, *id, now)?;
        let mut posting = require(tx, *id, None)?;
        if posting.row.status == PostingStatus::Published {
            posting.row.status = PostingStatus::Paused;
            save(tx, posting, now)?;
        }
    }
    Ok((row, ids.len()))
}

fn in_scope(tx: &mut DbConn, employer_id: Id, scope: Scope) -> Result<Vec<Id>, StoreError> {
    let mut query = postings::table
        .filter(
            postings::employer_id
                .eq(employer_id)
                .and(postings::deleted_at.is_null()),
        )
        .filter(postings::status.eq_any([PostingStatus::Published, PostingStatus::Paused]))
        .order(postings::id)
        .select(postings::id)
        .into_boxed();
    if let Some(id) = scope.posting() {
        query = query.filter(postings::id.eq(id));
    }
    if let Some(id) = scope.campaign() {
        query = query.filter(postings::campaign_id.eq(id));
    }
    Ok(query.load(tx)?)
}

/// Notes that `hold` is upon a posting, also again.
pub(crate) fn note_held(tx: &mut DbConn, hold: Id, posting: Id, now: Timestamp) -> Result<(), StoreError> {
    let row = (
        held_postings::hold_id.eq(hold),
        held_postings::posting_id.eq(posting),
        held_postings::held_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(held_postings::table)
        .values(row)
        .on_conflict((held_postings::hold_id, held_postings::posting_id))
        .do_update()
        .set(held_postings::released_at.eq(None::<Timestamp>))
        .execute(c))?;
    Ok(())
}

/// Releases a hold: the postings that it is upon come back, except those that something else holds, that ended meanwhile, or
/// that could not be published as they are now. Returns how many came back; none when it was released before.
pub fn release(tx: &mut DbConn, hold: Id, by: Option<Id>, now: Timestamp) -> Result<usize, PostingError> {
    revision::lock(tx, Counter::Postings)?;
    let released = diesel::update(holds::table.find(hold).filter(holds::released_at.is_null()))
        .set((holds::released_at.eq(now), holds::released_by.eq(by)))
        .execute(tx)?;
    if released == 0 {
        return Ok(0);
    }
    let upon = held_postings::table.filter(
        held_postings::hold_id
            .eq(hold)
            .and(held_postings::released_at.is_null()),
    );
    let ids: Vec<Id> = upon
        .order(held_postings::posting_id)
        .select(held_postings::posting_id)
        .load(tx)?;
    diesel::update(
        held_postings::table.filter(
            held_postings::hold_id
                .eq(hold)
                .and(held_postings::released_at.is_null()),
        ),
    )
    .set(held_postings::released_at.eq(now))
    .execute(tx)?;
    let mut returned = 0;
    for chunk in ids.chunks(CHUNK) {
        let held = held_among(tx, chunk)?;
        for id in chunk.iter().filter(|id| !held.contains(id)) {
            let posting = require(tx, *id, None);
            match posting {
                Ok(posting) if posting.row.status == PostingStatus::Paused => {
                    if !keep_unfit(tx, &posting, now)? {
                        come_back(tx, posting, now)?;
                        returned += 1;
                    }
                }
                // Closed, expired or erased meanwhile.
                Ok(_) | Err(PostingError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(returned)
}

/// Makes a paused posting public again; one whose time is over gets another [`LIFETIME`].
pub(crate) fn come_back(
    tx: &mut DbConn,
    mut posting: Posting,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    posting.row.status = PostingStatus::Published;
    if posting.row.expires_at.is_some_and(|at| at <= now) {
        posting.row.expires_at = Some(now.plus(LIFETIME));
    }
    save(tx, posting, now)
}

/// Keeps a paused posting paused that could not be published as it is now, because its text or its way to apply was taken
/// away meanwhile: as its employer's own pause, which [`crate::lifecycle::resume`] ends when what is missing is there.
fn keep_unfit(tx: &mut DbConn, posting: &Posting, now: Timestamp) -> Result<bool, PostingError> {
    match require_publishable(posting) {
        Ok(()) => Ok(false),
        Err(PostingError::Invalid(_)) => {
            let (row, own) = (&posting.row, Scope::Posting(posting.row.id));
            let why = Why {
                reason: Some(UNFIT.to_owned()),
                by: None,
            };
            hold_as(tx, pause_id(posting, now), row.employer_id, own, why, now)?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Those of `ids` that something holds.
pub(crate) fn held_among(conn: &mut DbConn, ids: &[Id]) -> Result<Vec<Id>, StoreError> {
    Ok(held_postings::table
        .filter(held_postings::posting_id.eq_any(ids.to_vec()))
        .filter(held_postings::released_at.is_null())
        .select(held_postings::posting_id)
        .distinct()
        .order(held_postings::posting_id)
        .load(conn)?)
}

/// Settles whether a posting that is to be public is, or is held ([`is_held`]); one that was paused and could not be published
/// as it is stays paused. Sets its status; the caller saves.
pub(crate) fn settle(tx: &mut DbConn, posting: &mut Posting, now: Timestamp) -> Result<(), PostingError> {
    let row = &posting.row;
    let was_paused = row.status == PostingStatus::Paused;
    let stays = is_held(tx, row.id, row.employer_id, row.campaign_id, now)?;
    posting.row.status = if stays || (was_paused && keep_unfit(tx, posting, now)?) {
        PostingStatus::Paused
    } else {
        PostingStatus::Published
    };
    Ok(())
}

/// Whether something holds a posting that is to be public: a hold upon its employer, its campaign or itself, also one that was
/// made while it was not public, and is noted to be upon it now. A hold upon a campaign that it left does not count.
pub(crate) fn is_held(
    tx: &mut DbConn,
    id: Id,
    employer_id: Id,
    campaign: Option<Id>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // A freeze that is being made right now must not be missed.
    revision::lock(tx, Counter::Postings)?;
    let upon_it: Vec<(Id, HoldKind, Option<Id>)> = held_postings::table
        .inner_join(holds::table)
        .filter(
            held_postings::posting_id
                .eq(id)
                .and(held_postings::released_at.is_null()),
        )
        .order(holds::id)
        .select((holds::id, holds::kind, holds::campaign_id))
        .load(tx)?;
    let has_left =
        |(_, kind, of): &&(Id, HoldKind, Option<Id>)| *kind == HoldKind::Campaign && *of != campaign;
    for (hold, ..) in upon_it.iter().filter(has_left) {
        diesel::update(held_postings::table.find((*hold, id)))
            .set(held_postings::released_at.eq(now))
            .execute(tx)?;
    }
    let mut is_held = upon_it.iter().any(|row| !has_left(&row));
    let wide: Vec<(Id, HoldKind, Option<Id>, Option<Id>)> = holds::table
        .filter(
            holds::employer_id
                .eq(employer_id)
                .and(holds::released_at.is_null()),
        )
        .filter(holds::kind.ne(HoldKind::Posting))
        .order(holds::id)
        .select((holds::id, holds::kind, holds::campaign_id, holds::posting_id))
        .load(tx)?;
    for (hold, kind, of, one) in wide {
        let is_upon_it = match kind {
            HoldKind::Employer => true,
            HoldKind::Campaign => of.is_some() && of == campaign,
            HoldKind::Moderation | HoldKind::Posting => one == Some(id),
        };
        if is_upon_it {
            note_held(tx, hold, id, now)?;
            is_held = true;
        }
    }
    Ok(is_held)
}

/// What holds everything of these employers: employer and hold.
pub(crate) fn upon_employers(conn: &mut DbConn, employers: &[Id]) -> Result<Vec<(Id, Id)>, StoreError> {
    Ok(holds::table
        .filter(holds::employer_id.eq_any(employers.to_vec()))
        .filter(
            holds::kind
                .eq(HoldKind::Employer)
                .and(holds::released_at.is_null()),
        )
        .order(holds::id)
        .select((holds::employer_id, holds::id))
        .load(conn)?)
}

/// Forgets that its employer paused a posting: it ended.
pub(crate) fn drop_own(tx: &mut DbConn, posting: &Posting, now: Timestamp) -> Result<(), StoreError> {
    let own = active(tx, posting.row.employer_id, Scope::Posting(posting.row.id))?;
    let Some(own) = own else { return Ok(()) };
    // The counter first and holds after it, as everywhere else.
    revision::lock(tx, Counter::Postings)?;
    diesel::update(holds::table.find(own.id))
        .set(holds::released_at.eq(now))
        .execute(tx)?;
    diesel::update(held_postings::table.find((own.id, posting.row.id)))
        .set(held_postings::released_at.eq(now))
        .execute(tx)?;
    Ok(())
}

/// Every hold that is or was upon a posting, newest first, at most 100.
pub fn list_of_posting(conn: &mut DbConn, posting: Id) -> Result<Vec<Hold>, StoreError> {
    Ok(holds::table
        .inner_join(held_postings::table)
        .filter(held_postings::posting_id.eq(posting))
        .order(holds::id.desc())
        .limit(100)
        .select(cols::<Hold>())
        .load(conn)?)
}

/// What holds a posting now, oldest first.
pub fn list_active(conn: &mut DbConn, posting: Id) -> Result<Vec<Hold>, StoreError> {
    Ok(holds::table
        .inner_join(held_postings::table)
        .filter(held_postings::posting_id.eq(posting))
        .filter(held_postings::released_at.is_null())
        .order(holds::id)
        .limit(100)
        .select(cols::<Hold>())
        .load(conn)?)
}

/// Every hold of an employer, newest first, after the hold `before`.
pub fn list_of_employer(
    conn: &mut DbConn,
    employer_id: Id,
    before: Option<Id>,
    limit: usize,
) -> Result<Page<Hold, Id>, StoreError> {
    let mut query = holds::table
        .filter(holds::employer_id.eq(employer_id))
        .order(holds::id.desc())
        .limit(limit as i64 + 1)
        .select(cols::<Hold>())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(holds::id.lt(before));
    }
    Ok(Page::cut(query.load(conn)?, limit, |hold: &Hold| hold.id))
}

/// The id of the hold that pauses one posting at one version: it follows from both, so that pausing needs no randomness.
/// In the form of a UUIDv7: milliseconds, version, and the random part of the posting's id.
pub(crate) fn pause_id(posting: &Posting, now: Timestamp) -> Id {
    let millis = u64::try_from(now.micros() / 1000)
        .unwrap_or_default()
        .to_be_bytes();
    let version = (posting.row.version as u16).to_be_bytes();
    let mut bytes = *posting.row.id.as_bytes();
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6] = 0x70 | (version[0] & 0x0f);
    bytes[7] = version[1];
    Id::from_bytes(bytes)
}
