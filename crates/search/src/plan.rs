//! From what a query means to what Tantivy is asked, and to what the columns are asked besides.

use store::Timestamp;
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, PhraseQuery,
    Query as TantivyQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;

use crate::collect::Filter;
use crate::columns::Dictionary;
use crate::facet::{Counted, Facet};
use crate::index::Index;
use crate::meaning::{Alternative, Circle, Clause, Meaning};
use crate::query::Query;
use crate::schema::{BOOSTS, CONCEPT_BOOSTS, Fields, title_start, whole_title};
use crate::searching::part;
use crate::text::Leaf;

/// What a title is worth that is exactly what was typed, that begins so, and a word that need not be there.
const WHOLE_TITLE: f32 = 30.0;
const TITLE_START: f32 = 10.0;
const PREFERRED: f32 = 0.4;
/// What the weaker ways of satisfying one clause add to the strongest.
const TIE_BREAKER: f32 = 0.2;

/// A query made ready for the index.
pub(crate) struct Plan {
    pub(crate) query: Box<dyn TantivyQuery>,
    pub(crate) filters: Vec<Filter>,
}

type Clauses = Vec<(Occur, Box<dyn TantivyQuery>)>;

impl Index {
    /// The plan for `query`, whose text means `meaning`. The filters of the fields in `counted` are left to the columns,
    /// since the counts of a field do not heed its own filter.
    pub(crate) fn plan(
        &self,
        query: &Query,
        meaning: &Meaning,
        dictionary: &Dictionary,
        counted: &[Counted],
        now: Timestamp,
    ) -> Plan {
        let fields = &self.fields;
        let mut clauses: Clauses = Vec::new();
        let mut filters = Vec::new();
        for clause in &meaning.required {
            if clause.is_columnar() {
                require_columnar(fields, clause, &mut clauses, &mut filters, dictionary);
            } else {
                clauses.push((Occur::Must, any_of(fields, clause)));
            }
        }
        push_filters(
            fields,
            query,
            counted,
            dictionary,
            now,
            &mut clauses,
            &mut filters,
        );
        if clauses.is_empty() {
            clauses.push((
                Occur::Must,
                Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0)),
            ));
        }
        for clause in &meaning.excluded {
            if clause.is_columnar() {
                let any = clause.any.iter().filter_map(|a| filter_of(a, dictionary));
                filters.push(Filter::Not(Box::new(Filter::Any(any.collect()))));
            } else {
                clauses.push((Occur::MustNot, excluded(fields, clause)));
            }
        }
        if !meaning.required.is_empty() {
            push_preferences(fields, meaning, &mut clauses);
        }
        let query = match clauses.len() {
            1 => clauses.remove(0).1,
            _ => Box::new(BooleanQuery::new(clauses)),
        };
        Plan { query, filters }
    }

    /// What a score is made of: each clause of words and each preference, by its words.
    pub(crate) fn score_parts(&self, text: &str, meaning: &Meaning) -> Vec<(String, Box<dyn TantivyQuery>)> {
        let worded = meaning.required.iter().filter(|clause| !clause.is_columnar());
        let mut parts: Vec<_> = worded
            .map(|clause| (part(text, &clause.at), any_of(&self.fields, clause)))
            .collect();
        let mut preferences = Clauses::new();
        if !meaning.required.is_empty() {
            push_preferences(&self.fields, meaning, &mut preferences);
        }
        let names = meaning.preferred.iter().map(|way| match way {
            Alternative::Words(leaf) => leaf.join(" "),
            Alternative::Concept(concept) => concept.clone(),
            other => format!("{other:?}"),
        });
        let names = names.chain([
            "the whole title".to_owned(),
            "the beginning of the title".to_owned(),
        ]);
        parts.extend(names.zip(preferences).map(|(name, (_, query))| (name, query)));
        parts
    }
}

