//! Descriptions: Markdown or HTML in, safe HTML and plain text out.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use pulldown_cmark::{Options, Parser, html};

use crate::DescriptionFormat;

/// What may stand in a description. Everything else is dropped, its text kept (scripts and styles go entirely).
static ALLOWED: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let tags: HashSet<&str> = [
        "p",
        "br",
        "ul",
        "ol",
        "li",
        "strong",
        "em",
        "b",
        "i",
        "u",
        "s",
        "h2",
        "h3",
        "h4",
        "h5",
        "blockquote",
        "code",
        "pre",
        "hr",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
    ]
    .into();
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(tags)
        .clean_content_tags(["script", "style", "title", "noscript", "template"].into())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .url_schemes(["https", "http", "mailto"].into())
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("nofollow noopener ugc"));
    builder
});

/// `html` with only the allowed tags, links marked `rel="nofollow noopener ugc"`, headings no larger than `h2`.
/// Sanitising twice changes nothing.
pub fn sanitise(html: &str) -> String {
    let html = if html.contains("<h1") || html.contains("<H1") {
        html.replace("<h1", "<h2")
            .replace("<H1", "<h2")
            .replace("</h1>", "</h2>")
            .replace("</H1>", "</h2>")
    } else {
        html.to_owned()
    };
    ALLOWED.clean(&html).to_string().trim().to_owned()
}

/// A description as sanitised HTML and as text.
pub fn render(source: &str, format: DescriptionFormat) -> (String, String) {
    let html = match format {
        DescriptionFormat::Html => sanitise(source),
        DescriptionFormat::Markdown => {
            let mut out = String::with_capacity(source.len() * 3 / 2);
            html::push_html(
                &mut out,
                Parser::new_ext(source, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH),
            );
            sanitise(&out)
        }
    };
    let text = text_of(&html);
    (html, text)
}

/// The text of *sanitised* HTML: paragraphs apart by an empty line, list items with a dash, entities decoded.
pub fn text_of(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        push_text(&mut out, &rest[..open]);
        let Some(close) = rest[open..].find('>') else {
            break;
        };
        push_break(&mut out, &rest[open + 1..open + close]);
        rest = &rest[open + close + 1..];
    }
    if !rest.starts_with('<') {
        push_text(&mut out, rest);
    }
    out.trim().to_owned()
}

fn push_break(out: &mut String, tag: &str) {
    let closing = tag.starts_with('/');
    let name = tag
        .trim_start_matches('/')
        .split([' ', '/', '>'])
        .next()
        .unwrap_or_default();
    match (name, closing) {
        ("br" | "tr", _) => ensure_newlines(out, 1),
        ("li", false) => {
            ensure_newlines(out, 1);
            out.push_str("- ");
        }
        ("p", false) if out.ends_with("- ") => {}
        ("p" | "h2" | "h3" | "h4" | "h5" | "blockquote" | "pre" | "table" | "hr", _) => {
            ensure_newlines(out, 2)
        }
        ("ul" | "ol", _) => ensure_newlines(out, 1),
        ("td" | "th", true) => out.push(' '),
        _ => {}
    }
}

fn ensure_newlines(out: &mut String, count: usize) {
    while out.ends_with(' ') && !out.ends_with("- ") {
        out.pop();
    }
    if out.is_empty() {
        return;
    }
    let present = out.len() - out.trim_end_matches('\n').len();
    for _ in present..count {
        out.push('\n');
    }
}

/// Text with runs of white space folded and the entities that the sanitiser writes decoded.
fn push_text(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() || rest.starts_with("&nbsp;") {
            rest = rest.strip_prefix("&nbsp;").unwrap_or(&rest[first.len_utf8()..]);
            if !out.is_empty() && !out.ends_with([' ', '\n']) {
                out.push(' ');
            }
            continue;
        }
        if first == '&' {
            let entities = [
                ("&amp;", '&'),
                ("&lt;", '<'),
                ("&gt;", '>'),
                ("&quot;", '"'),
                ("&#39;", '\''),
            ];
            if let Some((entity, plain)) = entities.iter().find(|(entity, _)| rest.starts_with(entity)) {
                out.push(*plain);
                rest = &rest[entity.len()..];
                continue;
            }
        }
        let word = rest[first.len_utf8()..]
            .find(|c: char| c.is_whitespace() || c == '&')
            .map_or(rest.len(), |at| at + first.len_utf8());
        out.push_str(&rest[..word]);
        rest = &rest[word..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html_and_text() {
        let (html, text) = render(
            "# Role\n\nYou *own* timing.\n\n- PrimeTime\n- A & B\n",
            DescriptionFormat::Markdown,
        );
        assert_eq!(
            html,
            "<h2>Role</h2>\n<p>You <em>own</em> timing.</p>\n<ul>\n<li>PrimeTime</li>\n<li>A &amp; B</li>\n</ul>"
        );
        assert_eq!(text, "Role\n\nYou own timing.\n\n- PrimeTime\n- A & B");
    }

    #[test]
    fn active_content_is_dropped_and_links_are_marked() {
        let dirty = r#"<p onclick="x()">Hi<script>alert(1)</script><img src=x onerror=y><svg><a href="javascript:z">s</a></svg>
            <a href="https://acme.example/?a=1&b=2" target=_blank>go</a> <a href="/relative">r</a></p>"#;
        let html = sanitise(dirty);
        for bad in [
            "script",
            "onclick",
            "onerror",
            "javascript",
            "img",
            "svg",
            "target",
            "relative\"",
        ] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        assert!(
            html.contains(
                r#"<a href="https://acme.example/?a=1&amp;b=2" rel="nofollow noopener ugc">go</a>"#
            ),
            "{html}"
        );
        assert_eq!(sanitise(&html), html, "sanitising twice changes nothing");
    }

    #[test]
    fn text_keeps_words_apart_and_any_script() {
        let text = text_of(
            "<p>芯片 设计</p><p>Zürich&nbsp;&lt;3 &amp;amp; x</p><ul><li><p>one</p></li><li>two<br>three</li></ul>",
        );
        assert_eq!(text, "芯片 设计\n\nZürich <3 &amp; x\n\n- one\n\n- two\nthree");
    }
}
