//! What accounts and employers refuse, as problems.

use accounts::{
    AccountError, ApiKeyError, DomainError, EmailChangeError, EmployerError, ErasureError, InvitationError,
    MemberError, MfaError, OwnershipError, PasskeyError, PasswordProblem, PasswordUnavailable, ProviderError,
    QuotaError, SessionError, SignInError, TokenError, UserError,
};

use super::{Code, Problem, internal};

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
            SignInError::Throttled { wait_s } => Self::new(Code::RateLimited)
                .detail(error.to_string())
                .retry_after(wait_s),
            SignInError::ProofMissing => Self::new(Code::ProofRequired).detail(error.to_string()),
            SignInError::SecondFactor(error) => error.into(),
            SignInError::Password(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<PasskeyError> for Problem {
    fn from(error: PasskeyError) -> Self {
        let words = error.to_string();
        match error {
            PasskeyError::NotFound => Self::new(Code::PasskeyNotFound),
            PasskeyError::Name => Self::field("/name", "name_invalid", words),
            PasskeyError::TooMany => Self::new(Code::LimitReached).detail(words),
            PasskeyError::Exists => Self::new(Code::StateConflict).detail(words),
            PasskeyError::Challenge => Self::new(Code::PasskeyInvalid).detail(words),
            PasskeyError::Disbelieved(why) => {
                Self::new(Code::PasskeyInvalid).detail(format!("{words}: {why}"))
            }
            PasskeyError::Store(error) => error.into(),
        }
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        let words = error.to_string();
        match error {
            ProviderError::Unknown => Self::new(Code::ProviderNotFound),
            ProviderError::Unavailable(reason) => {
                tracing::warn!(reason, "an identity provider cannot be asked");
                Self::new(Code::Unavailable).detail(words).retry_after(30)
            }
            ProviderError::Refused(reason) => {
                tracing::warn!(reason, "an identity provider was not believed");
                Self::new(Code::ProviderRefused)
            }
            ProviderError::Flow => Self::new(Code::FlowInvalid).detail(words),
            ProviderError::NoAddress | ProviderError::Domain => Self::new(Code::NotAllowed).detail(words),
            ProviderError::ConnectFirst => Self::new(Code::IdentityUnconnected).detail(words),
            ProviderError::Taken => Self::new(Code::IdentityTaken),
            ProviderError::NotFound => Self::new(Code::IdentityNotFound),
            ProviderError::SignIn(error) => error.into(),
            ProviderError::Store(error) => error.into(),
        }
    }
}

impl From<MfaError> for Problem {
    fn from(error: MfaError) -> Self {
        let words = error.to_string();
        match error {
            MfaError::Exists | MfaError::Missing => Self::new(Code::StateConflict).detail(words),
            MfaError::Code | MfaError::Challenge => Self::new(Code::MfaInvalid).detail(words),
            MfaError::TooMany { wait_s } => Self::new(Code::RateLimited).detail(words).retry_after(wait_s),
            MfaError::Sealed => internal(&error),
            MfaError::Store(error) => error.into(),
        }
    }
}

impl From<EmailChangeError> for Problem {
    fn from(error: EmailChangeError) -> Self {
        let words = error.to_string();
        match error {
            EmailChangeError::Same => Self::field("/email", "value_unchanged", words),
            EmailChangeError::TooSoon => Self::new(Code::RateLimited).detail(words).retry_after(60),
            EmailChangeError::Token => Self::new(Code::TokenInvalid),
            EmailChangeError::Store(error) => error.into(),
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
            EmployerError::Employees => Self::field("/employees", "number_out_of_range", words),
            EmployerError::LinkedIn => Self::field("/linkedin_company_id", "number_out_of_range", words),
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

impl From<QuotaError> for Problem {
    fn from(error: QuotaError) -> Self {
        let words = error.to_string();
        match error {
            QuotaError::Exceeded { .. } => Self::new(Code::QuotaExceeded).detail(words),
            QuotaError::Number => Self::field("", "number_out_of_range", words),
            QuotaError::Store(error) => error.into(),
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        let words = error.to_string();
        match error {
            ApiKeyError::Scopes => Self::field("/scopes", "value_missing", words),
            ApiKeyError::Expiry => Self::field("/expires_at", "time_passed", words),
            ApiKeyError::Quota(error) => error.into(),
            ApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<OwnershipError> for Problem {
    fn from(error: OwnershipError) -> Self {
        let words = error.to_string();
        match error {
            OwnershipError::NotMember => Self::new(Code::MemberNotFound).detail(words),
            OwnershipError::AlreadyOwner => Self::new(Code::StateConflict).detail(words),
            OwnershipError::NoOffer => Self::new(Code::OfferNotFound),
            OwnershipError::Store(error) => error.into(),
        }
    }
}

impl From<DomainError> for Problem {
    fn from(error: DomainError) -> Self {
        let words = error.to_string();
        match error {
            DomainError::NotFound => Self::new(Code::DomainNotFound),
            DomainError::Name => Self::field("/domain", "domain_invalid", words),
            DomainError::Exists => Self::new(Code::DomainExists),
            DomainError::TooMany => Self::new(Code::LimitReached).detail(words),
            DomainError::Unproven => Self::new(Code::DomainUnproven).detail(words),
            DomainError::Unanswered => Self::new(Code::Unavailable).detail(words).retry_after(60),
            DomainError::Mailbox => Self::field("/mailbox", "value_unknown", words),
            DomainError::TooSoon => Self::new(Code::RateLimited).detail(words).retry_after(60),
            DomainError::Token => Self::new(Code::TokenInvalid),
            DomainError::Store(error) => error.into(),
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
