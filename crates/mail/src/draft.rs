//! A mail before it is a row.

use serde::{Deserialize, Serialize};
use store::Timestamp;

use crate::{EmailAddress, MailKind};

/// A mail to be written into the outbox.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What sort of mail.
    pub kind: MailKind,
    /// Who gets it: one address.
    pub recipient: EmailAddress,
    /// The subject. Control characters become spaces.
    pub subject: String,
    /// The `text/plain` part.
    pub text: String,
    /// The `text/html` part.
    pub html: String,
    /// Present on bulk mail and only there: it can be unsubscribed from, and suppressed addresses do not get it.
    pub list: Option<ListHeaders>,
    /// What the mail is about; a second draft with the same key is dropped.
    pub dedup_key: String,
    /// After this it is worth nothing and is not sent any more. At most [`crate::GIVE_UP_AFTER`] from now is used.
    pub not_after: Timestamp,
}

/// What makes a mail a list's mail (RFC 2369, RFC 2919, RFC 8058).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListHeaders {
    /// The https URL that unsubscribes on POST without a login and shows a page on GET.
    pub unsubscribe_url: String,
    /// The list's name in one word, such as `alerts`; becomes `List-Id: <alerts.example.com>`.
    pub list: String,
}
