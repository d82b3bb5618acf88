//! `backplane import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, IsTerminal as _, Read, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use postings::import::{
    self, BoardState, EmployerChoice, Format, ImportError, ImportOptions, RunState, Summary, TableError,
};
use serde::Serialize;
use store::Id;

use crate::cli::{ImportArgs, ImportFormat};
use crate::config::Config;
use crate::wiring::{self, Installation};

/// How often progress is told where nobody watches a bar.
const SPARSE: Duration = Duration::from_secs(5);
/// Bytes read from the file at once.
const BUFFER: usize = 1 << 20;
/// The first two bytes of every gzip file (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Imports a file and says what came of it.
pub(super) fn run(config: Config, args: &ImportArgs) -> Result<ExitCode> {
    if args.propose_mapping {
        return propose_mapping(args);
    }
    let options = options(args)?;
    // The file first: a slip in its name should not make a database.
    let input = Input::open(&args.file)?;
    let place = wiring::open(config)?;
    let run = start_run(&place, args)?;
    let mut progress = Progress::new(&input, options.format);
    let outcome = import::run(
        &place.db,
        input.reader,
        &options,
        &place.random,
        place.clock.now(),
        &mut |summary| progress.tell(summary),
    );
    progress.finish();
    if let Some(id) = run {
        let (state, summary) = match &outcome {
            Ok(summary) => (RunState::Completed, summary.clone()),
            Err(_) => (RunState::Failed, progress.last.clone()),
        };
        let now = place.clock.now();
        place
            .db
            .write_blocking(|tx| import::finish_run(tx, id, state, &summary, now))
            .context("the run's outcome could not be noted")?;
    }
    let summary = match outcome {
        Err(ImportError::Table(TableError::Unconfirmed(proposal))) => {
            bail!(
                "confirm what the columns hold: {}\nsave what --propose-mapping prints, correct it, and give it as --mapping FILE",
                proposal.in_words()
            );
        }
        Err(error @ (ImportError::Answer { .. } | ImportError::Table(_))) => {
            return Err(error).context("nothing was changed");
        }
        outcome => outcome.context("the import could not be completed; what was written before stays")?,
    };
    report(&summary, args)?;
    Ok(ExitCode::SUCCESS)
}

fn options(args: &ImportArgs) -> Result<ImportOptions> {
    let mut options = ImportOptions::new(employer_choice(args)?, args.format.into());
    if options.format.is_board() && options.employer == EmployerChoice::FromRow {
        bail!("say whose board it is: --employer SLUG, or --employer-from-company");
    }
    if args.mapping.is_some() && options.format != Format::Csv {
        bail!("--mapping belongs to --format csv");
    }
    options.dry_run = args.dry_run;
    options.token.clone_from(&args.board);
    options.is_confirmed = args.confirm;
    if let Some(path) = &args.mapping {
        let cannot = || format!("{} cannot be used as a mapping", path.display());
        let text = std::fs::read_to_string(path).with_context(cannot)?;
        options.mapping = Some(serde_json::from_str(&text).with_context(cannot)?);
    }
    Ok(options)
}

/// Prints what the columns seem to hold: the reasons to stderr, the mapping to stdout.
fn propose_mapping(args: &ImportArgs) -> Result<ExitCode> {
    if args.format != ImportFormat::Csv {
        bail!("--propose-mapping belongs to --format csv");
    }
    let mut bytes = Vec::new();
    Input::open(&args.file)?.reader.read_to_end(&mut bytes)?;
    let proposal = import::propose(&bytes)?;
    eprintln!(
        "{} rows, {}, columns separated by {:?}",
        proposal.rows, proposal.encoding, proposal.delimiter
    );
    for column in &proposal.columns {
        let field = match &column.field {
            Some(field) if column.is_certain => field.clone(),
            Some(field) => format!("{field} (probably)"),
            None => "left out".to_owned(),
        };
        eprintln!("{:?} → {field}: {}", column.column, column.samples.join(" | "));
    }
    for field in &proposal.missing {
        eprintln!("no column for {field}, which every row needs");
    }
    writeln!(
        io::stdout().lock(),
        "{}",
        serde_json::to_string_pretty(&proposal.mapping)?
    )?;
    Ok(ExitCode::SUCCESS)
}

fn employer_choice(args: &ImportArgs) -> Result<EmployerChoice> {
    if args.employer_from_company {
        return Ok(EmployerChoice::FromCompany);
    }
    let Some(slug) = &args.employer else {
        return Ok(EmployerChoice::FromRow);
    };
    let is_slug = (1..=80).contains(&slug.len())
        && !slug.starts_with('-')
        && !slug.ends_with('-')
        && slug
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_slug {
        bail!("--employer takes a slug such as acme-compute: small letters, digits and dashes");
    }
    Ok(EmployerChoice::Slug(slug.clone()))
}

/// Notes that a run begins; a dry run leaves nothing behind.
fn start_run(place: &Installation, args: &ImportArgs) -> Result<Option<Id>> {
    if args.dry_run {
        return Ok(None);
    }
    let now = place.clock.now();
    let slug = args.employer.clone();
    let run = place.db.write_blocking(|tx| {
        let employer = match &slug {
            Some(slug) => accounts::find_employer(tx, slug)?,
            None => None,
        };
        let employer_id = employer.map(|employer| employer.id);
        let format = Format::from(args.format).as_str();
        import::start_run(tx, employer_id, format, false, &place.random, now)
    })?;
    Ok(Some(run.id))
}

