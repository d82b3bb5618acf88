//! How long what is over is kept.

use jiff::SignedDuration;
use serde::Deserialize;

use super::{ConfigError, Layers};

/// Days, as they are written.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the keys of the file name their unit")]
pub(super) struct Retention {
    finished_mails_days: u32,
    ended_sessions_days: u32,
    known_clients_days: u32,
    audit_days: u32,
}

/// The same, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retained {
    /// Mails that were sent or given up.
    pub(crate) finished_mails: SignedDuration,
    /// What belongs to accounts.
    pub(crate) accounts: accounts::Retention,
}

impl Retention {
    /// At least a day each: less would take away what throttling and the retry of mails live on.
    pub(super) fn checked(&self, layers: &Layers) -> Result<Retained, ConfigError> {
        let days = |key: &str, days: u32| match days {
            1..=36_500 => Ok(SignedDuration::from_hours(24 * i64::from(days))),
            _ => Err(layers.refuse(key, "must be from 1 to 36500 days")),
        };
        Ok(Retained {
            finished_mails: days("retention.finished_mails_days", self.finished_mails_days)?,
            accounts: accounts::Retention {
                ended_sessions: days("retention.ended_sessions_days", self.ended_sessions_days)?,
                known_clients: days("retention.known_clients_days", self.known_clients_days)?,
                audit: days("retention.audit_days", self.audit_days)?,
            },
        })
    }
}
