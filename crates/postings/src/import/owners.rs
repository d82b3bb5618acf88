//! Whose the rows of a batch are.

use std::collections::HashMap;

use diesel::prelude::*;
use store::schema::employers;
use store::{DbConn, Id, Random, StoreError, Timestamp};

use super::apply::Changed;

/// The employers of a batch by slug; those that are missing are made.
pub(crate) fn ensure_employers(
    tx: &mut DbConn,
    batch: &[Changed],
    random: &Random,
    now: Timestamp,
) -> Result<HashMap<String, Id>, StoreError> {
    let mut named: HashMap<&str, &str> = HashMap::new();
    for row in batch {
        named.entry(&row.employer.slug).or_insert(&row.employer.name);
    }
    let mut ids = find_employers(tx, named.keys().copied().collect())?;
    for (slug, name) in named {
        if !ids.contains_key(slug) {
            let id = crate::employers::create_imported(tx, slug, name, random, now)?;
            ids.insert(slug.to_owned(), id);
        }
    }
    Ok(ids)
}

fn find_employers(conn: &mut DbConn, slugs: Vec<&str>) -> Result<HashMap<String, Id>, StoreError> {
    let rows: Vec<(String, Id)> = employers::table
        .filter(employers::slug.eq_any(slugs))
        .order(employers::slug)
        .select((employers::slug, employers::id))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
