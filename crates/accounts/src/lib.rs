//! Users, sessions, tokens, employers' members and roles.
//!
//! - [`register`], [`verify_email`], [`request_password_reset`], [`reset_password`]: an account and its mailed secrets.
//!   The answer never says whether an address is known; the mail does.
//! - [`SignInDesk`] counts attempts, checks a password off the database's threads, asks for the second factor and starts a
//!   session; [`rotate_refresh`] keeps it alive with refresh tokens of which each works once; [`JwtKeys`] makes access tokens; [`require_active_session`] says whose
//!   session it is, as long as it is one.
//! - [`offer_passkey`], [`add_passkey`] and [`Providers`]: other ways to sign in, by a key in a device and by an identity
//!   provider of the operator's choice.
//! - [`create_employer`] and everything about members, invitations and API keys: who may do what for whom.
//!
//! Secrets are random 256-bit texts; only their SHA-256 is stored. HTTP does not occur here.

mod api_key;
mod audit;
mod dns;
mod domain;
mod email_change;
mod employer;
mod erasure;
mod invitation;
mod jwt;
mod letters;
mod member;
mod mfa;
mod oidc;
mod ownership;
mod passkey;
mod password;
mod proof;
mod quota;
mod recovery;
mod refresh;
mod registration;
mod safety_letters;
mod secret;
mod session;
mod sign_in;
mod team_letters;
mod throttle;
mod totp;
mod user;
mod webauthn;

pub use api_key::{
    ApiKey, ApiKeyError, KeyRequest, NewApiKey, Scope, create_api_key, find_api_key, list_api_keys,
    revoke_api_key, touch_api_key,
};
pub use audit::{Actor, ActorKind, AuditEntry, Deed, list_audit, record};
pub use dns::{Dns, LookupFailed, Texts, TxtLookup};
pub use domain::{
    DomainError, DomainProof, DomainReport, DomainState, EmployerDomain, Look, MAILBOXES, add_domain,
    confirm_by_dns, confirm_by_mail, domain_pass, list_domains, look_at, mail_proof, remove_domain,
    require_domain,
};
pub use email_change::{EmailChange, EmailChangeError, confirm_email_change, request_email_change};
pub use employer::{
    Employer, EmployerChange, EmployerError, EmployerStatus, NewEmployer, create_employer, find_employer,
    find_employers, list_employers, set_employer_status, update_employer,
};
pub use erasure::{
    ErasureError, MailRecord, Membership, PendingEmail, Retention, UserExport, delete_user, export_user,
    purge_expired,
};
pub use invitation::{
    Invitation, InvitationError, NewInvitation, accept_invitation, invite, list_invitations,
    revoke_invitation,
};
pub use jwt::{ACCESS_TOKEN_LIFETIME, AccessClaims, JwtKeys, KeyRotation, OldKey, TokenError, rotate_keys};
pub use letters::Letters;
pub use member::{
    Member, MemberError, Role, add_member, change_role, list_members, list_memberships, lock_employer,
    remove_member, require_role, role_of,
};
pub use mfa::{
    MfaError, SecondFactor, TotpEnrolment, confirm_totp, disable_totp, enrol_totp, renew_recovery_codes,
    second_factor,
};
pub use oidc::{
    CallFailed, ProviderAnswer, ProviderCalls, ProviderError, ProviderIdentity, ProviderSettings,
    ProviderStart, Providers, list_identities, remove_identity,
};
pub use ownership::{
    OwnershipError, OwnershipOffer, accept_ownership, find_ownership_offer, offer_ownership,
    withdraw_ownership_offer,
};
pub use passkey::{
    CreationOptions, Passkey, PasskeyError, RequestOptions, add_passkey, ask_for_passkey, list_passkeys,
    offer_passkey, remove_passkey, rename_passkey,
};
pub use password::{PasswordHasher, PasswordProblem, PasswordUnavailable, Verified, check_password};
pub use proof::Proof;
pub use quota::{
    Counted, QuotaError, QuotaOverride, Quotas, count_present, quotas_of, require_room, require_room_beside,
    set_quotas,
};
pub use recovery::{change_password, request_password_reset, require_reset_token, reset_password};
pub use refresh::{Rotation, rotate_refresh};
pub use registration::{AccountError, Registration, find_password_hash, register, verify_email};
pub use safety_letters::write_ways_to_sign_in;
pub use session::{
    Identity, SESSION_LIFETIME, SESSION_LONGEST, Session, SessionError, StartedSession, list_sessions,
    require_active_session, revoke_all_sessions, revoke_session, start_session,
};
pub use sign_in::{ChallengeToken, SignIn, SignInDesk, SignInError, SignInRequest};
pub use throttle::Client;
pub use totp::totp_code;
pub use user::{User, UserChange, UserError, find_user, find_user_by_email, make_operator, update_user};
pub use webauthn::{Assertion, AssertionResponse, AttestationResponse, Disbelief, NewCredential};
