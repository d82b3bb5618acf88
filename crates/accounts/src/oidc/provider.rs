//! Who the providers are, and what they publish about themselves (OpenID Connect Discovery 1.0).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use jiff::SignedDuration;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;
use store::Timestamp;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::id_token::{self, Expected, Vouched};
use super::{ProviderError, refused};

/// How long what a provider publishes is taken for true.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(1);

/// A token with an unknown key makes us ask for new keys at most this often.
const KEYS_ASKED_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// A provider that failed is left alone for so long: whoever waited for the same answer gets the same.
const LEFT_ALONE_FOR: SignedDuration = SignedDuration::from_secs(10);

/// A provider that could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct CallFailed(pub String);

/// Talks to providers; each call returns status and body, which may be 256 KiB. Blocks.
pub trait ProviderCalls: Send + Sync {
    /// Asks for what is at `url`, with `authorization` as the header of that name.
    fn get(&self, url: &str, authorization: Option<&str>) -> Result<(u16, Vec<u8>), CallFailed>;

    /// Sends the encoded `form` to `url`, with `authorization` as the header of that name.
    fn post_form(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<(u16, Vec<u8>), CallFailed>;

    /// Whether a browser or we may be sent to `url`.
    fn may_reach(&self, url: &str) -> bool;
}

/// What the operator says about a provider.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Its name in addresses: `[a-z0-9-]`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Who signs: exactly as in its tokens.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// Shows that it is us; without it the provider knows us by the redirect only.
    pub client_secret: Option<String>,
    /// What is asked for; always with `openid`.
    pub scopes: Vec<String>,
    /// Only addresses of these domains sign in; any, when there are none.
    pub email_domains: Vec<String>,
    /// Where the browser comes back to.
    pub redirect_url: String,
}

impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("name", &self.name)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Every provider with which people may sign in.
#[derive(Debug, Default)]
pub struct Providers(Vec<Arc<Provider>>);

impl Providers {
    /// These providers, each with the client that talks to it.
    pub fn new(all: impl IntoIterator<Item = (ProviderSettings, Arc<dyn ProviderCalls>)>) -> Self {
        let provider = |(settings, calls)| Provider {
            settings,
            calls,
            published: Mutex::new(Published::default()),
        };
        Self(all.into_iter().map(provider).map(Arc::new).collect())
    }

    /// What people are shown of each.
    pub fn settings(&self) -> impl Iterator<Item = &ProviderSettings> {
        self.0.iter().map(|provider| &provider.settings)
    }

    pub(super) fn find(&self, name: &str) -> Result<Arc<Provider>, ProviderError> {
        let mut named = self.0.iter().filter(|provider| provider.settings.name == name);
        named.next().cloned().ok_or(ProviderError::Unknown)
    }
}

/// One of them.
pub(super) struct Provider {
    pub(super) settings: ProviderSettings,
    calls: Arc<dyn ProviderCalls>,
    published: Mutex<Published>,
}

/// What it has published, as far as it could be read.
#[derive(Default)]
struct Published {
    known: Option<Known>,
    failed_at: Option<Timestamp>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

/// What it has published.
#[derive(Clone)]
struct Known {
    metadata: Arc<Metadata>,
    keys: Arc<Vec<Jwk>>,
    read_at: Timestamp,
    keys_read_at: Timestamp,
}

/// The parts of its metadata that we use.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    /// `client_secret_basic` when it says nothing.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenRefusal {
    error: String,
}

/// What comes back from the provider with the browser.
pub(super) struct Returned {
    pub(super) code: String,
    pub(super) issuer: Option<String>,
    pub(super) nonce: String,
    pub(super) code_verifier: String,
}

/// What makes one request for a sign-in different from all others.
pub(super) struct Asked<'a> {
    pub(super) state: &'a str,
    pub(super) nonce: &'a str,
    pub(super) code_challenge: &'a str,
}

