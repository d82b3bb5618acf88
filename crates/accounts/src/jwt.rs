//! Access tokens: signed with Ed25519, good for ten minutes, for one audience (RFC 9068, RFC 8725).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use mail::keyfile;
use serde::{Deserialize, Serialize};
use store::{Id, Random, Timestamp};

/// How long an access token is good.
pub const ACCESS_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// How far clocks of nodes may be apart, seconds.
const LEEWAY_S: i64 = 30;

/// The type in the header: no other token of ours can be taken for an access token.
const TYPE: &str = "at+jwt";

/// The key that signs. `access-N.pk8` beside it signed until the second N since 1970 and is accepted for [`OVERLAP`] more;
/// other names of that form (`access-next.pk8`) are accepted for as long as they are there.
const KEY_FILE: &str = "access.pk8";

/// How long a key that was replaced is still accepted: longer than its last token lives and other nodes take to notice.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// A token with an unknown key makes us look into the directory at most this often, seconds.
const LOOKED_EVERY_S: i64 = 5;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The user.
    pub sub: Id,
    /// The session, which must still be active: see [`crate::require_active_session`].
    pub sid: Id,
    /// The token itself.
    pub jti: Id,
    /// Who made it: this installation's URL.
    pub iss: String,
    /// Whom it is for: the same.
    pub aud: String,
    /// Made at, seconds since 1970.
    pub iat: i64,
    /// Not good before, seconds since 1970.
    pub nbf: i64,
    /// Not good from this second on.
    pub exp: i64,
}

/// Why a token is not accepted. Callers answer all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: form, algorithm, key, signature, type, issuer, audience or a claim.
    #[error("the access token is not valid")]
    Invalid,
    /// It was good once.
    #[error("the access token has expired")]
    Expired,
    /// A token could not be made.
    #[error("the access token could not be signed")]
    Signing,
}

/// The keys that sign and check access tokens. They can be replaced while the program runs: see [`rotate_keys`].
pub struct JwtKeys {
    issuer: String,
    /// Where they are; `None` when they are in this process only.
    dir: Option<PathBuf>,
    looked_at: AtomicI64,
    keys: RwLock<Arc<KeySet>>,
}

struct KeySet {
    signing: EncodingKey,
    signing_id: String,
    /// By key id; holds the signing key's public half too.
    accepted: BTreeMap<String, PublicKey>,
}

struct PublicKey {
    decoding: DecodingKey,
    x: String,
}

impl KeySet {
    fn from_pkcs8(signing: &[u8], older: &[Vec<u8>]) -> io::Result<Self> {
        let (signing_id, public) = public_half(signing)?;
        let mut accepted = BTreeMap::from([(signing_id.clone(), public)]);
        for key in older {
            let (id, public) = public_half(key)?;
            accepted.insert(id, public);
        }
        Ok(Self {
            signing: EncodingKey::from_ed_der(signing),
            signing_id,
            accepted,
        })
    }

    /// What is in `dir` beside the signing key and still accepted at `now`.
    fn load(dir: &Path, signing: &[u8], now: Timestamp) -> io::Result<Self> {
        let mut older = Vec::new();
        for (path, retired_at) in replaced_keys(dir)? {
            if retired_at.is_none_or(|at| at.plus(OVERLAP) > now) {
                older.push(std::fs::read(&path)?);
            }
        }
        Self::from_pkcs8(signing, &older)
    }
}

/// The keys beside the one that signs, each with the time at which it was replaced, when its name says so.
fn replaced_keys(dir: &Path) -> io::Result<Vec<(PathBuf, Option<Timestamp>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let mark = name.and_then(|name| name.strip_prefix("access-")?.strip_suffix(".pk8"));
        let retired_at = mark.map(|mark| mark.parse().ok().map(Timestamp::from_seconds));
        if let Some(retired_at) = retired_at {
            found.push((path, retired_at));
        }
    }
    Ok(found)
}

/// What becomes of the key that signed until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldKey {
    /// Its tokens are good until they expire.
    Overlaps,
    /// It is taken away at once, for a key that somebody else may have. Whoever is signed in refreshes.
    Withdrawn,
}

/// What [`rotate_keys`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// Id of the new key, as in the JWK set.
    pub key_id: String,
    /// Files of keys whose time was over.
    pub removed: usize,
}

/// Makes a new signing key in `data_dir/keys/`. Running servers notice within a minute, or at the first token that it signed.
/// Nodes that do not share the directory need the files copied.
///
/// # Errors
/// When a file cannot be read or written. The key of before is still in place then.
pub fn rotate_keys(data_dir: &Path, old: OldKey, random: &Random, now: Timestamp) -> io::Result<KeyRotation> {
    let dir = data_dir.join("keys");
    let path = dir.join(KEY_FILE);
    keyfile::load_or_create(&path, || new_key(random))?;
    let fresh = new_key(random)?;
    let written = dir.join(format!("new-{}.tmp", random.id(now)));
    keyfile::create(&written, &fresh)?;
    if old == OldKey::Overlaps {
        std::fs::hard_link(&path, dir.join(format!("access-{}.pk8", now.seconds())))?;
    }
    // The name is never without a key.
    std::fs::rename(&written, &path)?;
    let mut removed = 0;
    for (path, retired_at) in replaced_keys(&dir)? {
        let is_over = retired_at.is_some_and(|at| at.plus(OVERLAP) <= now);
        if is_over || old == OldKey::Withdrawn {
            std::fs::remove_file(path)?;
            removed += 1;
        }
    }
    std::fs::File::open(&dir)?.sync_all()?;
    let (key_id, _) = public_half(&fresh)?;
    Ok(KeyRotation { key_id, removed })
}

