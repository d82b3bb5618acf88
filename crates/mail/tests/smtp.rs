//! What an SMTP relay may do to us, by a real one over TCP.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use jiff::SignedDuration;
use mail::{DeliveryRules, Draft, MailState, PassReport, Transport, delivery_pass};
use store::testing::TestDb;
use store::{Backend, Clock as _};
use support::{House, SmtpServer, Treat, bulk_draft, draft};

/// One mail per entry of `plan`, one pass; the server and the report.
fn one_pass(house: &mut House<'_>, plan: &[Treat]) -> (SmtpServer, PassReport) {
    let server = house.block_on(SmtpServer::start(plan));
    house.use_transport(&server.transport());
    let report = house.pass();
    (server, report)
}

fn sqlite() -> TestDb {
    TestDb::new(Backend::Sqlite)
}

#[test]
fn a_mail_arrives_as_it_was_rendered_dots_included() {
    let db = sqlite();
    let mut house = House::new(&db);
    house.enqueue(&[bulk_draft(1)]);
    let (server, report) = one_pass(&mut house, &[]);
    assert_eq!(report.sent, 1);
    let rendered = mail::render(
        &house.mails()[0],
        &support::config(),
        store::testing::monday_morning(),
    )
    .unwrap();
    assert_eq!(server.accepted(), [String::from_utf8(rendered.bytes).unwrap()]);
}

#[test]
fn one_connection_carries_many_mails_and_no_more_than_six_are_open_for_one_domain() {
    let db = sqlite();
    let mut house = House::new(&db);
    let drafts: Vec<Draft> = (0..80).map(draft).collect();
    house.enqueue(&drafts);
    let (server, report) = one_pass(&mut house, &[]);
    assert_eq!((report.sent, server.accepted().len()), (80, 80));
    let (connections, most_open) = server.connections();
    assert!(
        connections <= 6 && most_open <= 6,
        "{connections} connections, {most_open} at once"
    );
}

#[test]
fn a_mail_that_is_put_off_arrives_later_once() {
    for reply in ["450 4.2.1 busy", "452 4.3.1 full"] {
        for treat in [Treat::AtRecipient(reply), Treat::AtDot(reply)] {
            let db = sqlite();
            let mut house = House::new(&db);
            house.enqueue(&[draft(1)]);
            let (server, report) = one_pass(&mut house, &[treat]);
            assert_eq!((report.retried, report.relay_failed), (1, false), "{treat:?}");
            assert_eq!(house.pass().done(), 0, "not due yet");
            house.advance(SignedDuration::from_mins(2));
            assert_eq!(house.pass().sent, 1);
            assert_eq!(server.accepted().len(), 1);
        }
    }
}

#[test]
fn a_refused_mail_is_not_tried_again_and_only_a_missing_mailbox_is_suppressed() {
    for (treat, suppressed) in [
        (Treat::AtRecipient("550 5.1.1 no such user"), true),
        (Treat::AtRecipient("550 5.2.1 disabled"), true),
        (Treat::AtRecipient("550 5.7.1 policy"), false),
        (Treat::AtRecipient("550 5.1.8 bad sender"), false),
        (Treat::AtRecipient("550 no"), false),
        (Treat::AtDot("554 5.1.1 spam"), false),
    ] {
        let db = sqlite();
        let mut house = House::new(&db);
        house.enqueue(&[draft(1), draft(2)]);
        let (server, report) = one_pass(&mut house, &[treat, treat]);
        assert_eq!((report.failed, report.relay_failed), (2, false), "{treat:?}");
        let mail = house.mails().remove(0);
        assert_eq!(mail.state, MailState::Failed);
        let found = db
            .read_blocking(|c| mail::is_suppressed(c, &mail.recipient))
            .unwrap();
        assert_eq!(found, suppressed, "{treat:?}");
        house.advance(SignedDuration::from_hours(24));
        assert_eq!((house.pass().done(), server.accepted().len()), (0, 0));
    }
}

#[test]
fn a_relay_that_refuses_us_is_our_fault_and_every_mail_waits_a_little() {
    for treat in [
        Treat::AtSender("550 5.7.1 not allowed to send"),
        Treat::AtSender("530 5.7.0 log in first"),
    ] {
        let db = sqlite();
        let mut house = House::new(&db);
        let drafts: Vec<Draft> = (0..20).map(draft).collect();
        house.enqueue(&drafts);
        let (server, report) = one_pass(&mut house, &[treat; 20]);
        assert!(report.relay_failed && report.failed == 0, "{treat:?}: {report:?}");
        assert_eq!(report.done(), 20);
        assert!(server.attempts() <= 8, "{treat:?}: it is not asked twenty times");
        let suppressed = db
            .read_blocking(|c| mail::list_suppressions(c, None, 10))
            .unwrap();
        assert!(suppressed.is_empty());
        server.recover();
        house.advance(SignedDuration::from_mins(6));
        house.pass();
        assert_eq!(server.accepted().len(), 20, "{treat:?}");
    }
}

#[test]
fn a_relay_that_is_away_for_an_hour_gets_every_mail_once_when_it_is_back() {
    let db = sqlite();
    let mut house = House::new(&db);
    let drafts: Vec<Draft> = (0..30).map(draft).collect();
    house.enqueue(&drafts);
    house.use_transport(&"smtp://127.0.0.1:1".parse().unwrap());
    let mut passes = 0;
    while house.mails()[0].created_at.plus(SignedDuration::from_mins(60)) > store::Clock::now(&*house.clock) {
        let report = house.pass();
        assert!(report.sent == 0 && report.failed == 0);
        let due = report.next_due.unwrap().as_jiff();
        house.advance(due.duration_since(store::Clock::now(&*house.clock).as_jiff()));
        passes += 1;
    }
    assert!(passes > 10);
    let server = house.block_on(SmtpServer::start(&[]));
    house.use_transport(&server.transport());
    house.advance(SignedDuration::from_mins(6));
    house.pass();
    assert_eq!(
        server.accepted().len(),
        30,
        "all within six minutes of its return"
    );
    assert!(house.mails().iter().all(|mail| mail.state == MailState::Sent));
}

