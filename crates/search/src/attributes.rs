//! What employers name themselves, as search knows it: `attribute=NAME:VALUE`.
//!
//! Attributes are filtered by presence alone. They are no facets: a board has as many names of them as its employers think of,
//! and a column for each would be kept for every posting.

use std::collections::BTreeMap;

use postings::attributes::{AttributeValue, Attributes, is_name};

/// Accepted values for each name: sorted, any of a name's is enough, all names are needed.
pub type WantedAttributes = BTreeMap<String, Vec<String>>;

/// What these parameters want; `wrong` is told about each that says nothing.
pub(crate) fn wanted(raw: &[&str], mut wrong: impl FnMut(&'static str)) -> WantedAttributes {
    let mut wanted = WantedAttributes::new();
    for text in raw.iter().filter(|text| !text.trim().is_empty()) {
        match parse(text) {
            Ok((name, value)) => wanted.entry(name).or_default().push(value),
            Err(detail) => wrong(detail),
        }
    }
    for values in wanted.values_mut() {
        values.sort_unstable();
        values.dedup();
    }
    wanted
}

/// Name and value in `text`, the value in the form in which queries keep it; the first colon stands between them.
///
/// # Errors
/// What is wrong, in words.
fn parse(text: &str) -> Result<(String, String), &'static str> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("a name and a value with a colon between them, such as team:compute");
    };
    let (name, value) = (name.trim(), folded(value));
    if !is_name(name) {
        return Err(
            "the name before the colon is a letter, then letters, digits and _, in lower case, at most 32",
        );
    }
    if value.is_empty() {
        return Err("no value behind the colon");
    }
    Ok((name.to_owned(), value))
}

/// The term under which the index and the matcher know a value. No facet is called `attribute`.
fn term(name: &str, value: &str) -> String {
    format!("attribute:{name}:{value}")
}

/// The terms of what is wanted of one name: a text, and the number that it may mean.
pub(crate) fn terms<'q>(name: &'q str, values: &'q [String]) -> impl Iterator<Item = String> + 'q {
    values
        .iter()
        .flat_map(|value| [Some(value.clone()), number(value)])
        .flatten()
        .map(move |value| term(name, &value))
}

/// A posting's attributes in the form in which they are compared.
pub(crate) fn of(attributes: &Attributes) -> Vec<(String, String)> {
    let value = |value: &AttributeValue| match value {
        AttributeValue::Flag(flag) => flag.to_string(),
        AttributeValue::Whole(whole) => whole.to_string(),
        AttributeValue::Number(number) => (number + 0.0).to_string(),
        AttributeValue::Text(text) => folded(text),
    };
    attributes
        .iter()
        .map(|(name, own)| (name.clone(), value(own)))
        .collect()
}

/// The terms of a posting.
pub(crate) fn each_term(attributes: &[(String, String)], mut each: impl FnMut(&str)) {
    for (name, value) in attributes {
        each(&term(name, value));
    }
}

/// Upper and lower case, and how many blanks there are, make no difference.
fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// The number that a text means, as the attribute of a posting is written that is this number.
fn number(text: &str) -> Option<String> {
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    let number = text.parse::<f64>().ok().filter(|_| is_plain)?;
    // Without a fraction both kinds of numbers look the same: 9.0 is written "9". Nobody means a zero below zero.
    Some((number + 0.0).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_found(wanted: &str, own: serde_json::Value) -> bool {
        let (name, value) = parse(wanted).unwrap();
        let attributes: Attributes = serde_json::from_value(own).unwrap();
        let mut own = Vec::new();
        each_term(&of(&attributes), |term| own.push(term.to_owned()));
        terms(&name, &[value]).any(|term| own.contains(&term))
    }

    #[test]
    fn numbers_flags_and_texts_are_found_as_people_type_them() {
        for (wanted, own, found) in [
            ("team_size:9", json!({"team_size": 9}), true),
            ("team_size:9.0", json!({"team_size": 9}), true),
            ("team_size:9", json!({"team_size": 9.0}), true),
            ("team_size:+9", json!({"team_size": 9}), true),
            ("load:0.5", json!({"load": 0.5}), true),
            ("load:.5", json!({"load": 0.5}), true),
            ("load:5", json!({"load": 0.5}), false),
            ("lab:true", json!({"lab": true}), true),
            ("lab:true", json!({"lab": false}), false),
            ("site: HQ   North ", json!({"site": "hq north"}), true),
            ("site:hq", json!({"site": "HQ North"}), false),
            ("code:007", json!({"code": "007"}), true),
            ("code:a:b,c", json!({"code": "A:B,C"}), true),
            ("code:1e3", json!({"code": 1000}), false),
            ("other:9", json!({"team_size": 9}), false),
        ] {
            assert_eq!(is_found(wanted, own.clone()), found, "{wanted} {own}");
        }
    }

    #[test]
    fn a_query_with_attributes_has_one_form_and_comes_back_from_its_parameters() {
        let pair = |value: &str| ("attribute".to_owned(), value.to_owned());
        let pairs = [
            pair("team: Compute, East"),
            pair("size:9"),
            pair("team:compute,  west"),
        ];
        let query = crate::parse_pairs(&pairs).unwrap().query;
        let object = json!({"attribute": ["size:9", "team:compute, west", "team:compute, east"]});
        assert_eq!(crate::query_from_json(&object).unwrap(), query);
        assert_eq!(crate::parse_pairs(&query.to_pairs()).unwrap().query, query);
        assert_eq!(query.describe(), "size: 9 · team: compute, east or compute, west");
        assert!(!query.is_unfiltered());
        let wrong = crate::parse_pairs(&[pair("team")]).unwrap_err();
        assert_eq!(
            (wrong[0].parameter.as_str(), wrong[0].code),
            ("attribute", "value_invalid")
        );
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in ["", "team", "Team:9", "team size:9", ":9", "team:", "team:  "] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
