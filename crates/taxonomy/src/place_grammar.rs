//! Reading one place from the words of a group: which words belong together, and which city of many is meant.

use crate::normalise::fold;
use crate::place_table::{Place, Table, letters};
use crate::places_text::{is_name, is_remote};
use crate::regions::group_named;

/// Smallest population at which a bare city name is believed.
const BARE_CITY_FROM: u32 = 15_000;

/// A word of a group and what it may mean.
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) folded: String,
}

/// Reads one place at the start of `words`; how many words it took.
pub(crate) fn read_place(table: &Table, words: &[Word<'_>]) -> (usize, Option<Place>) {
    if let Some(found) = read_backwards(table, words) {
        return found;
    }
    let first = &words[0];
    // "Dublin, D, IE": the nearest country or region in which the city exists, up to three words on.
    for reach in (1..=3.min(words.len() - 1)).rev() {
        let between_is_filler = words[1..reach].iter().all(|word| is_filler(table, first, word));
        if !between_is_filler {
            continue;
        }
        // "Redwood City, US, California": a region after the country says more than the country.
        if let Some(city) = city_in(table, &first.folded, &words[reach].folded) {
            let finer = words[1..reach]
                .iter()
                .find_map(|word| city_in(table, &first.folded, &word.folded));
            let same = finer
                .filter(|finer| table.cities[*finer as usize].country == table.cities[city as usize].country);
            return (reach + 1, table.place_of(same.unwrap_or(city)));
        }
    }
    if let Some(found) = region_or_unknown_city(table, words) {
        return found;
    }
    (
        1,
        bare(table, &first.folded).or_else(|| without_comma(table, first.text)),
    )
}

/// `Austin TX`, `Toronto Canada`, `India Hyderabad`: the last or first word is the region or country.
fn without_comma(table: &Table, text: &str) -> Option<Place> {
    let (head, last) = text.rsplit_once(' ')?;
    let (first, tail) = text.split_once(' ')?;
    city_within(table, head, last).or_else(|| city_within(table, tail, first))
}

/// Whether a word between a city and its country can be passed over.
fn is_filler(table: &Table, first: &Word<'_>, word: &Word<'_>) -> bool {
    word.folded.len() <= 3
        || word.folded == first.folded
        || table.regions_named(&word.folded).next().is_some()
        || table.country_named(&word.folded).is_some()
        || table.cities_named(&word.folded).next().is_none()
}

/// `US, CA, Santa Clara`, `Australia, Sydney`, `California - San Francisco`.
fn read_backwards(table: &Table, words: &[Word<'_>]) -> Option<(usize, Option<Place>)> {
    let second = words.get(1)?;
    let outer = &words[0].folded;
    if let Some(country) = table.country_named(outer) {
        let region = table
            .regions_named(&second.folded)
            .find(|r| table.regions[usize::from(*r)].country == country);
        if let (Some(region), Some(third)) = (region, words.get(2)) {
            let city = table
                .cities_named(&third.folded)
                .find(|city| table.cities[*city as usize].region == region);
            if let Some(city) = city {
                return Some((3, table.place_of(city)));
            }
            let stranger =
                table.country_named(&third.folded).is_none() && !is_remote(&third.text.to_lowercase());
            if stranger && !is_name(table, third.text) {
                return Some((3, Some(unknown_city(table, third.text, Some(region), country))));
            }
        }
        // "Singapore, Hong Kong" are two; "Singapore, Singapore" is one.
        let city = table
            .cities_named(&second.folded)
            .find(|city| table.cities[*city as usize].country == country);
        if region.is_none()
            && let Some(city) = city
        {
            let own_region = words.get(2).is_some_and(|word| {
                table
                    .regions_named(&word.folded)
                    .any(|region| region == table.cities[city as usize].region)
            });
            return Some((if own_region { 3 } else { 2 }, table.place_of(city)));
        }
        if let Some(region) = region {
            let forwards = city_in(table, outer, &second.folded).is_some();
            return (!forwards).then(|| (2, Some(region_place(table, region))));
        }
        return None;
    }
    let region = table.regions_named(outer).next()?;
    let city = table
        .cities_called(&second.folded)
        .find(|city| table.cities[*city as usize].region == region)?;
    let qualified = table.country_named(&second.folded).is_some();
    let city_first = city_in(table, outer, &second.folded).is_some();
    (!qualified && !city_first).then(|| (2, table.place_of(city)))
}

/// `Texas, United States`, or a town the table does not have beside a region or country it has.
fn region_or_unknown_city(table: &Table, words: &[Word<'_>]) -> Option<(usize, Option<Place>)> {
    let (first, second) = (&words[0], words.get(1)?);
    let country = words.get(2).and_then(|word| table.country_named(&word.folded));
    if let Some(country) = table.country_named(&second.folded) {
        let region = table
            .regions_named(&first.folded)
            .find(|r| table.regions[usize::from(*r)].country == country);
        if let Some(region) = region {
            return Some((2, Some(region_place(table, region))));
        }
    }
    if table.country_named(&first.folded).is_some() || group_named(&first.folded).is_some() {
        return None;
    }
    if first.folded.len() < 3 || best_region(table, &first.folded, |_| true).is_some() {
        return None;
    }
    let same_country = |r: &u16| country.is_none_or(|code| table.regions[usize::from(*r)].country == code);
    let region = best_region(table, &second.folded, same_country);
    let known_elsewhere = bare(table, &first.folded).is_some();
    let second_is_city = bare(table, &second.folded).is_some_and(|place| place.city.is_some());
    if known_elsewhere && (second_is_city || second.folded.len() > 2) {
        return None;
    }
    if let Some(region) = region {
        let code = table.regions[usize::from(region)].country;
        let with_country = words
            .get(2)
            .is_some_and(|word| table.country_named(&word.folded) == Some(code));
        let used = if with_country { 3 } else { 2 };
        return Some((used, Some(unknown_city(table, first.text, Some(region), code))));
    }
    let country = table.country_named(&second.folded)?;
    Some((2, Some(unknown_city(table, first.text, None, country))))
}

/// A region of this name, the United States first.
fn best_region(table: &Table, folded: &str, fits: impl Fn(&u16) -> bool) -> Option<u16> {
    let all: Vec<u16> = table
        .regions_named(folded)
        .filter(|region| fits(region))
        .collect();
    let home = all
        .iter()
        .find(|region| table.regions[usize::from(**region)].country == *b"US");
    home.or_else(|| all.first()).copied()
}

fn unknown_city(table: &Table, text: &str, region: Option<u16>, country: [u8; 2]) -> Place {
    Place {
        city: Some(text.trim().chars().take(80).collect()),
        region: region.and_then(|region| table.region_label(region)),
        country: Some(letters(country)),
        ..Place::default()
    }
}

fn region_place(table: &Table, region: u16) -> Place {
    Place {
        region: table.region_label(region),
        country: Some(letters(table.regions[usize::from(region)].country)),
        ..Place::default()
    }
}

/// The most populous city of this name in the region or country that `outer` names.
fn city_in(table: &Table, city: &str, outer: &str) -> Option<u32> {
    let country = table.country_named(outer);
    let fits = |index: &u32| {
        let city = &table.cities[*index as usize];
        country == Some(city.country) || table.regions_named(outer).any(|region| region == city.region)
    };
    // An alias ("NYC", "Bangalore") stands for its city; "New York, NY" must not find the county seat of that name.
    if let Some(index) = table.preferred(city).filter(fits) {
        return Some(index);
    }
    let size = |index: &u32| table.cities[*index as usize].population;
    table
        .cities_called(city)
        .filter(fits)
        .max_by_key(size)
        .or_else(|| table.cities_named(city).filter(fits).max_by_key(size))
}

/// [`city_in`] for typed text.
pub(crate) fn city_within(table: &Table, city: &str, outer: &str) -> Option<Place> {
    table.place_of(city_in(table, &fold(city), &fold(outer))?)
}

/// A name on its own: an alias, a country, a city large enough, a region, or a town of ours.
pub(crate) fn bare(table: &Table, folded: &str) -> Option<Place> {
    if let Some(index) = table.preferred(folded) {
        return table.place_of(index);
    }
    let city = table.cities_called(folded).find(|index| {
        table.cities[*index as usize].population >= BARE_CITY_FROM || table.cities[*index as usize].ours
    });
    let country = table.country_named(folded);
    if let Some(code) = country {
        // Singapore, Hong Kong, Luxembourg: a city that is its country has a point on the map.
        let same = city.filter(|index| table.cities[*index as usize].country == code && folded.len() > 3);
        let ambiguous_state = folded.len() == 2 && US_FIRST.contains(&folded) || folded == "georgia";
        return match (
            same,
            ambiguous_state
                .then(|| best_region(table, folded, |_| true))
                .flatten(),
        ) {
            (Some(index), _) => table.place_of(index),
            (None, Some(region)) => Some(region_place(table, region)),
            (None, None) => Some(Place {
                country: Some(letters(code)),
                ..Place::default()
            }),
        };
    }
    let region = best_region(table, folded, |_| true).filter(|_| folded.len() > 1);
    let region_is_state =
        region.is_some_and(|r| matches!(&table.regions[usize::from(r)].country, b"US" | b"CA" | b"AU"));
    let city =
        city.filter(|index| !(region_is_state && table.cities[*index as usize].population < 1_000_000));
    if let Some(index) = city {
        return table.place_of(index);
    }
    if let Some(region) = region.filter(|_| region_is_state || folded.len() > 3) {
        return Some(region_place(table, region));
    }
    let alternate = table
        .cities_named(folded)
        .find(|index| table.cities[*index as usize].population >= BARE_CITY_FROM);
    let index = alternate.filter(|_| folded.chars().count() > 3)?;
    table.place_of(index)
}

/// Letters that mean a state of the United States before the country of that code.
const US_FIRST: &[&str] = &[
    "ca", "al", "ar", "ga", "il", "la", "ma", "md", "me", "mn", "mo", "ms", "mt", "nc", "ne", "pa", "sc",
    "sd", "tn", "va", "ky", "az", "co",
];
