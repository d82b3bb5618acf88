//! The safety of the caller's own account: password, address, second factor.

use accounts::{EmailChange, SecondFactor, TotpEnrolment, check_password};
use actix_web::{HttpRequest, HttpResponse, web};
use mail::EmailAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::{TokenBody, TokensBody, client_of, tokens};
use crate::caller::{Caller, Known};
use crate::error::Problem;
use crate::extract::{Body, NoParams, Params};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/auth/mfa").route(web::post().to(take_second_step)))
        .service(web::resource("/v1/me/password").route(web::post().to(change_password)))
        .service(web::resource("/v1/me/email").route(web::post().to(request_email_change)))
        .service(web::resource("/v1/me/email/confirm").route(web::post().to(confirm_email_change)))
        .service(
            web::resource("/v1/me/second-factor")
                .route(web::get().to(get_second_factor))
                .route(web::post().to(enrol_totp)),
        )
        .service(web::resource("/v1/me/second-factor/confirm").route(web::post().to(confirm_totp)))
        .service(web::resource("/v1/me/second-factor/disable").route(web::post().to(disable_totp)))
        .service(
            web::resource("/v1/me/second-factor/recovery-codes").route(web::post().to(renew_recovery_codes)),
        );
}

/// The second step of a sign-in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondStepBody {
    /// From the problem `mfa_required`.
    mfa_token: String,
    /// Six digits from the app, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// The password of now and the next.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordBody {
    current_password: String,
    /// 8 to 256 characters, not easy to guess.
    password: String,
}

/// A new address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEmailBody {
    email: EmailAddress,
    /// The account's password.
    password: String,
}

/// Whether the address has changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmailChangeBody {
    status: EmailChange,
}

/// The account's password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofBody {
    password: String,
}

/// A code from the app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeBody {
    #[schema(example = "123456")]
    code: String,
}

/// The account's password and a code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofAndCodeBody {
    password: String,
    /// Six digits from the app, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// Codes for the day on which the phone is gone. Each works once, and they are shown only now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodesBody {
    recovery_codes: Vec<String>,
}

/// The second step of a sign-in, after `mfa_required`.
#[utoipa::path(post, path = "/v1/auth/mfa", tag = "accounts", request_body = SecondStepBody,
    responses((status = 200, body = TokensBody)))]
pub(crate) async fn take_second_step(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<SecondStepBody>,
) -> Result<HttpResponse, Problem> {
    let (now, client) = (state.now(), client_of(&state, &request));
    let (_, started) = state
        .desk
        .take_second_step(body.mfa_token, body.code, client, now)
        .await?;
    state.wake.mail.notify_one();
    tokens(&state, &started)
}

/// Change the password; ends all other sessions.
#[utoipa::path(post, path = "/v1/me/password", tag = "accounts", request_body = PasswordBody, responses((status = 204)),
    security(("bearer" = [])))]
pub(crate) async fn change_password(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<PasswordBody>,
) -> Result<HttpResponse, Problem> {
    let (user, session) = person(&caller)?;
    let checked = state
        .desk
        .check_again(user.id, body.current_password, state.now())
        .await?;
    check_password(&body.password, &[user.email.as_str(), &user.name])?;
    let hash = state.hasher.hash(body.password).await?;
    let (id, now) = (user.id, state.now());
    state
        .write(move |tx, state| {
            accounts::change_password(tx, id, &checked, &hash, session, state.letters(), now)?;
            Ok::<_, Problem>(())
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::no_content().into_response())
}

/// The person and the session in which they ask.
pub(crate) fn person(caller: &Caller) -> Result<(&accounts::User, store::Id), Problem> {
    let user = caller.user()?;
    match caller {
        Caller::User(_, session) => Ok((user, *session)),
        _ => Err(Problem::new(crate::error::Code::NotAllowed)),
    }
}

/// Give the account another address. A mail to the old one and one to the new one ask whether they agree.
#[utoipa::path(post, path = "/v1/me/email", tag = "accounts", request_body = NewEmailBody, responses((status = 202)),
    security(("bearer" = [])))]
