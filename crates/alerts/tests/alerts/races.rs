//! Several processes, and several things at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use alerts::subscription::Confirmed;
use alerts::{Frequency, MatchState, dispatch_pass, match_pass};
use serde_json::json;
use store::testing::TestDb;
use store::{Backend, Db, DbOptions, StoreError, on_both};

use crate::board::{Board, wish};

/// Runs both passes as one more process would, until `is_done` and nothing is left.
fn work(board: &Board<'_>, db: &Db, is_done: &(dyn Fn() -> bool + Sync)) {
    let mut state = MatchState::new();
    loop {
        let was_done = is_done();
        let matched = match_pass(db, &mut state, board.now());
        let written = dispatch_pass(db, &board.letterhead, &board.random, board.now());
        let is_quiet = |outcome: bool, error: Option<&StoreError>| {
            assert!(
                matches!(
                    error,
                    None | Some(StoreError::Interrupted | StoreError::Unavailable(_))
                ),
                "{error:?}"
            );
            outcome && error.is_none()
        };
        let matched = is_quiet(
            matched
                .as_ref()
                .is_ok_and(|report| report.is_caught_up && report.changes == 0),
            matched.as_ref().err(),
        );
        let written = is_quiet(
            written
                .as_ref()
                .is_ok_and(|report| report.is_caught_up && report.mails == 0),
            written.as_ref().err(),
        );
        if was_done && matched && written {
            return;
        }
    }
}

#[test]
fn two_nodes_tell_everything_once() {
    let test_db = TestDb::new(Backend::Postgres);
    let mut board = Board::new(&test_db);
    board.letterhead.rules = board.letterhead.rules.unlimited();
    let board = board;
    for n in 0..5 {
        board.subscribe_as(wish(
            &format!("reader{n}@example.org"),
            json!({"q": "rtl"}),
            Frequency::Instant,
        ));
    }
    let other = Db::open(&DbOptions::new(test_db.url().to_owned())).unwrap();
    let count = 60;
    let is_published = AtomicBool::new(false);
    let is_done = || is_published.load(Ordering::Acquire);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..count {
                board.publish(&format!("RTL Engineer {n:02}"));
            }
            is_published.store(true, Ordering::Release);
        });
        scope.spawn(|| work(&board, &test_db, &is_done));
        work(&board, &other, &is_done);
    });
    let mut told = Vec::new();
    for mail in board.mails() {
        told.extend(
            crate::board::titles_in(&mail)
                .into_iter()
                .map(|title| (mail.recipient.to_string(), title)),
        );
    }
    let all = told.len();
    told.sort();
    told.dedup();
    assert_eq!(
        (all, told.len()),
        (5 * count, 5 * count),
        "each role to each reader, none twice"
    );
}

on_both! {
    fn a_confirmation_beside_a_publication_misses_nothing_that_came_after_it(db) {
        let board = Board::new(db);
        for round in 0..12 {
            let email = format!("reader{round}@example.org");
            let token = board.request(wish(&email, json!({"q": "rtl"}), Frequency::Instant)).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| board.publish(&format!("RTL Engineer {round}, beside")));
                scope.spawn(|| board.match_all());
                scope.spawn(|| assert!(matches!(board.confirm(&token), Ok(Confirmed::Now(_)))));
            });
            board.publish(&format!("RTL Engineer {round}, after"));
            let mails = board.mails();
            let theirs: Vec<String> = mails.iter().filter(|mail| mail.recipient.as_str() == email).flat_map(crate::board::titles_in).collect();
            assert!(theirs.contains(&format!("RTL Engineer {round}, after")), "{theirs:?}");
            let start = board.db.read_blocking(|conn| alerts::subscription::find_by_token(conn, &token)).unwrap().unwrap().start_revision;
            let changes = board.db.read_blocking(|conn| postings::changes::changed_since(conn, start, 10)).unwrap();
            assert_eq!(theirs.len(), changes.len(), "exactly what was first published after its start: {theirs:?}");
        }
    }

    fn two_clicks_at_once_confirm_once_and_unsubscribe_in_peace(db) {
        let board = Board::new(db);
        for round in 0..8 {
            let email = format!("reader{round}@example.org");
            let token = board.request(wish(&email, json!({"q": "rtl"}), Frequency::Instant)).unwrap();
            let outcomes = thread::scope(|scope| {
                let clicks: Vec<_> = (0..2).map(|_| scope.spawn(|| board.confirm(&token).unwrap())).collect();
                clicks.into_iter().map(|click| click.join().unwrap()).collect::<Vec<_>>()
            });
            let fresh = outcomes.iter().filter(|outcome| matches!(outcome, Confirmed::Now(_))).count();
            assert_eq!(fresh, 1, "{outcomes:?}");
            let (Confirmed::Now(id) | Confirmed::Already(id)) = outcomes[0];
            let now = board.now();
            let end = || board.db.write_blocking(|tx| alerts::subscription::unsubscribe(tx, id, now)).unwrap();
            thread::scope(|scope| {
                scope.spawn(end);
                scope.spawn(end);
            });
        }
    }
}
