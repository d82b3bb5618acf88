//! Boards: where an employer shows its postings outside, and what may be concluded from their answers.
//!
//! A posting that its board no longer shows is closed, but only after an answer that can be believed: whole, and not
//! suddenly much shorter than what was known. Anything else closes nothing, and the board is marked.

use std::collections::HashSet;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use store::revision::{self, Counter};
use store::schema::{boards, employers, postings};
use store::{Db, DbConn, Id, Json, Random, StoreError, Timestamp, cols, text_enum};
use utoipa::ToSchema;

use super::diff::{ChangeKind, ChangeNote, MAX_CHANGES};
use super::format::Format;
use super::row::{Identity, RowEmployer};
use super::run::fingerprint;
use crate::content::PostingContent;
use crate::posting::{CloseReason, PostingRow, PostingStatus};

/// Postings closed in one transaction.
const BATCH: usize = 500;
/// An answer that lacks fewer postings than this is never called shrunken.
const FEW: usize = 3;

text_enum! {
    /// What is thought of a board.
    pub enum BoardState {
        /// Nothing was read from it yet.
        New = "new",
        /// Its last answer could be believed.
        Healthy = "healthy",
        /// Its last answer was empty, or much shorter than what was known: a person should look.
        Suspect = "suspect",
        /// It did not answer, or not with postings.
        Failing = "failing",
    }
}

/// A board of an employer.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = boards, treat_none_as_default_value = false)]
pub struct Board {
    /// Id.
    pub id: Id,
    /// Whose board.
    pub employer_id: Id,
    /// `greenhouse`, `lever` or `ashby`.
    pub source: String,
    /// The board's name at its source.
    pub token: String,
    /// What is thought of it.
    pub state: BoardState,
    /// Why, when it is not healthy.
    pub reason: Option<String>,
    /// How often it is fetched, in minutes; never when missing.
    pub every_minutes: Option<i32>,
    /// What its owner puts into any posting there to show that it is theirs.
    pub proof: String,
    /// When that was seen, or an operator vouched for it.
    pub proven_at: Option<Timestamp>,
    /// Fetches that failed since the last that did not.
    pub failures: i32,
    /// `ETag` of the last whole answer.
    pub etag: Option<String>,
    /// `Last-Modified` of the last whole answer.
    pub last_modified: Option<String>,
    /// When it is fetched next.
    pub next_fetch_at: Option<Timestamp>,
    /// When its last answer could be believed.
    pub last_complete_at: Option<Timestamp>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When anything here last changed.
    pub updated_at: Timestamp,
}

