//! Guessing gets slower and slower, without locking anybody out.
//!
//! Attempts are counted before the password is looked at, so that a hundred at once are a hundred. They are counted for the
//! address (known or not: nobody learns which), and for the client over all addresses. A client from which the owner has
//! signed in before has a count of its own: whoever floods an address with guesses slows down strangers, never the owner.
//! Where even that does not help, a new password by mail does, and makes its client a known one.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{EmailAddress, LinkKey};
use store::schema::{known_clients, sign_in_attempts};
use store::{DbConn, Id, StoreError, Timestamp, on_each};

/// The longest wait.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// The first wait; each next one is twice as long.
const FIRST: SignedDuration = SignedDuration::from_secs(30);
/// Clients that one user is known by at most: the one unseen for longest is forgotten.
const MOST_CLIENTS: i64 = 50;
/// A client that was not seen for so long is a stranger again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(180 * 24);

/// From where somebody signs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// An IPv4 address or the /64 of an IPv6 address; `None` when it is not known.
    pub network: Option<String>,
    /// What the program calls itself.
    pub user_agent: Option<String>,
    /// Whether attempts of this client are counted over all addresses.
    pub is_counted: bool,
}

impl Client {
    /// Names the client without saying what it is. Versions change by themselves, so digits do not count.
    pub(crate) fn hash(&self, key: &LinkKey) -> Vec<u8> {
        let agent = self.user_agent.as_deref().unwrap_or_default();
        let program: String = agent.chars().filter(|c| c.is_alphabetic()).take(100).collect();
        let network = self.network.as_deref().unwrap_or("-");
        digest(key, &format!("client {network} {program}"))
    }
}

fn digest(key: &LinkKey, text: &str) -> Vec<u8> {
    key.derive("throttle", text).into_bytes()
}

/// What is counted, and how many are free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    name: Vec<u8>,
    /// So many fail without a wait.
    free: i32,
    /// After so long without an attempt nothing is remembered.
    forgotten_after: SignedDuration,
}

impl Bucket {
    /// Guesses at the account behind `email`; of a client that its owner has used, or of all others together.
    pub(crate) fn account(key: &LinkKey, email: &EmailAddress, known_client: Option<&[u8]>) -> Self {
        let mut text = format!("account {email} ");
        if let Some(client) = known_client {
            text.push_str(&String::from_utf8_lossy(client));
        }
        Self {
            name: digest(key, &text),
            free: 5,
            forgotten_after: SignedDuration::from_hours(24),
        }
    }

    /// Guesses of one client at whatever.
    pub(crate) fn client(key: &LinkKey, network: &str) -> Self {
        Self {
            name: digest(key, &format!("network {network}")),
            free: 20,
            forgotten_after: SignedDuration::from_hours(1),
        }
    }

    /// Guesses by somebody who has shown who they are already: at a second factor, or at the password again.
    pub(crate) fn of_user(key: &LinkKey, what: &str, user: Id) -> Self {
        Self {
            name: digest(key, &format!("{what} {user}")),
            free: 5,
            forgotten_after: SignedDuration::from_hours(24),
        }
    }
}

/// Too many guesses; seconds until the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) u64);

#[derive(Queryable)]
struct Attempts {
    failures: i32,
    blocked_until: Option<Timestamp>,
    last_at: Timestamp,
}

/// Counts one attempt in each of `buckets` as if it had failed, or says how long to wait and counts nothing.
pub(crate) fn enter(
    tx: &mut DbConn,
    buckets: &[Bucket],
    now: Timestamp,
) -> Result<Result<(), Wait>, StoreError> {
    let mut counts = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        let found = lock(tx, bucket, now)?;
        if let Some(until) = found.blocked_until.filter(|until| *until > now) {
            let micros = u64::try_from(until.micros() - now.micros()).unwrap_or(0);
            return Ok(Err(Wait(micros.div_ceil(1_000_000))));
        }
        let is_old = found.last_at.plus(bucket.forgotten_after) <= now;
        counts.push(if is_old { 1 } else { found.failures + 1 });
    }
    for (bucket, failures) in buckets.iter().zip(counts) {
        let blocked_until = wait_after(failures - bucket.free).map(|wait| now.plus(wait));
        diesel::update(sign_in_attempts::table.find(&bucket.name))
            .set((
                sign_in_attempts::failures.eq(failures),
                sign_in_attempts::blocked_until.eq(blocked_until),
                sign_in_attempts::last_at.eq(now),
            ))
            .execute(tx)?;
    }
    Ok(Ok(()))
}

/// The wait after the `surplus`-th failure that was not free: 30 s, 1 min, 2 min … 15 min.
fn wait_after(surplus: i32) -> Option<SignedDuration> {
    let doublings = u32::try_from(surplus).ok()?.min(10);
    Some((FIRST * 2_i32.pow(doublings)).min(LONGEST))
}

