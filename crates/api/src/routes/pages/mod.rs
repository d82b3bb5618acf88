//! Pages for people: plain HTML, and without scripts but for the one of the account page. A GET never changes anything.

mod account;
mod accounts;
mod alerts;
mod board;
mod events;
mod facts;
mod manage;
mod subscribe;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use serde::Deserialize;

use crate::error::{Code, Problem};
use crate::state::State;

pub(crate) use self::alerts::{unsubscribe_page, unsubscribed};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/").route(web::get().to(board::front_page)))
        .service(web::resource("/postings/{slug}").route(web::get().to(board::posting_page)))
        .service(
            web::resource("/alerts/confirm")
                .route(web::get().to(alerts::confirm_page))
                .route(web::post().to(alerts::confirm_form)),
        )
        .service(
            web::resource("/alerts/manage")
                .route(web::get().to(manage::manage_page))
                .route(web::post().to(manage::manage_form)),
        )
        .service(
            web::resource("/alerts/new")
                .route(web::get().to(subscribe::subscribe_page))
                .route(web::post().to(subscribe::subscribe_form)),
        )
        .service(
            web::resource("/alerts/feedback")
                .route(web::get().to(alerts::feedback_page))
                .route(web::post().to(alerts::feedback_form)),
        )
        .service(
            web::resource("/events/confirm")
                .route(web::get().to(events::confirm_page))
                .route(web::post().to(events::confirm_form)),
        )
        .service(
            web::resource("/events/cancel")
                .route(web::get().to(events::cancel_page))
                .route(web::post().to(events::cancel_form)),
        )
        .service(
            web::resource("/verify-email")
                .route(web::get().to(accounts::verify_page))
                .route(web::post().to(accounts::verify_form)),
        )
        .service(
            web::resource("/forgot-password")
                .route(web::get().to(accounts::forgot_page))
                .route(web::post().to(accounts::forgot_form)),
        )
        .service(
            web::resource("/reset-password")
                .route(web::get().to(accounts::reset_page))
                .route(web::post().to(accounts::reset_form)),
        )
        .service(
            web::resource("/confirm-domain")
                .route(web::get().to(accounts::domain_page))
                .route(web::post().to(accounts::domain_form)),
        )
        .service(
            web::resource("/confirm-email-change")
                .route(web::get().to(accounts::email_change_page))
                .route(web::post().to(accounts::email_change_form)),
        )
        .service(web::resource("/account").route(web::get().to(account::account_page)))
        .service(web::resource("/sign-in/{provider}").route(web::get().to(account::account_page)))
        .service(web::resource("/accept-invitation").route(web::get().to(accounts::invitation_page)))
        .service(web::resource("/assets/backplane.css").route(web::get().to(style)))
        .service(web::resource("/robots.txt").route(web::get().to(robots)))
        .service(web::resource("/docs/problems").route(web::get().to(problems)))
        .service(
            utoipa_swagger_ui::SwaggerUi::new("/docs/{_:.*}")
                .config(utoipa_swagger_ui::Config::new(["/openapi.json"])),
        )
        .service(web::resource("/docs").route(web::get().to(docs)));
}

/// The token of a form.
#[derive(Debug, Deserialize)]
struct TokenForm {
    token: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct ProblemsPage<'a> {
    site: &'a str,
    codes: &'a [Code],
}

/// What each kind of problem means: where the `type` of a problem leads.
async fn problems(state: State) -> HttpResponse {
    page(
        StatusCode::OK,
        &ProblemsPage {
            site: state.site(),
            codes: Code::ALL,
        },
    )
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
    page_with_data(status, template, None)
}

/// A page with one block of data in it. Browsers run no data, but some look for its hash in the policy all the same.
fn page_with_data(status: StatusCode, template: &impl Template, data: Option<&str>) -> HttpResponse {
    let data = data.map_or_else(String::new, |data| {
        let hash = digest(&SHA256, data.as_bytes());
        format!(" script-src 'sha256-{}';", BASE64.encode(hash.as_ref()))
    });
    let csp = format!(
        "default-src 'none'; style-src 'self';{data} form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, csp))
        .body(template.render().unwrap_or_default())
}

fn message(
    state: &State,
    status: StatusCode,
    title: &str,
    paragraph: &str,
    forms: Vec<Form<'_>>,
) -> HttpResponse {
    messages(state, status, title, vec![paragraph.to_owned()], forms)
}

fn messages(
    state: &State,
    status: StatusCode,
    title: &str,
    paragraphs: Vec<String>,
    forms: Vec<Form<'_>>,
) -> HttpResponse {
    page(
        status,
        &MessagePage {
            site: state.site(),
            title,
            paragraphs,
            forms,
        },
    )
}

fn problem_page(state: &State, problem: &Problem) -> HttpResponse {
    let status = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let words = match problem.code() {
        Code::TokenInvalid => "This link is not valid. It may have been used, or cut off on its way.",
        Code::TokenExpired => "This link is too old. Ask for a new one.",
        Code::ContentInvalid => "What was entered cannot be used. Go back and try again.",
        other => other.title(),
    };
    message(state, status, "That did not work", words, Vec::new())
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
pub(crate) async fn not_found(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.method() == Method::GET && wants_html(&request) && !request.path().starts_with("/v1/") {
        return Ok(message(
            &state,
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
        .body(include_str!("../../../assets/backplane.css"))
}

/// What programs that walk through the board should leave alone, and where its sitemaps are.
async fn robots(state: State) -> HttpResponse {
    let sitemap = state.url("/sitemap.xml");
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(format!(
            "User-agent: *\nDisallow: /alerts/\nDisallow: /v1/postings/*/apply\nSitemap: {sitemap}\n"
        ))
}

async fn docs() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header(("Location", "/docs/"))
        .finish()
}
