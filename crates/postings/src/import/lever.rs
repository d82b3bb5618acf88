//! Lever's Postings API v0: `GET https://api.lever.co/v0/postings/{site}?mode=json`, a bare list in pages of 100.
//! Source: lever/postings-api's README and recorded answers.

use serde_json::{Value, json};
use taxonomy::{Gazetteer, PayPeriod};

use super::ats_pay::{Band, pay_of};
use super::document::{Envelope, Skipped, error_in, path_part, require_id, text};
use super::entities::escape;

/// Rows of a full page: behind one there may be another.
pub(crate) const PAGE: usize = 100;

/// The postings of a list, or the one of a single answer.
pub(crate) fn open(document: Value, has_all_pages: bool) -> Result<Envelope, String> {
    match document {
        Value::Array(rows) => {
            let gap = (!has_all_pages && rows.len() == PAGE)
                .then(|| format!("it is one full page of {PAGE}, and more may follow"));
            Ok(Envelope { rows, gap })
        }
        one if one.get("id").is_some() && one.get("text").is_some() => Ok(Envelope {
            rows: vec![one],
            gap: Some("it is one posting, not the board".to_owned()),
        }),
        other => Err(error_in(&other).unwrap_or_else(|| "a Lever board answers with a list".to_owned())),
    }
}

/// One posting in the loose form.
pub(crate) fn loose(row: &Value) -> Result<Value, Skipped> {
    let id = require_id(row)?;
    let hosted = text(row, "/hostedUrl");
    let (locations, remote_from) = places(row);
    let has_description = row.get("description").is_some() || row.get("lists").is_some();
    Ok(json!({
        "source": "lever",
        "source_id": id,
        "title": text(row, "/text"),
        // The answer never names the company; the site's name in the address is the nearest thing.
        "company": hosted.and_then(|url| path_part(url, 0)),
        "locations": locations,
        "remote_from": remote_from,
        "workplace": text(row, "/workplaceType").filter(|word| *word != "unspecified"),
        "employment_type": text(row, "/categories/commitment"),
        "url": text(row, "/applyUrl").or(hosted),
        // Milliseconds since 1970.
        "posted_at": row.get("createdAt").filter(|at| at.is_number()),
        "description_html": description(row),
        "pay": row.get("salaryRange").and_then(band).and_then(|band| pay_of(vec![band], None)),
        "keep": if has_description { vec![] } else { vec!["description"] },
    }))
}

/// `description` is intro and body together; the lists hold what is asked for, as bare items.
fn description(row: &Value) -> Option<String> {
    let html_or_text = |html: &str, plain: &str| {
        let of_text = || text(row, plain).map(paragraphs);
        text(row, html).map(str::to_owned).or_else(of_text)
    };
    let mut out = html_or_text("/description", "/descriptionPlain").unwrap_or_else(|| {
        let parts = [
            html_or_text("/opening", "/openingPlain"),
            html_or_text("/descriptionBody", "/descriptionBodyPlain"),
        ];
        parts.into_iter().flatten().collect()
    });
    for list in row.get("lists").and_then(Value::as_array).into_iter().flatten() {
        if let Some(heading) = text(list, "/text") {
            out.extend(["<h3>", &escape(heading), "</h3>"]);
        }
        if let Some(items) = text(list, "/content") {
            out.extend(["<ul>", items, "</ul>"]);
        }
    }
    out.extend(html_or_text("/additional", "/additionalPlain"));
    out.extend(html_or_text("/salaryDescription", "/salaryDescriptionPlain"));
    Some(out).filter(|html| !html.trim().is_empty())
}

fn paragraphs(plain: &str) -> String {
    let lines = plain.lines().map(str::trim).filter(|line| !line.is_empty());
    let escaped = lines.map(escape);
    escaped
        .flat_map(|line| ["<p>".to_owned(), line, "</p>".to_owned()])
        .collect()
}

/// All places, the main one first. `country` belongs to the main one alone: it says where it is when its text does not.
fn places(row: &Value) -> (Vec<Value>, Option<Vec<String>>) {
    let main = text(row, "/categories/location");
    let all = row.pointer("/categories/allLocations").and_then(Value::as_array);
    let mut texts: Vec<&str> = main.into_iter().collect();
    for other in all.into_iter().flatten().filter_map(Value::as_str) {
        if !texts.contains(&other) {
            texts.push(other);
        }
    }
    let mut places: Vec<Value> = texts.iter().map(|text| Value::from(*text)).collect();
    let Some(country) = text(row, "/country").filter(|code| Gazetteer::bundled().is_country(code)) else {
        return (places, None);
    };
    let resolved = Gazetteer::bundled().resolve(main.unwrap_or_default());
    if resolved.places.iter().any(|place| place.country.is_some()) || !resolved.remote_from.is_empty() {
        return (places, None);
    }
    let is_remote = resolved.remote || text(row, "/workplaceType") == Some("remote");
    if is_remote && resolved.places.is_empty() {
        return (places, Some(vec![country.to_owned()]));
    }
    let city = main.filter(|_| !is_remote && resolved.places.is_empty());
    places.insert(0, json!({ "city": city, "country": country }));
    (places, None)
}

fn band(range: &Value) -> Option<Band> {
    let amount = |field: &str| range.get(field).and_then(Value::as_f64);
    let interval = text(range, "/interval")?;
    let period = [
        ("per-hour", PayPeriod::Hour),
        ("per-day", PayPeriod::Day),
        ("per-week", PayPeriod::Week),
        ("per-month", PayPeriod::Month),
        ("per-year", PayPeriod::Year),
    ];
    let period = period.into_iter().find(|(word, _)| interval.starts_with(word))?.1;
    Some(Band {
        min: amount("min"),
        max: amount("max"),
        currency: text(range, "/currency")?.to_owned(),
        period,
        applies_to: None,
    })
}
