//! Webhooks: who wants to be told of changes.

use accounts::{Actor, Counted};
use actix_web::{HttpRequest, HttpResponse, web};
use postings::webhooks::{self, Endpoint, EndpointChange, EndpointState, EventKind, NewEndpoint, Secret};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{DbConn, Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::employers::require_employer;
use super::members::deed;
use crate::access::require_editor;
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/webhooks")
                .route(web::get().to(list_webhooks))
                .route(web::post().to(create_webhook)),
        )
        .service(
            web::resource("/v1/webhooks")
                .route(web::get().to(list_board_webhooks))
                .route(web::post().to(create_board_webhook)),
        )
        .service(
            web::resource("/v1/webhooks/{id}")
                .route(web::get().to(get_webhook))
                .route(web::patch().to(update_webhook))
                .route(web::delete().to(delete_webhook)),
        )
        .service(
            web::resource("/v1/webhooks/{id}/rotate-secret").route(web::post().to(rotate_webhook_secret)),
        )
        .service(web::resource("/v1/webhooks/{id}/test").route(web::post().to(test_webhook)));
}

/// A webhook to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookInput {
    /// An https:// address that the public internet can reach.
    #[schema(example = "https://hooks.acme.example/backplane")]
    url: String,
    /// What you call it.
    #[serde(default)]
    description: String,
    /// What it wants to be told: `posting.published`, `posting.updated`, `posting.paused`, `posting.closed`,
    /// `posting.expired`, `posting.removed`; everything when missing or empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    events: Vec<EventKind>,
}

/// What changes about a webhook; what is missing stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookPatch {
    url: Option<String>,
    description: Option<String>,
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Vec<EventKind>>,
    /// `disabled` holds what happens from now on; `enabled` begins afresh, and a replay tells what was held.
    state: Option<EndpointState>,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookBody {
    id: Id,
    /// Whose postings it is told of; null for those of the whole board.
    employer_id: Option<Id>,
    url: String,
    description: String,
    #[schema(value_type = Vec<String>)]
    events: Vec<EventKind>,
    state: EndpointState,
    /// Why it is disabled.
    disabled_reason: Option<String>,
    /// Since when every attempt failed; null when the last one did not.
    failing_since: Option<Timestamp>,
    /// What it answered last.
    last_status: Option<i32>,
    last_error: Option<String>,
    last_attempt_at: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    /// Until when the secret before the present one signs too.
    previous_secret_until: Option<Timestamp>,
    version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Endpoint> for WebhookBody {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            employer_id: endpoint.employer_id,
            url: endpoint.url,
            description: endpoint.description,
            events: endpoint.events.0,
            state: endpoint.state,
            disabled_reason: endpoint.disabled_reason,
            failing_since: endpoint.failing_since,
            last_status: endpoint.last_status,
            last_error: endpoint.last_error,
            last_attempt_at: endpoint.last_attempt_at,
            last_success_at: endpoint.last_success_at,
            previous_secret_until: endpoint.previous_until,
            version: endpoint.version,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

/// A webhook with its secret, which is shown only now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewWebhookBody {
    #[serde(flatten)]
    webhook: WebhookBody,
    /// What signs the messages: `whsec_` and the base64 of the key (Standard Webhooks, v1).
    #[schema(example = "whsec_…")]
    secret: String,
}

impl NewWebhookBody {
    fn of(endpoint: Endpoint, secret: &Secret) -> Self {
        Self {
            webhook: endpoint.into(),
            secret: secret.as_str().to_owned(),
        }
    }
}

/// What was queued.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueuedBody {
    /// How many deliveries.
    pub(super) queued: usize,
    /// The delivery, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Id>,
}

fn require_operator(caller: &Caller) -> Result<(), Problem> {
    if caller.is_operator() {
        return Ok(());
    }
    Err(Problem::new(Code::NotAllowed))
}

