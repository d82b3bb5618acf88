//! Employers as the owners of postings.

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::{employers, postings};
use store::{DbConn, Id, Random, StoreError, Timestamp, on_each};

/// Gives every posting of the employer that readers know a new revision, so that they see its new name, or that it was
/// frozen or brought back. Returns how many.
pub fn touch_postings(tx: &mut DbConn, employer_id: Id, now: Timestamp) -> Result<usize, StoreError> {
    // A posting that is being published right now must not slip through between looking and counting.
    revision::lock(tx, Counter::Postings)?;
    let ids: Vec<Id> = postings::table
        .filter(
            postings::employer_id
                .eq(employer_id)
                .and(postings::revision.is_not_null())
                .and(postings::deleted_at.is_null()),
        )
        .order(postings::id)
        .select(postings::id)
        .load(tx)?;
    let first = revision::take(tx, Counter::Postings, ids.len() as i64)?;
    for (id, revision) in ids.iter().zip(first..) {
        diesel::update(postings::table.find(id))
            .set((postings::revision.eq(revision), postings::updated_at.eq(now)))
            .execute(tx)?;
    }
    Ok(ids.len())
}

/// Makes an employer that nobody manages yet, for imported postings; an existing one with this slug stays as it is.
/// Returns its id.
pub(crate) fn create_imported(
    tx: &mut DbConn,
    slug: &str,
    name: &str,
    random: &Random,
    now: Timestamp,
) -> Result<Id, StoreError> {
    let name: String = name.chars().take(200).collect();
    let row = (
        employers::id.eq(random.id(now)),
        employers::slug.eq(slug),
        employers::name.eq(name),
        employers::description_html.eq(""),
        employers::status.eq("active"),
        employers::version.eq(1),
        employers::created_at.eq(now),
        employers::updated_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(employers::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(employers::table
        .filter(employers::slug.eq(slug))
        .select(employers::id)
        .first(tx)?)
}
