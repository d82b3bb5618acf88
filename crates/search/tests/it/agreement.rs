//! An alert matches exactly what the search returns: the reverse matcher and the index agree on random queries and
//! postings, in both directions, also after edits, pauses, ends and frozen employers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use search::{Matcher, Query, SearchDocument, parse_pairs};
use serde_json::{Value, json};
use store::testing::TestDb;
use store::{Id, Random, on_both};

use crate::support::{Board, ids};

const WORDS: &[&str] = &[
    "rtl",
    "design",
    "engineer",
    "engineers",
    "timing",
    "closure",
    "Zürich",
    "zurich",
    "c++",
    "芯",
    "片",
    "芯片设计",
    "us",
    "k8s",
    "kubernetes",
    "full-stack",
    "a",
    "senior",
    "remote",
    "re\u{301}sume\u{301}",
    "silicon",
    "acme",
    "R&D",
];
const SKILLS: &[&str] = &["kubernetes", "systemverilog", "rust", "uvm"];
const PLACES: &[(&str, &str, &str)] = &[
    ("Austin", "TX", "US"),
    ("Berlin", "BE", "DE"),
    ("Dallas", "TX", "US"),
    ("London", "England", "GB"),
];
const EMPLOYERS: &[&str] = &["acme", "nova", "zeta"];
const ELIGIBILITY: &[&str] = &[
    "export_control",
    "us_person",
    "clearance",
    "citizenship",
    "sponsorship",
    "relocation",
];
/// Stands for the role of a posting, which has no name before there are postings.
const ROLE: &str = "0123456789abcdef";

fn words(count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(select(WORDS), count).prop_map(|words| words.join(" "))
}

fn some<T: Clone + std::fmt::Debug + 'static>(from: &'static [T]) -> impl Strategy<Value = Option<T>> {
    prop::option::of(select(from))
}

fn few(from: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(from.to_vec(), 0..=2.min(from.len()))
}

fn fields() -> impl Strategy<Value = Value> {
    let text = (words(1..5), words(0..12), select(EMPLOYERS));
    let facts = (
        some(&["silicon", "data_center", "none"]),
        few(SKILLS),
        few(&["rtl_design", "verification"]),
        some(&["senior", "staff", "intern"]),
        some(&["full_time", "contract"]),
        some(&["remote", "on_site", "hybrid"]),
    );
    let rest = (
        subsequence(PLACES.to_vec(), 0..=2),
        few(&["US", "EU", "WORLDWIDE", "DE"]),
        some(&[90_000, 100_000, 200_000]),
        some(&["USD", "EUR"]),
        few(&["cloud", "edge"]),
        few(&["H100", "TPU v5"]),
        0..72_i64,
    );
    (text, facts, rest, (conditions(), attributes())).prop_map(|(text, facts, rest, conditions)| {
        let (title, description, employer) = text;
        let (discipline, skills, specialties, seniority, employment_type, workplace) = facts;
        let (places, remote_from, pay, currency, environment, accelerators, hours_ago) = rest;
        let posted = store::testing::monday_morning().minus(SignedDuration::from_hours(hours_ago));
        let mut row = json!({
            "source": "test", "title": title, "description": description, "employer": {"slug": employer, "name": format!("{employer} Inc")}, "skills": skills,
            "specialties": specialties, "remote_from": remote_from, "environment": environment, "posted_at": posted.to_string(),
            "hardware": {"accelerators": accelerators},
            "locations": places.iter().map(|(city, region, country)| json!({"city": city, "region": region, "country": country})).collect::<Vec<_>>(),
        });
        let optional = [("discipline", discipline), ("seniority", seniority), ("employment_type", employment_type), ("workplace", workplace)];
        for (name, value) in optional {
            if let Some(value) = value {
                row[name] = value.into();
            }
        }
        if let Some(amount) = pay {
            row["pay"] = json!({"base": {"min": 50_000, "max": amount, "currency": currency.unwrap_or("USD"), "period": "year"}});
        }
        let ((hardware, work_pattern, eligibility, equity), attributes) = conditions;
        if let (Some(to), Some(from)) = (row["hardware"].as_object_mut(), hardware.as_object()) {
            to.extend(from.clone());
        }
        row["attributes"] = attributes;
        row["work_pattern"] = work_pattern;
        row["eligibility"] = eligibility;
        if let Some(kind) = equity {
            row["pay"]["equity"] = json!({"kind": kind});
        }
        row
    })
}

