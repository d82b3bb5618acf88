//! What a search finds, in which order, and how it shows it.

use search::SearchError;
use serde_json::json;
use store::on_both;

use crate::support::{Board, request, row, row_with};

on_both! {
    fn every_filter_finds_what_states_it(db) {
        let board = Board::new(db);
        board.post(&[
            row_with("a", "Engineer", json!({
                "discipline": "silicon", "specialties": ["rtl_design"], "skills": ["systemverilog", "uvm"], "seniority": "staff",
                "employment_type": "full_time", "workplace": "hybrid", "environment": ["cloud"], "hardware": {"accelerators": ["H100"]},
                "locations": [{"city": "Austin", "region": "TX", "country": "US"}, {"city": "Berlin", "country": "DE"}],
                "pay": {"base": {"min": 150_000, "max": 200_000, "currency": "USD", "period": "year"}}, "posted_at": "2026-11-23T08:00:00Z",
            })),
            row_with("b", "Engineer", json!({
                "discipline": "data_center", "specialties": ["electrical"], "skills": ["uvm"], "seniority": "mid", "employment_type": "contract",
                "workplace": "remote", "remote_from": ["AMER"], "environment": ["edge"], "employer": {"name": "Nova", "slug": "nova"},
                "pay": {"base": {"max": 100, "currency": "USD", "period": "hour"}}, "posted_at": "2026-11-21T08:00:00Z",
            })),
            row_with("c", "Engineer", json!({"discipline": "none", "workplace": "remote", "locations": [{"city": "Dallas", "region": "TX", "country": "US"}]})),
        ]);
        for (parameters, found) in [
            ("", "abc"), ("discipline=silicon", "a"), ("discipline=silicon,data_center", "ab"), ("discipline=none", "c"), ("discipline=ml_platform", ""),
            ("specialty=rtl_design", "a"), ("specialty=RTL design", "a"), ("skill=uvm", "ab"), ("skill=systemverilog,uvm", "ab"), ("skill=rust", ""),
            ("seniority=staff", "a"), ("seniority=staff&seniority=mid", "ab"), ("employment_type=contract", "b"), ("workplace=hybrid,remote", "abc"),
            ("environment=edge", "b"), ("accelerator=h100", "a"), ("accelerator=H100", "a"), ("employer=nova", "b"), ("employer=nobody", ""),
            ("country=US", "ac"), ("country=de,us", "ac"), ("region=TX", "ac"), ("city=Austin", "a"), ("city=austin,dallas", "ac"),
            ("remote_from=US", "bc"), ("remote_from=CA", "b"), ("remote_from=DE", ""), ("remote_from=AMER", "b"),
            ("near=Austin,TX", "a"), ("near=Austin,TX&within_km=400", "ac"), ("near=Berlin,DE&within_km=10", "a"), ("near=Tokyo,JP&within_km=500", ""),
            ("pay_min=200000", "ab"), ("pay_min=200001", "b"), ("pay_min=208001", ""), ("pay_min=0", "ab"), ("pay_min=1000&pay_currency=EUR", "ab"),
            ("posted_within=1d", "a"), ("posted_within=3d", "ab"), ("posted_within=1w", "abc"),
            ("skill=uvm&workplace=remote", "b"), ("skill=uvm&discipline=none", ""), ("country=US&workplace=hybrid,remote&pay_min=1", "a"),
        ] {
            assert_eq!(board.found_set(parameters).concat(), found, "{parameters}");
        }
    }

    fn words_phrases_exclusions_and_or(db) {
        let board = Board::new(db);
        board.post(&[
            row_with("a", "Senior RTL Design Engineer", json!({"discipline": "none"})),
            row_with("b", "Design Office Lead", json!({"discipline": "none", "description": "You own the **clock gating** of the core."})),
            row_with("c", "Techniker Zürich 芯片设计工程师", json!({"discipline": "none", "description": "Gating the clock; C++ and C#."})),
            row_with("d", "Platform Engineer", json!({"discipline": "none", "skills": ["kubernetes"], "employer": {"name": "Nova Compute", "slug": "nova"}})),
        ]);
        for (q, found) in [
            ("design", "ab"), ("DESIGNING", "ab"), ("design engineer", "a"), ("engineer design", "a"), ("engineers", "ad"), ("\"design engineer\"", "a"),
            ("\"engineer design\"", ""), ("\"clock gating\"", "b"), ("clock gating", "bc"), ("design -office", "a"), ("-design", "cd"),
            ("-\"clock gating\" design", "a"), ("rtl OR office", "ab"), ("rtl OR office lead", "b"), ("rtl | kubernetes OR c++", "acd"),
            ("zurich", "c"), ("ZÜRICH", "c"), ("Zu\u{308}rich", "c"), ("芯片", "c"), ("片芯", ""), ("设计工程", "c"), ("芯", "c"), ("c++", "c"), ("c#", "c"),
            ("nova", "d"), ("nova compute", "d"), ("full-stack", ""), ("xyzzy", ""), ("", "abcd"), ("—", "abcd"), ("acme", "abc"),
        ] {
            let mut wanted = request("limit=100&strict=on");
            wanted.query.is_literal = true;
            q.clone_into(&mut wanted.query.q);
            let results = board.index.search(&wanted, board.now).unwrap();
            let mut found_names = crate::support::names(&results);
            found_names.sort_unstable();
            assert_eq!(found_names.concat(), found, "{q}");
            assert_eq!(results.total, found.len() as u64, "{q}");
        }
    }

    fn results_come_in_the_order_that_was_asked_for(db) {
        let board = Board::new(db);
        let pay = |max: u32| json!({"base": {"max": max, "currency": "USD", "period": "year"}});
        board.post(&[
            row_with("old", "RTL Engineer", json!({"posted_at": "2026-01-01", "pay": pay(300_000)})),
            row_with("new", "Engineer", json!({"posted_at": "2026-11-22", "description": "Some RTL."})),
            row_with("mid", "RTL RTL Engineer", json!({"posted_at": "2026-11-10", "pay": pay(100_000)})),
        ]);
        assert_eq!(board.found("q=rtl&sort=newest"), ["new", "mid", "old"]);
        assert_eq!(board.found("q=rtl&sort=pay"), ["old", "mid", "new"]);
        let by_relevance = board.search("q=rtl");
        assert_eq!(crate::support::names(&by_relevance).last().unwrap(), "new", "a word in the title counts more");
        let scores: Vec<f32> = by_relevance.hits.iter().map(|hit| hit.score.unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| *score > 0.0), "{scores:?}");
        assert_eq!(board.found(""), ["new", "mid", "old"], "without words the newest is the most relevant");
        assert_eq!(board.search("sort=newest").hits[0].score, None);
    }

    fn hits_show_where_the_words_were_found(db) {
        let board = Board::new(db);
        let long = "früher viel ".repeat(60);
        board.post(&[
            row_with("a", "R&D <Design> Engineer", json!({"description": format!("{long} Timing & <b>closure</b> of designs. {long}")})),
            row_with("b", "Designer", json!({"description": format!("{}时序{}", "芯片设计é".repeat(200), "工程师".repeat(200))})),
        ]);
        let results = board.search("q=designing OR timing OR designer&sort=newest");
        let hit = |name: &str| {
            let named = |hit: &&search::Hit| hit.summary.contains(&format!(" {name}\""));
            results.hits.iter().find(named).unwrap()
        };
        assert_eq!(hit("a").title.as_deref(), Some("R&amp;D &lt;<mark>Design</mark>&gt; Engineer a"));
        let description = hit("a").description.as_deref().unwrap();
        assert!(description.contains("<mark>Timing</mark> &amp; closure of <mark>designs</mark>."), "{description}");
        assert!(description.starts_with('…') && description.ends_with('…'), "{description}");
        let plain = board.search("discipline=silicon");
        assert!(plain.hits.iter().all(|hit| hit.title.is_none() && hit.description.is_none()));
        let unspaced = board.search("q=时序");
        let description = unspaced.hits[0].description.as_deref().unwrap();
        assert!(description.contains("<mark>时</mark><mark>序</mark>"), "{description}");
    }

    fn a_hit_carries_the_summary_that_lists_show(db) {
        let board = Board::new(db);
        board.post(&[row("a", "RTL Engineer")]);
        let value: serde_json::Value = serde_json::from_str(&board.search("").hits[0].summary).unwrap();
        assert_eq!(value, serde_json::to_value(board.posting("a").summary()).unwrap());
    }

    fn a_cursor_that_is_not_ours_is_refused(db) {
        let board = Board::new(db);
        board.post(&["a", "b", "c"].map(|name| row(name, "RTL Engineer")));
        let cursor = board.search("limit=1&sort=newest").next_cursor.unwrap();
        for (sort, cursor) in [("pay", cursor.as_str()), ("relevance", &cursor), ("newest", "x"), ("newest", "bnVsbA"), ("relevance", "🦀")] {
            let mut wanted = request(&format!("limit=1&sort={sort}"));
            wanted.cursor = Some(cursor.to_owned());
            assert!(matches!(board.index.search(&wanted, board.now), Err(SearchError::CursorInvalid)), "{sort} {cursor}");
        }
    }

    fn how_much_an_alert_would_have_sent_is_counted(db) {
        let board = Board::new(db);
        board.post(&[
            row_with("a", "RTL Engineer", json!({"posted_at": "2026-11-22"})),
            row_with("b", "RTL Engineer", json!({"posted_at": "2026-10-22"})),
            row_with("c", "DFT Engineer", json!({"posted_at": "2026-11-22"})),
        ]);
        let week_ago = board.now.minus(jiff::SignedDuration::from_hours(7 * 24));
        let volume = |parameters| board.index.volume(&crate::support::query(parameters), week_ago, board.now).unwrap();
        assert_eq!((volume("q=rtl"), volume("q=rtl&posted_within=1d"), volume("q=x")), ((2, 1), (0, 0), (0, 0)));
    }
}
