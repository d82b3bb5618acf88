//! Who is asking.

use accounts::{Actor, ActorKind, ApiKey, User, find_api_key, require_active_session, touch_api_key};
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use store::Id;

use crate::error::{Code, Problem};
use crate::extract::Extracting;
use crate::rate_limit::cost_of;
use crate::state::State;

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// A person who is signed in.
    User(Box<User>, Id),
    /// A program with an employer's key.
    Key(Box<ApiKey>),
}

impl Caller {
    /// The person, or 401; a key gets 403.
    pub(crate) fn user(&self) -> Result<&User, Problem> {
        match self {
            Self::User(user, _) => Ok(user),
            Self::Anonymous => Err(Problem::new(Code::CredentialsMissing)),
            Self::Key(_) => Err(Problem::new(Code::NotAllowed).detail("an API key cannot do this; sign in")),
        }
    }

    /// In whose name answers are remembered; `None` when nobody in particular asks.
    pub(crate) fn scope(&self) -> Option<String> {
        match self {
            Self::Anonymous => None,
            Self::User(user, _) => Some(user.id.to_string()),
            Self::Key(key) => Some(key.id.to_string()),
        }
    }

    /// The caller in the words of the audit trail.
    pub(crate) fn actor(&self, request: &HttpRequest) -> Actor {
        let (kind, id) = match self {
            Self::Anonymous => (ActorKind::System, None),
            Self::User(user, _) if user.is_operator => (ActorKind::Operator, Some(user.id)),
            Self::User(user, _) => (ActorKind::User, Some(user.id)),
            Self::Key(key) => (ActorKind::ApiKey, Some(key.id)),
        };
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        Actor { kind, id, request_id }
    }

    /// Counts the request for the account or key, which may ask from many addresses. The observer shows what is left.
    fn count(&self, state: &State, request: &HttpRequest) -> Result<(), Problem> {
        let holder = match self {
            Self::Anonymous => return Ok(()),
            Self::User(user, _) => user.id,
            Self::Key(key) => key.id,
        };
        request.extensions_mut().insert(Asker(holder));
        let cost = cost_of(request.method(), request.path());
        let Some(verdict) = cost.and_then(|cost| state.rates.count_holder(holder, cost)) else {
            return Ok(());
        };
        request.extensions_mut().insert(verdict);
        match verdict.retry_after_s {
            None => Ok(()),
            Some(wait) => Err(Problem::new(Code::RateLimited).retry_after(wait)),
        }
    }

    pub(crate) fn is_operator(&self) -> bool {
        matches!(self, Self::User(user, _) if user.is_operator)
    }
}

/// Whose account or key a request was made with, or to whom it gave a session; the observer logs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker(pub(crate) Id);

/// The name of a request, as in `X-Request-Id`; the observer leaves it with the request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// What stands in `Authorization: Bearer …`.
pub(crate) fn bearer_token(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case("bearer ")
        .then(|| token.trim().to_owned())
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let is_given = request.headers().contains_key(AUTHORIZATION);
        let token = bearer_token(request);
        let state = request.app_data::<State>().cloned();
        let counted = request.clone();
        Box::pin(async move {
            if !is_given {
                return Ok(Self::Anonymous);
            }
            let state = state.ok_or_else(|| Problem::new(Code::Internal))?;
            let token = token.ok_or_else(|| Problem::new(Code::TokenRejected))?;
            let caller = if token.starts_with("bp_") {
                key_caller(&state, token).await?
            } else {
                user_caller(&state, &token).await?
            };
            caller.count(&state, &counted)?;
            Ok(caller)
        })
    }
}

async fn user_caller(state: &State, token: &str) -> Result<Caller, Problem> {
    let now = state.now();
    let claims = state.jwt.verify(token, now)?;
    let identity = state
        .read(move |conn, _| require_active_session(conn, claims.sid, now))
        .await?;
    Ok(Caller::User(Box::new(identity.user), identity.session_id))
}

async fn key_caller(state: &State, secret: String) -> Result<Caller, Problem> {
    let now = state.now();
    let key = state
        .read(move |conn, _| find_api_key(conn, &secret, now))
        .await?;
    let key = key.ok_or_else(|| Problem::new(Code::TokenRejected))?;
    if key.is_use_unnoted(now) {
        let id = key.id;
        state.write(move |tx, _| touch_api_key(tx, id, now)).await?;
    }
    Ok(Caller::Key(Box::new(key)))
}

/// A caller who is somebody. Stands before the body in a handler, so that strangers are refused before anything that
/// they sent is read.
#[derive(Debug, Clone)]
pub(crate) struct Known(pub(crate) Caller);

impl FromRequest for Known {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            match caller.await? {
                Caller::Anonymous => Err(Problem::new(Code::CredentialsMissing)),
                caller => Ok(Self(caller)),
            }
        })
    }
}
