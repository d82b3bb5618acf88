//! Requests and answers.

use std::pin::Pin;
use std::sync::OnceLock;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::test::{TestRequest, read_body};
use actix_web::{HttpRequest, web};
use serde_json::Value;

use super::TestApp;
use crate::openapi::openapi_json;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body as JSON, or null when it is not JSON.
    pub json: Value,
    /// The body as text.
    pub text: String,
}

#[expect(clippy::panic, reason = "a test that gets another answer must fail loudly")]
impl Answer {
    /// The answer, which must have this status.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The text at a JSON pointer.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        let value = self.json.pointer(pointer).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text))
            .to_owned()
    }

    /// The code of a problem.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn code(&self) -> String {
        self.text_at("/code")
    }
}

/// A request in the making.
pub struct Call<'a> {
    pub(super) app: &'a TestApp,
    pub(super) request: TestRequest,
}

impl Call<'_> {
    /// With a token or API key.
    pub fn by(mut self, token: &str) -> Self {
        self.request = self
            .request
            .insert_header(("Authorization", format!("Bearer {token}")));
        self
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request = self.request.insert_header((name, value));
        self
    }

    /// With a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.request = self
            .request
            .insert_header(("Content-Type", "application/json"))
            .set_payload(body.to_string());
        self
    }

    /// With any body.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request = self
            .request
            .insert_header(("Content-Type", content_type))
            .set_payload(body.into());
        self
    }

    /// Sends it, and leaves the body of the answer to be read.
    ///
    /// # Panics
    /// When the answer is no success.
    pub async fn open(self) -> Reading {
        let service = self.app.service().await;
        let request = self.request.peer_addr(([192, 0, 2, 1], 1234).into());
        let response = service(request).await;
        assert!(response.status().is_success(), "{}", response.status());
        Reading(response.into_body())
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let service = self.app.service().await;
        let request = self.request.peer_addr(([192, 0, 2, 1], 1234).into());
        let response = service(request).await;
        let status = response.status().as_u16();
        require_documented(response.request(), status);
        let header = |(name, value): (
            &actix_web::http::header::HeaderName,
            &actix_web::http::header::HeaderValue,
        )| {
            (
                name.as_str().to_owned(),
                value.to_str().unwrap_or_default().to_owned(),
            )
        };
        let headers = response.headers().iter().map(header).collect();
        let body = read_body(response).await;
        let text = String::from_utf8_lossy(&body).into_owned();
        Answer {
            status,
            headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }
}

/// An answer's body while it is being read, a piece at a time.
pub struct Reading(BoxBody);

impl Reading {
    /// The next piece, as it was written; `None` at the end.
    ///
    /// # Panics
    /// When the answer breaks off.
    #[expect(
        clippy::expect_used,
        reason = "a test whose answer breaks off must fail loudly"
    )]
    pub async fn next(&mut self) -> Option<web::Bytes> {
        let piece = std::future::poll_fn(|context| Pin::new(&mut self.0).poll_next(context)).await;
        piece.map(|piece| piece.expect("the answer goes on"))
    }
}

/// The OpenAPI document must know every success that occurs.
fn require_documented(request: &HttpRequest, status: u16) {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| serde_json::from_str(openapi_json()).unwrap_or_default());
    let pattern = request.match_pattern().unwrap_or_default();
    let method = request.method().as_str().to_ascii_lowercase();
    let operation = &document["paths"][&pattern][&method];
    let is_known = operation["responses"].get(status.to_string()).is_some();
    assert!(
        status >= 400 || !operation.is_object() || is_known,
        "{method} {pattern} answers {status}, which is not documented"
    );
}
