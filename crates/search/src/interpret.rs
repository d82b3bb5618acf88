//! Understanding what was typed: which words name a level, a specialty, a skill, a place, a workplace, pay or a shift.
//!
//! The rules, so that they can be told to the person who typed:
//! - A recognised word is a condition: the posting is classified so, or says it (or one of its synonyms).
//! - Level, workplace, kind of employment and specialty count by classification and title; a description that speaks of
//!   senior colleagues or of another team does not make a posting that. Skills count wherever they are named.
//! - A place means that the posting is there; with "remote" also that one may take it from there.
//! - What stands in quotation marks is never interpreted, which is how one reading is undone.
//!
//! Nothing here looks at the index, so that an alert means today what it meant when it was made.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use serde::Deserialize;
use taxonomy::{Gazetteer, Span, SpanKind, Taxonomy, TypedPlace};

use crate::analyzer;
use crate::facet::Facet;
use crate::meaning::{Alternative, Circle, Clause, Meaning, Weight};
use crate::pay_words::{self, PayWord};
use crate::query::Query;
use crate::text::{self, Leaf, Operand, Piece};
use crate::values::{self, PlaceIds};

/// How far around a city a posting still counts as there, in km.
const CITY_KM: f64 = 50.0;

/// A part of the typed text and what it was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// `seniority`, `specialty`, `skill`, `discipline`, `workplace`, `employment_type`, `shift`, `on_call`, `city`, `area`,
    /// `region`, `country`, `pay`, `employer`, or `compound` for a word that was found as a part of longer ones.
    pub kind: &'static str,
    /// The values as the filter of that name takes them, at least one; any of them is enough.
    pub values: Vec<String>,
    /// In words, for people.
    pub label: String,
    /// Bytes of the typed text.
    pub at: Range<usize>,
}

/// What a query means, and which of its words were recognised.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interpretation {
    pub(crate) meaning: Meaning,
    pub(crate) found: Vec<Recognised>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    #[serde(rename = "stop_words")]
    stop: HashSet<String>,
    #[serde(rename = "role_words")]
    role: HashSet<String>,
    counted_things: HashSet<String>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../config/search/words.toml")).unwrap_or_else(|error| {
        // Tests read the file; a program that was built has one that parses.
        debug_assert!(false, "config/search/words.toml: {error}");
        Words {
            stop: HashSet::new(),
            role: HashSet::new(),
            counted_things: HashSet::new(),
        }
    })
});

/// Whether a word has its place in queries apart from the vocabulary: it is not misspelt.
pub(crate) fn is_common(word: &str) -> bool {
    WORDS.stop.contains(word) || WORDS.role.contains(word)
}

/// Reads a query. One kept by an older version whose text no longer parses matches nothing but itself, as a phrase.
pub(crate) fn interpret(query: &Query) -> Interpretation {
    let mut reader = Reader {
        text: &query.q,
        is_literal: query.is_literal,
        is_remote: false,
        out: Interpretation::default(),
        places: Vec::new(),
        role_words: Vec::new(),
        stop_words: Vec::new(),
        lookalikes: Taxonomy::bundled().lookalikes(&query.q),
        title: Some(Vec::new()),
    };
    match text::parse(&query.q) {
        Ok(pieces) => pieces.into_iter().for_each(|piece| reader.piece(piece)),
        Err(_) => reader.words(0..query.q.len(), Weight::Subject),
    }
    let remote = query.filters.get(&Facet::Workplace);
    reader.is_remote |= remote.is_some_and(|values| values.iter().any(|value| value == "remote"));
    reader.finish()
}

struct Reader<'a> {
    text: &'a str,
    is_literal: bool,
    is_remote: bool,
    out: Interpretation,
    places: Vec<(Range<usize>, TypedPlace)>,
    role_words: Vec<Range<usize>>,
    stop_words: Vec<Range<usize>>,
    lookalikes: Vec<Range<usize>>,
    /// Words that could be a title with their offsets; none when the text has operators.
    title: Option<Vec<(usize, String)>>,
}

