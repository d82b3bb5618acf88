//! Many changes of an employer's postings in one call.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{DbConn, Id, Random, Timestamp};
use utoipa::ToSchema;

use crate::filling;
use crate::input::PostingInput;
use crate::lifecycle::{self, PostingError, require};
use crate::posting::{CloseReason, Posting};
use crate::review;
use crate::rules::PostingRules;

/// Operations in one call.
pub const MAX_OPERATIONS: usize = 500;

/// One change of one posting.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Make a draft.
    Create {
        /// What it says.
        posting: Box<PostingInput>,
    },
    /// Change what a posting says (RFC 7396).
    Update {
        /// Which posting.
        id: Id,
        /// The merge patch.
        #[schema(value_type = Object)]
        patch: Value,
    },
    /// Make a draft public.
    Publish {
        /// Which posting.
        id: Id,
    },
    /// Make a draft public at a set time.
    Schedule {
        /// Which posting.
        id: Id,
        /// When.
        publish_at: Timestamp,
    },
    /// Take a posting out of search for a while.
    Pause {
        /// Which posting.
        id: Id,
    },
    /// Bring a paused posting back.
    Resume {
        /// Which posting.
        id: Id,
    },
    /// Give a posting another 60 days.
    Renew {
        /// Which posting.
        id: Id,
    },
    /// End a posting.
    Close {
        /// Which posting.
        id: Id,
        /// Why.
        reason: CloseReason,
    },
    /// Note that openings are filled.
    Fill {
        /// Which posting.
        id: Id,
        /// How many more.
        count: u32,
    },
    /// Erase a posting.
    Delete {
        /// Which posting.
        id: Id,
    },
}

impl Operation {
    /// Which posting it changes; none when it makes one.
    pub fn id(&self) -> Option<Id> {
        match self {
            Self::Create { .. } => None,
            Self::Update { id, .. }
            | Self::Publish { id }
            | Self::Schedule { id, .. }
            | Self::Pause { id }
            | Self::Resume { id }
            | Self::Renew { id }
            | Self::Close { id, .. }
            | Self::Fill { id, .. }
            | Self::Delete { id } => Some(*id),
        }
    }
}

/// Does one operation for `employer_id`. An operation that is refused has written nothing, so that the next ones of the same
/// transaction can go on. Returns the posting as it is then; none when it was erased.
///
/// # Errors
/// [`PostingError::NotFound`] also for another employer's posting.
pub fn apply(
    tx: &mut DbConn,
    employer_id: Id,
    operation: Operation,
    rules: &PostingRules,
    random: &Random,
    now: Timestamp,
) -> Result<Option<Posting>, PostingError> {
    if let Some(id) = operation.id()
        && require(tx, id, None)?.row.employer_id != employer_id
    {
        return Err(PostingError::NotFound);
    }
    let posting = match operation {
        Operation::Create { posting } => lifecycle::create(tx, employer_id, *posting, random, now),
        Operation::Update { id, patch } => review::update(tx, id, &patch, None, rules, now),
        Operation::Publish { id } => review::publish(tx, id, None, rules, now),
        Operation::Schedule { id, publish_at } => review::schedule(tx, id, publish_at, None, rules, now),
        Operation::Pause { id } => lifecycle::pause(tx, id, None, now),
        Operation::Resume { id } => lifecycle::resume(tx, id, None, now),
        Operation::Renew { id } => review::renew(tx, id, None, rules, now),
        Operation::Close { id, reason } => lifecycle::close(tx, id, reason, None, now),
        Operation::Fill { id, count } => filling::fill(tx, id, count, None, now),
        Operation::Delete { id } => return lifecycle::delete(tx, id, None, now).map(|()| None),
    };
    posting.map(Some)
}
