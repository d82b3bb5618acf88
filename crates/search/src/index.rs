//! The index: a disposable reader of the feed of changes.
//!
//! It lives in a directory that may be deleted at any time. Its cursor, the last revision it has taken in, stands in
//! the payload of its own commit, so that index and cursor cannot disagree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use postings::changes::{Change, changed_since};
use store::revision::{self, Counter};
use store::{Db, StoreError};
use tantivy::directory::{Directory as _, INDEX_WRITER_LOCK, MmapDirectory};
use tantivy::{
    IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term,
};

use crate::analyzer;
use crate::columns::Columns;
use crate::counts::{Counts, Lookups};
use crate::directory::{IndexDirectory, Merging};
use crate::document::SearchDocument;
use crate::schema::{self, Fields};

const WRITER_THREADS: usize = 2;
const WRITER_BYTES: usize = 64 << 20;
/// Size of the blocks in which stored documents are compressed: a hit costs the reading of one block.
const STORE_BLOCK_BYTES: usize = 4096;
/// Changes read at once.
const PAGE: i64 = 500;
/// Changes in one commit at most: bounds the work that a crash throws away.
pub(crate) const PASS: usize = 20_000;
/// Names the version of the documents in the directory.
pub(crate) const VERSION_FILE: &str = "backplane-index-version";

