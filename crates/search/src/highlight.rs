//! Where the words were found: the title with marks, and the part of the description around the first ones.

use std::collections::HashSet;
use std::fmt::Write as _;

use tantivy::tokenizer::TokenStream;

use crate::analyzer::with_mine;
use crate::meaning::Meaning;

/// Length of a snippet of the description, in bytes.
const SNIPPET_BYTES: usize = 240;

/// Marks the words of one query in many texts.
pub(crate) struct Highlighter {
    words: HashSet<String>,
    /// How the words begin that have one of these stems.
    beginnings: Vec<String>,
}

impl Highlighter {
    /// `None` when the query has no words.
    pub(crate) fn new(meaning: &Meaning) -> Option<Self> {
        let words: HashSet<String> = meaning.words().collect();
        // Stemming changes no more than the last letter of what it leaves: "hope" stands for "hoping".
        let beginning = |word: &String| {
            let last = word.char_indices().next_back().map_or(0, |(at, _)| at);
            word[..if last == 0 { word.len() } else { last }].to_owned()
        };
        let beginnings = words.iter().map(beginning).collect();
        (!words.is_empty()).then_some(Self { words, beginnings })
    }

    /// `text` as HTML with the query's words in `<mark>`; `None` when there are none in it.
    pub(crate) fn whole(&self, text: &str) -> Option<String> {
        let marks = self.marks(text);
        (!marks.is_empty()).then(|| marked(text, &marks))
    }

    /// The part of `text` around the first of the query's words, as HTML with marks.
    pub(crate) fn snippet(&self, text: &str) -> Option<String> {
        let first = self.first(text)?;
        let start = word_start(text, first.saturating_sub(SNIPPET_BYTES / 3));
        let end = word_end(text, (start + SNIPPET_BYTES).min(text.len()));
        let part = &text[start..end];
        let marks = self.marks(part);
        let mut out = String::new();
        if start > 0 {
            out.push('…');
        }
        out.push_str(&marked(part, &marks));
        if end < text.len() {
            out.push('…');
        }
        Some(out)
    }

    fn first(&self, text: &str) -> Option<usize> {
        let mut first = None;
        self.each_mark(text, |from, _| {
            first = Some(from);
            false
        });
        first
    }

    fn marks(&self, text: &str) -> Vec<(usize, usize)> {
        let mut marks = Vec::new();
        self.each_mark(text, |from, to| {
            marks.push((from, to));
            true
        });
        marks
    }

    /// Calls `each` with the places of the words until it says that this is enough.
    fn each_mark(&self, text: &str, mut each: impl FnMut(usize, usize) -> bool) {
        with_mine(|analyzer| {
            let mut look = |from: usize, to: usize| {
                let mut stream = analyzer.token_stream(&text[from..to]);
                while let Some(token) = stream.next() {
                    if self.words.contains(&token.text)
                        && !each(from + token.offset_from, from + token.offset_to)
                    {
                        return false;
                    }
                }
                true
            };
            if !text.is_ascii() {
                look(0, text.len());
                return;
            }
            // Most words of a text begin like none of those that are looked for: they need not be stemmed.
            let bytes = text.as_bytes();
            let mut at = 0;
            while at < bytes.len() {
                if !bytes[at].is_ascii_alphanumeric() {
                    at += 1;
                    continue;
                }
                let from = at;
                while at < bytes.len() && is_of_word(bytes[at]) {
                    at += 1;
                }
                let word = &bytes[from..at];
                let is_made_of_several = word.iter().any(|byte| !byte.is_ascii_alphanumeric());
                if (is_made_of_several || self.may_be_looked_for(word)) && !look(from, at) {
                    return;
                }
            }
        });
    }

    fn may_be_looked_for(&self, word: &[u8]) -> bool {
        self.beginnings.iter().any(|beginning| {
            let start = word.get(..beginning.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
        })
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'#')
}

fn marked(text: &str, marks: &[(usize, usize)]) -> String {
    let mut out = String::with_capacity(text.len() + 16 * marks.len());
    let mut at = 0;
    for (from, to) in marks {
        push_escaped(&mut out, &text[at..*from]);
        out.push_str("<mark>");
        push_escaped(&mut out, &text[*from..*to]);
        out.push_str("</mark>");
        at = *to;
    }
    push_escaped(&mut out, &text[at..]);
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

/// Farthest that an end of a snippet is moved to a space, in bytes; text without spaces is cut between characters.
const WORD_BYTES: usize = 40;

/// The start of a word at or shortly before `at`.
fn word_start(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let from = text.floor_char_boundary(at.saturating_sub(WORD_BYTES));
    if from == 0 && at <= WORD_BYTES {
        return 0;
    }
    let space = text[from..at].char_indices().rfind(|(_, c)| c.is_whitespace());
    space.map_or(at, |(n, c)| from + n + c.len_utf8())
}

/// The end of a word at or shortly after `at`.
fn word_end(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let until = text.floor_char_boundary((at + WORD_BYTES).min(text.len()));
    let space = text[at..until].find(char::is_whitespace);
    space.map_or(if until == text.len() { until } else { at }, |len| at + len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    fn highlighter(q: &str) -> Highlighter {
        Highlighter::new(
            &Query {
                q: q.to_owned(),
                ..Query::default()
            }
            .interpretation()
            .meaning,
        )
        .unwrap()
    }

    #[test]
    fn words_are_marked_in_all_their_forms_and_text_is_escaped() {
        let rtl = highlighter("engineers <b>");
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
        let cjk = format!("ab{}片{}", "设计".repeat(400), "设计é".repeat(400));
        let snippet = highlighter("片").snippet(&cjk).unwrap();
        assert!(snippet.contains("计<mark>片</mark>设"), "{snippet}");
    }
}
