//! Every word and phrase of the vocabulary in one automaton.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde::Deserialize;

use crate::evidence::slot;
use crate::normalise::spaced_into;
use crate::spans::QUERY_WORDS;
use crate::taxonomy::{DisciplineWords, Skill, Specialty, TaxonomyError};
use crate::work_terms::{EMPLOYMENT_SENTENCES, workplace_phrases};
use crate::{Discipline, EmploymentType, Environment, SpanKind, Workplace};

/// Word lists for deciding whether a title belongs to the field at all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recognition {
    /// Titles of other trades: with one of these in its title a posting belongs to no discipline.
    pub(crate) outside: Vec<String>,
    /// Subjects of other departments: with one of these in the title only a builder of something of the field belongs to it.
    pub(crate) elsewhere: Vec<String>,
    /// Titles and subjects close to the field: the rest of the title must name a specialty.
    pub(crate) adjacent: Vec<String>,
    /// Titles that say only that someone builds something: the text may decide.
    pub(crate) open: Vec<String>,
    /// Phrases that hold one of our words but mean something else.
    pub(crate) lookalikes: Vec<String>,
}

/// What a phrase stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Names a specialty.
    Specialty(u16),
    /// Names a specialty in a query, and speaks for it elsewhere.
    WeakSpecialty(u16),
    /// Speaks for a specialty.
    SpecialtyCue(u16),
    /// Names a discipline.
    Discipline(Discipline),
    /// Holds the name of a discipline within a longer phrase.
    Holds(Discipline),
    /// Speaks for a discipline.
    DisciplineCue(Discipline),
    Skill(u16),
    Environment(Environment),
    /// Says the kind of contract, in a sentence of the text.
    Employment(EmploymentType),
    /// Says the workplace, in a sentence of the text.
    Workplace(Workplace, u8),
    Outside,
    Elsewhere,
    Adjacent,
    Open,
    Lookalike,
    /// A word of typed queries only; the identifier is in [`QUERY_WORDS`].
    Query(u16),
}

/// One phrase; its number is its pattern in the automaton.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phrase {
    /// As written in the file, words separated by one space, a space before the first.
    pub(crate) text: Vec<u8>,
    /// What it means when written in any case.
    pub(crate) meanings: Vec<Meaning>,
    /// What it means when written exactly so.
    pub(crate) exact: Vec<(Vec<u8>, Meaning)>,
    /// The disciplines that this phrase speaks for other than as a skill, one bit each.
    pub(crate) speaks_for: u8,
    /// The disciplines that this phrase names as a whole, one bit each.
    pub(crate) names: u8,
    /// Whether a skill that it names exactly counts only beside other signs of the discipline.
    pub(crate) in_context: bool,
    /// The longest other phrase that begins this one, for when this one ends within a word.
    shorter: Option<usize>,
}

/// A phrase found in a prepared text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) phrase: usize,
    /// Offset of the first letter in the prepared text.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Default)]
pub(crate) struct Terms {
    pub(crate) phrases: Vec<Phrase>,
    /// For each specialty its discipline.
    pub(crate) specialty_disciplines: Vec<Discipline>,
    /// For each specialty whether its name is a role that stays what it is whatever follows.
    pub(crate) specialty_leads: Vec<bool>,
    /// For each specialty whether such work is done in every trade.
    pub(crate) specialty_is_general: Vec<bool>,
    /// For each skill the specialties it speaks for.
    pub(crate) skill_specialties: Vec<Vec<u16>>,
    automaton: Option<AhoCorasick>,
}

const ENVIRONMENT_WORDS: &[(&str, Environment)] = &[
    ("cloud native", Environment::Cloud),
    ("public cloud", Environment::Cloud),
    ("aws", Environment::Cloud),
    ("gcp", Environment::Cloud),
    ("azure", Environment::Cloud),
    ("google cloud", Environment::Cloud),
    ("multi cloud", Environment::Cloud),
    ("on premises", Environment::OnPremises),
    ("on premise", Environment::OnPremises),
    ("on prem", Environment::OnPremises),
    ("bare metal", Environment::OnPremises),
    ("colocation", Environment::Colocation),
    ("co location facility", Environment::Colocation),
    ("colo", Environment::Colocation),
    ("air gapped", Environment::AirGapped),
    ("airgapped", Environment::AirGapped),
    ("scif", Environment::AirGapped),
    ("classified network", Environment::AirGapped),
    ("edge computing", Environment::Edge),
    ("edge compute", Environment::Edge),
    ("edge device", Environment::Edge),
    ("edge location", Environment::Edge),
    ("edge data center", Environment::Edge),
];

