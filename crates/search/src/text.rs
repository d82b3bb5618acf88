//! What people type: words, "phrases", -exclusions and OR.
//!
//! All words are required. `OR` between two of them makes either enough; it binds tighter than the space:
//! `rtl OR dv austin` is (rtl or dv) and austin.

use serde::{Deserialize, Serialize};

use crate::analyzer;

const MAX_CLAUSES: usize = 32;
const MAX_BYTES: usize = 1000;

/// A parsed text query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TextQuery {
    /// Each group must be found; any leaf of a group is enough.
    pub required: Vec<Vec<Leaf>>,
    /// None of these may be found.
    pub excluded: Vec<Leaf>,
}

/// Tokens that stand next to each other, in order, in one field; a single word is a leaf of one token.
pub(crate) type Leaf = Vec<String>;

/// What is wrong with the typed text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (at byte {offset})")]
pub struct TextError {
    /// Stable name.
    pub code: &'static str,
    /// Byte offset in the text.
    pub offset: usize,
    /// What to do about it.
    pub detail: String,
}

impl TextQuery {
    /// Parses typed text; text without any word gives the empty query, which matches everything.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.len() > MAX_BYTES {
            return Err(error(
                "query_too_long",
                MAX_BYTES,
                format!("at most {MAX_BYTES} bytes"),
            ));
        }
        let mut query = Self::default();
        let mut joins_previous = false;
        let mut may_join = false;
        for part in parts(text)? {
            match part {
                Part::Or(offset) => {
                    if !may_join {
                        return Err(error("or_misplaced", offset, "OR stands between two words"));
                    }
                    joins_previous = true;
                    may_join = false;
                }
                Part::Text {
                    offset,
                    text,
                    excluded,
                } => {
                    let leaf = analyzer::tokens(text);
                    if leaf.is_empty() {
                        continue;
                    }
                    if excluded && joins_previous {
                        return Err(error(
                            "or_misplaced",
                            offset,
                            "OR cannot stand before an exclusion",
                        ));
                    }
                    match (excluded, joins_previous, query.required.last_mut()) {
                        (true, _, _) => query.excluded.push(leaf),
                        (false, true, Some(group)) => group.push(leaf),
                        _ => query.required.push(vec![leaf]),
                    }
                    joins_previous = false;
                    may_join = !excluded;
                }
            }
        }
        if joins_previous {
            return Err(error("or_misplaced", text.len(), "OR stands between two words"));
        }
        if query.required.len() + query.excluded.len() > MAX_CLAUSES {
            return Err(error(
                "query_too_long",
                text.len(),
                format!("at most {MAX_CLAUSES} words"),
            ));
        }
        Ok(query.canonical())
    }

    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.required.is_empty() && self.excluded.is_empty()
    }

    /// The same query with its parts in one order and none twice.
    fn canonical(mut self) -> Self {
        for group in &mut self.required {
            group.sort();
            group.dedup();
        }
        self.required.sort();
        self.required.dedup();
        self.excluded.sort();
        self.excluded.dedup();
        self
    }
}

fn error(code: &'static str, offset: usize, detail: impl Into<String>) -> TextError {
    TextError {
        code,
        offset,
        detail: detail.into(),
    }
}

enum Part<'a> {
    Or(usize),
    Text {
        offset: usize,
        text: &'a str,
        excluded: bool,
    },
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, TextError> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(skip) = text[at..].find(|c: char| !c.is_whitespace()) {
        let offset = at + skip;
        let excluded = text[offset..].starts_with('-');
        let start = offset + usize::from(excluded);
        if text[start..].starts_with('"') {
            let Some(len) = text[start + 1..].find('"') else {
                return Err(error("quote_open", start, "this quotation mark is never closed"));
            };
            at = start + len + 2;
            parts.push(Part::Text {
                offset,
                text: &text[start + 1..start + 1 + len],
                excluded,
            });
            continue;
        }
        at = text[start..]
            .find(|c: char| c.is_whitespace() || c == '"')
            .map_or(text.len(), |len| start + len);
        match &text[start..at] {
            "OR" | "|" if !excluded => parts.push(Part::Or(offset)),
            word => parts.push(Part::Text {
                offset,
                text: word,
                excluded,
            }),
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(words: &str) -> Leaf {
        words.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn words_phrases_exclusions_and_or() {
        let query =
            TextQuery::parse(r#"rtl OR dv "clock gating" -intern full-stack -"night shift""#).unwrap();
        assert_eq!(
            query.required,
            [
                vec![leaf("clock gate")],
                vec![leaf("dv"), leaf("rtl")],
                vec![leaf("full stack")]
            ]
        );
        assert_eq!(query.excluded, [leaf("intern"), leaf("night shift")]);
    }

    #[test]
    fn mistakes_point_at_their_place() {
        let at = |text: &str| {
            TextQuery::parse(text)
                .map_err(|e| (e.code, e.offset))
                .unwrap_err()
        };
        assert_eq!(at(r#"a "b c"#), ("quote_open", 2));
        assert_eq!(at("OR a"), ("or_misplaced", 0));
        assert_eq!(at("a OR"), ("or_misplaced", 4));
        assert_eq!(at("a OR -b"), ("or_misplaced", 5));
        assert_eq!(at("a -b OR c"), ("or_misplaced", 5));
        assert_eq!(at("a OR OR c"), ("or_misplaced", 5));
        assert_eq!(at(&"a".repeat(1001)).0, "query_too_long");
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        assert_eq!(
            TextQuery::parse("b a b -c").unwrap(),
            TextQuery::parse("  A -C  B").unwrap()
        );
        assert!(TextQuery::parse(" — ").unwrap().is_empty());
    }
}
