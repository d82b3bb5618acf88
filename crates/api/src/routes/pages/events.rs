//! Confirming a seat at an event and giving it back, by the links of its mails.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use postings::registrations::{self, SeatStatus};

use super::{Form, TokenForm, hidden, message, messages, problem_page};
use crate::error::{Code, Problem};
use crate::holder::LinkToken;
use crate::routes::events::{confirm, give_back};
use crate::state::State;

pub(super) async fn confirm_page(state: State, LinkToken(token): LinkToken) -> Result<HttpResponse, Problem> {
    let looked_up = token.clone();
    let found = state
        .read(move |conn, _| Ok::<_, Problem>(registrations::find_by_token(conn, &looked_up)?))
        .await?;
    let Some((registration, event)) = found.filter(|(found, _)| found.status != SeatStatus::Cancelled) else {
        return Ok(problem_page(&state, &Problem::new(Code::TokenInvalid)));
    };
    if registration.status != SeatStatus::Pending {
        return Ok(seat(&state, registration.status));
    }
    let form = Form {
        action: "/events/confirm",
        fields: vec![hidden("token", &token)],
        button: "Confirm my seat",
    };
    Ok(messages(
        &state,
        StatusCode::OK,
        "Confirm your seat",
        registrations::in_words(&event),
        vec![form],
    ))
}

pub(super) async fn confirm_form(state: State, form: web::Form<TokenForm>) -> HttpResponse {
    match confirm(&state, form.into_inner().token).await {
        Ok(status) => seat(&state, status),
        Err(problem) => problem_page(&state, &problem),
    }
}

fn seat(state: &State, status: SeatStatus) -> HttpResponse {
    let (title, words) = match status {
        SeatStatus::Waitlisted => (
            "You are on the waiting list",
            "Every seat is taken at the moment. We write to you as soon as one becomes free.",
        ),
        _ => (
            "You have a seat",
            "It is reserved for you; the mail has a calendar file.",
        ),
    };
    message(state, StatusCode::OK, title, words, Vec::new())
}

/// Asks before giving a seat back: mail scanners open links.
pub(super) async fn cancel_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
    if registrations::verify_cancel(&state.letterhead.links, &token).is_none() {
        return problem_page(&state, &Problem::new(Code::TokenInvalid));
    }
    let form = Form {
        action: "/events/cancel",
        fields: vec![hidden("token", &token)],
        button: "Give my seat back",
    };
    let words = "Somebody else will get it.";
    message(&state, StatusCode::OK, "You cannot come?", words, vec![form])
}

pub(super) async fn cancel_form(state: State, form: web::Form<TokenForm>) -> HttpResponse {
    match give_back(&state, &form.into_inner().token).await {
        Ok(()) => message(
            &state,
            StatusCode::OK,
            "Your seat is free again",
            "Thank you for telling.",
            Vec::new(),
        ),
        Err(problem) => problem_page(&state, &problem),
    }
}
