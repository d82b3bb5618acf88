//! Campaigns.

use actix_web::{HttpRequest, HttpResponse, web};
use postings::campaigns::{
    self, Campaign, CampaignChange, CampaignInput, CampaignStatus, CampaignView, Member,
};
use postings::holds::{MAX_REASON_CHARS, Why};
use postings::{DescriptionFormat, PostingStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DbConn, Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::employers::{cursor_of, require_employer};
use super::members::deed;
use crate::access::{require_editor, standing};
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, PageParams, Params, path_id};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/campaigns")
                .route(web::post().to(create_campaign))
                .route(web::get().to(list_campaigns)),
        )
        .service(
            web::resource("/v1/campaigns/{id}")
                .route(web::get().to(get_campaign))
                .route(web::patch().to(update_campaign))
                .route(web::delete().to(delete_campaign)),
        )
        .service(web::resource("/v1/campaigns/{id}/postings").route(web::post().to(change_campaign_postings)))
        .service(web::resource("/v1/campaigns/{id}/freeze").route(web::post().to(freeze_campaign)))
        .service(web::resource("/v1/campaigns/{id}/resume").route(web::post().to(resume_campaign)))
        .service(web::resource("/v1/campaigns/{id}/end").route(web::post().to(end_campaign)));
}

/// A campaign with the postings that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignBody {
    #[serde(flatten)]
    view: CampaignView,
    /// Its postings, newest first.
    postings: Vec<Member>,
}

/// What changes about a campaign; null takes a field away.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::option_option,
    reason = "null and missing mean different things in a patch"
)]
pub(crate) struct CampaignPatch {
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    description_format: DescriptionFormat,
    #[serde(default, deserialize_with = "super::present")]
    #[schema(value_type = Option<i32>)]
    goal: Option<Option<i32>>,
    #[serde(default, deserialize_with = "super::present")]
    #[schema(value_type = Option<Timestamp>)]
    starts_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "super::present")]
    #[schema(value_type = Option<Timestamp>)]
    ends_at: Option<Option<Timestamp>>,
}

/// Which postings join a campaign, and which leave it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignPostingsBody {
    #[serde(default)]
    add: Vec<Id>,
    #[serde(default)]
    remove: Vec<Id>,
}

/// Why something is frozen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    /// At most 500 characters; kept, and shown to members.
    pub(crate) reason: Option<String>,
}

/// What a freeze or its end did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FrozenBody {
    #[serde(flatten)]
    campaign: CampaignBody,
    /// Postings that the freeze is upon, or that came back.
    affected: usize,
}

/// The reason as it is kept.
pub(crate) fn reason_of(text: Option<String>) -> Result<Option<String>, Problem> {
    let text = text
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty());
    if text
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_REASON_CHARS)
    {
        return Err(Problem::field(
            "/reason",
            "value_too_long",
            "at most 500 characters",
        ));
    }
    Ok(text)
}

/// The person who asks; none for a program.
pub(crate) fn person(caller: &Caller) -> Option<Id> {
    caller.user().ok().map(|user| user.id)
}

fn visible(is_insider: bool) -> Vec<PostingStatus> {
    let all = PostingStatus::ALL.iter().copied();
    all.filter(|status| is_insider || status.is_public()).collect()
}

/// The campaign as `caller` may see it.
fn body_of(
    conn: &mut DbConn,
    caller: &Caller,
    campaign: Campaign,
    now: Timestamp,
) -> Result<CampaignBody, Problem> {
    let is_insider = standing(conn, caller, campaign.employer_id)?.is_insider();
    let postings = campaigns::list_members(conn, campaign.id, &visible(is_insider))?;
    let view = campaigns::views(conn, vec![campaign], now)?.pop();
    let view = view.ok_or_else(|| Problem::new(Code::CampaignNotFound))?;
    if view.status == CampaignStatus::Planned && !is_insider {
        return Err(Problem::new(Code::CampaignNotFound));
    }
    Ok(CampaignBody { view, postings })
}

/// The campaign, when the caller may change it. Who may not even see it is told that it does not exist.
fn require_campaign_editor(
    conn: &mut DbConn,
    caller: &Caller,
    id: Id,
    now: Timestamp,
) -> Result<Id, Problem> {
    let found = campaigns::find(conn, id)?.ok_or_else(|| Problem::new(Code::CampaignNotFound))?;
    let employer = found.employer_id;
    body_of(conn, caller, found, now)?;
    require_editor(conn, caller, employer)?;
    Ok(employer)
}

