//! The ledger of import runs: who imported what, and what came of it.

use diesel::prelude::*;
use store::page::Page;
use store::schema::import_runs;
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, text_enum};

use super::{ChangeNote, Summary};

text_enum! {
    /// How far a run is.
    pub enum RunState {
        /// At work.
        Running = "running",
        /// It read its input to the end.
        Completed = "completed",
        /// It could not read its input to the end.
        Failed = "failed",
    }
}

/// One run of an import.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = import_runs, treat_none_as_default_value = false)]
pub struct ImportRun {
    /// Id.
    pub id: Id,
    /// For which employer; none for an operator's import of many.
    pub employer_id: Option<Id>,
    /// Format of the input.
    pub format: String,
    /// How far it is.
    pub state: RunState,
    /// Whether it only counts.
    pub dry_run: bool,
    /// What it did.
    pub summary: Json<Summary>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Which board answered.
    pub board_id: Option<Id>,
}

/// Notes that a run begins.
pub fn start_run(
    tx: &mut DbConn,
    employer_id: Option<Id>,
    format: &str,
    dry_run: bool,
    random: &Random,
    now: Timestamp,
) -> Result<ImportRun, StoreError> {
    let run = ImportRun {
        id: random.id(now),
        employer_id,
        format: format.to_owned(),
        state: RunState::Running,
        dry_run,
        summary: Json(Summary::default()),
        created_at: now,
        finished_at: None,
        board_id: None,
    };
    diesel::insert_into(import_runs::table).values(&run).execute(tx)?;
    Ok(run)
}

/// Notes how a run ended.
pub fn finish_run(
    tx: &mut DbConn,
    id: Id,
    state: RunState,
    summary: &Summary,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(import_runs::table.find(id))
        .set((
            import_runs::state.eq(state),
            import_runs::summary.eq(Json(summary.clone())),
            import_runs::finished_at.eq(now),
            import_runs::board_id.eq(summary.board.as_ref().and_then(|board| board.id)),
            import_runs::changes.eq(Json(summary.changes.clone())),
        ))
        .execute(tx)?;
    Ok(())
}

/// What the run `id` changed, at most a thousand postings.
pub fn find_changes(conn: &mut DbConn, id: Id) -> Result<Vec<ChangeNote>, StoreError> {
    let kept: Option<Option<Json<Vec<ChangeNote>>>> = import_runs::table
        .find(id)
        .select(import_runs::changes)
        .first(conn)
        .optional()?;
    Ok(kept.flatten().map_or_else(Vec::new, |kept| kept.0))
}

/// The run `id`.
pub fn find_run(conn: &mut DbConn, id: Id) -> Result<Option<ImportRun>, StoreError> {
    Ok(import_runs::table
        .find(id)
        .select(cols::<ImportRun>())
        .first(conn)
        .optional()?)
}

/// An employer's runs, newest first, after the run `before`; only those of `board` when one is named.
pub fn list_runs(
    conn: &mut DbConn,
    employer_id: Id,
    board: Option<Id>,
    before: Option<Id>,
    limit: usize,
) -> Result<Page<ImportRun, Id>, StoreError> {
    let mut query = import_runs::table
        .filter(import_runs::employer_id.eq(employer_id))
        .order(import_runs::id.desc())
        .limit(limit as i64 + 1)
        .select(cols::<ImportRun>())
        .into_boxed();
    if let Some(board) = board {
        query = query.filter(import_runs::board_id.eq(board));
    }
    if let Some(before) = before {
        query = query.filter(import_runs::id.lt(before));
    }
    Ok(Page::cut(query.load(conn)?, limit, |run: &ImportRun| run.id))
}

/// Marks runs that began before `before` and never ended as failed: their process is gone.
pub fn fail_interrupted_runs(
    tx: &mut DbConn,
    before: Timestamp,
    now: Timestamp,
) -> Result<usize, StoreError> {
    Ok(diesel::update(import_runs::table)
        .filter(
            import_runs::state
                .eq(RunState::Running)
                .and(import_runs::created_at.lt(before)),
        )
        .set((
            import_runs::state.eq(RunState::Failed),
            import_runs::finished_at.eq(now),
        ))
        .execute(tx)?)
}
