//! Postings in the forms in which others take them: schema.org, aggregators' XML, feeds, sitemaps.
//!
//! Everything is read in order of the postings' revisions, a page at a time, so that a feed of any size needs no memory.

mod feed;
mod json_ld;
mod xml;

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::{employers, postings};
use store::{DbConn, StoreError, Timestamp, cols};

use crate::find::to_posting;
use crate::posting::{EmployerRef, Posting, PostingRow, PostingStatus};

pub use feed::{FeedFormat, FeedHead};
pub use json_ld::{embedded, json_ld};
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
    let latest = revision::latest(conn, Counter::Postings)?;
    let mut sitemaps = Vec::new();
    let mut first = 0;
    while first < latest {
        let until = first + SITEMAP_REVISIONS;
        let changed: Option<Timestamp> = postings::table
            .inner_join(employers::table)
            .filter(postings::revision.gt(first).and(postings::revision.le(until)))
            .filter(
                postings::status
                    .eq(PostingStatus::Published)
                    .and(postings::deleted_at.is_null()),
            )
            .filter(employers::status.eq("active"))
            .filter(postings::expires_at.is_null().or(postings::expires_at.gt(now)))
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
