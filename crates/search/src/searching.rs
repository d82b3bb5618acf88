//! Running a search.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Id, Timestamp};
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, Occur, Query as TantivyQuery, TermQuery};
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{DocAddress, TantivyDocument, TantivyError};

use crate::collect::{Collected, Filter, Key, Sieve, Wanted};
use crate::columns::Dictionary;
use crate::facet::{Counted, Facet, PAY_BUCKETS, POSTED_WITHIN};
use crate::highlight::Highlighter;
use crate::index::{Index, View};
use crate::interpret::Recognised;
use crate::meaning::Meaning;
use crate::paging::More;
use crate::parse::SearchRequest;
use crate::query::{Query, Sort};
use crate::relax::{Dropped, Help};
use crate::worth::Worth;

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
    /// The name of its role, and how many other postings of the same role match and are not shown.
    pub copies: Option<(String, u64)>,
    /// How the score came about, when that was asked for.
    pub explanation: Option<Explanation>,
}

/// How a score came about: `text` × `freshness` × `completeness`.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// What the words, concepts and the title are worth.
    pub text: f32,
    /// 0.85 to 1, by the age of the publication.
    pub freshness: f32,
    /// 1 to 1.08, by what a reader is told: pay, place, conditions, description.
    pub completeness: f32,
    /// How `text` is made up.
    pub parts: Vec<ScorePart>,
}

/// What one part of the query adds to a score.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ScorePart {
    /// Its words.
    #[schema(example = "rtl")]
    pub of: String,
    /// What it adds.
    pub score: f32,
}

/// A value of a field and how many postings have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FacetCount {
    /// The value.
    #[schema(value_type = String, example = "silicon")]
    pub value: Arc<str>,
    /// What it is called, where that differs.
    #[schema(value_type = Option<String>, example = "Silicon")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// Postings with it, under all filters but this field's own.
    pub count: u32,
}

/// The answer to a search.
#[derive(Debug, Clone)]
pub struct SearchResults {
    /// The hits of this page.
    pub hits: Vec<Hit>,
    /// How many postings match in all.
    pub total: u64,
    /// The wanted fields with their counts, most frequent first.
    pub facets: Vec<(Counted, Vec<FacetCount>)>,
    /// What was recognised in the typed text, or in `did_you_mean` when that was searched for.
    pub interpreted: Vec<Recognised>,
    /// The text that was searched for in place of the typed one, whose spelling the index does not know.
    pub did_you_mean: Option<String>,
    /// Parts of the text that were left out because nothing matches all of it.
    pub dropped: Vec<Dropped>,
    /// What would find something when nothing matched.
    pub help: Vec<Help>,
    /// Employers with more matching postings than this page shows.
    pub more: Vec<More>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
    /// Revision up to which the index was complete when it answered.
    pub revision: i64,
    /// When the next posting ends that could be in this answer.
    pub next_end: Timestamp,
}

/// A query that is being answered, with its reading.
pub(crate) struct Asked {
    pub(crate) query: Query,
    pub(crate) meaning: Meaning,
    pub(crate) found: Vec<Recognised>,
}

impl Asked {
    /// Whether words of the text were read as employers.
    fn names_employers(&self) -> bool {
        self.found.iter().any(|found| found.kind == "employer")
    }

    /// The reading of `query` as it stands.
    pub(crate) fn of(query: Query) -> Self {
        let reading = query.interpretation();
        Self {
            query,
            meaning: reading.meaning,
            found: reading.found,
        }
    }
}

