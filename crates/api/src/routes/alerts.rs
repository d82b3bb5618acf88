//! Alerts.

use actix_web::{HttpRequest, HttpResponse, web};
use alerts::subscription::{self, AlertPatch, Confirmed, Created, NewAlert, Resume};
use alerts::{Alert, AlertStatus, ChangeKind, EndReason, Frequency, QuietHours};
use jiff::SignedDuration;
use mail::EmailAddress;
use postings::PostingSummary;
use search::{Presentation, Query, SearchRequest, Sort, query_from_json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::auth::{ACCEPTED, AcceptedBody};
use super::employers::cursor_of;
use super::search::run;
use crate::caller::{Caller, Known};
use crate::error::{Code, Problem, parameters_problem};
use crate::extract::{Body, NoParams, PageParams, Params, path_id};
use crate::holder::{Holder, LinkToken, TokenParams};
use crate::reply::{Asked, Reply, if_match};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/alerts")
                .route(web::post().to(create_alert))
                .route(web::get().to(list_alerts)),
        )
        .service(web::resource("/v1/alerts/preview").route(web::post().to(preview_alert)))
        .service(web::resource("/v1/alerts/confirm").route(web::post().to(confirm_alert)))
        .service(
            web::resource("/v1/alerts/unsubscribe")
                .route(web::post().to(unsubscribe))
                .route(web::get().to(super::pages::unsubscribe_page)),
        )
        .configure(super::alert_owner::routes)
        .service(
            web::resource("/v1/alerts/{id}")
                .route(web::get().to(get_alert))
                .route(web::patch().to(update_alert))
                .route(web::delete().to(delete_alert)),
        );
}

/// What to look for, and whom to tell how soon.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertBody {
    /// Who is told. A person who is signed in may leave it out.
    #[schema(example = "reader@example.org")]
    email: Option<EmailAddress>,
    /// The same parameters as a search: `{"q": "rtl", "country": ["US", "DE"], "pay_min": 200000}`.
    #[schema(value_type = Object)]
    query: Value,
    frequency: Frequency,
    /// IANA name; UTC when missing.
    #[schema(example = "America/Chicago")]
    timezone: Option<String>,
    /// Hour of digests, 0 to 23; 8 when missing.
    hour: Option<i16>,
    /// Which changes of postings that it told before it tells as well; none when missing.
    notify: Option<Vec<ChangeKind>>,
    /// When an instant alert keeps still: what it finds then goes out when they end.
    quiet_hours: Option<QuietHours>,
    /// For programs that fill in everything: people never see it, and who fills it in gets no alert.
    homepage: Option<String>,
}

/// What changes about an alert.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and absence mean different things")]
pub(crate) struct AlertPatchBody {
    #[schema(value_type = Option<Object>)]
    query: Option<Value>,
    frequency: Option<Frequency>,
    timezone: Option<String>,
    hour: Option<i16>,
    /// `active` or `paused`. An alert that retired is taken up again with `active`.
    status: Option<AlertStatus>,
    /// All kinds of changes that it tells from now on.
    notify: Option<Vec<ChangeKind>>,
    /// `null` ends the quiet hours.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<QuietHours>)]
    quiet_hours: Option<Option<QuietHours>>,
}

#[expect(clippy::option_option, reason = "null and absence mean different things")]
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<QuietHours>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A query to try.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewBody {
    #[schema(value_type = Object)]
    query: Value,
}

/// What an alert with this query would find.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewResultBody {
    /// Postings that match now.
    total: u64,
    /// Matching postings of the last four weeks, a week.
    per_week: f64,
    /// The newest of them.
    sample: Vec<PostingSummary>,
}

/// The token of a confirmation mail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmBody {
    token: String,
    /// Also write again to an address whose owner reported one of our mails as spam.
    resume: Option<bool>,
}

/// What a confirmation did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfirmedBody {
    /// `confirmed` or `already_confirmed`.
    status: &'static str,
}

/// What an unsubscription did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnsubscribedBody {
    /// Always `unsubscribed`.
    status: &'static str,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertView {
    id: Id,
    email: EmailAddress,
    /// The parameters of the search.
    #[schema(value_type = Object)]
    query: Map<String, Value>,
    /// The search in words.
    description: String,
    frequency: Frequency,
    timezone: String,
    hour: i16,
    status: AlertStatus,
    version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
    confirmed_at: Option<Timestamp>,
    /// Which changes of postings it tells.
    notify: Vec<ChangeKind>,
    quiet_hours: Option<QuietHours>,
    /// When its last mail about postings was written.
    last_mailed_at: Option<Timestamp>,
    /// When its owner was asked whether to keep it; any change of the alert is an answer.
    keep_asked_at: Option<Timestamp>,
    /// Why it ended.
    end_reason: Option<EndReason>,
}

