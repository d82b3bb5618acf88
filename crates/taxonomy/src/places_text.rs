//! The grammar of location strings.
//!
//! A string is cut into groups (one place each), a group into words between commas. A group reads forwards (city, region,
//! country) or backwards (country, region, city); the gazetteer decides which reading names a place that exists.

use crate::gazetteer::Resolved;
use crate::normalise::fold;
use crate::place_table::{Place, Table, letters};
use crate::regions::group_named;

/// Smallest population at which a bare city name is believed.
const BARE_CITY_FROM: u32 = 15_000;

/// Words of a group that say nothing about where.
const NOISE: &[&str] = &[
    "hq",
    "headquarters",
    "headquarter",
    "office",
    "inoffice",
    "offices",
    "onsite",
    "onlocation",
    "inoffice",
    "inperson",
    "based",
    "only",
    "hub",
    "area",
    "metro",
    "metropolitan",
    "greater",
    "region",
    "campus",
    "remotely",
    "friendly",
    "eligible",
    "preferred",
    "flexible",
    "or",
    "and",
    "in",
    "within",
    "the",
    "location",
    "locations",
    "various",
    "multiple",
    "from",
    "of",
    "any",
    "field",
    "select",
    "with",
    "republic",
    "other",
    "countries",
    "hybrid",
    "fully",
    "full",
    "first",
    "optional",
    "possible",
    "option",
    "available",
    "home",
    "work",
    "us-based",
];

const REMOTE_WORDS: &[&str] = &[
    "remote",
    "anywhere",
    "wfh",
    "virtual",
    "telework",
    "telecommute",
    "distributed",
    "remoto",
    "télétravail",
    "remotefriendly",
];

/// A word of a group and what it may mean.
struct Word<'a> {
    text: &'a str,
    folded: String,
}

/// Everything a whole location string says.
pub(crate) fn resolve(table: &Table, raw: &str) -> Resolved {
    let mut resolved = Resolved::default();
    // "Remote (United States | Canada)", "Remote, US or Canada": the countries belong to the remote before them.
    let opens_remote = raw.split_once('(').is_some_and(|(head, _)| is_only_remote(head));
    // "Europe (Full Remote)": a remote behind one place belongs to that place.
    let closes_remote = !raw.contains(';')
        && raw
            .split_once('(')
            .is_some_and(|(_, tail)| is_only_remote(tail.trim_end_matches([')', ' '])));
    let coarse = coarse_groups(table, raw);
    let first_is_remote = coarse.first().is_some_and(|first| is_only_remote(first));
    for coarse in coarse {
        let groups = fine_groups(table, coarse);
        let leads_remote = groups.len() > 1 && begins_remote_somewhere(groups[0]);
        for group in groups {
            let lower = group.to_lowercase();
            let remote_here = is_remote(&lower);
            resolved.remote |= remote_here;
            resolved.hybrid |= lower.contains("hybrid");
            // "Remote / Australia": a country on its own behind a bare "remote".
            let alone = first_is_remote && table.country_named(&fold(group)).is_some();
            read_group(
                table,
                group,
                remote_here || opens_remote || closes_remote || leads_remote || alone,
                &mut resolved,
            );
        }
    }
    resolved
}

fn is_only_remote(head: &str) -> bool {
    is_remote(&head.to_lowercase()) && without_noise(head).is_none()
}

/// `Remote, US`: a remote word first, a place behind it.
fn begins_remote_somewhere(group: &str) -> bool {
    let first = group.split([',', ' ']).next().unwrap_or_default();
    is_remote(&first.to_lowercase()) && without_noise(group.trim_start_matches(first)).is_some()
}

fn is_remote(lower: &str) -> bool {
    lower
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| REMOTE_WORDS.contains(&word))
        || ["work from home", "home based", "home-based"]
            .iter()
            .any(|phrase| lower.contains(phrase))
}

/// The parts between marks that always separate. A part that is itself the name of a place is not cut further.
fn coarse_groups<'a>(table: &Table, raw: &'a str) -> Vec<&'a str> {
    let mut out = Vec::new();
    for part in raw.split([';', '|', '•', '\n', '(', ')', '[', ']', '·']) {
        if is_name(table, part) {
            out.push(part);
        } else {
            out.extend(part.split('/'));
        }
    }
    out.into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

/// One coarse part cut at "or", "and" and "&", unless it is a name.
fn fine_groups<'a>(table: &Table, coarse: &'a str) -> Vec<&'a str> {
    let mut out = Vec::new();
    split_words(table, coarse, &mut out);
    out.into_iter()
        .map(str::trim)
        .filter(|group| !group.is_empty())
        .collect()
}

