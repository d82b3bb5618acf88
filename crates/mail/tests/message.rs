//! The final bytes of a mail.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use mail::{Block, DkimKey, Draft, Entry, Footer, Layout, ListHeaders, Mail, MailConfig};
use store::testing::{TestDb, monday_morning};
use store::{Backend, Random};
use support::{bulk_draft, config, draft};

/// What a draft looks like on the wire.
fn wire(draft: Draft, config: &MailConfig) -> String {
    let mail = stored(draft);
    String::from_utf8(mail::render(&mail, config, monday_morning()).unwrap().bytes).unwrap()
}

fn stored(draft: Draft) -> Mail {
    let db = TestDb::new(Backend::Sqlite);
    db.write_blocking(|tx| mail::enqueue(tx, &[draft], &Random::seeded(3), monday_morning()))
        .unwrap();
    db.read_blocking(|c| mail::list_recent(c, None, 1))
        .unwrap()
        .remove(0)
}

fn header<'w>(wire: &'w str, name: &str) -> Vec<&'w str> {
    let (head, _) = wire.split_once("\r\n\r\n").unwrap();
    head.split("\r\n")
        .filter(|line| {
            line.to_lowercase()
                .starts_with(&format!("{}:", name.to_lowercase()))
        })
        .collect()
}

fn layout() -> Layout {
    Layout {
        title: "2 new postings".to_owned(),
        preheader: "Staff RTL Design Engineer at Acme and one more".to_owned(),
        blocks: vec![
            Block::Heading("For \"rtl <design>\" in Zürich".to_owned()),
            Block::Paragraph("These were published since yesterday & match your search.".to_owned()),
            Block::List(vec![
                Entry {
                    title: "Staff RTL Design Engineer".to_owned(),
                    url: "https://board.example/postings/staff-rtl?a=1&b=2".to_owned(),
                    lines: vec![
                        "Acme Compute · Austin, TX".to_owned(),
                        "$210,000 – $290,000".to_owned(),
                    ],
                    links: Vec::new(),
                },
                Entry {
                    title: "<img src=x onerror=alert(1)>".to_owned(),
                    url: "https://board.example/postings/x".to_owned(),
                    lines: vec![],
                    links: Vec::new(),
                },
            ]),
            Block::Button {
                label: "See all".to_owned(),
                url: "https://board.example/search".to_owned(),
            },
            Block::Code("t0ken".to_owned()),
        ],
        footer: Footer {
            reason: "You get this mail because you confirmed an alert.".to_owned(),
            links: vec![(
                "Unsubscribe".to_owned(),
                "https://board.example/alerts/unsubscribe?token=x".to_owned(),
            )],
        },
    }
}

#[test]
fn an_account_mail_looks_like_this() {
    insta::assert_snapshot!(wire(draft(1), &config()));
}

#[test]
fn a_bulk_mail_can_be_unsubscribed_from_with_one_click() {
    let rendered = layout().render(&config());
    let draft = Draft {
        text: rendered.text,
        html: rendered.html,
        ..bulk_draft(1)
    };
    insta::assert_snapshot!(wire(draft, &config()));
}

#[test]
fn the_layout_says_the_same_in_text_and_in_html() {
    let rendered = layout().render(&config());
    insta::assert_snapshot!("layout_text", rendered.text);
    insta::assert_snapshot!("layout_html", rendered.html);
    assert!(!rendered.html.contains("<img"), "texts are escaped");
}

#[test]
fn nothing_in_a_name_a_subject_or_a_list_adds_a_header_or_a_recipient() {
    let evil =
        "A\r\nBcc: victim@bank.example\r\n\r\n.\r\nMAIL FROM:<ceo@bank.example>\n\0\u{b}\u{85}\u{2028}X";
    let mut hostile = config();
    hostile.from.name = evil.to_owned();
    hostile.postal_address = evil.to_owned();
    let rendered = Layout {
        title: evil.to_owned(),
        preheader: evil.to_owned(),
        ..layout()
    }
    .render(&hostile);
    let draft = Draft {
        subject: evil.to_owned(),
        text: rendered.text,
        html: rendered.html,
        list: Some(ListHeaders {
            unsubscribe_url: format!("https://x.example/{evil}"),
            list: evil.to_owned(),
        }),
        ..draft(1)
    };
    let wire = wire(draft, &hostile);
    let (head, _) = wire.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = head
        .split("\r\n")
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_once(':').unwrap().0)
        .collect();
    assert_eq!(
        names,
        [
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
        ]
    );
    assert!(
        wire.bytes()
            .all(|b| b == b'\r' || b == b'\n' || (32..127).contains(&b)),
        "nothing else in the whole mail"
    );
    assert_eq!(wire.matches('\r').count(), wire.matches("\r\n").count());
    assert_eq!(wire.matches('\n').count(), wire.matches("\r\n").count());
    assert!(!wire.contains("\r\n.\r\n"), "the end of the mail is its end");
}

