//! One row of an import: a posting object as the API writes it, or a loose record of a collector.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use store::Timestamp;
use taxonomy::{
    Discipline, Gazetteer, Provenance, Seniority, Taxonomy, Workplace, parse_employment_type, parse_workplace,
};

use super::loose::{
    EmployerName, LooseLocation, LooseLocations, LooseText, apply_at, carried_pay, clean_line, limited,
    parse_time, shorten,
};
use crate::attributes;
use crate::content::{
    Apply, DescriptionFormat, Disclosures, Eligibility, Hardware, Location, Pay, PostingContent, Process,
    UtcOffsets, WorkPattern,
};
use crate::input::PostingInput;
use crate::lifecycle::{LIFETIME, MAX_LIFETIME};
use crate::validate::{FieldError, validate};

/// Why a row is not taken: a stable code and words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct RowError {
    /// Stable name of the reason.
    pub code: String,
    /// What is wrong.
    pub detail: String,
    /// Where in the row, as a JSON pointer, when it is at one place.
    pub pointer: Option<String>,
    /// The column of a table that it is about.
    pub column: Option<String>,
}

impl RowError {
    pub(crate) fn new(code: &str, detail: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.into(),
            pointer: None,
            column: None,
        }
    }

    pub(crate) fn at(pointer: &str, code: &str, detail: impl std::fmt::Display) -> Self {
        Self {
            pointer: Some(pointer.to_owned()),
            ..Self::new(code, format!("{pointer}: {detail}"))
        }
    }
}

impl From<Vec<FieldError>> for RowError {
    fn from(errors: Vec<FieldError>) -> Self {
        match errors.into_iter().next() {
            Some(first) => Self::at(&first.pointer, &first.code, first.detail),
            None => Self::new("row_invalid", "the row is not a posting"),
        }
    }
}

/// A row as it was read. Fields that we do not know are passed over: collectors carry many.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ImportRow {
    id: Option<LooseText>,
    source: Option<String>,
    source_id: Option<LooseText>,
    external_id: Option<LooseText>,
    title: Option<String>,
    employer: Option<EmployerName>,
    company: Option<String>,
    locations: Option<LooseLocations>,
    location: Option<String>,
    remote: Option<bool>,
    remote_from: Option<Vec<String>>,
    workplace: Option<String>,
    workplace_raw: Option<String>,
    employment_type: Option<String>,
    seniority: Option<String>,
    discipline: Option<String>,
    specialties: Option<Vec<String>>,
    skills: Option<Vec<String>>,
    salary_raw: Option<String>,
    pay: Option<Pay>,
    posted_at: Option<LooseText>,
    published_at: Option<LooseText>,
    updated_at: Option<LooseText>,
    expires_at: Option<LooseText>,
    url: Option<String>,
    apply: Option<Apply>,
    active: Option<bool>,
    status: Option<String>,
    description: Option<String>,
    description_format: Option<DescriptionFormat>,
    description_html: Option<String>,
    description_text: Option<String>,
    openings: Option<u32>,
    filled: Option<u32>,
    hardware: Option<Hardware>,
    work_pattern: Option<WorkPattern>,
    eligibility: Option<Eligibility>,
    environment: Option<Vec<taxonomy::Environment>>,
    benefits: Option<Vec<String>>,
    process: Option<Process>,
    disclosures: Option<Disclosures>,
    remote_utc_offsets: Option<UtcOffsets>,
    /// Collectors give many things this name: only what is one of our attributes is taken.
    attributes: Option<serde_json::Value>,
    /// Fields that the row knows nothing about, so that what is known stays: `description`, `pay`.
    keep: Vec<String>,
}

/// A row's identity: two rows with the same one are the same posting.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) source: String,
    pub(crate) source_id: String,
}

/// The employer a row names: how it is shown and its name in addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RowEmployer {
    pub(crate) name: String,
    pub(crate) slug: String,
}

