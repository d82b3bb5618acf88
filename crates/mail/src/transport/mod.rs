//! Ways out of the house.

mod file;
mod memory;
mod smtp;
mod smtp_url;
mod tls;
mod window;
mod wire;

use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use memory::{MemoryMailbox, SentMail};
pub(crate) use smtp::Relay;
pub use smtp_url::{SmtpConfig, SmtpTimeouts, Tls};
pub(crate) use window::Place;

use crate::{DeliveryRules, Message};

/// Where mails go.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Files `<id>.eml` in a directory, for development. Writing one twice leaves one.
    File(PathBuf),
    /// An SMTP relay.
    Smtp(Box<SmtpConfig>),
    /// A list in memory, for tests.
    Memory(MemoryMailbox),
}

/// A `mail.url` that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "mail.url must be file:DIR, smtp://[user:password@]host:port or smtps://[user:password@]host:port: {0}"
)]
pub struct TransportError(pub(crate) &'static str);

impl FromStr for Transport {
    type Err = TransportError;

    /// Reads `file:DIR`, `smtp://…` and `smtps://…`. `smtp` insists on STARTTLS, but for a relay on this machine;
    /// `?tls=required` insists there too, `?tls=when-offered` takes what it gets, and `?tls=none` does without.
    /// `user` and `password` are percent-encoded where needed.
    fn from_str(url: &str) -> Result<Self, TransportError> {
        if let Some(dir) = url.strip_prefix("file:") {
            let dir = dir.strip_prefix("//").unwrap_or(dir);
            if dir.is_empty() {
                return Err(TransportError("the directory is missing"));
            }
            return Ok(Self::File(PathBuf::from(dir)));
        }
        smtp_url::parse(url).map(|config| Self::Smtp(Box::new(config)))
    }
}

impl Transport {
    /// The same way out, where only the authorities in the PEM file `path` may vouch for the relay.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn with_authorities(mut self, path: &Path) -> Result<Self, TransportError> {
        if let Self::Smtp(config) = &mut self {
            config.roots = tls::read_roots(path)?;
        }
        Ok(self)
    }

    /// The same way, where a mail that the relay thinks about for longer than `wait` after its final dot holds up no other.
    #[must_use]
    pub fn with_others_wait(mut self, wait: std::time::Duration) -> Self {
        if let Self::Smtp(config) = &mut self {
            config.timeouts.others_wait = wait;
        }
        self
    }
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The other side took responsibility: a mail is delivered when the reply to the final dot is 250, never before.
    Accepted,
    /// Not now (4xx).
    Later {
        /// What was said.
        detail: String,
        /// Whether it was 421: the other side wants fewer mails like this one.
        is_throttled: bool,
    },
    /// Not ever (5xx after the sender was accepted).
    Refused {
        /// What was said.
        detail: String,
        /// Whether the mailbox does not exist, so that nothing more should be sent there.
        no_such_mailbox: bool,
    },
    /// There is no way out at the moment: no connection, no greeting, no encryption, no login. This mail was not begun.
    NoRelay {
        /// What was said.
        detail: String,
        /// Whether other connections are open, and this one was refused with 421: it was one too many.
        is_surplus: bool,
    },
    /// The relay does not let us send this mail: the fault is ours or our relay's, not the recipient's.
    RelayFault {
        /// What was said.
        detail: String,
        /// Whether the connection was of no more use.
        is_dead: bool,
    },
    /// Nobody knows: the connection ended in the middle. The mail is sent again with the same Message-ID.
    Unknown {
        /// What happened.
        detail: String,
    },
}

impl Delivery {
    /// The outcome in one word, for logs and figures; says nothing about the recipient.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Later { .. } => "later",
            Self::Refused { .. } => "refused",
            Self::NoRelay { .. } => "no_relay",
            Self::RelayFault { .. } => "relay_fault",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// The way out with its open connections.
#[derive(Debug)]
pub(crate) enum Carrier {
    File(PathBuf),
    Smtp(Box<Relay>),
    Memory(MemoryMailbox),
}

impl Carrier {
    /// `hello` is the name by which we introduce ourselves.
    pub(crate) fn new(transport: &Transport, hello: &str, rules: &DeliveryRules) -> Self {
        match transport {
            Transport::File(dir) => Self::File(dir.clone()),
            Transport::Smtp(config) => Self::Smtp(Box::new(Relay::new((**config).clone(), hello, rules))),
            Transport::Memory(mailbox) => Self::Memory(mailbox.clone()),
        }
    }

    /// Tries to hand `message` over. Dropping the future drops the connection with it. The place is to be held until the
    /// outcome is written down.
    pub(crate) async fn deliver(&self, message: Message, lane: Option<&str>) -> (Delivery, Place) {
        match self {
            Self::File(dir) => (file::deliver(dir.clone(), message).await, Place::none()),
            Self::Smtp(relay) => relay.deliver(&message, lane).await,
            Self::Memory(mailbox) => (mailbox.deliver(message), Place::none()),
        }
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        match self {
            Self::Smtp(relay) => relay.open(),
            Self::File(_) | Self::Memory(_) => 0,
        }
    }

    /// Closes connections that nobody used for a while.
    pub(crate) async fn close_idle(&self) {
        if let Self::Smtp(relay) = self {
            relay.close_idle().await;
        }
    }

    /// From now on no mail gets its final dot.
    pub(crate) fn say_no_more(&self) {
        if let Self::Smtp(relay) = self {
            relay.say_no_more();
        }
    }

    /// Says goodbye to the other side.
    pub(crate) async fn close(&self) {
        if let Self::Smtp(relay) = self {
            relay.close().await;
        }
    }
}
