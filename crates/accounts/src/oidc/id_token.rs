//! What a provider says about somebody, and whether it is believed (OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use mail::EmailAddress;
use serde::Deserialize;
use store::Timestamp;

use super::{ProviderError, refused};

/// How far the provider's clock may be from ours, seconds.
const LEEWAY_S: i64 = 60;

/// Oldest and longest-lived token that is taken, seconds: it was made for this sign-in.
const OLDEST_S: i64 = 3600;

/// What the token has to say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
}

/// Whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vouched {
    pub(super) subject: String,
    /// Only one that the provider has verified.
    pub(super) email: Option<EmailAddress>,
    pub(super) name: Option<String>,
    /// Whether the token said nothing about an address.
    pub(super) is_bare: bool,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    azp: Option<String>,
    #[serde(flatten)]
    about: About,
}

/// What a provider says about somebody, in the token or where it is asked.
#[derive(Deserialize)]
struct About {
    email: Option<String>,
    /// True and nothing else: what merely looks like it is no proof.
    #[serde(default)]
    email_verified: serde_json::Value,
    name: Option<String>,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(flatten)]
    about: About,
}

impl About {
    /// The address, when the provider has verified it.
    fn address(&self) -> Option<EmailAddress> {
        let is_verified = self.email_verified == serde_json::Value::Bool(true);
        self.email.as_ref().filter(|_| is_verified)?.parse().ok()
    }
}

impl Vouched {
    /// Adds what the provider says where it is asked, when it is about the same person (section 5.3.2).
    pub(super) fn complete(&mut self, answer: &[u8]) -> Result<(), ProviderError> {
        let said: UserInfo = serde_json::from_slice(answer)
            .map_err(|_| refused("what it says about the person cannot be read"))?;
        if said.sub != self.subject {
            return Err(refused("what it says is about another person"));
        }
        self.email = said.about.address();
        self.name = said.about.name.or(self.name.take());
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The key that the token says it was signed with.
pub(super) fn key_id(token: &str) -> Result<Option<String>, ProviderError> {
    let header = decode_header(token).map_err(|_| refused("the ID token cannot be read"))?;
    Ok(header.kid)
}

/// Whether the provider has published the key.
pub(super) fn is_known(keys: &[Jwk], id: Option<&str>) -> bool {
    match id {
        Some(_) => keys.iter().any(|key| key.common.key_id.as_deref() == id),
        None => !keys.is_empty(),
    }
}

/// The one algorithm for which `key` is used, when it is one that we take: what a token says about it counts only if it agrees.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let named = key.common.key_algorithm;
    let is_for_signing = !matches!(
        key.common.public_key_use,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))
    );
    let is_of_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => {
            matches!(named, None | Some(KeyAlgorithm::RS256))
        }
        (AlgorithmParameters::RSA(_), Algorithm::PS256) => matches!(named, Some(KeyAlgorithm::PS256)),
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            key.curve == EllipticCurve::P256 && matches!(named, None | Some(KeyAlgorithm::ES256))
        }
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => {
            key.curve == EllipticCurve::Ed25519 && matches!(named, None | Some(KeyAlgorithm::EdDSA))
        }
        _ => false,
    };
    is_for_signing && is_of_kind
}

/// What `token` says, when one of `keys` signed it and it was made for this sign-in.
pub(super) fn verify(
    token: &str,
    keys: &[Jwk],
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Vouched, ProviderError> {
    let header = decode_header(token).map_err(|_| refused("the ID token cannot be read"))?;
    let is_id_token = header
        .typ
        .as_deref()
        .is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if !is_id_token || header.crit.is_some() {
        return Err(refused("the token is of another type"));
    }
    let mut fitting = keys.iter().filter(|key| {
        let is_named = header.kid.is_none() || key.common.key_id == header.kid;
        is_named && fits(key, header.alg)
    });
    let (Some(key), None) = (fitting.next(), fitting.next()) else {
        return Err(refused("no key, or more than one, fits the ID token"));
    };
    let key = DecodingKey::from_jwk(key).map_err(|_| refused("the key cannot be used"))?;
    let mut validation = Validation::new(header.alg);
    // Checked below, against our own clock and as whole numbers only.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    let claims = decode::<Claims>(token, &key, &validation)
        .map_err(|_| refused("the ID token is not the provider's, not for us, or incomplete"))?
        .claims;
    claims.believed(expected, now)
}

impl Claims {
    fn believed(self, expected: &Expected<'_>, now: Timestamp) -> Result<Vouched, ProviderError> {
        if self.iss != expected.issuer {
            return Err(refused("the ID token is another issuer's"));
        }
        let audience = self.aud.all();
        let is_for_us = audience.iter().any(|one| one == expected.client_id);
        let is_ours_alone = audience.len() == 1 || self.azp.is_some();
        let is_by_us = self.azp.as_deref().is_none_or(|azp| azp == expected.client_id);
        if !(is_for_us && is_ours_alone && is_by_us) {
            return Err(refused("the ID token is for somebody else"));
        }
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err(refused("the ID token was made for another sign-in"));
        }
        let at = now.seconds();
        let is_over = self.exp.saturating_add(LEEWAY_S) <= at;
        let earliest = self.nbf.unwrap_or(self.iat).max(self.iat);
        let is_early = earliest > at.saturating_add(LEEWAY_S);
        let is_old = self.iat.saturating_add(OLDEST_S) <= at;
        if is_over || is_early || is_old {
            return Err(refused("the ID token is too old, or not valid yet"));
        }
        if !(1..=255).contains(&self.sub.len()) || !self.sub.is_ascii() {
            return Err(refused("the ID token names nobody"));
        }
        Ok(Vouched {
            subject: self.sub,
            email: self.about.address(),
            is_bare: self.about.email.is_none(),
            name: self.about.name,
        })
    }
}
