//! What webhooks were told, and telling it again.

use actix_web::{HttpRequest, HttpResponse, web};
use postings::webhooks::{self, Delivery, DeliveryKey, DeliveryState, EventKind, Replay};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::page::{decode_cursor, encode_cursor};
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::webhooks::{QueuedBody, note, require_webhook};
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, parse_limit, path_id};
use crate::reply::{Asked, Reply};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/webhooks/{id}/replay").route(web::post().to(replay_webhook)))
        .service(web::resource("/v1/webhooks/{id}/deliveries").route(web::get().to(list_deliveries)))
        .service(web::resource("/v1/webhooks/{id}/deliveries/{event}").route(web::get().to(get_delivery)));
}

/// One event for one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryBody {
    /// The event, and the `webhook-id` of its message.
    id: Id,
    /// What happened, such as `posting.published`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: EventKind,
    posting_id: Option<Id>,
    /// Where it stands in the change feed.
    revision: Option<i64>,
    state: DeliveryState,
    /// Attempts so far.
    attempts: i32,
    /// When it is tried next; null when it is not.
    next_attempt_at: Option<Timestamp>,
    last_status: Option<i32>,
    last_error: Option<String>,
    last_attempt_at: Option<Timestamp>,
    /// How long the last attempt took.
    duration_ms: Option<i32>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// The message; only when one delivery is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
}

impl From<Delivery> for DeliveryBody {
    fn from(Delivery { row, event }: Delivery) -> Self {
        let is_queued = row.state == DeliveryState::Queued;
        Self {
            id: event.id,
            kind: event.kind,
            posting_id: event.posting_id,
            revision: event.revision,
            state: row.state,
            attempts: row.attempts,
            next_attempt_at: is_queued.then_some(row.next_attempt_at),
            last_status: row.last_status,
            last_error: row.last_error,
            last_attempt_at: row.last_attempt_at,
            duration_ms: row.duration_ms,
            created_at: row.created_at,
            finished_at: row.finished_at,
            payload: None,
        }
    }
}

/// What to tell again: one delivery, or everything since a time.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayInput {
    /// The id of a delivery.
    delivery: Option<Id>,
    /// Everything that was written since.
    since: Option<Timestamp>,
}

/// Which deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveriesParams {
    state: Option<DeliveryState>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Tell again what was told, failed or held, under the same `webhook-id`.
#[utoipa::path(post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", params(("id" = String, Path)),
    request_body = ReplayInput, responses((status = 202, body = QueuedBody)), security(("bearer" = [])))]
pub(crate) async fn replay_webhook(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(input): Body<ReplayInput>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::WebhookNotFound)?;
    let now = state.now();
    let asked = Asked::new(&request, &caller, &input)?;
    let actor = caller.actor(&request);
    let what = match (input.delivery, input.since) {
        (Some(event), None) => Replay::One(event),
        (None, Some(at)) => Replay::Since(at),
        _ => return Err(Problem::field("", "value_invalid", "either delivery or since")),
    };
    let response = state
        .write_once(asked, move |tx, state| {
            let endpoint = require_webhook(tx, &caller, id)?;
            let queued = webhooks::replay(tx, id, what, now)?;
            note(tx, state, &actor, &endpoint, "webhook.replayed")?;
            Ok(Reply::with(
                202,
                &QueuedBody {
                    queued,
                    id: input.delivery,
                },
            ))
        })
        .await?;
    state.wake.webhooks.notify_one();
    Ok(response)
}

/// What a webhook was told and what became of it, newest first; kept for 30 days.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path), ("state" = Option<DeliveryState>, Query), ("limit" = Option<u32>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<DeliveryBody>)), security(("bearer" = [])))]
pub(crate) async fn list_deliveries(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(params): Params<DeliveriesParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::WebhookNotFound)?;
    let limit = parse_limit(params.limit.as_deref())?;
    let before: Option<DeliveryKey> = match params.cursor.as_deref() {
        None | Some("") => None,
        Some(text) => Some(decode_cursor(text).ok_or_else(|| Problem::new(Code::CursorInvalid))?),
    };
    let page = state
        .read(move |conn, _| {
            require_webhook(conn, &caller, id)?;
            Ok::<_, Problem>(webhooks::list_deliveries(conn, id, params.state, before, limit)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        next_cursor: page.next.as_ref().map(encode_cursor),
        data: page.data.into_iter().map(DeliveryBody::from).collect(),
    })
    .into_response())
}

/// One delivery with its message.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries/{event}", tag = "webhooks",
    params(("id" = String, Path), ("event" = String, Path)), responses((status = 200, body = DeliveryBody)),
    security(("bearer" = [])))]
pub(crate) async fn get_delivery(
    state: State,
    Known(caller): Known,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path.0, Code::WebhookNotFound)?;
    let event = path_id(&path.1, Code::WebhookNotFound)?;
    let delivery = state
        .read(move |conn, _| {
            require_webhook(conn, &caller, id)?;
            let found = webhooks::find_delivery(conn, id, event)?;
            found.ok_or_else(|| Problem::new(Code::WebhookNotFound))
        })
        .await?;
    let payload = serde_json::from_str(&delivery.event.payload).ok();
    let body = DeliveryBody {
        payload,
        ..DeliveryBody::from(delivery)
    };
    Ok(Reply::ok(&body).into_response())
}
