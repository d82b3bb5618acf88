//! Postings in the forms in which others take them: schema.org, aggregators' XML, sitemaps.
//!
//! Everything is read in order of the postings' revisions, a page at a time, so that a feed of any size needs no memory.

mod json_ld;
mod xml;

use std::collections::BTreeMap;

use diesel::prelude::*;
use store::schema::{employers, postings};
use store::{DbConn, StoreError, Timestamp, cols};

use crate::find::to_posting;
use crate::posting::{EmployerRef, Posting, PostingRow, PostingStatus};

pub use json_ld::json_ld;
pub use xml::{Site, XmlFeed, cdata, escape};

/// Revisions that one sitemap covers: as many addresses at most (the protocol allows 50,000).
pub const SITEMAP_REVISIONS: i64 = 10_000;

/// Up to `limit` postings that are in search, with revisions after `after` and up to `until`, in their order.
pub fn list_open(
    conn: &mut DbConn,
    after: i64,
    until: i64,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Posting>, StoreError> {
    let rows = postings::table
        .inner_join(employers::table)
        .filter(postings::revision.gt(after).and(postings::revision.le(until)))
        .filter(
            postings::status
                .eq(PostingStatus::Published)
                .and(postings::deleted_at.is_null()),
        )
        .filter(employers::status.eq("active"))
        .filter(postings::expires_at.is_null().or(postings::expires_at.gt(now)))
        .order(postings::revision)
        .limit(limit)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load::<(PostingRow, EmployerRef)>(conn)?;
    Ok(rows.into_iter().map(to_posting).collect())
}

/// The sitemaps that hold a posting: their numbers from 1, and when a posting in each last changed.
pub fn list_sitemaps(conn: &mut DbConn, now: Timestamp) -> Result<Vec<(i64, Timestamp)>, StoreError> {
    let rows: Vec<(Option<i64>, Timestamp)> = postings::table
        .inner_join(employers::table)
        .filter(postings::revision.is_not_null())
        .filter(
            postings::status
                .eq(PostingStatus::Published)
                .and(postings::deleted_at.is_null()),
        )
        .filter(employers::status.eq("active"))
        .filter(postings::expires_at.is_null().or(postings::expires_at.gt(now)))
        .order(postings::revision)
        .select((postings::revision, postings::updated_at))
        .load(conn)?;
    let mut latest: BTreeMap<i64, Timestamp> = BTreeMap::new();
    for (revision, updated_at) in rows {
        let number = (revision.unwrap_or_default() - 1) / SITEMAP_REVISIONS + 1;
        let at = latest.entry(number).or_insert(updated_at);
        *at = (*at).max(updated_at);
    }
    Ok(latest.into_iter().collect())
}
