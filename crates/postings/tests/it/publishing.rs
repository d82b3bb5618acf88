//! Before and around publishing: advice, set times, copies, history, many at once.

use postings::advice::{assess, warnings_of};
use postings::bulk::{self, Operation};
use postings::history::{find_version, list_history};
use postings::lifecycle::PostingError;
use postings::schedule::{duplicate, next_due, publish_due, schedule, unschedule};
use postings::{CloseReason, PayTransparency, PostingRules, PostingStatus};
use serde_json::{Value, json};
use store::{Id, Timestamp, on_both};

use crate::support::{Board, DAY, monday_plus_days, pairs, posting_with};

/// A posting that nobody would warn of.
fn sound() -> Value {
    let words = "You own the register transfer level of our memory controller, from the specification to tape-out, together with two \
        verification engineers and a physical design team. You write SystemVerilog, review microarchitecture, and close timing at five \
        nanometres. We ask for five years with high-speed interfaces, and for patience with waveforms that make no sense at first.";
    json!({"title": "Senior RTL Design Engineer", "description": words, "workplace": "on_site", "apply": {"url": "https://acme.example/1"},
        "locations": [{"city": "Austin", "region": "TX", "country": "US"}],
        "pay": {"base": {"min": 180_000, "max": 240_000, "currency": "USD", "period": "year"}}})
}

