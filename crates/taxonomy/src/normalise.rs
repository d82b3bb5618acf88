//! One way to compare text, used for names of places, for vocabulary and for running text.

/// Lower-case letters and digits only, without accents: `Saint-Étienne` → `saintetienne`. `+` and `#` are kept when asked
/// for by [`key`] only.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// [`fold`] into a buffer that is emptied first.
pub(crate) fn fold_into(text: &str, out: &mut String) {
    out.clear();
    for c in text.chars() {
        push_folded(c, out);
    }
}

/// The key of a vocabulary word: [`fold`], but `+` and `#` stay: C, C++ and C# are three things.
pub(crate) fn key(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '+' | '#') {
            out.push(c);
        } else {
            push_folded(c, &mut out);
        }
    }
    out
}

fn push_folded(c: char, out: &mut String) {
    if c.is_ascii() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        }
        return;
    }
    match c {
        'À'..='Å' | 'à'..='å' | 'Ā'..='ą' | 'ǎ' | 'ạ'..='ặ' | 'Ạ'..='Ặ' => out.push('a'),
        'Ç' | 'ç' | 'Ć'..='č' => out.push('c'),
        'Ď'..='đ' | 'ð' | 'Ð' => out.push('d'),
        'È'..='Ë' | 'è'..='ë' | 'Ē'..='ě' | 'Ẹ'..='ệ' => out.push('e'),
        'Ĝ'..='ģ' | 'ǧ' => out.push('g'),
        'Ĥ'..='ħ' | 'ḥ' | 'ḩ' | 'Ḩ' => out.push('h'),
        'Ì'..='Ï' | 'ì'..='ï' | 'Ĩ'..='ı' | 'Ỉ'..='ị' => out.push('i'),
        'Ķ' | 'ķ' => out.push('k'),
        'Ĺ'..='ł' => out.push('l'),
        'Ñ' | 'ñ' | 'Ń'..='ň' => out.push('n'),
        'Ò'..='Ö' | 'ò'..='ö' | 'Ø' | 'ø' | 'Ō'..='ő' | 'ơ' | 'Ơ' | 'Ọ'..='ợ' => out.push('o'),
        'Ŕ'..='ř' => out.push('r'),
        'Ś'..='š' | 'Ș' | 'ș' | 'ṣ' => out.push('s'),
        'Ţ'..='ŧ' | 'Ț' | 'ț' | 'ṭ' => out.push('t'),
        'Ù'..='Ü' | 'ù'..='ü' | 'Ũ'..='ų' | 'ư' | 'Ư' | 'Ụ'..='ự' => out.push('u'),
        'Ý' | 'ý' | 'ÿ' | 'Ŷ'..='Ÿ' | 'Ỳ'..='ỹ' => out.push('y'),
        'Ź'..='ž' => out.push('z'),
        'ß' => out.push_str("ss"),
        'æ' | 'Æ' => out.push_str("ae"),
        'œ' | 'Œ' => out.push_str("oe"),
        'þ' | 'Þ' => out.push_str("th"),
        c if c.is_alphanumeric() => out.extend(c.to_lowercase()),
        _ => {}
    }
}

/// Running text made ready for matching: words separated by one space, a space before the first, original case.
///
/// Word bytes are ASCII letters and digits, `+`, `#` and everything outside ASCII except typographic marks and spaces.
/// A `+` or `#` not behind a word byte is a separator.
pub(crate) fn spaced_into(text: &str, out: &mut Vec<u8>) {
    spaced_with(text, out, |_| {});
}

/// [`spaced_into`] that also tells, for each byte written, the offset in `text` it came from. For short text.
pub(crate) fn spaced_with_offsets(text: &str) -> (Vec<u8>, Vec<usize>) {
    let mut out = Vec::with_capacity(text.len() + 1);
    let mut offsets = Vec::with_capacity(text.len() + 1);
    spaced_with(text, &mut out, |at| offsets.push(at));
    (out, offsets)
}

/// Class of each byte: 0 separator, 1 word, 2 word only behind a word, 3 first byte outside ASCII.
const CLASS: [u8; 256] = {
    let mut table = [0_u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = if b.is_ascii_alphanumeric() {
            1
        } else if b == b'+' || b == b'#' {
            2
        } else if b >= 0x80 {
            3
        } else {
            0
        };
        byte += 1;
    }
    table
};

fn spaced_with(text: &str, out: &mut Vec<u8>, mut wrote: impl FnMut(usize)) {
    let bytes = text.as_bytes();
    let mut in_word = false;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let length = match CLASS[usize::from(byte)] {
            1 => 1,
            2 if in_word => 1,
            3 => word_character(bytes, at),
            _ => 0,
        };
        if length == 0 {
            in_word = false;
            at += if byte >= 0xC2 { character_length(byte) } else { 1 };
            continue;
        }
        if !in_word {
            out.push(b' ');
            wrote(at);
            in_word = true;
        }
        for offset in 0..length {
            out.push(bytes[at + offset]);
            wrote(at + offset);
        }
        at += length;
    }
}

fn character_length(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// The length of the character outside ASCII at `at`, or 0 when it separates words: U+00A0-U+00BF (no-break space, «, »,
/// ·), U+2000-U+20FF (dashes, quotes, bullets, spaces), U+3000-U+303F and U+FF00-U+FF0F (CJK marks).
fn word_character(bytes: &[u8], at: usize) -> usize {
    let second = bytes.get(at + 1).copied().unwrap_or(0);
    let third = bytes.get(at + 2).copied().unwrap_or(0);
    match (bytes[at], second) {
        (0xC2, _) | (0xE2, 0x80..=0x83) | (0xE3, 0x80) => 0,
        (0xEF, 0xBC) if third < 0x90 => 0,
        (first, _) => character_length(first).min(bytes.len() - at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaced(text: &str) -> String {
        let mut out = Vec::new();
        spaced_into(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_compared_without_case_accents_and_punctuation() {
        for (one, other) in [
            ("München", "munchen"),
            ("São Paulo", "sao-paulo"),
            ("Łódź", "Lodz"),
            ("St. Louis", "st louis"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        assert_ne!(key("C++"), key("C"));
        assert_eq!(key("CI/CD"), key("cicd"));
    }

    #[test]
    fn running_text_keeps_its_words_and_loses_its_marks() {
        assert_eq!(
            spaced("C++, C#; SI/PI – “Pre-Silicon” + more…"),
            " C++ C# SI PI Pre Silicon more"
        );
        assert_eq!(spaced("  München\u{a0}日本 "), " München 日本");
        assert_eq!(spaced(""), "");
    }

    #[test]
    fn offsets_point_back_to_where_a_byte_came_from() {
        let (out, offsets) = spaced_with_offsets("a – RTL");
        assert_eq!(out, b" a RTL");
        assert_eq!(offsets.len(), out.len());
        assert_eq!(offsets[3], "a – ".len());
    }
}
