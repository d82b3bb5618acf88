//! The postings of an employer.

use actix_web::{HttpRequest, HttpResponse, web};
use postings::{PostingStatus, attributes};
use serde::Deserialize;

use super::ListBody;
use super::employers::{cursor_of, require_employer};
use super::postings::PostingBody;
use crate::access::standing;
use crate::caller::Caller;
use crate::error::{Code, Problem};
use crate::extract::{PageParams, pairs, parse_params};
use crate::reply::Reply;
use crate::state::State;

/// Filters of an employer's postings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    status: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// An employer's postings, newest first. Members see every status, others only what is published. `attribute.NAME=VALUE`, or
/// `attribute=NAME:VALUE` as in a search, keeps those whose attribute has this value, letter by letter; it may be given several
/// times, and then all must hold.
#[utoipa::path(get, path = "/v1/employers/{employer}/postings", tag = "postings",
    params(("employer" = String, Path), ("status" = Option<String>, Query, description = "one or several with commas"),
        ("attribute" = Option<String>, Query, description = "NAME:VALUE; repeats"),
        ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<PostingBody>)), security((), ("bearer" = [])))]
pub(crate) async fn list_postings(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (params, attributes) = list_params(&request)?;
    let wanted = parse_statuses(params.status.as_deref())?;
    let page = PageParams {
        limit: params.limit,
        cursor: params.cursor,
    };
    let (before, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, state| {
            let employer = require_employer(conn, &path)?;
            let is_insider = standing(conn, &caller, employer.id)?.is_insider();
            let statuses = visible_statuses(wanted, is_insider, &caller)?;
            let page =
                postings::find::list_of_employer(conn, employer.id, &statuses, &attributes, before, limit)?;
            let mut data: Vec<PostingBody> = page
                .data
                .into_iter()
                .map(|posting| PostingBody::of(posting, state))
                .collect();
            PostingBody::add_sightings(conn, &mut data)?;
            Ok::<_, Problem>(ListBody {
                data,
                next_cursor: cursor_of(page.next),
            })
        })
        .await?;
    Ok(Reply::ok(&page).into_response())
}

/// The parameters of a list, and apart from them the attributes that it asks for.
fn list_params(request: &HttpRequest) -> Result<(ListParams, Vec<(String, String)>), Problem> {
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    let mut attributes = Vec::new();
    for (name, value) in pairs(request.query_string()) {
        // As an employer's programs write it, and as a search does.
        let wanted = match name.strip_prefix("attribute.") {
            Some(attribute) => Some((attribute.to_owned(), value.clone())),
            None if name == "attribute" => Some(match value.split_once(':') {
                Some((attribute, value)) => (attribute.trim().to_owned(), value.trim().to_owned()),
                None => (String::new(), String::new()),
            }),
            None => None,
        };
        match wanted {
            Some((attribute, value))
                if attributes::is_name(&attribute) && attributes.len() < attributes::MAX_ATTRIBUTES =>
            {
                attributes.push((attribute, value));
            }
            Some(_) => {
                let detail = "attribute.NAME=VALUE or attribute=NAME:VALUE; the name is a letter, then letters, digits and _, in lower case, at most 32";
                let errors = vec![postings::FieldError::new(
                    format!("/{name}"),
                    "name_invalid",
                    detail,
                )];
                return Err(Problem::new(Code::ParametersInvalid).errors(errors));
            }
            None => {
                rest.append_pair(&name, &value);
            }
        }
    }
    Ok((parse_params(&rest.finish())?, attributes))
}

fn parse_statuses(text: Option<&str>) -> Result<Option<Vec<PostingStatus>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let statuses: Result<Vec<PostingStatus>, _> = words.map(str::parse).collect();
    statuses.map(Some).map_err(|_| {
        let known: Vec<&str> = PostingStatus::ALL.iter().map(|status| status.as_str()).collect();
        let errors = vec![postings::FieldError::new(
            "/status",
            "value_unknown",
            format!("one of {}", known.join(", ")),
        )];
        Problem::new(Code::ParametersInvalid).errors(errors)
    })
}

fn visible_statuses(
    wanted: Option<Vec<PostingStatus>>,
    is_insider: bool,
    caller: &Caller,
) -> Result<Vec<PostingStatus>, Problem> {
    match (wanted, is_insider) {
        (None, true) => Ok(PostingStatus::ALL.to_vec()),
        (Some(wanted), true) => Ok(wanted),
        (None, false) => Ok(vec![PostingStatus::Published]),
        (Some(wanted), false) if wanted == [PostingStatus::Published] => Ok(wanted),
        (Some(_), false) => Err(Problem::new(match caller {
            Caller::Anonymous => Code::CredentialsMissing,
            _ => Code::NotAllowed,
        })),
    }
}
