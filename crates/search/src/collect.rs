//! One pass over the candidates: filters, total, disjunctive facet counts and the best hits together.
//!
//! The counts of a facet ignore that facet's own filter, so that a reader sees what choosing another value would give.
//! A candidate that fails exactly one filter therefore still counts for that filter's facet.

use std::cmp::Reverse;
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

use crate::columns::{Columns, SegmentColumns, ValueId};
use crate::facet::Facet;
use crate::query::{Near, Sort};

/// The bits of a score in which the order of adding up shows.
const NOISE: u32 = 0x3f;

/// The place of a hit in an order, larger first; ties are broken by the second number.
pub(crate) type Key = (u64, u64);

/// A filter, resolved against the dictionary.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Values(Facet, Vec<ValueId>),
    Near(Near),
    PayAtLeast(i64),
    PublishedSince(i64),
}

impl Filter {
    fn facet(&self) -> Option<Facet> {
        match self {
            Self::Values(facet, _) => Some(*facet),
            _ => None,
        }
    }

    #[inline]
    fn accepts(&self, columns: &SegmentColumns, doc: DocId) -> bool {
        match self {
            Self::Values(facet, accepted) => columns.facets[facet.index()]
                .of(doc)
                .iter()
                .any(|id| accepted.contains(id)),
            Self::Near(near) => columns.points(doc).iter().any(|point| within(near, *point)),
            Self::PayAtLeast(usd) => columns.yearly_usd[doc as usize] >= *usd,
            Self::PublishedSince(micros) => columns.published_at[doc as usize] >= *micros,
        }
    }
}

/// Whether a point lies in the circle.
pub(crate) fn within(near: &Near, point: (f64, f64)) -> bool {
    // A degree of latitude is 111 km everywhere, which spares most points the trigonometry.
    (point.0 - near.latitude).abs() * 110.0 <= near.within_km
        && taxonomy::distance_km((near.latitude, near.longitude), point) <= near.within_km
}

/// What to collect.
pub(crate) struct Wanted {
    pub(crate) columns: Arc<Columns>,
    pub(crate) filters: Arc<[Filter]>,
    pub(crate) facets: Arc<[Facet]>,
    pub(crate) sort: Sort,
    pub(crate) limit: usize,
    /// Only hits after this place are collected; totals and counts are not touched by it.
    pub(crate) after: Option<Key>,
    /// Microseconds since 1970: what has expired by then is not there, and age is counted from it.
    pub(crate) now: i64,
}

/// What was collected.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) total: u64,
    pub(crate) counts: Vec<Vec<u32>>,
    /// The best, in order; one more than asked for when there are more.
    pub(crate) top: Vec<(Key, DocAddress)>,
}

impl Collector for Wanted {
    type Fruit = Collected;
    type Child = OfSegment;

    fn for_segment(&self, ordinal: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<OfSegment> {
        let columns = self.columns.segment(reader.segment_id());
        let columns =
            columns.ok_or_else(|| TantivyError::InternalError("a segment without columns".to_owned()))?;
        let sizes = self
            .facets
            .iter()
            .map(|facet| self.columns.dictionary.names(*facet).len());
        Ok(OfSegment {
            ordinal,
            columns,
            filters: Arc::clone(&self.filters),
            facets: Arc::clone(&self.facets),
            sort: self.sort,
            keep: self.limit + 1,
            after: self.after,
            now: self.now,
            total: 0,
            counts: sizes.map(|size| vec![0; size]).collect(),
            heap: Vec::with_capacity(4 * (self.limit + 1)),
            floor: None,
        })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance
    }

    fn merge_fruits(&self, fruits: Vec<Collected>) -> tantivy::Result<Collected> {
        let mut all = Collected {
            counts: self.facets.iter().map(|_| Vec::new()).collect(),
            ..Collected::default()
        };
        for fruit in fruits {
            all.total += fruit.total;
            for (sum, counts) in all.counts.iter_mut().zip(fruit.counts) {
                if sum.is_empty() {
                    *sum = counts;
                } else {
                    sum.iter_mut().zip(counts).for_each(|(a, b)| *a += b);
                }
            }
            all.top.extend(fruit.top);
        }
        all.top.sort_unstable_by_key(|hit| Reverse(hit.0));
        all.top.truncate(self.limit + 1);
        Ok(all)
    }
}

/// The collection over one segment.
pub(crate) struct OfSegment {
    ordinal: SegmentOrdinal,
    columns: Arc<SegmentColumns>,
    filters: Arc<[Filter]>,
    facets: Arc<[Facet]>,
    sort: Sort,
    keep: usize,
    after: Option<Key>,
    now: i64,
    total: u64,
    counts: Vec<Vec<u32>>,
    heap: Vec<(Key, DocId)>,
    floor: Option<Key>,
}

impl OfSegment {
    #[inline]
    fn count(&mut self, n: usize, doc: DocId) {
        let facet = self.facets[n];
        for value in self.columns.facets[facet.index()].of(doc) {
            self.counts[n][*value as usize] += 1;
        }
    }

