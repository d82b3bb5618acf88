//! From a stranger to a verified user.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::EmailAddress;
use store::schema::{one_time_tokens, users};
use store::{DbConn, Id, StoreError, Timestamp, cols, on_each};

use crate::letters::CAUSED_BY_STRANGERS;
use crate::{Letters, User, secret, user};

/// How long a mailed verification works.
const VERIFY_FOR: SignedDuration = SignedDuration::from_hours(24);

store::text_enum! {
    /// What a mailed secret is for.
    pub(crate) enum Purpose {
        /// To prove an address.
        VerifyEmail = "verify_email",
        /// To choose a new password.
        ResetPassword = "reset_password",
    }
}

/// Somebody who wants an account. Check the password with [`crate::check_password`] and hash it first.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Address.
    pub email: EmailAddress,
    /// Name, 1 to 120 characters.
    pub name: String,
    /// From [`crate::PasswordHasher::hash`].
    pub password_hash: String,
}

/// Why something about an account did not work.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A name that is empty, longer than 120 characters, or has control characters.
    #[error("a name has 1 to 120 characters")]
    Name,
    /// A mailed token that was never given out, was used, or is too old.
    #[error("the token is unknown, used or too old")]
    Token,
    /// The password changed between the check and now.
    #[error("the password was changed meanwhile")]
    PasswordConflict,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for AccountError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct NewUser<'a> {
    pub(crate) id: Id,
    pub(crate) email: &'a EmailAddress,
    pub(crate) name: &'a str,
    pub(crate) password_hash: &'a str,
    pub(crate) verified_at: Option<Timestamp>,
    pub(crate) is_operator: bool,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Registers somebody. The outcome is the same whether the address is known or not; the mail that leaves differs: a new
/// address gets a verification, one with an account is told so.
///
/// An address that was registered but never verified belongs to nobody yet: the newest registration counts, with its
/// name and password, and only the newest mail verifies it. When no mail may leave (one a minute, five a day), nothing changes.
///
/// # Errors
/// [`AccountError::Name`], before the address is looked at.
pub fn register(
    tx: &mut DbConn,
    registration: &Registration,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), AccountError> {
    let name = user::clean_name(&registration.name).ok_or(AccountError::Name)?;
    let row = NewUser {
        id: letters.random.id(now),
        email: &registration.email,
        name,
        password_hash: &registration.password_hash,
        verified_at: None,
        is_operator: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    on_each!(tx, c => diesel::insert_into(users::table).values(&row).on_conflict_do_nothing().execute(c))?;
    let Some(found) = user::find_user_by_email(tx, &registration.email)? else {
        return Ok(()); // erased by somebody else between the two statements
    };
    if !may_write_to(tx, &registration.email, now)? {
        return Ok(());
    }
    if found.verified_at.is_some() {
        let key = minute_key("account_exists", found.id, now);
        letters.send(tx, letters.account_exists(), &found.email, key, VERIFY_FOR, now)?;
        return Ok(());
    }
    let token = letters.random.token();
    let key = minute_key("verify_email", found.id, now);
    if !letters.send(
        tx,
        letters.verify_email(&token),
        &found.email,
        key,
        VERIFY_FOR,
        now,
    )? {
        return Ok(());
    }
    diesel::update(users::table.find(found.id).filter(users::verified_at.is_null()))
        .set((
            users::name.eq(name),
            users::password_hash.eq(&registration.password_hash),
        ))
        .execute(tx)?;
    replace_token(
        tx,
        found.id,
        Purpose::VerifyEmail,
        &token,
        now.plus(VERIFY_FOR),
        now,
    )?;
    Ok(())
}

/// Whether a mail that anybody can cause may go to `address`: at most one a minute and five a day.
pub(crate) fn may_write_to(
    conn: &mut DbConn,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let minute_ago = now.minus(SignedDuration::from_mins(1));
    let day_ago = now.minus(SignedDuration::from_hours(24));
    Ok(
        mail::count_recent(conn, address, &CAUSED_BY_STRANGERS, minute_ago)? == 0
            && mail::count_recent(conn, address, &CAUSED_BY_STRANGERS, day_ago)? < 5,
    )
}

/// A dedup key by which two simultaneous requests write one mail.
pub(crate) fn minute_key(kind: &str, id: Id, now: Timestamp) -> String {
    format!("{kind}:{id}:{}", now.seconds().div_euclid(60))
}

/// Makes `token` the only one of its purpose for `user`.
pub(crate) fn replace_token(
    tx: &mut DbConn,
    user: Id,
    purpose: Purpose,
    token: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    delete_tokens(tx, user, purpose)?;
    diesel::insert_into(one_time_tokens::table)
        .values((
            one_time_tokens::token_hash.eq(secret::hash(token)),
            one_time_tokens::user_id.eq(user),
            one_time_tokens::purpose.eq(purpose),
            one_time_tokens::expires_at.eq(expires_at),
            one_time_tokens::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

pub(crate) fn delete_tokens(tx: &mut DbConn, user: Id, purpose: Purpose) -> Result<(), StoreError> {
    diesel::delete(one_time_tokens::table)
        .filter(one_time_tokens::user_id.eq(user))
        .filter(one_time_tokens::purpose.eq(purpose))
        .execute(tx)?;
    Ok(())
}

/// Uses `token` up and returns its user; `None` when it is unknown, used or too old. Of two at once one gets it.
pub(crate) fn consume_token(
    tx: &mut DbConn,
    purpose: Purpose,
    token: &str,
    now: Timestamp,
) -> Result<Option<Id>, StoreError> {
    Ok(diesel::delete(one_time_tokens::table.find(secret::hash(token)))
        .filter(one_time_tokens::purpose.eq(purpose))
        .filter(one_time_tokens::expires_at.gt(now))
        .returning(one_time_tokens::user_id)
        .get_result(tx)
        .optional()?)
}

/// Uses a mailed verification up and returns its user, now verified.
///
/// # Errors
/// [`AccountError::Token`].
pub fn verify_email(tx: &mut DbConn, token: &str, now: Timestamp) -> Result<User, AccountError> {
    let user = consume_token(tx, Purpose::VerifyEmail, token, now)?.ok_or(AccountError::Token)?;
    diesel::update(users::table.find(user))
        .set((
            users::verified_at.eq(now),
            users::version.eq(users::version + 1),
            users::updated_at.eq(now),
        ))
        .returning(cols::<User>())
        .get_result(tx)
        .optional()?
        .ok_or(AccountError::Token)
}

/// The user with the address `email` and their password hash, for [`crate::PasswordHasher::verify`].
pub fn find_password_hash(
    conn: &mut DbConn,
    email: &EmailAddress,
) -> Result<Option<(User, String)>, StoreError> {
    Ok(users::table
        .filter(users::email.eq(email))
        .select((cols::<User>(), users::password_hash))
        .first(conn)
        .optional()?)
}
