//! Passkeys: keys in people's devices, with which they sign in without a password. What browsers hand over is judged in
//! [`crate::webauthn`].

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::{passkey_challenges, passkeys};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols};

use crate::audit::{self, Actor};
use crate::webauthn::{
    ALGORITHMS, Assertion, Attested, ClientData, Disbelief, NewCredential, RelyingParty, from_base64url,
    in_base64url,
};
use crate::{Letters, User, find_user, secret, user};

/// How long a device may take to sign, and a browser to ask for it.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// Passkeys of one user.
const MOST_PASSKEYS: i64 = 20;

/// How long news about passkeys are worth sending.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A key in a device of a user's.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = passkeys)]
pub struct Passkey {
    /// Identifier.
    pub id: Id,
    /// How its owner calls it.
    #[schema(example = "Work laptop")]
    pub name: String,
    /// Whether its maker may carry it to other devices of its owner.
    pub is_synced: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When somebody last signed in with it.
    pub last_used_at: Option<Timestamp>,
}

/// Why something about a passkey did not work.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// The user has none with this id.
    #[error("there is no such passkey")]
    NotFound,
    /// A name that is empty, longer than 120 characters, or has characters that nobody sees.
    #[error("a name has 1 to 120 characters")]
    Name,
    /// The user has as many as there can be.
    #[error("an account has 20 passkeys at most")]
    TooMany,
    /// Somebody has registered this very key.
    #[error("this passkey is registered already")]
    Exists,
    /// The challenge was never given out, was answered, or is too old.
    #[error("it took too long, or was answered before; begin again")]
    Challenge,
    /// What the browser handed over is not believed.
    #[error("the passkey could not be verified")]
    Disbelieved(#[from] Disbelief),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for PasskeyError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Names a credential to a browser.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct CredentialName {
    /// Always `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its id, in base64url.
    id: String,
}

/// What a browser is told for a new passkey: for `PublicKeyCredential.parseCreationOptionsFromJSON`.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    rp: CreationSite,
    user: CreationUser,
    /// To be signed; in base64url.
    challenge: String,
    pub_key_cred_params: Vec<CreationAlgorithm>,
    /// Milliseconds.
    timeout: i64,
    /// Devices that have a passkey of this user are not asked for another.
    exclude_credentials: Vec<CredentialName>,
    authenticator_selection: CreationChoice,
    attestation: &'static str,
}

/// The site to which a passkey is bound.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct CreationSite {
    id: String,
    name: String,
}

/// Whose passkey it will be.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreationUser {
    /// The user's id, in base64url.
    id: String,
    name: String,
    display_name: String,
}

/// A kind of key that is taken.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct CreationAlgorithm {
    #[serde(rename = "type")]
    kind: &'static str,
    alg: i64,
}

/// Which devices are asked: those that find the key by themselves and check who uses them.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreationChoice {
    resident_key: &'static str,
    require_resident_key: bool,
    user_verification: &'static str,
}

/// What a browser is told for a sign-in: for `PublicKeyCredential.parseRequestOptionsFromJSON`. It names no credentials, so
/// it says nothing about anybody.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptions {
    /// To be signed; in base64url.
    challenge: String,
    rp_id: String,
    /// Milliseconds.
    timeout: i64,
    user_verification: &'static str,
}

/// The passkeys of `user`, newest first.
pub fn list_passkeys(conn: &mut DbConn, user: Id) -> Result<Vec<Passkey>, StoreError> {
    Ok(passkeys::table
        .filter(passkeys::user_id.eq(user))
        .order(passkeys::id.desc())
        .limit(MOST_PASSKEYS)
        .select(cols::<Passkey>())
        .load(conn)?)
}

/// A new challenge, which is remembered until it is answered or too old.
fn challenge(
    tx: &mut DbConn,
    user: Option<Id>,
    random: &Random,
    now: Timestamp,
) -> Result<String, StoreError> {
    let challenge = in_base64url(&random.bytes::<32>());
    diesel::insert_into(passkey_challenges::table)
        .values((
            passkey_challenges::challenge_hash.eq(secret::hash(&challenge)),
            passkey_challenges::user_id.eq(user),
            passkey_challenges::expires_at.eq(now.plus(ANSWERED_WITHIN)),
            passkey_challenges::created_at.eq(now),
        ))
        .execute(tx)?;
    Ok(challenge)
}

