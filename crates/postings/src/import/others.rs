//! Answers of systems that are read as files only: SmartRecruiters, Recruitee, Workday. They come in pages, so what one does not
//! show may be on another, and nothing is closed. Sources: recorded answers.

use serde_json::{Value, json};
use taxonomy::{Gazetteer, PayPeriod};

use super::ats_pay::{Band, pay_of};
use super::document::{Envelope, Skipped, error_in, require_id, text};
use super::row::RowError;

/// A list under `name`, or the one posting of a single answer, which has a field `own`.
fn open(mut document: Value, name: &str, own: &str) -> Result<Envelope, String> {
    let rows = match document.get_mut(name).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ if document.get(own).is_some() => vec![document],
        _ => {
            return Err(error_in(&document)
                .unwrap_or_else(|| format!("it holds neither a list under {name:?} nor a posting")));
        }
    };
    Ok(Envelope { rows, gap: None })
}

fn hidden(detail: &str) -> Skipped {
    Skipped::Hidden(RowError::new("posting_unlisted", detail))
}

/// `GET https://api.smartrecruiters.com/v1/companies/{company}/postings`, or one posting with its texts.
pub(crate) mod smartrecruiters {
    use super::{Envelope, Skipped, Value, hidden, json, require_id, text};

    pub(crate) fn open(document: Value) -> Result<Envelope, String> {
        super::open(document, "content", "jobAd")
    }

    /// One posting in the loose form. A list holds no texts, and `ref` is an address for programs.
    pub(crate) fn loose(row: &Value) -> Result<Value, Skipped> {
        let id = require_id(row)?;
        if text(row, "/visibility").is_some_and(|word| word != "PUBLIC") {
            return Err(hidden("its employer does not show it to everybody"));
        }
        let is = |pointer: &str| row.pointer(pointer) == Some(&Value::Bool(true));
        let sections = [
            "companyDescription",
            "jobDescription",
            "qualifications",
            "additionalInformation",
        ];
        let description: String = sections
            .iter()
            .filter_map(|name| text(row, &format!("/jobAd/sections/{name}/text")))
            .collect();
        let description = Some(description).filter(|html| !html.is_empty());
        let workplace = match (is("/location/remote"), is("/location/hybrid")) {
            (true, _) => Some("remote"),
            (_, true) => Some("hybrid"),
            // Neither flag says that nobody may work elsewhere.
            _ => None,
        };
        Ok(json!({
            "source": "smartrecruiters",
            "source_id": id,
            "title": text(row, "/name"),
            "company": text(row, "/company/name"),
            "locations": text(row, "/location/fullLocation").map(|place| vec![place]),
            "workplace": workplace,
            "employment_type": text(row, "/typeOfEmployment/label"),
            "url": text(row, "/applyUrl").or(text(row, "/postingUrl")),
            "posted_at": text(row, "/releasedDate"),
            "keep": if description.is_some() { vec![] } else { vec!["description"] },
            "description_html": description,
        }))
    }
}

/// `GET https://{company}.recruitee.com/api/offers/`.
pub(crate) mod recruitee {
    use super::{Band, Envelope, PayPeriod, Skipped, Value, hidden, json, pay_of, require_id, text};

    pub(crate) fn open(document: Value) -> Result<Envelope, String> {
        super::open(document, "offers", "careers_url")
    }

    /// One posting in the loose form.
    pub(crate) fn loose(row: &Value) -> Result<Value, Skipped> {
        let id = require_id(row)?;
        if text(row, "/status").is_some_and(|word| word != "published") {
            return Err(hidden("its employer has not published it"));
        }
        let parts = ["/description", "/requirements"];
        let description: String = parts.iter().filter_map(|part| text(row, part)).collect();
        let flags = [("remote", "remote"), ("hybrid", "hybrid"), ("on_site", "on_site")];
        let mut stated = flags
            .iter()
            .filter(|(flag, _)| row.get(flag) == Some(&Value::Bool(true)));
        // Several at once leave it open.
        let workplace = stated.next().filter(|_| stated.next().is_none());
        Ok(json!({
            "source": "recruitee",
            "source_id": id,
            "title": text(row, "/title"),
            "company": text(row, "/company_name"),
            "locations": locations(row),
            "workplace": workplace.map(|(_, word)| *word),
            "employment_type": text(row, "/employment_type_code"),
            "url": text(row, "/careers_apply_url").or(text(row, "/careers_url")),
            "posted_at": text(row, "/published_at").map(utc),
            "expires_at": text(row, "/close_at").map(utc),
            "description_html": description,
            "pay": row.get("salary").and_then(band).and_then(|band| pay_of(vec![band], None)),
        }))
    }