impl Index {
    /// Answers `request` as of `now`. Runs on the calling thread, up to some milliseconds.
    ///
    /// Names of employers in the text are read as filters, an unknown spelling is corrected by the index's own words, and
    /// when nothing matches all of the text the least of it is left out, openly; none of this when the request is strict.
    pub fn search(&self, request: &SearchRequest, now: Timestamp) -> Result<SearchResults, SearchError> {
        let view = self.view();
        let is_strict = request.presentation.is_strict;
        let mut asked = if is_strict {
            Asked::of(request.query.clone())
        } else {
            self.settled(&view, &request.query)
        };
        let mut did_you_mean = None;
        if !is_strict && let Some(respelt) = self.respelt(&view, &asked, request.presentation.is_typing)? {
            let query = Query {
                q: respelt.clone(),
                ..request.query.clone()
            };
            asked = self.settled(&view, &query);
            did_you_mean = Some(respelt);
        }
        if request.presentation.is_typing {
            self.complete_last_word(&view, &mut asked)?;
        }
        let mut found = self.page(&view, &asked, request, now)?;
        let (mut dropped, mut help) = (Vec::new(), Vec::new());
        if found.collected.total == 0 && !is_strict && asked.names_employers() {
            // Perhaps the name is also a word: "linear algebra".
            let plain = Asked::of(Query {
                q: did_you_mean.clone().unwrap_or_else(|| request.query.q.clone()),
                ..request.query.clone()
            });
            let by_words = self.page(&view, &plain, request, now)?;
            if by_words.collected.total > 0 {
                (asked, found) = (plain, by_words);
            }
        }
        if found.collected.total == 0
            && !is_strict
            && let Some(longer) = self.with_compounds(&view, &asked)?
        {
            asked = longer;
            found = self.page(&view, &asked, request, now)?;
        }
        if found.collected.total == 0 && !is_strict {
            help = self.help(&view, &asked, now)?;
            if let Some((less, left_out)) = self.relaxed(&view, &asked, now)? {
                (asked, dropped) = (less, left_out);
                found = self.page(&view, &asked, request, now)?;
            }
        }
        let names = &view.columns.dictionary;
        let facets = request.facets.iter().zip(&found.collected.counts);
        Ok(SearchResults {
            facets: facets
                .map(|(of, counts)| (*of, listed(names, *of, counts)))
                .collect(),
            hits: found.hits,
            total: found.collected.total,
            interpreted: asked.found,
            did_you_mean,
            dropped,
            help,
            more: found.more,
            next_cursor: found.next_cursor,
            revision: view.cursor,
            next_end: Timestamp::from_micros(view.columns.next_end(now.micros())),
        })
    }

    /// The query as it is kept by an alert: employers named in its text are filters, so that it will mean the same when
    /// other employers have come.
    pub fn settle(&self, query: &Query) -> Query {
        let settled = self.settled(&self.view(), query).query;
        Query {
            q: settled.q.split_whitespace().collect::<Vec<_>>().join(" "),
            ..settled
        }
    }

    /// Collects what `asked` finds.
    pub(crate) fn collect(
        &self,
        view: &View,
        asked: &Asked,
        take: Take<'_>,
        now: Timestamp,
    ) -> Result<Collected, SearchError> {
        let plan = self.plan(
            &asked.query,
            &asked.meaning,
            &view.columns.dictionary,
            take.counted,
            now,
        );
        view.run(plan.query.as_ref(), plan.filters, take, now)
    }

    /// How many postings `asked` finds.
    pub(crate) fn count(&self, view: &View, asked: &Asked, now: Timestamp) -> Result<u64, SearchError> {
        Ok(self.collect(view, asked, Take::default(), now)?.total)
    }

    pub(crate) fn hit(
        &self,
        view: &View,
        key: Key,
        address: DocAddress,
        sort: Sort,
        highlighter: Option<&Highlighter>,
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
        let mut hit = Hit {
            id: Id::from_bytes(id.try_into().unwrap_or_default()),
            summary: text(self.fields.summary).to_owned(),
            score: (sort == Sort::Relevance).then(|| f32::from_bits(key.0 as u32)),
            title: None,
            description: None,
            copies: None,
            explanation: None,
        };
        if let Some(highlighter) = highlighter {
            hit.title = Brief::of(&hit.summary).and_then(|brief| highlighter.whole(&brief.title));
            hit.description = highlighter.snippet(text(self.fields.excerpt));
        }
        Ok(hit)
    }

