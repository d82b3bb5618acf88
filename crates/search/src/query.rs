//! The one form of a search.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::Timestamp;

use crate::attributes::WantedAttributes;
use crate::facet::Facet;
use crate::interpret::{Interpretation, interpret};
use crate::meaning::Circle;
use crate::values::{label_of, reaching};

/// What is searched for. Filters that mean the same are equal and serialise to the same bytes; alerts keep this.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The text as it was typed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub q: String,
    /// Whether the words of `q` are only looked for, and not read as levels, places, pay and so on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_literal: bool,
    /// Accepted values for each facet that is filtered: sorted, any of them is enough.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "by_name")]
    pub filters: BTreeMap<Facet, Vec<String>>,
    /// Accepted values of attributes that employers name themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: WantedAttributes,
    /// Within a distance of a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<Near>,
    /// At least this yearly pay, whole units of `pay_currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_min: Option<i64>,
    /// Whether postings that state no pay match `pay_min` too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pay_unstated: bool,
    /// ISO 4217; USD when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_currency: Option<String>,
    /// Published within so many hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted_within_hours: Option<u32>,
    /// The copies of one role, by the name that an answer gave for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A circle on the map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// The place as it was typed.
    pub place: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Radius in km.
    pub within_km: f64,
}

/// The order of the results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Best match first.
    #[default]
    Relevance,
    /// Newest publication first.
    Newest,
    /// Highest yearly pay first.
    Pay,
}

impl Query {
    /// Whether it matches every posting: alerts refuse that.
    pub fn is_unfiltered(&self) -> bool {
        self.interpretation().meaning.required.is_empty()
            && self.filters.is_empty()
            && self.attributes.is_empty()
            && self.near.is_none()
            && self.pay_min.is_none()
            && self.role.is_none()
    }

    /// What the typed text means.
    pub(crate) fn interpretation(&self) -> Interpretation {
        interpret(self)
    }

    /// The values that a filter accepts, as the index knows them: "US" of `remote_from` is also "AMER" and "WORLDWIDE".
    pub(crate) fn accepted(&self, facet: Facet) -> Option<Vec<String>> {
        let values = self.filters.get(&facet)?;
        Some(match facet {
            Facet::RemoteFrom => reaching(values),
            _ => values.clone(),
        })
    }

    /// The least yearly pay in whole US dollars, at the bundled rates.
    pub(crate) fn pay_min_usd(&self) -> Option<i64> {
        let amount = taxonomy::Amount::from_f64(self.pay_min? as f64).ok()?;
        let currency = self
            .pay_currency
            .as_deref()
            .unwrap_or("USD")
            .parse::<taxonomy::Currency>()
            .ok()?;
        let usd = "USD".parse::<taxonomy::Currency>().ok()?;
        Some(taxonomy::yearly(
            amount,
            currency,
            taxonomy::PayPeriod::Year,
            usd,
            taxonomy::Rates::bundled(),
        ))
    }

    /// The earliest publication, as seen at `now`.
    pub(crate) fn posted_since(&self, now: Timestamp) -> Option<Timestamp> {
        let hours = i64::from(self.posted_within_hours?);
        Some(now.minus(jiff::SignedDuration::from_hours(hours)))
    }

