//! What a run changed, posting by posting.

use serde::{Deserialize, Serialize};
use store::{Id, text_enum};
use utoipa::ToSchema;

use crate::{PostingContent, history};

/// How many changes of a run are kept one by one.
pub(crate) const MAX_CHANGES: usize = 1000;

text_enum! {
    /// What became of a posting.
    #[schema(as = ImportChangeKind)]
    pub enum ChangeKind {
        /// It is new.
        Created = "created",
        /// It says something else.
        Updated = "updated",
        /// It is open again.
        Reopened = "reopened",
        /// It is closed.
        Closed = "closed",
    }
}

/// One change of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeNote {
    /// What became of it.
    pub kind: ChangeKind,
    /// Id of the posting; none in a dry run for one that is new.
    pub posting_id: Option<Id>,
    /// What its source calls it.
    pub source_id: String,
    /// Its title.
    pub title: String,
    /// Which fields say something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

impl ChangeNote {
    pub(crate) fn new(kind: ChangeKind, posting_id: Id, source_id: &str, title: &str) -> Self {
        Self {
            kind,
            posting_id: Some(posting_id),
            source_id: source_id.to_owned(),
            title: title.to_owned(),
            fields: Vec::new(),
        }
    }
}

/// The fields in which two contents differ, in the words of the input form.
pub fn changed_fields(before: &PostingContent, after: &PostingContent) -> Vec<String> {
    let named = history::changes(before, after)
        .into_iter()
        .map(|change| change.field);
    named
        .map(|field| {
            if field == "description_html" {
                "description".to_owned()
            } else {
                field
            }
        })
        .collect()
}
