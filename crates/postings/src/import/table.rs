//! Tables: what their columns hold is proposed, confirmed by a person, and only then imported.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::document::SourceRow;
use super::encoding::decode;
use super::row::RowError;
use super::table_cells::{Cells, FIELDS, field_named};

/// Values shown of each column.
const SAMPLES: usize = 3;
/// Characters shown of a value.
const SAMPLE_CHARS: usize = 60;

/// What each column of a table holds: name of the column → name of the field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Mapping(pub BTreeMap<String, String>);

/// What a column probably holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ColumnProposal {
    /// Its name.
    pub column: String,
    /// The field; none when the column would be left out.
    pub field: Option<String>,
    /// Whether the column is named like the field, which leaves no doubt.
    pub is_certain: bool,
    /// Its first values that are not empty.
    pub samples: Vec<String>,
}

/// How a table was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    /// Encoding of the file.
    pub encoding: String,
    /// What separates columns.
    pub delimiter: char,
    /// Rows below the header.
    pub rows: u64,
    /// The columns in order.
    pub columns: Vec<ColumnProposal>,
    /// What the table needs and no column seems to hold.
    pub missing: Vec<String>,
    /// To be confirmed, or changed and confirmed.
    pub mapping: Mapping,
    /// Fields that a column can hold.
    pub fields: Vec<String>,
}

/// Why a table is not imported.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is no header line with columns.
    #[error("the table is empty: its first line must name the columns")]
    Empty,
    /// Nothing was confirmed, and the names of the columns leave doubts.
    #[error("confirm what the columns hold: {}", .0.in_words())]
    Unconfirmed(Box<Proposal>),
    /// The mapping does not fit the table.
    #[error("the mapping does not fit: {0}")]
    Mapping(String),
}

impl Proposal {
    /// "Job Title → title, Pay → salary; no column for source_id".
    pub fn in_words(&self) -> String {
        let doubtful = self.columns.iter().filter(|column| !column.is_certain);
        let pairs: Vec<String> = doubtful
            .filter_map(|column| Some(format!("{:?} → {}", column.column, column.field.as_ref()?)))
            .collect();
        let missing = self.missing.iter().map(|field| format!("no column for {field}"));
        pairs.into_iter().chain(missing).collect::<Vec<_>>().join(", ")
    }

    /// Whether the table can be imported as it is understood, without a person's confirmation.
    pub fn is_certain(&self) -> bool {
        let doubtful = |column: &ColumnProposal| column.field.is_some() && !column.is_certain;
        self.missing.is_empty() && !self.columns.iter().any(doubtful)
    }
}

/// A table taken apart.
struct Table {
    encoding: &'static str,
    delimiter: u8,
    header: Vec<String>,
    /// Each with the line it begins at.
    records: Vec<(u64, Result<csv::StringRecord, String>)>,
}

fn take_apart(bytes: &[u8]) -> Result<Table, TableError> {
    let (text, encoding) = decode(bytes);
    let delimiter = delimiter_of(&text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(true)
        .from_reader(text.as_bytes());
    let header: Vec<String> = match reader.headers() {
        Ok(names) => names.iter().map(|name| name.trim().to_owned()).collect(),
        Err(_) => return Err(TableError::Empty),
    };
    if header.iter().all(String::is_empty) {
        return Err(TableError::Empty);
    }
    let mut records = Vec::new();
    let mut line = reader.position().line();
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let begins = record.position().map_or(line, csv::Position::line);
                if !record.iter().all(|cell| cell.trim().is_empty()) {
                    records.push((begins, Ok(record.clone())));
                }
            }
            Err(error) => records.push((line, Err(error.to_string()))),
        }
        line = reader.position().line();
    }
    Ok(Table {
        encoding,
        delimiter,
        header,
        records,
    })
}

/// The separator that cuts the first line into the most columns, outside quotation marks.
fn delimiter_of(text: &str) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if !quoted => {
                for (delimiter, count) in &mut counts {
                    *count += u32::from(byte == *delimiter);
                }
            }
            _ => {}
        }
    }
    // The first wins among equals: commas are what the format is named after.
    let best = counts.iter().rev().max_by_key(|(_, count)| *count);
    best.map_or(b',', |(delimiter, _)| *delimiter)
}

/// What the columns of the table probably hold.
pub fn propose(bytes: &[u8]) -> Result<Proposal, TableError> {
    Ok(proposal_of(&take_apart(bytes)?))
}

fn proposal_of(table: &Table) -> Proposal {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut columns: Vec<ColumnProposal> = Vec::new();
    let named: Vec<Option<(&str, bool)>> = table.header.iter().map(|name| field_named(name)).collect();
    // A certain name comes before a likely one, wherever it stands. Two columns with the same one leave a doubt: the first
    // is proposed, and somebody has to say so.
    let certain = named.iter().flatten().filter(|(_, certain)| *certain);
    let mut claims: BTreeMap<&str, usize> = BTreeMap::new();
    for (field, _) in certain {
        *claims.entry(field).or_default() += 1;
    }
    for (n, name) in table.header.iter().enumerate() {
        let found = named[n]
            .filter(|(field, certain)| (*certain || !claims.contains_key(field)) && taken.insert(field));
        let found = found.map(|(field, certain)| (field, certain && claims.get(field) == Some(&1)));
        let cells = table
            .records
            .iter()
            .filter_map(|(_, record)| record.as_ref().ok()?.get(n));
        let samples = cells.map(str::trim).filter(|cell| !cell.is_empty());
        columns.push(ColumnProposal {
            column: name.clone(),
            field: found.map(|(field, _)| field.to_owned()),
            is_certain: found.is_some_and(|(_, certain)| certain),
            samples: samples
                .take(SAMPLES)
                .map(|cell| cell.chars().take(SAMPLE_CHARS).collect())
                .collect(),
        });
    }
    let mapping: BTreeMap<String, String> = columns
        .iter()
        .filter_map(|column| Some((column.column.clone(), column.field.clone()?)))
        .collect();
    Proposal {
        encoding: table.encoding.to_owned(),
        delimiter: char::from(table.delimiter),
        rows: table.records.len() as u64,
        missing: missing_in(mapping.values().map(String::as_str)),
        columns,
        mapping: Mapping(mapping),
        fields: FIELDS.iter().map(|(field, _)| (*field).to_owned()).collect(),
    }
}

