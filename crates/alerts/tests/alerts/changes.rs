//! Changes of postings that a subscriber was told of.

use alerts::subscription::{AlertPatch, NewAlert};
use alerts::{AlertStatus, ChangeKind, Frequency, closing_pass};
use jiff::SignedDuration;
use mail::Mail;
use serde_json::{Value, json};
use store::{Id, on_both};

use crate::board::{Board, wish};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn watch(board: &Board<'_>, kinds: &[ChangeKind], frequency: Frequency) -> Id {
    board.subscribe_as(NewAlert {
        notify: kinds.iter().copied().collect(),
        ..wish("reader@example.org", json!({"q": "rtl"}), frequency)
    })
}

fn pay(min: i64, max: i64) -> Value {
    json!({"base": {"min": min, "max": max, "currency": "USD", "period": "year"}})
}

fn paying(board: &Board<'_>, max: i64) -> Id {
    let posting = board.publish_as(
        board.employer,
        json!({"title": "RTL Engineer", "pay": pay(100_000, max)}),
    );
    assert_eq!(board.told(), ["RTL Engineer"]);
    posting
}

fn subjects(mails: &[Mail]) -> Vec<&str> {
    mails.iter().map(|mail| mail.subject.as_str()).collect()
}

/// Runs the pass that looks for ends, then the others.
fn closing(board: &Board<'_>) -> Vec<Mail> {
    while closing_pass(board.db, board.now()).unwrap() > 0 {}
    board.mails()
}

