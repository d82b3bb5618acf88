//! Writing one batch of imported rows.

use std::collections::HashMap;

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::{employers, posting_versions, postings};
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, on_each};

use crate::lifecycle::slug_of;
use crate::posting::{CloseReason, PostingRow, PostingStatus};

use super::row::{Identity, Imported, RowEmployer};

/// What the database knows about a row's posting.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: Id,
    pub(crate) hash: Vec<u8>,
}

/// A row that differs from what the database knows.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) identity: Identity,
    pub(crate) employer: RowEmployer,
    pub(crate) hash: Vec<u8>,
    pub(crate) imported: Imported,
}

/// What a batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) closed: u64,
}

/// What the database knows about `identities`.
pub(crate) fn known(
    conn: &mut DbConn,
    identities: &[&Identity],
) -> Result<HashMap<Identity, Known>, StoreError> {
    let mut by_source: HashMap<&str, Vec<&str>> = HashMap::new();
    for identity in identities {
        by_source
            .entry(&identity.source)
            .or_default()
            .push(&identity.source_id);
    }
    let mut known = HashMap::new();
    for (source, ids) in by_source {
        let rows: Vec<(Id, Vec<u8>, Option<String>)> = postings::table
            .filter(postings::source.eq(source).and(postings::source_id.eq_any(ids)))
            .order(postings::id)
            .select((postings::id, postings::content_hash, postings::source_id))
            .load(conn)?;
        for (id, hash, source_id) in rows {
            let identity = Identity {
                source: source.to_owned(),
                source_id: source_id.unwrap_or_default(),
            };
            known.insert(identity, Known { id, hash });
        }
    }
    Ok(known)
}

/// Writes a batch in the caller's transaction: inserts what is new, updates what is known, makes missing employers.
pub(crate) fn apply(
    tx: &mut DbConn,
    batch: Vec<Changed>,
    random: &Random,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    let identities: Vec<&Identity> = batch.iter().map(|row| &row.identity).collect();
    let known = known(tx, &identities)?;
    let employer_ids = ensure_employers(tx, &batch, random, now)?;
    let mut revision = revision::take(tx, Counter::Postings, batch.len() as i64)?;
    let mut applied = Applied::default();
    let mut new_rows = Vec::new();
    let mut versions = Vec::new();
    for changed in batch {
        let row = match known.get(&changed.identity) {
            Some(known) => {
                let Some(row) = update(tx, known.id, changed, revision, now)? else {
                    continue;
                };
                match row.status {
                    PostingStatus::Closed => applied.closed += 1,
                    _ => applied.updated += 1,
                }
                row
            }
            None => {
                let employer_id = employer_ids[&changed.employer.slug];
                let row = new_row(changed, employer_id, revision, random, now);
                applied.created += 1;
                new_rows.push(row.clone());
                row
            }
        };
        revision += 1;
        if row.status == PostingStatus::Published {
            versions.push(Version {
                posting_id: row.id,
                version: row.version,
                content: row.content,
                created_at: now,
            });
        }
    }
    on_each!(tx, c => diesel::insert_into(postings::table).values(&new_rows).execute(c))?;
    on_each!(tx, c => diesel::insert_into(posting_versions::table).values(&versions).execute(c))?;
    Ok(applied)
}

#[derive(Insertable)]
#[diesel(table_name = posting_versions, treat_none_as_default_value = false)]
struct Version {
    posting_id: Id,
    version: i32,
    content: Json<crate::PostingContent>,
    created_at: Timestamp,
}

fn new_row(changed: Changed, employer_id: Id, revision: i64, random: &Random, now: Timestamp) -> PostingRow {
    let Changed {
        identity,
        employer,
        hash,
        imported,
    } = changed;
    let id = random.id(now);
    PostingRow {
        id,
        employer_id,
        slug: slug_of(&imported.content.title, &employer.slug, id),
        status: if imported.is_open {
            PostingStatus::Published
        } else {
            PostingStatus::Closed
        },
        version: 1,
        revision: Some(revision),
        first_revision: imported.is_open.then_some(revision),
        content: Json(imported.content),
        content_hash: hash,
        source: Some(identity.source),
        source_id: Some(identity.source_id),
        external_id: imported.external_id,
        close_reason: (!imported.is_open).then_some(CloseReason::Other),
        created_at: now,
        updated_at: now,
        published_at: Some(imported.published_at),
        expires_at: Some(imported.expires_at),
        closed_at: (!imported.is_open).then_some(now),
        deleted_at: None,
    }
}

/// A known posting takes over what the row says now. A pause that its employer made stays.
fn update(
    tx: &mut DbConn,
    id: Id,
    changed: Changed,
    revision: i64,
    now: Timestamp,
) -> Result<Option<PostingRow>, StoreError> {
    let Some(mut row) = postings::table
        .find(id)
        .select(cols::<PostingRow>())
        .first::<PostingRow>(tx)
        .optional()?
    else {
        return Ok(None);
    };
    let imported = changed.imported;
    row.status = match (imported.is_open, row.status) {
        (false, _) => PostingStatus::Closed,
        (true, PostingStatus::Paused) => PostingStatus::Paused,
        (true, _) => PostingStatus::Published,
    };
    row.close_reason = (!imported.is_open).then_some(CloseReason::Other);
    row.closed_at = (!imported.is_open).then_some(now);
    row.content = Json(imported.content);
    row.content_hash = changed.hash;
    row.version += 1;
    row.revision = Some(revision);
    if imported.is_open {
        row.first_revision.get_or_insert(revision);
    }
    row.expires_at = Some(imported.expires_at);
    row.updated_at = now;
    diesel::update(postings::table.find(id)).set(&row).execute(tx)?;
    Ok(Some(row))
}

fn ensure_employers(
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
