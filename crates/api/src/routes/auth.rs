//! Accounts: registration, sign-in, tokens, passwords.

use accounts::{Client, Registration, Rotation, SignIn, SignInRequest, StartedSession, check_password};
use actix_web::{HttpRequest, HttpResponse, web};
use mail::EmailAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller::{Asker, Caller, Known};
use crate::edge::client_address;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params};
use crate::rate_limit::network;
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/auth/register").route(web::post().to(register)))
        .service(web::resource("/v1/auth/verify-email").route(web::post().to(verify_email)))
        .service(web::resource("/v1/auth/login").route(web::post().to(login)))
        .service(web::resource("/v1/auth/refresh").route(web::post().to(refresh)))
        .service(web::resource("/v1/auth/logout").route(web::post().to(logout)))
        .service(web::resource("/v1/auth/password/forgot").route(web::post().to(forgot_password)))
        .service(web::resource("/v1/auth/password/reset").route(web::post().to(reset_password)));
}

/// Who wants an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterBody {
    #[schema(example = "recruiting@acme.example")]
    email: EmailAddress,
    /// 8 to 256 characters, not one of the common ones.
    password: String,
    #[schema(example = "Acme Recruiting")]
    name: String,
}

/// An address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailBody {
    email: EmailAddress,
}

/// A token from a mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenBody {
    pub(crate) token: String,
}

/// Address and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    #[schema(example = "recruiting@acme.example")]
    email: String,
    password: String,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshBody {
    refresh_token: String,
}

/// A token from a mail, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetBody {
    token: String,
    password: String,
}

/// The tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokensBody {
    /// Goes into `Authorization: Bearer …`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: i64,
    /// Gets the next pair; works once.
    refresh_token: String,
}

/// An answer that is the same whatever happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedBody {
    /// What will happen, if what was given is right.
    #[schema(example = "if the address can be used, a mail is on its way")]
    pub(crate) message: &'static str,
}

pub(crate) const ACCEPTED: AcceptedBody = AcceptedBody {
    message: "if the address can be used, a mail is on its way",
};

/// Of a session that begins.
pub(crate) fn tokens(state: &State, started: &StartedSession) -> Result<HttpResponse, Problem> {
    let mut response = next_tokens(state, started)?;
    response.extensions_mut().insert(Asker(started.session.user_id));
    Ok(response)
}

fn next_tokens(state: &State, started: &StartedSession) -> Result<HttpResponse, Problem> {
    let (user, session) = (started.session.user_id, started.session.id);
    let access_token = state.jwt.issue(user, session, &state.random, state.now())?;
    Ok(Reply::ok(&TokensBody {
        access_token,
        token_type: "Bearer",
        expires_in: accounts::ACCESS_TOKEN_LIFETIME.as_secs(),
        refresh_token: started.refresh_token.clone(),
    })
    .into_response())
}

/// From where somebody signs in.
pub(crate) fn client_of(state: &State, request: &HttpRequest) -> Client {
    let agent = request.headers().get("user-agent");
    Client {
        network: client_address(request).map(|address| network(address).to_string()),
        user_agent: agent.and_then(|agent| agent.to_str().ok()).map(str::to_owned),
        is_counted: state.limits().enabled,
    }
}

/// Register. The answer is the same whether the address is known or not; a mail leaves.
#[utoipa::path(post, path = "/v1/auth/register", tag = "accounts", request_body = RegisterBody,
    responses((status = 202, body = AcceptedBody)))]
pub(crate) async fn register(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<RegisterBody>,
) -> Result<HttpResponse, Problem> {
    check_password(&body.password, &[body.email.as_str(), &body.name])?;
    let password_hash = state.hasher.hash(body.password).await?;
    let registration = Registration {
        email: body.email,
        name: body.name,
        password_hash,
    };
    let now = state.now();
    state
        .write(move |tx, state| {
            Ok::<_, Problem>(accounts::register(tx, &registration, state.letters(), now)?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::with(202, &ACCEPTED).into_response())
}

/// Verify an address with the token from the mail; signs in.
#[utoipa::path(post, path = "/v1/auth/verify-email", tag = "accounts", request_body = TokenBody,
    responses((status = 200, body = TokensBody)))]
