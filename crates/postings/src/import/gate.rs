//! What new rows have to pass: a freeze of their employer, and, when an employer's members hand them in, the operator's review
//! and the number of postings that there may be.
//!
//! Rows of the operator, and of a board that was proven and that we asked ourselves, pass. Whoever can hand in any file would
//! otherwise have a door around the moderators.

use std::collections::HashMap;

use diesel::prelude::*;
use store::schema::postings;
use store::{DbConn, Id, StoreError, Timestamp};

use super::row::RowError;
use crate::holds;
use crate::posting::{PostingRow, PostingStatus};
use crate::review::is_looked_at;
use crate::rules::Review;

/// What holds for an import of an employer's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRules {
    /// Which postings wait for a moderator.
    pub review: Review,
    /// Postings that may be public, paused or scheduled.
    pub live_postings: i64,
    /// Drafts that there may be, those in review included.
    pub drafts: i64,
}

/// Looks at each new row of a batch. The counter of revisions is taken while it lives, so nobody else publishes meanwhile.
pub(crate) struct Gate {
    /// By employer; none where everything passes.
    rooms: Option<HashMap<Id, Room>>,
    /// Employers that are frozen, with what holds them.
    frozen: HashMap<Id, Id>,
    /// What is held, with the posting.
    held: Vec<(Id, Id)>,
}

/// What an employer may have besides what it has.
struct Room {
    waits: bool,
    live: i64,
    drafts: i64,
}

impl Gate {
    /// What holds for these employers; without `rules` everything passes.
    pub(crate) fn open(
        conn: &mut DbConn,
        employers: &[Id],
        rules: Option<MemberRules>,
    ) -> Result<Self, StoreError> {
        let mut gate = Self {
            rooms: None,
            frozen: holds::upon_employers(conn, employers)?.into_iter().collect(),
            held: Vec::new(),
        };
        let Some(rules) = rules else { return Ok(gate) };
        let mut rooms = HashMap::new();
        for employer in employers.iter().copied() {
            let mut count = |statuses: &[PostingStatus]| {
                postings::table
                    .filter(postings::employer_id.eq(employer))
                    .filter(postings::status.eq_any(statuses.to_vec()))
                    .filter(postings::deleted_at.is_null())
                    .count()
                    .get_result::<i64>(conn)
            };
            let live = count(&[
                PostingStatus::Published,
                PostingStatus::Scheduled,
                PostingStatus::Paused,
            ])?;
            let drafts = count(&[PostingStatus::Draft, PostingStatus::InReview])?;
            let room = Room {
                waits: is_looked_at(conn, employer, rules.review)?,
                live: rules.live_postings - live,
                drafts: rules.drafts - drafts,
            };
            rooms.insert(employer, room);
        }
        gate.rooms = Some(rooms);
        Ok(gate)
    }

    /// A new row as it may be written: readers do not see one that waits or is held.
    ///
    /// # Errors
    /// `quota_exceeded` when there is no place.
    pub(crate) fn place(&mut self, row: PostingRow) -> Result<PostingRow, RowError> {
        if row.status != PostingStatus::Published {
            return Ok(row);
        }
        let status = if self.admit(row.employer_id, true)? {
            PostingStatus::InReview
        } else if let Some(hold) = self.frozen.get(&row.employer_id) {
            // It is news when it comes out.
            self.held.push((*hold, row.id));
            PostingStatus::Paused
        } else {
            return Ok(row);
        };
        Ok(PostingRow {
            status,
            revision: None,
            first_revision: None,
            ..row
        })
    }

    /// Notes what is held, once it is written.
    pub(crate) fn note_held(&mut self, tx: &mut DbConn, now: Timestamp) -> Result<(), StoreError> {
        for (hold, posting) in self.held.drain(..) {
            holds::note_held(tx, hold, posting, now)?;
        }
        Ok(())
    }

    /// Takes a place for a posting that becomes open, and says whether it waits for a moderator.
    ///
    /// # Errors
    /// `quota_exceeded` when there is no place.
    pub(crate) fn admit(&mut self, employer: Id, is_new_to_readers: bool) -> Result<bool, RowError> {
        let Some(room) = self.rooms.as_mut().and_then(|rooms| rooms.get_mut(&employer)) else {
            return Ok(false);
        };
        let waits = room.waits && is_new_to_readers;
        let (left, what) = if waits {
            (&mut room.drafts, "drafts, those in review included")
        } else {
            (&mut room.live, "live postings")
        };
        if *left <= 0 {
            let detail = format!("the employer has as many {what} as it may have");
            return Err(RowError::new("quota_exceeded", detail));
        }
        *left -= 1;
        Ok(waits)
    }
}
