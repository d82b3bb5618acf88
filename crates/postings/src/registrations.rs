//! Seats at hiring events: asked for by address, confirmed by mail, never more than there are, given back by link.

mod export;
mod letters;

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{Draft, EmailAddress, LinkKey, MailConfig, MailKind, SuppressionReason};
use serde::Serialize;
use store::page::Page;
use store::schema::{event_registrations, hiring_events};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols, on_each, text_enum};
use utoipa::ToSchema;

use crate::events::{Event, EventError, EventStatus, employer_of, is_shown, require_event};
use crate::validate::{FieldError, fold, is_forbidden};

pub use export::list_of_address;
pub use letters::in_words;
use letters::{confirmation, news_mail, seat_mail};

/// How long a confirmation link is good.
pub const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// How long registrations are kept after the event.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Confirmation mails to one address in 24 hours at most.
const MAILS_PER_DAY: i64 = 5;
/// The least time between two confirmation mails for one event.
const GAP: SignedDuration = SignedDuration::from_mins(10);
const CONFIRM: MailKind = MailKind::EventConfirm;
const SEAT: MailKind = MailKind::EventSeat;
const NEWS: MailKind = MailKind::EventNews;
/// What the links that give a seat back are signed for.
const CANCEL: &str = "event_cancel";

text_enum! {
    /// Where a registration is.
    pub enum SeatStatus {
        /// The address is not confirmed.
        Pending = "pending",
        /// It has a seat.
        Confirmed = "confirmed",
        /// Every seat was taken; it gets the next that becomes free.
        Waitlisted = "waitlisted",
        /// Given back.
        Cancelled = "cancelled",
    }
}

/// A registration.
#[derive(
    Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema,
)]
#[diesel(table_name = event_registrations, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Registration {
    /// Id.
    pub id: Id,
    /// For which event.
    pub event_id: Id,
    /// Who.
    pub email: EmailAddress,
    /// Their name.
    pub name: String,
    /// Where it is.
    pub status: SeatStatus,
    #[serde(skip)]
    token_hash: Vec<u8>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When the address was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

/// Who writes, and with which links.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// Who we are.
    pub config: &'a MailConfig,
    /// Signs the links that give a seat back.
    pub links: &'a LinkKey,
    /// Makes ids and tokens.
    pub random: &'a Random,
}

fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// Asks for a seat by address alone. What the caller tells the client must not depend on the outcome, except for mistakes
/// in the request and what everybody can see of the event. An address that has a seat gets nothing new.
pub fn request(
    tx: &mut DbConn,
    event: Id,
    email: EmailAddress,
    name: &str,
    desk: &Desk<'_>,
    now: Timestamp,
) -> Result<(), EventError> {
    let event = require_event(tx, event, None)?;
    require_open(&event, now)?;
    require_shown(tx, &event)?;
    let name = fold(name);
    if name.is_empty() || name.chars().count() > 120 || name.chars().any(is_forbidden) {
        let error = FieldError::new("/name", "name_invalid", "1 to 120 characters");
        return Err(EventError::Invalid(vec![error]));
    }
    let known = find_by_address(tx, event.id, &email)?;
    let day_ago = now.minus(SignedDuration::from_hours(24));
    let today = mail::count_recent(tx, &email, &[CONFIRM], day_ago)?;
    let suppressed = mail::find_suppression(tx, &email)?.map(|suppression| suppression.reason);
    let may_write = today < MAILS_PER_DAY
        && !matches!(
            suppressed,
            Some(SuppressionReason::Complaint | SuppressionReason::Operator)
        );
    let token = desk.random.token();
    let registration = Registration {
        id: known
            .as_ref()
            .map_or_else(|| desk.random.id(now), |known| known.id),
        event_id: event.id,
        email,
        name,
        status: SeatStatus::Pending,
        token_hash: hash(&token),
        asked_at: now,
        confirmed_at: None,
    };
    // The mail is made in every case, so that the time it takes tells nothing.
    let draft = confirmation(desk.config, &event, &registration, &token);
    match known {
        None if may_write => {
            let inserted = on_each!(tx, c => diesel::insert_into(event_registrations::table)
                .values(&registration)
                .on_conflict((event_registrations::event_id, event_registrations::email))
                .do_nothing()
                .execute(c))?;
            if inserted == 0 {
                // The same request was faster; its mail is on its way.
                return Ok(());
            }
        }
        Some(known) if may_write && is_renewable(&known, now) => {
            diesel::update(event_registrations::table.find(known.id))
                .set(&registration)
                .execute(tx)?;
        }
        _ => return Ok(()),
    }
    mail::enqueue(tx, &[draft], desk.random, now)?;
    Ok(())
}

fn is_renewable(known: &Registration, now: Timestamp) -> bool {
    let is_waiting = matches!(known.status, SeatStatus::Pending | SeatStatus::Cancelled);
    is_waiting && (known.status == SeatStatus::Cancelled || known.asked_at.plus(GAP) <= now)
}

