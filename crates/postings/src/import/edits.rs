//! What people changed about an imported posting, field by field, so that the next import leaves it alone.

use diesel::prelude::*;
use serde_json::{Map, Value};
use store::revision::{self, Counter};
use store::schema::postings;
use store::{DbConn, Id, Json, StoreError};
use taxonomy::Provenance;

use super::row::{Imported, RowError};
use crate::content::{DescriptionFormat, PostingContent};
use crate::input::PostingInput;
use crate::validate::validate;

/// The fields that people changed, with what they made of them; null is a field that they emptied.
pub(crate) type Edits = Map<String, Value>;

/// Notes that a person's `patch` made `input` of the posting `id`.
pub(crate) fn note(tx: &mut DbConn, id: Id, patch: &Value, input: &PostingInput) -> Result<(), StoreError> {
    // The counter first and the posting after it, as wherever a posting is saved.
    revision::lock(tx, Counter::Postings)?;
    let kept: Option<Json<Edits>> = postings::table.find(id).select(postings::edits).first(tx)?;
    let mut edits = kept.map_or_else(Map::new, |kept| kept.0);
    let outcome = serde_json::to_value(input).unwrap_or_default();
    for name in patch.as_object().into_iter().flatten().map(|(name, _)| name) {
        let name = if name == "description_format" {
            "description"
        } else {
            name
        };
        edits.insert(name.to_owned(), outcome.get(name).cloned().unwrap_or_default());
        if name == "description" {
            edits.insert(
                "description_format".to_owned(),
                outcome["description_format"].clone(),
            );
        }
    }
    diesel::update(postings::table.find(id))
        .set(postings::edits.eq(Json(edits)))
        .execute(tx)?;
    Ok(())
}

/// What an import makes of a posting that says `before`: fields that the row does not know, and fields that people
/// changed, stay as they are.
pub(crate) fn merge(
    imported: &Imported,
    edits: Option<&Edits>,
    before: &PostingContent,
) -> Result<PostingContent, RowError> {
    let mut input = imported.input.clone();
    let keeps = |field: &str| imported.keep.iter().any(|kept| kept == field);
    if keeps("description") && input.description.is_none() && !before.description_html.is_empty() {
        input.description = Some(before.description_html.clone());
        input.description_format = DescriptionFormat::Html;
    }
    let was_inferred = before.provenance.get("pay") == Some(&Provenance::Inferred);
    if keeps("pay") && input.pay.is_none() && !was_inferred {
        input.pay.clone_from(&before.pay);
    }
    let input = match edits {
        Some(edits) => overlaid(&input, edits)?,
        None => input,
    };
    let mut content = validate(input)?;
    for (field, provenance) in &mut content.provenance {
        let by_people = edits.is_some_and(|edits| edits.contains_key(field));
        if *provenance == Provenance::Stated && !by_people {
            *provenance = Provenance::Carried;
        }
    }
    Ok(content)
}

fn overlaid(input: &PostingInput, edits: &Edits) -> Result<PostingInput, RowError> {
    let failed = |error: serde_json::Error| RowError::new("edits_unreadable", error.to_string());
    let mut value = serde_json::to_value(input).map_err(failed)?;
    if let Some(object) = value.as_object_mut() {
        for (name, edited) in edits {
            object.insert(name.clone(), edited.clone());
        }
        object.retain(|_, field| !field.is_null());
    }
    serde_json::from_value(value).map_err(failed)
}
