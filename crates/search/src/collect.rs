//! One pass over the candidates: filters, total, disjunctive counts and the best hits together.
//!
//! The counts of a field ignore that field's own filter, so that a reader sees what choosing another value would give. A
//! candidate that fails exactly one filter therefore still counts for that filter's field.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

use crate::columns::{Columns, SegmentColumns, ValueId};
use crate::facet::{Counted, Facet, PAY_BUCKETS, POSTED_WITHIN, pay_bucket};
use crate::meaning::Circle;
use crate::query::Sort;

/// The bits of a score in which the order of adding up shows.
const NOISE: u32 = 0x3f;
const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;

/// The place of a hit in an order, larger first; ties are broken by the second number.
pub(crate) type Key = (u64, u64);

/// A filter, resolved against the dictionary.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Values(Facet, Vec<ValueId>),
    Within(Circle),
    PayAtLeast { usd: i64, or_unstated: bool },
    PublishedSince(i64),
    Any(Vec<Filter>),
    Not(Box<Filter>),
}

impl Filter {
    /// The field whose counts do not heed this filter.
    fn counted(&self) -> Option<Counted> {
        match self {
            Self::Values(facet, _) => Some(Counted::Facet(*facet)),
            Self::PayAtLeast { .. } => Some(Counted::Pay),
            Self::PublishedSince(_) => Some(Counted::PostedWithin),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn accepts(&self, columns: &SegmentColumns, doc: DocId) -> bool {
        match self {
            Self::Values(facet, accepted) => columns.facets[facet.index()]
                .of(doc)
                .iter()
                .any(|id| accepted.contains(id)),
            Self::Within(circle) => columns.points(doc).iter().any(|point| circle.holds(*point)),
            Self::PayAtLeast { usd, or_unstated } => {
                let stated = columns.yearly_usd[doc as usize];
                stated >= *usd || *or_unstated && stated == 0
            }
            Self::PublishedSince(micros) => columns.published_at[doc as usize] >= *micros,
            Self::Any(filters) => filters.iter().any(|filter| filter.accepts(columns, doc)),
            Self::Not(filter) => !filter.accepts(columns, doc),
        }
    }
}

/// A filter and whether a field that is counted does not heed it.
#[derive(Debug, Clone)]
pub(crate) struct Sieve {
    pub(crate) filter: Filter,
    /// The place of that field among those counted.
    pub(crate) spared: Option<usize>,
}

impl Sieve {
    pub(crate) fn of(filters: Vec<Filter>, counted: &[Counted]) -> Vec<Self> {
        let spared = |filter: &Filter| {
            let field = filter.counted()?;
            counted.iter().position(|wanted| *wanted == field)
        };
        filters
            .into_iter()
            .map(|filter| Self {
                spared: spared(&filter),
                filter,
            })
            .collect()
    }
}

/// What to collect.
pub(crate) struct Wanted {
    pub(crate) columns: Arc<Columns>,
    pub(crate) sieves: Arc<[Sieve]>,
    pub(crate) counted: Arc<[Counted]>,
    pub(crate) sort: Sort,
    /// How many hits; 0 for none.
    pub(crate) limit: usize,
    /// Only hits after this place are collected; totals and counts are not touched by it.
    pub(crate) after: Option<Key>,
    /// Hits that were shown already, by the lower half of their tie breaker.
    pub(crate) shown: Arc<HashSet<u32>>,
    /// Whether only the best of the copies of a role is collected; of these roles none is.
    pub(crate) distinct: Option<Arc<HashSet<u32>>>,
    /// Microseconds since 1970: what has expired by then is not there, and age is counted from it.
    pub(crate) now: i64,
}

/// A hit: its place, its role and where it lies.
pub(crate) type Top = (Key, u64, DocAddress);

/// What was collected.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) total: u64,
    pub(crate) counts: Vec<Vec<u32>>,
    /// The best, in order; one more than asked for when there are more.
    pub(crate) top: Vec<Top>,
}

impl Collector for Wanted {
    type Fruit = Collected;
    type Child = OfSegment;

