//! Boards that are fetched: registering them, and the pass that asks those that are due.

use std::time::Duration;

use diesel::prelude::*;
use jiff::SignedDuration;
use store::schema::{boards, employers};
use store::{Db, DbConn, Id, Random, StoreError, Timestamp, cols, is_unique_violation};

use super::board::{Board, BoardState};
use super::fetch::{Fetched, Fetcher};
use super::format::Format;
use super::ledger::{RunState, finish_run, start_run};
use super::options::{EmployerChoice, ImportError, ImportOptions};
use super::run::run;
use super::summary::Summary;
use crate::outward::{self, Reach};

/// How often a board may be asked, in minutes: four times an hour to once a week.
pub const EVERY_MINUTES: std::ops::RangeInclusive<i32> = 15..=10_080;
/// A process that asks a board has it to itself for this long.
const CLAIM: SignedDuration = SignedDuration::from_mins(15);
/// The longest time between two attempts at a board that fails.
const MAX_BACKOFF: SignedDuration = SignedDuration::from_hours(24);
/// "The same as last time" is enough for this long; then the whole answer is read again, so that nothing runs out.
const CONDITIONAL_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Boards of one employer.
const MAX_BOARDS: i64 = 100;

/// Why a board could not be registered or changed.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// There is no such board.
    #[error("board not found")]
    NotFound,
    /// The employer has this board already.
    #[error("the employer has this board already")]
    Exists,
    /// The employer has as many boards as it may have.
    #[error("an employer has at most 100 boards")]
    TooMany,
    /// A value that cannot be: the field and what is wrong.
    #[error("{0}: {1}")]
    Invalid(&'static str, &'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for BoardError {
    fn from(error: diesel::result::Error) -> Self {
        if is_unique_violation(&error, "employer_id") {
            return Self::Exists;
        }
        Self::Store(error.into())
    }
}

/// Whether somebody answers for a new board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// An operator does.
    ByOperator,
    /// Its owner has to show that it is theirs.
    NotYet,
}

/// A board to be fetched.
#[derive(Debug, Clone)]
pub struct NewBoard {
    /// `greenhouse`, `lever`, `ashby`, or `json_ld` for a page.
    pub source: Format,
    /// Its name at its source; the address of a page.
    pub token: String,
    /// How often, in minutes.
    pub every_minutes: i32,
}

/// Registers a board of `employer_id`; it is due at once.
pub fn add_board(
    tx: &mut DbConn,
    employer_id: Id,
    new: &NewBoard,
    vouched: Vouched,
    random: &Random,
    now: Timestamp,
) -> Result<Board, BoardError> {
    if new.source == Format::JsonLd {
        outward::check(&new.token, Reach::Public).map_err(|detail| BoardError::Invalid("/token", detail))?;
    } else if !new.source.is_board() {
        return Err(BoardError::Invalid(
            "/source",
            "greenhouse, lever, ashby or json_ld",
        ));
    }
    let is_token = (1..=100).contains(&new.token.len())
        && new
            .token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !new.token.starts_with('.');
    if !is_token && new.source.is_board() {
        return Err(BoardError::Invalid(
            "/token",
            "letters, digits, dots and dashes, as in the board's address",
        ));
    }
    check_rhythm(new.every_minutes)?;
    let count: i64 = boards::table
        .filter(boards::employer_id.eq(employer_id))
        .count()
        .get_result(tx)?;
    if count >= MAX_BOARDS {
        return Err(BoardError::TooMany);
    }
    let mut board = Board::new(employer_id, new.source, &new.token, random, now);
    board.every_minutes = Some(new.every_minutes);
    board.next_fetch_at = Some(now);
    board.proven_at = (vouched == Vouched::ByOperator).then_some(now);
    diesel::insert_into(boards::table).values(&board).execute(tx)?;
    Ok(board)
}

fn check_rhythm(every_minutes: i32) -> Result<(), BoardError> {
    if EVERY_MINUTES.contains(&every_minutes) {
        return Ok(());
    }
    Err(BoardError::Invalid("/every_minutes", "15 to 10080"))
}

