//! Who we are when we write.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::{DkimAlgorithm, DkimKey, EmailAddress, Transport};

/// A name and an address: `Backplane <board@example.com>` or just the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// What mail programs show; may be empty.
    pub name: String,
    /// The address itself.
    pub address: EmailAddress,
}

impl FromStr for Mailbox {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (name, address) = match text
            .trim()
            .strip_suffix('>')
            .and_then(|rest| rest.rsplit_once('<'))
        {
            Some((name, address)) => (name.trim().trim_matches('"'), address),
            None => ("", text),
        };
        let address = address.parse().map_err(|_| ConfigError::From)?;
        let name = name.to_owned();
        Ok(Self { name, address })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{} <{}>", self.name, self.address)
        }
    }
}

/// Everything about us that goes into mails.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// Sender of every mail, also the envelope's; its domain is that of every Message-ID.
    pub from: Mailbox,
    /// Our postal address in one line, which bulk mail must show (CAN-SPAM, section 5(a)(5)); may be empty for tests.
    pub postal_address: String,
    /// Where this installation is reached, without a trailing slash: `https://board.example`.
    pub public_url: String,
    /// Keys that sign every mail, one signature each; none leaves signing to the relay.
    pub dkim: Vec<DkimKey>,
}

impl MailConfig {
    /// What the board calls itself: the name that its mails come from, otherwise the host of its address.
    pub fn site(&self) -> &str {
        let host = self.public_url.split_once("://").map_or("", |(_, host)| host);
        match self.from.name.as_str() {
            "" => host.trim_end_matches('/'),
            name => name,
        }
    }

    /// The URL of `path` (which begins with `/`) on this installation.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.trim_end_matches('/'))
    }
}

/// A setting with which mail cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `mail.from` is not a mailbox.
    #[error("mail.from must be `name@example.com` or `Name <name@example.com>`")]
    From,
    /// Bulk mail leaves the machine without saying who sends it.
    #[error("mail.postal_address must be set to send alerts by SMTP: the law asks for it in every bulk mail")]
    PostalAddress,
    /// Receivers compare the domain that signs with that of the sender (DMARC, RFC 7489, section 3.1.1).
    #[error("mail.dkim.domain must be the domain of mail.from, or one above it")]
    DkimDomain,
    /// Many receivers know no Ed25519.
    #[error("mail.dkim needs an RSA key; an Ed25519 key can only stand beside it")]
    DkimAlgorithm,
    /// Links in mails would lead nowhere.
    #[error("server.public_url must be an http:// or https:// URL without a query")]
    PublicUrl,
    /// One-click unsubscribing needs https (RFC 8058, section 3.1).
    #[error("server.public_url must be https:// to send alerts by SMTP: one-click unsubscribing needs it")]
    PublicUrlNotSecure,
}

/// Checks what can be known before the first mail.
///
/// # Errors
/// The first setting that is missing or wrong for `transport`. A file or memory transport needs less.
pub fn check(config: &MailConfig, transport: &Transport) -> Result<(), ConfigError> {
    let url = Url::parse(&config.public_url).map_err(|_| ConfigError::PublicUrl)?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.host_str().is_none() {
        return Err(ConfigError::PublicUrl);
    }
    let from = config.from.address.domain();
    for key in &config.dkim {
        let is_above = from
            .strip_suffix(key.domain())
            .is_some_and(|below| below.is_empty() || below.ends_with('.'));
        if !is_above || !key.domain().contains('.') {
            return Err(ConfigError::DkimDomain);
        }
    }
    if !config.dkim.is_empty() && config.dkim.iter().all(|key| key.kind() == DkimAlgorithm::Ed25519) {
        return Err(ConfigError::DkimAlgorithm);
    }
    if let Transport::Smtp(smtp) = transport {
        if config.postal_address.trim().is_empty() {
            return Err(ConfigError::PostalAddress);
        }
        if url.scheme() != "https" && !smtp.is_local() {
            return Err(ConfigError::PublicUrlNotSecure);
        }
    }
    Ok(())
}
