//! Campaigns: an employer's hiring push, with a goal, dates, the postings that belong to it, and how far it is.
//!
//! A posting belongs to one campaign at most. Freezing a campaign is a hold upon its postings ([`crate::holds`]).

mod progress;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use store::schema::{campaigns, postings};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols, on_each, text_enum};
use utoipa::ToSchema;

use crate::content::DescriptionFormat;
use crate::description;
use crate::holds::{self as hold, Scope, Why};
use crate::lifecycle::{PostingError, require, save};
use crate::posting::PostingStatus;
use crate::validate::{FieldError, fold, is_forbidden};

use progress::status_of;
pub use progress::{CampaignView, Member, Progress, list_members, list_of_employer, views};

/// Postings that one call adds or takes away at most.
pub const MAX_POSTINGS: usize = 500;
/// Campaigns of one employer at most.
const MAX_CAMPAIGNS: i64 = 1000;
const MAX_NAME_CHARS: usize = 120;
const MAX_DESCRIPTION_BYTES: usize = 50_000;

text_enum! {
    /// Where a campaign is.
    pub enum CampaignStatus {
        /// It begins later; only members see it.
        Planned = "planned",
        /// It runs.
        Active = "active",
        /// Its postings are out of search until it is resumed.
        Frozen = "frozen",
        /// It is over. Its postings live on by themselves.
        Ended = "ended",
    }
}

/// Why a campaign could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// There is no such campaign.
    #[error("campaign not found")]
    NotFound,
    /// It was changed meanwhile.
    #[error("the campaign is at version {0}")]
    VersionConflict(i32),
    /// The step is not possible from where the campaign is.
    #[error("a campaign that is {0} cannot be {1}")]
    StateConflict(CampaignStatus, &'static str),
    /// The employer has as many as it may have.
    #[error("an employer has at most {MAX_CAMPAIGNS} campaigns")]
    TooMany,
    /// The content is not acceptable.
    #[error("the campaign has {} mistakes", .0.len())]
    Invalid(Vec<FieldError>),
    /// A posting could not be changed.
    #[error(transparent)]
    Posting(#[from] PostingError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for CampaignError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A campaign as it is kept.
#[derive(
    Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema,
)]
#[diesel(table_name = campaigns, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Campaign {
    /// Id.
    pub id: Id,
    /// Whose.
    pub employer_id: Id,
    /// Name in addresses, unique among the employer's; never changes.
    #[schema(example = "accelerator-80")]
    pub slug: String,
    /// Name.
    #[schema(example = "Accelerator 80")]
    pub name: String,
    /// Sanitised HTML.
    pub description_html: String,
    /// How many positions it is to fill.
    pub goal: Option<i32>,
    /// When it begins; at once when null.
    pub starts_at: Option<Timestamp>,
    /// When it is to be over.
    pub ends_at: Option<Timestamp>,
    /// When it was ended by hand.
    pub ended_at: Option<Timestamp>,
    /// Grows with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A campaign as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CampaignInput {
    /// 1 to 120 characters.
    #[schema(example = "Accelerator 80")]
    pub name: String,
    /// Markdown, or HTML with `description_format: "html"`.
    pub description: Option<String>,
    /// How `description` is written.
    pub description_format: DescriptionFormat,
    /// How many positions it is to fill, 1 to 1,000,000.
    pub goal: Option<i32>,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it is to be over.
    pub ends_at: Option<Timestamp>,
}

/// What changes about a campaign; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct CampaignChange {
    /// Another name. The slug stays.
    pub name: Option<String>,
    /// Another description, and how it is written.
    pub description: Option<(String, DescriptionFormat)>,
    /// Another goal, or none.
    pub goal: Option<Option<i32>>,
    /// Another beginning, or at once.
    pub starts_at: Option<Option<Timestamp>>,
    /// Another end, or none.
    pub ends_at: Option<Option<Timestamp>>,
}

