//! Opening an input: what all formats have in common from here on is [`SourceRow`].

use std::io::{self, BufRead};

use store::Timestamp;

use super::document::{Answer, SourceRow, read_answer, read_whole};
use super::format::Format;
use super::json_ld;
use super::lines::{Line, MAX_LINE_BYTES, read_lines};
use super::options::{ImportError, ImportOptions};
use super::row::{ImportRow, RowError};
use super::run::BATCH;
use super::table::{self, Mapping};

/// An opened input.
pub(crate) struct Source<R> {
    pub(crate) rows: Rows<R>,
    /// The company that a board's first row names.
    pub(crate) company: Option<String>,
    /// Why a board's answer may not be everything.
    pub(crate) gap: Option<String>,
    /// What a table's columns hold.
    pub(crate) mapping: Option<Mapping>,
}

/// The rows of an input, a batch at a time.
pub(crate) enum Rows<R> {
    /// Read line by line.
    Lines {
        input: R,
        /// Number of the last line read.
        number: u64,
    },
    /// Read whole.
    List(std::vec::IntoIter<SourceRow>),
}

impl<R: BufRead> Rows<R> {
    /// Up to `count` further rows.
    pub(crate) fn next_batch(&mut self, count: usize) -> io::Result<Vec<SourceRow>> {
        match self {
            Self::Lines { input, number } => {
                let lines = read_lines(input, number, count)?;
                Ok(lines.into_iter().map(to_source_row).collect())
            }
            Self::List(rows) => Ok(rows.take(count).collect()),
        }
    }
}

fn to_source_row(line: Line) -> SourceRow {
    let too_long = || RowError::new("line_too_long", format!("at most {MAX_LINE_BYTES} bytes"));
    SourceRow {
        number: line.number,
        line: line.bytes.ok_or_else(too_long),
        standing: None,
    }
}

/// Reads `input` as an import does and writes nothing: the rows that can be taken, and those that cannot.
///
/// # Errors
/// When an import would not even begin, or end early.
pub fn count(
    input: impl BufRead,
    options: &ImportOptions,
    now: Timestamp,
) -> Result<(u64, u64), ImportError> {
    let mut rows = open(input, options)?.rows;
    let (mut taken, mut rejected) = (0, 0);
    loop {
        let batch = rows.next_batch(BATCH)?;
        if batch.is_empty() {
            return Ok((taken, rejected));
        }
        for row in batch {
            let line = row.line.and_then(|line| ImportRow::parse(&line));
            match line.and_then(|row| row.into_posting(now)) {
                Ok(_) => taken += 1,
                Err(_) => rejected += 1,
            }
        }
    }
}

/// Opens `input` in the format of `options`. A document is read and understood whole before anything is written.
pub(crate) fn open<R: BufRead>(mut input: R, options: &ImportOptions) -> Result<Source<R>, ImportError> {
    let format = options.format;
    match format {
        Format::Ndjson => Ok(Source {
            rows: Rows::Lines { input, number: 0 },
            company: None,
            gap: None,
            mapping: None,
        }),
        Format::Csv => {
            let bytes = read_whole(&mut input)?;
            let (rows, mapping) = table::read(&bytes, options.mapping.as_ref())?;
            Ok(Source {
                rows: Rows::List(rows.into_iter()),
                company: None,
                gap: None,
                mapping: Some(mapping),
            })
        }
        Format::JsonLd => {
            let bytes = read_whole(&mut input)?;
            let rows = json_ld::read(&bytes).map_err(|detail| ImportError::Answer { format, detail })?;
            Ok(Source {
                rows: Rows::List(rows.into_iter()),
                company: None,
                gap: None,
                mapping: None,
            })
        }
        Format::Greenhouse
        | Format::Lever
        | Format::Ashby
        | Format::Smartrecruiters
        | Format::Recruitee
        | Format::Workday => {
            let bytes = read_whole(&mut input)?;
            let Answer { rows, gap, company } = read_answer(format, &bytes, options.is_whole)
                .map_err(|detail| ImportError::Answer { format, detail })?;
            Ok(Source {
                rows: Rows::List(rows.into_iter()),
                company,
                gap,
                mapping: None,
            })
        }
    }
}
