//! What is done, openly, when nothing matches.

use std::ops::Range;

use serde::Serialize;
use store::Timestamp;

use crate::index::{Index, View};
use crate::meaning::{Clause, Meaning, Weight};
use crate::query::Query;
use crate::searching::{Asked, SearchError, part};

/// Clauses that are tried to be left out, at most.
const MAX_TRIES: usize = 8;

/// A part of the text that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Dropped {
    /// The words.
    pub text: String,
    /// Byte offset of the first of them.
    pub start: usize,
    /// Byte offset after the last of them.
    pub end: usize,
}

/// A change of the filters that would find something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Help {
    /// The parameter to change.
    #[schema(example = "within_km")]
    pub parameter: String,
    /// Its new value; null to leave it out.
    #[schema(example = "200")]
    pub value: Option<String>,
    /// How many postings would match then.
    pub total: u64,
}

impl Index {
    /// `asked` without as little of its text as possible, so that something matches: the lightest part first, of equals the
    /// one without which most is found, and when no single part is enough one after the other. Something of the text stays.
    pub(crate) fn relaxed(
        &self,
        view: &View,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Option<(Asked, Vec<Dropped>)>, SearchError> {
        let mut left: Vec<Clause> = asked.meaning.required.clone();
        let mut dropped: Vec<Range<usize>> = Vec::new();
        while left.len() > 1 {
            let mut order: Vec<usize> = (0..left.len()).collect();
            order.sort_by_key(|n| left[*n].weight);
            // What the work is stays as long as anything else can go.
            if left.iter().any(|clause| clause.weight < Weight::Subject) {
                order.retain(|n| left[*n].weight < Weight::Subject);
            }
            let mut best: Option<(usize, u64)> = None;
            for n in order.iter().copied().take(MAX_TRIES) {
                if best.is_some_and(|(kept, _)| left[kept].weight < left[n].weight) {
                    break;
                }
                let total = self.count(view, &without(asked, &left, n), now)?;
                if total > 0 && best.is_none_or(|(_, most)| total > most) {
                    best = Some((n, total));
                }
            }
            let n = best.map_or(order[0], |(n, _)| n);
            let less = without(asked, &left, n);
            dropped.push(left.remove(n).at);
            if best.is_some() {
                dropped.sort_by_key(|at| at.start);
                let text = &asked.query.q;
                let dropped = dropped.iter().map(|at| Dropped {
                    text: part(text, at),
                    start: at.start,
                    end: at.end,
                });
                return Ok(Some((less, dropped.collect())));
            }
        }
        Ok(None)
    }

    /// Which filters, left out or widened, would find something.
    pub(crate) fn help(&self, view: &View, asked: &Asked, now: Timestamp) -> Result<Vec<Help>, SearchError> {
        let mut changes: Vec<(String, Option<String>, Query)> = Vec::new();
        let query = &asked.query;
        let with = |change: &dyn Fn(&mut Query)| {
            let mut changed = query.clone();
            change(&mut changed);
            changed
        };
        for facet in query.filters.keys().copied() {
            let less = with(&|query| _ = query.filters.remove(&facet));
            changes.push((facet.as_str().to_owned(), None, less));
        }
        for name in query.attributes.keys() {
            let less = with(&|query| _ = query.attributes.remove(name));
            changes.push(("attribute".to_owned(), None, less));
        }
        if let Some(near) = &query.near {
            for km in [near.within_km * 2.0, near.within_km * 5.0] {
                let wider = with(&|query| query.near.iter_mut().for_each(|near| near.within_km = km));
                changes.push(("within_km".to_owned(), Some(km.to_string()), wider));
            }
            changes.push(("near".to_owned(), None, with(&|query| query.near = None)));
        }
        if query.pay_min.is_some() {
            if !query.pay_unstated {
                let also = with(&|query| query.pay_unstated = true);
                changes.push(("pay_unstated".to_owned(), Some("include".to_owned()), also));
            }
            changes.push(("pay_min".to_owned(), None, with(&|query| query.pay_min = None)));
        }
        if query.posted_within_hours.is_some() {
            let any_time = with(&|query| query.posted_within_hours = None);
            changes.push(("posted_within".to_owned(), None, any_time));
        }
        let mut help = Vec::new();
        for (parameter, value, query) in changes {
            let changed = Asked {
                query,
                meaning: asked.meaning.clone(),
                found: Vec::new(),
            };
            let total = self.count(view, &changed, now)?;
            if total > 0 {
                help.push(Help {
                    parameter,
                    value,
                    total,
                });
            }
        }
        Ok(help)
    }
}

fn without(asked: &Asked, left: &[Clause], n: usize) -> Asked {
    let mut required = left.to_vec();
    let clause = required.remove(n);
    Asked {
        query: asked.query.clone(),
        meaning: Meaning {
            required,
            ..asked.meaning.clone()
        },
        found: asked
            .found
            .iter()
            .filter(|found| found.at.end <= clause.at.start || found.at.start >= clause.at.end)
            .cloned()
            .collect(),
    }
}
