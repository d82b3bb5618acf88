//! What is told, and what is not.

use accounts::EmployerStatus;
use alerts::subscription::{self, AlertPatch};
use alerts::{AlertStatus, Frequency};
use serde_json::json;
use store::on_both;

use crate::board::{Board, query_of, wish};

on_both! {
    fn an_alert_tells_only_what_is_first_published_after_its_confirmation(db) {
        let board = Board::new(db);
        let old = board.publish("RTL Engineer, old");
        let token = board.request(wish("reader@example.org", json!({"q": "rtl"}), Frequency::Instant)).unwrap();
        board.publish("RTL Engineer, before the confirmation");
        board.confirm(&token).unwrap();
        assert!(board.told().is_empty());
        board.publish("RTL Engineer, new");
        board.publish_as(board.employer, json!({"title": "Data Center Technician", "discipline": "data_center", "description": "Racks and cables."}));
        board.edit(old, &json!({"openings": 3}));
        board.close(old);
        board.renew(old);
        assert_eq!(board.told(), ["RTL Engineer, new"]);
    }

    fn a_posting_is_told_once_whatever_happens_to_it(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let posting = board.publish("RTL Engineer");
        assert_eq!(board.told(), ["RTL Engineer"]);
        board.edit(posting, &json!({"title": "RTL Engineer, renamed"}));
        assert!(board.told().is_empty());
        board.pause(posting);
        board.settle();
        board.resume(posting);
        board.close(posting);
        board.settle();
        board.renew(posting);
        board.set_employer(EmployerStatus::Paused);
        board.settle();
        board.set_employer(EmployerStatus::Active);
        assert!(board.told().is_empty());
        board.restart();
        board.edit(posting, &json!({"openings": 9}));
        assert!(board.told().is_empty());
    }

    fn an_edit_that_makes_a_new_posting_match_is_told(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl", "country": "DE"}), Frequency::Instant);
        let posting = board.publish("RTL Engineer");
        assert!(board.told().is_empty());
        board.edit(posting, &json!({"locations": [{"city": "Munich", "country": "DE"}]}));
        assert_eq!(board.told(), ["RTL Engineer"]);
    }

    fn a_posting_that_is_closed_before_its_mail_is_written_is_left_out(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let filled = board.publish("RTL Engineer, filled at once");
        board.publish("RTL Engineer, open");
        board.match_all();
        board.close(filled);
        assert_eq!(board.told(), ["RTL Engineer, open"]);
    }

    fn a_posting_that_was_out_of_search_when_its_digest_left_is_told_when_it_is_back(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        let posting = board.publish("RTL Engineer");
        board.settle();
        board.set_employer(EmployerStatus::Paused);
        board.wait(jiff::SignedDuration::from_hours(24));
        assert!(board.told().is_empty());
        board.set_employer(EmployerStatus::Active);
        board.settle();
        board.wait(jiff::SignedDuration::from_hours(24));
        assert_eq!(board.told(), ["RTL Engineer"]);
        board.edit(posting, &json!({"openings": 9}));
        board.settle();
        board.wait(jiff::SignedDuration::from_hours(24));
        assert!(board.told().is_empty());
    }

    fn a_new_query_starts_anew(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        board.publish("RTL Engineer, for the old query");
        board.publish_as(board.employer, json!({"title": "DFT Engineer, before the change"}));
        board.settle();
        board.change(alert, AlertPatch { query: Some(query_of(json!({"q": "dft"}))), ..AlertPatch::default() });
        board.publish_as(board.employer, json!({"title": "DFT Engineer, after the change"}));
        board.publish("RTL Engineer, after the change");
        board.settle();
        board.wait(jiff::SignedDuration::from_hours(24));
        assert_eq!(board.told(), ["DFT Engineer, after the change"]);
    }

    fn the_same_query_again_loses_nothing(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        board.publish("RTL Engineer");
        board.settle();
        board.change(alert, AlertPatch { query: Some(query_of(json!({"q": "rtl"}))), ..AlertPatch::default() });
        board.wait(jiff::SignedDuration::from_hours(24));
        assert_eq!(board.told(), ["RTL Engineer"]);
    }

    fn what_is_published_during_a_pause_is_not_owed(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        board.publish("RTL Engineer, before");
        board.settle();
        board.set_status(alert, AlertStatus::Paused);
        board.publish("RTL Engineer, during");
        board.settle();
        board.set_status(alert, AlertStatus::Active);
        board.publish("RTL Engineer, after");
        board.settle();
        board.wait(jiff::SignedDuration::from_hours(24));
        assert_eq!(board.told(), ["RTL Engineer, after"]);
    }

    fn who_unsubscribes_gets_nothing_more_even_if_something_waits(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        board.publish("RTL Engineer");
        board.settle();
        let now = board.now();
        for _ in 0..2 {
            board.db.write_blocking(|tx| subscription::unsubscribe(tx, alert, now)).unwrap();
        }
        board.publish("RTL Engineer, later");
        board.wait(jiff::SignedDuration::from_hours(48));
        assert!(board.told().is_empty());
        assert_eq!(board.alert(alert).status, AlertStatus::Ended);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        board.publish("RTL Engineer, new alert");
        assert_eq!(board.told(), ["RTL Engineer, new alert"], "and may come back");
    }

    fn an_erased_alert_leaves_nothing_behind(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        board.publish("RTL Engineer");
        board.settle();
        board.db.write_blocking(|tx| subscription::erase(tx, alert)).unwrap();
        board.publish("RTL Engineer, later");
        board.wait(jiff::SignedDuration::from_hours(48));
        assert!(board.told().is_empty());
        assert!(board.db.read_blocking(|conn| subscription::find(conn, alert)).unwrap().is_none());
    }

    fn a_restarted_process_goes_on_where_the_last_one_stopped(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        board.publish("RTL Engineer 1");
        board.settle();
        board.publish("RTL Engineer 2");
        board.restart();
        assert_eq!(board.told(), ["RTL Engineer 1", "RTL Engineer 2"]);
        board.restart();
        assert!(board.told().is_empty());
    }
}
