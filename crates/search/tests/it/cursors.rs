//! Pages stay whole while postings come, change and go.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use store::{Random, on_both};

use crate::support::{Board, names, request, row_with};

fn varied(name: &str, n: usize) -> Value {
    let title = ["RTL Engineer", "RTL Design Engineer", "Engineer"][n % 3];
    row_with(
        name,
        title,
        json!({
            "description": "rtl ".repeat(1 + n % 2), "posted_at": format!("2026-11-{:02}", 1 + n % 20),
            "pay": {"base": {"max": 100_000 + 1000 * (n % 7), "currency": "USD", "period": "year"}},
        }),
    )
}

on_both! {
    fn pages_hold_every_hit_once_in_one_order(db) {
        let board = Board::new(db);
        board.post(&(0..50).map(|n| varied(&format!("n{n}"), n)).collect::<Vec<_>>());
        board.post(&(50..57).map(|n| varied(&format!("n{n}"), n)).collect::<Vec<_>>());
        for sort in ["relevance", "newest", "pay"] {
            for limit in [1, 7, 57, 58, 100] {
                let pages = board.pages(&format!("q=rtl&sort={sort}&limit={limit}"));
                assert_eq!(pages.len(), 57_usize.div_ceil(limit), "{sort} {limit}");
                assert_eq!(pages.concat(), board.found(&format!("q=rtl&sort={sort}&limit=100")), "{sort} {limit}");
            }
        }
        assert_eq!(board.pages("q=nothing"), [Vec::<String>::new()]);
    }

    fn what_stays_is_seen_once_while_others_come_change_and_go(db) {
        for (round, sort) in ["relevance", "newest", "pay", "relevance"].into_iter().enumerate() {
            let board = Board { random: Random::seeded(40 + round as u64), ..Board::new(db) };
            let name = |n: usize| format!("r{round}n{n}");
            let mine = |found: &Vec<String>| found.iter().filter(|name| name.starts_with(&format!("r{round}n"))).cloned().collect::<Vec<_>>();
            board.post(&(0..40).map(|n| varied(&name(n), n)).collect::<Vec<_>>());
            let mut wanted = request(&format!("q=rtl&sort={sort}&limit=6"));
            let mut seen: Vec<String> = Vec::new();
            let mut touched: BTreeSet<String> = BTreeSet::new();
            for page in 0.. {
                let results = board.index.search(&wanted, board.now).unwrap();
                seen.extend(mine(&names(&results)));
                let Some(cursor) = results.next_cursor else { break };
                wanted.cursor = Some(cursor);
                // One more comes, one is edited, and the last one that was shown is closed.
                if let Some(gone) = seen.iter().rev().find(|name| !touched.contains(*name)).cloned() {
                    board.close(board.posting(&gone).row.id);
                    touched.insert(gone);
                }
                if let Some(edited) = (0..40).map(name).find(|name| !touched.contains(name) && !seen.contains(name)) {
                    board.update(board.posting(&edited).row.id, &json!({"title": format!("Staff RTL Engineer {edited}")}));
                    touched.insert(edited);
                }
                board.post(&(0..4).map(|n| varied(&format!("r{round}x{page}-{n}"), n)).collect::<Vec<_>>());
                assert!(page < 60, "the pages end");
            }
            let once: BTreeSet<&String> = seen.iter().collect();
            let twice: Vec<&String> = seen.iter().filter(|name| !touched.contains(*name)).collect();
            assert_eq!(twice.len(), twice.iter().collect::<BTreeSet<_>>().len(), "{sort}: nothing untouched is seen twice");
            for n in 0..40 {
                assert!(once.contains(&name(n)) || touched.contains(&name(n)), "{sort}: {} is seen", name(n));
            }
            for posting in board.postings() {
                board.delete(posting.row.id);
            }
        }
    }
}
