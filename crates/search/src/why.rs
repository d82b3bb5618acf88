//! Why one posting matches a query, or why it does not.

use serde::Serialize;
use store::Timestamp;
use utoipa::ToSchema;

use crate::analyzer;
use crate::attributes;
use crate::document::{Saying, SearchDocument};
use crate::meaning::{Alternative, Clause};
use crate::query::Query;
use crate::searching::part;
use crate::values::label_of;

/// Whether a posting matches, part by part.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Why {
    /// Whether all parts hold.
    pub matches: bool,
    /// What the query asks for.
    pub parts: Vec<WhyPart>,
}

/// One thing that a query asks for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WhyPart {
    /// The parameter it comes from.
    #[schema(example = "q")]
    pub parameter: String,
    /// The words or values.
    #[schema(example = "rtl")]
    pub asked: String,
    /// Whether the posting must not have it.
    pub excluded: bool,
    /// Whether the posting does as asked.
    pub holds: bool,
    /// What decided it, in words: "its title says RTL design".
    #[schema(example = "its title says RTL design")]
    pub because: String,
}

impl SearchDocument {
    /// Why this posting matches `query` as of `now`, or why not; the same verdict as search and alerts give.
    pub fn why(&self, query: &Query, now: Timestamp) -> Why {
        let words = Words::of(self);
        let meaning = query.interpretation().meaning;
        let mut parts = Vec::new();
        for (clause, excluded) in meaning
            .required
            .iter()
            .map(|clause| (clause, false))
            .chain(meaning.excluded.iter().map(|clause| (clause, true)))
        {
            parts.push(self.clause_part(query, &words, clause, excluded));
        }
        for (facet, values) in &query.filters {
            let accepted = query.accepted(*facet).unwrap_or_default();
            let own = self
                .facets
                .iter()
                .filter(|(of, _)| of == facet)
                .map(|(_, value)| value);
            let own: Vec<&str> = own.map(String::as_str).collect();
            let holds = accepted.iter().any(|value| own.contains(&value.as_str()));
            parts.push(filter_part(
                facet.as_str(),
                &values.join(" or "),
                holds,
                &stated(&own),
            ));
        }
        self.attribute_parts(query, &mut parts);
        self.number_parts(query, now, &mut parts);
        if self.expires_at <= now.micros() {
            parts.push(filter_part("expires_at", "is not over", false, "it is over"));
        }
        Why {
            matches: parts.iter().all(|part| part.holds),
            parts,
        }
    }

    fn attribute_parts(&self, query: &Query, parts: &mut Vec<WhyPart>) {
        let mut terms = Vec::new();
        attributes::each_term(&self.attributes, |term| terms.push(term.to_owned()));
        for (name, values) in &query.attributes {
            let holds = attributes::terms(name, values).any(|term| terms.contains(&term));
            let own = self.attributes.iter().filter(|(of, _)| of == name);
            let own: Vec<&str> = own.map(|(_, value)| value.as_str()).collect();
            let asked = format!("{name}:{}", values.join(" or "));
            parts.push(filter_part("attribute", &asked, holds, &stated(&own)));
        }
    }

    fn number_parts(&self, query: &Query, now: Timestamp, parts: &mut Vec<WhyPart>) {
        if let Some(near) = &query.near {
            let circle = near.circle();
            let holds = self.points.iter().any(|point| circle.holds(*point));
            let nearest = self
                .points
                .iter()
                .map(|point| taxonomy::distance_km((near.latitude, near.longitude), *point))
                .min_by(f64::total_cmp);
            let because = nearest.map_or_else(
                || "it names no place on the map".to_owned(),
                |km| format!("its nearest place is {km:.0} km away"),
            );
            parts.push(filter_part(
                "near",
                &format!("{} within {} km", near.place, near.within_km),
                holds,
                &because,
            ));
        }
        if let (Some(usd), Some(pay)) = (query.pay_min_usd(), query.pay_min) {
            let holds = self.yearly_usd >= usd.max(1) || query.pay_unstated && self.yearly_usd == 0;
            let because = match self.yearly_usd {
                0 => "it states no pay".to_owned(),
                own => format!("it pays up to USD {own} a year"),
            };
            parts.push(filter_part("pay_min", &pay.to_string(), holds, &because));
        }
        if let Some(since) = query.posted_since(now) {
            let holds = self.published_at >= since.micros();
            let hours = (now.micros() - self.published_at) / 3_600_000_000;
            let because = format!("it was published {hours} hours ago");
            let asked = format!("{}h", query.posted_within_hours.unwrap_or_default());
            parts.push(filter_part("posted_within", &asked, holds, &because));
        }
        if let Some(role) = &query.role {
            let own = format!("{:016x}", self.role);
            parts.push(filter_part(
                "role",
                role,
                own == *role,
                &format!("its role is {own}"),
            ));
        }
    }

