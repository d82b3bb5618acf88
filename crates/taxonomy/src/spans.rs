//! Recognising the vocabulary in a short typed query.

use std::borrow::Cow;
use std::ops::Range;

use crate::normalise::{key, spaced_into, spaced_with_offsets};
use crate::terms::{Hit, Meaning, query_word};
use crate::{Discipline, Taxonomy};

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
    /// A shift: `day`, `evening`, `night`, `weekend` or `rotating`.
    Shift,
    /// Being on call: `true`.
    OnCall,
}

impl SpanKind {
    /// Its name in answers, the same as the filter of that name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seniority => "seniority",
            Self::Specialty => "specialty",
            Self::Skill => "skill",
            Self::Discipline => "discipline",
            Self::Workplace => "workplace",
            Self::EmploymentType => "employment_type",
            Self::Shift => "shift",
            Self::OnCall => "on_call",
        }
    }

    /// Whether a posting is it by classification and title only: a description that speaks of senior colleagues, or of the
    /// verification team next door, makes a posting neither senior nor verification.
    pub fn is_of_title(self) -> bool {
        !matches!(self, Self::Skill | Self::Shift | Self::OnCall)
    }
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
    /// The identifiers of that kind, at least one; several where the words may mean either.
    pub ids: Vec<Cow<'static, str>>,
    /// What the words speak for besides, in other kinds: "distributed training" is a skill and speaks for a specialty.
    pub also: Vec<(SpanKind, Cow<'static, str>)>,
}