/// The webhook, for whoever may look after it; for others there is none.
pub(super) fn require_webhook(conn: &mut DbConn, caller: &Caller, id: Id) -> Result<Endpoint, Problem> {
    let missing = || Problem::new(Code::WebhookNotFound);
    let endpoint = webhooks::find(conn, id)?.ok_or_else(missing)?;
    let allowed = match endpoint.employer_id {
        Some(employer_id) => require_editor(conn, caller, employer_id),
        None => require_operator(caller),
    };
    allowed.map_err(|_| missing())?;
    Ok(endpoint)
}

/// An employer's webhooks and how they fare.
#[utoipa::path(get, path = "/v1/employers/{employer}/webhooks", tag = "webhooks", params(("employer" = String, Path)),
    responses((status = 200, body = ListBody<WebhookBody>)), security(("bearer" = [])))]
pub(crate) async fn list_webhooks(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let found = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_editor(conn, &caller, employer.id)?;
            Ok::<_, Problem>(webhooks::list(conn, Some(employer.id))?)
        })
        .await?;
    Ok(list_body(found))
}

/// The webhooks of the whole board; for operators.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", responses((status = 200, body = ListBody<WebhookBody>)),
    security(("bearer" = [])))]
pub(crate) async fn list_board_webhooks(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    require_operator(&caller)?;
    let found = state
        .read(|conn, _| Ok::<_, Problem>(webhooks::list(conn, None)?))
        .await?;
    Ok(list_body(found))
}

fn list_body(found: Vec<Endpoint>) -> HttpResponse {
    Reply::ok(&ListBody {
        data: found.into_iter().map(WebhookBody::from).collect(),
        next_cursor: None,
    })
    .into_response()
}

/// Be told of changes of an employer's postings from now on. The answer holds the secret, which is never shown again.
#[utoipa::path(post, path = "/v1/employers/{employer}/webhooks", tag = "webhooks", params(("employer" = String, Path)),
    request_body = WebhookInput, responses((status = 201, body = NewWebhookBody)), security(("bearer" = [])))]
pub(crate) async fn create_webhook(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(input): Body<WebhookInput>,
) -> Result<HttpResponse, Problem> {
    // The answer holds a secret, so it is not remembered for repetitions.
    let actor = caller.actor(&request);
    let made = state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_editor(tx, &caller, employer.id)?;
            require_room_for_webhook(tx, state, &caller, employer.id)?;
            let (endpoint, secret) = make(tx, state, Some(employer.id), input)?;
            note(tx, state, &actor, &endpoint, "webhook.made")?;
            Ok::<_, Problem>(NewWebhookBody::of(endpoint, &secret))
        })
        .await?;
    Ok(Reply::with(201, &made).into_response())
}

/// Be told of changes of all postings from now on; for operators.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = WebhookInput,
    responses((status = 201, body = NewWebhookBody)), security(("bearer" = [])))]
pub(crate) async fn create_board_webhook(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
    Body(input): Body<WebhookInput>,
) -> Result<HttpResponse, Problem> {
    require_operator(&caller)?;
    // The answer holds a secret, so it is not remembered for repetitions.
    let made = state
        .write(move |tx, state| {
            let (endpoint, secret) = make(tx, state, None, input)?;
            Ok::<_, Problem>(NewWebhookBody::of(endpoint, &secret))
        })
        .await?;
    Ok(Reply::with(201, &made).into_response())
}

/// The employer may have one more; for operators there is always room.
fn require_room_for_webhook(
    tx: &mut DbConn,
    state: &State,
    caller: &Caller,
    employer: Id,
) -> Result<(), Problem> {
    if caller.is_operator() {
        return Ok(());
    }
    accounts::lock_employer(tx, employer)?;
    let present = webhooks::count(tx, employer)?;
    let quotas = state.limits().quotas;
    Ok(accounts::require_room_beside(
        tx,
        employer,
        Counted::Webhooks,
        present,
        1,
        quotas,
    )?)
}

