//! Suggestions while typing, and postings like another one.

use search::{FacetCount, Query};
use serde_json::json;
use store::on_both;

use crate::support::{Board, row, row_with};

fn shown(counts: &[FacetCount]) -> Vec<String> {
    counts
        .iter()
        .map(|count| format!("{} {}", count.value, count.count))
        .collect()
}

on_both! {
    fn a_few_letters_become_titles_skills_employers_and_places(db) {
        let mut board = Board::new(db);
        let at_nova = json!({"name": "Nova Compute", "slug": "nova-compute"});
        let titled = |name: &str, title: &str| { let mut row = row_with(name, title, json!({"skills": ["kubernetes", "systemverilog"]})); row["title"] = json!(title); row };
        let mut berlin = titled("b", "Verification Engineer");
        berlin["locations"] = json!([{"city": "Berlin", "country": "DE"}]);
        berlin["employer"] = at_nova;
        board.post(&[titled("a", "Design Verification Engineer"), berlin, titled("c", "design verification engineer"), titled("d", "RTL Engineer")]);
        let suggest = |board: &Board<'_>, typed: &str| board.index.suggest(typed, &Query::default(), 5, board.now).unwrap();
        for typed in ["design", "Design Ve", "design verificat", "design verification", "design verification e", "  DESIGN verification eng "] {
            let titles = shown(&suggest(&board, typed).titles);
            assert!(titles.len() == 1 && titles[0].to_lowercase() == "design verification engineer 2", "{typed}: {titles:?}");
        }
        assert_eq!(shown(&suggest(&board, "verifi").titles).len(), 2, "a word inside a title too");
        assert!(suggest(&board, "engineer v").titles.is_empty());
        assert_eq!(shown(&suggest(&board, "k8").skills), ["kubernetes 4"], "by a synonym");
        assert_eq!(shown(&suggest(&board, "kube").skills), ["kubernetes 4"]);
        assert_eq!(shown(&suggest(&board, "Nova c").employers), ["nova-compute 1"]);
        assert_eq!(shown(&suggest(&board, "BER").places), ["DE-STATE_OF_BERLIN-berlin 1"]);
        for typed in ["", "  ", "—", "\"", "-"] {
            assert!(suggest(&board, typed).titles.is_empty(), "{typed:?}");
        }
        board.close(board.posting("b").row.id);
        board.settle();
        assert!(suggest(&board, "ber").places.is_empty());
        board.now = board.posting("a").row.expires_at.unwrap();
        let nothing = suggest(&board, "des");
        assert!(nothing.titles.is_empty() && nothing.skills.is_empty());
    }

    fn suggested_titles_are_counted_in_full(db) {
        let board = Board::new(db);
        let many = |n: usize| { let mut row = row(&n.to_string(), ""); row["title"] = json!("RTL Engineer"); row };
        board.post(&(0..130).map(many).collect::<Vec<_>>());
        assert_eq!(shown(&board.index.suggest("rtl", &Query::default(), 5, board.now).unwrap().titles), ["RTL Engineer 130"]);
    }

    fn like_postings_are_found_best_first_and_never_the_same_one(db) {
        let mut board = Board::new(db);
        let with = |skills: &[&str]| json!({"skills": skills, "specialties": ["rtl_design"]});
        board.post(&[
            row_with("a", "Senior RTL Design Engineer", with(&["systemverilog", "uvm"])),
            row_with("b", "RTL Design Engineer", with(&["systemverilog"])),
            row_with("c", "Data Center Technician", json!({"discipline": "data_center"})),
        ]);
        let similar = |board: &Board<'_>, limit: usize| {
            let hits = board.index.similar(&board.document("a"), limit, board.now).unwrap();
            hits.iter().map(|hit| hit.summary.contains(" b\"")).collect::<Vec<_>>()
        };
        assert_eq!(similar(&board, 1), [true]);
        assert!(similar(&board, 10).len() <= 2 && similar(&board, 10)[0]);
        board.now = board.posting("a").row.expires_at.unwrap();
        assert!(similar(&board, 10).is_empty());
    }
}