/// The kind that a phrase is read as, its identifiers, and what else it speaks for.
type Reading = (
    SpanKind,
    Vec<Cow<'static, str>>,
    Vec<(SpanKind, Cow<'static, str>)>,
);

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
    ("night shift", SpanKind::Shift, "night"),
    ("nights", SpanKind::Shift, "night"),
    ("overnight", SpanKind::Shift, "night"),
    ("overnight shift", SpanKind::Shift, "night"),
    ("graveyard shift", SpanKind::Shift, "night"),
    ("third shift", SpanKind::Shift, "night"),
    ("3rd shift", SpanKind::Shift, "night"),
    ("evening shift", SpanKind::Shift, "evening"),
    ("swing shift", SpanKind::Shift, "evening"),
    ("second shift", SpanKind::Shift, "evening"),
    ("2nd shift", SpanKind::Shift, "evening"),
    ("day shift", SpanKind::Shift, "day"),
    ("first shift", SpanKind::Shift, "day"),
    ("1st shift", SpanKind::Shift, "day"),
    ("weekend shift", SpanKind::Shift, "weekend"),
    ("weekends", SpanKind::Shift, "weekend"),
    ("rotating shift", SpanKind::Shift, "rotating"),
    ("rotational shift", SpanKind::Shift, "rotating"),
    ("shift rotation", SpanKind::Shift, "rotating"),
    ("on call", SpanKind::OnCall, "true"),
    ("oncall", SpanKind::OnCall, "true"),
    ("on call rotation", SpanKind::OnCall, "true"),
    ("pager duty rotation", SpanKind::OnCall, "true"),
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
            let (kind, ids, also) =
                self.reading(&phrase.text, phrase.meanings.iter().chain(exact).copied())?;
            Some(Span {
                start: offsets[hit.start],
                end: offsets[hit.end - 1] + 1,
                kind,
                ids,
                also,
            })
        });
        spans.collect()
    }

    /// Phrases of a typed query that hold a word of the vocabulary and mean something else, as byte ranges: `soc 2`.
    pub fn lookalikes(&self, query: &str) -> Vec<Range<usize>> {
        if query.len() > 1_000 {
            return Vec::new();
        }
        let (prepared, offsets) = spaced_with_offsets(query);
        let is_lookalike = |hit: &Hit| {
            self.terms.phrases[hit.phrase]
                .meanings
                .contains(&Meaning::Lookalike)
        };
        let found = self.terms.hits(&prepared).filter(is_lookalike);
        found
            .map(|hit| offsets[hit.start]..offsets[hit.end - 1] + 1)
            .collect()
    }

    /// Of what a phrase may mean, the kind that wins with everything of it, and the rest.
    fn reading(&self, phrase: &[u8], meanings: impl Iterator<Item = Meaning>) -> Option<Reading> {
        let written = key(&String::from_utf8_lossy(phrase));
        let mut ranked: Vec<(u8, SpanKind, Cow<'static, str>)> = Vec::new();
        for meaning in meanings {
            if meaning == Meaning::Lookalike {
                return None;
            }
            let found = self.ranked(meaning, &written);
            let is_new = |(_, kind, id): &(u8, SpanKind, Cow<'static, str>)| {
                !ranked.iter().any(|(_, known, own)| known == kind && own == id)
            };
            if let Some(found) = found.filter(is_new) {
                ranked.push(found);
            }
        }
        let (best, kind, _) = ranked.iter().min_by_key(|(rank, ..)| *rank)?.clone();
        let (ids, also): (Vec<_>, Vec<_>) = ranked.into_iter().partition(|(rank, ..)| *rank == best);
        Some((
            kind,
            ids.into_iter().map(|(_, _, id)| id).collect(),
            also.into_iter().map(|(_, kind, id)| (kind, id)).collect(),
        ))
    }

    /// The vocabulary that a posting's text names: `each` is called for every kind and identifier, repeated as the text
    /// repeats them. What stands for something only by its capitals ("PD") counts only so written, and abbreviations of
    /// several trades ("CPO") and words of several trades ("embedded") name something only of the disciplines that
    /// `is_context` accepts.
    pub fn mentions(
        &self,
        text: &str,
        is_context: impl Fn(Discipline) -> bool,
        mut each: impl FnMut(SpanKind, &str),
    ) {
        let is_foreign =
            |specialty: u16| !is_context(self.terms.specialty_disciplines[usize::from(specialty)]);
        let is_of_context = |skill: u16| {
            let mut owners = self.terms.skill_specialties[usize::from(skill)].iter();
            owners.any(|owner| is_context(self.terms.specialty_disciplines[usize::from(*owner)]))
        };
        let mut prepared = Vec::with_capacity(text.len() + 16);
        spaced_into(text, &mut prepared);
        for hit in self.terms.hits(&prepared) {
            let needs_context = self.terms.phrases[hit.phrase].in_context;
            for (meaning, is_exact) in self.terms.meanings_of(hit, &prepared) {
                match meaning {
                    Meaning::Skill(index) if is_exact && needs_context && !is_of_context(index) => {}
                    Meaning::WeakSpecialty(index) if is_foreign(index) => {}
                    Meaning::Specialty(index) | Meaning::WeakSpecialty(index) => {
                        let specialty = self.specialties().get(usize::from(index));
                        if let Some(specialty) = specialty {
                            each(SpanKind::Specialty, &specialty.id);
                        }
                    }
                    Meaning::Skill(index) => {
                        let skill = self.skills().get(usize::from(index));
                        if let Some(skill) = skill {
                            each(SpanKind::Skill, &skill.id);
                        }
                    }
                    Meaning::Discipline(discipline) => each(SpanKind::Discipline, discipline.as_str()),
                    Meaning::Query(index) => {
                        if let Some((kind, id)) = query_word(index) {
                            each(kind, id);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// The identifier of a meaning with its kind; the least rank wins where one phrase has several. What is called exactly
    /// as it was typed comes before what the words also stand for.
    fn ranked(&self, meaning: Meaning, written: &str) -> Option<(u8, SpanKind, Cow<'static, str>)> {
        let specialty = |index: u16, rank| {
            let specialty = self.specialties().get(usize::from(index))?;
            let rank = if key(&specialty.label) == written { 1 } else { rank };
            Some((rank, SpanKind::Specialty, Cow::Owned(specialty.id.clone())))
        };
        match meaning {
            Meaning::Query(index) => {
                let (kind, id) = query_word(index)?;
                Some((0, kind, Cow::Borrowed(id)))
            }
            Meaning::Specialty(index) => specialty(index, 3),
            Meaning::WeakSpecialty(index) => specialty(index, 5),
            Meaning::Skill(index) => {
                let skill = self.skills().get(usize::from(index))?;
                // Kubernetes is a sign of orchestration but not all of it: a specialty that claims a skill's own name means
                // less by it than the skill does.
                let claiming = self.specialty_id(&skill.label).and_then(|id| self.specialty(id));
                let is_claimed = claiming.is_some_and(|claiming| key(&claiming.label) != key(&skill.label))
                    || claiming.is_none() && key(&skill.label) == written;
                let abbreviations = skill.exact.iter().chain(&skill.in_context);
                let names = skill.synonyms.iter().chain(abbreviations).chain([&skill.label]);
                let rank = match names.into_iter().any(|name| key(name) == written) {
                    // Only a part of the phrase: "chiller technician" is more than chillers.
                    false => 7,
                    true if is_claimed => 2,
                    true => 4,
                };
                Some((rank, SpanKind::Skill, Cow::Owned(skill.id.clone())))
            }
            Meaning::Discipline(discipline) => {
                Some((6, SpanKind::Discipline, Cow::Borrowed(discipline.as_str())))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