pub(crate) async fn request_email_change(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<NewEmailBody>,
) -> Result<HttpResponse, Problem> {
    let user = caller.user()?.clone();
    let now = state.now();
    state.desk.check_again(user.id, body.password, now).await?;
    state
        .write(move |tx, state| {
            Ok::<_, Problem>(accounts::request_email_change(
                tx,
                &user,
                &body.email,
                state.letters(),
                now,
            )?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(HttpResponse::Accepted().finish())
}

/// Agree to a new address, with the token from either mail.
#[utoipa::path(post, path = "/v1/me/email/confirm", tag = "accounts", request_body = TokenBody,
    responses((status = 200, body = EmailChangeBody)))]
pub(crate) async fn confirm_email_change(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<TokenBody>,
) -> Result<HttpResponse, Problem> {
    let status = agree(&state, body.token).await?;
    Ok(Reply::ok(&EmailChangeBody { status }).into_response())
}

/// Shared with the page that does the same.
pub(crate) async fn agree(state: &State, token: String) -> Result<EmailChange, Problem> {
    let now = state.now();
    state
        .write(move |tx, _| Ok::<_, Problem>(accounts::confirm_email_change(tx, &token, now)?))
        .await
}

/// Whether signing in takes two steps.
#[utoipa::path(get, path = "/v1/me/second-factor", tag = "accounts", responses((status = 200, body = SecondFactor)),
    security(("bearer" = [])))]
pub(crate) async fn get_second_factor(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = caller.user()?.id;
    let factor = state
        .read(move |conn, _| Ok::<_, Problem>(accounts::second_factor(conn, id)?))
        .await?;
    Ok(Reply::ok(&factor).into_response())
}

/// Get a secret for an authenticator app. It counts once it is confirmed with a code.
#[utoipa::path(post, path = "/v1/me/second-factor", tag = "accounts", request_body = ProofBody,
    responses((status = 201, body = TotpEnrolment)), security(("bearer" = [])))]
pub(crate) async fn enrol_totp(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ProofBody>,
) -> Result<HttpResponse, Problem> {
    let user = caller.user()?.clone();
    let now = state.now();
    state.desk.check_again(user.id, body.password, now).await?;
    let enrolment = state
        .write(move |tx, state| {
            let issuer = state.mail_config.from.name.as_str();
            let issuer = if issuer.is_empty() { "Backplane" } else { issuer };
            Ok::<_, Problem>(accounts::enrol_totp(
                tx,
                &user,
                issuer,
                &state.desk.links,
                &state.random,
                now,
            )?)
        })
        .await?;
    Ok(Reply::with(201, &enrolment).into_response())
}

/// Switch the second factor on with a code from the app. Other sessions end. The answer holds the recovery codes.
#[utoipa::path(post, path = "/v1/me/second-factor/confirm", tag = "accounts", request_body = CodeBody,
    responses((status = 200, body = RecoveryCodesBody)), security(("bearer" = [])))]
pub(crate) async fn confirm_totp(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<CodeBody>,
) -> Result<HttpResponse, Problem> {
    let (user, session) = person(&caller)?;
    let (user, now) = (user.clone(), state.now());
    let recovery_codes = state
        .write(move |tx, state| {
            let (links, letters) = (&state.desk.links, state.letters());
            Ok::<_, Problem>(accounts::confirm_totp(
                tx, &user, &body.code, session, links, letters, now,
            )?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::ok(&RecoveryCodesBody { recovery_codes }).into_response())
}

/// Switch the second factor off.
#[utoipa::path(post, path = "/v1/me/second-factor/disable", tag = "accounts", request_body = ProofAndCodeBody,
    responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn disable_totp(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ProofAndCodeBody>,
) -> Result<HttpResponse, Problem> {
    let user = caller.user()?.clone();
    let now = state.now();
    state.desk.check_again(user.id, body.password, now).await?;
    state
        .write(move |tx, state| {
            let (links, letters) = (&state.desk.links, state.letters());
            Ok::<_, Problem>(accounts::disable_totp(
                tx, &user, &body.code, links, letters, now,
            )?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::no_content().into_response())
}

/// New recovery codes; the old ones end.
#[utoipa::path(post, path = "/v1/me/second-factor/recovery-codes", tag = "accounts", request_body = ProofAndCodeBody,
    responses((status = 200, body = RecoveryCodesBody)), security(("bearer" = [])))]
pub(crate) async fn renew_recovery_codes(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ProofAndCodeBody>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (caller.user()?.id, state.now());
    state.desk.check_again(id, body.password, now).await?;
    let recovery_codes = state
        .write(move |tx, state| {
            let (links, random) = (&state.desk.links, &state.random);
            Ok::<_, Problem>(accounts::renew_recovery_codes(
                tx, id, &body.code, links, random, now,
            )?)
        })
        .await?;
    Ok(Reply::ok(&RecoveryCodesBody { recovery_codes }).into_response())
}
