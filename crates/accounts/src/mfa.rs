//! The second factor: an authenticator app, and recovery codes for the day on which the phone is gone.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::LinkKey;
use serde::Serialize;
use store::schema::{mfa_challenges, recovery_codes, totp_factors};
use store::{DbConn, Id, Random, StoreError, Timestamp, on_each};

use crate::{Letters, User, find_user, secret, session, totp};

/// How long the second step of a sign-in may take.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// Answers to one challenge at most.
const MOST_ANSWERS: i32 = 5;

/// Recovery codes of one user.
const CODES: usize = 10;

/// How long news about the second factor are worth sending.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A new secret for the app, shown once.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct TotpEnrolment {
    /// The secret in base32, to be typed in.
    pub secret: String,
    /// The same as a link, to be shown as a QR code (`otpauth://totp/…`).
    pub uri: String,
}

impl std::fmt::Debug for TotpEnrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpEnrolment")
    }
}

/// Whether a user has a second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SecondFactor {
    /// Since when; null when there is none.
    pub confirmed_at: Option<Timestamp>,
    /// Recovery codes that were not used.
    pub recovery_codes_left: i64,
}

/// Why something about the second factor did not work.
#[derive(Debug, thiserror::Error)]
pub enum MfaError {
    /// The user has one already.
    #[error("there is a second factor already; switch it off first")]
    Exists,
    /// The user has none, or none that waits to be confirmed.
    #[error("there is no second factor")]
    Missing,
    /// A wrong, old or used code.
    #[error("the code is wrong, too old, or was used before")]
    Code,
    /// A challenge that was never given out, was answered, or is too old.
    #[error("the sign-in took too long; begin again")]
    Challenge,
    /// Too many wrong codes.
    #[error("too many wrong codes")]
    TooMany {
        /// Seconds until the next is looked at.
        wait_s: u64,
    },
    /// A key file is another one than when the factor was made.
    #[error("the second factor cannot be read with the key of this installation")]
    Sealed,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for MfaError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Queryable)]
struct Factor {
    sealed_secret: Vec<u8>,
    last_step: i64,
    confirmed_at: Option<Timestamp>,
}

fn find_factor(conn: &mut DbConn, user: Id) -> Result<Option<Factor>, StoreError> {
    Ok(totp_factors::table
        .find(user)
        .select((
            totp_factors::sealed_secret,
            totp_factors::last_step,
            totp_factors::confirmed_at,
        ))
        .first(conn)
        .optional()?)
}

/// Whether `user` signs in with two factors.
pub fn second_factor(conn: &mut DbConn, user: Id) -> Result<SecondFactor, StoreError> {
    let confirmed_at = find_factor(conn, user)?.and_then(|factor| factor.confirmed_at);
    let recovery_codes_left = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user))
        .filter(recovery_codes::used_at.is_null())
        .count()
        .get_result(conn)?;
    Ok(SecondFactor {
        confirmed_at,
        recovery_codes_left,
    })
}

/// Makes a secret for the user's app. It counts once [`confirm_totp`] has seen a code; an unconfirmed one is replaced.
pub fn enrol_totp(
    tx: &mut DbConn,
    user: &User,
    issuer: &str,
    key: &LinkKey,
    random: &Random,
    now: Timestamp,
) -> Result<TotpEnrolment, MfaError> {
    if find_factor(tx, user.id)?.is_some_and(|factor| factor.confirmed_at.is_some()) {
        return Err(MfaError::Exists);
    }
    let bytes = random.bytes::<{ totp::SECRET }>();
    let sealed = totp::seal(key, user.id, &bytes, random).ok_or(MfaError::Sealed)?;
    let values = (
        totp_factors::sealed_secret.eq(&sealed),
        totp_factors::last_step.eq(0),
        totp_factors::created_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(totp_factors::table)
        .values((totp_factors::user_id.eq(user.id), values))
        .on_conflict(totp_factors::user_id)
        .do_update()
        .set(values)
        .execute(c))?;
    let secret = totp::in_base32(&bytes);
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let issuer = encoded(issuer).replace('+', "%20");
    let uri = format!(
        "otpauth://totp/{issuer}:{}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
        encoded(user.email.as_str())
    );
    Ok(TotpEnrolment { secret, uri })
}

/// Switches the second factor on with a first code from the app: other sessions end, and a mail says so. Returns the recovery
/// codes, which are shown once.
pub fn confirm_totp(
    tx: &mut DbConn,
    user: &User,
    code: &str,
    keep_session: Id,
    key: &LinkKey,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<Vec<String>, MfaError> {
    let factor = find_factor(tx, user.id)?.ok_or(MfaError::Missing)?;
    if factor.confirmed_at.is_some() {
        return Err(MfaError::Exists);
    }
    take_code(tx, user.id, &factor, code, key, now)?;
    diesel::update(totp_factors::table.find(user.id))
        .set(totp_factors::confirmed_at.eq(now))
        .execute(tx)?;
    session::revoke_all_but(tx, user.id, Some(keep_session), now)?;
    let key = format!("second_factor_on:{}:{}", user.id, now.micros());
    letters.send(tx, letters.second_factor_on(), &user.email, key, NEWS_FOR, now)?;
    Ok(replace_recovery_codes(tx, user.id, letters.random)?)
}

/// Switches the second factor off, with a code of either sort.
pub fn disable_totp(
    tx: &mut DbConn,
    user: &User,
    code: &str,
    key: &LinkKey,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), MfaError> {
    take_any_code(tx, user.id, code, key, now)?;
    diesel::delete(totp_factors::table.find(user.id)).execute(tx)?;
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user.id))).execute(tx)?;
    let key = format!("second_factor_off:{}:{}", user.id, now.micros());
    letters.send(tx, letters.second_factor_off(), &user.email, key, NEWS_FOR, now)?;
    Ok(())
}