impl Provider {
    /// Where the browser is sent. Blocks.
    pub(super) fn authorization_url(
        &self,
        asked: &Asked<'_>,
        now: Timestamp,
    ) -> Result<String, ProviderError> {
        let known = self.known(now)?;
        let settings = &self.settings;
        let endpoint = &known.metadata.authorization_endpoint;
        let mut url = Url::parse(endpoint)
            .map_err(|_| ProviderError::Unavailable("its authorization endpoint is no address".to_owned()))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &settings.redirect_url)
            .append_pair("scope", &settings.scopes.join(" "))
            .append_pair("state", asked.state)
            .append_pair("nonce", asked.nonce)
            .append_pair("code_challenge", asked.code_challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// Exchanges the code, and checks what the provider says about whom. Blocks.
    pub(super) fn vouched(&self, returned: &Returned, now: Timestamp) -> Result<Vouched, ProviderError> {
        let known = self.known(now)?;
        let issuer = &self.settings.issuer;
        // Against mixing up providers (RFC 9207, RFC 9700 section 4.4).
        match &returned.issuer {
            Some(named) if named != issuer => return Err(refused("the answer names another issuer")),
            None if known.metadata.authorization_response_iss_parameter_supported => {
                return Err(refused(
                    "the answer names no issuer, though the provider says it does",
                ));
            }
            _ => {}
        }
        let answer = self.exchange(&known.metadata, returned)?;
        let token = answer.id_token;
        let expected = Expected {
            issuer,
            client_id: &self.settings.client_id,
            nonce: &returned.nonce,
        };
        let key_id = id_token::key_id(&token)?;
        let mut keys = known.keys;
        if !id_token::is_known(&keys, key_id.as_deref()) {
            keys = self.newer_keys(now)?;
        }
        let mut vouched = id_token::verify(&token, &keys, &expected, now)?;
        let about = known
            .metadata
            .userinfo_endpoint
            .as_deref()
            .zip(answer.access_token);
        if let (true, Some((url, access_token))) = (vouched.is_bare, about) {
            self.complete(&mut vouched, url, &access_token)?;
        }
        Ok(vouched)
    }

    /// Providers that keep strictly to the standard say more about somebody only where they are asked for it (section 5.3).
    fn complete(&self, vouched: &mut Vouched, url: &str, access_token: &str) -> Result<(), ProviderError> {
        let authorization = format!("Bearer {access_token}");
        let answer = self
            .calls
            .get(url, Some(&authorization))
            .map_err(|CallFailed(words)| ProviderError::Unavailable(words))?;
        match answer {
            (200, body) => vouched.complete(&body),
            (status, _) => Err(refused(format!(
                "it says nothing more about the person ({status})"
            ))),
        }
    }

    fn exchange(&self, metadata: &Metadata, returned: &Returned) -> Result<TokenAnswer, ProviderError> {
        let settings = &self.settings;
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let is_basic = methods.is_none_or(|all| all.iter().any(|method| method == "client_secret_basic"));
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", &returned.code)
            .append_pair("redirect_uri", &settings.redirect_url)
            .append_pair("code_verifier", &returned.code_verifier);
        let authorization = match &settings.client_secret {
            Some(secret) if is_basic => {
                // Encoded before they are joined (RFC 6749, 2.3.1).
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let both = format!("{}:{}", encoded(&settings.client_id), encoded(secret));
                Some(format!("Basic {}", BASE64.encode(both.as_bytes())))
            }
            secret => {
                form.append_pair("client_id", &settings.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret);
                }
                None
            }
        };
        let answer = self
            .calls
            .post_form(&metadata.token_endpoint, authorization.as_deref(), &form.finish())
            .map_err(|CallFailed(words)| ProviderError::Unavailable(words))?;
        match answer {
            (200, body) => serde_json::from_slice(&body)
                .map_err(|_| refused("the answer to the code cannot be read, or has no ID token")),
            (500.., _) => Err(ProviderError::Unavailable("its token endpoint failed".to_owned())),
            (status, body) => {
                let said = serde_json::from_slice::<TokenRefusal>(&body).map(|refusal| refusal.error);
                let said: String = said
                    .unwrap_or_default()
                    .chars()
                    .filter(char::is_ascii_graphic)
                    .take(60)
                    .collect();
                Err(refused(format!("the code was refused ({status} {said})")))
            }
        }
    }

