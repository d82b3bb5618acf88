//! Search turned around: which of the stored queries match this posting?
//!
//! Equal queries share one entry. Each entry hangs on an *anchor*, its rarest required token; a posting looks up its own
//! tokens and verifies only what hangs there, so the cost follows the matches and not the number of queries. Tokens are
//! the analyzer's words, the values of facets, concepts, and cells of the map.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use store::{Id, Timestamp};

use crate::analyzer::{self, each_token};
use crate::compiled::{Compiled, Rest, Scratch, TokenId, Way};
use crate::document::SearchDocument;
use crate::meaning::{Alternative, Meaning};
use crate::query::Query;
use crate::text::Leaf;

type Slot = u32;

/// Stored queries, ready to be asked by a posting.
pub struct Matcher {
    tokens: HashMap<Box<str>, TokenId>,
    /// In how many observed postings a token stood: rare ones make good anchors.
    frequency: Vec<u32>,
    /// The query slots that hang on a token.
    anchored: Vec<Vec<Slot>>,
    /// Slots without any token: only numbers or places.
    unanchored: Vec<Slot>,
    slots: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_query: HashMap<u128, Slot>,
    by_id: HashMap<Id, Slot>,
    hashers: (RandomState, RandomState),
    scratch: Scratch,
    /// For each slot, the epoch in which it last answered.
    answered: Vec<u32>,
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher")
            .field("len", &self.len())
            .field("queries", &self.by_query.len())
            .finish_non_exhaustive()
    }
}

struct Entry {
    key: u128,
    compiled: Compiled,
    anchors: Vec<TokenId>,
    ids: Vec<Id>,
}

impl Default for Matcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Matcher {
    /// A matcher without queries.
    pub fn new() -> Self {
        Self {
            tokens: HashMap::new(),
            frequency: Vec::new(),
            anchored: Vec::new(),
            unanchored: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            by_query: HashMap::new(),
            by_id: HashMap::new(),
            hashers: (RandomState::new(), RandomState::new()),
            scratch: Scratch {
                analyzer: analyzer::analyzer(),
                epoch: 0,
                seen: Vec::new(),
                present: Vec::new(),
                places: Vec::new(),
            },
            answered: Vec::new(),
        }
    }

    /// How many ids are stored.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is stored.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Learns from a posting which tokens are frequent. A few hundred before the queries are inserted are enough.
    pub fn observe(&mut self, document: &SearchDocument) {
        let mut words: Vec<String> = Vec::new();
        document.each_term(|term| words.push(term.to_owned()));
        words.extend(
            document
                .concepts
                .iter()
                .map(|(_, concept)| concept_token(concept)),
        );
        for text in document.texts() {
            each_token(&mut self.scratch.analyzer, text, |word, _| {
                words.push(word.to_owned());
            });
        }
        words.sort_unstable();
        words.dedup();
        for word in words {
            let token = self.intern(&word);
            self.frequency[token as usize] += 1;
        }
    }

    /// Stores `query` for `id`; an earlier query of this id is replaced.
    pub fn insert(&mut self, id: Id, query: &Query) {
        self.remove(id);
        let meaning = query.interpretation().meaning;
        let key = self.key_of(query, &meaning);
        let slot = match self.by_query.get(&key) {
            Some(slot) => *slot,
            None => self.add_entry(key, query, &meaning),
        };
        if let Some(entry) = &mut self.slots[slot as usize] {
            entry.ids.push(id);
        }
        self.by_id.insert(id, slot);
    }

    /// Forgets `id`.
    pub fn remove(&mut self, id: Id) {
        let Some(slot) = self.by_id.remove(&id) else {
            return;
        };
        let Some(entry) = &mut self.slots[slot as usize] else {
            return;
        };
        entry.ids.retain(|known| *known != id);
        if !entry.ids.is_empty() {
            return;
        }
        if let Some(entry) = self.slots[slot as usize].take() {
            self.by_query.remove(&entry.key);
            if entry.anchors.is_empty() {
                self.unanchored.retain(|known| *known != slot);
            }
            for token in entry.anchors {
                self.anchored[token as usize].retain(|known| *known != slot);
            }
            self.free.push(slot);
        }
    }

