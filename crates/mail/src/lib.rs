//! Mail as a ledger.
//!
//! - [`enqueue`] writes a [`Draft`] as a row in the transaction of its cause; `dedup_key` makes it unique.
//! - [`delivery_pass`] leases due rows, sends them through a [`Transport`] with no transaction open, and records each
//!   outcome by compare-and-set. A crash repeats at most one mail ([`DeliveryRules::unconfirmed`]), with the same Message-ID.
//! - [`suppress`] keeps an address out of bulk mail; it is looked at when a mail is sent, not when it is written.
//! - [`Review`] is asked whether a bulk mail is still true before it leaves.
//! - [`Layout`] turns blocks of content into the text and the HTML of one mail.
//! - [`LinkKey`] signs links that act without a login, such as unsubscribing.
//!
//! Who gets which mail is decided elsewhere.

mod address;
mod backoff;
mod breaker;
mod claim;
mod config;
mod courier;
mod delivery;
mod dkim;
mod domains;
mod draft;
mod encoding;
pub mod keyfile;
mod kind;
mod layout;
mod links;
mod message;
mod outbox;
mod recorder;
pub mod report;
mod return_path;
mod review;
mod rules;
mod sealing;
mod status;
mod suppression;
mod traffic;
mod transport;

pub use address::{AddressError, EmailAddress};
pub use backoff::GIVE_UP_AFTER;
pub use claim::release_claims;
pub use config::{ConfigError, MailConfig, Mailbox, check};
pub use courier::Courier;
pub use delivery::{PassReport, delivery_pass};
pub use dkim::{DkimAlgorithm, DkimError, DkimKey};
pub use draft::{Draft, ListHeaders};
pub use kind::MailKind;
pub use layout::{Block, Entry, Footer, Layout, Rendered};
pub use links::LinkKey;
pub use message::{Message, RenderError, render};
pub use outbox::{
    LEASE, Mail, MailState, QueueCounts, count_recent, enqueue, enqueue_as, erase_kinds, erase_recipient,
    find, forget, list_for_recipient, list_recent, list_recent_errors, purge_finished, queue_counts,
    retry_now, withdraw,
};
pub use return_path::ReturnPath;
pub use review::{Review, Revision};
pub use rules::{DeliveryRules, DomainRule, RulesError};
pub use suppression::{
    Suppression, SuppressionReason, count_suppressions, find_suppression, is_suppressed, lift_by_owner,
    list_suppressions, suppress, unsuppress,
};
pub use transport::{
    Delivery, MemoryMailbox, SentMail, SmtpConfig, SmtpTimeouts, Tls, Transport, TransportError,
};
