//! Postings in the forms in which others take them: schema.org, aggregators' XML, feeds, sitemaps.
//!
//! Everything is read a page at a time, in order of the postings' revisions or ids, so that a feed of any size needs no memory.

mod feed;
mod json_ld;
mod xml;

use std::collections::HashMap;

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::{employers, postings};
use store::{DbConn, Id, StoreError, Timestamp, cols};

use crate::find::to_posting;
use crate::posting::{EmployerRef, Posting, PostingRow, PostingStatus};

pub use feed::{FeedFormat, FeedHead};
pub use json_ld::{embedded, json_ld};
pub use xml::{Site, XmlFeed, cdata, escape};

/// Revisions that one sitemap covers: as many addresses at most (the protocol allows 50,000).
pub const SITEMAP_REVISIONS: i64 = 10_000;
/// Employers whose numbers a feed holds.
const MAX_NUMBERS: i64 = 100_000;

/// Every status but `published`. Said like this because SQLite would take the index on the status for "is published", which holds
/// nearly all rows, and sort them for every page: reading everything would cost the square of it.
const NOT_OPEN: [PostingStatus; 7] = [
    PostingStatus::Draft,
    PostingStatus::InReview,
    PostingStatus::Scheduled,
    PostingStatus::Paused,
    PostingStatus::Closed,
    PostingStatus::Expired,
    PostingStatus::Rejected,
];

/// What is in search: the same for every feed.
macro_rules! open_postings {
    ($now:expr) => {
        postings::table
            .inner_join(employers::table)
            .filter(
                postings::status
                    .ne_all(NOT_OPEN)
                    .and(postings::deleted_at.is_null()),
            )
            .filter(employers::status.eq("active"))
            .filter(postings::expires_at.is_null().or(postings::expires_at.gt($now)))
    };
}

/// Up to `limit` postings that are in search, with revisions after `after` and up to `until`, in their order.
pub fn list_open(
    conn: &mut DbConn,
    after: i64,
    until: i64,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Posting>, StoreError> {
    let rows = open_postings!(now)
        .filter(postings::revision.gt(after).and(postings::revision.le(until)))
        .order(postings::revision)
        .limit(limit)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load::<(PostingRow, EmployerRef)>(conn)?;
    Ok(rows.into_iter().map(to_posting).collect())
}

/// Up to `limit` postings that are in search, in the order of their ids, after the id `after`. One that changes while a reader
/// walks through keeps its place: whoever takes what is missing for closed must not miss it.
pub fn list_open_by_id(
    conn: &mut DbConn,
    after: Option<Id>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Posting>, StoreError> {
    let mut query = open_postings!(now)
        .order(postings::id)
        .limit(limit)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(postings::id.gt(after));
    }
    let rows = query.load::<(PostingRow, EmployerRef)>(conn)?;
    Ok(rows.into_iter().map(to_posting).collect())
}

/// How many postings are in search.
pub fn count_open(conn: &mut DbConn, now: Timestamp) -> Result<i64, StoreError> {
    Ok(open_postings!(now).count().get_result(conn)?)
}

/// LinkedIn's numbers of employers that said theirs, by employer.
pub fn linkedin_numbers(conn: &mut DbConn) -> Result<HashMap<Id, i64>, StoreError> {
    let rows: Vec<(Id, Option<i64>)> = employers::table
        .filter(employers::linkedin_company_id.is_not_null())
        .order(employers::id)
        .limit(MAX_NUMBERS)
        .select((employers::id, employers::linkedin_company_id))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, number)| Some((id, number?)))
        .collect())
}

/// The sitemaps that hold a posting: their numbers from 1, and when a posting in each last changed.
pub fn list_sitemaps(conn: &mut DbConn, now: Timestamp) -> Result<Vec<(i64, Timestamp)>, StoreError> {
    let latest = revision::latest(conn, Counter::Postings)?;
    let mut sitemaps = Vec::new();
    let mut first = 0;
    while first < latest {
        let until = first + SITEMAP_REVISIONS;
        let changed: Option<Timestamp> = open_postings!(now)
            .filter(postings::revision.gt(first).and(postings::revision.le(until)))
            .select(diesel::dsl::max(postings::updated_at))
            .first(conn)?;
        if let Some(changed) = changed {
            sitemaps.push((first / SITEMAP_REVISIONS + 1, changed));
        }
        first = until;
    }
    Ok(sitemaps)
}

/// When anything in public changed last: a posting came, changed or went.
pub fn last_change(conn: &mut DbConn) -> Result<Option<Timestamp>, StoreError> {
    Ok(postings::table
        .filter(postings::revision.is_not_null())
        .order(postings::revision.desc())
        .select(postings::updated_at)
        .first(conn)
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_open_is_every_status_but_one() {
        let others = PostingStatus::ALL
            .iter()
            .filter(|status| **status != PostingStatus::Published);
        assert!(others.eq(&NOT_OPEN));
    }
}
