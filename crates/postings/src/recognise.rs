//! What a posting does not state is recognised from its title and text, and marked so.

use taxonomy::{Discipline, Provenance, Taxonomy};

use crate::content::{Pay, PostingContent};

/// Fills the fields without provenance from title and text.
pub(crate) fn complete(content: &mut PostingContent) {
    let taxonomy = Taxonomy::bundled();
    let found = taxonomy.recognise(&content.title, &content.description_text);
    let missing = |content: &PostingContent, field: &str| !content.provenance.contains_key(field);
    let mut inferred: Vec<&str> = Vec::new();
    if missing(content, "specialties") && !found.specialties.is_empty() {
        content.specialties = found.specialties;
        inferred.push("specialties");
    }
    if missing(content, "discipline") {
        let stated = content.provenance.contains_key("specialties");
        let of_specialties = || discipline_of(taxonomy, &content.specialties);
        content.discipline = if stated {
            of_specialties().or(found.discipline)
        } else {
            found.discipline
        };
        inferred.push("discipline");
    }
    if missing(content, "skills") && !found.skills.is_empty() {
        content.skills = found.skills;
        inferred.push("skills");
    }
    if missing(content, "seniority") && found.seniority.is_some() {
        content.seniority = found.seniority;
        inferred.push("seniority");
    }
    if missing(content, "employment_type") && found.employment_type.is_some() {
        content.employment_type = found.employment_type;
        inferred.push("employment_type");
    }
    if missing(content, "workplace") && found.workplace.is_some() {
        content.workplace = found.workplace;
        inferred.push("workplace");
    }
    if missing(content, "environment") && !found.environment.is_empty() {
        content.environment = found.environment;
        inferred.push("environment");
    }
    if missing(content, "pay")
        && let Some(range) = taxonomy::find_pay_in_text(&content.description_text)
    {
        content.pay = Some(Pay {
            base: Some(range.into()),
            ..Pay::default()
        });
        inferred.push("pay");
    }
    for field in inferred {
        content.provenance.insert(field.to_owned(), Provenance::Inferred);
    }
}

/// The discipline of the first specialty that has one.
fn discipline_of(taxonomy: &Taxonomy, specialties: &[String]) -> Option<Discipline> {
    specialties
        .iter()
        .find_map(|id| taxonomy.specialty(id))
        .map(|specialty| specialty.discipline)
}
