//! What a posting looks like to search. The index and the matcher read only this, so they cannot differ.

use std::collections::BTreeMap;

use postings::{Location, Posting};
use store::Id;
use taxonomy::{Gazetteer, Seniority, SpanKind, Taxonomy};

use crate::analyzer;
use crate::attributes;
use crate::facet::Facet;
use crate::meaning::cell;
use crate::values::{PlaceIds, reach_value};

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
    /// Names of what it says in the vocabulary, of its places and of its hardware.
    pub(crate) facts: String,
    pub(crate) description: String,
    pub(crate) facets: Vec<(Facet, String)>,
    /// What its employer names itself, as it is compared.
    pub(crate) attributes: Vec<(String, String)>,
    /// Concepts of the vocabulary as `kind:id`, with how the posting says them; each once, by the strongest.
    pub(crate) concepts: Vec<(Saying, String)>,
    /// The employer's slug with its name, and values of cities with their names: what facets are called.
    pub(crate) labels: Vec<(Facet, String, String)>,
    pub(crate) points: Vec<(f64, f64)>,
    /// Microseconds since 1970.
    pub(crate) published_at: i64,
    /// Microseconds since 1970; `i64::MAX` when it does not end.
    pub(crate) expires_at: i64,
    /// Whole US dollars a year; 0 when it states none.
    pub(crate) yearly_usd: i64,
    /// Copies of one role, such as one posting for each of many cities, have the same.
    pub(crate) role: u64,
    /// How much a reader is told, 0-100: pay, place, conditions, a description.
    pub(crate) completeness: i64,
    /// The posting's summary as a JSON object, ready to be sent.
    pub(crate) summary: String,
}

/// How a posting says a concept, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Saying {
    /// In its title.
    Title,
    /// By what it is classified as or states.
    Fact,
    /// In its description.
    Text,
}

