//! An identity provider in memory, for what a real one does not do: saying what is wrong. (A real one is in `scripts/browse`.)

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::{CallFailed, ProviderCalls, ProviderSettings};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};
use store::Random;

/// Who it says it is.
const ISSUER: &str = "https://login.acme.example";

/// What the operator says about it.
pub(super) fn settings(name: &str) -> ProviderSettings {
    ProviderSettings {
        name: name.to_owned(),
        title: "Acme".to_owned(),
        issuer: ISSUER.to_owned(),
        client_id: "board".to_owned(),
        client_secret: Some("s3cret & more".to_owned()),
        scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
        email_domains: match name {
            "closed" => vec!["acme.example".to_owned()],
            _ => Vec::new(),
        },
        redirect_url: format!("https://board.example/sign-in/{name}"),
    }
}

/// The provider.
pub struct FakeProvider {
    random: Arc<Random>,
    said: Mutex<Said>,
}

struct Said {
    key_id: u32,
    key: Ed25519KeyPair,
    metadata: Value,
    codes: BTreeMap<String, Agreed>,
    calls: u32,
}

/// Somebody agreed to sign in; a code stands for it.
struct Agreed {
    claims: Value,
    header: Value,
    code_challenge: String,
    redirect_uri: String,
}

fn new_key(random: &Random) -> Ed25519KeyPair {
    #[expect(clippy::expect_used, reason = "32 bytes are a seed")]
    Ed25519KeyPair::from_seed_unchecked(&random.bytes::<32>()).expect("a key")
}

/// The parameters in an address.
pub(super) fn parameters(url: &str) -> BTreeMap<String, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

impl FakeProvider {
    pub(super) fn new(random: &Arc<Random>) -> Self {
        let metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/auth?tenant=1"),
            "token_endpoint": format!("{ISSUER}/token"),
            "jwks_uri": format!("{ISSUER}/keys"),
            "authorization_response_iss_parameter_supported": true,
        });
        Self {
            random: Arc::clone(random),
            said: Mutex::new(Said {
                key_id: 1,
                key: new_key(random),
                metadata,
                codes: BTreeMap::new(),
                calls: 0,
            }),
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was called.
    pub fn calls(&self) -> u32 {
        self.said().calls
    }

    /// From now on it publishes this under `name`.
    pub fn publish(&self, name: &str, value: Value) {
        self.said().metadata[name] = value;
    }

    /// From now on it signs with another key, and publishes only that.
    pub fn rotate(&self) {
        let key = new_key(&self.random);
        let mut said = self.said();
        said.key_id += 1;
        said.key = key;
    }

    /// Somebody whom the browser brought to `authorization_url` agrees; returns what the browser brings back. `claims` are laid over
    /// those of a right token, made at `now` seconds; null takes one away.
    ///
    /// # Panics
    /// As [`FakeProvider::agree_with`].
    pub fn agree(&self, authorization_url: &str, claims: Value, now: i64) -> Value {
        self.agree_with(authorization_url, claims, json!({}), now)
    }

    /// The same with what is laid over the token's header.
    ///
    /// # Panics
    /// When the board did not ask for a code, or without PKCE.
    pub fn agree_with(&self, authorization_url: &str, claims: Value, header: Value, now: i64) -> Value {
        let asked = parameters(authorization_url);
        let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
        assert_eq!(of("code_challenge_method"), "S256");
        assert_eq!(of("response_type"), "code");
        let mut all = json!({
            "iss": ISSUER, "aud": "board", "sub": "1", "iat": now, "exp": now + 600, "nonce": of("nonce"),
            "email": "ada@acme.example", "email_verified": true, "name": "Ada Example",
        });
        lay_over(&mut all, claims);
        let code = self.random.token();
        let agreed = Agreed {
            claims: all,
            header,
            code_challenge: of("code_challenge"),
            redirect_uri: of("redirect_uri"),
        };
        self.said().codes.insert(code.clone(), agreed);
        json!({"code": code, "state": of("state"), "iss": ISSUER})
    }
}

fn lay_over(below: &mut Value, above: Value) {
    let (Value::Object(below), Value::Object(above)) = (below, above) else {
        return;
    };
    for (name, value) in above {
        if value.is_null() {
            below.remove(&name);
        } else {
            below.insert(name, value);
        }
    }
}

impl Said {
    fn token(&self, agreed: &Agreed) -> String {
        let mut header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.key_id.to_string()});
        lay_over(&mut header, agreed.header.clone());
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&agreed.claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    fn keys(&self) -> Value {
        let x = BASE64URL_NOPAD.encode(self.key.public_key().as_ref());
        json!({"keys": [
            {"kty": "unheard of", "kid": "0"},
            {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.key_id.to_string(), "x": x},
        ]})
    }
}

impl ProviderCalls for FakeProvider {
    fn get(&self, url: &str, authorization: Option<&str>) -> Result<(u16, Vec<u8>), CallFailed> {
        let mut said = self.said();
        said.calls += 1;
        let body = match url.strip_prefix(ISSUER) {
            Some("/.well-known/openid-configuration") => said.metadata.clone(),
            Some("/keys") => said.keys(),
            Some("/me") if authorization == Some("Bearer opens /me") => said.metadata["about"].clone(),
            _ => return Ok((404, Vec::new())),
        };
        Ok((200, body.to_string().into_bytes()))
    }

    fn post_form(
        &self,
        _: &str,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<(u16, Vec<u8>), CallFailed> {
        let mut said = self.said();
        said.calls += 1;
        let given = parameters(&format!("?{form}"));
        let of = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
        // `&` and blanks are encoded before they are joined.
        let secret = format!("Basic {}", BASE64.encode(b"board:s3cret+%26+more"));
        let is_client = authorization == Some(secret.as_str());
        let agreed = said.codes.remove(of("code")).filter(|agreed| {
            let verifier = digest(&SHA256, of("code_verifier").as_bytes());
            BASE64URL_NOPAD.encode(verifier.as_ref()) == agreed.code_challenge
                && of("redirect_uri") == agreed.redirect_uri
                && of("grant_type") == "authorization_code"
        });
        Ok(match agreed {
            Some(agreed) if is_client => {
                let body = json!({"access_token": "opens /me", "token_type": "Bearer", "id_token": said.token(&agreed)});
                (200, body.to_string().into_bytes())
            }
            _ => (400, br#"{"error": "invalid_grant"}"#.to_vec()),
        })
    }

    fn may_reach(&self, url: &str) -> bool {
        url.starts_with("https://")
    }
}
