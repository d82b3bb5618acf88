//! Numbers for employers, and the way to apply that counts.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use postings::numbers::{self, Group, Line, Period, Sight, Sums};
use serde::{Deserialize, Serialize};
use store::Id;
use utoipa::ToSchema;

use super::employers::require_employer;
use crate::access::{require_member, require_visible};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{NoParams, Params, path_id};
use crate::reply::Reply;
use crate::state::State;
use crate::visitor::Visitor;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/employers/{employer}/numbers").route(web::get().to(get_numbers)))
        .service(web::resource("/v1/employers/{employer}/numbers.csv").route(web::get().to(export_numbers)))
        .service(web::resource("/v1/postings/{id}/numbers").route(web::get().to(get_posting_numbers)))
        .service(web::resource("/v1/postings/{id}/apply").route(web::get().to(apply)));
}

/// Which days, and what a line stands for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumbersParams {
    from: Option<String>,
    to: Option<String>,
    group: Option<Group>,
}

/// Which days.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeriodParams {
    from: Option<String>,
    to: Option<String>,
}

/// What was counted. Repeats of one reader on one day and known programs are left out; nothing about readers is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NumbersBody {
    data: Vec<Line>,
    /// The sum of the whole period.
    total: Sums,
    /// The first day, UTC.
    #[schema(example = "2026-10-27")]
    from: String,
    /// The last day, UTC.
    #[schema(example = "2026-11-23")]
    to: String,
}

async fn of_employer(
    state: &State,
    caller: Caller,
    employer: String,
    params: NumbersParams,
) -> Result<(NumbersBody, Group), Problem> {
    let period = Period::parse(params.from.as_deref(), params.to.as_deref(), state.now())?;
    let group = params.group.unwrap_or(Group::Day);
    let (data, total) = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &employer)?;
            require_member(conn, &caller, employer.id)?;
            Ok::<_, Problem>(numbers::of_employer(conn, employer.id, period, group)?)
        })
        .await?;
    let body = NumbersBody {
        data,
        total,
        from: period.from(),
        to: period.to(),
    };
    Ok((body, group))
}

/// How often an employer's postings were shown, read and applied to, by `day` (the default), `posting` or `posting_day`. The last
/// four weeks when no days are given. With `Accept: text/csv` as a table.
#[utoipa::path(get, path = "/v1/employers/{employer}/numbers", tag = "employers",
    params(("employer" = String, Path), ("from" = Option<String>, Query, description = "first day, such as 2026-11-01"),
        ("to" = Option<String>, Query, description = "last day"), ("group" = Option<Group>, Query)),
    responses((status = 200, content((NumbersBody = "application/json"), (String = "text/csv")))), security(("bearer" = [])))]
pub(crate) async fn get_numbers(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(params): Params<NumbersParams>,
) -> Result<HttpResponse, Problem> {
    let (body, group) = of_employer(&state, caller, path.into_inner(), params).await?;
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.starts_with("text/csv")) {
        return Ok(table(&body, group));
    }
    Ok(Reply::ok(&body).into_response())
}

/// The same as a table (RFC 4180) for a spreadsheet.
#[utoipa::path(get, path = "/v1/employers/{employer}/numbers.csv", tag = "employers",
    params(("employer" = String, Path), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("group" = Option<Group>, Query)),
    responses((status = 200, body = String, content_type = "text/csv")), security(("bearer" = [])))]
pub(crate) async fn export_numbers(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(params): Params<NumbersParams>,
) -> Result<HttpResponse, Problem> {
    let (body, group) = of_employer(&state, caller, path.into_inner(), params).await?;
    Ok(table(&body, group))
}

fn table(body: &NumbersBody, group: Group) -> HttpResponse {
    let name = format!("attachment; filename=\"numbers-{}-{}.csv\"", body.from, body.to);
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("Content-Disposition", name))
        .body(numbers::csv(&body.data, group))
}

/// How often one posting was shown, read and applied to, by day.
#[utoipa::path(get, path = "/v1/postings/{id}/numbers", tag = "postings",
    params(("id" = String, Path), ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
    responses((status = 200, body = NumbersBody)), security(("bearer" = [])))]
pub(crate) async fn get_posting_numbers(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(params): Params<PeriodParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let period = Period::parse(params.from.as_deref(), params.to.as_deref(), state.now())?;
    let (data, total) = state
        .read(move |conn, _| {
            let missing = || Problem::new(Code::PostingNotFound);
            let posting = postings::find::find(conn, id)?.ok_or_else(missing)?;
            require_visible(conn, &caller, &posting)?;
            require_member(conn, &caller, posting.row.employer_id)?;
            Ok::<_, Problem>(numbers::of_posting(conn, id, period)?)
        })
        .await?;
    let body = NumbersBody {
        data,
        total,
        from: period.from(),
        to: period.to(),
    };
    Ok(Reply::ok(&body).into_response())
}

/// Leads to where one applies, and counts that somebody went there. A posting that is not open leads to its page, which says so.
#[utoipa::path(get, path = "/v1/postings/{id}/apply", tag = "postings", params(("id" = String, Path)),
    responses((status = 303, headers(("Location" = String, description = "a page, or a mailbox (mailto:)")))))]
pub(crate) async fn apply(
    state: State,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let now = state.now();
    let (target, is_open): (String, bool) = state
        .read(move |conn, state| {
            let missing = || Problem::new(Code::PostingNotFound);
            let posting = postings::find::find(conn, id)?.ok_or_else(missing)?;
            require_visible(conn, &Caller::Anonymous, &posting)?;
            let is_open = posting.is_searchable() && posting.row.expires_at.is_none_or(|end| end > now);
            let target = posting.apply_target().filter(|_| is_open);
            let is_open = target.is_some();
            let page = || state.url(&format!("/postings/{}", posting.row.slug));
            Ok::<_, Problem>((target.unwrap_or_else(page), is_open))
        })
        .await?;
    if is_open {
        Visitor::of(&request).saw(&state, Sight::ApplyClick, std::iter::once::<Id>(id));
    }
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, target))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("X-Robots-Tag", "noindex, nofollow"))
        .finish())
}
