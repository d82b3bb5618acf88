//! Pages for people: plain HTML without scripts. A GET never changes anything.

use accounts::Letters;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use alerts::subscription::{self, AlertPatch, Confirmed};
use alerts::{Alert, AlertStatus};
use askama::Template;
use mail::EmailAddress;
use postings::{Posting, PostingContent, PostingStatus, PostingSummary};
use serde::Deserialize;
use taxonomy::Taxonomy;

use super::alerts::{TokenParams, confirm};
use super::search::run;
use crate::error::{Code, Problem};
use crate::extract::{NoParams, Params};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/").route(web::get().to(front_page)))
        .service(web::resource("/postings/{slug}").route(web::get().to(posting_page)))
        .service(
            web::resource("/alerts/confirm")
                .route(web::get().to(confirm_page))
                .route(web::post().to(confirm_form)),
        )
        .service(
            web::resource("/alerts/manage")
                .route(web::get().to(manage_page))
                .route(web::post().to(manage_form)),
        )
        .service(
            web::resource("/verify-email")
                .route(web::get().to(verify_page))
                .route(web::post().to(verify_form)),
        )
        .service(
            web::resource("/forgot-password")
                .route(web::get().to(forgot_page))
                .route(web::post().to(forgot_form)),
        )
        .service(
            web::resource("/reset-password")
                .route(web::get().to(reset_page))
                .route(web::post().to(reset_form)),
        )
        .service(web::resource("/accept-invitation").route(web::get().to(invitation_page)))
        .service(web::resource("/assets/backplane.css").route(web::get().to(style)))
        .service(
            utoipa_swagger_ui::SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", crate::openapi::openapi()),
        )
        .service(web::resource("/docs").route(web::get().to(docs)));
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    site: &'a str,
    title: &'a str,
    paragraphs: Vec<String>,
    forms: Vec<Form<'a>>,
}

struct Form<'a> {
    action: &'a str,
    fields: Vec<Field<'a>>,
    button: &'a str,
}

/// An input; without a label it is hidden.
struct Field<'a> {
    label: &'a str,
    name: &'a str,
    value: String,
    kind: &'a str,
    autocomplete: &'a str,
}

fn hidden<'a>(name: &'a str, value: &str) -> Field<'a> {
    Field {
        label: "",
        name,
        value: value.to_owned(),
        kind: "hidden",
        autocomplete: "off",
    }
}

fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    let csp =
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, csp))
        .body(template.render().unwrap_or_default())
}

fn message(status: StatusCode, title: &str, paragraph: &str, forms: Vec<Form<'_>>) -> HttpResponse {
    page(
        status,
        &MessagePage {
            site: "Backplane",
            title,
            paragraphs: vec![paragraph.to_owned()],
            forms,
        },
    )
}

fn problem_page(problem: &Problem) -> HttpResponse {
    let status = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let words = match problem.code() {
        Code::TokenInvalid => "This link is not valid. It may have been used, or cut off on its way.",
        Code::TokenExpired => "This link is too old. Ask for a new one.",
        Code::ContentInvalid => "What was entered cannot be used. Go back and try again.",
        other => other.title(),
    };
    message(status, "That did not work", words, Vec::new())
}

/// Whether the client is a browser that shows what it gets.
pub(crate) fn wants_html(request: &HttpRequest) -> bool {
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.contains("text/html")
}

/// Nothing is at this address.
pub(crate) async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.method() == Method::GET && wants_html(&request) && !request.path().starts_with("/v1/") {
        return Ok(message(
            StatusCode::NOT_FOUND,
            "Nothing here",
            "There is no page at this address.",
            Vec::new(),
        ));
    }
    Err(Problem::new(Code::RouteNotFound))
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(include_str!("../../assets/backplane.css"))
}

async fn docs() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header(("Location", "/docs/"))
        .finish()
}

#[derive(Template)]
#[template(path = "front.html")]
struct FrontPage<'a> {
    site: &'a str,
    q: &'a str,
    problem: Option<String>,
    total: u64,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    path: String,
    title: String,
    line: String,
    pay: String,
}

