//! Which way to hits and disjunctive counts is the shortest.
//!
//! One pass over everything that the text finds, with the filters looked up in columns, or one pass over what passes all
//! filters and another for each counted field that is filtered, without its filter. The first is short when the text finds
//! little, the second when the filters leave little: counts over a few hits must not walk a million postings.

use store::Timestamp;
use tantivy::Term;

use crate::collect::Collected;
use crate::facet::Counted;
use crate::index::{Index, View};
use crate::meaning::{Alternative, Clause};
use crate::plan::facet_term;
use crate::query::Query;
use crate::searching::{Asked, SearchError, Take};

/// What another pass costs, in postings looked at.
const PASS: f64 = 2_000.0;

impl Index {
    /// Collects hits, total and the counts of `take`.
    pub(crate) fn collect_counted(
        &self,
        view: &View,
        asked: &Asked,
        take: Take<'_>,
        now: Timestamp,
    ) -> Result<Collected, SearchError> {
        if asked.query.is_everything()
            && asked.meaning.required.is_empty()
            && asked.meaning.excluded.is_empty()
        {
            let all = view.remembered_counts(take.counted, now)?;
            let hits = self.collect(view, asked, Take { counted: &[], ..take }, now)?;
            return Ok(Collected {
                counts: all.counts.clone(),
                ..hits
            });
        }
        let filtered: Vec<Counted> = take
            .counted
            .iter()
            .copied()
            .filter(|counted| asked.query.filters_by(*counted))
            .collect();
        if filtered.is_empty() || !self.are_passes_shorter(view, asked, &filtered) {
            return self.collect(view, asked, take, now);
        }
        let unfiltered: Vec<Counted> = take
            .counted
            .iter()
            .copied()
            .filter(|counted| !filtered.contains(counted))
            .collect();
        let wanted = take.counted;
        let hits = Take {
            counted: &unfiltered,
            ..take
        };
        let found = self.collect(view, asked, hits, now)?;
        let mut counts = unfiltered.into_iter().zip(found.counts).collect::<Vec<_>>();
        for counted in filtered {
            let without = Asked {
                query: asked.query.without(counted),
                meaning: asked.meaning.clone(),
                found: Vec::new(),
            };
            let only = Take {
                counted: &[counted],
                ..Take::default()
            };
            let counted_alone = self.collect(view, &without, only, now)?;
            counts.push((
                counted,
                counted_alone.counts.into_iter().next().unwrap_or_default(),
            ));
        }
        let of = |wanted: &Counted| {
            let known = counts.iter().find(|(counted, _)| counted == wanted);
            known.map(|(_, counts)| counts.clone()).unwrap_or_default()
        };
        Ok(Collected {
            counts: wanted.iter().map(of).collect(),
            total: found.total,
            top: found.top,
            matched: found.matched,
        })
    }

    /// Whether a pass for each filtered field looks at fewer postings than one over all that the text finds.
    fn are_passes_shorter(&self, view: &View, asked: &Asked, filtered: &[Counted]) -> bool {
        let all = view.searcher.num_docs().max(1) as f64;
        let text: f64 = asked
            .meaning
            .required
            .iter()
            .map(|clause| self.share(view, clause))
            .product();
        let mut others = 1.0;
        let mut shares = Vec::new();
        for facet in asked.query.filters.keys() {
            let values = asked.query.accepted(*facet).unwrap_or_default();
            let terms = values.iter().map(|value| facet_term(&self.fields, *facet, value));
            let share = (count_of(view, terms) / all).min(1.0);
            if filtered.contains(&Counted::Facet(*facet)) {
                shares.push(share);
            } else {
                others *= share;
            }
        }
        let one_pass = all * text * others;
        let of_all: f64 = shares.iter().product();
        let without_one: f64 = shares
            .iter()
            .map(|share| if *share > 0.0 { of_all / share } else { 0.0 })
            .sum();
        let passes = one_pass * (of_all + without_one) + PASS * filtered.len() as f64;
        passes < one_pass
    }

    /// Which share of all postings a clause finds, at most.
    fn share(&self, view: &View, clause: &Clause) -> f64 {
        let count = |alternative: &Alternative| match alternative {
            Alternative::Words(leaf) => {
                let of_word = |word: &String| {
                    let term = Term::from_field_text(self.fields.words, word);
                    count_of(view, std::iter::once(term))
                };
                leaf.iter().map(of_word).fold(f64::MAX, f64::min)
            }
            Alternative::Concept(concept) => {
                let term = Term::from_field_text(self.fields.concepts, concept);
                count_of(view, std::iter::once(term))
            }
            Alternative::Value(facet, value) => {
                count_of(view, std::iter::once(facet_term(&self.fields, *facet, value)))
            }
            Alternative::Within(_) | Alternative::PayAtLeast(_) => f64::MAX,
        };
        let found: f64 = clause.any.iter().map(count).sum();
        (found / view.searcher.num_docs().max(1) as f64).min(1.0)
    }
}

/// In how many postings these terms stand, at most.
fn count_of(view: &View, terms: impl Iterator<Item = Term>) -> f64 {
    terms
        .map(|term| view.searcher.doc_freq(&term).unwrap_or(0) as f64)
        .sum()
}

impl Query {
    /// Whether it has no filter.
    fn is_everything(&self) -> bool {
        self.filters.is_empty()
            && self.attributes.is_empty()
            && self.near.is_none()
            && self.pay_min.is_none()
            && self.posted_within_hours.is_none()
            && self.role.is_none()
    }

    /// Whether a filter narrows this field.
    fn filters_by(&self, counted: Counted) -> bool {
        match counted {
            Counted::Facet(facet) => self.filters.contains_key(&facet),
            Counted::Pay => self.pay_min.is_some(),
            Counted::PostedWithin => self.posted_within_hours.is_some(),
        }
    }

    /// The same without the filter of a field.
    fn without(&self, counted: Counted) -> Self {
        let mut less = self.clone();
        match counted {
            Counted::Facet(facet) => _ = less.filters.remove(&facet),
            Counted::Pay => less.pay_min = None,
            Counted::PostedWithin => less.posted_within_hours = None,
        }
        less
    }
}
