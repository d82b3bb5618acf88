//! Bounces and complaints: what they change, and what nobody can make them change.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use jiff::SignedDuration;
use mail::report::{Report, ReportDesk, ReportKind, ReportOutcome, list_reports, receive};
use mail::{Draft, EmailAddress, LinkKey, MailState, ReturnPath, SuppressionReason};
use store::testing::{TestDb, monday_morning};
use store::{Clock as _, Random};
use support::{House, bulk_draft, config};

/// A house whose mails left with a return path, and the desk that knows it.
struct Reported<'d> {
    house: House<'d>,
    desk: ReportDesk,
}

impl<'d> Reported<'d> {
    fn new(db: &'d TestDb) -> Self {
        let mut house = House::new(db);
        let links = Arc::new(LinkKey::random(&house.random));
        let path = ReturnPath::new(config().from.address, links).map(Arc::new);
        house.courier = house.courier.clone().with_return_path(path.clone());
        let desk = ReportDesk::new(&config(), path, Some("a secret of twenty-four bytes"));
        let drafts: Vec<Draft> = (1..4).map(bulk_draft).collect();
        house.enqueue(&drafts);
        assert_eq!(house.pass().sent, 3);
        Self { house, desk }
    }

    /// The envelope's sender of the mail to `reader`.
    fn sender(&self, reader: &EmailAddress) -> String {
        let mails = self.house.mailbox.mails();
        mails
            .iter()
            .find(|mail| mail.recipient == *reader)
            .unwrap()
            .sender
            .to_string()
    }

    fn take(&self, report: &str) -> ReportOutcome {
        let report = Report::parse(report.as_bytes()).unwrap();
        let now = self.house.clock.now();
        let random = &self.house.random;
        self.house
            .db
            .write_blocking(|tx| receive(tx, &self.desk, &report, random, now))
            .unwrap()
            .outcome
    }

    fn suppressed(&self) -> Vec<(String, SuppressionReason)> {
        let list = self
            .house
            .db
            .read_blocking(|c| mail::list_suppressions(c, None, 10))
            .unwrap();
        list.into_iter()
            .map(|entry| (entry.address.to_string(), entry.reason))
            .collect()
    }
}

fn reader(n: usize) -> EmailAddress {
    bulk_draft(n).recipient
}

/// A delivery status notification to `to`, as Postfix writes it.
fn dsn(to: &str, action: &str, status: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example (Mail Delivery System)\r\nTo: {to}\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B/mx.example\"\r\n\r\n\
         This is a MIME-encapsulated message.\r\n\r\n--B/mx.example\r\nContent-Description: Notification\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry to have to inform you.\r\n\r\n\
         --B/mx.example\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\nX-Postfix-Queue-ID: 4T\r\n\r\nFinal-Recipient: rfc822; reader1@inbox.example\r\n\
         Action: {action}\r\nStatus: {status}\r\nRemote-MTA: dns; inbox.example\r\n\
         Diagnostic-Code: smtp; 550 {status} as the other side said\r\n\r\n\
         --B/mx.example\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n\r\n--B/mx.example--\r\n"
    )
}

fn complaint(extra: &str, returned: &str) -> String {
    format!(
        "From: fbl@mx.example\r\nTo: abuse@board.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n\
         Feedback-Type: abuse\r\nUser-Agent: SomeFBL/1.0\r\nVersion: 1\r\n{extra}\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\n{returned}\r\n\r\nbody\r\n--b--\r\n"
    )
}

