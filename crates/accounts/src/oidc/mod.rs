//! Signing in with an identity provider of the operator's choice (OpenID Connect Core 1.0; code flow with PKCE, RFC 9700).
//!
//! [`Providers`] knows who they are and what they publish, `id_token` believes what they say or not, `flow` remembers a sign-in
//! that is on its way, `identity` whom they vouched for. How an account is found, and why no address is enough to take one
//! over: `docs/adr/0027-passkeys-and-providers.md`.

mod flow;
mod id_token;
mod identity;
mod provider;
mod sign_in;

use store::StoreError;

pub(crate) use flow::forget_flows;
pub use flow::{ProviderAnswer, ProviderStart};
pub(crate) use identity::remove_all;
pub use identity::{ProviderIdentity, list_identities, remove_identity};
pub use provider::{CallFailed, ProviderCalls, ProviderSettings, Providers};

use crate::{PasswordUnavailable, SignInError};

/// Why a sign-in through a provider did not work.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The operator has named no such provider.
    #[error("there is no such provider")]
    Unknown,
    /// The provider does not answer, or not in the way of the standard.
    #[error("the provider cannot be asked now")]
    Unavailable(String),
    /// The provider, or what it said, is not believed. The reason is for our logs.
    #[error("the provider did not vouch for this sign-in")]
    Refused(String),
    /// A flow that was never begun, was finished, is another one's, or took too long.
    #[error("the sign-in took too long, or was begun elsewhere; begin again")]
    Flow,
    /// The provider does not say that an address is the person's.
    #[error("the provider names no verified e-mail address")]
    NoAddress,
    /// The operator lets only other addresses in.
    #[error("people with this address do not sign in with this provider")]
    Domain,
    /// There is an account with the address. Its owner connects it after signing in.
    #[error("there is an account with this address; sign in to it, then connect the provider")]
    ConnectFirst,
    /// The person at the provider signs in to another account.
    #[error("this identity is connected to another account")]
    Taken,
    /// The account has no such identity.
    #[error("there is no such identity")]
    NotFound,
    /// Something about signing in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for ProviderError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<PasswordUnavailable> for ProviderError {
    fn from(error: PasswordUnavailable) -> Self {
        Self::SignIn(error.into())
    }
}

/// The provider is not believed, because of this.
fn refused(reason: impl Into<String>) -> ProviderError {
    ProviderError::Refused(reason.into())
}
