//! Running a search.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::page::{decode_cursor, encode_cursor};
use store::{Id, Timestamp};
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, Occur, PhraseQuery, Query as TantivyQuery, TermQuery,
};
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{DocAddress, TantivyDocument, TantivyError, Term};

use crate::collect::{Collected, Filter, Key, Wanted};
use crate::columns::Dictionary;
use crate::facet::Facet;
use crate::highlight::Highlighter;
use crate::index::{Index, View};
use crate::parse::SearchRequest;
use crate::query::{Query, Sort};
use crate::schema::BOOSTS;
use crate::suggest::collect;
use crate::text::{Leaf, TextQuery};

/// Values of a facet that are listed at most.
const MAX_FACET_VALUES: usize = 100;

/// Why a search could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The cursor is not one that a search gave out, or belongs to another order.
    #[error("the cursor is not valid")]
    CursorInvalid,
    /// Tantivy failed.
    #[error("index error: {0}")]
    Tantivy(#[from] TantivyError),
}

/// One posting that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Id of the posting.
    pub id: Id,
    /// The posting's summary, a JSON object.
    pub summary: String,
    /// How well it matches; only comparable within one answer.
    pub score: Option<f32>,
    /// The title as HTML with `<mark>`.
    pub title: Option<String>,
    /// A part of the description as HTML with `<mark>`.
    pub description: Option<String>,
}

/// A value of a facet and how many postings have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FacetCount {
    /// The value.
    #[schema(value_type = String, example = "silicon")]
    pub value: Arc<str>,
    /// Postings with it, under all filters but this facet's own.
    pub count: u32,
}

/// The answer to a search.
#[derive(Debug, Clone)]
pub struct SearchResults {
    /// The hits of this page.
    pub hits: Vec<Hit>,
    /// How many postings match in all.
    pub total: u64,
    /// The wanted facets with their counts, most frequent first.
    pub facets: Vec<(Facet, Vec<FacetCount>)>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
    /// Revision up to which the index was complete when it answered.
    pub revision: i64,
}

/// A cursor: the order it belongs to, the place of the last hit, and the last few hits with the last one first.
///
/// Scores move a little with every posting that comes or goes. So the place in the order of relevance is looked up again
/// for the last hit, or for one shortly before it when that has gone or says something else now.
#[derive(Serialize, Deserialize)]
struct Cursor(Sort, Key, Vec<Remembered>);

/// A hit and the version in which it was found.
type Remembered = (Id, i32);

/// How many hits a cursor of relevance remembers.
const REMEMBERED: usize = 3;

impl Index {
    /// Answers `request` as of `now`. Runs on the calling thread, up to some milliseconds.
    pub fn search(&self, request: &SearchRequest, now: Timestamp) -> Result<SearchResults, SearchError> {
        let view = self.view();
        let text = request.query.text();
        let collected = self.collect(&view, &text, request, now)?;
        let has_more = collected.top.len() > request.limit;
        let page = &collected.top[..collected.top.len().min(request.limit)];
        let mut highlighter = Highlighter::new(&text);
        let mut hits = Vec::with_capacity(page.len());
        for (key, address) in page {
            hits.push(self.hit(&view, *key, *address, request.sort, highlighter.as_mut())?);
        }
        let last = |(key, _): &(Key, DocAddress)| {
            let remembered = if request.sort == Sort::Relevance {
                REMEMBERED
            } else {
                0
            };
            let last = hits.iter().rev().take(remembered);
            let last = last.filter_map(|hit| Some((hit.id, Brief::of(&hit.summary)?.version)));
            encode_cursor(&Cursor(request.sort, *key, last.collect()))
        };
        let next_cursor = page.last().filter(|_| has_more).map(last);
        let names = &view.columns.dictionary;
        let facets = request
            .facets
            .iter()
            .zip(&collected.counts)
            .map(|(f, counts)| (*f, listed(names, *f, counts)));
        Ok(SearchResults {
            hits,
            total: collected.total,
            facets: facets.collect(),
            next_cursor,
            revision: view.cursor,
        })
    }

    fn collect(
        &self,
        view: &View,
        text: &TextQuery,
        request: &SearchRequest,
        now: Timestamp,
    ) -> Result<Collected, SearchError> {
        let query = self.text_query(text);
        let after = match &request.cursor {
            None => None,
            Some(cursor) => {
                let Cursor(sort, key, last) = decode_cursor(cursor).ok_or(SearchError::CursorInvalid)?;
                if sort != request.sort {
                    return Err(SearchError::CursorInvalid);
                }
                Some(self.place_now(view, query.as_ref(), key, &last, now)?)
            }
        };
        let wanted = Wanted {
            columns: Arc::clone(&view.columns),
            filters: filters(&request.query, &view.columns.dictionary, now).into(),
            facets: request.facets.as_slice().into(),
            sort: request.sort,
            limit: request.limit,
            after,
            now: now.micros(),
        };
        Ok(view.searcher.search(&query, &wanted)?)
    }

    /// Where the first of `last` that is still found as it was stands now; else `key`.
    fn place_now(
        &self,
        view: &View,
        query: &dyn TantivyQuery,
        key: Key,
        last: &[Remembered],
        now: Timestamp,
    ) -> Result<Key, SearchError> {
        for (id, version) in last.iter().take(REMEMBERED) {
            let this = TermQuery::new(self.term(*id), IndexRecordOption::Basic);
            let this = ConstScoreQuery::new(Box::new(this), 0.0);
            let found = BooleanQuery::new(vec![
                (Occur::Must, query.box_clone()),
                (Occur::Must, Box::new(this)),
            ]);
            let top = collect(view, &found, &[], 1, now)?.top;
            if let Some((place, address)) = top.first() {
                let hit = self.hit(view, *place, *address, Sort::Relevance, None)?;
                if Brief::of(&hit.summary).is_some_and(|now| now.version == *version) {
                    return Ok(*place);
                }
            }
        }
        Ok(key)
    }

