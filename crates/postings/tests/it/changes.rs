//! The feed of visible changes.

use postings::CloseReason;
use postings::changes::{Change, changed_since};
use serde_json::json;
use store::{Id, on_both};

use crate::support::{Board, monday_plus_days};

fn ids(changes: &[(i64, Change)]) -> Vec<(bool, Id)> {
    changes
        .iter()
        .map(|(_, change)| match change {
            Change::Upsert(posting) => (true, posting.row.id),
            Change::Remove(id) => (false, *id),
        })
        .collect()
}

on_both! {
    fn the_feed_holds_each_posting_once_at_its_last_change(db) {
        let board = Board::new(db);
        let [a, b, c] = ["A", "B", "C"].map(|title| board.published(title));
        board.draft("never seen");
        assert_eq!(ids(&board.changes(0)), [(true, a), (true, b), (true, c)]);
        board.update(a, json!({"title": "A2"})).unwrap();
        board.pause(b).unwrap();
        let changes = board.changes(0);
        assert_eq!(ids(&changes), [(true, c), (true, a), (false, b)]);
        assert_eq!(changes.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(matches!(&changes[1].1, Change::Upsert(posting) if posting.content().title == "A2"));
        assert_eq!(ids(&board.changes(4)), [(false, b)]);
        assert!(board.changes(5).is_empty());
        board.resume(b).unwrap();
        board.close(c, CloseReason::Filled).unwrap();
        board.delete(a);
        assert_eq!(ids(&board.changes(5)), [(true, b), (false, c), (false, a)]);
    }

    fn the_feed_is_read_in_pages(db) {
        let board = Board::new(db);
        let published: Vec<Id> = (0..7).map(|n| board.published(&format!("Number {n}"))).collect();
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = db.read_blocking(|conn| changed_since(conn, after, 3)).unwrap();
            let Some((revision, _)) = page.last() else { break };
            after = *revision;
            seen.extend(ids(&page).into_iter().map(|(_, id)| id));
        }
        assert_eq!(seen, published);
    }

    fn a_frozen_employer_leaves_search_at_once_and_comes_back(db) {
        let board = Board::new(db);
        let other = board.employer("other", Some("https://other.example"));
        let [a, b] = ["A", "B"].map(|title| board.published(title));
        let draft = board.draft("draft");
        board.close(b, CloseReason::Other).unwrap();
        let theirs = board.try_draft_of(other, crate::support::posting("Theirs")).unwrap().row.id;
        board.publish(theirs).unwrap();
        let before = board.revision();
        assert_eq!(board.set_employer_status(board.acme, "paused"), 2, "not the draft, not another's");
        let mut touched = ids(&board.changes(before));
        touched.sort_unstable();
        assert_eq!(touched, [(false, a), (false, b)]);
        assert!(board.find(draft).unwrap().row.revision.is_none());
        let frozen = board.revision();
        board.set_employer_status(board.acme, "active");
        let back = board.changes(frozen);
        assert!(ids(&back).contains(&(true, a)) && ids(&back).contains(&(false, b)));
    }

    fn an_ended_posting_is_a_removal(db) {
        let mut board = Board::new(db);
        let id = board.published("A");
        board.now = monday_plus_days(61);
        let before = board.revision();
        board.expire();
        assert_eq!(ids(&board.changes(before)), [(false, id)]);
    }
}
