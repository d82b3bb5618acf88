//! The feed of visible changes: what the index, the alerts and the public follow.
//!
//! A posting stands in the feed once, at the revision of its last visible change.

use diesel::prelude::*;
use store::schema::{employers, postings};
use store::{DbConn, Id, StoreError, cols};

use crate::find::to_posting;
use crate::posting::{EmployerRef, Posting, PostingRow};

/// One visible change.
#[derive(Debug, Clone)]
pub enum Change {
    /// The posting is in search, in this form.
    Upsert(Box<Posting>),
    /// The posting is not, or no longer, in search.
    Remove(Id),
}

/// The changes after `revision`, in order of their revisions, at most `limit`.
pub fn changed_since(conn: &mut DbConn, revision: i64, limit: i64) -> Result<Vec<(i64, Change)>, StoreError> {
    let rows = postings::table
        .inner_join(employers::table)
        .filter(postings::revision.gt(revision))
        .order(postings::revision)
        .limit(limit)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load::<(PostingRow, EmployerRef)>(conn)?;
    Ok(rows.into_iter().map(|row| to_change(to_posting(row))).collect())
}

fn to_change(posting: Posting) -> (i64, Change) {
    let revision = posting.row.revision.unwrap_or_default();
    if posting.is_searchable() {
        (revision, Change::Upsert(Box::new(posting)))
    } else {
        (revision, Change::Remove(posting.row.id))
    }
}
