//! New passwords.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::EmailAddress;
use store::schema::{one_time_tokens, users};
use store::{DbConn, Id, StoreError, Timestamp, cols};

use crate::registration::{Purpose, consume_token, delete_tokens, may_write_to, minute_key, replace_token};
use crate::{AccountError, Letters, User, oidc, passkey, secret, session, user};

/// How long a mailed reset works.
const RESET_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How long the news of a changed password is worth sending.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Mails a reset to `email`, when it has an account. The outcome is the same when not, and so is the work: a mail is written in any
/// case, and one that nobody is to get is taken away again before the transaction ends. So the time tells nothing either.
pub fn request_password_reset(
    tx: &mut DbConn,
    email: &EmailAddress,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let token = letters.random.token();
    let found = user::find_user_by_email(tx, email)?;
    let may_write = may_write_to(tx, email, now)?;
    let owner = found.filter(|_| may_write).map(|user| user.id);
    let id = owner.unwrap_or_else(|| letters.random.id(now));
    let key = minute_key("reset_password", id, now);
    let letter = letters.reset_password(&token);
    let is_written = letters.send(tx, letter, email, key.clone(), RESET_FOR, now)?;
    match owner {
        None => mail::forget(tx, &key)?,
        Some(owner) if is_written => {
            let end = now.plus(RESET_FOR);
            replace_token(tx, owner, Purpose::ResetPassword, &token, end, now)?;
        }
        Some(_) => {}
    }
    Ok(())
}

/// Looks whether `token` would reset a password, without using it: so that nothing is hashed for a wrong one.
///
/// # Errors
/// [`AccountError::Token`].
pub fn require_reset_token(conn: &mut DbConn, token: &str, now: Timestamp) -> Result<(), AccountError> {
    let found: i64 = one_time_tokens::table
        .find(secret::hash(token))
        .filter(one_time_tokens::purpose.eq(Purpose::ResetPassword))
        .filter(one_time_tokens::expires_at.gt(now))
        .count()
        .get_result(conn)?;
    if found == 1 {
        Ok(())
    } else {
        Err(AccountError::Token)
    }
}

/// Uses a mailed reset up: sets the password, ends every session and every other way to sign in (passkeys, providers) of the
/// user, and returns them: so an account is taken back from whoever added one. Whoever can read the mail owns the address, so
/// it counts as verified too. The second factor stays.
///
/// # Errors
/// [`AccountError::Token`].
pub fn reset_password(
    tx: &mut DbConn,
    token: &str,
    password_hash: &str,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<User, AccountError> {
    let id = consume_token(tx, Purpose::ResetPassword, token, now)?.ok_or(AccountError::Token)?;
    let found = user::find_user(tx, id)?.ok_or(AccountError::Token)?;
    let changed: User = diesel::update(users::table.find(id))
        .set((
            users::password_hash.eq(password_hash),
            users::verified_at.eq(found.verified_at.unwrap_or(now)),
            users::version.eq(users::version + 1),
            users::updated_at.eq(now),
        ))
        .returning(cols::<User>())
        .get_result(tx)?;
    passkey::remove_all(tx, id)?;
    oidc::remove_all(tx, id)?;
    after_change(tx, &changed, None, letters, now)?;
    Ok(changed)
}

/// Replaces the password that was checked against `checked_hash`, and ends the user's other sessions than `keep_session`.
///
/// # Errors
/// [`AccountError::PasswordConflict`] when the stored hash is another one by now.
pub fn change_password(
    tx: &mut DbConn,
    user: Id,
    checked_hash: &str,
    new_hash: &str,
    keep_session: Id,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<User, AccountError> {
    let changed: User = diesel::update(users::table.find(user))
        .filter(users::password_hash.eq(checked_hash))
        .set((
            users::password_hash.eq(new_hash),
            users::version.eq(users::version + 1),
            users::updated_at.eq(now),
        ))
        .returning(cols::<User>())
        .get_result(tx)
        .optional()?
        .ok_or(AccountError::PasswordConflict)?;
    after_change(tx, &changed, Some(keep_session), letters, now)?;
    Ok(changed)
}

fn after_change(
    tx: &mut DbConn,
    user: &User,
    keep_session: Option<Id>,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    session::revoke_all_but(tx, user.id, keep_session, now)?;
    delete_tokens(tx, user.id, Purpose::ResetPassword)?;
    delete_tokens(tx, user.id, Purpose::VerifyEmail)?;
    let key = format!("password_changed:{}:{}", user.id, user.version);
    letters.send(tx, letters.password_changed(), &user.email, key, NEWS_FOR, now)?;
    Ok(())
}
