//! Words that the index does not know, against those it does.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use levenshtein_automata::{DFA, Distance, LevenshteinAutomatonBuilder, SINK_STATE};
use tantivy::schema::Field;
use tantivy::{TantivyError, Term};
use tantivy_fst::Automaton;
use taxonomy::Taxonomy;

use crate::analyzer;
use crate::index::{Index, View};
use crate::interpret::{Recognised, is_common};
use crate::meaning::{Alternative, Clause, Weight};
use crate::searching::{Asked, SearchError, part};

/// Shorter words are too near to each other.
const MIN_LETTERS: usize = 4;
/// From so many letters on, two mistakes are forgiven.
const TWO_MISTAKES: usize = 8;
/// A word in at most so many postings may be a mistake that somebody else made too, when its neighbour is so many times
/// more frequent.
const RARE: u64 = 3;
const RARER: u64 = 100;
/// Words that complete a beginning, at most.
const COMPLETIONS: usize = 40;

/// Transposing two neighbours is one mistake.
static ONE: LazyLock<LevenshteinAutomatonBuilder> =
    LazyLock::new(|| LevenshteinAutomatonBuilder::new(1, true));
static TWO: LazyLock<LevenshteinAutomatonBuilder> =
    LazyLock::new(|| LevenshteinAutomatonBuilder::new(2, true));

/// The words of the vocabulary by their stems, the shortest of each.
fn vocabulary() -> Arc<HashMap<String, String>> {
    type Known = Option<(&'static Taxonomy, Arc<HashMap<String, String>>)>;
    static KNOWN: RwLock<Known> = RwLock::new(None);
    let taxonomy = Taxonomy::bundled();
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).clone();
    match known {
        Some((of, words)) if std::ptr::eq(of, taxonomy) => words,
        _ => {
            let words = Arc::new(words_of(taxonomy));
            *KNOWN.write().unwrap_or_else(PoisonError::into_inner) = Some((taxonomy, Arc::clone(&words)));
            words
        }
    }
}

fn words_of(taxonomy: &Taxonomy) -> HashMap<String, String> {
    let specialties = taxonomy.specialties().iter().map(|s| (&s.label, &s.synonyms));
    let skills = taxonomy.skills().iter().map(|s| (&s.label, &s.synonyms));
    let mut words: HashMap<String, String> = HashMap::new();
    for name in specialties
        .chain(skills)
        .flat_map(|(label, synonyms)| std::iter::once(label).chain(synonyms))
    {
        for word in analyzer::tokens_by(analyzer::whole_words(), name) {
            let Some(stem) = analyzer::tokens(&word).pop() else {
                continue;
            };
            let known = words.entry(stem).or_insert_with(|| word.clone());
            if word.len() < known.len() {
                *known = word;
            }
        }
    }
    words
}

struct Near(DFA);

impl Automaton for Near {
    type State = u32;
    fn start(&self) -> u32 {
        self.0.initial_state()
    }
    fn is_match(&self, state: &u32) -> bool {
        matches!(self.0.distance(*state), Distance::Exact(_))
    }
    fn can_match(&self, state: &u32) -> bool {
        *state != SINK_STATE
    }
    fn accept(&self, state: &u32, byte: u8) -> u32 {
        self.0.transition(*state, byte)
    }
}

impl Index {
    /// The text of `asked` with the words corrected that the index does not know; `None` when there are none, or when
    /// nothing is like them.
    pub(crate) fn respelt(
        &self,
        view: &View,
        asked: &Asked,
        is_typing: bool,
    ) -> Result<Option<String>, SearchError> {
        let text = &asked.query.q;
        let mut respelt = text.clone();
        let mut has_changed = false;
        // From the end, so that earlier offsets stay.
        for clause in asked.meaning.required.iter().rev() {
            let Some(stem) = lone_word(clause) else { continue };
            let typed = part(text, &clause.at).to_lowercase();
            let is_last = clause.at.end == text.trim_end().len();
            let is_word = typed.chars().all(char::is_alphabetic) && typed.is_ascii();
            if typed.len() < MIN_LETTERS || !is_word || is_common(&typed) || is_typing && is_last {
                continue;
            }
            if let Some(word) = self.correction(view, &typed, stem)? {
                respelt.replace_range(clause.at.clone(), &word);
                has_changed = true;
            }
        }
        // What was blanked, the name of an employer, is still in the typed text.
        Ok(has_changed.then(|| respelt.split_whitespace().collect::<Vec<_>>().join(" ")))
    }

