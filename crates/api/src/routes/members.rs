//! Members of an employer, invitations and API keys.

use accounts::{ApiKey, Counted, Deed, Employer, Invitation, KeyRequest, Member, NewInvitation, Role, Scope};
use actix_web::{HttpRequest, HttpResponse, web};
use mail::EmailAddress;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::ListBody;
use super::employers::require_employer;
use super::ownership::require_room;
use crate::access::{require_manager, require_member};
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::{Asked, Reply};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/employers/{employer}/members").route(web::get().to(list_members)))
        .service(
            web::resource("/v1/employers/{employer}/members/{user}")
                .route(web::patch().to(change_role))
                .route(web::delete().to(remove_member)),
        )
        .service(
            web::resource("/v1/employers/{employer}/invitations")
                .route(web::get().to(list_invitations))
                .route(web::post().to(invite)),
        )
        .service(
            web::resource("/v1/employers/{employer}/invitations/{id}")
                .route(web::delete().to(revoke_invitation)),
        )
        .service(web::resource("/v1/invitations/accept").route(web::post().to(accept_invitation)))
        .service(
            web::resource("/v1/employers/{employer}/api-keys")
                .route(web::get().to(list_api_keys))
                .route(web::post().to(create_api_key)),
        )
        .service(
            web::resource("/v1/employers/{employer}/api-keys/{id}").route(web::delete().to(revoke_api_key)),
        );
}

/// A member's role.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleBody {
    role: Role,
}

/// Whom to invite, as what.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationBody {
    email: EmailAddress,
    role: Role,
}

/// The token of an invitation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptBody {
    token: String,
}

/// A membership.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MembershipBody {
    employer: Employer,
    role: Role,
}

/// What a key is for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyBody {
    #[schema(example = "ATS sync")]
    name: String,
    /// What it may do; everything when left out.
    #[serde(default = "every_scope")]
    scopes: Vec<Scope>,
    /// Until when; for ever when left out.
    expires_at: Option<Timestamp>,
}

fn every_scope() -> Vec<Scope> {
    Scope::ALL.to_vec()
}

/// `action` was done to `subject` of the employer.
pub(super) fn deed(
    employer: Id,
    action: &'static str,
    kind: &'static str,
    subject: impl Into<Option<Id>>,
    detail: Value,
) -> Deed {
    Deed {
        employer,
        action,
        subject_kind: kind,
        subject_id: subject.into(),
        detail,
    }
}

/// A new key with its secret, which is shown only now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewApiKeyBody {
    #[serde(flatten)]
    key: ApiKey,
    /// Goes into `Authorization: Bearer …`.
    secret: String,
}

/// The members.
#[utoipa::path(get, path = "/v1/employers/{employer}/members", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = ListBody<Member>)), security(("bearer" = [])))]
pub(crate) async fn list_members(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let data = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_member(conn, &caller, employer.id)?;
            Ok::<_, Problem>(accounts::list_members(conn, employer.id)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}

/// Change a member's role. An employer keeps at least one owner.
#[utoipa::path(patch, path = "/v1/employers/{employer}/members/{user}", tag = "employers",
    params(("employer" = String, Path), ("user" = String, Path)), request_body = RoleBody, responses((status = 204)),
    security(("bearer" = [])))]
pub(crate) async fn change_role(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<RoleBody>,
) -> Result<HttpResponse, Problem> {
    let user = path_id(&path.1, Code::MemberNotFound)?;
    let (actor, now) = (caller.actor(&request), state.now());
    state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path.0)?;
            require_manager(tx, &caller, employer.id)?;
            accounts::change_role(tx, employer.id, user, body.role)?;
            let deed = deed(
                employer.id,
                "member.role_changed",
                "member",
                user,
                json!({"role": body.role}),
            );
            Ok::<_, Problem>(accounts::record(tx, &actor, deed, &state.random, now)?)
        })
        .await?;
    Ok(Reply::no_content().into_response())
}

/// Remove a member; members may remove themselves.
#[utoipa::path(delete, path = "/v1/employers/{employer}/members/{user}", tag = "employers",
    params(("employer" = String, Path), ("user" = String, Path)), responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn remove_member(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let user = path_id(&path.1, Code::MemberNotFound)?;
    let (actor, now) = (caller.actor(&request), state.now());
    state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path.0)?;
            let is_self = caller.user()?.id == user;
            if !is_self {
                require_manager(tx, &caller, employer.id)?;
            }
            accounts::remove_member(tx, employer.id, user)?;
            let action = if is_self { "member.left" } else { "member.removed" };
            let deed = deed(employer.id, action, "member", user, Value::Null);
            Ok::<_, Problem>(accounts::record(tx, &actor, deed, &state.random, now)?)
        })
        .await?;
    Ok(Reply::no_content().into_response())
}

/// Open invitations.
#[utoipa::path(get, path = "/v1/employers/{employer}/invitations", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = ListBody<Invitation>)), security(("bearer" = [])))]
pub(crate) async fn list_invitations(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let data = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_manager(conn, &caller, employer.id)?;
            Ok::<_, Problem>(accounts::list_invitations(conn, employer.id, now)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}

/// Invite somebody by mail.
#[utoipa::path(post, path = "/v1/employers/{employer}/invitations", tag = "employers",
    params(("employer" = String, Path)), request_body = InvitationBody, responses((status = 201, body = Invitation)),
    security(("bearer" = [])))]
