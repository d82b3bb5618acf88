//! What is remembered of one state of the index: counts over everything that is published, which every reader who has typed
//! nothing yet asks for, and spellings.

use std::collections::HashMap;
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

/// What was looked up about words in one state of the index, the spelling of one or the longer words that hold it: going
/// through all its words takes milliseconds.
pub(crate) struct Lookups<T>(Mutex<HashMap<String, T>>);

impl<T> Default for Lookups<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Words that are remembered before all are forgotten.
const MAX_LOOKUPS: usize = 2_000;

impl<T: Clone> Lookups<T> {
    /// What is known of a word, or what `look` finds.
    pub(crate) fn get_or_look(
        &self,
        word: &str,
        look: impl FnOnce() -> Result<T, SearchError>,
    ) -> Result<T, SearchError> {
        if let Some(known) = self.words().get(word) {
            return Ok(known.clone());
        }
        let found = look()?;
        let mut words = self.words();
        if words.len() >= MAX_LOOKUPS {
            words.clear();
        }
        words.insert(word.to_owned(), found.clone());
        Ok(found)
    }

    fn words(&self) -> std::sync::MutexGuard<'_, HashMap<String, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
