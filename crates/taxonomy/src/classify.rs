//! Deciding what a posting is about from what was found in it.

use crate::evidence::{Findings, Prepared, slot, workplace_slot};
use crate::work_terms::{title_employment_type, title_workplace};
use crate::{Discipline, EmploymentType, Environment, Seniority, Taxonomy, Workplace, recognise_seniority};

/// What a title and a text say, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recognised {
    /// The discipline; `None` when the work belongs to none of the five.
    pub discipline: Option<Discipline>,
    /// Up to three identifiers of specialties of that discipline, most certain first.
    pub specialties: Vec<String>,
    /// Up to 24 identifiers of skills, most mentioned first.
    pub skills: Vec<String>,
    /// From the title alone.
    pub seniority: Option<Seniority>,
    /// From the title, or where the text says it in so many words.
    pub employment_type: Option<EmploymentType>,
    /// From the title, or where the text says it in so many words.
    pub workplace: Option<Workplace>,
    /// Where the machines stand, in the order of [`Environment::ALL`].
    pub environment: Vec<Environment>,
    /// Points of the chosen discipline's rivals and its own, in the order of [`Discipline::ALL`].
    pub scores: [f32; 5],
    /// Up to twelve phrases that counted most for the chosen discipline.
    pub evidence: Vec<Evidence>,
}

/// One phrase that counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The phrase as the vocabulary writes it.
    pub phrase: String,
    /// Whether it stood in the title.
    pub in_title: bool,
    /// Points.
    pub points: f32,
}

/// Text points beyond this add nothing: a long description is not more certain than a clear one.
const TEXT_CAP: f32 = 14.0;
/// Title points that decide alone.
const TITLE_DECIDES: f32 = 7.5;
/// Title points of one supporting word, and the text points it needs beside it.
const TITLE_HINTS: f32 = 2.9;
const TEXT_BESIDE_HINT: f32 = 4.0;
/// Title points that decide where there is no text to speak of.
const TITLE_ALONE: f32 = 5.0;
/// Text points that decide for a title that only says "engineer", and the lead they need over the second discipline.
const TEXT_DECIDES: f32 = 8.0;
const TEXT_LEAD: f32 = 1.25;
/// Text points that make an open title distributed systems: databases, queues and clouds are in every backend.
const TEXT_EVERYDAY: f32 = 11.0;

impl Taxonomy {
    /// What a posting is about, from its title and plain text (no HTML), in one pass; never fails.
    ///
    /// A phrase in the title weighs six times a phrase in the text. A title of another trade (recruiter, nurse, account
    /// executive …) belongs to no discipline whatever the text says; a title near the field (product manager, analyst,
    /// web developer) needs a specialty in the title; an open title (software engineer, technician) may be decided by
    /// the text alone.
    pub fn recognise(&self, title: &str, text: &str) -> Recognised {
        let prepared = Prepared::new(title, text);
        let findings = Findings::collect(&self.terms, &prepared);
        let discipline = decide(&findings);
        let mut scores = [0.0; 5];
        for (at, score) in scores.iter_mut().enumerate() {
            *score = combined(&findings, at);
        }
        let environments = Environment::ALL.iter().zip(findings.environments);
        Recognised {
            discipline,
            specialties: discipline
                .map(|chosen| self.specialties_of(&findings, chosen))
                .unwrap_or_default(),
            skills: self.skills_of(&findings),
            seniority: recognise_seniority(title),
            employment_type: title_employment_type(title).or(findings.employment_type),
            workplace: title_workplace(title).or_else(|| workplace_of(&findings)),
            environment: environments
                .filter(|(_, count)| *count >= 1)
                .map(|(environment, _)| *environment)
                .collect(),
            scores,
            evidence: discipline
                .map(|chosen| self.evidence_of(&findings, chosen))
                .unwrap_or_default(),
        }
    }

    fn specialties_of(&self, findings: &Findings, chosen: Discipline) -> Vec<String> {
        let mut ranked: Vec<(f32, usize)> = Vec::new();
        for (index, (title, text)) in findings.specialties.iter().enumerate() {
            let enough = *title >= 5.0 || *text >= 3.0 || (*title > 0.0 && *text >= 1.0);
            if enough && self.terms.specialty_disciplines[index] == chosen {
                ranked.push((title * 2.0 + text.min(8.0), index));
            }
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let best = ranked.first().map_or(0.0, |(points, _)| *points);
        let near = ranked
            .into_iter()
            .filter(|(points, _)| *points * 3.0 >= best)
            .take(3);
        near.filter_map(|(_, index)| Some(self.specialties().get(index)?.id.clone()))
            .collect()
    }

    fn skills_of(&self, findings: &Findings) -> Vec<String> {
        let mut ranked: Vec<(u16, usize)> = findings
            .skills
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(at, count)| (*count, at))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked
            .into_iter()
            .take(24)
            .filter_map(|(_, index)| Some(self.skills().get(index)?.id.clone()))
            .collect()
    }

