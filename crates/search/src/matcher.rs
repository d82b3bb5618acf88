//! Search turned around: which of the stored queries match this posting?
//!
//! Equal queries share one entry. Each entry hangs on its rarest required token; a posting looks up its own tokens and
//! verifies only what hangs there, so the cost follows the matches and not the number of queries. What it takes to refuse
//! a posting lies in one row beside its neighbours, so that verifying reads memory in order.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use store::{Id, Timestamp};

use crate::compiled::{Candidate, Compiled, Rest};
use crate::document::SearchDocument;
use crate::facet::Facet;
use crate::interpret::interpret;
use crate::query::Query;
use crate::tokens::{ALWAYS, Noted, TokenId, Tokens};

/// Texts whose meaning is remembered before all are forgotten: many people type the same words.
const MAX_TEXTS: usize = 20_000;

type Slot = u32;

/// Stored queries, ready to be asked by a posting.
pub struct Matcher {
    tokens: Tokens,
    /// What hangs on a token; those of tokens that came later are empty.
    hanging: Vec<Vec<Candidate>>,
    slots: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_query: HashMap<u128, Slot>,
    by_id: HashMap<Id, Slot>,
    texts: HashMap<String, Compiled>,
    hashers: (RandomState, RandomState),
    noted: Noted,
    hits: Vec<Slot>,
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
    ids: Ids,
    /// What its row does not decide.
    rest: Option<Box<Rest>>,
    /// The token it hangs on.
    anchor: TokenId,
}

/// Most queries are one person's.
enum Ids {
    One(Id),
    Many(Vec<Id>),
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
            tokens: Tokens::new(),
            hanging: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            by_query: HashMap::new(),
            by_id: HashMap::new(),
            texts: HashMap::new(),
            hashers: (RandomState::new(), RandomState::new()),
            noted: Noted::default(),
            hits: Vec::new(),
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
        self.tokens.observe(document, &mut self.noted);
    }

    /// Stores `query` for `id`; an earlier query of this id is replaced.
    pub fn insert(&mut self, id: Id, query: &Query) {
        self.remove(id);
        let compiled = self.compile(query);
        let key = self.key_of(&compiled);
        let slot = match self.by_query.get(&key) {
            Some(slot) => *slot,
            None => self.add_entry(key, compiled),
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
        if entry.ids.remove(id) > 0 {
            return;
        }
        let (key, anchor) = (entry.key, entry.anchor as usize);
        self.slots[slot as usize] = None;
        self.by_query.remove(&key);
        let beside = &mut self.hanging[anchor];
        if let Some(at) = beside.iter().position(|candidate| candidate.slot == slot) {
            beside.swap_remove(at);
        }
        self.free.push(slot);
    }

    /// Calls `each` with every id whose query matches `document` as of `now`, each once.
    pub fn matching(&mut self, document: &SearchDocument, now: Timestamp, mut each: impl FnMut(Id)) {
        if document.expires_at <= now.micros() {
            return;
        }
        let Self {
            tokens,
            hanging,
            slots,
            noted,
            hits,
            ..
        } = self;
        tokens.note(document, noted);
        hits.clear();
        let yearly_usd = document.yearly_usd.max(0);
        for token in &noted.present {
            let candidates = hanging.get(*token as usize).into_iter().flatten();
            let found = candidates.filter(|candidate| candidate.may_match(noted, yearly_usd));
            hits.extend(found.map(|candidate| candidate.slot));
        }
        // An entry hangs on one token, so none comes up twice.
        for slot in hits.iter() {
            let Some(entry) = &slots[*slot as usize] else {
                continue;
            };
            let rest = entry.rest.as_ref();
            if rest.is_none_or(|rest| rest.matches(document, noted, now)) {
                entry.ids.as_slice().iter().for_each(|id| each(*id));
            }
        }
    }

    fn compile(&mut self, query: &Query) -> Compiled {
        let text = self.compile_text(query);
        text.with_filters(query, &mut self.tokens)
    }

    fn compile_text(&mut self, query: &Query) -> Compiled {
        if query.q.is_empty() {
            return Compiled::default();
        }
        // All that the meaning of a text depends on.
        let workplace = query.filters.get_key_value(&Facet::Workplace);
        let typed = Query {
            q: query.q.clone(),
            is_literal: query.is_literal,
            filters: workplace
                .map(|(facet, values)| (*facet, values.clone()))
                .into_iter()
                .collect(),
            ..Query::default()
        };
        let name = format!("{:?} {} {}", typed.filters, typed.is_literal, typed.q);
        if let Some(known) = self.texts.get(&name) {
            return known.clone();
        }
        let compiled = Compiled::of_text(&interpret(&typed).meaning, &mut self.tokens);
        if self.texts.len() >= MAX_TEXTS {
            self.texts.clear();
        }
        self.texts.insert(name, compiled.clone());
        compiled
    }

    /// Queries that ask for the same have the same key, whatever words they were typed in.
    fn key_of(&self, compiled: &Compiled) -> u128 {
        let (high, low) = (&self.hashers.0, &self.hashers.1);
        (u128::from(high.hash_one(compiled)) << 64) | u128::from(low.hash_one(compiled))
    }

    fn add_entry(&mut self, key: u128, compiled: Compiled) -> Slot {
        let Compiled {
            mut all,
            pay_min_usd,
            mut rest,
        } = compiled;
        all.sort_unstable_by_key(|token| self.tokens.frequency(*token));
        let (anchor, others) = all
            .split_first()
            .map_or((ALWAYS, &all[..]), |(first, others)| (*first, others));
        let slot = self.free.pop().unwrap_or(self.slots.len() as Slot);
        if self.hanging.len() < self.tokens.len() {
            self.hanging.resize_with(self.tokens.len(), Vec::new);
        }
        self.hanging[anchor as usize].push(Candidate::new(others, pay_min_usd, slot));
        rest.all = others.iter().skip(Candidate::TOKENS).copied().collect();
        let entry = Some(Entry {
            key,
            ids: Ids::Many(Vec::new()),
            rest: (!rest.is_empty()).then(|| Box::new(rest)),
            anchor,
        });
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = entry,
            None => self.slots.push(entry),
        }
        self.by_query.insert(key, slot);
        slot
    }
}

impl Ids {
    fn push(&mut self, id: Id) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, id]),
            Self::Many(ids) if ids.is_empty() => *self = Self::One(id),
            Self::Many(ids) => ids.push(id),
        }
    }

    /// Takes `id` out; returns how many are left.
    fn remove(&mut self, id: Id) -> usize {
        match self {
            Self::One(only) if *only == id => *self = Self::Many(Vec::new()),
            Self::One(_) => {}
            Self::Many(ids) => ids.retain(|known| *known != id),
        }
        self.as_slice().len()
    }

    fn as_slice(&self) -> &[Id] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}
