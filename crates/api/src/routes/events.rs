//! Hiring events, their seats and their calendar files.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use mail::EmailAddress;
use postings::EmployerRef;
use postings::events::{self, After, Event, EventInput, EventKind, When};
use postings::registrations::{self, Desk, Registration, SeatStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::page::{decode_cursor, encode_cursor};
use store::{DbConn, Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::auth::{ACCEPTED, AcceptedBody};
use super::calendars;
use super::employers::{cursor_of, require_employer};
use super::members::deed;
use crate::access::{require_editor, standing};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, PageParams, Params, parse_limit, path_id};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

/// The calendar files stand before one event, whose id would take the dot.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/events.ics")
                .route(web::get().to(calendars::get_employer_calendar)),
        )
        .service(
            web::resource("/v1/employers/{employer}/events")
                .route(web::post().to(create_event))
                .route(web::get().to(list_employer_events)),
        )
        .service(web::resource("/v1/events").route(web::get().to(list_events)))
        .service(
            web::resource("/v1/events/registrations/confirm").route(web::post().to(confirm_registration)),
        )
        .service(web::resource("/v1/events/registrations/cancel").route(web::post().to(cancel_registration)))
        .service(web::resource("/v1/events/{id}.ics").route(web::get().to(calendars::get_event_calendar)))
        .service(
            web::resource("/v1/events/{id}")
                .route(web::get().to(get_event))
                .route(web::patch().to(update_event)),
        )
        .service(web::resource("/v1/events/{id}/cancel").route(web::post().to(cancel_event)))
        .service(
            web::resource("/v1/events/{id}/registrations")
                .route(web::post().to(create_registration))
                .route(web::get().to(list_registrations)),
        );
}

/// A hiring event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    #[serde(flatten)]
    event: Event,
    employer: EmployerRef,
    /// The beginning in the event's time zone.
    #[schema(example = "2026-12-03T09:00:00-06:00")]
    starts_local: String,
    /// The end in the event's time zone.
    ends_local: String,
    /// The postings that it is about; for members also those that are not public.
    postings: Vec<Id>,
    /// Seats that are free; null when everybody may come.
    seats_left: Option<i64>,
    /// Seats that are taken; for members only.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<i64>,
    /// How many wait for a seat; for members only.
    #[serde(skip_serializing_if = "Option::is_none")]
    waitlisted: Option<i64>,
    /// Its calendar file.
    calendar_url: String,
}

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventParams {
    when: Option<String>,
    kind: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Who wants a seat.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationBody {
    #[schema(example = "reader@example.org")]
    email: EmailAddress,
    /// 1 to 120 characters.
    name: String,
    /// For programs that fill in everything: people never see it, and who fills it in gets no seat.
    homepage: Option<String>,
}

/// The token of a confirmation mail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeatTokenBody {
    token: String,
}

/// What a confirmation gave.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeatBody {
    /// `confirmed`, `waitlisted` or `cancelled`.
    status: SeatStatus,
}

pub(super) fn not_found() -> Problem {
    Problem::new(Code::EventNotFound)
}

/// Who writes about seats.
pub(crate) fn desk(state: &State) -> Desk<'_> {
    Desk {
        config: &state.mail_config,
        links: &state.letterhead.links,
        random: &state.random,
    }
}

