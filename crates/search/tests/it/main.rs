//! What is promised about search, on both databases.

mod agreement;
mod counts;
mod cursors;
mod index;
mod matcher;
mod search;
mod suggest;
mod support;
