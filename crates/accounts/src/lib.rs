//! Users, sessions, tokens, employers' members and roles.
//!
//! - [`register`], [`verify_email`], [`request_password_reset`], [`reset_password`]: an account and its mailed secrets.
//!   The answer never says whether an address is known; the mail does.
//! - [`sign_in()`] checks a password off the database's threads and starts a session; [`rotate_refresh`] keeps it alive with
//!   refresh tokens of which each works once; [`JwtKeys`] makes access tokens; [`require_active_session`] says whose
//!   session it is, as long as it is one.
//! - [`create_employer`] and everything about members, invitations and API keys: who may do what for whom.
//!
//! Secrets are random 256-bit texts; only their SHA-256 is stored. HTTP does not occur here.

mod api_key;
mod employer;
mod erasure;
mod invitation;
mod jwt;
mod letters;
mod member;
mod password;
mod recovery;
mod refresh;
mod registration;
mod secret;
mod session;
mod sign_in;
mod user;

pub use api_key::{
    ApiKey, NewApiKey, create_api_key, find_api_key, list_api_keys, revoke_api_key, touch_api_key,
};
pub use employer::{
    Employer, EmployerChange, EmployerError, EmployerStatus, NewEmployer, create_employer, find_employer,
    find_employers, list_employers, set_employer_status, update_employer,
};
pub use erasure::{
    ErasureError, MailRecord, Membership, UserExport, delete_user, export_user, purge_expired,
};
pub use invitation::{
    Invitation, InvitationError, NewInvitation, accept_invitation, invite, list_invitations,
    revoke_invitation,
};
pub use jwt::{ACCESS_TOKEN_LIFETIME, AccessClaims, JwtKeys, TokenError};
pub use letters::Letters;
pub use member::{
    Member, MemberError, Role, add_member, change_role, list_members, list_memberships, remove_member,
    require_role, role_of,
};
pub use password::{PasswordHasher, PasswordProblem, PasswordUnavailable, Verified, check_password};
pub use recovery::{change_password, request_password_reset, require_reset_token, reset_password};
pub use refresh::{Rotation, rotate_refresh};
pub use registration::{AccountError, Registration, find_password_hash, register, verify_email};
pub use session::{
    Identity, SESSION_LIFETIME, Session, SessionError, StartedSession, list_sessions, require_active_session,
    revoke_all_sessions, revoke_session, start_session,
};
pub use sign_in::{SignInError, SignInRequest, sign_in};
pub use user::{User, UserChange, UserError, find_user, find_user_by_email, make_operator, update_user};
