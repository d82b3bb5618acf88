//! A device with a passkey, as far as a browser and a site see of it: it writes its own CBOR, so that nothing of the code under
//! test is on both sides.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// A device with one key. What it says can be bent before it says it.
pub struct Device {
    key: EcdsaKeyPair,
    /// Id of its key.
    pub credential_id: Vec<u8>,
    /// Whose key it is, as the site said.
    pub user_handle: String,
    /// Where the page is that asks.
    pub origin: String,
    /// The site for which the key is.
    pub rp_id: String,
    /// Whether the page is inside one of another site.
    pub cross_origin: bool,
    /// Touched, and its user checked: 0x05.
    pub flags: u8,
    /// How often it has signed; 0 for a device that does not count.
    pub count: u32,
}

#[expect(clippy::expect_used, reason = "a test without its device must fail loudly")]
impl Device {
    /// A new device, whose key has this id.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn new(credential_id: &[u8]) -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"),
            credential_id: credential_id.to_vec(),
            user_handle: String::new(),
            origin: "https://board.example".to_owned(),
            rp_id: "board.example".to_owned(),
            cross_origin: false,
            flags: 0x05,
            count: 0,
        }
    }

    /// What a browser hands over after `navigator.credentials.create`; `options` is the answer of the API.
    pub fn create(&mut self, options: &Value) -> Value {
        let options = &options["public_key"];
        options["user"]["id"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut self.user_handle);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".to_vec();
        let mut data = self.authenticator_data(0x40);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&(self.credential_id.len() as u16).to_be_bytes());
        data.extend_from_slice(&self.credential_id);
        data.extend_from_slice(&self.cose_key());
        object.push(0x59);
        object.extend_from_slice(&(data.len() as u16).to_be_bytes());
        object.extend_from_slice(&data);
        let id = BASE64URL_NOPAD.encode(&self.credential_id);
        let client_data = self.client_data("webauthn.create", options);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(client_data.as_bytes()),
                "attestationObject": BASE64URL_NOPAD.encode(&object),
                "transports": ["internal"],
            },
        })
    }

    /// What a browser hands over after `navigator.credentials.get`.
    ///
    /// # Panics
    /// When nothing can be signed.
    pub fn sign(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", &options["public_key"]);
        let data = self.authenticator_data(0);
        let mut signed = data.clone();
        signed.extend_from_slice(digest(&SHA256, client_data.as_bytes()).as_ref());
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        let id = BASE64URL_NOPAD.encode(&self.credential_id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(client_data.as_bytes()),
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "signature": BASE64URL_NOPAD.encode(signature.as_ref()),
                "userHandle": self.user_handle,
            },
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": self.cross_origin,
        })
        .to_string()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(self.flags | flags);
        data.extend_from_slice(&self.count.to_be_bytes());
        data
    }

    /// kty EC2, alg ES256, crv P-256, x, y.
    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut cose = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        cose.extend_from_slice(&point[1..33]);
        cose.extend_from_slice(b"\x22\x58\x20");
        cose.extend_from_slice(&point[33..65]);
        cose
    }
}