/// Columns decide, but where every alternative has terms they name the candidates.
fn require_columnar(
    fields: &Fields,
    clause: &Clause,
    clauses: &mut Clauses,
    filters: &mut Vec<Filter>,
    dictionary: &Dictionary,
) {
    let terms: Option<Vec<Vec<String>>> = clause.any.iter().map(terms_of).collect();
    if let Some(terms) = terms {
        clauses.push((Occur::Must, one_of(fields, terms.into_iter().flatten())));
    }
    let is_exact = clause.any.iter().all(|a| matches!(a, Alternative::Value(..)));
    if !is_exact {
        let any = clause.any.iter().filter_map(|a| filter_of(a, dictionary));
        filters.push(Filter::Any(any.collect()));
    }
}

/// The terms that hold everything an alternative finds.
fn terms_of(alternative: &Alternative) -> Option<Vec<String>> {
    match alternative {
        Alternative::Value(facet, value) => Some(vec![facet.term(value)]),
        Alternative::Within(circle) => circle.cells(),
        _ => None,
    }
}

/// A columnar alternative against the dictionary; a value that no posting has accepts nothing.
fn filter_of(alternative: &Alternative, dictionary: &Dictionary) -> Option<Filter> {
    match alternative {
        Alternative::Value(facet, value) => Some(Filter::Values(
            *facet,
            dictionary.id(*facet, value).into_iter().collect(),
        )),
        Alternative::Within(circle) => Some(Filter::Within(*circle)),
        Alternative::PayAtLeast(usd) => Some(Filter::PayAtLeast {
            usd: *usd,
            or_unstated: false,
        }),
        Alternative::Words(_) | Alternative::Concept(_) => None,
    }
}

fn push_filters(
    fields: &Fields,
    query: &Query,
    counted: &[Counted],
    dictionary: &Dictionary,
    now: Timestamp,
    clauses: &mut Clauses,
    filters: &mut Vec<Filter>,
) {
    for facet in query.filters.keys().copied() {
        let accepted = query.accepted(facet).unwrap_or_default();
        if counted.contains(&Counted::Facet(facet)) {
            let ids = accepted.iter().filter_map(|value| dictionary.id(facet, value));
            filters.push(Filter::Values(facet, ids.collect()));
        } else {
            clauses.push((
                Occur::Must,
                one_of(fields, accepted.iter().map(|value| facet.term(value))),
            ));
        }
    }
    if let Some(near) = &query.near {
        let circle: Circle = near.circle();
        if let Some(cells) = circle.cells() {
            clauses.push((Occur::Must, one_of(fields, cells.into_iter())));
        }
        filters.push(Filter::Within(circle));
    }
    if let Some(usd) = query.pay_min_usd() {
        filters.push(Filter::PayAtLeast {
            usd: usd.max(1),
            or_unstated: query.pay_unstated,
        });
    }
    if let Some(since) = query.posted_since(now) {
        filters.push(Filter::PublishedSince(since.micros()));
    }
    if let Some(role) = &query.role {
        clauses.push((
            Occur::Must,
            one_of(fields, std::iter::once(format!("role:{role}"))),
        ));
    }
}

fn push_preferences(fields: &Fields, meaning: &Meaning, clauses: &mut Clauses) {
    for query in meaning
        .preferred
        .iter()
        .filter_map(|way| alternative_query(fields, way))
    {
        clauses.push((Occur::Should, Box::new(BoostQuery::new(query, PREFERRED))));
    }
    if meaning.title.is_empty() {
        return;
    }
    for (text, worth) in [
        (whole_title(&meaning.title), WHOLE_TITLE),
        (title_start(&meaning.title), TITLE_START),
    ] {
        let term = term(Term::from_field_text(fields.title_starts, &text));
        clauses.push((Occur::Should, Box::new(ConstScoreQuery::new(term, worth))));
    }
}

