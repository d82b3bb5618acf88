//! What went wrong elsewhere, each as a test of its own: the advisories and measurements that this sender is built against.

mod support;

use std::sync::Arc;
use std::time::Duration;

use mail::{Block, Draft, Footer, Layout, MailState, Transport, delivery_pass};
use store::Backend;
use store::testing::TestDb;
use support::{House, SmtpServer, Treat, bulk_draft, config, draft};

/// Ends a mail early and begins another one, in every way that was ever taken for a line end.
const SMUGGLED: &str = "x\n.\r\nMAIL FROM:<ceo@bank.example>\r\nRCPT TO:<victim@bank.example>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n\
    y\r.\rMAIL FROM:<ceo@bank.example>\rz\r\n.\nw\n.\nRSET\r\n\r\n.\r\nQUIT\r\n\0\u{1b}[2J";

/// Sends `drafts` to a server that takes everything; the server.
fn sent(house: &mut House<'_>, drafts: &[Draft]) -> SmtpServer {
    let server = house.block_on(SmtpServer::start(&[]));
    house.use_transport(&server.transport());
    house.enqueue(drafts);
    let report = house.pass();
    assert_eq!((report.sent, report.done()), (drafts.len(), drafts.len()));
    server
}

#[test]
fn rustsec_2026_0561_and_cve_2023_51764_a_smuggled_mail_stays_text() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let layout = Layout {
        title: SMUGGLED.to_owned(),
        preheader: SMUGGLED.to_owned(),
        blocks: vec![
            Block::Paragraph(SMUGGLED.to_owned()),
            Block::Code(SMUGGLED.to_owned()),
        ],
        footer: Footer::default(),
    };
    let rendered = layout.render(&config());
    let evil = Draft {
        subject: SMUGGLED.to_owned(),
        text: rendered.text,
        html: rendered.html,
        ..bulk_draft(1)
    };
    let plain = Draft {
        text: SMUGGLED.to_owned(),
        html: SMUGGLED.to_owned(),
        ..draft(2)
    };
    let server = sent(&mut house, &[evil, plain, draft(3)]);
    assert_eq!(server.accepted().len(), 3, "and nothing beside them");
    assert_eq!(server.tried("victim@bank.example"), 0);
    for content in server.accepted() {
        assert!(content.starts_with("Date: "), "each begins where it should");
        assert!(!content.contains("\r\n.\r\n"), "and ends where it should");
    }
}

#[test]
fn cve_2017_9801_and_cve_2015_9097_a_header_in_a_field_adds_no_recipient() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let evil = Draft {
        subject: "New role\r\nBcc: victim@bank.example\r\nReply-To: ceo@bank.example".to_owned(),
        ..draft(1)
    };
    let server = sent(&mut house, &[evil]);
    let content = server.accepted().remove(0);
    let (head, _) = content.split_once("\r\n\r\n").unwrap();
    assert!(
        !head.contains("\r\nBcc:") && !head.contains("\r\nReply-To:"),
        "{head}"
    );
    assert!(
        "a@inbox.example\r\nBcc: victim@bank.example"
            .parse::<mail::EmailAddress>()
            .is_err()
    );
}

#[test]
fn lettre_a_display_name_with_line_breaks_does_not_panic_and_the_next_mail_goes() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let server = house.block_on(SmtpServer::start(&[]));
    for name in ["A\r\nB", "A\0B", "\r", "\n\n", "\"\\", "=?utf-8?q?x?="] {
        let mut hostile = config();
        hostile.from.name = name.to_owned();
        house.courier.config = Arc::new(hostile);
        house.use_transport(&server.transport());
        house.enqueue(&[Draft {
            dedup_key: format!("name {name:?}"),
            ..draft(1)
        }]);
        assert_eq!(house.pass().sent, 1, "{name:?}");
        let content = server.accepted().pop().unwrap();
        assert_eq!(content.matches("\r\nFrom: ").count(), 1, "{name:?}");
    }
}

#[test]
fn cve_2024_55224_markup_in_a_name_is_text_in_the_mail() {
    let layout = Layout {
        title: "<img src=x onerror=alert(1)>".to_owned(),
        preheader: "<script>alert(1)</script>".to_owned(),
        blocks: vec![Block::Paragraph(
            "<a href=\"https://evil.example\">click</a>".to_owned(),
        )],
        footer: Footer {
            reason: "</p></body><h1>x".to_owned(),
            links: vec![(
                "<b>".to_owned(),
                "javascript:alert(1)\" onmouseover=\"x".to_owned(),
            )],
        },
    };
    let html = layout.render(&config()).html;
    for markup in [
        "<img",
        "<script",
        "<a href=\"https://evil",
        "</p></body><h1>x",
        "\" onmouseover",
    ] {
        assert!(!html.contains(markup), "{markup}");
    }
}

#[test]
fn cve_2025_49136_what_looks_like_a_template_stays_text() {
    for text in [
        "{{ env \"HOME\" }}",
        "{% include \"x\" %}",
        "${HOME}",
        "#{7*7}",
        "<%= 7*7 %>",
    ] {
        let layout = Layout {
            title: text.to_owned(),
            preheader: String::new(),
            blocks: Vec::new(),
            footer: Footer::default(),
        };
        assert!(layout.render(&config()).text.starts_with(text), "{text}");
    }
}

#[test]
fn lettre_a_send_that_is_given_up_costs_the_next_mail_nothing() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let server = house.block_on(SmtpServer::start(&[Treat::HangAfterContent]));
    house.use_transport(&server.transport());
    let courier = house.courier.clone();
    house.enqueue(&[draft(1)]);
    // Given up half way, as a timeout around a send would.
    house.block_on(async {
        let _ = tokio::time::timeout(Duration::from_millis(100), delivery_pass(&courier)).await;
    });
    house.enqueue(&[draft(2), draft(3)]);
    house.pass();
    let accepted = server.accepted();
    let is_there = |n: usize| {
        accepted
            .iter()
            .any(|content| content.contains(&format!("Subject: Mail {n}\r\n")))
    };
    for (n, mail) in house.mails().iter().enumerate() {
        assert_eq!(
            mail.state == MailState::Sent,
            is_there(n + 1),
            "sent is what was taken: mail {}",
            n + 1
        );
    }
    assert!(is_there(2) && is_there(3) && !is_there(1));
}

#[test]
fn lettre_a_server_that_says_nothing_after_connecting_is_left_in_time() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut transport: Transport = format!("smtp://{}", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    if let Transport::Smtp(smtp) = &mut transport {
        smtp.timeouts.command = Duration::from_millis(100);
    }
    house.use_transport(&transport);
    house.enqueue(&[draft(1)]);
    assert!(house.pass().relay_failed);
    let said = house.mails()[0].last_error.clone().unwrap();
    assert_eq!(said, "greeting: no reply in 100 ms");
}
