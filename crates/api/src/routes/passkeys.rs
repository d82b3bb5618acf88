//! Passkeys: signing in with one, and the caller's own.

use accounts::{Assertion, CreationOptions, NewCredential, Passkey, Proof, RequestOptions};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ListBody;
use super::auth::{TokensBody, client_of, tokens};
use super::safety::person;
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/auth/passkey/options").route(web::post().to(ask_for_passkey)))
        .service(web::resource("/v1/auth/passkey").route(web::post().to(sign_in_with_passkey)))
        .service(web::resource("/v1/me/passkeys/options").route(web::post().to(offer_passkey)))
        .service(
            web::resource("/v1/me/passkeys")
                .route(web::get().to(list_passkeys))
                .route(web::post().to(add_passkey)),
        )
        .service(web::resource("/v1/me/passkeys/{id}").route(web::patch().to(rename_passkey)))
        .service(web::resource("/v1/me/passkeys/{id}/remove").route(web::post().to(remove_passkey)));
}

/// Shows once more that it is you. Without either, a sign-in of the last ten minutes is enough.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgainBody {
    /// The account's password.
    password: Option<String>,
    /// Six digits from the app, or a recovery code.
    code: Option<String>,
}

impl AgainBody {
    pub(crate) fn proof(self) -> Proof {
        proof(self.password, self.code)
    }
}

pub(crate) fn proof(password: Option<String>, code: Option<String>) -> Proof {
    match (password, code) {
        (Some(password), _) => Proof::Password(password),
        (None, Some(code)) => Proof::Code(code),
        (None, None) => Proof::FreshSession,
    }
}

/// No fields.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NothingBody {}

/// For `navigator.credentials.create({publicKey})`, after `PublicKeyCredential.parseCreationOptionsFromJSON`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreationBody {
    public_key: CreationOptions,
}

/// For `navigator.credentials.get({publicKey})`, after `PublicKeyCredential.parseRequestOptionsFromJSON`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestBody {
    public_key: RequestOptions,
}

/// What the browser made: `credential.toJSON()`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPasskeyBody {
    /// How to call it, 1 to 120 characters.
    #[schema(example = "Work laptop")]
    name: String,
    credential: NewCredential,
}

/// What the browser signed: `credential.toJSON()`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssertionBody {
    credential: Assertion,
}

/// A name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyPatch {
    #[schema(example = "Work laptop")]
    name: String,
}

/// Ask for a challenge to sign in with a passkey. It names nobody, is good for five minutes, and is answered once.
#[utoipa::path(post, path = "/v1/auth/passkey/options", tag = "accounts", request_body = NothingBody,
    responses((status = 200, body = RequestBody)))]
pub(crate) async fn ask_for_passkey(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(NothingBody {}): Body<NothingBody>,
) -> Result<HttpResponse, Problem> {
    let public_key = state.desk.ask_for_passkey(state.now()).await?;
    Ok(Reply::ok(&RequestBody { public_key }).into_response())
}

/// Sign in with a passkey. No second factor is asked for: the device has checked its owner.
#[utoipa::path(post, path = "/v1/auth/passkey", tag = "accounts", request_body = AssertionBody,
    responses((status = 200, body = TokensBody)))]
pub(crate) async fn sign_in_with_passkey(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<AssertionBody>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&state, &request);
    let (_, started) = state
        .desk
        .sign_in_with_passkey(body.credential, client, state.now())
        .await?;
    state.wake.mail.notify_one();
    tokens(&state, &started)
}

/// Begin to add a passkey. Needs the password or a code, or a sign-in of the last ten minutes.
#[utoipa::path(post, path = "/v1/me/passkeys/options", tag = "accounts", request_body = AgainBody,
    responses((status = 200, body = CreationBody)), security(("bearer" = [])))]
pub(crate) async fn offer_passkey(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<AgainBody>,
) -> Result<HttpResponse, Problem> {
    let (user, session) = person(&caller)?;
    let now = state.now();
    state.desk.prove(user.id, session, body.proof(), now).await?;
    let user = user.clone();
    let public_key = state
        .write(move |tx, state| Ok::<_, Problem>(accounts::offer_passkey(tx, &user, state.letters(), now)?))
        .await?;
    Ok(Reply::ok(&CreationBody { public_key }).into_response())
}

/// Add the passkey that the browser made for `/v1/me/passkeys/options`, within five minutes.
#[utoipa::path(post, path = "/v1/me/passkeys", tag = "accounts", request_body = NewPasskeyBody,
    responses((status = 201, body = Passkey)), security(("bearer" = [])))]
pub(crate) async fn add_passkey(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<NewPasskeyBody>,
) -> Result<HttpResponse, Problem> {
    let (user, actor, now) = (caller.user()?.clone(), caller.actor(&request), state.now());
    let added = state
        .write(move |tx, state| {
            let letters = state.letters();
            let credential = &body.credential;
            // What was wrong is said after the commit: the challenge is used up in any case.
            Ok::<_, Problem>(accounts::add_passkey(
                tx, &user, &body.name, credential, &actor, letters, now,
            )?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::with(201, &added?).into_response())
}

/// The account's passkeys.
#[utoipa::path(get, path = "/v1/me/passkeys", tag = "accounts", responses((status = 200, body = ListBody<Passkey>)),
    security(("bearer" = [])))]
pub(crate) async fn list_passkeys(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = caller.user()?.id;
    let data = state
        .read(move |conn, _| Ok::<_, Problem>(accounts::list_passkeys(conn, id)?))
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}

/// Call a passkey something else.
#[utoipa::path(patch, path = "/v1/me/passkeys/{id}", tag = "accounts", params(("id" = String, Path)),
    request_body = PasskeyPatch, responses((status = 200, body = Passkey)), security(("bearer" = [])))]
pub(crate) async fn rename_passkey(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<PasskeyPatch>,
) -> Result<HttpResponse, Problem> {
    let (user, id) = (caller.user()?.id, path_id(&path, Code::PasskeyNotFound)?);
    let passkey = state
        .write(move |tx, _| Ok::<_, Problem>(accounts::rename_passkey(tx, user, id, &patch.name)?))
        .await?;
    Ok(Reply::ok(&passkey).into_response())
}

/// Remove a passkey: nobody signs in with it any more. Needs the password or a code, or a sign-in of the last ten minutes.
#[utoipa::path(post, path = "/v1/me/passkeys/{id}/remove", tag = "accounts", params(("id" = String, Path)),
    request_body = AgainBody, responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn remove_passkey(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<AgainBody>,
) -> Result<HttpResponse, Problem> {
    let (user, session) = person(&caller)?;
    let (id, now) = (path_id(&path, Code::PasskeyNotFound)?, state.now());
    state.desk.prove(user.id, session, body.proof(), now).await?;
    let (user, actor) = (user.clone(), caller.actor(&request));
    state
        .write(move |tx, state| {
            let letters = state.letters();
            Ok::<_, Problem>(accounts::remove_passkey(tx, &user, id, &actor, letters, now)?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::no_content().into_response())
}