/// New recovery codes in place of the old ones; shown once.
///
/// # Errors
/// [`MfaError::Missing`] without a second factor; [`MfaError::Code`].
pub fn renew_recovery_codes(
    tx: &mut DbConn,
    user: Id,
    code: &str,
    key: &LinkKey,
    random: &Random,
    now: Timestamp,
) -> Result<Vec<String>, MfaError> {
    take_any_code(tx, user, code, key, now)?;
    Ok(replace_recovery_codes(tx, user, random)?)
}

/// Ten codes of 128 bits in groups of four: `abcd-efgh-…`. As nobody can guess one, a plain hash keeps them.
fn replace_recovery_codes(tx: &mut DbConn, user: Id, random: &Random) -> Result<Vec<String>, StoreError> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user))).execute(tx)?;
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let plain = totp::in_base32(&random.bytes::<16>()).to_lowercase();
        diesel::insert_into(recovery_codes::table)
            .values((
                recovery_codes::user_id.eq(user),
                recovery_codes::code_hash.eq(secret::hash(&plain)),
            ))
            .execute(tx)?;
        let groups: Vec<String> = plain
            .as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        codes.push(groups.join("-"));
    }
    Ok(codes)
}

fn take_code(
    tx: &mut DbConn,
    user: Id,
    factor: &Factor,
    code: &str,
    key: &LinkKey,
    now: Timestamp,
) -> Result<(), MfaError> {
    let secret = totp::open(key, user, &factor.sealed_secret).ok_or(MfaError::Sealed)?;
    let step = totp::accepted_step(&secret, code, factor.last_step, now).ok_or(MfaError::Code)?;
    // Of two requests with the same code one is too late.
    let taken = diesel::update(totp_factors::table.find(user))
        .filter(totp_factors::last_step.lt(step))
        .set(totp_factors::last_step.eq(step))
        .execute(tx)?;
    if taken == 1 { Ok(()) } else { Err(MfaError::Code) }
}

/// Takes a code of the app, or a recovery code, which is used up.
pub(crate) fn take_any_code(
    tx: &mut DbConn,
    user: Id,
    code: &str,
    key: &LinkKey,
    now: Timestamp,
) -> Result<(), MfaError> {
    let factor = find_factor(tx, user)?
        .filter(|factor| factor.confirmed_at.is_some())
        .ok_or(MfaError::Missing)?;
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_lowercase();
    if plain.len() < 16 {
        return take_code(tx, user, &factor, code, key, now);
    }
    let used = diesel::update(recovery_codes::table.find((user, secret::hash(&plain))))
        .filter(recovery_codes::used_at.is_null())
        .set(recovery_codes::used_at.eq(now))
        .execute(tx)?;
    if used == 1 { Ok(()) } else { Err(MfaError::Code) }
}

/// Whether the second step is asked of `user`, and the secret with which they take it.
pub(crate) fn challenge(
    tx: &mut DbConn,
    user: Id,
    random: &Random,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let is_on = find_factor(tx, user)?.is_some_and(|factor| factor.confirmed_at.is_some());
    if !is_on {
        return Ok(None);
    }
    let token = random.token();
    // The newest begins anew: whoever knows the password does not collect challenges.
    diesel::delete(mfa_challenges::table.filter(mfa_challenges::user_id.eq(user))).execute(tx)?;
    diesel::insert_into(mfa_challenges::table)
        .values((
            mfa_challenges::token_hash.eq(secret::hash(&token)),
            mfa_challenges::user_id.eq(user),
            mfa_challenges::attempts.eq(0),
            mfa_challenges::expires_at.eq(now.plus(ANSWERED_WITHIN)),
            mfa_challenges::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(Some(token))
}

/// Whose challenge it is. Counts the answer; commit the transaction in every case.
pub(crate) fn require_challenge(tx: &mut DbConn, token: &str, now: Timestamp) -> Result<User, MfaError> {
    let user: Id = diesel::update(mfa_challenges::table.find(secret::hash(token)))
        .filter(mfa_challenges::expires_at.gt(now))
        .filter(mfa_challenges::attempts.lt(MOST_ANSWERS))
        .set(mfa_challenges::attempts.eq(mfa_challenges::attempts + 1))
        .returning(mfa_challenges::user_id)
        .get_result(tx)
        .optional()?
        .ok_or(MfaError::Challenge)?;
    find_user(tx, user)?.ok_or(MfaError::Challenge)
}

/// Answers the challenge with a code of either sort, and uses it up.
pub(crate) fn answer(
    tx: &mut DbConn,
    user: Id,
    token: &str,
    code: &str,
    key: &LinkKey,
    now: Timestamp,
) -> Result<(), MfaError> {
    take_any_code(tx, user, code, key, now)?;
    let used = diesel::delete(mfa_challenges::table.find(secret::hash(token))).execute(tx)?;
    if used == 1 {
        Ok(())
    } else {
        Err(MfaError::Challenge)
    }
}

/// Forgets challenges that are over; returns how many.
pub(crate) fn forget_challenges(tx: &mut DbConn, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::delete(mfa_challenges::table.filter(mfa_challenges::expires_at.le(now))).execute(tx)?)
}
