//! What handlers take from a request: bodies, parameters and the state.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use postings::FieldError;
use serde::de::DeserializeOwned;
use store::Id;

use crate::error::{Code, Problem};
use crate::room;
use crate::state::State;

/// A JSON body of type `T`. Unknown fields, wrong types and bad values name their place.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

pub(crate) type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

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

/// How long a body may take when nothing is said about its length: a client that drips holds a connection no longer.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// Bytes in a second with which a large body must at least come.
const SLOWEST: u64 = 32 * 1024;

/// The bytes of a body, at most as many as the route's `PayloadConfig` allows, also after decompression. Where bodies are large
/// its [`room::Room`] lies in the request's extensions, until the request is over or somebody takes it.
pub(crate) fn read_body(request: &HttpRequest, payload: &mut Payload) -> Extracting<web::Bytes> {
    let bytes = web::Bytes::from_request(request, payload);
    let length = request.headers().get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let patience = BODY_PATIENCE + Duration::from_secs((length.unwrap_or_default() / SLOWEST).min(3600));
    let request = request.clone();
    Box::pin(async move {
        if let Some(room) = room::take(&request, length)? {
            request.extensions_mut().insert(room);
        }
        let Ok(bytes) = tokio::time::timeout(patience, bytes).await else {
            return Err(Problem::new(Code::BodyTooSlow));
        };
        bytes.map_err(|error| match error.as_response_error().status_code().as_u16() {
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
    require_object(bytes)?;
    refuse_nul(bytes)?;
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let pointer = postings::import::pointer_of(error.path());
        json_problem(&pointer, &error.into_inner())
    })?;
    parser.end().map_err(|error| json_problem("", &error))?;
    Ok(value)
}

/// Without this serde takes an array of values in the order of our fields for an object.
fn require_object(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Ok(());
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|error| json_problem("", &error))?;
    Err(Problem::field("", "value_invalid", "the body is an object"))
}

/// U+0000 is text to JSON, but PostgreSQL keeps no such text. Unescaped it is no JSON anyway.
fn refuse_nul(bytes: &[u8]) -> Result<(), Problem> {
    const ESCAPED: &[u8] = br"\u0000";
    if !bytes.windows(ESCAPED.len()).any(|window| window == ESCAPED) {
        return Ok(());
    }
    let value = serde_json::from_slice(bytes).map_err(|error| json_problem("", &error))?;
    match nul_in(&value) {
        None => Ok(()),
        Some(pointer) => Err(Problem::field(
            &pointer,
            "character_forbidden",
            "the character U+0000 cannot be kept",
        )),
    }
}

/// The JSON pointer of the first text or name with U+0000 in it.
fn nul_in(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            let mut places = items.iter().enumerate();
            places.find_map(|(n, item)| Some(format!("/{n}{}", nul_in(item)?)))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, item)| {
            if name.contains('\0') {
                return Some(String::new());
            }
            let name = name.replace('~', "~0").replace('/', "~1");
            Some(format!("/{name}{}", nul_in(item)?))
        }),
        _ => None,
    }
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

/// The parameters in `query`, of type `T`. Unknown ones are refused.
pub(crate) fn parse_params<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
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
