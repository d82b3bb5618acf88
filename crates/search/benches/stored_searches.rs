//! New postings against stored searches that come from files, to be compared with another program on the same files:
//! `cargo bench -p backplane-search --bench stored_searches -- SEARCHES POSTINGS`. SEARCHES has the parameters of one search
//! a line, POSTINGS one posting as JSON a line. Without files it does nothing: `matching` makes its own.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that prints, and must fail when it cannot run"
)]

mod support;

use std::io::BufRead;
use std::time::{Duration, Instant};

use search::{Matcher, SearchDocument, parse_pairs};
use store::{Random, Timestamp};

fn lines(path: &str) -> impl Iterator<Item = String> {
    let file = std::fs::File::open(path).unwrap();
    std::io::BufReader::new(file).lines().map(|line| line.unwrap())
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1000.0
}

/// Own memory of this process.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kb.unwrap_or_default() / 1024
}

fn main() {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let [searches, postings] = files.as_slice() else {
        return;
    };
    let now = Timestamp::from_seconds(1_795_424_400);
    let random = Random::seeded(7);
    let documents: Vec<SearchDocument> = lines(postings)
        .map(|line| support::published(serde_json::from_str(&line).unwrap(), random.id(now), now))
        .collect();
    let mut matcher = Matcher::new();
    documents
        .iter()
        .take(500)
        .for_each(|document| matcher.observe(document));
    let before = resident_mb();
    let began = Instant::now();
    let mut storing = Duration::ZERO;
    for line in lines(searches) {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(line.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let query = parse_pairs(&pairs).unwrap().query;
        let id = random.id(now);
        let parsed = Instant::now();
        matcher.insert(id, &query);
        storing += parsed.elapsed();
    }
    println!(
        "{} searches read in {:.1} s, {:.1} s of it storing them; +{} MB; {matcher:?}",
        matcher.len(),
        began.elapsed().as_secs_f64(),
        storing.as_secs_f64(),
        resident_mb().saturating_sub(before),
    );
    let mut took = Vec::with_capacity(documents.len());
    let mut found = 0_u64;
    for document in &documents {
        let began = Instant::now();
        matcher.matching(document, now, |_| found += 1);
        took.push(began.elapsed());
    }
    let total: f64 = took.iter().map(Duration::as_secs_f64).sum();
    took.sort_unstable();
    println!(
        "{} postings: p50 {:.2} ms, p99 {:.2} ms, {:.0}/s, {:.0} matches a posting",
        documents.len(),
        percentile(&took, 0.5),
        percentile(&took, 0.99),
        documents.len() as f64 / total,
        found as f64 / documents.len() as f64,
    );
}
