//! What was closed, paused or changed while a mail about it waited is not told.

use std::sync::Arc;

use accounts::EmployerStatus;
use alerts::subscription::NewAlert;
use alerts::{ChangeKind, Frequency, LastLook};
use jiff::SignedDuration;
use mail::{Courier, MailState, MemoryMailbox, PassReport, Transport, delivery_pass};
use serde_json::json;
use store::{Clock as _, FixedClock, Id, Random, on_both};

use crate::board::{Board, wish};

/// Carries the mails of a board.
struct Postman<'b> {
    board: &'b Board<'b>,
    clock: Arc<FixedClock>,
    mailbox: MemoryMailbox,
    courier: Courier,
    runtime: tokio::runtime::Runtime,
}

impl<'b> Postman<'b> {
    /// One for whom nothing waits: confirmations have arrived.
    fn new(board: &'b Board<'b>) -> Self {
        let mailbox = MemoryMailbox::default();
        let random = Arc::new(Random::seeded(3));
        let clock = Arc::new(FixedClock::new(board.now()));
        let courier = Courier::new(
            (**board.db).clone(),
            &Transport::Memory(mailbox.clone()),
            Arc::clone(&board.letterhead.config),
            Arc::clone(&random),
            Arc::clone(&clock) as _,
            random.id(board.now()),
        );
        let review = Arc::new(LastLook::new(board.letterhead.clone()));
        let postman = Self {
            board,
            clock,
            mailbox,
            courier: courier.with_review(review),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        postman.deliver();
        postman
    }

    /// The report, and the mails that arrived as subject and text.
    fn deliver(&self) -> (PassReport, Vec<(String, String)>) {
        let behind = self.board.now().micros() - self.clock.now().micros();
        self.clock.advance(SignedDuration::from_micros(behind));
        let report = self.runtime.block_on(delivery_pass(&self.courier)).unwrap();
        let sent: Vec<Id> = self.mailbox.take().iter().map(|mail| mail.id).collect();
        let rows = self.board.db.read_blocking(|conn| {
            let rows = sent.iter().map(|id| mail::find(conn, *id));
            rows.collect::<Result<Vec<_>, _>>()
        });
        let mails = rows.unwrap().into_iter().flatten();
        (report, mails.map(|mail| (mail.subject, mail.text_body)).collect())
    }

    /// What the ledger says that readers were told.
    fn told(&self) -> usize {
        let reader = "reader@example.org".parse().unwrap();
        let holdings = self
            .board
            .db
            .read_blocking(|conn| alerts::owner::export(conn, &reader));
        holdings.unwrap().told.len()
    }
}

on_both! {
    fn a_posting_that_leaves_while_its_mail_waits_is_not_told_and_is_owed_when_it_is_back(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let postman = Postman::new(&board);
        let posting = board.publish("RTL Engineer");
        board.settle();
        assert_eq!(postman.told(), 1, "the mail is written");
        board.pause(posting);
        let (report, sent) = postman.deliver();
        assert_eq!((report.withdrawn, report.sent, sent.len()), (1, 0, 0));
        assert_eq!(postman.told(), 0, "the ledger says what happened");
        let withdrawn = db.read_blocking(|conn| mail::list_recent(conn, Some(MailState::Expired), 9)).unwrap();
        assert_eq!(withdrawn.len(), 1);
        assert_eq!(withdrawn[0].last_error.as_deref(), Some("what it told is no longer open"));
        board.resume(posting);
        board.settle();
        let (report, sent) = postman.deliver();
        assert_eq!((report.sent, postman.told()), (1, 1));
        assert_eq!(sent[0].0, "RTL Engineer at Acme Compute");
        board.close(posting);
        assert_eq!(postman.deliver().0.done(), 0, "what has left has left");
        assert_eq!(postman.told(), 1);
    }

    fn a_digest_leaves_without_what_was_closed_or_filtered_meanwhile(db) {
        let mut board = Board::new(db);
        board.letterhead.rules.per_employer = 3;
        board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        let postman = Postman::new(&board);
        let postings: Vec<Id> = (0..4).map(|n| board.publish(&format!("RTL Engineer {n}"))).collect();
        board.settle();
        board.wait(SignedDuration::from_hours(24));
        board.settle();
        assert_eq!(postman.told(), 3, "three of one employer are in it, one is to follow");
        let in_it = db.read_blocking(|conn| mail::list_recent(conn, Some(MailState::Queued), 9)).unwrap();
        let is_in = |n: &usize| in_it[0].text_body.contains(&format!("* RTL Engineer {n}"));
        let shown: Vec<usize> = (0..4).filter(is_in).collect();
        board.close(postings[shown[0]]);
        board.edit(postings[shown[1]], &json!({"title": "Analog Engineer"}));
        let (report, sent) = postman.deliver();
        assert_eq!((report.sent, sent.len(), postman.told()), (1, 1, 1));
        let (subject, text) = &sent[0];
        assert_eq!(*subject, format!("RTL Engineer {} at Acme Compute", shown[2]));
        assert!(!text.contains(&format!("RTL Engineer {}", shown[0])) && !text.contains("Analog"), "{text}");
        assert!(text.contains("One more role is open now"), "{text}");
        assert!(!text.contains("more at Acme"), "there is room for it now: {text}");
        assert_eq!(postman.deliver().0.done(), 0);
    }

    fn a_posting_is_told_as_it_is_when_the_mail_leaves(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let postman = Postman::new(&board);
        let posting = board.publish("RTL Engineer");
        board.settle();
        board.edit(posting, &json!({"title": "Principal RTL Engineer"}));
        let (report, sent) = postman.deliver();
        assert_eq!((report.sent, report.withdrawn), (1, 0));
        assert_eq!(sent[0].0, "Principal RTL Engineer at Acme Compute");
        assert!(sent[0].1.contains("* Principal RTL Engineer"), "{}", sent[0].1);
        board.settle();
        assert_eq!(postman.deliver().0.done(), 0, "told once");
    }

    fn nothing_of_a_frozen_employer_leaves(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let postman = Postman::new(&board);
        board.publish("RTL Engineer");
        board.settle();
        board.set_employer(EmployerStatus::Paused);
        let (report, sent) = postman.deliver();
        assert_eq!((report.withdrawn, sent.len(), postman.told()), (1, 0, 0));
        board.set_employer(EmployerStatus::Active);
        board.settle();
        assert_eq!(postman.deliver().0.sent, 1, "it is owed again");
    }

    fn a_raise_that_was_taken_back_while_its_mail_waits_is_not_told(db) {
        let board = Board::new(db);
        board.subscribe_as(NewAlert {
            notify: [ChangeKind::PayRaised].into_iter().collect(),
            ..wish("reader@example.org", json!({"q": "rtl"}), Frequency::Instant)
        });
        let postman = Postman::new(&board);
        let pay = |max: i64| json!({"pay": {"base": {"min": 100_000, "max": max, "currency": "USD", "period": "year"}}});
        let mut role = pay(200_000);
        role["title"] = "RTL Engineer".into();
        let posting = board.publish_as(board.employer, role);
        board.settle();
        assert_eq!(postman.deliver().0.sent, 1);
        board.edit(posting, &pay(230_000));
        board.settle();
        board.edit(posting, &pay(200_000));
        let (report, sent) = postman.deliver();
        assert_eq!((report.withdrawn, sent.len(), postman.told()), (1, 0, 1), "{sent:?}");
        board.edit(posting, &pay(240_000));
        board.settle();
        let (_, sent) = postman.deliver();
        assert!(sent[0].1.contains("it was USD 100,000 – 200,000 a year"), "against what was told: {}", sent[0].1);
    }

    fn a_posting_that_closes_while_a_mail_and_news_of_it_wait_is_in_neither(db) {
        let board = Board::new(db);
        board.subscribe_as(NewAlert {
            notify: [ChangeKind::PayRaised].into_iter().collect(),
            ..wish("reader@example.org", json!({"q": "rtl"}), Frequency::Instant)
        });
        let postman = Postman::new(&board);
        let pay = |max: i64| json!({"pay": {"base": {"min": 100_000, "max": max, "currency": "USD", "period": "year"}}});
        let mut role = pay(200_000);
        role["title"] = "RTL Engineer".into();
        let posting = board.publish_as(board.employer, role);
        board.settle();
        // The relay is away meanwhile: nothing of this has left.
        board.edit(posting, &pay(230_000));
        board.settle();
        let waiting = db.read_blocking(|conn| mail::list_recent(conn, Some(MailState::Queued), 9)).unwrap();
        assert_eq!(waiting.len(), 2, "one mail tells the posting, one its raise");
        board.close(posting);
        let (report, sent) = postman.deliver();
        assert_eq!((report.withdrawn, report.sent, sent.len()), (2, 0, 0), "{sent:?}");
        assert_eq!(postman.told(), 0);
    }
}
