//! schema.org's JobPosting from a page: the `<script type="application/ld+json">` blocks of HTML, or JSON-LD by itself. Sites write
//! it in many ways (schema.org/JobPosting, Google's "structured data for job postings"): lists, `@graph`, lists of lists, numbers
//! as texts. What a page does not state is not made up: an estimated salary, a reach that names no country.

use serde_json::{Value, json};
use taxonomy::{Gazetteer, PayPeriod};

use super::ats_pay::{Band, pay_of, period_in_words, period_of_amount};
use super::document::{SourceRow, text};
use super::entities::unescape;
use super::row::RowError;

/// How deep a document is looked through.
const MAX_DEPTH: usize = 16;
/// Postings of one page.
const MAX_POSTINGS: usize = 10_000;

/// The postings of a page or document, in the loose form that NDJSON has. A block that is no JSON is a row that is refused.
///
/// # Errors
/// In words, when there is no JSON-LD in it at all.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<SourceRow>, String> {
    let page = String::from_utf8_lossy(bytes);
    let page = page.trim_start_matches('\u{feff}').trim();
    let blocks = if page.starts_with(['{', '[']) {
        vec![page.to_owned()]
    } else {
        scripts(page)
    };
    if blocks.is_empty() {
        return Err("it holds no <script type=\"application/ld+json\">".to_owned());
    }
    let mut lines: Vec<Result<Vec<u8>, RowError>> = Vec::new();
    for block in blocks {
        match serde_json::from_str::<Value>(bare(&block)) {
            Ok(document) => {
                let mut found = Vec::new();
                collect(&document, 0, &mut found);
                lines.extend(
                    found
                        .into_iter()
                        .map(|posting| Ok(loose(posting).to_string().into_bytes())),
                );
            }
            Err(error) => lines.push(Err(RowError::new(
                "json_malformed",
                format!("a block of JSON-LD: {error}"),
            ))),
        }
    }
    if lines.is_empty() {
        return Err("its JSON-LD describes no JobPosting".to_owned());
    }
    lines.truncate(MAX_POSTINGS);
    let rows = lines.into_iter().zip(1..);
    Ok(rows
        .map(|(line, number)| SourceRow {
            number,
            line,
            standing: None,
        })
        .collect())
}

/// The contents of the elements that hold JSON-LD.
fn scripts(page: &str) -> Vec<String> {
    let lower = page.to_ascii_lowercase();
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(found) = lower[at..].find("<script") {
        let start = at + found;
        let Some(tag_end) = lower[start..].find('>').map(|end| start + end) else {
            break;
        };
        let end = lower[tag_end..]
            .find("</script")
            .map_or(page.len(), |end| tag_end + end);
        if lower[start..tag_end].contains("application/ld+json") {
            blocks.push(page[tag_end + 1..end].to_owned());
        }
        at = end.max(tag_end + 1);
    }
    blocks
}

/// A block without what some put around it for browsers of the last century.
fn bare(block: &str) -> &str {
    let wrappers = [
        "<!--",
        "-->",
        "//<![CDATA[",
        "<![CDATA[",
        "//]]>",
        "]]>",
        "/*",
        "*/",
    ];
    let mut block = block.trim();
    loop {
        let before = block;
        for wrapper in wrappers {
            block = block.strip_prefix(wrapper).unwrap_or(block);
            block = block.strip_suffix(wrapper).unwrap_or(block).trim();
        }
        if before == block {
            return block.trim_end_matches(';');
        }
    }
}

/// Every JobPosting in a document, wherever it stands: in lists, in `@graph`, as the main entity of a page.
fn collect<'a>(value: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
    match value {
        _ if depth > MAX_DEPTH => {}
        Value::Array(items) => items.iter().for_each(|item| collect(item, depth + 1, found)),
        Value::Object(_) if is_of_type(value, "JobPosting") => found.push(value),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, depth + 1, found)),
        _ => {}
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    let is = |kind: &Value| {
        kind.as_str()
            .is_some_and(|kind| kind.rsplit(['/', '#', ':']).next() == Some(name))
    };
    match value.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(kind) => is(kind),
        None => false,
    }
}