/// What employers name themselves: texts, numbers and flags.
fn attributes() -> impl Strategy<Value = Value> {
    let team = some(&["Compute", "compute  east", "9"]);
    let size = prop::option::of(prop_oneof![Just(json!(9)), Just(json!(9.5)), Just(json!(9.0))]);
    (team, size, some(&[true, false])).prop_map(|(team, size, lab)| {
        let named = [
            ("team", team.map(Value::from)),
            ("team_size", size),
            ("lab", lab.map(Value::from)),
        ];
        let given = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect())
    })
}

/// Hardware, work pattern, who may take it, and equity.
fn conditions() -> impl Strategy<Value = (Value, Value, Value, Option<&'static str>)> {
    let hardware = (
        few(&["NVLink", "InfiniBand"]),
        few(&["Slurm", "Kubernetes"]),
        few(&["Innovus", "VCS"]),
        some(&["3nm", "7nm"]),
        few(&["liquid", "air"]),
    );
    let hardware = hardware.prop_map(|(interconnects, schedulers, eda_flow, process_node, cooling)| {
        json!({"interconnects": interconnects, "schedulers": schedulers, "eda_flow": eda_flow, "process_node": process_node, "cooling": cooling})
    });
    let pattern = (
        some(&[true, false]),
        some(&["4 x 10 h nights", "rotating shift"]),
        some(&[2, 5]),
    );
    let pattern = pattern.prop_map(|(on_call, shift, days)| {
        let mut pattern = json!({"on_call": on_call});
        if let Some(shift) = shift {
            pattern["shift_pattern"] = shift.into();
        }
        if let Some(days) = days {
            pattern["site_days_per_week"] = days.into();
        }
        pattern
    });
    let answers = prop::collection::vec(some(&["required", "accepted", "not_needed"]), ELIGIBILITY.len());
    let eligibility = answers.prop_map(|answers| {
        let given = ELIGIBILITY.iter().zip(answers);
        let given = given.filter_map(|(name, answer)| Some(((*name).to_owned(), Value::from(answer?))));
        Value::Object(given.collect())
    });
    (hardware, pattern, eligibility, some(&["rsu", "options"]))
}

/// A text with every operator.
fn text() -> impl Strategy<Value = String> {
    let word = select(WORDS).prop_map(str::to_owned);
    let phrase = words(1..4).prop_map(|words| format!("\"{words}\""));
    let leaf = prop_oneof![4 => word, 1 => phrase];
    let part = prop_oneof![
        5 => leaf.clone(),
        2 => (leaf.clone(), leaf.clone()).prop_map(|(a, b)| format!("{a} OR {b}")),
        1 => (leaf.clone(), leaf.clone(), leaf.clone()).prop_map(|(a, b, c)| format!("{a} | {b} OR {c}")),
        2 => leaf.prop_map(|leaf| format!("-{leaf}")),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.join(" "))
}

