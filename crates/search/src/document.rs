//! What a posting looks like to search. The index and the matcher read only this, so they cannot differ.

use postings::{Location, Posting};
use store::Id;
use taxonomy::{Discipline, Gazetteer, Taxonomy};

use crate::facet::Facet;

/// How much of a description is kept for showing where the words were found, in bytes.
const EXCERPT_BYTES: usize = 3000;

/// A posting as search sees it.
#[derive(Debug, Clone)]
pub struct SearchDocument {
    /// Id of the posting.
    pub id: Id,
    /// Revision of its last visible change.
    pub revision: i64,
    pub(crate) title: String,
    pub(crate) employer: String,
    /// Labels and synonyms of what it says in the vocabulary, so that "k8s" finds "Kubernetes".
    pub(crate) facts: String,
    pub(crate) description: String,
    pub(crate) facets: Vec<(Facet, String)>,
    pub(crate) points: Vec<(f64, f64)>,
    /// Microseconds since 1970.
    pub(crate) published_at: i64,
    /// Microseconds since 1970; `i64::MAX` when it does not end.
    pub(crate) expires_at: i64,
    /// Whole US dollars a year; 0 when it states none.
    pub(crate) yearly_usd: i64,
    /// The posting's summary as a JSON object, ready to be sent.
    pub(crate) summary: String,
}

impl SearchDocument {
    /// What search sees of `posting`.
    pub fn of(posting: &Posting) -> Self {
        let content = posting.content();
        Self {
            id: posting.row.id,
            revision: posting.row.revision.unwrap_or_default(),
            title: content.title.clone(),
            employer: posting.employer.name.clone(),
            facts: facts(posting),
            description: content.description_text.clone(),
            facets: facets(posting),
            points: content
                .locations
                .iter()
                .filter_map(|place| Some((place.latitude?, place.longitude?)))
                .collect(),
            published_at: posting.row.published_at.map_or(0, store::Timestamp::micros),
            expires_at: posting.row.expires_at.map_or(i64::MAX, store::Timestamp::micros),
            yearly_usd: content
                .pay
                .as_ref()
                .and_then(postings::Pay::yearly_usd)
                .unwrap_or(0),
            summary: serde_json::to_string(&posting.summary()).unwrap_or_default(),
        }
    }

    /// The four texts in which words are looked for.
    pub(crate) fn texts(&self) -> [&str; 4] {
        [&self.title, &self.employer, &self.facts, &self.description]
    }

    pub(crate) fn excerpt(&self) -> &str {
        let mut end = self.description.len().min(EXCERPT_BYTES);
        while !self.description.is_char_boundary(end) {
            end -= 1;
        }
        &self.description[..end]
    }
}

fn facts(posting: &Posting) -> String {
    let content = posting.content();
    let taxonomy = Taxonomy::bundled();
    let mut parts: Vec<String> = Vec::new();
    let mut push = |text: &str| parts.push(text.to_owned());
    content.discipline.iter().for_each(|d| push(d.label()));
    content.seniority.iter().for_each(|s| push(s.label()));
    content.employment_type.iter().for_each(|e| push(e.label()));
    content.workplace.iter().for_each(|w| push(w.label()));
    for specialty in content.specialties.iter().filter_map(|id| taxonomy.specialty(id)) {
        push(&specialty.label);
        specialty.synonyms.iter().for_each(|synonym| push(synonym));
    }
    for skill in content.skills.iter().filter_map(|id| taxonomy.skill(id)) {
        push(&skill.label);
        skill.synonyms.iter().for_each(|synonym| push(synonym));
    }
    for place in &content.locations {
        [&place.city, &place.region]
            .into_iter()
            .flatten()
            .for_each(|name| push(name));
        if let Some(code) = &place.country {
            push(code);
            push(Gazetteer::bundled().country_name(code).unwrap_or_default());
        }
    }
    if let Some(hardware) = &content.hardware {
        let lists = [
            &hardware.accelerators,
            &hardware.interconnects,
            &hardware.schedulers,
            &hardware.eda_flow,
            &hardware.cooling,
        ];
        lists.into_iter().flatten().for_each(|name| push(name));
        hardware.process_node.iter().for_each(|node| push(node));
    }
    parts.join(" | ")
}

fn facets(posting: &Posting) -> Vec<(Facet, String)> {
    let content = posting.content();
    let mut out: Vec<(Facet, String)> = Vec::new();
    let mut push = |facet: Facet, value: &str| {
        if !value.is_empty() && !out.iter().any(|(f, v)| *f == facet && v == value) {
            out.push((facet, value.to_owned()));
        }
    };
    push(
        Facet::Discipline,
        content.discipline.map_or("none", Discipline::as_str),
    );
    content
        .specialties
        .iter()
        .for_each(|id| push(Facet::Specialty, id));
    content.skills.iter().for_each(|id| push(Facet::Skill, id));
    content
        .seniority
        .iter()
        .for_each(|s| push(Facet::Seniority, s.as_str()));
    content
        .employment_type
        .iter()
        .for_each(|e| push(Facet::EmploymentType, e.as_str()));
    content
        .workplace
        .iter()
        .for_each(|w| push(Facet::Workplace, w.as_str()));
    push(Facet::Employer, &posting.employer.slug);
    for Location {
        city,
        region,
        country,
        ..
    } in &content.locations
    {
        push(Facet::City, &city.as_deref().unwrap_or_default().to_lowercase());
        push(
            Facet::Region,
            &region.as_deref().unwrap_or_default().to_lowercase(),
        );
        push(Facet::Country, country.as_deref().unwrap_or_default());
    }
    for place in reach(content) {
        push(Facet::RemoteFrom, &place);
    }
    content
        .environment
        .iter()
        .for_each(|e| push(Facet::Environment, e.as_str()));
    let accelerators = content
        .hardware
        .iter()
        .flat_map(|hardware| &hardware.accelerators);
    accelerators.for_each(|name| push(Facet::Accelerator, &name.to_lowercase()));
    out
}

/// From where a person may take a remote posting: what it states, else the countries of its places. A remote posting
/// that says neither promises nothing.
fn reach(content: &postings::PostingContent) -> Vec<String> {
    if content.workplace != Some(taxonomy::Workplace::Remote) {
        return Vec::new();
    }
    if !content.remote_from.is_empty() {
        return content.remote_from.clone();
    }
    content
        .locations
        .iter()
        .filter_map(|place| place.country.clone())
        .collect()
}
