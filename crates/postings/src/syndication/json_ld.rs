//! A posting as schema.org's JobPosting, by the rules of Google for Jobs: a place or a country for remote work, hybrid is not
//! TELECOMMUTE, the employer's own pay only, and an end in the past when the posting is closed.

use serde_json::{Map, Value, json};
use store::Timestamp;
use taxonomy::{EmploymentType, Gazetteer, PayPeriod, Provenance, Workplace};

use crate::content::{Location, PayBand, PostingContent};
use crate::posting::{Posting, PostingStatus};
use crate::words;

/// The posting as JSON-LD; `url` is its public page.
pub fn json_ld(posting: &Posting, url: &str) -> Value {
    let (row, content) = (&posting.row, posting.content());
    let is_remote = content.workplace == Some(Workplace::Remote);
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    put("@context", Some("https://schema.org/".into()));
    put("@type", Some("JobPosting".into()));
    put("title", Some(content.title.clone().into()));
    put("description", Some(content.description_html.clone().into()));
    put("url", Some(url.into()));
    put("datePosted", row.published_at.map(|at| at.to_string().into()));
    put("validThrough", end_of(posting).map(|at| at.to_string().into()));
    let employer = &posting.employer;
    put(
        "hiringOrganization",
        Some(without_null(
            json!({ "@type": "Organization", "name": employer.name, "sameAs": employer.website }),
        )),
    );
    put(
        "identifier",
        Some(
            json!({ "@type": "PropertyValue", "name": employer.name, "value": row.external_id.clone().unwrap_or_else(|| row.id.to_string()) }),
        ),
    );
    put(
        "employmentType",
        content.employment_type.map(|kind| employment_word(kind).into()),
    );
    let places: Vec<Value> = content.locations.iter().filter_map(place).collect();
    put("jobLocation", some_list(places));
    if is_remote {
        let countries = content
            .remote_from
            .iter()
            .filter(|code| Gazetteer::bundled().is_country(code));
        let countries: Vec<Value> = countries
            .map(|code| json!({ "@type": "Country", "name": code }))
            .collect();
        // Without a country nobody can tell who may apply, and Google refuses it.
        if !countries.is_empty() {
            put("jobLocationType", Some("TELECOMMUTE".into()));
            put("applicantLocationRequirements", some_list(countries));
        }
    }
    put("baseSalary", stated_base(content).map(salary));
    put(
        "incentiveCompensation",
        is_pay_stated(content)
            .then_some(content.pay.as_ref())
            .flatten()
            .and_then(|pay| said(words::incentives(pay))),
    );
    for (name, value) in conditions(content) {
        put(name, value);
    }
    put(
        "totalJobOpenings",
        Some(content.openings.saturating_sub(content.filled).max(1).into()),
    );
    put("directApply", Some(false.into()));
    put(
        "skills",
        some_list(
            content
                .skills
                .iter()
                .map(|skill| Value::from(skill.as_str()))
                .collect(),
        ),
    );
    put(
        "jobBenefits",
        some_list(
            content
                .benefits
                .iter()
                .map(|benefit| Value::from(benefit.as_str()))
                .collect(),
        ),
    );
    Value::Object(out)
}

