//! What owners of addresses can do, and what happens to alerts that nobody touches.

use alerts::feedback::{self, Verdict};
use alerts::subscription::{self, AlertError, AlertPatch, Confirmed, NewAlert, Resume};
use alerts::{AlertStatus, EndReason, Frequency, health, keep, keep_pass, owner, warnings};
use jiff::SignedDuration;
use mail::{EmailAddress, MailState, SuppressionReason};
use serde_json::json;
use store::on_both;

use crate::board::{Board, wish};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn reader() -> EmailAddress {
    "reader@example.org".parse().unwrap()
}

fn suppress(board: &Board<'_>, reason: SuppressionReason) {
    let now = board.now();
    board
        .db
        .write_blocking(|tx| mail::suppress(tx, &reader(), reason, "test", now))
        .unwrap();
}

fn is_suppressed(board: &Board<'_>) -> bool {
    board
        .db
        .read_blocking(|conn| mail::is_suppressed(conn, &reader()))
        .unwrap()
}

fn confirm(board: &Board<'_>, token: &str, resume: Resume) -> Confirmed {
    let now = board.now();
    board
        .db
        .write_blocking(|tx| subscription::confirm(tx, token, resume, now))
        .unwrap()
}

fn keep_all(board: &Board<'_>) -> (usize, usize) {
    let report = keep_pass(board.db, &board.letterhead, &board.random, board.now()).unwrap();
    (report.asked, report.retired)
}