/// The bucket as it is, made when missing. Nobody else counts in it until the transaction ends.
fn lock(tx: &mut DbConn, bucket: &Bucket, now: Timestamp) -> Result<Attempts, StoreError> {
    let row = (
        sign_in_attempts::bucket.eq(&bucket.name),
        sign_in_attempts::failures.eq(0),
        sign_in_attempts::last_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(sign_in_attempts::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(diesel::update(sign_in_attempts::table.find(&bucket.name))
        .set(sign_in_attempts::failures.eq(sign_in_attempts::failures))
        .returning((
            sign_in_attempts::failures,
            sign_in_attempts::blocked_until,
            sign_in_attempts::last_at,
        ))
        .get_result(tx)?)
}

/// The attempt was right: nothing is held against the bucket any more.
pub(crate) fn forgive(tx: &mut DbConn, bucket: &Bucket) -> Result<(), StoreError> {
    diesel::delete(sign_in_attempts::table.find(&bucket.name)).execute(tx)?;
    Ok(())
}

/// The attempt was right, so it was no failure; others stay. A client that guesses at others' accounts does not get free by
/// signing in to its own.
pub(crate) fn uncount(tx: &mut DbConn, bucket: &Bucket) -> Result<(), StoreError> {
    diesel::update(sign_in_attempts::table.find(&bucket.name))
        .filter(sign_in_attempts::failures.gt(0))
        .set((
            sign_in_attempts::failures.eq(sign_in_attempts::failures - 1),
            sign_in_attempts::blocked_until.eq(None::<Timestamp>),
        ))
        .execute(tx)?;
    Ok(())
}

/// Whether `user` has signed in from this client.
pub(crate) fn is_known_client(
    conn: &mut DbConn,
    user: Id,
    client: &[u8],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found: i64 = known_clients::table
        .find((user, client))
        .filter(known_clients::last_seen_at.gt(now.minus(REMEMBERED)))
        .count()
        .get_result(conn)?;
    Ok(found == 1)
}

/// What the sign-in means for the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acquaintance {
    /// The first client ever.
    First,
    /// Seen before.
    Known,
    /// New, beside others.
    New,
}

/// Remembers that `user` signed in from this client.
pub(crate) fn meet_client(
    tx: &mut DbConn,
    user: Id,
    client: &[u8],
    now: Timestamp,
) -> Result<Acquaintance, StoreError> {
    let others: i64 = known_clients::table
        .filter(known_clients::user_id.eq(user))
        .count()
        .get_result(tx)?;
    let acquaintance = match (is_known_client(tx, user, client, now)?, others) {
        (true, _) => Acquaintance::Known,
        (false, 0) => Acquaintance::First,
        (false, _) => Acquaintance::New,
    };
    let row = (
        known_clients::user_id.eq(user),
        known_clients::client_hash.eq(client),
        known_clients::last_seen_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(known_clients::table)
        .values(row)
        .on_conflict((known_clients::user_id, known_clients::client_hash))
        .do_update()
        .set(known_clients::last_seen_at.eq(now))
        .execute(c))?;
    let surplus: Option<Timestamp> = known_clients::table
        .filter(known_clients::user_id.eq(user))
        .order(known_clients::last_seen_at.desc())
        .offset(MOST_CLIENTS)
        .select(known_clients::last_seen_at)
        .first(tx)
        .optional()?;
    if let Some(oldest) = surplus {
        diesel::delete(known_clients::table)
            .filter(known_clients::user_id.eq(user))
            .filter(known_clients::last_seen_at.le(oldest))
            .execute(tx)?;
    }
    Ok(acquaintance)
}

/// Forgets counts of more than a day ago and clients unseen for `clients_kept`; returns how many.
pub(crate) fn forget(
    tx: &mut DbConn,
    limit: i64,
    clients_kept: SignedDuration,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let old: Vec<Vec<u8>> = sign_in_attempts::table
        .filter(sign_in_attempts::last_at.le(now.minus(SignedDuration::from_hours(24))))
        .order(sign_in_attempts::bucket)
        .limit(limit)
        .select(sign_in_attempts::bucket)
        .load(tx)?;
    let counts =
        diesel::delete(sign_in_attempts::table.filter(sign_in_attempts::bucket.eq_any(old))).execute(tx)?;
    let clients = diesel::delete(known_clients::table)
        .filter(known_clients::last_seen_at.le(now.minus(clients_kept)))
        .execute(tx)?;
    Ok(counts + clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let seconds: Vec<_> = (-1..7)
            .map(|n| wait_after(n).map(|wait| wait.as_secs()))
            .collect();
        assert_eq!(
            seconds,
            [
                None,
                Some(30),
                Some(60),
                Some(120),
                Some(240),
                Some(480),
                Some(900),
                Some(900)
            ]
        );
        assert_eq!(wait_after(i32::MAX).map(|wait| wait.as_secs()), Some(900));
    }
}