    /// What the provider has published, asked for once an hour. One asks at a time.
    fn known(&self, now: Timestamp) -> Result<Known, ProviderError> {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let known = published.known.as_ref();
        if let Some(known) = known.filter(|known| is_recent(known.read_at, KNOWN_FOR, now)) {
            return Ok(known.clone());
        }
        // Also for who asked before it failed, and waited here.
        let since = |at: Timestamp| (now.seconds() - at.seconds()).abs();
        let is_left_alone = published
            .failed_at
            .is_some_and(|at| since(at) < LEFT_ALONE_FOR.as_secs());
        if is_left_alone {
            return Err(ProviderError::Unavailable("it failed a moment ago".to_owned()));
        }
        let read = self.read(now);
        match &read {
            Ok(known) => {
                *published = Published {
                    known: Some(known.clone()),
                    failed_at: None,
                }
            }
            Err(_) => published.failed_at = Some(now),
        }
        read
    }

    fn read(&self, now: Timestamp) -> Result<Known, ProviderError> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let metadata: Metadata = self.published(&format!("{issuer}/.well-known/openid-configuration"))?;
        // Else one provider could speak for another.
        if metadata.issuer != self.settings.issuer {
            let words = "what it publishes names another issuer";
            return Err(ProviderError::Unavailable(words.to_owned()));
        }
        for url in [
            &metadata.authorization_endpoint,
            &metadata.token_endpoint,
            &metadata.jwks_uri,
            metadata.userinfo_endpoint.as_ref().unwrap_or(&metadata.jwks_uri),
        ] {
            if !self.calls.may_reach(url) {
                let words = "what it publishes leads where nobody may be sent";
                return Err(ProviderError::Unavailable(words.to_owned()));
            }
        }
        let keys = self.keys(&metadata)?;
        Ok(Known {
            metadata: Arc::new(metadata),
            keys: Arc::new(keys),
            read_at: now,
            keys_read_at: now,
        })
    }

    /// Its keys, asked for again when that was not done just now: it may have changed them.
    fn newer_keys(&self, now: Timestamp) -> Result<Arc<Vec<Jwk>>, ProviderError> {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = published.known.as_mut() else {
            return Err(refused("the key is unknown"));
        };
        if !is_recent(known.keys_read_at, KEYS_ASKED_EVERY, now) {
            // Also when it fails: a stream of made-up keys makes no stream of calls.
            known.keys_read_at = now;
            known.keys = Arc::new(self.keys(&known.metadata)?);
        }
        Ok(Arc::clone(&known.keys))
    }

    fn keys(&self, metadata: &Metadata) -> Result<Vec<Jwk>, ProviderError> {
        let set: KeySet = self.published(&metadata.jwks_uri)?;
        // One key that we do not understand does not stand in the way of the others.
        let understood = |key| serde_json::from_value(key).ok();
        Ok(set.keys.into_iter().filter_map(understood).collect())
    }

    fn published<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, ProviderError> {
        let (status, body) = self
            .calls
            .get(url, None)
            .map_err(|CallFailed(words)| ProviderError::Unavailable(words))?;
        if status != 200 {
            return Err(ProviderError::Unavailable(format!(
                "it answered with status {status}"
            )));
        }
        serde_json::from_slice(&body)
            .map_err(|_| ProviderError::Unavailable("what it publishes cannot be read".to_owned()))
    }
}

/// Whether `at` is within the last `patience`, by a clock that may have been turned back.
fn is_recent(at: Timestamp, patience: SignedDuration, now: Timestamp) -> bool {
    at <= now && now < at.plus(patience)
}