/// Whether a file in the index's directory belongs to the index: its version, its table of contents, its segments. The
/// files that processes lock stay.
fn is_of_index(name: &str) -> bool {
    let is_segment = || {
        name.split_once('.')
            .is_some_and(|(id, _)| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    matches!(name, VERSION_FILE | "meta.json" | ".managed.json") || is_segment()
}

/// The version of the index in `dir`; `None` when there is none.
pub(crate) fn version_in(dir: &Path) -> Option<String> {
    fs::read_to_string(dir.join(VERSION_FILE)).ok()
}

/// Why the index could not be opened or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another process writes to this directory.
    #[error("the index directory {0} is in use by another process")]
    Busy(PathBuf),
    /// The directory cannot be written.
    #[error("the index directory cannot be used: {0}")]
    Io(#[from] io::Error),
    /// Tantivy failed.
    #[error("index error: {0}")]
    Tantivy(#[from] TantivyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassReport {
    /// Changes taken in.
    pub applied: usize,
    /// Revision up to which the index is complete.
    pub cursor: i64,
    /// Whether nothing more was waiting.
    pub is_caught_up: bool,
}

/// Searchable postings on disk with their columns in memory.
pub struct Index {
    pub(crate) fields: Fields,
    writer: Mutex<IndexWriter>,
    reader: IndexReader,
    view: RwLock<Arc<View>>,
    cursor: AtomicI64,
}

/// One state of the index, searched as a whole.
pub(crate) struct View {
    pub(crate) searcher: Searcher,
    pub(crate) columns: Arc<Columns>,
    /// Counts over everything in this state.
    pub(crate) counts: Counts,
    /// Spellings that were looked up in this state.
    pub(crate) spellings: Lookups<Option<String>>,
    /// Longer words that hold a word, looked up in this state.
    pub(crate) compounds: Lookups<Vec<String>>,
    /// Revision up to which this state is complete.
    pub(crate) cursor: i64,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("cursor", &self.cursor())
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in `dir`, which is created when it is missing. A damaged or foreign one is thrown away with a
    /// warning; the next passes rebuild it.
    ///
    /// # Errors
    /// [`IndexError::Busy`] when another process has it open.
    pub fn open(dir: &Path) -> Result<Self, IndexError> {
        fs::create_dir_all(dir)?;
        if version_in(dir).is_some_and(|version| version == schema::version()) {
            match Self::open_existing(dir, false) {
                Err(IndexError::Tantivy(error)) => {
                    tracing::warn!(%error, "the search index is damaged and will be rebuilt from the database");
                }
                outcome => return outcome,
            }
        }
        Self::clear(dir)?;
        fs::write(dir.join(VERSION_FILE), schema::version())?;
        Self::open_existing(dir, false)
    }

    /// Opens the index of another version in `dir` as it is; `None` when it is none, damaged, or lacks what a search needs.
    ///
    /// # Errors
    /// [`IndexError::Busy`] when another process has it open.
    pub(crate) fn open_older(dir: &Path) -> Result<Option<Self>, IndexError> {
        if version_in(dir).is_none() || !dir.join("meta.json").is_file() {
            return Ok(None);
        }
        match Self::open_existing(dir, true) {
            Ok(index) => Ok(Some(index)),
            Err(IndexError::Tantivy(error)) => {
                tracing::warn!(%error, "the search index of another version cannot be searched");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether documents as they are written now fit into it.
    pub(crate) fn takes_documents(&self) -> bool {
        self.reader.searcher().schema() == &schema::build().0
    }

    /// Removes the index right in `dir`, and nothing else that may lie there; the next [`Index::open`] starts from nothing.
    ///
    /// # Errors
    /// [`IndexError::Busy`] when a process has it open.
    pub fn clear(dir: &Path) -> Result<(), IndexError> {
        if !dir.try_exists()? {
            return Ok(());
        }
        let directory = MmapDirectory::open(dir).map_err(TantivyError::from)?;
        let _lock = directory
            .acquire_lock(&INDEX_WRITER_LOCK)
            .map_err(|_| IndexError::Busy(dir.to_owned()))?;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_of_index) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn open_existing(dir: &Path, is_older: bool) -> Result<Self, IndexError> {
        let directory = IndexDirectory::open(dir).map_err(TantivyError::from)?;
        let (index, fields) = if is_older {
            let index = tantivy::Index::open(directory)?;
            let lacks = || TantivyError::SchemaError("it lacks a field that search needs".to_owned());
            let fields = schema::found_in(&index.schema()).ok_or_else(lacks)?;
            (index, fields)
        } else {
            let (schema, fields) = schema::build();
            let settings = IndexSettings {
                docstore_blocksize: STORE_BLOCK_BYTES,
                ..IndexSettings::default()
            };
            let builder = tantivy::Index::builder().schema(schema).settings(settings);
            (builder.open_or_create(directory)?, fields)
        };
        index.tokenizers().register(analyzer::NAME, analyzer::analyzer());
        index
            .tokenizers()
            .register(analyzer::WHOLE_WORDS, analyzer::whole_words());
        let writer = index
            .writer_with_num_threads(WRITER_THREADS, WRITER_BYTES)
            .map_err(|error| match error {
                TantivyError::LockFailure(..) => IndexError::Busy(dir.to_owned()),
                other => other.into(),
            })?;
        let damaged = index.validate_checksum()?;
        if let Some(path) = damaged.iter().next() {
            let detail = format!("{} does not have its checksum", path.display());
            return Err(TantivyError::InternalError(detail).into());
        }
        writer.set_merge_policy(Box::new(Merging::default()));
        let payload = index.load_metas()?.payload;
        let cursor = payload.and_then(|text| text.parse().ok()).unwrap_or(0);
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let view = View {
            searcher: reader.searcher(),
            columns: Arc::default(),
            counts: Counts::default(),
            spellings: Lookups::default(),
            compounds: Lookups::default(),
            cursor,
        };
        let opened = Self {
            fields,
            writer: Mutex::new(writer),
            reader,
            view: RwLock::new(Arc::new(view)),
            cursor: AtomicI64::new(cursor),
        };
        opened.refresh(cursor)?;
        Ok(opened)
    }

    /// Closes it when all merges are done.
    pub(crate) fn close(self) -> Result<(), IndexError> {
        let writer = self.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(writer.wait_merging_threads()?)
    }

    /// Revision up to which the index is complete.
    pub fn cursor(&self) -> i64 {
        self.cursor.load(Ordering::Acquire)
    }

    /// How many postings can be found.
    pub fn len(&self) -> u64 {
        self.view().searcher.num_docs()
    }

    /// Whether nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what changed since the cursor, at most 20,000 changes, and commits. A pass: safe to repeat; when it
    /// fails the index is as it was.
    pub fn pass(&self, db: &Db) -> Result<PassReport, IndexError> {
        self.pass_of(db, PASS)
    }

    /// [`Self::pass`] over at most `most` changes.
    pub(crate) fn pass_of(&self, db: &Db, most: usize) -> Result<PassReport, IndexError> {
        let mut writer = self.writer();
        self.take_in(&mut writer, db, most).inspect_err(|_| {
            if let Err(error) = writer.rollback() {
                tracing::warn!(%error, "a failed pass of the search index could not be taken back");
            }
        })
    }

    fn take_in(&self, writer: &mut IndexWriter, db: &Db, most: usize) -> Result<PassReport, IndexError> {
        let before = self.cursor();
        let mut cursor = before;
        let mut applied = 0;
        let mut is_caught_up = false;
        while applied < most && !is_caught_up {
            let changes = db.read_blocking(|conn| changed_since(conn, cursor, PAGE))?;
            is_caught_up = (changes.len() as i64) < PAGE;
            applied += changes.len();
            for (revision, change) in changes {
                self.apply(writer, &change)?;
                cursor = revision;
            }
        }
        if cursor > before {
            self.commit(writer, cursor)?;
        } else if self.is_ahead(db)? {
            // The database was restored to an earlier state: nothing in the index can be trusted.
            tracing::warn!("the search index is ahead of the database and will be rebuilt");
            writer.delete_all_documents()?;
            self.commit(writer, 0)?;
            is_caught_up = false;
        } else if self.was_merged(writer)? {
            self.refresh(cursor)?;
        }
        Ok(PassReport {
            applied,
            cursor: self.cursor(),
            is_caught_up,
        })
    }

    fn commit(&self, writer: &mut IndexWriter, cursor: i64) -> Result<(), TantivyError> {
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&cursor.to_string());
        commit.commit()?;
        self.refresh(cursor)
    }

    /// Whether segments were merged since the last look.
    fn was_merged(&self, writer: &IndexWriter) -> Result<bool, TantivyError> {
        let now = writer.index().searchable_segment_ids()?;
        let view = self.view();
        let seen = view.searcher.segment_readers();
        Ok(now.len() != seen.len() || seen.iter().any(|reader| !now.contains(&reader.segment_id())))
    }

    fn is_ahead(&self, db: &Db) -> Result<bool, StoreError> {
        Ok(self.cursor() > db.read_blocking(|conn| revision::latest(conn, Counter::Postings))?)
    }

    fn apply(&self, writer: &IndexWriter, change: &Change) -> Result<(), TantivyError> {
        match change {
            Change::Upsert(posting) => {
                let document = SearchDocument::of(posting);
                writer.delete_term(self.term(document.id));
                let tantivy: TantivyDocument = schema::to_tantivy(&self.fields, &document);
                writer.add_document(tantivy)?;
            }
            Change::Remove(id) => {
                writer.delete_term(self.term(*id));
            }
        }
        Ok(())
    }

    pub(crate) fn term(&self, id: store::Id) -> Term {
        Term::from_field_bytes(self.fields.id, id.as_bytes())
    }

    fn refresh(&self, cursor: i64) -> Result<(), TantivyError> {
        self.reader.reload()?;
        let searcher = self.reader.searcher();
        let columns = Arc::new(self.view().columns.refreshed(&searcher)?);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(View {
            searcher,
            columns,
            counts: Counts::default(),
            spellings: Lookups::default(),
            compounds: Lookups::default(),
            cursor,
        });
        self.cursor.store(cursor, Ordering::Release);
        Ok(())
    }

    fn writer(&self) -> MutexGuard<'_, IndexWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
