//! The outbox: one row is one mail.

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::outbox;
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols, on_each};

use crate::{Draft, EmailAddress, GIVE_UP_AFTER, ListHeaders, MailKind};

/// How long a claimed mail belongs to the process that claimed it; longer than all timeouts of one SMTP delivery.
pub const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// Rows of one INSERT: 18 parameters each, and a statement takes at most 32,766.
const INSERT_CHUNK: usize = 500;

store::text_enum! {
    /// Where a mail stands.
    pub enum MailState {
        /// To be sent, or being sent.
        Queued = "queued",
        /// The relay took responsibility for it.
        Sent = "sent",
        /// Refused for good.
        Failed = "failed",
        /// Not delivered while it was worth anything.
        Expired = "expired",
        /// Bulk mail to an address that gets none.
        Suppressed = "suppressed",
    }
}

/// A mail in the outbox.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct Mail {
    /// Also the left side of its Message-ID.
    pub id: Id,
    /// What it is about; see [`Draft::dedup_key`].
    pub dedup_key: String,
    /// What sort of mail: the word of a [`MailKind`], of this version or of an older one.
    pub kind: String,
    /// Who gets it.
    pub recipient: EmailAddress,
    /// The subject as it was given.
    pub subject: String,
    /// The `text/plain` part.
    pub text_body: String,
    /// The `text/html` part.
    pub html_body: String,
    pub(crate) headers: Json<Option<ListHeaders>>,
    /// Where it stands.
    pub state: MailState,
    /// Deliveries begun so far.
    pub attempts: i32,
    /// When it is due; while it is claimed, when the claim runs out.
    pub next_attempt_at: Timestamp,
    /// After this it is not sent any more.
    pub not_after: Timestamp,
    pub(crate) lease_holder: Option<Id>,
    pub(crate) lease_expires_at: Option<Timestamp>,
    /// What the last unsuccessful attempt ended with.
    pub last_error: Option<String>,
    /// When its cause happened; the mail's Date.
    pub created_at: Timestamp,
    /// When it left the state `queued`.
    pub finished_at: Option<Timestamp>,
    /// Whether it has list headers. Mails that have none go first: somebody waits for them.
    pub is_bulk: bool,
}

impl Mail {
    /// The list headers; present on bulk mail only.
    pub fn list(&self) -> Option<&ListHeaders> {
        self.headers.0.as_ref()
    }
}

#[derive(Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
struct NewMail<'a> {
    id: Id,
    dedup_key: &'a str,
    kind: &'a str,
    recipient: &'a EmailAddress,
    subject: &'a str,
    text_body: &'a str,
    html_body: &'a str,
    headers: Json<Option<ListHeaders>>,
    state: MailState,
    attempts: i32,
    next_attempt_at: Timestamp,
    not_after: Timestamp,
    lease_holder: Option<Id>,
    lease_expires_at: Option<Timestamp>,
    last_error: Option<String>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    is_bulk: bool,
}

/// Writes `drafts` into the outbox, due at once, and returns how many were new. A draft whose `dedup_key` exists already,
/// in whatever state, is dropped.
pub fn enqueue(
    tx: &mut DbConn,
    drafts: &[Draft],
    random: &Random,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let rows = drafts.iter().map(|draft| new_mail(random.id(now), draft, now));
    insert(tx, rows.collect())
}

/// The same, where each mail has an id already, because something else names it.
pub fn enqueue_as(tx: &mut DbConn, drafts: &[(Id, Draft)], now: Timestamp) -> Result<usize, StoreError> {
    let rows = drafts.iter().map(|(id, draft)| new_mail(*id, draft, now));
    insert(tx, rows.collect())
}

