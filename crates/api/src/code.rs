//! The table of problems: every way in which the API says no, with its status and its stable code.

macro_rules! codes {
    ($(#[doc = $doc:literal] $variant:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// Every code that a problem can carry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $(#[doc = $doc] $variant),+ }

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

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii()),+ }
            }

            /// The short summary for people, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The request as a whole cannot be read.
    RequestInvalid = "request_invalid", 400, "The request is not valid";
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
    /// The password was right; the second factor is asked for. `mfa_token` is good for five minutes.
    MfaRequired = "mfa_required", 403, "The second factor is asked for";
    /// The code of the second factor is wrong or used, or the sign-in took too long.
    MfaInvalid = "mfa_invalid", 401, "The code is not valid";
    /// The password, a code, or a sign-in of the last ten minutes is asked for.
    ProofRequired = "proof_required", 403, "Show once more that it is you";
    /// The identity provider, or what it said, is not believed.
    ProviderRefused = "provider_refused", 401, "The identity provider did not vouch for this sign-in";
    /// The sign-in with a provider was begun elsewhere, is finished, or took too long.
    FlowInvalid = "flow_invalid", 401, "The sign-in took too long, or was begun elsewhere";
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
    /// There is no such domain.
    DomainNotFound = "domain_not_found", 404, "Domain not found";
    /// Nobody was offered the employer, or not the caller.
    OfferNotFound = "offer_not_found", 404, "There is no such offer";
    /// There is no such session.
    SessionNotFound = "session_not_found", 404, "Session not found";
    /// There is no such passkey.
    PasskeyNotFound = "passkey_not_found", 404, "Passkey not found";
    /// The operator has named no such identity provider.
    ProviderNotFound = "provider_not_found", 404, "Identity provider not found";
    /// The account has no such identity.
    IdentityNotFound = "identity_not_found", 404, "Identity not found";
    /// There is no such import run.
    ImportNotFound = "import_not_found", 404, "Import run not found";
    /// There is no such board.
    BoardNotFound = "board_not_found", 404, "Board not found";
    /// There is no such campaign.
    CampaignNotFound = "campaign_not_found", 404, "Campaign not found";
    /// There is no such hiring event.
    EventNotFound = "event_not_found", 404, "Hiring event not found";
    /// There is no such case of reports.
    CaseNotFound = "case_not_found", 404, "Case not found";
    /// There is no such webhook, or delivery.
    WebhookNotFound = "webhook_not_found", 404, "Webhook not found";
    /// There is no such alert.
    AlertNotFound = "alert_not_found", 404, "Alert not found";
    /// A mailed token is unknown or used up.
    TokenInvalid = "token_invalid", 404, "The token is not valid";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, "This method is not possible here";
    /// The body did not come in time.
    BodyTooSlow = "body_too_slow", 408, "The body took too long";
    /// The step is not possible from this state.
    StateConflict = "state_conflict", 409, "This is not possible in the present state";
    /// There is an account with the address. Whoever owns it signs in and connects the provider.
    IdentityUnconnected = "identity_unconnected", 409, "There is an account with this address already";
    /// The identity signs in to another account.
    IdentityTaken = "identity_taken", 409, "This identity is connected to another account";
    /// The `external_id` is taken.
    ExternalIdTaken = "external_id_taken", 409, "Another posting has this external_id";
    /// The employer has this board already, or as many as it may have.
    BoardExists = "board_exists", 409, "The board is there already";
    /// The person is a member already.
    MemberExists = "member_exists", 409, "The person is a member already";
    /// The employer has named the domain already.
    DomainExists = "domain_exists", 409, "The employer has named this domain already";
    /// The domain's TXT record is not there.
    DomainUnproven = "domain_unproven", 409, "The domain is not shown to be yours";
    /// The employer has as many as it may have.
    QuotaExceeded = "quota_exceeded", 409, "The employer may not have more of these";
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
    /// What the browser handed over for a passkey is not believed, or came too late.
    PasskeyInvalid = "passkey_invalid", 422, "The passkey could not be verified";
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
