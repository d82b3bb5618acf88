//! Driving a whole import.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead};
use std::sync::mpsc;
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use store::{Db, Random, StoreError, Timestamp};

use super::apply::{self, Applied, Changed, Known};
use super::lines::{Line, MAX_LINE_BYTES, read_lines};
use super::row::{Identity, ImportRow, RowEmployer, RowError, hash_of};

/// Rows in one transaction.
const BATCH: usize = 500;
/// How many rejected rows are reported one by one.
const MAX_REJECTIONS: usize = 100;

/// Whose postings the rows become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmployerChoice {
    /// All of them this employer's, by slug; it is created when missing.
    Slug(String),
    /// Each row's `company` (or `employer`), created when missing.
    FromCompany,
    /// Each row's `employer`; a row that only names a `company` is rejected.
    FromRow,
}

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Whose postings.
    pub employer: EmployerChoice,
    /// Count, but write nothing.
    pub dry_run: bool,
}

/// Why an import could not be completed. What earlier batches wrote stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input could not be read.
    #[error("the input cannot be read: {0}")]
    Input(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rejection {
    /// Number of the line, from 1.
    pub line: u64,
    /// Stable name of the reason.
    pub code: String,
    /// What is wrong.
    pub detail: String,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Summary {
    /// Postings that are new.
    pub created: u64,
    /// Postings that say something else now.
    pub updated: u64,
    /// Postings that are as they were.
    pub unchanged: u64,
    /// Postings that their source ended.
    pub closed: u64,
    /// Rows that were not taken.
    pub rejected: u64,
    /// How many rows were rejected for which reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first hundred of them.
    pub rejections: Vec<Rejection>,
}

impl Summary {
    fn reject(&mut self, line: u64, error: RowError) {
        self.rejected += 1;
        *self.reasons.entry(error.code.clone()).or_default() += 1;
        if self.rejections.len() < MAX_REJECTIONS {
            self.rejections.push(Rejection {
                line,
                code: error.code,
                detail: error.detail,
            });
        }
    }

    fn add(&mut self, batch: Batch) {
        self.created += batch.applied.created;
        self.updated += batch.applied.updated;
        self.closed += batch.applied.closed;
        self.unchanged += batch.unchanged;
        let mut rejected = batch.rejected;
        rejected.extend(batch.applied.rejected);
        rejected.sort_by_key(|(line, _)| *line);
        for (line, error) in rejected {
            self.reject(line, error);
        }
    }
}

/// A row on its way, with its identity.
struct Read {
    line: u64,
    identity: Identity,
    hash: Vec<u8>,
    employer: RowEmployer,
    row: ImportRow,
}

/// Imports every line of `input`, in batches of 500: while one is written, the next is read and recognised. `progress`
/// hears of each finished batch.
pub fn run(
    db: &Db,
    input: impl BufRead + Send,
    options: &ImportOptions,
    random: &Random,
    now: Timestamp,
    progress: &mut dyn FnMut(&Summary),
) -> Result<Summary, ImportError> {
    thread::scope(|scope| {
        let (sender, batches) = mpsc::sync_channel(2);
        scope.spawn(move || read_all(db, input, options, now, &sender));
        let mut summary = Summary::default();
        for batch in batches {
            let Prepared {
                changed,
                rejected,
                unchanged,
            } = batch?;
            let applied = write(db, changed, options, random, now)?;
            summary.add(Batch {
                applied,
                rejected,
                unchanged,
            });
            progress(&summary);
        }
        Ok(summary)
    })
}

/// Writes a batch in one transaction of its own; a dry run takes it back, so that it says exactly what would be.
fn write(
    db: &Db,
    changed: Vec<Changed>,
    options: &ImportOptions,
    random: &Random,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    enum Rolled {
        Back(Applied),
        Failed(StoreError),
    }
    impl From<StoreError> for Rolled {
        fn from(error: StoreError) -> Self {
            Self::Failed(error)
        }
    }
    if changed.is_empty() {
        return Ok(Applied::default());
    }
    let written = db.write_blocking(|tx| {
        let applied = apply::apply(tx, changed, options, random, now)?;
        if options.dry_run {
            Err(Rolled::Back(applied))
        } else {
            Ok(applied)
        }
    });
    match written {
        Ok(applied) | Err(Rolled::Back(applied)) => Ok(applied),
        Err(Rolled::Failed(error)) => Err(error),
    }
}

/// What became of a batch.
struct Batch {
    applied: Applied,
    rejected: Vec<(u64, RowError)>,
    unchanged: u64,
}

/// A batch that is ready to be written.
#[derive(Default)]
struct Prepared {
    changed: Vec<Changed>,
    rejected: Vec<(u64, RowError)>,
    unchanged: u64,
}

fn read_all(
    db: &Db,
    mut input: impl BufRead,
    options: &ImportOptions,
    now: Timestamp,
    out: &mpsc::SyncSender<Result<Prepared, ImportError>>,
) {
    let mut number = 0;
    let mut seen = HashSet::new();
    loop {
        let prepared = match read_lines(&mut input, &mut number, BATCH) {
            Ok(lines) if lines.is_empty() => return,
            Ok(lines) => prepare(db, lines, &mut seen, options, now).map_err(ImportError::from),
            Err(error) => Err(error.into()),
        };
        let stop = prepared.is_err();
        if out.send(prepared).is_err() || stop {
            return;
        }
    }
}

fn prepare(
    db: &Db,
    lines: Vec<Line>,
    seen: &mut HashSet<[u8; 16]>,
    options: &ImportOptions,
    now: Timestamp,
) -> Result<Prepared, StoreError> {
    let mut prepared = Prepared::default();
    let mut rows = Vec::with_capacity(lines.len());
    for (line, outcome) in in_parallel(lines, |line| (line.number, read_row(&line, options))) {
        match outcome {
            Ok(read) if seen.insert(fingerprint(&read.identity)) => rows.push(read),
            Ok(_) => {
                let error = RowError::new(
                    "identity_repeated",
                    "an earlier line has the same source and source_id",
                );
                prepared.rejected.push((line, error));
            }
            Err(error) => prepared.rejected.push((line, error)),
        }
    }
    let identities: Vec<&Identity> = rows.iter().map(|read| &read.identity).collect();
    let known: HashMap<Identity, Known> = db.read_blocking(|conn| apply::known(conn, &identities))?;
    let mut different = Vec::new();
    for read in rows {
        let known = known.get(&read.identity);
        if let Err(error) = apply::check_owner(known, &read.employer, options) {
            prepared.rejected.push((read.line, error));
        } else if known.is_some_and(|known| is_unchanged(known, &read, now)) {
            prepared.unchanged += 1;
        } else {
            different.push(read);
        }
    }
    for (line, outcome) in in_parallel(different, |read| (read.line, recognise(read, now))) {
        match outcome {
            Ok(changed) => prepared.changed.push(changed),
            Err(error) => prepared.rejected.push((line, error)),
        }
    }
    Ok(prepared)
}

/// A row is as it was, and its posting needs no further time to stay in search as long as its source shows it.
fn is_unchanged(known: &Known, read: &Read, now: Timestamp) -> bool {
    let lives_by_our_time = read.row.stated_end().is_none() && read.row.is_open(now);
    known.hash == read.hash && !(lives_by_our_time && known.wants_renewal(now))
}

fn read_row(line: &Line, options: &ImportOptions) -> Result<Read, RowError> {
    let too_long = || RowError::new("line_too_long", format!("at most {MAX_LINE_BYTES} bytes"));
    let bytes = line.bytes.as_deref().ok_or_else(too_long)?;
    let row = ImportRow::parse(bytes)?;
    let employer = employer_of(&row, options)?;
    let identity = row.identity(&employer)?;
    Ok(Read {
        line: line.number,
        identity,
        hash: hash_of(bytes),
        employer,
        row,
    })
}

fn employer_of(row: &ImportRow, options: &ImportOptions) -> Result<RowEmployer, RowError> {
    let named = row.employer();
    match &options.employer {
        EmployerChoice::Slug(slug) => {
            let name = named.map_or_else(|| slug.clone(), |employer| employer.name);
            Ok(RowEmployer {
                name,
                slug: slug.clone(),
            })
        }
        EmployerChoice::FromCompany => {
            named.ok_or_else(|| RowError::new("employer_missing", "the row has neither company nor employer"))
        }
        EmployerChoice::FromRow if row.names_employer() => {
            named.ok_or_else(|| RowError::new("employer_missing", "the row's employer is empty"))
        }
        EmployerChoice::FromRow => {
            let detail = "the row has no employer; choose one with --employer, or --employer-from-company";
            Err(RowError::new("employer_missing", detail))
        }
    }
}

fn recognise(read: Read, now: Timestamp) -> Result<Changed, RowError> {
    let Read {
        line,
        identity,
        hash,
        employer,
        row,
    } = read;
    Ok(Changed {
        line,
        identity,
        employer,
        hash,
        imported: row.into_posting(now)?,
    })
}

/// 128 bits of a hash stand for an identity: a file of a million rows costs a few dozen megabytes.
fn fingerprint(identity: &Identity) -> [u8; 16] {
    let text = format!("{}\u{0}{}", identity.source, identity.source_id);
    let mut out = [0; 16];
    out.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    out
}

/// `work` on every item, on all cores, results in the items' order.
fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .min(16);
    let size = items.len().div_ceil(threads).max(1);
    let mut items = items.into_iter();
    let chunks: Vec<Vec<T>> = std::iter::from_fn(|| {
        let chunk: Vec<T> = items.by_ref().take(size).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
    .collect();
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = chunks
            .into_iter()
            .map(|chunk| scope.spawn(move || chunk.into_iter().map(work).collect::<Vec<R>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}
