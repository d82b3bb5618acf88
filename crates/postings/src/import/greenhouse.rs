//! Greenhouse's Job Board API: `GET https://boards-api.greenhouse.io/v1/boards/{token}/jobs?content=true`, or one
//! posting of it. Source: the API's own documentation and recorded answers.

use serde_json::{Value, json};
use taxonomy::{Gazetteer, PayPeriod, parse_employment_type, parse_workplace};

use super::ats_pay::{Band, pay_of, period_in_words, period_of_amount};
use super::document::{Envelope, Skipped, error_in, require_id, text};
use super::entities::unescape;
use super::row::RowError;

/// The postings of a list, or the one of a single answer.
pub(crate) fn open(mut document: Value) -> Result<Envelope, String> {
    if document.get("id").is_some() && document.get("title").is_some() {
        let gap = Some("it is one posting, not the board".to_owned());
        return Ok(Envelope {
            rows: vec![document],
            gap,
        });
    }
    let total = document.pointer("/meta/total").and_then(Value::as_u64);
    let Some(Value::Array(rows)) = document.get_mut("jobs").map(Value::take) else {
        return Err(error_in(&document)
            .unwrap_or_else(|| "a Greenhouse board answers with a list under \"jobs\"".to_owned()));
    };
    let gap = match total {
        Some(total) if total != rows.len() as u64 => Some(format!(
            "the board has {total} postings and the answer {}",
            rows.len()
        )),
        Some(_) => None,
        None => Some("the answer does not say how many postings the board has (meta.total)".to_owned()),
    };
    Ok(Envelope { rows, gap })
}

/// One posting in the loose form.
pub(crate) fn loose(row: &Value) -> Result<Value, Skipped> {
    let id = require_id(row)?;
    // Null says that no position stands behind it; a missing field says nothing.
    if row.get("internal_job_id").is_some_and(Value::is_null) {
        let detail = "no position stands behind this posting: it collects prospects";
        return Err(Skipped::Hidden(RowError::new("posting_prospect", detail)));
    }
    let mut keep = Vec::new();
    let description = row.get("content").and_then(Value::as_str).map(unescape);
    if description.is_none() {
        keep.push("description");
    }
    let pay = row.get("pay_input_ranges").and_then(Value::as_array);
    if pay.is_none() {
        keep.push("pay");
    }
    Ok(json!({
        "source": "greenhouse",
        "source_id": id,
        "title": text(row, "/title"),
        "company": text(row, "/company_name"),
        "locations": locations(row),
        "url": text(row, "/absolute_url"),
        // updated_at is the time of an edit; only this is when it was posted.
        "posted_at": text(row, "/first_published"),
        "expires_at": text(row, "/application_deadline"),
        "description_html": description,
        "pay": pay.and_then(|ranges| pay_of(ranges.iter().filter_map(band).collect(), None)),
        "employment_type": metadata(row, &["employment type", "time type"])
            .find(|word| parse_employment_type(word).is_some()),
        "workplace": metadata(row, &["location type", "workplace type", "workplace"])
            .find(|word| parse_workplace(word).is_some()),
        "keep": keep,
    }))
}

/// The free text of the posting; its offices only where the text names no place at all.
fn locations(row: &Value) -> Vec<String> {
    let written = text(row, "/location/name").unwrap_or_default();
    let resolved = Gazetteer::bundled().resolve(written);
    if !resolved.places.is_empty() || resolved.remote {
        return vec![written.to_owned()];
    }
    let offices = row.get("offices").and_then(Value::as_array).into_iter().flatten();
    let named: Vec<String> = offices
        .filter_map(|office| text(office, "/location"))
        .map(str::to_owned)
        .collect();
    if named.is_empty() {
        vec![written.to_owned()]
    } else {
        named
    }
}

/// The texts of the fields named so. A field's value may be a text, a list, a number, a yes or no, or nothing.
fn metadata<'a>(row: &'a Value, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let fields = row
        .get("metadata")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    fields
        .filter(|field| {
            let name = text(field, "/name").unwrap_or_default();
            names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
        })
        .flat_map(|field| match field.get("value") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        })
        .filter_map(Value::as_str)
}

/// Amounts are hundredths; the period is only said in words, if at all.
fn band(range: &Value) -> Option<Band> {
    let units = |field: &str| {
        range
            .get(field)
            .and_then(Value::as_f64)
            .map(|cents| cents / 100.0)
    };
    let (min, max) = (units("min_cents"), units("max_cents"));
    let title = text(range, "/title");
    let words = [title, text(range, "/blurb")];
    let stated: Option<PayPeriod> = words.into_iter().flatten().find_map(period_in_words);
    Some(Band {
        min,
        max,
        currency: text(range, "/currency_type")?.to_owned(),
        period: stated.or_else(|| period_of_amount(max.or(min)?))?,
        applies_to: title.map(str::to_owned),
    })
}
