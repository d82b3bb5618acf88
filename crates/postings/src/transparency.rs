//! What the rules of pay transparency say about a posting. Not legal advice.

use diesel::prelude::*;
use serde::Serialize;
use store::schema::employers;
use store::{DbConn, Id, StoreError, Timestamp};
use taxonomy::{
    Coverage, Outcome, PAY_LAW_NOTICE, PayLaw, PayRange, Said, Standing, Statement, Verdict, WorkPlace,
    Workplace,
};
use utoipa::ToSchema;

use crate::content::{PayBand, PostingContent};
use crate::lifecycle::PostingError;
use crate::posting::Posting;
use crate::rules::PayTransparency;
use crate::validate::FieldError;

/// Jurisdictions that one mistake names; the rest is counted.
const NAMED: usize = 8;

/// What the rules say about a posting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PayAssessment {
    /// That this is not legal advice.
    pub notice: &'static str,
    /// Version of the rules.
    #[schema(example = "2026-11-23")]
    pub rules_version: String,
    /// The day for which they were asked.
    #[schema(example = "2026-11-23")]
    pub day: String,
    /// How many people work for the employer, by its own word; null when it does not say, and then rules that ask for a
    /// size may apply.
    pub employees: Option<i32>,
    /// Whether something must be said that is not.
    pub is_missing_something: bool,
    /// What each rule says that covers the posting, or may: place, outcome (`met`, `missing`, `advised`), findings, legal
    /// basis, source and the day of its comparison.
    #[schema(value_type = Vec<Object>)]
    pub verdicts: Vec<Verdict>,
}

/// How many people work for an employer.
pub(crate) fn employees_of(conn: &mut DbConn, employer: Id) -> Result<Option<i32>, StoreError> {
    let found = employers::table
        .find(employer)
        .select(employers::employees)
        .first(conn);
    Ok(found.optional()?.flatten())
}

/// What the rules say about `content`, published at `at` by an employer of this size.
pub fn assess(content: &PostingContent, employees: Option<i32>, at: Timestamp) -> PayAssessment {
    let law = PayLaw::bundled();
    let day = at.as_jiff().strftime("%Y-%m-%d").to_string();
    let disclosures = content.disclosures.unwrap_or_default();
    let pay = content.pay.clone().unwrap_or_default();
    let range = |band: &PayBand| PayRange {
        min: band.min,
        max: band.max,
        currency: band.currency,
        period: band.period,
    };
    let base: Vec<PayRange> = pay.base.iter().chain(&pay.ranges).map(range).collect();
    let stated = if base.is_empty() {
        pay.total.iter().map(range).collect()
    } else {
        base
    };
    let places = content.locations.iter().map(|location| WorkPlace {
        city: location.city.as_deref(),
        region: location.region.as_deref(),
        country: location.country.as_deref(),
    });
    let said = Said {
        places: places.collect(),
        is_remote: content.workplace == Some(Workplace::Remote) || !content.remote_from.is_empty(),
        remote_from: content.remote_from.iter().map(String::as_str).collect(),
        employees: employees.and_then(|count| u32::try_from(count).ok()),
        day: &day,
        pay: stated,
        has_benefits: !content.benefits.is_empty(),
        has_other_compensation: pay.bonus.is_some() || pay.equity.is_some() || pay.sign_on.is_some(),
        // Every public posting has an end that its readers see.
        has_deadline: true,
        ai_screening: disclosures.ai_screening,
        has_vacancy: disclosures.vacancy.is_some(),
        asks_local_experience: asks_canadian_experience(&content.description_text),
    };
    let verdicts = law.assess(&said);
    PayAssessment {
        notice: PAY_LAW_NOTICE,
        rules_version: law.version.clone(),
        is_missing_something: verdicts.iter().any(|verdict| verdict.outcome == Outcome::Missing),
        employees,
        verdicts,
        day,
    }
}

/// "Canadian experience" that is asked for, and not said to be unnecessary.
fn asks_canadian_experience(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "canadian experience",
        "canadian work experience",
        "canadian industry experience",
    ]
    .iter()
    .flat_map(|phrase| text.match_indices(phrase))
    .any(|(at, phrase)| {
        let before: String = text[..at]
            .chars()
            .rev()
            .take(24)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        let after: String = text[at + phrase.len()..].chars().take(24).collect();
        let is_denied = ["no ", "not ", "without "]
            .iter()
            .any(|word| before.contains(word));
        !is_denied
            && !after.contains("not required")
            && !after.contains("not needed")
            && !after.contains("not necessary")
    })
}

