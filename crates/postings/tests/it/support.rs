//! The verbs that the tests speak in.

use diesel::prelude::*;
use jiff::SignedDuration;
use postings::changes::{Change, changed_since};
use postings::import::{self, EmployerChoice, Format, ImportOptions, Summary};
use postings::lifecycle::{self, PostingError};
use postings::{CloseReason, FieldError, Posting, PostingContent, PostingInput, find, validate};
use serde_json::{Value, json};
use store::revision::{self, Counter};
use store::schema::employers;
use store::testing::monday_morning;
use store::{Db, Id, Random, Timestamp};

pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn monday_plus_days(days: i32) -> Timestamp {
    monday_morning().plus(DAY * days)
}

/// A board with one employer, at a time that the test moves.
pub(crate) struct Board<'d> {
    pub(crate) db: &'d Db,
    pub(crate) random: Random,
    pub(crate) acme: Id,
    pub(crate) now: Timestamp,
}

type Outcome = Result<Posting, PostingError>;

impl<'d> Board<'d> {
    pub(crate) fn new(db: &'d Db) -> Self {
        let random = Random::seeded(7);
        let acme = add_employer(db, "acme-compute", Some("https://acme.example"), &random);
        Self {
            db,
            random,
            acme,
            now: monday_morning(),
        }
    }

    pub(crate) fn employer(&self, slug: &str, website: Option<&str>) -> Id {
        add_employer(self.db, slug, website, &self.random)
    }

    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&mut store::DbConn) -> Result<T, PostingError>,
    ) -> Result<T, PostingError> {
        self.db.write_blocking(change)
    }

    pub(crate) fn try_draft(&self, input: Value) -> Outcome {
        self.try_draft_of(self.acme, input)
    }

    pub(crate) fn try_draft_of(&self, employer: Id, input: Value) -> Outcome {
        let input: PostingInput = serde_json::from_value(input).unwrap();
        self.write(|tx| lifecycle::create(tx, employer, input, &self.random, self.now))
    }

    pub(crate) fn draft(&self, title: &str) -> Id {
        self.try_draft(posting(title)).unwrap().row.id
    }

    pub(crate) fn published(&self, title: &str) -> Id {
        let id = self.draft(title);
        self.publish(id).unwrap();
        id
    }

    pub(crate) fn publish(&self, id: Id) -> Outcome {
        self.write(|tx| lifecycle::publish(tx, id, None, self.now))
    }

    pub(crate) fn pause(&self, id: Id) -> Outcome {
        self.write(|tx| lifecycle::pause(tx, id, None, self.now))
    }

    pub(crate) fn resume(&self, id: Id) -> Outcome {
        self.write(|tx| lifecycle::resume(tx, id, None, self.now))
    }

    pub(crate) fn renew(&self, id: Id) -> Outcome {
        self.write(|tx| lifecycle::renew(tx, id, None, self.now))
    }

    pub(crate) fn close(&self, id: Id, reason: CloseReason) -> Outcome {
        self.write(|tx| lifecycle::close(tx, id, reason, None, self.now))
    }

    pub(crate) fn delete(&self, id: Id) {
        self.write(|tx| lifecycle::delete(tx, id, None, self.now))
            .unwrap();
    }

    pub(crate) fn update(&self, id: Id, patch: Value) -> Outcome {
        self.write(|tx| lifecycle::update(tx, id, &patch, None, self.now))
    }

    pub(crate) fn expire(&self) -> usize {
        self.write(|tx| lifecycle::expire_due(tx, 100, self.now)).unwrap()
    }

    pub(crate) fn find(&self, id: Id) -> Option<Posting> {
        self.db.read_blocking(|conn| find::find(conn, id)).unwrap()
    }

    pub(crate) fn revision(&self) -> i64 {
        self.db
            .read_blocking(|conn| revision::latest(conn, Counter::Postings))
            .unwrap()
    }

    pub(crate) fn changes(&self, after: i64) -> Vec<(i64, Change)> {
        self.db
            .read_blocking(|conn| changed_since(conn, after, 1000))
            .unwrap()
    }

    /// The versions kept of a posting, oldest first, with their titles.
    pub(crate) fn versions(&self, id: Id) -> Vec<(i32, String)> {
        let kept = self
            .db
            .read_blocking(|conn| find::list_versions(conn, id, 100))
            .unwrap();
        kept.into_iter()
            .rev()
            .map(|(version, content, _)| (version, content.title))
            .collect()
    }

    /// Freezes or unfreezes an employer as its page does.
    pub(crate) fn set_employer_status(&self, id: Id, status: &str) -> usize {
        self.db
            .write_blocking::<_, store::StoreError>(|tx| {
                diesel::update(employers::table.find(id))
                    .set(employers::status.eq(status))
                    .execute(tx)?;
                postings::employers::touch_postings(tx, id, self.now)
            })
            .unwrap()
    }
}

