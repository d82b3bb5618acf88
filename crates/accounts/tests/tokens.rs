//! Access tokens, passwords and mails, without much of a database.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use accounts::{
    ACCESS_TOKEN_LIFETIME, JwtKeys, NewInvitation, OldKey, PasswordHasher, PasswordProblem,
    PasswordUnavailable, Role, TokenError, check_password,
};
use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use store::testing::{TestDb, monday_morning};
use store::{Backend, Random};
use support::{Board, PASSWORD, address};

const URL: &str = "https://board.example";

/// A key directory whose key signs whatever a test wants.
struct Forge {
    keys: JwtKeys,
    signing: EncodingKey,
    _dir: tempfile::TempDir,
}

impl Forge {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = JwtKeys::load_or_create(dir.path(), URL, &Random::seeded(1), monday_morning()).unwrap();
        let signing = EncodingKey::from_ed_der(&std::fs::read(dir.path().join("keys/access.pk8")).unwrap());
        Self {
            keys,
            signing,
            _dir: dir,
        }
    }

    fn kid(&self) -> String {
        self.keys.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned()
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid());
        header
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.signing).unwrap()
    }
}

fn claims() -> Value {
    let id = Random::seeded(5).id(monday_morning());
    let at = monday_morning().seconds();
    json!({"sub": id, "sid": id, "jti": id, "iss": URL, "aud": URL, "iat": at, "nbf": at, "exp": at + 600})
}

#[test]
fn an_access_token_is_good_for_ten_minutes_and_says_who_asks() {
    let random = Random::seeded(2);
    let keys = JwtKeys::random(&format!("{URL}/"), &random).unwrap();
    let now = monday_morning();
    let (user, session) = (random.id(now), random.id(now));
    let token = keys.issue(user, session, &random, now).unwrap();
    let claims = keys.verify(&token, now).unwrap();
    assert_eq!(
        (claims.sub, claims.sid, claims.aud.as_str()),
        (user, session, URL)
    );
    let end = now.plus(ACCESS_TOKEN_LIFETIME);
    let secs = SignedDuration::from_secs;
    assert!(
        keys.verify(&token, end.plus(secs(29))).is_ok(),
        "clocks may be 30 s apart"
    );
    assert_eq!(keys.verify(&token, end.plus(secs(30))), Err(TokenError::Expired));
    assert!(keys.verify(&token, now.minus(secs(30))).is_ok());
    assert_eq!(keys.verify(&token, now.minus(secs(31))), Err(TokenError::Invalid));
    let other = JwtKeys::random(URL, &random).unwrap();
    assert_eq!(other.verify(&token, now), Err(TokenError::Invalid));
}

