//! A last look at alert mails before they leave. A posting that closed, paused or changed since a mail about it was written
//! is taken out or told as it is now; a mail of which nothing is left is withdrawn. The ledger says what was told, and
//! nothing else.

use diesel::prelude::*;
use mail::{Mail, Review, Revision};
use postings::PostingStatus;
use store::schema::{alert_changes, alert_matches, employers, postings as posting_rows};
use store::{DbConn, Id, StoreError, Timestamp};

use crate::alert::{self, Alert, AlertStatus, HeldBy};
use crate::changes::{self, ToldChange};
use crate::digest::{self, Changed, Contents, What};
use crate::dispatch;
use crate::letterhead::Letterhead;
use crate::rank;
use crate::reasons::{Candidate, Reasons, Shelf};

/// Why a mail does not leave, for operators.
const NOTHING_LEFT: &str = "what it told is no longer open";
/// Postings of one mail that are looked at; a mail has fewer.
const ROWS: i64 = 500;

/// Looks at alert mails before they leave.
#[derive(Debug, Clone)]
pub struct LastLook {
    letterhead: Letterhead,
}

impl LastLook {
    /// One that writes as `letterhead` says.
    pub fn new(letterhead: Letterhead) -> Self {
        Self { letterhead }
    }
}

impl Review for LastLook {
    fn outdated(&self, conn: &mut DbConn, ids: &[Id], now: Timestamp) -> Result<Vec<Id>, StoreError> {
        macro_rules! is_current {
            () => {
                posting_rows::status
                    .eq(PostingStatus::Published)
                    .and(posting_rows::deleted_at.is_null())
                    .and(employers::status.eq("active"))
                    .and(
                        posting_rows::expires_at
                            .is_null()
                            .or(posting_rows::expires_at.gt(now)),
                    )
                    .and(alert_matches::told_version.is_not_null())
                    .and(
                        posting_rows::version
                            .nullable()
                            .eq(alert_matches::told_version),
                    )
                    .assume_not_null()
            };
        }
        let limit = ids.len() as i64;
        let mut found: Vec<Option<Id>> = alert_matches::table
            .inner_join(posting_rows::table.inner_join(employers::table))
            .filter(alert_matches::told_in.eq_any(ids.to_vec()))
            .filter(diesel::dsl::not(is_current!()))
            .group_by(alert_matches::told_in)
            .order(alert_matches::told_in)
            .limit(limit)
            .select(alert_matches::told_in)
            .load(conn)?;
        let of_changed = alert_matches::alert_id
            .eq(alert_changes::alert_id)
            .and(alert_matches::posting_id.eq(alert_changes::posting_id));
        let with_changes: Vec<Option<Id>> = alert_changes::table
            .inner_join(posting_rows::table.inner_join(employers::table))
            .inner_join(alert_matches::table.on(of_changed))
            .filter(alert_changes::told_in.eq_any(ids.to_vec()))
            .filter(diesel::dsl::not(is_current!()))
            .group_by(alert_changes::told_in)
            .order(alert_changes::told_in)
            .limit(limit)
            .select(alert_changes::told_in)
            .load(conn)?;
        found.extend(with_changes);
        Ok(found.into_iter().flatten().collect())
    }

    fn revise(&self, tx: &mut DbConn, mail: &Mail, now: Timestamp) -> Result<Revision, StoreError> {
        let Some(alert) = alert_of(tx, mail.id)?.filter(|alert| alert.status == AlertStatus::Active) else {
            return Ok(Revision::Withdrawn("its alert has ended or is paused"));
        };
        let mut shelf = Shelf::default();
        let mut reasons = Reasons::new(&alert.query.0);
        let told_changes = changes::told_in(tx, mail.id)?;
        let new = told_postings(tx, mail.id)?;
        let seen = shelf.take(tx, &new, now)?;
        let left: Vec<Candidate> = seen.iter().filter_map(|seen| reasons.judge(seen, now)).collect();
        let is_left = |id: &Id| left.iter().any(|candidate| candidate.seen.posting.row.id == *id);
        let gone: Vec<Id> = new.iter().filter(|id| !is_left(id)).copied().collect();
        untell(tx, alert.id, &gone)?;
        let rules = &self.letterhead.rules;
        let shown = rank::choose(left, rules).shown;
        for candidate in &shown {
            dispatch::hear(tx, alert.id, dispatch::version_of(candidate), mail.created_at)?;
        }
        let changed = still_changed(tx, &alert, told_changes, &mut shelf, &mut reasons, now)?;
        if shown.is_empty() && changed.is_empty() {
            return Ok(Revision::Withdrawn(NOTHING_LEFT));
        }
        let pending = dispatch::pending_postings(tx, alert.id)?;
        let waiting = dispatch::count_waiting(tx, alert.id)?;
        let others = shelf.take(tx, &pending, now)?;
        let others = others
            .iter()
            .filter_map(|seen| reasons.judge(seen, now))
            .collect();
        let contents = Contents {
            more: rank::left_out(&shown, others, rules),
            new: shown,
            changed,
            waiting,
            next: dispatch::next_mail(&alert, rules, now),
        };
        let draft = digest::write(&self.letterhead, &alert, &contents, now);
        Ok(Revision::Rewritten {
            subject: draft.subject,
            text: draft.text,
            html: draft.html,
        })
    }
}

