//! The one place that knows there are two databases.
//!
//! - [`Db`] opens SQLite or PostgreSQL by URL and lends connections: [`Db::read`] for looking, [`Db::write`] for
//!   one short transaction.
//! - [`schema`] describes every table once; the migrations of both databases build it.
//! - [`Id`], [`Timestamp`], [`Json`] and the [`text_enum!`] macro are the column types that both databases understand.
//! - [`revision`] hands out the numbers that every reader of changes follows, in commit order.
//! - [`Clock`] and [`Random`] are passed to whoever needs them, so that a test decides both.
//! - [`lease`] shares background work out between processes, [`idempotency`] remembers answers to repeated writes.
//! - [`invariant`] counts rows that contradict each other, [`transfer`] carries a whole database from SQLite to PostgreSQL.
//!
//! No rule of the product lives here.

mod backup;
mod clock;
mod column;
mod connection;
mod db;
mod error;
pub mod idempotency;
pub mod installation;
pub mod invariant;
pub mod lease;
mod migrations;
mod notify;
pub mod page;
mod random;
pub mod revision;
pub mod schema;
mod server;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transfer;

pub use backup::{check_sqlite, copy_sqlite};
pub use clock::{Clock, FixedClock, SystemClock};
pub use column::{Id, Json, Timestamp, sql};
pub use connection::{DbConn, MultiBackend, cols};
pub use db::{Backend, Connections, Db, DbOptions};
/// What a single statement can fail with.
pub use diesel::result::Error as QueryError;
pub use error::{StoreError, is_unique_violation};
pub use migrations::{PendingMigrations, latest_known, pending_migrations, revert_all, run_pending};
pub use notify::{Listener, Told, tell_nodes};
pub use random::Random;
pub use server::{Setting, server_settings, server_time};
