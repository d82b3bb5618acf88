//! Places as they are typed into a search box, between other words.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::normalise::fold;
use crate::place_grammar;
use crate::place_table::{Place, Table};
use crate::regions::group_named;

/// A place that was typed.
#[derive(Clone, Debug, PartialEq)]
pub enum TypedPlace {
    /// A city, with its point on the map.
    City(Place),
    /// An area without borders: a circle.
    Metro {
        /// Its name.
        label: String,
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Radius in km.
        radius_km: f64,
        /// Two-letter code.
        country: String,
    },
    /// A state or province.
    Region(Place),
    /// A country by its two-letter code.
    Country(String),
    /// A group of countries, as [`crate::region_covers`] knows it.
    Group(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    not_places: HashSet<String>,
    metro: Vec<Metro>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metro {
    label: String,
    names: Vec<String>,
    latitude: f64,
    longitude: f64,
    radius_km: f64,
    country: String,
}

struct Typed {
    not_places: HashSet<String>,
    metros: Vec<Metro>,
    by_name: HashMap<String, usize>,
}

static TYPED: LazyLock<Typed> = LazyLock::new(|| {
    let File { not_places, metro } = toml::from_str(include_str!("../../../config/gazetteer/query.toml"))
        .unwrap_or_else(|error| {
            // Tests read the file; a program that was built has one that parses.
            debug_assert!(false, "config/gazetteer/query.toml: {error}");
            File {
                not_places: HashSet::new(),
                metro: Vec::new(),
            }
        });
    let names = metro.iter().enumerate();
    let by_name = names
        .flat_map(|(n, metro)| metro.names.iter().map(move |name| (fold(name), n)))
        .collect();
    Typed {
        not_places,
        metros: metro,
        by_name,
    }
});

/// Codes of two letters that mean a place also without a city before them.
const BARE_CODES: &[&str] = &[
    "us", "uk", "eu", "tx", "ny", "nj", "nc", "va", "wa", "nv", "az", "sf",
];

/// Short words that belong to names of places.
const PARTICLES: &[&str] = &[
    "la", "el", "le", "st", "st.", "de", "of", "al", "ho", "du", "do", "da", "am", "an", "on", "in", "den",
    "rio",
];

/// Longest name, in words.
const MAX_WORDS: usize = 5;

/// The places among `words`, left to right, the longest name at each place.
pub(crate) fn typed_places(table: &Table, words: &[&str]) -> Vec<(Range<usize>, TypedPlace)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let longest = MAX_WORDS.min(words.len() - at);
        let place = (1..=longest).rev().find_map(|len| {
            let place = read(table, &words[at..at + len])?;
            Some((at..at + len, place))
        });
        match place {
            Some((range, place)) => {
                at = range.end;
                found.push((range, place));
            }
            None => at += 1,
        }
    }
    found
}

fn read(table: &Table, words: &[&str]) -> Option<TypedPlace> {
    let folded = fold(&words.concat());
    if folded.chars().count() < 2 {
        return None;
    }
    if let Some(metro) = TYPED.by_name.get(&folded).map(|n| &TYPED.metros[*n]) {
        return Some(TypedPlace::Metro {
            label: metro.label.clone(),
            latitude: metro.latitude,
            longitude: metro.longitude,
            radius_km: metro.radius_km,
            country: metro.country.clone(),
        });
    }
    if let [word] = words {
        if TYPED.not_places.contains(&word.to_lowercase()) {
            return None;
        }
        let is_code = folded.len() == 2 && folded.is_ascii();
        if is_code && !BARE_CODES.contains(&folded.as_str()) {
            return None;
        }
        // Three letters are more often a thing of the trade than a city, but for the usual names of some.
        let is_short = folded.chars().count() == 3 && folded.is_ascii();
        if is_short && table.preferred(&folded).is_none() && table.country_named(&folded).is_none() {
            return None;
        }
        if let Some(group) = group_named(&folded).filter(|group| *group != "WORLDWIDE" && folded != "global")
        {
            return Some(TypedPlace::Group(group));
        }
    }
    // Names are compared without their spaces: "it ai" must not become Itaí.
    let is_name = words.len() == 1
        || words
            .iter()
            .all(|word| word.chars().count() > 2 || PARTICLES.contains(&word.to_lowercase().as_str()));
    let bare = is_name.then(|| place_grammar::bare(table, &folded)).flatten();
    let bare = bare.filter(|place| is_well_known(table, place, &folded));
    let place = bare.or_else(|| {
        // "austin tx", "berlin germany": the last word or two is the region or country.
        (1..words.len()).find_map(|tail| {
            let (city, outer) = words.split_at(words.len() - tail);
            place_grammar::city_within(table, &city.concat(), &outer.concat())
        })
    })?;
    typed(place)
}

