//! Settings of webhooks.

use postings::outward::Reach;
use serde::Deserialize;

/// Settings of webhooks.
#[derive(Deserialize)]
pub(super) struct Webhooks {
    allow_local: bool,
}

impl Webhooks {
    /// How far they may go.
    pub(super) fn reach(&self) -> Reach {
        if self.allow_local {
            Reach::Local
        } else {
            Reach::Public
        }
    }
}
