//! The grammar of location strings.
//!
//! A string is cut into groups (one place each), a group into words between commas. A group reads forwards (city, region,
//! country) or backwards (country, region, city); the gazetteer decides which reading names a place that exists.

use crate::gazetteer::Resolved;
use crate::normalise::fold;
use crate::place_grammar::{Word, read_place};
use crate::place_table::{Place, Table};
use crate::regions::group_named;

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

pub(crate) fn is_remote(lower: &str) -> bool {
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

pub(crate) fn is_name(table: &Table, text: &str) -> bool {
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
