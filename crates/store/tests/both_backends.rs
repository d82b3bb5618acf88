//! What the rest of the house relies on, shown on both databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Mutex;

use diesel::prelude::*;
use jiff::SignedDuration;
use store::revision::{self, Counter};
use store::schema::{counters, employers, idempotency_keys, leases, outbox, suppressions};
use store::testing::{TestDb, monday_morning};
use store::{
    Backend, Db, DbConn, DbOptions, Id, Json, Random, StoreError, Timestamp, cols, idempotency, lease,
    on_each,
};

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = employers, treat_none_as_default_value = false)]
struct Employer {
    id: Id,
    slug: String,
    name: String,
    website: Option<String>,
    description_html: String,
    headquarters: Option<String>,
    status: String,
    version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

fn employer(random: &Random, slug: &str) -> Employer {
    let now = monday_morning();
    Employer {
        id: random.id(now),
        slug: slug.to_owned(),
        name: format!("{slug} Inc"),
        website: None,
        description_html: String::new(),
        headquarters: Some("Austin, TX".to_owned()),
        status: "active".to_owned(),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

fn insert(tx: &mut DbConn, rows: &[Employer]) -> Result<usize, StoreError> {
    Ok(on_each!(tx, c => diesel::insert_into(employers::table).values(rows).execute(c))?)
}

store::on_both! {
    fn an_inserted_row_comes_back_as_it_was_written(db) {
        let random = Random::seeded(1);
        let row = employer(&random, "acme");
        let back: Employer = db.write_blocking(|tx| {
            let back = diesel::insert_into(employers::table)
                .values(&row)
                .returning(cols::<Employer>())
                .get_result(tx)?;
            Ok::<_, StoreError>(back)
        }).unwrap();
        assert_eq!(back, row);
        let read: Employer = db
            .read_blocking(|c| Ok::<_, StoreError>(employers::table.find(row.id).select(Employer::as_select()).first(c)?))
            .unwrap();
        assert_eq!(read, row);
    }

    fn json_comes_back_as_it_was_written(db) {
        let random = Random::seeded(2);
        let headers = Json(serde_json::json!({"List-Id": "alerts <a.example>", "é": ["\u{1F600}", null, 1.5]}));
        db.write_blocking(|tx| {
            diesel::insert_into(outbox::table)
                .values((
                    outbox::id.eq(random.id(monday_morning())), outbox::dedup_key.eq("k"), outbox::kind.eq("k"),
                    outbox::recipient.eq("a@b.example"), outbox::subject.eq("s"), outbox::text_body.eq("t"),
                    outbox::html_body.eq("h"), outbox::headers.eq(&headers), outbox::state.eq("queued"),
                    outbox::attempts.eq(0), outbox::next_attempt_at.eq(monday_morning()),
                    outbox::not_after.eq(monday_morning()), outbox::created_at.eq(monday_morning()),
                ))
                .execute(tx)?;
            Ok::<_, StoreError>(())
        }).unwrap();
        let read: Json<serde_json::Value> = db
            .read_blocking(|c| Ok::<_, StoreError>(outbox::table.select(outbox::headers).first(c)?))
            .unwrap();
        assert_eq!(read, headers);
    }

    fn a_batch_is_inserted_in_one_statement_and_filtered_by_boxed_conditions(db) {
        let random = Random::seeded(3);
        let rows: Vec<Employer> = (0..500).map(|n| employer(&random, &format!("e{n:03}"))).collect();
        assert_eq!(db.write_blocking(|tx| insert(tx, &rows)).unwrap(), 500);
        let found = db.read_blocking(|c| {
            let mut query = employers::table.select(employers::slug).order(employers::slug).limit(3).into_boxed();
            query = query.filter(employers::slug.gt("e100"));
            query = query.filter(employers::website.is_null().and(employers::status.eq("active")));
            Ok::<_, StoreError>(query.load::<String>(c)?)
        }).unwrap();
        assert_eq!(found, ["e101", "e102", "e103"]);
        let ids: Vec<Id> = rows.iter().take(7).map(|row| row.id).collect();
        let count: i64 = db.read_blocking(|c| {
            Ok::<_, StoreError>(employers::table.filter(employers::id.eq_any(ids)).count().get_result(c)?)
        }).unwrap();
        assert_eq!(count, 7);
    }

    fn an_upsert_inserts_once_and_updates_after(db) {
        let put = |reason: &str| db.write_blocking(|tx| {
            Ok::<_, StoreError>(on_each!(tx, c => diesel::insert_into(suppressions::table)
                .values((
                    suppressions::address.eq("a@b.example"), suppressions::reason.eq(reason),
                    suppressions::detail.eq(""), suppressions::created_at.eq(monday_morning()),
                ))
                .on_conflict(suppressions::address)
                .do_update()
                .set(suppressions::reason.eq(reason))
                .execute(c))?)
        }).unwrap();
        put("bounce");
        put("complaint");
        let rows: Vec<String> = db
            .read_blocking(|c| Ok::<_, StoreError>(suppressions::table.select(suppressions::reason).load(c)?))
            .unwrap();
        assert_eq!(rows, ["complaint"]);
    }

    fn a_second_row_with_the_same_slug_is_a_unique_violation_on_the_slug(db) {
        let random = Random::seeded(4);
        db.write_blocking(|tx| insert(tx, &[employer(&random, "acme")])).unwrap();
        let error = db.write_blocking(|tx| {
            let rows = vec![employer(&random, "acme")];
            let outcome = on_each!(tx, c => diesel::insert_into(employers::table).values(&rows).execute(c));
            Ok::<_, StoreError>(outcome.unwrap_err())
        }).unwrap_err_or_ok();
        assert!(store::is_unique_violation(&error, "slug"), "{error:?}");
        assert!(!store::is_unique_violation(&error, "email"));
    }

    fn a_failed_transaction_leaves_nothing_and_the_next_one_works(db) {
        let random = Random::seeded(5);
        let outcome: Result<(), StoreError> = db.write_blocking(|tx| {
            insert(tx, &[employer(&random, "acme")])?;
            Err(StoreError::Interrupted)
        });
        assert!(outcome.is_err());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            db.write_blocking(|tx| -> Result<(), StoreError> {
                insert(tx, &[employer(&random, "acme")])?;
                panic!("in the middle");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(db.write_blocking(|tx| insert(tx, &[employer(&random, "acme")])).unwrap(), 1);
    }

    fn readers_see_no_open_transaction_and_concurrent_writers_lose_no_update(db) {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| for _ in 0..25 {
                    db.write_blocking(|tx| revision::take(tx, Counter::Alerts, 1)).unwrap();
                });
            }
        });
        assert_eq!(db.read_blocking(|c| revision::latest(c, Counter::Alerts)).unwrap(), 100);
        assert_eq!(db.read_blocking(|c| revision::latest(c, Counter::Postings)).unwrap(), 0);
    }

    fn a_reader_that_has_seen_a_revision_never_misses_an_earlier_one(db) {
        let seen = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let random = Random::seeded(100 + writer);
                scope.spawn(move || for n in 0..25 {
                    db.write_blocking(|tx| {
                        let revision = revision::take(tx, Counter::Postings, 1)?;
                        let slug = format!("r{revision:06}-{writer}-{n}");
                        insert(tx, &[employer(&random, &slug)])
                    }).unwrap();
                });
            }
            scope.spawn(|| {
                let mut done = 0;
                while done < 100 {
                    // The reader asks for what is past its cursor; whatever it finds must continue without a gap.
                    let slugs: Vec<String> = db.read_blocking(|c| Ok::<_, StoreError>(employers::table
                        .filter(employers::slug.gt(format!("r{done:06}~")))
                        .select(employers::slug).order(employers::slug).load(c)?)).unwrap();
                    for slug in slugs {
                        let revision: usize = slug[1..7].parse().unwrap();
                        assert_eq!(revision, done + 1, "a gap before {slug}");
                        done = revision;
                        seen.lock().unwrap().push(revision);
                    }
                }
            });
        });
        assert_eq!(seen.lock().unwrap().len(), 100);
    }

    fn a_lease_is_held_by_one_until_it_runs_out_or_is_given_up(db) {
        let random = Random::seeded(6);
        let now = monday_morning();
        let (one, two) = (random.id(now), random.id(now));
        let minute = SignedDuration::from_mins(1);
        let acquire = |holder, at| db.write_blocking(|tx| lease::acquire(tx, "pass", holder, minute, at)).unwrap();
        assert!(acquire(one, now));
        assert!(acquire(one, now.plus(SignedDuration::from_secs(30))), "the holder renews");
        assert!(!acquire(two, now.plus(SignedDuration::from_secs(60))));
        assert!(acquire(two, now.plus(SignedDuration::from_secs(90))), "it ran out");
        db.write_blocking(|tx| lease::release(tx, "pass", one)).unwrap();
        assert!(!acquire(one, now.plus(SignedDuration::from_secs(91))), "only the holder gives it up");
        db.write_blocking(|tx| lease::release(tx, "pass", two)).unwrap();
        assert!(acquire(one, now.plus(SignedDuration::from_secs(92))));
    }

    fn a_cursor_moves_only_from_where_it_stands(db) {
        let advance = |from, to| db.write_blocking(|tx| revision::advance_cursor(tx, "index", from, to)).unwrap();
        assert!(advance(0, 5));
        assert!(!advance(0, 7), "another process was faster");
        assert!(advance(5, 7));
        assert_eq!(db.read_blocking(|c| revision::cursor(c, "index")).unwrap(), 7);
    }

    fn an_answer_is_remembered_for_a_day(db) {
        let now = monday_morning();
        let answer = idempotency::Remembered { request_hash: vec![1], status: 201, body: "{}".to_owned() };
        db.write_blocking(|tx| idempotency::remember(tx, "user", "k1", &answer, now).map_err(StoreError::from)).unwrap();
        let find = |at| db.read_blocking(|c| idempotency::find(c, "user", "k1", at)).unwrap();
        assert_eq!(find(now).unwrap().status, 201);
        assert!(find(now.plus(idempotency::KEPT)).is_none());
        let again = db.write_blocking(|tx| idempotency::remember(tx, "user", "k1", &answer, now).map_err(StoreError::from));
        assert!(again.is_err());
        let later = now.plus(idempotency::KEPT);
        db.write_blocking(|tx| idempotency::remember(tx, "user", "k1", &answer, later).map_err(StoreError::from)).unwrap();
        let forgotten = db
            .write_blocking(|tx| idempotency::forget_old(tx, 10, later.plus(idempotency::KEPT)))
            .unwrap();
        assert_eq!(forgotten, 1);
        let left: i64 = db.read_blocking(|c| Ok::<_, StoreError>(idempotency_keys::table.count().get_result(c)?)).unwrap();
        assert_eq!(left, 0);
    }

    fn migrations_go_up_and_down_and_up(db) {
        db.write_blocking(|tx| { insert(tx, &[employer(&Random::seeded(7), "acme")]) }).unwrap();
        let mut conn = open_raw(db);
        store::revert_all(&mut conn).unwrap();
        assert!(counters::table.count().get_result::<i64>(&mut conn).is_err(), "nothing is left");
        let steps = std::fs::read_dir("../../migrations/sqlite").unwrap().count();
        assert_eq!(store::pending_migrations(&mut conn).unwrap().0.len(), steps);
        assert_eq!(store::run_pending(&mut conn).unwrap().len(), steps);
        assert!(store::pending_migrations(&mut conn).unwrap().0.is_empty());
        let count: i64 = employers::table.count().get_result(&mut conn).unwrap();
        assert_eq!(count, 0);
    }

    fn time_is_kept_to_the_microsecond_also_before_1970_and_2000(db) {
        for micros in [-1, 0, 1, 946_684_799_999_999, 1_795_424_400_123_456] {
            let at = Timestamp::from_micros(micros);
            let name = format!("at {micros}");
            db.write_blocking(|tx| lease::acquire(tx, &name, Random::seeded(8).id(at), SignedDuration::ZERO, at)).unwrap();
            let back: Timestamp = db
                .read_blocking(|c| Ok::<_, StoreError>(leases::table.find(&name).select(leases::expires_at).first(c)?))
                .unwrap();
            assert_eq!(back, at);
        }
    }

    fn nulls_sort_as_asked_and_text_sorts_by_bytes(db) {
        let random = Random::seeded(9);
        let rows: Vec<Employer> = ["b", "B", "a", "Z", "é"].iter().map(|slug| employer(&random, slug)).collect();
        db.write_blocking(|tx| insert(tx, &rows)).unwrap();
        let slugs: Vec<String> = db
            .read_blocking(|c| Ok::<_, StoreError>(employers::table.select(employers::slug).order(employers::slug).load(c)?))
            .unwrap();
        assert_eq!(slugs, ["B", "Z", "a", "b", "é"]);
    }
}

