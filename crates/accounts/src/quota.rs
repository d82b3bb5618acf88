//! How much one employer may have: the configured numbers, or what the operator allows this one.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use store::schema::{api_keys, employer_domains, employer_quotas, members, postings};
use store::{DbConn, Id, StoreError, Timestamp, on_each};

use crate::member::lock_employer;

/// How many of each an employer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Quotas {
    /// Postings that are public, paused or scheduled.
    pub live_postings: i32,
    /// Drafts, those in review included.
    pub drafts: i32,
    /// Members.
    pub members: i32,
    /// API keys that work.
    pub api_keys: i32,
    /// Webhooks.
    pub webhooks: i32,
}

impl Default for Quotas {
    /// 2,000 live postings, 2,000 drafts, 200 members, 20 keys and 10 webhooks.
    fn default() -> Self {
        Self {
            live_postings: 2000,
            drafts: 2000,
            members: 200,
            api_keys: 20,
            webhooks: 10,
        }
    }
}

/// What the operator allows one employer; what is null is as configured.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Queryable,
    Selectable,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[diesel(table_name = employer_quotas)]
#[serde(deny_unknown_fields)]
pub struct QuotaOverride {
    /// Postings that are public, paused or scheduled.
    pub live_postings: Option<i32>,
    /// Drafts.
    pub drafts: Option<i32>,
    /// Members.
    pub members: Option<i32>,
    /// API keys.
    pub api_keys: Option<i32>,
    /// Webhooks.
    pub webhooks: Option<i32>,
}

/// What there can only be so many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Postings that are public, paused or scheduled.
    LivePostings,
    /// Drafts.
    Drafts,
    /// Members.
    Members,
    /// API keys.
    ApiKeys,
    /// Webhooks.
    Webhooks,
}

impl Counted {
    /// The word in settings and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LivePostings => "live_postings",
            Self::Drafts => "drafts",
            Self::Members => "members",
            Self::ApiKeys => "api_keys",
            Self::Webhooks => "webhooks",
        }
    }
}

/// Why there was no room.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// The employer has as many as it may have.
    #[error("the employer may have {limit} {}, and has {present}", .counted.as_str())]
    Exceeded {
        /// Of what.
        counted: Counted,
        /// How many there may be.
        limit: i32,
        /// How many there are.
        present: i64,
    },
    /// A number below zero or above a million.
    #[error("a quota is a number from 0 to 1,000,000")]
    Number,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for QuotaError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Quotas {
    /// How many of `counted` there may be.
    pub fn of(&self, counted: Counted) -> i32 {
        match counted {
            Counted::LivePostings => self.live_postings,
            Counted::Drafts => self.drafts,
            Counted::Members => self.members,
            Counted::ApiKeys => self.api_keys,
            Counted::Webhooks => self.webhooks,
        }
    }

    fn with(self, other: QuotaOverride) -> Self {
        Self {
            live_postings: other.live_postings.unwrap_or(self.live_postings),
            drafts: other.drafts.unwrap_or(self.drafts),
            members: other.members.unwrap_or(self.members),
            api_keys: other.api_keys.unwrap_or(self.api_keys),
            webhooks: other.webhooks.unwrap_or(self.webhooks),
        }
    }
}

/// What `employer` may have, when `configured` holds for everybody.
pub fn quotas_of(conn: &mut DbConn, employer: Id, configured: Quotas) -> Result<Quotas, StoreError> {
    let own: Option<QuotaOverride> = employer_quotas::table
        .find(employer)
        .select((
            employer_quotas::live_postings,
            employer_quotas::drafts,
            employer_quotas::members,
            employer_quotas::api_keys,
            employer_quotas::webhooks,
        ))
        .first(conn)
        .optional()?;
    Ok(configured.with(own.unwrap_or_default()))
}

/// Allows `employer` other numbers than everybody; what is `None` is as configured again.
///
/// # Errors
/// [`QuotaError::Number`].
pub fn set_quotas(
    tx: &mut DbConn,
    employer: Id,
    own: QuotaOverride,
    now: Timestamp,
) -> Result<(), QuotaError> {
    let numbers = [
        own.live_postings,
        own.drafts,
        own.members,
        own.api_keys,
        own.webhooks,
    ];
    if numbers
        .into_iter()
        .flatten()
        .any(|number| !(0..=1_000_000).contains(&number))
    {
        return Err(QuotaError::Number);
    }
    let values = (
        employer_quotas::live_postings.eq(own.live_postings),
        employer_quotas::drafts.eq(own.drafts),
        employer_quotas::members.eq(own.members),
        employer_quotas::api_keys.eq(own.api_keys),
        employer_quotas::webhooks.eq(own.webhooks),
        employer_quotas::updated_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(employer_quotas::table)
        .values((employer_quotas::employer_id.eq(employer), values))
        .on_conflict(employer_quotas::employer_id)
        .do_update()
        .set(values)
        .execute(c))?;
    Ok(())
}

/// How many of `counted` the employer has. Webhooks are counted where they are known: see [`require_room_beside`].
pub fn count_present(
    conn: &mut DbConn,
    employer: Id,
    counted: Counted,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let of_status = |statuses: &'static [&'static str]| {
        postings::table
            .filter(postings::employer_id.eq(employer))
            .filter(postings::status.eq_any(statuses.iter().copied()))
            .filter(postings::deleted_at.is_null())
            .count()
    };
    Ok(match counted {
        Counted::LivePostings => of_status(&["published", "scheduled", "paused"]).get_result(conn)?,
        Counted::Drafts => of_status(&["draft", "in_review"]).get_result(conn)?,
        Counted::Members => members::table
            .filter(members::employer_id.eq(employer))
            .count()
            .get_result(conn)?,
        Counted::ApiKeys => api_keys::table
            .filter(api_keys::employer_id.eq(employer))
            .filter(api_keys::revoked_at.is_null())
            .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)))
            .count()
            .get_result(conn)?,
        Counted::Webhooks => 0,
    })
}

/// Makes sure that the employer may have `more` of `counted`. The employer is locked until the transaction ends, so that two
/// at once do not both take the last place.
///
/// # Errors
/// [`QuotaError::Exceeded`].
pub fn require_room(
    tx: &mut DbConn,
    employer: Id,
    counted: Counted,
    more: i64,
    configured: Quotas,
    now: Timestamp,
) -> Result<(), QuotaError> {
    lock_employer(tx, employer)?;
    let present = count_present(tx, employer, counted, now)?;
    require_room_beside(tx, employer, counted, present, more, configured)
}

/// Makes sure that the employer, which has `present` of `counted`, may have `more`.
///
/// # Errors
/// [`QuotaError::Exceeded`].
pub fn require_room_beside(
    tx: &mut DbConn,
    employer: Id,
    counted: Counted,
    present: i64,
    more: i64,
    configured: Quotas,
) -> Result<(), QuotaError> {
    let limit = quotas_of(tx, employer, configured)?.of(counted);
    if present + more > i64::from(limit) {
        return Err(QuotaError::Exceeded {
            counted,
            limit,
            present,
        });
    }
    Ok(())
}

/// Domains that an employer can name, proven ones included.
pub(crate) const MOST_DOMAINS: i64 = 10;

/// How many domains the employer has named.
pub(crate) fn count_domains(conn: &mut DbConn, employer: Id) -> Result<i64, StoreError> {
    Ok(employer_domains::table
        .filter(employer_domains::employer_id.eq(employer))
        .count()
        .get_result(conn)?)
}
