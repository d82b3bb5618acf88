//! Mails kept in memory, for tests of this and every other crate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::Id;

use super::Delivery;
use crate::{EmailAddress, Message};

/// A mail that was handed to a [`MemoryMailbox`].
#[derive(Debug, Clone)]
pub struct SentMail {
    /// The outbox row.
    pub id: Id,
    /// Envelope sender.
    pub sender: EmailAddress,
    /// Envelope recipient.
    pub recipient: EmailAddress,
    /// The final bytes.
    pub bytes: Vec<u8>,
}

impl SentMail {
    /// The final bytes as text.
    pub fn as_text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Everything that was sent, in order, also what was sent twice. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct MemoryMailbox(Arc<Mutex<Vec<SentMail>>>);

impl MemoryMailbox {
    /// The mails so far.
    pub fn mails(&self) -> Vec<SentMail> {
        self.lock().clone()
    }

    /// Takes the mails out.
    pub fn take(&self) -> Vec<SentMail> {
        std::mem::take(&mut *self.lock())
    }

    pub(crate) fn deliver(&self, message: Message) -> Delivery {
        self.lock().push(SentMail {
            id: message.id,
            sender: message.sender,
            recipient: message.recipient,
            bytes: message.bytes,
        });
        Delivery::Accepted
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SentMail>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
