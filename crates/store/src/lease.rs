//! Leases: one process at a time does a piece of background work, and a dead one gives it up by itself.

use diesel::prelude::*;
use jiff::SignedDuration;

use crate::schema::leases;
use crate::{DbConn, Id, StoreError, Timestamp};

/// Takes or renews the lease `name` for `holder` until `now + duration`. False while another holder's lease runs.
pub fn acquire(
    tx: &mut DbConn,
    name: &str,
    holder: Id,
    duration: SignedDuration,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let until = now.plus(duration);
    let inserted = crate::on_each!(tx, c => diesel::insert_into(leases::table)
        .values((leases::name.eq(name), leases::holder.eq(holder), leases::expires_at.eq(until)))
        .on_conflict_do_nothing()
        .execute(c))?;
    if inserted == 1 {
        return Ok(true);
    }
    let taken = diesel::update(leases::table.find(name))
        .filter(leases::holder.eq(holder).or(leases::expires_at.le(now)))
        .set((leases::holder.eq(holder), leases::expires_at.eq(until)))
        .execute(tx)?;
    Ok(taken == 1)
}

/// Gives up everything that `holder` has: a process that starts under the name of its dead predecessor need not wait.
pub fn release_all(tx: &mut DbConn, holder: Id) -> Result<usize, StoreError> {
    Ok(diesel::delete(leases::table.filter(leases::holder.eq(holder))).execute(tx)?)
}

/// Gives the lease `name` up, when `holder` has it.
pub fn release(tx: &mut DbConn, name: &str, holder: Id) -> Result<(), StoreError> {
    diesel::delete(leases::table.find(name).filter(leases::holder.eq(holder))).execute(tx)?;
    Ok(())
}