    /// `asked` with the words that the index does not know also as the beginning or the end of longer ones, as languages
    /// with compounds write them: "entwickler" finds "Chipentwickler". `None` when there are none.
    pub(crate) fn with_compounds(&self, view: &View, asked: &Asked) -> Result<Option<Asked>, SearchError> {
        let mut meaning = asked.meaning.clone();
        let mut found = asked.found.clone();
        for clause in &mut meaning.required {
            let Some(stem) = lone_word(clause).map(str::to_owned) else {
                continue;
            };
            let is_part = stem.chars().count() > MIN_LETTERS && stem.chars().all(char::is_alphabetic);
            if !is_part || self.frequency(view, &stem)? > 0 {
                continue;
            }
            let longer = view.compounds.get_or_look(&stem, || {
                let mut longer = holding(view, self.fields.words, &stem)?;
                longer.sort();
                longer.dedup();
                longer.truncate(COMPLETIONS);
                Ok(longer)
            })?;
            if longer.is_empty() {
                continue;
            }
            clause
                .any
                .extend(longer.iter().map(|word| Alternative::Words(vec![word.clone()])));
            found.push(Recognised {
                kind: "compound",
                label: format!("a part of {}", longer.join(", ")),
                values: longer,
                at: clause.at.clone(),
            });
        }
        let has_changed = found.len() > asked.found.len();
        Ok(has_changed.then(|| Asked {
            query: asked.query.clone(),
            meaning,
            found,
        }))
    }

    fn frequency(&self, view: &View, stem: &str) -> Result<u64, TantivyError> {
        view.searcher
            .doc_freq(&Term::from_field_text(self.fields.words, stem))
    }

    fn correction(&self, view: &View, typed: &str, stem: &str) -> Result<Option<String>, SearchError> {
        let known = self.frequency(view, stem)?;
        if known > RARE {
            return Ok(None);
        }
        view.spellings
            .get_or_look(typed, || self.corrected(view, typed, stem, known))
    }

    fn corrected(
        &self,
        view: &View,
        typed: &str,
        stem: &str,
        known: u64,
    ) -> Result<Option<String>, SearchError> {
        // Also as it was typed: what looks like an ending may be the mistake, "desing" has the stem "des".
        let forms: &[&str] = if stem == typed { &[stem] } else { &[stem, typed] };
        let mut found: Vec<(u8, u64, String)> = Vec::new();
        for is_far in [false, true] {
            if !found.is_empty() || is_far && typed.len() < TWO_MISTAKES {
                break;
            }
            for form in forms {
                found.extend(near(view, self.fields.words, form, is_far)?);
            }
            found.retain(|(distance, ..)| *distance > 0);
        }
        let is_long = typed.len() >= TWO_MISTAKES;
        // People get the beginning of a word right: "asburn" is Ashburn before it is Auburn.
        let begins_alike = |word: &str| typed.bytes().zip(word.bytes()).take(2).all(|(a, b)| a == b);
        let best = found.into_iter().min_by_key(|(distance, count, word)| {
            (*distance, !begins_alike(word), std::cmp::Reverse(*count))
        });
        let Some((distance, count, found)) = best else {
            return Ok(None);
        };
        let is_mistake = known == 0 || distance == 1 && known * RARER <= count;
        if !is_mistake {
            return Ok(None);
        }
        Ok(Some(self.whole_word(view, typed, &found, is_long)?))
    }

    /// A word of titles that is stemmed to `stem` and most like what was typed; the stem itself when there is none.
    fn whole_word(&self, view: &View, typed: &str, stem: &str, is_long: bool) -> Result<String, SearchError> {
        let mut words = near(view, self.fields.title_words, typed, is_long)?;
        words.retain(|(_, _, word)| analyzer::tokens(word).first().is_some_and(|own| own == stem));
        words.sort_by_key(|(distance, count, _)| (*distance, std::cmp::Reverse(*count)));
        let of_titles = words.into_iter().next().map(|(.., word)| word);
        Ok(of_titles.unwrap_or_else(|| vocabulary().get(stem).map_or(stem, String::as_str).to_owned()))
    }

