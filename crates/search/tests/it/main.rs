//! What is promised about search, on both databases.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail loudly"
)]

mod agreement;
mod counts;
mod cursors;
mod index;
mod live;
mod matcher;
mod search;
mod suggest;
mod support;
mod understanding;
mod variety;