async fn front_page(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let pairs = crate::extract::pairs(request.query_string());
    let q = pairs
        .iter()
        .find(|(name, _)| name == "q")
        .map(|(_, q)| q.clone())
        .unwrap_or_default();
    let asked = match search::parse_pairs(&pairs) {
        Ok(asked) => asked,
        Err(errors) => {
            let problem = errors.first().map(|error| error.detail.clone());
            let page_of = FrontPage {
                site: "Backplane",
                q: &q,
                problem,
                total: 0,
                rows: Vec::new(),
                next: None,
            };
            return Ok(page(StatusCode::BAD_REQUEST, &page_of));
        }
    };
    let results = run(&state, asked.clone()).await?;
    let rows = results
        .hits
        .iter()
        .filter_map(|hit| serde_json::from_str(&hit.summary).ok())
        .map(row)
        .collect();
    let next = results.next_cursor.map(|cursor| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in asked.query.to_pairs() {
            query.append_pair(&name, &value);
        }
        format!("/?{}", query.append_pair("cursor", &cursor).finish())
    });
    Ok(page(
        StatusCode::OK,
        &FrontPage {
            site: "Backplane",
            q: &q,
            problem: None,
            total: results.total,
            rows,
            next,
        },
    ))
}

fn row(summary: PostingSummary) -> Row {
    let places = summary
        .locations
        .iter()
        .take(2)
        .map(postings::Location::label)
        .collect::<Vec<_>>()
        .join("; ");
    let workplace = summary.workplace.map(|workplace| workplace.label().to_owned());
    let parts = [
        Some(summary.employer.name),
        Some(places).filter(|p| !p.is_empty()),
        workplace,
    ];
    let band = summary
        .pay
        .as_ref()
        .and_then(|pay| pay.base.as_ref().or(pay.total.as_ref()));
    Row {
        path: format!("/postings/{}", summary.slug),
        title: summary.title,
        line: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        pay: band.map(postings::PayBand::label).unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "posting.html")]
struct PostingPage<'a> {
    site: &'a str,
    posting: &'a PostingContent,
    employer: &'a str,
    line: String,
    status: String,
    is_open: bool,
    facts: Vec<(&'a str, String)>,
    apply: Option<&'a str>,
}

async fn posting_page(
    state: State,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let slug = path.into_inner();
    let posting = state
        .read(move |conn, _| Ok::<_, Problem>(postings::find::find_by_slug(conn, &slug)?))
        .await?;
    let is_public =
        |posting: &Posting| posting.row.status.is_public() && posting.row.first_revision.is_some();
    let Some(posting) = posting.filter(is_public) else {
        return Ok(message(
            StatusCode::NOT_FOUND,
            "Nothing here",
            "There is no such role.",
            Vec::new(),
        ));
    };
    let content = posting.content();
    let line = row(posting.summary()).line;
    let template = PostingPage {
        site: "Backplane",
        posting: content,
        employer: &posting.employer.name,
        line,
        status: posting.row.status.to_string(),
        is_open: posting.row.status == PostingStatus::Published && posting.is_searchable(),
        facts: facts(content),
        apply: posting.apply_url(),
    };
    Ok(page(StatusCode::OK, &template))
}

