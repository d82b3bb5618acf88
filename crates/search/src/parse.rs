//! From parameters to a query. The same rules for `GET /v1/search` and for the query object of an alert.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use taxonomy::Gazetteer;

use crate::attributes::{self, WantedAttributes};
use crate::facet::{Counted, Facet};
use crate::query::{Near, Query, Sort};
use crate::text;
use crate::values::{canonical_value, nearest};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
const DEFAULT_RADIUS_KM: f64 = 50.0;
const MAX_VALUES: usize = 50;

/// A search with what belongs to its presentation.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// What is searched for.
    pub query: Query,
    /// In which order.
    pub sort: Sort,
    /// Which facets are counted.
    pub facets: Vec<Counted>,
    /// How many hits, 1-100.
    pub limit: usize,
    /// Where to continue.
    pub cursor: Option<String>,
    /// How the answer is presented.
    pub presentation: Presentation,
}

/// How an answer is presented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Presentation {
    /// Whether one employer may not fill the page and copies of a role are shown once; `None` means by relevance only.
    pub diversity: Option<bool>,
    /// Whether the last word is still being typed.
    pub is_typing: bool,
    /// Whether what was typed is taken as it is: no spelling is corrected, no word dropped, no employer's name read.
    pub is_strict: bool,
    /// Whether each hit says how its score came about.
    pub explain: bool,
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterError {
    /// The parameter.
    pub parameter: String,
    /// Stable name of the mistake.
    pub code: &'static str,
    /// What to do about it.
    pub detail: String,
    /// What was probably meant.
    pub did_you_mean: Option<String>,
}

/// The parameters of a query; the others belong to its presentation.
const QUERY_PARAMETERS: [&str; 10] = [
    "q",
    "attribute",
    "interpret",
    "near",
    "within_km",
    "pay_min",
    "pay_currency",
    "pay_unstated",
    "posted_within",
    "role",
];
const PRESENTATION_PARAMETERS: [&str; 8] = [
    "sort",
    "facets",
    "limit",
    "cursor",
    "diversity",
    "typing",
    "strict",
    "explain",
];

/// Parses the parameters of a search; lists repeat or use commas.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_pairs(pairs: &[(String, String)]) -> Result<SearchRequest, Vec<ParameterError>> {
    let mut parser = Parser::default();
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in pairs {
        if parser.is_known(name, true) {
            values.entry(name).or_default().push(value);
        }
    }
    let query = parser.query(&values);
    let request = SearchRequest {
        query,
        sort: parser.sort(values.get("sort").and_then(|v| v.last()).copied()),
        facets: parser.facets(values.get("facets").map(Vec::as_slice).unwrap_or_default()),
        limit: parser.limit(values.get("limit").and_then(|v| v.last()).copied()),
        cursor: values
            .get("cursor")
            .and_then(|v| v.last())
            .map(|v| (*v).to_owned())
            .filter(|v| !v.is_empty()),
        presentation: Presentation {
            diversity: parser.switch("diversity", &values),
            is_typing: parser.switch("typing", &values).unwrap_or(false),
            is_strict: parser.switch("strict", &values).unwrap_or(false),
            explain: parser.switch("explain", &values).unwrap_or(false),
        },
    };
    parser.finish(request)
}

/// Parses the query object of an alert: the parameters of a search, lists as arrays or with commas. The object that a
/// [`Query`] serialises to (with its facets under `filters`) is not accepted here.
///
/// # Errors
/// Everything that is wrong.
pub fn query_from_json(value: &Value) -> Result<Query, Vec<ParameterError>> {
    let mut parser = Parser::default();
    let Value::Object(object) = value else {
        parser.error("", "value_invalid", "the query is an object of search parameters");
        return parser.finish(Query::default());
    };
    let mut texts: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, value) in object {
        if !parser.is_known(name, false) {
            continue;
        }
        match scalar_or_list(value) {
            Some(list) => texts.push((name, list)),
            None => parser.error(name, "value_invalid", "a text, a number, or a list of texts"),
        }
    }
    let values: BTreeMap<&str, Vec<&str>> = texts
        .iter()
        .map(|(name, list)| (*name, list.iter().map(String::as_str).collect()))
        .collect();
    let query = parser.query(&values);
    parser.finish(query)
}

fn scalar_or_list(value: &Value) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => list.iter().map(scalar).collect(),
        other => Some(vec![scalar(other)?]),
    }
}

#[derive(Default)]
struct Parser {
    errors: Vec<ParameterError>,
}

impl Parser {
    fn error(&mut self, parameter: &str, code: &'static str, detail: impl Into<String>) {
        self.suggest(parameter, code, detail, None);
    }

    fn suggest(
        &mut self,
        parameter: &str,
        code: &'static str,
        detail: impl Into<String>,
        meant: Option<String>,
    ) {
        self.errors.push(ParameterError {
            parameter: parameter.to_owned(),
            code,
            detail: detail.into(),
            did_you_mean: meant,
        });
    }

