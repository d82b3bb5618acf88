//! The routes, by what they are about.

pub(crate) mod alert_owner;
pub(crate) mod alerts;
pub(crate) mod auth;
pub(crate) mod boards;
pub(crate) mod calendars;
pub(crate) mod campaigns;
pub(crate) mod changes;
pub(crate) mod deliveries;
pub(crate) mod domains;
pub(crate) mod employers;
pub(crate) mod events;
pub(crate) mod feeds;
pub(crate) mod holds;
pub(crate) mod imports;
pub(crate) mod mail_reports;
pub(crate) mod me;
pub(crate) mod members;
pub(crate) mod moderation;
pub(crate) mod numbers;
pub(crate) mod operations;
pub(crate) mod ownership;
pub(crate) mod pages;
pub(crate) mod passkeys;
pub(crate) mod posting_lists;
pub(crate) mod postings;
pub(crate) mod providers;
pub(crate) mod publishing;
pub(crate) mod reports;
pub(crate) mod safety;
pub(crate) mod search;
pub(crate) mod syndication;
pub(crate) mod vocabulary;
pub(crate) mod webhooks;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Tells a null from a missing field.
#[expect(
    clippy::option_option,
    reason = "null and missing mean different things in a patch"
)]
pub(crate) fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListBody<T: ToSchema> {
    /// The entries.
    pub(crate) data: Vec<T>,
    /// Where the next page begins; null at the end.
    pub(crate) next_cursor: Option<String>,
}