#[test]
fn claims_that_are_missing_wrong_or_no_integers_are_refused() {
    let forge = Forge::new();
    let now = monday_morning();
    assert!(
        forge
            .keys
            .verify(&forge.sign(&forge.header(), &claims()), now)
            .is_ok(),
        "the forge itself works"
    );
    let at = now.seconds();
    let far = 10_i64.pow(17);
    let changes = [
        ("exp", json!("x")),
        ("exp", json!(null)),
        ("exp", json!((at + 600).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(at as f64 + 600.5)),
        ("exp", json!(far)),
        ("exp", json!(-1)),
        ("exp", json!(at + 601)),
        ("nbf", json!("9999999999")),
        ("nbf", json!(at + 31)),
        ("nbf", json!(null)),
        ("nbf", json!(at + 600)),
        ("iss", json!("https://other.example")),
        ("iss", json!([URL])),
        ("aud", json!("https://other.example")),
        ("aud", json!([URL, "https://other.example"])),
        ("aud", json!(null)),
        ("sub", json!("")),
        ("sub", json!("1")),
        ("sid", json!(null)),
        ("jti", json!(7)),
        ("iat", json!("x")),
    ];
    for (name, value) in changes {
        let mut changed = claims();
        changed[name] = value.clone();
        let outcome = forge.keys.verify(&forge.sign(&forge.header(), &changed), now);
        assert!(outcome.is_err(), "{name} = {value}");
    }
    for name in ["sub", "sid", "jti", "iss", "aud", "iat", "nbf", "exp"] {
        let mut changed = claims();
        changed.as_object_mut().unwrap().remove(name);
        let outcome = forge.keys.verify(&forge.sign(&forge.header(), &changed), now);
        assert_eq!(outcome, Err(TokenError::Invalid), "without {name}");
    }
}

#[test]
fn headers_that_choose_another_algorithm_key_or_type_are_refused() {
    let forge = Forge::new();
    let now = monday_morning();
    for change in [
        |header: &mut Header| header.typ = Some("JWT".to_owned()),
        |header: &mut Header| header.typ = None,
        |header: &mut Header| header.kid = None,
        |header: &mut Header| header.kid = Some("../access".to_owned()),
        |header: &mut Header| header.crit = Some(vec!["exp".to_owned()]),
    ] {
        let mut header = forge.header();
        change(&mut header);
        assert_eq!(
            forge.keys.verify(&forge.sign(&header, &claims()), now),
            Err(TokenError::Invalid),
            "{header:?}"
        );
    }
    let x = forge.keys.jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    let public = BASE64URL_NOPAD.decode(x.as_bytes()).unwrap();
    let mut header = forge.header();
    header.alg = Algorithm::HS256;
    let confused = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&public)).unwrap();
    assert_eq!(
        forge.keys.verify(&confused, now),
        Err(TokenError::Invalid),
        "the public key as an HMAC secret"
    );
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let none = json!({"alg": "none", "typ": "at+jwt", "kid": forge.kid()});
    let good = forge.sign(&forge.header(), &claims());
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    for token in [
        format!("{}.{}.", part(&none), part(&claims())),
        format!("{unsigned}."),
        unsigned.to_owned(),
        format!("{good}x"),
        format!("{good}.x"),
        String::new(),
        "..".to_owned(),
    ] {
        assert_eq!(
            forge.keys.verify(&token, now),
            Err(TokenError::Invalid),
            "{token}"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_signing_key_outlives_a_restart_and_an_older_one_is_still_accepted() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let random = Random::seeded(3);
    let now = monday_morning();
    let issue = |keys: &JwtKeys| keys.issue(random.id(now), random.id(now), &random, now).unwrap();
    let load = || JwtKeys::load_or_create(dir.path(), URL, &random, now).unwrap();
    let token = issue(&load());
    assert!(load().verify(&token, now).is_ok());
    let path = dir.path().join("keys/access.pk8");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    std::fs::rename(&path, dir.path().join("keys/access-old.pk8")).unwrap();
    let rotated = load();
    assert!(rotated.verify(&token, now).is_ok());
    assert_eq!(rotated.jwks()["keys"].as_array().unwrap().len(), 2);
    std::fs::remove_file(dir.path().join("keys/access-old.pk8")).unwrap();
    assert_eq!(load().verify(&token, now), Err(TokenError::Invalid));
    assert!(
        !rotated.jwks().to_string().contains("\"d\""),
        "public halves only"
    );
    std::fs::write(&path, "garbage").unwrap();
    assert!(JwtKeys::load_or_create(dir.path(), URL, &random, now).is_err());
}

#[test]
fn keys_rotate_beside_a_running_server_and_their_tokens_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let random = Random::seeded(5);
    let now = monday_morning();
    let load = |now| JwtKeys::load_or_create(dir.path(), URL, &random, now).unwrap();
    let issue = |keys: &JwtKeys, now| keys.issue(random.id(now), random.id(now), &random, now).unwrap();
    let (running, node) = (load(now), load(now));
    let old = issue(&running, now);
    let rotation = accounts::rotate_keys(dir.path(), OldKey::Overlaps, &random, now).unwrap();
    // Another process signs with the new key already: the running ones notice at its first token.
    let fresh = issue(&load(now), now);
    assert!(running.verify(&fresh, now).is_ok() && running.verify(&old, now).is_ok());
    let published = running.jwks();
    let ids: Vec<&str> = published["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert!(
        ids.len() == 2 && ids.contains(&rotation.key_id.as_str()),
        "both are published: {ids:?}"
    );
    node.reload(now).unwrap();
    assert_eq!(
        jsonwebtoken::decode_header(issue(&node, now))
            .unwrap()
            .kid
            .as_ref(),
        Some(&rotation.key_id)
    );
    // An hour later the old one is nothing, whatever is left of its tokens.
    let later = now.plus(SignedDuration::from_hours(1));
    node.reload(later).unwrap();
    assert_eq!(node.jwks()["keys"].as_array().unwrap().len(), 1);
    let again = accounts::rotate_keys(dir.path(), OldKey::Overlaps, &random, later).unwrap();
    assert_eq!(again.removed, 1);
    // A stolen key is taken away at once.
    let stolen = issue(&load(later), later);
    accounts::rotate_keys(dir.path(), OldKey::Withdrawn, &random, later).unwrap();
    node.reload(later).unwrap();
    assert_eq!(node.verify(&stolen, later), Err(TokenError::Invalid));
    assert_eq!(node.jwks()["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn a_password_is_long_enough_and_not_among_the_first_guesses() {
    for good in [
        PASSWORD,
        "tr0ub4dor&3x",
        "пароль-длинный",
        "        spaces count",
        &(0..64_u32).fold(String::new(), |text, n| {
            format!("{text}{:04x}", n * 40_503 % 65_521)
        }),
    ] {
        assert_eq!(check_password(good, &[]), Ok(()), "{good}");
    }
    assert_eq!(check_password("short", &[]), Err(PasswordProblem::TooShort));
    assert_eq!(
        check_password("ääääää", &[]),
        Err(PasswordProblem::TooShort),
        "characters, not bytes"
    );
    assert_eq!(
        check_password(&"xy z1".repeat(52), &[]),
        Err(PasswordProblem::TooLong)
    );
    for common in [
        "password",
        "Password1",
        "P@ssw0rd",
        "passw0rd!",
        "12345678",
        "123456789",
        "qwertyuiop",
        "1q2w3e4r",
        "iloveyou2",
        "aaaaaaaa",
        "abcdefgh",
        "87654321",
        "letmein123",
        "Welcome2026!",
        "00000000",
        "football1",
        "11112222",
        "19800101",
    ] {
        assert_eq!(
            check_password(common, &[]),
            Err(PasswordProblem::TooCommon),
            "{common}"
        );
    }
    for weak in ["january2026", "susan1987"] {
        assert!(check_password(weak, &[]).is_err(), "{weak}");
    }
    let about = ["ada.lovelace@compute.example", "Ada Lovelace"];
    assert_eq!(
        check_password("adalovelace", &about),
        Err(PasswordProblem::TooWeak)
    );
}

#[tokio::test]
async fn a_crowd_of_passwords_is_turned_away_instead_of_taking_the_machine() {
    let hasher = PasswordHasher::new(Arc::new(Random::seeded(4))).unwrap();
    let hash = hasher.hash(PASSWORD.to_owned()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let mut crowd = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (hasher, hash) = (hasher.clone(), hash.clone());
        crowd.spawn(async move {
            let password = if n % 2 == 0 { PASSWORD } else { "wrong" };
            (n % 2 == 0, hasher.verify(password.to_owned(), Some(hash)).await)
        });
    }
    let outcomes = crowd.join_all().await;
    let busy = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Err(PasswordUnavailable::Busy))
        .count();
    assert_eq!(busy, 60 - 34);
    assert!(
        outcomes
            .iter()
            .all(|(right, outcome)| outcome.is_err() || outcome.unwrap().matches == *right)
    );
    let unknown = hasher.verify(PASSWORD.to_owned(), None).await.unwrap();
    assert!(!unknown.matches);
}

#[tokio::test]
async fn a_caller_who_goes_away_gives_its_place_back() {
    let hasher = PasswordHasher::with_cost(64, 1, Arc::new(Random::seeded(4))).unwrap();
    for _ in 0..100 {
        drop(Box::pin(hasher.hash(PASSWORD.to_owned())));
        let _ = tokio::time::timeout(std::time::Duration::ZERO, hasher.hash(PASSWORD.to_owned())).await;
    }
    assert!(hasher.hash(PASSWORD.to_owned()).await.is_ok());
}

/// Every mail of this crate, whole, with its token made readable.
#[test]
fn the_mails_of_an_account() {
    let db = TestDb::new(Backend::Sqlite);
    let board = Board::new(&db);
    let ada = board.user("ada");
    board.advance(SignedDuration::from_mins(2));
    board.register("ada", PASSWORD);
    board.advance(SignedDuration::from_mins(2));
    let now = board.now();
    board.write(|tx| accounts::request_password_reset(tx, &address("ada"), board.letters(), now));
    let token = board.newest_token("ada");
    board.write(|tx| accounts::reset_password(tx, &token, "x", board.letters(), now));
    let acme = board.employer(&ada, "Acme <b>Compute</b>");
    let new = NewInvitation {
        email: address("bob"),
        role: Role::Recruiter,
    };
    board.write(|tx| accounts::invite(tx, &acme, &new, &ada, board.letters(), now));
    let mut mails = board.mails("ada");
    mails.extend(board.mails("bob"));
    insta::with_settings!({filters => vec![(r"[A-Za-z0-9_-]{43}\b", "[token]")]}, {
        for mail in mails {
            let whole = format!("To: {}\nSubject: {}\n\n{}", mail.recipient, mail.subject, mail.text_body);
            insta::assert_snapshot!(mail.kind.clone(), whole);
            if mail.kind == "invitation" {
                insta::assert_snapshot!("invitation_html", mail.html_body);
            }
        }
    });
}