impl Board {
    /// A board that nothing was read from yet.
    pub(crate) fn new(employer_id: Id, format: Format, token: &str, random: &Random, now: Timestamp) -> Self {
        Self {
            id: random.id(now),
            employer_id,
            source: format.as_str().to_owned(),
            token: token.to_owned(),
            state: BoardState::New,
            reason: None,
            every_minutes: None,
            proof: format!("backplane-{:016x}", u64::from_le_bytes(random.bytes())),
            proven_at: None,
            failures: 0,
            etag: None,
            last_modified: None,
            next_fetch_at: None,
            last_complete_at: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// What a run concluded about its board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BoardOutcome {
    /// Id of the board; none in a dry run for a board that is new.
    pub id: Option<Id>,
    /// The board's name at its source.
    pub token: String,
    /// What is thought of it now.
    pub state: BoardState,
    /// Why nothing was closed, when that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Postings that the answer shows.
    pub shown: u64,
    /// Open postings that the answer does not show and that stay open, because it cannot be believed.
    pub held: u64,
}

/// Whose board it is, and which one. `token` none: the employer's only board of this source, else one named like the employer.
pub(crate) fn open(
    tx: &mut DbConn,
    employer: &RowEmployer,
    format: Format,
    token: Option<&str>,
    random: &Random,
    now: Timestamp,
) -> Result<Board, StoreError> {
    let employer_id = crate::employers::create_imported(tx, &employer.slug, &employer.name, random, now)?;
    if let Some(board) = find_for(tx, &employer.slug, format, token)? {
        return Ok(board);
    }
    let mut board = Board::new(employer_id, format, token.unwrap_or(&employer.slug), random, now);
    // Whoever has its answer as a file was trusted with it.
    board.proven_at = Some(now);
    diesel::insert_into(boards::table).values(&board).execute(tx)?;
    Ok(board)
}

/// The board as [`open`] finds it, when there is one.
pub(crate) fn find_for(
    conn: &mut DbConn,
    employer_slug: &str,
    format: Format,
    token: Option<&str>,
) -> Result<Option<Board>, StoreError> {
    let known: Vec<Board> = boards::table
        .inner_join(employers::table)
        .filter(employers::slug.eq(employer_slug))
        .filter(boards::source.eq(format.as_str()))
        .order(boards::id)
        .limit(1000)
        .select(cols::<Board>())
        .load(conn)?;
    Ok(match (token, known.as_slice()) {
        (None, [only]) => Some(only.clone()),
        (token, _) => {
            let wanted = token.unwrap_or(employer_slug);
            known.into_iter().find(|board| board.token == wanted)
        }
    })
}

/// How many of a board's postings are open.
pub(crate) fn count_open(conn: &mut DbConn, board: Id) -> Result<usize, StoreError> {
    let open: i64 = postings::table
        .filter(postings::board_id.eq(board))
        .filter(postings::status.eq_any(OPEN))
        .count()
        .get_result(conn)?;
    Ok(open as usize)
}

const OPEN: [PostingStatus; 2] = [PostingStatus::Published, PostingStatus::Paused];

/// What an answer showed.
#[derive(Debug, Default)]
pub(crate) struct Crawl {
    /// Fingerprints of the postings that it shows, taken or not.
    pub(crate) shown: HashSet<[u8; 16]>,
    /// Why it may not be everything.
    pub(crate) gap: Option<String>,
}

/// Whether what an answer does not show is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Believed,
    /// Not everything was seen, which says nothing against the board.
    Incomplete(String),
    Suspect(String),
}

/// Judges an answer of `shown` postings where `open` were known to be open before.
pub(crate) fn judge(crawl: &Crawl, open: usize, is_confirmed: bool) -> Verdict {
    let shown = crawl.shown.len();
    if let Some(gap) = &crawl.gap {
        return Verdict::Incomplete(gap.clone());
    }
    if is_confirmed || open == 0 {
        return Verdict::Believed;
    }
    if shown == 0 {
        return Verdict::Suspect(format!("the answer is empty and {open} postings are open"));
    }
    if shown * 2 < open && open - shown >= FEW {
        return Verdict::Suspect(format!("the answer shows {shown} postings and {open} are open"));
    }
    Verdict::Believed
}

/// The open postings of `board` that `crawl` does not show: id, title, the source's id.
pub(crate) fn absent(
    conn: &mut DbConn,
    board: &Board,
    crawl: &Crawl,
) -> Result<Vec<(Id, String)>, StoreError> {
    let rows: Vec<(Id, Option<String>)> = postings::table
        .filter(postings::board_id.eq(board.id))
        .filter(postings::status.eq_any(OPEN))
        .order(postings::id)
        .select((postings::id, postings::source_id))
        .load(conn)?;
    let named = rows
        .into_iter()
        .map(|(id, source_id)| (id, source_id.unwrap_or_default()));
    Ok(named
        .filter(|(_, source_id)| {
            let identity = Identity {
                source: board.source.clone(),
                source_id: source_id.clone(),
            };
            !crawl.shown.contains(&fingerprint(&identity))
        })
        .collect())
}

/// What [`close_absent`] would do, the first thousand.
pub(crate) fn notes_of(conn: &mut DbConn, absent: &[(Id, String)]) -> Result<Vec<ChangeNote>, StoreError> {
    let mut notes = Vec::new();
    for (id, source_id) in absent.iter().take(MAX_CHANGES) {
        let content: Json<PostingContent> =
            postings::table.find(*id).select(postings::content).first(conn)?;
        notes.push(ChangeNote::new(
            ChangeKind::Closed,
            *id,
            source_id,
            &content.0.title,
        ));
    }
    Ok(notes)
}

/// Closes postings that their board no longer shows; returns what became of them.
pub(crate) fn close_absent(
    db: &Db,
    absent: Vec<(Id, String)>,
    now: Timestamp,
) -> Result<Vec<ChangeNote>, StoreError> {
    let mut closed = Vec::new();
    for batch in absent.chunks(BATCH) {
        let notes = db.write_blocking(|tx| {
            let first = revision::take(tx, Counter::Postings, batch.len() as i64)?;
            let mut notes = Vec::new();
            for ((id, source_id), revision) in batch.iter().zip(first..) {
                let row: PostingRow = postings::table.find(*id).select(cols::<PostingRow>()).first(tx)?;
                if !OPEN.contains(&row.status) {
                    continue;
                }
                diesel::update(postings::table.find(*id))
                    .set((
                        postings::status.eq(PostingStatus::Closed),
                        postings::close_reason.eq(CloseReason::Other),
                        postings::closed_at.eq(now),
                        postings::absent_since.eq(now),
                        postings::version.eq(row.version + 1),
                        postings::revision.eq(revision),
                        postings::updated_at.eq(now),
                    ))
                    .execute(tx)?;
                notes.push(ChangeNote::new(
                    ChangeKind::Closed,
                    *id,
                    source_id,
                    &row.content.0.title,
                ));
            }
            Ok::<_, StoreError>(notes)
        })?;
        closed.extend(notes);
    }
    Ok(closed)
}

/// Notes what is thought of `board` after an answer.
pub(crate) fn note(
    tx: &mut DbConn,
    board: Id,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<BoardState, StoreError> {
    let (state, reason) = match verdict {
        Verdict::Believed => (BoardState::Healthy, None),
        Verdict::Suspect(reason) => (BoardState::Suspect, Some(reason)),
        // What was thought before still holds: this answer says nothing about the board as a whole.
        Verdict::Incomplete(_) => {
            return Ok(boards::table.find(board).select(boards::state).first(tx)?);
        }
    };
    let target = boards::table.find(board);
    diesel::update(target)
        .set((
            boards::state.eq(state),
            boards::reason.eq(reason),
            boards::updated_at.eq(now),
        ))
        .execute(tx)?;
    if state == BoardState::Healthy {
        diesel::update(target)
            .set(boards::last_complete_at.eq(now))
            .execute(tx)?;
    }
    Ok(state)
}

/// An employer's boards, at most `limit`, in the order they were first seen.
pub fn list_boards(conn: &mut DbConn, employer_id: Id, limit: i64) -> Result<Vec<Board>, StoreError> {
    Ok(boards::table
        .filter(boards::employer_id.eq(employer_id))
        .order(boards::id)
        .limit(limit)
        .select(cols::<Board>())
        .load(conn)?)
}

/// The board `id`.
pub fn find_board(conn: &mut DbConn, id: Id) -> Result<Option<Board>, StoreError> {
    let found = boards::table.find(id).select(cols::<Board>()).first(conn);
    Ok(found.optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crawl(shown: usize, gap: Option<&str>) -> Crawl {
        let shown = (0..shown).map(|n| (n as u128).to_le_bytes()).collect();
        Crawl {
            shown,
            gap: gap.map(str::to_owned),
        }
    }

    #[test]
    fn only_a_whole_answer_that_is_not_much_shorter_is_believed() {
        let verdict = |shown, open| judge(&crawl(shown, None), open, false);
        for (shown, open) in [(0, 0), (5, 0), (1, 3), (5, 10), (400, 407), (13, 17), (50, 100)] {
            assert_eq!(verdict(shown, open), Verdict::Believed, "{shown} of {open}");
        }
        for (shown, open) in [(0, 1), (0, 500), (1, 4), (4, 10), (49, 100)] {
            assert!(
                matches!(verdict(shown, open), Verdict::Suspect(_)),
                "{shown} of {open}"
            );
            assert_eq!(
                judge(&crawl(shown, None), open, true),
                Verdict::Believed,
                "a person looked"
            );
        }
        let half = judge(&crawl(100, Some("one page")), 100, true);
        assert_eq!(
            half,
            Verdict::Incomplete("one page".to_owned()),
            "nobody can vouch for what was not seen"
        );
    }
}