store::on_both! {
    fn a_bounce_for_good_suppresses_at_once_and_only_once(db) {
        let reported = Reported::new(db);
        let (one, sender) = (reader(1), reported.sender(&reader(1)));
        assert_eq!(reported.take(&dsn(&sender, "failed", "5.1.1")), ReportOutcome::Suppressed);
        assert_eq!(reported.suppressed(), [(one.to_string(), SuppressionReason::Bounce)]);
        reported.house.enqueue(&[Draft { dedup_key: "next".to_owned(), ..bulk_draft(1) }]);
        assert_eq!(reported.house.pass().suppressed, 1, "also what was written already");
        assert!(db.write_blocking(|tx| mail::lift_by_owner(tx, &one)).unwrap());
        assert_eq!(reported.take(&dsn(&sender, "failed", "5.1.1")), ReportOutcome::Repeated);
        assert!(reported.suppressed().is_empty(), "an old report does not undo what the owner decided");
        let reports = db.read_blocking(|c| list_reports(c, 10)).unwrap();
        assert_eq!((reports.len(), reports[0].kind, reports[0].status.as_deref()), (1, ReportKind::Bounce, Some("5.1.1")));
    }

    fn what_passes_or_is_about_us_suppresses_nobody(db) {
        let reported = Reported::new(db);
        for (n, action, status) in [(1, "delayed", "4.4.1"), (2, "failed", "4.4.7"), (3, "failed", "5.7.1")] {
            let sender = reported.sender(&reader(n));
            assert_eq!(reported.take(&dsn(&sender, action, status)), ReportOutcome::Recorded, "{action} {status}");
        }
        for status in ["5.2.2", "5.3.4", "5.1.8", "5.4.7"] {
            let sender = reported.sender(&reader(1));
            assert_ne!(reported.take(&dsn(&sender, "failed", status)), ReportOutcome::Suppressed, "{status}");
        }
        assert!(reported.suppressed().is_empty());
    }

    fn a_complaint_suppresses_whoever_it_finds_by_return_path_or_message_id(db) {
        let reported = Reported::new(db);
        let mails = reported.house.mails();
        let by_path = format!("Original-Mail-From: <{}>\r\n", reported.sender(&reader(1)));
        assert_eq!(reported.take(&complaint(&by_path, "Subject: x")), ReportOutcome::Suppressed);
        let returned = format!("Return-Path: <{}>\r\nSubject: x", reported.sender(&reader(2)));
        assert_eq!(reported.take(&complaint("", &returned)), ReportOutcome::Suppressed);
        let message_id = format!("Message-ID: <{}@board.example>", mails[2].id);
        assert_eq!(reported.take(&complaint("", &message_id)), ReportOutcome::Suppressed);
        let reasons = reported.suppressed();
        assert_eq!(reasons.len(), 3);
        assert!(reasons.iter().all(|(_, reason)| *reason == SuppressionReason::Complaint));
    }

    fn a_forged_or_foreign_report_changes_nothing(db) {
        let reported = Reported::new(db);
        let sender = reported.sender(&reader(1));
        let random = Random::seeded(99);
        let foreign_key = ReturnPath::new(config().from.address, Arc::new(LinkKey::random(&random)));
        let _ = foreign_key.unwrap();
        let mut forged = sender.clone().into_bytes();
        forged[20] = if forged[20] == b'a' { b'b' } else { b'a' };
        let id = reported.house.mails()[0].id;
        for to in [
            "board@board.example".to_owned(),
            String::from_utf8(forged).unwrap(),
            sender.replace("board.example", "evil.example"),
            "reader1@inbox.example".to_owned(),
            format!("board+{id}@board.example"),
        ] {
            assert_eq!(reported.take(&dsn(&to, "failed", "5.1.1")), ReportOutcome::Unknown, "{to}");
        }
        for message_id in [
            format!("<{id}@evil.example>"),
            format!("<{}@board.example>", random.id(monday_morning())),
            "<@board.example>".to_owned(),
            "x".to_owned(),
        ] {
            let report = complaint("", &format!("Message-ID: {message_id}"));
            assert_eq!(reported.take(&report), ReportOutcome::Unknown, "{message_id}");
        }
        assert!(reported.suppressed().is_empty());
        assert!(db.read_blocking(|c| list_reports(c, 10)).unwrap().is_empty());
    }

    fn what_an_operator_decided_is_not_lifted_by_the_owner(db) {
        let house = House::new(db);
        let now = house.clock.now();
        for (n, reason) in [(1, SuppressionReason::Operator), (2, SuppressionReason::Complaint)] {
            db.write_blocking(|tx| mail::suppress(tx, &reader(n), reason, "why", now)).unwrap();
        }
        assert!(!db.write_blocking(|tx| mail::lift_by_owner(tx, &reader(1))).unwrap());
        assert!(db.write_blocking(|tx| mail::lift_by_owner(tx, &reader(2))).unwrap());
        let kept = db.read_blocking(|c| mail::find_suppression(c, &reader(1))).unwrap().unwrap();
        assert_eq!(kept.detail, "why");
        assert_eq!(db.read_blocking(mail::count_suppressions).unwrap(), [(SuppressionReason::Operator, 1)]);
    }

    fn a_report_about_a_mail_that_was_erased_changes_nothing_and_reports_go_with_their_mails(db) {
        let reported = Reported::new(db);
        let (kept, gone) = (reported.sender(&reader(1)), reported.sender(&reader(2)));
        db.write_blocking(|tx| mail::erase_recipient(tx, &reader(2))).unwrap();
        assert_eq!(reported.take(&dsn(&gone, "failed", "5.1.1")), ReportOutcome::Unknown);
        assert_eq!(reported.take(&dsn(&kept, "failed", "5.1.1")), ReportOutcome::Suppressed);
        let later = reported.house.clock.now().plus(SignedDuration::from_hours(1));
        db.write_blocking(|tx| mail::purge_finished(tx, later, 100)).unwrap();
        assert!(db.read_blocking(|c| list_reports(c, 10)).unwrap().is_empty());
    }
}

