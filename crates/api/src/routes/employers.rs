//! Employers' pages, and freezing them.

use accounts::{Deed, Employer, EmployerChange, EmployerStatus, NewEmployer};
use actix_web::{HttpRequest, HttpResponse, web};
use postings::DescriptionFormat;
use postings::holds::{self, Scope, Why};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::page::encode_cursor;
use store::{DbConn, Id};
use utoipa::ToSchema;

use super::ListBody;
use crate::access::require_manager;
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, PageParams, Params};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers")
                .route(web::post().to(create_employer))
                .route(web::get().to(list_employers)),
        )
        .service(
            web::resource("/v1/employers/{employer}")
                .route(web::get().to(get_employer))
                .route(web::patch().to(update_employer)),
        )
        .service(web::resource("/v1/employers/{employer}/pause").route(web::post().to(pause_employer)))
        .service(web::resource("/v1/employers/{employer}/resume").route(web::post().to(resume_employer)));
}

/// An employer to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmployerBody {
    /// 1 to 120 characters.
    #[schema(example = "Acme Compute")]
    name: String,
    #[schema(example = "https://acme.example")]
    website: Option<String>,
    /// Markdown, or HTML with `description_format: "html"`.
    description: Option<String>,
    #[serde(default)]
    description_format: DescriptionFormat,
    #[schema(example = "Austin, TX")]
    headquarters: Option<String>,
    /// How many people work for it; pay-transparency rules ask for it.
    employees: Option<i32>,
}

/// What changes about an employer; null takes a field away.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::option_option,
    reason = "null and missing mean different things in a patch"
)]
pub(crate) struct EmployerPatch {
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    website: Option<Option<String>>,
    description: Option<String>,
    #[serde(default)]
    description_format: DescriptionFormat,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    headquarters: Option<Option<String>>,
    #[serde(default, deserialize_with = "super::present")]
    #[schema(value_type = Option<i32>)]
    employees: Option<Option<i32>>,
    /// The employer's number at LinkedIn, for LinkedIn's feed.
    #[serde(default, deserialize_with = "super::present")]
    #[schema(value_type = Option<i64>)]
    linkedin_company_id: Option<Option<i64>>,
}

/// Tells a null from a missing field.
#[expect(
    clippy::option_option,
    reason = "null and missing mean different things in a patch"
)]
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The employer with this id or slug.
pub(crate) fn require_employer(conn: &mut DbConn, id_or_slug: &str) -> Result<Employer, Problem> {
    accounts::find_employer(conn, id_or_slug)?.ok_or_else(|| Problem::new(Code::EmployerNotFound))
}

/// Make an employer; the caller becomes its owner.
#[utoipa::path(post, path = "/v1/employers", tag = "employers", request_body = EmployerBody,
    responses((status = 201, body = Employer)), security(("bearer" = [])))]
pub(crate) async fn create_employer(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<EmployerBody>,
) -> Result<HttpResponse, Problem> {
    let (owner, now) = (caller.user()?.id, state.now());
    let asked = Asked::new(&request, &caller, &body)?;
    let actor = caller.actor(&request);
    let (description_html, _) =
        postings::render(&body.description.unwrap_or_default(), body.description_format);
    let new = NewEmployer {
        name: body.name,
        website: body.website,
        description_html,
        headquarters: body.headquarters,
        employees: body.employees,
    };
    state
        .write_once(asked, move |tx, state| {
            let made = accounts::create_employer(tx, Some(owner), &new, &state.random, now)?;
            let deed = Deed::to_employer(made.id, "employer.made", Value::Null);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::with(201, &made))
        })
        .await
}

/// All employers, oldest first.
#[utoipa::path(get, path = "/v1/employers", tag = "employers",
    params(("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<Employer>)))]
pub(crate) async fn list_employers(
    state: State,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let (after, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, _| Ok::<_, Problem>(accounts::list_employers(conn, after, limit)?))
        .await?;
    let next_cursor = page.next.map(|id| encode_cursor(&id));
    Ok(Reply::ok(&ListBody {
        data: page.data,
        next_cursor,
    })
    .into_response())
}

/// One employer, by id or slug.
#[utoipa::path(get, path = "/v1/employers/{employer}", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = Employer)))]
pub(crate) async fn get_employer(
    state: State,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let employer = state.read(move |conn, _| require_employer(conn, &path)).await?;
    Ok(Reply::ok(&employer).into_response())
}

/// Change an employer's page.
#[utoipa::path(patch, path = "/v1/employers/{employer}", tag = "employers", params(("employer" = String, Path)),
    request_body = EmployerPatch, responses((status = 200, body = Employer)), security(("bearer" = [])))]
