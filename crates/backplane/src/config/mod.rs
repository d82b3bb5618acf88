//! Settings: the compiled-in defaults, then a file, then the environment. Nothing else in the program reads the
//! environment.

mod boards;
mod edge;
mod layers;
mod oidc;
mod own_data;
mod parts;
mod retention;
mod safety;
mod show;
mod tracing_out;
mod webhooks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alerts::AlertRules;
use jiff::SignedDuration;
use mail::{
    DeliveryRules, DkimAlgorithm, DkimKey, EmailAddress, LinkKey, MailConfig, Mailbox, ReturnPath, Transport,
};
use postings::PostingRules;
use postings::import::Endpoints;
use postings::outward::Reach;
use serde::Deserialize;
use store::Connections;

use parts::{delivery, notify_url, public_url};
use webhooks::Webhooks;

pub(crate) use layers::Layers;
pub(crate) use retention::Retained;
pub(crate) use tracing_out::Traces;

/// Why the settings cannot be used; each text says which key and where it came from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file named by `--config` cannot be read.
    #[error("the configuration file {path} cannot be read: {source}")]
    File { path: PathBuf, source: std::io::Error },
    /// Not TOML.
    #[error("{path} is not valid TOML: {detail}")]
    Toml { path: PathBuf, detail: String },
    /// A key that does not exist.
    #[error("{key} ({origin}) is not a setting{hint}")]
    UnknownKey {
        key: String,
        origin: String,
        hint: String,
    },
    /// A value that does not fit its key.
    #[error("{key} ({origin}) {detail}")]
    Value {
        key: String,
        origin: String,
        detail: String,
    },
    /// Settings that do not fit together.
    #[error("{0}")]
    Together(String),
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// Settings as they are written.
#[derive(Deserialize)]
pub(super) struct Written {
    data_dir: PathBuf,
    data_override: PathBuf,
    server: Server,
    database: Database,
    mail: Mail,
    log: Log,
    limits: Limits,
    quotas: accounts::Quotas,
    retention: retention::Retention,
    alerts: Alerts,
    boards: Boards,
    postings: PostingRules,
    webhooks: Webhooks,
    telemetry: tracing_out::Telemetry,
    oidc: BTreeMap<String, oidc::Oidc>,
}

#[derive(Deserialize)]
struct Server {
    bind: String,
    public_url: String,
    workers: usize,
    trusted_proxies: String,
    forwarded_header: String,
    cors_origins: String,
    hsts: String,
    drain_s: u64,
}

#[derive(Deserialize)]
struct Database {
    url: String,
    pool_size: u32,
    pooler: bool,
    notify_url: String,
}

#[derive(Deserialize)]
struct Mail {
    url: String,
    ca_file: PathBuf,
    from: String,
    return_path: String,
    report_token: String,
    connections: usize,
    unconfirmed: usize,
    unconfirmed_wait_ms: u64,
    domain_connections: usize,
    domain_per_second: usize,
    domains: String,
    retry_after_s: String,
    postal_address: String,
    dkim: Dkim,
}

#[derive(Deserialize, Clone)]
struct Dkim {
    selector: String,
    domain: String,
    key_file: PathBuf,
    second_selector: String,
    second_key_file: PathBuf,
}

#[derive(Deserialize)]
struct Log {
    format: LogFormat,
    filter: String,
}

#[derive(Deserialize)]
struct Alerts {
    per_mail: usize,
    per_employer: usize,
    instant_burst: u32,
    instant_every_seconds: u32,
    confirmations_per_day: u32,
    confirmation_gap_minutes: u32,
    keep_after_days: u32,
    retire_after_days: u32,
}

impl Alerts {
    /// The rules, with what `limits.enabled` says.
    fn rules(&self, is_limited: bool) -> AlertRules {
        let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
        let rules = AlertRules {
            per_mail: self.per_mail,
            per_employer: self.per_employer,
            instant_burst: self.instant_burst,
            instant_every: SignedDuration::from_secs(self.instant_every_seconds.into()),
            confirmations_per_day: self.confirmations_per_day.into(),
            confirmation_gap: SignedDuration::from_mins(self.confirmation_gap_minutes.into()),
            keep_after: days(self.keep_after_days),
            retire_after: days(self.retire_after_days),
        };
        if is_limited { rules } else { rules.unlimited() }
    }
}

