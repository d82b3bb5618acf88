//! Whether the index says what the database says.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use postings::changes::{Change, changed_since};
use store::{Db, Id};
use tantivy::directory::MmapDirectory;
use tantivy::schema::{OwnedValue, Schema};
use tantivy::{Document as _, ReloadPolicy, Searcher, TantivyDocument, TantivyError};

use crate::document::SearchDocument;
use crate::index::{Index, IndexError, VERSION_FILE};
use crate::live;
use crate::schema;

/// Changes read at once.
const PAGE: i64 = 500;

/// What lies in an index's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: the next start builds one.
    Nothing,
    /// An index of another version of the program or its vocabulary: the next start searches it, where it can, while it
    /// builds another.
    OtherVersion(String),
    /// Something that cannot be read: the next start builds it anew.
    Damaged(String),
    /// An index.
    Index {
        /// Revision up to which it is complete.
        cursor: i64,
        /// Postings in it.
        postings: u64,
    },
}

/// How the index differs from the postings that belong into it. Changes after its cursor are not differences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Revision up to which the index is complete.
    pub cursor: i64,
    /// Postings in the index.
    pub postings: usize,
    /// Changes that it has not taken in yet.
    pub behind: usize,
    /// Postings that belong into it and are not there.
    pub missing: usize,
    /// Postings that it shows in another form.
    pub different: usize,
    /// Postings that it shows and that are no longer, or were never, in search.
    pub surplus: usize,
    /// Postings that it shows more than once.
    pub repeated: usize,
    /// The first few of those that differ.
    pub examples: Vec<Id>,
}

/// Differing postings that are named.
const EXAMPLES: usize = 5;

impl Comparison {
    /// Whether a search shows what it should.
    pub fn agrees(&self) -> bool {
        self.missing + self.different + self.surplus + self.repeated == 0
    }

    fn note(&mut self, id: Id) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(id);
        }
    }
}

impl Index {
    /// What lies in `dir`; changes nothing, also beside a process that has the index open.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn look(dir: &Path) -> Result<Found, IndexError> {
        Ok(match open(dir)? {
            Ok((searcher, cursor)) => Found::Index {
                cursor,
                postings: searcher.num_docs(),
            },
            Err(found) => found,
        })
    }

    /// Compares the index in `dir` with the database, posting by posting: which are in it, and what it keeps of each.
    /// Changes nothing, also beside a process that has the index open. Tells `tell` how many postings are done.
    ///
    /// # Errors
    /// When directory or database cannot be read.
    pub fn compare(
        dir: &Path,
        db: &Db,
        tell: &mut dyn FnMut(usize),
    ) -> Result<Result<Comparison, Found>, IndexError> {
        // First the index, then the database: what is there up to the index's cursor was there before.
        let (searcher, cursor) = match open(dir)? {
            Ok(opened) => opened,
            Err(found) => return Ok(Err(found)),
        };
        let mut comparison = Comparison {
            cursor,
            ..Comparison::default()
        };
        let mut shown = match contents(&searcher, &mut comparison) {
            Ok(shown) => shown,
            Err(error) => return Ok(Err(Found::Damaged(error.to_string()))),
        };
        let (schema, fields) = schema::build();
        let mut revision = 0;
        let mut done = 0;
        loop {
            let changes = db.read_blocking(|conn| changed_since(conn, revision, PAGE))?;
            let Some((last, _)) = changes.last() else { break };
            revision = *last;
            done += changes.len();
            for (revision, change) in changes {
                let (id, expected) = match change {
                    Change::Upsert(posting) => {
                        let document = SearchDocument::of(&posting);
                        (
                            document.id,
                            Some(kept(&schema, &schema::to_tantivy(&fields, &document))),
                        )
                    }
                    Change::Remove(id) => (id, None),
                };
                let found = shown.remove(&id);
                match (expected, found) {
                    _ if revision > cursor => {
                        comparison.behind += 1;
                        continue;
                    }
                    (Some(expected), Some(found)) if expected == found => continue,
                    (None, None) => continue,
                    (Some(_), Some(_)) => comparison.different += 1,
                    (Some(_), None) => comparison.missing += 1,
                    (None, Some(_)) => comparison.surplus += 1,
                }
                comparison.note(id);
            }
            tell(done);
        }
        comparison.surplus += shown.len();
        for id in shown.into_keys() {
            comparison.note(id);
        }
        Ok(Ok(comparison))
    }
}

/// The index in service below `dir` as it is now with its cursor, or what else lies there.
fn open(dir: &Path) -> Result<Result<(Searcher, i64), Found>, IndexError> {
    let dir = &live::place_in_service(dir);
    let version = match fs::read_to_string(dir.join(VERSION_FILE)) {
        Ok(version) => version,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Found::Nothing)),
        Err(error) => return Err(error.into()),
    };
    if version != schema::version() {
        return Ok(Err(Found::OtherVersion(version)));
    }
    let opened = || -> Result<(Searcher, i64), TantivyError> {
        let index = tantivy::Index::open(MmapDirectory::open(dir)?)?;
        let payload = index.load_metas()?.payload;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let cursor = payload.and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok((reader.searcher(), cursor))
    };
    Ok(opened().map_err(|error| Found::Damaged(error.to_string())))
}

/// Revision up to which the index right in `dir` has come; `None` when there is none.
pub(crate) fn cursor_in(dir: &Path) -> Option<i64> {
    let index = tantivy::Index::open(MmapDirectory::open(dir).ok()?).ok()?;
    index.load_metas().ok()?.payload?.parse().ok()
}

/// What the index keeps of each posting, as a hash.
fn contents(searcher: &Searcher, comparison: &mut Comparison) -> Result<HashMap<Id, u64>, TantivyError> {
    let (schema, fields) = schema::build();
    let mut shown = HashMap::new();
    for segment in searcher.segment_readers() {
        let store = segment.get_store_reader(1)?;
        for document in store.iter::<TantivyDocument>(segment.alive_bitset()) {
            let document = document?;
            comparison.postings += 1;
            let id = document
                .get_first(fields.id)
                .and_then(|value| match OwnedValue::from(value) {
                    OwnedValue::Bytes(bytes) => <[u8; 16]>::try_from(bytes).ok(),
                    _ => None,
                });
            let id = Id::from_bytes(id.unwrap_or_default());
            match shown.entry(id) {
                Entry::Vacant(place) => {
                    place.insert(kept(&schema, &document));
                }
                Entry::Occupied(_) => {
                    comparison.repeated += 1;
                    comparison.note(id);
                }
            }
        }
    }
    Ok(shown)
}

/// A hash over the stored fields of a document.
fn kept(schema: &Schema, document: &TantivyDocument) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, values) in document.to_named_doc(schema).0 {
        let is_stored = schema
            .get_field(&name)
            .is_ok_and(|field| schema.get_field_entry(field).is_stored());
        if is_stored {
            name.hash(&mut hasher);
            for value in values {
                format!("{value:?}").hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}
