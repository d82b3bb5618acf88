//! HTML that was escaped once more than it should be.

/// `text` with one layer of escaping taken off; a text that holds a tag is not escaped and stays as it is.
pub(crate) fn unescape(text: &str) -> String {
    if text.contains('<') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (plain, len) = entity(rest).unwrap_or(('&', 1));
        out.push(plain);
        rest = &rest[len..];
    }
    out.push_str(rest);
    out
}

/// The character at the start of `text`, and how many bytes it takes.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|b| b == b';')?;
    let name = &text[1..end];
    let plain = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((plain, end + 1))
}

/// `text` as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_layer_of_escaping_is_taken_off_and_no_more() {
        let escaped = "&lt;p&gt;GPUs &amp;amp; spares&#39;&#x20AC; &amp;lt;b&amp;gt; &unknown; &&lt;/p&gt;";
        assert_eq!(
            unescape(escaped),
            "<p>GPUs &amp; spares'€ &lt;b&gt; &unknown; &</p>"
        );
        assert_eq!(
            unescape("<p>a &amp; b</p>"),
            "<p>a &amp; b</p>",
            "what holds a tag was not escaped"
        );
        assert_eq!(unescape("ends in &amp"), "ends in &amp");
    }
}