impl Terms {
    pub(crate) fn build(
        disciplines: &[DisciplineWords],
        specialties: &[Specialty],
        skills: &[Skill],
        recognition: &Recognition,
    ) -> Result<Self, TaxonomyError> {
        let mut book = Book::default();
        for words in disciplines {
            let dangling = |_| TaxonomyError::Dangling {
                owner: "discipline".to_owned(),
                missing: words.id.clone(),
            };
            let discipline: Discipline = words.id.parse().map_err(dangling)?;
            book.add_all(&words.synonyms, Meaning::Discipline(discipline));
            book.add_all(&words.cues, Meaning::DisciplineCue(discipline));
            for text in &words.exact {
                book.add_exact(text, Meaning::Discipline(discipline));
            }
        }
        for (index, specialty) in specialties.iter().enumerate() {
            book.add_all(&specialty.synonyms, Meaning::Specialty(index as u16));
            book.add_all(&specialty.weak, Meaning::WeakSpecialty(index as u16));
            book.add_all(&specialty.cues, Meaning::SpecialtyCue(index as u16));
            for text in &specialty.exact {
                book.add_exact(text, Meaning::Specialty(index as u16));
            }
        }
        for (index, skill) in skills.iter().enumerate() {
            let meaning = Meaning::Skill(index as u16);
            if skill.label_in_text {
                book.add(&skill.label, meaning);
            }
            book.add_all(&skill.synonyms, meaning);
            for text in &skill.exact {
                book.add_exact(text, meaning);
            }
            for text in &skill.in_context {
                book.add_exact(text, meaning);
                if let Some(phrase) = book.phrase(text) {
                    book.phrases[phrase].in_context = true;
                }
            }
        }
        book.add_all(&recognition.outside, Meaning::Outside);
        book.add_all(&recognition.elsewhere, Meaning::Elsewhere);
        book.add_all(&recognition.adjacent, Meaning::Adjacent);
        book.add_all(&recognition.open, Meaning::Open);
        book.add_all(&recognition.lookalikes, Meaning::Lookalike);
        for (text, environment) in ENVIRONMENT_WORDS {
            book.add(text, Meaning::Environment(*environment));
        }
        for (text, found) in EMPLOYMENT_SENTENCES {
            book.add(text, Meaning::Employment(*found));
        }
        for (text, found, weight) in workplace_phrases() {
            book.add(&text, Meaning::Workplace(found, weight));
        }
        for (index, (text, _, _)) in QUERY_WORDS.iter().enumerate() {
            book.add(text, Meaning::Query(index as u16));
        }
        let position = |id: &String| specialties.iter().position(|s| s.id == *id).map(|at| at as u16);
        let skill_specialties = skills
            .iter()
            .map(|skill| skill.specialties.iter().filter_map(position).collect());
        let disciplines: Vec<Discipline> = specialties.iter().map(|specialty| specialty.discipline).collect();
        for phrase in &mut book.phrases {
            let meanings = phrase
                .meanings
                .iter()
                .chain(phrase.exact.iter().map(|(_, meaning)| meaning));
            phrase.speaks_for =
                meanings.fold(0, |bits, meaning| bits | discipline_bit(*meaning, &disciplines));
            phrase.names = phrase.meanings.iter().fold(0, |bits, meaning| match meaning {
                Meaning::Discipline(discipline) => bits | 1 << slot(*discipline),
                _ => bits,
            });
            // A word that names a specialty and is a cue for its discipline says one thing, not two.
            let names = phrase.meanings.iter().fold(0, |bits, meaning| match meaning {
                Meaning::Specialty(_) => bits | discipline_bit(*meaning, &disciplines),
                _ => bits,
            });
            phrase.meanings.retain(|meaning| match meaning {
                Meaning::DisciplineCue(discipline) => names & (1 << slot(*discipline)) == 0,
                _ => true,
            });
        }
        Ok(Self {
            automaton: Some(automaton(&book.phrases, MatchKind::LeftmostLongest)?),
            specialty_disciplines: disciplines,
            specialty_leads: specialties.iter().map(|specialty| specialty.leads).collect(),
            specialty_is_general: specialties.iter().map(|specialty| specialty.general).collect(),
            skill_specialties: skill_specialties.collect(),
            phrases: with_contained_meanings(book.phrases)?,
        })
    }