fn query() -> impl Strategy<Value = Query> {
    let list = |name: &'static str, values: &'static [&'static str]| {
        let chosen = subsequence(values.to_vec(), 1..=2.min(values.len()));
        chosen.prop_map(move |values| vec![(name.to_owned(), values.join(","))])
    };
    let filter = prop_oneof![
        list("discipline", &["silicon", "data_center", "none", "ml_platform"]),
        list("skill", &["kubernetes", "systemverilog", "rust", "python"]),
        list("specialty", &["rtl_design", "verification"]),
        list("seniority", &["senior", "staff", "intern"]),
        list("employment_type", &["full_time", "contract"]),
        list("workplace", &["remote", "on_site", "hybrid"]),
        list("employer", &["acme", "nova", "nobody"]),
        list("country", &["US", "DE"]),
        list("region", &["tx", "england"]),
        list("city", &["austin", "berlin", "nowhere"]),
        list("remote_from", &["US", "DE", "FR", "EU", "WORLDWIDE"]),
        list("environment", &["cloud", "edge", "air_gapped"]),
        list("accelerator", &["h100", "tpu v5"]),
        prop_oneof![
            list("interconnect", &["nvlink", "infiniband"]),
            list("scheduler", &["slurm", "kubernetes"]),
            list("eda_flow", &["innovus", "vcs"]),
            list("process_node", &["3nm", "7nm"]),
            list("cooling", &["liquid", "air"]),
            list("shift", &["night", "rotating"]),
            list("on_call", &["true", "false"]),
            list("site_days", &["2", "5"]),
            list("equity", &["rsu", "options"]),
        ],
        (
            select(ELIGIBILITY),
            select(&["required", "accepted", "not_needed"][..])
        )
            .prop_map(|(name, answer)| vec![(name.to_owned(), answer.to_owned())]),
        subsequence(
            vec![
                "team:COMPUTE",
                "team:compute east",
                "team:9",
                "team_size:9",
                "team_size:9.5",
                "lab:true",
                "nothing:9"
            ],
            1..=2
        )
        .prop_map(|wanted| wanted
            .into_iter()
            .map(|wanted| ("attribute".to_owned(), wanted.to_owned()))
            .collect()),
        Just(vec![("interpret".to_owned(), "off".to_owned())]),
        Just(vec![("role".to_owned(), ROLE.to_owned())]),
        (
            select(&["Austin,TX", "Berlin,DE"][..]),
            select(&["1", "50", "400", "8000"][..])
        )
            .prop_map(|(place, km)| vec![
                ("near".to_owned(), place.to_owned()),
                ("within_km".to_owned(), km.to_owned()),
            ]),
        (
            select(&["0", "90000", "100000", "100001", "200000"][..]),
            some(&["USD", "EUR"]),
            some(&["include", "exclude"]),
        )
            .prop_map(|(amount, currency, unstated)| {
                let currency = currency.map(|code| ("pay_currency".to_owned(), code.to_owned()));
                let unstated = unstated.map(|word| ("pay_unstated".to_owned(), word.to_owned()));
                [("pay_min".to_owned(), amount.to_owned())]
                    .into_iter()
                    .chain(currency)
                    .chain(unstated)
                    .collect()
            }),
        list("posted_within", &["1d", "30h", "2d"]).prop_map(|mut pairs| {
            let first = pairs[0].1.split(',').next().unwrap_or_default().to_owned();
            pairs[0].1 = first;
            pairs
        }),
    ];
    (text(), prop::collection::vec(filter, 0..3)).prop_map(|(q, filters)| {
        // Only attributes repeat: a value of theirs may hold a comma.
        let (repeated, single): (Vec<_>, Vec<_>) = filters
            .into_iter()
            .flatten()
            .partition(|(name, _)| name == "attribute");
        let mut pairs: BTreeMap<String, String> = single.into_iter().collect();
        if !pairs.contains_key("pay_min") {
            pairs.remove("pay_currency");
        }
        pairs.insert("q".to_owned(), q);
        let pairs: Vec<_> = pairs.into_iter().chain(repeated).collect();
        let query = parse_pairs(&pairs)
            .unwrap_or_else(|errors| panic!("{pairs:?}: {errors:?}"))
            .query;
        let kept: Query = serde_json::from_str(&serde_json::to_string(&query).unwrap()).unwrap();
        assert_eq!(kept, query, "what an alert keeps is the same query");
        kept
    })
}