    /// `query` for the posting with this id alone.
    pub(crate) fn only(&self, query: &dyn TantivyQuery, id: Id) -> BooleanQuery {
        let this = TermQuery::new(self.term(id), IndexRecordOption::Basic);
        BooleanQuery::new(vec![
            (Occur::Must, query.box_clone()),
            (Occur::Must, Box::new(ConstScoreQuery::new(Box::new(this), 0.0))),
        ])
    }
}

impl View {
    /// Collects what `query` finds and the columns let through.
    pub(crate) fn run(
        &self,
        query: &dyn TantivyQuery,
        filters: Vec<Filter>,
        take: Take<'_>,
        now: Timestamp,
    ) -> Result<Collected, SearchError> {
        let wanted = Wanted {
            columns: Arc::clone(&self.columns),
            sieves: Sieve::of(filters, take.counted).into(),
            counted: take.counted.into(),
            sort: take.sort,
            worth: take.worth,
            limit: take.limit,
            after: take.after,
            shown: take.shown,
            distinct: take.distinct,
            keeps_matched: take.keeps_matched,
            now: now.micros(),
        };
        Ok(self.searcher.search(query, &wanted)?)
    }

    /// Counts over everything that is published.
    pub(crate) fn count_all(&self, counted: &[Counted], now: Timestamp) -> Result<Collected, SearchError> {
        let take = Take {
            counted,
            ..Take::default()
        };
        self.run(&AllQuery, Vec::new(), take, now)
    }

    /// The same, remembered as long as it holds.
    pub(crate) fn remembered_counts(
        &self,
        counted: &[Counted],
        now: Timestamp,
    ) -> Result<Arc<Collected>, SearchError> {
        self.counts
            .get_or_count(counted, now.micros(), &self.columns, || {
                self.count_all(counted, now)
            })
    }
}

/// What to take of what is found; by default only how many there are.
#[derive(Default)]
pub(crate) struct Take<'a> {
    pub(crate) counted: &'a [Counted],
    pub(crate) sort: Sort,
    /// What the score is made of; without it Tantivy's own.
    pub(crate) worth: Option<Arc<Worth>>,
    pub(crate) limit: usize,
    pub(crate) after: Option<Key>,
    pub(crate) shown: Arc<HashSet<u32>>,
    pub(crate) distinct: Option<Arc<HashSet<u32>>>,
    pub(crate) keeps_matched: bool,
}

/// A part of a text, as an answer shows it.
pub(crate) fn part(text: &str, at: &Range<usize>) -> String {
    text.get(at.clone()).unwrap_or_default().to_owned()
}

fn listed(dictionary: &Dictionary, of: Counted, counts: &[u32]) -> Vec<FacetCount> {
    let bucket = |name: &str, count: &u32| FacetCount {
        value: name.into(),
        label: None,
        count: *count,
    };
    match of {
        Counted::Facet(facet) => listed_values(dictionary, facet, counts),
        // Buckets keep their order.
        Counted::Pay => PAY_BUCKETS
            .iter()
            .zip(counts)
            .map(|(name, count)| bucket(name, count))
            .collect(),
        Counted::PostedWithin => {
            let names = POSTED_WITHIN.iter().zip(counts);
            names.map(|((_, name), count)| bucket(name, count)).collect()
        }
    }
}

fn listed_values(dictionary: &Dictionary, facet: Facet, counts: &[u32]) -> Vec<FacetCount> {
    let names = dictionary.names(facet);
    let mut found: Vec<(u32, usize)> = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(id, count)| (*count, id))
        .collect();
    found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| names[a.1].cmp(&names[b.1])));
    found.truncate(MAX_FACET_VALUES);
    found
        .into_iter()
        .map(|(count, id)| FacetCount {
            value: Arc::clone(&names[id]),
            label: dictionary.label(facet, id as u32),
            count,
        })
        .collect()
}

/// What is needed of a summary, without reading the rest of it.
#[derive(Deserialize)]
pub(crate) struct Brief {
    pub(crate) title: String,
    pub(crate) version: i32,
}

impl Brief {
    pub(crate) fn of(summary: &str) -> Option<Self> {
        serde_json::from_str(summary).ok()
    }
}
