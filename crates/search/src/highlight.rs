//! Where the words were found: the title with marks, and the part of the description around the first ones.

use std::collections::HashSet;
use std::fmt::Write as _;

use tantivy::tokenizer::{TextAnalyzer, TokenStream};

use crate::text::TextQuery;

/// Length of a snippet of the description, in bytes.
const SNIPPET_BYTES: usize = 240;

/// Marks the words of one query in many texts.
pub(crate) struct Highlighter {
    words: HashSet<String>,
    analyzer: TextAnalyzer,
}

impl Highlighter {
    /// `None` when the query has no words.
    pub(crate) fn new(query: &TextQuery) -> Option<Self> {
        let words: HashSet<String> = query.required.iter().flatten().flatten().cloned().collect();
        (!words.is_empty()).then(|| Self {
            words,
            analyzer: crate::analyzer::analyzer(),
        })
    }

    /// `text` as HTML with the query's words in `<mark>`; `None` when there are none in it.
    pub(crate) fn whole(&mut self, text: &str) -> Option<String> {
        let marks = self.marks(text, text.len());
        (!marks.is_empty()).then(|| marked(text, 0, text.len(), &marks))
    }

    /// The part of `text` around the first of the query's words, as HTML with marks.
    pub(crate) fn snippet(&mut self, text: &str) -> Option<String> {
        let first = *self.first(text)?;
        let start = word_start(text, first.saturating_sub(SNIPPET_BYTES / 3));
        let end = word_end(text, (start + SNIPPET_BYTES).min(text.len()));
        let marks: Vec<_> = self.marks(&text[start..end], end - start);
        let mut out = String::new();
        if start > 0 {
            out.push('…');
        }
        out.push_str(&marked(&text[start..end], 0, end - start, &marks));
        if end < text.len() {
            out.push('…');
        }
        Some(out)
    }

    fn first(&mut self, text: &str) -> Option<Box<usize>> {
        let words = &self.words;
        let mut stream = self.analyzer.token_stream(text);
        while let Some(token) = stream.next() {
            if words.contains(&token.text) {
                return Some(Box::new(token.offset_from));
            }
        }
        None
    }

    fn marks(&mut self, text: &str, until: usize) -> Vec<(usize, usize)> {
        let words = &self.words;
        let mut stream = self.analyzer.token_stream(text);
        let mut marks = Vec::new();
        while let Some(token) = stream.next() {
            if token.offset_from >= until {
                break;
            }
            if words.contains(&token.text) {
                marks.push((token.offset_from, token.offset_to));
            }
        }
        marks
    }
}

fn marked(text: &str, start: usize, end: usize, marks: &[(usize, usize)]) -> String {
    let mut out = String::with_capacity(end - start + 16 * marks.len());
    let mut at = start;
    for (from, to) in marks {
        push_escaped(&mut out, &text[at..*from]);
        out.push_str("<mark>");
        push_escaped(&mut out, &text[*from..*to]);
        out.push_str("</mark>");
        at = *to;
    }
    push_escaped(&mut out, &text[at..end]);
    out
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        let _ = match c {
            '&' => out.write_str("&amp;"),
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '"' => out.write_str("&quot;"),
            '\n' => out.write_char(' '),
            c => out.write_char(c),
        };
    }
}

/// The start of a word at or before `at`.
fn word_start(text: &str, at: usize) -> usize {
    let mut at = at;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text[..at]
        .rfind(char::is_whitespace)
        .map_or(0, |space| space + 1)
        .max(at.saturating_sub(40))
        .min(boundary(text, at))
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The end of a word at or after `at`.
fn word_end(text: &str, at: usize) -> usize {
    let at = boundary(text, at);
    text[at..]
        .find(char::is_whitespace)
        .map_or(text.len(), |len| at + len.min(40))
        .min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn highlighter(q: &str) -> Highlighter {
        Highlighter::new(&TextQuery::parse(q).unwrap()).unwrap()
    }

    #[test]
    fn words_are_marked_in_all_their_forms_and_text_is_escaped() {
        let mut rtl = highlighter("engineers <b>");
        assert_eq!(
            rtl.whole("Engineer, R&D <b>").unwrap(),
            "<mark>Engineer</mark>, R&amp;D &lt;<mark>b</mark>&gt;"
        );
        assert_eq!(rtl.whole("Nothing here"), None);
    }

    #[test]
    fn a_snippet_is_cut_at_words_around_the_first_mark() {
        let text = format!(
            "{} the timing closure of the core {}",
            "früher viel ".repeat(40),
            "später mehr ".repeat(40)
        );
        let snippet = highlighter("timing").snippet(&text).unwrap();
        assert!(snippet.starts_with('…') && snippet.ends_with('…'), "{snippet}");
        assert!(snippet.contains("the <mark>timing</mark> closure"), "{snippet}");
        assert!(snippet.len() < 400, "{snippet}");
        let cjk = "设计".repeat(400);
        assert!(highlighter("计").snippet(&cjk).is_some());
    }
}
