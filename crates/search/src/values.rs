//! The values of facets: as the index knows them, as people write them, and what they are called.

use taxonomy::{
    Discipline, EmploymentType, Environment, EquityKind, Gazetteer, Requirement, Seniority, Taxonomy,
    Workplace,
};

use crate::facet::Facet;

/// A city and a region as values: `US-TX-austin` and `US-TX`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PlaceIds {
    pub(crate) city: Option<String>,
    pub(crate) region: Option<String>,
}

impl PlaceIds {
    pub(crate) fn of(city: Option<&str>, region: Option<&str>, country: Option<&str>) -> Self {
        let named = |part: Option<&str>| part.map(slug).filter(|part| !part.is_empty());
        let outer: Vec<String> = [named(country), named(region)]
            .into_iter()
            .flatten()
            .map(|part| part.to_uppercase())
            .collect();
        let outer = outer.join("-");
        Self {
            city: named(city).map(|city| {
                if outer.is_empty() {
                    city
                } else {
                    format!("{outer}-{city}")
                }
            }),
            region: named(region).map(|_| outer.clone()),
        }
    }
}

/// A name as a part of a value: `new_york`.
fn slug(name: &str) -> String {
    let words = crate::analyzer::tokens_by(crate::analyzer::whole_words(), name);
    words.join("_")
}

/// The values of `remote_from` under which somebody in one of `places`, countries or groups of them, may take a posting.
pub(crate) fn reaching(places: &[String]) -> Vec<String> {
    let mut reach: Vec<String> = Vec::new();
    for place in places {
        reach.push(place.clone());
        reach.extend(taxonomy::groups_with(place).map(str::to_owned));
    }
    reach.sort();
    reach.dedup();
    reach
}

/// A value of `remote_from` as the index keeps it.
pub(crate) fn reach_value(value: &str) -> String {
    value.trim().to_uppercase()
}

/// The value as the index knows it, or what was probably meant.
pub(crate) fn canonical_value(facet: Facet, word: &str) -> Result<String, Option<String>> {
    fn one_of<T: Copy + std::str::FromStr>(
        all: &[T],
        name: fn(T) -> &'static str,
        word: &str,
    ) -> Result<String, Option<String>> {
        let lower = word.to_lowercase().replace([' ', '-'], "_");
        match lower.parse::<T>() {
            Ok(value) => Ok(name(value).to_owned()),
            Err(_) => Err(nearest(&lower, all.iter().map(|value| name(*value)))),
        }
    }
    let words = |all: &[&'static str]| {
        let lower = word.to_lowercase();
        let known = all.iter().find(|value| **value == lower);
        known
            .map(|value| (*value).to_owned())
            .ok_or_else(|| nearest(&lower, all.iter().copied()))
    };
    let taxonomy = Taxonomy::bundled();
    match facet {
        Facet::Discipline if word == "none" => Ok(word.to_owned()),
        Facet::Discipline => one_of(Discipline::ALL, Discipline::as_str, word),
        Facet::Seniority => one_of(Seniority::ALL, Seniority::as_str, word),
        Facet::EmploymentType => one_of(EmploymentType::ALL, EmploymentType::as_str, word),
        Facet::Workplace => one_of(Workplace::ALL, Workplace::as_str, word),
        Facet::Environment => one_of(Environment::ALL, Environment::as_str, word),
        Facet::Equity => one_of(EquityKind::ALL, EquityKind::as_str, word),
        Facet::ExportControl
        | Facet::UsPerson
        | Facet::Clearance
        | Facet::Citizenship
        | Facet::Sponsorship
        | Facet::Relocation => one_of(Requirement::ALL, Requirement::as_str, word),
        Facet::Shift => words(&["day", "evening", "night", "rotating", "weekend"]),
        Facet::OnCall => words(&["true", "false"]),
        Facet::SiteDays => words(&["0", "1", "2", "3", "4", "5", "6", "7"]),
        Facet::Specialty => taxonomy
            .specialty_id(word)
            .map(str::to_owned)
            .ok_or_else(|| taxonomy.nearest_specialty(word).map(str::to_owned)),
        Facet::Skill => taxonomy
            .skill_id(word)
            .map(str::to_owned)
            .ok_or_else(|| taxonomy.nearest_skill(word).map(str::to_owned)),
        Facet::RemoteFrom if taxonomy::is_region(&word.to_uppercase()) => Ok(word.to_uppercase()),
        Facet::Country | Facet::RemoteFrom => country(word),
        Facet::Region => Ok(region(word)),
        Facet::City => Ok(city(word)),
        // Names that only the postings know: any is accepted, an unknown one finds nothing.
        Facet::Employer
        | Facet::Accelerator
        | Facet::Interconnect
        | Facet::Scheduler
        | Facet::EdaFlow
        | Facet::ProcessNode
        | Facet::Cooling => Ok(word.to_lowercase()),
    }
}

fn country(word: &str) -> Result<String, Option<String>> {
    let code = word.to_uppercase();
    if Gazetteer::bundled().is_country(&code) {
        return Ok(code);
    }
    let place = Gazetteer::bundled()
        .find(word)
        .filter(|place| place.city.is_none() && place.region.is_none());
    Err(place.and_then(|place| place.country))
}

/// `US-TX` as it is; `TX` and `Texas` by the gazetteer.
fn region(word: &str) -> String {
    let found = (!word.contains('-'))
        .then(|| Gazetteer::bundled().find(word))
        .flatten();
    let ids = found.map(|place| PlaceIds::of(None, place.region.as_deref(), place.country.as_deref()));
    ids.and_then(|ids| ids.region)
        .unwrap_or_else(|| word.to_uppercase())
}

/// `US-TX-austin` as it is; `Austin` and `austin tx` by the gazetteer.
fn city(word: &str) -> String {
    let is_value = |outer: &str| {
        let country = outer.split('-').next().unwrap_or_default();
        Gazetteer::bundled().is_country(&country.to_uppercase())
    };
    if let Some((outer, city)) = word.rsplit_once('-').filter(|(outer, _)| is_value(outer)) {
        return format!("{}-{}", outer.to_uppercase(), city.to_lowercase());
    }
    let found = Gazetteer::bundled().find(word);
    let ids = found.map(|p| PlaceIds::of(p.city.as_deref(), p.region.as_deref(), p.country.as_deref()));
    ids.and_then(|ids| ids.city).unwrap_or_else(|| slug(word))
}

/// What a value of the vocabulary is called, by the name of its field; `None` where the value is its own name.
pub(crate) fn label_of(field: &str, value: &str) -> Option<String> {
    fn label<T: std::str::FromStr>(value: &str, label: fn(T) -> &'static str) -> Option<String> {
        value.parse().ok().map(|value| label(value).to_owned())
    }
    let taxonomy = Taxonomy::bundled();
    match field {
        "discipline" => label(value, Discipline::label),
        "seniority" => label(value, Seniority::label),
        "employment_type" => label(value, EmploymentType::label),
        "workplace" => label(value, Workplace::label),
        "environment" => label(value, Environment::label),
        "specialty" => Some(taxonomy.specialty(value)?.label.clone()),
        "skill" => Some(taxonomy.skill(value)?.label.clone()),
        "country" | "remote_from" => Gazetteer::bundled().country_name(value).map(str::to_owned),
        "shift" => Some(format!("{value} shift")),
        "on_call" => Some(if value == "true" { "on call" } else { "not on call" }.to_owned()),
        _ => None,
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = candidates.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let (distance, candidate) = scored.min()?;
    (distance <= 1 + candidate.len() / 4).then(|| candidate.to_owned())
}
