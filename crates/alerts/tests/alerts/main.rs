//! What an alert promises its subscriber, on both databases.
#![expect(clippy::unwrap_used, reason = "tests")]

mod board;
mod cadence;
mod changes;
mod consent;
mod digests;
mod lastlook;
mod limits;
mod mailbox;
mod matching;
mod model;
mod races;