/// A value, or each value of a list.
fn each(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (one, many) = match value {
        Some(Value::Array(items)) => (None, items.as_slice()),
        other => (other, &[][..]),
    };
    one.into_iter().chain(many).filter(|value| !value.is_null())
}

/// A text, or the name of an object.
fn named(value: &Value) -> Option<String> {
    let found = value
        .as_str()
        .or_else(|| text(value, "/name"))
        .or_else(|| text(value, "/@id"));
    found
        .map(|name| unescape(name.trim()))
        .filter(|name| !name.is_empty())
}

/// One posting in the loose form.
fn loose(row: &Value) -> Value {
    let address = text(row, "/url").or_else(|| text(row, "/sameAs"));
    let anchor = text(row, "/@id").filter(|id| id.starts_with("http"));
    let is_remote = each(row.get("jobLocationType")).any(|kind| kind.as_str() == Some("TELECOMMUTE"));
    let description = text(row, "/description").map(unescape);
    let is_html = description.as_ref().is_some_and(|text| text.contains('<'));
    let (html, plain) = if is_html {
        (description, None)
    } else {
        (None, description)
    };
    let (pay, salary_raw) = pay(row);
    json!({
        "source_id": identifier(row).or_else(|| address.or(anchor).map(str::to_owned)),
        "title": text(row, "/title").or_else(|| text(row, "/name")).map(unescape),
        "company": each(row.get("hiringOrganization")).find_map(named),
        "locations": each(row.get("jobLocation")).filter_map(place).collect::<Vec<_>>(),
        "workplace": is_remote.then_some("remote"),
        "remote_from": is_remote.then(|| reach(row)),
        "employment_type": each(row.get("employmentType")).find_map(employment),
        "url": address.or(anchor),
        "posted_at": text(row, "/datePosted"),
        "expires_at": text(row, "/validThrough").map(end_of),
        "description_html": html,
        "description_text": plain,
        "pay": pay,
        "salary_raw": salary_raw,
        "openings": number(row.get("totalJobOpenings")).filter(|count| (1.0..=10_000.0).contains(count)).map(|count| count as u32),
        "skills": words(row.get("skills")),
    })
}

/// What the employer calls it: a text, a number, or a PropertyValue.
fn identifier(row: &Value) -> Option<String> {
    each(row.get("identifier")).find_map(|given| {
        let value = given.get("value").unwrap_or(given);
        let words = match value {
            Value::String(words) => words.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(words).filter(|words| !words.is_empty())
    })
}

/// "Austin, TX, US", from a Place, an address, or a text.
fn place(value: &Value) -> Option<String> {
    if let Some(words) = value.as_str() {
        return Some(unescape(words.trim())).filter(|words| !words.is_empty());
    }
    let address = match value.get("address") {
        Some(Value::Array(addresses)) => addresses.first()?,
        Some(address) => address,
        None => value,
    };
    if let Some(words) = address.as_str() {
        return Some(unescape(words.trim())).filter(|words| !words.is_empty());
    }
    let parts = ["addressLocality", "addressRegion", "addressCountry"];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|part| each(address.get(part)).find_map(named))
        .collect();
    if parts.is_empty() {
        return text(value, "/name").map(unescape);
    }
    Some(parts.join(", "))
}

/// The countries in which a remote person may be. A state or a city is less than its country, so it says nothing here.
fn reach(row: &Value) -> Vec<String> {
    let gazetteer = Gazetteer::bundled();
    let requirements = each(row.get("applicantLocationRequirements"));
    let countries = requirements.filter(|area| !is_of_type(area, "State") && !is_of_type(area, "City"));
    let mut codes: Vec<String> = countries
        .filter_map(named)
        .filter_map(|name| {
            let code = name.to_uppercase();
            if gazetteer.is_country(&code) {
                return Some(code);
            }
            let resolved = gazetteer.resolve(&name);
            let whole = resolved.places.into_iter().map(crate::Location::from);
            let mut whole = whole.filter(|place| place.city.is_none() && place.region.is_none());
            whole.find_map(|place| place.country)
        })
        .collect();
    codes.dedup();
    codes
}