#[derive(Deserialize)]
struct Boards {
    fetch: bool,
    greenhouse: String,
    lever: String,
    ashby: String,
    allow_local: bool,
}

/// What callers are allowed.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Limits {
    /// Whether rates are limited.
    pub(crate) enabled: bool,
    /// Largest JSON body, bytes.
    pub(crate) body_bytes: usize,
    /// Largest import over the API, bytes.
    pub(crate) import_bytes: usize,
    /// Requests that are worked on at once.
    pub(crate) in_flight: usize,
}

/// Settings that were checked. Not `Debug`: URLs hold passwords.
pub(crate) struct Config {
    /// The file that `--config` named.
    pub(crate) file: Option<PathBuf>,
    /// Every key with its value as it was written.
    pub(crate) written: BTreeMap<String, String>,
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    /// Where an operator keeps data of their own; empty for none.
    pub(crate) data_override: PathBuf,
    /// Where to listen.
    pub(crate) bind: SocketAddr,
    /// How people reach this installation, without a slash at the end.
    pub(crate) public_url: String,
    /// Threads that answer requests; 0 is one for each core.
    pub(crate) workers: usize,
    /// `sqlite:PATH` or `postgres://…`.
    pub(crate) database_url: String,
    /// Connections.
    pub(crate) pool_size: u32,
    /// What a connection leads to.
    pub(crate) connections: Connections,
    /// Where commits of other nodes are heard of; none when they are only looked for.
    pub(crate) notify_url: Option<String>,
    /// How long to answer "not ready" after SIGTERM before no more connections are taken.
    pub(crate) drain: Duration,
    /// The way out for mail.
    pub(crate) transport: Transport,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// What is logged.
    pub(crate) log_filter: String,
    /// Whether somebody set `log.filter`.
    pub(crate) log_filter_is_set: bool,
    /// What callers are allowed.
    pub(crate) limits: Limits,
    /// What an employer may have.
    pub(crate) quotas: accounts::Quotas,
    /// How long what is over is kept.
    pub(crate) retention: Retained,
    /// What stands between the world and us.
    pub(crate) edge: api::Edge,
    /// How many mails leave at once, and when they are tried again.
    pub(crate) delivery: DeliveryRules,
    /// Secret of `POST /v1/mail/reports`.
    pub(crate) report_token: Option<String>,
    return_path: Option<EmailAddress>,
    /// How much alerts write.
    pub(crate) alert_rules: AlertRules,
    /// Where boards are fetched; none when they are not.
    pub(crate) boards: Option<Endpoints>,
    /// What the operator chose for postings.
    pub(crate) posting_rules: PostingRules,
    /// How far webhooks may go.
    pub(crate) webhook_reach: Reach,
    /// Where traces are sent; none when they are not.
    pub(crate) traces: Option<Traces>,
    oidc: Vec<oidc::Named>,
    from: Mailbox,
    postal_address: String,
    dkim: Dkim,
}

