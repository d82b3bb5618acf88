//! Tokens: nothing but what was signed is taken.

use std::sync::LazyLock;

use accounts::JwtKeys;
use data_encoding::BASE64URL_NOPAD;
use mail::LinkKey;
use store::testing::monday_morning;
use store::{Id, Random};

struct Signed {
    keys: JwtKeys,
    access: String,
    link_key: LinkKey,
    link: String,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let random = Random::seeded(1);
    let keys = JwtKeys::random("https://board.example", &random).expect("keys");
    let (user, session): (Id, Id) = (random.id(monday_morning()), random.id(monday_morning()));
    let access = keys.issue(user, session, &random, monday_morning());
    let link_key = LinkKey::random(&random);
    Signed {
        access: access.expect("a token"),
        link: link_key.sign("unsubscribe", user),
        keys,
        link_key,
    }
});

/// `token` with the bytes of `input` laid over it, and `input` by itself.
fn forged(token: &str, input: &[u8]) -> [String; 2] {
    let mut laid_over = token.as_bytes().to_vec();
    for (byte, change) in laid_over.iter_mut().zip(input) {
        *byte = (*byte ^ change) & 0x7f;
    }
    [laid_over.as_slice(), input].map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The input as a token, as a change of a good one, and as the parts of one, apart by line feeds: with the good signature, too.
pub(super) fn access_token(input: &[u8]) {
    let Signed { keys, access, .. } = &*SIGNED;
    let mut tokens = forged(access, input).to_vec();
    let parts: Vec<String> = input
        .split(|byte| *byte == b'\n')
        .map(|part| BASE64URL_NOPAD.encode(part))
        .collect();
    tokens.push(parts.join("."));
    if let (Some((_, signature)), [header, claims, ..]) = (access.rsplit_once('.'), parts.as_slice()) {
        tokens.push(format!("{header}.{claims}.{signature}"));
    }
    for token in tokens {
        let outcome = keys.verify(&token, monday_morning());
        assert_eq!(outcome.is_ok(), token == *access, "{token} was judged wrongly");
    }
}

pub(super) fn link_token(input: &[u8]) {
    let Signed { link_key, link, .. } = &*SIGNED;
    for token in forged(link, input) {
        let outcome = link_key.verify("unsubscribe", &token);
        assert_eq!(outcome.is_some(), token == *link, "{token} was judged wrongly");
        assert_eq!(
            link_key.verify("manage", &token),
            None,
            "{token} is good for another purpose"
        );
    }
}
