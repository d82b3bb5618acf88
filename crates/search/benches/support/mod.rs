//! Postings for benchmarks.

use postings::{EmployerRef, Posting, PostingContent, PostingInput, PostingRow, PostingStatus};
use search::SearchDocument;
use store::{Id, Json, Timestamp};

/// What search sees of a posting that was just published.
pub(crate) fn published(input: PostingInput, id: Id, now: Timestamp) -> SearchDocument {
    let content: PostingContent = postings::validate(input).unwrap();
    let employer = EmployerRef {
        id,
        name: "Acme Compute".to_owned(),
        slug: "acme-compute".to_owned(),
        website: None,
        status: "active".to_owned(),
    };
    let row = PostingRow {
        id,
        employer_id: id,
        slug: id.to_string(),
        status: PostingStatus::Published,
        version: 1,
        revision: Some(1),
        first_revision: Some(1),
        content: Json(content),
        content_hash: Vec::new(),
        source: None,
        source_id: None,
        external_id: None,
        close_reason: None,
        created_at: now,
        updated_at: now,
        published_at: Some(now),
        publish_at: None,
        expires_at: None,
        closed_at: None,
        deleted_at: None,
        campaign_id: None,
        verified_at: None,
        reposted_from: None,
    };
    SearchDocument::of(&Posting { employer, row })
}
