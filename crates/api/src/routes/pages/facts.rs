//! What the page of a posting says beside its text: everything that is stated, what laws want told included.

use postings::{Posting, words};
use taxonomy::{Discipline, EmploymentType, Seniority, Taxonomy};

/// A name, and what is said under it.
pub(super) type Fact = (&'static str, String);

/// The facts of a posting in the order in which readers ask for them; what is not stated is left out.
pub(super) fn facts(posting: &Posting) -> Vec<Fact> {
    let mut facts = role(posting);
    facts.extend(conditions(posting));
    facts.extend(dates(posting));
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn role(posting: &Posting) -> Vec<Fact> {
    let content = posting.content();
    let taxonomy = Taxonomy::bundled();
    let labels = |ids: &[String], label: &dyn Fn(&str) -> Option<String>| {
        ids.iter()
            .filter_map(|id| label(id))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let word = |label: Option<&'static str>| label.unwrap_or_default().to_owned();
    let places = content.locations.iter().map(postings::Location::label);
    vec![
        ("Pay", list(content.pay.as_ref().map(words::pay))),
        ("Discipline", word(content.discipline.map(Discipline::label))),
        (
            "Specialties",
            labels(&content.specialties, &|id| {
                Some(taxonomy.specialty(id)?.label.clone())
            }),
        ),
        (
            "Skills",
            labels(&content.skills, &|id| Some(taxonomy.skill(id)?.label.clone())),
        ),
        ("Level", word(content.seniority.map(Seniority::label))),
        (
            "Employment",
            word(content.employment_type.map(EmploymentType::label)),
        ),
        ("Places", places.collect::<Vec<_>>().join("; ")),
        ("Remote from", words::reach(content).join(", ")),
    ]
}

fn conditions(posting: &Posting) -> Vec<Fact> {
    let content = posting.content();
    let pattern = content.work_pattern.as_ref();
    let demands = pattern.and_then(|pattern| pattern.physical_demands.clone());
    let environment = content.environment.iter().map(|kind| kind.label());
    vec![
        ("Benefits", content.benefits.join(", ")),
        ("Hardware", list(content.hardware.as_ref().map(words::hardware))),
        ("Environment", environment.collect::<Vec<_>>().join(", ")),
        ("Work pattern", list(pattern.map(words::work_pattern))),
        ("Physical demands", demands.unwrap_or_default()),
        (
            "Eligibility",
            list(content.eligibility.as_ref().map(words::eligibility)),
        ),
        ("Process", words::process(content).join("; ")),
        (
            "Disclosures",
            content
                .disclosures
                .map(words::disclosures)
                .unwrap_or_default()
                .join("; "),
        ),
        ("Further", words::attributes(content).join("; ")),
    ]
}

fn dates(posting: &Posting) -> Vec<Fact> {
    let (row, content) = (&posting.row, posting.content());
    let openings = match (content.openings, content.filled) {
        (0 | 1, _) => String::new(),
        (all, 0) => all.to_string(),
        (all, filled) => format!("{all}, of which {filled} filled"),
    };
    vec![
        ("Posted", day_of(row.published_at)),
        ("Open until", day_of(row.expires_at)),
        ("Reference", row.external_id.clone().unwrap_or_default()),
        ("Openings", openings),
    ]
}

fn list(parts: Option<Vec<String>>) -> String {
    parts.unwrap_or_default().join("; ")
}

/// "2027-01-22" in UTC.
fn day_of(at: Option<store::Timestamp>) -> String {
    let text = at.map(|at| at.to_string()).unwrap_or_default();
    text.split('T').next().unwrap_or_default().to_owned()
}
