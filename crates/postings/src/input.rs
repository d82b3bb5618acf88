//! What an employer writes.

use serde::{Deserialize, Serialize};
use taxonomy::{Discipline, EmploymentType, Environment, Seniority, Workplace};
use utoipa::ToSchema;

use crate::attributes::Attributes;
use crate::content::{
    Apply, DescriptionFormat, Disclosures, Eligibility, Hardware, Location, Pay, PostingContent, Process,
    UtcOffsets, WorkPattern,
};

/// A posting as it is written: every field may be missing. What is not given is recognised from title and description
/// where the vocabulary allows it, and marked `inferred`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PostingInput {
    /// One line, at most 200 characters.
    #[schema(example = "Staff RTL Design Engineer")]
    pub title: Option<String>,
    /// Markdown, or HTML with `description_format: "html"`; at most 100,000 bytes.
    pub description: Option<String>,
    /// How `description` is written.
    pub description_format: DescriptionFormat,
    /// One of the five disciplines, or `none`.
    #[schema(value_type = Option<String>, example = "silicon")]
    #[serde(with = "stated_discipline")]
    pub discipline: Option<Option<Discipline>>,
    /// Ids, labels or synonyms of specialties.
    pub specialties: Option<Vec<String>>,
    /// Ids, labels or synonyms of skills.
    pub skills: Option<Vec<String>>,
    /// Level.
    #[schema(value_type = Option<String>, example = "staff")]
    pub seniority: Option<Seniority>,
    /// Kind of employment.
    #[schema(value_type = Option<String>, example = "full_time")]
    pub employment_type: Option<EmploymentType>,
    /// `on_site`, `hybrid` or `remote`.
    #[schema(value_type = Option<String>, example = "hybrid")]
    pub workplace: Option<Workplace>,
    /// Places of work, at most 100.
    pub locations: Vec<Location>,
    /// Where a remote person may be: ISO countries, or regions such as `EU`.
    pub remote_from: Vec<String>,
    /// How many positions the posting stands for; 1 when missing.
    pub openings: Option<u32>,
    /// How many of them are filled.
    pub filled: Option<u32>,
    /// What it pays.
    pub pay: Option<Pay>,
    /// Hardware stack.
    pub hardware: Option<Hardware>,
    /// Work pattern.
    pub work_pattern: Option<WorkPattern>,
    /// Who may take it.
    pub eligibility: Option<Eligibility>,
    /// `cloud`, `on_premises`, `colocation`, `air_gapped`, `edge`.
    #[schema(value_type = Option<Vec<String>>)]
    pub environment: Option<Vec<Environment>>,
    /// Benefits in words.
    pub benefits: Vec<String>,
    /// How the employer decides.
    pub process: Option<Process>,
    /// How to apply; the employer's website when missing.
    pub apply: Option<Apply>,
    /// What laws want told.
    pub disclosures: Option<Disclosures>,
    /// Time zones in which a remote person may live, as hours from UTC.
    pub remote_utc_offsets: Option<UtcOffsets>,
    /// Attributes that the employer names itself, at most 50: `{"cost_center": "HW-12", "team_size": 9}`. Names are lower case
    /// letters, digits and `_`, at most 32.
    pub attributes: Attributes,
    /// The employer's own name for the posting, unique among its postings.
    pub external_id: Option<String>,
    /// When the posting ends by itself; 60 days after publication when missing.
    pub expires_at: Option<store::Timestamp>,
}

impl PostingInput {
    /// The input that would give `content`, for changing a part of it. Inferred facts are left out, so that they are
    /// recognised again from the new text.
    pub fn of(
        content: &PostingContent,
        external_id: Option<String>,
        expires_at: Option<store::Timestamp>,
    ) -> Self {
        let kept = |field: &str| {
            content
                .provenance
                .get(field)
                .is_some_and(|p| *p != taxonomy::Provenance::Inferred)
        };
        Self {
            title: Some(content.title.clone()),
            description: Some(content.description_html.clone()).filter(|html| !html.is_empty()),
            description_format: DescriptionFormat::Html,
            discipline: kept("discipline").then_some(content.discipline),
            specialties: kept("specialties").then(|| content.specialties.clone()),
            skills: kept("skills").then(|| content.skills.clone()),
            seniority: content.seniority.filter(|_| kept("seniority")),
            employment_type: content.employment_type.filter(|_| kept("employment_type")),
            workplace: content.workplace.filter(|_| kept("workplace")),
            locations: content.locations.clone(),
            remote_from: content.remote_from.clone(),
            openings: Some(content.openings),
            filled: Some(content.filled),
            pay: kept("pay").then(|| content.pay.clone().unwrap_or_default()),
            hardware: content.hardware.clone(),
            work_pattern: content.work_pattern.clone(),
            eligibility: content.eligibility.clone(),
            environment: kept("environment").then(|| content.environment.clone()),
            benefits: content.benefits.clone(),
            process: content.process.clone(),
            apply: content.apply.clone(),
            disclosures: content.disclosures,
            remote_utc_offsets: content.remote_utc_offsets,
            attributes: content.attributes.clone(),
            external_id,
            expires_at,
        }
    }
}

/// `null` and a missing field mean "recognise it"; `"none"` states that it is none of the five.
#[expect(clippy::option_option, reason = "not stated, stated as none, stated")]
mod stated_discipline {
    use serde::{Deserializer, Serializer};
    use taxonomy::Discipline;

    use crate::content::discipline_word;

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's signature"
    )]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Option<Discipline>>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            None => out.serialize_none(),
            Some(stated) => discipline_word::serialize(stated, out),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Option<Discipline>>, D::Error> {
        use serde::Deserialize;
        #[derive(Deserialize)]
        struct Word(#[serde(with = "discipline_word")] Option<Discipline>);
        Ok(Option::<Word>::deserialize(from)?.map(|word| word.0))
    }
}
