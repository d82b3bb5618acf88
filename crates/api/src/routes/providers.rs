//! Signing in with identity providers of the operator's choice (OpenID Connect), and connecting them to the caller's account.

use accounts::{ProviderAnswer, ProviderIdentity, ProviderStart, SignIn};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ListBody;
use super::auth::{TokensBody, client_of, tokens};
use super::passkeys::{AgainBody, NothingBody, proof};
use super::safety::person;
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/auth/providers").route(web::get().to(list_providers)))
        .service(
            web::resource("/v1/auth/providers/{provider}/start").route(web::post().to(start_with_provider)),
        )
        .service(
            web::resource("/v1/auth/providers/{provider}/finish").route(web::post().to(finish_with_provider)),
        )
        .service(web::resource("/v1/me/identities/start").route(web::post().to(start_connecting)))
        .service(
            web::resource("/v1/me/identities")
                .route(web::get().to(list_identities))
                .route(web::post().to(connect_identity)),
        )
        .service(web::resource("/v1/me/identities/{id}/remove").route(web::post().to(remove_identity)));
}

/// A provider with which people can sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderView {
    /// Its name in addresses.
    #[schema(example = "acme")]
    name: String,
    /// Its name for people.
    #[schema(example = "Acme Compute")]
    title: String,
}

/// What the browser brought back from the provider.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishBody {
    /// From the start of this sign-in.
    flow_token: String,
    /// `state` of the address to which the provider sent the browser.
    state: String,
    /// `code` of that address.
    code: String,
    /// `iss` of that address, when it has one.
    iss: Option<String>,
}

impl FinishBody {
    fn answer(self, provider: String) -> ProviderAnswer {
        ProviderAnswer {
            provider,
            flow_token: self.flow_token,
            state: self.state,
            code: self.code,
            issuer: self.iss,
        }
    }
}

/// Which provider, and that it is you: without password and code, a sign-in of the last ten minutes is enough.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartConnectingBody {
    #[schema(example = "acme")]
    provider: String,
    /// The account's password.
    password: Option<String>,
    /// Six digits from the app, or a recovery code.
    code: Option<String>,
}

/// What the browser brought back from the provider.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectBody {
    #[schema(example = "acme")]
    provider: String,
    /// From `/v1/me/identities/start`.
    flow_token: String,
    /// `state` of the address to which the provider sent the browser.
    state: String,
    /// `code` of that address.
    code: String,
    /// `iss` of that address, when it has one.
    iss: Option<String>,
}

/// The providers with which people can sign in.
#[utoipa::path(get, path = "/v1/auth/providers", tag = "accounts",
    responses((status = 200, body = ListBody<ProviderView>)))]
pub(crate) async fn list_providers(
    state: State,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let view = |settings: &accounts::ProviderSettings| ProviderView {
        name: settings.name.clone(),
        title: settings.title.clone(),
    };
    Ok(Reply::ok(&ListBody {
        data: state.providers.settings().map(view).collect(),
        next_cursor: None,
    })
    .into_response())
}

/// Begin to sign in with a provider: send the browser to the address in the answer, and keep the token.
#[utoipa::path(post, path = "/v1/auth/providers/{provider}/start", tag = "accounts", params(("provider" = String, Path)),
    request_body = NothingBody, responses((status = 200, body = ProviderStart)))]
pub(crate) async fn start_with_provider(
    state: State,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(NothingBody {}): Body<NothingBody>,
) -> Result<HttpResponse, Problem> {
    let started = state
        .desk
        .start_with_provider(&state.providers, &path, None, state.now())
        .await?;
    Ok(Reply::ok(&started).into_response())
}

/// Finish a sign-in with what the browser brought back. The first sign-in makes an account; where there is one with the address
/// already, the problem is `identity_unconnected`. With a second factor the answer is `mfa_required`, as for a password.
#[utoipa::path(post, path = "/v1/auth/providers/{provider}/finish", tag = "accounts", params(("provider" = String, Path)),
    request_body = FinishBody, responses((status = 200, body = TokensBody)))]
pub(crate) async fn finish_with_provider(
    state: State,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<FinishBody>,
) -> Result<HttpResponse, Problem> {
    let client = client_of(&state, &request);
    let answer = body.answer(path.into_inner());
    let outcome = state
        .desk
        .finish_with_provider(&state.providers, answer, client, state.now())
        .await?;
    match outcome {
        SignIn::Started(_, started) => {
            state.wake.mail.notify_one();
            tokens(&state, &started)
        }
        SignIn::SecondStep(token) => Err(Problem::new(Code::MfaRequired).mfa_token(token)),
    }
}

/// Begin to connect a provider to the account. Needs the password or a code, or a sign-in of the last ten minutes.
#[utoipa::path(post, path = "/v1/me/identities/start", tag = "accounts", request_body = StartConnectingBody,
    responses((status = 200, body = ProviderStart)), security(("bearer" = [])))]
pub(crate) async fn start_connecting(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<StartConnectingBody>,
) -> Result<HttpResponse, Problem> {
    let (user, session) = person(&caller)?;
    let now = state.now();
    let proof = proof(body.password, body.code);
    state.desk.prove(user.id, session, proof, now).await?;
    let started = state
        .desk
        .start_with_provider(&state.providers, &body.provider, Some(user.id), now)
        .await?;
    Ok(Reply::ok(&started).into_response())
}

/// Connect a provider with what the browser brought back.
#[utoipa::path(post, path = "/v1/me/identities", tag = "accounts", request_body = ConnectBody,
    responses((status = 201, body = ProviderIdentity)), security(("bearer" = [])))]
pub(crate) async fn connect_identity(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ConnectBody>,
) -> Result<HttpResponse, Problem> {
    let user = caller.user()?.clone();
    let answer = ProviderAnswer {
        provider: body.provider,
        flow_token: body.flow_token,
        state: body.state,
        code: body.code,
        issuer: body.iss,
    };
    let identity = state
        .desk
        .connect_provider(&state.providers, answer, user, state.now())
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::with(201, &identity).into_response())
}

/// The providers with which the account can be signed in to.
#[utoipa::path(get, path = "/v1/me/identities", tag = "accounts",
    responses((status = 200, body = ListBody<ProviderIdentity>)), security(("bearer" = [])))]
pub(crate) async fn list_identities(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = caller.user()?.id;
    let data = state
        .read(move |conn, _| Ok::<_, Problem>(accounts::list_identities(conn, id)?))
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}

/// Disconnect a provider. Needs the password or a code, or a sign-in of the last ten minutes.
#[utoipa::path(post, path = "/v1/me/identities/{id}/remove", tag = "accounts", params(("id" = String, Path)),
    request_body = AgainBody, responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn remove_identity(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<AgainBody>,
) -> Result<HttpResponse, Problem> {
    let (user, session) = person(&caller)?;
    let (id, now) = (path_id(&path, Code::IdentityNotFound)?, state.now());
    state.desk.prove(user.id, session, body.proof(), now).await?;
    let (user, actor) = (user.clone(), caller.actor(&request));
    state
        .write(move |tx, state| {
            let letters = state.letters();
            Ok::<_, Problem>(accounts::remove_identity(tx, &user, id, &actor, letters, now)?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::no_content().into_response())
}