trait UnwrapErrOrOk {
    fn unwrap_err_or_ok(self) -> diesel::result::Error;
}

/// On PostgreSQL a failed statement dooms its transaction, so the commit may fail as well; the statement's error counts.
impl UnwrapErrOrOk for Result<diesel::result::Error, StoreError> {
    fn unwrap_err_or_ok(self) -> diesel::result::Error {
        match self {
            Ok(error) | Err(StoreError::Database(error)) => error,
            Err(other) => panic!("{other}"),
        }
    }
}

fn open_raw(db: &TestDb) -> DbConn {
    match db.backend() {
        Backend::Postgres => DbConn::Pg(PgConnection::establish(db.url()).unwrap()),
        Backend::Sqlite => {
            DbConn::Sqlite(SqliteConnection::establish(db.url().trim_start_matches("sqlite:")).unwrap())
        }
    }
}

macro_rules! select_every_column {
    ($($table:ident),* $(,)?) => {
        store::on_both! {
            fn every_column_of_the_schema_selects(db) {
                let mut tables = BTreeSet::new();
                db.read_blocking(|c| {
                    $(
                        use store::schema::$table;
                        let query = $table::table.select($table::all_columns).limit(1);
                        on_each!(c, c => query.execute(c)).map(|_| ())?;
                        tables.insert(stringify!($table));
                    )*
                    Ok::<_, StoreError>(())
                }).unwrap();
                assert_eq!(tables.len(), 51);
            }
        }
    };
}

