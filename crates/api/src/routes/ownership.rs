//! Who owns an employer, what it may have, and who did what for it.

use accounts::{AuditEntry, Counted, Deed, OwnershipOffer, QuotaOverride, Quotas};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{DbConn, Id};
use utoipa::ToSchema;

use super::ListBody;
use super::employers::{cursor_of, require_employer};
use crate::access::{require_manager, require_member, require_operator};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, PageParams, Params};
use crate::reply::{Asked, Reply};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/ownership")
                .route(web::get().to(get_ownership_offer))
                .route(web::post().to(offer_ownership))
                .route(web::delete().to(withdraw_ownership)),
        )
        .service(
            web::resource("/v1/employers/{employer}/ownership/accept")
                .route(web::post().to(accept_ownership)),
        )
        .service(
            web::resource("/v1/employers/{employer}/quotas")
                .route(web::get().to(get_quotas))
                .route(web::put().to(set_quotas)),
        )
        .service(web::resource("/v1/employers/{employer}/audit").route(web::get().to(list_audit)));
}

/// To whom the employer is offered.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnershipBody {
    /// A member who is no owner.
    user_id: Id,
}

/// What an employer may have, and what it has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuotasBody {
    /// What there may be at most.
    limits: Quotas,
    /// What there is; webhooks are not counted here.
    present: PresentBody,
}

/// What an employer has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresentBody {
    live_postings: i64,
    drafts: i64,
    members: i64,
    api_keys: i64,
}

/// The open offer to hand the employer over.
#[utoipa::path(get, path = "/v1/employers/{employer}/ownership", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = OwnershipOffer)), security(("bearer" = [])))]
pub(crate) async fn get_ownership_offer(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let offer = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_member(conn, &caller, employer.id)?;
            accounts::find_ownership_offer(conn, employer.id, now)?
                .ok_or_else(|| Problem::new(Code::OfferNotFound))
        })
        .await?;
    Ok(Reply::ok(&offer).into_response())
}

/// Offer the employer to another member. Nothing changes until they accept; both get a mail.
#[utoipa::path(post, path = "/v1/employers/{employer}/ownership", tag = "employers", params(("employer" = String, Path)),
    request_body = OwnershipBody, responses((status = 201, body = OwnershipOffer)), security(("bearer" = [])))]
pub(crate) async fn offer_ownership(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<OwnershipBody>,
) -> Result<HttpResponse, Problem> {
    let (giver, actor, now) = (caller.user()?.clone(), caller.actor(&request), state.now());
    let asked = Asked::new(&request, &caller, &body)?;
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_manager(tx, &caller, employer.id)?;
            // Not even an operator gives away what belongs to somebody else.
            if accounts::role_of(tx, employer.id, giver.id)? != Some(accounts::Role::Owner) {
                return Err(Problem::new(Code::NotAllowed).detail("only an owner hands an employer over"));
            }
            let offer = accounts::offer_ownership(tx, &employer, &giver, body.user_id, state.letters(), now)?;
            let deed = member_deed(employer.id, "ownership.offered", body.user_id);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::with(201, &offer))
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(response)
}

fn member_deed(employer: Id, action: &'static str, user: Id) -> Deed {
    Deed {
        employer,
        action,
        subject_kind: "member",
        subject_id: Some(user),
        detail: json!(null),
    }
}

/// Take the offer back, as an owner, or decline it, as the one to whom it was made.
#[utoipa::path(delete, path = "/v1/employers/{employer}/ownership", tag = "employers", params(("employer" = String, Path)),
    responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn withdraw_ownership(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (user, actor, now) = (caller.user()?.id, caller.actor(&request), state.now());
    state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_member(tx, &caller, employer.id)?;
            let offer = accounts::find_ownership_offer(tx, employer.id, now)?
                .ok_or_else(|| Problem::new(Code::OfferNotFound))?;
            if offer.to_user_id != user {
                require_manager(tx, &caller, employer.id)?;
            }
            accounts::withdraw_ownership_offer(tx, employer.id)?;
            let deed = member_deed(employer.id, "ownership.withdrawn", offer.to_user_id);
            Ok::<_, Problem>(accounts::record(tx, &actor, deed, &state.random, now)?)
        })
        .await?;
    Ok(Reply::no_content().into_response())
}

