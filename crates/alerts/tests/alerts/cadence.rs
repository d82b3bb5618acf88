//! How much a mail carries, in what order, and when an instant alert keeps still.

use alerts::subscription::{AlertPatch, NewAlert};
use alerts::{Frequency, QuietHours, mend_schedules};
use jiff::SignedDuration;
use serde_json::json;
use store::{Timestamp, on_both};

use crate::board::{Board, titles_in, wish};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn go_to(board: &Board<'_>, at: &str) {
    let at: Timestamp = at.parse().unwrap();
    board.wait(SignedDuration::from_micros(at.micros() - board.now().micros()));
}

fn quiet(from: i16, to: i16) -> NewAlert {
    NewAlert {
        timezone: "America/New_York".to_owned(),
        quiet_hours: Some(QuietHours { from, to }),
        ..wish("reader@example.org", json!({"q": "rtl"}), Frequency::Instant)
    }
}

on_both! {
    fn what_is_found_in_quiet_hours_goes_out_as_one_mail_when_they_end(db) {
        let board = Board::new(db);
        board.subscribe_as(quiet(22, 7));
        go_to(&board, "2026-11-24T03:30:00Z");
        board.publish("RTL Engineer, 22:30");
        assert!(board.told().is_empty());
        go_to(&board, "2026-11-24T10:00:00Z");
        board.publish("RTL Engineer, 5:00");
        go_to(&board, "2026-11-24T11:59:59Z");
        assert!(board.told().is_empty());
        go_to(&board, "2026-11-24T12:00:00Z");
        let mails = board.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(titles_in(&mails[0]).len(), 2);
        board.publish("RTL Engineer, 7:00");
        assert_eq!(board.told(), ["RTL Engineer, 7:00"]);
    }

    fn quiet_hours_are_kept_also_by_a_pass_that_comes_late(db) {
        let board = Board::new(db);
        board.subscribe_as(quiet(22, 7));
        go_to(&board, "2026-11-24T02:59:00Z");
        board.publish("RTL Engineer, 21:59");
        board.match_all();
        go_to(&board, "2026-11-24T03:01:00Z");
        assert!(board.told().is_empty());
        go_to(&board, "2026-11-24T12:00:00Z");
        assert_eq!(board.told(), ["RTL Engineer, 21:59"]);
    }

    fn quiet_hours_that_are_given_up_hold_nothing_back(db) {
        let board = Board::new(db);
        let alert = board.subscribe_as(quiet(22, 7));
        go_to(&board, "2026-11-24T03:30:00Z");
        board.publish("RTL Engineer");
        assert!(board.told().is_empty());
        board.change(alert, AlertPatch { quiet_hours: Some(None), ..AlertPatch::default() });
        assert_eq!(board.told(), ["RTL Engineer"]);
    }

    fn one_employer_does_not_flood_a_digest(db) {
        let board = Board::new(db);
        let other = board.found("Other Labs");
        board.subscribe(json!({"q": "rtl", "country": ["US", "DE"]}), Frequency::Daily);
        for n in 0..12 {
            board.publish(&format!("RTL Engineer {n:02}"));
            board.wait(SignedDuration::from_secs(1));
        }
        board.publish_as(other, json!({"title": "RTL Lead"}));
        board.settle();
        board.wait(DAY);
        let mail = board.mails().pop().unwrap();
        let titles = titles_in(&mail);
        assert_eq!(titles, ["RTL Lead", "RTL Engineer 11", "RTL Engineer 10", "RTL Engineer 09", "RTL Engineer 08", "RTL Engineer 07"]);
        assert!(mail.text_body.contains("* +7 more at Acme Compute"), "{}", mail.text_body);
        assert!(mail.text_body.contains("https://board.example/?q=rtl&employer=acme-compute&country="), "{}", mail.text_body);
        assert!(mail.text_body.contains("7 more roles are open now and come with the next mails, from Wednesday, 25 November on."), "{}", mail.text_body);
        board.wait(DAY);
        assert_eq!(board.told().len(), 5);
        board.wait(DAY);
        assert_eq!(board.told(), ["RTL Engineer 00", "RTL Engineer 01"]);
        board.wait(DAY);
        assert!(board.told().is_empty());
    }

    fn what_waits_and_is_closed_meanwhile_is_never_told(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        let all: Vec<_> = (0..7).map(|n| board.publish(&format!("RTL Engineer {n}"))).collect();
        board.settle();
        board.wait(DAY);
        let first = board.told();
        assert_eq!(first.len(), 5);
        let waiting = (0..7).find(|n| !first.contains(&format!("RTL Engineer {n}"))).unwrap();
        board.close(all[waiting]);
        board.wait(DAY);
        assert_eq!(board.told().len(), 1);
        board.wait(DAY);
        assert!(board.told().is_empty());
    }

    fn a_large_import_is_one_instant_mail_and_the_rest_follows_day_by_day(db) {
        let mut board = Board::new(db);
        board.letterhead.rules.per_employer = 0;
        let board = board;
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        for n in 0..230 {
            board.publish(&format!("RTL Engineer {n}"));
        }
        let mut seen = Vec::new();
        for day in 0..10 {
            let mails = board.mails();
            assert_eq!(mails.len(), 1, "day {day}");
            seen.extend(titles_in(&mails[0]));
            assert_eq!(seen.len(), (25 * (day + 1)).min(230));
            board.wait(DAY);
        }
        assert!(board.mails().is_empty());
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 230, "every posting, none twice");
    }

    fn a_trickle_is_told_one_by_one_until_the_pace_is_used_up(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let publish_and_count = |n: usize| { board.publish(&format!("RTL Engineer {n:02}")); board.mails().len() };
        assert_eq!((0..20).map(publish_and_count).sum::<usize>(), 20);
        assert_eq!((20..24).map(publish_and_count).sum::<usize>(), 0);
        board.wait(SignedDuration::from_secs(179));
        assert!(board.mails().is_empty());
        board.wait(SignedDuration::from_secs(1));
        let mails = board.mails();
        assert_eq!((mails.len(), titles_in(&mails[0]).len()), (1, 4), "what waited comes together");
        board.wait(SignedDuration::from_hours(2));
        assert_eq!((24..44).map(publish_and_count).sum::<usize>(), 20, "a quiet time fills it up again");
    }

    fn a_mail_shows_what_fits_best_and_is_newest_first(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Weekly);
        let words = json!("Own the RTL of the memory subsystem.");
        let pay = json!({"base": {"min": 200_000, "max": 250_000, "currency": "USD", "period": "year"}});
        board.publish("RTL Engineer, old");
        board.wait(SignedDuration::from_hours(48));
        board.publish_as(board.employer, json!({"title": "Engineer, middle", "description": words}));
        board.wait(SignedDuration::from_hours(23));
        board.publish_as(board.employer, json!({"title": "Engineer, new", "description": words}));
        board.publish_as(board.employer, json!({"title": "Engineer, new with pay", "description": words, "pay": pay}));
        board.publish("RTL Engineer, new");
        board.settle();
        board.wait(SignedDuration::from_hours(5 * 24));
        let mail = board.mails().pop().unwrap();
        // Three days for the title are more than 71 hours, but not with a day for the pay.
        assert_eq!(titles_in(&mail), ["RTL Engineer, new", "Engineer, new with pay", "RTL Engineer, old", "Engineer, new", "Engineer, middle"]);
        assert!(mail.text_body.contains("Why: “rtl” in the title") && mail.text_body.contains("Why: “rtl” in the text"));
    }

    fn a_clock_that_went_ahead_and_came_back_leaves_no_gap_and_repeats_nothing(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        board.subscribe_as(wish("weekly@example.org", json!({"q": "rtl"}), Frequency::Weekly));
        board.subscribe_as(wish("now@example.org", json!({"q": "rtl"}), Frequency::Instant));
        board.publish("RTL Engineer, before");
        assert_eq!(board.told().len(), 1, "the instant mail");
        board.wait(SignedDuration::from_hours(20 * 24));
        assert_eq!(board.told().len(), 2, "both digests");
        board.publish("RTL Engineer, ahead");
        assert_eq!(board.told(), ["RTL Engineer, ahead"], "the instant mail");
        board.wait(SignedDuration::from_hours(-20 * 24));
        let mend = || { let now = board.now(); db.write_blocking(|tx| mend_schedules(tx, 100, now)).unwrap() };
        assert_eq!((mend(), mend()), (2, 0));
        board.publish("RTL Engineer, after");
        assert_eq!(board.told(), ["RTL Engineer, after"], "the instant mail, at once");
        board.wait(DAY);
        assert_eq!(board.told(), ["RTL Engineer, after", "RTL Engineer, ahead"], "the daily digest");
        board.wait(SignedDuration::from_hours(7 * 24));
        assert_eq!(board.told(), ["RTL Engineer, after", "RTL Engineer, ahead"], "the weekly digest");
        board.wait(SignedDuration::from_hours(50 * 24));
        assert!(board.told().is_empty());
    }

    fn a_clock_that_goes_back_an_hour_tells_everything_once(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        for n in 0..24 {
            board.publish(&format!("RTL Engineer {n:02}"));
            board.settle();
        }
        assert_eq!(board.told().len(), 20);
        board.wait(SignedDuration::from_hours(-1));
        board.publish("RTL Engineer 24");
        board.settle();
        board.wait(SignedDuration::from_mins(70));
        assert_eq!(board.told().len(), 5);
        board.wait(SignedDuration::from_hours(48));
        assert!(board.told().is_empty());
    }

    fn a_crash_between_any_two_steps_loses_and_repeats_nothing(db) {
        let board = Board::new(db);
        board.subscribe(json!({"q": "rtl"}), Frequency::Daily);
        for n in 0..6 {
            board.publish(&format!("RTL Engineer {n}"));
            board.restart();
            if n % 2 == 0 { board.match_all(); board.restart(); }
        }
        board.match_all();
        board.restart();
        board.wait(DAY);
        let mut told = board.told();
        board.restart();
        board.wait(DAY);
        told.extend(board.told());
        told.sort();
        assert_eq!(told, (0..6).map(|n| format!("RTL Engineer {n}")).collect::<Vec<_>>());
    }
}
