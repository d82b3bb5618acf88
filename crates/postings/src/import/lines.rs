//! Lines of a file, numbered, with a limit on their length.

use std::io::{self, BufRead};

/// The longest line that is read; the rest of a longer one is skipped.
pub(crate) const MAX_LINE_BYTES: usize = 4 << 20;

/// One line of input.
#[derive(Debug)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    /// Its bytes without the line's end; `None` when it was too long.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Up to `count` further lines that are not blank; `number` is the number of the last line read so far.
pub(crate) fn read_lines(input: &mut impl BufRead, number: &mut u64, count: usize) -> io::Result<Vec<Line>> {
    let mut lines = Vec::with_capacity(count);
    while lines.len() < count {
        let Some(bytes) = read_line(input)? else { break };
        *number += 1;
        if bytes
            .as_ref()
            .is_some_and(|bytes| bytes.iter().all(u8::is_ascii_whitespace))
        {
            continue;
        }
        lines.push(Line {
            number: *number,
            bytes,
        });
    }
    Ok(lines)
}

/// The next line; the inner `None` is a line that was too long.
#[expect(clippy::option_option, reason = "the end, a line too long, a line")]
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Option<Vec<u8>>>> {
    let mut line = Vec::new();
    let mut too_long = false;
    let mut any = false;
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(any.then_some((!too_long).then_some(line)));
        }
        any = true;
        let end = chunk.iter().position(|b| *b == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if line.len() + part.len() > MAX_LINE_BYTES {
            too_long = true;
            line.clear();
        } else if !too_long {
            line.extend_from_slice(part);
        }
        let used = end.map_or(chunk.len(), |at| at + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some((!too_long).then_some(line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_blank_ones_are_passed_over_and_long_ones_are_skipped() {
        let long = "x".repeat(MAX_LINE_BYTES + 1);
        let text = format!("a\n\n{long}\nb\r\n  \nlast");
        let mut number = 0;
        let lines = read_lines(&mut text.as_bytes(), &mut number, 10).unwrap();
        let seen: Vec<_> = lines.iter().map(|l| (l.number, l.bytes.as_deref())).collect();
        assert_eq!(
            seen,
            [
                (1, Some(&b"a"[..])),
                (3, None),
                (4, Some(b"b\r")),
                (6, Some(b"last"))
            ]
        );
    }
}
