//! Filling a posting's openings.

use store::{DbConn, Id, Timestamp};

use crate::input::PostingInput;
use crate::lifecycle::{CLOSABLE, PostingError, end, require, require_status, save};
use crate::posting::{CloseReason, Posting, PostingStatus};
use crate::validate::FieldError;

/// Notes that `count` more of its openings are filled. With the last one the posting is closed as `filled`.
pub fn fill(
    tx: &mut DbConn,
    id: Id,
    count: u32,
    if_match: Option<i32>,
    now: Timestamp,
) -> Result<Posting, PostingError> {
    let mut posting = require(tx, id, if_match)?;
    require_status(&posting, CLOSABLE, "filled")?;
    let content = &mut posting.row.content.0;
    let left = content.openings.saturating_sub(content.filled);
    if count == 0 || count > left {
        let error = FieldError::new(
            "/count",
            "number_out_of_range",
            format!("1 to {left}, the openings that are left"),
        );
        return Err(PostingError::Invalid(vec![error]));
    }
    content.filled += count;
    if posting.row.source.is_some() {
        let patch = serde_json::json!({ "filled": posting.row.content.0.filled });
        let written = PostingInput::of(posting.content(), None, None);
        crate::import::note_edits(tx, id, &patch, &written)?;
    }
    if count == left {
        return end(tx, posting, CloseReason::Filled, now);
    }
    if posting.row.status != PostingStatus::Scheduled {
        posting.row.verified_at = Some(now);
    }
    save(tx, posting, now)
}
