//! The index as a disposable reader of the feed of changes.

use std::fs;

use postings::lifecycle;
use search::{Index, IndexError};
use serde_json::json;
use store::on_both;
use store::testing::TestDb;

use crate::support::{Board, row, row_with};

fn path(board: &Board<'_>) -> std::path::PathBuf {
    board.dir.path().join("index")
}

/// Closes the index, lets `harm` at its directory and opens it again.
fn reopened(board: Board<'_>, harm: impl FnOnce(&std::path::Path)) -> Board<'_> {
    let Board {
        db,
        dir,
        index,
        random,
        now,
    } = board;
    drop(index);
    let path = dir.path().join("index");
    harm(&path);
    let index = Index::open(&path).unwrap();
    Board {
        db,
        dir,
        index,
        random,
        now,
    }
}

fn three(db: &TestDb) -> Board<'_> {
    let board = Board::new(db);
    board.post(&["a", "b", "c"].map(|name| row(name, "RTL Engineer")));
    assert_eq!(board.found_set("q=rtl"), ["a", "b", "c"]);
    board
}

on_both! {
    fn a_pass_takes_in_what_changed_and_nothing_twice(db) {
        let board = three(db);
        let report = board.index.pass(db).unwrap();
        assert_eq!((report.applied, report.cursor, report.is_caught_up), (0, 3, true));
        board.update(board.posting("a").row.id, &json!({"title": "DFT Engineer a"}));
        board.pause(board.posting("b").row.id);
        let report = board.index.pass(db).unwrap();
        assert_eq!((report.applied, report.cursor, report.is_caught_up), (2, 5, true));
        assert_eq!(board.found_set("q=rtl"), ["c"]);
        assert_eq!(board.found_set("q=dft"), ["a"]);
        assert_eq!((board.index.len(), board.index.cursor(), board.search("").revision), (2, 5, 5));
    }

    fn the_index_remembers_how_far_it_came(db) {
        let board = reopened(three(db), |_| ());
        assert_eq!((board.index.cursor(), board.index.len()), (3, 3));
        assert_eq!(board.found_set("q=rtl"), ["a", "b", "c"]);
        assert_eq!(board.index.pass(db).unwrap().applied, 0);
    }

    fn a_paused_frozen_closed_or_erased_posting_is_not_found_and_may_come_back(db) {
        let board = three(db);
        let [a, b, c] = ["a", "b", "c"].map(|name| board.posting(name).row.id);
        board.pause(a);
        board.close(b);
        board.delete(c);
        board.settle();
        assert!(board.index.is_empty());
        board.resume(a);
        board.settle();
        assert_eq!(board.found("q=rtl"), ["a"]);
        board.set_employer_status("acme", "paused");
        board.settle();
        assert!(board.found("").is_empty());
        board.set_employer_status("acme", "active");
        board.settle();
        assert_eq!(board.found(""), ["a"]);
    }

    fn a_posting_whose_time_is_over_is_not_found_even_before_any_pass(db) {
        let mut board = three(db);
        board.now = board.posting("a").row.expires_at.unwrap();
        assert_eq!((board.found(""), board.search("").total), (vec![], 0));
        assert!(board.search("facets=discipline").facets[0].1.is_empty());
        db.write_blocking(|tx| lifecycle::expire_due(tx, 10, board.now)).unwrap();
        board.settle();
        assert!(board.index.is_empty());
    }

    fn a_deleted_or_damaged_index_comes_back_from_the_database(db) {
        let segment = |path: &std::path::Path, ends: &str| {
            let mut files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
            files.find(|file| file.to_str().unwrap().ends_with(ends)).unwrap()
        };
        type Harm<'a> = (&'a str, Box<dyn Fn(&std::path::Path) + 'a>);
        let harms: Vec<Harm<'_>> = vec![
            ("deleted", Box::new(|path| fs::remove_dir_all(path).unwrap())),
            ("no table of contents", Box::new(|path| fs::remove_file(path.join("meta.json")).unwrap())),
            ("garbage for a table of contents", Box::new(|path| fs::write(path.join("meta.json"), "garbage").unwrap())),
            ("an empty table of contents", Box::new(|path| fs::write(path.join("meta.json"), "").unwrap())),
            ("another version", Box::new(|path| fs::write(path.join("backplane-index-version"), "0").unwrap())),
            ("no version", Box::new(|path| fs::remove_file(path.join("backplane-index-version")).unwrap())),
            ("a lost segment", Box::new(|path| fs::remove_file(segment(path, ".store")).unwrap())),
            ("a truncated segment", Box::new(|path| {
                let file = segment(path, ".fast");
                let bytes = fs::read(&file).unwrap();
                fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
            })),
            ("an emptied segment", Box::new(|path| fs::write(segment(path, ".term"), "").unwrap())),
            ("turned bits in a segment", Box::new(|path| {
                let file = segment(path, ".idx");
                let mut bytes = fs::read(&file).unwrap();
                let middle = bytes.len() / 4;
                bytes[middle] ^= 0xff;
                fs::write(&file, bytes).unwrap();
            })),
        ];
        let mut board = three(db);
        for (what, harm) in harms {
            board = reopened(board, harm);
            assert_eq!((board.index.cursor(), board.index.len()), (0, 0), "{what}");
            board.settle();
            assert_eq!(board.found_set("q=rtl"), ["a", "b", "c"], "{what}");
            board = reopened(board, |_| ());
            assert_eq!(board.index.len(), 3, "{what}");
        }
    }

    fn files_that_are_not_the_indexs_own_survive_a_rebuild(db) {
        let board = three(db);
        let foreign = |board: &Board<'_>| (path(board).join("holiday.jpg"), path(board).join("photos"));
        let (file, dir) = foreign(&board);
        fs::write(&file, "x").unwrap();
        fs::create_dir(&dir).unwrap();
        let board = reopened(board, |path| {
            Index::clear(path).unwrap();
            fs::write(path.join("backplane-index-version"), "another").unwrap();
        });
        assert!(file.exists() && dir.exists());
        board.settle();
        assert_eq!(board.index.len(), 3);
    }

    fn only_one_process_writes_and_nobody_clears_an_index_in_use(db) {
        let board = three(db);
        let path = path(&board);
        assert!(matches!(Index::open(&path), Err(IndexError::Busy(_))));
        assert!(matches!(Index::clear(&path), Err(IndexError::Busy(_))));
        fs::remove_file(path.join("backplane-index-version")).unwrap();
        assert!(matches!(Index::open(&path), Err(IndexError::Busy(_))), "one that is just being made is in use too");
        assert_eq!(board.found_set("q=rtl"), ["a", "b", "c"]);
        board.post(&[row("d", "RTL Engineer")]);
        assert_eq!(board.found_set("q=rtl"), ["a", "b", "c", "d"]);
        Index::clear(&path.join("nowhere")).unwrap();
    }

    fn an_index_ahead_of_a_restored_database_starts_again(db) {
        let old = three(db);
        let younger = TestDb::new(db.backend());
        let board = Board::new(&younger);
        board.import(&[row("x", "RTL Engineer")]);
        let report = old.index.pass(&younger).unwrap();
        assert_eq!((report.cursor, report.is_caught_up), (0, false));
        let report = old.index.pass(&younger).unwrap();
        assert_eq!((report.applied, report.cursor, report.is_caught_up), (1, 1, true));
        assert_eq!(old.found("q=rtl"), ["x"]);
    }

    fn a_database_that_fails_leaves_the_index_as_it_was(db) {
        let board = three(db);
        db.write_blocking::<_, store::StoreError>(|tx| Ok(tx.batch("ALTER TABLE postings RENAME TO hidden")?)).unwrap();
        assert!(matches!(board.index.pass(db), Err(IndexError::Store(_))));
        assert_eq!((board.index.cursor(), board.found_set("q=rtl").len()), (3, 3));
        db.write_blocking::<_, store::StoreError>(|tx| Ok(tx.batch("ALTER TABLE hidden RENAME TO postings")?)).unwrap();
        board.post(&[row("d", "RTL Engineer")]);
        assert_eq!(board.index.len(), 4);
    }

    fn many_small_passes_and_merges_lose_nothing(db) {
        let board = Board::new(db);
        for n in 0..30 {
            board.post(&[row(&format!("n{n}"), "RTL Engineer"), row_with("same", "Edited", json!({"openings": n + 1}))]);
            assert_eq!(board.index.len(), n + 2);
        }
        assert_eq!(board.search("q=rtl&limit=100&facets=discipline").facets[0].1[0].count, 30);
        assert_eq!(board.search("q=edited").total, 1);
    }
}
