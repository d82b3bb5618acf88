//! Throttling, the second factor, and a new address.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use accounts::{
    Client, EmailChange, EmailChangeError, MfaError, SignIn, SignInError, StartedSession, User, totp_code,
};
use jiff::SignedDuration;
use support::{Board, PASSWORD, address, client};

/// How long the next attempt has to wait; 0 when it may be made now.
fn wait(board: &Board<'_>, from: &Client, name: &str) -> u64 {
    match board.sign_in_from(from, name, "a wrong phrase") {
        Err(SignInError::Credentials) => 0,
        Err(SignInError::Throttled { wait_s }) => wait_s,
        other => panic!("{other:?}"),
    }
}

/// Switches the second factor on; returns its secret and the recovery codes.
fn with_second_factor(board: &Board<'_>, user: &User, session: &StartedSession) -> (String, Vec<String>) {
    let now = board.now();
    let enrolment =
        board.write(|tx| accounts::enrol_totp(tx, user, "Silicon Board", &board.key, &board.random, now));
    let code = totp_code(&enrolment.secret, now).unwrap();
    let codes = board.write(|tx| {
        accounts::confirm_totp(
            tx,
            user,
            &code,
            session.session.id,
            &board.key,
            board.letters(),
            now,
        )
    });
    board.advance(SignedDuration::from_secs(30));
    (enrolment.secret, codes)
}

fn challenge(board: &Board<'_>, name: &str) -> String {
    match board.sign_in_from(&client("192.0.2.1"), name, PASSWORD).unwrap() {
        SignIn::SecondStep(token) => token.0,
        other @ SignIn::Started(..) => panic!("{other:?}"),
    }
}

fn second_step(board: &Board<'_>, token: &str, code: &str) -> Result<(User, StartedSession), SignInError> {
    let step = board.desk();
    let (token, code) = (token.to_owned(), code.to_owned());
    board.block_on(step.take_second_step(token, code, client("192.0.2.1"), board.now()))
}

