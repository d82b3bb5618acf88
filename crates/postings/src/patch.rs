//! Changing a part of a posting: JSON merge patches (RFC 7396) over its input form.

use taxonomy::Provenance;

use crate::content::PostingContent;
use crate::input::PostingInput;
use crate::posting::Posting;
use crate::validate::FieldError;

/// What an import carried and `patch` does not speak of is still carried, not stated.
pub(crate) fn keep_carried(content: &mut PostingContent, before: &PostingContent, patch: &serde_json::Value) {
    for (field, provenance) in &mut content.provenance {
        let was_carried = before.provenance.get(field) == Some(&Provenance::Carried);
        if was_carried && *provenance == Provenance::Stated && patch.get(field).is_none() {
            *provenance = Provenance::Carried;
        }
    }
}

/// The input form of `posting` after `patch`.
pub(crate) fn patched(posting: &Posting, patch: &serde_json::Value) -> Result<PostingInput, FieldError> {
    if !patch.is_object() {
        return Err(FieldError::new(
            "",
            "value_invalid",
            "a JSON merge patch is an object",
        ));
    }
    let current = PostingInput::of(
        posting.content(),
        posting.row.external_id.clone(),
        posting.row.expires_at,
    );
    let mut value = serde_json::to_value(current).unwrap_or_default();
    merge(&mut value, patch);
    // The kept description is HTML, whatever its first form was; a new one is Markdown unless it says otherwise.
    if patch.get("description").is_none() {
        value["description_format"] = "html".into();
    } else if patch.get("description_format").is_none() {
        value["description_format"] = "markdown".into();
    }
    if let Some(object) = value.as_object_mut() {
        // `null` takes a field back to its default.
        object.retain(|_, field| !field.is_null());
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = crate::import::pointer_of(error.path());
        FieldError::new(pointer, "value_invalid", error.inner().to_string())
    })
}

/// Lays a merge patch (RFC 7396) over a document.
pub(crate) fn merge(target: &mut serde_json::Value, patch: &serde_json::Value) {
    let serde_json::Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::Value::Object(serde_json::Map::new());
    }
    let Some(object) = target.as_object_mut() else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(
                object.entry(key.clone()).or_insert(serde_json::Value::Null),
                value,
            );
        }
    }
}