fn insert(tx: &mut DbConn, rows: Vec<NewMail<'_>>) -> Result<usize, StoreError> {
    let mut new = 0;
    for rows in rows.chunks(INSERT_CHUNK) {
        new += on_each!(tx, c => diesel::insert_into(outbox::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(new)
}

fn new_mail(id: Id, draft: &Draft, now: Timestamp) -> NewMail<'_> {
    NewMail {
        id,
        dedup_key: &draft.dedup_key,
        kind: draft.kind.as_str(),
        recipient: &draft.recipient,
        subject: &draft.subject,
        text_body: &draft.text,
        html_body: &draft.html,
        headers: Json(draft.list.clone()),
        state: MailState::Queued,
        attempts: 0,
        next_attempt_at: now,
        not_after: draft.not_after.min(now.plus(GIVE_UP_AFTER)),
        lease_holder: None,
        lease_expires_at: None,
        last_error: None,
        created_at: now,
        finished_at: None,
        is_bulk: draft.list.is_some(),
    }
}

/// The mail `id`.
pub fn find(conn: &mut DbConn, id: Id) -> Result<Option<Mail>, StoreError> {
    Ok(outbox::table
        .find(id)
        .select(cols::<Mail>())
        .first(conn)
        .optional()?)
}

/// The `limit` newest mails, newest first, in one state or in all.
pub fn list_recent(conn: &mut DbConn, state: Option<MailState>, limit: i64) -> Result<Vec<Mail>, StoreError> {
    let mut query = outbox::table
        .select(cols::<Mail>())
        .order(outbox::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(outbox::state.eq(state));
    }
    Ok(query.load(conn)?)
}

/// The `limit` newest mails to `address`, newest first.
pub fn list_for_recipient(
    conn: &mut DbConn,
    address: &EmailAddress,
    limit: i64,
) -> Result<Vec<Mail>, StoreError> {
    Ok(outbox::table
        .filter(outbox::recipient.eq(address))
        .select(cols::<Mail>())
        .order(outbox::id.desc())
        .limit(limit)
        .load(conn)?)
}

/// How many mails of these kinds were written for `address` after `since`: what a limit on mails caused by strangers
/// looks at.
pub fn count_recent(
    conn: &mut DbConn,
    address: &EmailAddress,
    kinds: &[MailKind],
    since: Timestamp,
) -> Result<i64, StoreError> {
    Ok(outbox::table
        .filter(outbox::recipient.eq(address))
        .filter(outbox::kind.eq_any(words(kinds)))
        .filter(outbox::created_at.gt(since))
        .count()
        .get_result(conn)?)
}

fn words(kinds: &[MailKind]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.as_str()).collect()
}

/// How many mails there are by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, utoipa::ToSchema)]
pub struct QueueCounts {
    /// To be sent.
    pub queued: i64,
    /// Taken by the relay, and not yet purged.
    pub sent: i64,
    /// Refused for good.
    pub failed: i64,
    /// Not delivered in time.
    pub expired: i64,
    /// Bulk mail to suppressed addresses.
    pub suppressed: i64,
    /// When the oldest queued mail was written.
    pub oldest_queued_at: Option<Timestamp>,
    /// Since when the mail is due that waits longest: a healthy outbox has none, or one of this second.
    pub oldest_due_at: Option<Timestamp>,
}

/// Counts the outbox by state.
pub fn queue_counts(conn: &mut DbConn) -> Result<QueueCounts, StoreError> {
    let rows: Vec<(MailState, i64)> = outbox::table
        .group_by(outbox::state)
        .select((outbox::state, diesel::dsl::count_star()))
        .load(conn)?;
    let mut counts = QueueCounts::default();
    for (state, count) in rows {
        match state {
            MailState::Queued => counts.queued = count,
            MailState::Sent => counts.sent = count,
            MailState::Failed => counts.failed = count,
            MailState::Expired => counts.expired = count,
            MailState::Suppressed => counts.suppressed = count,
        }
    }
    counts.oldest_queued_at = outbox::table
        .filter(outbox::state.eq(MailState::Queued))
        .select(diesel::dsl::min(outbox::created_at))
        .first(conn)?;
    counts.oldest_due_at = outbox::table
        .filter(outbox::state.eq(MailState::Queued))
        .filter(outbox::lease_holder.is_null())
        .select(diesel::dsl::min(outbox::next_attempt_at))
        .first(conn)?;
    Ok(counts)
}

/// What the mails that are put off, or were refused, ended their last attempt with: the `limit` most frequent texts with
/// how often each.
pub fn list_recent_errors(conn: &mut DbConn, limit: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let rows: Vec<(Option<String>, i64)> = outbox::table
        .filter(outbox::state.eq_any([MailState::Queued, MailState::Failed]))
        .filter(outbox::last_error.is_not_null())
        .group_by(outbox::last_error)
        .select((outbox::last_error, diesel::dsl::count_star()))
        .order((diesel::dsl::count_star().desc(), outbox::last_error))
        .limit(limit)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(error, count)| Some((error?, count)))
        .collect())
}

