//! From what a query means to what Tantivy is asked, and to what the columns are asked besides. What a posting is worth that
//! is found so is another question: [`crate::worth`].

use store::Timestamp;
use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, Occur, Query as TantivyQuery, TermSetQuery};

use crate::attributes;
use crate::collect::Filter;
use crate::columns::Dictionary;
use crate::facet::{Counted, Facet};
use crate::index::Index;
use crate::meaning::{Alternative, Circle, Clause, Meaning};
use crate::query::Query;
use crate::schema::Fields;
use crate::worth::{adjacent, term};

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
            clauses.push((Occur::Must, Box::new(AllQuery)));
        }
        for clause in &meaning.excluded {
            if clause.is_columnar() {
                let any = clause.any.iter().filter_map(|a| filter_of(a, dictionary));
                filters.push(Filter::Not(Box::new(Filter::Any(any.collect()))));
            } else {
                clauses.push((Occur::MustNot, excluded(fields, clause)));
            }
        }
        let query = match clauses.len() {
            1 => clauses.remove(0).1,
            _ => Box::new(BooleanQuery::new(clauses)),
        };
        Plan { query, filters }
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
    for (name, values) in &query.attributes {
        clauses.push((Occur::Must, one_of(fields, attributes::terms(name, values))));
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

/// Any of `values` among the terms.
fn one_of(fields: &Fields, values: impl Iterator<Item = String>) -> Box<dyn TantivyQuery> {
    let mut terms: Vec<Term> = values
        .map(|value| Term::from_field_text(fields.terms, &value))
        .collect();
    match terms.len() {
        1 => term(terms.remove(0)),
        _ => Box::new(TermSetQuery::new(terms)),
    }
}

/// Any alternative of a clause.
fn any_of(fields: &Fields, clause: &Clause) -> Box<dyn TantivyQuery> {
    let mut any: Clauses = clause
        .any
        .iter()
        .filter_map(|alternative| Some((Occur::Should, alternative_query(fields, alternative)?)))
        .collect();
    match any.len() {
        1 => any.remove(0).1,
        _ => Box::new(BooleanQuery::new(any)),
    }
}

fn alternative_query(fields: &Fields, alternative: &Alternative) -> Option<Box<dyn TantivyQuery>> {
    match alternative {
        Alternative::Words(leaf) => adjacent(fields.words, leaf),
        Alternative::Concept(concept) => Some(term(Term::from_field_text(fields.concepts, concept))),
        Alternative::Value(facet, value) => Some(one_of(fields, std::iter::once(facet.term(value)))),
        // Never mixed with words: the reader of queries keeps places and pay to clauses of their own.
        Alternative::Within(_) | Alternative::PayAtLeast(_) => None,
    }
}

fn excluded(fields: &Fields, clause: &Clause) -> Box<dyn TantivyQuery> {
    let mut any: Clauses = Vec::new();
    for alternative in &clause.any {
        any.extend(alternative_query(fields, alternative).map(|query| (Occur::Should, query)));
        if matches!(alternative, Alternative::Words(leaf) if leaf.len() > 1) {
            // Tantivy 0.27 asks an excluded phrase for documents before its first one, which a phrase that stands alone
            // answers with a failed assertion in debug builds. A union of two never stands alone.
            any.extend(alternative_query(fields, alternative).map(|query| (Occur::Should, query)));
        }
    }
    Box::new(BooleanQuery::new(any))
}

/// The values of a facet that a filter needs: for the sizes of what it finds.
pub(crate) fn facet_term(fields: &Fields, facet: Facet, value: &str) -> Term {
    Term::from_field_text(fields.terms, &facet.term(value))
}