on_both! {
    fn confirming_anew_lifts_a_bounce_but_a_complaint_only_when_the_owner_says_so(db) {
        let board = Board::new(db);
        let ask = |q: &str| board.request(wish("reader@example.org", json!({"q": q}), Frequency::Instant));
        suppress(&board, SuppressionReason::Bounce);
        confirm(&board, &ask("rtl").unwrap(), Resume::NotAsked);
        assert!(!is_suppressed(&board), "the mail arrived, so the mailbox is there");

        suppress(&board, SuppressionReason::Complaint);
        assert_eq!(ask("dft"), None, "they were written to lately");
        board.wait(DAY * 31);
        let token = ask("dft").unwrap();
        assert_eq!(ask("dv"), None);
        confirm(&board, &token, Resume::NotAsked);
        assert!(is_suppressed(&board));
        confirm(&board, &token, Resume::Asked);
        assert!(!is_suppressed(&board));

        suppress(&board, SuppressionReason::Operator);
        board.wait(DAY * 31);
        assert_eq!(ask("eda"), None);
        let lift = || board.db.write_blocking(|tx| subscription::lift_suppression(tx, &reader(), Resume::Asked)).unwrap();
        assert!(!lift() && is_suppressed(&board), "what the operator said stays");
    }

    fn an_alert_that_nobody_touches_asks_and_retires_and_can_be_taken_up_again(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let kept = board.subscribe_as(wish("other@example.org", json!({"q": "rtl"}), Frequency::Daily));
        board.wait(DAY * 364);
        assert_eq!(keep_all(&board), (0, 0));
        board.wait(DAY);
        assert_eq!((keep_all(&board), keep_all(&board)), ((2, 0), (0, 0)));
        let mails = board.mails();
        assert_eq!(mails.len(), 2);
        let mail = mails.iter().find(|mail| mail.recipient == reader()).unwrap();
        assert_eq!(mail.subject, "Keep your alert “rtl”?");
        assert!(mail.text_body.contains("the alert ends on 23 December 2027") && mail.text_body.contains("/alerts/manage?alert="), "{}", mail.text_body);
        assert!(mail.list().is_some());
        let (now, other) = (board.now(), board.alert(kept));
        db.write_blocking(|tx| keep(tx, &other, now)).unwrap();
        board.publish("RTL Engineer, while it waits");
        assert_eq!(board.told(), ["RTL Engineer, while it waits"]);
        board.wait(DAY * 29);
        assert_eq!(keep_all(&board), (0, 0));
        board.wait(DAY);
        assert_eq!((keep_all(&board), keep_all(&board)), ((0, 1), (0, 0)));
        let retired = board.alert(alert);
        assert_eq!((retired.status, retired.end_reason), (AlertStatus::Ended, Some(EndReason::Retired)));
        assert_eq!(board.alert(kept).status, AlertStatus::Active);
        board.mails();
        board.publish("RTL Engineer, after");
        board.settle();
        board.wait(DAY);
        let mails = board.mails();
        assert!(mails.iter().all(|mail| mail.recipient != reader()), "it is silent");
        board.set_status(alert, AlertStatus::Active);
        assert!(board.mails().is_empty(), "what was published meanwhile is not owed");
        board.publish("RTL Engineer, again");
        assert_eq!(board.told(), ["RTL Engineer, again"]);
        assert_eq!(board.alert(alert).end_reason, None);
    }

    fn a_clock_that_jumps_a_year_ahead_retires_nobody(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        board.wait(DAY * 800);
        assert_eq!((keep_all(&board), keep_all(&board)), ((1, 0), (0, 0)), "nobody retires before there was time to answer");
        board.wait(DAY * -800);
        assert_eq!(keep_all(&board), (0, 0));
        board.change(alert, AlertPatch { hour: Some(9), ..AlertPatch::default() });
        assert_eq!(board.alert(alert).keep_asked_at, None);
    }

    fn what_waits_in_the_outbox_goes_with_the_alert(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        let paused = board.subscribe(json!({"q": "dft"}), Frequency::Instant);
        board.publish("RTL and DFT Engineer");
        board.settle();
        let now = board.now();
        db.write_blocking(|tx| subscription::unsubscribe(tx, alert, now)).unwrap();
        let queued = || {
            let mails = db.read_blocking(|conn| mail::list_for_recipient(conn, &reader(), 100)).unwrap();
            mails.into_iter().filter(|mail| mail.kind == "alert_instant" && mail.state == MailState::Queued).count()
        };
        assert_eq!(queued(), 1, "the other alert's");
        board.set_status(paused, AlertStatus::Paused);
        assert_eq!(queued(), 0);
    }

    fn an_address_can_be_exported_and_erased_whole(db) {
        let board = Board::new(db);
        let alert = board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        board.subscribe(json!({"q": "dft"}), Frequency::Weekly);
        board.subscribe_as(wish("other@example.org", json!({"q": "rtl"}), Frequency::Instant));
        let posting = board.publish("RTL Engineer");
        let never_told = board.publish_as(board.employer, json!({"title": "Data Center Technician", "discipline": "data_center", "description": "Racks and cables."}));
        board.settle();
        let now = board.now();
        let say = |posting, verdict| db.write_blocking(|tx| feedback::answer(tx, alert, posting, verdict, now));
        say(posting, Verdict::Right).unwrap();
        say(posting, Verdict::Wrong).unwrap();
        assert!(matches!(say(never_told, Verdict::Right), Err(AlertError::NotFound)));
        assert_eq!(db.read_blocking(|conn| feedback::count(conn, Some(alert))).unwrap(), (0, 1), "the last answer counts");
        suppress(&board, SuppressionReason::Complaint);
        let held = db.read_blocking(|conn| owner::export(conn, &reader())).unwrap();
        assert_eq!((held.alerts.len(), held.told.len(), held.answers.len()), (2, 1, 1));
        assert_eq!((held.told[0].posting_id, held.told[0].told_at), (posting, Some(now)));
        assert!(held.alerts.iter().all(|alert| alert.confirmed_at.is_some()), "the consent is on record");
        assert_eq!(held.mails.iter().map(|mail| mail.kind.as_str()).collect::<Vec<_>>(), ["alert_instant", "alert_confirm", "alert_confirm"]);
        assert!(held.suppression.is_some());

        assert_eq!(db.write_blocking(|tx| owner::erase_address(tx, &reader())).unwrap(), 2);
        let held = db.read_blocking(|conn| owner::export(conn, &reader())).unwrap();
        assert!(held.alerts.is_empty() && held.told.is_empty() && held.answers.is_empty() && held.mails.is_empty() && held.suppression.is_none());
        assert_eq!(db.read_blocking(|conn| owner::list_of_address(conn, &"other@example.org".parse().unwrap())).unwrap().len(), 1);
        board.publish("RTL Engineer, later");
        assert!(board.mails().iter().all(|mail| mail.recipient != reader()));
    }

    fn health_tells_silence_from_success(db) {
        let board = Board::new(db);
        let look = || { let now = board.now(); db.read_blocking(|conn| health(conn, now)).unwrap() };
        board.subscribe(json!({"q": "rtl"}), Frequency::Instant);
        board.subscribe_as(wish("daily@example.org", json!({"q": "rtl"}), Frequency::Daily));
        let calm = look();
        assert_eq!((calm.active, calm.alerts_due, calm.alerts_waiting, calm.last_mailed_at), (2, 0, 0, None));
        for n in 0..7 {
            board.publish(&format!("RTL Engineer {n}"));
        }
        board.match_all();
        let since = board.now();
        board.wait(SignedDuration::from_mins(6));
        let stuck = look();
        assert_eq!((stuck.alerts_due, stuck.alerts_waiting, stuck.oldest_due_at), (1, 1, Some(since)));
        assert_eq!(stuck.waiting_for, [("digest".to_owned(), 7), ("now".to_owned(), 7)].into());
        assert!(warnings(&stuck, board.now())[0].starts_with("1 alerts have mail due that is not written"));
        board.settle();
        let fine = look();
        assert_eq!((fine.alerts_due, fine.alerts_waiting, fine.alerts_mailed_last_day, fine.oldest_due_at), (0, 2, 1, None));
        assert_eq!(fine.waiting_for, [("digest".to_owned(), 7), ("overflow".to_owned(), 2)].into());
        assert!(warnings(&fine, board.now()).is_empty());
        suppress(&board, SuppressionReason::Bounce);
        assert_eq!(look().alerts_suppressed, 1);
        assert!(!warnings(&look(), board.now()).is_empty());
    }

    fn an_alert_with_options_keeps_them(db) {
        let board = Board::new(db);
        let quiet = alerts::QuietHours { from: 22, to: 7 };
        let id = board.subscribe_as(NewAlert { quiet_hours: Some(quiet), notify: [alerts::ChangeKind::Reopened].into_iter().collect(), ..wish("reader@example.org", json!({"q": "rtl"}), Frequency::Instant) });
        let alert = board.alert(id);
        assert_eq!((alert.quiet_hours(), alert.notify.kinds()), (Some(quiet), vec![alerts::ChangeKind::Reopened]));
        board.change(id, AlertPatch { hour: Some(5), ..AlertPatch::default() });
        assert_eq!(board.alert(id).quiet_hours(), Some(quiet), "what is not named stays");
        board.change(id, AlertPatch { quiet_hours: Some(None), notify: Some(alerts::Notify::default()), ..AlertPatch::default() });
        assert!(board.alert(id).quiet_hours().is_none() && board.alert(id).notify.is_empty());
    }
}