/// Make a campaign.
#[utoipa::path(post, path = "/v1/employers/{employer}/campaigns", tag = "campaigns", params(("employer" = String, Path)),
    request_body = CampaignInput, responses((status = 201, body = CampaignBody)), security(("bearer" = [])))]
pub(crate) async fn create_campaign(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(input): Body<CampaignInput>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let asked = Asked::new(&request, &caller, &input)?;
    let actor = caller.actor(&request);
    state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_editor(tx, &caller, employer.id)?;
            let campaign = campaigns::create(tx, employer.id, input, &state.random, now)?;
            let made = deed(
                employer.id,
                "campaign.created",
                "campaign",
                campaign.id,
                Value::Null,
            );
            accounts::record(tx, &actor, made, &state.random, now)?;
            Ok(Reply::with(201, &body_of(tx, &caller, campaign, now)?))
        })
        .await
}

/// An employer's campaigns, newest first, with how far each is. Others than members do not see those that are planned.
#[utoipa::path(get, path = "/v1/employers/{employer}/campaigns", tag = "campaigns",
    params(("employer" = String, Path), ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<CampaignView>)), security((), ("bearer" = [])))]
pub(crate) async fn list_campaigns(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let (before, limit, now) = (page.after()?, page.limit()?, state.now());
    let page = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            let is_insider = standing(conn, &caller, employer.id)?.is_insider();
            let page = campaigns::list_of_employer(conn, employer.id, before, limit)?;
            let mut data = campaigns::views(conn, page.data, now)?;
            data.retain(|view| is_insider || view.status != CampaignStatus::Planned);
            Ok::<_, Problem>(ListBody {
                data,
                next_cursor: cursor_of(page.next),
            })
        })
        .await?;
    Ok(Reply::ok(&page).into_response())
}

/// One campaign with its postings and how far it is.
#[utoipa::path(get, path = "/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = CampaignBody)), security((), ("bearer" = [])))]
pub(crate) async fn get_campaign(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path, Code::CampaignNotFound)?, state.now());
    let body = state
        .read(move |conn, _| {
            let found = campaigns::find(conn, id)?.ok_or_else(|| Problem::new(Code::CampaignNotFound))?;
            body_of(conn, &caller, found, now)
        })
        .await?;
    Ok(Reply::ok(&body).into_response())
}

/// Change what a campaign says.
#[utoipa::path(patch, path = "/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path)),
    request_body = CampaignPatch, responses((status = 200, body = CampaignBody)), security(("bearer" = [])))]
pub(crate) async fn update_campaign(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<CampaignPatch>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &patch)?;
    let mut changed = Vec::new();
    let mut note = |name: &str, is_given: bool| changed.extend(is_given.then(|| name.to_owned()));
    note("name", patch.name.is_some());
    note("description", patch.description.is_some());
    note("goal", patch.goal.is_some());
    note("starts_at", patch.starts_at.is_some());
    note("ends_at", patch.ends_at.is_some());
    let change = CampaignChange {
        name: patch.name,
        description: patch.description.map(|text| (text, patch.description_format)),
        goal: patch.goal,
        starts_at: patch.starts_at,
        ends_at: patch.ends_at,
    };
    change_campaign(
        state,
        caller,
        &request,
        asked,
        &path,
        ("campaign.updated", json!({"fields": changed})),
        move |tx, id, version, _, now| Ok(campaigns::update(tx, id, change, version, now)?),
    )
    .await
}

/// Erase a campaign that is not frozen. Its postings stay.
#[utoipa::path(delete, path = "/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn delete_campaign(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, version, now) = (
        path_id(&path, Code::CampaignNotFound)?,
        if_match(&request)?,
        state.now(),
    );
    let asked = Asked::new(&request, &caller, &())?;
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_campaign_editor(tx, &caller, id, now)?;
            campaigns::delete(tx, id, version, now)?;
            let deed = deed(employer, "campaign.deleted", "campaign", id, Value::Null);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::no_content())
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}

/// Add postings to a campaign, take others away. A posting belongs to one campaign at most: one of another moves.
#[utoipa::path(post, path = "/v1/campaigns/{id}/postings", tag = "campaigns", params(("id" = String, Path)),
    request_body = CampaignPostingsBody, responses((status = 200, body = CampaignBody)), security(("bearer" = [])))]
