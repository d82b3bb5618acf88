//! A stored query as numbers, and whether it matches what was noted of a posting.

use store::Timestamp;
use tantivy::tokenizer::TextAnalyzer;

use crate::document::SearchDocument;
use crate::meaning::Circle;

pub(crate) type TokenId = u32;

/// A query as numbers. Most queries are `all`, `any` and `pay_min_usd` alone.
pub(crate) struct Compiled {
    pub(crate) all: Box<[TokenId]>,
    pub(crate) any: Box<[Box<[TokenId]>]>,
    /// 0 when pay does not matter.
    pub(crate) pay_min_usd: i64,
    pub(crate) rest: Option<Box<Rest>>,
}

/// What cannot be decided by the presence of tokens.
#[derive(Default)]
pub(crate) struct Rest {
    /// Of each group one must hold.
    pub(crate) groups: Vec<Vec<Way>>,
    /// None may hold.
    pub(crate) excluded: Vec<Way>,
    pub(crate) posted_within_hours: Option<u32>,
}

/// One way to satisfy a group.
pub(crate) enum Way {
    /// These tokens next to each other; one token is there or not.
    Tokens(Vec<TokenId>),
    Within(Circle),
    PayAtLeast {
        usd: i64,
        or_unstated: bool,
    },
}

/// What one posting has, noted by token.
pub(crate) struct Scratch {
    pub(crate) analyzer: TextAnalyzer,
    pub(crate) epoch: u32,
    pub(crate) seen: Vec<u32>,
    pub(crate) present: Vec<TokenId>,
    /// (token, text, position), sorted.
    pub(crate) places: Vec<(TokenId, u32, u32)>,
}

impl Scratch {
    #[inline]
    fn has(&self, token: TokenId) -> bool {
        self.seen[token as usize] == self.epoch
    }

    /// Whether the tokens stand next to each other, in order, in one of the texts.
    fn has_leaf(&self, leaf: &[TokenId]) -> bool {
        match leaf {
            [] => false,
            [token] => self.has(*token),
            [first, others @ ..] => {
                let start = self.places.partition_point(|place| place.0 < *first);
                let occurrences = self.places[start..].iter().take_while(|place| place.0 == *first);
                occurrences.into_iter().any(|(_, text, position)| {
                    let follows = |(n, token): (usize, &TokenId)| {
                        self.places
                            .binary_search(&(*token, *text, position + 1 + n as u32))
                            .is_ok()
                    };
                    others.iter().enumerate().all(follows)
                })
            }
        }
    }
}

impl Way {
    fn holds(&self, document: &SearchDocument, scratch: &Scratch) -> bool {
        match self {
            Self::Tokens(tokens) => scratch.has_leaf(tokens),
            Self::Within(circle) => document.points.iter().any(|point| circle.holds(*point)),
            Self::PayAtLeast { usd, or_unstated } => {
                document.yearly_usd >= *usd || *or_unstated && document.yearly_usd == 0
            }
        }
    }
}

impl Rest {
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.excluded.is_empty() && self.posted_within_hours.is_none()
    }

    pub(crate) fn matches(&self, document: &SearchDocument, scratch: &Scratch, now: Timestamp) -> bool {
        self.groups
            .iter()
            .all(|group| group.iter().any(|way| way.holds(document, scratch)))
            && !self.excluded.iter().any(|way| way.holds(document, scratch))
            && self.posted_within_hours.is_none_or(|hours| {
                let since = now.minus(jiff::SignedDuration::from_hours(i64::from(hours)));
                document.published_at >= since.micros()
            })
    }
}

impl Compiled {
    pub(crate) fn matches(&self, document: &SearchDocument, scratch: &Scratch, now: Timestamp) -> bool {
        self.all.iter().all(|token| scratch.has(*token))
            && (self.pay_min_usd == 0 || document.yearly_usd >= self.pay_min_usd)
            && self
                .any
                .iter()
                .all(|tokens| tokens.iter().any(|token| scratch.has(*token)))
            && self
                .rest
                .as_ref()
                .is_none_or(|rest| rest.matches(document, scratch, now))
    }
}
