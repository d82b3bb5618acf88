//! A stored query as numbers, and whether it matches what was noted of a posting.

use store::Timestamp;

use crate::attributes;
use crate::document::SearchDocument;
use crate::meaning::{Alternative, Meaning};
use crate::query::Query;
use crate::tokens::{ALWAYS, Noted, TokenId, Tokens, concept};

/// What a query asks for. Two that are equal are matched by the same postings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Compiled {
    /// All are needed; sorted, each once.
    pub(crate) all: Vec<TokenId>,
    /// In whole US dollars a year; 0 when pay does not matter.
    pub(crate) pay_min_usd: i64,
    pub(crate) rest: Rest,
}

/// What cannot be decided by the presence of a few tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rest {
    /// Needed too.
    pub(crate) all: Vec<TokenId>,
    /// Of each group one must hold.
    groups: Vec<Vec<Way>>,
    /// None may hold.
    excluded: Vec<Way>,
    posted_within_hours: Option<u32>,
}

/// One way to satisfy a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Way {
    Token(TokenId),
    PayAtLeast { usd: i64, or_unstated: bool },
}

impl Compiled {
    /// What the typed text asks for.
    pub(crate) fn of_text(meaning: &Meaning, tokens: &mut Tokens) -> Self {
        let mut out = Self::default();
        for clause in &meaning.required {
            let ways = clause.any.iter().map(|way| Way::of(way, tokens)).collect();
            out.require(ways, tokens);
        }
        let excluded = meaning.excluded.iter().flat_map(|clause| &clause.any);
        out.rest.excluded = excluded.map(|way| Way::of(way, tokens)).collect();
        out
    }

    /// The same, with everything of `query` but its text.
    pub(crate) fn with_filters(mut self, query: &Query, tokens: &mut Tokens) -> Self {
        for facet in query.filters.keys() {
            let values = query.accepted(*facet).unwrap_or_default();
            let ways = values
                .iter()
                .map(|value| Way::Token(tokens.plain(&facet.term(value))));
            let ways = ways.collect();
            self.require(ways, tokens);
        }
        for (name, values) in &query.attributes {
            let ways = attributes::terms(name, values).map(|term| Way::Token(tokens.plain(&term)));
            let ways = ways.collect();
            self.require(ways, tokens);
        }
        if let Some(near) = &query.near {
            self.all.push(tokens.circle(near.circle()));
        }
        if let Some(role) = &query.role {
            self.all.push(tokens.plain(&format!("role:{role}")));
        }
        if let Some(usd) = query.pay_min_usd() {
            let usd = usd.max(1);
            let or_unstated = query.pay_unstated;
            self.require(vec![Way::PayAtLeast { usd, or_unstated }], tokens);
        }
        self.rest.posted_within_hours = query.posted_within_hours;
        self.tidy();
        self
    }

    /// Requires one of `ways`.
    fn require(&mut self, ways: Vec<Way>, tokens: &mut Tokens) {
        if let [
            Way::PayAtLeast {
                usd,
                or_unstated: false,
            },
        ] = ways.as_slice()
        {
            self.pay_min_usd = self.pay_min_usd.max(*usd);
            return;
        }
        let as_token = |way: &Way| match way {
            Way::Token(token) => Some(*token),
            Way::PayAtLeast { .. } => None,
        };
        match ways.iter().map(as_token).collect::<Option<Vec<_>>>() {
            Some(any) => self.all.push(tokens.any(any)),
            None => self.rest.groups.push(ways),
        }
    }

    /// One order, and nothing twice.
    fn tidy(&mut self) {
        self.all.sort_unstable();
        self.all.dedup();
        for group in &mut self.rest.groups {
            group.sort_unstable();
            group.dedup();
        }
        self.rest.groups.sort_unstable();
        self.rest.groups.dedup();
        self.rest.excluded.sort_unstable();
        self.rest.excluded.dedup();
    }
}

impl Way {
    fn of(alternative: &Alternative, tokens: &mut Tokens) -> Self {
        Self::Token(match alternative {
            Alternative::Words(leaf) => tokens.phrase(leaf),
            Alternative::Concept(id) => tokens.plain(&concept(id)),
            Alternative::Value(facet, value) => tokens.plain(&facet.term(value)),
            Alternative::Within(circle) => tokens.circle(*circle),
            Alternative::PayAtLeast(usd) => {
                return Self::PayAtLeast {
                    usd: *usd,
                    or_unstated: false,
                };
            }
        })
    }

    fn holds(&self, document: &SearchDocument, noted: &Noted) -> bool {
        match self {
            Self::Token(token) => noted.has(*token),
            Self::PayAtLeast { usd, or_unstated } => {
                document.yearly_usd >= *usd || *or_unstated && document.yearly_usd == 0
            }
        }
    }
}

impl Rest {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
            && self.groups.is_empty()
            && self.excluded.is_empty()
            && self.posted_within_hours.is_none()
    }

    pub(crate) fn matches(&self, document: &SearchDocument, noted: &Noted, now: Timestamp) -> bool {
        self.all.iter().all(|token| noted.has(*token))
            && self
                .groups
                .iter()
                .all(|group| group.iter().any(|way| way.holds(document, noted)))
            && !self.excluded.iter().any(|way| way.holds(document, noted))
            && self.posted_within_hours.is_none_or(|hours| {
                let since = now.minus(jiff::SignedDuration::from_hours(i64::from(hours)));
                document.published_at >= since.micros()
            })
    }
}

/// What refuses most postings without a look at the query itself: 32 bytes beside those of its neighbours.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Needed besides the token it hangs on, the rarest first; [`ALWAYS`] where there are fewer.
    tokens: [TokenId; Self::TOKENS],
    pay_min_usd: i64,
    /// Where the query is.
    pub(crate) slot: u32,
}

impl Candidate {
    /// How many tokens it holds.
    pub(crate) const TOKENS: usize = 4;

    /// With the first of `tokens`; the others are somebody else's to check.
    pub(crate) fn new(tokens: &[TokenId], pay_min_usd: i64, slot: u32) -> Self {
        let mut first = [ALWAYS; Self::TOKENS];
        for (place, token) in first.iter_mut().zip(tokens) {
            *place = *token;
        }
        Self {
            tokens: first,
            pay_min_usd,
            slot,
        }
    }

    /// Whether a posting that pays `yearly_usd` has all that is known here.
    #[inline]
    pub(crate) fn may_match(&self, noted: &Noted, yearly_usd: i64) -> bool {
        yearly_usd >= self.pay_min_usd && self.tokens.iter().all(|token| noted.has(*token))
    }
}
