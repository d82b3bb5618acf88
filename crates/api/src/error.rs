//! Problems: every way in which the API says no.
//!
//! Answers are `application/problem+json` (RFC 9457). The crates to the left know no HTTP; their errors are mapped here
//! and nowhere else.

mod accounts;

use std::fmt;

use ::accounts::ChallengeToken;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use alerts::subscription::AlertError;
use postings::FieldError;
use postings::campaigns::CampaignError;
use postings::events::EventError;
use postings::import::BoardError;
use postings::lifecycle::PostingError;
use postings::numbers::NumbersError;
use postings::reports::ReportError;
use postings::webhooks::EndpointError;
use search::{IndexError, ParameterError, SearchError};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

pub use crate::code::Code;

/// A refusal or a failure, on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    did_you_mean: Option<String>,
    conflicts_with: Option<String>,
    retry_after_s: Option<u32>,
    mfa_token: Option<Box<ChallengeToken>>,
}

/// The body of every answer that is not a success (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Identifies the kind of problem; leads to its description.
    #[serde(rename = "type")]
    #[schema(example = "/docs/problems#posting_not_found")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// Stable name of the kind.
    #[schema(example = "posting_not_found")]
    code: &'static str,
    /// Names this request in our logs; also in `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// For bad input: each mistake with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    did_you_mean: Option<String>,
    /// What is in the way, when it can be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts_with: Option<String>,
    /// For `mfa_required`: goes to `/v1/auth/mfa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_token: Option<String>,
}

impl Problem {
    /// A problem with the table's words.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            did_you_mean: None,
            conflicts_with: None,
            retry_after_s: None,
            mfa_token: None,
        }
    }

    /// The problem with words of its own.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The problem with mistakes in the input.
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// The problem with what was probably meant.
    pub fn did_you_mean(mut self, meant: Option<String>) -> Self {
        self.did_you_mean = meant;
        self
    }

    /// The problem with the address of what is in the way.
    pub fn conflicts_with(mut self, path: Option<String>) -> Self {
        self.conflicts_with = path;
        self
    }

    /// The problem with the seconds after which trying again makes sense.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// The problem with the secret for the second step of a sign-in.
    pub(crate) fn mfa_token(mut self, token: ChallengeToken) -> Self {
        self.mfa_token = Some(Box::new(token));
        self
    }

    /// One mistake in the body.
    pub fn field(pointer: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::new(Code::ContentInvalid).errors(vec![FieldError::new(pointer, code, detail)])
    }

    /// What kind of problem it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, in one sentence for people.
    pub(crate) fn in_words(&self) -> String {
        let first = self.errors.first().map(|error| {
            let field = error.pointer.trim_start_matches('/').replace(['_', '/'], " ");
            match (field.is_empty(), error.detail.split_whitespace().next()) {
                // What begins with an article says what is wanted, but not where.
                (false, Some("a" | "an" | "at" | "one" | "whole")) => format!("{field}: {}", error.detail),
                _ => error.detail.clone(),
            }
        });
        first
            .or_else(|| self.detail.clone())
            .unwrap_or_else(|| self.code.title().to_owned())
    }

    /// What the answer says.
    pub(crate) fn body(&self, request_id: Option<String>) -> ProblemBody {
        ProblemBody {
            kind: format!("/docs/problems#{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status(),
            detail: self
                .detail
                .clone()
                .unwrap_or_else(|| self.code.title().to_owned()),
            code: self.code.as_str(),
            request_id,
            errors: self.errors.clone(),
            did_you_mean: self.did_you_mean.clone(),
            conflicts_with: self.conflicts_with.clone(),
            mfa_token: self.mfa_token.clone().map(|token| token.0),
        }
    }

    /// The answer, with the request's id.
    pub fn response(&self, request_id: Option<String>) -> HttpResponse {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after_s {
            response.insert_header(("Retry-After", seconds.to_string()));
        }
        if self.code.status() == 401 {
            response.insert_header(("WWW-Authenticate", "Bearer"));
        }
        let body = self.body(request_id);
        let body = serde_json::to_string(&body).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The observer adds the request's id on the way out.
    fn error_response(&self) -> HttpResponse {
        let mut response = self.response(None);
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Interrupted => {
                tracing::warn!(%error, "the database was not available to a request");
                Self::new(Code::Unavailable).retry_after(2)
            }
            StoreError::NoSpace(_) => {
                tracing::error!(%error, "the database cannot write");
                Self::new(Code::StorageFull).retry_after(60)
            }
            StoreError::Address(_) | StoreError::Migration(_) | StoreError::Database(_) => internal(&error),
        }
    }
}

fn internal(error: &dyn std::error::Error) -> Problem {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "a request failed");
    Problem::new(Code::Internal)
}

impl From<PostingError> for Problem {
    fn from(error: PostingError) -> Self {
        match error {
            PostingError::NotFound => Self::new(Code::PostingNotFound),
            PostingError::EmployerNotFound => Self::new(Code::EmployerNotFound),
            PostingError::VersionConflict { .. } => {
                Self::new(Code::VersionConflict).detail(error.to_string())
            }
            PostingError::StateConflict { .. } | PostingError::Held(_) => {
                Self::new(Code::StateConflict).detail(error.to_string())
            }
            PostingError::ExternalIdTaken { by } => {
                Self::new(Code::ExternalIdTaken).conflicts_with(by.map(|id| format!("/v1/postings/{id}")))
            }
            PostingError::Invalid(errors) => Self::new(Code::ContentInvalid).errors(errors),
            PostingError::Store(error) => error.into(),
        }
    }
}