pub(crate) async fn change_campaign_postings(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<CampaignPostingsBody>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &body)?;
    let counts = json!({"added": body.add.len(), "removed": body.remove.len()});
    change_campaign(
        state,
        caller,
        &request,
        asked,
        &path,
        ("campaign.postings_changed", counts),
        move |tx, id, version, _, now| {
            Ok(campaigns::change_postings(
                tx,
                id,
                &body.add,
                &body.remove,
                version,
                now,
            )?)
        },
    )
    .await
}

/// End a campaign now. Its postings live on by themselves.
#[utoipa::path(post, path = "/v1/campaigns/{id}/end", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = CampaignBody)), security(("bearer" = [])))]
pub(crate) async fn end_campaign(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &())?;
    change_campaign(
        state,
        caller,
        &request,
        asked,
        &path,
        ("campaign.ended", Value::Null),
        move |tx, id, version, _, now| Ok(campaigns::end(tx, id, version, now)?),
    )
    .await
}

/// Freeze a campaign: all its postings leave search at once.
#[utoipa::path(post, path = "/v1/campaigns/{id}/freeze", tag = "campaigns", params(("id" = String, Path)),
    request_body = ReasonBody, responses((status = 200, body = FrozenBody)), security(("bearer" = [])))]
pub(crate) async fn freeze_campaign(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ReasonBody>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &body)?;
    let why = Why {
        reason: reason_of(body.reason)?,
        by: person(&caller),
    };
    move_campaign(
        state,
        caller,
        &request,
        asked,
        &path,
        "campaign.frozen",
        move |tx, id, version, state, now| Ok(campaigns::freeze(tx, id, why, version, &state.random, now)?),
    )
    .await
}

/// Bring back exactly the postings that the freeze holds, unless something else holds them too.
#[utoipa::path(post, path = "/v1/campaigns/{id}/resume", tag = "campaigns", params(("id" = String, Path)),
    responses((status = 200, body = FrozenBody)), security(("bearer" = [])))]
pub(crate) async fn resume_campaign(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(&request, &caller, &())?;
    let by = person(&caller);
    move_campaign(
        state,
        caller,
        &request,
        asked,
        &path,
        "campaign.resumed",
        move |tx, id, version, _, now| Ok(campaigns::resume(tx, id, by, version, now)?),
    )
    .await
}

async fn change_campaign(
    state: State,
    caller: Caller,
    request: &HttpRequest,
    asked: Asked,
    path: &str,
    (action, detail): (&'static str, Value),
    make: impl FnOnce(&mut DbConn, Id, Option<i32>, &State, Timestamp) -> Result<Campaign, Problem>
    + Send
    + 'static,
) -> Result<HttpResponse, Problem> {
    let actor = caller.actor(request);
    let (id, version, now) = (
        path_id(path, Code::CampaignNotFound)?,
        if_match(request)?,
        state.now(),
    );
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_campaign_editor(tx, &caller, id, now)?;
            let campaign = make(tx, id, version, state, now)?;
            let done = deed(employer, action, "campaign", id, detail);
            accounts::record(tx, &actor, done, &state.random, now)?;
            Ok(Reply::ok(&body_of(tx, &caller, campaign, now)?))
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}

async fn move_campaign(
    state: State,
    caller: Caller,
    request: &HttpRequest,
    asked: Asked,
    path: &str,
    action: &'static str,
    make: impl FnOnce(&mut DbConn, Id, Option<i32>, &State, Timestamp) -> Result<(Campaign, usize), Problem>
    + Send
    + 'static,
) -> Result<HttpResponse, Problem> {
    let actor = caller.actor(request);
    let (id, version, now) = (
        path_id(path, Code::CampaignNotFound)?,
        if_match(request)?,
        state.now(),
    );
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_campaign_editor(tx, &caller, id, now)?;
            let (campaign, affected) = make(tx, id, version, state, now)?;
            let deed = deed(employer, action, "campaign", id, json!({"affected": affected}));
            accounts::record(tx, &actor, deed, &state.random, now)?;
            let campaign = body_of(tx, &caller, campaign, now)?;
            Ok(Reply::ok(&FrozenBody { campaign, affected }))
        })
        .await?;
    state.wake.postings_changed();
    Ok(response)
}
