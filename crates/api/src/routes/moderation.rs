//! What moderators do: postings that wait, and cases of reports. For the board's operators.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use postings::reports::{self, CaseState, CaseView, Decision};
use postings::review::{self, Bench, PostingReview};
use postings::{EmployerRef, Posting, PostingStatus, find};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{DbConn, Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::campaigns::{ReasonBody, reason_of};
use super::employers::cursor_of;
use super::members::deed;
use super::postings::{PostingBody, posting_deed};
use crate::access::{require_member, require_visible};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, PageParams, Params, path_id};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/moderation/queue").route(web::get().to(list_waiting_postings)))
        .service(web::resource("/v1/moderation/reports").route(web::get().to(list_cases)))
        .service(web::resource("/v1/moderation/reports/{id}").route(web::get().to(get_case)))
        .service(web::resource("/v1/moderation/reports/{id}/decisions").route(web::post().to(decide_case)))
        .service(web::resource("/v1/postings/{id}/approve").route(web::post().to(approve_posting)))
        .service(web::resource("/v1/postings/{id}/reject").route(web::post().to(reject_posting)))
        .service(web::resource("/v1/postings/{id}/reviews").route(web::get().to(list_reviews)));
}

/// The moderator's id, or 403.
fn require_moderator(caller: &Caller) -> Result<Id, Problem> {
    let user = caller.user()?;
    if caller.is_operator() {
        Ok(user.id)
    } else {
        Err(Problem::new(Code::NotAllowed))
    }
}

fn bench(state: &State, by: Id) -> Bench<'_> {
    Bench {
        config: &state.mail_config,
        random: &state.random,
        by,
    }
}

/// Postings that wait for a moderator, oldest first.
#[utoipa::path(get, path = "/v1/moderation/queue", tag = "moderation",
    params(("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<PostingBody>)), security(("bearer" = [])))]
pub(crate) async fn list_waiting_postings(
    state: State,
    Known(caller): Known,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    require_moderator(&caller)?;
    let (after, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, state| {
            let page = review::list_waiting(conn, after, limit)?;
            let bodies = page
                .data
                .into_iter()
                .map(|posting| PostingBody::of(posting, state));
            Ok::<_, Problem>(ListBody {
                data: bodies.collect(),
                next_cursor: cursor_of(page.next),
            })
        })
        .await?;
    Ok(Reply::ok(&page).into_response())
}

/// Approve a posting that waits: it becomes public, now or at its time, and its employer is told. `If-Match` says which version
/// was looked at, for it may be changed while it waits.
#[utoipa::path(post, path = "/v1/postings/{id}/approve", tag = "moderation",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "the `ETag` of the version that was looked at")),
    responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn approve_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &())?;
    settle(
        state,
        caller,
        &request,
        asked,
        &path,
        "posting.approved",
        move |tx, id, version, state, bench, now| {
            let unseen = "If-Match: the ETag of the version that you looked at, such as \"3\"";
            let seen = version.ok_or_else(|| Problem::new(Code::HeaderInvalid).detail(unseen))?;
            Ok(review::approve(tx, id, seen, &state.posting_rules(), bench, now)?)
        },
    )
    .await
}

/// Reject a posting that waits; its employer is told why, and may change it and hand it in again.
#[utoipa::path(post, path = "/v1/postings/{id}/reject", tag = "moderation", params(("id" = String, Path)),
    request_body = ReasonBody, responses((status = 200, body = PostingBody)), security(("bearer" = [])))]
pub(crate) async fn reject_posting(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ReasonBody>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &body)?;
    let missing = || Problem::field("/reason", "value_missing", "the employer is told why");
    let reason = reason_of(body.reason)?.ok_or_else(missing)?;
    settle(
        state,
        caller,
        &request,
        asked,
        &path,
        "posting.rejected",
        move |tx, id, version, _, bench, now| Ok(review::reject(tx, id, &reason, version, bench, now)?),
    )
    .await
}

async fn settle(
    state: State,
    caller: Caller,
    request: &HttpRequest,
    asked: Asked,
    path: &str,
    action: &'static str,
    make: impl FnOnce(&mut DbConn, Id, Option<i32>, &State, &Bench<'_>, Timestamp) -> Result<Posting, Problem>
    + Send
    + 'static,
) -> Result<HttpResponse, Problem> {
    let actor = caller.actor(request);
    let (id, version, now) = (
        path_id(path, Code::PostingNotFound)?,
        if_match(request)?,
        state.now(),
    );
    let response = state
        .write_once(asked, move |tx, state| {
            let posting = find::find(tx, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            // Somebody else's draft does not exist, for those who are no moderators.
            require_visible(tx, &caller, &posting)?;
            let by = require_moderator(&caller)?;
            let posting = make(tx, id, version, state, &bench(state, by), now)?;
            accounts::record(tx, &actor, posting_deed(&posting, action), &state.random, now)?;
            Ok(Reply::ok(&PostingBody::of(posting, state)))
        })
        .await?;
    state.wake.postings_changed();
    state.wake.mail.notify_one();
    Ok(response)
}

/// What moderators decided about a posting that waited, newest first. For its employer's members.
#[utoipa::path(get, path = "/v1/postings/{id}/reviews", tag = "moderation", params(("id" = String, Path)),
    responses((status = 200, body = ListBody<PostingReview>)), security(("bearer" = [])))]
