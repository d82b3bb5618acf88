//! Asking and confirming: what an address may have, and how long things are kept.

use alerts::subscription::{
    self, AlertError, Confirmed, MAX_CONFIRMATIONS, MAX_PER_ADDRESS, UNCONFIRMED_KEPT, forget_unconfirmed,
};
use alerts::{AlertStatus, Frequency};
use jiff::SignedDuration;
use serde_json::json;
use store::on_both;

use crate::board::{Board, wish};

on_both! {
    fn an_address_is_asked_five_times_a_day_at_most(db) {
        let board = Board::new(db);
        let ask = |n: i64| board.request(wish("victim@example.org", json!({"q": format!("word{n}")}), Frequency::Daily));
        let asked = (0..20).filter(|n| ask(*n).is_some()).count() as i64;
        assert_eq!(asked, MAX_CONFIRMATIONS);
        assert!(board.request(wish("other@example.org", json!({"q": "rtl"}), Frequency::Daily)).is_some());
        board.wait(SignedDuration::from_hours(25));
        assert!(ask(30).is_some());
    }

    fn an_address_has_fifty_alerts_at_most(db) {
        let board = Board::new(db);
        for n in 0..MAX_PER_ADDRESS {
            board.subscribe(json!({"q": format!("word{n}")}), Frequency::Daily);
            board.wait(SignedDuration::from_hours(24));
        }
        assert_eq!(board.request(wish("reader@example.org", json!({"q": "more"}), Frequency::Daily)), None);
        let now = board.now();
        let new = wish("reader@example.org", json!({"q": "more"}), Frequency::Daily);
        let refused = board.db.write_blocking(|tx| subscription::create(tx, new, &board.random, now));
        assert!(matches!(refused, Err(AlertError::TooMany)));
    }

    fn who_has_an_alert_is_not_asked_again_and_two_links_confirm_one(db) {
        let board = Board::new(db);
        let ask = || board.request(wish("reader@example.org", json!({"q": "rtl"}), Frequency::Instant));
        let (first, second) = (ask().unwrap(), ask().unwrap());
        let Confirmed::Now(alert) = board.confirm(&first).unwrap() else { unreachable!("it is new") };
        assert_eq!(board.confirm(&second).unwrap(), Confirmed::Already(alert));
        assert_eq!(board.confirm(&first).unwrap(), Confirmed::Already(alert));
        assert_eq!(ask(), None);
        board.publish("RTL Engineer");
        assert_eq!(board.told(), ["RTL Engineer"]);
    }

    fn a_late_click_gets_a_true_answer_for_a_week_and_then_nothing_is_kept(db) {
        let board = Board::new(db);
        let token = board.request(wish("late@example.org", json!({"q": "rtl"}), Frequency::Daily)).unwrap();
        let kept = board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        let forget = || { let now = board.now(); board.db.write_blocking(|tx| forget_unconfirmed(tx, 100, now)).unwrap() };
        board.wait(SignedDuration::from_hours(48));
        assert!(matches!(board.confirm(&token), Err(AlertError::TokenExpired)));
        assert_eq!(forget(), 0);
        board.wait(UNCONFIRMED_KEPT);
        assert_eq!(forget(), 1);
        assert!(matches!(board.confirm(&token), Err(AlertError::TokenInvalid)));
        assert_eq!(board.alert(kept).status, AlertStatus::Active);
        assert!(matches!(board.confirm("nonsense"), Err(AlertError::TokenInvalid)));
    }

    fn what_makes_no_alert_is_refused(db) {
        let board = Board::new(db);
        let good = || wish("reader@example.org", json!({"q": "rtl"}), Frequency::Daily);
        let refused = |new| board.try_request(new).unwrap_err();
        let unfiltered = wish("reader@example.org", json!({}), Frequency::Daily);
        assert!(matches!(refused(unfiltered), AlertError::QueryUnfiltered));
        let nowhere = subscription::NewAlert { timezone: "Mars/Olympus".to_owned(), ..good() };
        assert!(matches!(refused(nowhere), AlertError::TimezoneUnknown));
        let late = subscription::NewAlert { hour: 24, ..good() };
        assert!(matches!(refused(late), AlertError::HourInvalid));
    }
}