pub(crate) async fn update_employer(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<EmployerPatch>,
) -> Result<HttpResponse, Problem> {
    let (version, now) = (if_match(&request)?, state.now());
    let asked = Asked::new(&request, &caller, &patch)?;
    let (actor, fields) = (caller.actor(&request), changed_fields(&patch));
    let description_html = patch
        .description
        .map(|text| postings::render(&text, patch.description_format).0);
    let change = EmployerChange {
        name: patch.name,
        website: patch.website,
        description_html,
        headquarters: patch.headquarters,
        employees: patch.employees,
        linkedin_company_id: patch.linkedin_company_id,
    };
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_manager(tx, &caller, employer.id)?;
            let changed = accounts::update_employer(tx, employer.id, &change, version, now)?;
            let shown = |one: &Employer| (one.name.clone(), one.linkedin_company_id);
            if shown(&changed) != shown(&employer) {
                // Search shows the employer's name and a feed its number, so its postings have changed as well.
                postings::employers::touch_postings(tx, employer.id, now)?;
            }
            let deed = Deed::to_employer(employer.id, "employer.changed", json!({"fields": fields}));
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::ok(&changed))
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}

/// The names of the fields that a patch touches.
fn changed_fields(patch: &EmployerPatch) -> Vec<&'static str> {
    let touched = [
        ("name", patch.name.is_some()),
        ("website", patch.website.is_some()),
        ("description", patch.description.is_some()),
        ("headquarters", patch.headquarters.is_some()),
        ("employees", patch.employees.is_some()),
        ("linkedin_company_id", patch.linkedin_company_id.is_some()),
    ];
    let touched = touched.into_iter().filter(|(_, is_touched)| *is_touched);
    touched.map(|(name, _)| name).collect()
}

/// Freeze an employer: all its postings leave search at once.
#[utoipa::path(post, path = "/v1/employers/{employer}/pause", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = Employer)), security(("bearer" = [])))]
pub(crate) async fn pause_employer(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    set_status(state, caller, request, path.into_inner(), EmployerStatus::Paused).await
}

/// Bring a frozen employer's postings back.
#[utoipa::path(post, path = "/v1/employers/{employer}/resume", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = Employer)), security(("bearer" = [])))]
pub(crate) async fn resume_employer(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    set_status(state, caller, request, path.into_inner(), EmployerStatus::Active).await
}

async fn set_status(
    state: State,
    caller: Caller,
    request: HttpRequest,
    employer: String,
    status: EmployerStatus,
) -> Result<HttpResponse, Problem> {
    let (version, now) = (if_match(&request)?, state.now());
    let asked = Asked::new(&request, &caller, &())?;
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &employer)?;
            require_manager(tx, &caller, employer.id)?;
            if employer.status == status {
                return Ok(Reply::ok(&employer));
            }
            let changed = accounts::set_employer_status(tx, employer.id, status, version, now)?;
            let by = super::campaigns::person(&caller);
            let held = holds::active(tx, employer.id, Scope::Employer)?;
            match (status, held) {
                (EmployerStatus::Paused, None) => {
                    let why = Why { reason: None, by };
                    holds::hold(tx, employer.id, Scope::Employer, why, &state.random, now)?;
                }
                (EmployerStatus::Active, Some(hold)) => {
                    holds::release(tx, hold.id, by, now)?;
                }
                _ => {}
            }
            // Also what an import brought meanwhile.
            postings::employers::touch_postings(tx, employer.id, now)?;
            let action = match status {
                EmployerStatus::Paused => "employer.paused",
                EmployerStatus::Active => "employer.resumed",
            };
            accounts::record(
                tx,
                &actor,
                Deed::to_employer(employer.id, action, Value::Null),
                &state.random,
                now,
            )?;
            Ok(Reply::ok(&changed))
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}

/// The id in a page's cursor belongs to this list's entries.
pub(crate) fn cursor_of(id: Option<Id>) -> Option<String> {
    id.map(|id| encode_cursor(&id))
}
