//! Changing a part of a posting.

use postings::lifecycle::PostingError;
use serde_json::json;
use store::on_both;
use taxonomy::{Discipline, Provenance, Seniority};

use crate::support::{Board, expected, monday_plus_days, pairs, posting_with};

fn refused(outcome: Result<postings::Posting, PostingError>) -> Vec<(String, String)> {
    match outcome {
        Err(PostingError::Invalid(errors)) => pairs(errors),
        other => panic!("expected mistakes, got {other:?}"),
    }
}

on_both! {
    fn a_patch_changes_what_it_names_and_nothing_else(db) {
        let board = Board::new(db);
        let full = posting_with(json!({
            "seniority": "staff", "workplace": "hybrid", "skills": ["SystemVerilog"], "openings": 4, "filled": 1,
            "locations": [{"city": "Austin", "region": "TX", "country": "US"}],
            "pay": {"base": {"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"}, "equity": {"kind": "rsu"}},
            "benefits": ["Health"], "apply": {"url": "https://acme.example/1"}, "environment": ["cloud"],
            "hardware": {"process_node": "3nm"}, "process": {"stages": ["Call"]}, "external_id": "R-1",
        }));
        let before = board.try_draft(full).unwrap();
        let id = before.row.id;
        let same = board.update(id, json!({})).unwrap();
        assert_eq!(same.content(), before.content(), "an empty patch changes nothing");
        let after = board.update(id, json!({"title": "Staff RTL Engineer", "pay": {"base": {"max": 300_000}}})).unwrap();
        let mut wanted = before.content().clone();
        "Staff RTL Engineer".clone_into(&mut wanted.title);
        let base = wanted.pay.as_mut().unwrap().base.as_mut().unwrap();
        base.max = Some(taxonomy::Amount::from_f64(300_000.0).unwrap());
        assert_eq!(after.content(), &wanted);
        assert_eq!(after.row.external_id.as_deref(), Some("R-1"));
        assert_eq!(after.row.slug, before.row.slug);
    }

    fn null_takes_a_field_back_to_its_default(db) {
        let board = Board::new(db);
        let id = board.try_draft(posting_with(json!({
            "title": "Senior RTL Engineer", "seniority": "principal", "openings": 4, "benefits": ["Health"],
            "locations": [{"city": "Austin"}], "expires_at": monday_plus_days(9),
            "pay": {"base": {"min": 1, "currency": "USD", "period": "hour"}, "bonus": {"max": 5, "currency": "USD", "period": "year"}},
        }))).unwrap().row.id;
        let content = board.update(id, json!({"pay": {"bonus": null}})).unwrap().row.content.0;
        assert!(content.pay.as_ref().unwrap().bonus.is_none() && content.pay.unwrap().base.is_some());
        let patch = json!({"seniority": null, "openings": null, "benefits": null, "locations": null, "pay": null, "expires_at": null});
        let after = board.update(id, patch).unwrap();
        let content = after.content();
        assert_eq!(content.seniority, Some(Seniority::Senior), "recognised from the title again");
        assert_eq!(content.provenance["seniority"], Provenance::Inferred);
        assert_eq!((content.openings, content.benefits.len(), content.locations.len()), (1, 0, 0));
        assert_eq!((&content.pay, after.row.expires_at), (&None, None));
        assert_eq!(refused(board.update(id, json!({"title": null}))), expected(&[("/title", "value_missing")]));
    }

    fn a_public_posting_without_an_end_gets_the_usual_one(db) {
        let mut board = Board::new(db);
        let id = board.published("RTL Engineer");
        board.now = monday_plus_days(3);
        let after = board.update(id, json!({"expires_at": null})).unwrap();
        assert_eq!(after.row.expires_at, Some(monday_plus_days(63)));
    }

    fn inferred_facts_follow_the_text_and_stated_ones_stay(db) {
        let board = Board::new(db);
        let id = board.try_draft(posting_with(json!({"title": "Senior Software Engineer", "skills": ["Rust"]}))).unwrap().row.id;
        assert_eq!(board.find(id).unwrap().content().seniority, Some(Seniority::Senior));
        let after = board.update(id, json!({"title": "Principal RTL Design Engineer"})).unwrap();
        let content = after.content();
        assert_eq!(content.seniority, Some(Seniority::Principal));
        assert_eq!(content.discipline, Some(Discipline::Silicon));
        assert_eq!((content.skills.as_slice(), content.provenance["skills"]), (&["rust".to_owned()][..], Provenance::Stated));
        let stated = board.update(id, json!({"seniority": "manager", "discipline": "none"})).unwrap();
        let again = board.update(id, json!({"title": "Intern, Verification"})).unwrap();
        assert_eq!(again.content().seniority, Some(Seniority::Manager));
        assert_eq!((again.content().discipline, again.content().provenance["discipline"]), (None, Provenance::Stated));
        assert_eq!(stated.content().discipline, None);
    }

    fn a_stated_nothing_stays_nothing(db) {
        let board = Board::new(db);
        let text = "We use SystemVerilog and UVM. The base pay is $200,000 - $250,000 a year.";
        let id = board.try_draft(posting_with(json!({"description": text, "skills": [], "pay": {}}))).unwrap().row.id;
        for patch in [json!({}), json!({"title": "Staff RTL Engineer"})] {
            let content = board.update(id, patch).unwrap().row.content.0;
            assert_eq!((content.skills.len(), content.pay), (0, None));
        }
        let content = board.update(id, json!({"skills": null, "pay": null})).unwrap().row.content.0;
        assert!(!content.skills.is_empty() && content.pay.is_some(), "asked to recognise them");
    }

    fn a_description_is_markdown_unless_it_says_otherwise(db) {
        let board = Board::new(db);
        let id = board.try_draft(posting_with(json!({"description": "# Role\n\n**You** own it"}))).unwrap().row.id;
        let html = || board.find(id).unwrap().content().description_html.clone();
        assert_eq!(html(), "<h2>Role</h2>\n<p><strong>You</strong> own it</p>");
        board.update(id, json!({"title": "x"})).unwrap();
        assert_eq!(html(), "<h2>Role</h2>\n<p><strong>You</strong> own it</p>", "not rendered a second time");
        board.update(id, json!({"description_format": "markdown"})).unwrap();
        assert_eq!(html(), "<h2>Role</h2>\n<p><strong>You</strong> own it</p>", "a format alone says nothing");
        board.update(id, json!({"description": "*new*"})).unwrap();
        assert_eq!(html(), "<p><em>new</em></p>");
        board.update(id, json!({"description": "<p>*new*</p>", "description_format": "html"})).unwrap();
        assert_eq!(html(), "<p>*new*</p>");
    }

    fn a_patch_that_is_wrong_says_where_and_changes_nothing(db) {
        let board = Board::new(db);
        let before = board.try_draft(posting_with(json!({"pay": {"base": {"min": 1, "currency": "USD", "period": "hour"}}}))).unwrap();
        let id = before.row.id;
        let at = |patch| refused(board.update(id, patch)).remove(0);
        let pair = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(at(json!({"tilte": "x"})), pair("/tilte", "value_invalid"));
        assert_eq!(at(json!({"pay": {"base": {"period": "fortnight"}}})), pair("/pay/base/period", "value_invalid"));
        assert_eq!(at(json!({"pay": {"base": {"min": -1}}})), pair("/pay/base/min", "value_invalid"));
        assert_eq!(at(json!({"seniority": 3})), pair("/seniority", "value_invalid"));
        assert_eq!(at(json!({"locations": [{"town": "Austin"}]})), pair("/locations/0/town", "value_invalid"));
        assert_eq!(at(json!({"pay": {"base": {"max": 0.5}}})), pair("/pay/base/min", "range_reversed"));
        for patch in [json!(["Title"]), json!([]), json!("x"), json!(null), json!(1)] {
            assert_eq!(at(patch), pair("", "value_invalid"));
        }
        assert_eq!(board.find(id).unwrap(), before);
    }
}
