//! Postings and their life.

use accounts::{Counted, Deed};
use actix_web::{HttpRequest, HttpResponse, web};
use postings::lifecycle::{self, PostingError};
use postings::numbers::Sight;
use postings::{CloseReason, Posting, PostingContent, PostingInput, PostingStatus};
use postings::{advice, review, trust};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DbConn, Id, Timestamp};
use utoipa::ToSchema;

use super::employers::require_employer;
use super::ownership::{require_room, require_room_for};
use super::posting_lists;
use crate::access::{require_editor, require_posting_editor, require_visible};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;
use crate::visitor::Visitor;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/postings")
                .route(web::post().to(create_posting))
                .route(web::get().to(posting_lists::list_postings)),
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
    /// The campaign it belongs to.
    campaign_id: Option<Id>,
    /// When it was first public, here or at its source; renewing and editing do not change it.
    first_published_at: Option<Timestamp>,
    /// When somebody last stood for it: its employer by publishing, editing or renewing it, its source by showing it in a
    /// healthy crawl.
    last_verified_at: Option<Timestamp>,
    /// Whole days from its first publication until it ended, or until now.
    days_open: Option<i64>,
    /// The posting with the same title that its employer had closed within 90 days before.
    reposted_from: Option<Id>,
    /// What is allowed and unwise about it; told when it is published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<postings::FieldError>,
}

impl PostingBody {
    pub(crate) fn of(posting: Posting, state: &State) -> Self {
        let Posting { employer, row } = posting;
        let days_open = trust::days_open(&row, state.now());
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
            campaign_id: row.campaign_id,
            first_published_at: row.published_at,
            last_verified_at: row.verified_at,
            days_open,
            reposted_from: row.reposted_from,
            warnings: Vec::new(),
        }
    }

    /// Adds when their sources last showed them.
    pub(super) fn add_sightings(conn: &mut DbConn, bodies: &mut [Self]) -> Result<(), Problem> {
        let imported = bodies.iter().filter(|body| body.source.is_some());
        let ids: Vec<Id> = imported.map(|body| body.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let seen = trust::seen_at(conn, &ids)?;
        for body in bodies {
            body.last_verified_at = body.last_verified_at.max(seen.get(&body.id).copied());
        }
        Ok(())
    }
}

/// Why a posting is closed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseBody {
    reason: CloseReason,
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

/// One posting. A closed one is still shown, with its status, to whoever has the link.
#[utoipa::path(get, path = "/v1/postings/{id}", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security((), ("bearer" = [])))]
pub(crate) async fn get_posting(
    state: State,
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let is_stranger = matches!(caller, Caller::Anonymous);
    let body = state
        .read(move |conn, state| {
            let posting =
                postings::find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            require_visible(conn, &caller, &posting)?;
            let mut body = PostingBody::of(posting, state);
            PostingBody::add_sightings(conn, std::slice::from_mut(&mut body))?;
            Ok::<_, Problem>(body)
        })
        .await?;
    if is_stranger {
        Visitor::of(&request).saw(&state, Sight::View, std::iter::once(id));
    }
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
    let rules = state.posting_rules();
    change(
        state,
        caller,
        &request,
        asked,
        &path,
        move |tx, id, version, now| review::update(tx, id, &patch, version, &rules, now),
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

/// Make a draft public, or let it wait for a moderator (`in_review`) where postings are reviewed; also one that was rejected
/// and changed. The answer also says what is unwise about it.
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
            let rules = &state.posting_rules();
            let posting = review::publish(tx, id, version, rules, now)?;
            accounts::record(
                tx,
                &actor,
                posting_deed(&posting, "posting.published"),
                &state.random,
                now,
            )?;
            let warnings = advice::warnings_of(tx, &posting, rules.pay_transparency, now)?;
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

/// Give a posting another 60 days; a closed or expired one is public again, or waits for a moderator (`in_review`) where
/// postings are reviewed and it was changed since.
#[utoipa::path(post, path = "/v1/postings/{id}/renew", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn renew_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &())?;
    let rules = state.posting_rules();
    change(
        state,
        caller,
        &request,
        asked,
        &path,
        move |tx, id, version, now| review::renew(tx, id, version, &rules, now),
    )
    .await
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

/// What the trail calls a change of a posting that was `before`; none when it is new.
pub(crate) fn action_of(before: Option<PostingStatus>, after: PostingStatus) -> &'static str {
    match after {
        _ if before.is_none() => "posting.made",
        after if before == Some(after) => "posting.changed",
        PostingStatus::Published => "posting.published",
        PostingStatus::Paused => "posting.paused",
        PostingStatus::Closed => "posting.closed",
        PostingStatus::Scheduled => "posting.scheduled",
        _ => "posting.changed",
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
            let before = require_posting_editor(tx, &caller, id)?.row;
            // The employer comes before the counter of postings, as everywhere.
            accounts::lock_employer(tx, before.employer_id)?;
            let before = before.status;
            let posting = make(tx, id, version, now)?;
            let action = action_of(Some(before), posting.row.status);
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
