//! Asking for an alert on a page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use alerts::subscription::{self, NewAlert};
use alerts::{Notify, schedule};
use askama::Template;
use serde::Deserialize;

use super::manage::{FREQUENCIES, query_in_address};
use super::{message, page, problem_page};
use crate::error::{Code, Problem};
use crate::state::State;

#[derive(Template)]
#[template(path = "subscribe.html")]
struct SubscribePage<'a> {
    site: &'a str,
    mistake: Option<String>,
    description: String,
    search_url: String,
    email: String,
    frequencies: [(&'a str, &'a str); 3],
    zones: Vec<String>,
}

/// What the form says.
#[derive(Debug, Deserialize)]
pub(super) struct SubscribeForm {
    search: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    frequency: String,
    #[serde(default)]
    hour: String,
    #[serde(default)]
    timezone: String,
    /// People do not see it.
    #[serde(default)]
    homepage: String,
}

fn form_page(state: &State, search: &str, email: &str, mistake: Option<String>) -> HttpResponse {
    let query = match query_in_address(search) {
        Ok(query) => query,
        Err(problem) if problem.code() == Code::QueryUnfiltered => {
            let words =
                "This search finds every role. Search for something first: a word, a place, a discipline.";
            return message(
                state,
                StatusCode::UNPROCESSABLE_ENTITY,
                "Narrow your search",
                words,
                Vec::new(),
            );
        }
        Err(problem) => return problem_page(state, &problem),
    };
    let status = match mistake {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    page(
        status,
        &SubscribePage {
            site: state.site(),
            mistake,
            description: query.describe(),
            search_url: state.letterhead.search_url(&query),
            email: email.to_owned(),
            frequencies: FREQUENCIES,
            zones: schedule::zone_names(),
        },
    )
}

/// The form for an alert with the search of the address: `/alerts/new?q=rtl&country=US`.
pub(super) async fn subscribe_page(state: State, request: HttpRequest) -> HttpResponse {
    form_page(&state, &format!("?{}", request.query_string()), "", None)
}

pub(super) async fn subscribe_form(state: State, form: web::Form<SubscribeForm>) -> HttpResponse {
    let form = form.into_inner();
    let sent = message(
        &state,
        StatusCode::OK,
        "Look into your mailbox",
        "If this address can get this alert, a mail with a link is on its way. Nothing happens before you follow it.",
        Vec::new(),
    );
    if !form.homepage.trim().is_empty() {
        tracing::info!("a request for an alert filled in what people do not see");
        return sent;
    }
    match ask(&state, &form).await {
        Ok(()) => sent,
        Err(problem) if problem.code().status() == 422 => {
            form_page(&state, &form.search, &form.email, Some(problem.in_words()))
        }
        Err(problem) => problem_page(&state, &problem),
    }
}

async fn ask(state: &State, form: &SubscribeForm) -> Result<(), Problem> {
    let wrong = |pointer: &str, words: &str| Problem::field(pointer, "value_invalid", words);
    let new = NewAlert {
        email: form
            .email
            .trim()
            .parse()
            .map_err(|_| wrong("/email", "this is not an e-mail address"))?,
        user_id: None,
        query: query_in_address(&form.search)?,
        frequency: form
            .frequency
            .parse()
            .map_err(|_| wrong("/frequency", "choose how often we may write"))?,
        timezone: form.timezone.trim().to_owned(),
        hour: form.hour.parse().map_err(|_| wrong("/hour", "choose an hour"))?,
        notify: Notify::default(),
        quiet_hours: None,
    };
    let now = state.now();
    state
        .write(move |tx, state| {
            Ok::<_, Problem>(subscription::request(
                tx,
                new,
                &state.letterhead,
                &state.random,
                now,
            )?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(())
}
