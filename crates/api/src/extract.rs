//! What handlers take from a request: bodies, parameters and the caller.

use std::future::{Ready, ready};
use std::pin::Pin;

use accounts::{ApiKey, User, find_api_key, require_active_session, touch_api_key};
use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use postings::FieldError;
use serde::de::DeserializeOwned;
use store::Id;

use crate::error::{Code, Problem};
use crate::state::State;

/// A JSON body of type `T`. Unknown fields, wrong types and bad values name their place.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json =
            content_type(request).is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        let bytes = read_body(request, payload);
        Box::pin(async move {
            let bytes = bytes.await?;
            if !is_json {
                let detail = "send Content-Type: application/json";
                return Err(Problem::new(Code::MediaTypeUnsupported).detail(detail));
            }
            from_json(&bytes).map(Self)
        })
    }
}

/// The bytes of a body, at most as many as the route's `PayloadConfig` allows.
pub(crate) fn read_body(request: &HttpRequest, payload: &mut Payload) -> Extracting<web::Bytes> {
    let bytes = web::Bytes::from_request(request, payload);
    Box::pin(async move {
        bytes
            .await
            .map_err(|error| match error.as_response_error().status_code().as_u16() {
                413 => Problem::new(Code::BodyTooLarge),
                _ => Problem::new(Code::JsonMalformed).detail("the body could not be read to its end"),
            })
    })
}

pub(crate) fn content_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    Some(
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

/// `bytes` as a `T`, or the problem with the place of the mistake.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let pointer = postings::import::pointer_of(error.path());
        json_problem(&pointer, &error.into_inner())
    })?;
    parser.end().map_err(|error| json_problem("", &error))?;
    Ok(value)
}

fn json_problem(pointer: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::new(Code::JsonMalformed).detail(error.to_string());
    }
    let words = error.to_string();
    // serde says: unknown field `x`, expected one of `a`, `b` at line 1 column 2
    let words = words
        .rsplit_once(" at line ")
        .map_or(words.as_str(), |(words, _)| words)
        .to_owned();
    let mut quoted = words.split('`').skip(1).step_by(2);
    let (given, known) = (quoted.next().unwrap_or_default(), quoted.collect::<Vec<_>>());
    let meant = nearest(given, known.iter().copied());
    let (code, field_code) = match () {
        () if words.starts_with("unknown field") => (Code::UnknownField, "unknown_field"),
        () if words.starts_with("missing field") => (Code::ContentInvalid, "value_missing"),
        () if words.starts_with("unknown variant") => (Code::ContentInvalid, "value_unknown"),
        () => (Code::ContentInvalid, "value_invalid"),
    };
    let pointer = if field_code == "value_missing" {
        format!("{pointer}/{given}")
    } else {
        pointer.to_owned()
    };
    let problem = Problem::new(code).errors(vec![FieldError::new(pointer, field_code, words.clone())]);
    problem.detail(words).did_you_mean(meant)
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = candidates.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let (distance, candidate) = scored.min()?;
    (distance <= 1 + candidate.len() / 4).then(|| candidate.to_owned())
}

/// Parameters in the address, of type `T` (a struct of `Option<String>` and the like). Unknown ones are refused.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_params(request.query_string()).map(Self))
    }
}

fn parse_params<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut object = serde_json::Map::new();
    for (name, value) in pairs(query) {
        if object.insert(name.clone(), value.into()).is_some() {
            let errors = vec![FieldError::new(
                format!("/{name}"),
                "parameter_repeated",
                "give it once",
            )];
            return Err(Problem::new(Code::ParametersInvalid).errors(errors));
        }
    }
    serde_path_to_error::deserialize(serde_json::Value::Object(object)).map_err(|error| {
        let pointer = postings::import::pointer_of(error.path());
        let words = error.into_inner().to_string();
        let mut quoted = words.split('`').skip(1).step_by(2);
        let (given, known) = (quoted.next().unwrap_or_default(), quoted.collect::<Vec<_>>());
        if words.starts_with("unknown field") {
            let meant = nearest(given, known.iter().copied());
            let errors = vec![FieldError::new(
                format!("/{given}"),
                "unknown_parameter",
                words.clone(),
            )];
            return Problem::new(Code::UnknownParameter)
                .detail(words.clone())
                .errors(errors)
                .did_you_mean(meant);
        }
        let place = if words.starts_with("missing field") {
            format!("/{given}")
        } else {
            pointer
        };
        let errors = vec![FieldError::new(place, "value_invalid", words.clone())];
        Problem::new(Code::ParametersInvalid).detail(words).errors(errors)
    })
}

