//! Showing once more that it is you, before something is changed about how you sign in; and signing in with a passkey.

use store::{DbConn, Id, StoreError, Timestamp};

use crate::throttle::{self, Bucket, Wait};
use crate::{
    Assertion, Client, PasskeyError, RequestOptions, SignInDesk, SignInError, StartedSession, User,
    ask_for_passkey, mfa, passkey, session,
};

/// How somebody who is signed in shows once more that it is them.
#[derive(Clone)]
pub enum Proof {
    /// With the account's password.
    Password(String),
    /// With a code of the app, or a recovery code.
    Code(String),
    /// By having signed in within the last ten minutes. It is all that people have who sign in with a passkey or a provider.
    FreshSession,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof")
    }
}

impl SignInDesk {
    /// Makes sure that it is `user` who asks in `session`.
    ///
    /// # Errors
    /// [`SignInError::Credentials`], [`SignInError::SecondFactor`], [`SignInError::ProofMissing`]; [`SignInError::Throttled`]:
    /// whoever stole a session guesses no faster than others.
    pub async fn prove(
        &self,
        user: Id,
        session: Id,
        proof: Proof,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        match proof {
            Proof::Password(password) => self.check_again(user, password, now).await.map(|_| ()),
            Proof::Code(code) => self.check_code(user, code, now).await,
            Proof::FreshSession => {
                let is_fresh = self
                    .db
                    .read(move |conn| session::is_fresh(conn, user, session, now))
                    .await?;
                is_fresh.then_some(()).ok_or(SignInError::ProofMissing)
            }
        }
    }

    async fn check_code(&self, user: Id, code: String, now: Timestamp) -> Result<(), SignInError> {
        let bucket = Bucket::of_user(&self.links, "second factor", user);
        let counted = bucket.clone();
        // Counted and committed before the code is looked at.
        self.db
            .write(move |tx| {
                let entered = throttle::enter(tx, &[counted], now)?;
                entered.map_err(|Wait(wait_s)| SignInError::Throttled { wait_s })
            })
            .await?;
        let links = self.links.clone();
        self.db
            .write(move |tx| {
                mfa::take_any_code(tx, user, &code, &links, now)?;
                Ok::<_, SignInError>(throttle::forgive(tx, &bucket)?)
            })
            .await
    }

    /// Counts an attempt of `client`, before anything is looked at.
    pub(crate) fn count_client(
        &self,
        tx: &mut DbConn,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        let Some(bucket) = self.client_bucket(client) else {
            return Ok(());
        };
        throttle::enter(tx, &[bucket], now)?.map_err(|Wait(wait_s)| SignInError::Throttled { wait_s })
    }

    /// The attempt of `client` was right.
    pub(crate) fn uncount_client(&self, tx: &mut DbConn, client: &Client) -> Result<(), StoreError> {
        match self.client_bucket(client) {
            Some(bucket) => throttle::uncount(tx, &bucket),
            None => Ok(()),
        }
    }

    /// What a browser is told that wants to sign in with a passkey: the same for everybody.
    pub async fn ask_for_passkey(&self, now: Timestamp) -> Result<RequestOptions, StoreError> {
        let desk = self.clone();
        self.db
            .write(move |tx| ask_for_passkey(tx, desk.letters(), now))
            .await
    }

    /// Signs in whoever signed `assertion`. The device has checked its owner, so no second factor is asked for.
    ///
    /// # Errors
    /// [`SignInError::Credentials`], whatever was wrong.
    pub async fn sign_in_with_passkey(
        &self,
        assertion: Assertion,
        client: Client,
        now: Timestamp,
    ) -> Result<(User, StartedSession), SignInError> {
        let (desk, from) = (self.clone(), client.clone());
        self.db.write(move |tx| desk.count_client(tx, &from, now)).await?;
        let desk = self.clone();
        let signed = self
            .db
            .write(
                move |tx| match passkey::owner_of(tx, &assertion, &desk.mail.public_url, now) {
                    Ok(user) if user.verified_at.is_some() => {
                        desk.uncount_client(tx, &client)?;
                        let started = desk.begin(tx, &user, &client, now)?;
                        Ok(Ok((user, started)))
                    }
                    Ok(_) => Ok(Err(PasskeyError::NotFound)),
                    Err(PasskeyError::Store(error)) => Err(error),
                    // Committed: the challenge was used up.
                    Err(error) => Ok(Err(error)),
                },
            )
            .await?;
        signed.map_err(|error| {
            tracing::info!(reason = %error.reason(), "a sign-in with a passkey was refused");
            SignInError::Credentials
        })
    }
}

impl PasskeyError {
    /// In full, for our logs.
    fn reason(&self) -> String {
        match self {
            Self::Disbelieved(why) => format!("{self}: {why}"),
            other => other.to_string(),
        }
    }
}
