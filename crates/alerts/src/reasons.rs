//! Whether a posting still matches, and why: the alert's query and its parts, asked of the posting as it is now.

use std::collections::HashMap;
use std::sync::Arc;

use postings::{EmployerRef, Posting, PostingContent, PostingRow};
use search::{Matcher, Query, SearchDocument};
use store::{DbConn, Id, Json, StoreError, Timestamp};

/// A posting that search may show, as search sees it: whole, and its title alone.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) posting: Posting,
    whole: SearchDocument,
    title: SearchDocument,
}

impl Seen {
    fn new(posting: Posting) -> Self {
        let title_only = Posting {
            employer: EmployerRef {
                name: String::new(),
                ..posting.employer.clone()
            },
            row: PostingRow {
                content: Json(PostingContent {
                    title: posting.content().title.clone(),
                    ..PostingContent::default()
                }),
                ..posting.row.clone()
            },
        };
        Self {
            whole: SearchDocument::of(&posting),
            title: SearchDocument::of(&title_only),
            posting,
        }
    }
}

/// A posting that matches an alert now.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) seen: Arc<Seen>,
    /// Whether its title has all words of the search.
    pub(crate) is_in_title: bool,
    /// Why it matches, in words.
    pub(crate) why: String,
}

/// The postings of one pass: most alerts of a pass are about the same ones.
#[derive(Default)]
pub(crate) struct Shelf(HashMap<Id, Option<Arc<Seen>>>);

impl Shelf {
    /// Those of `ids` that search may show now.
    pub(crate) fn take(
        &mut self,
        conn: &mut DbConn,
        ids: &[Id],
        now: Timestamp,
    ) -> Result<Vec<Arc<Seen>>, StoreError> {
        /// Postings kept at once; beyond that the shelf is cleared.
        const ROOM: usize = 5000;
        if self.0.len() > ROOM {
            self.0.clear();
        }
        let missing: Vec<Id> = ids
            .iter()
            .filter(|id| !self.0.contains_key(id))
            .copied()
            .collect();
        if !missing.is_empty() {
            for id in &missing {
                self.0.insert(*id, None);
            }
            for posting in postings::find::list_searchable(conn, &missing, now)? {
                self.0.insert(posting.row.id, Some(Arc::new(Seen::new(posting))));
            }
        }
        Ok(ids
            .iter()
            .filter_map(|id| self.0.get(id).cloned().flatten())
            .collect())
    }
}

/// The query of an alert in its parts.
pub(crate) struct Reasons {
    matcher: Matcher,
    words: Option<String>,
    /// Filters with several values: name of each part, in order.
    parts: Vec<String>,
    /// What every match has in common; said where there is nothing else to say.
    common: String,
    /// What was judged in this pass: whether the title has the words, and why it matches.
    judged: HashMap<Id, Option<(bool, String)>>,
}

/// The queries of one pass: thousands of alerts may ask the same.
#[derive(Default)]
pub(crate) struct Readings(HashMap<String, Reasons>);

impl Readings {
    /// The query of an alert in its parts, with what this pass has judged already.
    pub(crate) fn of(&mut self, query: &Query) -> &mut Reasons {
        /// Queries kept at once; beyond that they are forgotten.
        const ROOM: usize = 200;
        if self.0.len() > ROOM {
            self.0.clear();
        }
        let key = format!("{query:?}");
        self.0.entry(key).or_insert_with(|| Reasons::new(query))
    }
}

/// The whole query.
const WHOLE: u128 = 0;
/// Its words.
const WORDS: u128 = 1;
/// The first of its parts.
const PARTS: u128 = 2;

fn probe(number: u128) -> Id {
    Id::from_bytes(number.to_be_bytes())
}

impl Reasons {
    pub(crate) fn new(query: &Query) -> Self {
        let mut matcher = Matcher::new();
        matcher.insert(probe(WHOLE), query);
        let words = Query {
            q: query.q.clone(),
            ..Query::default()
        };
        let has_words = !words.is_unfiltered();
        if has_words {
            matcher.insert(probe(WORDS), &words);
        }
        let mut parts = Vec::new();
        for (facet, values) in &query.filters {
            // One that leaves no choice says nothing about a single posting: the mail names the whole search on top.
            for value in values.iter().filter(|_| values.len() > 1) {
                let part = Query {
                    filters: [(*facet, vec![value.clone()])].into(),
                    ..Query::default()
                };
                matcher.insert(probe(PARTS + parts.len() as u128), &part);
                parts.push(part.describe());
            }
        }
        let common = Query {
            q: String::new(),
            filters: query
                .filters
                .clone()
                .into_iter()
                .filter(|(_, values)| values.len() == 1)
                .collect(),
            posted_within_hours: None,
            ..query.clone()
        };
        Self {
            matcher,
            words: has_words.then(|| words.describe()),
            parts,
            common: common.describe(),
            judged: HashMap::new(),
        }
    }

    /// The posting with the reasons, when it matches now; `now` is the same throughout a pass.
    pub(crate) fn judge(&mut self, seen: &Arc<Seen>, now: Timestamp) -> Option<Candidate> {
        let id = seen.posting.row.id;
        if !self.judged.contains_key(&id) {
            let verdict = self.look(seen, now);
            self.judged.insert(id, verdict);
        }
        let (is_in_title, why) = self.judged.get(&id)?.clone()?;
        Some(Candidate {
            seen: Arc::clone(seen),
            is_in_title,
            why,
        })
    }

    fn look(&mut self, seen: &Seen, now: Timestamp) -> Option<(bool, String)> {
        let mut found = Vec::new();
        self.matcher.matching(&seen.whole, now, |id| found.push(id));
        if !found.contains(&probe(WHOLE)) {
            return None;
        }
        let mut is_in_title = false;
        self.matcher
            .matching(&seen.title, now, |id| is_in_title |= id == probe(WORDS));
        let words = self.words.as_ref().map(|words| {
            let place = if is_in_title {
                "in the title"
            } else {
                "in the text"
            };
            format!("{words} {place}")
        });
        let parts = self
            .parts
            .iter()
            .enumerate()
            .filter(|(n, _)| found.contains(&probe(PARTS + *n as u128)))
            .map(|(_, words)| words.clone());
        let mut why: Vec<String> = words.into_iter().chain(parts).collect();
        if why.is_empty() {
            why.push(self.common.clone());
        }
        Some((is_in_title, why.join(" · ")))
    }
}
