//! What owners of addresses and the operator ask of alerts as a whole.

use ::alerts::feedback::{self, Verdict};
use ::alerts::owner::{self, Answer, MailRecord, ToldPosting};
use ::alerts::{AlertHealth, health, warnings};
use actix_web::{HttpResponse, web};
use mail::{EmailAddress, Suppression};
use serde::{Deserialize, Serialize};
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::alerts::AlertView;
use super::me::forget_address;
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params};
use crate::holder::{Holder, TokenParams};
use crate::reply::Reply;
use crate::state::State;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/alerts/address")
                .route(web::get().to(export_address))
                .route(web::delete().to(erase_address)),
        )
        .service(web::resource("/v1/alerts/feedback").route(web::post().to(answer_feedback)))
        .service(web::resource("/v1/alerts/health").route(web::get().to(get_alert_health)));
}

/// Everything that alerts hold about an address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AddressExport {
    email: EmailAddress,
    exported_at: Timestamp,
    /// Whether and why the address gets no alerts.
    suppression: Option<Suppression>,
    /// Its alerts, also those that ended; `created_at` and `confirmed_at` record the consent.
    alerts: Vec<AlertView>,
    /// The postings that were told, newest first.
    told: Vec<ToldPosting>,
    /// The answers to "was this right for you?".
    answers: Vec<Answer>,
    /// The mails that are still kept, newest first.
    mails: Vec<MailRecord>,
}

/// What a subscriber says of a posting.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackBody {
    /// The token of the link in the mail.
    token: String,
    posting_id: Id,
    verdict: Verdict,
}

/// What became of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedbackNoted {
    /// Always `noted`.
    status: &'static str,
}

/// How alerts do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertHealthBody {
    #[serde(flatten)]
    health: AlertHealth,
    /// What to look at, in words; empty when all is well.
    warnings: Vec<String>,
}

/// Everything that alerts hold about an address, by account or by the manage token of one of its mails.
#[utoipa::path(get, path = "/v1/alerts/address", tag = "alerts", params(("token" = Option<String>, Query)),
    responses((status = 200, body = AddressExport)), security(("bearer" = [])))]
pub(crate) async fn export_address(
    state: State,
    holder: Holder,
    _token: Params<TokenParams>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let held = state
        .read(move |conn, _| {
            let address = holder.require_address(conn)?;
            Ok::<_, Problem>(owner::export(conn, &address)?)
        })
        .await?;
    Ok(Reply::ok(&AddressExport {
        email: held.address,
        exported_at: now,
        suppression: held.suppression,
        alerts: held.alerts.into_iter().map(AlertView::from).collect(),
        told: held.told,
        answers: held.answers,
        mails: held.mails,
    })
    .into_response())
}

/// Erase everything that is held about an address without an account: alerts, what they told, mails, answers, suppression,
/// seats at events, and the address under reports of postings.
#[utoipa::path(delete, path = "/v1/alerts/address", tag = "alerts", params(("token" = Option<String>, Query)),
    responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn erase_address(
    state: State,
    holder: Holder,
    _token: Params<TokenParams>,
) -> Result<HttpResponse, Problem> {
    state
        .write(move |tx, state| {
            let address = holder.require_address(tx)?;
            forget_address(tx, state, &address)?;
            Ok::<_, Problem>(owner::erase_address(tx, &address)?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::no_content().into_response())
}

/// Say whether a posting that an alert told was right. The last answer counts.
#[utoipa::path(post, path = "/v1/alerts/feedback", tag = "alerts", request_body = FeedbackBody,
    responses((status = 200, body = FeedbackNoted)))]
pub(crate) async fn answer_feedback(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<FeedbackBody>,
) -> Result<HttpResponse, Problem> {
    note(&state, &body.token, body.posting_id, body.verdict).await?;
    Ok(Reply::ok(&FeedbackNoted { status: "noted" }).into_response())
}

/// Shared with the page that does the same.
pub(crate) async fn note(state: &State, token: &str, posting: Id, verdict: Verdict) -> Result<(), Problem> {
    let alert = state
        .letterhead
        .verify_feedback(token, posting)
        .ok_or_else(|| Problem::new(Code::TokenInvalid))?;
    let now = state.now();
    state
        .write(move |tx, _| Ok::<_, Problem>(feedback::answer(tx, alert, posting, verdict, now)?))
        .await
}

/// How alerts do: what is due, what waits and what for, what was written lately. For operators.
#[utoipa::path(get, path = "/v1/alerts/health", tag = "operations", responses((status = 200, body = AlertHealthBody)),
    security(("bearer" = [])))]
pub(crate) async fn get_alert_health(
    state: State,
    Known(caller): Known,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    if !caller.is_operator() {
        return Err(Problem::new(Code::NotAllowed));
    }
    let now = state.now();
    let health = state
        .read(move |conn, _| Ok::<_, Problem>(health(conn, now)?))
        .await?;
    let warnings = warnings(&health, now);
    Ok(Reply::ok(&AlertHealthBody { health, warnings }).into_response())
}
