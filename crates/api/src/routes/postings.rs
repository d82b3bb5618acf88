//! Postings and their life.

use accounts::{Counted, Deed};
use actix_web::{HttpRequest, HttpResponse, web};
use postings::advice;
use postings::lifecycle::{self, PostingError};
use postings::{CloseReason, Posting, PostingContent, PostingInput, PostingStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DbConn, Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::employers::{cursor_of, require_employer};
use super::ownership::{require_room, require_room_for};
use crate::access::{require_editor, require_posting_editor, require_visible, standing};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, PageParams, Params, path_id};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/postings")
                .route(web::post().to(create_posting))
                .route(web::get().to(list_postings)),
        )
        .service(
            web::resource("/v1/postings/{id}")
                .route(web::get().to(get_posting))
                .route(web::patch().to(update_posting))
                .route(web::delete().to(delete_posting)),
        )
        .service(web::resource("/v1/postings/{id}/publish").route(web::post().to(publish_posting)))
        .service(web::resource("/v1/postings/{id}/pause").route(web::post().to(pause_posting)))
        .service(web::resource("/v1/postings/{id}/resume").route(web::post().to(resume_posting)))
        .service(web::resource("/v1/postings/{id}/renew").route(web::post().to(renew_posting)))
        .service(web::resource("/v1/postings/{id}/close").route(web::post().to(close_posting)));
}

/// A posting with everything it says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostingBody {
    id: Id,
    #[schema(example = "staff-rtl-design-engineer-acme-compute-7f3a9c21")]
    slug: String,
    /// The posting's public page.
    url: String,
    version: i32,
    employer: postings::EmployerRef,
    #[serde(flatten)]
    content: PostingContent,
    status: PostingStatus,
    close_reason: Option<CloseReason>,
    source: Option<String>,
    source_id: Option<String>,
    external_id: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    published_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    /// When it becomes public, while it is scheduled.
    publish_at: Option<Timestamp>,
    /// What is allowed and unwise about it; told when it is published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<postings::FieldError>,
}

impl PostingBody {
    pub(crate) fn of(posting: Posting, state: &State) -> Self {
        let Posting { employer, row } = posting;
        Self {
            id: row.id,
            url: state.url(&format!("/postings/{}", row.slug)),
            slug: row.slug,
            version: row.version,
            employer,
            content: row.content.0,
            status: row.status,
            close_reason: row.close_reason,
            source: row.source,
            source_id: row.source_id,
            external_id: row.external_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            published_at: row.published_at,
            expires_at: row.expires_at,
            closed_at: row.closed_at,
            publish_at: row.publish_at,
            warnings: Vec::new(),
        }
    }
}

/// Why a posting is closed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseBody {
    reason: CloseReason,
}

/// Filters of an employer's postings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    status: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Make a draft.
#[utoipa::path(post, path = "/v1/employers/{employer}/postings", tag = "postings", params(("employer" = String, Path)),
    request_body = PostingInput, responses((status = 201, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn create_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(input): Body<PostingInput>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let asked = Asked::new(&request, &caller, &input)?;
    let actor = caller.actor(&request);
    state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_editor(tx, &caller, employer.id)?;
            require_room(tx, state, &caller, employer.id, Counted::Drafts)?;
            let posting = lifecycle::create(tx, employer.id, input, &state.random, now)?;
            accounts::record(
                tx,
                &actor,
                posting_deed(&posting, "posting.made"),
                &state.random,
                now,
            )?;
            Ok(Reply::with(201, &PostingBody::of(posting, state)))
        })
        .await
}

/// An employer's postings, newest first. Members see every status, others only what is published.
#[utoipa::path(get, path = "/v1/employers/{employer}/postings", tag = "postings",
    params(("employer" = String, Path), ("status" = Option<String>, Query, description = "one or several with commas"),
        ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<PostingBody>)), security((), ("bearer" = [])))]
pub(crate) async fn list_postings(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(params): Params<ListParams>,
) -> Result<HttpResponse, Problem> {
    let wanted = parse_statuses(params.status.as_deref())?;
    let page = PageParams {
        limit: params.limit,
        cursor: params.cursor,
    };
    let (before, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, state| {
            let employer = require_employer(conn, &path)?;
            let is_insider = standing(conn, &caller, employer.id)?.is_insider();
            let statuses = visible_statuses(wanted, is_insider, &caller)?;
            let page = postings::find::list_of_employer(conn, employer.id, &statuses, before, limit)?;
            let data = page
                .data
                .into_iter()
                .map(|posting| PostingBody::of(posting, state))
                .collect();
            Ok::<_, Problem>(ListBody {
                data,
                next_cursor: cursor_of(page.next),
            })
        })
        .await?;
    Ok(Reply::ok(&page).into_response())
}

fn parse_statuses(text: Option<&str>) -> Result<Option<Vec<PostingStatus>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let statuses: Result<Vec<PostingStatus>, _> = words.map(str::parse).collect();
    statuses.map(Some).map_err(|_| {
        let known: Vec<&str> = PostingStatus::ALL.iter().map(|status| status.as_str()).collect();
        let errors = vec![postings::FieldError::new(
            "/status",
            "value_unknown",
            format!("one of {}", known.join(", ")),
        )];
        Problem::new(Code::ParametersInvalid).errors(errors)
    })
}

fn visible_statuses(
    wanted: Option<Vec<PostingStatus>>,
    is_insider: bool,
    caller: &Caller,
) -> Result<Vec<PostingStatus>, Problem> {
    match (wanted, is_insider) {
        (None, true) => Ok(PostingStatus::ALL.to_vec()),
        (Some(wanted), true) => Ok(wanted),
        (None, false) => Ok(vec![PostingStatus::Published]),
        (Some(wanted), false) if wanted == [PostingStatus::Published] => Ok(wanted),
        (Some(_), false) => Err(Problem::new(match caller {
            Caller::Anonymous => Code::CredentialsMissing,
            _ => Code::NotAllowed,
        })),
    }
}

