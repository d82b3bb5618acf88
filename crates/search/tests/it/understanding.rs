//! What is understood of typed text, on postings.

use search::{SearchResults, parse_pairs};
use serde_json::json;
use store::on_both;

use crate::support::{Board, names, row_with};

fn place(city: &str, region: &str, country: &str) -> serde_json::Value {
    json!([{"city": city, "region": region, "country": country}])
}

fn board(db: &store::Db) -> Board<'_> {
    let board = Board::new(db);
    board.post(&[
        row_with("rtl-austin", "Senior RTL Design Engineer", json!({
            "specialties": ["rtl_design"], "seniority": "senior", "workplace": "hybrid", "locations": place("Austin", "TX", "US"),
            "pay": {"base": {"min": 180_000, "max": 240_000, "currency": "USD", "period": "year"}},
        })),
        row_with("rtl-remote", "Senior RTL Design Engineer", json!({
            "specialties": ["rtl_design"], "seniority": "senior", "workplace": "remote", "remote_from": ["US"], "description": "Own the frontend.",
        })),
        row_with("rtl-berlin", "RTL Engineer", json!({
            "specialties": ["rtl_design"], "seniority": "mid", "workplace": "on_site", "locations": place("Berlin", "", "DE"),
            "description": "You work with senior engineers in Austin.",
        })),
        row_with("tech", "Data Center Technician", json!({
            "discipline": "data_center", "specialties": ["technicians"], "workplace": "on_site", "locations": place("Sterling", "VA", "US"),
            "description": "Rotating 12 hour night shift. You rack servers.",
        })),
        row_with("tech-days", "Data Center Technician II", json!({
            "discipline": "data_center", "specialties": ["technicians"], "workplace": "on_site", "locations": place("Ashburn", "VA", "US"),
            "description": "Days only.",
        })),
        row_with("sre", "Site Reliability Engineer", json!({
            "discipline": "distributed_systems", "specialties": ["sre"], "skills": ["kubernetes"], "locations": place("San Jose", "CA", "US"),
            "employer": {"name": "Nova Compute", "slug": "nova-compute"}, "description": "We run clusters. On-call every sixth week.",
        })),
        row_with("auditor", "SOC 2 Auditor", json!({"discipline": "none", "description": "Compliance of chips and snacks."})),
        row_with("fleet", "Vehicle Fleet Manager", json!({"discipline": "none", "locations": place("Washington", "DC", "US")})),
    ]);
    board
}