impl Reader<'_> {
    fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Run(at) if self.is_literal => {
                for word in split(self.text, at) {
                    self.words(word, Weight::Word);
                }
            }
            Piece::Run(at) => self.run(at),
            Piece::Any(group) => {
                self.title = None;
                let (first, last) = (&group[0].at, &group[group.len() - 1].at);
                let clause = Clause {
                    at: first.start..last.end,
                    any: group.iter().flat_map(|operand| self.operand(operand)).collect(),
                    weight: Weight::Subject,
                };
                self.out.meaning.required.push(clause);
            }
            Piece::Excluded(operand) => {
                let is_read = !operand.is_quoted && !self.is_literal;
                let place = is_read.then(|| self.place_alone(&operand)).flatten();
                let any = place.unwrap_or_else(|| self.operand(&operand));
                self.out.meaning.excluded.push(Clause {
                    any,
                    at: operand.at.clone(),
                    weight: Weight::Word,
                });
            }
        }
    }

    /// What satisfies a single operand: its concept when all of it is one, and its words.
    fn operand(&mut self, operand: &Operand) -> Vec<Alternative> {
        let text = &self.text[operand.at.clone()];
        let spans = if operand.is_quoted || self.is_literal {
            Vec::new()
        } else {
            Taxonomy::bundled().spans(text)
        };
        if let [span] = spans.as_slice()
            && !text[..span.start].contains(char::is_alphanumeric)
            && !text[span.end..].contains(char::is_alphanumeric)
        {
            let alternatives = alternatives(span, &text[span.start..span.end]);
            self.note(span, operand.at.start);
            return alternatives;
        }
        vec![Alternative::Words(analyzer::tokens(text))]
    }

    fn place_alone(&mut self, operand: &Operand) -> Option<Vec<Alternative>> {
        let text = &self.text[operand.at.clone()];
        let found = Gazetteer::bundled().typed_places(&[text]);
        let (_, place) = found.into_iter().next()?;
        let (recognised, alternatives) = read_place(&place, operand.at.clone(), false);
        self.out.found.push(recognised);
        Some(alternatives)
    }

    fn run(&mut self, run: Range<usize>) {
        let text = &self.text[run.clone()];
        let mut at = run.start;
        for span in Taxonomy::bundled().spans(text) {
            let (start, end) = (run.start + span.start, run.start + span.end);
            self.gap(at..start);
            at = end;
            let weight = match span.kind {
                SpanKind::Specialty | SpanKind::Skill | SpanKind::Discipline => Weight::Subject,
                SpanKind::Seniority | SpanKind::Workplace => Weight::Level,
                SpanKind::EmploymentType | SpanKind::Shift | SpanKind::OnCall => Weight::Condition,
            };
            self.is_remote |= span.kind == SpanKind::Workplace && span.ids.iter().any(|id| id == "remote");
            if matches!(weight, Weight::Subject) || span.kind == SpanKind::Seniority {
                self.could_be_title(start..end);
            }
            self.note(&span, run.start);
            let also = span
                .also
                .iter()
                .map(|(kind, id)| Alternative::Concept(format!("{}:{id}", kind.as_str())));
            self.out.meaning.preferred.extend(also);
            if span.kind == SpanKind::Specialty {
                // The words themselves in a title say it best.
                let typed = analyzer::tokens(&self.text[start..end]);
                self.out.meaning.preferred.push(Alternative::Words(typed));
            }
            self.out.meaning.required.push(Clause {
                any: alternatives(&span, &self.text[start..end]),
                at: start..end,
                weight,
            });
        }
        self.gap(at..run.end);
    }

    fn note(&mut self, span: &Span, offset: usize) {
        let values: Vec<String> = span.ids.iter().map(|id| id.clone().into_owned()).collect();
        let labels: Vec<String> = values
            .iter()
            .map(|value| values::label_of(span.kind.as_str(), value).unwrap_or_else(|| value.clone()))
            .collect();
        self.out.found.push(Recognised {
            kind: span.kind.as_str(),
            label: labels.join(" or "),
            values,
            at: offset + span.start..offset + span.end,
        });
    }

    /// Words between what the vocabulary recognised.
    fn gap(&mut self, at: Range<usize>) {
        let words: Vec<Range<usize>> = split(self.text, at).collect();
        let texts: Vec<&str> = words.iter().map(|word| &self.text[word.clone()]).collect();
        let places = Gazetteer::bundled().typed_places(&texts);
        let mut n = 0;
        while n < words.len() {
            if let Some((range, place)) = places.iter().find(|(range, _)| range.start == n) {
                let at = words[range.start].start..words[range.end - 1].end;
                self.places.push((at, place.clone()));
                n = range.end;
                continue;
            }
            // A phrase that only looks like a word of the field means itself: "soc 2" is no chip.
            let start = words[n].start;
            if let Some(phrase) = self
                .lookalikes
                .iter()
                .find(|phrase| phrase.start == start)
                .cloned()
            {
                n += words[n..]
                    .iter()
                    .take_while(|word| word.end <= phrase.end)
                    .count()
                    .max(1);
                self.could_be_title(phrase.clone());
                self.words(phrase, Weight::Subject);
                continue;
            }
            let next = texts.get(n + 1).map(|word| word.to_lowercase());
            let is_count = next.is_some_and(|next| WORDS.counted_things.contains(next.as_str()));
            self.word(words[n].clone(), is_count);
            n += 1;
        }
    }

    fn word(&mut self, at: Range<usize>, is_count: bool) {
        let word = self.text[at.clone()].to_lowercase();
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '#'));
        if let Some(PayWord { usd_a_year, label }) = pay_words::read(&self.text[at.clone()], is_count) {
            self.out.found.push(Recognised {
                kind: "pay",
                values: vec![usd_a_year.to_string()],
                label,
                at: at.clone(),
            });
            self.out.meaning.required.push(Clause {
                any: vec![Alternative::PayAtLeast(usd_a_year)],
                at,
                weight: Weight::Condition,
            });
        } else if WORDS.stop.contains(word) {
            self.stop_words.push(at);
        } else if WORDS.role.contains(word) {
            self.could_be_title(at.clone());
            self.role_words.push(at);
        } else {
            self.could_be_title(at.clone());
            self.words(at, Weight::Word);
        }
    }

    /// The words as they stand, next to each other.
    fn words(&mut self, at: Range<usize>, weight: Weight) {
        let leaf = analyzer::tokens(&self.text[at.clone()]);
        // Text that no longer parses may have no word at all; then nothing is found, as the empty leaf says.
        self.out.meaning.required.push(Clause {
            any: vec![Alternative::Words(leaf)],
            at,
            weight,
        });
    }

    fn could_be_title(&mut self, at: Range<usize>) {
        if let Some(title) = &mut self.title {
            let words = analyzer::tokens(&self.text[at.clone()]);
            title.extend(words.into_iter().map(|word| (at.start, word)));
        }
    }

    fn finish(mut self) -> Interpretation {
        self.finish_places();
        let says_what = |clause: &Clause| matches!(clause.weight, Weight::Subject | Weight::Word);
        let has_subject = self.out.meaning.required.iter().any(says_what);
        for at in std::mem::take(&mut self.role_words) {
            if has_subject {
                let leaf: Leaf = analyzer::tokens(&self.text[at]);
                self.out.meaning.preferred.push(Alternative::Words(leaf));
            } else {
                self.words(at, Weight::Word);
            }
        }
        if self.out.meaning.required.is_empty() {
            for at in std::mem::take(&mut self.stop_words) {
                self.words(at, Weight::Word);
            }
        }
        let mut title = self.title.unwrap_or_default();
        title.sort_by_key(|(at, _)| *at);
        self.out.meaning.title = title.into_iter().map(|(_, word)| word).collect();
        self.out.meaning.required.sort_by_key(|clause| clause.at.start);
        self.out.found.sort_by_key(|found| found.at.start);
        self.out
    }

    /// Several places are alternatives, except that a country or state behind a city only says which city is meant.
    fn finish_places(&mut self) {
        let places = std::mem::take(&mut self.places);
        let countries: Vec<String> = places
            .iter()
            .filter_map(|(_, place)| match place {
                TypedPlace::City(place) => place.country.clone(),
                TypedPlace::Metro { country, .. } => Some(country.clone()),
                _ => None,
            })
            .collect();
        let is_outer = |place: &TypedPlace| match place {
            TypedPlace::Region(place) => place.country.as_ref().is_some_and(|c| countries.contains(c)),
            TypedPlace::Country(code) => countries.contains(code),
            TypedPlace::Group(group) => countries.iter().any(|code| taxonomy::region_covers(group, code)),
            _ => false,
        };
        let mut any = Vec::new();
        let mut at: Option<Range<usize>> = None;
        for (range, place) in places.iter().filter(|(_, place)| !is_outer(place)) {
            let (recognised, alternatives) = read_place(place, range.clone(), self.is_remote);
            self.out.found.push(recognised);
            any.extend(alternatives);
            at = Some(at.map_or(range.start, |at| at.start)..range.end);
        }
        if let Some(at) = at {
            self.out.meaning.required.push(Clause {
                any,
                at,
                weight: Weight::Place,
            });
        }
    }
}

