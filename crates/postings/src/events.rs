//! Hiring events: batch interview days, open houses, fairs, with a place or a link, and seats.

mod lists;

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::schema::{campaigns, event_postings, hiring_events, postings};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols, text_enum};
use utoipa::ToSchema;

use crate::content::DescriptionFormat;
use crate::description;
use crate::patch::merge;
use crate::validate::{FieldError, fold, is_forbidden};

pub use lists::{
    After, When, employer_of, find_shown, is_shown, list, list_for_calendar, list_postings,
    list_public_postings,
};

/// Postings that one event is about at most.
const MAX_POSTINGS: usize = 100;
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);
const FARTHEST: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);

text_enum! {
    /// What sort of event.
    pub enum EventKind {
        /// Many interviews on one day.
        BatchInterview = "batch_interview",
        /// Come and look.
        OpenHouse = "open_house",
        /// A fair with other employers.
        Fair = "fair",
        /// Somebody tells about the work.
        InfoSession = "info_session",
        /// Another.
        Other = "other",
    }
}

text_enum! {
    /// Whether an event takes place.
    pub enum EventStatus {
        /// It does.
        Scheduled = "scheduled",
        /// It does not.
        Cancelled = "cancelled",
    }
}

/// Why an event or a seat could not be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// There is no such event.
    #[error("hiring event not found")]
    NotFound,
    /// It was changed meanwhile.
    #[error("the event is at version {0}")]
    VersionConflict(i32),
    /// The step is not possible any more.
    #[error("the event {0}")]
    StateConflict(&'static str),
    /// The token is not one of ours.
    #[error("the token is not valid")]
    TokenInvalid,
    /// The confirmation came too late.
    #[error("the token has expired")]
    TokenExpired,
    /// The content is not acceptable.
    #[error("the event has {} mistakes", .0.len())]
    Invalid(Vec<FieldError>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for EventError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An event as it is kept.
#[derive(
    Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema,
)]
#[diesel(table_name = hiring_events, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Event {
    /// Id.
    pub id: Id,
    /// Whose.
    pub employer_id: Id,
    /// The campaign it belongs to.
    pub campaign_id: Option<Id>,
    /// One line.
    pub title: String,
    /// What sort.
    pub kind: EventKind,
    /// Whether it takes place.
    pub status: EventStatus,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
    /// IANA name of the time zone in which people think of it.
    #[schema(example = "America/Chicago")]
    pub timezone: String,
    /// Where.
    pub place: Option<String>,
    /// Where on the web.
    pub online_url: Option<String>,
    /// Seats; null when everybody may come.
    pub capacity: Option<i32>,
    /// Sanitised HTML.
    pub description_html: String,
    /// The same as plain text.
    #[serde(skip)]
    pub description_text: String,
    /// Grows when time, place, title, link or status change (RFC 5545, 3.8.7.4).
    pub sequence: i32,
    /// Grows with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An event as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventInput {
    /// One line, 1 to 200 characters.
    #[schema(example = "Batch interview day")]
    pub title: Option<String>,
    /// `other` when missing.
    pub kind: Option<EventKind>,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it is over, at most 31 days later.
    pub ends_at: Option<Timestamp>,
    /// IANA name; UTC when missing.
    #[schema(example = "America/Chicago")]
    pub timezone: Option<String>,
    /// Where. A place, a link, or both.
    pub place: Option<String>,
    /// Where on the web: an http or https URL.
    pub online_url: Option<String>,
    /// Seats, 1 to 100,000.
    pub capacity: Option<i32>,
    /// Markdown, or HTML with `description_format: "html"`.
    pub description: Option<String>,
    /// How `description` is written.
    pub description_format: DescriptionFormat,
    /// A campaign of the employer.
    pub campaign_id: Option<Id>,
    /// Postings of the employer that it is about, at most 100.
    pub postings: Vec<Id>,
}

/// What a change of an event means for those who have seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The event now.
    pub event: Event,
    /// Whether it is at another time or place.
    pub is_moved: bool,
}

/// Makes an event.
pub fn create(
    tx: &mut DbConn,
    employer_id: Id,
    input: EventInput,
    random: &Random,
    now: Timestamp,
) -> Result<Event, EventError> {
    let postings = input.postings.clone();
    let row = Event {
        id: random.id(now),
        employer_id,
        status: EventStatus::Scheduled,
        sequence: 0,
        version: 1,
        created_at: now,
        ..check(tx, employer_id, input, now)?
    };
    if row.starts_at <= now {
        let error = FieldError::new("/starts_at", "time_passed", "a time that is still to come");
        return Err(EventError::Invalid(vec![error]));
    }
    diesel::insert_into(hiring_events::table)
        .values(&row)
        .execute(tx)?;
    set_postings(tx, row.id, &postings)?;
    Ok(row)
}