/// Whether a city goes by this name: its own, a usual alias, or, for a big one, any other. "Tango" is no way to say Tanggu.
fn is_well_known(table: &Table, place: &Place, folded: &str) -> bool {
    const BIG: u32 = 600_000;
    let Some(city) = &place.city else { return true };
    let is_big = || {
        table
            .cities_named(folded)
            .any(|index| table.cities[index as usize].population >= BIG)
    };
    fold(city) == folded || table.preferred(folded).is_some() || is_big()
}

fn typed(place: Place) -> Option<TypedPlace> {
    if place.city.is_some() {
        let has_point = place.latitude.is_some() && place.longitude.is_some();
        return has_point.then_some(TypedPlace::City(place));
    }
    if place.region.is_some() {
        return Some(TypedPlace::Region(place));
    }
    place.country.map(TypedPlace::Country)
}

#[cfg(test)]
mod tests {
    use crate::Gazetteer;

    use super::*;

    fn places(query: &str) -> Vec<String> {
        let words: Vec<&str> = query.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let found = Gazetteer::bundled().typed_places(&words);
        let name = |place: &TypedPlace| match place {
            TypedPlace::City(place) => format!("city {}", place.label()),
            TypedPlace::Metro { label, .. } => format!("metro {label}"),
            TypedPlace::Region(place) => format!("region {}", place.label()),
            TypedPlace::Country(code) => format!("country {code}"),
            TypedPlace::Group(id) => format!("group {id}"),
        };
        found
            .iter()
            .map(|(range, place)| format!("{}={}", words[range.clone()].join(" "), name(place)))
            .collect()
    }

    #[test]
    fn places_are_found_between_other_words() {
        for (query, expected) in [
            ("engineer austin", "austin=city Austin, TX, US"),
            ("verification austin, tx now", "austin tx=city Austin, TX, US"),
            ("bay area rtl", "bay area=metro San Francisco Bay Area"),
            ("new york", "new york=city New York, NY, US"),
            ("nyc", "nyc=city New York, NY, US"),
            ("inference sf", "sf=city San Francisco, CA, US"),
            ("germany", "germany=country DE"),
            ("usa", "usa=country US"),
            ("uk", "uk=country GB"),
            ("texas", "texas=region TX, US"),
            ("europe", "europe=group EUROPE"),
            ("ashburn", "ashburn=city Ashburn, VA, US"),
            ("berlin germany", "berlin germany=city Berlin, DE"),
            ("münchen", "münchen=city Munich, DE"),
            ("frankfurt", "frankfurt=city Frankfurt"),
            ("köln", "köln=city Köln"),
        ] {
            let found = places(query).join("; ");
            assert!(
                found == expected || found.starts_with(expected.split(", ").next().unwrap_or_default()),
                "{query}: {found}"
            );
        }
    }

    #[test]
    fn words_are_not_taken_for_towns() {
        for query in [
            "enterprise mobile fleet",
            "lead industry split reading nice",
            "in or me it ai ml",
            "gpu kernel enginer",
            "global remote",
            "data science",
            "tango bravo alpha",
        ] {
            assert_eq!(places(query), Vec::<String>::new(), "{query}");
        }
        assert_eq!(places("reading uk").len(), 1);
    }
}
