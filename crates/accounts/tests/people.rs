//! Registration, passwords, sessions: what users and attackers can do.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use accounts::{AccountError, Registration, Rotation, SignInError, UserChange, UserError};
use diesel::prelude::*;
use jiff::SignedDuration;
use store::StoreError;
use store::schema::{one_time_tokens, refresh_tokens};
use support::{Board, PASSWORD, address, token_in};

fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

store::on_both! {
    fn a_new_user_can_sign_in_after_the_mailed_token_was_used_once(db) {
        let board = Board::new(db);
        board.register("ada", PASSWORD);
        assert!(matches!(board.sign_in("ada", PASSWORD), Err(SignInError::Unverified)));
        let token = board.newest_token("ada");
        let user = board.verify(&token).unwrap();
        assert_eq!((user.email, user.verified_at), (address("ada"), Some(board.now())));
        assert!(matches!(board.verify(&token), Err(AccountError::Token)), "once");
        let (user, started) = board.sign_in("ada", PASSWORD).unwrap();
        assert_eq!(user.name, "ada");
        assert_eq!(started.session.user_agent.as_deref(), Some("Firefox"));
        assert!(board.is_active(started.session.id));
    }

    fn no_secret_is_stored_as_it_was_mailed(db) {
        let board = Board::new(db);
        board.register("ada", PASSWORD);
        let token = board.newest_token("ada");
        let stored: Vec<Vec<u8>> = board.read(|c| Ok::<_, StoreError>(one_time_tokens::table
            .select(one_time_tokens::token_hash).load(c)?));
        assert!(stored.len() == 1 && stored[0].len() == 32 && stored[0] != token.as_bytes());
        let user = board.verify(&token).unwrap();
        let started = board.session(&user);
        let stored: Vec<Vec<u8>> = board.read(|c| Ok::<_, StoreError>(refresh_tokens::table
            .select(refresh_tokens::token_hash).load(c)?));
        assert!(stored.len() == 1 && stored[0].len() == 32 && stored[0] != started.refresh_token.as_bytes());
        assert!(!format!("{started:?}").contains(&started.refresh_token));
    }

    fn a_mailed_verification_works_for_a_day(db) {
        let board = Board::new(db);
        board.register("ada", PASSWORD);
        let token = board.newest_token("ada");
        board.advance(hours(24));
        assert!(matches!(board.verify(&token), Err(AccountError::Token)));
        board.register("ada", PASSWORD);
        assert!(board.verify(&board.newest_token("ada")).is_ok(), "registering again helps");
    }

    fn registering_a_known_address_looks_the_same_and_changes_nothing(db) {
        let board = Board::new(db);
        board.user("ada");
        board.advance(hours(1));
        board.register("ada", "another long phrase");
        assert_eq!(board.kinds("ada"), ["account_exists", "verify_email"]);
        assert!(board.mails("ada").first().and_then(token_in).is_none(), "no token in it");
        assert!(matches!(board.sign_in("ada", "another long phrase"), Err(SignInError::Credentials)));
        assert!(board.sign_in("ada", PASSWORD).is_ok());
    }

    fn an_address_that_was_never_verified_belongs_to_who_registers_it_last(db) {
        let board = Board::new(db);
        board.register("ada", "the squatter's phrase");
        let squatter_token = board.newest_token("ada");
        board.advance(hours(1));
        board.register("ada", PASSWORD);
        assert!(board.verify(&squatter_token).is_err());
        board.verify(&board.newest_token("ada")).unwrap();
        assert!(board.sign_in("ada", "the squatter's phrase").is_err());
        assert!(board.sign_in("ada", PASSWORD).is_ok());
    }

    fn nobody_can_flood_an_address_with_our_mails(db) {
        let board = Board::new(db);
        board.register("ada", PASSWORD);
        board.register("ada", "another long phrase");
        assert_eq!(board.mails("ada").len(), 1, "one a minute");
        board.verify(&board.newest_token("ada")).unwrap();
        assert!(board.sign_in("ada", PASSWORD).is_ok(), "without a mail nothing changed");
        for _ in 0..20 {
            board.advance(secs(61));
            let now = board.now();
            board.write(|tx| accounts::request_password_reset(tx, &address("ada"), board.letters(), now));
            board.register("ada", PASSWORD);
        }
        assert_eq!(board.mails("ada").len(), 5, "five a day");
        board.advance(hours(24));
        let now = board.now();
        board.write(|tx| accounts::request_password_reset(tx, &address("ada"), board.letters(), now));
        assert_eq!(board.mails("ada").len(), 6);
    }

    fn a_name_that_cannot_be_shown_is_refused_before_the_address_is_looked_at(db) {
        let board = Board::new(db);
        for name in ["", "  ", "a\r\nBcc: x", "a\0", &"x".repeat(121)] {
            let registration = Registration {
                email: address("ada"), name: name.to_owned(), password_hash: "x".to_owned(),
            };
            let now = board.now();
            let outcome = db.write_blocking(|tx| accounts::register(tx, &registration, board.letters(), now));
            assert!(matches!(outcome, Err(AccountError::Name)), "{name:?}");
        }
        assert!(board.mails("ada").is_empty());
    }

    fn a_wrong_password_and_an_unknown_address_are_one_answer(db) {
        let board = Board::new(db);
        board.user("ada");
        assert!(matches!(board.sign_in("ada", "wrong"), Err(SignInError::Credentials)));
        assert!(matches!(board.sign_in("ada", ""), Err(SignInError::Credentials)));
        assert!(matches!(board.sign_in("ada", &"x".repeat(300)), Err(SignInError::Credentials)));
        assert!(matches!(board.sign_in("nobody", PASSWORD), Err(SignInError::Credentials)));
    }

    fn a_forgotten_password_is_replaced_by_mail_within_an_hour_once_and_ends_every_session(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let (one, two) = (board.session(&user), board.session(&user));
        board.advance(secs(61));
        let now = board.now();
        for name in ["ada", "nobody"] {
            board.write(|tx| accounts::request_password_reset(tx, &address(name), board.letters(), now));
        }
        assert!(board.mails("nobody").is_empty());
        let token = board.newest_token("ada");
        assert!(matches!(board.verify(&token), Err(AccountError::Token)), "for its purpose only");
        board.read(|c| accounts::require_reset_token(c, &token, now));
        let late = now.plus(hours(1));
        let too_late = db.write_blocking(|tx| accounts::reset_password(tx, &token, "x", board.letters(), late));
        assert!(matches!(too_late, Err(AccountError::Token)));
        let hash = board.block_on(board.hasher.hash("a new long phrase".to_owned())).unwrap();
        board.write(|tx| accounts::reset_password(tx, &token, &hash, board.letters(), now));
        let again = db.write_blocking(|tx| accounts::reset_password(tx, &token, "x", board.letters(), now));
        assert!(matches!(again, Err(AccountError::Token)));
        assert!(db.read_blocking(|c| accounts::require_reset_token(c, &token, now)).is_err());
        assert!(!board.is_active(one.session.id) && !board.is_active(two.session.id));
        assert_eq!(board.rotate(&one.refresh_token), Rotation::Invalid);
        assert!(board.sign_in("ada", PASSWORD).is_err());
        assert!(board.sign_in("ada", "a new long phrase").is_ok());
        assert!(board.kinds("ada").contains(&"password_changed".to_owned()), "the owner hears of it");
    }

    fn a_changed_password_keeps_this_session_and_ends_the_others(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let (mine, other) = (board.session(&user), board.session(&user));
        let (_, old_hash) = board.read(|c| accounts::find_password_hash(c, &address("ada"))).unwrap();
        let now = board.now();
        let change = |checked: &str| db.write_blocking(|tx| {
            accounts::change_password(tx, user.id, checked, "new", mine.session.id, board.letters(), now)
        });
        assert!(matches!(change("stale"), Err(AccountError::PasswordConflict)));
        change(&old_hash).unwrap();
        assert!(board.is_active(mine.session.id) && !board.is_active(other.session.id));
    }

    fn signing_out_works_at_once_and_only_on_ones_own_sessions(db) {
        let board = Board::new(db);
        let (ada, eve) = (board.user("ada"), board.user("eve"));
        let (one, two) = (board.session(&ada), board.session(&ada));
        let now = board.now();
        assert!(!board.write(|tx| accounts::revoke_session(tx, eve.id, one.session.id, now)));
        assert!(board.write(|tx| accounts::revoke_session(tx, ada.id, one.session.id, now)));
        assert!(!board.write(|tx| accounts::revoke_session(tx, ada.id, one.session.id, now)));
        assert!(!board.is_active(one.session.id), "also with an access token that has not run out");
        assert_eq!(board.rotate(&one.refresh_token), Rotation::Invalid);
        let listed = board.read(|c| accounts::list_sessions(c, ada.id, now));
        assert_eq!(listed.iter().map(|session| session.id).collect::<Vec<_>>(), [two.session.id]);
        assert_eq!(board.write(|tx| accounts::revoke_all_sessions(tx, ada.id, now)), 1);
        assert!(!board.is_active(two.session.id));
    }

    fn a_session_that_is_used_lives_on_and_one_that_is_not_ends_after_thirty_days(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let mut started = board.session(&user);
        for _ in 0..2 {
            board.advance(hours(24 * 29));
            started = board.rotated(&started.refresh_token);
            assert!(board.is_active(started.session.id));
        }
        board.advance(hours(24 * 30));
        assert!(!board.is_active(started.session.id));
        assert_eq!(board.rotate(&started.refresh_token), Rotation::Invalid);
        assert_eq!(board.rotate("never given out"), Rotation::Invalid);
    }

    fn a_session_that_ended_stays_ended_when_the_clock_goes_back(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let (ended, reused) = (board.session(&user), board.session(&user));
        let next = board.rotated(&reused.refresh_token);
        board.advance(hours(1));
        let now = board.now();
        assert!(board.write(|tx| accounts::revoke_session(tx, user.id, ended.session.id, now)));
        assert!(matches!(board.rotate(&reused.refresh_token), Rotation::Reused { .. }));
        for back in [1, 24 * 365] {
            board.advance(hours(-back));
            assert!(!board.is_active(ended.session.id) && !board.is_active(reused.session.id));
            for token in [&ended.refresh_token, &next.refresh_token] {
                assert_eq!(board.rotate(token), Rotation::Invalid, "{back} hours back");
            }
        }
    }

    fn a_session_ends_after_ninety_days_however_much_it_is_used(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let mut started = board.session(&user);
        for _ in 0..89 {
            board.advance(hours(24));
            started = board.rotated(&started.refresh_token);
        }
        board.advance(hours(23));
        started = board.rotated(&started.refresh_token);
        assert!(board.is_active(started.session.id));
        board.advance(hours(1));
        assert!(!board.is_active(started.session.id));
        assert_eq!(board.rotate(&started.refresh_token), Rotation::Invalid);
    }

    fn a_refresh_token_that_comes_back_ends_the_session_for_thief_and_owner(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let stolen = board.session(&user);
        let second = board.rotated(&stolen.refresh_token);
        assert_ne!(second.refresh_token, stolen.refresh_token);
        board.advance(secs(10));
        assert_eq!(board.rotate(&stolen.refresh_token), Rotation::Reused { session_id: stolen.session.id });
        assert!(!board.is_active(stolen.session.id), "the end of the session was committed");
        assert_eq!(board.rotate(&second.refresh_token), Rotation::Invalid);
        let now = board.now();
        assert!(board.read(|c| accounts::list_sessions(c, user.id, now)).is_empty());
    }

    fn a_double_click_gets_the_same_successor_and_logs_nobody_out(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let first = board.session(&user);
        let one = board.rotated(&first.refresh_token);
        board.advance(secs(9));
        let two = board.rotated(&first.refresh_token);
        assert_eq!(one.refresh_token, two.refresh_token);
        let third = board.rotated(&two.refresh_token);
        assert_eq!(board.rotate(&first.refresh_token), Rotation::Invalid, "its successor is used: no more, but no end");
        assert!(board.is_active(third.session.id));
        board.advance(secs(60));
        assert!(matches!(board.rotate(&one.refresh_token), Rotation::Reused { .. }));
    }

    fn of_many_rotations_at_once_all_get_one_and_the_same_successor(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let first = board.session(&user);
        let now = board.now();
        let successors = std::thread::scope(|scope| {
            let (db, key, token) = (board.db, &board.key, &first.refresh_token);
            let turns: Vec<_> = (0..8)
                .map(|_| scope.spawn(move || db.write_blocking(|tx| accounts::rotate_refresh(tx, token, key, now)).unwrap()))
                .collect();
            turns.into_iter().map(|turn| turn.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(matches!(successors[0], Rotation::Rotated(_)));
        assert!(successors.iter().all(|rotation| match (rotation, &successors[0]) {
            (Rotation::Rotated(a), Rotation::Rotated(b)) => a.refresh_token == b.refresh_token,
            _ => false,
        }), "{successors:?}");
        let rows: i64 = board.read(|c| Ok::<_, StoreError>(refresh_tokens::table.count().get_result(c)?));
        assert_eq!(rows, 2, "the family has one end");
    }

    fn of_many_reuses_at_once_none_gets_anything_and_the_session_is_over(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let first = board.session(&user);
        let second = board.rotated(&first.refresh_token);
        board.advance(secs(30));
        let now = board.now();
        std::thread::scope(|scope| {
            let (db, key) = (board.db, &board.key);
            for token in [&first.refresh_token, &first.refresh_token, &first.refresh_token] {
                scope.spawn(move || {
                    let rotation = db.write_blocking(|tx| accounts::rotate_refresh(tx, token, key, now)).unwrap();
                    assert!(matches!(rotation, Rotation::Reused { .. }));
                });
            }
        });
        assert!(!board.is_active(first.session.id));
        assert_eq!(board.rotate(&second.refresh_token), Rotation::Invalid);
    }

    fn of_two_who_use_one_mailed_token_at_once_one_gets_in(db) {
        let board = Board::new(db);
        board.register("ada", PASSWORD);
        let token = board.newest_token("ada");
        let now = board.now();
        let wins = std::thread::scope(|scope| {
            let (db, token) = (board.db, &token);
            let turns: Vec<_> = (0..4)
                .map(|_| scope.spawn(move || db.write_blocking(|tx| accounts::verify_email(tx, token, now)).is_ok()))
                .collect();
            turns.into_iter().filter(|_| true).map(|turn| turn.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(wins, 1);
    }

    fn a_user_changes_their_name_from_the_version_they_saw(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let now = board.now();
        let rename = |name: &str, version| {
            let change = UserChange { name: Some(name.to_owned()) };
            db.write_blocking(|tx| accounts::update_user(tx, user.id, &change, version, now))
        };
        let changed = rename(" Ada L. ", Some(user.version)).unwrap();
        assert_eq!((changed.name.as_str(), changed.version), ("Ada L.", user.version + 1));
        assert!(matches!(rename("Eve", Some(user.version)), Err(UserError::VersionConflict)));
        assert!(matches!(rename("", None), Err(UserError::Name)));
        assert_eq!(rename("Ada", None).unwrap().version, user.version + 2);
    }

    fn an_erased_user_is_gone_with_sessions_and_mails_and_can_register_anew(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        let started = board.session(&user);
        let export = board.read(|c| accounts::export_user(c, user.id)).unwrap();
        assert_eq!((export.sessions.len(), export.mails.len(), export.user.email), (1, 1, address("ada")));
        board.write(|tx| accounts::delete_user(tx, user.id));
        assert!(!board.is_active(started.session.id));
        assert!(board.mails("ada").is_empty());
        assert!(board.read(|c| accounts::find_user(c, user.id)).is_none());
        assert!(board.read(|c| accounts::export_user(c, user.id)).is_none());
        assert!(db.write_blocking(|tx| accounts::delete_user(tx, user.id)).is_err());
        assert_ne!(board.user("ada").id, user.id);
    }

    fn what_ended_is_purged_in_time(db) {
        let board = Board::new(db);
        let user = board.user("ada");
        board.register("bob", PASSWORD);
        board.session(&user);
        let now = board.now();
        assert_eq!(board.write(|tx| accounts::purge_expired(tx, &accounts::Retention::default(), 100, now)), 0);
        let later = now.plus(hours(24 * 61));
        assert_eq!(board.write(|tx| accounts::purge_expired(tx, &accounts::Retention::default(), 100, later)), 3, "verification, refresh token, session");
        assert_eq!(board.write(|tx| accounts::purge_expired(tx, &accounts::Retention::default(), 100, later)), 0);
    }

    fn an_operator_is_made_by_address(db) {
        let board = Board::new(db);
        board.register("ada", PASSWORD);
        let now = board.now();
        assert!(board.write(|tx| accounts::make_operator(tx, &address("ada"), now)));
        assert!(!board.write(|tx| accounts::make_operator(tx, &address("nobody"), now)));
        let user = board.read(|c| accounts::find_user_by_email(c, &address("ada"))).unwrap();
        assert!(user.is_operator && user.verified_at.is_some());
    }

    fn a_stored_hash_with_old_parameters_is_replaced_at_sign_in(db) {
        let mut board = Board::new(db);
        board.user("ada");
        let hash = |board: &Board<'_>| board.read(|c| accounts::find_password_hash(c, &address("ada"))).unwrap().1;
        board.hasher = accounts::PasswordHasher::with_cost(128, 1, std::sync::Arc::clone(&board.random)).unwrap();
        let before = hash(&board);
        board.sign_in("ada", PASSWORD).unwrap();
        let after = hash(&board);
        assert!(before.contains("m=64,") && after.contains("m=128,"), "{after}");
        board.sign_in("ada", PASSWORD).unwrap();
        assert_eq!(hash(&board), after);
    }
}

/// ASVS 6.3.8: what is written takes most of the time, so that much is written for everybody.
#[test]
fn a_forgotten_password_is_as_much_work_for_an_address_that_nobody_has() {
    let db = store::testing::TestDb::new(store::Backend::Sqlite);
    let board = Board::new(&db);
    board.user("ada");
    board.advance(hours(1));
    let changes = |name: &str| {
        let now = board.now();
        board.write(|tx| {
            let so_far = diesel::dsl::sql::<diesel::sql_types::BigInt>("total_changes()");
            let before: i64 = diesel::select(so_far.clone()).get_result(tx)?;
            accounts::request_password_reset(tx, &address(name), board.letters(), now)?;
            let after: i64 = diesel::select(so_far).get_result(tx)?;
            Ok::<_, StoreError>(after - before)
        })
    };
    // Somebody, nobody, and somebody who was written to a moment ago.
    assert_eq!([changes("ada"), changes("nobody"), changes("ada")], [2, 2, 2]);
    assert_eq!(board.mails("nobody").len(), 0);
    assert_eq!(
        board
            .kinds("ada")
            .iter()
            .filter(|kind| *kind == "reset_password")
            .count(),
        1
    );
}
