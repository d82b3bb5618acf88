//! The way to the relay, encrypted with a certificate of one's own making.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use mail::{MailState, PassReport, Transport};
use store::Backend;
use store::testing::TestDb;
use support::{Encryption, House, SmtpServer, draft};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// Sends two mails by `url`, in which PORT is the server's; what came of it and what was said last.
fn send(
    encryption: Encryption,
    url: &str,
    authority: Option<&str>,
) -> (PassReport, SmtpServer, Option<String>) {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let server = house.block_on(SmtpServer::start_tls(encryption));
    let url = url.replace("PORT", &server.port().to_string());
    let mut transport: Transport = url.parse().unwrap();
    if let Some(name) = authority {
        transport = transport.with_authorities(&file(name)).unwrap();
    }
    house.use_transport(&transport);
    house.enqueue(&[draft(1), draft(2)]);
    let report = house.pass();
    let said = house.mails().into_iter().find_map(|mail| mail.last_error);
    let sent = house
        .mails()
        .iter()
        .filter(|mail| mail.state == MailState::Sent)
        .count();
    assert_eq!((sent, server.accepted().len()), (report.sent, report.sent));
    (report, server, said)
}

#[test]
fn with_the_authority_of_the_relay_mail_leaves_encrypted_and_logged_in() {
    for (encryption, url) in [
        (Encryption::Implicit, "smtps://user:secret@localhost:PORT"),
        (Encryption::Implicit, "smtps://user:secret@127.0.0.1:PORT"),
        (
            Encryption::StartTls,
            "smtp://user:secret@localhost:PORT?tls=required",
        ),
        (
            Encryption::StartTls,
            "smtp://user:secret@127.0.0.1:PORT?tls=when-offered",
        ),
    ] {
        let (report, _, said) = send(encryption, url, Some("authority.pem"));
        assert_eq!((report.sent, report.relay_failed), (2, false), "{url}: {said:?}");
    }
}

#[test]
fn a_relay_that_nobody_vouches_for_gets_neither_password_nor_mail() {
    for (encryption, url) in [
        (Encryption::Implicit, "smtps://user:secret@localhost:PORT"),
        (
            Encryption::StartTls,
            "smtp://user:secret@localhost:PORT?tls=required",
        ),
        (
            Encryption::StartTls,
            "smtp://user:secret@localhost:PORT?tls=when-offered",
        ),
    ] {
        for authority in [None, Some("stranger.pem")] {
            let (report, server, said) = send(encryption, url, authority);
            assert!(report.relay_failed && report.sent == 0, "{url} {authority:?}");
            assert_eq!(server.connections().0, 0, "no conversation began");
            assert!(said.unwrap().contains("TLS"), "{url}");
        }
    }
}

#[test]
fn a_wrong_password_is_a_fault_of_ours_and_is_not_told() {
    let (report, _, said) = send(
        Encryption::Implicit,
        "smtps://user:wr0ng@localhost:PORT",
        Some("authority.pem"),
    );
    assert!(report.relay_failed && report.sent == 0);
    let said = said.unwrap();
    assert!(said.contains("535") && !said.contains("wr0ng"), "{said}");
}

#[test]
fn a_reply_slipped_in_before_the_handshake_ends_the_connection() {
    let (report, _, said) = send(
        Encryption::StartTlsInjected,
        "smtp://user:secret@localhost:PORT?tls=required",
        Some("authority.pem"),
    );
    assert!(report.relay_failed && report.sent == 0);
    assert!(said.unwrap().contains("before the encryption"));
}

#[test]
fn a_file_of_authorities_that_holds_none_is_refused() {
    let transport: Transport = "smtps://relay.example".parse().unwrap();
    for name in ["relay.key", "missing.pem"] {
        assert!(transport.clone().with_authorities(&file(name)).is_err(), "{name}");
    }
}