pub(crate) fn row_employer(name: Option<&str>, slug: Option<&str>) -> Option<RowEmployer> {
    let name = clean_line(name.filter(|name| !name.trim().is_empty()).or(slug)?);
    let mut slug = slug::slugify(slug.filter(|slug| !slug.trim().is_empty()).unwrap_or(&name));
    slug.truncate(100);
    (!name.is_empty() && !slug.is_empty()).then_some(RowEmployer { name, slug })
}

/// What a row becomes.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) content: PostingContent,
    /// What the row says, before anything was recognised.
    pub(crate) input: PostingInput,
    /// Fields that the row knows nothing about.
    pub(crate) keep: Vec<String>,
    pub(crate) published_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Whether the row says itself when it ends.
    pub(crate) states_end: bool,
    pub(crate) is_open: bool,
    pub(crate) external_id: Option<String>,
}

impl ImportRow {
    /// Reads one line.
    ///
    /// # Errors
    /// `encoding_invalid`, `json_malformed`, or `value_invalid` with the place.
    pub fn parse(line: &[u8]) -> Result<Self, RowError> {
        let text = std::str::from_utf8(line)
            .map_err(|_| RowError::new("encoding_invalid", "the line is not UTF-8"))?;
        let text = text.trim_start_matches('\u{feff}');
        // Looking for the place costs time, so only a row that fails pays for it.
        serde_json::from_str(text).map_err(|error| Self::parse_error(text, &error))
    }

