//! Signing in: read, check the password with no transaction open, write.

use std::sync::Arc;

use diesel::prelude::*;
use mail::EmailAddress;
use store::schema::users;
use store::{Db, DbConn, Random, StoreError, Timestamp};

use crate::{PasswordHasher, PasswordUnavailable, StartedSession, User, find_password_hash, start_session};

/// What somebody signs in with.
#[derive(Clone)]
pub struct SignInRequest {
    /// Address.
    pub email: EmailAddress,
    /// Password, at most 256 characters.
    pub password: String,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

impl std::fmt::Debug for SignInRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInRequest")
    }
}

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such user, or not their password: nobody is told which.
    #[error("the address or the password is wrong")]
    Credentials,
    /// The password is right, but the address was never verified.
    #[error("the address is not verified yet")]
    Unverified,
    /// The password could not be checked now.
    #[error(transparent)]
    Password(#[from] PasswordUnavailable),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks address and password and starts a session. Takes equally long for an unknown address.
pub async fn sign_in(
    db: &Db,
    hasher: &PasswordHasher,
    request: SignInRequest,
    random: Arc<Random>,
    now: Timestamp,
) -> Result<(User, StartedSession), SignInError> {
    let email = request.email;
    let found = db.read(move |conn| find_password_hash(conn, &email)).await?;
    if request.password.chars().count() > 256 {
        return Err(SignInError::Credentials); // no account can have it
    }
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
    let verified = hasher.verify(request.password.clone(), hash.clone()).await?;
    let (true, Some(user), Some(hash)) = (verified.matches, user, hash) else {
        return Err(SignInError::Credentials);
    };
    if user.verified_at.is_none() {
        return Err(SignInError::Unverified);
    }
    let new_hash = if verified.needs_rehash {
        Some(hasher.hash(request.password).await?)
    } else {
        None
    };
    db.write(move |tx| {
        confirm_password(tx, &user, &hash, new_hash.as_deref())?;
        let started = start_session(tx, user.id, request.user_agent.as_deref(), &random, now)?;
        Ok((user, started))
    })
    .await
}

/// Makes sure that the password which was checked is still the user's, and stores it under today's parameters.
fn confirm_password(
    tx: &mut DbConn,
    user: &User,
    checked_hash: &str,
    new_hash: Option<&str>,
) -> Result<(), SignInError> {
    let unchanged = diesel::update(users::table.find(user.id))
        .filter(users::password_hash.eq(checked_hash))
        .set(users::password_hash.eq(new_hash.unwrap_or(checked_hash)))
        .execute(tx)
        .map_err(StoreError::from)?;
    if unchanged == 1 {
        Ok(())
    } else {
        Err(SignInError::Credentials)
    }
}