    /// The phrases of a prepared text, left to right, the longest at each place, none overlapping. A plural `s` behind a
    /// phrase is part of it.
    pub(crate) fn hits<'a>(&'a self, prepared: &'a [u8]) -> impl Iterator<Item = Hit> + 'a {
        let found = self
            .automaton
            .iter()
            .flat_map(move |automaton| automaton.find_iter(prepared));
        found.filter_map(move |found| {
            let mut phrase = found.pattern().as_usize();
            loop {
                if let Some(end) = word_end(prepared, found.start() + self.phrases[phrase].text.len()) {
                    return Some(Hit {
                        phrase,
                        start: found.start() + 1,
                        end,
                    });
                }
                phrase = self.phrases[phrase].shorter?;
            }
        })
    }

    /// The meanings of a hit, the exact ones only where the text is written exactly so.
    pub(crate) fn meanings_of<'a>(
        &'a self,
        hit: Hit,
        prepared: &'a [u8],
    ) -> impl Iterator<Item = (Meaning, bool)> + 'a {
        let phrase = &self.phrases[hit.phrase];
        let written = &prepared[hit.start - 1..hit.start - 1 + phrase.text.len()];
        let exact = phrase
            .exact
            .iter()
            .filter(move |(text, _)| text == written)
            .map(|(_, meaning)| (*meaning, true));
        phrase
            .meanings
            .iter()
            .map(|meaning| (*meaning, false))
            .chain(exact)
    }
}

fn discipline_bit(meaning: Meaning, disciplines: &[Discipline]) -> u8 {
    match meaning {
        Meaning::Specialty(index) | Meaning::WeakSpecialty(index) | Meaning::SpecialtyCue(index) => {
            disciplines
                .get(usize::from(index))
                .map_or(0, |discipline| 1 << slot(*discipline))
        }
        Meaning::Discipline(discipline) | Meaning::DisciplineCue(discipline) => 1 << slot(discipline),
        _ => 0,
    }
}

/// The end of the word that a phrase ending at `end` fills, a plural `s` included; `None` in the middle of a word.
fn word_end(prepared: &[u8], end: usize) -> Option<usize> {
    match prepared.get(end) {
        None | Some(b' ' | b'\n') => Some(end),
        Some(b's' | b'S') if matches!(prepared.get(end + 1), None | Some(b' ' | b'\n')) => Some(end + 1),
        Some(_) => None,
    }
}

fn automaton(phrases: &[Phrase], kind: MatchKind) -> Result<AhoCorasick, TaxonomyError> {
    AhoCorasick::builder()
        .match_kind(kind)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .ascii_case_insensitive(true)
        .build(phrases.iter().map(|phrase| &phrase.text))
        .map_err(|_| TaxonomyError::TooLarge)
}

