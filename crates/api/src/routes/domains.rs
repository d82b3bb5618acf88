//! Domains that an employer shows to be its own.

use accounts::{Deed, DomainProof, DomainState, EmployerDomain, Look, MAILBOXES};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::employers::require_employer;
use crate::access::{require_manager, require_member};
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::{Asked, Reply};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/domains")
                .route(web::get().to(list_domains))
                .route(web::post().to(add_domain)),
        )
        .service(
            web::resource("/v1/employers/{employer}/domains/{id}").route(web::delete().to(remove_domain)),
        )
        .service(
            web::resource("/v1/employers/{employer}/domains/{id}/check").route(web::post().to(check_domain)),
        )
        .service(
            web::resource("/v1/employers/{employer}/domains/{id}/mail").route(web::post().to(mail_domain)),
        )
        .service(web::resource("/v1/domains/confirm").route(web::post().to(confirm_domain)));
}

/// A domain to be shown.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDomainBody {
    /// Without scheme, path or port.
    #[schema(example = "acme.example")]
    domain: String,
}

/// To which of the domain's own mailboxes the proof goes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailboxBody {
    /// admin, administrator, hostmaster, postmaster or webmaster.
    #[schema(example = "postmaster")]
    mailbox: String,
}

/// The token of the mail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmDomainBody {
    token: String,
}

/// A record to be published in the DNS.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DnsRecordBody {
    /// Under which name.
    #[schema(example = "acme.example")]
    name: String,
    #[serde(rename = "type")]
    #[schema(example = "TXT")]
    kind: &'static str,
    /// The text.
    #[schema(example = "backplane-verification=…")]
    value: String,
}

/// A domain, and how to show that it is yours.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DomainBody {
    id: Id,
    domain: String,
    state: DomainState,
    /// How it was shown; null until then.
    proof: Option<DomainProof>,
    /// Publish this, then check.
    record: DnsRecordBody,
    /// Or have a mail sent to one of these.
    mailboxes: Vec<String>,
    verified_at: Option<Timestamp>,
    checked_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<EmployerDomain> for DomainBody {
    fn from(domain: EmployerDomain) -> Self {
        Self {
            record: DnsRecordBody {
                name: domain.domain.clone(),
                kind: "TXT",
                value: domain.record(),
            },
            mailboxes: MAILBOXES
                .iter()
                .map(|name| format!("{name}@{}", domain.domain))
                .collect(),
            id: domain.id,
            domain: domain.domain,
            state: domain.state,
            proof: domain.proof,
            verified_at: domain.verified_at,
            checked_at: domain.checked_at,
            created_at: domain.created_at,
        }
    }
}

fn deed(employer: Id, action: &'static str, domain: &EmployerDomain) -> Deed {
    Deed {
        employer,
        action,
        subject_kind: "domain",
        subject_id: Some(domain.id),
        detail: json!({"domain": domain.domain, "proof": domain.proof}),
    }
}

/// The domains that the employer has named, and how to show that they are its own.
#[utoipa::path(get, path = "/v1/employers/{employer}/domains", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = ListBody<DomainBody>)), security(("bearer" = [])))]
pub(crate) async fn list_domains(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let data = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_member(conn, &caller, employer.id)?;
            Ok::<_, Problem>(accounts::list_domains(conn, employer.id)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: data.into_iter().map(DomainBody::from).collect(),
        next_cursor: None,
    })
    .into_response())
}

/// Name a domain. The answer says which record to publish.
#[utoipa::path(post, path = "/v1/employers/{employer}/domains", tag = "employers", params(("employer" = String, Path)),
    request_body = NewDomainBody, responses((status = 201, body = DomainBody)), security(("bearer" = [])))]
pub(crate) async fn add_domain(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<NewDomainBody>,
) -> Result<HttpResponse, Problem> {
    let (actor, now) = (caller.actor(&request), state.now());
    let asked = Asked::new(&request, &caller, &body)?;
    state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_manager(tx, &caller, employer.id)?;
            let domain = accounts::add_domain(tx, employer.id, &body.domain, &state.random, now)?;
            let deed = deed(employer.id, "domain.named", &domain);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::with(201, &DomainBody::from(domain)))
        })
        .await
}

