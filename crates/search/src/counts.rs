//! Counts over everything that is published, which every reader who has typed nothing yet asks for.

use std::sync::{Arc, Mutex, PoisonError};

use crate::collect::Collected;
use crate::columns::Columns;
use crate::facet::Counted;
use crate::searching::SearchError;

/// Sets of fields whose counts are remembered.
const MAX_SETS: usize = 8;

/// The counts of one state of the index.
#[derive(Default)]
pub(crate) struct Counts(Mutex<Vec<Remembered>>);

struct Remembered {
    counted: Vec<Counted>,
    /// When they were made and when the first of the postings ends that they count, microseconds since 1970.
    from: i64,
    until: i64,
    counts: Arc<Collected>,
}

impl Counts {
    /// The counts of these fields as of `now`: those remembered, or those that `count` makes.
    pub(crate) fn get_or_count(
        &self,
        counted: &[Counted],
        now: i64,
        columns: &Columns,
        count: impl FnOnce() -> Result<Collected, SearchError>,
    ) -> Result<Arc<Collected>, SearchError> {
        let holds = |known: &&Remembered| known.counted == counted && known.from <= now && now < known.until;
        if let Some(known) = self.sets().iter().find(holds) {
            return Ok(Arc::clone(&known.counts));
        }
        let counts = Arc::new(count()?);
        let mut sets = self.sets();
        sets.retain(|known| known.counted != counted);
        if sets.len() >= MAX_SETS {
            sets.remove(0);
        }
        sets.push(Remembered {
            counted: counted.to_vec(),
            from: now,
            until: columns.next_end(now),
            counts: Arc::clone(&counts),
        });
        Ok(counts)
    }

    fn sets(&self) -> std::sync::MutexGuard<'_, Vec<Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
