//! The bundled gazetteer: looking places up.

use std::sync::LazyLock;

use crate::normalise::fold;
use crate::place_table::{NamedPlace, Place, Table, letters, two_letters};
use crate::typed_places::TypedPlace;
use crate::{place_grammar, places_text};

/// Cities, regions and countries of the world: 52,000 places, most of 15,000 inhabitants or more.
///
/// Data: GeoNames, geonames.org, CC BY 4.0, with a few additions of ours.
pub struct Gazetteer {
    table: Table,
}

/// What a messy location string says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// The places named, each once, in order.
    pub places: Vec<Place>,
    /// Whether it says that work is remote.
    pub remote: bool,
    /// Whether it says that work is hybrid.
    pub hybrid: bool,
    /// For remote work, where the person may be: two-letter country codes and words such as `EU`, `EMEA`, `APAC`,
    /// `LATAM`, `AMER`, `WORLDWIDE`, all understood by [`crate::region_covers`]. Empty when nothing is said.
    pub remote_from: Vec<String>,
}

static BUNDLED: LazyLock<Gazetteer> = LazyLock::new(|| Gazetteer {
    table: Table::load(
        include_bytes!("../../../config/gazetteer/places.tsv.gz"),
        include_str!("../../../config/gazetteer/extra.toml"),
    ),
});

impl Gazetteer {
    /// The gazetteer compiled in; unpacked at the first call (some tens of milliseconds).
    pub fn bundled() -> &'static Self {
        &BUNDLED
    }

    /// Reads a location string as employers and applicant systems write it: `Austin, TX`, `US-TX-Austin`,
    /// `San Francisco, CA; New York, NY`, `Remote (United States | Canada)`, `4 Locations` (nothing).
    ///
    /// An unknown city beside a known region or country keeps its text. What cannot be read is left out.
    pub fn resolve(&self, raw: &str) -> Resolved {
        places_text::resolve(&self.table, raw)
    }

    /// The one place that a person typed: `Austin,TX`, `austin`, `Berlin, DE`, a region, a country. The most populous place
    /// wins where a name is ambiguous. `None` when nothing of that name is known.
    pub fn find(&self, text: &str) -> Option<Place> {
        let folded = fold(text);
        if folded.is_empty() {
            return None;
        }
        if let Some(place) = place_grammar::bare(&self.table, &folded) {
            return Some(place);
        }
        let resolved = places_text::resolve(&self.table, text);
        if let Some(place) = resolved.places.into_iter().next() {
            return Some(place).filter(|place| place.latitude.is_some() || place.city.is_none());
        }
        let typed: Vec<&str> = text.split_whitespace().collect();
        // "austin tx", "berlin germany": the last word or two may be the region.
        (1..typed.len().min(4)).find_map(|tail| {
            let (head, last) = typed.split_at(typed.len() - tail);
            place_grammar::city_within(&self.table, &head.join(" "), &last.join(" "))
        })
    }

    /// The places among the words of a typed query, left to right, as ranges of `words`: cities, areas such as the Bay Area,
    /// states, countries and groups of countries. Names that are first of all words ("reading", "enterprise") are left
    /// alone unless their region or country follows.
    pub fn typed_places(&self, words: &[&str]) -> Vec<(std::ops::Range<usize>, TypedPlace)> {
        crate::typed_places::typed_places(&self.table, words)
    }

    /// The English name of a country by its two-letter code, upper case.
    pub fn country_name(&self, code: &str) -> Option<&str> {
        if code.len() == 2 {
            self.table.country_name(two_letters(code))
        } else {
            None
        }
    }

    /// Whether this is a two-letter country code, upper case.
    pub fn is_country(&self, code: &str) -> bool {
        self.country_name(code).is_some()
    }

    /// Codes and English names of all countries, by code.
    pub fn countries(&self) -> impl Iterator<Item = (String, &str)> {
        self.table
            .countries
            .iter()
            .map(|(code, name)| (letters(*code), &**name))
    }

    /// The two-letter code of a country by code (two or three letters), name or usual other name, any case.
    pub fn country_code(&self, text: &str) -> Option<String> {
        self.table.country_named(&fold(text)).map(letters)
    }

    /// Up to `limit` places whose name starts with `prefix` (accents and case do not matter): a country first, then cities,
    /// most populous first.
    pub fn complete(&self, prefix: &str, limit: usize) -> Vec<NamedPlace> {
        let folded = fold(prefix);
        if folded.is_empty() || limit == 0 {
            return Vec::new();
        }
        let named = |place: Place, population| NamedPlace {
            label: place.label(),
            place,
            population,
        };
        let mut found: Vec<NamedPlace> = Vec::new();
        if let Some(index) = self.table.preferred(&folded) {
            found.extend(
                self.table
                    .place_of(index)
                    .map(|place| named(place, self.table.cities[index as usize].population)),
            );
        }
        if folded.len() >= 3 {
            let countries = self
                .table
                .countries
                .iter()
                .filter(|(_, name)| fold(name).starts_with(&folded))
                .take(2);
            for (code, name) in countries {
                let place = Place {
                    country: Some(letters(*code)),
                    ..Place::default()
                };
                found.push(NamedPlace {
                    label: name.to_string(),
                    place,
                    population: 0,
                });
            }
        }
        for index in self.table.cities_starting(&folded).take(limit) {
            let population = self.table.cities[index as usize].population;
            found.extend(self.table.place_of(index).map(|place| named(place, population)));
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|place| seen.insert(place.label.clone()));
        found.truncate(limit);
        found
    }
}

#[cfg(test)]
#[path = "gazetteer_tests.rs"]
mod tests;
