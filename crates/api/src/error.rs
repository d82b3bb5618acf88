//! The one table of problems: every way in which the API says no, with its status and its stable code.
//!
//! Answers are `application/problem+json` (RFC 9457). The crates to the left know no HTTP; their errors are mapped here
//! and nowhere else.

use std::fmt;

use accounts::{
    AccountError, EmployerError, ErasureError, InvitationError, MemberError, PasswordProblem,
    PasswordUnavailable, SessionError, SignInError, TokenError, UserError,
};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use alerts::subscription::AlertError;
use postings::FieldError;
use postings::lifecycle::PostingError;
use search::{IndexError, ParameterError, SearchError};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// Every code that a problem can carry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[doc = $doc])+ $variant),+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable word that clients compare.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// The short summary for people, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    JsonMalformed = "json_malformed", 400, "The body is not well-formed JSON";
    /// A parameter in the address is wrong.
    ParametersInvalid = "parameters_invalid", 400, "The parameters are not valid";
    /// A parameter is not one of this call's.
    UnknownParameter = "unknown_parameter", 400, "There is no such parameter";
    /// The cursor was not made by this call.
    CursorInvalid = "cursor_invalid", 400, "The cursor is not valid";
    /// A header is wrong.
    HeaderInvalid = "header_invalid", 400, "A header is not valid";
    /// No credentials, or bad ones.
    CredentialsMissing = "credentials_missing", 401, "This call needs an access token or an API key";
    /// The access token or API key is not valid.
    TokenRejected = "token_rejected", 401, "The access token or API key is not valid";
    /// Address or password are wrong.
    CredentialsInvalid = "credentials_invalid", 401, "The address or the password is wrong";
    /// The refresh token is not valid.
    RefreshTokenInvalid = "refresh_token_invalid", 401, "The refresh token is not valid";
    /// The address was never verified.
    EmailUnverified = "email_unverified", 403, "The e-mail address is not verified";
    /// The caller may not do this.
    NotAllowed = "not_allowed", 403, "You may not do this";
    /// There is no such path.
    RouteNotFound = "route_not_found", 404, "There is nothing at this address";
    /// There is no such posting.
    PostingNotFound = "posting_not_found", 404, "Posting not found";
    /// There is no such employer.
    EmployerNotFound = "employer_not_found", 404, "Employer not found";
    /// There is no such member.
    MemberNotFound = "member_not_found", 404, "Member not found";
    /// There is no such invitation.
    InvitationNotFound = "invitation_not_found", 404, "Invitation not found";
    /// There is no such API key.
    ApiKeyNotFound = "api_key_not_found", 404, "API key not found";
    /// There is no such session.
    SessionNotFound = "session_not_found", 404, "Session not found";
    /// There is no such import run.
    ImportNotFound = "import_not_found", 404, "Import run not found";
    /// There is no such alert.
    AlertNotFound = "alert_not_found", 404, "Alert not found";
    /// A mailed token is unknown or used up.
    TokenInvalid = "token_invalid", 404, "The token is not valid";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, "This method is not possible here";
    /// The step is not possible from this state.
    StateConflict = "state_conflict", 409, "This is not possible in the present state";
    /// The `external_id` is taken.
    ExternalIdTaken = "external_id_taken", 409, "Another posting has this external_id";
    /// The person is a member already.
    MemberExists = "member_exists", 409, "The person is a member already";
    /// An employer needs an owner.
    LastOwner = "last_owner", 409, "An employer needs an owner";
    /// There are as many as there can be.
    LimitReached = "limit_reached", 409, "There are as many of these as there can be";
    /// The mailed token is too old.
    TokenExpired = "token_expired", 410, "The token has expired";
    /// `If-Match` names another version.
    VersionConflict = "version_conflict", 412, "It was changed meanwhile";
    /// The body is too large.
    BodyTooLarge = "body_too_large", 413, "The body is too large";
    /// The body has the wrong type.
    MediaTypeUnsupported = "media_type_unsupported", 415, "The body has an unsupported media type";
    /// The body is well-formed with wrong content.
    ContentInvalid = "content_invalid", 422, "The body is not valid";
    /// A field is not one of this call's.
    UnknownField = "unknown_field", 422, "There is no such field";
    /// The alert's query restricts nothing.
    QueryUnfiltered = "query_unfiltered", 422, "The query would match every posting";
    /// The same key came with another request.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The Idempotency-Key was used for another request";
    /// Too many requests.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// A bug or damage.
    Internal = "internal_error", 500, "Something went wrong here";
    /// The database or a worker is not available.
    Unavailable = "service_unavailable", 503, "Not available at the moment";
    /// The disk is full.
    StorageFull = "storage_full", 507, "Nothing can be stored at the moment";
}

