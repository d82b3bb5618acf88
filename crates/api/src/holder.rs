//! Whose alert it is: by account, or by a link from one of its mails.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use alerts::{Alert, EndReason, subscription};
use mail::EmailAddress;
use serde::Deserialize;
use store::{DbConn, Id};

use crate::caller::{Known, bearer_token};
use crate::error::{Code, Problem};
use crate::extract::{Extracting, pairs};
use crate::state::State;

/// Who asks for an alert: its account, or whoever has the manage link of a mail to its address.
#[derive(Clone)]
pub(crate) struct Holder {
    user: Option<Id>,
    /// The address that the account has verified.
    address: Option<EmailAddress>,
    managed: Option<Id>,
}

impl FromRequest for Holder {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let in_link = pairs(request.query_string())
            .into_iter()
            .find_map(|(name, value)| (name == "token").then_some(value));
        let bearer = bearer_token(request);
        let state = request.app_data::<State>().cloned();
        let account = Known::from_request(request, payload);
        Box::pin(async move {
            let state = state.ok_or_else(|| Problem::new(Code::Internal))?;
            let token = in_link.as_deref().or(bearer.as_deref());
            let managed = token.and_then(|token| state.letterhead.verify_manage(token));
            if managed.is_some() {
                return Ok(Self {
                    user: None,
                    address: None,
                    managed,
                });
            }
            if in_link.is_some() {
                return Err(Problem::new(Code::TokenRejected));
            }
            let Known(caller) = account.await?;
            let user = caller.user()?;
            Ok(Self {
                user: Some(user.id),
                address: user.verified_at.map(|_| user.email.clone()),
                managed: None,
            })
        })
    }
}

impl Holder {
    /// Whoever has the manage link of the alert `managed`.
    pub(crate) fn by_link(managed: Id) -> Self {
        Self {
            user: None,
            address: None,
            managed: Some(managed),
        }
    }

    /// The alert, when it is theirs and was not unsubscribed.
    pub(crate) fn require(&self, conn: &mut DbConn, id: Id) -> Result<Alert, Problem> {
        let missing = || Problem::new(Code::AlertNotFound);
        let alert = subscription::find(conn, id)?
            .filter(|alert| alert.end_reason != Some(EndReason::Unsubscribed))
            .ok_or_else(missing)?;
        let is_owner = self.user.is_some() && self.user == alert.user_id;
        if is_owner || (self.managed.is_some() && self.require_address(conn)? == alert.email) {
            Ok(alert)
        } else {
            Err(missing())
        }
    }

    /// The address that is theirs.
    pub(crate) fn require_address(&self, conn: &mut DbConn) -> Result<EmailAddress, Problem> {
        let missing = || Problem::new(Code::AlertNotFound);
        match self.managed {
            Some(id) => Ok(subscription::find(conn, id)?.ok_or_else(missing)?.email),
            None => self
                .address
                .clone()
                .ok_or_else(|| Problem::new(Code::EmailUnverified)),
        }
    }
}

/// The token in a link, for what nobody may be kept from: mail programs and others hang parameters of their own on links.
#[derive(Debug)]
pub(crate) struct LinkToken(pub(crate) String);

impl FromRequest for LinkToken {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut pairs = pairs(request.query_string()).into_iter();
        let token = pairs.find_map(|(name, value)| (name == "token").then_some(value));
        ready(Ok(Self(token.unwrap_or_default())))
    }
}

/// The manage token, which the holder takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenParams {
    #[serde(rename = "token")]
    _token: Option<String>,
}