    fn for_segment(&self, ordinal: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<OfSegment> {
        let columns = self.columns.segment(reader.segment_id());
        let columns =
            columns.ok_or_else(|| TantivyError::InternalError("a segment without columns".to_owned()))?;
        let sizes = self.counted.iter().map(|counted| match counted {
            Counted::Facet(facet) => self.columns.dictionary.names(*facet).len(),
            Counted::Pay => PAY_BUCKETS.len(),
            Counted::PostedWithin => POSTED_WITHIN.len(),
        });
        let keep = if self.limit == 0 { 0 } else { self.limit + 1 };
        Ok(OfSegment {
            ordinal,
            columns,
            sieves: Arc::clone(&self.sieves),
            counted: Arc::clone(&self.counted),
            sort: self.sort,
            keep,
            after: self.after,
            shown: Arc::clone(&self.shown),
            distinct: self.distinct.clone(),
            now: self.now,
            total: 0,
            counts: sizes.map(|size| vec![0; size]).collect(),
            heap: Vec::with_capacity(4 * keep),
            floor: None,
        })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance && self.limit > 0
    }

    fn merge_fruits(&self, fruits: Vec<Collected>) -> tantivy::Result<Collected> {
        let mut all = Collected {
            counts: self.counted.iter().map(|_| Vec::new()).collect(),
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
        if self.distinct.is_some() {
            let mut roles = HashSet::new();
            all.top.retain(|(_, role, _)| roles.insert(*role));
        }
        if self.limit == 0 {
            all.top.clear();
        }
        all.top.truncate(self.limit + 1);
        Ok(all)
    }
}

/// The collection over one segment.
pub(crate) struct OfSegment {
    ordinal: SegmentOrdinal,
    columns: Arc<SegmentColumns>,
    sieves: Arc<[Sieve]>,
    counted: Arc<[Counted]>,
    sort: Sort,
    keep: usize,
    after: Option<Key>,
    shown: Arc<HashSet<u32>>,
    distinct: Option<Arc<HashSet<u32>>>,
    now: i64,
    total: u64,
    counts: Vec<Vec<u32>>,
    heap: Vec<(Key, u64, DocId)>,
    floor: Option<Key>,
}

impl OfSegment {
    #[inline]
    fn count(&mut self, n: usize, doc: DocId) {
        let counts = &mut self.counts[n];
        match self.counted[n] {
            Counted::Facet(facet) => {
                for value in self.columns.facets[facet.index()].of(doc) {
                    counts[*value as usize] += 1;
                }
            }
            Counted::Pay => counts[pay_bucket(self.columns.yearly_usd[doc as usize])] += 1,
            Counted::PostedWithin => {
                let hours = (self.now - self.columns.published_at[doc as usize]) / HOUR;
                for (count, (within, _)) in counts.iter_mut().zip(POSTED_WITHIN) {
                    *count += u32::from(hours < within);
                }
            }
        }
    }

    #[inline]
    fn take(&mut self, doc: DocId, score: Score) {
        if self.columns.expires_at[doc as usize] <= self.now {
            return;
        }
        let mut failed = None;
        for sieve in self.sieves.iter() {
            if !sieve.filter.accepts(&self.columns, doc) {
                // Failed twice, or a filter that every count heeds.
                if failed.is_some() || sieve.spared.is_none() {
                    return;
                }
                failed = sieve.spared;
            }
        }
        if let Some(n) = failed {
            self.count(n, doc);
            return;
        }
        self.total += 1;
        for n in 0..self.counted.len() {
            self.count(n, doc);
        }
        if self.keep > 0 {
            self.offer(doc, score);
        }
    }

    #[inline]
    fn offer(&mut self, doc: DocId, score: Score) {
        let at = doc as usize;
        let place = match self.sort {
            Sort::Relevance => u64::from(relevance(&self.columns, at, score, self.now).to_bits() & !NOISE),
            Sort::Newest => ordered(self.columns.published_at[at]),
            Sort::Pay => ordered(self.columns.yearly_usd[at]),
        };
        let key = (place, self.columns.tie[at]);
        if self.after.is_some_and(|after| key >= after) || self.floor.is_some_and(|floor| key <= floor) {
            return;
        }
        if self.shown.contains(&(key.1 as u32)) {
            return;
        }
        let role = self.columns.role[at];
        if let Some(roles) = &self.distinct {
            if roles.contains(&(role as u32)) {
                return;
            }
            if let Some(copy) = self.heap.iter_mut().find(|(_, other, _)| *other == role) {
                if key > copy.0 {
                    *copy = (key, role, doc);
                }
                return;
            }
        }
        self.heap.push((key, role, doc));
        if self.heap.len() >= 4 * self.keep {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.heap.len() > self.keep {
            self.heap
                .select_nth_unstable_by(self.keep - 1, |a, b| b.0.cmp(&a.0));
            self.heap.truncate(self.keep);
            self.floor = self.heap.iter().map(|(key, ..)| *key).min();
        }
    }
}

/// The factors by which a text score is changed: freshness, then completeness.
pub(crate) fn factors(columns: &SegmentColumns, at: usize, now: i64) -> (Score, Score) {
    // Whole days, so that the pages of one search agree.
    let days = ((now / DAY) - (columns.published_at[at] / DAY)).max(0) as f32;
    // Full weight today, nine tenths after a quarter, never below 0.85.
    let freshness = 0.85 + 0.15 * 45.0 / (45.0 + days);
    let completeness = 1.0 + 0.08 * f32::from(columns.completeness[at]) / 100.0;
    (freshness, completeness)
}

#[inline]
fn relevance(columns: &SegmentColumns, at: usize, score: Score, now: i64) -> Score {
    let (freshness, completeness) = factors(columns, at, now);
    // Where words decide nothing, only the date does.
    if score > 0.0 {
        score * freshness * completeness
    } else {
        0.001 * freshness
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
        if self.keep > 0 {
            self.shrink();
        }
        let ordinal = self.ordinal;
        let top = self
            .heap
            .into_iter()
            .map(|(key, role, doc)| (key, role, DocAddress::new(ordinal, doc)))
            .collect();
        Collected {
            total: self.total,
            counts: self.counts,
            top,
        }
    }
}
