//! From a browser that comes back from a provider to a session, or to a connected account.

use std::sync::Arc;

use mail::EmailAddress;
use store::{DbConn, Id, Timestamp};

use super::flow::{self, NewFlow, ProviderAnswer, ProviderStart};
use super::id_token::Vouched;
use super::identity::{self, ProviderIdentity};
use super::provider::{Asked, Provider, Providers, Returned};
use super::{ProviderError, refused};
use crate::{ChallengeToken, Client, SignIn, SignInDesk, User, find_user, mfa};

impl SignInDesk {
    /// Begins a sign-in with the provider `name`; with a `user`, whose account is to be connected, who has shown that it is
    /// them.
    pub async fn start_with_provider(
        &self,
        providers: &Providers,
        name: &str,
        user: Option<Id>,
        now: Timestamp,
    ) -> Result<ProviderStart, ProviderError> {
        let provider = providers.find(name)?;
        let flow = NewFlow::random(&self.random);
        let (flow, url) = off_threads(move || {
            let code_challenge = flow.code_challenge();
            let asked = Asked {
                state: &flow.state,
                nonce: &flow.nonce,
                code_challenge: &code_challenge,
            };
            let url = provider.authorization_url(&asked, now)?;
            Ok((flow, url))
        })
        .await?;
        let name = name.to_owned();
        self.db
            .write(move |tx| {
                flow::remember(tx, &name, &flow, user, now)?;
                Ok(flow.started(url))
            })
            .await
    }

    /// Finishes a sign-in: the account that the identity is connected to, or a new one. An account with a second factor is
    /// asked for it.
    ///
    /// # Errors
    /// [`ProviderError::ConnectFirst`] when there is an account with the address already; the others say what was wrong.
    pub async fn finish_with_provider(
        &self,
        providers: &Providers,
        answer: ProviderAnswer,
        client: Client,
        now: Timestamp,
    ) -> Result<SignIn, ProviderError> {
        let (desk, from) = (self.clone(), client.clone());
        self.db
            .write(move |tx| desk.count_client(tx, &from, now))
            .await
            .map_err(ProviderError::from)?;
        let (provider, vouched) = self.vouched(providers, answer, None, now).await?;
        let (issuer, subject) = (provider.settings.issuer.clone(), vouched.subject.clone());
        let owner = self
            .db
            .read(move |conn| identity::find_owner(conn, &issuer, &subject))
            .await?;
        // Nobody knows it. Hashed all the same, so that the account looks like any other.
        let password_hash = match owner {
            Some(_) => None,
            None => Some(self.hasher.hash(self.random.token()).await?),
        };
        let desk = self.clone();
        self.db
            .write(move |tx| {
                let user = desk.account_of(tx, &provider, &vouched, password_hash.as_deref(), now)?;
                desk.uncount_client(tx, &client)?;
                // The provider is one factor; how many it asked for itself, we cannot know.
                if let Some(token) = mfa::challenge(tx, user.id, &desk.random, now)? {
                    return Ok(SignIn::SecondStep(ChallengeToken(token)));
                }
                let started = desk.begin(tx, &user, &client, now)?;
                Ok(SignIn::Started(Box::new(user), started))
            })
            .await
    }

    /// Connects the identity to the account of `user`, who began this.
    ///
    /// # Errors
    /// [`ProviderError::Taken`] when it signs in to another account.
    pub async fn connect_provider(
        &self,
        providers: &Providers,
        answer: ProviderAnswer,
        user: User,
        now: Timestamp,
    ) -> Result<ProviderIdentity, ProviderError> {
        let (provider, vouched) = self.vouched(providers, answer, Some(user.id), now).await?;
        let desk = self.clone();
        self.db
            .write(move |tx| {
                let settings = &provider.settings;
                let owner = identity::find_owner(tx, &settings.issuer, &vouched.subject)?;
                match owner {
                    None => identity::connect(tx, &user, settings, &vouched, desk.letters(), now),
                    Some(owner) if owner == user.id => identity::list_identities(tx, user.id)?
                        .into_iter()
                        .find(|one| one.issuer == settings.issuer && one.subject == vouched.subject)
                        .ok_or(ProviderError::NotFound),
                    Some(_) => Err(ProviderError::Taken),
                }
            })
            .await
    }

    /// Whom the provider vouches for, after the flow was used up and with no transaction open.
    async fn vouched(
        &self,
        providers: &Providers,
        answer: ProviderAnswer,
        user: Option<Id>,
        now: Timestamp,
    ) -> Result<(Arc<Provider>, Vouched), ProviderError> {
        let provider = providers.find(&answer.provider)?;
        let taken = answer.clone();
        let flow = self
            .db
            .write(move |tx| flow::take(tx, &taken, user, now))
            .await??;
        let returned = Returned {
            code: answer.code,
            issuer: answer.issuer,
            nonce: flow.nonce,
            code_verifier: flow.code_verifier,
        };
        let asked = Arc::clone(&provider);
        let vouched = off_threads(move || asked.vouched(&returned, now)).await?;
        let domains = &provider.settings.email_domains;
        let is_welcome = |email: &EmailAddress| domains.iter().any(|one| one == email.domain());
        if !domains.is_empty() && !vouched.email.as_ref().is_some_and(is_welcome) {
            return Err(ProviderError::Domain);
        }
        Ok((provider, vouched))
    }

    /// The account of somebody for whom the provider vouches; made when there is none.
    fn account_of(
        &self,
        tx: &mut DbConn,
        provider: &Provider,
        vouched: &Vouched,
        password_hash: Option<&str>,
        now: Timestamp,
    ) -> Result<User, ProviderError> {
        let issuer = &provider.settings.issuer;
        if let Some(owner) = identity::find_owner(tx, issuer, &vouched.subject)? {
            identity::note_use(tx, issuer, &vouched.subject, now)?;
            return find_user(tx, owner)?.ok_or_else(|| refused("the account was erased meanwhile"));
        }
        // Without one the identity was disconnected a moment ago.
        let password_hash = password_hash.ok_or(ProviderError::Flow)?;
        let email = vouched.email.as_ref().ok_or(ProviderError::NoAddress)?;
        let user = identity::make_account(tx, email, vouched, password_hash, self.letters(), now)?;
        identity::connect(tx, &user, &provider.settings, vouched, self.letters(), now)?;
        Ok(user)
    }
}

/// Providers are asked where blocking does no harm.
async fn off_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(ProviderError::Unavailable("the call broke off".to_owned())))
}
