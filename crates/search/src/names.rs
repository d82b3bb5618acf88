//! Employers named in typed text.
//!
//! Which employers there are changes, so this reading is made once, when a query is asked or kept, and becomes a filter.

use std::ops::Range;

use tantivy::Term;
use taxonomy::{Gazetteer, Taxonomy};

use crate::analyzer;
use crate::facet::Facet;
use crate::index::{Index, View};
use crate::interpret::{Recognised, is_common};
use crate::plan::facet_term;
use crate::query::Query;
use crate::searching::Asked;
use crate::text::{Piece, parse};

/// Longest name, in words.
const MAX_WORDS: usize = 4;

impl Index {
    /// The reading of `query` with the employers its text names as filters. The words of a name are blanked, so that
    /// offsets stay.
    pub(crate) fn settled(&self, view: &View, query: &Query) -> Asked {
        if query.is_literal || query.q.is_empty() || query.filters.contains_key(&Facet::Employer) {
            return Asked::of(query.clone());
        }
        let names = self.named_employers(view, &query.q);
        if names.is_empty() {
            return Asked::of(query.clone());
        }
        let mut settled = query.clone();
        let mut values: Vec<String> = Vec::new();
        for name in &names {
            settled
                .q
                .replace_range(name.at.clone(), &" ".repeat(name.at.len()));
            values.extend(name.values.iter().cloned());
        }
        values.sort();
        values.dedup();
        settled.filters.insert(Facet::Employer, values);
        let mut asked = Asked::of(settled);
        asked.found.extend(names);
        asked.found.sort_by_key(|found| found.at.start);
        asked
    }

    fn named_employers(&self, view: &View, text: &str) -> Vec<Recognised> {
        let Ok(pieces) = parse(text) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for run in pieces.iter().filter_map(|piece| match piece {
            Piece::Run(at) => Some(at.clone()),
            _ => None,
        }) {
            let words = words_of(text, run);
            let mut at = 0;
            while at < words.len() {
                let longest = MAX_WORDS.min(words.len() - at);
                let named = (1..=longest).rev().find_map(|len| {
                    let range = words[at].start..words[at + len - 1].end;
                    let named = self.employer_named(view, text, &range, words.len() == len)?;
                    Some((len, named))
                });
                at += named.as_ref().map_or(1, |(len, _)| *len);
                found.extend(named.map(|(_, named)| named));
            }
        }
        found
    }

    /// The employers that are called as this part of the text, unless it more probably means something else.
    fn employer_named(
        &self,
        view: &View,
        text: &str,
        at: &Range<usize>,
        is_everything: bool,
    ) -> Option<Recognised> {
        let dictionary = &view.columns.dictionary;
        let typed = &text[at.clone()];
        let words = analyzer::tokens_by(analyzer::whole_words(), typed);
        let ids = dictionary.employers_named(&words.join(" "))?;
        let names = dictionary.names(Facet::Employer);
        let count = |id: &u32| {
            view.searcher
                .doc_freq(&facet_term(&self.fields, Facet::Employer, &names[*id as usize]))
        };
        let own: u64 = ids.iter().filter_map(|id| count(id).ok()).sum();
        if own == 0 || is_word_of_the_field(typed) {
            return None;
        }
        if let [word] = words.as_slice()
            && !is_everything
        {
            // "ramp" in "ramp up" is no employer: a name that others use more than its owner posts is a word.
            let stem = analyzer::tokens(word).into_iter().next()?;
            let term = Term::from_field_text(self.fields.words, &stem);
            let used = view.searcher.doc_freq(&term).unwrap_or(u64::MAX);
            let is_much_used = used > 5 * own + 20 && used * 25 > view.searcher.num_docs();
            if word.chars().count() < 3 || is_common(word) || is_much_used {
                return None;
            }
        }
        let values: Vec<String> = ids.iter().map(|id| names[*id as usize].to_string()).collect();
        let label = ids.first().and_then(|id| dictionary.label(Facet::Employer, *id));
        Some(Recognised {
            kind: "employer",
            label: label.map_or_else(|| typed.to_owned(), |label| label.to_string()),
            values,
            at: at.clone(),
        })
    }
}

fn is_word_of_the_field(typed: &str) -> bool {
    let spans = Taxonomy::bundled().spans(typed);
    let covers = |at: &Range<usize>| at.start == 0 && at.end == typed.len();
    let words: Vec<&str> = typed.split_whitespace().collect();
    spans.iter().any(|span| covers(&(span.start..span.end)))
        || !Gazetteer::bundled().typed_places(&words).is_empty() && words.len() < 2
}

fn words_of(text: &str, at: Range<usize>) -> Vec<Range<usize>> {
    let part = &text[at.clone()];
    let mut words = Vec::new();
    let mut from = 0;
    for word in part.split_whitespace() {
        let start = from + part[from..].find(word).unwrap_or_default();
        from = start + word.len();
        words.push(at.start + start..at.start + from);
    }
    words
}
