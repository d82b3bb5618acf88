//! Pages: keyset cursors that survive changes, and pages that one employer or one role does not fill.
//!
//! In the varied order the best postings of distinct roles come first, at most three of an employer on a page; what was
//! held back follows at the end, so that turning pages shows every posting once.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::page::{decode_cursor, encode_cursor};
use store::{Id, Timestamp};
use tantivy::query::Query as TantivyQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet, SegmentOrdinal, TERMINATED, TantivyError, Term};

use crate::collect::{BitSet, Collected, Filter, Key, Top, factors};
use crate::columns::ValueId;
use crate::facet::Facet;
use crate::highlight::Highlighter;
use crate::index::{Index, View};
use crate::parse::SearchRequest;
use crate::plan::facet_term;
use crate::query::Sort;
use crate::searching::{Asked, Brief, Explanation, Hit, ScorePart, SearchError, Take};
use crate::worth::Worth;

/// Postings of one employer on a varied page.
const OF_ONE_EMPLOYER: usize = 3;
/// How many of the best are looked at for a varied page.
const WINDOW: usize = 100;
/// After so many hits the order is no longer varied: a cursor must fit into an address.
const MAX_SHOWN: usize = 200;
/// How many hits a cursor of relevance remembers.
const REMEMBERED: usize = 3;

/// An employer with more matching postings than a page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct More {
    /// Its slug, for the filter that shows them.
    #[schema(example = "acme-compute")]
    pub employer: String,
    /// Its name.
    pub name: String,
    /// How many more match.
    pub count: u64,
}

/// A hit and the version in which it was found.
type Remembered = (Id, i32);

/// Where a page begins.
///
/// Scores move a little with every posting that comes or goes. So the place in the order of relevance is looked up again
/// for the last hit, or for one shortly before it when that has gone or says something else now.
#[derive(Serialize, Deserialize)]
enum Cursor {
    /// After a place of a plain order.
    After(Sort, Key, Vec<Remembered>),
    /// In the varied order: what was shown, and the roles that have copies.
    Varied(Vec<u32>, Vec<u32>),
    /// Behind the varied order: what it showed, and the place after it.
    Rest(Vec<u32>, Option<Key>, Vec<Remembered>),
}

/// A page.
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    /// Totals and counts; its hits are those of the page.
    pub(crate) collected: Collected,
    pub(crate) more: Vec<More>,
    pub(crate) next_cursor: Option<String>,
}

/// A page under construction.
struct Picked {
    tops: Vec<Top>,
    /// Employers with hits that were held back.
    held_back: Vec<ValueId>,
    next: Option<Cursor>,
}

impl Index {
    /// The page of `asked` that `request` wants.
    pub(crate) fn page(
        &self,
        view: &View,
        asked: &Asked,
        request: &SearchRequest,
        now: Timestamp,
    ) -> Result<Found, SearchError> {
        let plan = self.plan(&asked.query, &asked.meaning, &view.columns.dictionary, &[], now);
        let pager = Pager {
            index: self,
            view,
            asked,
            request,
            query: plan.query.as_ref(),
            filters: plan.filters,
            worth: match request.sort {
                Sort::Relevance => Some(Worth::of(
                    &self.fields,
                    &asked.query.q,
                    &asked.meaning,
                    &view.searcher,
                )?),
                Sort::Newest | Sort::Pay => None,
            },
            now,
        };
        let (mut collected, mut picked) = pager.pick()?;
        let hits = pager.hits(&picked.tops, &collected)?;
        let more = pager.more(&picked, &collected)?;
        // The place of the last hit is remembered by what it said.
        if let Some(Cursor::After(_, _, remembered) | Cursor::Rest(_, Some(_), remembered)) = &mut picked.next
            && request.sort == Sort::Relevance
        {
            let last = hits.iter().rev().take(REMEMBERED);
            *remembered = last
                .filter_map(|hit| Some((hit.id, Brief::of(&hit.summary)?.version)))
                .collect();
        }
        collected.top = picked.tops;
        Ok(Found {
            hits,
            collected,
            more,
            next_cursor: picked.next.as_ref().map(encode_cursor),
        })
    }
}

struct Pager<'a> {
    index: &'a Index,
    view: &'a View,
    asked: &'a Asked,
    request: &'a SearchRequest,
    query: &'a dyn TantivyQuery,
    filters: Vec<Filter>,
    worth: Option<Arc<Worth>>,
    now: Timestamp,
}

