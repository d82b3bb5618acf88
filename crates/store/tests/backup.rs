//! Facts about copies of an embedded database.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use store::testing::{TestDb, monday_morning};
use store::{Backend, Db, DbOptions, Id, StoreError, check_sqlite, copy_sqlite, lease};

fn path_of(db: &TestDb) -> PathBuf {
    PathBuf::from(db.url().strip_prefix("sqlite:").unwrap())
}

#[test]
fn a_copy_holds_what_was_committed_and_no_copy_is_written_over() {
    let db = TestDb::new(Backend::Sqlite);
    let holder = Id::from_bytes([7; 16]);
    let now = monday_morning();
    let minute = jiff::SignedDuration::from_mins(1);
    let take = |db: &Db, name: &'static str, holder| {
        db.write_blocking(|tx| lease::acquire(tx, name, holder, minute, now))
            .unwrap()
    };
    assert!(take(&db, "upkeep", holder));

    let copy = path_of(&db).with_file_name("copy.db");
    copy_sqlite(&path_of(&db), &copy).unwrap();
    let copied = Db::open(&DbOptions::new(format!("sqlite:{}", copy.display()))).unwrap();
    let other = Id::from_bytes([8; 16]);
    assert!(!take(&copied, "upkeep", other), "the lease is in the copy");
    assert!(take(&copied, "match", other));
    assert!(take(&db, "match", holder), "the copy is a database of its own");
    copy_sqlite(&path_of(&db), &copy).unwrap_err();
}

#[test]
fn damage_and_absence_are_told_apart_from_a_good_database() {
    let db = TestDb::new(Backend::Sqlite);
    let copy = path_of(&db).with_file_name("copy.db");
    copy_sqlite(&path_of(&db), &copy).unwrap();
    check_sqlite(&copy).unwrap();

    let whole = fs::read(&copy).unwrap();
    fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
    check_sqlite(&copy).unwrap_err();
    let missing = check_sqlite(&copy.with_file_name("missing.db")).unwrap_err();
    assert!(matches!(missing, StoreError::Unavailable(text) if text.contains("there is no database")));
}
