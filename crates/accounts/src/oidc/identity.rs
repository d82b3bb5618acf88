//! Who somebody is at a provider, and whose account that is.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::EmailAddress;
use serde::Serialize;
use store::schema::{one_time_tokens, provider_flows, provider_identities, users};
use store::{DbConn, Id, StoreError, Timestamp, cols, is_unique_violation};

use super::ProviderError;
use super::id_token::Vouched;
use super::provider::ProviderSettings;
use crate::audit::{self, Actor, ActorKind};
use crate::registration::NewUser;
use crate::{Letters, User, find_user_by_email, user};

/// How long news about providers are worth sending.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Identities of one user.
const MOST_IDENTITIES: i64 = 100;

/// Somebody at a provider, who signs in to an account here.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = provider_identities)]
pub struct ProviderIdentity {
    /// Identifier.
    pub id: Id,
    /// The provider's name.
    #[schema(example = "acme")]
    pub provider: String,
    /// Who vouches.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// When it was connected.
    pub created_at: Timestamp,
    /// When somebody last signed in with it.
    pub last_used_at: Timestamp,
}

/// The identities of `user`, newest first.
pub fn list_identities(conn: &mut DbConn, user: Id) -> Result<Vec<ProviderIdentity>, StoreError> {
    Ok(provider_identities::table
        .filter(provider_identities::user_id.eq(user))
        .order(provider_identities::id.desc())
        .limit(MOST_IDENTITIES)
        .select(cols::<ProviderIdentity>())
        .load(conn)?)
}

/// Whose account `subject` of `issuer` signs in to.
pub(super) fn find_owner(conn: &mut DbConn, issuer: &str, subject: &str) -> Result<Option<Id>, StoreError> {
    Ok(provider_identities::table
        .filter(provider_identities::issuer.eq(issuer))
        .filter(provider_identities::subject.eq(subject))
        .select(provider_identities::user_id)
        .first(conn)
        .optional()?)
}

/// Notes that the identity was used.
pub(super) fn note_use(
    tx: &mut DbConn,
    issuer: &str,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(provider_identities::table)
        .filter(provider_identities::issuer.eq(issuer))
        .filter(provider_identities::subject.eq(subject))
        .set(provider_identities::last_used_at.eq(now))
        .execute(tx)?;
    Ok(())
}

/// Makes an account for somebody for whose address the provider vouches. Nobody knows its password; a new one comes by mail.
///
/// # Errors
/// [`ProviderError::ConnectFirst`] when there is a verified account with the address: whoever controls a provider, or an
/// address that was given to somebody else, takes no account over. A registration that was never verified is nobody's: it is
/// replaced, with its password and the links in its mails, so that whoever typed the address in first waits for nothing.
pub(super) fn make_account(
    tx: &mut DbConn,
    email: &EmailAddress,
    vouched: &Vouched,
    password_hash: &str,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<User, ProviderError> {
    let said = vouched.name.as_deref().and_then(user::clean_name);
    let local = email.as_str().split('@').next().unwrap_or_default();
    let name = said.unwrap_or(local);
    match find_user_by_email(tx, email)? {
        Some(found) if found.verified_at.is_some() => return Err(ProviderError::ConnectFirst),
        Some(found) => {
            diesel::delete(one_time_tokens::table.filter(one_time_tokens::user_id.eq(found.id)))
                .execute(tx)?;
            diesel::update(users::table.find(found.id).filter(users::verified_at.is_null()))
                .set((
                    users::name.eq(name),
                    users::password_hash.eq(password_hash),
                    users::verified_at.eq(now),
                    users::version.eq(users::version + 1),
                    users::updated_at.eq(now),
                ))
                .execute(tx)?;
        }
        None => {
            let row = NewUser {
                id: letters.random.id(now),
                email,
                name,
                password_hash,
                verified_at: Some(now),
                is_operator: false,
                version: 1,
                created_at: now,
                updated_at: now,
            };
            diesel::insert_into(users::table).values(&row).execute(tx)?;
        }
    }
    find_user_by_email(tx, email)?.ok_or(ProviderError::Flow)
}

/// From now on `vouched` signs in to the account of `user`, who is told by mail.
pub(super) fn connect(
    tx: &mut DbConn,
    user: &User,
    settings: &ProviderSettings,
    vouched: &Vouched,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<ProviderIdentity, ProviderError> {
    let identity = ProviderIdentity {
        id: letters.random.id(now),
        provider: settings.name.clone(),
        issuer: settings.issuer.clone(),
        subject: vouched.subject.clone(),
        created_at: now,
        last_used_at: now,
    };
    let inserted = diesel::insert_into(provider_identities::table)
        .values((
            provider_identities::id.eq(identity.id),
            provider_identities::user_id.eq(user.id),
            provider_identities::provider.eq(&identity.provider),
            provider_identities::issuer.eq(&identity.issuer),
            provider_identities::subject.eq(&identity.subject),
            provider_identities::created_at.eq(now),
            provider_identities::last_used_at.eq(now),
        ))
        .execute(tx);
    match inserted {
        // Of two who connect it at once one is too late.
        Err(error) if is_unique_violation(&error, "subject") => return Err(ProviderError::Taken),
        outcome => outcome?,
    };
    let actor = Actor {
        kind: ActorKind::User,
        id: Some(user.id),
        request_id: None,
    };
    let subject = ("identity", identity.id);
    audit::record_own(tx, &actor, "identity.connected", subject, letters.random, now)?;
    let key = format!("provider_connected:{}", identity.id);
    let letter = letters.provider_connected(&settings.title);
    letters.send(tx, letter, &user.email, key, NEWS_FOR, now)?;
    Ok(identity)
}

/// Takes every identity of `user` away, and what is on its way to connect another.
pub(crate) fn remove_all(tx: &mut DbConn, user: Id) -> Result<(), StoreError> {
    diesel::delete(provider_flows::table.filter(provider_flows::user_id.eq(user))).execute(tx)?;
    diesel::delete(provider_identities::table.filter(provider_identities::user_id.eq(user))).execute(tx)?;
    Ok(())
}

/// Takes the identity `id` away from `user`: it signs in to nothing from here on. A mail says so.
pub fn remove_identity(
    tx: &mut DbConn,
    user: &User,
    id: Id,
    actor: &Actor,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), ProviderError> {
    let provider: String = diesel::delete(
        provider_identities::table
            .find(id)
            .filter(provider_identities::user_id.eq(user.id)),
    )
    .returning(provider_identities::provider)
    .get_result(tx)
    .optional()?
    .ok_or(ProviderError::NotFound)?;
    audit::record_own(
        tx,
        actor,
        "identity.removed",
        ("identity", id),
        letters.random,
        now,
    )?;
    let key = format!("provider_disconnected:{id}");
    let letter = letters.provider_disconnected(&provider);
    letters.send(tx, letter, &user.email, key, NEWS_FOR, now)?;
    Ok(())
}