/// What was written in its form; ids, status and counters are the caller's.
fn check(tx: &mut DbConn, employer_id: Id, input: EventInput, now: Timestamp) -> Result<Event, EventError> {
    let mut errors = Vec::new();
    let mut wrong = |is_wrong: bool, pointer: &str, code: &str, detail: &str| {
        if is_wrong {
            errors.push(FieldError::new(pointer, code, detail));
        }
    };
    let line = |text: Option<String>| text.map(|text| fold(&text)).filter(|text| !text.is_empty());
    let is_unfit = |text: &Option<String>, max: usize| {
        text.as_ref()
            .is_some_and(|text| text.chars().count() > max || text.chars().any(is_forbidden))
    };
    let (title, place) = (line(input.title), line(input.place));
    wrong(title.is_none(), "/title", "value_missing", "an event has a title");
    wrong(
        is_unfit(&title, 200),
        "/title",
        "value_too_long",
        "at most 200 characters",
    );
    wrong(
        is_unfit(&place, 300),
        "/place",
        "value_too_long",
        "at most 300 characters",
    );
    let online_url = line(input.online_url);
    let is_url = online_url.as_deref().is_none_or(|url| {
        let parsed = url::Url::parse(url);
        url.len() <= 2000
            && parsed.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
    });
    wrong(
        !is_url,
        "/online_url",
        "url_invalid",
        "an absolute http or https URL",
    );
    wrong(
        place.is_none() && online_url.is_none(),
        "/place",
        "value_missing",
        "a place, an online_url, or both",
    );
    let (starts_at, ends_at) = (input.starts_at.unwrap_or(now), input.ends_at.unwrap_or(now));
    wrong(
        input.starts_at.is_none(),
        "/starts_at",
        "value_missing",
        "when does it begin?",
    );
    wrong(
        input.ends_at.is_none(),
        "/ends_at",
        "value_missing",
        "when is it over?",
    );
    let is_span = ends_at > starts_at && ends_at <= starts_at.plus(LONGEST);
    let has_both = input.starts_at.is_some() && input.ends_at.is_some();
    wrong(
        has_both && !is_span,
        "/ends_at",
        "time_out_of_range",
        "after starts_at, by at most 31 days",
    );
    wrong(
        starts_at > now.plus(FARTHEST),
        "/starts_at",
        "time_out_of_range",
        "at most two years ahead",
    );
    let timezone = input.timezone.unwrap_or_else(|| "UTC".to_owned());
    let is_zone = jiff::tz::TimeZone::get(&timezone).is_ok();
    wrong(
        !is_zone,
        "/timezone",
        "timezone_unknown",
        "an IANA name such as America/Chicago",
    );
    let is_capacity = input.capacity.is_none_or(|seats| (1..=100_000).contains(&seats));
    wrong(!is_capacity, "/capacity", "number_out_of_range", "1 to 100,000");
    let source = input.description.unwrap_or_default();
    wrong(
        source.len() > 50_000,
        "/description",
        "value_too_long",
        "at most 50,000 bytes",
    );
    let has_campaign = match input.campaign_id {
        Some(id) => {
            campaigns::table
                .find(id)
                .filter(campaigns::employer_id.eq(employer_id))
                .count()
                .get_result::<i64>(tx)?
                == 1
        }
        None => true,
    };
    wrong(
        !has_campaign,
        "/campaign_id",
        "campaign_not_found",
        "the employer has no such campaign",
    );
    wrong(
        input.postings.len() > MAX_POSTINGS,
        "/postings",
        "list_too_long",
        "at most 100 postings",
    );
    let known: i64 = postings::table
        .filter(
            postings::employer_id
                .eq(employer_id)
                .and(postings::deleted_at.is_null()),
        )
        .filter(postings::id.eq_any(input.postings.iter().copied().take(MAX_POSTINGS)))
        .count()
        .get_result(tx)?;
    let mut distinct: Vec<Id> = input.postings.iter().copied().take(MAX_POSTINGS).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let is_own = known == distinct.len() as i64;
    wrong(
        !is_own,
        "/postings",
        "posting_not_found",
        "all of them postings of the employer",
    );
    if !errors.is_empty() {
        return Err(EventError::Invalid(errors));
    }
    let (description_html, description_text) = description::render(&source, input.description_format);
    Ok(Event {
        id: employer_id,
        employer_id,
        campaign_id: input.campaign_id,
        title: title.unwrap_or_default(),
        kind: input.kind.unwrap_or(EventKind::Other),
        status: EventStatus::Scheduled,
        starts_at,
        ends_at,
        timezone,
        place,
        online_url,
        capacity: input.capacity,
        description_html,
        description_text,
        sequence: 0,
        version: 0,
        created_at: now,
        updated_at: now,
    })
}

