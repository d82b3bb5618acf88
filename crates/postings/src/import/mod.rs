//! Imports: rows of NDJSON become postings, whole files in flat memory.
//!
//! `source` + `source_id` is the identity of a row, so a second run of the same file creates nothing. A row that is
//! damaged is reported with its line number and does not stop the rest.

mod apply;
mod ledger;
mod lines;
mod loose;
mod row;
mod run;

pub use ledger::{ImportRun, RunState, fail_interrupted_runs, find_run, finish_run, list_runs, start_run};
pub use row::{ImportRow, RowError};
pub use run::{EmployerChoice, ImportError, ImportOptions, Rejection, Summary, run};

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