fn alternatives(span: &Span, typed: &str) -> Vec<Alternative> {
    let mut any: Vec<Alternative> = span
        .ids
        .iter()
        .map(|id| Alternative::Concept(format!("{}:{id}", span.kind.as_str())))
        .collect();
    // Two or three letters mean too many things to be looked for as a word.
    let is_telling = typed.chars().filter(|c| c.is_alphanumeric()).count() > 3;
    if is_telling && !span.kind.is_of_title() && span.kind != SpanKind::OnCall && span.kind != SpanKind::Shift
    {
        any.push(Alternative::Words(analyzer::tokens(typed)));
    }
    any
}

/// Bytes of the words of a part of the text, at spaces and at punctuation that is no part of a word.
fn split(text: &str, at: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let part = &text[at.clone()];
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut start = None;
    for (n, c) in part.char_indices() {
        let separates = c.is_whitespace()
            || matches!(c, ';' | '(' | ')' | '|' | '[' | ']')
            || c == ',' && !(is_digit(part[..n].chars().last()) && is_digit(part[n + 1..].chars().next()));
        match (separates, start) {
            (true, Some(from)) => {
                words.push(at.start + from..at.start + n);
                start = None;
            }
            (false, None) => start = Some(n),
            _ => {}
        }
    }
    words.extend(start.map(|from| at.start + from..at.end));
    let text = text.to_owned();
    words
        .into_iter()
        .filter(move |word| !analyzer::tokens(&text[word.clone()]).is_empty())
}

