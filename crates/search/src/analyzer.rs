//! Words: how text is cut, the same way for the index, for queries and for the matcher.
//!
//! A token is a run of letters and digits in lower case without accents; `+` and `#` belong to the word before them
//! ("c++", "c#"); every CJK character is a token of its own, so that any part of an unspaced text can be found as a
//! phrase. English endings are cut by the Porter 2 stemmer.

use std::cell::RefCell;
use std::collections::HashMap;

use tantivy::tokenizer::{Language, RawTokenizer, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer};

/// The name under which the index knows this analyzer.
pub(crate) const NAME: &str = "backplane";
const MAX_TOKEN_BYTES: usize = 60;

/// The analyzer without the stemmer, for words that are still being typed.
pub(crate) const WHOLE_WORDS: &str = "backplane_whole_words";

/// A new analyzer of whole words.
pub(crate) fn whole_words() -> TextAnalyzer {
    TextAnalyzer::from(Words { stems: None })
}

/// A new analyzer. It keeps state between texts, so each thread has its own.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::from(Words {
        stems: Some(Stems::default()),
    })
}

/// Stems that were made once: postings repeat their words, and stemming is a fifth of building an index.
struct Stems {
    known: HashMap<String, Box<str>>,
    stemmer: TextAnalyzer,
}

/// Words that are remembered before all are forgotten.
const MAX_STEMS: usize = 50_000;

impl Default for Stems {
    fn default() -> Self {
        let stemmer = TextAnalyzer::builder(RawTokenizer::default()).filter(Stemmer::new(Language::English));
        Self {
            known: HashMap::new(),
            stemmer: stemmer.build(),
        }
    }
}

impl Clone for Stems {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Stems {
    fn stem(&mut self, word: &mut String) {
        if let Some(stem) = self.known.get(word.as_str()) {
            word.replace_range(.., stem);
            return;
        }
        let mut stream = self.stemmer.token_stream(word);
        let stem: Box<str> = stream.next().map_or(word.as_str(), |token| &token.text).into();
        drop(stream);
        if self.known.len() >= MAX_STEMS {
            self.known.clear();
        }
        let whole = std::mem::replace(word, stem.to_string());
        self.known.insert(whole, stem);
    }
}

/// Calls `each` with every token of `text` and its position.
pub(crate) fn each_token(analyzer: &mut TextAnalyzer, text: &str, mut each: impl FnMut(&str, u32)) {
    let mut stream = analyzer.token_stream(text);
    while let Some(token) = stream.next() {
        each(&token.text, token.position as u32);
    }
}

thread_local! {
    static MINE: RefCell<TextAnalyzer> = RefCell::new(analyzer());
}

/// Lends the analyzer of this thread, with the stems it knows already. Do not borrow it twice.
pub(crate) fn with_mine<T>(use_it: impl FnOnce(&mut TextAnalyzer) -> T) -> T {
    MINE.with_borrow_mut(use_it)
}

/// The tokens of a short text.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    with_mine(|mine| each_token(mine, text, |token, _| out.push(token.to_owned())));
    out
}

/// The tokens of a short text, cut by `analyzer`.
pub(crate) fn tokens_by(mut analyzer: TextAnalyzer, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    each_token(&mut analyzer, text, |token, _| out.push(token.to_owned()));
    out
}

#[derive(Clone)]
struct Words {
    stems: Option<Stems>,
}

struct WordStream<'a> {
    text: &'a str,
    at: usize,
    token: Token,
    stems: Option<&'a mut Stems>,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        WordStream {
            text,
            at: 0,
            token: Token {
                position: usize::MAX,
                ..Token::default()
            },
            stems: self.stems.as_mut(),
        }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        loop {
            let rest = &self.text[self.at..];
            let Some(skipped) = rest.find(char::is_alphanumeric) else {
                return false;
            };
            let start = self.at + skipped;
            let end = start + word_len(&self.text[start..]);
            self.at = end;
            self.token.position = self.token.position.wrapping_add(1);
            if end - start > MAX_TOKEN_BYTES {
                continue;
            }
            self.token.offset_from = start;
            self.token.offset_to = end;
            self.token.text.clear();
            fold_into(&mut self.token.text, &self.text[start..end]);
            if let Some(stems) = &mut self.stems {
                stems.stem(&mut self.token.text);
            }
            return true;
        }
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// Letters and digits, and the marks that make an accent of their own after a letter ("e" + U+0301 is "é").
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36f}')
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}

/// Length in bytes of the word at the start of `text`, which starts with a word character.
fn word_len(text: &str) -> usize {
    let mut chars = text.char_indices();
    if let Some((_, first)) = chars.next()
        && is_cjk(first)
    {
        return first.len_utf8();
    }
    let end = text
        .find(|c: char| !is_word_char(c) || is_cjk(c))
        .unwrap_or(text.len());
    let marks = text[end..]
        .bytes()
        .take(2)
        .take_while(|b| matches!(b, b'+' | b'#'))
        .count();
    let next = text[end + marks..].chars().next();
    if next.is_some_and(is_word_char) {
        end
    } else {
        end + marks
    }
}

/// Lower case without accents. ASCII, the common case, is not looked up.
fn fold_into(out: &mut String, word: &str) {
    if word.is_ascii() {
        out.extend(word.bytes().map(|b| char::from(b.to_ascii_lowercase())));
        return;
    }
    for c in word.chars().flat_map(char::to_lowercase) {
        match unaccented(c) {
            Some(plain) => out.push_str(plain),
            None => out.push(c),
        }
    }
}

/// The plain letters for the accented ones of Latin script that people leave out when they type; U+1EA0 to U+1EF9 are
/// Vietnamese letters with two marks.
fn unaccented(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | '\u{1ea0}'..='\u{1eb7}' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' | 'ĉ' | 'ċ' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | '\u{1eb8}'..='\u{1ec7}' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ì'..='ï' | 'ĩ' | 'ī' | 'į' | 'ı' | '\u{1ec8}'..='\u{1ecb}' => "i",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'ơ' | '\u{1ecc}'..='\u{1ee3}' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' => "t",
        'ù'..='ü' | 'ũ' | 'ū' | 'ů' | 'ű' | 'ų' | 'ư' | '\u{1ee4}'..='\u{1ef1}' => "u",
        'ý' | 'ÿ' | '\u{1ef2}'..='\u{1ef9}' => "y",
        'ź' | 'ż' | 'ž' => "z",
        '\u{300}'..='\u{36f}' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_folded_and_stemmed() {
        assert_eq!(
            tokens("Senior Engineers, C++/C# & K8s"),
            ["senior", "engin", "c++", "c#", "k8s"]
        );
        assert_eq!(
            tokens("Zürich Malmö Łódź straße"),
            ["zurich", "malmo", "lodz", "strass"]
        );
        assert_eq!(
            tokens("芯片设计 RTL工程师"),
            ["芯", "片", "设", "计", "rtl", "工", "程", "师"]
        );
        assert_eq!(tokens("a+b 1+1=2"), ["a", "b", "1", "1", "2"]);
        assert_eq!(tokens("  …—  "), Vec::<String>::new());
        assert_eq!(
            tokens("Re\u{301}sume\u{301} Hồ Chí Minh Đà Nẵng"),
            tokens("resume Ho Chi Minh Da Nang")
        );
    }
}
