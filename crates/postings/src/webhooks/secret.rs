//! Secrets of endpoints, and signatures with them.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use data_encoding::BASE64;
use mail::LinkKey;
use store::{Id, Random};

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// What stands in the database begins with.
const SEALED: &str = "sealed:";
/// What secrets of endpoints are sealed for.
const PURPOSE: &str = "webhook";

/// A secret that an endpoint shares with us: `whsec_` and the base64 of its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct SecretError;

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A new secret of 256 bits.
    pub fn new(random: &Random) -> Self {
        Self(format!("{PREFIX}{}", BASE64.encode(&random.bytes::<32>())))
    }

    /// The text as its owner keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text that stands in the database: only who has the keys of the installation can sign with it.
    pub(super) fn sealed(&self, key: &LinkKey, endpoint: Id, random: &Random) -> Option<String> {
        let sealed = key.seal(PURPOSE, endpoint, self.0.as_bytes(), random)?;
        Some(format!("{SEALED}{}", BASE64.encode(&sealed)))
    }

    /// The secret that was sealed for `endpoint`, or that an older version left as it was; `None` when the keys are others.
    pub(super) fn unsealed(stored: &str, key: &LinkKey, endpoint: Id) -> Option<Self> {
        let Some(sealed) = stored.strip_prefix(SEALED) else {
            return stored.parse().ok();
        };
        let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
        let opened = key.open(PURPOSE, endpoint, &sealed)?;
        std::str::from_utf8(&opened).ok()?.parse().ok()
    }

    /// Whether `stored` is how older versions kept secrets.
    pub(super) fn is_open(stored: &str) -> bool {
        !stored.starts_with(SEALED)
    }

    /// The signature of one message: `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &str) -> String {
        let key = BASE64
            .decode(self.0.trim_start_matches(PREFIX).as_bytes())
            .unwrap_or_default();
        let signed = format!("{id}.{timestamp_s}.{body}");
        let tag = sign(&Key::new(HMAC_SHA256, &key), signed.as_bytes());
        format!("v1,{}", BASE64.encode(tag.as_ref()))
    }
}

impl std::str::FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let bytes = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        let bytes = BASE64.decode(bytes.as_bytes()).map_err(|_| SecretError)?;
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SecretError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors that the reference libraries of Standard Webhooks and Svix's manual publish.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let vectors = [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                "{\"test\": 2432232314}",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_plJ3nmyCDGBKInavdOK15jsl",
                "msg_loFOjxBNrRLzqYUf",
                1_731_705_121,
                "{\"event_type\":\"ping\",\"data\":{\"success\":true}}",
                "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
            ),
        ];
        for (secret, id, at, body, signature) in vectors {
            let secret = Secret(secret.to_owned());
            assert_eq!(secret.sign(id, at, body), signature);
        }
    }

    #[test]
    fn a_new_secret_has_the_form_of_one() {
        let secret = Secret::new(&Random::seeded(1));
        assert_eq!(secret.as_str().parse::<Secret>().as_ref(), Ok(&secret));
        for wrong in [
            "",
            "whsec_",
            "whsec_AAAA",
            "sk_plJ3nmyCDGBKInavdOK15jslplJ3nmyCDGBKInav",
            "whsec_***",
        ] {
            assert_eq!(wrong.parse::<Secret>(), Err(SecretError), "{wrong}");
        }
    }
}
