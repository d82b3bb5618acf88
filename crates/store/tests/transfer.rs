//! Facts about moving a database, and about rows that contradict each other.
#![expect(clippy::unwrap_used, reason = "tests")]

use diesel::prelude::*;
use store::invariant::{self, Invariant};
use store::revision::{self, Counter};
use store::schema::{outbox, users};
use store::testing::{TestDb, monday_morning};
use store::transfer::{TransferError, to_postgres};
use store::{
    Backend, Connections, Db, DbOptions, Id, Json, Listener, Random, StoreError, Timestamp, Told,
    installation, tell_nodes,
};

/// Rows of every kind of column, with values that are easily spoiled on the way.
fn fill(db: &Db) {
    let random = Random::seeded(5);
    db.write_blocking(|tx| {
        revision::take(tx, Counter::Postings, 7)?;
        for (n, name) in ["Zoë \"Z\" O'Hara\\", "line\nbreak\ttab", "\u{1F600} \u{200F}"]
            .iter()
            .enumerate()
        {
            diesel::insert_into(users::table)
                .values((
                    users::id.eq(random.id(monday_morning())),
                    users::email.eq(format!("u{n}@a.example")),
                    users::name.eq(name),
                    users::password_hash.eq(""),
                    users::verified_at.eq((n == 1).then(|| Timestamp::from_micros(-1))),
                    users::is_operator.eq(n == 0),
                    users::version.eq(i32::MAX),
                    users::created_at.eq(Timestamp::from_micros(1_795_424_400_123_457)),
                    users::updated_at.eq(monday_morning()),
                ))
                .execute(tx)?;
        }
        for (n, headers) in [
            serde_json::json!(null),
            serde_json::json!({"b": [1, 2.50, 1e20], "a": "é\u{0007}"}),
        ]
        .iter()
        .enumerate()
        {
            diesel::insert_into(outbox::table)
                .values((
                    outbox::id.eq(random.id(monday_morning())),
                    outbox::dedup_key.eq(format!("k{n}")),
                    outbox::kind.eq("k"),
                    outbox::recipient.eq("a@b.example"),
                    outbox::subject.eq(""),
                    outbox::text_body.eq("t\r\n.\r\n"),
                    outbox::html_body.eq("<p>"),
                    outbox::headers.eq(Json(headers.clone())),
                    outbox::state.eq("queued"),
                    outbox::attempts.eq(0),
                    outbox::next_attempt_at.eq(monday_morning()),
                    outbox::not_after.eq(monday_morning()),
                    outbox::created_at.eq(monday_morning()),
                    outbox::is_bulk.eq(n == 1),
                    outbox::lease_holder.eq((n == 1).then(|| Id::from_bytes([0xAB; 16]))),
                ))
                .execute(tx)?;
        }
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn a_moved_database_holds_the_same_rows() {
    let (from, to) = (TestDb::new(Backend::Sqlite), TestDb::new(Backend::Postgres));
    fill(&from);
    let mut told = 0;
    let moved = to_postgres(&from, &to, &mut |progress| told = told.max(progress.done)).unwrap();
    let rows = |table: &str| moved.iter().find(|moved| moved.table == table).unwrap().rows;
    assert_eq!(
        (rows("users"), rows("outbox"), rows("postings"), rows("counters")),
        (3, 2, 0, 2)
    );
    assert_eq!(
        told,
        moved.iter().map(|table| table.rows).sum::<u64>(),
        "progress ends at the end"
    );
    let names: Vec<(String, Option<Timestamp>, bool, Timestamp)> = to
        .read_blocking(|c| {
            Ok::<_, StoreError>(
                users::table
                    .order(users::email)
                    .select((
                        users::name,
                        users::verified_at,
                        users::is_operator,
                        users::created_at,
                    ))
                    .load(c)?,
            )
        })
        .unwrap();
    let created_at = Timestamp::from_micros(1_795_424_400_123_457);
    assert_eq!(
        names[0],
        ("Zoë \"Z\" O'Hara\\".to_owned(), None, true, created_at)
    );
    assert_eq!(
        names[1],
        (
            "line\nbreak\ttab".to_owned(),
            Some(Timestamp::from_micros(-1)),
            false,
            created_at
        )
    );
    let latest = to
        .read_blocking(|c| revision::latest(c, Counter::Postings))
        .unwrap();
    assert_eq!(latest, 7, "numbers go on where they were");
}

#[test]
fn a_database_that_somebody_uses_is_not_written_over_and_one_that_failed_can_be_tried_again() {
    let (from, to) = (TestDb::new(Backend::Sqlite), TestDb::new(Backend::Postgres));
    fill(&from);
    // A row that PostgreSQL refuses in the middle: text with U+0000.
    let spoiled = |name: &'static str| {
        from.write_blocking(|tx| {
            Ok::<_, StoreError>(
                diesel::update(users::table.filter(users::email.eq("u1@a.example")))
                    .set(users::name.eq(name))
                    .execute(tx)?,
            )
        })
        .unwrap();
    };
    spoiled("nul \u{0} byte");
    assert!(matches!(
        to_postgres(&from, &to, &mut |_| {}),
        Err(TransferError::Store(_))
    ));
    spoiled("good");
    to_postgres(&from, &to, &mut |_| {}).unwrap();
    let again = to_postgres(&from, &to, &mut |_| {});
    assert!(matches!(again, Err(TransferError::NotEmpty(_))), "{again:?}");
    assert!(matches!(
        to_postgres(&to, &from, &mut |_| {}),
        Err(TransferError::Direction)
    ));
}

store::on_both! {
    fn rows_that_contradict_each_other_are_counted_and_mended(db) {
        let rule = Invariant {
            name: "lease",
            meaning: "a claim names who and until when",
            violations: "SELECT count(*) FROM outbox WHERE (lease_holder IS NULL) <> (lease_expires_at IS NULL)",
            repair: Some("UPDATE outbox SET lease_holder = NULL"),
        };
        let count = || db.read_blocking(|c| invariant::count_violations(c, &rule)).unwrap();
        assert_eq!(count(), 0);
        fill(db);
        assert_eq!(count(), 1);
        assert!(db.write_blocking(|tx| invariant::repair(tx, &rule)).unwrap());
        assert_eq!(count(), 0);
        assert_eq!(db.read_blocking(|c| invariant::damage(c, 5)).unwrap(), Vec::<String>::new());
    }

    fn a_schema_that_only_has_more_is_used_and_one_that_says_it_is_too_new_is_not(db) {
        let pretend = |version: &str| {
            db.write_blocking(|tx| Ok::<_, StoreError>(tx.batch(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"))?)).unwrap();
        };
        pretend("9998");
        assert_eq!(db.migrate().unwrap(), Vec::<String>::new());
        let needs = |step: &'static str| {
            db.write_blocking(|tx| installation::remember(tx, installation::Fact::OldestStep, step)).unwrap();
            db.migrate()
        };
        needs("0001").unwrap();
        let refused = needs("9998").unwrap_err().to_string();
        assert!(refused.contains("later version") && refused.contains("9998"), "{refused}");
    }
}

#[test]
fn damage_of_an_embedded_database_is_named() {
    let db = TestDb::new(Backend::Sqlite);
    let path = db.url().strip_prefix("sqlite:").unwrap();
    let mut raw = SqliteConnection::establish(path).unwrap();
    diesel::sql_query("PRAGMA foreign_keys = OFF")
        .execute(&mut raw)
        .unwrap();
    diesel::sql_query(
        "INSERT INTO members (employer_id, user_id, role, created_at) VALUES (x'01', x'02', 'owner', 0)",
    )
    .execute(&mut raw)
    .unwrap();
    let found = db.read_blocking(|c| invariant::damage(c, 5)).unwrap();
    assert!(found.iter().any(|text| text.contains("members")), "{found:?}");
}

#[test]
fn a_commit_is_heard_by_whoever_listens() {
    let db = TestDb::new(Backend::Postgres);
    let mut listener = Listener::open(db.url()).unwrap();
    db.write_blocking(|tx| revision::take(tx, Counter::Alerts, 1))
        .unwrap();
    fill(&db);
    // A question makes the server hand over what it has for us.
    listener.ask().unwrap();
    let heard = listener.heard().unwrap();
    for what in ["alerts", "postings", "mail"] {
        assert!(
            heard.contains(&Told::Commit(what.to_owned())),
            "{what} in {heard:?}"
        );
    }
    db.write_blocking(|tx| revision::lock(tx, Counter::Alerts))
        .unwrap();
    listener.ask().unwrap();
    assert_eq!(listener.heard().unwrap(), Vec::new(), "a lock is no change");
    // Nodes speak to each other, also about what is longer than a word; what is rolled back was not said.
    let message = "spoken by a node\n".repeat(400);
    db.write_blocking(|tx| tell_nodes(tx, &message)).unwrap();
    let failed = db.write_blocking(|tx| {
        tell_nodes(tx, "never said")?;
        Err::<(), _>(StoreError::Unavailable("rolled back".to_owned()))
    });
    failed.unwrap_err();
    listener.ask().unwrap();
    assert_eq!(listener.heard().unwrap(), vec![Told::ByNode(message)]);
}

#[test]
fn through_a_pooler_nothing_stays_in_a_session() {
    let direct = TestDb::new(Backend::Postgres);
    let pooled = Db::open(&DbOptions {
        pool_size: 1,
        connections: Connections::Pooled,
        ..DbOptions::new(direct.url())
    })
    .unwrap();
    assert_eq!(pooled.migrate().unwrap(), Vec::<String>::new());
    fill(&pooled);
    let in_session = |what: &str| -> String {
        let text = format!("({what})");
        pooled
            .read_blocking(|c| {
                let store::DbConn::Pg(c) = c else {
                    panic!("PostgreSQL")
                };
                Ok::<_, StoreError>(
                    diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>(&text)).get_result(c)?,
                )
            })
            .unwrap()
    };
    assert_eq!(
        in_session("current_setting('statement_timeout')"),
        "1min",
        "set for each transaction"
    );
    assert_eq!(
        in_session("SELECT count(*)::text FROM pg_prepared_statements"),
        "0"
    );
    assert_eq!(
        in_session("SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'"),
        "0"
    );
}