fn employment(value: &Value) -> Option<&'static str> {
    let word = value.as_str()?.to_uppercase().replace(['-', ' '], "_");
    Some(match word.as_str() {
        "FULL_TIME" | "FULLTIME" => "full_time",
        "PART_TIME" | "PARTTIME" => "part_time",
        "CONTRACTOR" | "CONTRACT" => "contract",
        "TEMPORARY" | "PER_DIEM" => "temporary",
        "INTERN" | "INTERNSHIP" => "internship",
        "APPRENTICESHIP" => "apprenticeship",
        _ => return None,
    })
}

/// A day stands for its end.
fn end_of(when: &str) -> String {
    let is_day = when.len() == 10 && when.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_day {
        format!("{when}T23:59:59Z")
    } else {
        when.to_owned()
    }
}

/// A number, also as a text: "210,000", "$95.50".
fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(words) => {
            let digits: String = words
                .chars()
                .filter(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            let is_plain = words.chars().all(|c| c.is_ascii_digit() || " .,$€£¥".contains(c));
            digits.parse().ok().filter(|_| is_plain)
        }
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// Base pay as it is stated: an object or a list of them, or words. `estimatedSalary` is somebody's guess and is not looked at.
fn pay(row: &Value) -> (Option<crate::Pay>, Option<String>) {
    let currency_of_all = text(row, "/salaryCurrency");
    let mut bands = Vec::new();
    let mut raw = None;
    for salary in each(row.get("baseSalary")) {
        match salary {
            Value::String(words) if number(Some(salary)).is_none() => raw = raw.or(Some(words.clone())),
            _ => bands.extend(band(salary, currency_of_all)),
        }
    }
    let pay = pay_of(bands, None);
    let raw = raw.filter(|_| pay.is_none());
    (pay, raw)
}

fn band(salary: &Value, currency_of_all: Option<&str>) -> Option<Band> {
    let currency = text(salary, "/currency")
        .or_else(|| text(salary, "/priceCurrency"))
        .or(currency_of_all)?;
    let value = match salary.get("value") {
        Some(Value::Array(values)) => values.first()?,
        Some(value) => value,
        None => salary,
    };
    let field = |names: [&str; 2]| {
        let found = names
            .into_iter()
            .find_map(|name| number(value.get(name)).or_else(|| number(salary.get(name))));
        found.filter(|sum| *sum > 0.0)
    };
    let (min, max) = (field(["minValue", "minPrice"]), field(["maxValue", "maxPrice"]));
    let single = number(Some(value))
        .or_else(|| field(["value", "price"]))
        .filter(|sum| *sum > 0.0);
    let (min, max) = match (min, max) {
        (None, None) => (single, single),
        range => range,
    };
    let unit = text(value, "/unitText").or_else(|| text(salary, "/unitText"));
    let period = match unit {
        Some(unit) => period_of(unit),
        None => period_of_amount(max.or(min)?),
    };
    Some(Band {
        min,
        max,
        currency: currency.to_owned(),
        period: period?,
        applies_to: None,
    })
}

fn period_of(unit: &str) -> Option<PayPeriod> {
    match unit.to_uppercase().as_str() {
        "HOUR" | "HUR" => Some(PayPeriod::Hour),
        "DAY" => Some(PayPeriod::Day),
        "WEEK" => Some(PayPeriod::Week),
        "MONTH" | "MON" => Some(PayPeriod::Month),
        "YEAR" | "ANN" => Some(PayPeriod::Year),
        _ => period_in_words(unit),
    }
}

/// Texts of a list, or one text with commas.
fn words(value: Option<&Value>) -> Option<Vec<String>> {
    let all = each(value).filter_map(named);
    let all: Vec<String> = all
        .flat_map(|words| {
            words
                .split([',', ';'])
                .map(|word| word.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|word| !word.is_empty())
        .collect();
    (!all.is_empty()).then_some(all)
}