    /// Calls `each` with every id whose query matches `document` as of `now`, each once.
    pub fn matching(&mut self, document: &SearchDocument, now: Timestamp, mut each: impl FnMut(Id)) {
        if document.expires_at <= now.micros() {
            return;
        }
        self.note(document);
        let Self {
            anchored,
            unanchored,
            slots,
            scratch,
            answered,
            ..
        } = self;
        answered.resize(slots.len(), 0);
        let on_anchors = scratch
            .present
            .iter()
            .flat_map(|token| &anchored[*token as usize]);
        for slot in on_anchors.chain(unanchored.iter()) {
            let Some(entry) = &slots[*slot as usize] else {
                continue;
            };
            if !entry.compiled.matches(document, scratch, now) {
                continue;
            }
            // An entry with alternatives hangs on several tokens and may come up twice.
            if answered[*slot as usize] == scratch.epoch {
                continue;
            }
            answered[*slot as usize] = scratch.epoch;
            entry.ids.iter().for_each(|id| each(*id));
        }
    }

    /// Queries that ask for the same have the same key, whatever words they were typed in.
    fn key_of(&self, query: &Query, meaning: &Meaning) -> u128 {
        let filters = Query {
            q: String::new(),
            is_literal: false,
            ..query.clone()
        };
        let text = serde_json::to_string(&(meaning.key(), filters)).unwrap_or_default();
        (u128::from(self.hashers.0.hash_one(&text)) << 64) | u128::from(self.hashers.1.hash_one(&text))
    }