/// Deletes at most `limit` mails that were finished before `older_than`; returns how many. Their dedup keys are free again.
pub fn purge_finished(tx: &mut DbConn, older_than: Timestamp, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<Id> = outbox::table
        .filter(outbox::state.ne(MailState::Queued))
        .filter(outbox::finished_at.lt(older_than))
        .order(outbox::id)
        .limit(limit)
        .select(outbox::id)
        .load(tx)?;
    Ok(diesel::delete(outbox::table.filter(outbox::id.eq_any(old))).execute(tx)?)
}

/// Deletes every mail to `address`, for a person who asks to be erased; returns how many.
pub fn erase_recipient(tx: &mut DbConn, address: &EmailAddress) -> Result<usize, StoreError> {
    Ok(diesel::delete(outbox::table.filter(outbox::recipient.eq(address))).execute(tx)?)
}

/// Deletes the mail with this dedup key, as if it had never been written: in the transaction that wrote it, nobody has seen it.
pub fn forget(tx: &mut DbConn, dedup_key: &str) -> Result<(), StoreError> {
    diesel::delete(outbox::table.filter(outbox::dedup_key.eq(dedup_key))).execute(tx)?;
    Ok(())
}

/// Takes back the queued mails to `address` whose dedup key begins with `about`, because of `why`; returns how many. One
/// that is being sent at this moment may still arrive.
pub fn withdraw(
    tx: &mut DbConn,
    address: &EmailAddress,
    about: &str,
    why: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let queued: Vec<(Id, String)> = outbox::table
        .filter(outbox::recipient.eq(address))
        .filter(outbox::state.eq(MailState::Queued))
        .order(outbox::id)
        .select((outbox::id, outbox::dedup_key))
        .load(tx)?;
    let ids: Vec<Id> = queued
        .into_iter()
        .filter_map(|(id, key)| key.starts_with(about).then_some(id))
        .collect();
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(diesel::update(outbox::table)
        .filter(outbox::id.eq_any(ids).and(outbox::state.eq(MailState::Queued)))
        .set((
            outbox::state.eq(MailState::Expired),
            outbox::finished_at.eq(now),
            outbox::last_error.eq(why),
            outbox::lease_holder.eq(None::<Id>),
            outbox::lease_expires_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?)
}

/// Deletes the mails of these kinds to `address`; returns how many.
pub fn erase_kinds(tx: &mut DbConn, address: &EmailAddress, kinds: &[MailKind]) -> Result<usize, StoreError> {
    Ok(diesel::delete(
        outbox::table
            .filter(outbox::recipient.eq(address))
            .filter(outbox::kind.eq_any(words(kinds))),
    )
    .execute(tx)?)
}

/// Makes a queued, failed or expired mail due now, for an operator. It is tried for [`GIVE_UP_AFTER`] from now. False when
/// there is no such mail, or it was sent or is being sent.
pub fn retry_now(tx: &mut DbConn, id: Id, now: Timestamp) -> Result<bool, StoreError> {
    let retriable = [MailState::Queued, MailState::Failed, MailState::Expired];
    let changed = diesel::update(outbox::table.find(id))
        .filter(outbox::state.eq_any(retriable))
        .filter(
            outbox::lease_expires_at
                .is_null()
                .or(outbox::lease_expires_at.le(now)),
        )
        .set((
            outbox::state.eq(MailState::Queued),
            outbox::next_attempt_at.eq(now),
            outbox::not_after.eq(now.plus(GIVE_UP_AFTER)),
            outbox::finished_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}
