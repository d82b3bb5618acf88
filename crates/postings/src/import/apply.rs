//! Writing one batch of imported rows.

use std::collections::HashMap;

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::{employers, posting_versions, postings};
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, on_each};

use crate::lifecycle::{LIFETIME, slug_of};
use crate::posting::{CloseReason, PostingRow, PostingStatus};

use super::row::{Identity, Imported, RowEmployer, RowError};
use super::run::{EmployerChoice, ImportOptions};

/// What the database knows about a row's posting.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: Id,
    pub(crate) hash: Vec<u8>,
    pub(crate) employer_slug: String,
    status: PostingStatus,
    expires_at: Option<Timestamp>,
}

impl Known {
    /// Whether a posting that its source still shows would soon end, or has ended, merely because time went by.
    pub(crate) fn wants_renewal(&self, now: Timestamp) -> bool {
        let soon = now.plus(LIFETIME / 2);
        match self.status {
            PostingStatus::Expired => true,
            PostingStatus::Published | PostingStatus::Paused => self.expires_at.is_some_and(|at| at < soon),
            _ => false,
        }
    }
}

/// A row that differs from what the database knows.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) line: u64,
    pub(crate) identity: Identity,
    pub(crate) employer: RowEmployer,
    pub(crate) hash: Vec<u8>,
    pub(crate) imported: Imported,
}

/// What a batch did.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) closed: u64,
    pub(crate) rejected: Vec<(u64, RowError)>,
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
        type Row = (
            Id,
            Vec<u8>,
            String,
            PostingStatus,
            Option<Timestamp>,
            Option<String>,
        );
        let rows: Vec<Row> = postings::table
            .inner_join(employers::table)
            .filter(postings::source.eq(source).and(postings::source_id.eq_any(ids)))
            .order(postings::id)
            .select((
                postings::id,
                postings::content_hash,
                employers::slug,
                postings::status,
                postings::expires_at,
                postings::source_id,
            ))
            .load(conn)?;
        for (id, hash, employer_slug, status, expires_at, source_id) in rows {
            let identity = Identity {
                source: source.to_owned(),
                source_id: source_id.unwrap_or_default(),
            };
            let posting = Known {
                id,
                hash,
                employer_slug,
                status,
                expires_at,
            };
            known.insert(identity, posting);
        }
    }
    Ok(known)
}

/// Refuses a row of one employer's import whose posting is another employer's.
pub(crate) fn check_owner(
    known: Option<&Known>,
    employer: &RowEmployer,
    options: &ImportOptions,
) -> Result<(), RowError> {
    let is_bound = matches!(options.employer, EmployerChoice::Slug(_));
    if is_bound && known.is_some_and(|known| known.employer_slug != employer.slug) {
        let detail = "another employer has a posting with this source and source_id";
        return Err(RowError::new("identity_taken", detail));
    }
    Ok(())
}

/// Writes a batch in the caller's transaction: inserts what is new, updates what is known, makes missing employers.
pub(crate) fn apply(
    tx: &mut DbConn,
    batch: Vec<Changed>,
    options: &ImportOptions,
    random: &Random,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    let employer_ids = ensure_employers(tx, &batch, random, now)?;
    // Taken before looking: whoever imports the same rows at the same time waits here, and then finds them known.
    let mut revision = revision::take(tx, Counter::Postings, batch.len() as i64)?;
    let identities: Vec<&Identity> = batch.iter().map(|row| &row.identity).collect();
    let known = known(tx, &identities)?;
    let mut external_ids = ExternalIds::load(tx, &batch, &employer_ids)?;
    let mut applied = Applied::default();
    let mut new_rows = Vec::new();
    let mut updated_rows = Vec::new();
    for changed in batch {
        let known = known.get(&changed.identity);
        let id = known.map_or_else(|| random.id(now), |known| known.id);
        let employer_id = employer_ids[&changed.employer.slug];
        let allowed = check_owner(known, &changed.employer, options)
            .and_then(|()| external_ids.claim(employer_id, changed.imported.external_id.as_ref(), id));
        if let Err(error) = allowed {
            applied.rejected.push((changed.line, error));
            continue;
        }
        if let Some(known) = known {
            let row = update(tx, id, employer_id, changed, revision, now)?;
            if known.status != row.status && row.status == PostingStatus::Closed {
                applied.closed += 1;
            } else {
                applied.updated += 1;
            }
            updated_rows.push(row);
        } else {
            applied.created += 1;
            new_rows.push(new_row(changed, id, employer_id, revision, now));
        }
        revision += 1;
    }
    let versions: Vec<KeptVersion<'_>> = new_rows
        .iter()
        .chain(&updated_rows)
        .filter(|row| row.status == PostingStatus::Published)
        .map(|row| KeptVersion {
            posting_id: row.id,
            version: row.version,
            content: &row.content,
            created_at: now,
        })
        .collect();
    on_each!(tx, c => diesel::insert_into(postings::table).values(&new_rows).execute(c))?;
    on_each!(tx, c => diesel::insert_into(posting_versions::table).values(&versions).execute(c))?;
    Ok(applied)
}

