//! From what was written to what is kept: every mistake is found at once, each with its place.

use std::collections::{BTreeMap, HashSet};

use taxonomy::{Gazetteer, Provenance, Taxonomy};
use url::Url;

use crate::content::{Apply, Location, Pay, PayBand, PostingContent};
use crate::input::PostingInput;
use crate::{description, recognise};

/// Longest title, in characters.
pub(crate) const MAX_TITLE_CHARS: usize = 200;
/// Longest description as it is written, in bytes.
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 100_000;
const MAX_LIST: usize = 100;
const MAX_PHRASE_CHARS: usize = 500;

/// One thing that is wrong with the input, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body.
    #[schema(example = "/pay/base/min")]
    pub pointer: String,
    /// Stable name of the mistake.
    #[schema(example = "range_reversed")]
    pub code: String,
    /// What to do about it.
    pub detail: String,
}

impl FieldError {
    /// An error at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.to_owned(),
            detail: detail.into(),
        }
    }
}

/// Checks and completes `input`: sanitises the description, resolves synonyms to ids, finds coordinates, recognises
/// what was not stated.
///
/// # Errors
/// Everything that is wrong, in the order of the fields.
pub fn validate(input: PostingInput) -> Result<PostingContent, Vec<FieldError>> {
    let mut check = Check::default();
    let title = check
        .line("/title", input.title.as_deref(), MAX_TITLE_CHARS)
        .unwrap_or_default();
    if title.is_empty() {
        check.error("/title", "value_missing", "a posting has a title");
    }
    let source = input.description.unwrap_or_default();
    if source.len() > MAX_DESCRIPTION_BYTES {
        check.error(
            "/description",
            "value_too_long",
            format!("at most {MAX_DESCRIPTION_BYTES} bytes"),
        );
    }
    let (description_html, description_text) = if check.errors.is_empty() {
        description::render(&source, input.description_format)
    } else {
        Default::default()
    };
    let stated = [
        ("discipline", input.discipline.is_some()),
        ("specialties", input.specialties.is_some()),
        ("skills", input.skills.is_some()),
        ("seniority", input.seniority.is_some()),
        ("employment_type", input.employment_type.is_some()),
        ("workplace", input.workplace.is_some()),
        ("environment", input.environment.is_some()),
        ("pay", input.pay.is_some()),
        ("locations", !input.locations.is_empty()),
        ("remote_from", !input.remote_from.is_empty()),
    ];
    let provenance: BTreeMap<String, Provenance> = stated
        .into_iter()
        .filter(|(_, stated)| *stated)
        .map(|(field, _)| (field.to_owned(), Provenance::Stated))
        .collect();
    let mut content = PostingContent {
        specialties: check.ids(
            "/specialties",
            input.specialties.unwrap_or_default(),
            Kind::Specialty,
        ),
        skills: check.ids("/skills", input.skills.unwrap_or_default(), Kind::Skill),
        locations: check.locations(input.locations),
        remote_from: check.remote_from(input.remote_from),
        openings: input.openings.unwrap_or(1),
        filled: input.filled.unwrap_or(0),
        pay: input
            .pay
            .map(|pay| check.pay(pay))
            .filter(|pay| *pay != Pay::default()),
        benefits: check.phrases("/benefits", input.benefits),
        apply: input.apply.and_then(|apply| check.apply(apply)),
        discipline: input.discipline.flatten(),
        seniority: input.seniority,
        employment_type: input.employment_type,
        workplace: input.workplace,
        environment: input.environment.unwrap_or_default(),
        hardware: input.hardware,
        work_pattern: input.work_pattern,
        eligibility: input.eligibility,
        process: input.process,
        title,
        description_html,
        description_text,
        provenance,
    };
    check.numbers(&content);
    check.nested_text(&mut content);
    if let Some(external_id) = &input.external_id {
        check.line("/external_id", Some(external_id), 200);
    }
    if !check.errors.is_empty() {
        return Err(check.errors);
    }
    recognise::complete(&mut content);
    Ok(content)
}

/// What keeps `content` from being published; `has_website` says whether the employer can be reached otherwise.
pub(crate) fn publication_errors(content: &PostingContent, has_website: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if content.description_text.is_empty() {
        errors.push(FieldError::new(
            "/description",
            "value_missing",
            "a published posting has a description",
        ));
    }
    if content.apply.is_none() && !has_website {
        let detail = "give a page or a mailbox to apply to, or the employer a website";
        errors.push(FieldError::new("/apply", "value_missing", detail));
    }
    errors
}