    fn add_entry(&mut self, key: u128, query: &Query, meaning: &Meaning) -> Slot {
        let compiled = self.compile(query, meaning);
        let anchors = self.choose_anchors(&compiled);
        let slot = self.free.pop().unwrap_or(self.slots.len() as Slot);
        if anchors.is_empty() {
            self.unanchored.push(slot);
        }
        for token in &anchors {
            self.anchored[*token as usize].push(slot);
        }
        let entry = Some(Entry {
            key,
            compiled,
            anchors,
            ids: Vec::with_capacity(1),
        });
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = entry,
            None => self.slots.push(entry),
        }
        self.by_query.insert(key, slot);
        slot
    }

    fn compile(&mut self, query: &Query, meaning: &Meaning) -> Compiled {
        let mut all = Vec::new();
        let mut any: Vec<Box<[TokenId]>> = Vec::new();
        let mut rest = Rest::default();
        for clause in &meaning.required {
            let ways: Vec<Way> = clause.any.iter().map(|way| self.way(way)).collect();
            self.require(ways, &mut all, &mut any, &mut rest);
        }
        let excluded = meaning.excluded.iter().flat_map(|clause| &clause.any);
        rest.excluded = excluded.map(|way| self.way(way)).collect();
        for facet in query.filters.keys() {
            let values = query.accepted(*facet).unwrap_or_default();
            let ways = values
                .iter()
                .map(|value| Way::Tokens(vec![self.intern(&facet.term(value))]));
            let ways = ways.collect();
            self.require(ways, &mut all, &mut any, &mut rest);
        }
        if let Some(near) = &query.near {
            self.require(vec![Way::Within(near.circle())], &mut all, &mut any, &mut rest);
        }
        if let Some(role) = &query.role {
            all.push(self.intern(&format!("role:{role}")));
        }
        let mut pay_min_usd = query.pay_min_usd().map_or(0, |usd| usd.max(1));
        if pay_min_usd > 0 && query.pay_unstated {
            rest.groups.push(vec![Way::PayAtLeast {
                usd: pay_min_usd,
                or_unstated: true,
            }]);
            pay_min_usd = 0;
        }
        rest.posted_within_hours = query.posted_within_hours;
        all.sort_unstable_by_key(|token| self.frequency[*token as usize]);
        all.dedup();
        Compiled {
            all: all.into(),
            any: any.into(),
            pay_min_usd,
            rest: (!rest.is_empty()).then(|| Box::new(rest)),
        }
    }

    fn way(&mut self, alternative: &Alternative) -> Way {
        match alternative {
            Alternative::Words(leaf) => Way::Tokens(self.intern_leaf(leaf)),
            Alternative::Concept(concept) => Way::Tokens(vec![self.intern(&concept_token(concept))]),
            Alternative::Value(facet, value) => Way::Tokens(vec![self.intern(&facet.term(value))]),
            Alternative::Within(circle) => Way::Within(*circle),
            Alternative::PayAtLeast(usd) => Way::PayAtLeast {
                usd: *usd,
                or_unstated: false,
            },
        }
    }

    /// Requires one of `ways`: by tokens where they decide, else by tokens that every match has and a closer look.
    fn require(
        &mut self,
        ways: Vec<Way>,
        all: &mut Vec<TokenId>,
        any: &mut Vec<Box<[TokenId]>>,
        rest: &mut Rest,
    ) {
        let is_decided = ways
            .iter()
            .all(|way| matches!(way, Way::Tokens(tokens) if tokens.len() == 1));
        if let [Way::Tokens(tokens)] = ways.as_slice() {
            all.extend_from_slice(tokens);
        } else {
            let needed: Option<Vec<Vec<TokenId>>> = ways.iter().map(|way| self.signs_of(way)).collect();
            any.extend(needed.map(|tokens| tokens.concat().into()));
        }
        // A phrase needs the places of its words; a leaf without words, from a text that no longer parses, is never found.
        if !is_decided {
            rest.groups.push(ways);
        }
    }

    /// Tokens of which a posting that is found in this way has one; `None` when there are none to tell.
    fn signs_of(&mut self, way: &Way) -> Option<Vec<TokenId>> {
        match way {
            Way::Tokens(tokens) => Some(self.rarest(tokens).into_iter().collect()),
            Way::Within(circle) => {
                let cells = circle.cells()?;
                Some(cells.iter().map(|cell| self.intern(cell)).collect())
            }
            Way::PayAtLeast { .. } => None,
        }
    }

    /// The token, or the alternatives, that the fewest postings have.
    fn choose_anchors(&self, compiled: &Compiled) -> Vec<TokenId> {
        let cost = |tokens: &[TokenId]| {
            tokens
                .iter()
                .map(|token| u64::from(self.frequency[*token as usize]))
                .sum::<u64>()
        };
        let single = compiled.all.chunks(1);
        let choices = single
            .chain(compiled.any.iter().map(AsRef::as_ref))
            .filter(|tokens| !tokens.is_empty());
        choices
            .min_by_key(|tokens| (cost(tokens), tokens.len()))
            .map(<[TokenId]>::to_vec)
            .unwrap_or_default()
    }

    fn intern_leaf(&mut self, leaf: &Leaf) -> Vec<TokenId> {
        leaf.iter().map(|word| self.intern(word)).collect()
    }

    fn rarest(&self, tokens: &[TokenId]) -> Option<TokenId> {
        tokens
            .iter()
            .copied()
            .min_by_key(|token| self.frequency[*token as usize])
    }

    fn intern(&mut self, token: &str) -> TokenId {
        if let Some(id) = self.tokens.get(token) {
            return *id;
        }
        let id = self.frequency.len() as TokenId;
        self.tokens.insert(token.into(), id);
        self.frequency.push(0);
        self.anchored.push(Vec::new());
        self.scratch.seen.push(0);
        id
    }

    /// Notes which of the known tokens `document` has, and where its words stand.
    fn note(&mut self, document: &SearchDocument) {
        let Self {
            tokens,
            scratch,
            answered,
            ..
        } = self;
        let Scratch {
            analyzer,
            epoch,
            seen,
            present,
            places,
        } = scratch;
        if *epoch == u32::MAX {
            seen.fill(0);
            answered.fill(0);
            *epoch = 0;
        }
        *epoch += 1;
        present.clear();
        places.clear();
        let mut note = |token: TokenId| {
            if seen[token as usize] != *epoch {
                seen[token as usize] = *epoch;
                present.push(token);
            }
        };
        document.each_term(|term| tokens.get(term).into_iter().for_each(|token| note(*token)));
        for (_, concept) in &document.concepts {
            let token = tokens.get(concept_token(concept).as_str());
            if let Some(token) = token {
                note(*token);
            }
        }
        for (n, text) in document.texts().into_iter().enumerate() {
            each_token(analyzer, text, |word, position| {
                if let Some(token) = tokens.get(word) {
                    note(*token);
                    places.push((*token, n as u32, position));
                }
            });
        }
        places.sort_unstable();
    }
}

/// A facet's value as a token; no word contains the separator.
/// The token of a concept, however it is said.
fn concept_token(concept: &str) -> String {
    format!("is:{concept}")
}