store::on_both! {
    fn guessing_gets_slower_for_strangers_and_never_for_the_owners_own_client(db) {
        let board = Board::new(db);
        board.user("ada");
        let home = client("192.0.2.1");
        board.sign_in_from(&home, "ada", PASSWORD).unwrap();
        // Each guess from another network: limits per client see nothing.
        let crowd = |n: u8| client(&format!("198.51.100.{n}"));
        for n in 0..5 {
            assert_eq!(wait(&board, &crowd(n), "ada"), 0);
        }
        let mut waits = Vec::new();
        for n in 5..12 {
            let waited = wait(&board, &crowd(n), "ada");
            waits.push(waited);
            board.advance(SignedDuration::from_secs(waited as i64));
            assert_eq!(wait(&board, &crowd(n), "ada"), 0, "one more after the wait");
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
        let stranger = board.sign_in_from(&crowd(99), "ada", PASSWORD);
        assert!(matches!(stranger, Err(SignInError::Throttled { .. })), "the right password from anywhere waits as well");
        assert!(board.sign_in_from(&home, "ada", PASSWORD).is_ok(), "the owner is not locked out");
    }

    fn an_address_that_nobody_has_is_throttled_like_any_other(db) {
        let board = Board::new(db);
        board.user("ada");
        let course = |name: &str| -> Vec<u64> { (0..8).map(|n| wait(&board, &client(&format!("203.0.113.{n}")), name)).collect() };
        assert_eq!(course("ada"), course("nobody"));
    }

    fn a_client_is_throttled_over_all_addresses_and_its_own_account_does_not_free_it(db) {
        let board = Board::new(db);
        board.user("eve");
        let from = client("198.51.100.7");
        board.sign_in_from(&from, "eve", PASSWORD).unwrap();
        for n in 0..19 {
            assert_eq!(wait(&board, &from, &format!("victim{n}")), 0);
            board.sign_in_from(&from, "eve", PASSWORD).unwrap();
        }
        assert_eq!(wait(&board, &from, "victim19"), 0);
        assert_eq!(wait(&board, &from, "victim20"), 30);
        assert_eq!(wait(&board, &client("198.51.100.8"), "victim20"), 0, "its neighbour is free");
        board.advance(SignedDuration::from_hours(25));
        let now = board.now();
        assert!(board.write(|tx| accounts::purge_expired(tx, &accounts::Retention::default(), 1000, now)) > 20, "counts are forgotten");
        assert_eq!(wait(&board, &from, "victim20"), 0);
    }

    fn made_up_passkeys_are_throttled_like_any_other_sign_in(db) {
        let board = Board::new(db);
        let made_up = || accounts::Assertion {
            raw_id: "AAAA".to_owned(),
            response: accounts::AssertionResponse {
                client_data_json: "e30".to_owned(),
                authenticator_data: "AAAA".to_owned(),
                signature: "AAAA".to_owned(),
                user_handle: None,
            },
        };
        let attempt = |from: &Client| {
            let (desk, now) = (board.desk(), board.now());
            board.block_on(desk.sign_in_with_passkey(made_up(), from.clone(), now)).unwrap_err()
        };
        let from = client("198.51.100.7");
        for n in 0..20 {
            assert!(matches!(attempt(&from), SignInError::Credentials), "{n}");
        }
        assert!(matches!(attempt(&from), SignInError::Throttled { wait_s: 30 }));
        assert_eq!(wait(&board, &from, "anybody"), 30, "and passwords with it");
        assert!(matches!(attempt(&client("198.51.100.8")), SignInError::Credentials), "its neighbour is free");
    }

    fn a_new_client_is_told_to_the_owner_and_a_known_one_is_not(db) {
        let board = Board::new(db);
        board.user("ada");
        let news = || board.kinds("ada").iter().filter(|kind| *kind == "new_sign_in").count();
        board.sign_in_from(&client("192.0.2.1"), "ada", PASSWORD).unwrap();
        board.sign_in_from(&client("192.0.2.1"), "ada", PASSWORD).unwrap();
        assert_eq!(news(), 0, "the first is no news");
        let updated = Client { user_agent: Some("Firefox 150.0".to_owned()), ..client("192.0.2.1") };
        board.sign_in_from(&updated, "ada", PASSWORD).unwrap();
        assert_eq!(news(), 0, "a new version is no new browser");
        board.advance(SignedDuration::from_secs(1));
        board.sign_in_from(&client("198.51.100.1"), "ada", PASSWORD).unwrap();
        assert_eq!(news(), 1);
        let mail = &board.mails("ada")[0];
        assert!(mail.text_body.contains("Firefox") && !mail.text_body.contains("198.51.100"), "{}", mail.text_body);
    }

    fn the_second_factor_is_a_second_step_and_no_code_works_twice(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let (here, elsewhere) = (board.session(&ada), board.session(&ada));
        let (secret, codes) = with_second_factor(&board, &ada, &here);
        assert!(board.is_active(here.session.id) && !board.is_active(elsewhere.session.id), "others were signed out");
        assert!(board.kinds("ada").contains(&"second_factor_on".to_owned()));
        assert_eq!(codes.len(), 10);
        assert!(codes.iter().all(|code| code.replace('-', "").len() == 26), "128 bits in base32: {codes:?}");
        let code = || totp_code(&secret, board.now()).unwrap();
        let token = challenge(&board, "ada");
        assert!(!board.is_active(board.random.id(board.now())), "a challenge is no session");
        assert!(matches!(second_step(&board, &token, "000000"), Err(SignInError::SecondFactor(MfaError::Code))));
        let used = code();
        second_step(&board, &token, &used).unwrap();
        assert!(matches!(second_step(&board, &token, &used), Err(SignInError::SecondFactor(MfaError::Challenge))));
        let token = challenge(&board, "ada");
        assert!(matches!(second_step(&board, &token, &used), Err(SignInError::SecondFactor(MfaError::Code))), "the same step");
        second_step(&board, &token, &codes[0].to_uppercase()).unwrap();
        let token = challenge(&board, "ada");
        assert!(matches!(second_step(&board, &token, &codes[0]), Err(SignInError::SecondFactor(MfaError::Code))), "used up");
        board.advance(SignedDuration::from_mins(5));
        assert!(matches!(second_step(&board, &token, &code()), Err(SignInError::SecondFactor(MfaError::Challenge))), "too late");
        assert_eq!(board.read(|c| accounts::second_factor(c, ada.id)).recovery_codes_left, 9);
    }

    fn codes_are_not_guessed_by_beginning_again_and_again(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let (secret, _) = with_second_factor(&board, &ada, &board.session(&ada));
        let mut looked_at = 0;
        for _ in 0..12 {
            let token = challenge(&board, "ada");
            match second_step(&board, &token, "000000") {
                Err(SignInError::SecondFactor(MfaError::Code)) => looked_at += 1,
                Err(SignInError::SecondFactor(MfaError::TooMany { .. }) | SignInError::Throttled { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(looked_at, 5, "five are free, then the waits begin");
        let token = challenge(&board, "ada");
        let right = second_step(&board, &token, &totp_code(&secret, board.now()).unwrap());
        assert!(right.is_err(), "nor is the right one looked at");
    }

    fn a_new_password_by_mail_leaves_the_second_factor_on(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        with_second_factor(&board, &ada, &board.session(&ada));
        board.advance(SignedDuration::from_mins(2));
        let now = board.now();
        board.write(|tx| accounts::request_password_reset(tx, &address("ada"), board.letters(), now));
        let hash = board.block_on(board.hasher.hash("another long phrase".to_owned())).unwrap();
        let token = board.newest_token("ada");
        board.write(|tx| accounts::reset_password(tx, &token, &hash, board.letters(), now));
        let next = board.sign_in_from(&client("192.0.2.1"), "ada", "another long phrase").unwrap();
        assert!(matches!(next, SignIn::SecondStep(_)), "{next:?}");
    }

    fn an_address_changes_when_both_mailboxes_agree(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        board.user("eve");
        board.advance(SignedDuration::from_mins(2));
        let ask = |name: &str| {
            let now = board.now();
            db.write_blocking(|tx| accounts::request_email_change(tx, &ada, &address(name), board.letters(), now))
        };
        let confirm = |token: &str| {
            let now = board.now();
            db.write_blocking(|tx| accounts::confirm_email_change(tx, token, now))
        };
        assert!(matches!(ask("ada"), Err(EmailChangeError::Same)));
        ask("lovelace").unwrap();
        let (old, new) = (board.newest_token("ada"), board.newest_token("lovelace"));
        assert_ne!(old, new);
        assert_eq!(confirm(&new).unwrap(), EmailChange::Waiting);
        assert_eq!(confirm(&new).unwrap(), EmailChange::Waiting, "twice by one is not both");
        assert!(board.sign_in("ada", PASSWORD).is_ok());
        assert_eq!(confirm(&old).unwrap(), EmailChange::Changed);
        assert!(matches!(confirm(&old), Err(EmailChangeError::Token)));
        assert!(board.sign_in("lovelace", PASSWORD).is_ok() && board.sign_in("ada", PASSWORD).is_err());
        // Somebody else's address: the same outcome, another mail, and no way to agree.
        let ada = board.read(|c| accounts::find_user(c, ada.id)).unwrap();
        board.advance(SignedDuration::from_mins(2));
        let now = board.now();
        board.write(|tx| accounts::request_email_change(tx, &ada, &address("eve"), board.letters(), now));
        assert_eq!(board.kinds("eve")[0], "account_exists");
        assert_eq!(confirm(&board.newest_token("lovelace")).unwrap(), EmailChange::Waiting);
        board.advance(SignedDuration::from_hours(24));
        assert!(confirm(&board.newest_token("lovelace")).is_err(), "too old");
    }
}
