//! What a posting can have, as numbers: words, values of facets, concepts and cells of the map, and what follows from
//! them: phrases, circles, and one of several.
//!
//! What follows is worked out once for a posting, however many stored queries ask for it.

use std::collections::HashMap;
use std::fmt::Write as _;

use tantivy::tokenizer::TextAnalyzer;

use crate::analyzer::{self, each_token};
use crate::document::SearchDocument;
use crate::meaning::Circle;

pub(crate) type TokenId = u32;

/// Every posting has it.
pub(crate) const ALWAYS: TokenId = 0;
/// No posting has it.
pub(crate) const NEVER: TokenId = 1;

/// How often something is taken to be seen that was never counted and may be anywhere.
const OFTEN: u32 = u32::MAX / 2;

/// The known tokens.
pub(crate) struct Tokens {
    by_name: HashMap<Box<str>, TokenId>,
    known: Vec<Token>,
    analyzer: TextAnalyzer,
}

struct Token {
    /// In how many observed postings it stood, or is expected to have stood.
    frequency: u32,
    /// Whether its places in a text matter.
    is_in_phrase: bool,
    kind: Kind,
    /// Tokens that a posting may have because it has this one.
    leads_to: Vec<TokenId>,
}

enum Kind {
    /// Stands in the posting.
    Plain,
    /// There when one of those is that lead to it.
    Any,
    /// These next to each other, in order, in one text.
    Phrase(Box<[TokenId]>),
    /// A place of work in it.
    Circle(Circle),
}

/// What one posting has.
#[derive(Default)]
pub(crate) struct Noted {
    /// One bit for each token.
    bits: Vec<u64>,
    pub(crate) present: Vec<TokenId>,
    /// (token, text, position) of the words of phrases, sorted.
    places: Vec<(TokenId, u32, u32)>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        let mut tokens = Self {
            by_name: HashMap::new(),
            known: Vec::new(),
            analyzer: analyzer::analyzer(),
        };
        // No word and no value is called so.
        tokens.add("always:", u32::MAX, Kind::Plain);
        tokens.add("never:", 0, Kind::Plain);
        tokens
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The token of a word, of a term of [`SearchDocument::each_term`] or of [`concept`].
    pub(crate) fn plain(&mut self, name: &str) -> TokenId {
        match self.by_name.get(name) {
            Some(token) => *token,
            None => self.add(name, 0, Kind::Plain),
        }
    }

    /// The token of words that stand next to each other; [`NEVER`] when there are none.
    pub(crate) fn phrase(&mut self, words: &[String]) -> TokenId {
        let leaf: Box<[TokenId]> = words.iter().map(|word| self.plain(word)).collect();
        let rarest = leaf.iter().copied().min_by_key(|token| self.frequency(*token));
        let Some(rarest) = rarest else { return NEVER };
        if let [word] = *leaf {
            return word;
        }
        let name = name_of("phrase:", &leaf);
        if let Some(token) = self.by_name.get(name.as_str()) {
            return *token;
        }
        for word in &leaf {
            self.known[*word as usize].is_in_phrase = true;
        }
        let token = self.add(&name, self.frequency(rarest), Kind::Phrase(leaf));
        self.known[rarest as usize].leads_to.push(token);
        token
    }

    /// The token of a place of work in `circle`.
    pub(crate) fn circle(&mut self, circle: Circle) -> TokenId {
        let name = format!("circle:{}:{}:{}", circle.latitude, circle.longitude, circle.km);
        if let Some(token) = self.by_name.get(name.as_str()) {
            return *token;
        }
        let cells: Option<Vec<TokenId>> = circle
            .cells()
            .map(|cells| cells.iter().map(|cell| self.plain(cell)).collect());
        let frequency = cells.as_ref().map_or(OFTEN, |cells| self.sum(cells));
        let token = self.add(&name, frequency, Kind::Circle(circle));
        for cell in cells.unwrap_or_else(|| vec![ALWAYS]) {
            self.known[cell as usize].leads_to.push(token);
        }
        token
    }

    /// The token of having at least one of `tokens`.
    pub(crate) fn any(&mut self, mut tokens: Vec<TokenId>) -> TokenId {
        tokens.sort_unstable();
        tokens.dedup();
        match tokens.as_slice() {
            [] => return NEVER,
            [token] => return *token,
            _ => {}
        }
        let name = name_of("any:", &tokens);
        if let Some(token) = self.by_name.get(name.as_str()) {
            return *token;
        }
        let token = self.add(&name, self.sum(&tokens), Kind::Any);
        for member in tokens {
            self.known[member as usize].leads_to.push(token);
        }
        token
    }

