//! Imports: rows of NDJSON, of tables and of boards' answers become postings by one path.
//!
//! `source` + `source_id` is the identity of a row, so a second run of the same file creates nothing. A row that is
//! damaged is reported with its line number and does not stop the rest.

mod apply;
mod ashby;
mod ats_pay;
mod board;
mod diff;
mod document;
mod edits;
mod encoding;
mod entities;
mod fetch;
mod format;
mod gate;
mod greenhouse;
mod json_ld;
mod ledger;
mod lever;
mod lines;
mod loose;
mod options;
mod others;
mod owners;
mod row;
mod run;
mod schedule;
mod source;
mod summary;
mod table;
mod table_cells;

pub use board::{Board, BoardOutcome, BoardState, find_board, list_boards};
pub use diff::{ChangeKind, ChangeNote, changed_fields};
pub(crate) use edits::note as note_edits;
pub use fetch::{Endpoints, Fetcher};
pub use format::Format;
pub use gate::MemberRules;
pub use ledger::{
    ImportRun, RunState, fail_interrupted_runs, find_changes, find_run, finish_run, list_runs, start_run,
};
pub use options::{EmployerChoice, ImportError, ImportOptions};
pub use row::{ImportRow, RowError};
pub use run::run;
pub use schedule::{
    BoardError, EVERY_MINUTES, FetchReport, NewBoard, Vouched, add_board, fetch_pass, set_rhythm,
};
pub use source::count;
pub use summary::{Rejection, Summary};
pub use table::{ColumnProposal, Mapping, Proposal, TableError, check_table, propose};

/// The JSON pointer (RFC 6901) of a place where deserialising failed.
pub fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use std::fmt::Write as _;

    use serde_path_to_error::Segment;

    let mut out = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => _ = write!(out, "/{index}"),
            Segment::Map { key } => _ = write!(out, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    out
}
