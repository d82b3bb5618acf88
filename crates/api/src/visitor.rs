//! Who looks, as far as employers' numbers need it. Nothing of it is kept.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use postings::numbers::{Reader, Sight};
use store::Id;

use crate::edge::client_address;
use crate::state::State;

/// Who looks.
pub(crate) struct Visitor {
    address: Option<IpAddr>,
    agent: Option<String>,
    is_prefetch: bool,
}

impl Visitor {
    /// Who sent a request. Behind a trusted proxy, it is who the proxy says.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let is_prefetch = ["sec-purpose", "purpose", "x-moz"]
            .into_iter()
            .filter_map(header)
            .any(|purpose| purpose.contains("prefetch") || purpose.contains("preview"));
        Self {
            address: client_address(request),
            agent: header(USER_AGENT.as_str()).map(str::to_owned),
            is_prefetch,
        }
    }

    /// Counts that the visitor saw these postings.
    pub(crate) fn saw(&self, state: &State, sight: Sight, postings: impl Iterator<Item = Id>) {
        if self.is_prefetch {
            return;
        }
        let reader = Reader {
            address: self.address,
            agent: self.agent.as_deref(),
        };
        let ids: Vec<Id> = postings.collect();
        state
            .counters()
            .note(sight, &ids, reader, &state.random, state.now());
    }
}