    fn parse_error(text: &str, error: &serde_json::Error) -> RowError {
        if !error.is_data() {
            return RowError::new("json_malformed", error.to_string());
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, Self>(&mut parser) {
            Err(placed) => {
                let pointer = super::pointer_of(placed.path());
                RowError::at(&pointer, "value_invalid", placed.inner())
            }
            Ok(_) => RowError::new("value_invalid", error.to_string()),
        }
    }

    /// `source` + `source_id`. A row that names no source is told apart by its employer's own name for it, or by what is
    /// unique by itself: its id or its page.
    ///
    /// # Errors
    /// `identity_missing`, `identity_too_long`.
    pub(crate) fn identity(&self, employer: &RowEmployer) -> Result<Identity, RowError> {
        let line = |text: &Option<LooseText>| text.as_ref().and_then(LooseText::line);
        let own = line(&self.source_id).or_else(|| line(&self.external_id));
        let is_own = own.is_some();
        let page = || self.url.as_deref().map(clean_line).filter(|url| !url.is_empty());
        let source_id = own.or_else(|| line(&self.id)).or_else(page).ok_or_else(|| {
            RowError::new(
                "identity_missing",
                "the row has no source_id, external_id, id or url",
            )
        })?;
        let stated = self
            .source
            .as_deref()
            .map(clean_line)
            .filter(|source| !source.is_empty());
        let source = stated.unwrap_or_else(|| {
            if is_own {
                format!("import:{}", employer.slug)
            } else {
                "import".to_owned()
            }
        });
        if source.len() > 200 || source_id.len() > 1000 {
            return Err(RowError::new(
                "identity_too_long",
                "source up to 200 bytes, source_id up to 1000",
            ));
        }
        Ok(Identity { source, source_id })
    }

    /// The employer that the row names, if it does.
    pub(crate) fn employer(&self) -> Option<RowEmployer> {
        let named = match &self.employer {
            Some(EmployerName::Slug(slug)) => row_employer(None, Some(slug)),
            Some(EmployerName::Object { name, slug }) => row_employer(name.as_deref(), slug.as_deref()),
            None => None,
        };
        named.or_else(|| row_employer(self.company.as_deref(), None))
    }

    /// Whether the posting is open at `now`, as far as the row knows.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        let ended = [
            "closed", "expired", "rejected", "paused", "filled", "inactive", "archived",
        ];
        let status = self.status.as_deref().map(str::to_lowercase);
        self.active != Some(false)
            && !status.is_some_and(|status| ended.contains(&status.as_str()))
            && self.stated_end().is_none_or(|at| at > now)
    }

    /// When the row says that the posting ends.
    pub(crate) fn stated_end(&self) -> Option<Timestamp> {
        self.expires_at.as_ref().and_then(parse_time)
    }

    /// The posting that the row describes: what it carries is marked `carried`, the rest is recognised.
    pub(crate) fn into_posting(self, now: Timestamp) -> Result<Imported, RowError> {
        let is_open = self.is_open(now);
        let dates = [&self.posted_at, &self.published_at, &self.updated_at];
        let published_at = dates
            .into_iter()
            .flatten()
            .find_map(parse_time)
            .map_or(now, |at| at.min(now));
        let states_end = self.stated_end().is_some();
        let expires_at = match self.stated_end() {
            Some(at) => at.min(now.plus(MAX_LIFETIME)),
            None => now.plus(LIFETIME),
        };
        let external_id = self.external_id.as_ref().and_then(LooseText::line);
        if external_id.as_ref().is_some_and(|id| id.chars().count() > 200) {
            return Err(RowError::at(
                "/external_id",
                "value_too_long",
                "at most 200 characters",
            ));
        }
        let keep = self.keep.clone();
        let input = self.into_input()?;
        let mut content = validate(input.clone())?;
        for provenance in content.provenance.values_mut() {
            if *provenance == Provenance::Stated {
                *provenance = Provenance::Carried;
            }
        }
        Ok(Imported {
            content,
            input,
            keep,
            published_at,
            expires_at,
            states_end,
            is_open,
            external_id,
        })
    }

    fn into_input(self) -> Result<PostingInput, RowError> {
        let title = clean_line(self.title.as_deref().unwrap_or_default());
        if title.is_empty() {
            let error = RowError::new("title_missing", "the row has no title");
            return Err(RowError {
                pointer: Some("/title".to_owned()),
                ..error
            });
        }
        let places = self.places();
        let workplace = self.carried_workplace(&places);
        let seniority = self
            .seniority
            .as_deref()
            .and_then(|s| s.parse().ok())
            .or_else(|| self.carried_seniority());
        let taxonomy = Taxonomy::bundled();
        let known = |words: &Option<Vec<String>>, id: fn(&'static Taxonomy, &str) -> Option<&'static str>| {
            let ids = words
                .as_ref()?
                .iter()
                .filter_map(|word| id(taxonomy, word))
                .map(str::to_owned);
            Some(ids.take(100).collect::<Vec<_>>()).filter(|ids| !ids.is_empty())
        };
        let (description, description_format) = self.carried_description();
        let discipline = match self.discipline.as_deref() {
            Some("none") => Some(None),
            Some(word) => word.parse::<Discipline>().ok().map(Some),
            None => None,
        };
        Ok(PostingInput {
            description,
            description_format,
            discipline,
            specialties: known(&self.specialties, |t, word| t.specialty_id(word)),
            skills: known(&self.skills, |t, word| t.skill_id(word)),
            seniority,
            employment_type: self.employment_type.as_deref().and_then(parse_employment_type),
            workplace,
            locations: places.locations,
            remote_from: places.remote_from,
            openings: Some(self.openings.unwrap_or(1).max(1)),
            filled: self.filled,
            pay: self
                .pay
                .or_else(|| self.salary_raw.as_deref().and_then(carried_pay)),
            hardware: self.hardware,
            work_pattern: self.work_pattern,
            eligibility: self.eligibility,
            environment: self.environment,
            benefits: self.benefits.unwrap_or_default(),
            process: self.process,
            disclosures: self.disclosures,
            remote_utc_offsets: self.remote_utc_offsets,
            attributes: self.attributes.map(attributes::of_json).unwrap_or_default(),
            apply: self.apply.or_else(|| self.url.and_then(apply_at)),
            title: Some(shorten(title)),
            external_id: None,
            expires_at: None,
        })
    }

    fn places(&self) -> Places {
        let gazetteer = Gazetteer::bundled();
        let mut places = Places::default();
        let texts = self.location.clone().map(LooseLocation::Text);
        let listed = self
            .locations
            .clone()
            .map_or_else(Vec::new, LooseLocations::into_list);
        for location in listed.into_iter().chain(texts) {
            match location {
                LooseLocation::Place(place) => places.add(place),
                LooseLocation::Text(text) => {
                    let resolved = gazetteer.resolve(&clean_line(&text));
                    resolved
                        .places
                        .into_iter()
                        .for_each(|place| places.add(place.into()));
                    places.is_remote |= resolved.remote;
                    places.is_hybrid |= resolved.hybrid;
                    places.remote_from.extend(resolved.remote_from);
                }
            }
        }
        if let Some(stated) = &self.remote_from {
            let known = |code: &String| gazetteer.is_country(code) || taxonomy::is_region(code);
            places.remote_from = stated
                .iter()
                .map(|code| code.to_uppercase())
                .filter(known)
                .collect();
        }
        places.remote_from.sort();
        places.remote_from.dedup();
        places
    }

    fn carried_workplace(&self, places: &Places) -> Option<Workplace> {
        let words = [&self.workplace, &self.workplace_raw];
        let stated = words.into_iter().flatten().find_map(|word| parse_workplace(word));
        stated.or_else(|| {
            if places.is_hybrid {
                Some(Workplace::Hybrid)
            } else if places.is_remote || (self.remote == Some(true) && !self.text_asks_for_presence()) {
                Some(Workplace::Remote)
            } else {
                None
            }
        })
    }

    /// Whether title or text ask for days in an office. Applicant systems set `remote` for "remote is possible" too: of
    /// the flags that no place confirms about half stand on hybrid work, and there the text is right.
    fn text_asks_for_presence(&self) -> bool {
        let texts = [&self.description, &self.description_html, &self.description_text];
        let text = texts.into_iter().flatten().find(|text| !text.trim().is_empty());
        let title = self.title.as_deref().unwrap_or_default();
        let found = Taxonomy::bundled().recognise(title, text.map_or("", String::as_str));
        matches!(found.workplace, Some(Workplace::Hybrid | Workplace::OnSite))
    }

    /// Collectors put "New grad" and "Early Career" where the kind of employment belongs.
    fn carried_seniority(&self) -> Option<Seniority> {
        let word = self.employment_type.as_deref()?.to_lowercase();
        (word.contains("new grad") || word == "newgrad" || word.contains("early career"))
            .then_some(Seniority::Entry)
    }

    fn carried_description(&self) -> (Option<String>, DescriptionFormat) {
        let filled = |text: &Option<String>| text.as_deref().filter(|t| !t.trim().is_empty()).map(limited);
        if let Some(text) = filled(&self.description) {
            return (Some(text), self.description_format.unwrap_or_default());
        }
        if let Some(html) = filled(&self.description_html) {
            return (Some(html), DescriptionFormat::Html);
        }
        (filled(&self.description_text), DescriptionFormat::Markdown)
    }

    /// Whether the row names its employer as the API does, beyond a company's name in words.
    pub(crate) fn names_employer(&self) -> bool {
        self.employer.is_some()
    }
}

#[derive(Default)]
struct Places {
    locations: Vec<Location>,
    remote_from: Vec<String>,
    is_remote: bool,
    is_hybrid: bool,
}

impl Places {
    fn add(&mut self, location: Location) {
        let label = location.label();
        if !label.is_empty()
            && self.locations.len() < 100
            && self.locations.iter().all(|known| known.label() != label)
        {
            self.locations.push(location);
        }
    }
}

/// What `line` says, for telling whether a row changed since the last import. The vocabulary's version belongs to it:
/// a better vocabulary recognises more in the same row.
pub(crate) fn hash_of(line: &[u8]) -> Vec<u8> {
    let mut input = line.trim_ascii().to_vec();
    input.push(b'\n');
    input.extend_from_slice(Taxonomy::bundled().version().as_bytes());
    digest(&SHA256, &input).as_ref().to_vec()
}