impl PayAssessment {
    /// Each thing that must be said and is not, once, with the places that want it.
    pub(crate) fn missing(&self) -> Vec<FieldError> {
        self.mistakes(|verdict, standing| {
            verdict.outcome == Outcome::Missing && standing == Standing::Missing
        })
    }

    /// What should be said as well: where it is not sure that the rule covers the posting, or that there is something.
    pub(crate) fn advised(&self) -> Vec<FieldError> {
        let mut found = self.mistakes(|verdict, standing| {
            verdict.duty != taxonomy::Duty::OnRequest
                && standing != Standing::Stated
                && !(verdict.outcome == Outcome::Missing && standing == Standing::Missing)
        });
        let unsure = self
            .verdicts
            .iter()
            .any(|verdict| verdict.covers == Coverage::Maybe);
        if unsure && self.employees.is_none() && !found.is_empty() {
            let detail = "rules depend on how many people work for the employer: PATCH /v1/employers/… with `employees`";
            found.push(FieldError::new("", "employees_unknown", detail));
        }
        found
    }

    fn mistakes(&self, is_meant: impl Fn(&Verdict, Standing) -> bool) -> Vec<FieldError> {
        let mut found: Vec<(Statement, &str, Vec<&str>)> = Vec::new();
        for verdict in &self.verdicts {
            for finding in verdict
                .findings
                .iter()
                .filter(|finding| is_meant(verdict, finding.standing))
            {
                let name = verdict.jurisdiction.as_str();
                match found
                    .iter_mut()
                    .find(|(statement, ..)| *statement == finding.statement)
                {
                    Some((_, _, names)) => names.push(name),
                    None => found.push((finding.statement, &finding.detail, vec![name])),
                }
            }
        }
        let mistake = |(statement, detail, names): (Statement, &str, Vec<&str>)| {
            let rest = match names.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let names = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let version = &self.rules_version;
            let detail = format!("{detail}: {names}{rest} (rules of {version}; not legal advice)");
            FieldError::new(pointer(statement), code(statement), detail)
        };
        found.into_iter().map(mistake).collect()
    }
}

fn pointer(statement: Statement) -> &'static str {
    match statement {
        Statement::Pay | Statement::OtherCompensation => "/pay",
        Statement::RangeEnds | Statement::RangeWidth => "/pay/base",
        Statement::Benefits => "/benefits",
        Statement::Deadline => "/expires_at",
        Statement::AiScreening => "/disclosures/ai_screening",
        Statement::Vacancy => "/disclosures/vacancy",
        Statement::LocalExperience => "/description",
    }
}

fn code(statement: Statement) -> &'static str {
    match statement {
        Statement::Pay => "law_pay",
        Statement::RangeEnds => "law_range_ends",
        Statement::RangeWidth => "law_range_width",
        Statement::Benefits => "law_benefits",
        Statement::OtherCompensation => "law_other_compensation",
        Statement::Deadline => "law_deadline",
        Statement::AiScreening => "law_ai_screening",
        Statement::Vacancy => "law_vacancy",
        Statement::LocalExperience => "law_local_experience",
    }
}

/// What the rules say about a posting as it is.
pub fn assess_posting(
    conn: &mut DbConn,
    posting: &Posting,
    at: Timestamp,
) -> Result<PayAssessment, StoreError> {
    let employees = employees_of(conn, posting.row.employer_id)?;
    Ok(assess(posting.content(), employees, at))
}

/// Refuses a posting that does not say what it must, when the operator wants that. Imported postings say what their source
/// says.
pub(crate) fn require_said(
    conn: &mut DbConn,
    posting: &Posting,
    choice: PayTransparency,
    at: Timestamp,
) -> Result<(), PostingError> {
    if choice != PayTransparency::Refuse || posting.row.source.is_some() {
        return Ok(());
    }
    let errors = assess_posting(conn, posting, at)?.missing();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(PostingError::Invalid(errors))
    }
}

#[cfg(test)]
mod tests {
    use super::asks_canadian_experience;

    #[test]
    fn canadian_experience_counts_when_it_is_asked_for() {
        for (text, expected) in [
            ("You bring 3 years of Canadian experience.", true),
            ("Canadian work experience is an asset", true),
            ("No Canadian experience is needed.", false),
            ("Canadian experience is not required", false),
            ("Experience with Canadian data centers", false),
        ] {
            assert_eq!(asks_canadian_experience(text), expected, "{text}");
        }
    }
}