fn require_open(event: &Event, now: Timestamp) -> Result<(), EventError> {
    if event.status == EventStatus::Cancelled {
        Err(EventError::StateConflict("is cancelled"))
    } else if event.ends_at <= now {
        Err(EventError::StateConflict("is over"))
    } else {
        Ok(())
    }
}

/// Nobody new comes to what a frozen employer holds. Who has a seat or waits for one keeps it.
fn require_shown(conn: &mut DbConn, event: &Event) -> Result<(), EventError> {
    if is_shown(&employer_of(conn, event)?) {
        Ok(())
    } else {
        Err(EventError::StateConflict("is of an employer that is frozen"))
    }
}

fn find_by_address(
    conn: &mut DbConn,
    event: Id,
    email: &EmailAddress,
) -> Result<Option<Registration>, StoreError> {
    Ok(event_registrations::table
        .filter(
            event_registrations::event_id
                .eq(event)
                .and(event_registrations::email.eq(email)),
        )
        .select(cols::<Registration>())
        .first(conn)
        .optional()?)
}

/// The registration that `token` confirms, with its event, for showing what is about to be confirmed.
pub fn find_by_token(conn: &mut DbConn, token: &str) -> Result<Option<(Registration, Event)>, StoreError> {
    Ok(event_registrations::table
        .inner_join(hiring_events::table)
        .filter(event_registrations::token_hash.eq(hash(token)))
        .select((cols::<Registration>(), cols::<Event>()))
        .first(conn)
        .optional()?)
}

/// The registration `id` with its event.
pub fn find_registration(conn: &mut DbConn, id: Id) -> Result<Option<(Registration, Event)>, StoreError> {
    Ok(event_registrations::table
        .inner_join(hiring_events::table)
        .filter(event_registrations::id.eq(id))
        .select((cols::<Registration>(), cols::<Event>()))
        .first(conn)
        .optional()?)
}

/// Keeps everybody else from giving out seats of the event until this transaction ends.
fn lock(tx: &mut DbConn, event: Id) -> Result<(), StoreError> {
    diesel::update(hiring_events::table.find(event))
        .set(hiring_events::sequence.eq(hiring_events::sequence))
        .execute(tx)?;
    Ok(())
}

/// Confirms the registration whose mail carried `token`: it gets a seat, or the next that becomes free. Twice is once.
pub fn confirm(
    tx: &mut DbConn,
    token: &str,
    desk: &Desk<'_>,
    now: Timestamp,
) -> Result<SeatStatus, EventError> {
    let (found, _) = find_by_token(tx, token)?.ok_or(EventError::TokenInvalid)?;
    lock(tx, found.event_id)?;
    // Two clicks at once come one after the other; what the first did is seen only now.
    let (mut registration, event) = find_by_token(tx, token)?.ok_or(EventError::TokenInvalid)?;
    match registration.status {
        SeatStatus::Confirmed | SeatStatus::Waitlisted => return Ok(registration.status),
        SeatStatus::Cancelled => return Err(EventError::TokenInvalid),
        SeatStatus::Pending => {}
    }
    if registration.asked_at.plus(CONFIRM_WITHIN) <= now {
        return Err(EventError::TokenExpired);
    }
    require_open(&event, now)?;
    require_shown(tx, &event)?;
    let taken = count(tx, event.id, SeatStatus::Confirmed)?;
    registration.status = match event.capacity {
        Some(seats) if taken >= i64::from(seats) => SeatStatus::Waitlisted,
        _ => SeatStatus::Confirmed,
    };
    registration.confirmed_at = Some(now);
    diesel::update(event_registrations::table.find(registration.id))
        .set(&registration)
        .execute(tx)?;
    let draft = seat_mail(desk, &event, &registration, now);
    mail::enqueue(tx, &[draft], desk.random, now)?;
    Ok(registration.status)
}

fn count(conn: &mut DbConn, event: Id, status: SeatStatus) -> Result<i64, StoreError> {
    Ok(event_registrations::table
        .filter(
            event_registrations::event_id
                .eq(event)
                .and(event_registrations::status.eq(status)),
        )
        .count()
        .get_result(conn)?)
}

/// The registration that a link may give back.
pub fn verify_cancel(links: &LinkKey, token: &str) -> Option<Id> {
    links.verify(CANCEL, token)
}

/// Gives a seat back; whoever waits longest gets it. Doing it twice is fine.
pub fn give_back(tx: &mut DbConn, id: Id, desk: &Desk<'_>, now: Timestamp) -> Result<(), EventError> {
    let Some((found, _)) = find_registration(tx, id)? else {
        return Ok(());
    };
    lock(tx, found.event_id)?;
    diesel::update(event_registrations::table.find(id))
        .set(event_registrations::status.eq(SeatStatus::Cancelled))
        .execute(tx)?;
    promote(tx, found.event_id, desk, now).map(|_| ())
}