pub(crate) async fn invite(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<InvitationBody>,
) -> Result<HttpResponse, Problem> {
    let (inviter, now) = (caller.user()?.clone(), state.now());
    let asked = Asked::new(&request, &caller, &body)?;
    let actor = caller.actor(&request);
    let new = NewInvitation {
        email: body.email,
        role: body.role,
    };
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_manager(tx, &caller, employer.id)?;
            require_room(tx, state, &caller, employer.id, Counted::Members)?;
            let invitation = accounts::invite(tx, &employer, &new, &inviter, state.letters(), now)?;
            let detail = json!({"role": invitation.role});
            let deed = deed(employer.id, "member.invited", "invitation", invitation.id, detail);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::with(201, &invitation))
        })
        .await?;
    state.wake.mail.notify_one();
    Ok(response)
}

/// Take an invitation back.
#[utoipa::path(delete, path = "/v1/employers/{employer}/invitations/{id}", tag = "employers",
    params(("employer" = String, Path), ("id" = String, Path)), responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn revoke_invitation(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path.1, Code::InvitationNotFound)?;
    let (actor, now) = (caller.actor(&request), state.now());
    let revoked = state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path.0)?;
            require_manager(tx, &caller, employer.id)?;
            let is_revoked = accounts::revoke_invitation(tx, employer.id, id)?;
            if is_revoked {
                let deed = deed(employer.id, "invitation.withdrawn", "invitation", id, Value::Null);
                accounts::record(tx, &actor, deed, &state.random, now)?;
            }
            Ok::<_, Problem>(is_revoked)
        })
        .await?;
    if revoked {
        Ok(Reply::no_content().into_response())
    } else {
        Err(Problem::new(Code::InvitationNotFound))
    }
}

/// Accept an invitation with the token from the mail, signed in with the invited address.
#[utoipa::path(post, path = "/v1/invitations/accept", tag = "employers", request_body = AcceptBody,
    responses((status = 200, body = MembershipBody)), security(("bearer" = [])))]
pub(crate) async fn accept_invitation(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<AcceptBody>,
) -> Result<HttpResponse, Problem> {
    let (user, now) = (caller.user()?.clone(), state.now());
    let actor = caller.actor(&request);
    let (employer, role) = state
        .write(move |tx, state| {
            let (employer, role) = accounts::accept_invitation(tx, &body.token, &user, now)?;
            let deed = deed(
                employer.id,
                "member.joined",
                "member",
                user.id,
                json!({"role": role}),
            );
            accounts::record(tx, &actor, deed, &state.random, now)?;
            // An invitation waits for a week; by then the last place may be taken.
            accounts::require_room(tx, employer.id, Counted::Members, 0, state.limits().quotas, now)?;
            Ok::<_, Problem>((employer, role))
        })
        .await?;
    Ok(Reply::ok(&MembershipBody { employer, role }).into_response())
}

/// The employer's API keys, without their secrets.
#[utoipa::path(get, path = "/v1/employers/{employer}/api-keys", tag = "employers", params(("employer" = String, Path)),
    responses((status = 200, body = ListBody<ApiKey>)), security(("bearer" = [])))]
pub(crate) async fn list_api_keys(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let data = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_manager(conn, &caller, employer.id)?;
            Ok::<_, Problem>(accounts::list_api_keys(conn, employer.id)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data,
        next_cursor: None,
    })
    .into_response())
}

/// Make an API key, with which a program writes postings. It cannot change the account or the employer.
#[utoipa::path(post, path = "/v1/employers/{employer}/api-keys", tag = "employers", params(("employer" = String, Path)),
    request_body = ApiKeyBody, responses((status = 201, body = NewApiKeyBody)), security(("bearer" = [])))]
pub(crate) async fn create_api_key(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(body): Body<ApiKeyBody>,
) -> Result<HttpResponse, Problem> {
    // The answer holds a secret, so it is not remembered for repetitions.
    let (actor, now) = (caller.actor(&request), state.now());
    let asked = KeyRequest {
        name: body.name,
        scopes: body.scopes,
        expires_at: body.expires_at,
    };
    let made = state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_manager(tx, &caller, employer.id)?;
            let quotas = state.limits().quotas;
            let made = accounts::create_api_key(tx, employer.id, &asked, quotas, &state.random, now)?;
            let detail = json!({"scopes": made.key.scopes, "expires_at": made.key.expires_at});
            let deed = deed(employer.id, "api_key.made", "api_key", made.key.id, detail);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok::<_, Problem>(made)
        })
        .await?;
    Ok(Reply::with(
        201,
        &NewApiKeyBody {
            key: made.key,
            secret: made.secret,
        },
    )
    .into_response())
}

/// Revoke an API key at once.
#[utoipa::path(delete, path = "/v1/employers/{employer}/api-keys/{id}", tag = "employers",
    params(("employer" = String, Path), ("id" = String, Path)), responses((status = 204)), security(("bearer" = [])))]
pub(crate) async fn revoke_api_key(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path.1, Code::ApiKeyNotFound)?, state.now());
    let actor = caller.actor(&request);
    let revoked = state
        .write(move |tx, state| {
            let employer = require_employer(tx, &path.0)?;
            require_manager(tx, &caller, employer.id)?;
            let is_revoked = accounts::revoke_api_key(tx, employer.id, id, now)?;
            if is_revoked {
                let deed = deed(employer.id, "api_key.revoked", "api_key", id, Value::Null);
                accounts::record(tx, &actor, deed, &state.random, now)?;
            }
            Ok::<_, Problem>(is_revoked)
        })
        .await?;
    if revoked {
        Ok(Reply::no_content().into_response())
    } else {
        Err(Problem::new(Code::ApiKeyNotFound))
    }
}
