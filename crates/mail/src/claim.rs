//! Leases on single mails: who sends what, and what came of it.

use diesel::prelude::*;
use store::schema::outbox;
use store::{DbConn, Id, StoreError, Timestamp, cols};

use crate::SuppressionReason;
use crate::outbox::{LEASE, Mail, MailState};
use crate::review::{Review, revise_all};
use crate::suppression::{suppress, suppressed_among};

/// What a claim took and what it found not worth sending.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    /// Mails that are now the claimer's until `now` + [`LEASE`].
    pub(crate) mails: Vec<Mail>,
    /// Mails that came to their end unsent.
    pub(crate) expired: usize,
    /// Bulk mails whose address is suppressed.
    pub(crate) suppressed: usize,
    /// Bulk mails of which nothing was left to tell.
    pub(crate) withdrawn: usize,
}

/// What to write about a mail after an attempt.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Sent,
    Failed {
        error: String,
        /// Whether nothing more is to be sent there.
        suppress: bool,
    },
    Retry {
        error: String,
        at: Timestamp,
    },
    /// Given back, because there was no way out; the attempt does not count.
    Stranded {
        error: String,
        at: Timestamp,
    },
}

/// Leases up to `limit` due mails to `holder`. A claimed mail becomes due again when its lease runs out, so what a dead
/// process held is taken over by itself.
pub(crate) fn claim(
    tx: &mut DbConn,
    holder: Id,
    limit: i64,
    review: Option<&dyn Review>,
    now: Timestamp,
) -> Result<Claimed, StoreError> {
    let due = due_mails(tx, limit, now)?;
    if due.is_empty() {
        return Ok(Claimed::default());
    }
    let bulk: Vec<_> = due
        .iter()
        .filter(|mail| mail.list().is_some())
        .map(|mail| mail.recipient.clone())
        .collect();
    let suppressed_addresses = suppressed_among(tx, &bulk)?;
    let (mut expired, mut suppressed, mut live) = (Vec::new(), Vec::new(), Vec::new());
    for mail in due {
        if mail.not_after <= now {
            expired.push(mail.id);
        } else if mail.list().is_some() && suppressed_addresses.contains(&mail.recipient) {
            suppressed.push(mail.id);
        } else {
            live.push(mail);
        }
    }
    let withdrawn = match review {
        Some(review) => revise_all(tx, review, &live, now)?,
        None => Vec::new(),
    };
    let live: Vec<Id> = live
        .iter()
        .map(|mail| mail.id)
        .filter(|id| !withdrawn.contains(id))
        .collect();
    Ok(Claimed {
        withdrawn: withdrawn.len(),
        expired: finish_unsent(tx, &expired, MailState::Expired, now)?,
        suppressed: finish_unsent(tx, &suppressed, MailState::Suppressed, now)?,
        mails: lease(tx, &live, holder, now)?,
    })
}

/// Due rows: first the mails that somebody waits for, then bulk. On PostgreSQL they are locked, passing over those that
/// another process is claiming at this moment.
fn due_mails(tx: &mut DbConn, limit: i64, now: Timestamp) -> Result<Vec<Mail>, StoreError> {
    let mut due = due_of(tx, false, limit, now)?;
    let room = limit - due.len() as i64;
    if room > 0 {
        due.extend(due_of(tx, true, room, now)?);
    }
    Ok(due)
}

fn due_of(tx: &mut DbConn, is_bulk: bool, limit: i64, now: Timestamp) -> Result<Vec<Mail>, StoreError> {
    macro_rules! due {
        () => {
            outbox::table
                .filter(outbox::state.eq(MailState::Queued))
                .filter(outbox::is_bulk.eq(is_bulk))
                .filter(outbox::next_attempt_at.le(now))
                .order((outbox::next_attempt_at, outbox::id))
                .limit(limit)
        };
    }
    Ok(match tx {
        DbConn::Pg(c) => due!()
            .select(Mail::as_select())
            .for_update()
            .skip_locked()
            .load(c),
        DbConn::Sqlite(c) => due!().select(Mail::as_select()).load(c),
    }?)
}

fn finish_unsent(tx: &mut DbConn, ids: &[Id], state: MailState, now: Timestamp) -> Result<usize, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(diesel::update(outbox::table)
        .filter(outbox::id.eq_any(ids))
        .filter(outbox::state.eq(MailState::Queued))
        .set((
            outbox::state.eq(state),
            outbox::finished_at.eq(now),
            outbox::lease_holder.eq(None::<Id>),
            outbox::lease_expires_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?)
}

fn lease(tx: &mut DbConn, ids: &[Id], holder: Id, now: Timestamp) -> Result<Vec<Mail>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let until = now.plus(LEASE);
    let mut mails: Vec<Mail> = diesel::update(outbox::table)
        .filter(outbox::id.eq_any(ids))
        .filter(outbox::state.eq(MailState::Queued))
        .filter(outbox::next_attempt_at.le(now))
        .set((
            outbox::lease_holder.eq(holder),
            outbox::lease_expires_at.eq(until),
            outbox::next_attempt_at.eq(until),
            outbox::attempts.eq(outbox::attempts + 1),
        ))
        .returning(cols::<Mail>())
        .get_results(tx)?;
    mails.sort_by_key(|mail| (mail.is_bulk, mail.id));
    Ok(mails)
}

