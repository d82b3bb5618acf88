//! A new address, which both mailboxes have to agree to.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::EmailAddress;
use store::schema::{email_changes, one_time_tokens, users};
use store::{DbConn, Id, StoreError, Timestamp, is_unique_violation, on_each};

use crate::registration::may_write_to;
use crate::{Letters, User, find_user, find_user_by_email, secret};

/// How long both have to agree.
const AGREED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What came of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmailChange {
    /// The other mailbox has not agreed yet.
    Waiting,
    /// Both have: the account has the new address.
    Changed,
}

/// Why an address was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EmailChangeError {
    /// It is the address of the account already.
    #[error("this is the address already")]
    Same,
    /// A mail to the old or the new address left less than a minute ago, or five today.
    #[error("too many mails at the moment")]
    TooSoon,
    /// A token that was never given out, is too old, or was taken over by a newer change.
    #[error("the token is unknown, used or too old")]
    Token,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for EmailChangeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Queryable)]
struct Pending {
    user_id: Id,
    new_email: EmailAddress,
    old_token_hash: Vec<u8>,
    old_confirmed_at: Option<Timestamp>,
    new_confirmed_at: Option<Timestamp>,
}

/// Asks both mailboxes whether `user` may have the address `new_email`. The outcome is the same when somebody else has it;
/// the mail differs. A later change takes the place of an earlier one.
pub fn request_email_change(
    tx: &mut DbConn,
    user: &User,
    new_email: &EmailAddress,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), EmailChangeError> {
    if *new_email == user.email {
        return Err(EmailChangeError::Same);
    }
    if !may_write_to(tx, new_email, now)? || !may_write_to(tx, &user.email, now)? {
        return Err(EmailChangeError::TooSoon);
    }
    let (to_old, to_new) = (letters.random.token(), letters.random.token());
    let values = (
        email_changes::new_email.eq(new_email),
        email_changes::old_token_hash.eq(secret::hash(&to_old)),
        email_changes::new_token_hash.eq(secret::hash(&to_new)),
        email_changes::old_confirmed_at.eq(None::<Timestamp>),
        email_changes::new_confirmed_at.eq(None::<Timestamp>),
        email_changes::expires_at.eq(now.plus(AGREED_WITHIN)),
        email_changes::created_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(email_changes::table)
        .values((email_changes::user_id.eq(user.id), values.clone()))
        .on_conflict(email_changes::user_id)
        .do_update()
        .set(values)
        .execute(c))?;
    let key = |which: &str| format!("email_change_{which}:{}:{}", user.id, now.micros());
    let letter = letters.email_change_old(&to_old);
    letters.send(tx, letter, &user.email, key("old"), AGREED_WITHIN, now)?;
    let letter = match find_user_by_email(tx, new_email)? {
        Some(_) => letters.account_exists(),
        None => letters.email_change_new(&to_new),
    };
    letters.send(tx, letter, new_email, key("new"), AGREED_WITHIN, now)?;
    Ok(())
}

/// One mailbox agrees. When the other has, too, the account gets the address; older mailed tokens end.
///
/// # Errors
/// [`EmailChangeError::Token`], also when somebody else has got the address meanwhile.
pub fn confirm_email_change(
    tx: &mut DbConn,
    token: &str,
    now: Timestamp,
) -> Result<EmailChange, EmailChangeError> {
    let hash = secret::hash(token);
    let pending: Pending = email_changes::table
        .filter(
            email_changes::old_token_hash
                .eq(&hash)
                .or(email_changes::new_token_hash.eq(&hash)),
        )
        .filter(email_changes::expires_at.gt(now))
        .select((
            email_changes::user_id,
            email_changes::new_email,
            email_changes::old_token_hash,
            email_changes::old_confirmed_at,
            email_changes::new_confirmed_at,
        ))
        .first(tx)
        .optional()?
        .ok_or(EmailChangeError::Token)?;
    let row = email_changes::table.find(pending.user_id);
    let is_old = pending.old_token_hash == hash;
    if is_old {
        diesel::update(row)
            .set(email_changes::old_confirmed_at.eq(now))
            .execute(tx)?;
    } else {
        diesel::update(row)
            .set(email_changes::new_confirmed_at.eq(now))
            .execute(tx)?;
    }
    let other = if is_old {
        pending.new_confirmed_at
    } else {
        pending.old_confirmed_at
    };
    if other.is_none() {
        return Ok(EmailChange::Waiting);
    }
    take_over(tx, &pending, now)?;
    Ok(EmailChange::Changed)
}

fn take_over(tx: &mut DbConn, pending: &Pending, now: Timestamp) -> Result<(), EmailChangeError> {
    find_user(tx, pending.user_id)?.ok_or(EmailChangeError::Token)?;
    let changed = diesel::update(users::table.find(pending.user_id))
        .set((
            users::email.eq(&pending.new_email),
            users::verified_at.eq(now),
            users::version.eq(users::version + 1),
            users::updated_at.eq(now),
        ))
        .execute(tx);
    match changed {
        Err(error) if is_unique_violation(&error, "email") => return Err(EmailChangeError::Token),
        outcome => outcome?,
    };
    diesel::delete(email_changes::table.find(pending.user_id)).execute(tx)?;
    // A reset that went to the old mailbox must not open the account of the new one.
    diesel::delete(one_time_tokens::table.filter(one_time_tokens::user_id.eq(pending.user_id)))
        .execute(tx)?;
    Ok(())
}

/// Forgets changes that nobody agreed to in time; returns how many.
pub(crate) fn forget_changes(tx: &mut DbConn, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::delete(email_changes::table.filter(email_changes::expires_at.le(now))).execute(tx)?)
}
