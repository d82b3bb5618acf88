//! Reading everything that is open, page by page.

use postings::syndication;
use serde_json::json;
use store::{Id, on_both};

use crate::support::Board;

on_both! {
    fn a_posting_that_changes_while_a_feed_is_read_is_in_it_once(db) {
        let board = Board::new(db);
        let ids: Vec<Id> = (0..10).map(|n| board.published(&format!("Engineer {n}"))).collect();
        let mut seen: Vec<Id> = Vec::new();
        while seen.len() < 100 {
            let page = db.read_blocking(|conn| syndication::list_open_by_id(conn, seen.last().copied(), 3, board.now)).unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(|posting| posting.row.id));
            // One that was read, and one that was not.
            board.update(ids[0], json!({"openings": seen.len() + 1})).unwrap();
            board.update(ids[9], json!({"openings": seen.len() + 1})).unwrap();
        }
        let mut expected = ids.clone();
        expected.sort();
        assert_eq!(seen, expected);
        let by_revision = db.read_blocking(|conn| syndication::list_open(conn, 0, i64::MAX, 100, board.now)).unwrap();
        let revisions: Vec<i64> = by_revision.iter().map(|posting| posting.row.revision.unwrap()).collect();
        assert!(revisions.is_sorted() && revisions.len() == 10);
        assert_eq!(db.read_blocking(|conn| syndication::count_open(conn, board.now)).unwrap(), 10);
    }

    fn the_time_of_a_sitemap_is_that_of_its_last_change(db) {
        let mut board = Board::new(db);
        let none = db.read_blocking(|conn| syndication::list_sitemaps(conn, board.now)).unwrap();
        assert!(none.is_empty());
        let id = board.published("One");
        board.published("Two");
        let first = board.now;
        assert_eq!(db.read_blocking(|conn| syndication::list_sitemaps(conn, board.now)).unwrap(), [(1, first)]);
        board.now = crate::support::monday_plus_days(1);
        board.update(id, json!({"openings": 2})).unwrap();
        assert_eq!(db.read_blocking(|conn| syndication::list_sitemaps(conn, board.now)).unwrap(), [(1, board.now)]);
        assert_eq!(db.read_blocking(syndication::last_change).unwrap(), Some(board.now));
    }
}
