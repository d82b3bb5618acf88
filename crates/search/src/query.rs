//! The one form of a search.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::Timestamp;

use crate::facet::Facet;
use crate::text::TextQuery;

/// What is searched for. Filters that mean the same are equal and serialise to the same bytes; alerts keep this.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The text as it was typed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub q: String,
    /// Accepted values for each facet that is filtered: sorted, any of them is enough.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "by_name")]
    pub filters: BTreeMap<Facet, Vec<String>>,
    /// Within a distance of a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<Near>,
    /// At least this yearly pay, whole units of `pay_currency`. A posting that states no pay does not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_min: Option<i64>,
    /// ISO 4217; USD when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_currency: Option<String>,
    /// Published within so many hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted_within_hours: Option<u32>,
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
        let text = self.text();
        text.required.is_empty() && self.filters.is_empty() && self.near.is_none() && self.pay_min.is_none()
    }

    /// The parsed text. It was accepted when the query was made; one kept by an older version that no longer parses
    /// matches nothing but itself, as a phrase.
    pub(crate) fn text(&self) -> TextQuery {
        TextQuery::parse(&self.q).unwrap_or_else(|_| TextQuery {
            required: vec![vec![crate::analyzer::tokens(&self.q)]],
            excluded: Vec::new(),
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
        if let Some(hours) = self.posted_within_hours {
            push("posted_within", format!("{hours}h"));
        }
        pairs
    }

    /// The query in words, for people: `"rtl" · discipline: silicon · near Austin,TX (50 km)`.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if !self.q.is_empty() {
            parts.push(format!("“{}”", self.q));
        }
        for (facet, values) in &self.filters {
            parts.push(format!(
                "{}: {}",
                facet.as_str().replace('_', " "),
                values.join(" or ").replace('_', " ")
            ));
        }
        if let Some(near) = &self.near {
            parts.push(format!("within {} km of {}", near.within_km, near.place));
        }
        if let Some(pay) = self.pay_min {
            parts.push(format!(
                "at least {} {pay} a year",
                self.pay_currency.as_deref().unwrap_or("USD")
            ));
        }
        if let Some(hours) = self.posted_within_hours {
            let words = if hours % 24 == 0 {
                format!("{} days", hours / 24)
            } else {
                format!("{hours} hours")
            };
            parts.push(format!("published within {words}"));
        }
        parts.join(" · ")
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
