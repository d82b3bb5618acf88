//! The life of a posting.

use jiff::SignedDuration;
use postings::lifecycle::{self, PostingError};
use postings::{CloseReason, PostingStatus, find};
use serde_json::json;
use store::on_both;

use crate::support::{Board, DAY, monday_plus_days, posting, posting_with};

fn state_of(outcome: Result<postings::Posting, PostingError>) -> (PostingStatus, &'static str) {
    match outcome {
        Err(PostingError::StateConflict { status, action }) => (status, action),
        other => panic!("expected a conflict of state, got {other:?}"),
    }
}

on_both! {
    fn a_posting_goes_from_draft_to_its_end_and_back(db) {
        let mut board = Board::new(db);
        let draft = board.try_draft(posting("RTL Engineer")).unwrap();
        assert_eq!((draft.row.status, draft.row.version, draft.row.revision), (PostingStatus::Draft, 1, None));
        assert!(draft.row.slug.starts_with("rtl-engineer-acme-compute-"), "{}", draft.row.slug);
        let id = draft.row.id;

        let public = board.publish(id).unwrap();
        assert_eq!((public.row.status, public.row.version), (PostingStatus::Published, 2));
        assert_eq!(public.row.published_at, Some(board.now));
        assert_eq!(public.row.expires_at, Some(monday_plus_days(60)));

        board.now = monday_plus_days(1);
        assert_eq!(board.pause(id).unwrap().row.status, PostingStatus::Paused);
        assert_eq!(board.resume(id).unwrap().row.status, PostingStatus::Published);

        let closed = board.close(id, CloseReason::Filled).unwrap();
        assert_eq!((closed.row.status, closed.row.close_reason), (PostingStatus::Closed, Some(CloseReason::Filled)));
        assert_eq!(closed.row.closed_at, Some(board.now));

        board.now = monday_plus_days(10);
        let renewed = board.renew(id).unwrap();
        assert_eq!((renewed.row.status, renewed.row.close_reason, renewed.row.closed_at), (PostingStatus::Published, None, None));
        assert_eq!(renewed.row.expires_at, Some(monday_plus_days(70)));
        assert_eq!(renewed.row.published_at, public.row.published_at, "the first publication stays");

        board.now = monday_plus_days(70);
        assert_eq!(board.expire(), 1);
        assert_eq!(board.expire(), 0, "a second pass finds nothing");
        let expired = board.find(id).unwrap();
        assert_eq!((expired.row.status, expired.row.close_reason), (PostingStatus::Expired, Some(CloseReason::Expired)));
        assert_eq!(expired.row.version, 7);
        assert_eq!(expired, board.find(id).unwrap());
        assert_eq!(find_by_slug(&board, &draft.row.slug).unwrap().row.id, id, "its address never changes");
    }

    fn steps_from_the_wrong_place_are_refused_and_say_so(db) {
        let mut board = Board::new(db);
        let id = board.draft("RTL Engineer");
        assert_eq!(state_of(board.pause(id)), (PostingStatus::Draft, "paused"));
        assert_eq!(state_of(board.resume(id)), (PostingStatus::Draft, "resumed"));
        assert_eq!(state_of(board.close(id, CloseReason::Other)), (PostingStatus::Draft, "closed"));
        assert_eq!(state_of(board.renew(id)), (PostingStatus::Draft, "renewed"));
        board.publish(id).unwrap();
        assert_eq!(state_of(board.publish(id)), (PostingStatus::Published, "published"));
        assert_eq!(state_of(board.resume(id)), (PostingStatus::Published, "resumed"));
        board.pause(id).unwrap();
        assert_eq!(state_of(board.pause(id)), (PostingStatus::Paused, "paused"));
        assert_eq!(state_of(board.publish(id)), (PostingStatus::Paused, "published"));
        assert_eq!(state_of(board.renew(id)), (PostingStatus::Paused, "renewed"));
        board.close(id, CloseReason::Withdrawn).unwrap();
        assert_eq!(state_of(board.close(id, CloseReason::Filled)), (PostingStatus::Closed, "closed"));
        assert_eq!(state_of(board.pause(id)), (PostingStatus::Closed, "paused"));
        board.renew(id).unwrap();
        board.now = monday_plus_days(61);
        board.expire();
        assert_eq!(state_of(board.close(id, CloseReason::Filled)), (PostingStatus::Expired, "closed"));
        assert_eq!(board.renew(id).unwrap().row.status, PostingStatus::Published);
    }

    fn what_does_not_exist_cannot_be_changed(db) {
        let board = Board::new(db);
        let nobody = board.random.id(board.now);
        assert!(matches!(board.publish(nobody), Err(PostingError::NotFound)));
        assert!(matches!(board.update(nobody, json!({})), Err(PostingError::NotFound)));
        assert!(matches!(board.try_draft_of(nobody, posting("x")), Err(PostingError::EmployerNotFound)));
        let id = board.published("RTL Engineer");
        board.delete(id);
        assert!(matches!(board.close(id, CloseReason::Other), Err(PostingError::NotFound)));
    }

    fn a_change_made_for_another_version_is_refused(db) {
        let board = Board::new(db);
        let id = board.draft("RTL Engineer");
        let now = board.now;
        let conflict = |outcome: Result<postings::Posting, PostingError>| match outcome {
            Err(PostingError::VersionConflict { current }) => current,
            other => panic!("{other:?}"),
        };
        assert_eq!(conflict(board.write(|tx| lifecycle::publish(tx, id, Some(2), now))), 1);
        board.write(|tx| lifecycle::publish(tx, id, Some(1), now)).unwrap();
        assert_eq!(conflict(board.write(|tx| lifecycle::update(tx, id, &json!({"title": "x"}), Some(1), now))), 2);
        assert_eq!(conflict(board.write(|tx| lifecycle::pause(tx, id, Some(1), now))), 2);
        assert_eq!(conflict(board.write(|tx| lifecycle::close(tx, id, CloseReason::Other, Some(9), now))), 2);
        assert_eq!(conflict(board.write(|tx| lifecycle::renew(tx, id, Some(1), now))), 2);
        let deleted = board.write(|tx| lifecycle::delete(tx, id, Some(1), now));
        assert!(matches!(deleted, Err(PostingError::VersionConflict { current: 2 })));
        assert_eq!(board.find(id).unwrap().row.version, 2, "nothing happened");
    }

    fn readers_can_follow_every_visible_change_and_no_draft(db) {
        let board = Board::new(db);
        let id = board.draft("RTL Engineer");
        board.update(id, json!({"title": "RTL Design Engineer"})).unwrap();
        assert_eq!((board.revision(), board.versions(id)), (0, vec![]));
        let mut seen = board.revision();
        let mut step = |what: &str, outcome: Result<postings::Posting, PostingError>| {
            let posting = outcome.unwrap();
            assert!(posting.row.revision.unwrap() > seen, "{what} takes a revision");
            seen = posting.row.revision.unwrap();
            assert_eq!(board.find(id).unwrap(), posting);
        };
        step("publish", board.publish(id));
        step("update", board.update(id, json!({"title": "Senior RTL Engineer"})));
        step("pause", board.pause(id));
        step("an update while paused", board.update(id, json!({"title": "Staff RTL Engineer"})));
        step("resume", board.resume(id));
        step("close", board.close(id, CloseReason::Filled));
        step("renew", board.renew(id));
        let kept = board.versions(id);
        let expected = [(3, "RTL Design Engineer"), (4, "Senior RTL Engineer"), (7, "Staff RTL Engineer"), (9, "Staff RTL Engineer")];
        assert_eq!(kept, expected.map(|(n, title)| (n, title.to_owned())), "every version that was public");
    }

    fn a_draft_is_erased_without_a_trace_and_a_public_posting_leaves_its_id(db) {
        let board = Board::new(db);
        let draft = board.draft("Draft");
        board.delete(draft);
        assert!(board.find(draft).is_none());
        assert_eq!((board.revision(), board.changes(0).len()), (0, 0));

        let created = board.try_draft(posting_with(json!({"external_id": "R-1"}))).unwrap();
        let id = created.row.id;
        board.publish(id).unwrap();
        board.delete(id);
        assert!(board.find(id).is_none());
        assert!(find_by_slug(&board, &created.row.slug).is_none());
        assert_eq!(board.versions(id), []);
        assert!(matches!(board.changes(0).as_slice(), [(2, postings::changes::Change::Remove(gone))] if *gone == id));
        board.try_draft(posting_with(json!({"external_id": "R-1"}))).expect("its external id is free again");
    }

    fn postings_end_by_themselves_and_paused_ones_too(db) {
        let mut board = Board::new(db);
        let kept = board.published("Stays");
        board.update(kept, json!({"expires_at": monday_plus_days(90)})).unwrap();
        let (public, paused) = (board.published("Ends"), board.published("Ends paused"));
        board.pause(paused).unwrap();
        let draft = board.try_draft(posting_with(json!({"expires_at": monday_plus_days(5)}))).unwrap().row.id;
        board.now = monday_plus_days(60);
        assert_eq!(board.write(|tx| lifecycle::expire_due(tx, 1, board.now)).unwrap(), 1, "in batches");
        assert_eq!(board.expire(), 1);
        let status = |id| board.find(id).unwrap().row.status;
        assert_eq!([kept, public, paused, draft].map(status),
            [PostingStatus::Published, PostingStatus::Expired, PostingStatus::Expired, PostingStatus::Draft]);
        assert!(matches!(board.publish(draft), Err(PostingError::Invalid(errors)) if errors[0].code == "time_passed"));
    }

    fn a_pause_that_outlasted_the_end_gives_new_time_on_resume(db) {
        let mut board = Board::new(db);
        let id = board.published("RTL Engineer");
        board.pause(id).unwrap();
        board.now = monday_plus_days(61);
        assert_eq!(board.resume(id).unwrap().row.expires_at, Some(monday_plus_days(121)));
    }

    fn only_what_can_be_read_and_answered_is_published(db) {
        let board = Board::new(db);
        let silent = board.employer("silent", None);
        let id = board.try_draft_of(silent, json!({"title": "RTL Engineer"})).unwrap().row.id;
        let missing = |outcome: Result<postings::Posting, PostingError>| match outcome {
            Err(PostingError::Invalid(errors)) => crate::support::pairs(errors),
            other => panic!("{other:?}"),
        };
        let both = crate::support::expected(&[("/description", "value_missing"), ("/apply", "value_missing")]);
        assert_eq!(missing(board.publish(id)), both);
        board.update(id, json!({"description": "Text.", "apply": {"email": "hiring@acme.example"}})).unwrap();
        board.publish(id).unwrap();
        assert_eq!(missing(board.update(id, json!({"description": null, "apply": null}))), both);
        board.pause(id).unwrap();
        board.update(id, json!({"description": null, "apply": null})).unwrap();
        assert_eq!(missing(board.resume(id)), both, "not by way of a pause either");
        board.close(id, CloseReason::Other).unwrap();
        assert_eq!(missing(board.renew(id)), both);
    }

    fn an_external_id_is_unique_for_its_employer_only(db) {
        let board = Board::new(db);
        let other = board.employer("other", None);
        let named = |name: &str| posting_with(json!({"external_id": name}));
        let first = board.try_draft(named(" R-1 ")).unwrap();
        assert_eq!(first.row.external_id.as_deref(), Some("R-1"));
        assert!(matches!(board.try_draft(named("R-1")), Err(PostingError::ExternalIdTaken { by: Some(_) })));
        board.try_draft_of(other, named("R-1")).unwrap();
        let second = board.try_draft(named("R-2")).unwrap().row.id;
        assert!(matches!(board.update(second, json!({"external_id": "R-1"})), Err(PostingError::ExternalIdTaken { by: Some(_) })));
        board.update(second, json!({"external_id": null})).unwrap();
        for _ in 0..2 {
            assert_eq!(board.try_draft(named("  ")).unwrap().row.external_id, None, "a blank one is none");
        }
    }

    fn an_end_lies_within_a_year_and_is_reported_with_everything_else(db) {
        let board = Board::new(db);
        for end in [board.now, monday_plus_days(-1), monday_plus_days(367)] {
            let wrong = board.try_draft(posting_with(json!({"title": "", "expires_at": end, "openings": 0})));
            let Err(PostingError::Invalid(errors)) = wrong else { panic!("{wrong:?}") };
            let expected = [("/title", "value_missing"), ("/openings", "number_out_of_range"), ("/expires_at", "time_out_of_range")];
            assert_eq!(crate::support::pairs(errors), crate::support::expected(&expected));
        }
        board.try_draft(posting_with(json!({"expires_at": monday_plus_days(366)}))).unwrap();
    }

    fn search_may_show_what_is_public_now(db) {
        let mut board = Board::new(db);
        let ids: Vec<_> = ["a", "b", "c", "d"].iter().map(|title| board.published(title)).collect();
        board.pause(ids[0]).unwrap();
        board.delete(ids[1]);
        let shown = |board: &Board<'_>| {
            let found = board.db.read_blocking(|conn| find::list_searchable(conn, &ids, board.now)).unwrap();
            let found: Vec<_> = found.iter().map(|posting| posting.row.id).collect();
            ids.iter().copied().filter(|id| found.contains(id)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&board), ids[2..]);
        board.set_employer_status(board.acme, "paused");
        assert_eq!(shown(&board), []);
        board.set_employer_status(board.acme, "active");
        board.now = board.now.plus(DAY * 60 - SignedDuration::from_micros(1));
        assert_eq!(shown(&board), ids[2..]);
        board.now = monday_plus_days(60);
        assert_eq!(shown(&board), [], "also before the pass that ends them");
    }

    fn an_employers_postings_are_listed_newest_first_in_pages(db) {
        let mut board = Board::new(db);
        let mut ids = Vec::new();
        for n in 0..5 {
            board.now = board.now.plus(DAY);
            ids.push(board.published(&format!("Number {n}")));
        }
        ids.reverse();
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = board.db.read_blocking(|conn| {
                find::list_of_employer(conn, board.acme, PostingStatus::ALL, &[], before, 2)
            }).unwrap();
            seen.extend(page.data.iter().map(|posting| posting.row.id));
            before = page.next;
            if before.is_none() { break; }
        }
        assert_eq!(seen, ids);
        let drafts = board.db.read_blocking(|conn| {
            find::list_of_employer(conn, board.acme, &[PostingStatus::Draft], &[], None, 2)
        }).unwrap();
        assert!(drafts.data.is_empty());
        let counts = board.db.read_blocking(find::count_by_status).unwrap();
        assert_eq!(counts, [(PostingStatus::Published, 5)]);
    }
}

fn find_by_slug(board: &Board<'_>, slug: &str) -> Option<postings::Posting> {
    board
        .db
        .read_blocking(|conn| find::find_by_slug(conn, slug))
        .unwrap()
}
