//! The outbox as a ledger: nothing twice, nothing lost, nothing too late.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use mail::{
    Draft, EmailAddress, GIVE_UP_AFTER, LEASE, Mail, MailState, Review, Revision, SuppressionReason,
    Transport, delivery_pass,
};
use store::testing::monday_morning;
use store::{Clock as _, DbConn, Id, StoreError, Timestamp};
use support::{House, SmtpServer, Treat, bulk_draft, draft};

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// When a mail turns out to be outdated.
#[derive(Clone, Copy, PartialEq)]
enum When {
    AtOnce,
    OnceClaimed,
}

/// A review that says what it was told to say: when, and the new subject or that nothing is left.
#[derive(Default)]
struct Script(Mutex<HashMap<Id, (When, Option<&'static str>)>>);

impl Script {
    fn say(&self, id: Id, when: When, subject: Option<&'static str>) {
        self.0.lock().unwrap().insert(id, (when, subject));
    }
}

impl Review for Script {
    fn outdated(&self, _: &mut DbConn, ids: &[Id], _: Timestamp) -> Result<Vec<Id>, StoreError> {
        let mut script = self.0.lock().unwrap();
        let mut found = Vec::new();
        for id in ids {
            match script.get_mut(id) {
                Some((When::AtOnce, _)) => found.push(*id),
                Some((when, _)) => *when = When::AtOnce,
                None => {}
            }
        }
        Ok(found)
    }

    fn revise(&self, _: &mut DbConn, mail: &Mail, _: Timestamp) -> Result<Revision, StoreError> {
        let (_, subject) = self.0.lock().unwrap().remove(&mail.id).unwrap();
        Ok(match subject {
            Some(subject) => Revision::Rewritten {
                subject: subject.to_owned(),
                text: mail.text_body.clone(),
                html: mail.html_body.clone(),
            },
            None => Revision::Withdrawn("nothing left"),
        })
    }
}

store::on_both! {
    fn a_mail_is_written_once_for_what_it_is_about_and_sent_once(db) {
        let house = House::new(db);
        assert_eq!(house.enqueue(&[draft(1), draft(2), draft(1)]), 2, "twice in one batch");
        assert_eq!(house.enqueue(&[draft(1)]), 0, "again");
        let report = house.pass();
        assert_eq!((report.sent, report.done(), report.next_due), (2, 2, None));
        assert_eq!(house.enqueue(&[draft(1)]), 0, "after it was sent");
        assert_eq!(house.pass().done(), 0);
        let mut recipients: Vec<_> = house.mailbox.mails().iter().map(|mail| mail.recipient.to_string()).collect();
        recipients.sort();
        assert_eq!(recipients, ["reader1@inbox.example", "reader2@inbox.example"]);
        let sent = &house.mails()[0];
        assert_eq!((sent.state, sent.attempts, sent.finished_at), (MailState::Sent, 1, Some(monday_morning())));
    }

    fn a_thousand_drafts_are_one_call_and_a_pass_takes_two_hundred(db) {
        let house = House::new(db);
        let drafts: Vec<Draft> = (0..1000).map(draft).collect();
        assert_eq!(house.enqueue(&drafts), 1000);
        let report = house.pass();
        assert_eq!((report.sent, report.next_due), (200, Some(monday_morning())), "more is due at once");
        let counts = db.read_blocking(mail::queue_counts).unwrap();
        assert_eq!((counts.queued, counts.sent, counts.oldest_queued_at), (800, 200, Some(monday_morning())));
    }

    fn a_bulk_mail_is_looked_at_when_it_is_claimed_and_right_before_it_leaves(db) {
        let mut house = House::new(db);
        let review = Arc::new(Script::default());
        house.courier = house.courier.clone().with_review(Arc::clone(&review) as _);
        house.enqueue(&[draft(0), bulk_draft(1), bulk_draft(2), bulk_draft(3)]);
        let id = |n: usize| house.mails()[n].id;
        review.say(id(0), When::AtOnce, None);
        review.say(id(1), When::AtOnce, None);
        review.say(id(2), When::OnceClaimed, Some("Two as it is now"));
        let report = house.pass();
        assert_eq!((report.sent, report.withdrawn, report.released), (2, 1, 1), "somebody waits for the first: it is nobody's to review");
        assert_eq!(house.mails()[2].attempts, 0, "it was not tried");
        assert_eq!(house.pass().sent, 1);
        let sent: Vec<String> = house.mailbox.mails().iter().map(mail::SentMail::as_text).collect();
        assert_eq!(sent.len(), 3);
        assert!(sent[2].contains("Subject: Two as it is now"), "{}", sent[2]);
        let states: Vec<MailState> = house.mails().iter().map(|mail| mail.state).collect();
        assert_eq!(states, [MailState::Sent, MailState::Expired, MailState::Sent, MailState::Sent]);
        assert_eq!(house.mails()[1].last_error.as_deref(), Some("nothing left"));
        assert_eq!(house.enqueue(&[bulk_draft(1), bulk_draft(3)]), 1, "what was withdrawn may be told again");
    }

    fn a_rolled_back_cause_sends_nothing(db) {
        let house = House::new(db);
        let outcome: Result<(), StoreError> = db.write_blocking(|tx| {
            mail::enqueue(tx, &[draft(1)], &house.random, monday_morning())?;
            Err(StoreError::Interrupted)
        });
        assert!(outcome.is_err());
        assert_eq!(house.pass().done(), 0);
    }

    fn several_processes_at_once_send_each_mail_once(db) {
        let house = House::new(db);
        let drafts: Vec<Draft> = (0..200).map(draft).collect();
        house.enqueue(&drafts);
        house.block_on(async {
            let mut passes = tokio::task::JoinSet::new();
            for _ in 0..4 {
                let mut courier = house.courier.clone();
                courier.holder = house.random.id(monday_morning());
                passes.spawn(async move {
                    let mut sent = 0;
                    loop {
                        let report = delivery_pass(&courier).await.unwrap();
                        sent += report.sent;
                        if report.done() == 0 { return sent; }
                    }
                });
            }
            assert_eq!(passes.join_all().await.iter().sum::<usize>(), 200);
        });
        let ids: std::collections::BTreeSet<_> = house.mailbox.mails().iter().map(|mail| mail.id).collect();
        assert_eq!((ids.len(), house.mailbox.mails().len()), (200, 200));
    }

    fn what_a_dead_process_held_is_sent_when_its_lease_runs_out_under_the_same_message_id(db) {
        let mut house = House::new(db);
        house.enqueue(&[draft(1)]);
        // The relay takes the mail and never says so; the process dies with the mail in flight.
        let server = house.block_on(SmtpServer::start(&[Treat::HangAfterContent]));
        house.use_transport(&server.transport());
        let courier = house.courier.clone();
        house.block_on(async {
            let dying = courier.clone();
            let pass = tokio::spawn(async move { delivery_pass(&dying).await });
            while server.attempts() == 0 { tokio::task::yield_now().await; }
            pass.abort();
            courier.stop(std::time::Duration::ZERO).await;
        });
        // Another process has a way to the relay of its own.
        house.use_transport(&server.transport());
        let mut other = house.courier.clone();
        other.holder = house.random.id(monday_morning());
        assert_eq!(house.block_on(delivery_pass(&other)).unwrap().done(), 0, "the lease still runs");
        house.advance(LEASE);
        assert_eq!(house.block_on(delivery_pass(&other)).unwrap().sent, 1);
        let mail = &house.mails()[0];
        assert_eq!((mail.state, mail.attempts), (MailState::Sent, 2));
        let message_id = format!("Message-ID: <{}@board.example>\r\n", mail.id);
        assert!(server.accepted().iter().all(|content| content.contains(&message_id)));
    }

    fn a_mail_is_not_sent_after_its_time(db) {
        let house = House::new(db);
        house.enqueue(&[Draft { not_after: monday_morning().plus(minutes(60)), ..draft(1) }, draft(2)]);
        house.advance(minutes(60));
        let report = house.pass();
        assert_eq!((report.sent, report.expired), (1, 1));
        assert_eq!(house.mails()[0].state, MailState::Expired);
        assert_eq!(house.mailbox.mails().len(), 1);
    }

    fn an_unsubscribed_address_gets_no_bulk_mail_even_when_it_is_queued_already(db) {
        let house = House::new(db);
        house.enqueue(&[bulk_draft(1), bulk_draft(2), Draft { recipient: bulk_draft(1).recipient, ..draft(3) }]);
        let address = bulk_draft(1).recipient;
        let now = monday_morning();
        db.write_blocking(|tx| mail::suppress(tx, &address, SuppressionReason::Complaint, "", now)).unwrap();
        db.write_blocking(|tx| mail::suppress(tx, &address, SuppressionReason::Operator, "asked", now)).unwrap();
        let report = house.pass();
        assert_eq!((report.sent, report.suppressed), (2, 1), "other bulk mail and account mail go out");
        assert_eq!(house.mails()[0].state, MailState::Suppressed);
        let listed = db.read_blocking(|c| mail::list_suppressions(c, None, 10)).unwrap();
        assert_eq!((listed.len(), listed[0].reason, listed[0].detail.as_str()), (1, SuppressionReason::Operator, "asked"));
        assert!(db.read_blocking(|c| mail::is_suppressed(c, &address)).unwrap());
        assert!(db.write_blocking(|tx| mail::unsuppress(tx, &address)).unwrap());
        assert!(!db.write_blocking(|tx| mail::unsuppress(tx, &address)).unwrap());
        house.enqueue(&[Draft { dedup_key: "again".to_owned(), ..bulk_draft(1) }]);
        assert_eq!(house.pass().sent, 1);
    }

    fn a_mail_that_is_never_taken_is_tried_less_and_less_often_and_given_up_after_five_days(db) {
        let mut house = House::new(db);
        let server = house.block_on(SmtpServer::start(&[Treat::AtRecipient("450 4.2.0 later"); 60]));
        house.use_transport(&server.transport());
        house.enqueue(&[draft(1)]);
        let mut waits = Vec::new();
        loop {
            let report = house.pass();
            if report.expired == 1 { break; }
            assert_eq!(report.retried, 1);
            let wait = report.next_due.unwrap().as_jiff().duration_since(house.clock.now().as_jiff());
            waits.push(wait.as_mins());
            house.advance(wait);
        }
        assert_eq!(&waits[..3], &[1, 5, 31], "{waits:?}");
        assert!(waits[6..waits.len() - 1].iter().all(|wait| (240..=264).contains(wait)), "{waits:?}");
        assert_eq!(house.clock.now(), monday_morning().plus(GIVE_UP_AFTER));
        assert_eq!(server.attempts(), waits.len());
        let mail = &house.mails()[0];
        assert_eq!(mail.state, MailState::Expired);
        assert!(mail.last_error.as_ref().unwrap().contains("450"));
    }

    fn finished_mails_are_purged_and_an_address_can_be_erased(db) {
        let house = House::new(db);
        house.enqueue(&[draft(1), draft(2)]);
        house.pass();
        house.advance(minutes(10));
        house.enqueue(&[draft(3), draft(4)]);
        let now = house.clock.now();
        assert_eq!(db.write_blocking(|tx| mail::purge_finished(tx, now, 1)).unwrap(), 1);
        assert_eq!(db.write_blocking(|tx| mail::purge_finished(tx, now, 100)).unwrap(), 1, "queued mails stay");
        let address = draft(3).recipient;
        assert_eq!(db.read_blocking(|c| mail::list_for_recipient(c, &address, 9)).unwrap().len(), 1);
        let recent = |since| db.read_blocking(|c| mail::count_recent(c, &address, &[mail::MailKind::VerifyEmail], since)).unwrap();
        assert_eq!((recent(monday_morning()), recent(now)), (1, 0));
        assert_eq!(db.write_blocking(|tx| mail::erase_recipient(tx, &address)).unwrap(), 1);
        assert_eq!(house.mails().len(), 1);
    }

    fn an_operator_can_try_a_failed_mail_again(db) {
        let mut house = House::new(db);
        let server = house.block_on(SmtpServer::start(&[Treat::AtDot("554 5.6.0 no")]));
        house.use_transport(&server.transport());
        house.enqueue(&[draft(1)]);
        assert_eq!(house.pass().failed, 1);
        let id = house.mails()[0].id;
        let now = house.clock.now();
        assert!(db.write_blocking(|tx| mail::retry_now(tx, id, now)).unwrap());
        assert_eq!(house.pass().sent, 1);
        assert!(!db.write_blocking(|tx| mail::retry_now(tx, id, now)).unwrap(), "it was sent");
        assert_eq!(db.read_blocking(|c| mail::find(c, id)).unwrap().unwrap().state, MailState::Sent);
    }

    fn the_file_transport_writes_each_mail_once_under_its_id(db) {
        let mut house = House::new(db);
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("mail");
        house.use_transport(&format!("file:{}", target.display()).parse::<Transport>().unwrap());
        house.enqueue(&[draft(1), bulk_draft(2)]);
        assert_eq!(house.pass().sent, 2);
        let mut names: Vec<String> = std::fs::read_dir(&target).unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let mut expected: Vec<String> = house.mails().iter().map(|mail| format!("{}.eml", mail.id)).collect();
        expected.sort();
        assert_eq!(names, expected);
        let text = std::fs::read_to_string(target.join(&names[0])).unwrap();
        assert!(text.contains("\r\n\r\n") && text.ends_with("--\r\n"));
    }

    fn a_mail_directory_that_cannot_be_written_loses_nothing(db) {
        let mut house = House::new(db);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("not-a-directory");
        std::fs::write(&file, "x").unwrap();
        house.use_transport(&Transport::File(file.clone()));
        house.enqueue(&[draft(1), draft(2), draft(3), draft(4), draft(5), draft(6)]);
        let report = house.pass();
        assert!(report.relay_failed && report.sent == 0 && report.retried + report.released == 6, "{report:?}");
        assert!(report.next_due.unwrap() > house.clock.now());
        std::fs::remove_file(&file).unwrap();
        house.advance(minutes(6));
        assert_eq!(house.pass().sent, 6);
    }
}

#[test]
fn the_seeded_courier_can_be_cloned_into_another_thread() {
    fn is_send<T: Send + Sync + Clone>() {}
    is_send::<mail::Courier>();
    is_send::<Arc<EmailAddress>>();
}
