//! Alerts: a stored search that writes to its subscriber when a new posting matches.
//!
//! - [`subscription`]: double opt-in, confirmation, change, end. An alert is owed what is published after it was
//!   confirmed.
//! - [`match_pass`] reads the feed of changes and writes one ledger row per (alert, posting), never two.
//! - [`dispatch_pass`] turns due rows into mails in the outbox, leaving out what is no longer in search.
//! - [`schedule`]: when a digest is due, in the subscriber's time zone.
//!
//! How a mail leaves is the mail crate's matter.

mod alert;
mod dispatch;
mod mails;
mod matching;
mod rows;
pub mod schedule;
pub mod subscription;

pub use alert::{Alert, AlertStatus, Frequency};
pub use dispatch::{DispatchReport, dispatch_pass};
pub use mails::Letterhead;
pub use matching::{MatchReport, MatchState, match_pass};
