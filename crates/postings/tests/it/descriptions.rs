//! Descriptions: what is kept of Markdown and HTML, and what never gets through.

use postings::{sanitise, text_of};
use store::Random;

use crate::support::content_of;

/// Ways to run a script or to reach out, none of which may survive.
const ATTACKS: &[&str] = &[
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=`x`onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert&#40;1)</script></svg>",
    "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<a href=\" java\nscript:alert(1)\">x</a>",
    "<a href=\"&#106;avascript:alert(1)\">x</a>",
    "<a href=\"JaVaScRiPt:alert(1)\">x</a>",
    "<a href=\"data:text/html;base64,PHNjcmlwdD4=\">x</a>",
    "<a href=\"vbscript:x\">x</a>",
    "<a href=\"//evil.example\">x</a>",
    "<a href=\"https://x.example\" onclick=\"alert(1)\" style=\"position:fixed\" target=_blank>x</a>",
    "<iframe src=\"https://evil.example\"></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<object data=x></object><embed src=x><applet code=x>",
    "<base href=\"https://evil.example/\">",
    "<meta http-equiv=refresh content=\"0;url=https://evil.example\">",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>@import 'https://evil.example'</style>",
    "<div style=\"background:url(javascript:alert(1))\">x</div>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<section onclick=alert(1) class=x id=y>x</section>",
    "<h1 onmouseover=alert(1)>x</h1>",
    "<template><script>alert(1)</script></template>",
    "<textarea><script>alert(1)</script></textarea>",
    "<title><img src=x onerror=alert(1)></title>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><%= x %>",
    "<p onclick=\"alert(1)\" title=\"x\">x",
    "</p><script>alert(1)",
    "<table><tr><td background=javascript:x>x</table>",
    "<button formaction=javascript:alert(1)>x</button>",
];

const KEPT: &[&str] = &[
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
];

/// Reads sanitised HTML strictly: only kept tags, no attribute but a safe link's.
fn assert_safe(html: &str) {
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag
            .split_once('>')
            .unwrap_or_else(|| panic!("an open tag in {html}"));
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(KEPT.contains(&name), "{name} in {html}");
        if attributes.is_empty() {
            continue;
        }
        assert_eq!(name, "a", "{html}");
        let link = attributes
            .strip_suffix("rel=\"nofollow noopener ugc\"")
            .unwrap_or_else(|| panic!("{html}"));
        if !link.is_empty() {
            let url = link.strip_prefix("href=\"").unwrap_or_else(|| panic!("{html}"));
            assert!(
                ["https:", "http:", "mailto:"]
                    .iter()
                    .any(|scheme| url.to_lowercase().starts_with(scheme)),
                "{html}"
            );
        }
    }
}

#[test]
fn nothing_active_gets_through() {
    for attack in ATTACKS {
        for html in [
            (*attack).to_owned(),
            format!("<p>before {attack} after</p>"),
            format!("<ul><li>{attack}<li>x</ul>"),
        ] {
            let clean = sanitise(&html);
            assert_safe(&clean);
            assert_eq!(
                sanitise(&clean),
                clean,
                "sanitising twice changes nothing: {html}"
            );
            let markdown = content_of(serde_json::json!({"description": html})).description_html;
            assert_safe(&markdown);
        }
    }
    for link in [
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        "![x](https://evil.example/x.png)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
    ] {
        let html = content_of(serde_json::json!({"description": link})).description_html;
        assert_safe(&html);
        assert!(
            !html.contains("href=\"javascript") && !html.contains("<img"),
            "{html}"
        );
    }
}

#[test]
fn any_soup_of_tags_comes_out_safe_and_stays_as_it_is() {
    let pieces: Vec<&str> = ATTACKS
        .iter()
        .copied()
        .chain([
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<table>",
            "<tr>",
            "<td>",
            "</table>",
            "<b>",
            "</i>",
            "<a href=\"https://a.example/?x>y\">",
            "</a>",
            "text ",
            "&lt;",
            "&amp;lt;",
            "\"",
            "<",
            ">",
            "&",
            "<h1>",
            "</h6>",
            "<li>",
            "<pre>\n",
            "\u{202e}",
            "é芯",
        ])
        .collect();
    let random = Random::seeded(11);
    for _ in 0..400 {
        let count = 1 + usize::from(random.bytes::<1>()[0] % 9);
        let html: String = (0..count)
            .map(|_| pieces[usize::from(random.bytes::<1>()[0]) % pieces.len()])
            .collect();
        let clean = sanitise(&html);
        assert_safe(&clean);
        assert_eq!(sanitise(&clean), clean, "{html}");
        let text = text_of(&clean);
        assert!(!text.contains('\u{202e}'), "{text}");
    }
}

#[test]
fn words_of_separate_blocks_never_run_together() {
    for (html, text) in [
        ("<div>one</div><div>two</div>", "one\ntwo"),
        (
            "<section><h6>Pay</h6>two</section><article>three</article>",
            "Pay\n\ntwo\nthree",
        ),
        ("<h1>Role</h1>You own it", "Role\n\nYou own it"),
        ("<dl><dt>Pay</dt><dd>Good</dd></dl>", "Pay\nGood"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        (
            "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
            "a b\nc",
        ),
        (
            "<ul><li><div>one</div></li><li><p>two</p></li></ul>",
            "- one\n- two",
        ),
        ("<p>a <span>b</span><strong>c</strong></p>", "a bc"),
        ("<p>x &lt;b&gt; &amp;amp; &nbsp; y</p>", "x <b> &amp; y"),
        (
            "<p><a href=\"https://a.example/?a>b\">link</a> after</p>",
            "link after",
        ),
    ] {
        assert_eq!(text_of(&sanitise(html)), text, "{html}");
    }
}

#[test]
fn control_characters_do_not_reach_what_is_kept() {
    let description = "<p>a\u{0}b&#1;c&#8238;d\u{202e}e\u{7f}f</p>";
    for format in ["html", "markdown"] {
        let content =
            content_of(serde_json::json!({"description": description, "description_format": format}));
        for text in [&content.description_html, &content.description_text] {
            assert!(
                !text
                    .chars()
                    .any(|c| c == '\u{202e}' || (c.is_control() && c != '\n')),
                "{text:?}"
            );
        }
        assert!(
            content.description_text.contains("def"),
            "{:?}",
            content.description_text
        );
    }
}

#[test]
fn links_keep_their_address_and_lose_their_weight() {
    let html = sanitise(
        "<a href=\"https://acme.example/?a=1&b=2\" rel=follow target=_top>go</a> <a href=\"mailto:hiring@acme.example\">mail</a>",
    );
    assert_eq!(
        html,
        "<a href=\"https://acme.example/?a=1&amp;b=2\" rel=\"nofollow noopener ugc\">go</a> <a href=\"mailto:hiring@acme.example\" rel=\"nofollow noopener ugc\">mail</a>"
    );
}