/// Changes how often a board is fetched: never with `None`.
pub fn set_rhythm(
    tx: &mut DbConn,
    id: Id,
    every_minutes: Option<i32>,
    now: Timestamp,
) -> Result<Board, BoardError> {
    if let Some(every_minutes) = every_minutes {
        check_rhythm(every_minutes)?;
    }
    let changed = diesel::update(boards::table.find(id))
        .set((
            boards::every_minutes.eq(every_minutes),
            boards::next_fetch_at.eq(every_minutes.map(|_| now)),
            boards::updated_at.eq(now),
        ))
        .execute(tx)?;
    if changed == 0 {
        return Err(BoardError::NotFound);
    }
    Ok(boards::table.find(id).select(cols::<Board>()).first(tx)?)
}

/// What [`fetch_pass`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FetchReport {
    /// Boards that answered with postings.
    pub imported: usize,
    /// Boards that had nothing new.
    pub unmodified: usize,
    /// Boards that failed.
    pub failed: usize,
    /// Whether another board is due.
    pub is_caught_up: bool,
}

/// Asks one board that is due, and imports what it answers. A pass: safe to run twice and in two processes.
pub fn fetch_pass(
    db: &Db,
    fetcher: &Fetcher,
    random: &Random,
    now: Timestamp,
) -> Result<FetchReport, StoreError> {
    let mut report = FetchReport {
        is_caught_up: true,
        ..FetchReport::default()
    };
    let Some((board, employer_slug)) = db.write_blocking(|tx| claim(tx, now))? else {
        return Ok(report);
    };
    report.is_caught_up = false;
    let Ok(format) = board.source.parse::<Format>() else {
        return Ok(report);
    };
    let is_recent = board
        .last_complete_at
        .is_some_and(|at| at.plus(CONDITIONAL_FOR) > now);
    let is_conditional = is_recent && board.state == BoardState::Healthy;
    let outcome = match fetcher.fetch(&board, format, is_conditional) {
        Fetched::NotModified => {
            report.unmodified += 1;
            After::next(&board, random, now)
        }
        Fetched::Failed { reason, retry_after } => {
            report.failed += 1;
            After::failed(&board, reason, retry_after, now)
        }
        Fetched::Answer {
            bytes,
            etag,
            last_modified,
        } => match import_answer(db, &board, &employer_slug, format, &bytes, random, now)? {
            Ok(after_import) => {
                report.imported += 1;
                let is_believed = after_import.is_none();
                After {
                    etag: etag.filter(|_| is_believed),
                    last_modified: last_modified.filter(|_| is_believed),
                    reason: after_import,
                    is_page_read: is_believed && !format.is_board(),
                    ..After::next(&board, random, now)
                }
            }
            Err(reason) => {
                report.failed += 1;
                After::failed(&board, reason, None, now)
            }
        },
    };
    db.write_blocking(|tx| outcome.note(tx, board.id, now))?;
    Ok(report)
}

/// Takes a board that is due, so that no other process asks it too.
fn claim(tx: &mut DbConn, now: Timestamp) -> Result<Option<(Board, String)>, StoreError> {
    let due: Option<(Board, String)> = boards::table
        .inner_join(employers::table)
        .filter(boards::next_fetch_at.le(now))
        .order((boards::next_fetch_at, boards::id))
        .select((cols::<Board>(), employers::slug))
        .first(tx)
        .optional()?;
    let Some((board, slug)) = due else {
        return Ok(None);
    };
    let claimed = diesel::update(boards::table.find(board.id))
        .filter(boards::next_fetch_at.eq(board.next_fetch_at))
        .set(boards::next_fetch_at.eq(now.plus(CLAIM)))
        .execute(tx)?;
    Ok((claimed == 1).then_some((board, slug)))
}

