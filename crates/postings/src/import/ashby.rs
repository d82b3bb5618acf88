//! Ashby's public job posting API: `GET https://api.ashbyhq.com/posting-api/job-board/{board}?includeCompensation=true`,
//! everything in one answer. Source: recorded answers.

use serde_json::{Value, json};
use taxonomy::{EquityKind, PayPeriod};

use super::ats_pay::{Band, pay_of};
use super::document::{Envelope, Skipped, error_in, path_part, require_id, text};
use super::row::RowError;
use crate::content::Equity;

/// The postings of the list.
pub(crate) fn open(mut document: Value) -> Result<Envelope, String> {
    match document.get_mut("jobs").map(Value::take) {
        Some(Value::Array(rows)) => Ok(Envelope { rows, gap: None }),
        _ => Err(error_in(&document)
            .unwrap_or_else(|| "an Ashby board answers with a list under \"jobs\"".to_owned())),
    }
}

/// One posting in the loose form.
pub(crate) fn loose(row: &Value) -> Result<Value, Skipped> {
    let id = require_id(row)?;
    if row.get("isListed") == Some(&Value::Bool(false)) {
        let detail = "its employer does not list it";
        return Err(Skipped::Hidden(RowError::new("posting_unlisted", detail)));
    }
    let page = text(row, "/jobUrl");
    let mut keep = Vec::new();
    let description = text(row, "/descriptionHtml");
    if row.get("descriptionHtml").is_none() && row.get("descriptionPlain").is_none() {
        keep.push("description");
    }
    // Whoever answers without compensation was not asked for it; whoever hides it sends it all the same.
    let is_hidden = row.get("shouldDisplayCompensationOnJobPostings") == Some(&Value::Bool(false));
    if row.get("compensation").is_none() && !is_hidden {
        keep.push("pay");
    }
    let shown = row.get("compensation").filter(|_| !is_hidden);
    Ok(json!({
        "source": "ashby",
        "source_id": id,
        "title": text(row, "/title"),
        "company": page.and_then(|url| path_part(url, 0)),
        "locations": locations(row),
        // isRemote is also true for hybrid roles, so it says nothing.
        "workplace": text(row, "/workplaceType"),
        "employment_type": text(row, "/employmentType"),
        "url": text(row, "/applyUrl").or(page),
        "posted_at": text(row, "/publishedAt"),
        "description_html": description,
        "description_text": text(row, "/descriptionPlain"),
        "pay": shown.and_then(pay),
        "keep": keep,
    }))
}

fn locations(row: &Value) -> Vec<String> {
    let further = row.get("secondaryLocations").and_then(Value::as_array);
    let all = std::iter::once(row).chain(further.into_iter().flatten());
    all.filter_map(place).collect()
}

/// An address is more exact than the text, which may be decorated ("New York, NY (HQ)"); but only the text says "remote".
fn place(holder: &Value) -> Option<String> {
    let written = text(holder, "/location");
    if written.is_some_and(|text| text.to_lowercase().contains("remote")) {
        return written.map(str::to_owned);
    }
    let address = holder.get("address")?;
    let fields = address.get("postalAddress").unwrap_or(address);
    let parts = ["/addressLocality", "/addressRegion", "/addressCountry"];
    let parts: Vec<&str> = parts.into_iter().filter_map(|part| text(fields, part)).collect();
    let undecorated = || written.map(|text| text.split(" (").next().unwrap_or(text).trim().to_owned());
    if text(fields, "/addressLocality").is_some() {
        Some(parts.join(", "))
    } else {
        undecorated().or_else(|| (!parts.is_empty()).then(|| parts.join(", ")))
    }
}

/// Tiers are ranges for places or levels. Base pay is what is called salary, wherever it stands among the components.
fn pay(compensation: &Value) -> Option<crate::Pay> {
    let list = |holder: &Value, field: &str| -> Vec<Value> {
        holder
            .get(field)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let tiers = list(compensation, "compensationTiers");
    let mut components: Vec<(Option<String>, Value)> = Vec::new();
    for tier in &tiers {
        let title = text(tier, "/title").map(str::to_owned);
        components.extend(
            list(tier, "components")
                .into_iter()
                .map(|part| (title.clone(), part)),
        );
    }
    if components.is_empty() {
        let parts = list(compensation, "summaryComponents");
        components.extend(parts.into_iter().map(|part| (None, part)));
    }
    let kind = |part: &Value| text(part, "/compensationType").unwrap_or_default().to_owned();
    let equity = components
        .iter()
        .any(|(_, part)| kind(part).starts_with("Equity"));
    let salaries = components.iter().filter(|(_, part)| kind(part) == "Salary");
    let bands = salaries
        .filter_map(|(title, part)| band(title.clone(), part))
        .collect();
    pay_of(
        bands,
        equity.then_some(Equity {
            kind: EquityKind::Other,
            note: None,
        }),
    )
}

fn band(title: Option<String>, part: &Value) -> Option<Band> {
    let amount = |field: &str| part.get(field).and_then(Value::as_f64);
    let interval = text(part, "/interval")?;
    let (count, unit) = interval.split_once(' ')?;
    let count: f64 = count.parse().ok().filter(|count| *count > 0.0)?;
    let (period, per_period) = match unit {
        "YEAR" => (PayPeriod::Year, count),
        // "6 MONTH" is a sum for half a year.
        "MONTH" => (PayPeriod::Month, count),
        "WEEK" => (PayPeriod::Week, count),
        "DAY" => (PayPeriod::Day, count),
        "HOUR" => (PayPeriod::Hour, count),
        _ => return None,
    };
    Some(Band {
        min: amount("minValue").map(|sum| sum / per_period),
        max: amount("maxValue").map(|sum| sum / per_period),
        currency: text(part, "/currencyCode")?.to_owned(),
        period,
        applies_to: title,
    })
}