    /// How many of the observed postings have it, or may have it.
    pub(crate) fn frequency(&self, token: TokenId) -> u32 {
        self.known[token as usize].frequency
    }

    fn sum(&self, tokens: &[TokenId]) -> u32 {
        tokens
            .iter()
            .fold(0, |sum, token| self.frequency(*token).saturating_add(sum))
    }

    fn add(&mut self, name: &str, frequency: u32, kind: Kind) -> TokenId {
        let token = self.known.len() as TokenId;
        self.by_name.insert(name.into(), token);
        self.known.push(Token {
            frequency,
            is_in_phrase: false,
            kind,
            leads_to: Vec::new(),
        });
        token
    }

    /// Counts what `document` has.
    pub(crate) fn observe(&mut self, document: &SearchDocument, noted: &mut Noted) {
        let mut names: Vec<String> = Vec::new();
        document.each_term(|term| names.push(term.to_owned()));
        names.extend(document.concepts.iter().map(|(_, id)| concept(id)));
        for text in document.texts() {
            each_token(&mut self.analyzer, text, |word, _| names.push(word.to_owned()));
        }
        for name in names {
            self.plain(&name);
        }
        self.note(document, noted);
        for token in &noted.present {
            let known = &mut self.known[*token as usize];
            known.frequency = known.frequency.saturating_add(1);
        }
    }

    /// Finds out which of the known tokens `document` has.
    pub(crate) fn note(&mut self, document: &SearchDocument, noted: &mut Noted) {
        noted.clear(self.len());
        noted.mark(ALWAYS);
        let Self {
            by_name,
            known,
            analyzer,
        } = self;
        let mut mark = |name: &str| {
            if let Some(token) = by_name.get(name) {
                noted.mark(*token);
            }
        };
        document.each_term(&mut mark);
        document.concepts.iter().for_each(|(_, id)| mark(&concept(id)));
        for (n, text) in document.texts().into_iter().enumerate() {
            each_token(analyzer, text, |word, position| {
                let Some(token) = by_name.get(word) else { return };
                noted.mark(*token);
                if known[*token as usize].is_in_phrase {
                    noted.places.push((*token, n as u32, position));
                }
            });
        }
        noted.places.sort_unstable();
        // What follows may lead on: `present` grows meanwhile.
        let mut at = 0;
        while let Some(token) = noted.present.get(at) {
            at += 1;
            for next in &known[*token as usize].leads_to {
                if noted.has(*next) {
                    continue;
                }
                let is_there = match &known[*next as usize].kind {
                    Kind::Plain | Kind::Any => true,
                    Kind::Phrase(leaf) => noted.has_phrase(leaf),
                    Kind::Circle(circle) => document.points.iter().any(|point| circle.holds(*point)),
                };
                if is_there {
                    noted.mark(*next);
                }
            }
        }
    }
}

impl Noted {
    fn clear(&mut self, tokens: usize) {
        for token in self.present.drain(..) {
            self.bits[token as usize / 64] = 0;
        }
        self.places.clear();
        self.bits.resize(tokens / 64 + 1, 0);
    }

    fn mark(&mut self, token: TokenId) {
        let word = &mut self.bits[token as usize / 64];
        let bit = 1 << (token % 64);
        if *word & bit == 0 {
            *word |= bit;
            self.present.push(token);
        }
    }

    /// Whether the posting has `token`.
    #[inline]
    pub(crate) fn has(&self, token: TokenId) -> bool {
        self.bits[token as usize / 64] >> (token % 64) & 1 == 1
    }

    fn has_phrase(&self, leaf: &[TokenId]) -> bool {
        let Some((first, others)) = leaf.split_first() else {
            return false;
        };
        if !others.iter().all(|token| self.has(*token)) {
            return false;
        }
        let start = self.places.partition_point(|place| place.0 < *first);
        let mut occurrences = self.places[start..].iter().take_while(|place| place.0 == *first);
        occurrences.any(|(_, text, position)| {
            let follows = |(n, token): (usize, &TokenId)| {
                let place = (*token, *text, position + 1 + n as u32);
                self.places.binary_search(&place).is_ok()
            };
            others.iter().enumerate().all(follows)
        })
    }
}

/// The name of a concept, however it is said. No word contains the separator.
pub(crate) fn concept(id: &str) -> String {
    format!("is:{id}")
}

fn name_of(kind: &str, tokens: &[TokenId]) -> String {
    let mut name = kind.to_owned();
    for token in tokens {
        // Writing to a string cannot fail.
        let _ = write!(name, "{token},");
    }
    name
}