/// Imports an answer, for an unproven board only on trial. The inner outcome: why the board is not to be believed yet, or
/// why the answer is none.
fn import_answer(
    db: &Db,
    board: &Board,
    employer_slug: &str,
    format: Format,
    bytes: &[u8],
    random: &Random,
    now: Timestamp,
) -> Result<Result<Option<String>, String>, StoreError> {
    let proof = board.proof.as_bytes();
    let is_proven = board.proven_at.is_some() || bytes.windows(proof.len()).any(|part| part == proof);
    if is_proven && board.proven_at.is_none() {
        db.write_blocking(|tx| {
            diesel::update(boards::table.find(board.id))
                .set(boards::proven_at.eq(now))
                .execute(tx)?;
            Ok::<_, StoreError>(())
        })?;
    }
    let mut options = ImportOptions::new(EmployerChoice::Slug(employer_slug.to_owned()), format);
    options.token = Some(board.token.clone());
    options.is_whole = true;
    options.dry_run = !is_proven;
    let employer_id = Some(board.employer_id);
    let started =
        db.write_blocking(|tx| start_run(tx, employer_id, format.as_str(), options.dry_run, random, now))?;
    let outcome = run(db, bytes, &options, random, now, &mut |_| {});
    let (state, summary) = match &outcome {
        Ok(summary) => (RunState::Completed, summary.clone()),
        Err(error) => {
            let summary = Summary {
                error: Some(error.to_string()),
                ..Summary::default()
            };
            (RunState::Failed, summary)
        }
    };
    db.write_blocking(|tx| finish_run(tx, started.id, state, &summary, now))?;
    Ok(match outcome {
        Ok(_) if !is_proven => Ok(Some(format!(
            "to show that the board is yours, put {} into the text of any posting there",
            board.proof
        ))),
        Ok(summary) => Ok(summary.board.and_then(|board| board.reason)),
        Err(ImportError::Store(error)) => return Err(error),
        Err(error) => Err(error.to_string()),
    })
}

/// What is noted about a board after it was asked.
struct After {
    /// Set when the board failed; otherwise the import has judged it.
    is_failing: bool,
    /// Set when a page was read; the import judges boards only.
    is_page_read: bool,
    failures: i32,
    reason: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
    next_fetch_at: Option<Timestamp>,
}

impl After {
    /// It answered: next time as usual, not at the same minute as everybody else.
    fn next(board: &Board, random: &Random, now: Timestamp) -> Self {
        let minutes = board.every_minutes.map(f64::from);
        let jittered = minutes.map(|minutes| minutes * 60.0 * (1.0 + random.fraction() / 10.0));
        Self {
            is_failing: false,
            is_page_read: false,
            failures: 0,
            reason: board
                .reason
                .clone()
                .filter(|_| board.state != BoardState::Failing),
            etag: board.etag.clone(),
            last_modified: board.last_modified.clone(),
            next_fetch_at: jittered.map(|seconds| now.plus(SignedDuration::from_secs(seconds as i64))),
        }
    }

    /// It failed: each time twice as long, or as long as it said.
    fn failed(board: &Board, reason: String, retry_after: Option<u64>, now: Timestamp) -> Self {
        let failures = board.failures.saturating_add(1);
        let minutes = i64::from(board.every_minutes.unwrap_or(60));
        let backoff = SignedDuration::from_mins(minutes.saturating_mul(1 << failures.min(16) as u32));
        let asked = retry_after
            .map(Duration::from_secs)
            .and_then(|wait| SignedDuration::try_from(wait).ok());
        let wait = backoff
            .min(MAX_BACKOFF)
            .max(asked.unwrap_or_default().min(MAX_BACKOFF * 7));
        Self {
            is_failing: true,
            is_page_read: false,
            failures,
            reason: Some(reason),
            etag: board.etag.clone(),
            last_modified: board.last_modified.clone(),
            next_fetch_at: board.every_minutes.map(|_| now.plus(wait)),
        }
    }

    fn note(self, tx: &mut DbConn, board: Id, now: Timestamp) -> Result<(), StoreError> {
        let target = boards::table.find(board);
        diesel::update(target)
            .set((
                boards::failures.eq(self.failures),
                boards::reason.eq(self.reason),
                boards::etag.eq(self.etag),
                boards::last_modified.eq(self.last_modified),
                boards::next_fetch_at.eq(self.next_fetch_at),
                boards::updated_at.eq(now),
            ))
            .execute(tx)?;
        if self.is_page_read {
            diesel::update(target)
                .set((
                    boards::state.eq(BoardState::Healthy),
                    boards::last_complete_at.eq(Some(now)),
                ))
                .execute(tx)?;
        }
        if self.is_failing {
            diesel::update(target)
                .set(boards::state.eq(BoardState::Failing))
                .execute(tx)?;
        } else {
            // A failure is over with the next answer, also with one that says "the same as last time".
            diesel::update(target.filter(boards::state.eq(BoardState::Failing)))
                .set(boards::state.eq(BoardState::Healthy))
                .execute(tx)?;
        }
        Ok(())
    }
}
