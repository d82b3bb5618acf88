//! What is promised about postings, on both databases.

mod changes;
mod descriptions;
mod import_damage;
mod import_rows;
mod import_runs;
mod lifecycle;
mod patch;
mod support;
mod validation;