    /// The parameters that give this query, for links: pairs of name and value.
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut push = |name: &str, value: String| pairs.push((name.to_owned(), value));
        if !self.q.is_empty() {
            push("q", self.q.clone());
        }
        for (facet, values) in &self.filters {
            push(facet.as_str(), values.join(","));
        }
        for (name, values) in &self.attributes {
            // A value may hold a comma, so each is a parameter of its own.
            let each = values.iter().map(|value| format!("{name}:{value}"));
            each.for_each(|wanted| push("attribute", wanted));
        }
        if let Some(near) = &self.near {
            push("near", near.place.clone());
            push("within_km", near.within_km.to_string());
        }
        if let Some(pay) = self.pay_min {
            push("pay_min", pay.to_string());
        }
        if let Some(currency) = &self.pay_currency {
            push("pay_currency", currency.clone());
        }
        if self.pay_unstated {
            push("pay_unstated", "include".to_owned());
        }
        if let Some(hours) = self.posted_within_hours {
            push("posted_within", format!("{hours}h"));
        }
        if let Some(role) = &self.role {
            push("role", role.clone());
        }
        if self.is_literal {
            push("interpret", "off".to_owned());
        }
        pairs
    }

    /// The query in words, for people: `“rtl” · Silicon · within 50 km of Austin, TX · at least USD 200,000 a year`.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if !self.q.trim().is_empty() {
            parts.push(format!(
                "“{}”",
                self.q.split_whitespace().collect::<Vec<_>>().join(" ")
            ));
        }
        for (facet, values) in &self.filters {
            let name =
                |value: &String| label_of(facet.as_str(), value).unwrap_or_else(|| spoken(*facet, value));
            let values = values.iter().map(name).collect::<Vec<_>>().join(" or ");
            parts.push(match facet {
                Facet::RemoteFrom => format!("remote from {values}"),
                Facet::Employer => format!("at {values}"),
                Facet::SiteDays => format!("{values} days a week on site"),
                Facet::ExportControl
                | Facet::UsPerson
                | Facet::Clearance
                | Facet::Citizenship
                | Facet::Sponsorship
                | Facet::Relocation => format!("{}: {values}", facet.as_str().replace('_', " ")),
                _ => values,
            });
        }
        for (name, values) in &self.attributes {
            parts.push(format!("{}: {}", name.replace('_', " "), values.join(" or ")));
        }
        if let Some(near) = &self.near {
            let place = near
                .place
                .split(',')
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(", ");
            parts.push(format!("within {} km of {place}", near.within_km));
        }
        if let Some(pay) = self.pay_min {
            let currency = self.pay_currency.as_deref().unwrap_or("USD");
            let unstated = if self.pay_unstated { " or unstated" } else { "" };
            parts.push(format!("at least {currency} {}{unstated} a year", thousands(pay)));
        }
        if let Some(hours) = self.posted_within_hours {
            let (count, unit) = if hours % 24 == 0 {
                (hours / 24, "day")
            } else {
                (hours, "hour")
            };
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("published within {count} {unit}{plural}"));
        }
        if self.role.is_some() {
            parts.push("copies of one role".to_owned());
        }
        parts.join(" · ")
    }
}

/// A value that has no label, as people say it: `US-TX-new_york` is "New York".
fn spoken(facet: Facet, value: &str) -> String {
    match facet {
        Facet::City => {
            let name = value.rsplit('-').next().unwrap_or(value);
            name.split('_').map(capitalised).collect::<Vec<_>>().join(" ")
        }
        Facet::Employer => value.split('-').map(capitalised).collect::<Vec<_>>().join(" "),
        _ => value.replace('_', " "),
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

fn thousands(amount: i64) -> String {
    let digits = amount.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl Near {
    pub(crate) fn circle(&self) -> Circle {
        Circle {
            latitude: self.latitude,
            longitude: self.longitude,
            km: self.within_km,
        }
    }
}

/// Facets by their names, so that what alerts keep does not depend on the order of an enum.
mod by_name {
    use std::collections::BTreeMap;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::facet::Facet;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Facet, Vec<String>>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter()
            .map(|(facet, values)| (facet.as_str(), values))
            .collect::<BTreeMap<_, _>>()
            .serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Facet, Vec<String>>, D::Error> {
        let named = BTreeMap::<String, Vec<String>>::deserialize(from)?;
        let known = |(name, values): (String, Vec<String>)| {
            // A filter that is kept but not applied would be a lie.
            let facet = name
                .parse()
                .map_err(|_| D::Error::custom(format!("unknown filter {name:?}")))?;
            Ok((facet, values))
        };
        named.into_iter().map(known).collect()
    }
}
