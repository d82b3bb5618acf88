//! Test databases: one for each test, on both backends, gone when the test ends.

use std::ops::Deref;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tempfile::TempDir;

use crate::{Backend, Db, DbOptions, Timestamp};

mod damage;

pub use damage::Damage;

/// Names the server on which tests make their databases; `make test` starts one and sets it.
pub const POSTGRES_URL_VARIABLE: &str = "BACKPLANE_TEST_POSTGRES_URL";

/// The moment at which tests begin: a Monday morning.
pub fn monday_morning() -> Timestamp {
    Timestamp::from_seconds(1_795_424_400) // 2026-11-23T09:00:00Z
}

/// A database of its own, migrated.
#[derive(Debug)]
pub struct TestDb {
    db: Option<Db>,
    url: String,
    cleanup: Cleanup,
}

#[derive(Debug)]
enum Cleanup {
    Directory { _dir: TempDir },
    Drop { server: String, name: String },
}

#[expect(
    clippy::expect_used,
    reason = "a test that cannot get its database must fail loudly"
)]
impl TestDb {
    /// A new database on `backend`.
    ///
    /// # Panics
    /// When it cannot be made; for PostgreSQL when [`POSTGRES_URL_VARIABLE`] is not set.
    pub fn new(backend: Backend) -> Self {
        let (url, cleanup) = match backend {
            Backend::Sqlite => {
                let dir = TempDir::with_prefix("backplane-test-").expect("a temporary directory");
                let url = format!("sqlite:{}", dir.path().join("test.db").display());
                (url, Cleanup::Directory { _dir: dir })
            }
            Backend::Postgres => create_on_server(),
        };
        let mut options = DbOptions::new(url.clone());
        options.pool_size = 4;
        let db = Db::open(&options).expect("the test database opens");
        db.migrate().expect("the test database migrates");
        Self {
            db: Some(db),
            url,
            cleanup,
        }
    }

    /// Where the database is, to open it a second time.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Deref for TestDb {
    type Target = Db;
    #[expect(clippy::expect_used, reason = "taken only while dropping")]
    fn deref(&self) -> &Db {
        self.db
            .as_ref()
            .expect("the database is open until the test ends")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        self.db = None;
        if let Cleanup::Drop { server, name } = &self.cleanup
            && let Ok(mut conn) = PgConnection::establish(server)
        {
            // The whole cluster is thrown away at the end of the run, so a failure here only costs space.
            let _ = conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

#[expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot get its database must fail loudly"
)]
fn create_on_server() -> (String, Cleanup) {
    let server = std::env::var(POSTGRES_URL_VARIABLE)
        .expect("BACKPLANE_TEST_POSTGRES_URL names a PostgreSQL server: run the tests with `make test`");
    let mut conn = PgConnection::establish(&server).expect("the test server answers");
    let random: [u8; 8] = crate::Random::system().bytes();
    let name = format!("test_{}", data_encoding::HEXLOWER.encode(&random));
    let with_database = |database: &str| {
        let mut url = url::Url::parse(&server).expect("the test server's URL parses");
        url.set_path(database);
        url.to_string()
    };
    make_template(&mut conn, &with_database);
    conn.batch_execute(&format!(
        "CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"
    ))
    .expect("a copy of the template");
    (with_database(&name), Cleanup::Drop { server, name })
}

const TEMPLATE: &str = "backplane_template";

/// The first test of a run migrates a template; every other copies it.
#[expect(
    clippy::expect_used,
    reason = "a test that cannot get its database must fail loudly"
)]
fn make_template(conn: &mut PgConnection, with_database: &dyn Fn(&str) -> String) {
    conn.batch_execute("SELECT pg_advisory_lock(4217601002)")
        .expect("the lock around the template");
    let exists: i64 = diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{TEMPLATE}'"
    ))
    .get_result(conn)
    .expect("the list of databases");
    if exists == 0 {
        let making = format!("{TEMPLATE}_making");
        conn.batch_execute(&format!("DROP DATABASE IF EXISTS {making}"))
            .expect("no half-made template");
        conn.batch_execute(&format!("CREATE DATABASE {making}"))
            .expect("an empty database");
        let template = Db::open(&DbOptions {
            pool_size: 1,
            ..DbOptions::new(with_database(&making))
        })
        .expect("the template opens");
        template.migrate().expect("the template migrates");
        drop(template);
        wait_until_alone(conn, &making);
        conn.batch_execute(&format!("ALTER DATABASE {making} RENAME TO {TEMPLATE}"))
            .expect("the template's name");
    }
    conn.batch_execute("SELECT pg_advisory_unlock(4217601002)")
        .expect("the lock around the template");
}

/// A pool closes its connections in the background; a template must have none.
fn wait_until_alone(conn: &mut PgConnection, name: &str) {
    let query = format!(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    let _ = conn.batch_execute(&query);
}

/// Writes one test for each database from one body: `on_both! { fn a_fact(db) { … } }`, where `db` is a [`TestDb`].
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($db:ident) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes)]
            use super::*;
            fn check($db: &$crate::testing::TestDb) $body
            #[test]
            fn sqlite() { check(&$crate::testing::TestDb::new($crate::Backend::Sqlite)); }
            #[test]
            fn postgres() { check(&$crate::testing::TestDb::new($crate::Backend::Postgres)); }
        }
    )+};
}
