//! Attributes that an employer names itself, such as `cost_center` or `team_size`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::validate::{FieldError, is_forbidden};

/// Attributes of one posting at most.
pub const MAX_ATTRIBUTES: usize = 50;
const MAX_NAME: usize = 32;
const MAX_TEXT_CHARS: usize = 200;
/// Numbers beyond this lose digits on their way through other programs.
const MAX_NUMBER: f64 = 1e15;

/// The value of an attribute: a text, a number, or true or false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AttributeValue {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text of at most 200 characters.
    Text(String),
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// Whether `name` can name an attribute: `^[a-z][a-z0-9_]{0,31}$`.
pub fn is_name(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= MAX_NAME && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_inner)
}

/// What is wrong with these attributes.
pub(crate) fn check(attributes: &Attributes) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if attributes.len() > MAX_ATTRIBUTES {
        errors.push(FieldError::new(
            "/attributes",
            "list_too_long",
            "at most 50 attributes",
        ));
    }
    for (name, value) in attributes.iter().take(MAX_ATTRIBUTES) {
        if !is_name(name) {
            let detail = format!(
                "{name:?} is not a name: a letter, then letters, digits and _, in lower case, at most 32"
            );
            errors.push(FieldError::new("/attributes", "name_invalid", detail));
            continue;
        }
        let wrong = match value {
            AttributeValue::Flag(_) => None,
            AttributeValue::Whole(number) => {
                (number.unsigned_abs() as f64 >= MAX_NUMBER).then_some(("number_out_of_range", "below 1e15"))
            }
            AttributeValue::Number(number) => (!number.is_finite() || number.abs() >= MAX_NUMBER)
                .then_some(("number_out_of_range", "below 1e15")),
            AttributeValue::Text(text) if text.trim().is_empty() => Some(("value_missing", "not blank")),
            AttributeValue::Text(text) if text.chars().count() > MAX_TEXT_CHARS => {
                Some(("value_too_long", "at most 200 characters"))
            }
            AttributeValue::Text(text) => text
                .chars()
                .any(is_forbidden)
                .then_some(("characters_not_allowed", "control characters are not allowed")),
        };
        if let Some((code, detail)) = wrong {
            errors.push(FieldError::new(format!("/attributes/{name}"), code, detail));
        }
    }
    errors
}

/// The attributes in a document of somebody else's; none when they are not ours in form.
pub(crate) fn of_json(value: serde_json::Value) -> Attributes {
    let attributes: Attributes = serde_json::from_value(value).unwrap_or_default();
    if check(&attributes).is_empty() {
        attributes
    } else {
        Attributes::new()
    }
}

/// The forms that `text`, typed into an address, can have as a value in JSON: the text itself, and the number or flag that it
/// may mean.
pub(crate) fn json_forms(text: &str) -> Vec<String> {
    let mut forms = vec![serde_json::Value::from(text).to_string()];
    if let Ok(flag) = text.parse::<bool>() {
        forms.push(flag.to_string());
    }
    if let Ok(whole) = text.parse::<i64>() {
        forms.push(whole.to_string());
        forms.push(format!("{whole}.0"));
    } else if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
        forms.push(serde_json::Value::from(number).to_string());
        if number.fract() == 0.0 {
            forms.push(format!("{number:.0}"));
        }
    }
    forms
}