fn facts(content: &PostingContent) -> Vec<(&'static str, String)> {
    let taxonomy = Taxonomy::bundled();
    let labels = |ids: &[String], label: &dyn Fn(&str) -> Option<String>| {
        ids.iter()
            .filter_map(|id| label(id))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let pay = content.pay.as_ref().map(|pay| {
        let bands = [("", &pay.base), ("total ", &pay.total), ("bonus ", &pay.bonus)];
        let bands = bands
            .into_iter()
            .filter_map(|(what, band)| Some(format!("{what}{}", band.as_ref()?.label())));
        bands.collect::<Vec<_>>().join("; ")
    });
    let facts = [
        ("Pay", pay.unwrap_or_default()),
        (
            "Discipline",
            content
                .discipline
                .map(|d| d.label().to_owned())
                .unwrap_or_default(),
        ),
        (
            "Specialties",
            labels(&content.specialties, &|id| {
                Some(taxonomy.specialty(id)?.label.clone())
            }),
        ),
        (
            "Skills",
            labels(&content.skills, &|id| Some(taxonomy.skill(id)?.label.clone())),
        ),
        (
            "Level",
            content
                .seniority
                .map(|s| s.label().to_owned())
                .unwrap_or_default(),
        ),
        (
            "Employment",
            content
                .employment_type
                .map(|e| e.label().to_owned())
                .unwrap_or_default(),
        ),
        (
            "Places",
            content
                .locations
                .iter()
                .map(postings::Location::label)
                .collect::<Vec<_>>()
                .join("; "),
        ),
        ("Remote from", content.remote_from.join(", ")),
        (
            "Openings",
            if content.openings > 1 {
                content.openings.to_string()
            } else {
                String::new()
            },
        ),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

async fn confirm_page(state: State, Params(params): Params<TokenParams>) -> Result<HttpResponse, Problem> {
    let token = params.token.unwrap_or_default();
    let looked_up = token.clone();
    let alert = state
        .read(move |conn, _| Ok::<_, Problem>(subscription::find_by_token(conn, &looked_up)?))
        .await?
        .filter(|alert| alert.status != AlertStatus::Ended);
    let Some(alert) = alert else {
        return Ok(problem_page(&Problem::new(Code::TokenInvalid)));
    };
    let words = format!(
        "New roles for {} will be sent to you once you confirm.",
        alert.query.0.describe()
    );
    let form = Form {
        action: "/alerts/confirm",
        fields: vec![hidden("token", &token)],
        button: "Confirm this alert",
    };
    Ok(message(StatusCode::OK, "Confirm your alert", &words, vec![form]))
}

/// The token of a form.
#[derive(Debug, Deserialize)]
struct TokenForm {
    token: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    password: String,
}

async fn confirm_form(state: State, form: web::Form<TokenForm>) -> HttpResponse {
    match confirm(&state, form.into_inner().token).await {
        Ok(Confirmed::Now(_)) => message(
            StatusCode::OK,
            "Your alert is active",
            "You will hear from us when a role matches.",
            Vec::new(),
        ),
        Ok(Confirmed::Already(_)) => message(
            StatusCode::OK,
            "Your alert is active",
            "It was confirmed before.",
            Vec::new(),
        ),
        Err(problem) => problem_page(&problem),
    }
}

/// Asks before unsubscribing: mail scanners open links.
pub(crate) async fn unsubscribe_page(state: State, Params(params): Params<TokenParams>) -> HttpResponse {
    let token = params.token.unwrap_or_default();
    if state.letterhead.verify_unsubscribe(&token).is_none() {
        return problem_page(&Problem::new(Code::TokenInvalid));
    }
    let action = format!("/v1/alerts/unsubscribe?token={token}");
    let form = Form {
        action: &action,
        fields: Vec::new(),
        button: "Unsubscribe",
    };
    message(
        StatusCode::OK,
        "Unsubscribe",
        "You will get no further mail from this alert.",
        vec![form],
    )
}

/// The alert has ended.
pub(crate) fn unsubscribed() -> HttpResponse {
    message(
        StatusCode::OK,
        "You are unsubscribed",
        "This alert writes no more. Nothing else changed.",
        Vec::new(),
    )
}

async fn managed(state: &State, token: &str) -> Result<Option<Alert>, Problem> {
    let Some(id) = state.letterhead.verify_manage(token) else {
        return Ok(None);
    };
    let alert = state
        .read(move |conn, _| Ok::<_, Problem>(subscription::find(conn, id)?))
        .await?;
    Ok(alert.filter(|alert| alert.status != AlertStatus::Ended))
}

async fn manage_page(state: State, Params(params): Params<TokenParams>) -> Result<HttpResponse, Problem> {
    let token = params.token.unwrap_or_default();
    match managed(&state, &token).await? {
        Some(alert) => Ok(manage(&alert, &token)),
        None => Ok(problem_page(&Problem::new(Code::TokenInvalid))),
    }
}

fn manage(alert: &Alert, token: &str) -> HttpResponse {
    let words = format!(
        "{}. Frequency: {}. It is {}.",
        alert.query.0.describe(),
        alert.frequency,
        alert.status
    );
    let form = |action: &str, button: &'static str| Form {
        action: "/alerts/manage",
        fields: vec![hidden("token", token), hidden("action", action)],
        button,
    };
    let pause = if alert.status == AlertStatus::Paused {
        form("resume", "Resume")
    } else {
        form("pause", "Pause")
    };
    let forms = vec![
        pause,
        form("instant", "Write at once"),
        form("daily", "Write daily"),
        form("weekly", "Write weekly"),
        form("unsubscribe", "Unsubscribe"),
        form("erase", "Erase this alert and what it sent"),
    ];
    message(StatusCode::OK, "Your alert", &words, forms)
}

async fn manage_form(state: State, form: web::Form<TokenForm>) -> Result<HttpResponse, Problem> {
    let TokenForm { token, action, .. } = form.into_inner();
    let Some(alert) = managed(&state, &token).await? else {
        return Ok(problem_page(&Problem::new(Code::TokenInvalid)));
    };
    let (id, now) = (alert.id, state.now());
    match action.as_str() {
        "unsubscribe" => {
            state
                .write(move |tx, _| Ok::<_, Problem>(subscription::unsubscribe(tx, id, now)?))
                .await?;
            return Ok(unsubscribed());
        }
        "erase" => {
            state
                .write(move |tx, _| Ok::<_, Problem>(subscription::erase(tx, id)?))
                .await?;
            return Ok(message(
                StatusCode::OK,
                "Erased",
                "Nothing is kept about this alert.",
                Vec::new(),
            ));
        }
        _ => {}
    }
    let patch = match action.as_str() {
        "pause" => AlertPatch {
            status: Some(AlertStatus::Paused),
            ..AlertPatch::default()
        },
        "resume" => AlertPatch {
            status: Some(AlertStatus::Active),
            ..AlertPatch::default()
        },
        frequency => match frequency.parse() {
            Ok(frequency) => AlertPatch {
                frequency: Some(frequency),
                ..AlertPatch::default()
            },
            Err(_) => return Ok(problem_page(&Problem::new(Code::ContentInvalid))),
        },
    };
    let alert = state
        .write(move |tx, _| Ok::<_, Problem>(subscription::update(tx, id, patch, None, now)?))
        .await?;
    Ok(manage(&alert, &token))
}

async fn verify_page(Params(params): Params<TokenParams>) -> HttpResponse {
    let token = params.token.unwrap_or_default();
    let form = Form {
        action: "/verify-email",
        fields: vec![hidden("token", &token)],
        button: "Verify my address",
    };
    message(
        StatusCode::OK,
        "Verify your address",
        "One click, and your account is ready.",
        vec![form],
    )
}

async fn verify_form(state: State, form: web::Form<TokenForm>) -> Result<HttpResponse, Problem> {
    let (token, now) = (form.into_inner().token, state.now());
    let verified = state
        .write(move |tx, _| Ok::<_, Problem>(accounts::verify_email(tx, &token, now)?))
        .await;
    Ok(match verified {
        Ok(_) => message(
            StatusCode::OK,
            "Your address is verified",
            "You can sign in now.",
            Vec::new(),
        ),
        Err(problem) => problem_page(&problem),
    })
}

async fn forgot_page() -> HttpResponse {
    let email = Field {
        label: "E-mail address",
        name: "email",
        value: String::new(),
        kind: "email",
        autocomplete: "email",
    };
    let form = Form {
        action: "/forgot-password",
        fields: vec![email],
        button: "Send me a link",
    };
    message(
        StatusCode::OK,
        "Set a new password",
        "We will write to the address of your account.",
        vec![form],
    )
}

#[derive(Debug, Deserialize)]
struct EmailForm {
    email: String,
}

async fn forgot_form(state: State, form: web::Form<EmailForm>) -> Result<HttpResponse, Problem> {
    if let Ok(email) = form.email.parse::<EmailAddress>() {
        let now = state.now();
        state
            .write(move |tx, state| {
                let letters: Letters<'_> = state.letters();
                Ok::<_, Problem>(accounts::request_password_reset(tx, &email, letters, now)?)
            })
            .await?;
        state.wake.mail.notify_one();
    }
    Ok(message(
        StatusCode::OK,
        "Look into your mailbox",
        "If there is an account, a mail is on its way.",
        Vec::new(),
    ))
}

async fn reset_page(Params(params): Params<TokenParams>) -> HttpResponse {
    let token = params.token.unwrap_or_default();
    let password = Field {
        label: "New password",
        name: "password",
        value: String::new(),
        kind: "password",
        autocomplete: "new-password",
    };
    let fields = vec![hidden("token", &token), password];
    let form = Form {
        action: "/reset-password",
        fields,
        button: "Set the new password",
    };
    message(
        StatusCode::OK,
        "Set a new password",
        "At least 8 characters. All your sessions will end.",
        vec![form],
    )
}

async fn reset_form(state: State, form: web::Form<TokenForm>) -> HttpResponse {
    let TokenForm { token, password, .. } = form.into_inner();
    match super::auth::reset(&state, token, password).await {
        Ok(()) => message(
            StatusCode::OK,
            "Your password is set",
            "You can sign in with it now.",
            Vec::new(),
        ),
        Err(problem) => problem_page(&problem),
    }
}

async fn invitation_page(Params(params): Params<TokenParams>) -> HttpResponse {
    let token = params.token.unwrap_or_default();
    let words = format!(
        "Sign in with the address that was invited, then send this token to POST /v1/invitations/accept: {token}"
    );
    message(StatusCode::OK, "Accept the invitation", &words, Vec::new())
}
