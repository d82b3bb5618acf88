//! How long one new posting takes against many stored queries: the cost should follow the matches, not the queries.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run must fail")]

mod support;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use postings::PostingInput;
use search::{Matcher, Query, SearchDocument, parse_pairs};
use store::{Random, Timestamp};

const DISCIPLINES: [&str; 5] = [
    "silicon",
    "data_center",
    "distributed_systems",
    "ml_platform",
    "ai_operations",
];
const COUNTRIES: [&str; 8] = ["US", "DE", "IE", "IN", "SG", "CA", "GB", "JP"];

struct Draw<'a>(&'a Random);

impl Draw<'_> {
    fn below(&self, limit: usize) -> usize {
        (self.0.fraction() * limit as f64) as usize
    }

    /// A made-up word; low numbers are drawn far more often, as in any language.
    fn word(&self) -> String {
        let skewed = self.0.fraction().powi(3);
        format!("w{}", (skewed * 20_000.0) as usize)
    }

    fn query(&self) -> Query {
        let mut pairs = vec![("q".to_owned(), format!("{} {}", self.word(), self.word()))];
        if self.below(2) == 0 {
            pairs.push(("discipline".to_owned(), DISCIPLINES[self.below(5)].to_owned()));
        }
        if self.below(3) == 0 {
            pairs.push(("country".to_owned(), COUNTRIES[self.below(8)].to_owned()));
        }
        if self.below(4) == 0 {
            pairs.push((
                "pay_min".to_owned(),
                (100_000 + self.below(20) * 10_000).to_string(),
            ));
        }
        parse_pairs(&pairs).unwrap().query
    }

    fn posting(&self, now: Timestamp) -> SearchDocument {
        let text: Vec<String> = (0..400).map(|_| self.word()).collect();
        let input = PostingInput {
            title: Some(format!("{} {} engineer", self.word(), self.word())),
            description: Some(text.join(" ")),
            discipline: Some(DISCIPLINES[self.below(5)].parse().ok()),
            ..PostingInput::default()
        };
        support::published(input, self.0.id(now), now)
    }
}

fn matching(criterion: &mut Criterion) {
    let now = Timestamp::from_seconds(1_795_424_400);
    let random = Random::seeded(7);
    let draw = Draw(&random);
    let documents: Vec<SearchDocument> = (0..500).map(|_| draw.posting(now)).collect();
    let mut group = criterion.benchmark_group("reverse matching of one posting");
    group.sample_size(20);
    for count in [10_000, 100_000, 1_000_000] {
        let mut matcher = Matcher::new();
        for document in &documents {
            matcher.observe(document);
        }
        for _ in 0..count {
            matcher.insert(random.id(now), &draw.query());
        }
        let mut next = 0;
        group.bench_function(format!("{count} queries"), |bencher| {
            bencher.iter_batched(
                || {
                    next = (next + 1) % documents.len();
                    next
                },
                |at| {
                    let mut found = 0;
                    matcher.matching(&documents[at], now, |_| found += 1);
                    found
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, matching);
criterion_main!(benches);