#[test]
fn a_reply_that_never_came_means_again_under_the_same_message_id() {
    for treat in [
        Treat::DropAfterContent,
        Treat::HangAfterContent,
        Treat::WrongReply,
    ] {
        let db = sqlite();
        let mut house = House::new(&db);
        house.enqueue(&[draft(1), draft(2)]);
        let (server, report) = one_pass(&mut house, &[treat]);
        assert_eq!(
            (report.sent, report.retried),
            (1, 1),
            "{treat:?}: the other mail is not confused"
        );
        house.advance(SignedDuration::from_mins(2));
        assert_eq!(house.pass().sent, 1, "{treat:?}");
        let accepted = server.accepted();
        assert_eq!(accepted.len(), 2);
        for mail in house.mails() {
            let message_id = format!("Message-ID: <{}@board.example>\r\n", mail.id);
            let times = accepted
                .iter()
                .filter(|content| content.contains(&message_id))
                .count();
            assert_eq!((times, mail.state), (1, MailState::Sent), "{treat:?}");
        }
    }
}

/// What a relay has of mails whose sender died while it was thinking about them, and after the next start.
fn accepted_at_a_death(unconfirmed: usize) -> (usize, Vec<String>) {
    let db = sqlite();
    let mut house = House::new(&db);
    house.enqueue(&(0..8).map(draft).collect::<Vec<Draft>>());
    let server = house.block_on(SmtpServer::start(&[Treat::TakeAndHang; 8]));
    let mut transport = server.transport();
    if let Transport::Smtp(smtp) = &mut transport {
        let long = std::time::Duration::from_mins(1);
        (smtp.timeouts.content, smtp.timeouts.others_wait) = (long, long);
    }
    let rules = DeliveryRules::default().with_unconfirmed(unconfirmed).unwrap();
    house.courier = house.courier.clone().with_rules(&transport, rules.clone());
    assert_eq!(house.pass().sent, 0);
    assert_eq!(server.attempts(), 6, "six mails are being said at once");
    let at_death = server.accepted().len();
    house.block_on(house.courier.stop(std::time::Duration::ZERO));
    server.recover();
    house.courier = house.courier.clone().with_rules(&transport, rules);
    let (holder, now) = (house.courier.holder, house.clock.now());
    house
        .db
        .write_blocking(|tx| mail::release_claims(tx, holder, now))
        .unwrap();
    assert_eq!(house.pass().sent, 8);
    (at_death, server.accepted())
}

#[test]
fn a_process_that_dies_repeats_one_mail_at_most_under_the_same_message_id() {
    let (at_death, accepted) = accepted_at_a_death(1);
    assert_eq!((at_death, accepted.len()), (1, 9));
    let id = |content: &String| {
        let line = content.lines().find(|line| line.starts_with("Message-ID:"));
        line.unwrap().to_owned()
    };
    let again = accepted[1..]
        .iter()
        .filter(|content| id(content) == id(&accepted[0]));
    assert_eq!(again.count(), 1);
}

#[test]
fn a_wider_window_is_the_bound_of_what_a_death_repeats() {
    let (at_death, accepted) = accepted_at_a_death(3);
    assert_eq!((at_death, accepted.len()), (3, 11));
}

#[test]
fn a_greeting_that_refuses_us_or_never_comes_is_a_relay_fault() {
    for greeting in ["554 5.7.1 go away", "421 4.3.0 too busy"] {
        let db = sqlite();
        let mut house = House::new(&db);
        house.enqueue(&[draft(1)]);
        let server = house.block_on(SmtpServer::start(&[]));
        server.greet_with(Some(greeting));
        house.use_transport(&server.transport());
        let report = house.pass();
        assert!(
            report.relay_failed && report.retried == 1,
            "{greeting}: {report:?}"
        );
        server.greet_with(None);
        house.advance(SignedDuration::from_mins(2));
        assert_eq!(house.pass().sent, 1);
    }
    let db = sqlite();
    let mut house = House::new(&db);
    house.enqueue(&[draft(1)]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut transport: Transport = format!("smtp://{}", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    if let Transport::Smtp(smtp) = &mut transport {
        smtp.timeouts.command = std::time::Duration::from_millis(200);
    }
    house.use_transport(&transport);
    assert!(house.pass().relay_failed);
}

#[test]
fn without_the_encryption_that_was_asked_for_neither_password_nor_mail_is_sent() {
    for tls in [mail::Tls::Required, mail::Tls::Implicit] {
        let db = sqlite();
        let mut house = House::new(&db);
        house.enqueue(&[draft(1)]);
        let server = house.block_on(SmtpServer::start(&[]));
        let mut transport = server.transport();
        if let Transport::Smtp(smtp) = &mut transport {
            smtp.tls = tls;
            smtp.credentials = Some(("user".to_owned(), "secret".to_owned()));
        }
        house.use_transport(&transport);
        let report = house.block_on(delivery_pass(&house.courier)).unwrap();
        assert!(report.relay_failed && report.retried == 1, "{tls:?}");
        assert_eq!((server.attempts(), server.accepted().len()), (0, 0));
        let said = house.mails()[0].last_error.clone().unwrap();
        assert!(!said.contains("secret"), "{said}");
    }
}