/// A refusal or a failure, on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    did_you_mean: Option<String>,
    retry_after_s: Option<u64>,
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
}

impl Problem {
    /// A problem with the table's words.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            did_you_mean: None,
            retry_after_s: None,
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

    /// The problem with the seconds after which trying again makes sense.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
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
        let body = ProblemBody {
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
        };
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
            PostingError::StateConflict { .. } => Self::new(Code::StateConflict).detail(error.to_string()),
            PostingError::ExternalIdTaken => Self::new(Code::ExternalIdTaken),
            PostingError::Invalid(errors) => Self::new(Code::ContentInvalid).errors(errors),
            PostingError::Store(error) => error.into(),
        }
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
            AlertError::StateConflict(_) => Self::new(Code::StateConflict).detail(error.to_string()),
            AlertError::TooMany => Self::new(Code::LimitReached),
            AlertError::TokenInvalid => Self::new(Code::TokenInvalid),
            AlertError::TokenExpired => Self::new(Code::TokenExpired),
            AlertError::VersionConflict(_) => Self::new(Code::VersionConflict).detail(error.to_string()),
            AlertError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Name => Self::field("/name", "name_invalid", error.to_string()),
            AccountError::Token => Self::new(Code::TokenInvalid),
            AccountError::PasswordConflict => Self::new(Code::StateConflict).detail(error.to_string()),
            AccountError::Store(error) => error.into(),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound => Self::new(Code::TokenRejected),
            UserError::VersionConflict => Self::new(Code::VersionConflict),
            UserError::Name => Self::field("/name", "name_invalid", error.to_string()),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<ErasureError> for Problem {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::NotFound => Self::new(Code::TokenRejected),
            ErasureError::LastOwner { .. } => Self::new(Code::LastOwner).detail(error.to_string()),
            ErasureError::Store(error) => error.into(),
        }
    }
}

impl From<PasswordProblem> for Problem {
    fn from(error: PasswordProblem) -> Self {
        Self::field("/password", "password_unfit", error.to_string())
    }
}

impl From<PasswordUnavailable> for Problem {
    fn from(error: PasswordUnavailable) -> Self {
        match error {
            PasswordUnavailable::Busy => Self::new(Code::Unavailable)
                .detail(error.to_string())
                .retry_after(2),
            PasswordUnavailable::Failed => internal(&error),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Credentials => Self::new(Code::CredentialsInvalid),
            SignInError::Unverified => Self::new(Code::EmailUnverified),
            SignInError::Password(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ended => Self::new(Code::TokenRejected).detail("the session has ended"),
            SessionError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid | TokenError::Expired => {
                Self::new(Code::TokenRejected).detail(error.to_string())
            }
            TokenError::Signing => internal(&error),
        }
    }
}

impl From<EmployerError> for Problem {
    fn from(error: EmployerError) -> Self {
        let words = error.to_string();
        match error {
            EmployerError::NotFound => Self::new(Code::EmployerNotFound),
            EmployerError::VersionConflict => Self::new(Code::VersionConflict),
            EmployerError::Name => Self::field("/name", "name_invalid", words),
            EmployerError::Website => Self::field("/website", "url_invalid", words),
            EmployerError::Description => Self::field("/description", "value_too_long", words),
            EmployerError::Headquarters => Self::field("/headquarters", "value_too_long", words),
            EmployerError::Store(error) => error.into(),
        }
    }
}

impl From<MemberError> for Problem {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::NotFound => Self::new(Code::MemberNotFound),
            MemberError::AlreadyMember => Self::new(Code::MemberExists),
            MemberError::LastOwner => Self::new(Code::LastOwner),
            MemberError::TooMany => Self::new(Code::LimitReached),
            MemberError::Store(error) => error.into(),
        }
    }
}

impl From<InvitationError> for Problem {
    fn from(error: InvitationError) -> Self {
        match error {
            InvitationError::Token => Self::new(Code::TokenInvalid),
            InvitationError::WrongAddress => Self::new(Code::NotAllowed).detail(error.to_string()),
            InvitationError::AlreadyMember => Self::new(Code::MemberExists),
            InvitationError::TooMany => Self::new(Code::LimitReached),
            InvitationError::NotFound => Self::new(Code::EmployerNotFound),
            InvitationError::Store(error) => error.into(),
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
        (true, _) => Code::UnknownParameter,
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
