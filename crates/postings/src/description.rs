//! Descriptions: Markdown or HTML in, safe HTML and plain text out.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use pulldown_cmark::{Options, Parser, html};

use crate::DescriptionFormat;
use crate::validate::is_forbidden;

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
        "div",
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
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .url_schemes(["https", "http", "mailto"].into())
        .url_relative(ammonia::UrlRelative::Deny)
        .attribute_filter(|_, name, value| match name {
            "href" => absolute(value).map(Into::into),
            _ => Some(value.into()),
        })
        .link_rel(Some("nofollow noopener ugc"));
    builder
});

/// An address that leads where it says: `https:/path` and `https:path` are relative on a page that came by https (WHATWG URL, "special
/// relative or authority state").
fn absolute(address: &str) -> Option<&str> {
    let trimmed = address.trim_matches(|c: char| c.is_ascii_control() || c == ' ');
    let has = |start: &str| {
        trimmed
            .get(..start.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(start))
    };
    ["https://", "http://", "mailto:"]
        .into_iter()
        .any(has)
        .then_some(trimmed)
}

/// `html` with only the allowed tags, links marked `rel="nofollow noopener ugc"`, headings no larger than `h2`, and
/// without control and text-direction characters. Sanitising twice changes nothing.
pub fn sanitise(html: &str) -> String {
    let mut clean = sanitise_once(html);
    if !clean.contains("<table") {
        return clean;
    }
    // What stands wrongly in a table is moved before it, and read there once more: links in links change the tree again.
    for _ in 0..MOVES {
        let again = sanitise_once(&clean);
        if again == clean {
            return clean;
        }
        clean = again;
    }
    sanitise_once(&ammonia::clean_text(&text_of(&clean)))
}

/// How often a description with tables is read again before only its words are kept.
const MOVES: usize = 4;

fn sanitise_once(html: &str) -> String {
    let mut clean = ALLOWED.clean(&with_known_blocks(html)).to_string();
    if clean.chars().any(is_forbidden) {
        clean = clean.replace(is_forbidden, "");
    }
    clean.trim().to_owned()
}

/// Blocks that are not kept under their own name are kept under another, so that their words stay apart. Those that
/// change how the rest is read (an open paragraph does not end inside a `button`) lose their name before they are dropped.
fn kept_as(block: &str) -> Option<&'static str> {
    Some(match block {
        "h1" => "h2",
        "h6" => "h5",
        "address" | "article" | "aside" | "center" | "dd" | "details" | "dl" | "dt" | "fieldset"
        | "figcaption" | "figure" | "footer" | "form" | "header" | "main" | "nav" | "section" | "summary" => {
            "div"
        }
        "applet" | "button" | "marquee" | "object" => "span",
        _ => return None,
    })
}

fn with_known_blocks(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        let name_at = open + 1 + usize::from(rest[open + 1..].starts_with('/'));
        let len = rest[name_at..]
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len() - name_at);
        let name = &rest[name_at..name_at + len];
        out.push_str(&rest[..name_at]);
        out.push_str(kept_as(&name.to_ascii_lowercase()).unwrap_or(name));
        rest = &rest[name_at + len..];
    }
    out.push_str(rest);
    out
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
        let Some(close) = tag_len(&rest[open..]) else {
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

/// Where the tag at the start of `html` ends; a `>` between quotation marks is part of an address.
fn tag_len(html: &str) -> Option<usize> {
    let mut quoted = false;
    html.bytes().position(|b| {
        quoted ^= b == b'"';
        b == b'>' && !quoted
    })
}

fn push_break(out: &mut String, tag: &str) {
    let closing = tag.starts_with('/');
    let name = tag
        .trim_start_matches('/')
        .split([' ', '/', '>'])
        .next()
        .unwrap_or_default();
    match (name, closing) {
        ("li", false) => {
            ensure_newlines(out, 1);
            out.push_str("- ");
        }
        ("p" | "div", false) if out.ends_with("- ") => {}
        ("p" | "h2" | "h3" | "h4" | "h5" | "blockquote" | "pre" | "table" | "hr", _) => {
            ensure_newlines(out, 2);
        }
        ("br" | "tr" | "ul" | "ol" | "div", _) => ensure_newlines(out, 1),
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

    /// Found by damaged descriptions.
    #[test]
    fn a_link_never_leads_to_a_page_of_ours_by_half_an_address() {
        for half in [
            "https:/v1/me",
            "https:v1/me",
            "HTTPS:/x",
            "http:\\\\x",
            "ht\ntps://x",
            "//x",
            "/x",
            "?x",
            "#x",
            "https:",
        ] {
            let html = sanitise(&format!("<a href=\"{half}\">go</a>"));
            assert_eq!(html, "<a rel=\"nofollow noopener ugc\">go</a>", "{half:?}");
        }
        for whole in [
            "https://acme.example/",
            "HTTP://acme.example",
            " mailto:a@acme.example ",
        ] {
            let html = sanitise(&format!("<a href=\"{whole}\">go</a>"));
            assert!(html.contains(&format!("href=\"{}\"", whole.trim())), "{html}");
        }
    }

    #[test]
    fn text_keeps_words_apart_and_any_script() {
        let text = text_of(
            "<p>芯片 设计</p><p>Zürich&nbsp;&lt;3 &amp;amp; x</p><ul><li><p>one</p></li><li>two<br>three</li></ul>",
        );
        assert_eq!(text, "芯片 设计\n\nZürich <3 &amp; x\n\n- one\n\n- two\nthree");
    }
}
