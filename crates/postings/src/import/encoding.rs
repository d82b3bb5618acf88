//! Text in whatever encoding a spreadsheet saved it.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// `bytes` as text without a byte order mark, and the name of the encoding: what a mark says, else UTF-8, else what Western
/// spreadsheets write.
pub(crate) fn decode(bytes: &[u8]) -> (String, &'static str) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return (text.into_owned(), encoding.name());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), UTF_8.name());
    }
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    (text.into_owned(), WINDOWS_1252.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_encoding_gives_the_same_text() {
        let text = "Zürich;Ingénieur";
        let utf16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{feff}{text}")
                .encode_utf16()
                .flat_map(to_bytes)
                .collect()
        };
        let marked = format!("\u{feff}{text}");
        let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
        let cases: [(&[u8], &str); 5] = [
            (text.as_bytes(), "UTF-8"),
            (marked.as_bytes(), "UTF-8"),
            (&utf16(u16::to_le_bytes), "UTF-16LE"),
            (&utf16(u16::to_be_bytes), "UTF-16BE"),
            (&latin, "windows-1252"),
        ];
        for (bytes, encoding) in cases {
            assert_eq!(decode(bytes), (text.to_owned(), encoding));
        }
    }
}
