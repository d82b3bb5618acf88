//! One pass over the candidates: filters, total, disjunctive counts and the best hits together.
//!
//! The counts of a field ignore that field's own filter, so that a reader sees what choosing another value would give. A
//! candidate that fails exactly one filter therefore still counts for that filter's field.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

use crate::columns::{Columns, SegmentColumns, ValueId};
use crate::facet::{Counted, Facet, PAY_BUCKETS, POSTED_WITHIN, pay_bucket};
use crate::meaning::Circle;
use crate::query::Sort;
use crate::worth::{SegmentWorth, Worth};

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
            Self::Values(facet, accepted) => columns.facets[facet.index()].has_any(doc, accepted),
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
    /// What the score is made of; without it Tantivy's own score of the query.
    pub(crate) worth: Option<Arc<Worth>>,
    /// How many hits; 0 for none.
    pub(crate) limit: usize,
    /// Only hits after this place are collected; totals and counts are not touched by it.
    pub(crate) after: Option<Key>,
    /// Hits that were shown already, by the lower half of their tie breaker.
    pub(crate) shown: Arc<HashSet<u32>>,
    /// Whether only the best of the copies of a role is collected; of these roles none is.
    pub(crate) distinct: Option<Arc<HashSet<u32>>>,
    /// Whether it is remembered which postings passed all filters.
    pub(crate) keeps_matched: bool,
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
    /// What passed all filters, by segment.
    pub(crate) matched: HashMap<SegmentOrdinal, BitSet>,
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
            factors: match self.sort {
                Sort::Relevance if keep > 0 => columns.factors(self.now / DAY, |at| {
                    let (freshness, completeness) = factors(&columns, at, self.now);
                    freshness * completeness
                }),
                _ => Arc::default(),
            },
            may_be_over: columns.first_end <= self.now,
            columns,
            sieves: Arc::clone(&self.sieves),
            counted: Arc::clone(&self.counted),
            sort: self.sort,
            worth: match &self.worth {
                Some(worth) if self.sort == Sort::Relevance && keep > 0 => Some(worth.in_segment(reader)?),
                _ => None,
            },
            keep,
            after: self.after,
            shown: Arc::clone(&self.shown),
            distinct: self.distinct.clone(),
            now: self.now,
            total: 0,
            counts: sizes.map(|size| vec![0; size]).collect(),
            passed: Vec::with_capacity(if self.counted.is_empty() { 0 } else { BLOCK }),
            failed: self.counted.iter().map(|_| Vec::new()).collect(),
            heap: Vec::with_capacity(4 * keep),
            floor: None,
            matched: self
                .keeps_matched
                .then(|| BitSet::with_room_for(reader.max_doc())),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.worth.is_none() && self.sort == Sort::Relevance && self.limit > 0
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
            all.matched.extend(fruit.matched);
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

/// Candidates that are looked at together: small enough for the nearest cache.
const BLOCK: usize = 512;

/// The collection over one segment.
///
/// Candidates are gathered in blocks and counted one column after the other: a tight loop over one column is several times
/// faster than a look into every column for each candidate.
pub(crate) struct OfSegment {
    ordinal: SegmentOrdinal,
    columns: Arc<SegmentColumns>,
    /// By what scores are multiplied.
    factors: Arc<[Score]>,
    /// Whether one of its postings may have ended.
    may_be_over: bool,
    sieves: Arc<[Sieve]>,
    counted: Arc<[Counted]>,
    sort: Sort,
    worth: Option<SegmentWorth>,
    keep: usize,
    after: Option<Key>,
    shown: Arc<HashSet<u32>>,
    distinct: Option<Arc<HashSet<u32>>>,
    now: i64,
    total: u64,
    counts: Vec<Vec<u32>>,
    /// Of a block, what passes all filters, and by counted field what fails only that field's filter.
    passed: Vec<DocId>,
    failed: Vec<Vec<DocId>>,
    heap: Vec<(Key, u64, DocId)>,
    floor: Option<Key>,
    matched: Option<BitSet>,
}

/// A set of documents.
#[derive(Debug)]
pub(crate) struct BitSet(Vec<u64>);

impl BitSet {
    fn with_room_for(documents: u32) -> Self {
        Self(vec![0; documents.div_ceil(64) as usize])
    }

