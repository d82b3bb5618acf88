//! Writing one batch of imported rows.

use std::collections::HashMap;

use diesel::prelude::*;
use store::revision::{self, Counter};
use store::schema::{employers, posting_versions, postings};
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, on_each};

use crate::lifecycle::{LIFETIME, slug_of};
use crate::posting::{CloseReason, PostingRow, PostingStatus};

use super::diff::{ChangeKind, ChangeNote, changed_fields};
use super::edits::{self, Edits};
use super::gate::Gate;
use super::options::{EmployerChoice, ImportOptions};
use super::owners::ensure_employers;
use super::row::{Identity, Imported, RowEmployer, RowError};

/// What the database knows about a row's posting.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: Id,
    pub(crate) hash: Vec<u8>,
    pub(crate) employer_slug: String,
    status: PostingStatus,
    expires_at: Option<Timestamp>,
    is_erased: bool,
    board_id: Option<Id>,
    is_absent: bool,
    edits: Option<Edits>,
}

impl Known {
    /// Whether its board stopped showing it, so that a row of it is news.
    pub(crate) fn is_absent(&self) -> bool {
        self.is_absent
    }

    /// Whether another board, or none, is noted as the one that shows it.
    pub(crate) fn is_of_another(&self, board: Option<Id>) -> bool {
        board.is_some() && self.board_id != board
    }

    fn has_own_end(&self) -> bool {
        let edits = self.edits.as_ref();
        edits.is_some_and(|edits| edits.get("expires_at").is_some_and(|at| !at.is_null()))
    }

    /// Whether a posting that its source still shows would soon end, or has ended, merely because time went by.
    pub(crate) fn wants_renewal(&self, now: Timestamp) -> bool {
        if self.has_own_end() {
            return false;
        }
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
    pub(crate) waiting: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) closed: u64,
    pub(crate) rejected: Vec<(u64, RowError)>,
    pub(crate) notes: Vec<ChangeNote>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = postings)]
struct KnownRow {
    id: Id,
    content_hash: Vec<u8>,
    #[diesel(select_expression = employers::slug)]
    slug: String,
    status: PostingStatus,
    expires_at: Option<Timestamp>,
    source_id: Option<String>,
    deleted_at: Option<Timestamp>,
    board_id: Option<Id>,
    absent_since: Option<Timestamp>,
    edits: Option<Json<Edits>>,
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
        let rows: Vec<KnownRow> = postings::table
            .inner_join(employers::table)
            .filter(postings::source.eq(source).and(postings::source_id.eq_any(ids)))
            .order(postings::id)
            .select(cols::<KnownRow>())
            .load(conn)?;
        for row in rows {
            let identity = Identity {
                source: source.to_owned(),
                source_id: row.source_id.unwrap_or_default(),
            };
            let posting = Known {
                id: row.id,
                hash: row.content_hash,
                employer_slug: row.slug,
                status: row.status,
                expires_at: row.expires_at,
                is_erased: row.deleted_at.is_some(),
                board_id: row.board_id,
                is_absent: row.absent_since.is_some(),
                edits: row.edits.map(|edits| edits.0),
            };
            known.insert(identity, posting);
        }
    }
    Ok(known)
}

/// Refuses a row of one employer's import whose posting is another employer's, and one whose posting was erased here.
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
    if known.is_some_and(|known| known.is_erased) {
        let detail = "it was erased here, and does not come back";
        return Err(RowError::new("posting_erased", detail));
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
    let employers: Vec<Id> = employer_ids.values().copied().collect();
    let mut gate = Gate::open(tx, &employers, options.members)?;
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
        let source_id = changed.identity.source_id.clone();
        if let Some(known) = known {
            match update(tx, known, employer_id, changed, (revision, &mut gate), now)? {
                Updated::Same => applied.unchanged += 1,
                Updated::Rejected(line, error) => applied.rejected.push((line, error)),
                Updated::Row(row, fields) => {
                    let kind = kind_of(known.status, row.status);
                    match kind {
                        ChangeKind::Closed => applied.closed += 1,
                        _ => applied.updated += 1,
                    }
                    let note = ChangeNote::new(kind, id, &source_id, &row.content.0.title);
                    applied.notes.push(ChangeNote { fields, ..note });
                    updated_rows.push(*row);
                }
            }
        } else {
            let line = changed.line;
            let row = match gate.place(new_row(changed, id, employer_id, revision, now)) {
                Ok(row) => row,
                Err(error) => {
                    applied.rejected.push((line, error));
                    continue;
                }
            };
            applied.created += 1;
            applied.waiting += u64::from(row.status == PostingStatus::InReview);
            let mut note = ChangeNote::new(ChangeKind::Created, id, &source_id, &row.content.0.title);
            note.posting_id = note.posting_id.filter(|_| !options.dry_run);
            applied.notes.push(note);
            new_rows.push(row);
        }
        revision += 1;
    }
    crate::trust::mark_reposts(tx, &mut new_rows, now)?;
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
    gate.note_held(tx, now)?;
    on_each!(tx, c => diesel::insert_into(posting_versions::table).values(&versions).execute(c))?;
    if let Some(board) = options.board {
        let ids: Vec<Id> = new_rows.iter().chain(&updated_rows).map(|row| row.id).collect();
        assign(tx, board, &ids)?;
    }
    Ok(applied)
}

