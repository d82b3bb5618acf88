//! Text as mail carries it: headers (RFC 5322, RFC 2047) and quoted-printable bodies (RFC 2045).

use data_encoding::BASE64;

use crate::{EmailAddress, Mailbox};

/// Lines of a header are kept to this many characters (RFC 5322 recommends 78).
const HEADER_LINE: usize = 76;

/// One encoded word: 12 characters for `=?UTF-8?B?` and `?=`, and 56 of base64, which are 42 bytes. With `Subject: ` before
/// it that is a line.
const ENCODED_WORD_BYTES: usize = 42;

/// A header line with CRLF, whose value is any text. Nothing in `value` can begin another header.
pub(crate) fn text_header(name: &str, value: &str) -> String {
    let clean = without_controls(value);
    folded_words(name, &clean).unwrap_or_else(|| {
        let words = encoded_words(&clean).join("\r\n ");
        format!("{name}: {words}\r\n")
    })
}

/// Longest value of a header that is one line: a line has at most 998 bytes (RFC 5322, section 2.1.1).
const TOKEN_BYTES: usize = 900;

/// A header line with CRLF, whose value is our own text in printable ASCII; what is not gets dropped, and so does what is
/// beyond 900 bytes. It is not folded: some readers of `List-Unsubscribe` expect the URL on the header's first line.
pub(crate) fn token_header(name: &str, value: &str) -> String {
    let clean: String = value
        .chars()
        .filter(|c| matches!(c, ' '..='~'))
        .take(TOKEN_BYTES)
        .collect();
    format!("{name}: {clean}\r\n")
}

/// `From` with a display name, CRLF included.
pub(crate) fn mailbox_header(name: &str, mailbox: &Mailbox) -> String {
    let display = without_controls(&mailbox.name);
    let display = display.trim();
    let address = &mailbox.address;
    if display.is_empty() {
        return address_header(name, address);
    }
    let phrase = if display.is_ascii() && display.len() < 60 && !display.contains("=?") {
        let escaped = display.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    } else {
        encoded_words(display).join("\r\n ")
    };
    let separator = if name.len() + phrase.len() + address.as_str().len() + 5 > HEADER_LINE {
        "\r\n "
    } else {
        " "
    };
    format!("{name}: {phrase}{separator}<{address}>\r\n")
}

/// A header line that holds one address, CRLF included.
pub(crate) fn address_header(name: &str, address: &EmailAddress) -> String {
    token_header(name, address.as_str())
}

/// Whether `c` turns the direction of what follows (Unicode TR 9: embeddings, overrides and isolates). A title with one of
/// them could make the text behind it read as something else. Scripts that run from right to left need none of them.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` without characters that turn the direction of what follows.
pub(crate) fn without_turns(text: &str) -> String {
    text.chars().filter(|c| !turns_direction(*c)).collect()
}

/// `text` with every control character (C0, DEL, C1, line and paragraph separators) as a space, without spaces at the ends
/// and without what turns the direction.
pub(crate) fn without_controls(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|c| !turns_direction(*c))
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    clean.trim().to_owned()
}

/// The header folded between its words, when it is plain ASCII and every word fits on a line.
fn folded_words(name: &str, value: &str) -> Option<String> {
    if !value.is_ascii() || value.contains("=?") || value.contains("  ") {
        return None;
    }
    let mut header = format!("{name}:");
    let mut line = header.len();
    for word in value.split(' ') {
        if line + 1 + word.len() > HEADER_LINE {
            if word.len() >= HEADER_LINE {
                return None;
            }
            header.push_str("\r\n");
            line = 0;
        }
        header.push(' ');
        header.push_str(word);
        line += 1 + word.len();
    }
    header.push_str("\r\n");
    Some(header)
}

fn encoded_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > ENCODED_WORD_BYTES {
            words.push(encoded_word(&chunk));
            chunk.clear();
        }
        chunk.push(c);
    }
    words.push(encoded_word(&chunk));
    words
}

fn encoded_word(text: &str) -> String {
    format!("=?UTF-8?B?{}?=", BASE64.encode(text.as_bytes()))
}

/// `text` in quoted-printable, lines of at most 76 characters that end in CRLF; every line break of `text` becomes one.
pub(crate) fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in unified.trim_end_matches('\n').split('\n') {
        quote_line(line.as_bytes(), &mut out);
        out.push_str("\r\n");
    }
    out
}

fn quote_line(line: &[u8], out: &mut String) {
    let mut width = 0;
    for (index, &byte) in line.iter().enumerate() {
        let is_last = index + 1 == line.len();
        // A dot or "From " at the start of a line is altered by some relays on the way.
        let literal = match byte {
            b'=' => false,
            b' ' | b'\t' => !is_last,
            b'.' => width != 0,
            b'F' => width != 0 || !line[index..].starts_with(b"From "),
            b'!'..=b'~' => true,
            _ => false,
        };
        let needed = if literal { 1 } else { 3 };
        if width + needed > 75 {
            out.push_str("=\r\n");
            width = 0;
            // What was safe in mid-line may now begin one.
            if byte == b'.' || line[index..].starts_with(b"From ") {
                push_escaped(byte, out);
                width += 3;
                continue;
            }
        }
        if literal {
            out.push(char::from(byte));
        } else {
            push_escaped(byte, out);
        }
        width += needed;
    }
}

fn push_escaped(byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('=');
    for nibble in [byte >> 4, byte & 15] {
        out.push(char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0')));
    }
}
