//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, as every authenticator app makes them.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use mail::LinkKey;
use store::{Id, Random, Timestamp};

/// Bytes of a secret: as many as SHA-1 has (RFC 4226, section 4, R6).
pub(crate) const SECRET: usize = 20;

/// Seconds for which a code is good.
const PERIOD_S: i64 = 30;

/// Steps before and after now that are accepted: clocks of phones are a little off.
const DRIFT: i64 = 1;

/// The secret as apps take it.
pub(crate) fn in_base32(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// The six digits of time step `step`.
fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes.last().copied().unwrap_or_default() & 0x0f);
    let number = bytes
        .get(at..at + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(0, u32::from_be_bytes);
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// The time step of which `given` is the code, when it is later than `last_step`: a code is taken once.
pub(crate) fn accepted_step(secret: &[u8], given: &str, last_step: i64, now: Timestamp) -> Option<i64> {
    let digits: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let present = now.seconds().div_euclid(PERIOD_S);
    // Every step is compared, so that the time says nothing about which one was right.
    let steps = (present - DRIFT)..=(present + DRIFT);
    let matching = steps.fold(None, |found, step| {
        let is_same = aws_lc_rs::constant_time::verify_slices_are_equal(
            code(secret, step).as_bytes(),
            digits.as_bytes(),
        );
        if is_same.is_ok() { Some(step) } else { found }
    });
    matching.filter(|step| *step > last_step)
}

/// The code that an app shows at `now`, for tests and previews of mails, and for nothing else in the program.
#[doc(hidden)]
pub fn totp_code(secret_base32: &str, now: Timestamp) -> Option<String> {
    let secret = BASE32_NOPAD.decode(secret_base32.as_bytes()).ok()?;
    Some(code(&secret, now.seconds().div_euclid(PERIOD_S)))
}

/// What the secrets of apps are sealed for.
const PURPOSE: &str = "totp";

/// `secret` so that the database alone does not give it away, bound to its user.
pub(crate) fn seal(key: &LinkKey, user: Id, secret: &[u8], random: &Random) -> Option<Vec<u8>> {
    key.seal(PURPOSE, user, secret, random)
}

/// What [`seal`] sealed; `None` when the key or the user is another.
pub(crate) fn open(key: &LinkKey, user: Id, sealed: &[u8]) -> Option<Vec<u8>> {
    key.open(PURPOSE, user, sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        let secret = b"12345678901234567890";
        for (seconds, last_six) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(secret, seconds / PERIOD_S), last_six);
        }
    }

    #[test]
    fn a_code_is_good_one_step_to_either_side_and_never_twice() {
        let secret = b"12345678901234567890";
        let at = Timestamp::from_seconds(1_234_567_890);
        let step = 1_234_567_890 / PERIOD_S;
        for (offset, accepted) in [(-2, None), (-1, Some(-1)), (0, Some(0)), (1, Some(1)), (2, None)] {
            let given = code(secret, step + offset);
            let expected = accepted.map(|offset: i64| step + offset);
            assert_eq!(accepted_step(secret, &given, 0, at), expected, "{offset}");
        }
        assert_eq!(accepted_step(secret, &code(secret, step), step, at), None);
        for wrong in ["", "12345", "1234567", "abcdef", "000000"] {
            assert_eq!(accepted_step(secret, wrong, 0, at), None, "{wrong}");
        }
        assert_eq!(accepted_step(secret, "005 924", 0, at), Some(step));
    }

    #[test]
    fn a_sealed_secret_opens_for_its_user_and_key_only() {
        let random = Random::seeded(3);
        let (key, other) = (LinkKey::random(&random), LinkKey::random(&random));
        let (ada, eve) = (
            random.id(Timestamp::from_seconds(0)),
            random.id(Timestamp::from_seconds(0)),
        );
        let sealed = seal(&key, ada, b"secret", &random).unwrap_or_default();
        assert_eq!(open(&key, ada, &sealed).as_deref(), Some(b"secret".as_slice()));
        assert_eq!(open(&key, eve, &sealed), None);
        assert_eq!(open(&other, ada, &sealed), None);
        assert_eq!(open(&key, ada, &sealed[..10]), None);
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
    }
}
