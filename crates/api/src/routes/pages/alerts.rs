//! Confirming and ending an alert, and answering, by the links of its mails.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use alerts::subscription::{self, Confirmed};
use alerts::{AlertStatus, owner};
use mail::SuppressionReason;
use serde::Deserialize;
use store::Id;

use super::{Form, hidden, message, messages, problem_page};
use crate::error::{Code, Problem};
use crate::holder::LinkToken;
use crate::routes::alert_owner::note;
use crate::routes::alerts::{confirm, resume_if};
use crate::state::State;

pub(super) async fn confirm_page(state: State, LinkToken(token): LinkToken) -> Result<HttpResponse, Problem> {
    let looked_up = token.clone();
    let alert = state
        .read(move |conn, _| Ok::<_, Problem>(subscription::find_by_token(conn, &looked_up)?))
        .await?
        .filter(|alert| alert.status != AlertStatus::Ended);
    let Some(alert) = alert else {
        return Ok(problem_page(&state, &Problem::new(Code::TokenInvalid)));
    };
    match alert.status {
        AlertStatus::Pending if alert.confirm_expires_at.is_none_or(|at| at <= state.now()) => {
            return Ok(problem_page(&state, &Problem::new(Code::TokenExpired)));
        }
        AlertStatus::Pending => {}
        AlertStatus::Active | AlertStatus::Ended => {
            let words = "It was confirmed before; there is nothing left to do.";
            return Ok(confirmed(&state, alert.id, words));
        }
        AlertStatus::Paused => {
            let words = "It was confirmed before, and is paused at the moment.";
            return Ok(known(&state, alert.id, "Your alert is paused", words));
        }
    }
    let words = format!(
        "New roles for {} will be sent to you once you confirm.",
        alert.query.0.describe()
    );
    let address = alert.email.clone();
    let suppression = state
        .read(move |conn, _| Ok::<_, Problem>(owner::suppression(conn, &address)?))
        .await?;
    let mut paragraphs = vec![words];
    let mut fields = vec![hidden("token", &token)];
    let mut button = "Confirm this alert";
    match suppression.map(|(reason, _)| reason) {
        Some(SuppressionReason::Complaint) => {
            let words = "One of our mails to this address was reported as spam, so we write to it no more. If you confirm, you say that you want our mails again.";
            paragraphs.push(words.to_owned());
            fields.push(hidden("resume", "yes"));
            button = "Confirm, and write to me again";
        }
        Some(SuppressionReason::Operator) => {
            let words = "The board's operator stopped alerts to this address; the alert stays silent until they lift that.";
            paragraphs.push(words.to_owned());
        }
        Some(SuppressionReason::Bounce) | None => {}
    }
    let form = Form {
        action: "/alerts/confirm",
        fields,
        button,
    };
    Ok(messages(
        &state,
        StatusCode::OK,
        "Confirm your alert",
        paragraphs,
        vec![form],
    ))
}

/// The form of the confirmation page.
#[derive(Debug, Deserialize)]
pub(super) struct ConfirmForm {
    token: String,
    #[serde(default)]
    resume: String,
}

pub(super) async fn confirm_form(state: State, form: web::Form<ConfirmForm>) -> HttpResponse {
    let ConfirmForm { token, resume } = form.into_inner();
    match confirm(&state, token, resume_if(resume == "yes")).await {
        Ok(Confirmed::Now(id)) => confirmed(&state, id, "You will hear from us when a role matches."),
        Ok(Confirmed::Already(id)) => confirmed(
            &state,
            id,
            "It was confirmed before; there is nothing left to do.",
        ),
        Err(problem) => problem_page(&state, &problem),
    }
}

/// The alert is active; here is how to change it.
fn confirmed(state: &State, id: Id, words: &str) -> HttpResponse {
    known(state, id, "Your alert is active", words)
}

/// What there is to say to somebody with the alert's mail in their hands, and the way to everything else.
fn known(state: &State, id: Id, title: &str, words: &str) -> HttpResponse {
    let form = Form {
        action: "/alerts/manage",
        fields: vec![
            hidden("token", &state.letterhead.manage_token(id)),
            hidden("action", "show"),
        ],
        button: "See and change your alerts",
    };
    message(state, StatusCode::OK, title, words, vec![form])
}

/// Asks before unsubscribing: mail scanners open links.
pub(crate) async fn unsubscribe_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
    if state.letterhead.verify_unsubscribe(&token).is_none() {
        return problem_page(&state, &Problem::new(Code::TokenInvalid));
    }
    let action = format!("/v1/alerts/unsubscribe?token={token}");
    let form = Form {
        action: &action,
        fields: Vec::new(),
        button: "Unsubscribe",
    };
    message(
        &state,
        StatusCode::OK,
        "Unsubscribe",
        "You will get no further mail from this alert.",
        vec![form],
    )
}

/// The alert has ended.
pub(crate) fn unsubscribed(state: &State) -> HttpResponse {
    message(
        state,
        StatusCode::OK,
        "You are unsubscribed",
        "This alert writes no more. Nothing else changed.",
        Vec::new(),
    )
}

/// The posting and the token of a link that asks whether the posting was right.
#[derive(Debug, Deserialize)]
pub(super) struct FeedbackLink {
    #[serde(default)]
    posting: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    verdict: String,
}

pub(super) async fn feedback_page(state: State, link: web::Query<FeedbackLink>) -> HttpResponse {
    let posting: Option<Id> = link.posting.parse().ok();
    if posting
        .and_then(|posting| state.letterhead.verify_feedback(&link.token, posting))
        .is_none()
    {
        return problem_page(&state, &Problem::new(Code::TokenInvalid));
    }
    let form = |verdict: &str, button: &'static str| Form {
        action: "/alerts/feedback",
        fields: vec![
            hidden("posting", &link.posting),
            hidden("token", &link.token),
            hidden("verdict", verdict),
        ],
        button,
    };
    let words = "Your answer helps the board to see which alerts fit. It changes nothing about what you get.";
    let forms = vec![form("right", "Yes, it was"), form("wrong", "No, it was not")];
    message(
        &state,
        StatusCode::OK,
        "Was this role right for you?",
        words,
        forms,
    )
}

pub(super) async fn feedback_form(state: State, form: web::Form<FeedbackLink>) -> HttpResponse {
    let (Ok(posting), Ok(verdict)) = (form.posting.parse(), form.verdict.parse()) else {
        return problem_page(&state, &Problem::new(Code::TokenInvalid));
    };
    match note(&state, &form.token, posting, verdict).await {
        Ok(()) => {
            let words = "Your answer is noted. You may change it with the same link.";
            message(&state, StatusCode::OK, "Thank you", words, Vec::new())
        }
        Err(problem) if problem.code() == Code::AlertNotFound => {
            problem_page(&state, &Problem::new(Code::TokenInvalid))
        }
        Err(problem) => problem_page(&state, &problem),
    }
}