    #[inline]
    fn insert(&mut self, doc: DocId) {
        self.0[doc as usize / 64] |= 1 << (doc % 64);
    }

    pub(crate) fn contains(&self, doc: DocId) -> bool {
        self.0[doc as usize / 64] >> (doc % 64) & 1 == 1
    }
}

/// Counts the values of one column in a block.
fn count(columns: &SegmentColumns, counted: Counted, counts: &mut [u32], docs: &[DocId], now: i64) {
    match counted {
        Counted::Facet(facet) => columns.facets[facet.index()].count(docs, counts),
        Counted::Pay => {
            for doc in docs {
                counts[pay_bucket(columns.yearly_usd[*doc as usize])] += 1;
            }
        }
        Counted::PostedWithin => {
            for doc in docs {
                let hours = (now - columns.published_at[*doc as usize]) / HOUR;
                for (count, (within, _)) in counts.iter_mut().zip(POSTED_WITHIN) {
                    *count += u32::from(hours < within);
                }
            }
        }
    }
}

impl OfSegment {
    #[inline]
    fn take(&mut self, doc: DocId, score: Score) {
        if self.may_be_over && self.columns.expires_at[doc as usize] <= self.now {
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
            self.failed[n].push(doc);
            if self.failed[n].len() == BLOCK {
                self.count_failed(n);
            }
            return;
        }
        self.total += 1;
        if !self.counted.is_empty() {
            self.passed.push(doc);
            if self.passed.len() == BLOCK {
                self.count_passed();
            }
        }
        if self.keep > 0 {
            self.offer(doc, score);
        }
        if let Some(matched) = &mut self.matched {
            matched.insert(doc);
        }
    }

    fn count_passed(&mut self) {
        for (counted, counts) in self.counted.iter().zip(&mut self.counts) {
            count(&self.columns, *counted, counts, &self.passed, self.now);
        }
        self.passed.clear();
    }

    fn count_failed(&mut self, n: usize) {
        count(
            &self.columns,
            self.counted[n],
            &mut self.counts[n],
            &self.failed[n],
            self.now,
        );
        self.failed[n].clear();
    }

    #[inline]
    fn offer(&mut self, doc: DocId, score: Score) {
        let at = doc as usize;
        let score = self.worth.as_mut().map_or(score, |worth| worth.score(doc));
        let place = match self.sort {
            Sort::Relevance if score > 0.0 => u64::from((score * self.factors[at]).to_bits() & !NOISE),
            // Where words decide nothing, only the date does.
            Sort::Relevance => {
                let (freshness, _) = factors(&self.columns, at, self.now);
                u64::from((0.001 * freshness).to_bits() & !NOISE)
            }
            Sort::Newest => ordered(self.columns.published_at[at]),
            Sort::Pay => ordered(self.columns.yearly_usd[at]),
        };
        if self.floor.is_some_and(|floor| place < floor.0) {
            return;
        }
        let key = (place, self.columns.tie[at]);
        if self.after.is_some_and(|after| key >= after) || self.floor.is_some_and(|floor| key <= floor) {
            return;
        }
        if self.shown.contains(&(key.1 as u32)) {
            return;
        }
        let role = self.columns.role[at];
        if let Some(roles) = &self.distinct
            && roles.contains(&(role as u32))
        {
            return;
        }
        self.heap.push((key, role, doc));
        if self.heap.len() >= 4 * self.keep {
            self.shrink();
        }
    }

    /// Keeps the best; of the copies of a role the best one.
    fn shrink(&mut self) {
        if self.distinct.is_some() {
            self.heap.sort_unstable_by_key(|hit| Reverse(hit.0));
            let mut roles = HashSet::with_capacity(self.heap.len());
            self.heap.retain(|(_, role, _)| roles.insert(*role));
        }
        if self.heap.len() > self.keep {
            if self.distinct.is_none() {
                self.heap
                    .select_nth_unstable_by(self.keep - 1, |a, b| b.0.cmp(&a.0));
            }
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
        self.count_passed();
        for n in 0..self.failed.len() {
            self.count_failed(n);
        }
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
            matched: self
                .matched
                .into_iter()
                .map(|matched| (ordinal, matched))
                .collect(),
        }
    }
}
