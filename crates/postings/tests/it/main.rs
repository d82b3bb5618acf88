//! What is promised about postings, on both databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail loudly"
)]

mod boards;
mod changes;
mod descriptions;
mod edits;
mod events;
mod feeds;
mod fetching;
mod holds;
mod hooks;
mod import_damage;
mod import_rows;
mod import_runs;
mod json_ld_pages;
mod lifecycle;
mod moderation;
mod numbers;
mod other_boards;
mod outward;
mod patch;
mod publishing;
mod support;
mod tables;
mod validation;
mod warnings;
mod webhooks;