fn local(at: Timestamp, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    jiff::ZonedDateTime::new(at.as_jiff(), zone)
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

/// The events as `caller` may see them: those of frozen employers only as a member.
fn bodies(
    conn: &mut DbConn,
    caller: &Caller,
    events: Vec<(Event, EmployerRef)>,
    state: &State,
) -> Result<Vec<EventBody>, Problem> {
    let ids: Vec<Id> = events.iter().map(|(event, _)| event.id).collect();
    let mut postings = events::list_postings(conn, &ids)?;
    let mut public = events::list_public_postings(conn, &ids)?;
    let counts = registrations::counts(conn, &ids)?;
    // Asked once for each employer.
    let mut insider: HashMap<Id, bool> = HashMap::new();
    let mut bodies = Vec::with_capacity(events.len());
    for (event, employer) in events {
        let is_insider = match insider.get(&event.employer_id) {
            Some(known) => *known,
            None => standing(conn, caller, event.employer_id)?.is_insider(),
        };
        insider.insert(event.employer_id, is_insider);
        if !is_insider && !events::is_shown(&employer) {
            continue;
        }
        let named = if is_insider { &mut postings } else { &mut public };
        let (confirmed, waitlisted) = counts.get(&event.id).copied().unwrap_or_default();
        bodies.push(EventBody {
            starts_local: local(event.starts_at, &event.timezone),
            ends_local: local(event.ends_at, &event.timezone),
            postings: named.remove(&event.id).unwrap_or_default(),
            seats_left: event.capacity.map(|seats| (i64::from(seats) - confirmed).max(0)),
            confirmed: is_insider.then_some(confirmed),
            waitlisted: is_insider.then_some(waitlisted),
            calendar_url: state.url(&format!("/v1/events/{}.ics", event.id)),
            employer,
            event,
        });
    }
    Ok(bodies)
}

fn body_of(conn: &mut DbConn, caller: &Caller, event: Event, state: &State) -> Result<EventBody, Problem> {
    let employer = events::employer_of(conn, &event)?;
    bodies(conn, caller, vec![(event, employer)], state)?
        .pop()
        .ok_or_else(not_found)
}

/// Make a hiring event.
#[utoipa::path(post, path = "/v1/employers/{employer}/events", tag = "events", params(("employer" = String, Path)),
    request_body = EventInput, responses((status = 201, body = EventBody)), security(("bearer" = [])))]
pub(crate) async fn create_event(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(input): Body<EventInput>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let asked = Asked::new(&request, &caller, &input)?;
    let actor = caller.actor(&request);
    state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_editor(tx, &caller, employer.id)?;
            let event = events::create(tx, employer.id, input, &state.random, now)?;
            let made = deed(employer.id, "event.created", "event", event.id, Value::Null);
            accounts::record(tx, &actor, made, &state.random, now)?;
            Ok(Reply::with(201, &body_of(tx, &caller, event, state)?))
        })
        .await
}

/// Hiring events of all employers: those to come, the soonest first, or with `when=past` those that are over.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(("when" = Option<String>, Query, description = "`upcoming`, or `past`"),
        ("kind" = Option<String>, Query, description = "`batch_interview`, `open_house`, `fair`, `info_session`, `other`"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<EventBody>)), security((), ("bearer" = [])))]
pub(crate) async fn list_events(
    state: State,
    caller: Caller,
    Params(params): Params<EventParams>,
) -> Result<HttpResponse, Problem> {
    list(state, caller, None, params).await
}

/// An employer's hiring events.
#[utoipa::path(get, path = "/v1/employers/{employer}/events", tag = "events",
    params(("employer" = String, Path), ("when" = Option<String>, Query, description = "`upcoming`, or `past`"),
        ("kind" = Option<String>, Query), ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<EventBody>)), security((), ("bearer" = [])))]
pub(crate) async fn list_employer_events(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(params): Params<EventParams>,
) -> Result<HttpResponse, Problem> {
    list(state, caller, Some(path.into_inner()), params).await
}