impl SearchDocument {
    /// What search sees of `posting`.
    pub fn of(posting: &Posting) -> Self {
        let content = posting.content();
        let (facets, labels, concepts) = Facts::of(posting);
        Self {
            id: posting.row.id,
            revision: posting.row.revision.unwrap_or_default(),
            title: content.title.clone(),
            employer: posting.employer.name.clone(),
            facts: facts(posting),
            description: content.description_text.clone(),
            facets,
            attributes: attributes::of(&content.attributes),
            labels,
            concepts,
            role: role(posting),
            completeness: completeness(content),
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

    /// Everything that is found by its presence: values of facets and attributes, concepts, cells of the map, the role.
    pub(crate) fn each_term(&self, mut each: impl FnMut(&str)) {
        self.facets
            .iter()
            .for_each(|(facet, value)| each(&facet.term(value)));
        attributes::each_term(&self.attributes, &mut each);
        self.points.iter().for_each(|point| each(&cell(*point)));
        each(&role_term(self.role));
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

/// The term of a role.
pub(crate) fn role_term(role: u64) -> String {
    format!("role:{role:016x}")
}

/// Names that are not in title and description: of the vocabulary, of places, of the hardware.
fn facts(posting: &Posting) -> String {
    let content = posting.content();
    let taxonomy = Taxonomy::bundled();
    let mut parts: Vec<&str> = Vec::new();
    parts.extend(content.discipline.iter().map(|d| d.label()));
    parts.extend(content.employment_type.iter().map(|e| e.label()));
    parts.extend(content.workplace.iter().map(|w| w.label()));
    let specialties = content.specialties.iter().filter_map(|id| taxonomy.specialty(id));
    parts.extend(specialties.map(|specialty| specialty.label.as_str()));
    let skills = content.skills.iter().filter_map(|id| taxonomy.skill(id));
    parts.extend(skills.map(|skill| skill.label.as_str()));
    for place in &content.locations {
        parts.extend(
            [&place.city, &place.region]
                .into_iter()
                .flatten()
                .map(String::as_str),
        );
        if let Some(code) = &place.country {
            parts.push(code);
            parts.extend(Gazetteer::bundled().country_name(code));
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
        parts.extend(lists.into_iter().flatten().map(String::as_str));
        parts.extend(hardware.process_node.as_deref());
    }
    parts.join(" | ")
}

/// Copies of one role share its employer, the words of its title and its description, whatever the place.
fn role(posting: &Posting) -> u64 {
    let content = posting.content();
    let mut places: Vec<String> = Vec::new();
    for place in &content.locations {
        let names = [&place.city, &place.region, &place.country].into_iter().flatten();
        names.for_each(|name| places.extend(words(name)));
    }
    let is_of_role = |word: &String| !places.contains(word);
    let title: Vec<String> = words(&content.title).into_iter().filter(is_of_role).collect();
    let description = content.description_text.split_whitespace();
    // A stable hash (FNV-1a, 64 bits): the value is kept in the index and given out.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |part: &str| {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(&posting.employer.slug);
    for word in &title {
        add(word);
    }
    description.for_each(add);
    hash
}

fn words(text: &str) -> Vec<String> {
    analyzer::tokens_by(analyzer::whole_words(), text)
}

fn completeness(content: &postings::PostingContent) -> i64 {
    let parts = [
        (
            content.pay.as_ref().and_then(postings::Pay::yearly_usd).is_some(),
            40,
        ),
        (
            !content.locations.is_empty() || !content.remote_from.is_empty(),
            20,
        ),
        (content.description_text.len() >= 400, 20),
        (content.workplace.is_some(), 10),
        (
            content.work_pattern.is_some() || content.eligibility.is_some(),
            10,
        ),
    ];
    parts
        .iter()
        .map(|(has, points)| if *has { *points } else { 0 })
        .sum()
}

/// The facets of a posting with their names, and its concepts, under construction.
#[derive(Default)]
struct Facts {
    facets: Vec<(Facet, String)>,
    labels: Vec<(Facet, String, String)>,
    concepts: BTreeMap<String, Saying>,
}

type Parts = (
    Vec<(Facet, String)>,
    Vec<(Facet, String, String)>,
    Vec<(Saying, String)>,
);

impl Facts {
    fn of(posting: &Posting) -> Parts {
        let mut facts = Self::default();
        facts.read_text(posting);
        facts.classification(posting);
        facts.places(posting.content());
        facts.conditions(posting.content());
        facts.hardware(posting.content());
        let concepts = facts
            .concepts
            .into_iter()
            .map(|(concept, saying)| (saying, concept));
        (facts.facets, facts.labels, concepts.collect())
    }

    fn push(&mut self, facet: Facet, value: &str) {
        if !value.is_empty() && !self.facets.iter().any(|(f, v)| *f == facet && v == value) {
            self.facets.push((facet, value.to_owned()));
        }
    }

    /// A fact that is also a concept: words of the vocabulary find it.
    fn state(&mut self, facet: Facet, value: &str) {
        self.push(facet, value);
        self.say(Saying::Fact, facet.as_str(), value);
    }

    fn say(&mut self, saying: Saying, kind: &str, id: &str) {
        let known = self.concepts.entry(format!("{kind}:{id}")).or_insert(saying);
        *known = saying.min(*known);
    }

    fn read_text(&mut self, posting: &Posting) {
        let content = posting.content();
        let taxonomy = Taxonomy::bundled();
        let mut works = Vec::new();
        let is_of_posting = |discipline| content.discipline == Some(discipline);
        taxonomy.mentions(&content.title, is_of_posting, |kind, id| {
            self.say(Saying::Title, kind.as_str(), id);
        });
        // A project manager is no manager of people, and yet who types the word means this one too.
        let mut title = content.title.split(|c: char| !c.is_alphanumeric());
        if title.any(|word| word.eq_ignore_ascii_case("manager")) {
            self.say(
                Saying::Title,
                Facet::Seniority.as_str(),
                Seniority::Manager.as_str(),
            );
        }
        taxonomy.mentions(&content.description_text, is_of_posting, |kind, id| {
            // Where nobody has said what the work is, what the text names may be it.
            let may_be = kind == SpanKind::Specialty
                && content.specialties.is_empty()
                && taxonomy.specialty(id).map(|specialty| specialty.discipline) == content.discipline;
            if may_be || !kind.is_of_title() {
                self.say(Saying::Text, kind.as_str(), id);
            }
            if matches!(kind, SpanKind::Shift | SpanKind::OnCall) {
                works.push((kind, id.to_owned()));
            }
        });
        let pattern = content.work_pattern.as_ref();
        if let Some(shift) = pattern.and_then(|pattern| pattern.shift_pattern.as_ref()) {
            works.retain(|(kind, _)| *kind != SpanKind::Shift);
            taxonomy.mentions(shift, |_| false, |kind, id| works.push((kind, id.to_owned())));
        }
        let on_call = pattern.and_then(|pattern| pattern.on_call);
        if let Some(on_call) = on_call {
            works.retain(|(kind, _)| *kind != SpanKind::OnCall);
            works.push((SpanKind::OnCall, on_call.to_string()));
        }
        for (kind, id) in works {
            match kind {
                SpanKind::Shift => self.state(Facet::Shift, &id),
                SpanKind::OnCall => self.state(Facet::OnCall, &id),
                _ => {}
            }
        }
    }

    fn classification(&mut self, posting: &Posting) {
        let content = posting.content();
        match content.discipline {
            Some(discipline) => self.state(Facet::Discipline, discipline.as_str()),
            None => self.push(Facet::Discipline, "none"),
        }
        content
            .specialties
            .iter()
            .for_each(|id| self.state(Facet::Specialty, id));
        content.skills.iter().for_each(|id| self.state(Facet::Skill, id));
        let seniority = content.seniority.iter();
        seniority.for_each(|seniority| self.state(Facet::Seniority, seniority.as_str()));
        let employment = content.employment_type.iter();
        employment.for_each(|employment| self.state(Facet::EmploymentType, employment.as_str()));
        let workplace = content.workplace.iter();
        workplace.for_each(|workplace| self.state(Facet::Workplace, workplace.as_str()));
        self.push(Facet::Employer, &posting.employer.slug);
        let name = (
            Facet::Employer,
            posting.employer.slug.clone(),
            posting.employer.name.clone(),
        );
        self.labels.push(name);
    }

    fn places(&mut self, content: &postings::PostingContent) {
        for Location {
            city,
            region,
            country,
            ..
        } in &content.locations
        {
            let ids = PlaceIds::of(city.as_deref(), region.as_deref(), country.as_deref());
            if let Some(id) = ids.city {
                let parts = [city, region].into_iter().flatten().map(String::as_str);
                let name = parts.collect::<Vec<_>>().join(", ");
                self.push(Facet::City, &id);
                self.labels.push((Facet::City, id, name));
            }
            if let Some(id) = ids.region {
                self.push(Facet::Region, &id);
                let name = region.as_deref().unwrap_or_default().to_owned();
                self.labels.push((Facet::Region, id, name));
            }
            self.push(Facet::Country, country.as_deref().unwrap_or_default());
        }
        for place in reach(content) {
            self.push(Facet::RemoteFrom, &reach_value(&place));
        }
    }

    fn conditions(&mut self, content: &postings::PostingContent) {
        let environment = content.environment.iter();
        environment.for_each(|environment| self.push(Facet::Environment, environment.as_str()));
        let site_days = content
            .work_pattern
            .as_ref()
            .and_then(|pattern| pattern.site_days_per_week);
        if let Some(days) = site_days {
            self.push(Facet::SiteDays, &days.to_string());
        }
        let equity = content.pay.as_ref().and_then(|pay| pay.equity.as_ref());
        if let Some(equity) = equity {
            self.push(Facet::Equity, equity.kind.as_str());
        }
        let Some(who) = &content.eligibility else { return };
        for (facet, answer) in [
            (Facet::ExportControl, who.export_control),
            (Facet::UsPerson, who.us_person),
            (Facet::Clearance, who.clearance),
            (Facet::Citizenship, who.citizenship),
            (Facet::Sponsorship, who.sponsorship),
            (Facet::Relocation, who.relocation),
        ] {
            if let Some(answer) = answer {
                self.push(facet, answer.as_str());
            }
        }
    }

    fn hardware(&mut self, content: &postings::PostingContent) {
        let Some(hardware) = &content.hardware else { return };
        for (facet, names) in [
            (Facet::Accelerator, &hardware.accelerators),
            (Facet::Interconnect, &hardware.interconnects),
            (Facet::Scheduler, &hardware.schedulers),
            (Facet::EdaFlow, &hardware.eda_flow),
            (Facet::Cooling, &hardware.cooling),
        ] {
            for name in names {
                self.push(facet, &name.to_lowercase());
            }
        }
        let node = hardware.process_node.iter();
        node.for_each(|node| self.push(Facet::ProcessNode, &node.to_lowercase()));
    }
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
