//! Confirming, managing and ending an alert by the links of its mails.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use alerts::subscription::{self, AlertPatch, Confirmed};
use alerts::{Alert, AlertStatus};

use super::{Form, TokenForm, hidden, message, problem_page};
use crate::error::{Code, Problem};
use crate::holder::LinkToken;
use crate::routes::alerts::confirm;
use crate::state::State;

pub(super) async fn confirm_page(state: State, LinkToken(token): LinkToken) -> Result<HttpResponse, Problem> {
    let looked_up = token.clone();
    let alert = state
        .read(move |conn, _| Ok::<_, Problem>(subscription::find_by_token(conn, &looked_up)?))
        .await?
        .filter(|alert| alert.status != AlertStatus::Ended);
    let Some(alert) = alert else {
        return Ok(problem_page(&Problem::new(Code::TokenInvalid)));
    };
    match alert.status {
        AlertStatus::Pending if alert.confirm_expires_at.is_none_or(|at| at <= state.now()) => {
            return Ok(problem_page(&Problem::new(Code::TokenExpired)));
        }
        AlertStatus::Pending => {}
        AlertStatus::Active | AlertStatus::Paused | AlertStatus::Ended => {
            return Ok(confirmed_before());
        }
    }
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

pub(super) async fn confirm_form(state: State, form: web::Form<TokenForm>) -> HttpResponse {
    match confirm(&state, form.into_inner().token).await {
        Ok(Confirmed::Now(_)) => message(
            StatusCode::OK,
            "Your alert is active",
            "You will hear from us when a role matches.",
            Vec::new(),
        ),
        Ok(Confirmed::Already(_)) => confirmed_before(),
        Err(problem) => problem_page(&problem),
    }
}

fn confirmed_before() -> HttpResponse {
    message(
        StatusCode::OK,
        "Your alert is active",
        "It was confirmed before; there is nothing left to do.",
        Vec::new(),
    )
}

/// Asks before unsubscribing: mail scanners open links.
pub(crate) async fn unsubscribe_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
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

pub(super) async fn managed(state: &State, token: &str) -> Result<Option<Alert>, Problem> {
    let Some(id) = state.letterhead.verify_manage(token) else {
        return Ok(None);
    };
    let alert = state
        .read(move |conn, _| Ok::<_, Problem>(subscription::find(conn, id)?))
        .await?;
    Ok(alert.filter(|alert| alert.status != AlertStatus::Ended))
}

pub(super) async fn manage_page(state: State, LinkToken(token): LinkToken) -> Result<HttpResponse, Problem> {
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

pub(super) async fn manage_form(state: State, form: web::Form<TokenForm>) -> Result<HttpResponse, Problem> {
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
