//! What people did to imported postings outlasts the next import.

use postings::PostingStatus;
use postings::import::Format;
use serde_json::json;
use store::on_both;
use taxonomy::Provenance;

use crate::boards::{acme, answer, greenhouse, list, with};
use crate::support::{Board, Importer, counts, monday_plus_days, row, row_with};

on_both! {
    fn a_field_that_a_person_changed_stays_and_the_others_follow_the_source(db) {
        let importer = acme(db, Format::Greenhouse);
        let board = Board::new(db);
        answer(&importer, &list(&[greenhouse(1)]));
        let id = importer.posting("greenhouse", "1").row.id;
        board.update(id, json!({"title": "Staff RTL Engineer, HBM", "openings": 3, "pay": {"base": {"min": 200_000, "max": 280_000, "currency": "USD", "period": "year"}}})).unwrap();
        let moved = with(greenhouse(1), json!({"title": "RTL Engineer II", "location": {"name": "Boston, MA"}, "content": "&lt;p&gt;New text.&lt;/p&gt;",
            "pay_input_ranges": [{"min_cents": 9_800_000, "max_cents": 13_200_000, "currency_type": "USD", "title": "Annual"}]}));
        assert_eq!(counts(&answer(&importer, &list(&[moved]))), [0, 1, 0, 0, 0]);
        let said = importer.posting("greenhouse", "1").row.content.0;
        assert_eq!((said.title.as_str(), said.openings, said.description_text.as_str()), ("Staff RTL Engineer, HBM", 3, "New text."));
        assert_eq!(said.locations[0].city.as_deref(), Some("Boston"));
        assert_eq!(said.pay.unwrap().base.unwrap().label(), "USD 200,000 – 280,000 a year");
        assert_eq!((said.provenance["pay"], said.provenance["locations"]), (Provenance::Stated, Provenance::Carried));
        let only_title = with(greenhouse(1), json!({"title": "RTL Engineer III", "location": {"name": "Boston, MA"}, "content": "&lt;p&gt;New text.&lt;/p&gt;"}));
        let before = board.revision();
        assert_eq!(counts(&answer(&importer, &list(&[only_title]))), [0, 0, 1, 0, 0], "what changed is not shown");
        assert!(board.changes(before).is_empty());
    }

    fn a_field_that_a_person_emptied_stays_empty(db) {
        let importer = Importer::new(db);
        let board = Board::new(db);
        let paid = |title: &str| row_with("1", json!({"title": title, "benefits": ["Lunch"], "pay": {"base": {"min": 100_000, "max": 120_000, "currency": "USD", "period": "year"}}}));
        importer.rows(&[paid("RTL Engineer")]);
        let id = importer.posting("board", "1").row.id;
        board.update(id, json!({"pay": null, "benefits": []})).unwrap();
        importer.rows(&[paid("Senior RTL Engineer")]);
        let said = importer.posting("board", "1").row.content.0;
        assert_eq!((said.title.as_str(), said.pay, said.benefits.len()), ("Senior RTL Engineer", None, 0));
    }

    fn a_description_and_an_end_that_a_person_wrote_stay(db) {
        let mut importer = Importer::new(db);
        let mut board = Board::new(db);
        importer.rows(&[row("1")]);
        let id = importer.posting("board", "1").row.id;
        let end = monday_plus_days(20);
        board.update(id, json!({"description": "Ours, *not* theirs.", "expires_at": end, "external_id": "R-7"})).unwrap();
        assert_eq!(counts(&importer.rows(&[row("1")])), [0, 0, 1, 0, 0], "no renewal against a person's end");
        importer.rows(&[row_with("1", json!({"title": "Another title", "external_id": "R-1"}))]);
        let posting = importer.posting("board", "1").row;
        assert_eq!(posting.content.0.description_html, "<p>Ours, <em>not</em> theirs.</p>");
        assert_eq!((posting.expires_at, posting.external_id.as_deref()), (Some(end), Some("R-7")));
        board.now = monday_plus_days(21);
        importer.now = board.now;
        assert_eq!(board.expire(), 1);
        importer.rows(&[row_with("1", json!({"title": "Yet another title"}))]);
        assert_eq!(importer.posting("board", "1").row.status, PostingStatus::Expired);
    }

    fn an_erased_posting_does_not_come_back(db) {
        let importer = acme(db, Format::Greenhouse);
        let board = Board::new(db);
        answer(&importer, &list(&[greenhouse(1), greenhouse(2)]));
        let id = importer.posting("greenhouse", "1").row.id;
        board.update(id, json!({"title": "A secret project"})).unwrap();
        board.delete(id);
        for title in ["RTL Engineer", "Senior RTL Engineer"] {
            let summary = answer(&importer, &list(&[with(greenhouse(1), json!({"title": title})), greenhouse(2)]));
            assert_eq!((counts(&summary), summary.reasons["posting_erased"]), ([0, 0, 1, 0, 1], 1));
        }
        assert!(board.find(id).is_none());
        assert!(importer.find("greenhouse", "1").is_none());
    }
}
