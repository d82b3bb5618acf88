//! What people type: words, "phrases", -exclusions and OR.
//!
//! All words are required. `OR` between two of them makes either enough; it binds tighter than the space:
//! `rtl OR dv austin` is (rtl or dv) and austin.

use std::ops::Range;

use crate::analyzer;

const MAX_CLAUSES: usize = 32;
const MAX_BYTES: usize = 1000;

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

/// A word or a quoted phrase, as bytes of the text without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operand {
    pub(crate) at: Range<usize>,
    pub(crate) is_quoted: bool,
}

/// A part of the typed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Plain words next to each other, all required.
    Run(Range<usize>),
    /// A quoted phrase, or operands joined by OR: any is enough.
    Any(Vec<Operand>),
    /// Must not be found.
    Excluded(Operand),
}

/// Takes typed text apart; text without any word gives nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<Piece>, TextError> {
    if text.len() > MAX_BYTES {
        return Err(error(
            "query_too_long",
            MAX_BYTES,
            format!("at most {MAX_BYTES} bytes"),
        ));
    }
    let parts = parts(text)?;
    let mut pieces: Vec<Piece> = Vec::new();
    let mut words = 0;
    let mut joins_previous = false;
    let mut may_join = false;
    for (n, part) in parts.iter().enumerate() {
        let operand = match part {
            Part::Or(offset) => {
                if !may_join {
                    return Err(error("or_misplaced", *offset, "OR stands between two words"));
                }
                joins_previous = true;
                may_join = false;
                continue;
            }
            Part::Excluded(offset, operand) => {
                if joins_previous {
                    return Err(error(
                        "or_misplaced",
                        *offset,
                        "OR cannot stand before an exclusion",
                    ));
                }
                pieces.push(Piece::Excluded(operand.clone()));
                words += 1;
                may_join = false;
                continue;
            }
            Part::Text(operand) => operand,
        };
        words += 1;
        let joins_next = matches!(parts.get(n + 1), Some(Part::Or(_)));
        let is_alone = joins_next || operand.is_quoted;
        match pieces.last_mut() {
            Some(Piece::Any(group)) if joins_previous => group.push(operand.clone()),
            Some(Piece::Run(run)) if !is_alone && n > 0 && matches!(parts[n - 1], Part::Text(_)) => {
                run.end = operand.at.end;
            }
            _ if is_alone => pieces.push(Piece::Any(vec![operand.clone()])),
            _ => pieces.push(Piece::Run(operand.at.clone())),
        }
        joins_previous = false;
        may_join = true;
    }
    if joins_previous {
        return Err(error("or_misplaced", text.len(), "OR stands between two words"));
    }
    if words > MAX_CLAUSES {
        return Err(error(
            "query_too_long",
            text.len(),
            format!("at most {MAX_CLAUSES} words"),
        ));
    }
    Ok(pieces)
}

fn error(code: &'static str, offset: usize, detail: impl Into<String>) -> TextError {
    TextError {
        code,
        offset,
        detail: detail.into(),
    }
}

enum Part {
    Or(usize),
    /// With the offset of its minus sign.
    Excluded(usize, Operand),
    Text(Operand),
}

fn parts(text: &str) -> Result<Vec<Part>, TextError> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(skip) = text[at..].find(|c: char| !c.is_whitespace()) {
        let offset = at + skip;
        let is_excluded = text[offset..].starts_with('-');
        let start = offset + usize::from(is_excluded);
        let is_quoted = text[start..].starts_with('"');
        let operand = if is_quoted {
            let Some(len) = text[start + 1..].find('"') else {
                return Err(error("quote_open", start, "this quotation mark is never closed"));
            };
            at = start + len + 2;
            start + 1..start + 1 + len
        } else {
            at = text[start..]
                .find(|c: char| c.is_whitespace() || c == '"')
                .map_or(text.len(), |len| start + len);
            start..at
        };
        if !is_quoted && !is_excluded && matches!(&text[operand.clone()], "OR" | "|") {
            parts.push(Part::Or(offset));
            continue;
        }
        if analyzer::tokens(&text[operand.clone()]).is_empty() {
            continue;
        }
        let operand = Operand {
            at: operand,
            is_quoted,
        };
        parts.push(if is_excluded {
            Part::Excluded(offset, operand)
        } else {
            Part::Text(operand)
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let operand = |o: &Operand| {
            let words = &text[o.at.clone()];
            if o.is_quoted {
                format!("“{words}”")
            } else {
                words.to_owned()
            }
        };
        let shown = |piece: &Piece| match piece {
            Piece::Run(at) => text[at.clone()].to_owned(),
            Piece::Any(group) => group.iter().map(operand).collect::<Vec<_>>().join("|"),
            Piece::Excluded(o) => format!("-{}", operand(o)),
        };
        parse(text).unwrap().iter().map(shown).collect()
    }

    #[test]
    fn words_phrases_exclusions_and_or() {
        assert_eq!(
            pieces(r#"senior rtl OR dv "clock gating" -intern full-stack austin -"night shift" — x"#),
            [
                "senior",
                "rtl|dv",
                "“clock gating”",
                "-intern",
                "full-stack austin",
                "-“night shift”",
                "x"
            ]
        );
        assert!(parse(" — ").unwrap().is_empty());
    }

    #[test]
    fn mistakes_point_at_their_place() {
        let at = |text: &str| parse(text).map_err(|e| (e.code, e.offset)).unwrap_err();
        assert_eq!(at(r#"a "b c"#), ("quote_open", 2));
        assert_eq!(at("OR a"), ("or_misplaced", 0));
        assert_eq!(at("a OR"), ("or_misplaced", 4));
        assert_eq!(at("a OR -b"), ("or_misplaced", 5));
        assert_eq!(at("a -b OR c"), ("or_misplaced", 5));
        assert_eq!(at("a OR OR c"), ("or_misplaced", 5));
        assert_eq!(at(&"a".repeat(1001)).0, "query_too_long");
        assert_eq!(at(&"a ".repeat(33)).0, "query_too_long");
    }
}
