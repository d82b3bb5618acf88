//! What surrounds publishing: looking before, at a set time, copies, many at once, and what was said when.

use accounts::{Counted, Deed};
use actix_web::{HttpRequest, HttpResponse, web};
use postings::advice::{self, Assessment};
use postings::bulk::{self, MAX_OPERATIONS, Operation};
use postings::history::{self, Version};
use postings::lifecycle::PostingError;
use postings::transparency::{self, PayAssessment};
use postings::{PostingContent, PostingInput, PostingStatus, filling, review, schedule};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::page::{decode_cursor, encode_cursor};
use store::{DbConn, Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::employers::require_employer;
use super::ownership::{require_room, require_room_for};
use super::postings::{PostingBody, action_of, change, posting_deed};
use crate::access::{require_editor, require_member, require_posting_editor, require_visible};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem, ProblemBody};
use crate::extract::{Body, NoParams, PageParams, Params, path_id};
use crate::reply::{Asked, Reply};
use crate::room::LargeBodies;
use crate::state::State;

/// Before the routes of one posting, whose ids would take the word.
pub(crate) fn routes(config: &mut web::ServiceConfig, import_bytes: usize) {
    config
        .service(web::resource("/v1/postings/validate").route(web::post().to(validate_posting)))
        .service(
            web::resource("/v1/employers/{employer}/postings/bulk")
                .app_data(web::PayloadConfig::new(import_bytes))
                .app_data(LargeBodies(import_bytes))
                .route(web::post().to(change_postings)),
        )
        .service(web::resource("/v1/postings/{id}/schedule").route(web::post().to(schedule_posting)))
        .service(web::resource("/v1/postings/{id}/unschedule").route(web::post().to(unschedule_posting)))
        .service(
            web::resource("/v1/postings/{id}/pay-transparency").route(web::get().to(get_pay_transparency)),
        )
        .service(web::resource("/v1/postings/{id}/fill").route(web::post().to(fill_posting)))
        .service(web::resource("/v1/postings/{id}/duplicate").route(web::post().to(duplicate_posting)))
        .service(web::resource("/v1/postings/{id}/history").route(web::get().to(list_history)))
        .service(web::resource("/v1/postings/{id}/history/{version}").route(web::get().to(get_version)));
}

/// Whose posting it would be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateParams {
    employer: Option<String>,
}

/// Look at a posting before it is made: what is wrong, what is missing, what is unwise, and how it would be shown. Changes
/// nothing.
#[utoipa::path(post, path = "/v1/postings/validate", tag = "postings",
    params(("employer" = Option<String>, Query, description = "id or slug; then its website and its other postings count")),
    request_body = PostingInput, responses((status = 200, body = Assessment)), security(("bearer" = [])))]
pub(crate) async fn validate_posting(
    state: State,
    Known(caller): Known,
    Params(params): Params<ValidateParams>,
    Body(input): Body<PostingInput>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let assessment = state
        .read(move |conn, state| {
            let employer_id = match &params.employer {
                Some(employer) => {
                    let id = require_employer(conn, employer)?.id;
                    require_editor(conn, &caller, id)?;
                    Some(id)
                }
                None => None,
            };
            let choice = state.posting_rules().pay_transparency;
            Ok::<_, Problem>(advice::assess(conn, employer_id, input, choice, now)?)
        })
        .await?;
    Ok(Reply::ok(&assessment).into_response())
}

/// When a posting becomes public.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleBody {
    publish_at: Timestamp,
}

/// Make a draft public at a set time, up to a year ahead; also moves that time. Where postings are reviewed it waits for a
/// moderator first.
#[utoipa::path(post, path = "/v1/postings/{id}/schedule", tag = "postings", params(("id" = String, Path)),
    request_body = ScheduleBody, responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn schedule_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ScheduleBody>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &body)?;
    let (at, rules) = (body.publish_at, state.posting_rules());
    change(
        state,
        caller,
        &request,
        asked,
        &path,
        move |tx, id, version, now| review::schedule(tx, id, at, version, &rules, now),
    )
    .await
}

/// Make a posting that is scheduled, or waits for a moderator, a draft again.
#[utoipa::path(post, path = "/v1/postings/{id}/unschedule", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn unschedule_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &())?;
    change(state, caller, &request, asked, &path, schedule::unschedule).await
}