impl Config {
    /// The settings in force: defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// The first key that is unknown or has a value that does not fit.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = Self::from_layers(&Layers::read(file)?)?;
        config.file = file.map(Path::to_owned);
        Ok(config)
    }

    /// The defaults with what `text` says, whatever the environment says; `name` stands in errors.
    pub(crate) fn from_text(name: &str, text: &str) -> Result<Self, ConfigError> {
        Self::from_layers(&Layers::merge(Some((Path::new(name), text)), std::iter::empty())?)
    }

    /// The checked settings of `layers`.
    pub(crate) fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let written: Written = layers.extract()?;
        let at_least_one = |key: &str, value: usize| match value {
            0 => Err(layers.refuse(key, "must be at least 1")),
            _ => Ok(()),
        };
        at_least_one("database.pool_size", written.database.pool_size as usize)?;
        at_least_one("limits.body_bytes", written.limits.body_bytes)?;
        at_least_one("limits.import_bytes", written.limits.import_bytes)?;
        at_least_one("limits.in_flight", written.limits.in_flight)?;
        let alerts = &written.alerts;
        at_least_one("alerts.per_mail", alerts.per_mail)?;
        at_least_one(
            "alerts.instant_every_seconds",
            alerts.instant_every_seconds as usize,
        )?;
        at_least_one(
            "alerts.confirmations_per_day",
            alerts.confirmations_per_day as usize,
        )?;
        at_least_one("alerts.keep_after_days", alerts.keep_after_days as usize)?;
        at_least_one("alerts.retire_after_days", alerts.retire_after_days as usize)?;
        let bind: SocketAddr = written.server.bind.parse().map_err(|_| {
            layers.refuse(
                "server.bind",
                "must be an IP address and a port, such as 127.0.0.1:8080",
            )
        })?;
        let data_dir = written.data_dir;
        let database_url = match written.database.url.trim() {
            "" => format!("sqlite:{}", data_dir.join("backplane.db").display()),
            url => url.to_owned(),
        };
        if !["sqlite:", "postgres://", "postgresql://"]
            .iter()
            .any(|scheme| database_url.starts_with(scheme))
        {
            return Err(layers.refuse(
                "database.url",
                "must be sqlite:PATH, or postgres://user:password@host/name",
            ));
        }
        let notify_url = notify_url(layers, &written.database, &database_url)?;
        let transport = match written.mail.url.trim() {
            "" => Transport::File(data_dir.join("mail")),
            url => url.parse().map_err(|error: mail::TransportError| {
                layers.refuse("mail.url", &format!("is wrong: {error}"))
            })?,
        };
        let from: Mailbox =
            written.mail.from.parse().map_err(|error: mail::ConfigError| {
                layers.refuse("mail.from", &format!("is wrong: {error}"))
            })?;
        let (transport, delivery, return_path) = delivery(layers, &written.mail, transport, &from)?;
        let report_token = written.mail.report_token.trim().to_owned();
        if (1..24).contains(&report_token.len()) {
            return Err(layers.refuse("mail.report_token", "must have at least 24 characters"));
        }
        let public_url = public_url(layers, &written.server.public_url, bind)?;
        let oidc = oidc::providers(layers, written.oidc, &public_url)?;
        tracing_subscriber::EnvFilter::try_new(&written.log.filter)
            .map_err(|error| layers.refuse("log.filter", &format!("is not a filter: {error}")))?;
        Ok(Self {
            file: None,
            written: layers.texts(),
            data_dir,
            data_override: written.data_override,
            bind,
            public_url,
            workers: written.server.workers,
            database_url,
            pool_size: written.database.pool_size,
            connections: if written.database.pooler {
                Connections::Pooled
            } else {
                Connections::Direct
            },
            notify_url,
            drain: Duration::from_secs(written.server.drain_s),
            transport,
            log_format: written.log.format,
            log_filter: written.log.filter,
            log_filter_is_set: !layers.is_default("log.filter"),
            limits: written.limits,
            quotas: written.quotas,
            retention: written.retention.checked(layers)?,
            edge: edge::edge(layers, &written.server)?,
            delivery,
            report_token: Some(report_token).filter(|token| !token.is_empty()),
            return_path,
            alert_rules: written.alerts.rules(written.limits.enabled),
            boards: boards::endpoints(layers, written.boards)?,
            posting_rules: written.postings,
            webhook_reach: written.webhooks.reach(),
            traces: written.telemetry.checked(layers)?,
            oidc,
            from,
            postal_address: written.mail.postal_address,
            dkim: written.mail.dkim,
        })
    }

    /// Everything about us that goes into mails; reads the DKIM key.
    ///
    /// # Errors
    /// When DKIM is half set, its key cannot be read, or mail cannot leave with these settings.
    pub(crate) fn mail_config(&self) -> Result<Arc<MailConfig>, ConfigError> {
        let config = MailConfig {
            from: self.from.clone(),
            postal_address: self.postal_address.clone(),
            public_url: self.public_url.clone(),
            dkim: self.dkim_keys()?,
        };
        mail::check(&config, &self.transport).map_err(|error| ConfigError::Together(error.to_string()))?;
        Ok(Arc::new(config))
    }

    /// The identity providers with which people sign in; reads their secrets.
    ///
    /// # Errors
    /// When a file with a secret cannot be read.
    pub(crate) fn identity_providers(&self) -> Result<accounts::Providers, ConfigError> {
        oidc::open(&self.oidc)
    }

    /// What each mail names as the envelope's sender; `None` when it is the address of `mail.from` as it is.
    pub(crate) fn return_path(&self, links: &Arc<LinkKey>) -> Option<Arc<ReturnPath>> {
        let address = self.return_path.clone()?;
        ReturnPath::new(address, Arc::clone(links)).map(Arc::new)
    }

    /// The signing keys, RSA first.
    fn dkim_keys(&self) -> Result<Vec<DkimKey>, ConfigError> {
        let dkim = &self.dkim;
        let mut keys = Vec::new();
        let first = [
            dkim.selector.is_empty(),
            dkim.domain.is_empty(),
            dkim.key_file.as_os_str().is_empty(),
        ];
        let second = [
            dkim.second_selector.is_empty(),
            dkim.second_key_file.as_os_str().is_empty(),
        ];
        match (first, second) {
            ([true, true, true], [true, true]) => return Ok(keys),
            ([false, false, false], [true, true]) => {}
            ([false, false, false], [false, false]) if dkim.selector != dkim.second_selector => {
                keys.push(self.dkim_key(&dkim.second_selector, &dkim.second_key_file)?);
            }
            ([false, false, false], [false, false]) => {
                let detail = "mail.dkim.second_selector must differ from mail.dkim.selector";
                return Err(ConfigError::Together(detail.to_owned()));
            }
            (_, [true, true]) => {
                let detail = "mail.dkim needs selector, domain and key_file, or none of them";
                return Err(ConfigError::Together(detail.to_owned()));
            }
            _ => {
                let detail = "mail.dkim.second_selector and second_key_file need each other, and a first key";
                return Err(ConfigError::Together(detail.to_owned()));
            }
        }
        keys.push(self.dkim_key(&dkim.selector, &dkim.key_file)?);
        // Some receivers look at the first signature only.
        keys.sort_by_key(|key| key.kind() != DkimAlgorithm::Rsa);
        Ok(keys)
    }

    fn dkim_key(&self, selector: &str, key_file: &Path) -> Result<DkimKey, ConfigError> {
        let path = key_file.display();
        let pem = std::fs::read_to_string(key_file).map_err(|error| {
            ConfigError::Together(format!("the key of mail.dkim {path} cannot be read: {error}"))
        })?;
        DkimKey::from_pem(selector, &self.dkim.domain, &pem)
            .map_err(|error| ConfigError::Together(format!("mail.dkim does not work with {path}: {error}")))
    }

    /// Why mail does not reach anybody with these settings, or not everybody; `None` when nothing is amiss.
    pub(crate) fn mail_warning(&self) -> Option<String> {
        let domain = self.mail_domain();
        let is_example = ["example", "test", "invalid", "localhost"]
            .iter()
            .any(|top| domain.rsplit('.').next() == Some(top));
        match &self.transport {
            Transport::File(dir) if self.public_url.starts_with("https://") => Some(format!(
                "mail is written to files in {} and reaches nobody: set mail.url to smtp://…",
                dir.display()
            )),
            Transport::Smtp(_) if is_example => Some(format!(
                "mail.from is {}, which receivers will refuse: set it to an address of yours",
                self.from
            )),
            Transport::Smtp(_) if self.dkim.selector.is_empty() => Some(
                "mails are not signed: large receivers refuse them unless the relay signs; \
                 `backplane mail dkim generate` makes a key"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// The domain of `mail.from`.
    pub(crate) fn mail_domain(&self) -> &str {
        self.from.address.domain()
    }

    /// Path of the SQLite database; `None` when it is PostgreSQL.
    pub(crate) fn sqlite_path(&self) -> Option<PathBuf> {
        let path = self.database_url.strip_prefix("sqlite:")?;
        Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
    }

    /// Where the search index is.
    pub(crate) fn index_dir(&self) -> PathBuf {
        self.data_dir.join("index")
    }
}

#[cfg(test)]
mod tests;