/// Any of `values` among the terms, without a score.
fn one_of(fields: &Fields, values: impl Iterator<Item = String>) -> Box<dyn TantivyQuery> {
    let mut terms: Vec<Term> = values
        .map(|value| Term::from_field_text(fields.terms, &value))
        .collect();
    let query = match terms.len() {
        1 => term(terms.remove(0)),
        _ => Box::new(TermSetQuery::new(terms)),
    };
    Box::new(ConstScoreQuery::new(query, 0.0))
}

fn term(term: Term) -> Box<dyn TantivyQuery> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// Any alternative of a clause; the best one makes the score.
fn any_of(fields: &Fields, clause: &Clause) -> Box<dyn TantivyQuery> {
    let mut any: Vec<Box<dyn TantivyQuery>> = clause
        .any
        .iter()
        .filter_map(|alternative| alternative_query(fields, alternative))
        .collect();
    match any.len() {
        1 => any.remove(0),
        _ => Box::new(DisjunctionMaxQuery::with_tie_breaker(any, TIE_BREAKER)),
    }
}

fn alternative_query(fields: &Fields, alternative: &Alternative) -> Option<Box<dyn TantivyQuery>> {
    match alternative {
        Alternative::Words(leaf) => Some(words(fields, leaf)),
        Alternative::Concept(concept) => Some(said(fields, concept)),
        Alternative::Value(facet, value) => Some(one_of(fields, std::iter::once(facet.term(value)))),
        // Never mixed with words: the reader of queries keeps places and pay to clauses of their own.
        Alternative::Within(_) | Alternative::PayAtLeast(_) => None,
    }
}

/// A concept, however it is said.
fn said(fields: &Fields, concept: &str) -> Box<dyn TantivyQuery> {
    let sayings = fields.concepts.iter().zip(CONCEPT_BOOSTS);
    let any: Clauses = sayings
        .map(|(field, boost)| {
            let term = term(Term::from_field_text(*field, concept));
            (
                Occur::Should,
                Box::new(BoostQuery::new(term, boost)) as Box<dyn TantivyQuery>,
            )
        })
        .collect();
    Box::new(BooleanQuery::new(any))
}

/// Words next to each other in any of the texts.
fn words(fields: &Fields, leaf: &Leaf) -> Box<dyn TantivyQuery> {
    let mut any: Clauses = Vec::new();
    push_words(fields, leaf, &mut any);
    Box::new(BooleanQuery::new(any))
}

fn push_words(fields: &Fields, leaf: &Leaf, any: &mut Clauses) {
    for (field, boost) in fields.texts.iter().zip(BOOSTS) {
        let mut terms: Vec<Term> = leaf
            .iter()
            .map(|word| Term::from_field_text(*field, word))
            .collect();
        let query: Box<dyn TantivyQuery> = match terms.len() {
            0 => continue,
            1 => Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::WithFreqs)),
            _ => Box::new(PhraseQuery::new(terms)),
        };
        any.push((Occur::Should, Box::new(BoostQuery::new(query, boost))));
    }
}

fn excluded(fields: &Fields, clause: &Clause) -> Box<dyn TantivyQuery> {
    let mut any: Clauses = Vec::new();
    for alternative in &clause.any {
        match alternative {
            Alternative::Words(leaf) => {
                push_words(fields, leaf, &mut any);
                if leaf.len() > 1 {
                    // Tantivy 0.27 asks an excluded phrase for documents before its first one, which a phrase that stands
                    // alone answers with a failed assertion in debug builds. A union of two never stands alone.
                    push_words(fields, leaf, &mut any);
                }
            }
            other => any.extend(alternative_query(fields, other).map(|query| (Occur::Should, query))),
        }
    }
    Box::new(BooleanQuery::new(any))
}

/// The values of a facet that a filter needs: for the sizes of what it finds.
pub(crate) fn facet_term(fields: &Fields, facet: Facet, value: &str) -> Term {
    Term::from_field_text(fields.terms, &facet.term(value))
}