/// Accept the offer: the caller becomes an owner, and who offered becomes a recruiter.
#[utoipa::path(post, path = "/v1/employers/{employer}/ownership/accept", tag = "employers",
    params(("employer" = String, Path)), responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn accept_ownership(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (heir, actor, now) = (caller.user()?.clone(), caller.actor(&request), state.now());
    state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_member(tx, &caller, employer.id)?;
            let offer = accounts::accept_ownership(tx, &employer, &heir, state.letters(), now)?;
            let deed = Deed {
                detail: json!({"from": offer.from_user_id}),
                ..member_deed(employer.id, "ownership.accepted", heir.id)
            };
            Ok::<_, Problem>(accounts::record(tx, &actor, deed, &state.random, now)?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(Reply::no_content().into_response())
}

/// What the employer may have, and what it has.
#[utoipa::path(get, path = "/v1/employers/{employer}/quotas", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = QuotasBody)), security(("bearer" = [])))]
pub(crate) async fn get_quotas(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let body = state
        .read(move |conn, state| {
            let employer = require_employer(conn, &path)?.id;
            require_member(conn, &caller, employer)?;
            let mut count = |counted| accounts::count_present(conn, employer, counted, now);
            let present = PresentBody {
                live_postings: count(Counted::LivePostings)?,
                drafts: count(Counted::Drafts)?,
                members: count(Counted::Members)?,
                api_keys: count(Counted::ApiKeys)?,
            };
            let limits = accounts::quotas_of(conn, employer, state.limits().quotas)?;
            Ok::<_, Problem>(QuotasBody { limits, present })
        })
        .await?;
    Ok(Reply::ok(&body).into_response())
}

/// Allow one employer other numbers than everybody; what is left out is as configured. For operators.
#[utoipa::path(put, path = "/v1/employers/{employer}/quotas", tag = "employers", params(("employer" = String, Path)),
    request_body = QuotaOverride, responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn set_quotas(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(own): Body<QuotaOverride>,
) -> Result<HttpResponse, Problem> {
    let (actor, now) = (caller.actor(&request), state.now());
    require_operator(&caller)?;
    state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path)?;
            accounts::set_quotas(tx, employer.id, own, now)?;
            let deed = Deed::to_employer(employer.id, "quotas.set", json!(own));
            Ok::<_, Problem>(accounts::record(tx, &actor, deed, &state.random, now)?)
        })
        .await?;
    Ok(Reply::no_content().into_response())
}

/// Who did what for the employer, newest first. For owners. Nothing in it can be changed.
#[utoipa::path(get, path = "/v1/employers/{employer}/audit", tag = "employers",
    params(("employer" = String, Path), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<AuditEntry>)), security(("bearer" = [])))]
pub(crate) async fn list_audit(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let (before, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_manager(conn, &caller, employer.id)?;
            Ok::<_, Problem>(accounts::list_audit(conn, employer.id, before, limit)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: page.data,
        next_cursor: cursor_of(page.next),
    })
    .into_response())
}

/// Makes sure that the employer may have one more of `counted`. Operators are not held up.
pub(crate) fn require_room(
    tx: &mut DbConn,
    state: &State,
    caller: &Caller,
    employer: Id,
    counted: Counted,
) -> Result<(), Problem> {
    require_room_for(tx, state, caller, employer, counted, 1)
}

/// The same for `more` of them; 0 when they are there already.
pub(crate) fn require_room_for(
    tx: &mut DbConn,
    state: &State,
    caller: &Caller,
    employer: Id,
    counted: Counted,
    more: i64,
) -> Result<(), Problem> {
    if caller.is_operator() {
        return Ok(());
    }
    let (quotas, now) = (state.limits().quotas, state.now());
    Ok(accounts::require_room(tx, employer, counted, more, quotas, now)?)
}
