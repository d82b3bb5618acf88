//! Every way in which a relay can fail, many mails at once: each arrives exactly once.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::HashMap;

use jiff::SignedDuration;
use mail::{DeliveryRules, Draft, MailState, Transport};
use store::Backend;
use store::Clock as _;
use store::testing::TestDb;
use support::{House, SmtpServer, Treat, bulk_draft, draft};

/// What is done to every seventeenth reader, and so on.
const FAULTS: [&[Treat]; 17] = [
    &[],
    &[],
    &[],
    &[
        Treat::AtRecipient("450 4.2.1 later"),
        Treat::AtRecipient("451 4.3.0 later"),
    ],
    &[Treat::AtRecipient("421 4.3.2 closing")],
    &[Treat::AtData("451 4.3.0 later")],
    &[
        Treat::AtDot("452 4.3.1 full"),
        Treat::AtRecipient("450 4.7.1 greylisted"),
    ],
    &[Treat::AtRecipient("550 5.1.1 no such user")],
    &[Treat::AtData("554 5.5.1 no")],
    &[Treat::AtDot("554 5.7.1 spam")],
    &[
        Treat::DropAtRecipient,
        Treat::DropInContent,
        Treat::DropAfterContent,
    ],
    &[Treat::HangAtRecipient],
    &[Treat::HangAfterContent],
    &[Treat::Garbage, Treat::Endless],
    &[Treat::WrongReply],
    &[Treat::TakeSlowly],
    &[Treat::TakeAndDrop],
];

/// The Message-IDs that the server accepted, with how often.
fn accepted(server: &SmtpServer) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for content in server.accepted() {
        let (_, rest) = content.split_once("Message-ID: <").unwrap();
        let (id, _) = rest.split_once('@').unwrap();
        *counts.entry(id.to_owned()).or_default() += 1;
    }
    counts
}

store::on_both! {
    fn with_every_fault_there_is_each_mail_arrives_exactly_once(db) {
        const MAILS: usize = 17 * 12;
        let mut house = House::new(db);
        let server = house.block_on(SmtpServer::start(&[]));
        let drafts: Vec<Draft> = (0..MAILS).map(|n| if n % 2 == 0 { draft(n) } else { bulk_draft(n) }).collect();
        for (n, draft) in drafts.iter().enumerate() {
            server.plan_for(draft.recipient.as_str(), FAULTS[n % FAULTS.len()]);
        }
        house.enqueue(&drafts);
        house.use_transport(&server.transport());
        for _ in 0..400 {
            let report = house.pass();
            match report.next_due {
                None => break,
                Some(due) if due > house.clock.now() => {
                    house.advance(due.as_jiff().duration_since(house.clock.now().as_jiff()));
                }
                Some(_) => {}
            }
        }
        let counts = accepted(&server);
        let mut mails = house.mails();
        mails.sort_by_key(|mail| mail.dedup_key.trim_start_matches("mail:").parse::<usize>().unwrap());
        for (n, mail) in mails.iter().enumerate() {
            let fault = FAULTS[n % FAULTS.len()];
            let is_refused = fault.iter().any(|treat| matches!(treat,
                Treat::AtRecipient(reply) | Treat::AtData(reply) | Treat::AtDot(reply) if reply.starts_with('5')));
            let times = counts.get(&mail.id.to_string()).copied().unwrap_or(0);
            let tried = server.tried(mail.recipient.as_str());
            if is_refused {
                assert_eq!((mail.state, times, tried), (MailState::Failed, 0, 1), "{n}: {fault:?}");
            } else {
                // Nobody can know whether a mail was taken whose reply was lost.
                let expected = if fault == [Treat::TakeAndDrop] { 2 } else { 1 };
                assert_eq!((mail.state, times), (MailState::Sent, expected), "{n}: {fault:?}");
                let tries = if fault == [Treat::TakeSlowly] { 1 } else { fault.len() + 1 };
                assert_eq!((tried, mail.attempts as usize), (tries, tries), "{n}: {fault:?}");
            }
        }
        let suppressed = db.read_blocking(|c| mail::list_suppressions(c, None, 100)).unwrap();
        assert_eq!(suppressed.len(), 12, "those without a mailbox, and nobody else");
    }
}