#[test]
fn any_language_fits_into_a_header_and_no_line_is_too_long() {
    for subject in [
        "Zürich: 3 neue Stellen für „RTL-Design“",
        "東京でのハードウェア検証エンジニアの新しい求人が十件以上あります。今すぐご確認ください。東京でのハードウェア検証エンジニアの新しい求人",
        "🚀🚀🚀",
        "",
        "=?UTF-8?B?ZXZpbA==?=",
        &"word ".repeat(60),
        &"x".repeat(500),
    ] {
        let wire = wire(
            Draft {
                subject: subject.to_owned(),
                ..draft(1)
            },
            &config(),
        );
        let lines: Vec<&str> = wire.split("\r\n").collect();
        assert!(lines.iter().all(|line| line.len() <= 78), "{subject}");
        assert_eq!(header(&wire, "Subject").len(), 1);
        assert!(wire.is_ascii());
        assert!(
            !header(&wire, "Subject")[0].contains("ZXZpbA==?="),
            "an encoded word in the input stays text"
        );
    }
}

/// What a reader's program makes of quoted-printable.
fn unquoted(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let hex: String = [rest.next().unwrap(), rest.next().unwrap()]
                .map(char::from)
                .iter()
                .collect();
            bytes.push(u8::from_str_radix(&hex, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn whatever_is_written_arrives_and_is_safe_to_send() {
    use proptest::prelude::*;
    let stored = stored(draft(1));
    let anything = "(?s).{0,300}|[\\r\\n. =\\t\0FäxA-]{0,300}";
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&(anything, anything, "(?s).{0,80}"), |(subject, text, name)| {
            let mut config = config();
            config.from.name = name;
            let mut mail = stored.clone();
            mail.subject = subject;
            mail.text_body.clone_from(&text);
            mail.html_body.clone_from(&text);
            let wire =
                String::from_utf8(mail::render(&mail, &config, monday_morning()).unwrap().bytes).unwrap();
            prop_assert!(
                wire.split("\r\n")
                    .all(|line| line.len() <= 80 && line != "." && !line.starts_with("From "))
            );
            let parts: Vec<&str> = wire.split(&format!("--=_{}", mail.id)).collect();
            prop_assert_eq!(parts.len(), 4);
            for part in &parts[1..3] {
                let (_, body) = part.split_once("\r\n\r\n").unwrap();
                let expected = text.replace("\r\n", "\n").replace('\r', "\n");
                let arrived = unquoted(body).replace("\r\n", "\n");
                prop_assert_eq!(arrived.trim_end_matches('\n'), expected.trim_end_matches('\n'));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_postal_address_is_required_before_bulk_mail_leaves_the_machine() {
    let file = "file:./mail".parse().unwrap();
    let smtp = "smtp://relay.example".parse().unwrap();
    let mut config = config();
    assert_eq!(mail::check(&config, &smtp), Ok(()));
    config.public_url = "http://board.example".to_owned();
    assert_eq!(
        mail::check(&config, &smtp),
        Err(mail::ConfigError::PublicUrlNotSecure)
    );
    assert_eq!(
        mail::check(&config, &"smtp://127.0.0.1:2525".parse().unwrap()),
        Ok(())
    );
    config.postal_address = " ".to_owned();
    assert_eq!(mail::check(&config, &smtp), Err(mail::ConfigError::PostalAddress));
    assert_eq!(mail::check(&config, &file), Ok(()));
    config.public_url = "board.example".to_owned();
    assert_eq!(mail::check(&config, &file), Err(mail::ConfigError::PublicUrl));
}

#[test]
fn a_signature_covers_the_one_click_headers_and_names_from_twice() {
    let mut signed = config();
    signed.dkim = vec![DkimKey::from_pem("s1", "board.example", ED25519).unwrap()];
    let wire = wire(bulk_draft(1), &signed);
    assert!(wire.starts_with("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=board.example;\r\n s=s1; t=1795424400;\r\n"));
    let (head, _) = wire.split_once("\r\n\r\n").unwrap();
    let signature: String = head
        .split("\r\nDate:")
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let list = signature
        .split("h=")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_lowercase();
    assert!(
        list.contains("list-unsubscribe:list-unsubscribe-post") && list.matches("from").count() == 2,
        "{list}"
    );
    assert!(!signature.contains(";l="));
    assert!(DkimKey::from_pem("s1", "board.example", "nonsense").is_err());
    assert!(DkimKey::from_pem("s1;", "board.example", ED25519).is_err());
}

/// The key of RFC 8410, section 10.3.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----";