/// Makes a campaign.
pub fn create(
    tx: &mut DbConn,
    employer_id: Id,
    input: CampaignInput,
    random: &Random,
    now: Timestamp,
) -> Result<Campaign, CampaignError> {
    let count: i64 = campaigns::table
        .filter(campaigns::employer_id.eq(employer_id))
        .count()
        .get_result(tx)?;
    if count >= MAX_CAMPAIGNS {
        return Err(CampaignError::TooMany);
    }
    let id = random.id(now);
    let source = input.description.unwrap_or_default();
    let mut row = Campaign {
        id,
        employer_id,
        slug: String::new(),
        name: fold(&input.name),
        description_html: description::render(&source, input.description_format).0,
        goal: input.goal,
        starts_at: input.starts_at,
        ends_at: input.ends_at,
        ended_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    check(&row, source.len())?;
    let base = match slug::slugify(&row.name) {
        base if base.is_empty() => "campaign".to_owned(),
        mut base => {
            base.truncate(60);
            base.trim_matches('-').to_owned()
        }
    };
    let numbered = (2..10).map(|n| format!("{base}-{n}"));
    let last = format!("{base}-{}", &id.to_string()[24..]);
    for slug in std::iter::once(base.clone()).chain(numbered).chain([last]) {
        row.slug = slug;
        let inserted = on_each!(tx, c => diesel::insert_into(campaigns::table)
            .values(&row)
            .on_conflict((campaigns::employer_id, campaigns::slug))
            .do_nothing()
            .execute(c))?;
        if inserted == 1 {
            return Ok(row);
        }
    }
    Err(CampaignError::TooMany) // the last candidate contains the id
}

fn check(row: &Campaign, description_bytes: usize) -> Result<(), CampaignError> {
    let chars = row.name.chars().count();
    let is_range_fine = row.starts_at.zip(row.ends_at).is_none_or(|(from, to)| from < to);
    let checks = [
        (
            (1..=MAX_NAME_CHARS).contains(&chars) && !row.name.chars().any(is_forbidden),
            "/name",
            "name_invalid",
            "1 to 120 characters",
        ),
        (
            description_bytes <= MAX_DESCRIPTION_BYTES,
            "/description",
            "value_too_long",
            "at most 50,000 bytes",
        ),
        (
            row.goal.is_none_or(|goal| (1..=1_000_000).contains(&goal)),
            "/goal",
            "number_out_of_range",
            "1 to 1,000,000",
        ),
        (is_range_fine, "/ends_at", "range_reversed", "after starts_at"),
    ];
    let wrong = checks.into_iter().filter(|(is_fine, ..)| !is_fine);
    let errors: Vec<FieldError> = wrong
        .map(|(_, pointer, code, detail)| FieldError::new(pointer, code, detail))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(CampaignError::Invalid(errors))
    }
}

/// The campaign `id`.
pub fn find(conn: &mut DbConn, id: Id) -> Result<Option<Campaign>, StoreError> {
    let found = campaigns::table.find(id).select(cols::<Campaign>()).first(conn);
    Ok(found.optional()?)
}

fn require_campaign(tx: &mut DbConn, id: Id, if_match: Option<i32>) -> Result<Campaign, CampaignError> {
    let row = find(tx, id)?.ok_or(CampaignError::NotFound)?;
    match if_match {
        Some(version) if version != row.version => Err(CampaignError::VersionConflict(row.version)),
        _ => Ok(row),
    }
}

/// Writes a changed campaign, when it is still the version it was read at.
fn save_campaign(tx: &mut DbConn, mut row: Campaign, now: Timestamp) -> Result<Campaign, CampaignError> {
    let before = row.version;
    row.version += 1;
    row.updated_at = now;
    let changed = diesel::update(
        campaigns::table
            .find(row.id)
            .filter(campaigns::version.eq(before)),
    )
    .set(&row)
    .execute(tx)?;
    if changed == 0 {
        return Err(CampaignError::VersionConflict(before + 1));
    }
    Ok(row)
}