#[test]
fn only_the_token_of_the_settings_opens_the_desk() {
    let desk = ReportDesk::new(&config(), None, Some("a secret of twenty-four bytes"));
    assert!(desk.accepts("a secret of twenty-four bytes"));
    for wrong in [
        "",
        "a secret of twenty-four byteS",
        "a secret of twenty-four bytes ",
        "a",
    ] {
        assert!(!desk.accepts(wrong));
    }
    assert!(
        !ReportDesk::new(&config(), None, None).accepts(""),
        "no token opens nothing"
    );
}

store::on_both! {
    fn mails_that_became_wrong_are_taken_back(db) {
        let house = House::new(db);
        let about = |key: &str, n| Draft { dedup_key: key.to_owned(), ..bulk_draft(n) };
        house.enqueue(&[about("alert/7/1", 1), about("alert/7/2", 1), about("alert/77/1", 1), about("alert/7/1/x", 2)]);
        let now = house.clock.now();
        let taken = db.write_blocking(|tx| mail::withdraw(tx, &reader(1), "alert/7/", "unsubscribed", now)).unwrap();
        assert_eq!(taken, 2);
        assert_eq!(house.pass().sent, 2);
        let states = house.mails().iter().filter(|mail| mail.state == MailState::Expired).count();
        assert_eq!(states, 2);
    }
}

/// The reports in `tests/bounces`, in the form in which each system writes them, with what must come of them at the end of
/// their names.
fn written_reports() -> Vec<(String, String)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bounces");
    let mut reports: Vec<(String, String)> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (
                name,
                std::fs::read_to_string(&path).unwrap().replace('\n', "\r\n"),
            )
        })
        .collect();
    reports.sort();
    reports
}

#[test]
fn reports_of_many_systems_do_what_they_should_and_forged_ones_nothing() {
    let reports = written_reports();
    assert!(reports.len() >= 24, "{}", reports.len());
    for (name, text) in reports {
        let db = TestDb::new(store::Backend::Sqlite);
        let reported = Reported::new(&db);
        let mail = reported
            .house
            .mails()
            .into_iter()
            .find(|mail| mail.recipient == reader(1))
            .unwrap();
        let written = |to: &str, id: &str| text.replace("{to}", to).replace("{id}", id);
        let expected = name.rsplit_once('.').unwrap().1;
        let own = written(
            &reported.sender(&reader(1)),
            &format!("<{}@board.example>", mail.id),
        );
        let Ok(read) = Report::parse(own.as_bytes()) else {
            assert_eq!(expected, "nothing", "{name}");
            continue;
        };
        assert_ne!(expected, "nothing", "{name}: {read:?}");
        let forged_path = format!("board+{}@board.example", "a".repeat(45));
        let forged = written(&forged_path, &format!("<{}@elsewhere.example>", mail.id));
        assert_eq!(reported.take(&forged), ReportOutcome::Unknown, "{name}, forged");
        let outcome = match reported.take(&own) {
            ReportOutcome::Suppressed => "suppressed",
            ReportOutcome::Recorded => "recorded",
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(
            (outcome, reported.suppressed().len()),
            (expected, usize::from(expected == "suppressed")),
            "{name}: {read:?}"
        );
    }
}
