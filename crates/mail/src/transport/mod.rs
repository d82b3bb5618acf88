//! Ways out of the house.

mod file;
mod memory;
mod smtp;
mod smtp_url;

use std::path::PathBuf;
use std::str::FromStr;

pub use memory::{MemoryMailbox, SentMail};
pub use smtp_url::{SmtpConfig, SmtpTimeouts, Tls};

use crate::Message;

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

    /// Reads `file:DIR`, `smtp://…` (`?tls=required` insists on STARTTLS, `?tls=none` does without) and `smtps://…`.
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

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The other side took responsibility: a mail is delivered when the reply to the final dot is 250, never before.
    Accepted,
    /// Not now (4xx).
    Later {
        /// What was said.
        detail: String,
    },
    /// Not ever (5xx after the sender was accepted).
    Refused {
        /// What was said.
        detail: String,
        /// Whether the mailbox does not exist, so that nothing more should be sent there.
        no_such_mailbox: bool,
    },
    /// The fault is ours or our relay's, not the mail's: no connection, a refused greeting, login or sender.
    RelayFault {
        /// What was said.
        detail: String,
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
            Self::RelayFault { .. } => "relay_fault",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// One line of deliveries, which keeps its connection from mail to mail.
#[derive(Debug)]
pub(crate) enum Carrier {
    File(PathBuf),
    Smtp(Box<smtp::Line>),
    Memory(MemoryMailbox),
}

impl Carrier {
    pub(crate) fn new(transport: &Transport, hello: &str) -> Self {
        match transport {
            Transport::File(dir) => Self::File(dir.clone()),
            Transport::Smtp(config) => Self::Smtp(Box::new(smtp::Line::new((**config).clone(), hello))),
            Transport::Memory(mailbox) => Self::Memory(mailbox.clone()),
        }
    }

    /// Tries to hand `message` over. Dropping the future drops the connection with it.
    pub(crate) async fn deliver(&mut self, message: Message) -> Delivery {
        match self {
            Self::File(dir) => file::deliver(dir.clone(), message).await,
            Self::Smtp(line) => line.deliver(&message).await,
            Self::Memory(mailbox) => mailbox.deliver(message),
        }
    }

    /// Says goodbye to the other side.
    pub(crate) async fn close(self) {
        if let Self::Smtp(line) = self {
            line.close().await;
        }
    }
}
