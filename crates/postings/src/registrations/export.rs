//! What is kept of one person.

use diesel::prelude::*;
use mail::EmailAddress;
use store::schema::event_registrations;
use store::{DbConn, StoreError, cols};

use super::Registration;

/// The registrations of an address, the newest `limit`.
pub fn list_of_address(
    conn: &mut DbConn,
    address: &EmailAddress,
    limit: i64,
) -> Result<Vec<Registration>, StoreError> {
    Ok(event_registrations::table
        .filter(event_registrations::email.eq(address))
        .order(event_registrations::id.desc())
        .limit(limit)
        .select(cols::<Registration>())
        .load(conn)?)
}