    fn clause_part(&self, query: &Query, words: &Words, clause: &Clause, excluded: bool) -> WhyPart {
        let reasons = clause
            .any
            .iter()
            .filter_map(|alternative| self.reason(words, alternative));
        let reason = reasons.min_by_key(|(rank, _)| *rank);
        WhyPart {
            parameter: "q".to_owned(),
            asked: part(&query.q, &clause.at),
            excluded,
            holds: reason.is_some() != excluded,
            because: reason.map_or_else(|| "it neither says nor is that".to_owned(), |(_, words)| words),
        }
    }

    /// Why an alternative holds, the plainest reason with the least rank; `None` when it does not.
    fn reason(&self, words: &Words, alternative: &Alternative) -> Option<(u8, String)> {
        match alternative {
            Alternative::Words(leaf) => {
                let place = words.find(leaf)?;
                Some((place as u8, format!("its {} says so", PLACES[place])))
            }
            Alternative::Concept(concept) => {
                let (saying, _) = self.concepts.iter().find(|(_, own)| own == concept)?;
                let (kind, id) = concept.split_once(':')?;
                let label = label_of(kind, id).unwrap_or_else(|| id.to_owned());
                Some(match saying {
                    Saying::Title => (0, format!("its title says {label}")),
                    Saying::Fact => (1, format!("its {} is {label}", kind.replace('_', " "))),
                    Saying::Text => (3, format!("its description says {label}")),
                })
            }
            Alternative::Value(facet, value) => {
                let has = self.facets.iter().any(|(of, own)| of == facet && own == value);
                let label = label_of(facet.as_str(), value).unwrap_or_else(|| value.clone());
                has.then(|| (1, format!("its {} is {label}", facet.as_str().replace('_', " "))))
            }
            Alternative::Within(circle) => {
                let centre = (circle.latitude, circle.longitude);
                let inside = self.points.iter().find(|point| circle.holds(**point))?;
                let km = taxonomy::distance_km(centre, *inside);
                Some((1, format!("it has a place {km:.0} km away")))
            }
            Alternative::PayAtLeast(usd) => (self.yearly_usd >= *usd)
                .then(|| (1, format!("it pays up to USD {} a year", self.yearly_usd))),
        }
    }
}

const PLACES: [&str; 4] = ["title", "employer", "facts", "description"];

/// The words of a posting's texts, in order.
struct Words([Vec<String>; 4]);

impl Words {
    fn of(document: &SearchDocument) -> Self {
        Self(document.texts().map(analyzer::tokens))
    }

    /// In which of the texts the words stand next to each other.
    fn find(&self, leaf: &[String]) -> Option<usize> {
        let holds =
            |words: &Vec<String>| !leaf.is_empty() && words.windows(leaf.len()).any(|part| part == leaf);
        self.0.iter().position(holds)
    }
}

fn filter_part(parameter: &str, asked: &str, holds: bool, because: &str) -> WhyPart {
    WhyPart {
        parameter: parameter.to_owned(),
        asked: asked.to_owned(),
        excluded: false,
        holds,
        because: because.to_owned(),
    }
}

fn stated(values: &[&str]) -> String {
    if values.is_empty() {
        "it states none".to_owned()
    } else {
        format!("it states {}", values.join(", "))
    }
}
