//! Signing in: count the attempt, check the password with no transaction open, ask for the second factor, start a session.

use std::sync::Arc;

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{EmailAddress, LinkKey, MailConfig};
use store::schema::users;
use store::{Db, DbConn, Id, Random, StoreError, Timestamp};

use crate::throttle::{self, Acquaintance, Bucket, Wait};
use crate::{
    Client, Letters, MfaError, PasswordHasher, PasswordUnavailable, StartedSession, User, find_password_hash,
    mfa, start_session,
};

/// How long the news of a sign-in is worth sending.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What signing in works with.
#[derive(Debug, Clone)]
pub struct SignInDesk {
    /// The database.
    pub db: Db,
    /// Checks passwords.
    pub hasher: PasswordHasher,
    /// Names clients and accounts without saying who they are.
    pub links: Arc<LinkKey>,
    /// Who writes the mails.
    pub mail: Arc<MailConfig>,
    /// Makes tokens.
    pub random: Arc<Random>,
}

/// What somebody signs in with.
#[derive(Clone)]
pub struct SignInRequest {
    /// Address.
    pub email: EmailAddress,
    /// Password, at most 256 characters.
    pub password: String,
    /// From where.
    pub client: Client,
}

impl std::fmt::Debug for SignInRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInRequest")
    }
}

/// What came of a right password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// A session was started.
    Started(Box<User>, StartedSession),
    /// The second factor is asked for.
    SecondStep(ChallengeToken),
}

/// The secret with which the second step is taken: good for five minutes and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct ChallengeToken(pub String);

