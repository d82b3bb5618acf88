//! A posting as it is kept and shown.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use store::schema::{employers, postings};
use store::{Id, Json, Timestamp, text_enum};
use taxonomy::{Discipline, EmploymentType, Seniority, Workplace};
use utoipa::ToSchema;

use crate::content::{Location, Pay, PostingContent, discipline_word};

text_enum! {
    /// Where a posting is in its life.
    pub enum PostingStatus {
        /// Being written; only its employer's members see it.
        Draft = "draft",
        /// Waits for a moderator.
        InReview = "in_review",
        /// Will be published at a set time.
        Scheduled = "scheduled",
        /// Public and in search.
        Published = "published",
        /// Taken out of search for a while.
        Paused = "paused",
        /// Ended by its employer or its source.
        Closed = "closed",
        /// Ended by its date.
        Expired = "expired",
        /// Refused by a moderator.
        Rejected = "rejected",
    }
}

text_enum! {
    /// Why a posting was closed.
    pub enum CloseReason {
        /// All positions are filled.
        Filled = "filled",
        /// The employer took it back.
        Withdrawn = "withdrawn",
        /// Its time is over.
        Expired = "expired",
        /// Another reason.
        Other = "other",
    }
}

impl PostingStatus {
    /// Whether readers without an account may see a posting in this status when they have its link.
    pub fn is_public(self) -> bool {
        matches!(
            self,
            Self::Published | Self::Paused | Self::Closed | Self::Expired
        )
    }
}

/// The employer of a posting, as far as a reader of postings needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Queryable, Selectable)]
#[diesel(table_name = employers)]
pub struct EmployerRef {
    /// Id.
    pub id: Id,
    /// Name as it is shown.
    #[schema(example = "Acme Compute")]
    pub name: String,
    /// Name in addresses.
    #[schema(example = "acme-compute")]
    pub slug: String,
    /// Website, where one can apply when the posting says nothing else.
    #[serde(skip)]
    pub website: Option<String>,
    /// `active`, or `paused` while all its postings are frozen.
    #[serde(skip)]
    pub status: String,
}

/// A posting with everything that is kept about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Posting {
    /// Who posted it.
    pub employer: EmployerRef,
    /// The row.
    pub row: PostingRow,
}

/// The row of a posting.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = postings, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct PostingRow {
    /// Id.
    pub id: Id,
    /// Id of the employer.
    pub employer_id: Id,
    /// Name in addresses; never changes.
    pub slug: String,
    /// Where it is in its life.
    pub status: PostingStatus,
    /// Counts every change; the `ETag`.
    pub version: i32,
    /// Revision of the last visible change; none before the first publication.
    pub revision: Option<i64>,
    /// Revision of the first publication here: alerts are owed a posting once, when it is new.
    pub first_revision: Option<i64>,
    /// What it says.
    pub content: Json<PostingContent>,
    /// SHA-256 of the row it was imported from; of nothing when it was made here.
    pub content_hash: Vec<u8>,
    /// Which import it came from.
    pub source: Option<String>,
    /// What the import calls it.
    pub source_id: Option<String>,
    /// What its employer calls it.
    pub external_id: Option<String>,
    /// Why it was closed.
    pub close_reason: Option<CloseReason>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was first published, here or at its source.
    pub published_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was closed or expired.
    pub closed_at: Option<Timestamp>,
    /// When it was erased; its content is gone then.
    pub deleted_at: Option<Timestamp>,
    /// When it becomes public, while it is scheduled.
    pub publish_at: Option<Timestamp>,
    /// The campaign it belongs to.
    pub campaign_id: Option<Id>,
    /// When a person or an import last stood for it.
    pub verified_at: Option<Timestamp>,
    /// The posting with the same title that its employer had closed shortly before.
    pub reposted_from: Option<Id>,
}

impl Posting {
    /// What it says.
    pub fn content(&self) -> &PostingContent {
        &self.row.content.0
    }

    /// Whether search may show it.
    pub fn is_searchable(&self) -> bool {
        self.row.status == PostingStatus::Published
            && self.employer.status == "active"
            && self.row.deleted_at.is_none()
    }

    /// Where to apply: the posting's own way, else the employer's website.
    pub fn apply_url(&self) -> Option<&str> {
        let own = self
            .content()
            .apply
            .as_ref()
            .and_then(|apply| apply.url.as_deref());
        own.or(self.employer.website.as_deref())
    }

    /// Where whoever wants to apply is led: the posting's page or mailbox, else the employer's website.
    pub fn apply_target(&self) -> Option<String> {
        let apply = self.content().apply.as_ref();
        let page = apply.and_then(|apply| apply.url.clone());
        let mailbox = apply.and_then(|apply| apply.email.as_ref());
        page.or_else(|| mailbox.map(|address| format!("mailto:{address}")))
            .or_else(|| self.employer.website.clone())
    }

    /// The short form for lists and search.
    pub fn summary(&self) -> PostingSummary {
        let content = self.content();
        PostingSummary {
            id: self.row.id,
            slug: self.row.slug.clone(),
            version: self.row.version,
            employer: self.employer.clone(),
            title: content.title.clone(),
            discipline: content.discipline,
            specialties: content.specialties.clone(),
            skills: content.skills.clone(),
            seniority: content.seniority,
            employment_type: content.employment_type,
            workplace: content.workplace,
            locations: content.locations.clone(),
            remote_from: content.remote_from.clone(),
            openings: content.openings,
            pay: content.pay.clone(),
            status: self.row.status,
            published_at: self.row.published_at,
            expires_at: self.row.expires_at,
        }
    }
}

/// A posting in a list: what a reader needs to choose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PostingSummary {
    /// Id.
    pub id: Id,
    /// Name in addresses.
    #[schema(example = "staff-rtl-design-engineer-acme-compute-7f3a9c21")]
    pub slug: String,
    /// Version.
    pub version: i32,
    /// Who posted it.
    pub employer: EmployerRef,
    /// Title.
    pub title: String,
    /// One of the five disciplines, or `none`.
    #[schema(value_type = String, example = "silicon")]
    #[serde(with = "discipline_word")]
    pub discipline: Option<Discipline>,
    /// Ids of specialties.
    pub specialties: Vec<String>,
    /// Ids of skills.
    pub skills: Vec<String>,
    /// Level.
    #[schema(value_type = Option<String>)]
    pub seniority: Option<Seniority>,
    /// Kind of employment.
    #[schema(value_type = Option<String>)]
    pub employment_type: Option<EmploymentType>,
    /// `on_site`, `hybrid` or `remote`.
    #[schema(value_type = Option<String>)]
    pub workplace: Option<Workplace>,
    /// Places of work.
    pub locations: Vec<Location>,
    /// Where a remote person may be.
    pub remote_from: Vec<String>,
    /// Number of positions.
    pub openings: u32,
    /// What it pays.
    pub pay: Option<Pay>,
    /// Where it is in its life.
    pub status: PostingStatus,
    /// First publication.
    pub published_at: Option<Timestamp>,
    /// End by itself.
    pub expires_at: Option<Timestamp>,
}