/// Cuts at " or " and " and ", unless the whole is a name ("Bosnia and Herzegovina").
fn split_words<'a>(table: &Table, group: &'a str, out: &mut Vec<&'a str>) {
    if is_name(table, group)
        || group
            .split(',')
            .any(|part| part.contains(" and ") && is_name(table, part))
    {
        out.push(group);
        return;
    }
    let mut rest = group;
    loop {
        let cut = [" or ", " and ", " OR ", " AND ", " + ", " & "]
            .iter()
            .filter_map(|word| rest.find(word).map(|at| (at, at + word.len())))
            .min();
        let Some((from, to)) = cut else { break };
        out.push(&rest[..from]);
        rest = &rest[to..];
    }
    out.push(rest);
}

fn is_name(table: &Table, text: &str) -> bool {
    let folded = fold(text);
    !folded.is_empty()
        && (table.country_named(&folded).is_some()
            || table.regions_named(&folded).next().is_some()
            || table.preferred(&folded).is_some()
            || table.cities_named(&folded).next().is_some())
}

fn read_group(table: &Table, group: &str, remote: bool, resolved: &mut Resolved) {
    let mut words = Vec::new();
    for part in group.split([',', ':']) {
        push_words(table, part, &mut words);
    }
    let mut at = 0;
    while at < words.len() {
        let (used, place) = read_place(table, &words[at..]);
        if let Some(place) = place {
            keep(place, remote, resolved);
        } else if let Some(id) = group_named(&words[at].folded).filter(|_| remote) {
            let worldwide_filler = id == "WORLDWIDE" && words.len() > 1;
            if !worldwide_filler && !resolved.remote_from.iter().any(|have| have == id) {
                resolved.remote_from.push(id.to_owned());
            }
        }
        at += used.max(1);
    }
}

fn keep(place: Place, remote: bool, resolved: &mut Resolved) {
    if remote && let Some(country) = place.country.clone() {
        if !resolved.remote_from.contains(&country) {
            resolved.remote_from.push(country);
        }
        if place.city.is_none() && place.region.is_none() {
            return;
        }
    }
    if !resolved.places.contains(&place) {
        resolved.places.push(place);
    }
}

/// A part between commas as words of the grammar: noise is dropped, and dashes cut it where every piece is known.
fn push_words<'a>(table: &Table, part: &'a str, words: &mut Vec<Word<'a>>) {
    let part = part.trim().trim_matches(['-', '–', '—', '.', ' ', '*']);
    if part.is_empty() {
        return;
    }
    let folded = fold(part);
    if is_noise(part) {
        return;
    }
    if is_name(table, part) || group_named(&folded).is_some() {
        words.push(Word { text: part, folded });
        return;
    }
    for separator in [" - ", " – ", " — ", "- ", " -", "-", "_", "–"] {
        if part.contains(separator) {
            let pieces: Vec<&str> = part
                .split(separator)
                .filter(|piece| !piece.trim().is_empty())
                .collect();
            let spaced = separator.contains(' ');
            let known = pieces.iter().filter(|piece| is_known_piece(table, piece)).count();
            if pieces.len() > 1 && (spaced || known == pieces.len() || known >= 2 || separator == "_") {
                for piece in pieces {
                    push_words(table, piece, words);
                }
                return;
            }
        }
    }
    if let Some(core) = without_noise(part) {
        let folded = fold(core);
        if !folded.is_empty() && !folded.chars().all(|c| c.is_ascii_digit()) {
            words.push(Word { text: core, folded });
        }
    }
}

fn is_known_piece(table: &Table, piece: &str) -> bool {
    let lower = piece.trim().to_lowercase();
    is_name(table, piece) || is_remote(&lower) || is_noise(piece) || group_named(&fold(piece)).is_some()
}

/// The part without noise words at both ends; `None` when nothing is left.
fn without_noise(part: &str) -> Option<&str> {
    let mut core = part.trim();
    loop {
        let before = core.len();
        if let Some((first, rest)) = core.split_once(char::is_whitespace)
            && is_noise(first)
        {
            core = rest.trim_start();
        }
        if let Some((rest, last)) = core.rsplit_once(char::is_whitespace)
            && is_noise(last)
        {
            core = rest.trim_end();
        }
        core = core.trim_matches(['-', '–', ' ', '.']);
        if core.len() == before {
            break;
        }
    }
    // "SeattleHQ"
    let core = core.strip_suffix("HQ").unwrap_or(core);
    (!core.is_empty() && !is_noise(core)).then_some(core)
}

fn is_noise(word: &str) -> bool {
    let folded = fold(word);
    folded.is_empty()
        || NOISE.contains(&folded.as_str())
        || REMOTE_WORDS.contains(&folded.as_str())
        || folded == "hybrid"
        || folded.bytes().all(|b| b.is_ascii_digit())
}

/// Reads one place at the start of `words`; how many words it took.
fn read_place(table: &Table, words: &[Word<'_>]) -> (usize, Option<Place>) {
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
