//! The routes, by what they are about.

pub(crate) mod alert_owner;
pub(crate) mod alerts;
pub(crate) mod auth;
pub(crate) mod boards;
pub(crate) mod changes;
pub(crate) mod domains;
pub(crate) mod employers;
pub(crate) mod imports;
pub(crate) mod mail_reports;
pub(crate) mod me;
pub(crate) mod members;
pub(crate) mod operations;
pub(crate) mod ownership;
pub(crate) mod pages;
pub(crate) mod postings;
pub(crate) mod publishing;
pub(crate) mod safety;
pub(crate) mod search;
pub(crate) mod syndication;

use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListBody<T: ToSchema> {
    /// The entries.
    pub(crate) data: Vec<T>,
    /// Where the next page begins; null at the end.
    pub(crate) next_cursor: Option<String>,
}
