//! What a posting that matches is worth.
//!
//! Matching and worth are kept apart. Which postings match is found by the cheapest walk through the index, without a score;
//! what one is worth is looked up only for those that pass all filters. A score is the sum of its parts, each of which is
//! satisfied in one of several ways: the best counts, the others add a little.

use std::ops::Deref;
use std::sync::Arc;

use tantivy::query::{
    BoostQuery, ConstScoreQuery, EnableScoring, PhraseQuery, Query as TantivyQuery, Scorer, TermQuery, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, Score, Searcher, SegmentReader, Term};

use crate::meaning::{Alternative, Meaning};
use crate::schema::{Fields, title_start, whole_title};
use crate::searching::part;
use crate::text::Leaf;

/// What a word or a concept is worth that is also in the title, or in the employer's name, besides what it is worth anywhere.
const NAMED: Score = 4.0;
/// Concepts that titles are there to name. "Remote" is as true where only the text says it.
const OF_TITLES: [&str; 5] = ["specialty", "skill", "discipline", "seniority", "employer"];
/// What a title is worth that begins as was typed, and what one is worth besides that is exactly that.
const TITLE_START: Score = 10.0;
const WHOLE_TITLE: Score = 30.0;
/// What a word that need not be there is worth, of what it is worth when asked for.
const PREFERRED: Score = 0.4;
/// What the weaker ways of satisfying one part add to the strongest.
const TIE_BREAKER: Score = 0.2;

/// A part of a score, by its name, with the ways to satisfy it.
struct Part<T> {
    of: String,
    ways: Vec<Way<T>>,
}

/// One way: worth the sum of `needed` where all of them are there, and then of what there is of `extra`.
struct Way<T> {
    needed: Vec<T>,
    extra: Vec<T>,
}

impl<T: Deref> Part<T> {
    fn map<U>(&self, mut each: impl FnMut(&T::Target) -> tantivy::Result<U>) -> tantivy::Result<Part<U>> {
        let mut all = |of: &[T]| {
            of.iter()
                .map(|one| each(one))
                .collect::<tantivy::Result<Vec<U>>>()
        };
        let ways = self.ways.iter().map(|way| {
            Ok(Way {
                needed: all(&way.needed)?,
                extra: all(&way.extra)?,
            })
        });
        Ok(Part {
            ways: ways.collect::<tantivy::Result<_>>()?,
            of: self.of.clone(),
        })
    }
}

/// What makes the score of one query, over one state of the index.
pub(crate) struct Worth(Vec<Part<Box<dyn Weight>>>);

impl Worth {
    /// What the words and concepts of `meaning` are worth; `text` is where they were typed.
    pub(crate) fn of(
        fields: &Fields,
        text: &str,
        meaning: &Meaning,
        searcher: &Searcher,
    ) -> tantivy::Result<Arc<Self>> {
        let weight = |query: &dyn TantivyQuery| query.weight(EnableScoring::enabled_from_searcher(searcher));
        let parts = parts(fields, text, meaning);
        let weights = parts.iter().map(|part| part.map(weight));
        Ok(Arc::new(Self(weights.collect::<tantivy::Result<_>>()?)))
    }

    pub(crate) fn in_segment(&self, reader: &SegmentReader) -> tantivy::Result<SegmentWorth> {
        let scorer = |weight: &dyn Weight| weight.scorer(reader, 1.0);
        let scorers = self.0.iter().map(|part| part.map(scorer));
        Ok(SegmentWorth(scorers.collect::<tantivy::Result<_>>()?))
    }
}

/// The same over one segment. Documents must be asked for in rising order.
pub(crate) struct SegmentWorth(Vec<Part<Box<dyn Scorer>>>);

impl SegmentWorth {
    pub(crate) fn score(&mut self, doc: DocId) -> Score {
        self.0.iter_mut().map(|part| part.score(doc)).sum()
    }

    /// Each part of the score by its name.
    pub(crate) fn parts(&mut self, doc: DocId) -> Vec<(String, Score)> {
        let parts = self.0.iter_mut().map(|part| (part.of.clone(), part.score(doc)));
        parts.filter(|(_, score)| *score > 0.0).collect()
    }
}