impl Pager<'_> {
    fn is_varied(&self) -> bool {
        let wanted = self.request.presentation.diversity;
        wanted.unwrap_or(self.request.sort == Sort::Relevance) && self.asked.query.role.is_none()
    }

    fn take(&self, limit: usize) -> Take<'_> {
        Take {
            counted: &self.request.facets,
            sort: self.request.sort,
            worth: self.worth.clone(),
            limit,
            keeps_matched: self.is_varied(),
            ..Take::default()
        }
    }

    fn run(&self, take: Take<'_>) -> Result<Collected, SearchError> {
        if take.counted.is_empty() {
            let filters = self.filters.clone();
            return self.view.run(self.query, filters, take, self.now);
        }
        self.index.collect_counted(self.view, self.asked, take, self.now)
    }

    fn pick(&self) -> Result<(Collected, Picked), SearchError> {
        let cursor = match &self.request.cursor {
            None if self.is_varied() => Cursor::Varied(Vec::new(), Vec::new()),
            None => return self.plain(None, Vec::new(), &[]),
            Some(cursor) => decode_cursor(cursor).ok_or(SearchError::CursorInvalid)?,
        };
        match cursor {
            Cursor::After(sort, key, last) if sort == self.request.sort => {
                let key = self.place_now(key, &last)?;
                self.plain(Some(key), Vec::new(), &[])
            }
            Cursor::After(..) => Err(SearchError::CursorInvalid),
            Cursor::Varied(shown, roles) => self.varied(shown, roles),
            Cursor::Rest(shown, key, last) => {
                let key = key.map(|key| self.place_now(key, &last)).transpose()?;
                self.plain(key, shown, &[])
            }
        }
    }

    /// A page of the plain order without `shown`; `first` stand before it.
    fn plain(
        &self,
        after: Option<Key>,
        shown: Vec<u32>,
        first: &[Top],
    ) -> Result<(Collected, Picked), SearchError> {
        let limit = self.request.limit - first.len();
        let mut collected = self.run(Take {
            after,
            shown: Arc::new(shown.iter().copied().collect()),
            ..self.take(limit)
        })?;
        let has_more = collected.top.len() > limit;
        collected.top.truncate(limit);
        let next = collected.top.last().filter(|_| has_more).map(|(key, ..)| {
            if shown.is_empty() {
                Cursor::After(self.request.sort, *key, Vec::new())
            } else {
                Cursor::Rest(shown, Some(*key), Vec::new())
            }
        });
        let tops = [first, &collected.top].concat();
        let held_back = Vec::new();
        Ok((
            collected,
            Picked {
                tops,
                held_back,
                next,
            },
        ))
    }

    fn varied(&self, mut shown: Vec<u32>, mut roles: Vec<u32>) -> Result<(Collected, Picked), SearchError> {
        let limit = self.request.limit;
        let collected = self.run(Take {
            shown: Arc::new(shown.iter().copied().collect()),
            distinct: Some(Arc::new(roles.iter().copied().collect())),
            ..self.take(WINDOW.max(2 * limit))
        })?;
        let caps = !self.asked.query.filters.contains_key(&Facet::Employer);
        let mut of_employer: HashMap<ValueId, usize> = HashMap::new();
        let (mut tops, mut held): (Vec<Top>, Vec<(Top, ValueId)>) = (Vec::new(), Vec::new());
        for top in &collected.top {
            if tops.len() == limit {
                break;
            }
            let employer = self.employer_of(top).filter(|_| caps);
            let count = of_employer.entry(employer.unwrap_or(ValueId::MAX)).or_default();
            match employer {
                Some(employer) if *count >= OF_ONE_EMPLOYER => held.push((*top, employer)),
                _ => {
                    *count += 1;
                    tops.push(*top);
                }
            }
        }
        let mut held = held.into_iter();
        let fill = limit - tops.len();
        tops.extend(held.by_ref().take(fill).map(|(top, _)| top));
        let mut held_back: Vec<ValueId> = held.map(|(_, employer)| employer).collect();
        held_back.sort_unstable();
        held_back.dedup();
        shown.extend(tops.iter().map(|(key, ..)| key.1 as u32));
        if tops.len() < limit {
            // All distinct ones are shown: the copies follow.
            let (rest, mut picked) = self.plain(None, shown, &tops)?;
            picked.held_back = held_back;
            return Ok((rest, picked));
        }
        roles.extend(
            tops.iter()
                .filter(|top| self.has_copies(top.1))
                .map(|top| top.1 as u32),
        );
        let next = (collected.total > shown.len() as u64).then(|| {
            if shown.len() < MAX_SHOWN && collected.top.len() > limit {
                Cursor::Varied(shown, roles)
            } else {
                Cursor::Rest(shown, None, Vec::new())
            }
        });
        Ok((
            collected,
            Picked {
                tops,
                held_back,
                next,
            },
        ))
    }

    fn employer_of(&self, top: &Top) -> Option<ValueId> {
        let reader = self.view.searcher.segment_reader(top.2.segment_ord);
        let columns = self.view.columns.segment(reader.segment_id())?;
        columns.facets[Facet::Employer.index()].first(top.2.doc_id)
    }

    /// Whether the index holds other postings of a role, perhaps such that do not match.
    fn has_copies(&self, role: u64) -> bool {
        self.view.columns.count_of_role(role) > 1
    }

    /// How many of the postings of a role were found.
    fn found_of_role(&self, collected: &Collected, role: u64) -> usize {
        let found = |(ordinal, matched): (&SegmentOrdinal, &BitSet)| {
            let reader = self.view.searcher.segment_reader(*ordinal);
            let columns = self.view.columns.segment(reader.segment_id())?;
            Some(columns.of_role(role).filter(|doc| matched.contains(*doc)).count())
        };
        collected.matched.iter().filter_map(found).sum()
    }

    /// How many of the postings with a term were found.
    fn found_with(&self, collected: &Collected, term: &Term) -> Result<u64, SearchError> {
        let mut count = 0;
        for (ordinal, matched) in &collected.matched {
            let inverted = self
                .view
                .searcher
                .segment_reader(*ordinal)
                .inverted_index(term.field())?;
            let postings = inverted
                .read_postings(term, IndexRecordOption::Basic)
                .map_err(TantivyError::from)?;
            let Some(mut postings) = postings else { continue };
            while postings.doc() != TERMINATED {
                count += u64::from(matched.contains(postings.doc()));
                postings.advance();
            }
        }
        Ok(count)
    }

    fn hits(&self, tops: &[Top], collected: &Collected) -> Result<Vec<Hit>, SearchError> {
        let highlighter = Highlighter::new(&self.asked.meaning);
        let mut hits = Vec::with_capacity(tops.len());
        for (key, role, address) in tops {
            let (view, sort) = (self.view, self.request.sort);
            let mut hit = self.index.hit(view, *key, *address, sort, highlighter.as_ref())?;
            if self.is_varied() {
                let here = tops.iter().filter(|(_, other, _)| other == role).count();
                let others = self.found_of_role(collected, *role).saturating_sub(here);
                hit.copies = (others > 0).then(|| (format!("{role:016x}"), others as u64));
            }
            if self.request.presentation.explain {
                hit.explanation = self.explanation(*address)?;
            }
            hits.push(hit);
        }
        Ok(hits)
    }

    fn explanation(&self, address: DocAddress) -> Result<Option<Explanation>, SearchError> {
        let reader = self.view.searcher.segment_reader(address.segment_ord);
        let Some(columns) = self.view.columns.segment(reader.segment_id()) else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        if let Some(worth) = &self.worth {
            let scores = worth.in_segment(reader)?.parts(address.doc_id);
            parts.extend(scores.into_iter().map(|(of, score)| ScorePart { of, score }));
        }
        let (freshness, completeness) = factors(&columns, address.doc_id as usize, self.now.micros());
        Ok(Some(Explanation {
            text: parts.iter().map(|part| part.score).sum(),
            freshness,
            completeness,
            parts,
        }))
    }

    fn more(&self, picked: &Picked, collected: &Collected) -> Result<Vec<More>, SearchError> {
        let dictionary = &self.view.columns.dictionary;
        let mut more = Vec::new();
        for employer in &picked.held_back {
            let Some(slug) = dictionary.names(Facet::Employer).get(*employer as usize) else {
                continue;
            };
            let here = picked
                .tops
                .iter()
                .filter(|top| self.employer_of(top) == Some(*employer))
                .count();
            let term = facet_term(&self.index.fields, Facet::Employer, slug);
            let count = self.found_with(collected, &term)?.saturating_sub(here as u64);
            let name = dictionary.label(Facet::Employer, *employer);
            more.push(More {
                employer: slug.to_string(),
                name: name.map_or_else(|| slug.to_string(), |name| name.to_string()),
                count,
            });
        }
        more.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.employer.cmp(&b.employer)));
        more.retain(|more| more.count > 0);
        Ok(more)
    }

    /// Where the first of `last` that is still found as it was stands now; else `key`.
    fn place_now(&self, key: Key, last: &[Remembered]) -> Result<Key, SearchError> {
        for (id, version) in last.iter().take(REMEMBERED) {
            let query = self.index.only(self.query, *id);
            let take = Take {
                worth: self.worth.clone(),
                limit: 1,
                ..Take::default()
            };
            let found = self.view.run(&query, Vec::new(), take, self.now)?;
            if let Some((place, _, address)) = found.top.first() {
                let hit = self
                    .index
                    .hit(self.view, *place, *address, Sort::Relevance, None)?;
                if Brief::of(&hit.summary).is_some_and(|now| now.version == *version) {
                    return Ok(*place);
                }
            }
        }
        Ok(key)
    }
}