/// Gives free seats to those who wait, in the order in which they confirmed; returns how many.
pub fn promote(tx: &mut DbConn, event: Id, desk: &Desk<'_>, now: Timestamp) -> Result<usize, EventError> {
    lock(tx, event)?;
    let event = require_event(tx, event, None)?;
    if require_open(&event, now).is_err() {
        return Ok(0);
    }
    let free = match event.capacity {
        Some(seats) => i64::from(seats) - count(tx, event.id, SeatStatus::Confirmed)?,
        None => i64::from(i32::MAX),
    };
    let next: Vec<Registration> = event_registrations::table
        .filter(event_registrations::event_id.eq(event.id))
        .filter(event_registrations::status.eq(SeatStatus::Waitlisted))
        .order((event_registrations::confirmed_at, event_registrations::id))
        .limit(free.max(0))
        .select(cols::<Registration>())
        .load(tx)?;
    for registration in &next {
        let promoted = Registration {
            status: SeatStatus::Confirmed,
            ..registration.clone()
        };
        diesel::update(event_registrations::table.find(promoted.id))
            .set(&promoted)
            .execute(tx)?;
        let draft = seat_mail(desk, &event, &promoted, now);
        mail::enqueue(tx, &[draft], desk.random, now)?;
    }
    Ok(next.len())
}

/// Tells everybody with a seat, and everybody who waits for one, that the event is at another time or place, or called off.
/// Returns how many.
pub fn tell(tx: &mut DbConn, event: &Event, desk: &Desk<'_>, now: Timestamp) -> Result<usize, EventError> {
    let all: Vec<Registration> = event_registrations::table
        .filter(event_registrations::event_id.eq(event.id))
        .filter(event_registrations::status.eq_any([SeatStatus::Confirmed, SeatStatus::Waitlisted]))
        .order(event_registrations::id)
        .select(cols::<Registration>())
        .load(tx)?;
    let drafts: Vec<Draft> = all
        .iter()
        .map(|registration| news_mail(desk, event, registration, now))
        .collect();
    mail::enqueue(tx, &drafts, desk.random, now)?;
    Ok(drafts.len())
}

/// How many seats of each of these events are taken, and how many wait for one.
pub fn counts(conn: &mut DbConn, events: &[Id]) -> Result<HashMap<Id, (i64, i64)>, StoreError> {
    let rows: Vec<(Id, SeatStatus, i64)> = event_registrations::table
        .filter(event_registrations::event_id.eq_any(events.to_vec()))
        .group_by((event_registrations::event_id, event_registrations::status))
        .select((
            event_registrations::event_id,
            event_registrations::status,
            diesel::dsl::count_star(),
        ))
        .load(conn)?;
    let mut all: HashMap<Id, (i64, i64)> = HashMap::new();
    for (event, status, count) in rows {
        let counts = all.entry(event).or_default();
        match status {
            SeatStatus::Confirmed => counts.0 = count,
            SeatStatus::Waitlisted => counts.1 = count,
            SeatStatus::Pending | SeatStatus::Cancelled => {}
        }
    }
    Ok(all)
}

/// Who has a seat or waits for one, in the order in which they asked, after the registration `after`.
pub fn list(
    conn: &mut DbConn,
    event: Id,
    after: Option<Id>,
    limit: usize,
) -> Result<Page<Registration, Id>, StoreError> {
    let mut query = event_registrations::table
        .filter(event_registrations::event_id.eq(event))
        .filter(event_registrations::status.eq_any([SeatStatus::Confirmed, SeatStatus::Waitlisted]))
        .order(event_registrations::id)
        .limit(limit as i64 + 1)
        .select(cols::<Registration>())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(event_registrations::id.gt(after));
    }
    Ok(Page::cut(query.load(conn)?, limit, |row: &Registration| row.id))
}

/// Deletes up to `limit` registrations whose event was over [`KEPT`] ago; returns how many. A pass: safe to run twice.
pub fn forget_past(tx: &mut DbConn, limit: i64, now: Timestamp) -> Result<usize, StoreError> {
    let ids: Vec<Id> = event_registrations::table
        .inner_join(hiring_events::table)
        .filter(hiring_events::ends_at.le(now.minus(KEPT)))
        .order(event_registrations::id)
        .limit(limit)
        .select(event_registrations::id)
        .load(tx)?;
    Ok(diesel::delete(event_registrations::table.filter(event_registrations::id.eq_any(ids))).execute(tx)?)
}

/// Erases every registration of an address and the mails about them, and gives its seats to those who wait; returns how many.
pub fn erase_address(
    tx: &mut DbConn,
    address: &EmailAddress,
    desk: &Desk<'_>,
    now: Timestamp,
) -> Result<usize, EventError> {
    let events: Vec<Id> = event_registrations::table
        .filter(event_registrations::email.eq(address))
        .order(event_registrations::event_id)
        .select(event_registrations::event_id)
        .load(tx)?;
    // Events first, in one order, and registrations after them, as wherever seats are given.
    for event in &events {
        lock(tx, *event)?;
    }
    diesel::delete(event_registrations::table.filter(event_registrations::email.eq(address))).execute(tx)?;
    // What waits to be sent would tell the name and the address again.
    mail::erase_kinds(tx, address, &[CONFIRM, SEAT, NEWS])?;
    for event in &events {
        promote(tx, *event, desk, now)?;
    }
    Ok(events.len())
}