async fn list(
    state: State,
    caller: Caller,
    employer: Option<String>,
    params: EventParams,
) -> Result<HttpResponse, Problem> {
    let unknown = |name: &str, detail: &str| {
        let errors = vec![postings::FieldError::new(name, "value_unknown", detail)];
        Problem::new(Code::ParametersInvalid).errors(errors)
    };
    let when = match params.when.as_deref() {
        None | Some("upcoming") => When::Upcoming,
        Some("past") => When::Past,
        Some(_) => return Err(unknown("/when", "upcoming or past")),
    };
    let kind: Option<EventKind> = match params.kind.as_deref().map(str::parse) {
        None => None,
        Some(Ok(kind)) => Some(kind),
        Some(Err(_)) => {
            let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            return Err(unknown("/kind", &format!("one of {}", known.join(", "))));
        }
    };
    let limit = parse_limit(params.limit.as_deref())?;
    let after: Option<After> = match params.cursor.as_deref() {
        None | Some("") => None,
        Some(text) => Some(decode_cursor(text).ok_or_else(|| Problem::new(Code::CursorInvalid))?),
    };
    let now = state.now();
    let page = state
        .read(move |conn, state| {
            let employer = match &employer {
                Some(text) => Some(require_employer(conn, text)?.id),
                None => None,
            };
            let page = events::list(conn, employer, kind, when, after, limit, now)?;
            Ok::<_, Problem>(ListBody {
                data: bodies(conn, &caller, page.data, state)?,
                next_cursor: page.next.map(|after| encode_cursor(&after)),
            })
        })
        .await?;
    Ok(Reply::ok(&page).into_response())
}

/// One hiring event.
#[utoipa::path(get, path = "/v1/events/{id}", tag = "events", params(("id" = String, Path)),
    responses((status = 200, body = EventBody)), security((), ("bearer" = [])))]
pub(crate) async fn get_event(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::EventNotFound)?;
    let body = state
        .read(move |conn, state| {
            let event = events::find(conn, id)?.ok_or_else(not_found)?;
            body_of(conn, &caller, event, state)
        })
        .await?;
    Ok(Reply::ok(&body).into_response())
}

/// Change an event: a JSON merge patch (RFC 7396) over what was given when it was made. Those with seats are told when time or
/// place change.
#[utoipa::path(patch, path = "/v1/events/{id}", tag = "events", params(("id" = String, Path)),
    request_body = EventInput, responses((status = 200, body = EventBody)), security(("bearer" = [])))]
pub(crate) async fn update_event(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<Value>,
) -> Result<HttpResponse, Problem> {
    let (id, version, now) = (
        path_id(&path, Code::EventNotFound)?,
        if_match(&request)?,
        state.now(),
    );
    let asked = Asked::new(&request, &caller, &patch)?;
    let actor = caller.actor(&request);
    let fields: Vec<String> = patch
        .as_object()
        .map(|patch| patch.keys().cloned().collect())
        .unwrap_or_default();
    let response = state
        .write_once(asked, move |tx, state| {
            require_event_editor(tx, &caller, id)?;
            let changed = events::update(tx, id, &patch, version, now)?;
            let owner = changed.event.employer_id;
            let done = deed(owner, "event.updated", "event", id, json!({"fields": fields}));
            accounts::record(tx, &actor, done, &state.random, now)?;
            if changed.is_moved {
                registrations::tell(tx, &changed.event, &desk(state), now)?;
            }
            registrations::promote(tx, id, &desk(state), now)?;
            Ok(Reply::ok(&body_of(tx, &caller, changed.event, state)?))
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(response)
}

fn require_event_editor(conn: &mut DbConn, caller: &Caller, id: Id) -> Result<(), Problem> {
    let event = events::find(conn, id)?.ok_or_else(not_found)?;
    require_editor(conn, caller, event.employer_id)
}

/// Call an event off. Those with seats are told, and calendars that follow it show it as cancelled.
#[utoipa::path(post, path = "/v1/events/{id}/cancel", tag = "events", params(("id" = String, Path)),
    responses((status = 200, body = EventBody)), security(("bearer" = [])))]