impl std::fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtKeys")
            .field("signing_id", &self.keys().signing_id)
            .finish_non_exhaustive()
    }
}

impl JwtKeys {
    /// The keys in `data_dir/keys/`, the signing one made at the first start. `public_url` is issuer and audience. All nodes
    /// of one installation need the same files.
    ///
    /// # Errors
    /// When a file cannot be read or written, or is not an Ed25519 key.
    pub fn load_or_create(
        data_dir: &Path,
        public_url: &str,
        random: &Random,
        now: Timestamp,
    ) -> io::Result<Self> {
        let dir = data_dir.join("keys");
        let signing = keyfile::load_or_create(&dir.join(KEY_FILE), || new_key(random))?;
        let keys = KeySet::load(&dir, &signing, now)?;
        Ok(Self::of(keys, Some(dir), public_url))
    }

    /// Keys for this process only, for tests.
    pub fn random(public_url: &str, random: &Random) -> io::Result<Self> {
        let keys = KeySet::from_pkcs8(&new_key(random)?, &[])?;
        Ok(Self::of(keys, None, public_url))
    }

    fn of(keys: KeySet, dir: Option<PathBuf>, public_url: &str) -> Self {
        Self {
            issuer: public_url.trim_end_matches('/').to_owned(),
            dir,
            looked_at: AtomicI64::new(0),
            keys: RwLock::new(Arc::new(keys)),
        }
    }

    fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what was changed in the directory. Call it every minute or so.
    ///
    /// # Errors
    /// When a file cannot be read or is not an Ed25519 key; the keys of before stay.
    pub fn reload(&self, now: Timestamp) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let signing = std::fs::read(dir.join(KEY_FILE))?;
        let keys = Arc::new(KeySet::load(dir, &signing, now)?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The same for a token of another node, which may have changed keys just now.
    fn reload_for_stranger(&self, now: Timestamp) {
        let last = self.looked_at.load(Ordering::Acquire);
        let is_due = (now.seconds() - last).abs() >= LOOKED_EVERY_S;
        // Only a look moves the mark: a stream of made-up keys does not keep the true ones out.
        let is_ours = is_due
            && self
                .looked_at
                .compare_exchange(last, now.seconds(), Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        if is_ours && let Err(error) = self.reload(now) {
            tracing::warn!(%error, "the keys of access tokens could not be read again");
        }
    }

    /// An access token for `user` in `session`, good from `now` for [`ACCESS_TOKEN_LIFETIME`].
    pub fn issue(
        &self,
        user: Id,
        session: Id,
        random: &Random,
        now: Timestamp,
    ) -> Result<String, TokenError> {
        let keys = self.keys();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(keys.signing_id.clone());
        let claims = AccessClaims {
            sub: user,
            sid: session,
            jti: random.id(now),
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.plus(ACCESS_TOKEN_LIFETIME).seconds(),
        };
        jsonwebtoken::encode(&header, &claims, &keys.signing).map_err(|_| TokenError::Signing)
    }

    /// What `token` says, when it is one of ours and good at `now`.
    ///
    /// # Errors
    /// [`TokenError::Expired`] only for a token that is ours in every other respect.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let is_ours = header.typ.as_deref() == Some(TYPE) && header.crit.is_none();
        let (true, Some(id)) = (is_ours, header.kid) else {
            return Err(TokenError::Invalid);
        };
        let mut keys = self.keys();
        if !keys.accepted.contains_key(&id) {
            self.reload_for_stranger(now);
            keys = self.keys();
        }
        let Some(key) = keys.accepted.get(&id) else {
            return Err(TokenError::Invalid);
        };
        let data = jsonwebtoken::decode::<AccessClaims>(token, &key.decoding, &self.validation())
            .map_err(|_| TokenError::Invalid)?;
        let claims = data.claims;
        if claims.iss != self.issuer || claims.aud != self.issuer {
            return Err(TokenError::Invalid);
        }
        let longest = ACCESS_TOKEN_LIFETIME.as_secs();
        let at = now.seconds();
        let in_order = claims.nbf < claims.exp && claims.exp.saturating_sub(claims.nbf) <= longest;
        if !in_order || claims.nbf > at.saturating_add(LEEWAY_S) {
            return Err(TokenError::Invalid);
        }
        if claims.exp.saturating_add(LEEWAY_S) <= at {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }

    /// Exactly one algorithm. Times are checked above, against our own clock and as integers only (CVE-2026-25537).
    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.issuer]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation
    }

    /// The public keys as a JWK set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> serde_json::Value {
        let known = self.keys();
        let keys: Vec<serde_json::Value> = known
            .accepted
            .iter()
            .map(|(id, key)| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": key.x,
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

fn not_a_key() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an Ed25519 key in PKCS#8 form")
}

/// A key in PKCS#8 v1 form (RFC 8410, section 7): a fixed frame around the 32-byte seed.
fn new_key(random: &Random) -> io::Result<Vec<u8>> {
    const FRAME: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ];
    let mut key = FRAME.to_vec();
    key.extend_from_slice(&random.bytes::<32>());
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key).map_err(|_| not_a_key())?;
    Ok(key)
}

/// Key id and public key. The id is the beginning of the public key's SHA-256.
fn public_half(pkcs8: &[u8]) -> io::Result<(String, PublicKey)> {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| not_a_key())?;
    let public = pair.public_key().as_ref();
    let hash = digest::digest(&digest::SHA256, public);
    let id: String = BASE64URL_NOPAD.encode(hash.as_ref()).chars().take(16).collect();
    let x = BASE64URL_NOPAD.encode(public);
    let decoding = DecodingKey::from_ed_components(&x).map_err(|_| not_a_key())?;
    Ok((id, PublicKey { decoding, x }))
}
