//! From what was written to what is kept: every mistake is found at once, each with its place.

use std::collections::BTreeMap;

use taxonomy::Provenance;

use crate::attributes;
use crate::check::{Check, Kind};
use crate::content::{Disclosures, Pay, PostingContent};
use crate::input::PostingInput;
use crate::{description, recognise};

/// Longest title, in characters.
pub(crate) const MAX_TITLE_CHARS: usize = 200;
/// Longest description as it is written, in bytes.
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 100_000;

/// One thing that is wrong with the input, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body.
    #[schema(example = "/pay/base/min")]
    pub pointer: String,
    /// Stable name of the mistake.
    #[schema(example = "range_reversed")]
    pub code: String,
    /// What to do about it.
    pub detail: String,
}

impl FieldError {
    /// An error at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.to_owned(),
            detail: detail.into(),
        }
    }
}

/// Checks and completes `input`: sanitises the description, resolves synonyms to ids, finds coordinates, recognises
/// what was not stated.
///
/// # Errors
/// Everything that is wrong, in the order of the fields.
pub fn validate(input: PostingInput) -> Result<PostingContent, Vec<FieldError>> {
    let mut check = Check::default();
    let written = input.title.as_deref().unwrap_or_default();
    let title = check.line("/title", Some(written), MAX_TITLE_CHARS);
    if title.as_deref() == Some("") {
        check.error("/title", "value_missing", "a posting has a title");
    }
    let source = input.description.unwrap_or_default();
    if source.len() > MAX_DESCRIPTION_BYTES {
        check.error(
            "/description",
            "value_too_long",
            format!("at most {MAX_DESCRIPTION_BYTES} bytes"),
        );
    }
    let (description_html, description_text) = if check.errors.is_empty() {
        description::render(&source, input.description_format)
    } else {
        Default::default()
    };
    let stated = [
        ("discipline", input.discipline.is_some()),
        ("specialties", input.specialties.is_some()),
        ("skills", input.skills.is_some()),
        ("seniority", input.seniority.is_some()),
        ("employment_type", input.employment_type.is_some()),
        ("workplace", input.workplace.is_some()),
        ("environment", input.environment.is_some()),
        ("pay", input.pay.is_some()),
        ("locations", !input.locations.is_empty()),
        ("remote_from", !input.remote_from.is_empty()),
    ];
    let provenance: BTreeMap<String, Provenance> = stated
        .into_iter()
        .filter(|(_, stated)| *stated)
        .map(|(field, _)| (field.to_owned(), Provenance::Stated))
        .collect();
    let mut content = PostingContent {
        specialties: check.ids(
            "/specialties",
            input.specialties.unwrap_or_default(),
            Kind::Specialty,
        ),
        skills: check.ids("/skills", input.skills.unwrap_or_default(), Kind::Skill),
        locations: check.locations(input.locations),
        remote_from: check.remote_from(input.remote_from),
        openings: input.openings.unwrap_or(1),
        filled: input.filled.unwrap_or(0),
        pay: input
            .pay
            .map(|pay| check.pay(pay))
            .filter(|pay| *pay != Pay::default()),
        benefits: check.phrases("/benefits", input.benefits),
        apply: input.apply.and_then(|apply| check.apply(apply)),
        discipline: input.discipline.flatten(),
        seniority: input.seniority,
        employment_type: input.employment_type,
        workplace: input.workplace,
        environment: input.environment.unwrap_or_default(),
        hardware: input.hardware,
        work_pattern: input.work_pattern,
        eligibility: input.eligibility,
        process: input.process,
        disclosures: input.disclosures.filter(|said| *said != Disclosures::default()),
        remote_utc_offsets: input.remote_utc_offsets,
        attributes: input.attributes,
        title: title.unwrap_or_default(),
        description_html,
        description_text,
        provenance,
    };
    check.numbers(&content);
    check.nested_text(&mut content);
    check.errors.extend(attributes::check(&content.attributes));
    if let Some(external_id) = &input.external_id {
        check.line("/external_id", Some(external_id), 200);
    }
    if !check.errors.is_empty() {
        return Err(check.errors);
    }
    recognise::complete(&mut content);
    Ok(content)
}

/// What keeps `content` from being published; `has_website` says whether the employer can be reached otherwise.
pub(crate) fn publication_errors(content: &PostingContent, has_website: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if content.description_text.is_empty() {
        errors.push(FieldError::new(
            "/description",
            "value_missing",
            "a published posting has a description",
        ));
    }
    if content.apply.is_none() && !has_website {
        let detail = "give a page or a mailbox to apply to, or the employer a website";
        errors.push(FieldError::new("/apply", "value_missing", detail));
    }
    errors
}

/// `text` on one line: white space folded, ends trimmed.
pub(crate) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and those that turn the direction of text around and so disguise it.
pub(crate) fn is_forbidden(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
