//! A sign-in that is on its way: what the browser that began it has to bring back.

use data_encoding::BASE64URL_NOPAD;
use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::provider_flows;
use store::{DbConn, Id, Random, StoreError, Timestamp};

use super::ProviderError;
use crate::secret;

/// How long somebody may take at the provider.
const FINISHED_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// Where a browser goes to sign in, and what it keeps meanwhile.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct ProviderStart {
    /// Send the browser here.
    pub authorization_url: String,
    /// Keep this in the browser, out of every address: whoever finishes the sign-in shows it.
    pub flow_token: String,
    /// Seconds until the sign-in has to be finished.
    #[schema(example = 900)]
    pub expires_in: i64,
}

impl std::fmt::Debug for ProviderStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProviderStart")
    }
}

/// What a browser brings back.
#[derive(Clone)]
pub struct ProviderAnswer {
    /// The provider's name.
    pub provider: String,
    /// From [`ProviderStart`].
    pub flow_token: String,
    /// `state` of the address to which the provider sent the browser.
    pub state: String,
    /// `code` of that address.
    pub code: String,
    /// `iss` of that address, when it has one.
    pub issuer: Option<String>,
}

impl std::fmt::Debug for ProviderAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProviderAnswer")
    }
}

/// The secrets of a new flow.
pub(super) struct NewFlow {
    pub(super) token: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) code_verifier: String,
}

/// What was remembered of a flow.
#[derive(Queryable)]
pub(super) struct Flow {
    provider: String,
    state_hash: Vec<u8>,
    pub(super) nonce: String,
    pub(super) code_verifier: String,
    /// Whose account is to be connected.
    pub(super) user: Option<Id>,
    expires_at: Timestamp,
}

impl NewFlow {
    pub(super) fn random(random: &Random) -> Self {
        Self {
            token: random.token(),
            state: random.token(),
            nonce: random.token(),
            code_verifier: random.token(),
        }
    }

    /// RFC 7636, 4.2.
    pub(super) fn code_challenge(&self) -> String {
        BASE64URL_NOPAD.encode(&secret::hash(&self.code_verifier))
    }

    pub(super) fn started(self, authorization_url: String) -> ProviderStart {
        ProviderStart {
            authorization_url,
            flow_token: self.token,
            expires_in: FINISHED_WITHIN.as_secs(),
        }
    }
}

pub(super) fn remember(
    tx: &mut DbConn,
    provider: &str,
    flow: &NewFlow,
    user: Option<Id>,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::insert_into(provider_flows::table)
        .values((
            provider_flows::token_hash.eq(secret::hash(&flow.token)),
            provider_flows::provider.eq(provider),
            provider_flows::state_hash.eq(secret::hash(&flow.state)),
            provider_flows::nonce.eq(&flow.nonce),
            provider_flows::code_verifier.eq(&flow.code_verifier),
            provider_flows::user_id.eq(user),
            provider_flows::expires_at.eq(now.plus(FINISHED_WITHIN)),
            provider_flows::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

/// Uses the flow up, whatever comes of it: commit the transaction in every case.
pub(super) fn take(
    tx: &mut DbConn,
    answer: &ProviderAnswer,
    user: Option<Id>,
    now: Timestamp,
) -> Result<Result<Flow, ProviderError>, StoreError> {
    let flow: Option<Flow> = diesel::delete(provider_flows::table.find(secret::hash(&answer.flow_token)))
        .returning((
            provider_flows::provider,
            provider_flows::state_hash,
            provider_flows::nonce,
            provider_flows::code_verifier,
            provider_flows::user_id,
            provider_flows::expires_at,
        ))
        .get_result(tx)
        .optional()?;
    let flow = flow.filter(|flow| {
        flow.provider == answer.provider
            && flow.state_hash == secret::hash(&answer.state)
            && flow.user == user
            && flow.expires_at > now
    });
    Ok(flow.ok_or(ProviderError::Flow))
}

/// Forgets flows that are over; returns how many.
pub(crate) fn forget_flows(tx: &mut DbConn, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::delete(provider_flows::table.filter(provider_flows::expires_at.le(now))).execute(tx)?)
}
