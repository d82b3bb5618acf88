//! Readers' reports about postings.

use actix_web::{HttpResponse, web};
use mail::EmailAddress;
use postings::reports::{self, NewReport, ReportReason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::AcceptedBody;
use crate::access::require_visible;
use crate::caller::Caller;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/v1/postings/{id}/reports").route(web::post().to(report_posting)));
}

const REPORTED: AcceptedBody = AcceptedBody {
    message: "thank you; a moderator will look at the posting",
};

/// What is wrong with a posting.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportBody {
    reason: ReportReason,
    /// In words, at most 2000 characters; must be given with the reason `other`.
    #[serde(default)]
    detail: String,
    /// Where a moderator may ask back; forgotten when the case ends.
    email: Option<EmailAddress>,
    /// For programs that fill in everything: people never see it, and what they report is dropped.
    homepage: Option<String>,
}

/// Report a posting to the board's moderators. Needs no account; the answer is always the same.
#[utoipa::path(post, path = "/v1/postings/{id}/reports", tag = "moderation", params(("id" = String, Path)),
    request_body = ReportBody, responses((status = 202, body = AcceptedBody)))]
pub(crate) async fn report_posting(
    state: State,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ReportBody>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path, Code::PostingNotFound)?, state.now());
    if body
        .homepage
        .as_deref()
        .is_some_and(|text| !text.trim().is_empty())
    {
        tracing::info!("a report filled in what people do not see");
        return Ok(Reply::with(202, &REPORTED).into_response());
    }
    let new = NewReport {
        reason: body.reason,
        detail: body.detail,
        email: body.email,
    };
    state
        .write(move |tx, state| {
            let posting = postings::find::find(tx, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            // What only members see cannot be reported, also not by them.
            require_visible(tx, &Caller::Anonymous, &posting)?;
            reports::report(tx, id, new, &state.random, now)?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(Reply::with(202, &REPORTED).into_response())
}