/// Parameters as the query object of an alert; what repeats is a list.
fn as_object(pairs: Vec<(String, String)>) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in pairs {
        match object.get_mut(&name) {
            None => _ = object.insert(name, value.into()),
            Some(Value::Array(list)) => list.push(value.into()),
            Some(first) => *first = Value::Array(vec![first.take(), value.into()]),
        }
    }
    object
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        let (pairs, quiet_hours) = (alert.query.0.to_pairs(), alert.quiet_hours());
        Self {
            id: alert.id,
            email: alert.email,
            query: as_object(pairs),
            description: alert.query.0.describe(),
            notify: alert.notify.kinds(),
            quiet_hours,
            last_mailed_at: alert.last_mailed_at,
            keep_asked_at: alert.keep_asked_at,
            end_reason: alert.end_reason,
            frequency: alert.frequency,
            timezone: alert.timezone,
            hour: alert.hour,
            status: alert.status,
            version: alert.version,
            created_at: alert.created_at,
            updated_at: alert.updated_at,
            confirmed_at: alert.confirmed_at,
        }
    }
}

pub(crate) fn query_of(state: &State, value: &Value) -> Result<Query, Problem> {
    let query = query_from_json(value).map_err(|errors| parameters_problem(errors, true))?;
    let query = state.index.settle(&query);
    if query.is_unfiltered() {
        return Err(subscription::AlertError::QueryUnfiltered.into());
    }
    Ok(query)
}

/// Ask for an alert. Without an account the answer is always the same, and a confirmation mail leaves; for a person
/// who is signed in with this address the alert is active at once (201; 200 when it existed).
#[utoipa::path(post, path = "/v1/alerts", tag = "alerts", request_body = AlertBody,
    responses((status = 202, body = AcceptedBody), (status = 201, body = AlertView), (status = 200, body = AlertView)),
    security((), ("bearer" = [])))]
pub(crate) async fn create_alert(
    state: State,
    caller: Caller,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<AlertBody>,
) -> Result<HttpResponse, Problem> {
    let (query, now) = (query_of(&state, &body.query)?, state.now());
    let asked = Asked::new(&request, &caller, &body)?;
    if body
        .homepage
        .as_deref()
        .is_some_and(|homepage| !homepage.trim().is_empty())
    {
        tracing::info!("a request for an alert filled in what people do not see");
        return Ok(Reply::with(202, &ACCEPTED).into_response());
    }
    let user = caller.user().ok().cloned();
    let missing = || Problem::field("/email", "value_missing", "whom should the alert tell?");
    let email = body
        .email
        .or_else(|| user.as_ref().map(|user| user.email.clone()))
        .ok_or_else(missing)?;
    let owner = user.filter(|user| user.email == email && user.verified_at.is_some());
    let new = NewAlert {
        email,
        user_id: owner.as_ref().map(|user| user.id),
        query,
        frequency: body.frequency,
        timezone: body.timezone.unwrap_or_else(|| "UTC".to_owned()),
        hour: body.hour.unwrap_or(8),
        notify: body.notify.unwrap_or_default().into_iter().collect(),
        quiet_hours: body.quiet_hours,
    };
    let response = state
        .write_once(asked, move |tx, state| {
            if owner.is_some() {
                return Ok(match subscription::create(tx, new, &state.random, now)? {
                    Created::New(alert) => Reply::with(201, &AlertView::from(*alert)),
                    Created::Existing(alert) => Reply::ok(&AlertView::from(*alert)),
                });
            }
            subscription::request(tx, new, &state.letterhead, &state.random, now)?;
            Ok(Reply::with(202, &ACCEPTED))
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(response)
}

/// What would an alert with this query find?
#[utoipa::path(post, path = "/v1/alerts/preview", tag = "alerts", request_body = PreviewBody,
    responses((status = 200, body = PreviewResultBody)))]
pub(crate) async fn preview_alert(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<PreviewBody>,
) -> Result<HttpResponse, Problem> {
    const WEEKS: i64 = 4;
    let query = query_of(&state, &body.query)?;
    let now = state.now();
    let since = now.minus(SignedDuration::from_hours(WEEKS * 7 * 24));
    let (counting, counted) = (state.clone(), query.clone());
    let counts = tokio::task::spawn_blocking(move || counting.index.volume(&counted, since, now)).await;
    let (_, recent) = counts.map_err(|_| Problem::new(Code::Internal))??;
    let asked = SearchRequest {
        query,
        sort: Sort::Newest,
        facets: Vec::new(),
        limit: 5,
        cursor: None,
        presentation: Presentation {
            is_strict: true,
            ..Presentation::default()
        },
    };
    let results = run(&state, asked).await?;
    let sample = results
        .hits
        .iter()
        .filter_map(|hit| serde_json::from_str(&hit.summary).ok())
        .collect();
    let per_week = (recent as f64 / WEEKS as f64 * 10.0).round() / 10.0;
    Ok(Reply::ok(&PreviewResultBody {
        total: results.total,
        per_week,
        sample,
    })
    .into_response())
}

/// Confirm an alert with the token from the mail.
#[utoipa::path(post, path = "/v1/alerts/confirm", tag = "alerts", request_body = ConfirmBody,
    responses((status = 200, body = ConfirmedBody)))]
