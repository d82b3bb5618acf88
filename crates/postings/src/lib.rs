//! Employers' pages and postings: every rule about their lifecycle, and imports.
//!
//! - [`PostingInput`] is what an employer or an import gives; [`PostingContent`] is what it becomes after
//!   validation, sanitising and recognition, each fact with its provenance.
//! - [`lifecycle`] moves a posting: draft → published → paused → closed, and what expires by itself.
//! - [`advice`] looks at a posting before it is public, [`schedule`] publishes at a set time, [`history`] keeps every version.
//! - [`find`] looks postings up; [`changes`] is the feed that the index, the alerts and the public follow.
//! - [`import`] turns rows of NDJSON into postings, whole files in flat memory.
//! - [`holds`] takes postings out of search and brings them back: a pause, a frozen campaign, a frozen employer, a moderator.
//! - [`campaigns`] are hiring pushes, [`filling`] counts what they fill, [`trust`] says what is evidence of life.
//! - [`events`] are days on which employers meet people, [`registrations`] their seats, [`calendar`] their files.
//! - [`review`] publishes under the operator's rules, [`reports`] are readers' reports, [`transparency`] is what laws want said.
//! - [`attributes`] are what employers name themselves; [`words`] says what a posting states, for people.
//! - [`employers`] tells readers that an employer changed.
//! - [`webhooks`] tells others of changes, [`syndication`] writes feeds; [`outward`] is the one client for addresses of others.
//! - [`numbers`] counts what readers do.
//!
//! No search and no mail here.

pub mod advice;
pub mod attributes;
pub mod bulk;
pub mod calendar;
pub mod campaigns;
pub mod changes;
mod check;
mod content;
mod description;
pub mod employers;
pub mod events;
pub mod filling;
pub mod find;
pub mod history;
pub mod holds;
pub mod import;
mod input;
pub mod lifecycle;
mod notices;
pub mod numbers;
pub mod outward;
mod patch;
mod posting;
mod recognise;
pub mod registrations;
pub mod reports;
pub mod review;
mod rules;
pub mod schedule;
pub mod syndication;
pub mod transparency;
pub mod trust;
mod validate;
pub mod warning;
pub mod webhooks;
pub mod words;

pub use content::{
    Apply, DescriptionFormat, Disclosures, Eligibility, Equity, Hardware, Location, Pay, PayBand,
    PostingContent, Process, UtcOffsets, Vacancy, WorkPattern,
};
pub use description::{render, sanitise, text_of};
pub use input::PostingInput;
pub use posting::{CloseReason, EmployerRef, Posting, PostingRow, PostingStatus, PostingSummary};
pub use rules::{PayTransparency, PostingRules, Review};
pub use validate::{FieldError, validate};