pub(crate) async fn cancel_event(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, version, now) = (
        path_id(&path, Code::EventNotFound)?,
        if_match(&request)?,
        state.now(),
    );
    let asked = Asked::new(&request, &caller, &())?;
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            require_event_editor(tx, &caller, id)?;
            let event = events::cancel(tx, id, version, now)?;
            let told = registrations::tell(tx, &event, &desk(state), now)?;
            let deed = deed(
                event.employer_id,
                "event.cancelled",
                "event",
                id,
                json!({"told": told}),
            );
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::ok(&body_of(tx, &caller, event, state)?))
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(response)
}

/// Ask for a seat. The answer is always the same, and a confirmation mail leaves; the seat is given with its link.
#[utoipa::path(post, path = "/v1/events/{id}/registrations", tag = "events", params(("id" = String, Path)),
    request_body = RegistrationBody, responses((status = 202, body = AcceptedBody)))]
pub(crate) async fn create_registration(
    state: State,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<RegistrationBody>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path, Code::EventNotFound)?, state.now());
    if body
        .homepage
        .as_deref()
        .is_some_and(|text| !text.trim().is_empty())
    {
        tracing::info!("a registration filled in what people do not see");
        return Ok(Reply::with(202, &ACCEPTED).into_response());
    }
    state
        .write(move |tx, state| {
            registrations::request(tx, id, body.email, &body.name, &desk(state), now).map_err(Problem::from)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::with(202, &ACCEPTED).into_response())
}

/// Confirm a seat with the token from the mail: there is one, or the next that becomes free.
#[utoipa::path(post, path = "/v1/events/registrations/confirm", tag = "events", request_body = SeatTokenBody,
    responses((status = 200, body = SeatBody)))]
pub(crate) async fn confirm_registration(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<SeatTokenBody>,
) -> Result<HttpResponse, Problem> {
    let status = confirm(&state, body.token).await?;
    Ok(Reply::ok(&SeatBody { status }).into_response())
}

/// Shared with the page that does the same.
pub(crate) async fn confirm(state: &State, token: String) -> Result<SeatStatus, Problem> {
    let now = state.now();
    let status = state
        .write(move |tx, state| registrations::confirm(tx, &token, &desk(state), now).map_err(Problem::from))
        .await?;
    state.wake.mail.notify_one();
    Ok(status)
}

/// Give a seat back with the link of a mail; works twice, and without an account.
#[utoipa::path(post, path = "/v1/events/registrations/cancel", tag = "events", request_body = SeatTokenBody,
    responses((status = 200, body = SeatBody)))]
pub(crate) async fn cancel_registration(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<SeatTokenBody>,
) -> Result<HttpResponse, Problem> {
    give_back(&state, &body.token).await?;
    Ok(Reply::ok(&SeatBody {
        status: SeatStatus::Cancelled,
    })
    .into_response())
}

/// Shared with the page that does the same.
pub(crate) async fn give_back(state: &State, token: &str) -> Result<(), Problem> {
    let id = registrations::verify_cancel(&state.letterhead.links, token)
        .ok_or_else(|| Problem::new(Code::TokenInvalid))?;
    let now = state.now();
    state
        .write(move |tx, state| registrations::give_back(tx, id, &desk(state), now).map_err(Problem::from))
        .await?;
    state.wake.mail.notify_one();
    Ok(())
}

/// Who has a seat or waits for one. For people who write the employer's postings: names and addresses are not for programs.
#[utoipa::path(get, path = "/v1/events/{id}/registrations", tag = "events",
    params(("id" = String, Path), ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<Registration>)), security(("bearer" = [])))]
pub(crate) async fn list_registrations(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let (id, after, limit) = (path_id(&path, Code::EventNotFound)?, page.after()?, page.limit()?);
    caller.user()?;
    let page = state
        .read(move |conn, _| {
            let event = events::find(conn, id)?.ok_or_else(not_found)?;
            require_editor(conn, &caller, event.employer_id)?;
            Ok::<_, Problem>(registrations::list(conn, id, after, limit)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: page.data,
        next_cursor: cursor_of(page.next),
    })
    .into_response())
}
