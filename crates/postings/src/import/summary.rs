//! What an import did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::apply::Applied;
use super::board::BoardOutcome;
use super::diff::{ChangeNote, MAX_CHANGES};
use super::row::RowError;

/// How many rejected rows are reported one by one.
const MAX_REJECTIONS: usize = 100;

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rejection {
    /// Number of the line, from 1.
    pub line: u64,
    /// Stable name of the reason.
    pub code: String,
    /// What is wrong.
    pub detail: String,
    /// The column of a table that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Summary {
    /// Postings that are new.
    pub created: u64,
    /// Of those, how many wait for a moderator.
    #[serde(default)]
    pub waiting: u64,
    /// Postings that say something else now.
    pub updated: u64,
    /// Postings that are as they were.
    pub unchanged: u64,
    /// Postings that their source ended.
    pub closed: u64,
    /// Rows that were not taken.
    pub rejected: u64,
    /// How many rows were rejected for which reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first hundred of them.
    pub rejections: Vec<Rejection>,
    /// Why the run could not be completed, when it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the run concluded about its board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<BoardOutcome>,
    /// What became of the first thousand postings that changed. Not part of the answer: it is asked for by itself.
    #[serde(skip)]
    pub changes: Vec<ChangeNote>,
}

impl Summary {
    fn reject(&mut self, line: u64, error: RowError) {
        self.rejected += 1;
        *self.reasons.entry(error.code.clone()).or_default() += 1;
        if self.rejections.len() < MAX_REJECTIONS {
            self.rejections.push(Rejection {
                line,
                code: error.code,
                detail: error.detail,
                column: error.column,
            });
        }
    }

    pub(crate) fn note(&mut self, notes: Vec<ChangeNote>) {
        let room = MAX_CHANGES.saturating_sub(self.changes.len());
        self.changes.extend(notes.into_iter().take(room));
    }

    pub(crate) fn add(&mut self, batch: Batch) {
        self.created += batch.applied.created;
        self.waiting += batch.applied.waiting;
        self.updated += batch.applied.updated;
        self.closed += batch.applied.closed;
        self.unchanged += batch.unchanged + batch.applied.unchanged;
        self.note(batch.applied.notes);
        let mut rejected = batch.rejected;
        rejected.extend(batch.applied.rejected);
        rejected.sort_by_key(|(line, _)| *line);
        for (line, error) in rejected {
            self.reject(line, error);
        }
    }
}

/// What became of a batch.
pub(crate) struct Batch {
    pub(crate) applied: Applied,
    pub(crate) rejected: Vec<(u64, RowError)>,
    pub(crate) unchanged: u64,
}
