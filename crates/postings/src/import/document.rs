//! Inputs that are read whole: answers of boards and tables. Each becomes rows in the loose form that NDJSON has.

use std::io::{self, BufRead, Read as _};

use serde_json::Value;

use super::format::Format;
use super::loose::LooseText;
use super::others::{recruitee, smartrecruiters, workday};
use super::row::RowError;
use super::{ashby, greenhouse, lever};

/// The largest document that is read.
pub(crate) const MAX_DOCUMENT_BYTES: u64 = 256 << 20;

/// Whether a board shows a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does, under this name, also when the row cannot be taken.
    Shown(String),
    /// The row says that it is not to be shown.
    Hidden,
    /// The row does not even say which posting it is.
    Unreadable,
}

/// One row of an input, in the loose form.
#[derive(Debug)]
pub(crate) struct SourceRow {
    /// Its line, or its place in the answer, from 1.
    pub(crate) number: u64,
    /// The row as JSON, or why it is not taken.
    pub(crate) line: Result<Vec<u8>, RowError>,
    /// Whether its board shows it; nothing where there is no board.
    pub(crate) standing: Option<Standing>,
}

/// What a board answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<SourceRow>,
    /// Why it may not be everything that the board shows.
    pub(crate) gap: Option<String>,
    /// The company that the first row names.
    pub(crate) company: Option<String>,
}

/// The envelope of an answer: its postings, and why they may not be all.
pub(crate) struct Envelope {
    pub(crate) rows: Vec<Value>,
    pub(crate) gap: Option<String>,
}

/// Reads `input` to its end.
pub(crate) fn read_whole(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input
        .by_ref()
        .take(MAX_DOCUMENT_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
        let detail = format!("larger than {} MB", MAX_DOCUMENT_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, detail));
    }
    Ok(bytes)
}

/// Takes a board's answer apart; `has_all_pages` whether a format in pages was read to its last one.
///
/// # Errors
/// In words, when it is not such an answer: an error page, half a document, another system's format.
pub(crate) fn read_answer(format: Format, bytes: &[u8], has_all_pages: bool) -> Result<Answer, String> {
    let unmarked = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Value = serde_json::from_slice(unmarked)
        .map_err(|error| format!("it is not one whole JSON document ({error})"))?;
    type Adapter = fn(&Value) -> Result<Value, Skipped>;
    let (envelope, loose): (_, Adapter) = match format {
        Format::Greenhouse => (greenhouse::open(document)?, greenhouse::loose),
        Format::Lever => (lever::open(document, has_all_pages)?, lever::loose),
        Format::Ashby => (ashby::open(document)?, ashby::loose),
        Format::Smartrecruiters => (smartrecruiters::open(document)?, smartrecruiters::loose),
        Format::Recruitee => (recruitee::open(document)?, recruitee::loose),
        Format::Workday => (workday::open(document)?, workday::loose),
        Format::Ndjson | Format::Csv | Format::JsonLd => {
            return Err("a board does not answer in this format".to_owned());
        }
    };
    let mut company = None;
    let rows = envelope.rows.iter().zip(1..).map(|(row, number)| {
        let outcome = loose(row);
        if let Ok(loose) = &outcome
            && company.is_none()
        {
            company = text(loose, "/company").map(str::to_owned);
        }
        to_source_row(number, row, outcome)
    });
    let rows = rows.collect();
    Ok(Answer {
        rows,
        gap: envelope.gap,
        company,
    })
}

/// Why an adapter does not pass a row on.
pub(crate) enum Skipped {
    /// Its source does not show it to the public.
    Hidden(RowError),
    /// It cannot be read.
    Damaged(RowError),
}

fn to_source_row(number: u64, row: &Value, outcome: Result<Value, Skipped>) -> SourceRow {
    let shown = || id_of(row).map_or(Standing::Unreadable, Standing::Shown);
    let (line, standing) = match outcome {
        Ok(loose) => (Ok(loose.to_string().into_bytes()), shown()),
        Err(Skipped::Hidden(error)) => (Err(error), Standing::Hidden),
        Err(Skipped::Damaged(error)) => (Err(error), shown()),
    };
    SourceRow {
        number,
        line,
        standing: Some(standing),
    }
}

/// The source's own id of a posting.
pub(crate) fn id_of(row: &Value) -> Option<String> {
    let id: LooseText = serde_json::from_value(row.get("id")?.clone()).ok()?;
    id.line()
}

/// The id, or that the row has none.
pub(crate) fn require_id(row: &Value) -> Result<String, Skipped> {
    id_of(row).ok_or_else(|| {
        Skipped::Damaged(RowError::new(
            "identity_missing",
            "the row has no id, so it may be any posting",
        ))
    })
}

/// A text that holds something, by its JSON pointer.
pub(crate) fn text<'a>(row: &'a Value, pointer: &str) -> Option<&'a str> {
    row.pointer(pointer)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The `n`th part of an address's path, as boards put their token there.
pub(crate) fn path_part(address: &str, n: usize) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let part = url.path_segments()?.nth(n)?;
    Some(part.to_owned()).filter(|part| !part.is_empty())
}

/// What an answer's error says, when it is one.
pub(crate) fn error_in(document: &Value) -> Option<String> {
    let words = text(document, "/error").or_else(|| text(document, "/message"))?;
    Some(format!("the board answered with an error: {words}"))
}