fn add_employer(db: &Db, slug: &str, website: Option<&str>, random: &Random) -> Id {
    let now = monday_morning();
    let id = random.id(now);
    db.write_blocking::<_, store::StoreError>(|tx| {
        diesel::insert_into(employers::table)
            .values((
                employers::id.eq(id),
                employers::slug.eq(slug),
                employers::name.eq(slug.to_uppercase()),
                employers::website.eq(website),
                employers::description_html.eq(""),
                employers::status.eq("active"),
                employers::version.eq(1),
                employers::created_at.eq(now),
                employers::updated_at.eq(now),
            ))
            .execute(tx)?;
        Ok(())
    })
    .unwrap();
    id
}

/// A posting that may be published.
pub(crate) fn posting(title: &str) -> Value {
    json!({ "title": title, "description": "You own timing closure." })
}

/// `posting` with some fields more.
pub(crate) fn posting_with(fields: Value) -> Value {
    let mut all = posting("Staff RTL Design Engineer");
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

pub(crate) fn content_of(fields: Value) -> PostingContent {
    validate(serde_json::from_value(posting_with(fields)).unwrap()).unwrap()
}

/// Pointers and codes of what is wrong.
pub(crate) fn mistakes(fields: Value) -> Vec<(String, String)> {
    let input = serde_json::from_value(posting_with(fields)).unwrap();
    pairs(validate(input).expect_err("the input is wrong"))
}

pub(crate) fn pairs(errors: Vec<FieldError>) -> Vec<(String, String)> {
    errors
        .into_iter()
        .map(|error| (error.pointer, error.code))
        .collect()
}

pub(crate) fn expected(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned()))
        .collect()
}

/// An import with what is usual: employers from the rows' companies.
pub(crate) struct Importer<'d> {
    pub(crate) db: &'d Db,
    pub(crate) random: Random,
    pub(crate) options: ImportOptions,
    pub(crate) now: Timestamp,
}

impl<'d> Importer<'d> {
    pub(crate) fn new(db: &'d Db) -> Self {
        Self {
            db,
            random: Random::seeded(3),
            options: ImportOptions::new(EmployerChoice::FromCompany, Format::Ndjson),
            now: monday_morning(),
        }
    }

    pub(crate) fn for_employer(db: &'d Db, slug: &str) -> Self {
        let mut importer = Self::new(db);
        importer.random = Random::seeded(slug.len() as u64 + 100);
        importer.options.employer = EmployerChoice::Slug(slug.to_owned());
        importer
    }

    pub(crate) fn bytes(&self, input: &[u8]) -> Summary {
        import::run(self.db, input, &self.options, &self.random, self.now, &mut |_| {}).unwrap()
    }

    pub(crate) fn rows(&self, rows: &[Value]) -> Summary {
        self.bytes(lines(rows).as_bytes())
    }

    /// The posting of a row.
    pub(crate) fn posting(&self, source: &str, source_id: &str) -> Posting {
        self.find(source, source_id).expect("the posting was imported")
    }

    pub(crate) fn find(&self, source: &str, source_id: &str) -> Option<Posting> {
        let id = self.db.read_blocking::<_, store::StoreError>(|conn| {
            Ok(store::schema::postings::table
                .filter(store::schema::postings::source.eq(source))
                .filter(store::schema::postings::source_id.eq(source_id))
                .select(store::schema::postings::id)
                .first::<Id>(conn)
                .optional()?)
        });
        let id = id.unwrap()?;
        self.db.read_blocking(|conn| find::find(conn, id)).unwrap()
    }

    pub(crate) fn employers(&self) -> Vec<(String, String)> {
        self.db
            .read_blocking::<_, store::StoreError>(|conn| {
                Ok(employers::table
                    .order(employers::slug)
                    .select((employers::slug, employers::name))
                    .load(conn)?)
            })
            .unwrap()
    }
}

/// created, updated, unchanged, closed, rejected.
pub(crate) fn counts(summary: &Summary) -> [u64; 5] {
    [
        summary.created,
        summary.updated,
        summary.unchanged,
        summary.closed,
        summary.rejected,
    ]
}

/// A loose row of a collector.
pub(crate) fn row(id: &str) -> Value {
    json!({
        "source": "board", "source_id": id, "title": "Staff RTL Design Engineer", "company": "Acme Compute, Inc.",
        "locations": ["Austin, TX"], "description_text": "You write SystemVerilog.", "active": true,
    })
}

pub(crate) fn row_with(id: &str, fields: Value) -> Value {
    let mut all = row(id);
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

pub(crate) fn lines(rows: &[Value]) -> String {
    rows.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

/// So many rows that differ in nothing but their ids.
pub(crate) fn many_rows(count: usize) -> Vec<Value> {
    (0..count).map(|n| row(&n.to_string())).collect()
}