fn read_place(place: &TypedPlace, at: Range<usize>, is_remote: bool) -> (Recognised, Vec<Alternative>) {
    let mut any = Vec::new();
    let (kind, values, label, countries) = match place {
        TypedPlace::City(place) => {
            let ids = PlaceIds::of(
                place.city.as_deref(),
                place.region.as_deref(),
                place.country.as_deref(),
            );
            let point = place.latitude.zip(place.longitude);
            any.extend(point.map(|point| circle(point, CITY_KM)));
            any.extend(
                ids.city
                    .iter()
                    .map(|id| Alternative::Value(Facet::City, id.clone())),
            );
            let label = format!("{} and {CITY_KM} km around", place.label());
            let country: Vec<String> = place.country.iter().cloned().collect();
            ("city", ids.city.into_iter().collect::<Vec<_>>(), label, country)
        }
        TypedPlace::Metro {
            label,
            latitude,
            longitude,
            radius_km,
            country,
        } => {
            any.push(circle((*latitude, *longitude), *radius_km));
            ("area", vec![label.clone()], label.clone(), vec![country.clone()])
        }
        TypedPlace::Region(place) => {
            let ids = PlaceIds::of(None, place.region.as_deref(), place.country.as_deref());
            any.extend(
                ids.region
                    .iter()
                    .map(|id| Alternative::Value(Facet::Region, id.clone())),
            );
            let country: Vec<String> = place.country.iter().cloned().collect();
            ("region", ids.region.into_iter().collect(), place.label(), country)
        }
        TypedPlace::Country(code) => {
            any.push(Alternative::Value(Facet::Country, code.clone()));
            let label = Gazetteer::bundled().country_name(code).unwrap_or(code).to_owned();
            ("country", vec![code.clone()], label, vec![code.clone()])
        }
        TypedPlace::Group(id) => {
            let members: Vec<String> = taxonomy::members_of(id).into_iter().map(str::to_owned).collect();
            any.extend(
                members
                    .iter()
                    .map(|code| Alternative::Value(Facet::Country, code.clone())),
            );
            (
                "country",
                members.clone(),
                taxonomy::region_label(id).to_owned(),
                members,
            )
        }
    };
    if is_remote {
        any.extend(
            values::reaching(&countries)
                .into_iter()
                .map(|reach| Alternative::Value(Facet::RemoteFrom, reach)),
        );
    }
    let label = if is_remote {
        format!("{label}, or remote from there")
    } else {
        label
    };
    (
        Recognised {
            kind,
            values,
            label,
            at,
        },
        any,
    )
}

fn circle((latitude, longitude): (f64, f64), km: f64) -> Alternative {
    Alternative::Within(Circle {
        latitude,
        longitude,
        km,
    })
}

#[cfg(test)]
#[path = "interpret_tests.rs"]
mod tests;