/// The text of a `<script type="application/ld+json">` in the posting's page. None for a posting that is not open, and for one
/// that does not say where the work is: markup that breaks Google's rules is worse than none.
pub fn embedded(posting: &Posting, url: &str) -> Option<String> {
    let document = json_ld(posting, url);
    let has = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    let is_placed = has("jobLocation") || has("applicantLocationRequirements");
    let says_something = document["description"]
        .as_str()
        .is_some_and(|text| !text.is_empty());
    if !posting.is_searchable() || !is_placed || !says_something || !has("datePosted") {
        return None;
    }
    // Nothing in it may end the element, or begin a comment.
    let text = document.to_string();
    let text = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    Some(text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

/// A posting that is not open any more ended when it was closed.
fn end_of(posting: &Posting) -> Option<Timestamp> {
    match posting.row.status {
        PostingStatus::Published
        | PostingStatus::Scheduled
        | PostingStatus::Draft
        | PostingStatus::InReview => posting.row.expires_at,
        _ => posting.row.closed_at.or(Some(posting.row.updated_at)),
    }
}

/// What schema.org has for the conditions of the work, and few boards say; the page says it in the same words.
fn conditions(content: &PostingContent) -> Vec<(&'static str, Option<Value>)> {
    let is_stated = |field: &str| content.provenance.get(field) != Some(&Provenance::Inferred);
    let eligibility = content.eligibility.as_ref().filter(|_| is_stated("eligibility"));
    let pattern = content
        .work_pattern
        .as_ref()
        .filter(|_| is_stated("work_pattern"));
    let of_eligibility = |own: &dyn Fn(&str) -> bool| {
        let stated = eligibility.map(words::eligibility).unwrap_or_default();
        said(stated.into_iter().filter(|line| own(line)).collect())
    };
    let is_clearance = |line: &str| line.starts_with("security clearance");
    let is_right_to_work = |line: &str| !is_clearance(line) && !line.starts_with("relocation");
    let text = |text: Option<&String>| text.map(|text| Value::from(text.as_str()));
    vec![
        ("securityClearanceRequirement", of_eligibility(&is_clearance)),
        ("eligibilityToWorkRequirement", of_eligibility(&is_right_to_work)),
        (
            "workHours",
            text(pattern.and_then(|pattern| pattern.shift_pattern.as_ref())),
        ),
        (
            "physicalRequirement",
            text(pattern.and_then(|pattern| pattern.physical_demands.as_ref())),
        ),
    ]
}

fn said(lines: Vec<String>) -> Option<Value> {
    (!lines.is_empty()).then(|| lines.join("; ").into())
}

fn is_pay_stated(content: &PostingContent) -> bool {
    content.provenance.get("pay") != Some(&Provenance::Inferred)
}

/// Base pay that the employer or its own system stated; what was read from a text is an estimate.
pub(super) fn stated_base(content: &PostingContent) -> Option<&PayBand> {
    content
        .pay
        .as_ref()
        .filter(|_| is_pay_stated(content))?
        .base
        .as_ref()
}

/// Every range of base pay in words, when the employer or its own system stated it.
pub(super) fn stated_salary(content: &PostingContent) -> Option<String> {
    let pay = content.pay.as_ref().filter(|_| is_pay_stated(content))?;
    let ranges = words::base_pay(pay);
    (!ranges.is_empty()).then(|| ranges.join("; "))
}

fn salary(band: &PayBand) -> Value {
    let unit = match band.period {
        PayPeriod::Hour => "HOUR",
        PayPeriod::Day => "DAY",
        PayPeriod::Week => "WEEK",
        PayPeriod::Month => "MONTH",
        PayPeriod::Year => "YEAR",
    };
    let value = match (band.min, band.max) {
        (Some(min), Some(max)) if min == max => {
            json!({ "@type": "QuantitativeValue", "value": min, "unitText": unit })
        }
        (min, max) => {
            json!({ "@type": "QuantitativeValue", "minValue": min, "maxValue": max, "unitText": unit })
        }
    };
    json!({ "@type": "MonetaryAmount", "currency": band.currency, "value": without_null(value) })
}

fn employment_word(kind: EmploymentType) -> &'static str {
    match kind {
        EmploymentType::FullTime => "FULL_TIME",
        EmploymentType::PartTime => "PART_TIME",
        EmploymentType::Contract => "CONTRACTOR",
        EmploymentType::Temporary => "TEMPORARY",
        EmploymentType::Internship => "INTERN",
        EmploymentType::Apprenticeship => "OTHER",
    }
}

/// A place needs its country; one without says nothing that can be checked.
fn place(location: &Location) -> Option<Value> {
    let country = location.country.as_ref()?;
    let address = json!({
        "@type": "PostalAddress",
        "addressLocality": location.city,
        "addressRegion": location.region,
        "addressCountry": country,
    });
    Some(json!({ "@type": "Place", "address": without_null(address) }))
}

fn some_list(list: Vec<Value>) -> Option<Value> {
    (!list.is_empty()).then(|| list.into())
}

fn without_null(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, field| !field.is_null());
    }
    value
}