impl From<CampaignError> for Problem {
    fn from(error: CampaignError) -> Self {
        match error {
            CampaignError::NotFound => Self::new(Code::CampaignNotFound),
            CampaignError::VersionConflict(_) => Self::new(Code::VersionConflict).detail(error.to_string()),
            CampaignError::StateConflict(..) => Self::new(Code::StateConflict).detail(error.to_string()),
            CampaignError::TooMany => Self::new(Code::LimitReached).detail(error.to_string()),
            CampaignError::Invalid(errors) => Self::new(Code::ContentInvalid).errors(errors),
            CampaignError::Posting(error) => error.into(),
            CampaignError::Store(error) => error.into(),
        }
    }
}

impl From<EventError> for Problem {
    fn from(error: EventError) -> Self {
        match error {
            EventError::NotFound => Self::new(Code::EventNotFound),
            EventError::VersionConflict(_) => Self::new(Code::VersionConflict).detail(error.to_string()),
            EventError::StateConflict(_) => Self::new(Code::StateConflict).detail(error.to_string()),
            EventError::TokenInvalid => Self::new(Code::TokenInvalid),
            EventError::TokenExpired => Self::new(Code::TokenExpired),
            EventError::Invalid(errors) => Self::new(Code::ContentInvalid).errors(errors),
            EventError::Store(error) => error.into(),
        }
    }
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NotFound => Self::new(Code::CaseNotFound),
            ReportError::VersionConflict(_) => Self::new(Code::VersionConflict).detail(error.to_string()),
            ReportError::StateConflict(_) => Self::new(Code::StateConflict).detail(error.to_string()),
            ReportError::Invalid(errors) => Self::new(Code::ContentInvalid).errors(errors),
            ReportError::Posting(error) => error.into(),
            ReportError::Store(error) => error.into(),
        }
    }
}

impl From<BoardError> for Problem {
    fn from(error: BoardError) -> Self {
        match error {
            BoardError::NotFound => Self::new(Code::BoardNotFound),
            BoardError::Exists | BoardError::TooMany => {
                Self::new(Code::BoardExists).detail(error.to_string())
            }
            BoardError::Invalid(pointer, detail) => Self::field(pointer, "value_invalid", detail),
            BoardError::Store(error) => error.into(),
        }
    }
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound => Self::new(Code::WebhookNotFound),
            EndpointError::VersionConflict => Self::new(Code::VersionConflict).detail(error.to_string()),
            EndpointError::Disabled => Self::new(Code::StateConflict).detail(error.to_string()),
            EndpointError::Invalid(pointer, detail) => Self::field(pointer, "value_invalid", detail),
            EndpointError::Sealed => internal(&error),
            EndpointError::Store(error) => error.into(),
        }
    }
}

impl From<NumbersError> for Problem {
    fn from(NumbersError(parameter, detail): NumbersError) -> Self {
        let errors = vec![FieldError::new(format!("/{parameter}"), "value_invalid", detail)];
        Self::new(Code::ParametersInvalid).detail(detail).errors(errors)
    }
}

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::NotFound => Self::new(Code::AlertNotFound),
            AlertError::QueryUnfiltered => Self::new(Code::QueryUnfiltered).errors(vec![FieldError::new(
                "/query",
                "query_unfiltered",
                "name at least one word or filter, such as discipline, skill, country or pay_min",
            )]),
            AlertError::TimezoneUnknown => Self::field(
                "/timezone",
                "timezone_unknown",
                "an IANA name such as Europe/Zurich",
            ),
            AlertError::HourInvalid => Self::field("/hour", "number_out_of_range", "an hour from 0 to 23"),
            AlertError::QuietHoursInvalid => Self::field(
                "/quiet_hours",
                "number_out_of_range",
                "two different hours from 0 to 23",
            ),
            AlertError::StateConflict(_) => Self::new(Code::StateConflict).detail(error.to_string()),
            AlertError::TooMany => Self::new(Code::LimitReached),
            AlertError::TokenInvalid => Self::new(Code::TokenInvalid),
            AlertError::TokenExpired => Self::new(Code::TokenExpired),
            AlertError::VersionConflict(_) => Self::new(Code::VersionConflict).detail(error.to_string()),
            AlertError::Store(error) => error.into(),
        }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::CursorInvalid => Self::new(Code::CursorInvalid),
            SearchError::Tantivy(_) => internal(&error),
        }
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        internal(&error)
    }
}

/// Mistakes in the parameters of a search; `in_body` when they came as an alert's query object.
pub(crate) fn parameters_problem(errors: Vec<ParameterError>, in_body: bool) -> Problem {
    let unknown = errors.iter().find(|error| error.code == "unknown_parameter");
    let code = match (unknown.is_some(), in_body) {
        (true, true) => Code::UnknownField,
        (true, false) => Code::UnknownParameter,
        (false, true) => Code::ContentInvalid,
        (false, false) => Code::ParametersInvalid,
    };
    let lead = unknown.or(errors.first());
    let detail = lead.map(|error| error.detail.clone()).unwrap_or_default();
    let meant = lead.and_then(|error| error.did_you_mean.clone());
    let prefix = if in_body { "/query/" } else { "/" };
    let errors = errors
        .into_iter()
        .map(|error| {
            let hint = error
                .did_you_mean
                .map(|meant| format!("; did you mean {meant:?}?"))
                .unwrap_or_default();
            FieldError::new(
                format!("{prefix}{}", error.parameter),
                error.code,
                format!("{}{hint}", error.detail),
            )
        })
        .collect();
    Problem::new(code)
        .detail(detail)
        .errors(errors)
        .did_you_mean(meant)
}
