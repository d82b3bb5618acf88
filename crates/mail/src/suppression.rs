//! Addresses that get no bulk mail.

use diesel::prelude::*;
use serde::Serialize;
use store::schema::suppressions;
use store::{DbConn, StoreError, Timestamp, cols, on_each};

use crate::EmailAddress;

store::text_enum! {
    /// Why an address is suppressed.
    pub enum SuppressionReason {
        /// The mailbox does not exist.
        Bounce = "bounce",
        /// Its owner reported a mail as spam.
        Complaint = "complaint",
        /// An operator said so.
        Operator = "operator",
    }
}

/// An address that gets no bulk mail, and why.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = suppressions)]
pub struct Suppression {
    /// The address.
    pub address: EmailAddress,
    /// Why.
    pub reason: SuppressionReason,
    /// What was said, such as the reply of the mail server.
    pub detail: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// Keeps `address` out of bulk mail from now on, also out of mail that is already queued. The newest reason stays.
pub fn suppress(
    tx: &mut DbConn,
    address: &EmailAddress,
    reason: SuppressionReason,
    detail: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = (
        suppressions::reason.eq(reason),
        suppressions::detail.eq(detail),
        suppressions::created_at.eq(now),
    );
    on_each!(tx, c => diesel::insert_into(suppressions::table)
        .values((suppressions::address.eq(address), change))
        .on_conflict(suppressions::address)
        .do_update()
        .set(change)
        .execute(c))?;
    Ok(())
}

/// Lets `address` get bulk mail again. False when it was not suppressed.
pub fn unsuppress(tx: &mut DbConn, address: &EmailAddress) -> Result<bool, StoreError> {
    Ok(diesel::delete(suppressions::table.find(address)).execute(tx)? == 1)
}

/// Whether `address` gets no bulk mail.
pub fn is_suppressed(conn: &mut DbConn, address: &EmailAddress) -> Result<bool, StoreError> {
    let found: i64 = suppressions::table.find(address).count().get_result(conn)?;
    Ok(found > 0)
}

/// Why and since when `address` gets no bulk mail, if so.
pub fn find_suppression(
    conn: &mut DbConn,
    address: &EmailAddress,
) -> Result<Option<Suppression>, StoreError> {
    Ok(suppressions::table
        .find(address)
        .select(cols::<Suppression>())
        .first(conn)
        .optional()?)
}

/// Those of `addresses` that get no bulk mail.
pub(crate) fn suppressed_among(
    conn: &mut DbConn,
    addresses: &[EmailAddress],
) -> Result<Vec<EmailAddress>, StoreError> {
    Ok(suppressions::table
        .filter(suppressions::address.eq_any(addresses))
        .select(suppressions::address)
        .limit(addresses.len() as i64)
        .load(conn)?)
}

/// The first `limit` suppressed addresses after `after`, by address.
pub fn list_suppressions(
    conn: &mut DbConn,
    after: Option<&EmailAddress>,
    limit: i64,
) -> Result<Vec<Suppression>, StoreError> {
    let after = after.map_or("", EmailAddress::as_str);
    Ok(suppressions::table
        .filter(suppressions::address.gt(after))
        .order(suppressions::address)
        .limit(limit)
        .select(cols::<Suppression>())
        .load(conn)?)
}
