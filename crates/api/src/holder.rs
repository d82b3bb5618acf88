//! Whose alert it is: by account, or by a link from one of its mails.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use alerts::{Alert, AlertStatus, subscription};
use serde::Deserialize;
use store::{DbConn, Id};

use crate::caller::{Known, bearer_token};
use crate::error::{Code, Problem};
use crate::extract::{Extracting, pairs};
use crate::state::State;

/// Who asks for an alert: its account, or whoever has the manage link of one of its mails.
pub(crate) struct Holder {
    user: Option<Id>,
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
                return Ok(Self { user: None, managed });
            }
            if in_link.is_some() {
                return Err(Problem::new(Code::TokenRejected));
            }
            let user = Some(account.await?.0.user()?.id);
            Ok(Self { user, managed: None })
        })
    }
}

impl Holder {
    /// The alert, when it is theirs and has not ended.
    pub(crate) fn require(&self, conn: &mut DbConn, id: Id) -> Result<Alert, Problem> {
        let alert = subscription::find(conn, id)?.filter(|alert| alert.status != AlertStatus::Ended);
        let alert = alert.ok_or_else(|| Problem::new(Code::AlertNotFound))?;
        let is_owner = self.user.is_some() && self.user == alert.user_id;
        if is_owner || self.managed == Some(id) {
            Ok(alert)
        } else {
            Err(Problem::new(Code::AlertNotFound))
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
