//! Every parser of what others send, each as a function that takes any bytes and panics when something breaks that must hold for
//! all of them. `tests/tests/parsers.rs` feeds them damaged seeds in every run, and `fuzz/` lets libFuzzer look for more.

mod content;
mod imports;
mod searches;
mod secrets;

use std::path::Path;

/// A parser with what must hold of it.
pub type Parser = fn(&[u8]);

/// All of them, by the name of their seeds in `fuzz/seeds`.
pub const PARSERS: &[(&str, Parser)] = &[
    ("access_token", secrets::access_token),
    ("alert_query", searches::alert_query),
    ("cursor", searches::cursor),
    ("description", content::description),
    ("email_address", content::email_address),
    ("import_ashby", imports::ashby),
    ("import_csv", imports::csv),
    ("import_greenhouse", imports::greenhouse),
    ("import_json_ld", imports::json_ld),
    ("import_lever", imports::lever),
    ("import_ndjson", imports::ndjson),
    ("link_token", secrets::link_token),
    ("mail_message", content::mail_message),
    ("mail_report", content::mail_report),
    ("place_and_pay", content::place_and_pay),
    ("posting", content::posting),
    ("search_query", searches::search_query),
    ("table_mapping", imports::table_mapping),
];

/// The parser `name` on `input`.
///
/// # Panics
/// When there is no such parser, or when what must hold does not.
pub fn parse(name: &str, input: &[u8]) {
    let found = PARSERS.iter().find(|(known, _)| *known == name);
    let (_, parser) = found.unwrap_or_else(|| panic!("there is no parser {name}"));
    parser(input);
}

/// The seeds of the parser `name`, in the order of their names.
///
/// # Panics
/// When there are none: a parser without seeds proves little.
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(name);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("a seed"))
        .collect();
    assert!(!seeds.is_empty(), "{} holds no seeds", dir.display());
    seeds
}