/// One posting. A closed one is still shown, with its status, to whoever has the link.
#[utoipa::path(get, path = "/v1/postings/{id}", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security((), ("bearer" = [])))]
pub(crate) async fn get_posting(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let body = state
        .read(move |conn, state| {
            let posting =
                postings::find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            require_visible(conn, &caller, &posting)?;
            Ok::<_, Problem>(PostingBody::of(posting, state))
        })
        .await?;
    Ok(Reply::ok(&body).into_response())
}

/// Change what a posting says: a JSON merge patch (RFC 7396) over what was given when it was made.
#[utoipa::path(patch, path = "/v1/postings/{id}", tag = "postings", params(("id" = String, Path)),
    request_body = PostingInput, responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn update_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<Value>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &patch)?;
    change(
        state,
        caller,
        &request,
        asked,
        &path,
        move |tx, id, version, now| lifecycle::update(tx, id, &patch, version, now),
    )
    .await
}

/// Erase a posting. Readers of the change feed are told that it is gone.
#[utoipa::path(delete, path = "/v1/postings/{id}", tag = "postings", params(("id" = String, Path)),
    responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn delete_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, version, now) = (
        path_id(&path, Code::PostingNotFound)?,
        if_match(&request)?,
        state.now(),
    );
    let asked = Asked::new(&request, &caller, &())?;
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            let posting = require_posting_editor(tx, &caller, id)?;
            lifecycle::delete(tx, id, version, now)?;
            accounts::record(
                tx,
                &actor,
                posting_deed(&posting, "posting.erased"),
                &state.random,
                now,
            )?;
            Ok(Reply::no_content())
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}

/// Make a draft public. The answer also says what is unwise about it.
#[utoipa::path(post, path = "/v1/postings/{id}/publish", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn publish_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &())?;
    let (id, version, now) = (
        path_id(&path, Code::PostingNotFound)?,
        if_match(&request)?,
        state.now(),
    );
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            let draft = require_posting_editor(tx, &caller, id)?;
            require_room(tx, state, &caller, draft.row.employer_id, Counted::LivePostings)?;
            let posting = lifecycle::publish(tx, id, version, now)?;
            accounts::record(
                tx,
                &actor,
                posting_deed(&posting, "posting.published"),
                &state.random,
                now,
            )?;
            let warnings = advice::warnings_of(tx, &posting, now)?;
            let body = PostingBody {
                warnings,
                ..PostingBody::of(posting, state)
            };
            Ok(Reply::ok(&body))
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}

/// Take a posting out of search for a while.
#[utoipa::path(post, path = "/v1/postings/{id}/pause", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn pause_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    step(state, caller, request, &path, lifecycle::pause).await
}

/// Bring a paused posting back.
#[utoipa::path(post, path = "/v1/postings/{id}/resume", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn resume_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    step(state, caller, request, &path, lifecycle::resume).await
}

/// Give a posting another 60 days; a closed or expired one is public again.
#[utoipa::path(post, path = "/v1/postings/{id}/renew", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn renew_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    step(state, caller, request, &path, lifecycle::renew).await
}

/// End a posting.
#[utoipa::path(post, path = "/v1/postings/{id}/close", tag = "postings", params(("id" = String, Path)),
    request_body = CloseBody, responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn close_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<CloseBody>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &body)?;
    change(
        state,
        caller,
        &request,
        asked,
        &path,
        move |tx, id, version, now| lifecycle::close(tx, id, body.reason, version, now),
    )
    .await
}

/// `action` was done to `posting`.
pub(crate) fn posting_deed(posting: &Posting, action: &'static str) -> Deed {
    Deed {
        employer: posting.row.employer_id,
        action,
        subject_kind: "posting",
        subject_id: Some(posting.row.id),
        detail: json!({"version": posting.row.version}),
    }
}

type Step = fn(&mut DbConn, Id, Option<i32>, Timestamp) -> Result<Posting, PostingError>;

async fn step(
    state: State,
    caller: Caller,
    request: HttpRequest,
    path: &str,
    take: Step,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &())?;
    change(state, caller, &request, asked, path, take).await
}

pub(crate) async fn change(
    state: State,
    caller: Caller,
    request: &HttpRequest,
    asked: Asked,
    path: &str,
    make: impl FnOnce(&mut DbConn, Id, Option<i32>, Timestamp) -> Result<Posting, PostingError> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let (id, version, now) = (
        path_id(path, Code::PostingNotFound)?,
        if_match(request)?,
        state.now(),
    );
    let actor = caller.actor(request);
    let response = state
        .write_once(asked, move |tx, state| {
            let before = require_posting_editor(tx, &caller, id)?.row.status;
            let posting = make(tx, id, version, now)?;
            let action = match posting.row.status {
                PostingStatus::Published if before != PostingStatus::Published => "posting.published",
                PostingStatus::Paused if before != PostingStatus::Paused => "posting.paused",
                PostingStatus::Closed if before != PostingStatus::Closed => "posting.closed",
                PostingStatus::Scheduled if before != PostingStatus::Scheduled => "posting.scheduled",
                _ => "posting.changed",
            };
            if matches!(action, "posting.published" | "posting.scheduled") {
                require_room_for(
                    tx,
                    state,
                    &caller,
                    posting.row.employer_id,
                    Counted::LivePostings,
                    0,
                )?;
            }
            accounts::record(tx, &actor, posting_deed(&posting, action), &state.random, now)?;
            Ok(Reply::ok(&PostingBody::of(posting, state)))
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}
