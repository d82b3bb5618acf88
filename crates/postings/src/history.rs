//! What a posting said when: every version that was ever public, and what each changed.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use store::page::Page;
use store::schema::posting_versions;
use store::{DbConn, Id, Json, StoreError, Timestamp};
use utoipa::ToSchema;

use crate::content::PostingContent;

/// A field that a version changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldChange {
    /// Name of the field.
    #[schema(example = "title")]
    pub field: String,
    /// What it said before; null when nothing.
    pub before: Value,
    /// What it says from this version on; null when nothing.
    pub after: Value,
}

/// A version that was public.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Version {
    /// Its number. Numbers between versions were changes that nobody could see.
    pub version: i32,
    /// Since when.
    pub at: Timestamp,
    /// What it changed about the version before; nothing in the first, and in one that only made it public again.
    pub changes: Vec<FieldChange>,
}

type Row = (i32, Json<PostingContent>, Timestamp);

/// The public versions of a posting, newest first, after the version `before`.
pub fn list_history(
    conn: &mut DbConn,
    posting_id: Id,
    before: Option<i32>,
    limit: usize,
) -> Result<Page<Version, i32>, StoreError> {
    // One more than is needed to know that there are more, and the one before it to compare with.
    let rows: Vec<Row> = posting_versions::table
        .filter(posting_versions::posting_id.eq(posting_id))
        .filter(posting_versions::version.lt(before.unwrap_or(i32::MAX)))
        .order(posting_versions::version.desc())
        .limit(limit as i64 + 1)
        .select((
            posting_versions::version,
            posting_versions::content,
            posting_versions::created_at,
        ))
        .load(conn)?;
    let versions = rows
        .iter()
        .enumerate()
        .map(|(n, (version, content, at))| Version {
            version: *version,
            at: *at,
            changes: rows
                .get(n + 1)
                .map_or_else(Vec::new, |(_, earlier, _)| changes(&earlier.0, &content.0)),
        });
    Ok(Page::cut(versions.collect(), limit, |version: &Version| {
        version.version
    }))
}

/// What the posting said in a public version.
pub fn find_version(
    conn: &mut DbConn,
    posting_id: Id,
    version: i32,
) -> Result<Option<(PostingContent, Timestamp)>, StoreError> {
    let found: Option<(Json<PostingContent>, Timestamp)> = posting_versions::table
        .find((posting_id, version))
        .select((posting_versions::content, posting_versions::created_at))
        .first(conn)
        .optional()?;
    Ok(found.map(|(content, at)| (content.0, at)))
}

/// The fields in which two contents differ, with both values. The text of a description follows from its HTML and is left out.
pub fn changes(before: &PostingContent, after: &PostingContent) -> Vec<FieldChange> {
    let (Ok(before), Ok(after)) = (serde_json::to_value(before), serde_json::to_value(after)) else {
        return Vec::new();
    };
    // A field that holds nothing may be left out, before or after.
    let names: BTreeSet<&str> = [&before, &after]
        .into_iter()
        .filter_map(Value::as_object)
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let names = names.into_iter();
    let visible = names.filter(|name| !matches!(*name, "description_text" | "provenance"));
    visible
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| FieldChange {
            field: name.to_owned(),
            before: before.get(name).cloned().unwrap_or_default(),
            after: after.get(name).cloned().unwrap_or_default(),
        })
        .collect()
}