    /// Makes the last word of `asked` a beginning: whatever the index knows that begins so is enough.
    pub(crate) fn complete_last_word(&self, view: &View, asked: &mut Asked) -> Result<(), SearchError> {
        let text = asked.query.q.trim_end();
        let is_last = |clause: &&mut Clause| clause.at.end == text.len();
        let Some(clause) = asked.meaning.required.iter_mut().find(is_last) else {
            return Ok(());
        };
        let typed = part(text, &clause.at);
        let Some(start) = analyzer::tokens_by(analyzer::whole_words(), &typed).pop() else {
            return Ok(());
        };
        if clause.is_columnar() || lone_word(clause).is_none() && clause.weight != Weight::Subject {
            return Ok(());
        }
        let mut stems: Vec<(u64, String)> = Vec::new();
        for (field, is_stem) in [
            (self.fields.title_words, false),
            (self.fields.names, true),
            (self.fields.words, true),
        ] {
            for (count, word) in beginning(view, field, &start)? {
                let stem = if is_stem {
                    Some(word)
                } else {
                    analyzer::tokens(&word).pop()
                };
                stems.extend(stem.map(|stem| (count, stem)));
            }
        }
        stems.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, stem) in stems.into_iter().take(COMPLETIONS) {
            let word = Alternative::Words(vec![stem]);
            if !clause.any.contains(&word) {
                clause.any.push(word);
            }
        }
        Ok(())
    }
}

/// The stem of a clause that is one unrecognised word.
fn lone_word(clause: &Clause) -> Option<&str> {
    match (clause.weight, clause.any.as_slice()) {
        (Weight::Word, [Alternative::Words(leaf)]) if leaf.len() == 1 => Some(&leaf[0]),
        _ => None,
    }
}

/// The words of a field near to `word`: how far, in how many postings, which.
fn near(view: &View, field: Field, word: &str, is_long: bool) -> Result<Vec<(u8, u64, String)>, SearchError> {
    let builder = if is_long { &*TWO } else { &*ONE };
    let mut found: Vec<(u8, u64, String)> = Vec::new();
    for reader in view.searcher.segment_readers() {
        let inverted = reader.inverted_index(field)?;
        let automaton = Near(builder.build_dfa(word));
        let mut stream = inverted
            .terms()
            .search(&automaton)
            .into_stream()
            .map_err(TantivyError::from)?;
        while stream.advance() {
            let Ok(text) = std::str::from_utf8(stream.key()) else {
                continue;
            };
            if text.chars().any(|c| !c.is_alphabetic()) {
                continue;
            }
            let (Distance::Exact(distance) | Distance::AtLeast(distance)) = automaton.0.eval(text);
            let count = u64::from(stream.value().doc_freq);
            match found.iter_mut().find(|(_, _, known)| known == text) {
                Some((_, sum, _)) => *sum += count,
                None => found.push((distance, count, text.to_owned())),
            }
        }
    }
    Ok(found)
}

/// The longer words of a field that begin or end with `part`.
fn holding(view: &View, field: Field, part: &str) -> Result<Vec<String>, SearchError> {
    let mut found = Vec::new();
    for reader in view.searcher.segment_readers() {
        let inverted = reader.inverted_index(field)?;
        let mut stream = inverted.terms().stream().map_err(TantivyError::from)?;
        while stream.advance() {
            let word = stream.key();
            if word.len() > part.len()
                && (word.ends_with(part.as_bytes()) || word.starts_with(part.as_bytes()))
            {
                found.push(String::from_utf8_lossy(word).into_owned());
            }
        }
    }
    Ok(found)
}

/// The words of a field that begin with `start`, with their numbers of postings.
fn beginning(view: &View, field: Field, start: &str) -> Result<Vec<(u64, String)>, SearchError> {
    let mut found: Vec<(u64, String)> = Vec::new();
    for reader in view.searcher.segment_readers() {
        let inverted = reader.inverted_index(field)?;
        let mut stream = inverted
            .terms()
            .range()
            .ge(start.as_bytes())
            .into_stream()
            .map_err(TantivyError::from)?;
        while stream.advance() && stream.key().starts_with(start.as_bytes()) {
            let text = String::from_utf8_lossy(stream.key()).into_owned();
            found.push((u64::from(stream.value().doc_freq), text));
        }
    }
    Ok(found)
}
