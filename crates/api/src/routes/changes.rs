//! The public feed of changes.

use actix_web::http::header::{ETAG, HeaderValue};
use actix_web::middleware::Compress;
use actix_web::{HttpRequest, HttpResponse, web};
use postings::changes::{Change, changed_since};
use serde::{Deserialize, Serialize};
use store::Id;
use store::page::{decode_cursor, encode_cursor};
use store::revision::{self, Counter};
use utoipa::ToSchema;

use super::postings::PostingBody;
use super::syndication::is_known;
use crate::error::{Code, Problem};
use crate::extract::{Params, parse_limit};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/v1/changes")
            .wrap(Compress::default())
            .route(web::get().to(list_changes)),
    );
}

/// Where to continue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesParams {
    after: Option<String>,
    limit: Option<String>,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeBody {
    /// Grows with every change.
    revision: i64,
    /// `upsert`: the posting is public in this form. `remove`: it is not, or no longer.
    kind: &'static str,
    posting: ChangedPosting,
}

/// The posting, or only its id when it was removed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ChangedPosting {
    Upsert(Box<PostingBody>),
    Remove(RemovedPosting),
}

/// The id of a posting that was removed, and nothing else.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemovedPosting {
    id: Id,
}

/// Changes in order of their revisions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesBody {
    data: Vec<ChangeBody>,
    /// The `after` of the next call; null when there is nothing more for now.
    next_cursor: Option<String>,
}

/// What changed in public after a cursor. A posting stands in the feed once, at its last change.
#[utoipa::path(get, path = "/v1/changes", tag = "feeds",
    params(("after" = Option<String>, Query, description = "a next_cursor, the revision of the last change you saw, or 0 for the beginning"),
        ("limit" = Option<u32>, Query)),
    responses((status = 200, body = ChangesBody), (status = 304)))]
pub(crate) async fn list_changes(
    state: State,
    request: HttpRequest,
    Params(params): Params<ChangesParams>,
) -> Result<HttpResponse, Problem> {
    let limit = parse_limit(params.limit.as_deref())?;
    let after = match params.after.as_deref() {
        None | Some("") => 0,
        // A cursor never consists of digits alone: base64 of a digit begins with a letter.
        Some(text) => text
            .parse()
            .ok()
            .or_else(|| decode_cursor::<i64>(text))
            .ok_or_else(|| Problem::new(Code::CursorInvalid))?,
    };
    // What follows a cursor stays the same until anything changes.
    let latest = state
        .read(|conn, _| Ok::<_, Problem>(revision::latest(conn, Counter::Postings)?))
        .await?;
    let etag = format!("\"changes-{after}-{limit}-{latest}\"");
    if is_known(&request, &etag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    let body = state
        .read(move |conn, state| {
            let mut changes = changed_since(conn, after, limit as i64 + 1)?;
            let has_more = changes.len() > limit;
            changes.truncate(limit);
            let next_cursor = changes
                .last()
                .filter(|_| has_more)
                .map(|(revision, _)| encode_cursor(revision));
            let data = changes
                .into_iter()
                .map(|(revision, change)| to_body(revision, change, state))
                .collect();
            Ok::<_, Problem>(ChangesBody { data, next_cursor })
        })
        .await?;
    let mut response = Reply::ok(&body).into_response();
    let etag = HeaderValue::from_str(&etag).map_err(|_| Problem::new(Code::Internal))?;
    response.headers_mut().insert(ETAG, etag);
    Ok(response)
}

fn to_body(revision: i64, change: Change, state: &State) -> ChangeBody {
    match change {
        Change::Upsert(posting) => ChangeBody {
            revision,
            kind: "upsert",
            posting: ChangedPosting::Upsert(Box::new(PostingBody::of(*posting, state))),
        },
        Change::Remove(id) => ChangeBody {
            revision,
            kind: "remove",
            posting: ChangedPosting::Remove(RemovedPosting { id }),
        },
    }
}
