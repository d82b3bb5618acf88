//! Recognising the vocabulary in a short typed query.

use std::borrow::Cow;

use crate::Taxonomy;
use crate::normalise::spaced_with_offsets;
use crate::terms::{Meaning, query_word};

/// What a recognised part of a query is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// A [`crate::Seniority`].
    Seniority,
    /// A [`crate::Specialty`].
    Specialty,
    /// A [`crate::Skill`].
    Skill,
    /// A [`crate::Discipline`].
    Discipline,
    /// A [`crate::Workplace`].
    Workplace,
    /// A [`crate::EmploymentType`].
    EmploymentType,
}

/// A recognised part of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Byte offset of its first character in the query.
    pub start: usize,
    /// Byte offset after its last character.
    pub end: usize,
    /// What it is about.
    pub kind: SpanKind,
    /// The identifier of that kind.
    pub id: Cow<'static, str>,
}

/// Words of typed queries beside the taxonomy's own: text, kind, identifier.
pub(crate) const QUERY_WORDS: &[(&str, SpanKind, &str)] = &[
    ("intern", SpanKind::Seniority, "intern"),
    ("internship", SpanKind::Seniority, "intern"),
    ("co-op", SpanKind::Seniority, "intern"),
    ("working student", SpanKind::Seniority, "intern"),
    ("entry level", SpanKind::Seniority, "entry"),
    ("entry", SpanKind::Seniority, "entry"),
    ("junior", SpanKind::Seniority, "entry"),
    ("jr", SpanKind::Seniority, "entry"),
    ("new grad", SpanKind::Seniority, "entry"),
    ("new graduate", SpanKind::Seniority, "entry"),
    ("graduate", SpanKind::Seniority, "entry"),
    ("early career", SpanKind::Seniority, "entry"),
    ("mid level", SpanKind::Seniority, "mid"),
    ("mid-senior", SpanKind::Seniority, "mid"),
    ("senior", SpanKind::Seniority, "senior"),
    ("sr", SpanKind::Seniority, "senior"),
    ("staff", SpanKind::Seniority, "staff"),
    ("senior staff", SpanKind::Seniority, "staff"),
    ("principal", SpanKind::Seniority, "principal"),
    ("senior principal", SpanKind::Seniority, "principal"),
    ("distinguished", SpanKind::Seniority, "distinguished"),
    ("manager", SpanKind::Seniority, "manager"),
    ("engineering manager", SpanKind::Seniority, "manager"),
    ("director", SpanKind::Seniority, "director"),
    ("vice president", SpanKind::Seniority, "executive"),
    ("vp", SpanKind::Seniority, "executive"),
    ("remote", SpanKind::Workplace, "remote"),
    ("work from home", SpanKind::Workplace, "remote"),
    ("wfh", SpanKind::Workplace, "remote"),
    ("hybrid", SpanKind::Workplace, "hybrid"),
    ("on-site", SpanKind::Workplace, "on_site"),
    ("onsite", SpanKind::Workplace, "on_site"),
    ("in office", SpanKind::Workplace, "on_site"),
    ("full time", SpanKind::EmploymentType, "full_time"),
    ("fulltime", SpanKind::EmploymentType, "full_time"),
    ("part time", SpanKind::EmploymentType, "part_time"),
    ("parttime", SpanKind::EmploymentType, "part_time"),
    ("contract", SpanKind::EmploymentType, "contract"),
    ("contractor", SpanKind::EmploymentType, "contract"),
    ("freelance", SpanKind::EmploymentType, "contract"),
    ("temporary", SpanKind::EmploymentType, "temporary"),
    ("apprentice", SpanKind::EmploymentType, "apprenticeship"),
    ("apprenticeship", SpanKind::EmploymentType, "apprenticeship"),
];

impl Taxonomy {
    /// The vocabulary in a short typed query, left to right, none overlapping: `senior rtl engineer remote` is a
    /// seniority, a specialty and a workplace. Case does not matter: people type `dv` and mean it. Look-alikes
    /// (`soc 2`, `washington dc`) give nothing. Queries above 1,000 bytes give nothing.
    pub fn spans(&self, query: &str) -> Vec<Span> {
        if query.len() > 1_000 {
            return Vec::new();
        }
        let (prepared, offsets) = spaced_with_offsets(query);
        let hits = self.terms.hits(&prepared);
        let spans = hits.filter_map(|hit| {
            let phrase = &self.terms.phrases[hit.phrase];
            let exact = phrase.exact.iter().map(|(_, meaning)| meaning);
            let (kind, id) = phrase
                .meanings
                .iter()
                .chain(exact)
                .filter_map(|meaning| self.span_of(*meaning))
                .min_by_key(|(kind, _)| {
                    RANK.iter()
                        .position(|ranked| ranked == kind)
                        .unwrap_or(RANK.len())
                })?;
            Some(Span {
                start: offsets[hit.start],
                end: offsets[hit.end - 1] + 1,
                kind,
                id,
            })
        });
        spans.collect()
    }

    fn span_of(&self, meaning: Meaning) -> Option<(SpanKind, Cow<'static, str>)> {
        match meaning {
            Meaning::Specialty(index) | Meaning::WeakSpecialty(index) => {
                let specialty = self.specialties().get(usize::from(index))?;
                Some((SpanKind::Specialty, Cow::Owned(specialty.id.clone())))
            }
            Meaning::Skill(index) => {
                let skill = self.skills().get(usize::from(index))?;
                Some((SpanKind::Skill, Cow::Owned(skill.id.clone())))
            }
            Meaning::Discipline(discipline) => {
                Some((SpanKind::Discipline, Cow::Borrowed(discipline.as_str())))
            }
            Meaning::Query(index) => query_word(index).map(|(kind, id)| (kind, Cow::Borrowed(id))),
            _ => None,
        }
    }
}

/// Which reading wins where one phrase has several.
const RANK: &[SpanKind] = &[
    SpanKind::Seniority,
    SpanKind::Workplace,
    SpanKind::EmploymentType,
    SpanKind::Specialty,
    SpanKind::Skill,
    SpanKind::Discipline,
];

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
