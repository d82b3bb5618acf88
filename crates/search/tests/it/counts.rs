//! Facet counts are disjunctive and exact: held against counting by hand.

use std::collections::{BTreeMap, BTreeSet};

use postings::Posting;
use search::{Counted, Query, parse_pairs};
use serde_json::{Value, json};
use store::{Random, on_both};
use taxonomy::Discipline;

use crate::support::Board;

const FACETS: &[&str] = &[
    "discipline",
    "skill",
    "seniority",
    "workplace",
    "employer",
    "country",
    "city",
    "environment",
];
const CHOICES: &[(&str, &[&str])] = &[
    ("discipline", &["silicon", "data_center", "ml_platform"]),
    ("skill", &["rust", "uvm", "kubernetes"]),
    ("seniority", &["senior", "staff"]),
    ("workplace", &["remote", "on_site"]),
    ("country", &["US", "DE"]),
    ("environment", &["cloud", "edge"]),
];

struct Dice(Random);

impl Dice {
    fn below(&self, limit: usize) -> usize {
        usize::from(u16::from_le_bytes(self.0.bytes())) % limit
    }

    fn some<'a>(&self, from: &[&'a str]) -> Vec<&'a str> {
        from.iter().copied().filter(|_| self.below(2) == 0).collect()
    }
}

fn random_row(dice: &Dice, n: usize) -> Value {
    let places = [
        ("Austin", "US"),
        ("Dallas", "US"),
        ("Berlin", "DE"),
        ("Munich", "DE"),
    ];
    let employer = ["acme", "nova", "zeta"][dice.below(3)];
    let discipline = CHOICES[0].1[dice.below(3)];
    let mut row = json!({
        "source": "test", "source_id": n.to_string(), "title": format!("Engineer {n}"), "description": "Text.", "specialties": [],
        "employer": employer, "discipline": discipline,
        "locations": places.iter().filter(|_| dice.below(3) == 0).map(|(city, country)| json!({"city": city, "country": country})).collect::<Vec<_>>(),
    });
    for (name, values) in &CHOICES[1..] {
        let chosen = dice.some(values);
        match *name {
            "skill" => row["skills"] = json!(chosen),
            "environment" => row["environment"] = json!(chosen),
            "country" => {}
            _ if !chosen.is_empty() => row[*name] = json!(chosen[0]),
            _ => {}
        }
    }
    row
}

fn values(posting: &Posting, facet: &str) -> BTreeSet<String> {
    let content = posting.content();
    let places =
        |part: fn(&postings::Location) -> Option<String>| content.locations.iter().filter_map(part).collect();
    match facet {
        "discipline" => [content.discipline.map_or("none", Discipline::as_str).to_owned()].into(),
        "skill" => content.skills.iter().cloned().collect(),
        "seniority" => content.seniority.iter().map(|s| s.as_str().to_owned()).collect(),
        "workplace" => content.workplace.iter().map(|w| w.as_str().to_owned()).collect(),
        "employer" => [posting.employer.slug.clone()].into(),
        "country" => places(|place| place.country.clone()),
        "city" => places(|place| {
            let region = place.region.as_ref()?.to_uppercase().replace(' ', "_");
            Some(format!(
                "{}-{region}-{}",
                place.country.as_ref()?,
                place.city.as_ref()?.to_lowercase()
            ))
        }),
        "environment" => content
            .environment
            .iter()
            .map(|e| e.as_str().to_owned())
            .collect(),
        other => panic!("{other}"),
    }
}

/// Whether the posting passes every filter but `without`'s.
fn passes(posting: &Posting, query: &Query, without: Option<&str>) -> bool {
    query.filters.iter().all(|(facet, accepted)| {
        Some(facet.as_str()) == without
            || values(posting, facet.as_str())
                .iter()
                .any(|value| accepted.contains(value))
    })
}

on_both! {
    fn counts_are_those_of_counting_by_hand(db) {
        let board = Board::new(db);
        let dice = Dice(Random::seeded(21));
        // Several passes, so that several segments are counted together, and some postings are gone again.
        for batch in 0..4 {
            board.post(&(0..40).map(|n| random_row(&dice, batch * 40 + n)).collect::<Vec<_>>());
        }
        for n in (0..160).step_by(9) {
            board.close(board.posting(&n.to_string()).row.id);
        }
        board.settle();
        let postings = board.postings();
        for _ in 0..60 {
            let mut pairs: Vec<(String, String)> = CHOICES
                .iter()
                .map(|(name, values)| ((*name).to_owned(), dice.some(values).join(",")))
                .filter(|_| dice.below(3) == 0)
                .collect();
            pairs.push(("facets".to_owned(), FACETS.join(",")));
            let request = parse_pairs(&pairs).unwrap();
            let results = board.index.search(&request, board.now).unwrap();
            let matching = postings.iter().filter(|posting| passes(posting, &request.query, None)).count();
            assert_eq!(results.total, matching as u64, "{pairs:?}");
            for (facet, counts) in &results.facets {
                let mut by_hand: BTreeMap<String, u32> = BTreeMap::new();
                for posting in postings.iter().filter(|posting| passes(posting, &request.query, Some(facet.as_str()))) {
                    for value in values(posting, facet.as_str()) {
                        *by_hand.entry(value).or_default() += 1;
                    }
                }
                let counted: BTreeMap<String, u32> = counts.iter().map(|count| (count.value.to_string(), count.count)).collect();
                assert_eq!(counted, by_hand, "{} under {pairs:?}", facet.as_str());
                assert!(counts.is_sorted_by(|a, b| (b.count, &a.value) <= (a.count, &b.value)), "most frequent first");
            }
        }
    }

    fn only_wanted_facets_are_counted_and_other_filters_hold(db) {
        let board = Board::new(db);
        board.post(&[
            crate::support::row_with("a", "Engineer", json!({"discipline": "silicon", "workplace": "remote"})),
            crate::support::row_with("b", "Engineer", json!({"discipline": "ml_platform", "workplace": "remote", "posted_at": "2026-01-01"})),
            crate::support::row_with("c", "Technician", json!({"discipline": "data_center", "workplace": "on_site"})),
        ]);
        let count = |parameters: &str| {
            let results = board.search(parameters);
            let named = |(facet, counts): &(Counted, Vec<search::FacetCount>)| {
                let counts: Vec<String> = counts.iter().map(|c| format!("{}={}", c.value, c.count)).collect();
                format!("{}: {}", facet.as_str(), counts.join(" "))
            };
            results.facets.iter().map(named).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(count(""), "");
        assert_eq!(count("facets=discipline&discipline=silicon"), "discipline: data_center=1 ml_platform=1 silicon=1");
        assert_eq!(count("facets=discipline,workplace&discipline=silicon&q=engineer"), "discipline: ml_platform=1 silicon=1; workplace: remote=1");
        assert_eq!(count("facets=discipline&discipline=silicon&posted_within=7d"), "discipline: data_center=1 silicon=1");
        assert_eq!(count("facets=discipline&discipline=silicon&workplace=on_site"), "discipline: data_center=1");
    }
}