impl std::fmt::Debug for ChallengeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeToken")
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
    /// Too many attempts; the same for addresses that nobody has.
    #[error("too many attempts to sign in")]
    Throttled {
        /// Seconds until the next.
        wait_s: u64,
    },
    /// Neither password nor code, in a session that is no fresh one.
    #[error("show that it is you: with the password, a code, or by signing in again")]
    ProofMissing,
    /// The second step.
    #[error(transparent)]
    SecondFactor(#[from] MfaError),
    /// The password could not be checked now.
    #[error(transparent)]
    Password(#[from] PasswordUnavailable),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SignInDesk {
    pub(crate) fn letters(&self) -> Letters<'_> {
        Letters {
            config: &self.mail,
            random: &self.random,
        }
    }

    /// Checks address and password, and starts a session or asks for the second factor. Takes equally long for an unknown
    /// address.
    pub async fn sign_in(&self, request: SignInRequest, now: Timestamp) -> Result<SignIn, SignInError> {
        let (desk, email, client) = (self.clone(), request.email.clone(), request.client.clone());
        let (found, account) = self
            .db
            .write(move |tx| desk.enter(tx, &email, &client, now))
            .await?;
        if request.password.chars().count() > 256 {
            return Err(SignInError::Credentials); // no account can have it
        }
        let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
        let verified = self.hasher.verify(request.password.clone(), hash.clone()).await?;
        let (true, Some(user), Some(hash)) = (verified.matches, user, hash) else {
            return Err(SignInError::Credentials);
        };
        let new_hash = if verified.needs_rehash {
            Some(self.hasher.hash(request.password).await?)
        } else {
            None
        };
        let desk = self.clone();
        self.db
            .write(move |tx| {
                confirm_password(tx, &user, &hash, new_hash.as_deref())?;
                throttle::forgive(tx, &account)?;
                if let Some(bucket) = desk.client_bucket(&request.client) {
                    throttle::uncount(tx, &bucket)?;
                }
                if user.verified_at.is_none() {
                    return Ok(Err(SignInError::Unverified));
                }
                if let Some(token) = mfa::challenge(tx, user.id, &desk.random, now)? {
                    return Ok(Ok(SignIn::SecondStep(ChallengeToken(token))));
                }
                let started = desk.begin(tx, &user, &request.client, now)?;
                Ok(Ok(SignIn::Started(Box::new(user), started)))
            })
            .await
            .and_then(|outcome| outcome)
    }

    /// Takes the second step with a code of the app or a recovery code, and starts the session.
    pub async fn take_second_step(
        &self,
        token: String,
        code: String,
        client: Client,
        now: Timestamp,
    ) -> Result<(User, StartedSession), SignInError> {
        let (desk, looked_up, from) = (self.clone(), token.clone(), client.clone());
        // Counted and committed before the code is looked at.
        let user = self
            .db
            .write(move |tx| {
                if let Some(bucket) = desk.client_bucket(&from)
                    && let Err(Wait(wait_s)) = throttle::enter(tx, &[bucket], now)?
                {
                    return Err(SignInError::Throttled { wait_s });
                }
                let user = match mfa::require_challenge(tx, &looked_up, now) {
                    Ok(user) => user,
                    Err(MfaError::Store(error)) => return Err(error.into()),
                    Err(other) => return Ok(Err(other)),
                };
                let bucket = Bucket::of_user(&desk.links, "second factor", user.id);
                let entered = throttle::enter(tx, &[bucket], now)?;
                Ok(entered
                    .map(|()| user)
                    .map_err(|Wait(wait_s)| MfaError::TooMany { wait_s }))
            })
            .await??;
        let desk = self.clone();
        self.db
            .write(move |tx| {
                mfa::answer(tx, user.id, &token, &code, &desk.links, now)?;
                throttle::forgive(tx, &Bucket::of_user(&desk.links, "second factor", user.id))?;
                if let Some(bucket) = desk.client_bucket(&client) {
                    throttle::uncount(tx, &bucket)?;
                }
                let started = desk.begin(tx, &user, &client, now)?;
                Ok((user, started))
            })
            .await
    }

    /// Checks the password of somebody who is signed in already, before something that only the owner may do. Returns the
    /// hash against which it was checked.
    ///
    /// # Errors
    /// [`SignInError::Credentials`]; [`SignInError::Throttled`]: whoever stole a session guesses no faster than others.
    pub async fn check_again(
        &self,
        user: Id,
        password: String,
        now: Timestamp,
    ) -> Result<String, SignInError> {
        let bucket = Bucket::of_user(&self.links, "password again", user);
        let counted = bucket.clone();
        let hash: Option<String> = self
            .db
            .write(move |tx| {
                if let Err(Wait(wait_s)) = throttle::enter(tx, &[counted], now)? {
                    return Err(SignInError::Throttled { wait_s });
                }
                let hash = users::table.find(user).select(users::password_hash).first(tx);
                Ok(hash.optional().map_err(StoreError::from)?)
            })
            .await?;
        if password.chars().count() > 256 {
            return Err(SignInError::Credentials);
        }
        let verified = self.hasher.verify(password, hash.clone()).await?;
        let (true, Some(hash)) = (verified.matches, hash) else {
            return Err(SignInError::Credentials);
        };
        self.db
            .write(move |tx| Ok::<_, SignInError>(throttle::forgive(tx, &bucket)?))
            .await?;
        Ok(hash)
    }

    /// Counts the attempt, and looks the account up.
    fn enter(
        &self,
        tx: &mut DbConn,
        email: &EmailAddress,
        client: &Client,
        now: Timestamp,
    ) -> Result<(Option<(User, String)>, Bucket), SignInError> {
        let found = find_password_hash(tx, email)?;
        let from = client.hash(&self.links);
        // Asked for nobody, too: the same work for every address.
        let who = found
            .as_ref()
            .map_or(Id::from_bytes([0; 16]), |(user, _)| user.id);
        let is_known = throttle::is_known_client(tx, who, &from, now)?;
        let account = Bucket::account(&self.links, email, is_known.then_some(from.as_slice()));
        let mut buckets = vec![account.clone()];
        buckets.extend(self.client_bucket(client));
        match throttle::enter(tx, &buckets, now)? {
            Ok(()) => Ok((found, account)),
            Err(Wait(wait_s)) => Err(SignInError::Throttled { wait_s }),
        }
    }

    pub(crate) fn client_bucket(&self, client: &Client) -> Option<Bucket> {
        let network = client.network.as_deref().filter(|_| client.is_counted)?;
        Some(Bucket::client(&self.links, network))
    }

    /// Starts the session; a mail tells the owner when the client is a new one.
    pub(crate) fn begin(
        &self,
        tx: &mut DbConn,
        user: &User,
        client: &Client,
        now: Timestamp,
    ) -> Result<StartedSession, StoreError> {
        let agent = client.user_agent.as_deref();
        let started = start_session(tx, user.id, agent, &self.random, now)?;
        self.meet(tx, user, client, now)?;
        Ok(started)
    }

    /// Remembers the client as one of the user's.
    pub fn meet(
        &self,
        tx: &mut DbConn,
        user: &User,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let acquaintance = throttle::meet_client(tx, user.id, &client.hash(&self.links), now)?;
        if acquaintance == Acquaintance::New {
            let letter = self.letters().new_sign_in(client.user_agent.as_deref(), now);
            let key = format!("new_sign_in:{}:{}", user.id, now.micros());
            self.letters().send(tx, letter, &user.email, key, NEWS_FOR, now)?;
        }
        Ok(())
    }

    /// A new password was set by mail: what was guessed before counts no more, also for strangers.
    pub fn forgive(&self, tx: &mut DbConn, user: &User, client: &Client) -> Result<(), StoreError> {
        throttle::forgive(tx, &Bucket::account(&self.links, &user.email, None))?;
        let from = client.hash(&self.links);
        throttle::forgive(tx, &Bucket::account(&self.links, &user.email, Some(&from)))
    }
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