/// Uses the challenge in `client_data` up and returns for whom it was made. Commit the transaction in every case: a challenge
/// is looked at once.
fn take_challenge(
    tx: &mut DbConn,
    site: &RelyingParty,
    client_data: &str,
    kind: &str,
    now: Timestamp,
) -> Result<Option<Id>, PasskeyError> {
    let data = ClientData::parse(client_data)?;
    let taken: Option<(Option<Id>, Timestamp)> =
        diesel::delete(passkey_challenges::table.find(secret::hash(data.challenge())))
            .returning((passkey_challenges::user_id, passkey_challenges::expires_at))
            .get_result(tx)
            .optional()?;
    site.check_page(&data, kind)?;
    taken
        .filter(|(_, expires_at)| *expires_at > now)
        .map(|(user, _)| user)
        .ok_or(PasskeyError::Challenge)
}

/// What `user`'s browser is told for a new passkey. Make sure before that it is the user who asks.
///
/// # Errors
/// [`PasskeyError::TooMany`].
pub fn offer_passkey(
    tx: &mut DbConn,
    user: &User,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<CreationOptions, PasskeyError> {
    let known: Vec<Vec<u8>> = passkeys::table
        .filter(passkeys::user_id.eq(user.id))
        .order(passkeys::id)
        .limit(MOST_PASSKEYS)
        .select(passkeys::credential_id)
        .load(tx)?;
    if known.len() as i64 >= MOST_PASSKEYS {
        return Err(PasskeyError::TooMany);
    }
    // The newest counts.
    diesel::delete(passkey_challenges::table.filter(passkey_challenges::user_id.eq(user.id))).execute(tx)?;
    let site = RelyingParty::at(&letters.config.public_url);
    let name = |id: Vec<u8>| CredentialName {
        kind: "public-key",
        id: in_base64url(&id),
    };
    let algorithm = |alg| CreationAlgorithm {
        kind: "public-key",
        alg,
    };
    Ok(CreationOptions {
        rp: CreationSite {
            name: site.id.clone(),
            id: site.id,
        },
        user: CreationUser {
            id: in_base64url(user.id.as_bytes()),
            name: user.email.to_string(),
            display_name: user.name.clone(),
        },
        challenge: challenge(tx, Some(user.id), letters.random, now)?,
        pub_key_cred_params: ALGORITHMS.into_iter().map(algorithm).collect(),
        timeout: ANSWERED_WITHIN.as_secs() * 1000,
        exclude_credentials: known.into_iter().map(name).collect(),
        authenticator_selection: CreationChoice {
            resident_key: "required",
            require_resident_key: true,
            user_verification: "required",
        },
        attestation: "none",
    })
}

/// Adds the passkey that `user`'s browser made, and tells the user by mail.
///
/// # Errors
/// [`PasskeyError::Challenge`] when `user` was not offered one or it was answered before; [`PasskeyError::Disbelieved`]. Commit
/// the transaction in every case.
pub fn add_passkey(
    tx: &mut DbConn,
    user: &User,
    name: &str,
    credential: &NewCredential,
    actor: &Actor,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<Result<Passkey, PasskeyError>, StoreError> {
    let added = add(tx, user, name, credential, actor, letters, now);
    match added {
        Err(PasskeyError::Store(error)) => Err(error),
        other => Ok(other),
    }
}

fn add(
    tx: &mut DbConn,
    user: &User,
    name: &str,
    credential: &NewCredential,
    actor: &Actor,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<Passkey, PasskeyError> {
    let name = user::clean_name(name).ok_or(PasskeyError::Name)?;
    let site = RelyingParty::at(&letters.config.public_url);
    let client_data = &credential.response.client_data_json;
    if take_challenge(tx, &site, client_data, "webauthn.create", now)? != Some(user.id) {
        return Err(PasskeyError::Challenge);
    }
    let attested = site.attested(credential)?;
    let is_known: i64 = passkeys::table
        .filter(passkeys::credential_id.eq(&attested.credential_id))
        .count()
        .get_result(tx)?;
    if is_known > 0 {
        return Err(PasskeyError::Exists);
    }
    let id = letters.random.id(now);
    diesel::insert_into(passkeys::table)
        .values((
            passkeys::id.eq(id),
            passkeys::user_id.eq(user.id),
            passkeys::credential_id.eq(&attested.credential_id),
            passkeys::public_key.eq(&attested.public_key),
            passkeys::name.eq(name),
            passkeys::sign_count.eq(i64::from(attested.sign_count)),
            passkeys::is_synced.eq(attested.is_synced),
            passkeys::created_at.eq(now),
            passkeys::last_used_at.eq(None::<Timestamp>),
        ))
        .execute(tx)?;
    audit::record_own(tx, actor, "passkey.added", ("passkey", id), letters.random, now)?;
    let key = format!("passkey_added:{id}");
    letters.send(tx, letters.passkey_added(name), &user.email, key, NEWS_FOR, now)?;
    Ok(Passkey {
        id,
        name: name.to_owned(),
        is_synced: attested.is_synced,
        created_at: now,
        last_used_at: None,
    })
}

/// Calls the passkey `id` of `user` something else.
pub fn rename_passkey(tx: &mut DbConn, user: Id, id: Id, name: &str) -> Result<Passkey, PasskeyError> {
    let name = user::clean_name(name).ok_or(PasskeyError::Name)?;
    diesel::update(passkeys::table.find(id).filter(passkeys::user_id.eq(user)))
        .set(passkeys::name.eq(name))
        .returning(cols::<Passkey>())
        .get_result(tx)
        .optional()?
        .ok_or(PasskeyError::NotFound)
}

/// Takes the passkey `id` away from `user`: nobody signs in with it from here on. A mail says so.
pub fn remove_passkey(
    tx: &mut DbConn,
    user: &User,
    id: Id,
    actor: &Actor,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), PasskeyError> {
    let name: String = diesel::delete(passkeys::table.find(id).filter(passkeys::user_id.eq(user.id)))
        .returning(passkeys::name)
        .get_result(tx)
        .optional()?
        .ok_or(PasskeyError::NotFound)?;
    audit::record_own(tx, actor, "passkey.removed", ("passkey", id), letters.random, now)?;
    let key = format!("passkey_removed:{id}");
    letters.send(
        tx,
        letters.passkey_removed(&name),
        &user.email,
        key,
        NEWS_FOR,
        now,
    )?;
    Ok(())
}

/// Takes every passkey of `user` away, and what was offered for another.
pub(crate) fn remove_all(tx: &mut DbConn, user: Id) -> Result<(), StoreError> {
    diesel::delete(passkey_challenges::table.filter(passkey_challenges::user_id.eq(user))).execute(tx)?;
    diesel::delete(passkeys::table.filter(passkeys::user_id.eq(user))).execute(tx)?;
    Ok(())
}

/// What any browser is told that wants to sign in.
pub fn ask_for_passkey(
    tx: &mut DbConn,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<RequestOptions, StoreError> {
    Ok(RequestOptions {
        challenge: challenge(tx, None, letters.random, now)?,
        rp_id: RelyingParty::at(&letters.config.public_url).id,
        timeout: ANSWERED_WITHIN.as_secs() * 1000,
        user_verification: "required",
    })
}

#[derive(Queryable)]
struct StoredKey {
    id: Id,
    user_id: Id,
    public_key: Vec<u8>,
    sign_count: i64,
    is_synced: bool,
}

/// Who signed `assertion` just now. Commit the transaction in every case: the challenge is used up.
///
/// # Errors
/// [`PasskeyError::NotFound`] for a key that nobody has registered or that was removed.
pub(crate) fn owner_of(
    tx: &mut DbConn,
    assertion: &Assertion,
    public_url: &str,
    now: Timestamp,
) -> Result<User, PasskeyError> {
    let site = RelyingParty::at(public_url);
    let client_data = &assertion.response.client_data_json;
    if take_challenge(tx, &site, client_data, "webauthn.get", now)?.is_some() {
        return Err(PasskeyError::Challenge);
    }
    let credential_id = from_base64url(&assertion.raw_id)?;
    let key: StoredKey = passkeys::table
        .filter(passkeys::credential_id.eq(&credential_id))
        .select((
            passkeys::id,
            passkeys::user_id,
            passkeys::public_key,
            passkeys::sign_count,
            passkeys::is_synced,
        ))
        .first(tx)
        .optional()?
        .ok_or(PasskeyError::NotFound)?;
    let handle = assertion.response.user_handle.as_deref().unwrap_or_default();
    if from_base64url(handle)? != key.user_id.as_bytes() {
        return Err(Disbelief::Owner.into());
    }
    let known = Attested {
        credential_id,
        public_key: key.public_key,
        sign_count: u32::try_from(key.sign_count).unwrap_or(u32::MAX),
        is_synced: key.is_synced,
    };
    let count = site.asserted(&assertion.response, &known)?;
    // Of two signatures with the same count one is too late.
    let noted = diesel::update(passkeys::table.find(key.id))
        .filter(passkeys::sign_count.eq(key.sign_count))
        .set((
            passkeys::sign_count.eq(i64::from(count)),
            passkeys::last_used_at.eq(now),
        ))
        .execute(tx)?;
    if noted == 0 {
        return Err(Disbelief::Counter.into());
    }
    find_user(tx, key.user_id)?.ok_or(PasskeyError::NotFound)
}

/// Forgets challenges that are over; returns how many.
pub(crate) fn forget_challenges(tx: &mut DbConn, now: Timestamp) -> Result<usize, StoreError> {
    Ok(
        diesel::delete(passkey_challenges::table.filter(passkey_challenges::expires_at.le(now)))
            .execute(tx)?,
    )
}
