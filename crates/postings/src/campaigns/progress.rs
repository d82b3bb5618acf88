//! Where campaigns are and how far, and their lists.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde::Serialize;
use store::page::Page;
use store::schema::{campaigns, holds, postings};
use store::{DbConn, Id, StoreError, Timestamp, cols};
use utoipa::ToSchema;

use super::{Campaign, CampaignStatus};
use crate::holds::{Hold, HoldKind};
use crate::posting::PostingStatus;

/// Postings that are looked at for the progress of a page of campaigns.
const COUNTED: i64 = 100_000;

/// How far a campaign is. Postings that never were public do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Progress {
    /// Postings that are or were public.
    pub postings: u64,
    /// Those that are in search now.
    pub published: u64,
    /// Positions of all of them; of one that ended, those that were filled.
    pub positions: u64,
    /// Positions that are filled.
    pub filled: u64,
    /// Positions of published postings that are not filled yet.
    pub open: u64,
    /// Share of the goal that is filled, in percent; null without a goal.
    pub percent: Option<u64>,
}

/// A campaign with where it is and how far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CampaignView {
    /// What it is.
    #[serde(flatten)]
    pub campaign: Campaign,
    /// Where it is.
    pub status: CampaignStatus,
    /// How far it is.
    pub progress: Progress,
}

pub(super) fn status_of(row: &Campaign, is_frozen: bool, now: Timestamp) -> CampaignStatus {
    if is_frozen {
        CampaignStatus::Frozen
    } else if row.ended_at.is_some() || row.ends_at.is_some_and(|at| at <= now) {
        CampaignStatus::Ended
    } else if row.starts_at.is_some_and(|at| at > now) {
        CampaignStatus::Planned
    } else {
        CampaignStatus::Active
    }
}

/// The campaigns with where they are and how far, in their order.
pub fn views(
    conn: &mut DbConn,
    rows: Vec<Campaign>,
    now: Timestamp,
) -> Result<Vec<CampaignView>, StoreError> {
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let frozen: HashSet<Id> = holds::table
        .filter(holds::campaign_id.eq_any(ids.clone()))
        .filter(
            holds::kind
                .eq(HoldKind::Campaign)
                .and(holds::released_at.is_null()),
        )
        .order(holds::id)
        .select(cols::<Hold>())
        .load(conn)?
        .into_iter()
        .filter_map(|hold: Hold| hold.campaign_id)
        .collect();
    let mut progress = progress_of(conn, ids)?;
    let view = |campaign: Campaign| {
        let mut progress = progress.remove(&campaign.id).unwrap_or_default();
        let goal = campaign.goal.and_then(|goal| u64::try_from(goal).ok());
        progress.percent = goal.map(|goal| progress.filled * 100 / goal.max(1));
        CampaignView {
            status: status_of(&campaign, frozen.contains(&campaign.id), now),
            progress,
            campaign,
        }
    };
    Ok(rows.into_iter().map(view).collect())
}

fn progress_of(conn: &mut DbConn, ids: Vec<Id>) -> Result<HashMap<Id, Progress>, StoreError> {
    let number =
        |field: &str| diesel::dsl::sql::<BigInt>(&format!("CAST(postings.content ->> '{field}' AS BIGINT)"));
    let rows: Vec<(Option<Id>, PostingStatus, i64, i64)> = postings::table
        .filter(postings::campaign_id.eq_any(ids))
        .filter(
            postings::first_revision
                .is_not_null()
                .and(postings::deleted_at.is_null()),
        )
        .order(postings::id)
        .limit(COUNTED)
        .select((
            postings::campaign_id,
            postings::status,
            number("openings"),
            number("filled"),
        ))
        .load(conn)?;
    let mut all: HashMap<Id, Progress> = HashMap::new();
    for (campaign, status, openings, filled) in rows {
        let Some(campaign) = campaign else { continue };
        let (openings, filled) = (openings.max(0) as u64, filled.max(0) as u64);
        let progress = all.entry(campaign).or_default();
        progress.postings += 1;
        progress.filled += filled;
        let is_over = matches!(status, PostingStatus::Closed | PostingStatus::Expired);
        progress.positions += if is_over { filled } else { openings };
        if status == PostingStatus::Published {
            progress.published += 1;
            progress.open += openings.saturating_sub(filled);
        }
    }
    Ok(all)
}

/// An employer's campaigns, newest first, after the campaign `before`.
pub fn list_of_employer(
    conn: &mut DbConn,
    employer_id: Id,
    before: Option<Id>,
    limit: usize,
) -> Result<Page<Campaign, Id>, StoreError> {
    let mut query = campaigns::table
        .filter(campaigns::employer_id.eq(employer_id))
        .order(campaigns::id.desc())
        .limit(limit as i64 + 1)
        .select(cols::<Campaign>())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(campaigns::id.lt(before));
    }
    Ok(Page::cut(query.load(conn)?, limit, |row: &Campaign| row.id))
}

/// A posting of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Member {
    /// Id.
    pub id: Id,
    /// Name in addresses.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Where it is in its life.
    pub status: PostingStatus,
    /// Positions.
    pub openings: i64,
    /// How many of them are filled.
    pub filled: i64,
}

/// The postings of a campaign in these statuses, newest first, at most 1000.
pub fn list_members(
    conn: &mut DbConn,
    campaign: Id,
    statuses: &[PostingStatus],
) -> Result<Vec<Member>, StoreError> {
    let number =
        |field: &str| diesel::dsl::sql::<BigInt>(&format!("CAST(postings.content ->> '{field}' AS BIGINT)"));
    let rows: Vec<(Id, String, String, PostingStatus, i64, i64)> = postings::table
        .filter(
            postings::campaign_id
                .eq(campaign)
                .and(postings::deleted_at.is_null()),
        )
        .filter(postings::status.eq_any(statuses.to_vec()))
        .order(postings::id.desc())
        .limit(1000)
        .select((
            postings::id,
            postings::slug,
            diesel::dsl::sql::<Text>("postings.content ->> 'title'"),
            postings::status,
            number("openings"),
            number("filled"),
        ))
        .load(conn)?;
    let member =
        |(id, slug, title, status, openings, filled): (Id, String, String, PostingStatus, i64, i64)| Member {
            id,
            slug,
            title,
            status,
            openings,
            filled,
        };
    Ok(rows.into_iter().map(member).collect())
}
