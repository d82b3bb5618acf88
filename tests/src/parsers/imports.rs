//! What imports read.

use postings::import::{self, EmployerChoice, Format, ImportOptions, Mapping};
use store::testing::monday_morning;

fn count(format: Format, mapping: Option<Mapping>, input: &[u8]) {
    let mut options = ImportOptions::new(EmployerChoice::FromCompany, format);
    options.mapping = mapping;
    options.is_whole = true;
    if let Ok((taken, rejected)) = import::count(input, &options, monday_morning()) {
        assert!(taken + rejected <= input.len() as u64, "no more rows than bytes");
    }
}

pub(super) fn ndjson(input: &[u8]) {
    count(Format::Ndjson, None, input);
}

pub(super) fn greenhouse(input: &[u8]) {
    count(Format::Greenhouse, None, input);
}

pub(super) fn lever(input: &[u8]) {
    count(Format::Lever, None, input);
}

pub(super) fn ashby(input: &[u8]) {
    count(Format::Ashby, None, input);
}

pub(super) fn json_ld(input: &[u8]) {
    count(Format::JsonLd, None, input);
}

/// What is proposed for a table can be imported, and says nothing else than importing does.
pub(super) fn csv(input: &[u8]) {
    count(Format::Csv, None, input);
    let Ok(proposal) = import::propose(input) else {
        return;
    };
    if proposal.missing.is_empty() {
        let checked = import::check_table(input, Some(&proposal.mapping));
        assert!(checked.is_ok(), "what was proposed is refused: {checked:?}");
    }
    count(Format::Csv, Some(proposal.mapping), input);
}

/// The first line is a mapping as JSON, the rest is the table.
pub(super) fn table_mapping(input: &[u8]) {
    let line = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let (mapping, table) = input.split_at(line);
    if let Ok(mapping) = serde_json::from_slice::<Mapping>(mapping) {
        count(Format::Csv, Some(mapping), table);
    }
}
