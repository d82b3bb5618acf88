//! How to import, and what can keep an import from its end.

use std::io;

use store::{Id, StoreError};

use super::format::Format;
use super::gate::MemberRules;
use super::table::{Mapping, TableError};

/// Whose postings the rows become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmployerChoice {
    /// All of them this employer's, by slug; it is created when missing.
    Slug(String),
    /// Each row's `company` (or `employer`), created when missing.
    FromCompany,
    /// Each row's `employer`; a row that only names a `company` is rejected.
    FromRow,
}

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Whose postings.
    pub employer: EmployerChoice,
    /// How the input is written.
    pub format: Format,
    /// Count, but write nothing.
    pub dry_run: bool,
    /// Which of the employer's boards answered; its only one of this source when missing, else one named like the employer.
    pub token: Option<String>,
    /// All pages of the board were read, so nothing can be missing.
    pub is_whole: bool,
    /// A person looked at an empty or shrunken answer: what it does not show is over.
    pub is_confirmed: bool,
    /// What the columns of a table hold; when missing, their names must leave no doubt.
    pub mapping: Option<Mapping>,
    /// What holds for an employer's members who import; `None` for an operator, and for a proven board that was asked.
    pub members: Option<MemberRules>,
    /// The board, once it is known. Set by [`super::run()`].
    pub(crate) board: Option<Id>,
}

impl ImportOptions {
    /// An import of `format` that writes.
    pub fn new(employer: EmployerChoice, format: Format) -> Self {
        Self {
            employer,
            format,
            dry_run: false,
            token: None,
            is_whole: false,
            is_confirmed: false,
            mapping: None,
            members: None,
            board: None,
        }
    }
}

/// Why an import could not be completed. What earlier batches wrote stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input could not be read.
    #[error("the input cannot be read: {0}")]
    Input(#[from] io::Error),
    /// The input is not an answer of such a board. Nothing was changed.
    #[error("this is not what {format} looks like: {detail}")]
    Answer {
        /// What was expected.
        format: Format,
        /// What was found instead.
        detail: String,
    },
    /// The table cannot be read, or what its columns hold must be confirmed first. Nothing was changed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