/// What laws want said about pay, as far as a dated list of rules knows: for each rule that covers the posting, or may, what is
/// said, what is missing, the legal basis and its source. Not legal advice. For an employer's members, and for moderators.
#[utoipa::path(get, path = "/v1/postings/{id}/pay-transparency", tag = "postings", params(("id" = String, Path)),
    responses((status = 200, body = PayAssessment)), security(("bearer" = [])))]
pub(crate) async fn get_pay_transparency(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path, Code::PostingNotFound)?, state.now());
    let body = state
        .read(move |conn, _| {
            let posting =
                postings::find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            require_visible(conn, &caller, &posting)?;
            require_member(conn, &caller, posting.row.employer_id)?;
            let at = posting.row.publish_at.unwrap_or(now);
            Ok::<_, Problem>(transparency::assess_posting(conn, &posting, at)?)
        })
        .await?;
    Ok(Reply::ok(&body).into_response())
}

/// How many openings were filled.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillBody {
    /// How many more, 1 when missing.
    count: Option<u32>,
}

/// Note that openings of a posting are filled. With the last one it is closed, with the reason `filled`.
#[utoipa::path(post, path = "/v1/postings/{id}/fill", tag = "postings", params(("id" = String, Path)),
    request_body = FillBody, responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn fill_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<FillBody>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &body)?;
    let count = body.count.unwrap_or(1);
    change(
        state,
        caller,
        &request,
        asked,
        &path,
        move |tx, id, version, now| filling::fill(tx, id, count, version, now),
    )
    .await
}

/// Make a draft that says the same.
#[utoipa::path(post, path = "/v1/postings/{id}/duplicate", tag = "postings", params(("id" = String, Path)),
    responses((status = 201, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn duplicate_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path, Code::PostingNotFound)?, state.now());
    let asked = Asked::new(&request, &caller, &())?;
    let actor = caller.actor(&request);
    state
        .write_once(asked, move |tx, state| {
            let original = require_posting_editor(tx, &caller, id)?;
            require_room(tx, state, &caller, original.row.employer_id, Counted::Drafts)?;
            let copy = schedule::duplicate(tx, id, &state.random, now)?;
            accounts::record(
                tx,
                &actor,
                posting_deed(&copy, "posting.made"),
                &state.random,
                now,
            )?;
            Ok(Reply::with(201, &PostingBody::of(copy, state)))
        })
        .await
}

/// Many changes at once.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkBody {
    /// At most 500, done in order.
    operations: Vec<Operation>,
}

/// What came of one operation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutcomeBody {
    /// Its place in the list, from 0.
    index: usize,
    /// The HTTP status that the operation would have had by itself.
    status: u16,
    /// The posting.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    /// Its version now.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
    /// Where it is in its life now.
    #[serde(skip_serializing_if = "Option::is_none")]
    posting_status: Option<PostingStatus>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// What came of all of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkOutcomeBody {
    succeeded: usize,
    failed: usize,
    outcomes: Vec<OutcomeBody>,
}

/// Change up to 500 postings of an employer; each operation has an outcome of its own, and one that is refused does not keep
/// the others from being done.
#[utoipa::path(post, path = "/v1/employers/{employer}/postings/bulk", tag = "postings", params(("employer" = String, Path)),
    request_body = BulkBody, responses((status = 200, body = BulkOutcomeBody)), security(("bearer" = [])))]
pub(crate) async fn change_postings(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<BulkBody>,
) -> Result<HttpResponse, Problem> {
    if body.operations.len() > MAX_OPERATIONS {
        return Err(Problem::field(
            "/operations",
            "list_too_long",
            "at most 500 operations",
        ));
    }
    let now = state.now();
    let asked = Asked::new(&request, &caller, &body)?;
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_editor(tx, &caller, employer.id)?;
            // The employer comes before the counter of postings, as everywhere.
            accounts::lock_employer(tx, employer.id)?;
            let before = present(tx, employer.id, now)?;
            let mut outcomes = Vec::with_capacity(body.operations.len());
            for (index, operation) in body.operations.into_iter().enumerate() {
                let is_new = matches!(operation, Operation::Create { .. });
                let found = match operation.id() {
                    Some(id) => postings::find::find(tx, id)?,
                    None => None,
                };
                let outcome = match bulk::apply(
                    tx,
                    employer.id,
                    operation,
                    &state.posting_rules(),
                    &state.random,
                    now,
                ) {
                    // After a failure of the database nothing is sure any more.
                    Err(PostingError::Store(error)) => return Err(error.into()),
                    outcome => outcome,
                };
                if let Some(deed) = deed_of(found, &outcome) {
                    accounts::record(tx, &actor, deed, &state.random, now)?;
                }
                outcomes.push(outcome_of(index, is_new, outcome));
            }
            let failed = outcomes
                .iter()
                .filter(|outcome| outcome.problem.is_some())
                .count();
            for ((counted, before), (_, after)) in before.into_iter().zip(present(tx, employer.id, now)?) {
                if after > before {
                    require_room_for(tx, state, &caller, employer.id, counted, 0)?;
                }
            }
            let detail = json!({"succeeded": outcomes.len() - failed, "failed": failed});
            let deed = Deed::to_employer(employer.id, "postings.changed", detail);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::ok(&BulkOutcomeBody {
                succeeded: outcomes.len() - failed,
                failed,
                outcomes,
            }))
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}

