//! Values as collectors write them: numbers for ids, one text for many places, times in several forms.

use serde::Deserialize;
use store::Timestamp;
use taxonomy::{EquityKind, parse_pay};

use crate::content::{Apply, Equity, Location, Pay};
use crate::validate::{MAX_DESCRIPTION_BYTES, MAX_TITLE_CHARS, fold, is_forbidden};

/// A text, or a number that stands for one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a text or a number")]
pub(crate) enum LooseText {
    Text(String),
    Number(serde_json::Number),
}

impl LooseText {
    /// As one clean line; `None` when nothing is left.
    pub(crate) fn line(&self) -> Option<String> {
        let line = match self {
            Self::Text(text) => clean_line(text),
            Self::Number(number) => number.to_string(),
        };
        Some(line).filter(|line| !line.is_empty())
    }
}

/// An employer by name or slug alone, or as an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a text, or an object with name and slug")]
pub(crate) enum EmployerName {
    Slug(String),
    Object {
        name: Option<String>,
        slug: Option<String>,
    },
}

/// Places as a list or as one text.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a list of places, each a text or an object, or one text"
)]
pub(crate) enum LooseLocations {
    One(String),
    Many(Vec<LooseLocation>),
}

impl LooseLocations {
    pub(crate) fn into_list(self) -> Vec<LooseLocation> {
        match self {
            Self::One(text) => vec![LooseLocation::Text(text)],
            Self::Many(list) => list,
        }
    }
}

/// A place as a text or as the API writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum LooseLocation {
    Text(String),
    Place(Location),
}

pub(crate) fn carried_pay(raw: &str) -> Option<Pay> {
    let base = parse_pay(raw)?;
    let equity = raw.to_lowercase().contains("equity").then_some(Equity {
        kind: EquityKind::Other,
        note: None,
    });
    Some(Pay {
        base: Some(base.into()),
        equity,
        ..Pay::default()
    })
}

pub(crate) fn apply_at(url: String) -> Option<Apply> {
    let fine = url::Url::parse(&url).is_ok_and(|u| matches!(u.scheme(), "https" | "http") && u.has_host())
        && url.len() <= 2000
        && !url.chars().any(is_forbidden);
    fine.then_some(Apply {
        url: Some(url),
        email: None,
    })
}

pub(crate) fn clean_line(text: &str) -> String {
    fold(&text.replace(is_forbidden, ""))
}

pub(crate) fn shorten(title: String) -> String {
    if title.chars().count() <= MAX_TITLE_CHARS {
        return title;
    }
    title.chars().take(MAX_TITLE_CHARS - 1).chain(['…']).collect()
}

pub(crate) fn limited(text: &str) -> String {
    let mut end = text.len().min(MAX_DESCRIPTION_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// No board on the web is older: an earlier time is a collector's zero.
const EARLIEST_SECONDS: i64 = 631_152_000; // 1990-01-01

/// A time as collectors write it: RFC 3339, a date, or seconds or milliseconds since 1970.
pub(crate) fn parse_time(text: &LooseText) -> Option<Timestamp> {
    let text = text.line()?;
    let utc = jiff::tz::TimeZone::UTC;
    let parsed = if let Ok(at) = text.parse::<Timestamp>() {
        at
    } else if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        utc.to_timestamp(local).ok()?.into()
    } else if let Ok(date) = text.parse::<jiff::civil::Date>() {
        utc.to_timestamp(date.at(0, 0, 0, 0)).ok()?.into()
    } else {
        let number = text.parse::<f64>().ok().filter(|number| number.abs() < 1e14)?;
        let is_millis = number > 1e11;
        Timestamp::from_micros((number * if is_millis { 1e3 } else { 1e6 }) as i64)
    };
    Some(parsed).filter(|at| at.seconds() >= EARLIEST_SECONDS)
}
