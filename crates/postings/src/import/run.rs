//! Driving a whole import.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::sync::mpsc;
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use store::{Db, DbConn, Id, Random, StoreError, Timestamp};

use super::apply::{self, Applied, Changed, Known};
use super::board::{self, Board, BoardOutcome, BoardState, Crawl, Verdict};
use super::document::{SourceRow, Standing};
use super::format::Format;
use super::options::{EmployerChoice, ImportError, ImportOptions};
use super::row::{Identity, ImportRow, RowEmployer, RowError, hash_of, row_employer};
use super::source::{self, Rows, Source};
use super::summary::{Batch, Summary};
use super::table;

/// Rows in one transaction.
pub(super) const BATCH: usize = 500;

/// A row on its way, with its identity.
struct Read {
    line: u64,
    identity: Identity,
    hash: Vec<u8>,
    employer: RowEmployer,
    row: ImportRow,
}

/// Imports every row of `input`, in batches of 500: while one is written, the next is read and recognised. `progress`
/// hears of each finished batch. After the whole answer of a board, what it no longer shows is closed.
pub fn run(
    db: &Db,
    input: impl BufRead + Send,
    options: &ImportOptions,
    random: &Random,
    now: Timestamp,
    progress: &mut dyn FnMut(&Summary),
) -> Result<Summary, ImportError> {
    let Source {
        rows,
        company,
        gap,
        mapping,
    } = source::open(input, options)?;
    let mut options = options.clone();
    options.mapping = mapping;
    let board = open_board(db, &options, company, random, now)?;
    options.board = board.as_ref().filter(|_| !options.dry_run).map(|board| board.id);
    let open_before = match &board {
        Some(board) => db.read_blocking(|conn| board::count_open(conn, board.id))?,
        None => 0,
    };
    let (mut summary, mut crawl) = run_rows(db, rows, &options, random, now, progress)?;
    if options.format.is_board() {
        crawl.gap = crawl.gap.or(gap);
        settle(db, board, crawl, open_before, &options, &mut summary, now)?;
        progress(&summary);
    }
    Ok(summary)
}

fn run_rows(
    db: &Db,
    rows: Rows<impl BufRead + Send>,
    options: &ImportOptions,
    random: &Random,
    now: Timestamp,
    progress: &mut dyn FnMut(&Summary),
) -> Result<(Summary, Crawl), ImportError> {
    thread::scope(|scope| {
        let (sender, batches) = mpsc::sync_channel(2);
        let reader = scope.spawn(move || read_all(db, rows, options, now, &sender));
        let mut summary = Summary::default();
        for batch in batches {
            let Prepared {
                changed,
                rejected,
                unchanged,
                adopted,
            } = batch?;
            let mut rejected = rejected;
            let mut applied = write(db, changed, &adopted, options, random, now)?;
            for (_, error) in rejected.iter_mut().chain(&mut applied.rejected) {
                name_column(error, options);
            }
            summary.add(Batch {
                applied,
                rejected,
                unchanged,
            });
            progress(&summary);
        }
        let crawl = reader
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((summary, crawl))
    })
}

/// Whoever looks after a table thinks in its columns.
fn name_column(error: &mut RowError, options: &ImportOptions) {
    if let (None, Some(mapping), Some(pointer)) = (&error.column, &options.mapping, &error.pointer) {
        error.column = table::column_of(mapping, pointer);
    }
}

/// The board that answered; none for other inputs, and for one that names no employer.
fn open_board(
    db: &Db,
    options: &ImportOptions,
    company: Option<String>,
    random: &Random,
    now: Timestamp,
) -> Result<Option<Board>, StoreError> {
    if !options.format.is_board() {
        return Ok(None);
    }
    let named = company.as_deref().and_then(|name| row_employer(Some(name), None));
    let employer = match &options.employer {
        EmployerChoice::Slug(slug) => Some(RowEmployer {
            name: named.map_or_else(|| slug.clone(), |employer| employer.name),
            slug: slug.clone(),
        }),
        EmployerChoice::FromCompany | EmployerChoice::FromRow => named,
    };
    let Some(employer) = employer else {
        return Ok(None);
    };
    let token = options.token.as_deref();
    if options.dry_run {
        return db.read_blocking(|conn| board::find_for(conn, &employer.slug, options.format, token));
    }
    let opened = |tx: &mut DbConn| board::open(tx, &employer, options.format, token, random, now);
    db.write_blocking(opened).map(Some)
}

