//! When a digest leaves, and what is in it.

use alerts::subscription::{AlertPatch, NewAlert};
use alerts::{Frequency, schedule};
use jiff::SignedDuration;
use serde_json::json;
use store::{Timestamp, on_both};

use crate::board::{Board, titles_in, wish};

/// Publishes at `published` and returns when the digest leaves: none a second before, one then.
fn leaves(board: &Board<'_>, new: NewAlert, published: &str) -> String {
    let go_to = |at: Timestamp| board.wait(SignedDuration::from_secs(at.seconds() - board.now().seconds()));
    go_to(published.parse().unwrap());
    let alert = board.subscribe_as(new);
    let title = format!("RTL Engineer of {published}");
    board.publish(&title);
    assert!(board.told().is_empty(), "nothing leaves at once");
    let due = schedule::due_at(&board.alert(alert), board.now());
    go_to(Timestamp::from_seconds(due.seconds() - 1));
    assert!(board.told().is_empty(), "nothing leaves early");
    go_to(due);
    assert_eq!(board.told(), [title]);
    let end = board.now();
    board
        .db
        .write_blocking(|tx| alerts::subscription::unsubscribe(tx, alert, end))
        .unwrap();
    due.to_string()
}

on_both! {
    fn a_digest_leaves_at_the_subscribers_hour_in_summer_and_winter(db) {
        let board = Board::new(db);
        let daily = |email: &str, timezone: &str, hour: i16| NewAlert {
            timezone: timezone.to_owned(), hour, ..wish(email, json!({"q": "rtl"}), Frequency::Daily)
        };
        let weekly = |email: &str, timezone: &str, hour: i16| NewAlert {
            frequency: Frequency::Weekly, ..daily(email, timezone, hour)
        };
        for (new, published, due) in [
            (daily("a@example.org", "America/Chicago", 7), "2026-11-23T12:59:00Z", "2026-11-23T13:00:00Z"),
            (daily("b@example.org", "America/Chicago", 7), "2026-11-23T13:00:00Z", "2026-11-24T13:00:00Z"),
            (weekly("c@example.org", "Asia/Kolkata", 0), "2026-11-24T19:00:00Z", "2026-11-29T18:30:00Z"),
            (daily("d@example.org", "America/New_York", 8), "2027-03-13T14:00:00Z", "2027-03-14T12:00:00Z"),
            (daily("e@example.org", "America/New_York", 2), "2027-03-14T05:00:00Z", "2027-03-14T07:00:00Z"),
            (weekly("f@example.org", "Europe/Zurich", 9), "2027-03-22T09:00:00Z", "2027-03-29T07:00:00Z"),
            (daily("g@example.org", "America/New_York", 1), "2027-11-07T04:00:00Z", "2027-11-07T05:00:00Z"),
            (daily("h@example.org", "Pacific/Kiritimati", 23), "2027-11-08T00:00:00Z", "2027-11-08T09:00:00Z"),
        ] {
            assert_eq!(leaves(&board, new, published), due, "published {published}");
        }
    }

    fn what_does_not_fit_follows_and_is_never_lost(db) {
        let mut board = Board::new(db);
        board.letterhead.rules.per_employer = 0;
        board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        for n in 0..260 {
            board.publish(&format!("RTL Engineer {n}"));
        }
        board.settle();
        let mut seen = Vec::new();
        for day in 0..11 {
            board.wait(SignedDuration::from_hours(24));
            let mails = board.mails();
            assert_eq!(mails.len(), 1, "one mail a day, on day {day}");
            let titles = titles_in(&mails[0]);
            assert_eq!(titles.len(), if day == 10 { 10 } else { 25 });
            let waiting = 260 - 25 * (day + 1);
            if waiting > 0 {
                let words = format!("{waiting} more roles are open now and come with the next mails, from ");
                assert!(mails[0].text_body.contains(&words), "{words}");
            }
            seen.extend(titles);
        }
        board.wait(SignedDuration::from_hours(24));
        assert!(board.mails().is_empty());
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 260, "every posting, none twice");
    }

    fn another_rhythm_holds_for_what_is_waiting(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Weekly);
        board.publish("RTL Engineer");
        board.settle();
        board.change(alert, AlertPatch { frequency: Some(Frequency::Instant), ..AlertPatch::default() });
        assert_eq!(board.told(), ["RTL Engineer"]);
    }

    fn a_change_that_concerns_no_schedule_puts_no_digest_off(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        board.publish("RTL Engineer");
        board.settle();
        board.wait(SignedDuration::from_hours(24));
        board.change(alert, AlertPatch { hour: Some(8), ..AlertPatch::default() });
        assert_eq!(board.told(), ["RTL Engineer"]);
    }
}