fn search(board: &Board<'_>, q: &str, parameters: &[(&str, &str)]) -> SearchResults {
    let mut pairs = vec![
        ("q".to_owned(), q.to_owned()),
        ("limit".to_owned(), "100".to_owned()),
    ];
    pairs.extend(
        parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    board
        .index
        .search(&parse_pairs(&pairs).unwrap(), board.now)
        .unwrap()
}

fn found(board: &Board<'_>, q: &str) -> Vec<String> {
    let mut found = names(&search(board, q, &[("strict", "on")]));
    found.sort_unstable();
    found
}

on_both! {
    fn level_field_place_and_workplace_are_conditions(db) {
        let board = board(db);
        for (q, expected) in [
            ("senior rtl", "rtl-austin rtl-remote"),
            ("rtl austin", "rtl-austin"),
            ("senior rtl austin remote", "rtl-remote"),
            ("rtl remote germany", ""),
            ("rtl germany", "rtl-berlin"),
            ("rtl texas", "rtl-austin"),
            ("rtl europe", "rtl-berlin"),
            ("rtl 200k+", "rtl-austin"),
            ("rtl $250k", ""),
            ("dc tech northern virginia", "tech tech-days"),
            ("DC tech ashburn nights", "tech"),
            ("data center technician", "tech tech-days"),
            ("-remote senior rtl", "rtl-austin"),
            ("rtl -austin", "rtl-berlin rtl-remote"),
            ("rtl OR sre", "rtl-austin rtl-berlin rtl-remote sre"),
            ("austin dallas berlin", "rtl-austin rtl-berlin"),
            ("sre on call bay area", "sre"),
        ] {
            assert_eq!(found(&board, q).join(" "), expected, "{q}");
        }
    }

    fn an_abbreviation_and_its_full_form_find_the_same(db) {
        let board = board(db);
        for (one, other) in [
            ("sre", "site reliability engineer"), ("dc tech", "data center technician"), ("k8s", "kubernetes"), ("rtl", "RTL design"),
        ] {
            let by_one = found(&board, one);
            assert!(!by_one.is_empty() && by_one == found(&board, other), "{one}: {by_one:?}, {other}: {:?}", found(&board, other));
        }
    }

    fn look_alikes_stay_out(db) {
        let board = board(db);
        assert_eq!(found(&board, "soc 2"), ["auditor"]);
        assert_eq!(found(&board, "washington dc"), ["fleet", "tech", "tech-days"], "all three lie around Washington");
        assert!(!found(&board, "data center").contains(&"fleet".to_owned()));
        assert!(!found(&board, "gpu fleet").contains(&"fleet".to_owned()));
        assert!(found(&board, "silicon").iter().all(|name| name.starts_with("rtl")));
    }

    fn an_employer_in_the_text_is_a_condition_that_can_be_undone(db) {
        let board = board(db);
        let results = search(&board, "nova compute kubernetes", &[]);
        assert_eq!(names(&results), ["sre"]);
        let read = &results.interpreted[0];
        assert_eq!((read.kind, read.label.as_str(), read.at.clone()), ("employer", "Nova Compute", 0..12));
        assert_eq!(search(&board, "nova compute rtl", &[("strict", "on")]).total, 0);
        let kept = board.index.settle(&parse_pairs(&[("q".to_owned(), "sre at  Nova Compute".to_owned())]).unwrap().query);
        assert_eq!((kept.q.as_str(), kept.describe().as_str()), ("sre at", "“sre at” · at Nova Compute"));
        assert_eq!(board.index.settle(&kept), kept, "settled is settled");
    }

    fn a_typo_finds_what_was_meant_and_says_so(db) {
        let board = board(db);
        for (typed, meant) in [("sre kuberentes", "sre kubernetes"), ("rtl desing austin", "rtl design austin"), ("techincian", "technician")] {
            let results = search(&board, typed, &[]);
            assert_eq!(results.did_you_mean.as_deref(), Some(meant), "{typed}");
            assert_eq!(names(&results), names(&search(&board, meant, &[])), "{typed}");
            assert_eq!(search(&board, typed, &[("strict", "on")]).did_you_mean, None);
        }
        assert_eq!(search(&board, "xq7 rtl", &[]).did_you_mean, None, "codes are left alone");
    }

    fn what_matches_nothing_is_relaxed_openly(db) {
        let board = board(db);
        let results = search(&board, "rtl austin zeppelin", &[]);
        assert_eq!(names(&results), ["rtl-austin"]);
        let dropped: Vec<&str> = results.dropped.iter().map(|dropped| dropped.text.as_str()).collect();
        assert_eq!((dropped, results.dropped[0].start), (vec!["zeppelin"], 11));
        let place = search(&board, "sre austin", &[]);
        assert_eq!((names(&place), place.dropped[0].text.as_str()), (vec!["sre".to_owned()], "austin"), "what weighs more than where");
        let both = search(&board, "intern sre austin", &[]);
        let dropped: Vec<&str> = both.dropped.iter().map(|dropped| dropped.text.as_str()).collect();
        assert_eq!((names(&both), dropped), (vec!["sre".to_owned()], vec!["intern", "austin"]), "rather two than what the work is");
        assert_eq!(search(&board, "rtl austin zeppelin", &[("strict", "on")]).total, 0);
        assert!(search(&board, "rtl austin", &[]).dropped.is_empty());
    }

    fn filters_that_leave_nothing_say_what_would(db) {
        let board = board(db);
        let results = search(&board, "sre", &[("near", "Sacramento,CA"), ("within_km", "50"), ("pay_min", "100000")]);
        assert_eq!(results.total, 0);
        assert!(results.help.is_empty(), "no single change is enough: {:?}", results.help);
        let wider = search(&board, "sre", &[("near", "Sacramento,CA"), ("within_km", "50")]);
        let help: Vec<(&str, Option<&str>, u64)> = wider.help.iter().map(|h| (h.parameter.as_str(), h.value.as_deref(), h.total)).collect();
        assert_eq!(help, [("within_km", Some("250"), 1), ("near", None, 1)]);
        let unstated = search(&board, "sre", &[("pay_min", "100000")]);
        let help: Vec<(&str, Option<&str>)> = unstated.help.iter().map(|h| (h.parameter.as_str(), h.value.as_deref())).collect();
        assert_eq!(help, [("pay_unstated", Some("include")), ("pay_min", None)]);
        assert_eq!(names(&search(&board, "sre", &[("pay_min", "100000"), ("pay_unstated", "include")])), ["sre"]);
    }

    fn the_last_word_may_be_a_beginning(db) {
        let board = board(db);
        let typing = |q: &str| { let mut found = names(&search(&board, q, &[("typing", "on")])); found.sort_unstable(); found };
        assert_eq!(typing("site reliab"), ["sre"]);
        assert_eq!(typing("techn"), ["tech", "tech-days"]);
        assert_eq!(typing("kube"), ["sre"]);
        assert_eq!(search(&board, "techn", &[("strict", "on")]).total, 0);
    }

    fn a_part_of_a_compound_finds_it_and_unspaced_text_is_found(db) {
        let board = Board::new(db);
        board.post(&[
            row_with("de", "Chipentwickler", json!({"description": "Wir suchen Verstärkung in der Halbleiterfertigung."})),
            row_with("jp", "半導体設計エンジニア", json!({"description": "東京で働きます。"})),
        ]);
        let results = search(&board, "entwickler", &[]);
        assert_eq!(names(&results), ["de"]);
        assert_eq!(results.interpreted[0].kind, "compound");
        assert_eq!(names(&search(&board, "Halbleiter", &[])), ["de"]);
        assert_eq!(names(&search(&board, "設計", &[])), ["jp"]);
        assert_eq!(names(&search(&board, "halbleiterfertigung", &[])), ["de"]);
    }

    fn why_gives_the_verdict_of_search(db) {
        let board = board(db);
        for q in ["senior rtl austin", "rtl -austin", "DC tech ashburn nights", "\"rack servers\"", "rtl 200k+", "sre OR rtl remote"] {
            let query = parse_pairs(&[("q".to_owned(), q.to_owned())]).unwrap().query;
            let by_search = found(&board, q);
            for posting in board.postings() {
                let name = posting.row.source_id.clone().unwrap();
                let why = search::SearchDocument::of(&posting).why(&query, board.now);
                assert_eq!(why.matches, by_search.contains(&name), "{q} {name}: {why:?}");
            }
        }
        let query = parse_pairs(&[("q".to_owned(), "senior rtl austin".to_owned())]).unwrap().query;
        let why = board.document("rtl-berlin").why(&query, board.now);
        let parts: Vec<(&str, bool, &str)> = why.parts.iter().map(|p| (p.asked.as_str(), p.holds, p.because.as_str())).collect();
        assert_eq!(parts, [
            ("senior", false, "it neither says nor is that"), ("rtl", true, "its title says RTL design"), ("austin", false, "it neither says nor is that"),
        ]);
    }
}
