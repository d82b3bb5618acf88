//! Calendar files of hiring events.

use actix_web::{HttpResponse, web};
use postings::{calendar, events};

use super::employers::require_employer;
use super::events::not_found;
use crate::error::{Code, Problem};
use crate::extract::{NoParams, Params, path_id};
use crate::state::State;

/// The host that makes our identifiers unique in the world.
fn host(state: &State) -> String {
    let url = state.url("");
    url::Url::parse(&url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}

fn calendar_response(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/calendar; charset=utf-8")
        .insert_header(("Cache-Control", "public, max-age=300"))
        .body(text)
}

/// One event as a calendar file (RFC 5545).
#[utoipa::path(get, path = "/v1/events/{id}.ics", tag = "events", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/calendar")))]
pub(crate) async fn get_event_calendar(
    state: State,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::EventNotFound)?;
    let event = state
        .read(move |conn, _| events::find_shown(conn, id)?.ok_or_else(not_found))
        .await?;
    Ok(calendar_response(calendar::render(None, &[event], &host(&state))))
}

/// An employer's events as a calendar to subscribe to (RFC 5545): what is to come, and the last 90 days.
#[utoipa::path(get, path = "/v1/employers/{employer}/events.ics", tag = "events", params(("employer" = String, Path)),
    responses((status = 200, body = String, content_type = "text/calendar")))]
pub(crate) async fn get_employer_calendar(
    state: State,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let (name, events) = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            let events = events::list_for_calendar(conn, employer.id, now)?;
            Ok::<_, Problem>((employer.name, events))
        })
        .await?;
    Ok(calendar_response(calendar::render(
        Some(&name),
        &events,
        &host(&state),
    )))
}
