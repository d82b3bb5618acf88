//! Queries and cursors, up to the page that they find.

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use postings::import::{self, EmployerChoice, Format, ImportOptions};
use search::{Index, Matcher, Query, SearchDocument, parse_pairs, query_from_json};
use serde_json::json;
use store::testing::{TestDb, monday_morning};
use store::{Backend, Random};
use tempfile::TempDir;

struct Searchable {
    index: Index,
    documents: Vec<SearchDocument>,
    _db: TestDb,
    _dir: TempDir,
}

/// A few postings that can be found.
static SEARCHABLE: LazyLock<Searchable> = LazyLock::new(|| {
    let db = TestDb::new(Backend::Sqlite);
    let titles = [
        "Staff RTL Design Engineer",
        "GPU Kernel Engineer (CUDA)",
        "Datacenter Network Engineer",
        "ML Compiler Engineer, MLIR",
    ];
    let places = ["Austin, TX", "Zürich, Switzerland", "Remote - US"];
    let rows = (0..40).map(|n| {
        json!({"source": "seed", "source_id": n.to_string(), "company": format!("Fernhollow {}", n % 7), "title": titles[n % 4],
            "location": places[n % 3], "salary_raw": format!("${}k", 150 + n),
            "description": "SystemVerilog, NCCL and 800G optics. Apply <b>now</b>.", "url": format!("https://fernhollow.example/{n}")})
        .to_string()
    });
    let rows = rows.collect::<Vec<_>>().join("\n");
    let options = ImportOptions::new(EmployerChoice::FromCompany, Format::Ndjson);
    let random = Random::seeded(1);
    let summary = import::run(
        &db,
        rows.as_bytes(),
        &options,
        &random,
        monday_morning(),
        &mut |_| {},
    );
    assert_eq!(summary.expect("an import").created, 40);
    let dir = TempDir::with_prefix("backplane-index-").expect("a directory");
    let index = Index::open(&dir.path().join("index")).expect("an index");
    while !index.pass(&db).expect("a pass").is_caught_up {}
    let changes = db.read_blocking(|conn| postings::changes::changed_since(conn, 0, 100));
    let documents = changes
        .expect("the changes")
        .into_iter()
        .filter_map(|(_, change)| match change {
            postings::changes::Change::Upsert(posting) => Some(SearchDocument::of(&posting)),
            postings::changes::Change::Remove(_) => None,
        });
    Searchable {
        documents: documents.collect(),
        index,
        _db: db,
        _dir: dir,
    }
});

/// The input as the query of an address: what is accepted can be searched, suggested and remembered.
pub(super) fn search_query(input: &[u8]) {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(input).into_owned().collect();
    for error in parse_pairs(&pairs).err().into_iter().flatten() {
        assert!(!error.detail.is_empty() && !error.code.is_empty());
    }
    let Ok(request) = parse_pairs(&pairs) else {
        return;
    };
    let index = &SEARCHABLE.index;
    if let Ok(results) = index.search(&request, monday_morning()) {
        assert!(results.hits.len() <= request.limit);
    }
    let typed = pairs
        .iter()
        .find(|(name, _)| name == "q")
        .map_or("", |(_, typed)| typed);
    index
        .suggest(typed, &request.query, 10, monday_morning())
        .expect("suggestions");
    remember(&request.query);
}

/// The input as the query object of an alert: what is accepted can be asked and is kept without a loss.
pub(super) fn alert_query(input: &[u8]) {
    let Ok(value) = serde_json::from_slice(input) else {
        return;
    };
    if let Ok(query) = query_from_json(&value) {
        remember(&query);
    }
}

fn remember(query: &Query) {
    let kept = serde_json::to_string(query).expect("a query can be written");
    assert_eq!(
        serde_json::from_str::<Query>(&kept).ok().as_ref(),
        Some(query),
        "{kept} is not what was kept"
    );
    let mut matcher = Matcher::new();
    matcher.insert(Random::seeded(2).id(monday_morning()), query);
    for document in &SEARCHABLE.documents {
        matcher.matching(document, monday_morning(), |_| {});
    }
}

/// The input as a cursor, in the clear and as it is written.
pub(super) fn cursor(input: &[u8]) {
    let written = String::from_utf8_lossy(input).into_owned();
    for cursor in [written, BASE64URL_NOPAD.encode(input)] {
        let _ = store::page::decode_cursor::<store::Id>(&cursor);
        let _ = store::page::decode_cursor::<(i64, store::Id)>(&cursor);
        for sort in ["relevance", "newest", "pay"] {
            let pairs = [
                ("q", "engineer"),
                ("limit", "3"),
                ("sort", sort),
                ("cursor", &cursor),
            ];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let request = parse_pairs(&pairs).expect("a request with any cursor");
            if let Ok(results) = SEARCHABLE.index.search(&request, monday_morning()) {
                assert!(results.hits.len() <= 3);
            }
        }
    }
}