pub(crate) async fn list_reviews(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let data = state
        .read(move |conn, _| {
            let posting = find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            require_visible(conn, &caller, &posting)?;
            require_member(conn, &caller, posting.row.employer_id)?;
            Ok::<_, Problem>(review::list_decisions(conn, id)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}

/// A posting that was reported, as far as a moderator's list needs it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportedBody {
    id: Id,
    title: String,
    /// Its public page.
    url: String,
    status: PostingStatus,
    employer: EmployerRef,
}

impl ReportedBody {
    fn of(posting: Posting, state: &State) -> Self {
        Self {
            id: posting.row.id,
            title: posting.content().title.clone(),
            url: state.url(&format!("/postings/{}", posting.row.slug)),
            status: posting.row.status,
            employer: posting.employer,
        }
    }
}

/// Reports of one posting until somebody decides.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CaseBody {
    #[serde(flatten)]
    case: CaseView,
    /// The posting; null when it was erased.
    posting: Option<ReportedBody>,
}

impl CaseBody {
    fn of(conn: &mut DbConn, case: CaseView, state: &State) -> Result<Self, Problem> {
        let posting = find::find(conn, case.case.posting_id)?;
        let posting = posting.map(|posting| ReportedBody::of(posting, state));
        Ok(Self { case, posting })
    }

    /// Several at once.
    fn list(conn: &mut DbConn, cases: Vec<CaseView>, state: &State) -> Result<Vec<Self>, Problem> {
        let ids: Vec<Id> = cases.iter().map(|case| case.case.posting_id).collect();
        let found = find::list(conn, &ids)?.into_iter();
        let found: HashMap<Id, Posting> = found.map(|posting| (posting.row.id, posting)).collect();
        let with_posting = |case: CaseView| {
            let posting = found.get(&case.case.posting_id).cloned();
            Self {
                case,
                posting: posting.map(|posting| ReportedBody::of(posting, state)),
            }
        };
        Ok(cases.into_iter().map(with_posting).collect())
    }
}

/// Which cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseParams {
    state: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Cases of reports, newest first; several reports of one posting are one case.
#[utoipa::path(get, path = "/v1/moderation/reports", tag = "moderation",
    params(("state" = Option<String>, Query, description = "`open`, `dismissed` or `acted`; `open` when missing"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<CaseBody>)), security(("bearer" = [])))]
pub(crate) async fn list_cases(
    state: State,
    Known(caller): Known,
    Params(params): Params<CaseParams>,
) -> Result<HttpResponse, Problem> {
    require_moderator(&caller)?;
    let wanted: CaseState = params.state.as_deref().unwrap_or("open").parse().map_err(|_| {
        let errors = vec![postings::FieldError::new(
            "/state",
            "value_unknown",
            "open, dismissed or acted",
        )];
        Problem::new(Code::ParametersInvalid).errors(errors)
    })?;
    let page = PageParams {
        limit: params.limit,
        cursor: params.cursor,
    };
    let (before, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, state| {
            let page = reports::list(conn, wanted, before, limit)?;
            Ok::<_, Problem>(ListBody {
                data: CaseBody::list(conn, page.data, state)?,
                next_cursor: cursor_of(page.next),
            })
        })
        .await?;
    Ok(Reply::ok(&page).into_response())
}

/// One case of reports.
#[utoipa::path(get, path = "/v1/moderation/reports/{id}", tag = "moderation", params(("id" = String, Path)),
    responses((status = 200, body = CaseBody)), security(("bearer" = [])))]
pub(crate) async fn get_case(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    require_moderator(&caller)?;
    let id = path_id(&path, Code::CaseNotFound)?;
    let body = state
        .read(move |conn, state| {
            let case = reports::find(conn, id)?.ok_or_else(|| Problem::new(Code::CaseNotFound))?;
            CaseBody::of(conn, case, state)
        })
        .await?;
    Ok(Reply::ok(&body).into_response())
}

/// What a moderator does about a case.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionBody {
    decision: Decision,
    /// Why, at most 500 characters; the employer is told.
    note: Option<String>,
}

/// Decide about a case: `dismiss` it, `freeze` its posting (out of search at once), `unfreeze` it, or `close` it for good.
#[utoipa::path(post, path = "/v1/moderation/reports/{id}/decisions", tag = "moderation", params(("id" = String, Path)),
    request_body = DecisionBody, responses((status = 200, body = CaseBody)), security(("bearer" = [])))]
pub(crate) async fn decide_case(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<DecisionBody>,
) -> Result<HttpResponse, Problem> {
    let by = require_moderator(&caller)?;
    let (id, version, now) = (
        path_id(&path, Code::CaseNotFound)?,
        if_match(&request)?,
        state.now(),
    );
    let asked = Asked::new(&request, &caller, &body)?;
    let (note, decision) = (reason_of(body.note)?, body.decision);
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            let bench = bench(state, by);
            let case = reports::decide(tx, id, decision, note, version, &bench, now)?;
            let body = CaseBody::of(tx, case, state)?;
            if let Some(posting) = &body.posting {
                let detail = json!({"decision": decision});
                let deed = deed(posting.employer.id, "case.decided", "posting", posting.id, detail);
                accounts::record(tx, &actor, deed, &state.random, now)?;
            }
            Ok(Reply::ok(&body))
        })
        .await?;
    state.wake.postings_changed();
    state.wake.mail.notify_one();
    Ok(response)
}
