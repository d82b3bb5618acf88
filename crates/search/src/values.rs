//! The values of facets as people write them.

use taxonomy::{Discipline, EmploymentType, Environment, Gazetteer, Seniority, Taxonomy, Workplace};

use crate::facet::Facet;

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
    let taxonomy = Taxonomy::bundled();
    match facet {
        Facet::Discipline if word == "none" => Ok(word.to_owned()),
        Facet::Discipline => one_of(Discipline::ALL, Discipline::as_str, word),
        Facet::Seniority => one_of(Seniority::ALL, Seniority::as_str, word),
        Facet::EmploymentType => one_of(EmploymentType::ALL, EmploymentType::as_str, word),
        Facet::Workplace => one_of(Workplace::ALL, Workplace::as_str, word),
        Facet::Environment => one_of(Environment::ALL, Environment::as_str, word),
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
        // Names that only the postings know: any is accepted, an unknown one finds nothing.
        Facet::Employer | Facet::Region | Facet::City | Facet::Accelerator => Ok(word.to_lowercase()),
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

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = candidates.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let (distance, candidate) = scored.min()?;
    (distance <= 1 + candidate.len() / 4).then(|| candidate.to_owned())
}
