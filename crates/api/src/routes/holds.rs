//! What holds, or held, postings out of search.

use actix_web::{HttpResponse, web};
use postings::holds::{self, Hold};

use super::ListBody;
use super::employers::{cursor_of, require_employer};
use crate::access::{require_member, require_visible};
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{NoParams, PageParams, Params, path_id};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/employers/{employer}/holds").route(web::get().to(list_employer_holds)))
        .service(web::resource("/v1/postings/{id}/holds").route(web::get().to(list_posting_holds)));
}

/// What holds or held an employer's postings out of search, newest first: pauses, freezes, who, when and why. For members.
#[utoipa::path(get, path = "/v1/employers/{employer}/holds", tag = "campaigns",
    params(("employer" = String, Path), ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<Hold>)), security(("bearer" = [])))]
pub(crate) async fn list_employer_holds(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let (before, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_member(conn, &caller, employer.id)?;
            Ok::<_, Problem>(holds::list_of_employer(conn, employer.id, before, limit)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: page.data,
        next_cursor: cursor_of(page.next),
    })
    .into_response())
}

/// What holds or held one posting out of search, newest first. For members.
#[utoipa::path(get, path = "/v1/postings/{id}/holds", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = ListBody<Hold>)), security(("bearer" = [])))]
pub(crate) async fn list_posting_holds(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let data = state
        .read(move |conn, _| {
            let posting =
                postings::find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            require_visible(conn, &caller, &posting)?;
            require_member(conn, &caller, posting.row.employer_id)?;
            Ok::<_, Problem>(holds::list_of_posting(conn, id)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}