    pub(crate) fn hit(
        &self,
        view: &View,
        key: Key,
        address: DocAddress,
        sort: Sort,
        highlighter: Option<&mut Highlighter>,
    ) -> Result<Hit, TantivyError> {
        let document: TantivyDocument = view.searcher.doc(address)?;
        let text = |field| {
            document
                .get_first(field)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let id = document
            .get_first(self.fields.id)
            .and_then(|value| value.as_bytes())
            .unwrap_or_default();
        let id = Id::from_bytes(id.try_into().unwrap_or_default());
        let summary = text(self.fields.summary).to_owned();
        let mut hit = Hit {
            id,
            summary,
            score: None,
            title: None,
            description: None,
        };
        if sort == Sort::Relevance {
            hit.score = Some(f32::from_bits(key.0 as u32));
        }
        if let Some(highlighter) = highlighter {
            hit.title = Brief::of(&hit.summary).and_then(|brief| highlighter.whole(&brief.title));
            hit.description = highlighter.snippet(text(self.fields.excerpt));
        }
        Ok(hit)
    }

    /// The text part as Tantivy asks it: every required group in any field, none of the excluded leaves in any.
    pub(crate) fn text_query(&self, text: &TextQuery) -> Box<dyn TantivyQuery> {
        let mut clauses: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
        for group in &text.required {
            let mut leaves: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
            for leaf in group {
                self.push_leaf(&mut leaves, leaf);
            }
            clauses.push((Occur::Must, Box::new(BooleanQuery::new(leaves))));
        }
        if clauses.is_empty() {
            clauses.push((Occur::Must, Box::new(AllQuery)));
        }
        for leaf in &text.excluded {
            let mut leaves = Vec::new();
            self.push_leaf(&mut leaves, leaf);
            if leaf.len() > 1 {
                // Tantivy 0.27 asks an excluded phrase for documents before its first one, which a phrase that stands alone
                // answers with a failed assertion in debug builds. A union of two never stands alone.
                self.push_leaf(&mut leaves, leaf);
            }
            clauses.push((Occur::MustNot, Box::new(BooleanQuery::new(leaves))));
        }
        match clauses.len() {
            1 => clauses.remove(0).1,
            _ => Box::new(BooleanQuery::new(clauses)),
        }
    }

    fn push_leaf(&self, clauses: &mut Vec<(Occur, Box<dyn TantivyQuery>)>, leaf: &Leaf) {
        for (field, boost) in self.fields.texts.iter().zip(BOOSTS) {
            let mut terms: Vec<Term> = leaf
                .iter()
                .map(|word| Term::from_field_text(*field, word))
                .collect();
            let query: Box<dyn TantivyQuery> = match terms.len() {
                0 => continue,
                1 => Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::WithFreqs)),
                _ => Box::new(PhraseQuery::new(terms)),
            };
            clauses.push((Occur::Should, Box::new(BoostQuery::new(query, boost))));
        }
    }
}

/// The filters of a query against the dictionary; a value that no posting has accepts nothing.
pub(crate) fn filters(query: &Query, dictionary: &Dictionary, now: Timestamp) -> Vec<Filter> {
    let mut filters = Vec::new();
    for (facet, values) in &query.filters {
        let accepted = match facet {
            Facet::RemoteFrom => covering(values, dictionary),
            _ => values
                .iter()
                .filter_map(|value| dictionary.id(*facet, value))
                .collect(),
        };
        filters.push(Filter::Values(*facet, accepted));
    }
    if let Some(near) = &query.near {
        filters.push(Filter::Near(near.clone()));
    }
    if let Some(usd) = query.pay_min_usd() {
        filters.push(Filter::PayAtLeast(usd.max(1)));
    }
    if let Some(since) = query.posted_since(now) {
        filters.push(Filter::PublishedSince(since.micros()));
    }
    filters
}

/// A person in the US may take what is open to "US", to "AMER" and to "WORLDWIDE".
fn covering(wanted: &[String], dictionary: &Dictionary) -> Vec<u32> {
    let names = dictionary.names(Facet::RemoteFrom).iter().enumerate();
    names
        .filter(|(_, reach)| wanted.iter().any(|place| reaches(reach, place)))
        .map(|(id, _)| id as u32)
        .collect()
}

/// Whether a posting open to `reach` may be taken from `place`, a country or a region.
pub(crate) fn reaches(reach: &str, place: &str) -> bool {
    reach == place || taxonomy::region_covers(reach, place)
}

fn listed(dictionary: &Dictionary, facet: Facet, counts: &[u32]) -> Vec<FacetCount> {
    let names = dictionary.names(facet);
    let found = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let mut listed: Vec<FacetCount> = found
        .map(|(id, count)| FacetCount {
            value: Arc::clone(&names[id]),
            count: *count,
        })
        .collect();
    listed.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    listed.truncate(MAX_FACET_VALUES);
    listed
}

/// What is needed of a summary, without reading the rest of it.
#[derive(Deserialize)]
struct Brief {
    title: String,
    version: i32,
}

impl Brief {
    fn of(summary: &str) -> Option<Self> {
        serde_json::from_str(summary).ok()
    }
}
