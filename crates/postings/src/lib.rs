//! Employers' pages and postings: every rule about their lifecycle, and imports.
//!
//! - [`PostingInput`] is what an employer or an import gives; [`PostingContent`] is what it becomes after
//!   validation, sanitising and recognition, each fact with its provenance.
//! - [`lifecycle`] moves a posting: draft → published → paused → closed, and what expires by itself.
//! - [`advice`] looks at a posting before it is public, [`schedule`] publishes at a set time, [`history`] keeps every version.
//! - [`find`] looks postings up; [`changes`] is the feed that the index, the alerts and the public follow.
//! - [`import`] turns rows of NDJSON into postings, whole files in flat memory.
//! - [`webhooks`] tells others of changes, [`syndication`] writes feeds; [`outward`] is the one client for addresses of others.
//! - [`numbers`] counts what readers do.
//! - [`employers`] freezes and unfreezes all postings of an employer.
//!
//! No search and no mail here.

pub mod advice;
pub mod bulk;
pub mod changes;
mod check;
mod content;
mod description;
pub mod employers;
pub mod find;
pub mod history;
pub mod import;
mod input;
pub mod lifecycle;
pub mod numbers;
pub mod outward;
mod patch;
mod posting;
mod recognise;
pub mod schedule;
pub mod syndication;
mod validate;
pub mod warning;
pub mod webhooks;

pub use content::{
    Apply, DescriptionFormat, Eligibility, Equity, Hardware, Location, Pay, PayBand, PostingContent, Process,
    WorkPattern,
};
pub use description::{render, sanitise, text_of};
pub use input::PostingInput;
pub use posting::{CloseReason, EmployerRef, Posting, PostingRow, PostingStatus, PostingSummary};
pub use validate::{FieldError, validate};
