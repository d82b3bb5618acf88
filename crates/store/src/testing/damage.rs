//! Damaged inputs for parsers, the same ones for the same number.

use crate::Random;

/// Longest input, in bytes.
const LONGEST: usize = 16 << 10;

/// What breaks parsers: ends of lines, of quotations and of nesting, numbers at their limits, characters that change their
/// length or their place, and words with a meaning somewhere.
const WORDS: &[&str] = &[
    "\0",
    "\r\n",
    "\n",
    "\r",
    "\n.\r\n",
    "\t",
    "\"",
    "'",
    "\\",
    "`",
    "[",
    "{",
    "}",
    "]",
    "{\"a\":",
    "(",
    ")",
    "<",
    ">",
    "&",
    ";",
    ",",
    ":",
    "=",
    "%",
    "%00",
    "%f0%9f",
    "%25",
    "--",
    "/*",
    "//",
    "../",
    "?",
    "#",
    "@",
    "+",
    "*",
    "~",
    "|",
    "-1",
    "0",
    "00",
    "1e400",
    "NaN",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "0.0000000001",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "\u{0301}",
    "\u{fffd}",
    "ß",
    "İ",
    "ſ",
    "ﬃ",
    "１",
    "５k",
    "😀",
    "e\u{301}",
    "中",
    "<svg>",
    "<math>",
    "</p>",
    "<!--",
    "-->",
    "<![CDATA[",
    "<a href=\"javascript:x\">",
    "<script>",
    "</script>",
    "&#x0;",
    "&#106;",
    "&amp;lt;",
    "\" onload=x ",
    "](javascript:x)",
    "9999-12-31T23:59:59Z",
    "2016-02-30",
    "-0001-01-01",
    "24:00",
    "+23:59",
    "1970-01-01",
    "$1,000k",
    "€1.000,50",
    "200k-100k",
    "=cmd|' /C'!A1",
    "{{7*7}}",
    "${x}",
    "%s%n",
    "Content-Type: ",
    "boundary=\"\"",
    "=?utf-8?q?",
];

/// Makes damaged inputs out of good ones.
#[derive(Debug)]
pub struct Damage(Random);

impl Damage {
    /// The inputs that belong to `number`.
    pub fn seeded(number: u64) -> Self {
        Self(Random::seeded(number))
    }

    fn below(&self, end: usize) -> usize {
        let number = u64::from_be_bytes(self.0.bytes());
        (number % end.max(1) as u64) as usize
    }

    fn range(&self, bytes: &[u8]) -> std::ops::Range<usize> {
        let begin = self.below(bytes.len() + 1);
        let length = self.below((bytes.len() - begin).min(64) + 1);
        begin..begin + length
    }

    /// One of `seeds` with one to eight damages.
    pub fn next(&self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.one_of(seeds).to_vec();
        for _ in 0..=self.below(8) {
            self.damage(&mut bytes, seeds);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn one_of<'s>(&self, seeds: &'s [Vec<u8>]) -> &'s [u8] {
        seeds.get(self.below(seeds.len())).map_or(&[], Vec::as_slice)
    }

    fn damage(&self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let range = self.range(bytes);
        match self.below(9) {
            // One bit.
            0 => {
                let at = self.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            // Something is missing, or the end is.
            1 => drop(bytes.drain(range)),
            2 => bytes.truncate(range.start),
            // Something is there again, or very often: nesting, length.
            3 => {
                let copy = bytes.get(range.clone()).unwrap_or_default().to_vec();
                let times = [1, 2, 300][self.below(3)];
                bytes.splice(range.end..range.end, copy.repeat(times));
            }
            // A piece of another input.
            4 => {
                let other = self.one_of(seeds);
                let piece = other.get(self.range(other)).unwrap_or_default().to_vec();
                bytes.splice(range, piece);
            }
            // A word, inserted or instead of something, once or nested.
            _ => {
                let word = WORDS.get(self.below(WORDS.len())).copied().unwrap_or_default();
                let times = if self.below(16) == 0 { 2000 } else { 1 };
                let place = if self.below(2) == 0 {
                    range
                } else {
                    range.start..range.start
                };
                bytes.splice(place, word.repeat(times).into_bytes());
            }
        }
        bytes.truncate(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damages_are_many_and_the_same_for_the_same_number() {
        let seeds = [b"one line of text".to_vec(), b"{\"a\": [1, 2]}".to_vec()];
        let of = |number| {
            let damage = Damage::seeded(number);
            (0..500).map(|_| damage.next(&seeds)).collect::<Vec<_>>()
        };
        let first = of(1);
        assert_eq!(first, of(1));
        assert_ne!(first, of(2));
        let different: std::collections::BTreeSet<_> = first.iter().collect();
        assert!(different.len() > 450, "{}", different.len());
        assert!(first.iter().all(|input| input.len() <= LONGEST));
        assert!(
            Damage::seeded(1).next(&[]).len() <= LONGEST,
            "also without a seed"
        );
    }
}
