//! Answers to writes: their status, body and headers, and that a repeated write is answered the same way.

use std::fmt::Write as _;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use store::idempotency::{self, Remembered};
use store::{DbConn, StoreError, is_unique_violation};

use crate::caller::Caller;
use crate::error::{Code, Problem};
use crate::state::State;

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    status: u16,
    body: String,
}

impl Reply {
    /// 200 with a body.
    pub(crate) fn ok(body: &impl Serialize) -> Self {
        Self::with(200, body)
    }

    /// A status with a body.
    pub(crate) fn with(status: u16, body: &impl Serialize) -> Self {
        Self {
            status,
            body: serde_json::to_string(body).unwrap_or_default(),
        }
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self {
            status: 204,
            body: String::new(),
        }
    }

    /// The HTTP answer. The `ETag` is the `version` in the body.
    pub(crate) fn into_response(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = HttpResponse::build(status);
        if self.body.is_empty() {
            return response.finish();
        }
        if let Some(version) = version_in(&self.body) {
            response.insert_header(("ETag", format!("\"{version}\"")));
        }
        response.content_type("application/json").body(self.body)
    }
}

fn version_in(body: &str) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: Option<i64>,
    }
    serde_json::from_str::<Versioned>(body).ok()?.version
}

/// A write as it was asked: enough to know a repetition.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    key: Option<String>,
    scope: String,
    hash: Vec<u8>,
}

impl Asked {
    /// What `caller` asks; `body` is whatever the handler read from it.
    pub(crate) fn new(
        request: &HttpRequest,
        caller: &Caller,
        body: &impl Serialize,
    ) -> Result<Self, Problem> {
        Self::of_bytes(request, caller, &serde_json::to_vec(body).unwrap_or_default())
    }

    /// The same with a body as it came.
    pub(crate) fn of_bytes(request: &HttpRequest, caller: &Caller, body: &[u8]) -> Result<Self, Problem> {
        let key = match request.headers().get("idempotency-key") {
            None => None,
            Some(value) => {
                let key = value
                    .to_str()
                    .ok()
                    .map(str::trim)
                    .filter(|key| (1..=255).contains(&key.len()));
                let invalid = || {
                    Problem::new(Code::HeaderInvalid).detail("Idempotency-Key: 1 to 255 visible characters")
                };
                Some(key.ok_or_else(invalid)?.to_owned())
            }
        };
        let mut hash = Context::new(&SHA256);
        for part in [request.method().as_str(), request.path(), request.query_string()] {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        hash.update(body);
        let hash = hash.finish().as_ref().to_vec();
        // Those without an account share no memory: another request is not somebody else's repetition.
        let scope = caller
            .scope()
            .unwrap_or_else(|| format!("anonymous/{}", hex(&hash)));
        Ok(Self { key, scope, hash })
    }
}

impl State {
    /// Runs a change in one transaction, together with the memory of its answer when the client gave a key. A repetition
    /// gets the first answer and changes nothing.
    pub(crate) async fn write_once(
        &self,
        asked: Asked,
        change: impl FnOnce(&mut DbConn, &State) -> Result<Reply, Problem> + Send + 'static,
    ) -> Result<HttpResponse, Problem> {
        let Some(key) = asked.key.clone() else {
            return Ok(self.write(change).await?.into_response());
        };
        if let Some(reply) = self.remembered(&asked, &key).await? {
            return Ok(replayed(reply));
        }
        let (now, repeated) = (self.now(), asked.clone());
        let outcome = self
            .write(move |tx, state| {
                let reply = change(tx, state).map_err(Failed::Change)?;
                let answer = Remembered {
                    request_hash: asked.hash,
                    status: i32::from(reply.status),
                    body: reply.body.clone(),
                };
                let key = asked.key.unwrap_or_default();
                idempotency::remember(tx, &asked.scope, &key, &answer, now).map_err(Failed::Memory)?;
                Ok(reply)
            })
            .await;
        match outcome {
            Ok(reply) => Ok(reply.into_response()),
            // The same request was faster; ours was rolled back.
            Err(Failed::Memory(error)) if is_unique_violation(&error, "key") => {
                let reply = self.remembered(&repeated, &key).await?;
                let reply = reply.ok_or_else(|| Problem::new(Code::Unavailable).retry_after(1))?;
                Ok(replayed(reply))
            }
            Err(Failed::Memory(error)) => Err(StoreError::from(error).into()),
            Err(Failed::Change(problem)) => Err(problem),
        }
    }

    async fn remembered(&self, asked: &Asked, key: &str) -> Result<Option<Reply>, Problem> {
        let (scope, key, now) = (asked.scope.clone(), key.to_owned(), self.now());
        let found = self
            .read(move |conn, _| idempotency::find(conn, &scope, &key, now))
            .await?;
        match found {
            Some(found) if found.request_hash != asked.hash => Err(Problem::new(Code::IdempotencyKeyReused)),
            Some(found) => Ok(Some(Reply {
                status: u16::try_from(found.status).unwrap_or(200),
                body: found.body,
            })),
            None => Ok(None),
        }
    }
}

/// Tells a remembered answer from a new one.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

fn replayed(reply: Reply) -> HttpResponse {
    let mut response = reply.into_response();
    let (name, value) = (
        HeaderName::from_static(REPLAYED),
        HeaderValue::from_static("true"),
    );
    response.headers_mut().insert(name, value);
    response
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

enum Failed {
    Change(Problem),
    Memory(store::QueryError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}

/// The version that `If-Match` asks for.
pub(crate) fn if_match(request: &HttpRequest) -> Result<Option<i32>, Problem> {
    let Some(value) = request.headers().get("if-match") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.trim_start_matches("W/").trim_matches('"').parse().ok();
    let invalid = || {
        Problem::new(Code::HeaderInvalid).detail("If-Match: the ETag of the version you saw, such as \"3\"")
    };
    version.ok_or_else(invalid).map(Some)
}