#[test]
fn a_mailbox_that_hangs_holds_up_nobody_else() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let server = house.block_on(SmtpServer::start(&[]));
    let mut transport = server.transport();
    if let Transport::Smtp(smtp) = &mut transport {
        // As patient as in earnest: the pass must not wait for it.
        smtp.timeouts = mail::SmtpTimeouts::default();
    }
    house.use_transport(&transport);
    let drafts: Vec<Draft> = (0..100).map(draft).collect();
    server.plan_for(draft(0).recipient.as_str(), &[Treat::HangAtRecipient]);
    house.enqueue(&drafts);
    let report = house.pass();
    assert_eq!((report.sent, report.retried, report.lost), (99, 0, 0));
    house.enqueue(&[draft(100)]);
    assert_eq!(house.pass().sent, 1, "and later ones neither");
    house.block_on(house.courier.stop(std::time::Duration::ZERO));
    assert_eq!(
        house.mails()[0].state,
        MailState::Queued,
        "it is tried again when its lease runs out"
    );
}

#[test]
fn a_relay_that_takes_few_connections_gets_few() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let server = house.block_on(SmtpServer::start(&[]));
    house.use_transport(&server.transport());
    let drafts: Vec<Draft> = (0..60).map(draft).collect();
    house.enqueue(&drafts);
    server.limit_connections(2);
    for _ in 0..20 {
        if house.pass().next_due.is_none() {
            break;
        }
        house.advance(SignedDuration::from_secs(2));
    }
    assert_eq!(accepted(&server).len(), 60);
    assert!(accepted(&server).values().all(|&times| times == 1));
    let (_, most_open) = server.connections();
    assert!(most_open <= 2, "{most_open}");
    assert!(
        house.mails().iter().all(|mail| mail.attempts == 1),
        "being one too many is no attempt"
    );
}

#[test]
fn a_domain_with_a_rule_of_its_own_has_its_own_connections_and_holds_up_nobody() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let server = house.block_on(SmtpServer::start(&[]));
    let rules = DeliveryRules::parse(8, 0, 0, "slow.example 2/5", "60").unwrap();
    house.courier = house.courier.clone().with_rules(&server.transport(), rules);
    let to = |n: usize, domain: &str| Draft {
        recipient: format!("reader{n}@{domain}").parse().unwrap(),
        ..bulk_draft(n)
    };
    let drafts: Vec<Draft> = (0..150)
        .map(|n| to(n, if n < 100 { "slow.example" } else { "fast.example" }))
        .collect();
    house.enqueue(&drafts);
    let report = house.pass();
    assert_eq!(report.sent, 55, "{report:?}");
    assert_eq!(report.released, 95, "the rest has its time");
    let mut times: Vec<_> = house
        .mails()
        .into_iter()
        .filter(|mail| mail.state == MailState::Queued)
        .map(|mail| mail.next_attempt_at)
        .collect();
    times.sort();
    let span = times[94].as_jiff().duration_since(times[0].as_jiff());
    assert!(
        span >= SignedDuration::from_millis(18_800),
        "five a second: {span}"
    );
    let lanes = server.lanes();
    assert!(
        lanes.iter().all(|domains| domains.len() == 1),
        "no connection is shared: {lanes:?}"
    );
    assert_eq!(server.most_open_for("slow.example"), 2);
}

#[test]
fn mails_that_somebody_waits_for_overtake_bulk() {
    let db = TestDb::new(Backend::Sqlite);
    let house = House::new(&db);
    let bulk: Vec<Draft> = (0..1000).map(bulk_draft).collect();
    house.enqueue(&bulk);
    house.advance(SignedDuration::from_secs(1));
    house.enqueue(&[draft(5000)]);
    assert_eq!(house.pass().sent, 200);
    let sent = house.mailbox.mails();
    assert!(sent.iter().any(|mail| mail.recipient == draft(5000).recipient));
}

#[test]
fn a_relay_that_is_down_is_asked_rarely_and_the_mails_that_wait_are_not_touched() {
    let db = TestDb::new(Backend::Sqlite);
    let mut house = House::new(&db);
    let server = house.block_on(SmtpServer::start(&[]));
    server.set_down(true);
    house.use_transport(&server.transport());
    let drafts: Vec<Draft> = (0..500).map(draft).collect();
    house.enqueue(&drafts);
    let end = house.clock.now().plus(SignedDuration::from_hours(1));
    while house.clock.now() < end {
        let report = house.pass();
        assert_eq!(report.sent, 0);
        house.advance(SignedDuration::from_secs(1));
    }
    let (asked, _) = server.connections();
    assert!((55..100).contains(&asked), "{asked} times in an hour");
    assert!(
        house
            .mails()
            .iter()
            .all(|mail| mail.attempts == 0 && mail.state == MailState::Queued)
    );
    server.set_down(false);
    house.advance(SignedDuration::from_secs(66));
    for _ in 0..5 {
        house.pass();
    }
    assert_eq!(accepted(&server).len(), 500);
    assert!(accepted(&server).values().all(|&times| times == 1));
}
