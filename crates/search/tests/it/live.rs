//! The index in service, and the one that takes its place.

use std::fs;
use std::path::{Path, PathBuf};

use search::{Found, Index, LiveIndex, parse_pairs};
use store::on_both;

use crate::support::{Board, row};

/// A board with three postings whose index is given up for a [`LiveIndex`] on the same directory.
fn three(db: &store::Db) -> (Board<'_>, PathBuf) {
    let board = Board::new(db);
    let dir = board.dir.path().join("live");
    let live = LiveIndex::open(&dir).unwrap();
    board.import(&["a", "b", "c"].map(|name| row(name, "RTL Engineer")));
    settle(&live, db);
    (board, dir)
}

fn settle(live: &LiveIndex, db: &store::Db) -> usize {
    let mut passes = 1;
    while let report = live.pass(db).unwrap()
        && (!report.is_caught_up || report.building.is_some())
    {
        passes += 1;
    }
    passes
}

fn found(live: &LiveIndex, board: &Board<'_>) -> u64 {
    let asked = parse_pairs(&[("q".to_owned(), "rtl".to_owned())]).unwrap();
    live.search(&asked, board.now).unwrap().total
}

fn of_another_version(dir: &Path) {
    fs::write(dir.join("backplane-index-version"), "1/of-old").unwrap();
}

fn generation(dir: &Path) -> u32 {
    LiveIndex::standing(dir).generation
}