/// Adds to the trail of the webhook's employer what was done to it. Those of the board belong to no employer.
pub(super) fn note(
    tx: &mut DbConn,
    state: &State,
    actor: &Actor,
    endpoint: &Endpoint,
    action: &'static str,
) -> Result<(), Problem> {
    let Some(employer) = endpoint.employer_id else {
        return Ok(());
    };
    // The path and the query may hold a secret of the receiver.
    let host = url::Url::parse(&endpoint.url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    let deed = deed(employer, action, "webhook", endpoint.id, json!({"host": host}));
    Ok(accounts::record(tx, actor, deed, &state.random, state.now())?)
}

fn make(
    tx: &mut DbConn,
    state: &State,
    employer_id: Option<Id>,
    input: WebhookInput,
) -> Result<(Endpoint, Secret), Problem> {
    let new = NewEndpoint {
        url: input.url,
        description: input.description,
        events: input.events,
    };
    Ok(webhooks::create(
        tx,
        employer_id,
        new,
        state.reach,
        &state.letterhead.links,
        &state.random,
        state.now(),
    )?)
}

/// One webhook.
#[utoipa::path(get, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = WebhookBody)), security(("bearer" = [])))]
pub(crate) async fn get_webhook(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::WebhookNotFound)?;
    let endpoint = state
        .read(move |conn, _| require_webhook(conn, &caller, id))
        .await?;
    Ok(Reply::ok(&WebhookBody::from(endpoint)).into_response())
}

/// Change a webhook, or switch it off and on.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    request_body = WebhookPatch, responses((status = 200, body = WebhookBody)), security(("bearer" = [])))]
pub(crate) async fn update_webhook(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<WebhookPatch>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::WebhookNotFound)?;
    let (expected, now) = (if_match(&request)?, state.now());
    let asked = Asked::new(&request, &caller, &patch)?;
    let actor = caller.actor(&request);
    state
        .write_once(asked, move |tx, state| {
            require_webhook(tx, &caller, id)?;
            let change = EndpointChange {
                url: patch.url,
                description: patch.description,
                events: patch.events,
                state: patch.state,
            };
            let endpoint = webhooks::update(tx, id, change, expected, state.reach, now)?;
            note(tx, state, &actor, &endpoint, "webhook.changed")?;
            Ok(Reply::ok(&WebhookBody::from(endpoint)))
        })
        .await
}

/// Delete a webhook with its deliveries.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn delete_webhook(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::WebhookNotFound)?;
    let expected = if_match(&request)?;
    let actor = caller.actor(&request);
    state
        .write(move |tx, state| {
            let endpoint = require_webhook(tx, &caller, id)?;
            webhooks::delete(tx, id, expected)?;
            note(tx, state, &actor, &endpoint, "webhook.deleted")
        })
        .await?;
    Ok(Reply::no_content().into_response())
}

/// A new secret. The one before signs too for a day, so that no message fails meanwhile.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate-secret", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = NewWebhookBody)), security(("bearer" = [])))]
pub(crate) async fn rotate_webhook_secret(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::WebhookNotFound)?;
    // The answer holds a secret, so it is not remembered for repetitions.
    let (actor, now) = (caller.actor(&request), state.now());
    let rotated = state
        .write(move |tx, state| {
            require_webhook(tx, &caller, id)?;
            let (endpoint, secret) =
                webhooks::rotate_secret(tx, id, &state.letterhead.links, &state.random, now)?;
            note(tx, state, &actor, &endpoint, "webhook.secret_rotated")?;
            Ok::<_, Problem>(NewWebhookBody::of(endpoint, &secret))
        })
        .await?;
    Ok(Reply::ok(&rotated).into_response())
}

/// Send a trial, `webhook.test`.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 202, body = QueuedBody)), security(("bearer" = [])))]
pub(crate) async fn test_webhook(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::WebhookNotFound)?;
    let now = state.now();
    let asked = Asked::new(&request, &caller, &())?;
    let response = state
        .write_once(asked, move |tx, state| {
            require_webhook(tx, &caller, id)?;
            let event = webhooks::send_trial(tx, id, &state.random, now)?;
            Ok(Reply::with(
                202,
                &QueuedBody {
                    queued: 1,
                    id: Some(event),
                },
            ))
        })
        .await?;
    state.wake.webhooks.notify_one();
    Ok(response)
}
