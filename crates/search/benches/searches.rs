//! Searches taken apart by their kind: `cargo bench -p backplane-search --bench searches -- DATABASE INDEX REQUESTS [ROUNDS [KIND]]`.
//! DATABASE is a file of SQLite, INDEX a directory where its index is, or is built first; REQUESTS has `{"kind", "path"}` a line,
//! where the path ends with the parameters. Without arguments it does nothing.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that prints, and must fail when it cannot run"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use search::{Index, SearchRequest, parse_pairs};
use serde::Deserialize;
use store::{Db, DbOptions, Timestamp};

#[derive(Deserialize)]
struct Line {
    kind: String,
    path: String,
}

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let [database, dir, requests, rest @ ..] = args.as_slice() else {
        return;
    };
    let rounds: usize = rest.first().map_or(3, |text| text.parse().unwrap());
    let only = rest.get(1);
    let index = Index::open(Path::new(dir)).unwrap();
    let db = Db::open(&DbOptions::new(format!("sqlite:{database}"))).unwrap();
    let began = Instant::now();
    while !index.pass(&db).unwrap().is_caught_up {}
    let took = began.elapsed().as_secs_f64();
    println!(
        "index caught up in {took:.1} s, {:.0} postings/s",
        index.len() as f64 / took
    );
    let now = Timestamp::from_seconds(1_795_424_400);
    let text = std::fs::read_to_string(requests).unwrap();
    let requests: Vec<(String, SearchRequest)> = text
        .lines()
        .map(|line| serde_json::from_str::<Line>(line).unwrap())
        .filter(|line| only.is_none_or(|only| *only == line.kind))
        .map(|line| {
            let parameters = line.path.split_once('?').map_or("", |(_, parameters)| parameters);
            let pairs: Vec<(String, String)> = url::form_urlencoded::parse(parameters.as_bytes())
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            (line.kind, parse_pairs(&pairs).unwrap())
        })
        .collect();
    println!("{} postings, {} requests", index.len(), requests.len());
    for round in 0..rounds {
        let mut by_kind: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        let mut found = 0;
        let began = Instant::now();
        for (kind, request) in &requests {
            let at = Instant::now();
            found += index.search(request, now).unwrap().total;
            by_kind.entry(kind).or_default().push(at.elapsed());
        }
        let took = began.elapsed().as_secs_f64();
        println!(
            "round {round}: {:.0} searches/s, {:.3} ms a search, {found} found",
            requests.len() as f64 / took,
            took * 1000.0 / requests.len() as f64
        );
        for (kind, mut times) in by_kind {
            times.sort_unstable();
            let sum: Duration = times.iter().sum();
            println!(
                "    {kind:12} {:4} mean {:.3} p50 {:.3} p99 {:.3} ms",
                times.len(),
                sum.as_secs_f64() * 1000.0 / times.len() as f64,
                times[times.len() / 2].as_secs_f64() * 1000.0,
                times[(times.len() * 99 / 100).min(times.len() - 1)].as_secs_f64() * 1000.0,
            );
        }
    }
}