impl Part<Box<dyn Scorer>> {
    fn score(&mut self, doc: DocId) -> Score {
        if let [way] = self.ways.as_mut_slice() {
            return way.score(doc);
        }
        let (mut best, mut sum) = (0.0_f32, 0.0);
        for way in &mut self.ways {
            let score = way.score(doc);
            best = best.max(score);
            sum += score;
        }
        best + TIE_BREAKER * (sum - best)
    }
}

impl Way<Box<dyn Scorer>> {
    fn score(&mut self, doc: DocId) -> Score {
        let mut sum = 0.0;
        for scorer in &mut self.needed {
            match score_at(scorer.as_mut(), doc) {
                Some(score) => sum += score,
                None => return 0.0,
            }
        }
        let extra = self.extra.iter_mut();
        sum + extra
            .filter_map(|scorer| score_at(scorer.as_mut(), doc))
            .sum::<Score>()
    }
}

fn score_at(scorer: &mut dyn Scorer, doc: DocId) -> Option<Score> {
    let at = scorer.doc();
    let is_there = at == doc || at < doc && scorer.seek(doc) == doc;
    is_there.then(|| scorer.score())
}

type Query = Box<dyn TantivyQuery>;

fn parts(fields: &Fields, text: &str, meaning: &Meaning) -> Vec<Part<Query>> {
    let mut parts = Vec::new();
    for clause in &meaning.required {
        let ways = clause.any.iter().filter_map(|way| way_of(fields, way, 1.0));
        let part = Part {
            of: part(text, &clause.at),
            ways: ways.collect(),
        };
        parts.push(part);
    }
    parts.retain(|part| !part.ways.is_empty());
    if meaning.required.is_empty() {
        return parts;
    }
    for preferred in &meaning.preferred {
        let of = match preferred {
            Alternative::Words(leaf) => leaf.join(" "),
            Alternative::Concept(concept) => concept.clone(),
            _ => continue,
        };
        let ways = way_of(fields, preferred, PREFERRED).into_iter().collect();
        parts.push(Part { of, ways });
    }
    if !meaning.title.is_empty() {
        let title = |text: &str, worth| -> Query {
            let term = term(Term::from_field_text(fields.title_starts, text));
            Box::new(ConstScoreQuery::new(term, worth))
        };
        parts.push(Part {
            of: "the title begins so, or is that".to_owned(),
            ways: vec![Way {
                needed: vec![title(&title_start(&meaning.title), TITLE_START)],
                extra: vec![title(&whole_title(&meaning.title), WHOLE_TITLE)],
            }],
        });
    }
    parts
}

/// What an alternative is worth; nothing when columns decide it.
fn way_of(fields: &Fields, alternative: &Alternative, boost: Score) -> Option<Way<Query>> {
    let boosted = |query: Query, worth: Score| -> Query { Box::new(BoostQuery::new(query, worth * boost)) };
    match alternative {
        Alternative::Words(leaf) => {
            // A phrase that is there is worth what its words are: finding it once is enough.
            let words = leaf.iter().map(|word| boosted(counted(fields.words, word), 1.0));
            Some(Way {
                needed: words.collect(),
                extra: adjacent(fields.names, leaf)
                    .map(|query| boosted(query, NAMED))
                    .into_iter()
                    .collect(),
            })
        }
        Alternative::Concept(concept) => {
            let in_title = term(Term::from_field_text(fields.title_concepts, concept));
            let is_of_title = concept
                .split_once(':')
                .is_some_and(|(kind, _)| OF_TITLES.contains(&kind));
            Some(Way {
                needed: vec![boosted(counted(fields.concepts, concept), 1.0)],
                extra: is_of_title
                    .then(|| boosted(in_title, NAMED))
                    .into_iter()
                    .collect(),
            })
        }
        _ => None,
    }
}

/// Words next to each other in a field; `None` for no words.
pub(crate) fn adjacent(field: Field, leaf: &Leaf) -> Option<Query> {
    match leaf.as_slice() {
        [] => None,
        [word] => Some(counted(field, word)),
        words => {
            let terms = words.iter().map(|word| Term::from_field_text(field, word));
            Some(Box::new(PhraseQuery::new(terms.collect())))
        }
    }
}

fn counted(field: Field, word: &str) -> Query {
    Box::new(TermQuery::new(
        Term::from_field_text(field, word),
        IndexRecordOption::WithFreqs,
    ))
}

/// A term that is there or not.
pub(crate) fn term(term: Term) -> Query {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}