/// Which posting has which of its employer's own names.
struct ExternalIds(HashMap<(Id, String), Id>);

impl ExternalIds {
    fn load(
        conn: &mut DbConn,
        batch: &[Changed],
        employer_ids: &HashMap<String, Id>,
    ) -> Result<Self, StoreError> {
        let mut named: HashMap<Id, Vec<&str>> = HashMap::new();
        for row in batch {
            if let Some(external_id) = &row.imported.external_id {
                let employer_id = employer_ids[&row.employer.slug];
                named.entry(employer_id).or_default().push(external_id);
            }
        }
        let mut taken = HashMap::new();
        for (employer_id, names) in named {
            let rows: Vec<(Option<String>, Id)> = postings::table
                .filter(
                    postings::employer_id
                        .eq(employer_id)
                        .and(postings::external_id.eq_any(names)),
                )
                .order(postings::id)
                .select((postings::external_id, postings::id))
                .load(conn)?;
            for (name, id) in rows {
                taken.insert((employer_id, name.unwrap_or_default()), id);
            }
        }
        Ok(Self(taken))
    }

    fn claim(&mut self, employer_id: Id, external_id: Option<&String>, id: Id) -> Result<(), RowError> {
        let Some(external_id) = external_id else {
            return Ok(());
        };
        let owner = *self.0.entry((employer_id, external_id.clone())).or_insert(id);
        if owner == id {
            return Ok(());
        }
        let detail = "another posting of this employer has this external_id";
        Err(RowError::new("external_id_taken", detail))
    }
}

#[derive(Insertable)]
#[diesel(table_name = posting_versions, treat_none_as_default_value = false)]
struct KeptVersion<'a> {
    posting_id: Id,
    version: i32,
    content: &'a Json<crate::PostingContent>,
    created_at: Timestamp,
}

fn new_row(changed: Changed, id: Id, employer_id: Id, revision: i64, now: Timestamp) -> PostingRow {
    let Changed {
        identity,
        employer,
        hash,
        imported,
        ..
    } = changed;
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

/// A known posting takes over what the row says now. A pause, an end or a refusal that people decided on stays.
fn update(
    tx: &mut DbConn,
    id: Id,
    employer_id: Id,
    changed: Changed,
    revision: i64,
    now: Timestamp,
) -> Result<PostingRow, StoreError> {
    let mut row = postings::table
        .find(id)
        .select(cols::<PostingRow>())
        .first::<PostingRow>(tx)?;
    let imported = changed.imported;
    let ended_here = matches!(
        row.close_reason,
        Some(CloseReason::Filled | CloseReason::Withdrawn)
    );
    match row.status {
        PostingStatus::Published | PostingStatus::Paused if !imported.is_open => {
            row.status = PostingStatus::Closed;
            row.close_reason = Some(CloseReason::Other);
            row.closed_at = Some(now);
        }
        PostingStatus::Closed | PostingStatus::Expired if imported.is_open && !ended_here => {
            row.status = PostingStatus::Published;
            row.close_reason = None;
            row.closed_at = None;
        }
        _ => {}
    }
    row.employer_id = employer_id;
    row.content = Json(imported.content);
    row.content_hash = changed.hash;
    row.external_id = imported.external_id;
    row.version += 1;
    row.revision = Some(revision);
    if imported.is_open {
        row.first_revision.get_or_insert(revision);
    }
    row.expires_at = Some(imported.expires_at);
    row.updated_at = now;
    diesel::update(postings::table.find(id)).set(&row).execute(tx)?;
    Ok(row)
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
