//! Counting the titles of what a query finds.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::StrColumn;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

use crate::collect::Filter;
use crate::columns::{Columns, SegmentColumns};
use crate::schema::column;

/// Titles of a segment that are looked up at most, most frequent first.
const MAX_TITLES: usize = 200;

/// Collects titles with the number of postings that are not over at `now`, in microseconds since 1970.
pub(crate) struct Titles {
    pub(crate) columns: Arc<Columns>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) now: i64,
}

impl Collector for Titles {
    type Fruit = Vec<(String, u32)>;
    type Child = OfSegment;

    fn for_segment(&self, _: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<OfSegment> {
        let columns = self.columns.segment(reader.segment_id());
        let columns =
            columns.ok_or_else(|| TantivyError::InternalError("a segment without columns".to_owned()))?;
        Ok(OfSegment {
            columns,
            titles: reader.fast_fields().str(column::TITLE)?,
            filters: self.filters.clone(),
            now: self.now,
            counts: HashMap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<tantivy::Result<Self::Fruit>>) -> tantivy::Result<Self::Fruit> {
        Ok(fruits.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// The titles of one segment by their ordinals.
pub(crate) struct OfSegment {
    columns: Arc<SegmentColumns>,
    titles: Option<StrColumn>,
    filters: Vec<Filter>,
    now: i64,
    counts: HashMap<u64, u32>,
}

impl SegmentCollector for OfSegment {
    type Fruit = tantivy::Result<Vec<(String, u32)>>;

    fn collect(&mut self, doc: DocId, _: Score) {
        let Some(titles) = &self.titles else { return };
        let accepted = self
            .filters
            .iter()
            .all(|filter| filter.accepts(&self.columns, doc));
        if accepted && self.columns.expires_at[doc as usize] > self.now {
            for ordinal in titles.ords().values_for_doc(doc) {
                *self.counts.entry(ordinal).or_default() += 1;
            }
        }
    }

    fn harvest(self) -> Self::Fruit {
        let Some(titles) = self.titles else {
            return Ok(Vec::new());
        };
        let mut counts: Vec<(u64, u32)> = self.counts.into_iter().collect();
        counts.sort_unstable_by_key(|(ordinal, count)| (Reverse(*count), *ordinal));
        counts.truncate(MAX_TITLES);
        let mut found = Vec::with_capacity(counts.len());
        for (ordinal, count) in counts {
            let mut title = String::new();
            titles.ord_to_str(ordinal, &mut title)?;
            found.push((title, count));
        }
        Ok(found)
    }
}
