//! Evidence of life: since when a posting is open, who last stood for it, and whether it was there before.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::Text;
use jiff::SignedDuration;
use store::schema::{boards, postings};
use store::{DbConn, Id, StoreError, Timestamp};

use crate::posting::{Posting, PostingRow, PostingStatus};

/// A posting with the title of one that was closed so lately is that one again.
pub const REPOST_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Closed postings that are compared at most.
const COMPARED: i64 = 5000;

/// The title of a posting, without the rest of what it says.
const TITLE: &str = "postings.content ->> 'title'";

/// What stands for a title when titles are compared.
fn folded(title: &str) -> String {
    let words = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The postings that these employers closed within [`REPOST_WITHIN`], by employer and folded title; the last closed wins.
fn recently_closed(
    conn: &mut DbConn,
    employers: Vec<Id>,
    now: Timestamp,
) -> Result<HashMap<(Id, String), Id>, StoreError> {
    let rows: Vec<(Id, Id, String)> = postings::table
        .filter(postings::employer_id.eq_any(employers))
        .filter(postings::status.eq_any([PostingStatus::Closed, PostingStatus::Expired]))
        .filter(postings::closed_at.ge(now.minus(REPOST_WITHIN)))
        .filter(
            postings::first_revision
                .is_not_null()
                .and(postings::deleted_at.is_null()),
        )
        .order((postings::closed_at.desc(), postings::id.desc()))
        .limit(COMPARED)
        .select((
            postings::employer_id,
            postings::id,
            diesel::dsl::sql::<Text>(TITLE),
        ))
        .load(conn)?;
    let mut found = HashMap::new();
    for (employer, id, title) in rows {
        found.entry((employer, folded(&title))).or_insert(id);
    }
    Ok(found)
}

/// The posting that this one repeats.
pub(crate) fn find_predecessor(
    conn: &mut DbConn,
    posting: &Posting,
    now: Timestamp,
) -> Result<Option<Id>, StoreError> {
    let row = &posting.row;
    let closed = recently_closed(conn, vec![row.employer_id], now)?;
    let key = (row.employer_id, folded(&posting.content().title));
    Ok(closed.get(&key).copied().filter(|id| *id != row.id))
}

/// Notes which of these new postings repeat others.
pub(crate) fn mark_reposts(
    conn: &mut DbConn,
    rows: &mut [PostingRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut employers: Vec<Id> = rows.iter().map(|row| row.employer_id).collect();
    employers.sort_unstable();
    employers.dedup();
    if employers.is_empty() {
        return Ok(());
    }
    let closed = recently_closed(conn, employers, now)?;
    for row in rows {
        let key = (row.employer_id, folded(&row.content.0.title));
        row.reposted_from = closed.get(&key).copied();
    }
    Ok(())
}

/// For those of `ids` that a board shows: when it was last crawled as a whole and still showed them.
pub fn seen_at(conn: &mut DbConn, ids: &[Id]) -> Result<HashMap<Id, Timestamp>, StoreError> {
    let rows: Vec<(Id, Option<Timestamp>)> = postings::table
        .inner_join(boards::table.on(postings::board_id.eq(boards::id.nullable())))
        .filter(postings::id.eq_any(ids.to_vec()))
        .filter(postings::absent_since.is_null())
        .filter(boards::last_complete_at.is_not_null())
        .order(postings::id)
        .limit(ids.len() as i64)
        .select((postings::id, boards::last_complete_at))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(id, at)| Some((id, at?))).collect())
}

/// Whole days from its first publication until it ended, or until `now`.
pub fn days_open(row: &PostingRow, now: Timestamp) -> Option<i64> {
    let until = row.closed_at.unwrap_or(now);
    let seconds = until.seconds() - row.published_at?.seconds();
    Some((seconds / (24 * 60 * 60)).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_same_whatever_its_case_and_marks() {
        assert_eq!(
            folded("Senior RTL Engineer (Austin)"),
            folded("senior  RTL engineer – Austin")
        );
        assert_ne!(folded("RTL Engineer II"), folded("RTL Engineer"));
    }
}
