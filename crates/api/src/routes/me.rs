//! The caller's own account.

use ::alerts::subscription;
use accounts::{Session, User, UserChange, UserExport};
use actix_web::{HttpRequest, HttpResponse, web};
use mail::EmailAddress;
use postings::registrations::{self, Registration};
use postings::reports;
use serde::{Deserialize, Serialize};
use store::DbConn;
use utoipa::ToSchema;

use super::ListBody;
use super::alerts::AlertView;
use super::events::desk;
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/me")
                .route(web::get().to(get_me))
                .route(web::patch().to(update_me))
                .route(web::delete().to(delete_me)),
        )
        .service(web::resource("/v1/me/export").route(web::get().to(export_me)))
        .service(web::resource("/v1/me/sessions").route(web::get().to(list_sessions)))
        .service(web::resource("/v1/me/sessions/{id}").route(web::delete().to(end_session)));
}

/// What changes about the account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MePatch {
    name: Option<String>,
}

/// The account.
#[utoipa::path(get, path = "/v1/me", tag = "accounts", responses((status = 200, body = User)), security(("bearer" = [])))]
pub(crate) async fn get_me(
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    Ok(Reply::ok(caller.user()?).into_response())
}

/// Change the account.
#[utoipa::path(patch, path = "/v1/me", tag = "accounts", request_body = MePatch, responses((status = 200, body = User)),
    security(("bearer" = [])))]
pub(crate) async fn update_me(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<MePatch>,
) -> Result<HttpResponse, Problem> {
    let (id, version, now) = (caller.user()?.id, if_match(&request)?, state.now());
    let asked = Asked::new(&request, &caller, &patch)?;
    let change = UserChange { name: patch.name };
    state
        .write_once(asked, move |tx, _| {
            Ok(Reply::ok(&accounts::update_user(tx, id, &change, version, now)?))
        })
        .await
}

/// Erase the account and everything about it.
#[utoipa::path(delete, path = "/v1/me", tag = "accounts", responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn delete_me(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let user = caller.user()?.clone();
    state
        .write(move |tx, state| {
            forget_address(tx, state, &user.email)?;
            Ok::<_, Problem>(accounts::delete_user(tx, user.id)?)
        })
        .await?;
    // A seat that was given back is somebody else's now.
    state.wake.mail.notify_one();
    Ok(Reply::no_content().into_response())
}

/// Erases what an address left without an account: its seats at events, and itself under reports.
pub(crate) fn forget_address(tx: &mut DbConn, state: &State, address: &EmailAddress) -> Result<(), Problem> {
    registrations::erase_address(tx, address, &desk(state), state.now())?;
    reports::forget_address(tx, address)?;
    Ok(())
}

/// Everything that is kept about the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportBody {
    #[serde(flatten)]
    account: UserExport,
    /// Alerts that have not ended.
    alerts: Vec<AlertView>,
    /// Seats at events that the account's address asked for; the newest 1,000.
    registrations: Vec<Registration>,
}

/// Everything that is kept about the account.
#[utoipa::path(get, path = "/v1/me/export", tag = "accounts", responses((status = 200, body = ExportBody)),
    security(("bearer" = [])))]
pub(crate) async fn export_me(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = caller.user()?.id;
    let export = state
        .read(move |conn, _| {
            let account =
                accounts::export_user(conn, id)?.ok_or_else(|| Problem::new(Code::TokenRejected))?;
            let most = usize::try_from(subscription::MAX_PER_ADDRESS).unwrap_or(usize::MAX);
            let alerts = subscription::list_of_user(conn, id, None, most)?.data;
            let alerts = alerts.into_iter().map(AlertView::from).collect();
            let registrations = registrations::list_of_address(conn, &account.user.email, 1000)?;
            Ok::<_, Problem>(ExportBody {
                account,
                alerts,
                registrations,
            })
        })
        .await?;
    Ok(Reply::ok(&export).into_response())
}

/// Where the account is signed in.
#[utoipa::path(get, path = "/v1/me/sessions", tag = "accounts", responses((status = 200, body = ListBody<Session>)),
    security(("bearer" = [])))]
pub(crate) async fn list_sessions(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (caller.user()?.id, state.now());
    let data = state
        .read(move |conn, _| Ok::<_, Problem>(accounts::list_sessions(conn, id, now)?))
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}

/// End one session.
#[utoipa::path(delete, path = "/v1/me/sessions/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn end_session(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (user, session, now) = (
        caller.user()?.id,
        path_id(&path, Code::SessionNotFound)?,
        state.now(),
    );
    let ended = state
        .write(move |tx, _| Ok::<_, Problem>(accounts::revoke_session(tx, user, session, now)?))
        .await?;
    if ended {
        Ok(Reply::no_content().into_response())
    } else {
        Err(Problem::new(Code::SessionNotFound))
    }
}