on_both! {
    fn an_index_of_another_version_answers_until_the_new_one_is_complete(db) {
        let (board, dir) = three(db);
        of_another_version(&dir);
        assert!(matches!(Index::look(&dir), Ok(Found::OtherVersion(version)) if version == "1/of-old"));
        let live = LiveIndex::open(&dir).unwrap();
        assert_eq!((live.cursor(), found(&live, &board), live.is_rebuilding()), (3, 3, true));
        // Changes are searchable meanwhile, since they fit into it.
        board.import(&[row("d", "RTL Engineer")]);
        let report = live.pass(db).unwrap();
        assert_eq!((report.applied, report.is_caught_up, found(&live, &board)), (1, true, 4));
        assert!(report.is_switched && !live.is_rebuilding(), "a small board is built in one pass");
        assert_eq!((generation(&dir), found(&live, &board), live.cursor()), (1, 4, 4));
        // The next pass tidies up, and a new start begins with the new one.
        live.pass(db).unwrap();
        assert!(!dir.join("meta.json").exists());
        drop(live);
        let live = LiveIndex::open(&dir).unwrap();
        assert_eq!((found(&live, &board), live.is_rebuilding(), live.pass(db).unwrap().applied), (4, false, 0));
        assert!(Index::compare(&dir, db, &mut |_| ()).unwrap().unwrap().agrees());
    }

    fn one_that_lacks_what_answers_show_is_not_searched_but_built_anew(db) {
        let (board, dir) = three(db);
        of_another_version(&dir);
        let meta = fs::read_to_string(dir.join("meta.json")).unwrap();
        fs::write(dir.join("meta.json"), meta.replace("\"summary\"", "\"abstract\"")).unwrap();
        let live = LiveIndex::open(&dir).unwrap();
        assert_eq!((live.cursor(), live.is_empty(), live.is_rebuilding()), (0, true, false));
        assert_eq!(settle(&live, db), 1);
        assert_eq!((generation(&dir), found(&live, &board)), (0, 3));
    }

    fn one_of_another_schema_answers_as_it_was_and_takes_no_changes(db) {
        let (board, dir) = three(db);
        of_another_version(&dir);
        let meta = fs::read_to_string(dir.join("meta.json")).unwrap();
        fs::write(dir.join("meta.json"), meta.replace("\"completeness\"", "\"fullness\"")).unwrap();
        let live = LiveIndex::open(&dir).unwrap();
        assert_eq!((live.cursor(), found(&live, &board), live.is_rebuilding()), (3, 3, true));
        board.import(&[row("d", "RTL Engineer")]);
        assert_eq!((found(&live, &board), live.cursor()), (3, 3));
        settle(&live, db);
        assert_eq!((generation(&dir), found(&live, &board), live.cursor()), (1, 4, 4));
    }

    fn what_was_begun_before_a_crash_goes_on_and_what_is_left_over_is_removed(db) {
        let (board, dir) = three(db);
        LiveIndex::want_rebuild(&dir).unwrap();
        assert!(LiveIndex::standing(&dir).is_wanted);
        // Begun and interrupted: an unfinished generation beside the one in service.
        drop(Index::open(&dir.join("generation-1")).unwrap());
        let live = LiveIndex::open(&dir).unwrap();
        assert_eq!((found(&live, &board), generation(&dir), live.is_rebuilding()), (3, 0, true));
        settle(&live, db);
        assert_eq!((found(&live, &board), generation(&dir)), (3, 1));
        drop(live);
        // Switched and interrupted before anything was tidied up; one begun by another version; a damaged one.
        assert!(dir.join("meta.json").exists());
        drop(Index::open(&dir.join("generation-2")).unwrap());
        of_another_version(&dir.join("generation-2"));
        let live = LiveIndex::open(&dir).unwrap();
        assert!(!dir.join("meta.json").exists() && !dir.join("generation-2").exists());
        drop(live);
        drop(Index::open(&dir.join("generation-2")).unwrap());
        fs::write(dir.join("generation-2/meta.json"), "garbage").unwrap();
        let live = LiveIndex::open(&dir).unwrap();
        settle(&live, db);
        assert_eq!((found(&live, &board), generation(&dir)), (3, 2));
        drop(live);
        // What is named is gone: built anew in its place.
        fs::remove_dir_all(dir.join("generation-2")).unwrap();
        let live = LiveIndex::open(&dir).unwrap();
        assert!(live.is_empty());
        settle(&live, db);
        assert_eq!((found(&live, &board), generation(&dir)), (3, 2));
        assert!(LiveIndex::clear(&dir).is_err(), "nobody clears an index in use");
        drop(live);
        LiveIndex::clear(&dir).unwrap();
        assert_eq!((Index::look(&dir).unwrap(), generation(&dir)), (Found::Nothing, 0));
    }

    fn a_rebuild_that_is_wanted_is_done_beside_readers_who_find_the_same_all_the_time(db) {
        let (board, dir) = three(db);
        let live = LiveIndex::open(&dir).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (live, board, stop, now) = (&live, &board, &stop, board.now);
            let reader = scope.spawn(move || {
                let asked = parse_pairs(&[("q".to_owned(), "rtl".to_owned())]).unwrap();
                while !stop.load(std::sync::atomic::Ordering::Acquire) {
                    assert_eq!(live.search(&asked, now).unwrap().total, 3);
                }
            });
            for expected in 1..=5 {
                LiveIndex::want_rebuild(&dir).unwrap();
                settle(live, db);
                assert_eq!((generation(&dir), found(live, board)), (expected, 3));
            }
            stop.store(true, std::sync::atomic::Ordering::Release);
            reader.join().unwrap();
        });
        live.pass(db).unwrap();
        assert!(!dir.join("generation-4").exists(), "what is out of use is removed");
        assert!(Index::compare(&dir, db, &mut |_| ()).unwrap().unwrap().agrees());
    }

    fn any_flipped_bit_is_found_or_does_no_harm(db) {
        let (board, dir) = three(db);
        let random = store::Random::seeded(11);
        for round in 0..20 {
            let mut files: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.retain(|path| path.is_file() && fs::metadata(path).unwrap().len() > 0);
            files.sort();
            let pick = |of: usize| (random.fraction() * of as f64) as usize;
            let file = &files[pick(files.len())];
            let mut bytes = fs::read(file).unwrap();
            let at = pick(bytes.len());
            bytes[at] ^= 1 << pick(8);
            fs::write(file, bytes).unwrap();
            let live = LiveIndex::open(&dir).unwrap();
            settle(&live, db);
            assert_eq!(found(&live, &board), 3, "round {round}: {} at {at}", file.display());
            drop(live);
            let compared = Index::compare(&dir, db, &mut |_| ()).unwrap();
            assert!(compared.unwrap().agrees(), "round {round}: {} at {at}", file.display());
        }
    }
}
