//! What people write and what mail systems report: descriptions, postings, mails.

use std::sync::LazyLock;

use mail::report::Report;
use mail::{Draft, EmailAddress, ListHeaders, Mail, MailConfig, MailKind, Mailbox};
use postings::{DescriptionFormat, PostingInput};
use store::testing::{TestDb, monday_morning};
use store::{Backend, Random};
use taxonomy::Gazetteer;

/// What may stand behind a `<` in a sanitised description.
const TAGS: &[&str] = &[
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

/// The input as Markdown and as HTML: only tags of the list come out, with no attribute but a safe link's, and sanitising what
/// came out changes nothing.
pub(super) fn description(input: &[u8]) {
    let source = String::from_utf8_lossy(input);
    for format in [DescriptionFormat::Markdown, DescriptionFormat::Html] {
        let (html, text) = postings::render(&source, format);
        require_safe(&html);
        assert_eq!(
            postings::sanitise(&html),
            html,
            "sanitising {source:?} twice changes it"
        );
        assert!(
            !text.chars().any(|c| c.is_control() && !c.is_whitespace()),
            "{text:?}"
        );
    }
}

fn require_safe(html: &str) {
    for tag in html.split('<').skip(1) {
        let tag = tag.trim_start_matches('/');
        let name = tag
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        assert!(TAGS.contains(&name), "<{name} came out: {html:?}");
        let rest = &tag[name.len()..];
        let is_bare = rest.starts_with('>');
        let is_link = [
            " href=\"https://",
            " href=\"http://",
            " href=\"mailto:",
            " rel=\"",
        ]
        .iter()
        .any(|start| rest.to_ascii_lowercase().starts_with(start));
        assert!(is_bare || (name == "a" && is_link), "<{tag} came out: {html:?}");
    }
}

/// The input as the body of a posting: what is accepted passes a second time, rendered text included.
pub(super) fn posting(input: &[u8]) {
    let Ok(written) = serde_json::from_slice::<PostingInput>(input) else {
        return;
    };
    match postings::validate(written) {
        Ok(content) => {
            require_safe(&content.description_html);
            assert!(!content.title.trim().is_empty() && !content.title.chars().any(char::is_control));
            serde_json::to_string(&content).expect("a posting can be written");
        }
        Err(errors) => assert!(!errors.is_empty()),
    }
}

/// The input as a place, as pay, and as what was typed into a search.
pub(super) fn place_and_pay(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let gazetteer = Gazetteer::bundled();
    gazetteer.resolve(&text);
    gazetteer.find(&text);
    gazetteer.complete(&text, 10);
    let words: Vec<&str> = text.split_whitespace().collect();
    for (range, _) in gazetteer.typed_places(&words) {
        assert!(range.end <= words.len());
    }
    taxonomy::parse_pay(&text);
    taxonomy::find_pay_in_text(&text);
}

/// The input as a mail that arrived at the return path.
pub(super) fn mail_report(input: &[u8]) {
    let _ = Report::parse(input);
}

/// The input as an address: what is accepted is one plain word on the wire, and reads as itself.
pub(super) fn email_address(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(address) = text.parse::<EmailAddress>() {
        let written = address.as_str();
        assert!(written.is_ascii() && written.len() <= 254);
        assert!(
            !written
                .contains(|c: char| c.is_ascii_control() || c.is_whitespace() || "<>,;:\"\\()[]".contains(c))
        );
        assert_eq!(written.parse::<EmailAddress>().as_ref(), Ok(&address));
    }
}

static MAIL: LazyLock<Mail> = LazyLock::new(|| {
    let db = TestDb::new(Backend::Sqlite);
    let draft = Draft {
        kind: MailKind::AlertDigest,
        recipient: "lena@reader.example".parse().expect("an address"),
        subject: String::new(),
        text: String::new(),
        html: String::new(),
        list: Some(ListHeaders {
            unsubscribe_url: "https://board.example/u?token=x".to_owned(),
            list: "alerts".to_owned(),
        }),
        dedup_key: "fuzz".to_owned(),
        not_after: monday_morning(),
    };
    db.write_blocking(|tx| mail::enqueue(tx, &[draft], &Random::seeded(1), monday_morning()))
        .expect("a mail");
    let mails = db.read_blocking(|conn| mail::list_recent(conn, None, 1));
    mails.expect("the mail").remove(0)
});

/// The headers that a mail of ours has, each once.
const HEADERS: &[&str] = &[
    "Date",
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Precedence",
    "MIME-Version",
    "Content-Type",
];

/// The input as sender's name, subject, text and markup of a mail: it gets no header, no recipient and no line of SMTP through.
pub(super) fn mail_message(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let config = MailConfig {
        from: Mailbox {
            name: text.chars().take(100).collect(),
            address: "board@board.example".parse().expect("an address"),
        },
        postal_address: text.clone(),
        public_url: "https://board.example".to_owned(),
        dkim: Vec::new(),
    };
    let mut mail = MAIL.clone();
    mail.subject.clone_from(&text);
    mail.text_body.clone_from(&text);
    mail.html_body = text;
    let message = mail::render(&mail, &config, monday_morning()).expect("a mail can be rendered");
    let wire = String::from_utf8(message.bytes).expect("ASCII");
    let bare = wire.replace("\r\n", "");
    assert!(wire.is_ascii() && !bare.contains(['\r', '\n', '\0']), "{wire:?}");
    assert!(wire.split("\r\n").all(|line| line.len() <= 998));
    let (head, body) = wire.split_once("\r\n\r\n").expect("an empty line");
    let names: Vec<&str> = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split_once(':').map_or(line, |(name, _)| name))
        .collect();
    assert_eq!(names, HEADERS, "{head:?}");
    let boundary = format!("--=_{}", mail.id);
    assert_eq!(
        body.split("\r\n")
            .filter(|line| line.starts_with(&boundary))
            .count(),
        3,
        "{body:?}"
    );
}
