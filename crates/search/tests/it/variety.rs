//! The order of results: titles first, and pages that one employer or one role does not fill.

use serde_json::{Value, json};
use store::on_both;

use crate::support::{Board, names, row_with};

fn role(name: &str, employer: &str, city: &str, text: &str) -> Value {
    let mut row = row_with(
        name,
        "",
        json!({
            "employer": {"name": employer, "slug": employer.to_lowercase()}, "description": text,
            "locations": [{"city": city, "region": "TX", "country": "US"}],
        }),
    );
    row["title"] = json!(format!("RTL Engineer, {city}"));
    row
}

on_both! {
    fn a_title_that_says_how_one_works_is_worth_no_more(db) {
        let board = Board::new(db);
        let sre = |name: &str, title: &str| {
            let fields = json!({
                "employer": {"name": name, "slug": name}, "workplace": "remote", "seniority": "senior", "discipline": "ai_operations",
                "specialties": ["sre"],
            });
            row_with(name, title, fields)
        };
        board.post(&[sre("a", "Senior Production Engineer (Remote)"), sre("b", "Senior Site Reliability Engineer")]);
        let scores: Vec<f32> = board.search("q=senior sre remote").hits.iter().filter_map(|hit| hit.score).collect();
        assert!(scores.len() == 2 && scores[0] - scores[1] < scores[0] / 100.0, "{scores:?}");
    }

    fn a_manager_of_projects_is_found_by_the_word(db) {
        let board = Board::new(db);
        let row = |name: &str, title: &str| row_with(name, title, json!({"employer": {"name": name, "slug": name}, "discipline": "data_center"}));
        board.post(&[row("a", "Data Center Construction Project Manager"), row("b", "Data Center Construction Inspector")]);
        assert_eq!(names(&board.search("q=data center construction manager&strict=on")), ["a"]);
    }

    fn a_word_of_several_trades_in_a_title_says_nothing_elsewhere(db) {
        let board = Board::new(db);
        let row = |name: &str, title: &str, discipline: Value| {
            row_with(name, title, json!({"employer": {"name": name, "slug": name}, "discipline": discipline}))
        };
        board.post(&[
            row("a", "Embedded Engineer, BMC", json!("silicon")), row("b", "Embedded Data Specialist", json!(null)),
        ]);
        assert_eq!(names(&board.search("q=firmware&strict=on")), ["a"]);
    }

    fn a_title_that_is_what_was_typed_comes_first(db) {
        let board = Board::new(db);
        let titled = |name: &str, title: &str, text: &str| {
            let mut row = row_with(name, "", json!({"description": text, "employer": {"name": name, "slug": name}}));
            row["title"] = json!(title);
            row
        };
        board.post(&[
            titled("a", "Verification Lead for RTL Design", "RTL design, RTL design, RTL design."),
            titled("b", "RTL Design Engineer, Caches", "Caches."),
            titled("c", "RTL Design Engineer", "Plain."),
            titled("d", "Senior RTL Design Engineer", "Plain."),
        ]);
        let results = board.search("q=rtl design engineer");
        let titles: Vec<String> = results.hits.iter().map(|hit| {
            let summary: Value = serde_json::from_str(&hit.summary).unwrap();
            summary["employer"]["slug"].as_str().unwrap().to_owned()
        }).collect();
        assert_eq!(titles[3], "a");
        assert_eq!(titles[2], "b");
        assert_eq!(titles[..2].iter().collect::<std::collections::BTreeSet<_>>().len(), 2);
        let explained = board.search("q=rtl design engineer&explain=on");
        let parts = explained.hits[0].explanation.as_ref().unwrap();
        let score = explained.hits[0].score.unwrap();
        assert!((parts.text * parts.freshness * parts.completeness - score).abs() < score / 1000.0, "{parts:?} {score}");
    }

    fn one_employer_does_not_fill_the_page_and_nothing_is_lost(db) {
        let board = Board::new(db);
        let big = (0..30).map(|n| role(&format!("big{n}"), "Bigco", "Austin", &format!("RTL rtl work {n}.")));
        let small = (0..4).map(|n| role(&format!("small{n}"), &format!("Small{n}"), "Austin", &format!("RTL {n}.")));
        board.post(&big.chain(small).collect::<Vec<_>>());
        let first = board.search("q=rtl&limit=6");
        let slugs: Vec<String> = first.hits.iter().map(|hit| {
            let summary: Value = serde_json::from_str(&hit.summary).unwrap();
            summary["employer"]["slug"].as_str().unwrap().to_owned()
        }).collect();
        assert_eq!(slugs.iter().filter(|slug| *slug == "bigco").count(), 3, "{slugs:?}");
        assert_eq!((first.more[0].employer.as_str(), first.more[0].name.as_str(), first.more[0].count), ("bigco", "Bigco", 27));
        assert_eq!(board.search("q=rtl&limit=6&employer=bigco").hits.len(), 6);
        assert_eq!(board.search("q=rtl&limit=6&diversity=off").more.len(), 0);
        let mut request = crate::support::request("q=rtl&limit=6");
        let mut seen = Vec::new();
        loop {
            let page = board.index.search(&request, board.now).unwrap();
            assert_eq!(page.total, 34);
            seen.extend(page.hits.iter().map(|hit| hit.id));
            request.cursor = page.next_cursor;
            if request.cursor.is_none() { break; }
        }
        assert_eq!(seen.len(), 34);
        assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 34, "each once");
    }

    fn copies_of_a_role_are_shown_once_and_can_be_opened(db) {
        let board = Board::new(db);
        let cities = ["Austin", "Dallas", "Houston", "El Paso", "Waco", "Plano"];
        let copies = cities.iter().enumerate().map(|(n, city)| role(&format!("copy{n}"), "Bigco", city, "One role, many places."));
        let other = role("other", "Bigco", "Austin", "Another role.");
        board.post(&copies.chain([other]).collect::<Vec<_>>());
        let first = board.search("q=rtl&limit=2");
        assert_eq!((first.total, first.hits.len()), (7, 2));
        let (role, others) = first.hits.iter().find_map(|hit| hit.copies.clone()).unwrap();
        assert_eq!(others, 5);
        assert_eq!(board.search(&format!("q=rtl&role={role}")).total, 6);
        assert_eq!(board.search(&format!("role={role}&city=Waco")).total, 1);
        let mut request = crate::support::request("q=rtl&limit=2");
        let mut seen = Vec::new();
        loop {
            let page = board.index.search(&request, board.now).unwrap();
            seen.extend(page.hits.iter().map(|hit| hit.id));
            request.cursor = page.next_cursor;
            if request.cursor.is_none() { break; }
        }
        assert_eq!((seen.len(), seen.iter().collect::<std::collections::BTreeSet<_>>().len()), (7, 7), "the copies follow at the end");
        assert_eq!(names(&board.search("q=rtl&limit=100&diversity=off")).len(), 7);
    }

    fn numbers_are_counted_in_buckets_that_ignore_their_own_filter(db) {
        let board = Board::new(db);
        let paid = |name: &str, max: u32, posted: &str| row_with(name, "Engineer", json!({
            "pay": {"base": {"max": max, "currency": "USD", "period": "year"}}, "posted_at": posted,
        }));
        board.post(&[
            paid("a", 60_000, "2026-11-23T01:00:00Z"), paid("b", 210_000, "2026-11-20T00:00:00Z"), paid("c", 249_999, "2026-10-01T00:00:00Z"),
            row_with("d", "Engineer", json!({"posted_at": "2026-11-22T00:00:00Z"})),
        ]);
        let count = |parameters: &str| {
            let results = board.search(parameters);
            let shown = |counts: &[search::FacetCount]| counts.iter().filter(|c| c.count > 0).map(|c| format!("{}={}", c.value, c.count)).collect::<Vec<_>>().join(" ");
            results.facets.iter().map(|(of, counts)| format!("{}: {}", of.as_str(), shown(counts))).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(count("facets=pay,posted_within"), "pay: 50000-100000=1 200000-250000=2 unstated=1; posted_within: 24h=1 3d=2 7d=3 14d=3 30d=3");
        assert_eq!(count("facets=pay&pay_min=200000"), "pay: 50000-100000=1 200000-250000=2 unstated=1");
        assert_eq!(count("facets=posted_within&pay_min=200000"), "posted_within: 7d=1 14d=1 30d=1");
    }

    fn every_condition_of_work_is_a_facet(db) {
        let board = Board::new(db);
        board.post(&[row_with("a", "Technician", json!({
            "hardware": {"accelerators": ["TPU v5"], "interconnects": ["InfiniBand"], "schedulers": ["Slurm"], "eda_flow": ["VCS"], "process_node": "3nm", "cooling": ["Liquid"]},
            "work_pattern": {"on_call": true, "shift_pattern": "4 × 10 h nights", "site_days_per_week": 5},
            "eligibility": {"clearance": "required", "sponsorship": "not_needed", "export_control": "required", "us_person": "required", "citizenship": "unknown", "relocation": "accepted"},
            "pay": {"equity": {"kind": "rsu"}},
        }))]);
        for parameters in [
            "accelerator=TPU v5", "interconnect=infiniband", "scheduler=slurm", "eda_flow=vcs", "process_node=3nm", "cooling=liquid", "shift=night",
            "on_call=true", "site_days=5", "equity=rsu", "clearance=required", "sponsorship=not_needed", "export_control=required", "us_person=required",
            "citizenship=unknown", "relocation=accepted",
        ] {
            let name = parameters.split('=').next().unwrap();
            let results = board.search(&format!("{parameters}&facets={name}"));
            assert_eq!((results.total, results.facets[0].1.len()), (1, 1), "{parameters}");
        }
        assert_eq!(board.search("shift=day").total + board.search("on_call=false").total + board.search("clearance=accepted").total, 0);
    }
}
