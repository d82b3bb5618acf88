//! The verbs that the tests speak in.

use std::collections::BTreeSet;

use diesel::prelude::*;
use postings::changes::{Change, changed_since};
use postings::import::{self, EmployerChoice, Format, ImportOptions};
use postings::lifecycle::{self, PostingError};
use postings::{CloseReason, Posting};
use search::{Index, Query, SearchDocument, SearchRequest, SearchResults, parse_pairs};
use serde_json::{Value, json};
use store::schema::employers;
use store::testing::monday_morning;
use store::{Db, Id, Random, Timestamp};
use tempfile::TempDir;

/// A board whose postings come from rows named by `source_id`.
pub(crate) struct Board<'d> {
    pub(crate) db: &'d Db,
    pub(crate) dir: TempDir,
    pub(crate) index: Index,
    pub(crate) random: Random,
    pub(crate) now: Timestamp,
}

impl<'d> Board<'d> {
    pub(crate) fn new(db: &'d Db) -> Self {
        let dir = TempDir::with_prefix("backplane-index-").unwrap();
        let index = Index::open(&dir.path().join("index")).unwrap();
        Self {
            db,
            dir,
            index,
            random: Random::seeded(5),
            now: monday_morning(),
        }
    }

    /// Writes rows without bringing the index up to date.
    pub(crate) fn import(&self, rows: &[Value]) {
        let text = rows.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let options = ImportOptions::new(EmployerChoice::FromRow, Format::Ndjson);
        let summary = import::run(
            self.db,
            text.as_bytes(),
            &options,
            &self.random,
            self.now,
            &mut |_| {},
        )
        .unwrap();
        // What was erased here does not come back, whatever the source says.
        let erased = summary.reasons.get("posting_erased").copied().unwrap_or_default();
        assert_eq!(summary.rejected, erased, "{summary:?}");
    }

    pub(crate) fn post(&self, rows: &[Value]) {
        self.import(rows);
        self.settle();
    }

    /// Passes until the index is up to date.
    pub(crate) fn settle(&self) {
        while !self.index.pass(self.db).unwrap().is_caught_up {}
    }

    pub(crate) fn postings(&self) -> Vec<Posting> {
        let changes = self
            .db
            .read_blocking(|conn| changed_since(conn, 0, 10_000))
            .unwrap();
        let upserts = changes.into_iter().filter_map(|(_, change)| match change {
            Change::Upsert(posting) => Some(*posting),
            Change::Remove(_) => None,
        });
        upserts.collect()
    }

    pub(crate) fn posting(&self, name: &str) -> Posting {
        let all = self.postings();
        all.into_iter()
            .find(|posting| posting.row.source_id.as_deref() == Some(name))
            .unwrap_or_else(|| panic!("{name} is public"))
    }

    pub(crate) fn document(&self, name: &str) -> SearchDocument {
        SearchDocument::of(&self.posting(name))
    }

    fn write<T>(&self, change: impl FnOnce(&mut store::DbConn) -> Result<T, PostingError>) -> T {
        self.db.write_blocking(change).unwrap()
    }

    pub(crate) fn pause(&self, id: Id) {
        self.write(|tx| lifecycle::pause(tx, id, None, self.now));
    }

    pub(crate) fn resume(&self, id: Id) {
        self.write(|tx| lifecycle::resume(tx, id, None, self.now));
    }

    pub(crate) fn close(&self, id: Id) {
        self.write(|tx| lifecycle::close(tx, id, CloseReason::Filled, None, self.now));
    }

    pub(crate) fn delete(&self, id: Id) {
        self.write(|tx| lifecycle::delete(tx, id, None, self.now));
    }

    pub(crate) fn update(&self, id: Id, patch: &Value) {
        self.write(|tx| lifecycle::update(tx, id, patch, None, self.now));
    }

    pub(crate) fn set_employer_status(&self, slug: &str, status: &str) {
        self.write(|tx| {
            let id: Option<Id> = employers::table
                .filter(employers::slug.eq(slug))
                .select(employers::id)
                .first(tx)
                .optional()?;
            if let Some(id) = id {
                diesel::update(employers::table.find(id))
                    .set(employers::status.eq(status))
                    .execute(tx)?;
                postings::employers::touch_postings(tx, id, self.now)?;
            }
            Ok(())
        });
    }

    pub(crate) fn search(&self, parameters: &str) -> SearchResults {
        self.index.search(&request(parameters), self.now).unwrap()
    }

    /// The names of the hits, in their order.
    pub(crate) fn found(&self, parameters: &str) -> Vec<String> {
        names(&self.search(parameters))
    }

    /// The names of the hits, sorted.
    pub(crate) fn found_set(&self, parameters: &str) -> Vec<String> {
        let mut found = self.found(parameters);
        found.sort_unstable();
        found
    }

    /// Every page of a search, by names.
    pub(crate) fn pages(&self, parameters: &str) -> Vec<Vec<String>> {
        let mut request = request(parameters);
        let mut pages = Vec::new();
        loop {
            let results = self.index.search(&request, self.now).unwrap();
            pages.push(names(&results));
            request.cursor = results.next_cursor;
            if request.cursor.is_none() {
                return pages;
            }
        }
    }
}

/// The titles' last words, which name the postings in these tests.
pub(crate) fn names(results: &SearchResults) -> Vec<String> {
    let name = |summary: &str| {
        let summary: Value = serde_json::from_str(summary).unwrap();
        let title = summary["title"].as_str().unwrap().to_owned();
        title.rsplit(' ').next().unwrap().to_owned()
    };
    results.hits.iter().map(|hit| name(&hit.summary)).collect()
}

pub(crate) fn ids(results: &SearchResults) -> BTreeSet<Id> {
    results.hits.iter().map(|hit| hit.id).collect()
}

/// `a=b&c=d`, without any escaping.
pub(crate) fn request(parameters: &str) -> SearchRequest {
    let pairs: Vec<(String, String)> = parameters
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    parse_pairs(&pairs).unwrap_or_else(|errors| panic!("{parameters}: {errors:?}"))
}

pub(crate) fn query(parameters: &str) -> Query {
    request(parameters).query
}

/// A row whose title ends in its name.
pub(crate) fn row(name: &str, title: &str) -> Value {
    json!({
        "source": "test", "source_id": name, "employer": {"name": "Acme Compute", "slug": "acme"}, "title": format!("{title} {name}"),
        "description": "Plain text.", "discipline": "silicon", "specialties": [], "skills": [], "posted_at": "2026-11-20T00:00:00Z",
    })
}

pub(crate) fn row_with(name: &str, title: &str, fields: Value) -> Value {
    let mut all = row(name, title);
    for (field, value) in fields.as_object().unwrap() {
        all[field] = value.clone();
    }
    all
}