/// Changes what a campaign says.
pub fn update(
    tx: &mut DbConn,
    id: Id,
    change: CampaignChange,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Campaign, CampaignError> {
    let mut row = require_campaign(tx, id, if_match)?;
    let mut bytes = 0;
    if let Some(name) = change.name {
        row.name = fold(&name);
    }
    if let Some((source, format)) = change.description {
        bytes = source.len();
        row.description_html = description::render(&source, format).0;
    }
    row.goal = change.goal.unwrap_or(row.goal);
    row.starts_at = change.starts_at.unwrap_or(row.starts_at);
    row.ends_at = change.ends_at.unwrap_or(row.ends_at);
    check(&row, bytes)?;
    save_campaign(tx, row, now)
}

/// Erases a campaign. Its postings stay, and so does the memory of its holds.
pub fn delete(tx: &mut DbConn, id: Id, if_match: Option<i32>, now: Timestamp) -> Result<(), CampaignError> {
    let row = require_campaign(tx, id, if_match)?;
    require_thawed(tx, &row, "erased")?;
    let members: Vec<Id> = postings::table
        .filter(postings::campaign_id.eq(id))
        .order(postings::id)
        .select(postings::id)
        .load(tx)?;
    for posting in members {
        move_to(tx, posting, None, now)?;
    }
    diesel::delete(campaigns::table.find(id)).execute(tx)?;
    Ok(())
}

/// Ends a campaign now. Its postings live on by themselves.
pub fn end(
    tx: &mut DbConn,
    id: Id,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Campaign, CampaignError> {
    let mut row = require_campaign(tx, id, if_match)?;
    require_thawed(tx, &row, "ended")?;
    if status_of(&row, false, now) == CampaignStatus::Ended {
        return Err(CampaignError::StateConflict(CampaignStatus::Ended, "ended"));
    }
    row.ended_at = Some(now);
    save_campaign(tx, row, now)
}

fn require_thawed(tx: &mut DbConn, row: &Campaign, action: &'static str) -> Result<(), CampaignError> {
    match hold::active(tx, row.employer_id, Scope::Campaign(row.id))? {
        Some(_) => Err(CampaignError::StateConflict(CampaignStatus::Frozen, action)),
        None => Ok(()),
    }
}

/// Takes every posting of a campaign out of search at once; returns how many the hold is upon.
pub fn freeze(
    tx: &mut DbConn,
    id: Id,
    why: Why,
    if_match: Option<i32>,
    random: &Random,
    now: Timestamp,
) -> Result<(Campaign, usize), CampaignError> {
    let row = require_campaign(tx, id, if_match)?;
    require_thawed(tx, &row, "frozen")?;
    let (_, count) = hold::hold(tx, row.employer_id, Scope::Campaign(id), why, random, now)?;
    Ok((save_campaign(tx, row, now)?, count))
}

/// Brings back exactly the postings that the freeze holds, unless something else holds them too; returns how many came back.
pub fn resume(
    tx: &mut DbConn,
    id: Id,
    by: Option<Id>,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<(Campaign, usize), CampaignError> {
    let row = require_campaign(tx, id, if_match)?;
    let Some(frozen) = hold::active(tx, row.employer_id, Scope::Campaign(id))? else {
        return Err(CampaignError::StateConflict(
            status_of(&row, false, now),
            "resumed",
        ));
    };
    let count = hold::release(tx, frozen.id, by, now)?;
    Ok((save_campaign(tx, row, now)?, count))
}

/// Adds postings to a campaign and takes others away. One that belonged to another campaign moves; one that joins a frozen
/// campaign leaves search, and one that leaves it comes back.
pub fn change_postings(
    tx: &mut DbConn,
    id: Id,
    add: &[Id],
    remove: &[Id],
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Campaign, CampaignError> {
    let row = require_campaign(tx, id, if_match)?;
    if add.len() + remove.len() > MAX_POSTINGS {
        let error = FieldError::new("/add", "list_too_long", "at most 500 postings in one call");
        return Err(CampaignError::Invalid(vec![error]));
    }
    let mut errors = Vec::new();
    for (field, ids, to) in [("add", add, Some(id)), ("remove", remove, None)] {
        for (n, posting) in ids.iter().enumerate() {
            let found = require(tx, *posting, None).ok();
            let is_fine = found.is_some_and(|posting| {
                posting.row.employer_id == row.employer_id
                    && (to.is_some() || posting.row.campaign_id == Some(id))
            });
            if is_fine {
                move_to(tx, *posting, to, now)?;
            } else {
                let detail = match to {
                    Some(_) => "the employer has no such posting",
                    None => "it does not belong to this campaign",
                };
                errors.push(FieldError::new(
                    format!("/{field}/{n}"),
                    "posting_not_found",
                    detail,
                ));
            }
        }
    }
    if !errors.is_empty() {
        return Err(CampaignError::Invalid(errors));
    }
    save_campaign(tx, row, now)
}

fn move_to(tx: &mut DbConn, posting: Id, campaign: Option<Id>, now: Timestamp) -> Result<(), PostingError> {
    let mut posting = require(tx, posting, None)?;
    if posting.row.campaign_id == campaign {
        return Ok(());
    }
    posting.row.campaign_id = campaign;
    if matches!(
        posting.row.status,
        PostingStatus::Published | PostingStatus::Paused
    ) {
        hold::settle(tx, &mut posting, now)?;
    }
    save(tx, posting, now).map(|_| ())
}
