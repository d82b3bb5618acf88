//! Checking the parts of what was written: every mistake is noted with its place, what is fine is put into its form.

use std::collections::HashSet;

use taxonomy::{Gazetteer, Taxonomy};
use url::Url;

use crate::content::{Apply, Location, Pay, PayBand, PostingContent};
use crate::validate::{FieldError, fold, is_forbidden};

const MAX_LIST: usize = 100;
const MAX_PHRASE_CHARS: usize = 500;

/// Which ids are looked up.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Specialty,
    Skill,
}

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Check {
    pub(crate) errors: Vec<FieldError>,
}

impl Check {
    pub(crate) fn error(&mut self, pointer: impl Into<String>, code: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    pub(crate) fn line(&mut self, pointer: &str, text: Option<&str>, max_chars: usize) -> Option<String> {
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

    pub(crate) fn ids(&mut self, pointer: &str, words: Vec<String>, kind: Kind) -> Vec<String> {
        self.length(pointer, &words);
        let taxonomy = Taxonomy::bundled();
        let mut seen = HashSet::new();
        let mut ids = Vec::new();
        for (n, word) in words.iter().take(MAX_LIST).enumerate() {
            let found = match kind {
                Kind::Specialty => taxonomy.specialty_id(word),
                Kind::Skill => taxonomy.skill_id(word),
            };
            match found {
                Some(id) if seen.insert(id.to_owned()) => ids.push(id.to_owned()),
                Some(_) => {}
                None => {
                    // Every name of the taxonomy is compared: only for a word that is not one.
                    let (nearest, code) = match kind {
                        Kind::Specialty => (taxonomy.nearest_specialty(word), "specialty_unknown"),
                        Kind::Skill => (taxonomy.nearest_skill(word), "skill_unknown"),
                    };
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

    pub(crate) fn locations(&mut self, locations: Vec<Location>) -> Vec<Location> {
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
        let mistakes_before = self.errors.len();
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
        if self.errors.len() > mistakes_before {
            return None;
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

    pub(crate) fn remote_from(&mut self, words: Vec<String>) -> Vec<String> {
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

    pub(crate) fn pay(&mut self, mut pay: Pay) -> Pay {
        self.length("/pay/ranges", &pay.ranges);
        let single = [
            ("base", &mut pay.base),
            ("bonus", &mut pay.bonus),
            ("sign_on", &mut pay.sign_on),
            ("shift_premium", &mut pay.shift_premium),
            ("total", &mut pay.total),
        ];
        for (name, band) in single {
            if let Some(band) = band {
                self.band(&format!("/pay/{name}"), band);
            }
        }
        for (n, band) in pay.ranges.iter_mut().take(MAX_LIST).enumerate() {
            self.band(&format!("/pay/ranges/{n}"), band);
        }
        if let Some(equity) = &mut pay.equity {
            equity.note = self.line("/pay/equity/note", equity.note.as_deref(), MAX_PHRASE_CHARS);
        }
        pay
    }

    fn band(&mut self, pointer: &str, band: &mut PayBand) {
        let whom = format!("{pointer}/applies_to");
        band.applies_to = self.line(&whom, band.applies_to.as_deref(), MAX_PHRASE_CHARS);
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

    pub(crate) fn phrases(&mut self, pointer: &str, phrases: Vec<String>) -> Vec<String> {
        self.length(pointer, &phrases);
        let lines = phrases.iter().take(MAX_LIST).enumerate();
        lines
            .filter_map(|(n, text)| self.line(&format!("{pointer}/{n}"), Some(text), MAX_PHRASE_CHARS))
            .filter(|line| !line.is_empty())
            .collect()
    }

    pub(crate) fn apply(&mut self, apply: Apply) -> Option<Apply> {
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
        if let Some(email) = &apply.email
            && email.parse::<mail::EmailAddress>().is_err()
        {
            self.error(
                "/apply/email",
                "email_invalid",
                "one address such as hiring@acme.example",
            );
        }
        Some(apply).filter(|apply| *apply != Apply::default())
    }

    pub(crate) fn numbers(&mut self, content: &PostingContent) {
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
        let is_offset = |hours: f32| (-12.0..=14.0).contains(&hours);
        if content
            .remote_utc_offsets
            .is_some_and(|of| !is_offset(of.min) || !is_offset(of.max) || of.min > of.max)
        {
            self.error(
                "/remote_utc_offsets",
                "number_out_of_range",
                "-12 to 14, min not above max",
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

    pub(crate) fn nested_text(&mut self, content: &mut PostingContent) {
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