/// `text` on one line: white space folded, ends trimmed.
pub(crate) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and those that turn the direction of text around and so disguise it.
pub(crate) fn is_forbidden(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[derive(Clone, Copy)]
enum Kind {
    Specialty,
    Skill,
}

#[derive(Default)]
struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn error(&mut self, pointer: impl Into<String>, code: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    fn line(&mut self, pointer: &str, text: Option<&str>, max_chars: usize) -> Option<String> {
        let text = text?;
        if text.chars().any(is_forbidden) {
            self.error(
                pointer,
                "characters_not_allowed",
                "control and text-direction characters are not allowed",
            );
            return None;
        }
        let line = fold(text);
        if line.chars().count() > max_chars {
            self.error(
                pointer,
                "value_too_long",
                format!("at most {max_chars} characters"),
            );
            return None;
        }
        Some(line)
    }

    fn length<T>(&mut self, pointer: &str, list: &[T]) {
        if list.len() > MAX_LIST {
            self.error(pointer, "list_too_long", format!("at most {MAX_LIST} entries"));
        }
    }

    fn ids(&mut self, pointer: &str, words: Vec<String>, kind: Kind) -> Vec<String> {
        self.length(pointer, &words);
        let taxonomy = Taxonomy::bundled();
        let mut seen = HashSet::new();
        let mut ids = Vec::new();
        for (n, word) in words.iter().take(MAX_LIST).enumerate() {
            let (found, nearest, code) = match kind {
                Kind::Specialty => (
                    taxonomy.specialty_id(word),
                    taxonomy.nearest_specialty(word),
                    "specialty_unknown",
                ),
                Kind::Skill => (
                    taxonomy.skill_id(word),
                    taxonomy.nearest_skill(word),
                    "skill_unknown",
                ),
            };
            match found {
                Some(id) if seen.insert(id.to_owned()) => ids.push(id.to_owned()),
                Some(_) => {}
                None => {
                    let hint = nearest
                        .map(|id| format!("; did you mean {id:?}?"))
                        .unwrap_or_default();
                    let detail = format!("{word:?} is not in the taxonomy (GET /v1/taxonomy){hint}");
                    self.error(format!("{pointer}/{n}"), code, detail);
                }
            }
        }
        ids
    }

    fn locations(&mut self, locations: Vec<Location>) -> Vec<Location> {
        self.length("/locations", &locations);
        let mut out = Vec::new();
        for (n, location) in locations.into_iter().take(MAX_LIST).enumerate() {
            if let Some(location) = self.location(n, location) {
                out.push(location);
            }
        }
        out
    }

    fn location(&mut self, n: usize, mut location: Location) -> Option<Location> {
        let at = |field: &str| format!("/locations/{n}{field}");
        location.city = self
            .line(&at("/city"), location.city.as_deref(), 100)
            .filter(|c| !c.is_empty());
        location.region = self
            .line(&at("/region"), location.region.as_deref(), 100)
            .filter(|c| !c.is_empty());
        location.country = location
            .country
            .map(|c| c.trim().to_uppercase())
            .filter(|c| !c.is_empty());
        let gazetteer = Gazetteer::bundled();
        if let Some(country) = location
            .country
            .as_deref()
            .filter(|code| !gazetteer.is_country(code))
        {
            let detail = format!("{country:?} is not an ISO 3166-1 alpha-2 code");
            self.error(at("/country"), "country_unknown", detail);
            return None;
        }
        match (location.latitude, location.longitude) {
            (None, None) => {}
            (Some(lat), Some(lon)) if (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) => {}
            _ => {
                self.error(
                    at("/latitude"),
                    "coordinates_invalid",
                    "give both, in degrees: -90…90 and -180…180",
                );
                return None;
            }
        }
        if location.city.is_none()
            && location.region.is_none()
            && location.country.is_none()
            && location.latitude.is_none()
        {
            self.error(
                at(""),
                "value_missing",
                "a location has at least one of city, region, country",
            );
            return None;
        }
        if location.latitude.is_none() || location.country.is_none() {
            complete_place(&mut location);
        }
        Some(location)
    }

    fn remote_from(&mut self, words: Vec<String>) -> Vec<String> {
        self.length("/remote_from", &words);
        let mut out: Vec<String> = Vec::new();
        for (n, word) in words.iter().take(MAX_LIST).enumerate() {
            let code = word.trim().to_uppercase();
            if taxonomy::is_region(&code) || Gazetteer::bundled().is_country(&code) {
                if !out.contains(&code) {
                    out.push(code);
                }
            } else {
                let detail = format!("{word:?} is neither an ISO 3166-1 alpha-2 code nor one of our regions");
                self.error(format!("/remote_from/{n}"), "country_unknown", detail);
            }
        }
        out
    }

    fn pay(&mut self, mut pay: Pay) -> Pay {
        self.length("/pay/ranges", &pay.ranges);
        for (name, band) in pay.bands() {
            self.band(&format!("/pay/{name}"), band);
        }
        if let Some(equity) = &mut pay.equity {
            equity.note = self.line("/pay/equity/note", equity.note.as_deref(), MAX_PHRASE_CHARS);
        }
        pay
    }

    fn band(&mut self, pointer: &str, band: &PayBand) {
        match (band.min, band.max) {
            (None, None) => self.error(format!("{pointer}/min"), "value_missing", "give min, max or both"),
            (Some(min), Some(max)) if min > max => {
                self.error(
                    format!("{pointer}/min"),
                    "range_reversed",
                    "min is larger than max",
                );
            }
            _ => {}
        }
    }

    fn phrases(&mut self, pointer: &str, phrases: Vec<String>) -> Vec<String> {
        self.length(pointer, &phrases);
        let lines = phrases.iter().take(MAX_LIST).enumerate();
        lines
            .filter_map(|(n, text)| self.line(&format!("{pointer}/{n}"), Some(text), MAX_PHRASE_CHARS))
            .collect()
    }

    fn apply(&mut self, apply: Apply) -> Option<Apply> {
        if let Some(url) = &apply.url {
            let fine = Url::parse(url).is_ok_and(|u| matches!(u.scheme(), "https" | "http") && u.has_host());
            if !fine || url.len() > 2000 || url.chars().any(is_forbidden) {
                self.error(
                    "/apply/url",
                    "url_invalid",
                    "an absolute http or https URL of at most 2000 bytes",
                );
            }
        }
        if let Some(email) = &apply.email {
            if email.parse::<mail::EmailAddress>().is_err() {
                self.error(
                    "/apply/email",
                    "email_invalid",
                    "one address such as hiring@acme.example",
                );
            }
        }
        Some(apply).filter(|apply| *apply != Apply::default())
    }

    fn numbers(&mut self, content: &PostingContent) {
        if !(1..=100_000).contains(&content.openings) {
            self.error("/openings", "number_out_of_range", "1 to 100,000");
        }
        if content.filled > content.openings {
            self.error("/filled", "number_out_of_range", "at most the number of openings");
        }
        let pattern = content.work_pattern.clone().unwrap_or_default();
        if pattern.travel_percent.is_some_and(|percent| percent > 100) {
            self.error("/work_pattern/travel_percent", "number_out_of_range", "0 to 100");
        }
        if pattern.site_days_per_week.is_some_and(|days| days > 7) {
            self.error(
                "/work_pattern/site_days_per_week",
                "number_out_of_range",
                "0 to 7",
            );
        }
        let rack = content
            .hardware
            .as_ref()
            .and_then(|hardware| hardware.rack_power_kw);
        if rack.is_some_and(|kw| !(0.0..=10_000.0).contains(&kw)) {
            self.error("/hardware/rack_power_kw", "number_out_of_range", "0 to 10,000 kW");
        }
    }

    fn nested_text(&mut self, content: &mut PostingContent) {
        if let Some(hardware) = &mut content.hardware {
            let lists = [
                ("accelerators", &mut hardware.accelerators),
                ("interconnects", &mut hardware.interconnects),
                ("schedulers", &mut hardware.schedulers),
                ("eda_flow", &mut hardware.eda_flow),
                ("cooling", &mut hardware.cooling),
            ];
            for (name, list) in lists {
                *list = self.phrases(&format!("/hardware/{name}"), std::mem::take(list));
            }
            hardware.process_node =
                self.line("/hardware/process_node", hardware.process_node.as_deref(), 100);
            hardware.fleet_size = self.line("/hardware/fleet_size", hardware.fleet_size.as_deref(), 200);
        }
        if let Some(pattern) = &mut content.work_pattern {
            pattern.shift_pattern = self.line(
                "/work_pattern/shift_pattern",
                pattern.shift_pattern.as_deref(),
                MAX_PHRASE_CHARS,
            );
            pattern.physical_demands = self.line(
                "/work_pattern/physical_demands",
                pattern.physical_demands.as_deref(),
                MAX_PHRASE_CHARS,
            );
        }
        if let Some(process) = &mut content.process {
            process.stages = self.phrases("/process/stages", std::mem::take(&mut process.stages));
        }
    }
}

/// Adds what the gazetteer knows: coordinates, and the country when city and region leave no doubt.
fn complete_place(location: &mut Location) {
    let Some(place) = Gazetteer::bundled().find(&location.label()) else {
        return;
    };
    let agrees = |ours: &Option<String>, theirs: &Option<String>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
        _ => true,
    };
    if !agrees(&location.country, &place.country) || (location.city.is_some() && place.city.is_none()) {
        return;
    }
    if location.latitude.is_none() {
        location.latitude = place.latitude;
        location.longitude = place.longitude;
    }
    location.country = location.country.take().or(place.country);
    location.region = location.region.take().or(place.region);
}