/// Prolongs the lease on `mail` to `now` + [`LEASE`]. False when it is no longer `mail`'s claimer's.
pub(crate) fn renew(tx: &mut DbConn, mail: &Mail, now: Timestamp) -> Result<bool, StoreError> {
    let until = now.plus(LEASE);
    let renewed = diesel::update(outbox::table.find(mail.id))
        .filter(outbox::state.eq(MailState::Queued))
        .filter(outbox::lease_holder.eq(mail.lease_holder))
        .filter(outbox::lease_expires_at.eq(mail.lease_expires_at))
        .set((
            outbox::lease_expires_at.eq(until),
            outbox::next_attempt_at.eq(until),
        ))
        .execute(tx)?;
    Ok(renewed == 1)
}

/// Writes `outcome`, when the lease under which `mail` was tried is still the row's; returns whether it was. An address
/// that proved dead is suppressed along with it.
pub(crate) fn record(
    tx: &mut DbConn,
    mail: &Mail,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (state, finished_at, next_attempt_at, error, attempts) = match outcome {
        Outcome::Sent => (MailState::Sent, Some(now), now, None, mail.attempts),
        Outcome::Failed { error, .. } => (MailState::Failed, Some(now), now, Some(error), mail.attempts),
        Outcome::Retry { error, at } => (MailState::Queued, None, *at, Some(error), mail.attempts),
        Outcome::Stranded { error, at } => (MailState::Queued, None, *at, Some(error), mail.attempts - 1),
    };
    let recorded = diesel::update(outbox::table.find(mail.id))
        .filter(outbox::state.eq(MailState::Queued))
        .filter(outbox::lease_holder.eq(mail.lease_holder))
        .filter(outbox::lease_expires_at.eq(mail.lease_expires_at))
        .set((
            outbox::state.eq(state),
            outbox::finished_at.eq(finished_at),
            outbox::next_attempt_at.eq(next_attempt_at.min(mail.not_after)),
            outbox::attempts.eq(attempts),
            outbox::last_error.eq(error),
            outbox::lease_holder.eq(None::<Id>),
            outbox::lease_expires_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?;
    if let Outcome::Failed {
        error,
        suppress: true,
    } = outcome
    {
        suppress(tx, &mail.recipient, SuppressionReason::Bounce, error, now)?;
    }
    Ok(recorded == 1)
}

/// Gives claimed mails back untried, each due at its time; the attempt does not count. Returns how many were still the
/// claimer's.
pub(crate) fn give_back(tx: &mut DbConn, mails: &[(Mail, Timestamp)]) -> Result<usize, StoreError> {
    let mut given = 0;
    for (mail, at) in mails {
        given += diesel::update(outbox::table.find(mail.id))
            .filter(outbox::state.eq(MailState::Queued))
            .filter(outbox::lease_holder.eq(mail.lease_holder))
            .filter(outbox::lease_expires_at.eq(mail.lease_expires_at))
            .set((
                outbox::next_attempt_at.eq((*at).min(mail.not_after)),
                outbox::attempts.eq(mail.attempts - 1),
                outbox::lease_holder.eq(None::<Id>),
                outbox::lease_expires_at.eq(None::<Timestamp>),
            ))
            .execute(tx)?;
    }
    Ok(given)
}

/// Makes every mail that `holder` had leased due again: a process that starts under the name of its dead predecessor
/// need not wait until the leases run out. Returns how many.
pub fn release_claims(tx: &mut DbConn, holder: Id, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::update(outbox::table)
        .filter(outbox::state.eq(MailState::Queued))
        .filter(outbox::lease_holder.eq(holder))
        .set((
            outbox::next_attempt_at.eq(now),
            outbox::lease_holder.eq(None::<Id>),
            outbox::lease_expires_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?)
}

/// When the next queued mail is due; `None` when none is queued.
pub(crate) fn next_due(conn: &mut DbConn) -> Result<Option<Timestamp>, StoreError> {
    Ok(outbox::table
        .filter(outbox::state.eq(MailState::Queued))
        .select(outbox::next_attempt_at)
        .order((outbox::next_attempt_at, outbox::id))
        .first(conn)
        .optional()?)
}
