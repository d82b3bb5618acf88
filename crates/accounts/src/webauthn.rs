//! The relying party's half of WebAuthn (W3C, Level 3): what a browser hands over is believed here or not, step by step as in
//! sections 7.1 and 7.2. Devices are not asked to say who made them, so statements about that (attestation) are not read.
//! Why not a library: `docs/adr/0027-passkeys-and-providers.md`.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use ciborium::Value;
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use url::Url;

/// Longest id of a credential (section 5.8.3), in bytes.
const CREDENTIAL_ID_BYTES: usize = 1023;

/// EdDSA, ES256 and RS256 (RFC 9053, RFC 8812), in the order in which they are wanted.
pub(crate) const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// What a browser gives for a new passkey: `PublicKeyCredential.toJSON()`. Other members are left alone.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewCredential {
    /// Id of the credential, in base64url.
    pub raw_id: String,
    /// What the device says.
    pub response: AttestationResponse,
}

/// What a device says about a new key; each part in base64url.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttestationResponse {
    /// What the browser was asked, as JSON.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// The key and what surrounds it, as CBOR.
    pub attestation_object: String,
}

/// What a browser gives for a sign-in: `PublicKeyCredential.toJSON()`. Other members are left alone.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assertion {
    /// Id of the credential, in base64url.
    pub raw_id: String,
    /// What the device signed.
    pub response: AssertionResponse,
}

/// What a device signed; each part in base64url.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssertionResponse {
    /// What the browser was asked, as JSON.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// What the device says about itself and its owner.
    pub authenticator_data: String,
    /// The signature over both.
    pub signature: String,
    /// Whose key it is.
    pub user_handle: Option<String>,
}

/// Why what a browser handed over is not believed. For our logs; nobody outside is told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// Not base64url, JSON or CBOR where it has to be.
    #[error("it cannot be read")]
    Form,
    /// Made for something else than what was asked.
    #[error("it was made for another ceremony")]
    Kind,
    /// Made on a page of another site, or inside one.
    #[error("it was made on a page of another site")]
    Origin,
    /// Made for another relying party.
    #[error("it was made for another site")]
    RelyingParty,
    /// Nobody touched the device, or it did not check who did.
    #[error("the device did not check its user")]
    User,
    /// The parts contradict each other.
    #[error("its parts contradict each other")]
    Contradiction,
    /// A key of a kind that is not taken, or none.
    #[error("the key is of a kind that is not taken")]
    Key,
    /// The signature is not the key's.
    #[error("the signature is not the key's")]
    Signature,
    /// The device counted backwards: there may be a copy of the key.
    #[error("the device counted backwards; there may be a copy of it")]
    Counter,
    /// Not the key's owner.
    #[error("the key belongs to somebody else")]
    Owner,
}

/// Who asks for signatures: a site, to which keys are bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// Host name; keys are bound to it for ever.
    pub(crate) id: String,
    origin: String,
}

/// The challenge and the rest of what the browser was asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    top_origin: Option<String>,
}

/// What a device said about a new key, and is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attested {
    pub(crate) credential_id: Vec<u8>,
    /// As COSE, for [`PublicKey::parse`].
    pub(crate) public_key: Vec<u8>,
    pub(crate) sign_count: u32,
    /// Whether the key may leave its device, to others of its owner.
    pub(crate) is_synced: bool,
}

/// The device's own words (section 6.1).
struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8],
    flags: u8,
    sign_count: u32,
    rest: &'a [u8],
}

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const HAS_CREDENTIAL: u8 = 0x40;
const HAS_EXTENSIONS: u8 = 0x80;

pub(crate) fn in_base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Result<Vec<u8>, Disbelief> {
    let trimmed = text.trim_end_matches('=');
    BASE64URL_NOPAD
        .decode(trimmed.as_bytes())
        .map_err(|_| Disbelief::Form)
}

impl ClientData {
    /// What `encoded` says. Nothing of it is believed yet.
    pub(crate) fn parse(encoded: &str) -> Result<Self, Disbelief> {
        serde_json::from_slice(&from_base64url(encoded)?).map_err(|_| Disbelief::Form)
    }

    /// The challenge that was answered, in the form in which it was given out.
    pub(crate) fn challenge(&self) -> &str {
        self.challenge.trim_end_matches('=')
    }
}

impl RelyingParty {
    /// The site at `public_url`: its host is the id, its origin the only one that is believed.
    pub(crate) fn at(public_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        let host = url.as_ref().and_then(Url::host_str);
        Self {
            id: host.unwrap_or_default().to_owned(),
            origin: url
                .as_ref()
                .map(|url| url.origin().ascii_serialization())
                .unwrap_or_default(),
        }
    }

    /// Whether the answer was made on a page of ours for `kind` (steps 7 to 11).
    pub(crate) fn check_page(&self, data: &ClientData, kind: &str) -> Result<(), Disbelief> {
        if data.kind != kind {
            return Err(Disbelief::Kind);
        }
        if data.origin != self.origin || data.cross_origin || data.top_origin.is_some() {
            return Err(Disbelief::Origin);
        }
        Ok(())
    }

