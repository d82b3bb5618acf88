//! How much an alert may write, and how long it lives untouched: what an operator can set.

use jiff::SignedDuration;

/// What an operator can set about alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertRules {
    /// New postings in one mail at most.
    pub per_mail: usize,
    /// New postings of one employer in one mail at most; the mail says how many more there are. 0: as many as fit.
    pub per_employer: usize,
    /// Mails that an instant alert may write at once before it has to wait. 0: it never waits, and what does not fit into
    /// one mail follows in the next at once.
    pub instant_burst: u32,
    /// After the burst, one more mail of an instant alert in this time.
    pub instant_every: SignedDuration,
    /// Confirmation mails to one address within 24 hours at most.
    pub confirmations_per_day: i64,
    /// Least time between two confirmation mails to one address. What is asked for in between waits to be confirmed on
    /// the page of the first.
    pub confirmation_gap: SignedDuration,
    /// How long an alert lives untouched before its owner is asked whether to keep it.
    pub keep_after: SignedDuration,
    /// How long the owner has to answer before the alert retires.
    pub retire_after: SignedDuration,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            per_mail: 25,
            per_employer: 5,
            instant_burst: 20,
            instant_every: SignedDuration::from_mins(3),
            confirmations_per_day: 3,
            confirmation_gap: SignedDuration::from_hours(1),
            keep_after: SignedDuration::from_hours(365 * 24),
            retire_after: SignedDuration::from_hours(30 * 24),
        }
    }
}

impl AlertRules {
    /// These rules without what slows anybody down: for measuring and load tests (`limits.enabled = false`).
    pub fn unlimited(self) -> Self {
        Self {
            per_employer: 0,
            instant_burst: 0,
            confirmations_per_day: i64::MAX,
            confirmation_gap: SignedDuration::ZERO,
            ..self
        }
    }
}