/// Take a domain away.
#[utoipa::path(delete, path = "/v1/employers/{employer}/domains/{id}", tag = "employers",
    params(("employer" = String, Path), ("id" = String, Path)), responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn remove_domain(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (actor, now) = (caller.actor(&request), state.now());
    let id = path_id(&path.1, Code::DomainNotFound)?;
    state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path.0)?;
            require_manager(tx, &caller, employer.id)?;
            let domain = accounts::remove_domain(tx, employer.id, id, now)?;
            let deed = deed(employer.id, "domain.removed", &domain);
            Ok::<_, Problem>(accounts::record(tx, &actor, deed, &state.random, now)?)
        })
        .await?;
    Ok(Reply::no_content().into_response())
}

/// Look whether the record is published; the domain is the employer's when it is. It is looked at again every day.
#[utoipa::path(post, path = "/v1/employers/{employer}/domains/{id}/check", tag = "employers",
    params(("employer" = String, Path), ("id" = String, Path)), responses((status = 200, body = DomainBody)),
    security(("bearer" = [])))]
pub(crate) async fn check_domain(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (actor, now) = (caller.actor(&request), state.now());
    let id = path_id(&path.1, Code::DomainNotFound)?;
    let domain = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path.0)?;
            require_manager(conn, &caller, employer.id)?;
            Ok::<_, Problem>(accounts::require_domain(conn, employer.id, id)?)
        })
        .await?;
    let look = match &state.dns {
        Some(dns) => accounts::look_at(dns.as_ref(), &domain).await,
        None => Look::Unanswered,
    };
    let verified = state
        .write(move |tx, state| {
            let verified = accounts::confirm_by_dns(tx, &domain, look, now)?;
            let deed = deed(domain.employer_id, "domain.verified", &verified);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok::<_, Problem>(verified)
        })
        .await?;
    Ok(Reply::ok(&DomainBody::from(verified)).into_response())
}

/// Have a proof sent to one of the domain's own mailboxes. Whoever reads it confirms with it.
#[utoipa::path(post, path = "/v1/employers/{employer}/domains/{id}/mail", tag = "employers",
    params(("employer" = String, Path), ("id" = String, Path)), request_body = MailboxBody, responses((status = 202)),
    security(("bearer" = [])))]
pub(crate) async fn mail_domain(
    state: State,
    Known(caller): Known,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<MailboxBody>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path.1, Code::DomainNotFound)?, state.now());
    state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path.0)?;
            require_manager(tx, &caller, employer.id)?;
            let letters = state.letters();
            Ok::<_, Problem>(accounts::mail_proof(
                tx,
                &employer,
                id,
                &body.mailbox,
                letters,
                now,
            )?)
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(HttpResponse::Accepted().finish())
}

/// Confirm that a domain is an employer's, with the token from the mail.
#[utoipa::path(post, path = "/v1/domains/confirm", tag = "employers", request_body = ConfirmDomainBody,
    responses((status = 200, body = DomainBody)))]
pub(crate) async fn confirm_domain(
    state: State,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ConfirmDomainBody>,
) -> Result<HttpResponse, Problem> {
    let domain = confirm(&state, body.token).await?;
    Ok(Reply::ok(&DomainBody::from(domain)).into_response())
}

/// Shared with the page that does the same.
pub(crate) async fn confirm(state: &State, token: String) -> Result<EmployerDomain, Problem> {
    let now = state.now();
    state
        .write(move |tx, state| {
            let domain = accounts::confirm_by_mail(tx, &token, now)?;
            // Whoever read the mail did it, and nobody knows who that is.
            let deed = deed(domain.employer_id, "domain.verified", &domain);
            accounts::record(tx, &accounts::Actor::SYSTEM, deed, &state.random, now)?;
            Ok(domain)
        })
        .await
}