/// Notes that `board` is the one that shows these postings.
pub(crate) fn assign(tx: &mut DbConn, board: Id, ids: &[Id]) -> Result<(), StoreError> {
    if !ids.is_empty() {
        diesel::update(postings::table.filter(postings::id.eq_any(ids.to_vec())))
            .set(postings::board_id.eq(board))
            .execute(tx)?;
    }
    Ok(())
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
        publish_at: None,
        campaign_id: None,
        verified_at: Some(now),
        reposted_from: None,
    }
}

fn kind_of(before: PostingStatus, after: PostingStatus) -> ChangeKind {
    match (before, after) {
        (PostingStatus::Published | PostingStatus::Paused, PostingStatus::Closed) => ChangeKind::Closed,
        (PostingStatus::Closed | PostingStatus::Expired, PostingStatus::Published) => ChangeKind::Reopened,
        _ => ChangeKind::Updated,
    }
}

/// What became of a known posting.
enum Updated {
    /// Nothing that a reader could see.
    Same,
    /// It is this now, other in these fields.
    Row(Box<PostingRow>, Vec<String>),
    /// The row does not go together with what people changed.
    Rejected(u64, RowError),
}

/// A known posting takes over what the row says now, except for fields that people changed or that the row does not know.
/// A pause, an end or a refusal that people decided on stays.
fn update(
    tx: &mut DbConn,
    known: &Known,
    employer_id: Id,
    changed: Changed,
    (revision, gate): (i64, &mut Gate),
    now: Timestamp,
) -> Result<Updated, StoreError> {
    let target = postings::table.find(known.id);
    let mut row = target.select(cols::<PostingRow>()).first::<PostingRow>(tx)?;
    let imported = changed.imported;
    let content = if known.edits.is_some() || !imported.keep.is_empty() {
        match edits::merge(&imported, known.edits.as_ref(), &row.content.0) {
            Ok(content) => content,
            Err(error) => return Ok(Updated::Rejected(changed.line, error)),
        }
    } else {
        imported.content
    };
    let status_before = row.status;
    move_status(&mut row, imported.is_open, known, now);
    if row.status == PostingStatus::Published && status_before != row.status {
        let is_new_to_readers = !crate::review::was_public(tx, row.id, &content)?;
        match gate.admit(employer_id, is_new_to_readers) {
            Ok(false) => {}
            Ok(true) => row.status = PostingStatus::InReview,
            Err(error) => return Ok(Updated::Rejected(changed.line, error)),
        }
    }
    let is_edited = |field: &str| {
        known
            .edits
            .as_ref()
            .is_some_and(|edits| edits.contains_key(field))
    };
    let external_id = if is_edited("external_id") {
        row.external_id.clone()
    } else {
        imported.external_id
    };
    let expires_at = if known.has_own_end() {
        row.expires_at
    } else {
        Some(imported.expires_at)
    };
    let ends_otherwise = expires_at != row.expires_at && (imported.states_end || known.wants_renewal(now));
    let fields = changed_fields(&row.content.0, &content);
    let is_same = row.status == status_before
        && row.employer_id == employer_id
        && row.content.0 == content
        && row.external_id == external_id
        && !ends_otherwise;
    if is_same {
        diesel::update(target)
            .set(postings::content_hash.eq(changed.hash))
            .execute(tx)?;
        return Ok(Updated::Same);
    }
    if row.employer_id != employer_id {
        // A campaign is its employer's.
        row.campaign_id = None;
    }
    row.employer_id = employer_id;
    row.content = Json(content);
    row.content_hash = changed.hash;
    row.external_id = external_id;
    row.version += 1;
    if row.revision.is_some() || row.status == PostingStatus::Published {
        row.revision = Some(revision);
        if imported.is_open {
            row.first_revision.get_or_insert(revision);
        }
    }
    row.expires_at = expires_at;
    row.verified_at = Some(now);
    row.updated_at = now;
    if row.status == PostingStatus::Published && status_before != row.status {
        // Its source shows it again, but something here may hold it.
        if crate::holds::is_held(tx, row.id, row.employer_id, row.campaign_id, now)? {
            row.status = PostingStatus::Paused;
        }
    }
    diesel::update(target).set(&row).execute(tx)?;
    diesel::update(target)
        .set(postings::absent_since.eq(None::<Timestamp>))
        .execute(tx)?;
    Ok(Updated::Row(Box::new(row), fields))
}

fn move_status(row: &mut PostingRow, is_open: bool, known: &Known, now: Timestamp) {
    let ended_here = matches!(
        row.close_reason,
        Some(CloseReason::Filled | CloseReason::Withdrawn)
    );
    let ended_by_date = row.status == PostingStatus::Expired && known.has_own_end();
    match row.status {
        PostingStatus::Published | PostingStatus::Paused | PostingStatus::InReview if !is_open => {
            row.status = PostingStatus::Closed;
            row.close_reason = Some(CloseReason::Other);
            row.closed_at = Some(now);
        }
        PostingStatus::Closed | PostingStatus::Expired if is_open && !ended_here && !ended_by_date => {
            row.status = PostingStatus::Published;
            row.close_reason = None;
            row.closed_at = None;
        }
        _ => {}
    }
}