#[derive(Debug, Clone)]
enum Step {
    Edit(usize, Value),
    Pause(usize),
    Close(usize),
    Delete(usize),
    Freeze(&'static str),
    Unfreeze(&'static str),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..99_usize, fields()).prop_map(|(n, fields)| Step::Edit(n, fields)),
        1 => (0..99_usize).prop_map(Step::Pause),
        1 => (0..99_usize).prop_map(Step::Close),
        1 => (0..99_usize).prop_map(Step::Delete),
        1 => select(EMPLOYERS).prop_map(Step::Freeze),
        1 => select(EMPLOYERS).prop_map(Step::Unfreeze),
        1 => prop_oneof![Just(1), Just(24), Just(24 * 61)].prop_map(Step::Wait),
    ]
}

/// Rows of a case have a source of their own: what was erased in an earlier one does not come back.
fn source(case: u64) -> Value {
    format!("test{case}").into()
}

fn take(board: &mut Board<'_>, step: Step, case: u64) {
    let nth = |board: &Board<'_>, n: usize| {
        let mut all: Vec<Id> = board.postings().iter().map(|posting| posting.row.id).collect();
        all.sort_unstable();
        (!all.is_empty()).then(|| all[n % all.len()])
    };
    match step {
        Step::Edit(n, mut fields) => {
            fields["source"] = source(case);
            fields["source_id"] = json!((n % 20).to_string());
            board.import(&[fields]);
        }
        Step::Pause(n) => nth(board, n).into_iter().for_each(|id| board.pause(id)),
        Step::Close(n) => nth(board, n).into_iter().for_each(|id| board.close(id)),
        Step::Delete(n) => nth(board, n).into_iter().for_each(|id| board.delete(id)),
        Step::Freeze(slug) => board.set_employer_status(slug, "paused"),
        Step::Unfreeze(slug) => board.set_employer_status(slug, "active"),
        Step::Wait(hours) => board.now = board.now.plus(SignedDuration::from_hours(hours)),
    }
}

/// Which stored query matches which posting, asked from the matcher.
fn matched(board: &Board<'_>, matcher: &mut Matcher) -> BTreeMap<Id, BTreeSet<Id>> {
    let mut out: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    for posting in board.postings() {
        let document = SearchDocument::of(&posting);
        matcher.matching(&document, board.now, |query| {
            assert!(
                out.entry(query).or_default().insert(posting.row.id),
                "each query answers once"
            );
        });
    }
    out
}

/// How much was compared.
#[derive(Debug, Clone, Copy, Default)]
struct Compared {
    /// A random query against all postings there are, in one state of theirs.
    cases: usize,
    /// Queries times postings.
    pairs: usize,
    /// Pairs that match, found alike by both.
    matches: usize,
    /// Cases before anything was edited.
    in_new_worlds: usize,
}

impl Compared {
    fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.pairs += other.pairs;
        self.matches += other.matches;
    }
}

fn assert_agreement(board: &Board<'_>, matcher: &mut Matcher, queries: &[(Id, Query)]) -> Compared {
    board.settle();
    let matched = matched(board, matcher);
    let mut compared = Compared {
        cases: queries.len(),
        pairs: queries.len() * board.postings().len(),
        ..Compared::default()
    };
    for (id, query) in queries {
        let mut request = crate::support::request("limit=100&sort=newest&strict=on");
        request.query = query.clone();
        let results = board.index.search(&request, board.now).unwrap();
        let by_index = ids(&results);
        let by_matcher = matched.get(id).cloned().unwrap_or_default();
        assert_eq!(by_index, by_matcher, "{query:?}");
        assert_eq!(results.total, by_index.len() as u64);
        compared.matches += by_index.len();
    }
    compared
}