fn but(fields: Value) -> Value {
    let mut all = sound();
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn look(board: &Board<'_>, input: Value) -> postings::advice::Assessment {
    let input = serde_json::from_value(input).unwrap();
    let looked = board
        .db
        .read_blocking(|conn| assess(conn, Some(board.acme), input, PayTransparency::Off, board.now));
    looked.map_err(|error: PostingError| error.to_string()).unwrap()
}

fn codes(found: Vec<postings::FieldError>) -> Vec<String> {
    pairs(found).into_iter().map(|(_, code)| code).collect()
}

on_both! {
    fn looking_at_a_posting_tells_what_is_wrong_and_unwise_and_writes_nothing(db) {
        let board = Board::new(db);
        let fine = look(&board, sound());
        assert_eq!((fine.publishable, codes(fine.errors), codes(fine.warnings)), (true, vec![], vec![]));
        assert_eq!(fine.posting.unwrap().specialties, ["rtl_design"]);
        let wrong = look(&board, but(json!({"title": "", "openings": 0, "expires_at": "2020-01-01T00:00:00Z"})));
        assert_eq!((wrong.publishable, pairs(wrong.errors)), (false, vec![("/title".to_owned(), "value_missing".to_owned()),
            ("/openings".to_owned(), "number_out_of_range".to_owned()), ("/expires_at".to_owned(), "time_out_of_range".to_owned())]));
        let empty = look(&board, json!({"title": "Chief of Staff"}));
        assert_eq!((empty.publishable, codes(empty.errors)), (false, vec!["value_missing".to_owned()]), "the website is a way to apply");
        let unwise: [(Value, &str); 9] = [
            (json!({"pay": null}), "pay_missing"),
            (json!({"pay": {"base": {"min": 100_000, "max": 300_000, "currency": "USD", "period": "year"}}}), "range_wide"),
            (json!({"description": "Own RTL."}), "description_short"),
            (json!({"title": "SENIOR RTL DESIGN ENGINEER"}), "title_loud"),
            (json!({"locations": []}), "place_missing"),
            (json!({"workplace": "remote"}), "remote_from_missing"),
            (json!({"apply": {"url": "http://acme.example/1"}}), "apply_insecure"),
            (json!({"openings": 2, "filled": 2}), "all_filled"),
            (json!({"expires_at": monday_plus_days(3)}), "end_soon"),
        ];
        for (fields, code) in unwise {
            let found = look(&board, but(fields.clone()));
            assert_eq!((found.publishable, codes(found.warnings)), (true, vec![code.to_owned()]), "{fields}");
        }
        let none: Vec<Id> = db.read_blocking::<_, store::StoreError>(|conn| {
            use diesel::prelude::*;
            Ok(store::schema::postings::table.select(store::schema::postings::id).load(conn)?)
        }).unwrap();
        assert!(none.is_empty());
    }

    fn a_posting_that_says_nearly_the_same_is_pointed_out(db) {
        let board = Board::new(db);
        let first = board.try_draft(sound()).unwrap().row.id;
        assert!(look(&board, sound()).near_duplicates.is_empty(), "drafts are nobody's business");
        board.publish(first).unwrap();
        let again = look(&board, but(json!({"title": "Senior RTL Design Engineer!"})));
        assert_eq!(again.near_duplicates.iter().map(|near| near.id).collect::<Vec<_>>(), [first]);
        assert_eq!(codes(again.warnings), ["near_duplicate"]);
        for other in [json!({"title": "Senior Verification Engineer"}), json!({"locations": [{"city": "Boston", "region": "MA", "country": "US"}]}),
            json!({"description": "Another text altogether, which shares no four words in a row with the one that is there already, as far as I can see it now."})] {
            assert!(look(&board, but(other.clone())).near_duplicates.is_empty(), "{other}");
        }
        let second = board.try_draft(sound()).unwrap().row.id;
        let published = board.publish(second).unwrap();
        let found = db.read_blocking(|conn| warnings_of(conn, &published, PayTransparency::Off, board.now)).unwrap();
        assert!(found[0].detail.contains(&first.to_string()), "and not itself: {found:?}");
        let elsewhere = board.employer("nova", None);
        let input = serde_json::from_value(sound()).unwrap();
        let other = db.read_blocking(|conn| assess(conn, Some(elsewhere), input, PayTransparency::Off, board.now)).map_err(|e: PostingError| e.to_string()).unwrap();
        assert!(other.near_duplicates.is_empty());
    }

    fn a_scheduled_posting_becomes_public_at_its_time(db) {
        let mut board = Board::new(db);
        let id = board.draft("RTL Engineer");
        let at = board.now.plus(DAY);
        let set = |board: &Board<'_>, at: Timestamp| board.write(|tx| schedule(tx, id, at, None, board.now));
        let run = |board: &Board<'_>| board.write(|tx| publish_due(tx, &PostingRules::default(), 10, board.now)).unwrap();
        for wrong in [board.now, monday_plus_days(400)] {
            assert!(matches!(set(&board, wrong), Err(PostingError::Invalid(_))));
        }
        set(&board, monday_plus_days(7)).unwrap();
        let scheduled = set(&board, at).unwrap().row;
        assert_eq!((scheduled.status, scheduled.publish_at, scheduled.revision), (PostingStatus::Scheduled, Some(at), None), "moved, and nobody sees it");
        assert_eq!(db.read_blocking(next_due).unwrap(), Some(at));
        assert_eq!(run(&board), 0);
        board.now = at;
        assert_eq!((run(&board), run(&board)), (1, 0));
        let public = board.find(id).unwrap().row;
        assert_eq!((public.status, public.published_at, public.publish_at), (PostingStatus::Published, Some(at), None));
        assert!(public.first_revision.is_some());
        assert!(matches!(set(&board, at.plus(DAY)), Err(PostingError::StateConflict { .. })));
    }

    fn a_scheduled_posting_that_cannot_be_published_is_a_draft_again(db) {
        let mut board = Board::new(db);
        let id = board.draft("RTL Engineer");
        let at = board.now.plus(DAY);
        board.write(|tx| schedule(tx, id, at, None, board.now)).unwrap();
        db.write_blocking::<_, store::StoreError>(|tx| {
            use diesel::prelude::*;
            diesel::update(store::schema::employers::table).set(store::schema::employers::website.eq(None::<String>)).execute(tx)?;
            Ok(())
        }).unwrap();
        board.now = at;
        assert_eq!(board.write(|tx| publish_due(tx, &PostingRules::default(), 10, board.now)).unwrap(), 1);
        assert_eq!((board.find(id).unwrap().row.status, db.read_blocking(next_due).unwrap()), (PostingStatus::Draft, None));
        let other = board.try_draft(sound()).unwrap().row.id;
        board.write(|tx| schedule(tx, other, at.plus(DAY), None, board.now)).unwrap();
        assert_eq!(board.write(|tx| unschedule(tx, other, None, board.now)).unwrap().row.status, PostingStatus::Draft);
    }

    fn a_copy_says_the_same_under_no_name(db) {
        let board = Board::new(db);
        let original = board.try_draft(posting_with(json!({"external_id": "R-1", "openings": 3, "filled": 1, "benefits": ["Lunch"]}))).unwrap();
        board.publish(original.row.id).unwrap();
        let copy = board.write(|tx| duplicate(tx, original.row.id, &board.random, board.now)).unwrap().row;
        assert_eq!((copy.status, copy.external_id.clone(), copy.expires_at, copy.revision), (PostingStatus::Draft, None, None, None));
        assert_ne!((copy.id, &copy.slug), (original.row.id, &original.row.slug));
        let (was, is) = (&original.row.content.0, &copy.content.0);
        assert_eq!((&is.title, &is.description_html, &is.benefits, is.openings, is.filled), (&was.title, &was.description_html, &was.benefits, 3, 0));
    }

    fn every_public_version_is_kept_with_what_it_changed(db) {
        let mut board = Board::new(db);
        let id = board.draft("RTL Engineer");
        board.update(id, json!({"title": "RTL Design Engineer"})).unwrap();
        board.publish(id).unwrap();
        board.now = monday_plus_days(1);
        board.update(id, json!({"title": "Senior RTL Design Engineer", "openings": 2})).unwrap();
        board.pause(id).unwrap();
        board.resume(id).unwrap();
        let page = |before, limit| db.read_blocking(|conn| list_history(conn, id, before, limit)).unwrap();
        let all = page(None, 10);
        let seen: Vec<_> = all.data.iter().map(|version| (version.version, version.at, version.changes.iter().map(|c| c.field.as_str()).collect::<Vec<_>>())).collect();
        let monday = monday_plus_days(0);
        assert_eq!(seen, [(6, board.now, vec![]), (4, board.now, vec!["openings", "seniority", "title"]), (3, monday, vec![])], "what was before it was public is nobody's business");
        let title = all.data[1].changes.iter().find(|change| change.field == "title").unwrap();
        assert_eq!((&title.before, &title.after), (&json!("RTL Design Engineer"), &json!("Senior RTL Design Engineer")));
        let first = page(None, 2);
        assert_eq!((first.data.len(), first.next, first.data[1].changes.len()), (2, Some(4), 3), "the last of a page is compared too");
        assert_eq!(page(Some(4), 2).data[0].version, 3);
        let kept = db.read_blocking(|conn| find_version(conn, id, 3)).unwrap().unwrap();
        assert_eq!((kept.0.title.as_str(), kept.1), ("RTL Design Engineer", monday));
        assert!(db.read_blocking(|conn| find_version(conn, id, 2)).unwrap().is_none(), "a draft's");
    }

    fn a_name_that_is_taken_says_by_whom(db) {
        let board = Board::new(db);
        let named = |name: &str| posting_with(json!({"external_id": name}));
        let first = board.try_draft(named("R-1")).unwrap().row.id;
        let second = board.try_draft(named("R-2")).unwrap().row.id;
        for outcome in [board.try_draft(named("R-1")), board.update(second, json!({"external_id": "R-1"}))] {
            assert!(matches!(outcome, Err(PostingError::ExternalIdTaken { by: Some(by) }) if by == first), "{outcome:?}");
        }
        board.try_draft_of(board.employer("nova", None), named("R-1")).unwrap();
    }

    fn each_of_many_operations_has_an_outcome_of_its_own(db) {
        let board = Board::new(db);
        let nova = board.employer("nova", None);
        let (draft, public) = (board.draft("RTL Engineer"), board.published("DFT Engineer"));
        let foreign = board.try_draft_of(nova, posting_with(json!({}))).unwrap().row.id;
        let operations = vec![
            Operation::Publish { id: draft },
            Operation::Publish { id: foreign },
            Operation::Create { posting: Box::new(serde_json::from_value(json!({"title": "", "description": "x"})).unwrap()) },
            Operation::Update { id: public, patch: json!({"title": 7}) },
            Operation::Update { id: public, patch: json!({"openings": 5}) },
            Operation::Pause { id: draft },
            Operation::Resume { id: public },
            Operation::Close { id: public, reason: CloseReason::Filled },
            Operation::Renew { id: public },
            Operation::Delete { id: draft },
            Operation::Delete { id: draft },
        ];
        let outcomes: Vec<String> = board.write(|tx| {
            Ok(operations.into_iter().map(|operation| match bulk::apply(tx, board.acme, operation, &PostingRules::default(), &board.random, board.now) {
                Ok(posting) => posting.map_or("erased".to_owned(), |posting| posting.row.status.to_string()),
                Err(error) => error.to_string(),
            }).collect())
        }).unwrap();
        assert_eq!(outcomes, ["published", "posting not found", "the posting has 1 mistakes", "the posting has 1 mistakes", "published", "paused",
            "a posting that is published cannot be resumed", "closed", "published", "erased", "posting not found"]);
        let kept = board.find(public).unwrap().row;
        assert_eq!((kept.content.0.openings, kept.content.0.title.as_str()), (5, "DFT Engineer"));
    }
}