mod whole_schema {
    use super::*;
    select_every_column!(
        counters,
        cursors,
        leases,
        idempotency_keys,
        outbox,
        suppressions,
        users,
        one_time_tokens,
        sessions,
        refresh_tokens,
        employers,
        members,
        invitations,
        api_keys,
        employer_domains,
        ownership_offers,
        employer_quotas,
        audit_entries,
        totp_factors,
        recovery_codes,
        mfa_challenges,
        passkeys,
        passkey_challenges,
        provider_identities,
        provider_flows,
        sign_in_attempts,
        known_clients,
        email_changes,
        postings,
        posting_versions,
        boards,
        campaigns,
        holds,
        held_postings,
        hiring_events,
        event_postings,
        event_registrations,
        posting_reviews,
        report_cases,
        posting_reports,
        case_decisions,
        import_runs,
        alerts,
        alert_matches,
        alert_changes,
        alert_feedback,
        webhook_endpoints,
        webhook_events,
        webhook_deliveries,
        posting_numbers,
        installation,
    );
}

#[test]
fn a_url_of_neither_database_is_refused_with_the_two_forms_that_work() {
    for url in ["", "mysql://x", "sqlite:", "sqlite::memory:", "data.db"] {
        match Db::open(&DbOptions::new(url)) {
            Err(StoreError::Address(message)) => assert!(message.contains("sqlite:PATH"), "{message}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[test]
fn an_unreachable_server_is_unavailable_and_says_so_in_its_own_words() {
    let error = Db::open(&DbOptions::new("postgres://nobody@127.0.0.1:1/none")).unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable(words) if words.contains("127.0.0.1")),
        "{error}"
    );
}

#[test]
fn sqlite_readers_cannot_write_and_every_connection_syncs_fully() {
    let db = TestDb::new(Backend::Sqlite);
    let refused = db.read_blocking(|c| revision::take(c, Counter::Alerts, 1));
    assert!(matches!(refused, Err(StoreError::NoSpace(_))), "{refused:?}");
    let mode = |c: &mut DbConn| -> Result<i64, StoreError> {
        let DbConn::Sqlite(c) = c else { panic!("SQLite") };
        Ok(
            diesel::sql_query("SELECT synchronous AS value FROM pragma_synchronous")
                .get_result::<Pragma>(c)?
                .value,
        )
    };
    assert_eq!(db.read_blocking(mode).unwrap(), 2);
    assert_eq!(db.write_blocking(mode).unwrap(), 2);
}

#[derive(QueryableByName)]
struct Pragma {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    value: i64,
}