/// What the trail says of one operation; nothing when it was refused. `before` is the posting as it was, if it was.
fn deed_of(
    before: Option<postings::Posting>,
    outcome: &Result<Option<postings::Posting>, PostingError>,
) -> Option<Deed> {
    match outcome {
        Ok(Some(after)) => {
            let was = before.map(|posting| posting.row.status);
            Some(posting_deed(after, action_of(was, after.row.status)))
        }
        Ok(None) => before.map(|erased| posting_deed(&erased, "posting.erased")),
        Err(_) => None,
    }
}

/// What the employer has of what there can be too many of.
fn present(conn: &mut DbConn, employer: Id, now: Timestamp) -> Result<[(Counted, i64); 2], Problem> {
    let mut count =
        |counted| Ok::<_, Problem>((counted, accounts::count_present(conn, employer, counted, now)?));
    Ok([count(Counted::LivePostings)?, count(Counted::Drafts)?])
}

fn outcome_of(
    index: usize,
    is_new: bool,
    outcome: Result<Option<postings::Posting>, PostingError>,
) -> OutcomeBody {
    let (status, posting, problem) = match outcome {
        Ok(Some(posting)) => (if is_new { 201 } else { 200 }, Some(posting), None),
        Ok(None) => (204, None, None),
        Err(error) => {
            let problem = Problem::from(error);
            (problem.code().status(), None, Some(problem.body(None)))
        }
    };
    let row = posting.map(|posting| posting.row);
    OutcomeBody {
        index,
        status,
        id: row.as_ref().map(|row| row.id),
        version: row.as_ref().map(|row| row.version),
        posting_status: row.map(|row| row.status),
        problem,
    }
}

/// Every version of a posting that was public, newest first, with what each changed.
#[utoipa::path(get, path = "/v1/postings/{id}/history", tag = "postings",
    params(("id" = String, Path), ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<Version>)), security((), ("bearer" = [])))]
pub(crate) async fn list_history(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let limit = page.limit()?;
    let before = match page.cursor.as_deref() {
        None | Some("") => None,
        Some(text) => Some(decode_cursor(text).ok_or_else(|| Problem::new(Code::CursorInvalid))?),
    };
    let page = state
        .read(move |conn, _| {
            let missing = || Problem::new(Code::PostingNotFound);
            let posting = postings::find::find(conn, id)?.ok_or_else(missing)?;
            require_visible(conn, &caller, &posting)?;
            Ok::<_, Problem>(history::list_history(conn, id, before, limit)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: page.data,
        next_cursor: page.next.map(|version| encode_cursor(&version)),
    })
    .into_response())
}

/// What a posting said in one of its public versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionBody {
    id: Id,
    /// Number of the version.
    version: i32,
    /// Since when it said this.
    at: Timestamp,
    #[serde(flatten)]
    content: PostingContent,
}

/// One public version of a posting.
#[utoipa::path(get, path = "/v1/postings/{id}/history/{version}", tag = "postings",
    params(("id" = String, Path), ("version" = i32, Path)), responses((status = 200, body = VersionBody)),
    security((), ("bearer" = [])))]
pub(crate) async fn get_version(
    state: State,
    caller: Caller,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let missing = || Problem::new(Code::PostingNotFound);
    let id = path_id(&path.0, Code::PostingNotFound)?;
    let version: i32 = path.1.parse().map_err(|_| missing())?;
    let body = state
        .read(move |conn, _| {
            let posting = postings::find::find(conn, id)?.ok_or_else(missing)?;
            require_visible(conn, &caller, &posting)?;
            let (content, at) = history::find_version(conn, id, version)?.ok_or_else(missing)?;
            Ok::<_, Problem>(VersionBody {
                id,
                version,
                at,
                content,
            })
        })
        .await?;
    Ok(Reply::ok(&body).into_response())
}