    fn finish<T>(self, value: T) -> Result<T, Vec<ParameterError>> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(self.errors)
        }
    }

    fn is_known(&mut self, name: &str, with_presentation: bool) -> bool {
        let facets = Facet::ALL.iter().map(|facet| facet.as_str());
        let known: Vec<&str> = facets
            .chain(QUERY_PARAMETERS)
            .chain(PRESENTATION_PARAMETERS.into_iter().filter(|_| with_presentation))
            .collect();
        if known.contains(&name) {
            return true;
        }
        let meant = nearest(name, known.iter().copied());
        self.suggest(
            name,
            "unknown_parameter",
            format!("there is no parameter {name:?} here"),
            meant,
        );
        false
    }

    fn query(&mut self, values: &BTreeMap<&str, Vec<&str>>) -> Query {
        let one = |name: &str| {
            values
                .get(name)
                .and_then(|v| v.last())
                .copied()
                .map(str::trim)
                .filter(|v| !v.is_empty())
        };
        let mut filters = BTreeMap::new();
        for facet in Facet::ALL {
            let accepted = self.facet_values(
                facet,
                values.get(facet.as_str()).map(Vec::as_slice).unwrap_or_default(),
            );
            if !accepted.is_empty() {
                filters.insert(facet, accepted);
            }
        }
        let q = one("q").unwrap_or_default().to_owned();
        if let Err(error) = text::parse(&q) {
            self.error("q", error.code, error.to_string());
        }
        let is_literal = self.switch("interpret", values) == Some(false);
        Query {
            is_literal: is_literal && !q.is_empty(),
            q,
            filters,
            attributes: self.attributes(values.get("attribute").map(Vec::as_slice).unwrap_or_default()),
            near: self.near(one("near"), one("within_km")),
            pay_min: self.pay_min(one("pay_min")),
            pay_currency: self.pay_currency(one("pay_currency"), one("pay_min").is_some()),
            pay_unstated: one("pay_min").is_some() && self.pay_unstated(one("pay_unstated")),
            posted_within_hours: self.posted_within(one("posted_within")),
            role: self.role(one("role")),
        }
    }

    /// A parameter that is on or off.
    fn switch(&mut self, name: &str, values: &BTreeMap<&str, Vec<&str>>) -> Option<bool> {
        match *values.get(name)?.last()? {
            "" => None,
            "on" | "true" => Some(true),
            "off" | "false" => Some(false),
            _ => {
                self.error(name, "value_unknown", "on or off");
                None
            }
        }
    }

    fn pay_unstated(&mut self, text: Option<&str>) -> bool {
        match text {
            None | Some("exclude" | "off" | "false") => false,
            Some("include" | "on" | "true") => true,
            Some(other) => {
                let meant = nearest(other, ["include", "exclude"].into_iter());
                self.suggest("pay_unstated", "value_unknown", "include or exclude", meant);
                false
            }
        }
    }

    fn role(&mut self, text: Option<&str>) -> Option<String> {
        let role = text?.to_lowercase();
        if u64::from_str_radix(&role, 16).is_err() || role.len() != 16 {
            self.error("role", "value_unknown", "a name of 16 digits that a search gave");
        }
        Some(role)
    }

    fn facet_values(&mut self, facet: Facet, raw: &[&str]) -> Vec<String> {
        let mut accepted = BTreeSet::new();
        for word in raw
            .iter()
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match canonical_value(facet, word) {
                Ok(value) => _ = accepted.insert(value),
                Err(meant) => {
                    let detail = format!("{word:?} is not a value of {}", facet.as_str());
                    self.suggest(facet.as_str(), "value_unknown", detail, meant);
                }
            }
        }
        if accepted.len() > MAX_VALUES {
            self.error(
                facet.as_str(),
                "list_too_long",
                format!("at most {MAX_VALUES} values"),
            );
        }
        accepted.into_iter().collect()
    }

    /// Values may hold commas, so each stands in a parameter of its own.
    fn attributes(&mut self, raw: &[&str]) -> WantedAttributes {
        if raw.len() > MAX_VALUES {
            let detail = format!("at most {MAX_VALUES} values");
            self.error("attribute", "list_too_long", detail);
        }
        attributes::wanted(raw, |detail| self.error("attribute", "value_invalid", detail))
    }

    fn near(&mut self, place: Option<&str>, radius: Option<&str>) -> Option<Near> {
        let within_km = radius.map_or(Some(DEFAULT_RADIUS_KM), |text| text.parse().ok());
        let within_km = within_km.filter(|km| (1.0..=20_000.0).contains(km));
        if within_km.is_none() {
            self.error(
                "within_km",
                "number_out_of_range",
                "a number of kilometres from 1 to 20000",
            );
        }
        let Some(place) = place else {
            if radius.is_some() {
                self.error("within_km", "parameter_missing", "within_km needs near");
            }
            return None;
        };
        let found = Gazetteer::bundled().find(place);
        let point = found.and_then(|found| Some((found.latitude?, found.longitude?)));
        let Some((latitude, longitude)) = point else {
            self.error(
                "near",
                "place_unknown",
                format!("no place {place:?} in the gazetteer; try City,REGION or City,COUNTRY"),
            );
            return None;
        };
        Some(Near {
            place: place.to_owned(),
            latitude,
            longitude,
            within_km: within_km?,
        })
    }

    fn pay_min(&mut self, text: Option<&str>) -> Option<i64> {
        let text = text?;
        let amount = text
            .parse::<f64>()
            .ok()
            .filter(|amount| (0.0..=1e10).contains(amount));
        if amount.is_none() {
            self.error("pay_min", "number_out_of_range", "a yearly amount such as 200000");
        }
        Some(amount?.ceil() as i64)
    }

    fn pay_currency(&mut self, text: Option<&str>, has_amount: bool) -> Option<String> {
        let code = text?.to_uppercase();
        if code.parse::<taxonomy::Currency>().is_err() {
            self.error(
                "pay_currency",
                "currency_unknown",
                format!("{code:?} is not an ISO 4217 code that we have a rate for"),
            );
        }
        // Without an amount the currency says nothing; USD is what a missing one means.
        (has_amount && code != "USD").then_some(code)
    }

    fn posted_within(&mut self, text: Option<&str>) -> Option<u32> {
        let text = text?;
        let unit = match text.chars().last() {
            Some('h') => 1,
            Some('d') => 24,
            Some('w') => 7 * 24,
            _ => 0,
        };
        let count = text
            .get(..text.len().saturating_sub(1))
            .and_then(|digits| digits.parse::<u32>().ok());
        let hours = count
            .and_then(|count| count.checked_mul(unit))
            .filter(|hours| (1..=24 * 3660).contains(hours));
        if hours.is_none() {
            self.error(
                "posted_within",
                "duration_invalid",
                "a number with h, d or w, such as 7d",
            );
        }
        hours
    }

    fn sort(&mut self, text: Option<&str>) -> Sort {
        match text {
            None | Some("" | "relevance") => Sort::Relevance,
            Some("newest") => Sort::Newest,
            Some("pay") => Sort::Pay,
            Some(other) => {
                let meant = nearest(other, ["relevance", "newest", "pay"].into_iter());
                self.suggest("sort", "value_unknown", "one of relevance, newest, pay", meant);
                Sort::Relevance
            }
        }
    }

    fn facets(&mut self, raw: &[&str]) -> Vec<Counted> {
        let mut facets = Vec::new();
        for word in raw
            .iter()
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match word.parse::<Counted>() {
                Ok(facet) if facets.contains(&facet) => {}
                Ok(facet) => facets.push(facet),
                Err(_) => {
                    let meant = nearest(word, Counted::all().map(Counted::as_str));
                    self.suggest(
                        "facets",
                        "value_unknown",
                        format!("there is no facet {word:?}"),
                        meant,
                    );
                }
            }
        }
        facets
    }

    fn limit(&mut self, text: Option<&str>) -> usize {
        let Some(text) = text else { return DEFAULT_LIMIT };
        match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
            _ => {
                self.error("limit", "number_out_of_range", format!("1 to {MAX_LIMIT}"));
                DEFAULT_LIMIT
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        text.split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    #[test]
    fn parameters_and_the_same_object_give_one_query() {
        let by_pairs = parse_pairs(&pairs(
            "q=rtl&discipline=silicon,ml_platform&country=us&country=DE&pay_min=200000&posted_within=7d",
        ));
        let by_object = query_from_json(&json!({
            "q": "rtl", "discipline": ["ml_platform", "silicon"], "country": "DE,US", "pay_min": 200_000, "posted_within": "168h",
        }));
        let request = by_pairs.unwrap();
        assert_eq!(request.query, by_object.unwrap());
        assert_eq!(request.limit, 20);
        let back: Query = serde_json::from_str(&serde_json::to_string(&request.query).unwrap()).unwrap();
        assert_eq!(back, request.query);
        assert_eq!(
            parse_pairs(&request.query.to_pairs()).unwrap().query,
            request.query
        );
    }

    #[test]
    fn what_is_unknown_is_refused_with_a_suggestion() {
        let errors = parse_pairs(&pairs(
            "dicipline=silicon&seniority=snior&sort=newst&limit=0&posted_within=x&pay_currency=XXQ",
        ))
        .unwrap_err();
        let seen: Vec<_> = errors
            .iter()
            .map(|e| (e.parameter.as_str(), e.code, e.did_you_mean.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                ("dicipline", "unknown_parameter", Some("discipline")),
                ("seniority", "value_unknown", Some("senior")),
                ("pay_currency", "currency_unknown", None),
                ("posted_within", "duration_invalid", None),
                ("sort", "value_unknown", Some("newest")),
                ("limit", "number_out_of_range", None),
            ]
        );
    }

    #[test]
    fn a_radius_needs_a_place_that_exists() {
        let code = |text| parse_pairs(&pairs(text)).unwrap_err()[0].code;
        assert_eq!(code("within_km=10"), "parameter_missing");
        assert_eq!(code("near=Qqqqville"), "place_unknown");
        let near = parse_pairs(&pairs("near=Austin,TX")).unwrap().query.near.unwrap();
        assert!((near.latitude - 30.27).abs() < 0.1 && (near.within_km - 50.0).abs() < 1e-9);
    }
}
