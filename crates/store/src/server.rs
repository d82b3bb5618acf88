//! How the database is set up, for whoever examines an installation.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::{DbConn, StoreError, Timestamp, sql};

/// What was found, whether it is as it should be, and what to do otherwise.
pub type Setting = (String, bool, String);

/// The time by the database server's clock; `None` for SQLite, which has none of its own.
pub fn server_time(conn: &mut DbConn) -> Result<Option<Timestamp>, StoreError> {
    match conn {
        DbConn::Sqlite(_) => Ok(None),
        DbConn::Pg(c) => {
            let now = diesel::select(diesel::dsl::sql::<sql::Moment>("clock_timestamp()")).get_result(c)?;
            Ok(Some(now))
        }
    }
}

#[derive(QueryableByName)]
struct Postgres {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = BigInt)]
    version_number: i64,
    #[diesel(sql_type = Text)]
    synchronous_commit: String,
    #[diesel(sql_type = Text)]
    fsync: String,
    #[diesel(sql_type = BigInt)]
    connections: i64,
    #[diesel(sql_type = BigInt)]
    used: i64,
    #[diesel(sql_type = Bool)]
    is_standby: bool,
}

/// The settings on which our promises stand.
pub fn server_settings(conn: &mut DbConn) -> Result<Vec<Setting>, StoreError> {
    match conn {
        DbConn::Sqlite(c) => {
            let synchronous: i64 = diesel::select(diesel::dsl::sql::<BigInt>(
                "(SELECT synchronous FROM pragma_synchronous)",
            ))
            .get_result(c)?;
            let journal: String = diesel::select(diesel::dsl::sql::<Text>(
                "(SELECT journal_mode FROM pragma_journal_mode)",
            ))
            .get_result(c)?;
            let is_wal = journal == "wal";
            Ok(vec![
                (
                    "every commit is on disk before it is acknowledged".to_owned(),
                    synchronous == 2,
                    "PRAGMA synchronous is not FULL".to_owned(),
                ),
                (
                    format!("the journal is {journal}"),
                    is_wal,
                    "the file system does not support shared memory: use a local disk, not a network share"
                        .to_owned(),
                ),
            ])
        }
        DbConn::Pg(c) => {
            let found: Postgres = diesel::sql_query(
                "SELECT current_setting('server_version') AS version,
                        current_setting('server_version_num')::bigint AS version_number,
                        current_setting('synchronous_commit') AS synchronous_commit,
                        current_setting('fsync') AS fsync,
                        current_setting('max_connections')::bigint AS connections,
                        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
                        pg_is_in_recovery() AS is_standby",
            )
            .get_result(c)?;
            Ok(of_postgres(&found))
        }
    }
}

fn of_postgres(found: &Postgres) -> Vec<Setting> {
    let free = found.connections - found.used;
    vec![
        (
            format!("version {}", found.version),
            found.version_number >= 140_000,
            "version 14 or later is needed".to_owned(),
        ),
        (
            format!(
                "synchronous_commit is {}, fsync is {}",
                found.synchronous_commit, found.fsync
            ),
            found.fsync == "on" && found.synchronous_commit != "off",
            "what is acknowledged can be lost when the server fails: set both to on".to_owned(),
        ),
        (
            format!("{} of {} connections are used", found.used, found.connections),
            free >= 20,
            "raise max_connections, lower database.pool_size, or put PgBouncer between (database.pooler)"
                .to_owned(),
        ),
        (
            if found.is_standby {
                "it is a standby".to_owned()
            } else {
                "it takes writes".to_owned()
            },
            !found.is_standby,
            "name all servers in database.url and add target_session_attrs=read-write".to_owned(),
        ),
    ]
}