on_both! {
    fn a_raise_is_told_once_and_against_what_was_told_before(db) {
        let board = Board::new(db);
        watch(&board, &[ChangeKind::PayRaised], Frequency::Instant);
        let posting = paying(&board, 200_000);
        board.edit(posting, &json!({"pay": pay(100_000, 230_000)}));
        let mails = board.mails();
        assert_eq!(subjects(&mails), ["Pays more: RTL Engineer at Acme Compute"]);
        assert!(mails[0].text_body.contains("Pays more: USD 100,000 – 230,000 a year; it was USD 100,000 – 200,000 a year"), "{}", mails[0].text_body);
        for max in [210_000, 230_000, 150_000, 230_000] {
            board.edit(posting, &json!({"pay": pay(100_000, max)}));
            assert!(board.mails().is_empty(), "{max} is not more than was told");
        }
        board.restart();
        board.edit(posting, &json!({"pay": pay(100_000, 240_000)}));
        assert_eq!(board.mails().len(), 1);
        board.edit(posting, &json!({"openings": 9, "locations": [{"city": "Munich", "country": "DE"}]}));
        assert!(board.mails().is_empty(), "only what was asked for");
    }

    fn a_new_place_is_told(db) {
        let board = Board::new(db);
        watch(&board, &[ChangeKind::PlaceAdded], Frequency::Instant);
        let posting = paying(&board, 200_000);
        board.edit(posting, &json!({"locations": [{"city": "Austin", "region": "TX", "country": "US"}, {"city": "Munich", "country": "DE"}]}));
        let mails = board.mails();
        assert_eq!(subjects(&mails), ["New place: RTL Engineer at Acme Compute"]);
        assert!(mails[0].text_body.contains("New place: Munich, Germany"), "{}", mails[0].text_body);
        board.edit(posting, &json!({"locations": [{"city": "Munich", "country": "DE"}]}));
        assert!(board.mails().is_empty(), "a place less is no place more");
    }

    fn a_role_that_opens_again_is_told_each_time_it_does(db) {
        let board = Board::new(db);
        watch(&board, &[ChangeKind::Reopened], Frequency::Instant);
        let posting = paying(&board, 200_000);
        board.pause(posting);
        board.settle();
        board.resume(posting);
        assert!(board.mails().is_empty(), "a pause is not the end");
        for _ in 0..2 {
            board.close(posting);
            assert!(board.mails().is_empty());
            board.restart();
            board.renew(posting);
            assert_eq!(subjects(&board.mails()), ["Open again: RTL Engineer at Acme Compute"]);
            board.edit(posting, &json!({"openings": 3}));
            assert!(board.mails().is_empty());
        }
    }

    fn an_end_that_comes_near_is_told_once_for_each_end(db) {
        let board = Board::new(db);
        watch(&board, &[ChangeKind::ClosingSoon], Frequency::Instant);
        let posting = paying(&board, 200_000);
        board.wait(DAY * 57 - SignedDuration::from_secs(1));
        assert!(closing(&board).is_empty());
        board.wait(SignedDuration::from_secs(1));
        let mails = closing(&board);
        assert_eq!(subjects(&mails), ["Closes soon: RTL Engineer at Acme Compute"]);
        assert!(mails[0].text_body.contains("Closes soon: Friday, 22 January"), "{}", mails[0].text_body);
        board.wait(DAY);
        assert!(closing(&board).is_empty());
        board.renew(posting);
        assert!(closing(&board).is_empty());
        board.wait(DAY * 58);
        assert_eq!(closing(&board).len(), 1, "the new end is news");
        board.close(posting);
        assert!(closing(&board).is_empty());
    }

    fn who_hears_of_a_role_when_its_end_is_near_is_not_told_so_at_once(db) {
        let board = Board::new(db);
        watch(&board, &[ChangeKind::ClosingSoon], Frequency::Instant);
        let end = board.now().plus(DAY * 2);
        board.publish_as(board.employer, json!({"title": "RTL Engineer", "expires_at": end}));
        assert_eq!(board.told(), ["RTL Engineer"]);
        assert!(closing(&board).is_empty());
        board.wait(DAY);
        assert!(closing(&board).is_empty());
    }

    fn changes_come_with_the_digest_and_only_if_they_still_hold(db) {
        let board = Board::new(db);
        watch(&board, ChangeKind::ALL, Frequency::Daily);
        let ids: Vec<Id> = ["RTL one", "RTL two", "RTL three"].iter().map(|title| {
            board.publish_as(board.employer, json!({"title": title, "pay": pay(100_000, 150_000)}))
        }).collect();
        board.settle();
        board.wait(DAY);
        assert_eq!(board.told().len(), 3);
        for id in &ids {
            board.edit(*id, &json!({"pay": pay(100_000, 160_000)}));
        }
        board.edit(ids[0], &json!({"pay": pay(100_000, 170_000), "locations": [{"city": "Austin", "region": "TX", "country": "US"}, {"city": "Munich", "country": "DE"}]}));
        board.settle();
        board.edit(ids[1], &json!({"pay": pay(100_000, 150_000)}));
        board.close(ids[2]);
        board.publish("RTL four");
        assert!(board.mails().is_empty());
        board.wait(DAY);
        let mails = board.mails();
        assert_eq!(subjects(&mails), ["RTL four at Acme Compute, 2 changes"]);
        let text = &mails[0].text_body;
        assert_eq!(text.matches("Pays more: USD 100,000 – 170,000 a year").count(), 1, "{text}");
        assert!(!text.contains("RTL two") && !text.contains("RTL three"), "{text}");
        board.wait(DAY);
        assert!(board.mails().is_empty());
    }

    fn changes_are_told_of_roles_that_were_told_and_to_whom_wants_them(db) {
        let board = Board::new(db);
        let before = board.publish_as(board.employer, json!({"title": "RTL Engineer, before", "pay": pay(100_000, 150_000)}));
        let alert = watch(&board, &[], Frequency::Instant);
        let posting = paying(&board, 200_000);
        let raise = |posting, max| board.edit(posting, &json!({"pay": pay(100_000, max)}));
        raise(before, 300_000);
        raise(posting, 210_000);
        board.close(posting);
        board.settle();
        let all = AlertPatch { notify: Some(ChangeKind::ALL.iter().copied().collect()), ..AlertPatch::default() };
        board.change(alert, all);
        board.renew(posting);
        assert_eq!(subjects(&board.mails()), ["Pays more: RTL Engineer at Acme Compute"], "it is more than was told; that it closed was not watched");
        raise(before, 310_000);
        assert!(board.mails().is_empty(), "nobody was told of this one");
        board.set_status(alert, AlertStatus::Paused);
        raise(posting, 220_000);
        board.settle();
        board.set_status(alert, AlertStatus::Active);
        assert!(board.mails().is_empty(), "what happens in a pause is not told");
        raise(posting, 230_000);
        board.match_all();
        board.change(alert, AlertPatch { notify: Some([ChangeKind::Reopened].into_iter().collect()), ..AlertPatch::default() });
        assert!(board.mails().is_empty(), "no longer wanted");
    }
}
