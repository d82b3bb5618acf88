//! A last look at bulk mails before they leave: what they tell may have changed while they waited.

use diesel::prelude::*;
use store::schema::outbox;
use store::{DbConn, Id, StoreError, Timestamp};

use crate::outbox::{Mail, MailState};

/// Who wrote bulk mails, and knows whether they are still true. It is asked when mails are claimed, and once more for each
/// mail right before it leaves.
pub trait Review: Send + Sync {
    /// Those of the queued mails `ids` that tell something that is no longer so. Cheap: it is asked for every mail.
    ///
    /// # Errors
    /// When the database does not answer; the mails wait then.
    fn outdated(&self, conn: &mut DbConn, ids: &[Id], now: Timestamp) -> Result<Vec<Id>, StoreError>;

    /// What becomes of an outdated mail, in the transaction that claims it.
    ///
    /// # Errors
    /// As above.
    fn revise(&self, tx: &mut DbConn, mail: &Mail, now: Timestamp) -> Result<Revision, StoreError>;
}

/// What becomes of an outdated mail.
#[derive(Debug, Clone)]
pub enum Revision {
    /// It leaves with this content.
    Rewritten {
        /// The subject.
        subject: String,
        /// The `text/plain` part.
        text: String,
        /// The `text/html` part.
        html: String,
    },
    /// Nothing of it is left to tell: it does not leave.
    Withdrawn(&'static str),
}

/// Revises those of `mails` that are outdated. Returns the ids of those that do not leave.
pub(crate) fn revise_all(
    tx: &mut DbConn,
    review: &dyn Review,
    mails: &[Mail],
    now: Timestamp,
) -> Result<Vec<Id>, StoreError> {
    let bulk: Vec<Id> = mails
        .iter()
        .filter(|mail| mail.is_bulk)
        .map(|mail| mail.id)
        .collect();
    if bulk.is_empty() {
        return Ok(Vec::new());
    }
    let outdated = review.outdated(tx, &bulk, now)?;
    let mut withdrawn = Vec::new();
    for mail in mails.iter().filter(|mail| outdated.contains(&mail.id)) {
        // What it was about may be told by another mail some day: its key makes room.
        let key = format!("{}/revised/{}", mail.dedup_key, now.micros());
        let row = diesel::update(outbox::table.find(mail.id));
        match review.revise(tx, mail, now)? {
            Revision::Rewritten { subject, text, html } => {
                row.set((
                    outbox::dedup_key.eq(key),
                    outbox::subject.eq(subject),
                    outbox::text_body.eq(text),
                    outbox::html_body.eq(html),
                ))
                .execute(tx)?;
            }
            Revision::Withdrawn(why) => {
                withdrawn.push(mail.id);
                row.set((
                    outbox::dedup_key.eq(key),
                    outbox::state.eq(MailState::Expired),
                    outbox::finished_at.eq(now),
                    outbox::last_error.eq(why),
                    outbox::lease_holder.eq(None::<Id>),
                    outbox::lease_expires_at.eq(None::<Timestamp>),
                ))
                .execute(tx)?;
            }
        }
    }
    Ok(withdrawn)
}
