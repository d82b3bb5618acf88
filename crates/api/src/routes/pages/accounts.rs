//! Verifying an address, setting a password anew, accepting an invitation.

use accounts::{EmailChange, Letters};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use mail::EmailAddress;
use serde::Deserialize;

use super::{Field, Form, TokenForm, hidden, message, problem_page};
use crate::error::Problem;
use crate::holder::LinkToken;
use crate::routes::auth::{client_of, reset};
use crate::routes::domains::confirm;
use crate::routes::safety::agree;
use crate::state::State;

pub(super) async fn verify_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
    let form = Form {
        action: "/verify-email",
        fields: vec![hidden("token", &token)],
        button: "Verify my address",
    };
    message(
        &state,
        StatusCode::OK,
        "Verify your address",
        "One click, and your account is ready.",
        vec![form],
    )
}

pub(super) async fn verify_form(state: State, form: web::Form<TokenForm>) -> Result<HttpResponse, Problem> {
    let (token, now) = (form.into_inner().token, state.now());
    let verified = state
        .write(move |tx, _| Ok::<_, Problem>(accounts::verify_email(tx, &token, now)?))
        .await;
    Ok(match verified {
        Ok(_) => message(
            &state,
            StatusCode::OK,
            "Your address is verified",
            "You can sign in now.",
            Vec::new(),
        ),
        Err(problem) => problem_page(&state, &problem),
    })
}

pub(super) async fn forgot_page(state: State) -> HttpResponse {
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
        &state,
        StatusCode::OK,
        "Set a new password",
        "We will write to the address of your account.",
        vec![form],
    )
}

#[derive(Debug, Deserialize)]
pub(super) struct EmailForm {
    email: String,
}

pub(super) async fn forgot_form(state: State, form: web::Form<EmailForm>) -> Result<HttpResponse, Problem> {
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
        &state,
        StatusCode::OK,
        "Look into your mailbox",
        "If there is an account, a mail is on its way.",
        Vec::new(),
    ))
}

pub(super) async fn reset_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
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
        &state,
        StatusCode::OK,
        "Set a new password",
        "At least 8 characters. All your sessions will end, and passkeys and identity providers have to be added anew.",
        vec![form],
    )
}

pub(super) async fn reset_form(
    state: State,
    request: HttpRequest,
    form: web::Form<TokenForm>,
) -> HttpResponse {
    let TokenForm { token, password, .. } = form.into_inner();
    let client = client_of(&state, &request);
    match reset(&state, token, password, client).await {
        Ok(()) => message(
            &state,
            StatusCode::OK,
            "Your password is set",
            "You can sign in with it now.",
            Vec::new(),
        ),
        Err(problem) => problem_page(&state, &problem),
    }
}

pub(super) async fn domain_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
    let form = Form {
        action: "/confirm-domain",
        fields: vec![hidden("token", &token)],
        button: "Yes, it is ours",
    };
    message(
        &state,
        StatusCode::OK,
        "Confirm the domain",
        "Confirm only if the employer in the mail may say that the domain is theirs.",
        vec![form],
    )
}

pub(super) async fn domain_form(state: State, form: web::Form<TokenForm>) -> HttpResponse {
    match confirm(&state, form.into_inner().token).await {
        Ok(domain) => {
            let words = format!("{} is shown on the employer's page now.", domain.domain);
            message(
                &state,
                StatusCode::OK,
                "The domain is confirmed",
                &words,
                Vec::new(),
            )
        }
        Err(problem) => problem_page(&state, &problem),
    }
}

pub(super) async fn email_change_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
    let form = Form {
        action: "/confirm-email-change",
        fields: vec![hidden("token", &token)],
        button: "Agree",
    };
    message(
        &state,
        StatusCode::OK,
        "Another address for your account",
        "It changes when both mailboxes have agreed. If you did not ask for it, close this page.",
        vec![form],
    )
}

pub(super) async fn email_change_form(state: State, form: web::Form<TokenForm>) -> HttpResponse {
    let words = match agree(&state, form.into_inner().token).await {
        Ok(EmailChange::Changed) => "Your account has the new address now.",
        Ok(EmailChange::Waiting) => "Now agree in the mail that went to the other address, too.",
        Err(problem) => return problem_page(&state, &problem),
    };
    message(&state, StatusCode::OK, "Thank you", words, Vec::new())
}

pub(super) async fn invitation_page(state: State, LinkToken(token): LinkToken) -> HttpResponse {
    let words = format!(
        "Sign in with the address that was invited, then send this token to POST /v1/invitations/accept: {token}"
    );
    message(
        &state,
        StatusCode::OK,
        "Accept the invitation",
        &words,
        Vec::new(),
    )
}