/// The bytes to import, unpacked when they are gzipped.
struct Input {
    reader: Box<dyn BufRead + Send>,
    /// Bytes of the file read so far, before unpacking.
    read: Arc<AtomicU64>,
    /// Size of the file, when it is one.
    size: Option<u64>,
}

impl Input {
    fn open(path: &Path) -> Result<Self> {
        let cannot = || format!("{} cannot be read", path.display());
        let (raw, size): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).with_context(cannot)?;
            let metadata = file.metadata().with_context(cannot)?;
            if metadata.is_dir() {
                bail!("{} is a directory", path.display());
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        Self::unpack(raw, size).with_context(cannot)
    }

    fn unpack(raw: Box<dyn Read + Send>, size: Option<u64>) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut counted = Counted {
            inner: raw,
            read: Arc::clone(&read),
        };
        let mut head = Vec::with_capacity(GZIP.len());
        counted.by_ref().take(GZIP.len() as u64).read_to_end(&mut head)?;
        let is_gzip = head == GZIP;
        let whole = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(counted));
        let reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { reader, read, size })
    }
}

/// Counts what goes through.
struct Counted {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Tells a person how far the import is: a bar at a terminal, a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    read: Arc<AtomicU64>,
    told: Instant,
    began: Instant,
    listed: usize,
    /// What the number of a rejected row counts.
    place: &'static str,
    last: Summary,
}

impl Progress {
    fn new(input: &Input, format: Format) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let target = if is_terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let template = match input.size {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {msg} ({eta} left)",
            None => "{spinner} {bytes} {msg}",
        };
        let bar = ProgressBar::with_draw_target(input.size, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self {
            bar,
            is_terminal,
            read: Arc::clone(&input.read),
            told: now,
            began: now,
            listed: 0,
            place: if format.is_board() { "row" } else { "line" },
            last: Summary::default(),
        }
    }

    fn tell(&mut self, summary: &Summary) {
        let read = self.read.load(Ordering::Relaxed);
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let message = format!("{} rows, {:.0}/s", rows(summary), rows(summary) as f64 / seconds);
        self.bar.set_position(read);
        self.bar.set_message(message.clone());
        for rejection in summary.rejections.iter().skip(self.listed) {
            let column = rejection.column.as_ref();
            let column = column.map_or_else(String::new, |name| format!(", column {name:?}"));
            let line = format!(
                "{} {}{column}: {}: {}",
                self.place, rejection.line, rejection.code, rejection.detail
            );
            self.bar.suspend(|| eprintln!("{line}"));
        }
        self.listed = summary.rejections.len();
        if !self.is_terminal && self.told.elapsed() >= SPARSE {
            eprintln!("{} read, {message}", HumanBytes(read));
            self.told = Instant::now();
        }
        self.last.clone_from(summary);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
        let unlisted = self.last.rejected.saturating_sub(self.listed as u64);
        if unlisted > 0 {
            eprintln!("and {unlisted} more rows were rejected");
        }
    }
}

fn rows(summary: &Summary) -> u64 {
    summary.created + summary.updated + summary.unchanged + summary.closed + summary.rejected
}

/// The last line of `--json`.
#[derive(Serialize)]
struct Counts {
    created: u64,
    updated: u64,
    unchanged: u64,
    closed: u64,
    rejected: u64,
}

fn report(summary: &Summary, args: &ImportArgs) -> Result<()> {
    let counts = Counts {
        created: summary.created,
        updated: summary.updated,
        unchanged: summary.unchanged,
        closed: summary.closed,
        rejected: summary.rejected,
    };
    let mut out = io::stdout().lock();
    let prefix = if args.dry_run { "Would be: " } else { "" };
    let Counts {
        created,
        updated,
        unchanged,
        closed,
        rejected,
    } = counts;
    writeln!(
        out,
        "{prefix}{created} created, {updated} updated, {unchanged} unchanged, {closed} closed, {rejected} rejected"
    )?;
    for (reason, count) in &summary.reasons {
        writeln!(out, "  {count} {reason}")?;
    }
    if let Some(board) = &summary.board {
        writeln!(
            out,
            "  board {}: {}, shows {} postings",
            board.token, board.state, board.shown
        )?;
        if let Some(reason) = &board.reason {
            writeln!(
                out,
                "  nothing was closed, {} postings stay open: {reason}",
                board.held
            )?;
        }
        if board.state == BoardState::Suspect {
            writeln!(
                out,
                "  look at the board; if it is right, import again with --confirm"
            )?;
        }
    }
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&counts)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(raw: &'static [u8]) -> (String, u64) {
        let mut input = Input::unpack(Box::new(raw), None).unwrap();
        let mut text = String::new();
        input.reader.read_to_string(&mut text).unwrap();
        (text, input.read.load(Ordering::Relaxed))
    }

    #[test]
    fn a_file_is_read_the_same_packed_or_not() {
        assert_eq!(text_of(b"{}\n{}\n"), ("{}\n{}\n".to_owned(), 6));
        assert_eq!(text_of(b""), (String::new(), 0));
        assert_eq!(text_of(b"x"), ("x".to_owned(), 1));
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(b"{}\n").unwrap();
        let packed: &'static [u8] = packer.finish().unwrap().leak();
        assert_eq!(text_of(packed), ("{}\n".to_owned(), packed.len() as u64));
    }
}