    fn evidence_of(&self, findings: &Findings, chosen: Discipline) -> Vec<Evidence> {
        let mut counted: Vec<Evidence> = Vec::new();
        for (phrase, in_title, discipline, points) in &findings.scored {
            if *discipline != chosen {
                continue;
            }
            let text = String::from_utf8_lossy(&self.terms.phrases[*phrase].text)
                .trim()
                .to_owned();
            match counted
                .iter_mut()
                .find(|have| have.phrase == text && have.in_title == *in_title)
            {
                Some(have) => have.points += points,
                None => counted.push(Evidence {
                    phrase: text,
                    in_title: *in_title,
                    points: *points,
                }),
            }
        }
        counted.sort_by(|a, b| b.points.total_cmp(&a.points));
        counted.truncate(12);
        counted
    }
}

/// What the text says most firmly; where two are said alike, the one with more office in it is the rule.
fn workplace_of(findings: &Findings) -> Option<Workplace> {
    let points = |workplace: Workplace| findings.workplaces[workplace_slot(workplace)];
    let order = [Workplace::Remote, Workplace::OnSite, Workplace::Hybrid];
    let best = order.into_iter().max_by_key(|workplace| points(*workplace))?;
    (points(best) > 0).then_some(best)
}

fn combined(findings: &Findings, at: usize) -> f32 {
    findings.title[at] + findings.text[at].min(TEXT_CAP) * 0.5
}

/// The discipline by the rules of [`Taxonomy::recognise`].
fn decide(findings: &Findings) -> Option<Discipline> {
    if findings.outside {
        return None;
    }
    let is_named = findings.title.iter().any(|points| *points >= TITLE_DECIDES);
    if findings.elsewhere && !(findings.builds && is_named) {
        return None;
    }
    let mut ranked = Discipline::ALL.to_vec();
    ranked.sort_by(|a, b| combined(findings, slot(*b)).total_cmp(&combined(findings, slot(*a))));
    if let Some(role) = led(findings) {
        return Some(role);
    }
    let best_by_title = ranked
        .iter()
        .copied()
        .find(|d| findings.title[slot(*d)] >= TITLE_DECIDES && findings.title_names[slot(*d)]);
    if let Some(best) = best_by_title {
        return Some(best);
    }
    let best = *ranked.first()?;
    let (title, text) = (findings.title[slot(best)], findings.text[slot(best)]);
    if findings.adjacent {
        let supported =
            title >= TITLE_HINTS && text >= 2.0 * TEXT_BESIDE_HINT && is_named_enough(findings, best);
        return supported.then_some(best);
    }
    if findings.title_only {
        let software = matches!(best, Discipline::DistributedSystems | Discipline::MlPlatform);
        let certain = software || findings.named[slot(best)] > 0;
        return (title >= TITLE_ALONE && findings.title_hints[slot(best)] && certain).then_some(best);
    }
    if !is_named_enough(findings, best) {
        return None;
    }
    if title >= TITLE_HINTS && text >= TEXT_BESIDE_HINT {
        return Some(best);
    }
    let second = ranked.get(1).map_or(0.0, |d| findings.text[slot(*d)]);
    // Every backend has a database, a queue and a cloud: only a text that speaks of distributed systems is about them.
    let everyday =
        best == Discipline::DistributedSystems && (findings.named[slot(best)] < 2 || text < TEXT_EVERYDAY);
    let leads = text >= second * TEXT_LEAD || text >= TEXT_CAP;
    let clear = text >= TEXT_DECIDES && leads && !everyday;
    (findings.open && clear).then_some(best)
}

/// The discipline of a role such as program manager that begins the title, when the title says for what of the field it is;
/// those for data centers belong to the data center.
fn led(findings: &Findings) -> Option<Discipline> {
    let role = findings.led_by?;
    let subject = Discipline::ALL
        .iter()
        .filter(|d| **d != role)
        .max_by(|a, b| findings.title[slot(**a)].total_cmp(&findings.title[slot(**b)]))?;
    let is_named = findings.title[slot(*subject)] >= TITLE_ALONE;
    (is_named && *subject != Discipline::DataCenter).then_some(role)
}

/// Chillers, switchgear and circuit boards are everywhere: a text is about a data center or about silicon only when it says
/// so.
fn is_named_enough(findings: &Findings, discipline: Discipline) -> bool {
    match discipline {
        Discipline::Silicon | Discipline::DataCenter => {
            let named = findings.named[slot(discipline)];
            named >= 2 || (named == 1 && findings.text[slot(discipline)] >= TEXT_DECIDES)
        }
        // Programs and supply chains are run everywhere: here they must be for infrastructure of some kind.
        Discipline::AiOperations if !findings.is_general[slot(discipline)] => true,
        Discipline::AiOperations => findings.named.iter().map(|count| u32::from(*count)).sum::<u32>() >= 2,
        _ => true,
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