pub(crate) async fn verify_email(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<TokenBody>,
) -> Result<HttpResponse, Problem> {
    let (now, client) = (state.now(), client_of(&state, &request));
    let started = state
        .write(move |tx, state| {
            let user = accounts::verify_email(tx, &body.token, now)?;
            state.desk.meet(tx, &user, &client, now)?;
            Ok::<_, Problem>(accounts::start_session(
                tx,
                user.id,
                client.user_agent.as_deref(),
                &state.random,
                now,
            )?)
        })
        .await?;
    tokens(&state, &started)
}

/// Sign in. With a second factor the answer is the problem `mfa_required`, whose `mfa_token` goes to `/v1/auth/mfa` within
/// five minutes.
#[utoipa::path(post, path = "/v1/auth/login", tag = "accounts", request_body = LoginBody,
    responses((status = 200, body = TokensBody)))]
pub(crate) async fn login(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<LoginBody>,
) -> Result<HttpResponse, Problem> {
    // What is not an address has no account, and is told so like any other.
    let unknown = || "nobody@invalid.invalid".parse::<EmailAddress>();
    let email = body
        .email
        .parse()
        .or_else(|_| unknown())
        .map_err(|_| Problem::new(Code::CredentialsInvalid))?;
    let asked = SignInRequest {
        email,
        password: body.password,
        client: client_of(&state, &request),
    };
    let outcome = state.desk.sign_in(asked, state.now()).await?;
    match outcome {
        SignIn::Started(_, started) => {
            state.wake.mail.notify_one();
            tokens(&state, &started)
        }
        SignIn::SecondStep(token) => Err(Problem::new(Code::MfaRequired).mfa_token(token)),
    }
}

/// Get the next pair of tokens. A refresh token that was used before ends its session.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "accounts", request_body = RefreshBody,
    responses((status = 200, body = TokensBody)))]
pub(crate) async fn refresh(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<RefreshBody>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let rotation = state
        .write(move |tx, state| {
            Ok::<_, Problem>(accounts::rotate_refresh(
                tx,
                &body.refresh_token,
                &state.letterhead.links,
                now,
            )?)
        })
        .await?;
    match rotation {
        Rotation::Rotated(started) => next_tokens(&state, &started),
        Rotation::Reused { .. } => {
            tracing::warn!("a refresh token was used twice; its session was ended");
            Err(Problem::new(Code::RefreshTokenInvalid).detail("the token was used before; sign in again"))
        }
        Rotation::Invalid => Err(Problem::new(Code::RefreshTokenInvalid)),
    }
}

/// End the session at once.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "accounts", responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn logout(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let user_id = caller.user()?.id;
    if let Caller::User(_, session) = caller {
        let now = state.now();
        state
            .write(move |tx, _| Ok::<_, Problem>(accounts::revoke_session(tx, user_id, session, now)?))
            .await?;
    }
    Ok(Reply::no_content().into_response())
}

/// Ask for a mail with which the password can be set anew. The answer is always the same.
#[utoipa::path(post, path = "/v1/auth/password/forgot", tag = "accounts", request_body = EmailBody,
    responses((status = 202, body = AcceptedBody)))]
pub(crate) async fn forgot_password(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<EmailBody>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    state
        .write(move |tx, state| {
            Ok::<_, Problem>(accounts::request_password_reset(
                tx,
                &body.email,
                state.letters(),
                now,
            )?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::with(202, &ACCEPTED).into_response())
}

/// Set a new password with the token from the mail; ends all sessions.
#[utoipa::path(post, path = "/v1/auth/password/reset", tag = "accounts", request_body = ResetBody, responses((status = 204)))]
pub(crate) async fn reset_password(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ResetBody>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&state, &request);
    reset(&state, body.token, body.password, client).await?;
    Ok(Reply::no_content().into_response())
}

/// Shared with the page that does the same.
pub(crate) async fn reset(
    state: &State,
    token: String,
    password: String,
    client: Client,
) -> Result<(), Problem> {
    check_password(&password, &[])?;
    let now = state.now();
    let looked_up = token.clone();
    // A password is hashed only for a token that is good: hashing is what costs.
    state
        .read(move |conn, _| Ok::<_, Problem>(accounts::require_reset_token(conn, &looked_up, now)?))
        .await?;
    let hash = state.hasher.hash(password).await?;
    state
        .write(move |tx, state| {
            let user = accounts::reset_password(tx, &token, &hash, state.letters(), now)?;
            // Whoever reads the owner's mail is not kept waiting by somebody who guesses.
            state.desk.forgive(tx, &user, &client)?;
            Ok::<_, Problem>(())
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(())
}
