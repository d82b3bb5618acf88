//! Figures of money in running text: where they stand, how much, in which currency.

use crate::Currency;

/// One figure with what stands directly around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Byte offset of the first character, currency mark included.
    pub(crate) start: usize,
    /// Byte offset after the last character, multiplier and currency mark included.
    pub(crate) end: usize,
    /// In main units, the multiplier `K` applied.
    pub(crate) value: f64,
    pub(crate) currency: Option<Currency>,
    /// Whether a `K` stood behind the number.
    pub(crate) thousands: bool,
    /// Millions, billions, percent: never pay.
    pub(crate) not_pay: bool,
}

/// Marks before or behind a number, longest first: a prefix must not hide a longer one.
const MARKS: &[(&str, &str)] = &[
    ("us$", "USD"),
    ("ca$", "CAD"),
    ("cad$", "CAD"),
    ("cdn$", "CAD"),
    ("au$", "AUD"),
    ("aud$", "AUD"),
    ("nz$", "NZD"),
    ("hk$", "HKD"),
    ("sg$", "SGD"),
    ("nt$", "TWD"),
    ("mx$", "MXN"),
    ("r$", "BRL"),
    ("c$", "CAD"),
    ("a$", "AUD"),
    ("s$", "SGD"),
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₹", "INR"),
    ("₪", "ILS"),
    ("₱", "PHP"),
    ("zł", "PLN"),
];

/// All figures of `text`, in order.
pub(crate) fn figures(text: &str) -> Vec<Figure> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begins = bytes[at].is_ascii_digit()
            && (at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'.'))
            || bytes[at].is_ascii_digit() && mark_before(text, at).is_some();
        if !begins {
            at += 1;
            continue;
        }
        let (end, value) = number(text, at);
        found.push(figure(text, at, end, value));
        at = end.max(at + 1);
    }
    found
}

fn figure(text: &str, start: usize, number_end: usize, value: f64) -> Figure {
    let before = mark_before(text, start);
    let (mut end, factor, mut not_pay) = multiplier(text, number_end);
    let mut currency = before.map(|(_, currency)| currency);
    if let Some((mark_end, behind)) = mark_behind(text, end) {
        let dollar_sign = before.is_some_and(|(from, _)| text[from..start].trim() == "$");
        if currency.is_none() || dollar_sign {
            currency = Some(behind);
        }
        end = mark_end;
    }
    not_pay |= text[end..].trim_start().starts_with('%');
    Figure {
        start: before.map_or(start, |(from, _)| from),
        end,
        value: value * factor,
        currency,
        thousands: factor > 1.0,
        not_pay,
    }
}

/// The end of the number at `start` and its value. Groups of three digits behind a comma, point, apostrophe or narrow
/// space are thousands; one or two digits behind a last comma or point are decimals.
fn number(text: &str, start: usize) -> (usize, f64) {
    let bytes = text.as_bytes();
    let mut digits = String::new();
    let mut at = start;
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            digits.push(char::from(bytes[at]));
            at += 1;
            continue;
        }
        let Some(separator) = text[at..].chars().next() else {
            break;
        };
        let next = at + separator.len_utf8();
        let run = bytes[next.min(bytes.len())..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let leading = digits.len() <= 3 || digits.len() % 3 != 1;
        let groups = matches!(separator, ',' | '.' | '\'' | '’' | '\u{a0}' | '\u{202f}' | ' ');
        if groups && run == 3 && leading && !digits.contains('.') && digits != "0" {
            digits.push_str(&text[next..next + 3]);
            at = next + 3;
        } else if matches!(separator, '.' | ',') && (1..=2).contains(&run) && !digits.contains('.') {
            digits.push('.');
            digits.push_str(&text[next..next + run]);
            at = next + run;
        } else {
            break;
        }
    }
    (at, digits.parse().unwrap_or(0.0))
}

/// `K`, `k` or `thousand` behind a number; millions and billions are marked as never pay.
fn multiplier(text: &str, at: usize) -> (usize, f64, bool) {
    let rest = &text[at..];
    let trimmed = rest.trim_start_matches(' ');
    let from = at + rest.len() - trimmed.len();
    let word: String = trimmed
        .chars()
        .take_while(|c| c.is_alphabetic())
        .take(9)
        .collect();
    match word.to_lowercase().as_str() {
        "k" | "tsd" | "thousand" => (from + word.len(), 1_000.0, false),
        "m" | "mm" | "mn" | "mio" | "million" | "millions" | "b" | "bn" | "billion" | "billions" | "t"
        | "trillion" | "lpa" | "lakh" | "lakhs" | "mw" | "gw" | "kw" => (from + word.len(), 1.0, true),
        _ => (at, 1.0, false),
    }
}

fn mark_before(text: &str, at: usize) -> Option<(usize, Currency)> {
    let head = text[..at].trim_end_matches([' ', '\u{a0}']);
    for (mark, code) in MARKS {
        let Some(from) = head.len().checked_sub(mark.len()) else {
            continue;
        };
        if head.is_char_boundary(from) && head[from..].eq_ignore_ascii_case(mark) {
            let letter = mark.as_bytes()[0].is_ascii_alphabetic();
            if letter && from > 0 && head.as_bytes()[from - 1].is_ascii_alphabetic() {
                continue;
            }
            // "USD $180,000": the code wins over the sign.
            let coded = code_before(&head[..from]).filter(|_| *mark == "$");
            return Some(coded.unwrap_or((from, code.parse().ok()?)));
        }
    }
    code_before(head)
}

/// A three-letter upper-case code at the end of `head`.
fn code_before(head: &str) -> Option<(usize, Currency)> {
    let head = head.trim_end_matches([' ', ':']);
    let from = head.len().checked_sub(3)?;
    let code = head.get(from..)?;
    let alone = from == 0 || !head.as_bytes()[from - 1].is_ascii_alphanumeric();
    if !alone || !code.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    Some((from, code.parse().ok()?))
}

fn mark_behind(text: &str, at: usize) -> Option<(usize, Currency)> {
    let rest = text[at..].trim_start_matches([' ', '\u{a0}']);
    let from = text.len() - rest.len();
    for (mark, code) in [("€", "EUR"), ("£", "GBP"), ("zł", "PLN")] {
        if let Some(behind) = rest.strip_prefix(mark) {
            let next = behind.trim_start().as_bytes().first();
            // "€70k – €90k" and "70k €90k": a mark directly before the next number belongs to that.
            return match next {
                Some(b) if b.is_ascii_digit() => None,
                _ => Some((from + mark.len(), code.parse().ok()?)),
            };
        }
    }
    let code = rest.get(..3)?;
    let alone = !rest[3..].starts_with(|c: char| c.is_alphanumeric() || c == '$');
    let behind = rest[3..].trim_start();
    if !alone
        || !code.bytes().all(|b| b.is_ascii_uppercase())
        || behind.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    Some((from + 3, code.parse().ok()?))
}