/// A posting needs a title and a name of its own.
fn missing_in<'a>(fields: impl Iterator<Item = &'a str>) -> Vec<String> {
    let fields: BTreeSet<&str> = fields.collect();
    let mut missing = Vec::new();
    if !fields.contains("title") {
        missing.push("title".to_owned());
    }
    if !["source_id", "external_id", "url"]
        .iter()
        .any(|own| fields.contains(own))
    {
        missing.push("source_id".to_owned());
    }
    missing
}

/// The rows of the table in the loose form. Without a `mapping` the names of the columns must leave no doubt.
pub(crate) fn read(bytes: &[u8], mapping: Option<&Mapping>) -> Result<(Vec<SourceRow>, Mapping), TableError> {
    let table = take_apart(bytes)?;
    let mapping = if let Some(mapping) = mapping {
        mapping.clone()
    } else {
        let proposal = proposal_of(&table);
        if !proposal.is_certain() {
            return Err(TableError::Unconfirmed(Box::new(proposal)));
        }
        proposal.mapping
    };
    let fields = fields_of(&table.header, &mapping)?;
    let width = table.header.len();
    let rows = table.records.into_iter().map(|(number, record)| SourceRow {
        number,
        line: record
            .map_err(|error| RowError::new("row_malformed", error))
            .and_then(|record| to_loose(&record, width, &fields)),
        standing: None,
    });
    Ok((rows.collect(), mapping))
}

/// Whether the table can be imported with `mapping`, or without one.
pub fn check_table(bytes: &[u8], mapping: Option<&Mapping>) -> Result<(), TableError> {
    read(bytes, mapping).map(|_| ())
}

/// For each column its name and its field, checked.
fn fields_of(header: &[String], mapping: &Mapping) -> Result<Vec<Option<(String, String)>>, TableError> {
    let wrong = |detail: String| Err(TableError::Mapping(detail));
    let mut used: BTreeMap<&str, &str> = BTreeMap::new();
    for (column, field) in &mapping.0 {
        if !header.contains(column) {
            return wrong(format!("the table has no column {column:?}"));
        }
        if !FIELDS.iter().any(|(known, _)| known == field) {
            let known: Vec<&str> = FIELDS.iter().map(|(known, _)| *known).collect();
            return wrong(format!("{field:?} is no field; there are {}", known.join(", ")));
        }
        if let Some(other) = used.insert(field, column) {
            return wrong(format!(
                "the columns {other:?} and {column:?} cannot both hold {field}"
            ));
        }
    }
    if let Some(missing) = missing_in(mapping.0.values().map(String::as_str)).first() {
        return wrong(format!("no column holds {missing}"));
    }
    let pair = |name: &String| Some((name.clone(), mapping.0.get(name)?.clone()));
    Ok(header.iter().map(pair).collect())
}

fn to_loose(
    record: &csv::StringRecord,
    width: usize,
    fields: &[Option<(String, String)>],
) -> Result<Vec<u8>, RowError> {
    // Spreadsheets leave out empty cells at the end, and end lines with a separator too many.
    let surplus = record.iter().skip(width).any(|cell| !cell.trim().is_empty());
    if surplus {
        let detail = format!("the row has {} columns and the header {width}", record.len());
        return Err(RowError::new("columns_mismatch", detail));
    }
    let mut cells = Cells::default();
    for (cell, field) in record.iter().zip(fields) {
        if let Some((column, field)) = field {
            cells.put(field, column, cell);
        }
    }
    let loose: Map<String, Value> = cells.into_loose()?;
    Ok(Value::Object(loose).to_string().into_bytes())
}

/// Which column a mistake is about, by the field where it was found.
pub(crate) fn column_of(mapping: &Mapping, pointer: &str) -> Option<String> {
    let mut parts = pointer.trim_start_matches('/').split('/');
    let first = parts.next()?;
    let candidates: &[&str] = match first {
        "locations" => &["country", "region", "city", "location"],
        "pay" => &["pay_min", "pay_max", "salary"],
        "apply" => &["apply_email", "url"],
        "description_html" | "description_text" => &["description"],
        "salary_raw" => &["salary"],
        other => &[other],
    };
    let last = parts.next_back();
    let exact = candidates
        .iter()
        .find(|field| last.is_some_and(|last| field.ends_with(last)));
    let of_field = |field: &str| {
        mapping
            .0
            .iter()
            .find(|(_, held)| *held == field)
            .map(|(name, _)| name.clone())
    };
    exact
        .and_then(|field| of_field(field))
        .or_else(|| candidates.iter().find_map(|field| of_field(field)))
}