/// The decoded pairs of a query string.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect()
}

/// No parameters at all.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

/// `limit` and `cursor` of a list.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageParams {
    pub(crate) limit: Option<String>,
    pub(crate) cursor: Option<String>,
}

impl PageParams {
    /// Entries in a page, 1-100, 20 when not given.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        parse_limit(self.limit.as_deref())
    }

    /// The id after which the page begins.
    pub(crate) fn after(&self) -> Result<Option<Id>, Problem> {
        match self.cursor.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => store::page::decode_cursor(text)
                .map(Some)
                .ok_or_else(|| Problem::new(Code::CursorInvalid)),
        }
    }
}

pub(crate) fn parse_limit(text: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(20) };
    text.parse()
        .ok()
        .filter(|limit| (1..=100).contains(limit))
        .ok_or_else(|| {
            let errors = vec![FieldError::new("/limit", "number_out_of_range", "1 to 100")];
            Problem::new(Code::ParametersInvalid).errors(errors)
        })
}

/// An id in a path; what is not an id names nothing.
pub(crate) fn path_id(text: &str, missing: Code) -> Result<Id, Problem> {
    text.parse().map_err(|_| Problem::new(missing))
}

impl FromRequest for State {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            request
                .app_data::<Self>()
                .cloned()
                .ok_or_else(|| Problem::new(Code::Internal)),
        )
    }
}

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// A person who is signed in.
    User(Box<User>, Id),
    /// A program with an employer's key.
    Key(Box<ApiKey>),
}

impl Caller {
    /// The person, or 401; a key gets 403.
    pub(crate) fn user(&self) -> Result<&User, Problem> {
        match self {
            Self::User(user, _) => Ok(user),
            Self::Anonymous => Err(Problem::new(Code::CredentialsMissing)),
            Self::Key(_) => Err(Problem::new(Code::NotAllowed).detail("an API key cannot do this; sign in")),
        }
    }

    /// In whose name answers are remembered.
    pub(crate) fn scope(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::User(user, _) => user.id.to_string(),
            Self::Key(key) => key.id.to_string(),
        }
    }

    pub(crate) fn is_operator(&self) -> bool {
        matches!(self, Self::User(user, _) if user.is_operator)
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default().to_owned());
        let state = request.app_data::<State>().cloned();
        Box::pin(async move {
            let Some(header) = header else {
                return Ok(Self::Anonymous);
            };
            let state = state.ok_or_else(|| Problem::new(Code::Internal))?;
            let scheme = header
                .get(..7)
                .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
            let rejected = || Problem::new(Code::TokenRejected);
            let token = scheme
                .map(|_| header[7..].trim().to_owned())
                .ok_or_else(rejected)?;
            if token.starts_with("bp_") {
                key_caller(&state, token).await
            } else {
                user_caller(&state, &token).await
            }
        })
    }
}

async fn user_caller(state: &State, token: &str) -> Result<Caller, Problem> {
    let now = state.now();
    let claims = state.jwt.verify(token, now)?;
    let identity = state
        .read(move |conn, _| require_active_session(conn, claims.sid, now))
        .await?;
    Ok(Caller::User(Box::new(identity.user), identity.session_id))
}

async fn key_caller(state: &State, secret: String) -> Result<Caller, Problem> {
    let now = state.now();
    let key = state.read(move |conn, _| find_api_key(conn, &secret)).await?;
    let key = key.ok_or_else(|| Problem::new(Code::TokenRejected))?;
    if key.is_use_unnoted(now) {
        let id = key.id;
        state.write(move |tx, _| touch_api_key(tx, id, now)).await?;
    }
    Ok(Caller::Key(Box::new(key)))
}