    /// "2026-08-05 10:10:39 UTC".
    fn utc(time: &str) -> String {
        match time.strip_suffix(" UTC") {
            Some(time) => format!("{}Z", time.replacen(' ', "T", 1)),
            None => time.to_owned(),
        }
    }

    fn locations(row: &Value) -> Vec<String> {
        let places = row.get("locations").and_then(Value::as_array);
        let named: Vec<String> = places
            .into_iter()
            .flatten()
            .filter_map(|place| {
                let parts = ["/city", "/state_code", "/country_code"];
                let parts: Vec<&str> = parts.into_iter().filter_map(|part| text(place, part)).collect();
                (!parts.is_empty()).then(|| parts.join(", "))
            })
            .collect();
        if named.is_empty() {
            text(row, "/location").map(str::to_owned).into_iter().collect()
        } else {
            named
        }
    }

    /// Amounts are texts.
    fn band(salary: &Value) -> Option<Band> {
        let amount = |field: &str| match salary.get(field)? {
            Value::String(text) => text.trim().parse::<f64>().ok(),
            other => other.as_f64(),
        };
        Some(Band {
            min: amount("min"),
            max: amount("max"),
            currency: text(salary, "/currency")?.to_owned(),
            period: text(salary, "/period")?.parse::<PayPeriod>().ok()?,
            applies_to: None,
        })
    }
}

/// `POST https://{tenant}.wd5.myworkdayjobs.com/wday/cxs/{tenant}/{site}/jobs`: titles and places only. It never names the company.
pub(crate) mod workday {
    use super::{Envelope, Gazetteer, RowError, Skipped, Value, json, text};

    pub(crate) fn open(document: Value) -> Result<Envelope, String> {
        super::open(document, "jobPostings", "externalPath")
    }

    /// One posting in the loose form. "Posted Today" is no date, and the path is no address without its site.
    pub(crate) fn loose(row: &Value) -> Result<Value, Skipped> {
        let missing = || {
            let detail = "the row has no path with a requisition in it, so it may be any posting";
            Skipped::Damaged(RowError::new("identity_missing", detail))
        };
        let path = text(row, "/externalPath").ok_or_else(missing)?;
        // Behind the last "_": the requisition, and which of its postings ("JR1-1").
        let (rest, id) = path.rsplit_once('_').ok_or_else(missing)?;
        let written = text(row, "/locationsText").unwrap_or_default();
        let is_count = written.split_once(' ').is_some_and(|(count, word)| {
            count.bytes().all(|digit| digit.is_ascii_digit()) && word.starts_with("Location")
        });
        let place = if is_count {
            rest.split('/').nth(2).and_then(place_in_path)
        } else {
            Some(written.to_owned())
                .filter(|text| !text.is_empty())
                .map(|text| turned(&text))
        };
        Ok(json!({
            "source": "workday",
            "source_id": id,
            "title": text(row, "/title"),
            "locations": place.map(|place| vec![place]),
            "keep": ["description"],
        }))
    }

    /// "US, CA, Santa Clara" from the smallest to the largest.
    fn turned(place: &str) -> String {
        let mut parts: Vec<&str> = place.split(',').map(str::trim).collect();
        parts.reverse();
        parts.join(", ")
    }

    /// "US-CA-Santa-Clara", where it is a place that we know: a dash is also a blank.
    fn place_in_path(part: &str) -> Option<String> {
        let words: Vec<&str> = part.split('-').collect();
        let large = if words.first() == Some(&"US") { 2 } else { 1 };
        let (large, city) = words.split_at_checked(large)?;
        let mut parts = vec![city.join(" ")];
        parts.extend(large.iter().rev().map(|word| (*word).to_owned()));
        let place = parts.join(", ");
        let found = Gazetteer::bundled().resolve(&place);
        (!found.places.is_empty() || found.remote).then_some(place)
    }
}