pub(crate) async fn confirm_alert(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ConfirmBody>,
) -> Result<HttpResponse, Problem> {
    let resume = resume_if(body.resume.unwrap_or_default());
    let status = match confirm(&state, body.token, resume).await? {
        Confirmed::Now(_) => "confirmed",
        Confirmed::Already(_) => "already_confirmed",
    };
    Ok(Reply::ok(&ConfirmedBody { status }).into_response())
}

/// What was said about being written to again.
pub(crate) fn resume_if(is_asked: bool) -> Resume {
    if is_asked { Resume::Asked } else { Resume::NotAsked }
}

/// Shared with the page that does the same.
pub(crate) async fn confirm(state: &State, token: String, resume: Resume) -> Result<Confirmed, Problem> {
    let now = state.now();
    state
        .write(move |tx, _| Ok::<_, Problem>(subscription::confirm(tx, &token, resume, now)?))
        .await
}

/// End an alert with the link of any of its mails (RFC 8058). Works twice, and without an account.
#[utoipa::path(post, path = "/v1/alerts/unsubscribe", tag = "alerts", params(("token" = String, Query)),
    responses((status = 200, body = UnsubscribedBody)))]
pub(crate) async fn unsubscribe(
    state: State,
    request: HttpRequest,
    LinkToken(token): LinkToken,
) -> Result<HttpResponse, Problem> {
    let alert = state
        .letterhead
        .verify_unsubscribe(&token)
        .ok_or_else(|| Problem::new(Code::TokenInvalid))?;
    let now = state.now();
    state
        .write(move |tx, _| Ok::<_, Problem>(subscription::unsubscribe(tx, alert, now)?))
        .await?;
    if super::pages::wants_html(&request) {
        return Ok(super::pages::unsubscribed(&state));
    }
    Ok(Reply::ok(&UnsubscribedBody {
        status: "unsubscribed",
    })
    .into_response())
}

/// The alerts of the account.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts",
    params(("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<AlertView>)), security(("bearer" = [])))]
pub(crate) async fn list_alerts(
    state: State,
    Known(caller): Known,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let (user_id, before, limit) = (caller.user()?.id, page.after()?, page.limit()?);
    let page = state
        .read(move |conn, _| Ok::<_, Problem>(subscription::list_of_user(conn, user_id, before, limit)?))
        .await?;
    let data = page.data.into_iter().map(AlertView::from).collect();
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: cursor_of(page.next),
    })
    .into_response())
}

/// One alert, by account or by the manage token of one of its mails.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "alerts", params(("id" = String, Path), ("token" = Option<String>, Query)),
    responses((status = 200, body = AlertView)), security(("bearer" = [])))]
pub(crate) async fn get_alert(
    state: State,
    holder: Holder,
    path: web::Path<String>,
    _token: Params<TokenParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::AlertNotFound)?;
    let alert = state.read(move |conn, _| holder.require(conn, id)).await?;
    Ok(Reply::ok(&AlertView::from(alert)).into_response())
}

/// Change or pause an alert. With a new query it is owed what is published from now on.
#[utoipa::path(patch, path = "/v1/alerts/{id}", tag = "alerts",
    params(("id" = String, Path), ("token" = Option<String>, Query)), request_body = AlertPatchBody,
    responses((status = 200, body = AlertView)), security(("bearer" = [])))]
pub(crate) async fn update_alert(
    state: State,
    holder: Holder,
    request: HttpRequest,
    path: web::Path<String>,
    _token: Params<TokenParams>,
    Body(body): Body<AlertPatchBody>,
) -> Result<HttpResponse, Problem> {
    let (id, version, now) = (
        path_id(&path, Code::AlertNotFound)?,
        if_match(&request)?,
        state.now(),
    );
    let patch = AlertPatch {
        query: body
            .query
            .as_ref()
            .map(|query| query_of(&state, query))
            .transpose()?,
        frequency: body.frequency,
        timezone: body.timezone,
        hour: body.hour,
        status: body.status,
        notify: body.notify.map(|kinds| kinds.into_iter().collect()),
        quiet_hours: body.quiet_hours,
    };
    let alert = state
        .write(move |tx, _| {
            holder.require(tx, id)?;
            Ok::<_, Problem>(subscription::update(tx, id, patch, version, now)?)
        })
        .await?;
    Ok(Reply::ok(&AlertView::from(alert)).into_response())
}

/// Erase an alert and what it was told.
#[utoipa::path(delete, path = "/v1/alerts/{id}", tag = "alerts",
    params(("id" = String, Path), ("token" = Option<String>, Query)), responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn delete_alert(
    state: State,
    holder: Holder,
    request: HttpRequest,
    path: web::Path<String>,
    _token: Params<TokenParams>,
) -> Result<HttpResponse, Problem> {
    let (id, version) = (path_id(&path, Code::AlertNotFound)?, if_match(&request)?);
    state
        .write(move |tx, _| {
            let alert = holder.require(tx, id)?;
            if version.is_some_and(|version| version != alert.version) {
                return Err(Problem::new(Code::VersionConflict));
            }
            Ok(subscription::erase(tx, id)?)
        })
        .await?;
    Ok(Reply::no_content().into_response())
}