    #[inline]
    fn take(&mut self, doc: DocId, score: Score) {
        if self.columns.expires_at[doc as usize] <= self.now {
            return;
        }
        let mut failed = None;
        for filter in self.filters.iter() {
            if !filter.accepts(&self.columns, doc) {
                if failed.is_some() {
                    return;
                }
                failed = Some(filter.facet());
            }
        }
        match failed {
            Some(None) => return,
            Some(Some(facet)) => {
                if let Some(n) = self.facets.iter().position(|wanted| *wanted == facet) {
                    self.count(n, doc);
                }
                return;
            }
            None => {}
        }
        self.total += 1;
        for n in 0..self.facets.len() {
            self.count(n, doc);
        }
        self.offer(doc, score);
    }

    #[inline]
    fn offer(&mut self, doc: DocId, score: Score) {
        let at = doc as usize;
        let place = match self.sort {
            Sort::Relevance => u64::from(self.relevance(at, score).to_bits() & !NOISE),
            Sort::Newest => ordered(self.columns.published_at[at]),
            Sort::Pay => ordered(self.columns.yearly_usd[at]),
        };
        let key = (place, self.columns.tie[at]);
        if self.after.is_some_and(|after| key >= after) || self.floor.is_some_and(|floor| key <= floor) {
            return;
        }
        self.heap.push((key, doc));
        if self.heap.len() >= 4 * self.keep {
            self.shrink();
        }
    }

    /// Text score, gently higher for what is new: full weight today, nine tenths after a quarter, never below 0.85.
    #[inline]
    fn relevance(&self, at: usize, score: Score) -> Score {
        const DAY: i64 = 86_400_000_000;
        // Whole days, so that the pages of one search agree.
        let days = ((self.now / DAY) - (self.columns.published_at[at] / DAY)).max(0) as f32;
        score.max(0.001) * (0.85 + 0.15 * 45.0 / (45.0 + days))
    }

    fn shrink(&mut self) {
        if self.heap.len() > self.keep {
            self.heap
                .select_nth_unstable_by(self.keep - 1, |a, b| b.0.cmp(&a.0));
            self.heap.truncate(self.keep);
            self.floor = self.heap.iter().map(|(key, _)| *key).min();
        }
    }
}

/// A signed number as an unsigned one in the same order.
fn ordered(number: i64) -> u64 {
    (number as u64) ^ (1 << 63)
}

impl SegmentCollector for OfSegment {
    type Fruit = Collected;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.take(doc, score);
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        for doc in docs {
            self.take(*doc, 0.0);
        }
    }

    fn harvest(mut self) -> Collected {
        self.shrink();
        let ordinal = self.ordinal;
        let top = self
            .heap
            .into_iter()
            .map(|(key, doc)| (key, DocAddress::new(ordinal, doc)))
            .collect();
        Collected {
            total: self.total,
            counts: self.counts,
            top,
        }
    }
}
