//! Looking postings up.

use diesel::prelude::*;
use diesel::sql_types::Text;
use store::page::Page;
use store::schema::{employers, posting_versions, postings};
use store::{DbConn, Id, Json, StoreError, Timestamp, cols};

use crate::PostingContent;
use crate::attributes::{is_name, json_forms};
use crate::posting::{EmployerRef, Posting, PostingRow, PostingStatus};

type Row = (PostingRow, EmployerRef);

pub(crate) fn to_posting((row, employer): Row) -> Posting {
    Posting { employer, row }
}

/// The posting `id`, in whatever status, unless it was erased.
pub fn find(conn: &mut DbConn, id: Id) -> Result<Option<Posting>, StoreError> {
    let found = postings::table
        .inner_join(employers::table)
        .filter(postings::id.eq(id).and(postings::deleted_at.is_null()))
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .first::<Row>(conn)
        .optional()?;
    Ok(found.map(to_posting))
}

/// Those of `ids` that are not erased, in whatever status, in no particular order. At most a few hundred ids.
pub fn list(conn: &mut DbConn, ids: &[Id]) -> Result<Vec<Posting>, StoreError> {
    let rows: Vec<Row> = postings::table
        .inner_join(employers::table)
        .filter(
            postings::id
                .eq_any(ids.to_vec())
                .and(postings::deleted_at.is_null()),
        )
        .order(postings::id)
        .limit(ids.len() as i64)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load(conn)?;
    Ok(rows.into_iter().map(to_posting).collect())
}

/// The posting with this slug, in whatever status, unless it was erased.
pub fn find_by_slug(conn: &mut DbConn, slug: &str) -> Result<Option<Posting>, StoreError> {
    let found = postings::table
        .inner_join(employers::table)
        .filter(postings::slug.eq(slug).and(postings::deleted_at.is_null()))
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .first::<Row>(conn)
        .optional()?;
    Ok(found.map(to_posting))
}

/// Those of `ids` that search may show now, in no particular order. At most a few hundred ids.
pub fn list_searchable(conn: &mut DbConn, ids: &[Id], now: Timestamp) -> Result<Vec<Posting>, StoreError> {
    let rows = postings::table
        .inner_join(employers::table)
        .filter(postings::id.eq_any(ids.to_vec()))
        .filter(
            postings::status
                .eq(PostingStatus::Published)
                .and(postings::deleted_at.is_null()),
        )
        .filter(employers::status.eq("active"))
        .filter(postings::expires_at.is_null().or(postings::expires_at.gt(now)))
        .order(postings::id)
        .limit(ids.len() as i64)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load::<Row>(conn)?;
    Ok(rows.into_iter().map(to_posting).collect())
}

/// An employer's postings in these statuses, newest first, after the posting `before`; with these attributes, each a name
/// ([`crate::attributes::is_name`]; others match nothing) and the text of its value.
pub fn list_of_employer(
    conn: &mut DbConn,
    employer_id: Id,
    statuses: &[PostingStatus],
    attributes: &[(String, String)],
    before: Option<Id>,
    limit: usize,
) -> Result<Page<Posting, Id>, StoreError> {
    let mut query = postings::table
        .inner_join(employers::table)
        .filter(
            postings::employer_id
                .eq(employer_id)
                .and(postings::deleted_at.is_null()),
        )
        .filter(postings::status.eq_any(statuses.to_vec()))
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .order(postings::id.desc())
        .limit(limit as i64 + 1)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(postings::id.lt(before));
    }
    for (name, value) in attributes {
        if !is_name(name) {
            return Ok(Page::cut(Vec::new(), limit, |posting: &Posting| posting.row.id));
        }
        // The name is of letters, digits and _ only.
        let text = format!("CAST(postings.content -> 'attributes' -> '{name}' AS TEXT)");
        query = query.filter(diesel::dsl::sql::<Text>(&text).eq_any(json_forms(value)));
    }
    let rows: Vec<Row> = query.load(conn)?;
    Ok(Page::cut(
        rows.into_iter().map(to_posting).collect(),
        limit,
        |posting: &Posting| posting.row.id,
    ))
}

/// The public versions of a posting, newest first, at most `limit`: number, content, time.
pub fn list_versions(
    conn: &mut DbConn,
    posting_id: Id,
    limit: i64,
) -> Result<Vec<(i32, PostingContent, Timestamp)>, StoreError> {
    let rows = posting_versions::table
        .filter(posting_versions::posting_id.eq(posting_id))
        .order(posting_versions::version.desc())
        .limit(limit)
        .select((
            posting_versions::version,
            posting_versions::content,
            posting_versions::created_at,
        ))
        .load::<(i32, Json<PostingContent>, Timestamp)>(conn)?;
    Ok(rows
        .into_iter()
        .map(|(version, content, at)| (version, content.0, at))
        .collect())
}

/// How many postings are in each status.
pub fn count_by_status(conn: &mut DbConn) -> Result<Vec<(PostingStatus, i64)>, StoreError> {
    Ok(postings::table
        .filter(postings::deleted_at.is_null())
        .group_by(postings::status)
        .select((postings::status, diesel::dsl::count_star()))
        .load(conn)?)
}