    /// A new key (section 7.1, from step 13 on). Its challenge was looked at before.
    pub(crate) fn attested(&self, credential: &NewCredential) -> Result<Attested, Disbelief> {
        let object = from_base64url(&credential.response.attestation_object)?;
        let object: Value = ciborium::from_reader(object.as_slice()).map_err(|_| Disbelief::Form)?;
        let said = member(&object, &Value::from("authData"))
            .and_then(Value::as_bytes)
            .ok_or(Disbelief::Form)?;
        let said = AuthenticatorData::parse(said)?;
        self.check(&said)?;
        if said.flags & HAS_CREDENTIAL == 0 {
            return Err(Disbelief::Key);
        }
        // 16 bytes of the device's model, two of the id's length, the id, the key, and extensions if there are any.
        let (_, rest) = said.rest.split_at_checked(16).ok_or(Disbelief::Form)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(Disbelief::Form)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (credential_id, rest) = rest.split_at_checked(length).ok_or(Disbelief::Form)?;
        let is_named = from_base64url(&credential.raw_id)? == credential_id;
        if !is_named || !(1..=CREDENTIAL_ID_BYTES).contains(&length) {
            return Err(Disbelief::Contradiction);
        }
        let mut behind = rest;
        let _: Value = ciborium::from_reader(&mut behind).map_err(|_| Disbelief::Form)?;
        let (public_key, extensions) = rest.split_at(rest.len() - behind.len());
        extensions_end(said.flags, extensions)?;
        PublicKey::parse(public_key)?;
        Ok(Attested {
            credential_id: credential_id.to_vec(),
            public_key: public_key.to_vec(),
            sign_count: said.sign_count,
            is_synced: said.flags & BACKUP_ELIGIBLE != 0,
        })
    }

    /// Whether the owner of `key` signed just now (section 7.2, from step 15 on); returns what the device has counted to.
    pub(crate) fn asserted(&self, assertion: &AssertionResponse, key: &Attested) -> Result<u32, Disbelief> {
        let client_data = from_base64url(&assertion.client_data_json)?;
        let data = from_base64url(&assertion.authenticator_data)?;
        let signature = from_base64url(&assertion.signature)?;
        let said = AuthenticatorData::parse(&data)?;
        self.check(&said)?;
        if (said.flags & BACKUP_ELIGIBLE != 0) != key.is_synced {
            return Err(Disbelief::Contradiction);
        }
        if said.flags & HAS_CREDENTIAL == 0 {
            extensions_end(said.flags, said.rest)?;
        }
        let mut signed = data.clone();
        signed.extend_from_slice(digest(&SHA256, &client_data).as_ref());
        PublicKey::parse(&key.public_key)?.verify(&signed, &signature)?;
        let counts = said.sign_count != 0 || key.sign_count != 0;
        if counts && said.sign_count <= key.sign_count {
            return Err(Disbelief::Counter);
        }
        Ok(said.sign_count)
    }

    /// What holds for new keys and for signatures alike.
    fn check(&self, said: &AuthenticatorData<'_>) -> Result<(), Disbelief> {
        if said.rp_id_hash != digest(&SHA256, self.id.as_bytes()).as_ref() {
            return Err(Disbelief::RelyingParty);
        }
        let checked = USER_PRESENT | USER_VERIFIED;
        if said.flags & checked != checked {
            return Err(Disbelief::User);
        }
        // What cannot leave its device has no copy.
        if said.flags & BACKED_UP != 0 && said.flags & BACKUP_ELIGIBLE == 0 {
            return Err(Disbelief::Contradiction);
        }
        Ok(())
    }
}

impl<'a> AuthenticatorData<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Disbelief> {
        let (rp_id_hash, rest) = bytes.split_at_checked(32).ok_or(Disbelief::Form)?;
        let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(Disbelief::Form)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(Disbelief::Form)?;
        Ok(Self {
            rp_id_hash,
            flags,
            sign_count: u32::from_be_bytes(*count),
            rest,
        })
    }
}

/// `bytes` are extensions when the flags say so, and nothing otherwise.
fn extensions_end(flags: u8, mut bytes: &[u8]) -> Result<(), Disbelief> {
    if flags & HAS_EXTENSIONS != 0 {
        let extensions: Value = ciborium::from_reader(&mut bytes).map_err(|_| Disbelief::Form)?;
        extensions.as_map().ok_or(Disbelief::Form)?;
    }
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(Disbelief::Form)
    }
}

fn member<'a>(map: &'a Value, name: &Value) -> Option<&'a Value> {
    let mut found = map.as_map()?.iter().filter(|(key, _)| key == name);
    let first = found.next();
    // Twice the same name means two things to two readers.
    if found.next().is_some() {
        return None;
    }
    first.map(|(_, value)| value)
}

/// A public key (RFC 9052, RFC 9053) of a kind that is taken.
enum PublicKey {
    Ed25519(Vec<u8>),
    /// The point, uncompressed.
    P256(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl PublicKey {
    fn parse(cose: &[u8]) -> Result<Self, Disbelief> {
        let map: Value = ciborium::from_reader(cose).map_err(|_| Disbelief::Form)?;
        let number = |label: i64| {
            let value = member(&map, &Value::from(label))?.as_integer()?;
            i64::try_from(value).ok()
        };
        let bytes = |label: i64| Some(member(&map, &Value::from(label))?.as_bytes()?.clone());
        let of_32 = |label: i64| bytes(label).filter(|bytes| bytes.len() == 32);
        // Kind, algorithm and, for curves, which.
        let key = match (number(1), number(3), number(-1)) {
            (Some(1), Some(-8), Some(6)) => of_32(-2).map(Self::Ed25519),
            (Some(2), Some(-7), Some(1)) => of_32(-2)
                .zip(of_32(-3))
                .map(|(x, y)| Self::P256([vec![4], x, y].concat())),
            (Some(3), Some(-257), _) => bytes(-1)
                .zip(bytes(-2))
                .map(|(n, e)| Self::Rsa(RsaPublicKeyComponents { n, e })),
            _ => None,
        };
        key.ok_or(Disbelief::Key)
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Disbelief> {
        let outcome = match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::P256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(message, signature)
            }
            Self::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        outcome.map_err(|_| Disbelief::Signature)
    }
}
