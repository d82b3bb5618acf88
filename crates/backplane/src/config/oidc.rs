//! Settings of identity providers: one section for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use accounts::{CallFailed, ProviderCalls, ProviderSettings, Providers};
use postings::outward::{Caller, Reach};
use serde::Deserialize;

use super::{ConfigError, Layers};

/// The section of the defaults that stands for every provider.
pub(super) const TEMPLATE: &str = "NAME";

/// How long a provider may take to answer: somebody waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer of a provider, bytes.
const ANSWER_BYTES: u64 = 256 * 1024;

/// Talks to a provider through the client for the outside.
struct ProviderClient(Caller);

impl ProviderCalls for ProviderClient {
    fn get(&self, url: &str, authorization: Option<&str>) -> Result<(u16, Vec<u8>), CallFailed> {
        self.0.get(url, authorization).map_err(CallFailed)
    }

    fn post_form(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<(u16, Vec<u8>), CallFailed> {
        self.0.post_form(url, authorization, form).map_err(CallFailed)
    }

    fn may_reach(&self, url: &str) -> bool {
        self.0.may_reach(url)
    }
}

/// One provider, as it is written. What is missing is as the template says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Oidc {
    issuer: String,
    client_id: String,
    client_secret_file: PathBuf,
    title: String,
    scopes: String,
    email_domains: String,
    redirect_url: String,
    allow_local: bool,
}

/// A provider whose settings were checked; its secret is read when it is needed.
#[derive(Debug, Clone)]
pub(super) struct Named {
    settings: ProviderSettings,
    secret_file: Option<PathBuf>,
    reach: Reach,
}

impl Named {
    /// Its name in settings.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether what is said to it, the client's secret among it, crosses the network in the clear.
    pub(super) fn is_in_the_clear(&self) -> bool {
        !self.settings.issuer.starts_with("https://")
    }

    /// Where the client's secret lies.
    pub(super) fn secret_file(&self) -> Option<&Path> {
        self.secret_file.as_deref()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ','])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every provider but the template.
pub(super) fn providers(
    layers: &Layers,
    written: BTreeMap<String, Oidc>,
    public_url: &str,
) -> Result<Vec<Named>, ConfigError> {
    let template = written.get(TEMPLATE).cloned().unwrap_or_default();
    written
        .into_iter()
        .filter(|(name, _)| name != TEMPLATE)
        .map(|(name, oidc)| oidc.checked(layers, name, &template, public_url))
        .collect()
}

impl Oidc {
    fn checked(
        self,
        layers: &Layers,
        name: String,
        template: &Self,
        public_url: &str,
    ) -> Result<Named, ConfigError> {
        let refuse = |key: &str, detail: &str| layers.refuse(&format!("oidc.{name}.{key}"), detail);
        let is_name = (1..=32).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_name {
            return Err(layers.refuse(
                &format!("oidc.{name}"),
                "must have a name of small letters, digits and -",
            ));
        }
        let is_address = |text: &str| {
            url::Url::parse(text).is_ok_and(|url| {
                let is_open = url.scheme() == "http" && self.allow_local;
                (url.scheme() == "https" || is_open) && url.query().is_none() && url.fragment().is_none()
            })
        };
        if !is_address(&self.issuer) {
            return Err(refuse(
                "issuer",
                "must be the provider's issuer, such as https://login.example",
            ));
        }
        if self.client_id.is_empty() {
            return Err(refuse("client_id", "must be set"));
        }
        let redirect_url = match self.redirect_url.trim() {
            "" => format!("{public_url}/sign-in/{name}"),
            url if url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) => {
                url.to_owned()
            }
            _ => return Err(refuse("redirect_url", "must be an https:// address")),
        };
        let scopes = words(if self.scopes.is_empty() {
            &template.scopes
        } else {
            &self.scopes
        });
        if !scopes.iter().any(|scope| scope == "openid") {
            return Err(refuse("scopes", "must contain openid"));
        }
        let title = if self.title.is_empty() {
            name.clone()
        } else {
            self.title
        };
        Ok(Named {
            settings: ProviderSettings {
                title,
                issuer: self.issuer,
                client_id: self.client_id,
                client_secret: None,
                scopes,
                email_domains: words(&self.email_domains.to_lowercase()),
                redirect_url,
                name,
            },
            secret_file: Some(self.client_secret_file).filter(|path| !path.as_os_str().is_empty()),
            reach: if self.allow_local {
                Reach::Local
            } else {
                Reach::Public
            },
        })
    }
}

/// The providers, with their secrets.
///
/// # Errors
/// When a file with a secret cannot be read, or is empty.
pub(super) fn open(named: &[Named]) -> Result<Providers, ConfigError> {
    let mut all = Vec::with_capacity(named.len());
    for provider in named {
        let mut settings = provider.settings.clone();
        if let Some(path) = &provider.secret_file {
            let unusable = |why: String| {
                let (name, path) = (&settings.name, path.display());
                ConfigError::Together(format!("the secret of oidc.{name} in {path} {why}"))
            };
            let text = std::fs::read_to_string(path)
                .map_err(|error| unusable(format!("cannot be read: {error}")))?;
            let secret = text.trim().to_owned();
            if secret.is_empty() {
                return Err(unusable("is empty".to_owned()));
            }
            settings.client_secret = Some(secret);
        }
        let calls: Arc<dyn ProviderCalls> = Arc::new(ProviderClient(Caller::new(
            provider.reach,
            PATIENCE,
            ANSWER_BYTES,
        )));
        all.push((settings, calls));
    }
    Ok(Providers::new(all))
}
