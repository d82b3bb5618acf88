//! Handing an employer over: offered by an owner, accepted by the member.

use diesel::prelude::*;
use jiff::SignedDuration;
use serde::Serialize;
use store::schema::{members, ownership_offers};
use store::{DbConn, Id, StoreError, Timestamp, cols, on_each};

use crate::member::lock_employer;
use crate::registration::minute_key;
use crate::{Employer, Letters, Role, User, find_user, role_of};

/// How long an offer can be accepted.
const OFFERED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An offer that was not accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = ownership_offers)]
pub struct OwnershipOffer {
    /// For which employer.
    pub employer_id: Id,
    /// The owner who offers it.
    pub from_user_id: Id,
    /// The member to whom it is offered.
    pub to_user_id: Id,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// When it was offered.
    pub created_at: Timestamp,
}

/// Why an employer was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// The other is no member; invite them first.
    #[error("the person is no member of this employer; invite them first")]
    NotMember,
    /// The other is an owner already, or the same person.
    #[error("the person is an owner already")]
    AlreadyOwner,
    /// There is no offer to this person, it is too old, or who made it is no owner any more.
    #[error("there is no such offer")]
    NoOffer,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for OwnershipError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Offers `employer` to the member `to`, in place of an older offer; both get a mail.
pub fn offer_ownership(
    tx: &mut DbConn,
    employer: &Employer,
    from: &User,
    to: Id,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<OwnershipOffer, OwnershipError> {
    lock_employer(tx, employer.id)?;
    match role_of(tx, employer.id, to)? {
        None => return Err(OwnershipError::NotMember),
        Some(Role::Owner) => return Err(OwnershipError::AlreadyOwner),
        Some(_) => {}
    }
    let heir = find_user(tx, to)?.ok_or(OwnershipError::NotMember)?;
    let offer = OwnershipOffer {
        employer_id: employer.id,
        from_user_id: from.id,
        to_user_id: to,
        expires_at: now.plus(OFFERED_FOR),
        created_at: now,
    };
    withdraw_ownership_offer(tx, employer.id)?;
    on_each!(tx, c => diesel::insert_into(ownership_offers::table).values(&offer).execute(c))?;
    let to_heir = letters.ownership_offered(&employer.name, &from.name);
    let key = format!("{}:{to}", minute_key("ownership_offered", employer.id, now));
    letters.send(tx, to_heir, &heir.email, key, OFFERED_FOR, now)?;
    let to_giver = letters.ownership_offer_made(&employer.name, &heir.name);
    let key = format!(
        "{}:{}",
        minute_key("ownership_offer_made", employer.id, now),
        from.id
    );
    letters.send(tx, to_giver, &from.email, key, OFFERED_FOR, now)?;
    Ok(offer)
}

/// The open offer of `employer`.
pub fn find_ownership_offer(
    conn: &mut DbConn,
    employer: Id,
    now: Timestamp,
) -> Result<Option<OwnershipOffer>, StoreError> {
    Ok(ownership_offers::table
        .find(employer)
        .filter(ownership_offers::expires_at.gt(now))
        .select(cols::<OwnershipOffer>())
        .first(conn)
        .optional()?)
}

/// Takes the offer of `employer` back, or declines it; false when there is none.
pub fn withdraw_ownership_offer(tx: &mut DbConn, employer: Id) -> Result<bool, StoreError> {
    Ok(diesel::delete(ownership_offers::table.find(employer)).execute(tx)? == 1)
}

/// `heir` accepts: becomes an owner, and who offered becomes a recruiter. Both get a mail. Of an employer that has other
/// owners these stay.
///
/// # Errors
/// [`OwnershipError::NoOffer`], also when either of them has left or who offered is no owner any more.
pub fn accept_ownership(
    tx: &mut DbConn,
    employer: &Employer,
    heir: &User,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<OwnershipOffer, OwnershipError> {
    lock_employer(tx, employer.id)?;
    let offer = find_ownership_offer(tx, employer.id, now)?
        .filter(|offer| offer.to_user_id == heir.id)
        .ok_or(OwnershipError::NoOffer)?;
    let giver = find_user(tx, offer.from_user_id)?.ok_or(OwnershipError::NoOffer)?;
    let is_in_order = role_of(tx, employer.id, giver.id)? == Some(Role::Owner)
        && role_of(tx, employer.id, heir.id)?.is_some();
    if !is_in_order {
        return Err(OwnershipError::NoOffer);
    }
    for (user, role) in [(heir.id, Role::Owner), (giver.id, Role::Recruiter)] {
        diesel::update(members::table.find((employer.id, user)))
            .set(members::role.eq(role))
            .execute(tx)?;
    }
    withdraw_ownership_offer(tx, employer.id)?;
    for (to, other) in [(heir, &giver), (&giver, heir)] {
        let letter = letters.ownership_changed(&employer.name, &heir.name, &giver.name);
        let key = format!("ownership_changed:{}:{}:{}", employer.id, other.id, now.micros());
        letters.send(tx, letter, &to.email, key, OFFERED_FOR, now)?;
    }
    Ok(offer)
}