/// The name of a role that has copies, when there is one.
fn a_role(board: &Board<'_>) -> Option<String> {
    board.settle();
    let request = crate::support::request("limit=100");
    let found = board.index.search(&request, board.now).unwrap();
    found
        .hits
        .into_iter()
        .find_map(|hit| hit.copies)
        .map(|(role, _)| role)
}

fn check_agreement(db: &TestDb, seed: u8, cases: u32) {
    let random = Random::seeded(u64::from(seed));
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let world = (
        prop::collection::vec(fields(), 12..20),
        prop::collection::vec(query(), asked_for("QUERIES").unwrap_or(30_usize)),
        prop::collection::vec(step(), 1..8),
    );
    let case = std::cell::Cell::new(0_u64);
    let total = std::cell::RefCell::new(Compared::default());
    let outcome = runner.run(&world, |(mut rows, mut queries, steps)| {
        let mut total = total.borrow_mut();
        let mut board = Board::new(db);
        case.set(case.get() + 1);
        board.random = Random::seeded(case.get());
        for posting in board.postings() {
            board.delete(posting.row.id);
        }
        for slug in EMPLOYERS {
            board.set_employer_status(slug, "active");
        }
        // A copy of the first one in another place.
        let mut copy = rows[0].clone();
        copy["locations"] = json!([{"city": "Berlin", "region": "BE", "country": "DE"}]);
        rows.push(copy);
        let named = rows.into_iter().enumerate().map(|(n, mut row)| {
            row["source"] = source(case.get());
            row["source_id"] = json!(n.to_string());
            row
        });
        board.import(&named.collect::<Vec<_>>());
        if let Some(role) = a_role(&board) {
            let asked = queries.iter_mut().filter_map(|query| query.role.as_mut());
            asked.for_each(|name| name.clone_from(&role));
        }
        let mut matcher = Matcher::new();
        board
            .postings()
            .iter()
            .take(8)
            .for_each(|posting| matcher.observe(&SearchDocument::of(posting)));
        let mut stored: Vec<(Id, Query)> = queries
            .into_iter()
            .map(|query| (random.id(board.now), query))
            .collect();
        for (id, query) in &stored {
            matcher.insert(*id, query);
        }
        let asked = stored.len();
        total.add(assert_agreement(&board, &mut matcher, &stored));
        for step in steps {
            take(&mut board, step, case.get());
        }
        // Some people leave, some change what they look for.
        for (id, _) in stored.drain(..5) {
            matcher.remove(id);
        }
        for n in 0..5 {
            stored[n].1 = stored[n + 5].1.clone();
            matcher.insert(stored[n].0, &stored[n].1);
        }
        total.add(assert_agreement(&board, &mut matcher, &stored));
        total.in_new_worlds += asked;
        assert_eq!(matcher.len(), stored.len());
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let total = total.into_inner();
    println!("agreement: {} worlds without a difference, {total:?}", case.get());
    assert!(
        total.matches * 2 > total.in_new_worlds,
        "matches are frequent enough to mean something: {total:?}"
    );
}

/// A number from outside, for a long run, which is played when somebody asks for it:
/// `BACKPLANE_TEST_AGREEMENT_WORLDS=2000 cargo test -p backplane-search --test it agreement -- --nocapture`.
/// With another `BACKPLANE_TEST_AGREEMENT_SEED` they are other worlds; `BACKPLANE_TEST_AGREEMENT_QUERIES` are asked in each.
fn asked_for<N: std::str::FromStr>(what: &str) -> Option<N> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to go on is asked for from outside"
    )]
    let asked = std::env::var(format!("BACKPLANE_TEST_AGREEMENT_{what}"));
    asked.ok().and_then(|text| text.parse().ok())
}

on_both! {
    fn an_alert_matches_exactly_what_the_search_returns(db) {
        check_agreement(db, asked_for("SEED").unwrap_or(1), asked_for("WORLDS").unwrap_or(10));
    }
}