fn set_postings(tx: &mut DbConn, event: Id, ids: &[Id]) -> Result<(), StoreError> {
    diesel::delete(event_postings::table.filter(event_postings::event_id.eq(event))).execute(tx)?;
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        diesel::insert_into(event_postings::table)
            .values((
                event_postings::event_id.eq(event),
                event_postings::posting_id.eq(id),
            ))
            .execute(tx)?;
    }
    Ok(())
}

pub(crate) fn require_event(tx: &mut DbConn, id: Id, if_match: Option<i32>) -> Result<Event, EventError> {
    let row = find(tx, id)?.ok_or(EventError::NotFound)?;
    match if_match {
        Some(version) if version != row.version => Err(EventError::VersionConflict(row.version)),
        _ => Ok(row),
    }
}

fn save(tx: &mut DbConn, mut row: Event, now: Timestamp) -> Result<Event, EventError> {
    let before = row.version;
    row.version += 1;
    row.updated_at = now;
    let changed = diesel::update(
        hiring_events::table
            .find(row.id)
            .filter(hiring_events::version.eq(before)),
    )
    .set(&row)
    .execute(tx)?;
    if changed == 0 {
        return Err(EventError::VersionConflict(before + 1));
    }
    Ok(row)
}

/// Changes what an event says; `patch` is a JSON merge patch (RFC 7396) over its input form.
pub fn update(
    tx: &mut DbConn,
    id: Id,
    patch: &Value,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Changed, EventError> {
    let old = require_event(tx, id, if_match)?;
    if old.status == EventStatus::Cancelled {
        return Err(EventError::StateConflict("is cancelled"));
    }
    let postings = list_postings(tx, &[id])?.remove(&id).unwrap_or_default();
    let input = patched(&old, postings, patch).map_err(|error| EventError::Invalid(vec![error]))?;
    let ids = input.postings.clone();
    let mut row = Event {
        id,
        status: old.status,
        sequence: old.sequence,
        version: old.version,
        created_at: old.created_at,
        ..check(tx, old.employer_id, input, now)?
    };
    let is_moved = (row.starts_at, row.ends_at, &row.place, &row.online_url)
        != (old.starts_at, old.ends_at, &old.place, &old.online_url);
    if is_moved && row.starts_at != old.starts_at && row.starts_at <= now {
        let error = FieldError::new("/starts_at", "time_passed", "a time that is still to come");
        return Err(EventError::Invalid(vec![error]));
    }
    if is_moved || row.title != old.title || row.timezone != old.timezone {
        row.sequence += 1;
    }
    set_postings(tx, id, &ids)?;
    let event = save(tx, row, now)?;
    Ok(Changed { event, is_moved })
}

fn patched(old: &Event, postings: Vec<Id>, patch: &Value) -> Result<EventInput, FieldError> {
    if !patch.is_object() {
        return Err(FieldError::new(
            "",
            "value_invalid",
            "a JSON merge patch is an object",
        ));
    }
    let current = EventInput {
        title: Some(old.title.clone()),
        kind: Some(old.kind),
        starts_at: Some(old.starts_at),
        ends_at: Some(old.ends_at),
        timezone: Some(old.timezone.clone()),
        place: old.place.clone(),
        online_url: old.online_url.clone(),
        capacity: old.capacity,
        description: Some(old.description_html.clone()),
        description_format: DescriptionFormat::Html,
        campaign_id: old.campaign_id,
        postings,
    };
    let mut value = serde_json::to_value(current).unwrap_or_default();
    merge(&mut value, patch);
    if patch.get("description").is_none() {
        value["description_format"] = "html".into();
    } else if patch.get("description_format").is_none() {
        value["description_format"] = "markdown".into();
    }
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, field| !field.is_null());
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = crate::import::pointer_of(error.path());
        FieldError::new(pointer, "value_invalid", error.inner().to_string())
    })
}

/// Calls an event off. It stays, so that calendars learn of it.
pub fn cancel(tx: &mut DbConn, id: Id, if_match: Option<i32>, now: Timestamp) -> Result<Event, EventError> {
    let mut row = require_event(tx, id, if_match)?;
    if row.status == EventStatus::Cancelled {
        return Err(EventError::StateConflict("is cancelled"));
    }
    if row.ends_at <= now {
        return Err(EventError::StateConflict("is over"));
    }
    row.status = EventStatus::Cancelled;
    row.sequence += 1;
    save(tx, row, now)
}

/// The event `id`.
pub fn find(conn: &mut DbConn, id: Id) -> Result<Option<Event>, StoreError> {
    let found = hiring_events::table.find(id).select(cols::<Event>()).first(conn);
    Ok(found.optional()?)
}