/// Closes what the answer no longer shows, when it can be believed, and notes what is thought of the board.
fn settle(
    db: &Db,
    board: Option<Board>,
    crawl: Crawl,
    open_before: usize,
    options: &ImportOptions,
    summary: &mut Summary,
    now: Timestamp,
) -> Result<(), StoreError> {
    let verdict = board::judge(&crawl, open_before, options.is_confirmed);
    let absent = match &board {
        Some(board) => db.read_blocking(|conn| board::absent(conn, board, &crawl))?,
        None => Vec::new(),
    };
    let mut outcome = BoardOutcome {
        id: board.as_ref().map(|board| board.id),
        token: board
            .as_ref()
            .map_or_else(String::new, |board| board.token.clone()),
        state: match &verdict {
            Verdict::Believed => BoardState::Healthy,
            Verdict::Suspect(_) => BoardState::Suspect,
            Verdict::Incomplete(_) => board.as_ref().map_or(BoardState::New, |board| board.state),
        },
        reason: match &verdict {
            Verdict::Believed => None,
            Verdict::Suspect(reason) | Verdict::Incomplete(reason) => Some(reason.clone()),
        },
        shown: crawl.shown.len() as u64,
        held: 0,
    };
    match (&verdict, options.dry_run) {
        (Verdict::Believed, true) => {
            summary.closed += absent.len() as u64;
            summary.note(db.read_blocking(|conn| board::notes_of(conn, &absent))?);
        }
        (Verdict::Believed, false) => {
            let closed = board::close_absent(db, absent, now)?;
            summary.closed += closed.len() as u64;
            summary.note(closed);
        }
        _ => outcome.held = absent.len() as u64,
    }
    if let Some(board) = board.filter(|_| !options.dry_run) {
        db.write_blocking(|tx| board::note(tx, board.id, &verdict, now))?;
    }
    summary.board = Some(outcome);
    Ok(())
}

/// Writes a batch in one transaction of its own; a dry run takes it back, so that it says exactly what would be.
fn write(
    db: &Db,
    changed: Vec<Changed>,
    adopted: &[Id],
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
    if changed.is_empty() && adopted.is_empty() {
        return Ok(Applied::default());
    }
    let written = db.write_blocking(|tx| {
        let applied = apply::apply(tx, changed, options, random, now)?;
        if let Some(board) = options.board {
            apply::assign(tx, board, adopted)?;
        }
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

/// A batch that is ready to be written.
#[derive(Default)]
struct Prepared {
    changed: Vec<Changed>,
    rejected: Vec<(u64, RowError)>,
    unchanged: u64,
    /// Postings that are as they were, and that this board shows from now on.
    adopted: Vec<Id>,
}

fn read_all(
    db: &Db,
    mut rows: Rows<impl BufRead>,
    options: &ImportOptions,
    now: Timestamp,
    out: &mpsc::SyncSender<Result<Prepared, ImportError>>,
) -> Crawl {
    let mut seen = HashSet::new();
    let mut crawl = Crawl::default();
    loop {
        let prepared = match rows.next_batch(BATCH) {
            Ok(batch) if batch.is_empty() => return crawl,
            Ok(batch) => {
                notice(&batch, options.format, &mut crawl);
                prepare(db, batch, &mut seen, options, now).map_err(ImportError::from)
            }
            Err(error) => Err(error.into()),
        };
        let stop = prepared.is_err();
        if out.send(prepared).is_err() || stop {
            return crawl;
        }
    }
}

/// Takes down which postings a board shows.
fn notice(batch: &[SourceRow], format: Format, crawl: &mut Crawl) {
    for row in batch {
        match &row.standing {
            Some(Standing::Shown(source_id)) => {
                let identity = Identity {
                    source: format.as_str().to_owned(),
                    source_id: source_id.clone(),
                };
                crawl.shown.insert(fingerprint(&identity));
            }
            Some(Standing::Unreadable) => {
                let gap = "a row does not say which posting it is, so nothing can be called absent";
                crawl.gap.get_or_insert_with(|| gap.to_owned());
            }
            Some(Standing::Hidden) | None => {}
        }
    }
}

fn prepare(
    db: &Db,
    batch: Vec<SourceRow>,
    seen: &mut HashSet<[u8; 16]>,
    options: &ImportOptions,
    now: Timestamp,
) -> Result<Prepared, StoreError> {
    let mut prepared = Prepared::default();
    let mut rows = Vec::with_capacity(batch.len());
    for (line, outcome) in in_parallel(batch, |row| (row.number, read_row(row, options))) {
        match outcome {
            Ok(read) if seen.insert(fingerprint(&read.identity)) => rows.push(read),
            Ok(_) => {
                let error = RowError::new(
                    "identity_repeated",
                    "an earlier row has the same source and source_id",
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
        } else if let Some(known) = known.filter(|known| is_unchanged(known, &read, now)) {
            prepared.unchanged += 1;
            if known.is_of_another(options.board) {
                prepared.adopted.push(known.id);
            }
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
    known.hash == read.hash && !known.is_absent() && !(lives_by_our_time && known.wants_renewal(now))
}

fn read_row(row: SourceRow, options: &ImportOptions) -> Result<Read, RowError> {
    let line = row.line?;
    let parsed = ImportRow::parse(&line)?;
    let employer = employer_of(&parsed, options)?;
    let identity = parsed.identity(&employer)?;
    Ok(Read {
        line: row.number,
        identity,
        hash: hash_of(&line),
        employer,
        row: parsed,
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
pub(crate) fn fingerprint(identity: &Identity) -> [u8; 16] {
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