/// Gives each phrase the skills and environments that its own words name: "kubernetes engineer" is about Kubernetes too,
/// although the longer phrase is the one that is found.
fn with_contained_meanings(phrases: Vec<Phrase>) -> Result<Vec<Phrase>, TaxonomyError> {
    let inner = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .ascii_case_insensitive(true)
        .build(phrases.iter().map(|phrase| &phrase.text))
        .map_err(|_| TaxonomyError::TooLarge)?;
    let mut extended = phrases.clone();
    for (index, phrase) in phrases.iter().enumerate() {
        let lookalike = phrase.meanings.contains(&Meaning::Lookalike);
        for found in inner.find_overlapping_iter(&phrase.text) {
            let other = found.pattern().as_usize();
            if found.start() == 0 && other != index {
                let longest = extended[index]
                    .shorter
                    .is_none_or(|have| phrases[have].text.len() < found.end());
                if longest {
                    extended[index].shorter = Some(other);
                }
            }
            if other == index || lookalike || word_end(&phrase.text, found.end()).is_none() {
                continue;
            }
            for meaning in &phrases[other].meanings {
                let inherited = match meaning {
                    Meaning::Skill(_) | Meaning::Environment(_) => *meaning,
                    Meaning::Discipline(discipline) => Meaning::Holds(*discipline),
                    _ => continue,
                };
                if !extended[index].meanings.contains(&inherited) {
                    extended[index].meanings.push(inherited);
                }
            }
        }
    }
    Ok(extended)
}

/// Words that are written in several ways: whatever holds one of them is meant in all.
const SPELLINGS: &[&[&str]] = &[
    &["data center", "datacenter", "data centre", "datacentre"],
    &["kubernetes", "k8s"],
    &["machine learning", "ML"],
    &["high performance computing", "HPC"],
    &["on-prem", "on-premises", "on-premise"],
    &["modeling", "modelling"],
    &["optimization", "optimisation"],
    &["virtualization", "virtualisation"],
];

/// `text` and how else it may be written.
pub(crate) fn spellings(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    let lower = text.to_lowercase();
    for group in SPELLINGS {
        let written = group
            .iter()
            .find_map(|word| Some((word.len(), whole_word(&lower, &word.to_lowercase())?)));
        let Some((length, at)) = written.filter(|_| lower.len() == text.len()) else {
            continue;
        };
        for other in *group {
            let spelled = format!("{}{other}{}", &text[..at], &text[at + length..]);
            if !spelled.eq_ignore_ascii_case(text) {
                all.push(spelled);
            }
        }
    }
    all
}

/// Where `word` stands in `lower`, not within a longer word; a plural `s` may follow.
fn whole_word(lower: &str, word: &str) -> Option<usize> {
    lower.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = lower[..*at].chars().next_back();
        let behind = lower[*at + word.len()..].trim_start_matches('s').chars().next();
        !before.is_some_and(char::is_alphanumeric) && !behind.is_some_and(char::is_alphanumeric)
    })
}

/// The phrases under construction, each text once.
#[derive(Default)]
struct Book {
    phrases: Vec<Phrase>,
    by_text: HashMap<Vec<u8>, usize>,
}

impl Book {
    fn add_all(&mut self, texts: &[String], meaning: Meaning) {
        for text in texts {
            self.add(text, meaning);
        }
    }

    fn add(&mut self, text: &str, meaning: Meaning) {
        for spelling in spellings(text) {
            self.add_spelling(&spelling, meaning);
        }
    }

    fn add_spelling(&mut self, text: &str, meaning: Meaning) {
        if let Some(index) = self.phrase(text)
            && !self.phrases[index].meanings.contains(&meaning)
        {
            self.phrases[index].meanings.push(meaning);
        }
    }

    fn add_exact(&mut self, text: &str, meaning: Meaning) {
        let mut written = Vec::new();
        spaced_into(text, &mut written);
        if let Some(index) = self.phrase(text) {
            self.phrases[index].exact.push((written, meaning));
        }
    }

    fn phrase(&mut self, text: &str) -> Option<usize> {
        let mut spaced = Vec::new();
        spaced_into(text, &mut spaced);
        if spaced.is_empty() {
            return None;
        }
        let folded = spaced.to_ascii_lowercase();
        let next = self.phrases.len();
        let index = *self.by_text.entry(folded).or_insert(next);
        if index == next {
            self.phrases.push(Phrase {
                text: spaced,
                ..Phrase::default()
            });
        }
        Some(index)
    }
}

/// The kind and identifier of a query word.
pub(crate) fn query_word(index: u16) -> Option<(SpanKind, &'static str)> {
    QUERY_WORDS
        .get(usize::from(index))
        .map(|(_, kind, id)| (*kind, *id))
}