/// Whose mail it is.
fn alert_of(conn: &mut DbConn, mail: Id) -> Result<Option<Alert>, StoreError> {
    let mut id: Option<Id> = alert_matches::table
        .filter(alert_matches::told_in.eq(mail))
        .order(alert_matches::posting_id)
        .select(alert_matches::alert_id)
        .first(conn)
        .optional()?;
    if id.is_none() {
        id = alert_changes::table
            .filter(alert_changes::told_in.eq(mail))
            .order(alert_changes::posting_id)
            .select(alert_changes::alert_id)
            .first(conn)
            .optional()?;
    }
    id.map_or(Ok(None), |id| alert::find(conn, id))
}

fn told_postings(conn: &mut DbConn, mail: Id) -> Result<Vec<Id>, StoreError> {
    Ok(alert_matches::table
        .filter(alert_matches::told_in.eq(mail))
        .order(alert_matches::posting_id)
        .limit(ROWS)
        .select(alert_matches::posting_id)
        .load(conn)?)
}

/// These were not told after all. They are owed again when they come back.
fn untell(tx: &mut DbConn, alert: Id, postings: &[Id]) -> Result<(), StoreError> {
    if postings.is_empty() {
        return Ok(());
    }
    diesel::update(alert_matches::table)
        .filter(
            alert_matches::alert_id
                .eq(alert)
                .and(alert_matches::posting_id.eq_any(postings.to_vec())),
        )
        .filter(alert_matches::outcome.eq("mailed"))
        .set((
            alert_matches::outcome.eq("dropped"),
            alert_matches::told_at.eq(None::<Timestamp>),
            alert_matches::told_version.eq(None::<i32>),
            alert_matches::told_in.eq(None::<Id>),
            alert_matches::closed_at.eq(None::<Timestamp>),
            alert_matches::held_by.eq(None::<HeldBy>),
        ))
        .execute(tx)?;
    Ok(())
}

/// The changes of a mail that are so now, each posting once; the others are taken back.
fn still_changed(
    tx: &mut DbConn,
    alert: &Alert,
    told: Vec<ToldChange>,
    shelf: &mut Shelf,
    reasons: &mut Reasons,
    now: Timestamp,
) -> Result<Vec<Changed>, StoreError> {
    let mut changed: Vec<Changed> = Vec::new();
    for change in told {
        let id = change.due.posting_id;
        let current = shelf.take(tx, &[id], now)?.pop();
        let current = current.and_then(|seen| reasons.judge(&seen, now));
        let before = match change.told_from {
            Some(version) => changes::versions(tx, id)?.remove(&version),
            None => None,
        };
        let what = current
            .as_ref()
            .and_then(|current| What::still(&change.due, before.as_ref(), &current.seen.posting));
        let (Some(current), Some(what)) = (current, what) else {
            changes::untell(tx, alert.id, &change)?;
            continue;
        };
        dispatch::hear(tx, alert.id, dispatch::version_of(&current), now)?;
        match changed
            .iter_mut()
            .find(|one| one.current.seen.posting.row.id == id)
        {
            Some(one) if one.what.contains(&what) => {}
            Some(one) => one.what.push(what),
            None => changed.push(Changed {
                current,
                what: vec![what],
            }),
        }
    }
    Ok(changed)
}
