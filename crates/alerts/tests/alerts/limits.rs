//! Asking and confirming: what an address may have, and how long things are kept.

use alerts::subscription::{
    self, AlertError, Confirmed, MAX_PENDING, MAX_PER_ADDRESS, UNCONFIRMED_KEPT, forget_unconfirmed,
};
use alerts::{AlertRules, AlertStatus, Frequency, QuietHours, owner};
use jiff::SignedDuration;
use serde_json::json;
use store::on_both;

use crate::board::{Board, wish};

on_both! {
    fn an_address_is_asked_once_an_hour_and_three_times_a_day_at_most(db) {
        let mut board = Board::new(db);
        board.letterhead.rules = AlertRules::default();
        let ask = |email: &str, n: i64| board.request(wish(email, json!({"q": format!("word{n}")}), Frequency::Daily)).is_some();
        assert!(ask("victim@example.org", 0));
        assert!((1..20).all(|n| !ask("victim@example.org", n)));
        assert!(ask("other@example.org", 0), "nobody else is kept from asking");
        let mut asked = 1;
        for hour in 1..24 {
            board.wait(SignedDuration::from_hours(1));
            asked += i64::from(ask("victim@example.org", 100 + hour));
        }
        assert_eq!(asked, 3);
        board.wait(SignedDuration::from_hours(25));
        assert!(ask("victim@example.org", 300));
    }

    fn what_is_asked_for_in_between_waits_on_the_page_of_the_first_mail(db) {
        let mut board = Board::new(db);
        board.letterhead.rules = AlertRules::default();
        let email: mail::EmailAddress = "reader@example.org".parse().unwrap();
        let token = board.request(wish("reader@example.org", json!({"q": "kernel"}), Frequency::Instant)).unwrap();
        for _ in 0..2 {
            assert_eq!(board.request(wish("reader@example.org", json!({"q": "dft"}), Frequency::Instant)), None);
        }
        for n in 0..30 {
            assert_eq!(board.request(wish("reader@example.org", json!({"q": format!("junk{n}")}), Frequency::Daily)), None);
        }
        board.publish_as(board.employer, json!({"title": "DFT Engineer, before"}));
        board.confirm(&token).unwrap();
        assert!(board.told().is_empty());
        let held = db.read_blocking(|conn| owner::list_of_address(conn, &email)).unwrap();
        assert_eq!(held.len() as i64, MAX_PENDING, "no more than so many wait, and none twice");
        let waiting = held.iter().find(|alert| alert.query.0.q == "dft").unwrap();
        let now = board.now();
        let foreign: mail::EmailAddress = "other@example.org".parse().unwrap();
        let refused = db.write_blocking(|tx| owner::confirm_waiting(tx, &foreign, waiting.id, now));
        assert!(matches!(refused, Err(AlertError::NotFound)));
        let confirm = || db.write_blocking(|tx| owner::confirm_waiting(tx, &email, waiting.id, now));
        assert!(matches!(confirm(), Ok(Confirmed::Now(_))));
        assert!(matches!(confirm(), Err(AlertError::NotFound)));
        board.publish_as(board.employer, json!({"title": "DFT Engineer, after"}));
        assert_eq!(board.told(), ["DFT Engineer, after"]);
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
        for (from, to) in [(24, 7), (7, -1), (7, 7)] {
            let restless = subscription::NewAlert { quiet_hours: Some(QuietHours { from, to }), ..good() };
            assert!(matches!(refused(restless), AlertError::QuietHoursInvalid));
        }
    }
}
