//! Alerts: a stored search that writes to its subscriber when a new posting matches.
//!
//! - [`subscription`]: double opt-in, confirmation, change, end. An alert is owed what is published after it was
//!   confirmed. [`owner`]: everything that is held about an address.
//! - [`match_pass`] reads the feed of changes and writes one ledger row per (alert, posting), never two; and one for each
//!   change of a posting that a subscriber was told of and wishes to hear about. [`closing_pass`] adds those that end soon.
//! - [`dispatch_pass`] turns due rows into mails in the outbox, leaving out what is no longer in search, and keeping back
//!   what does not fit.
//! - [`LastLook`] takes out of a mail that is about to leave what was closed or changed meanwhile.
//! - [`schedule`]: when a mail is due, in the subscriber's time zone.
//! - [`keep_pass`] asks about alerts that nobody touches, and retires them.
//! - [`health()`]: silence and success told apart.
//!
//! How a mail leaves is the mail crate's matter.

mod alert;
mod changes;
mod digest;
mod dispatch;
pub mod feedback;
mod health;
mod keep;
mod letterhead;
mod mails;
mod matching;
pub mod owner;
mod rank;
mod reasons;
mod review;
mod rows;
mod rules;
pub mod schedule;
pub mod subscription;

pub use alert::{Alert, AlertStatus, ChangeKind, EndReason, Frequency, Notify, QuietHours};
pub use changes::{SOON, SOON_FOR_WEEKLY, closing_pass};
pub use dispatch::{DispatchReport, dispatch_pass, mend_schedules};
pub use health::{AlertHealth, health, warnings};
pub use keep::{KeepReport, keep, keep_pass};
pub use letterhead::Letterhead;
pub use matching::{MatchReport, MatchState, match_pass};
pub use review::LastLook;
pub use rules::AlertRules;
