//! Runs of an import after each other, beside people's own changes, and for whom.

use postings::import::{self, ChangeKind, EmployerChoice, RunState, Summary};
use postings::{CloseReason, PostingStatus};
use serde_json::{Value, json};
use store::{StoreError, on_both};

use crate::support::{
    Board, Importer, counts, lines, many_rows, monday_plus_days, posting_with, row, row_with,
};

on_both! {
    fn a_second_run_of_the_same_rows_changes_nothing(db) {
        let importer = Importer::new(db);
        let board = Board::new(db);
        let rows = many_rows(1100);
        assert_eq!(counts(&importer.rows(&rows)), [1100, 0, 0, 0, 0]);
        let before = (board.revision(), importer.posting("board", "7"));
        assert_eq!(counts(&importer.rows(&rows)), [0, 0, 1100, 0, 0]);
        assert_eq!((board.revision(), importer.posting("board", "7")), before);
        assert_eq!(board.changes(0).len(), 1000.min(rows.len()));
    }

    fn a_changed_row_updates_its_posting_with_a_revision_and_a_version(db) {
        let mut importer = Importer::new(db);
        let board = Board::new(db);
        importer.rows(&[row("1"), row("2")]);
        let before = importer.posting("board", "1");
        importer.now = monday_plus_days(1);
        let changed = row_with("1", json!({"title": "Principal RTL Engineer", "external_id": "R-1", "company": "Renamed"}));
        assert_eq!(counts(&importer.rows(&[changed, row("2")])), [0, 1, 1, 0, 0]);
        let after = importer.posting("board", "1");
        assert_eq!((after.row.id, &after.row.slug), (before.row.id, &before.row.slug));
        assert_eq!((after.row.version, after.row.updated_at), (2, importer.now));
        assert!(after.row.revision > before.row.revision);
        assert_eq!(after.row.published_at, before.row.published_at);
        assert_eq!((after.row.external_id.as_deref(), after.employer.slug.as_str()), (Some("R-1"), "renamed"));
        assert_eq!(board.versions(after.row.id), [(1, "Staff RTL Design Engineer".to_owned()), (2, "Principal RTL Engineer".to_owned())]);
    }

    fn an_ended_row_closes_its_posting_and_an_open_one_brings_it_back(db) {
        let importer = Importer::new(db);
        importer.rows(&[row("1")]);
        let ended = row_with("1", json!({"active": false}));
        assert_eq!(counts(&importer.rows(std::slice::from_ref(&ended))), [0, 0, 0, 1, 0]);
        let closed = importer.posting("board", "1");
        assert_eq!((closed.row.status, closed.row.close_reason), (PostingStatus::Closed, Some(CloseReason::Other)));
        assert_eq!(counts(&importer.rows(&[ended])), [0, 0, 1, 0, 0]);
        let still_ended = row_with("1", json!({"active": false, "title": "Another title"}));
        assert_eq!(counts(&importer.rows(&[still_ended])), [0, 1, 0, 0, 0], "it was closed before");
        assert_eq!(counts(&importer.rows(&[row("1")])), [0, 1, 0, 0, 0]);
        let open = importer.posting("board", "1");
        assert_eq!((open.row.status, open.row.close_reason, open.row.closed_at), (PostingStatus::Published, None, None));
    }

    fn what_people_decided_here_outlasts_a_changed_row(db) {
        let importer = Importer::new(db);
        let board = Board::new(db);
        importer.rows(&[row("paused"), row("filled"), row("withdrawn")]);
        let id = |name: &str| importer.posting("board", name).row.id;
        board.pause(id("paused")).unwrap();
        board.close(id("filled"), CloseReason::Filled).unwrap();
        board.close(id("withdrawn"), CloseReason::Withdrawn).unwrap();
        let changed = |name: &str| row_with(name, json!({"title": "Another title"}));
        assert_eq!(counts(&importer.rows(&["paused", "filled", "withdrawn"].map(changed))), [0, 3, 0, 0, 0]);
        let state = |name: &str| { let row = importer.posting("board", name).row; (row.status, row.close_reason, row.content.0.title) };
        let title = || "Another title".to_owned();
        assert_eq!(state("paused"), (PostingStatus::Paused, None, title()));
        assert_eq!(state("filled"), (PostingStatus::Closed, Some(CloseReason::Filled), title()));
        assert_eq!(state("withdrawn"), (PostingStatus::Closed, Some(CloseReason::Withdrawn), title()));
    }

    fn an_imported_posting_is_moved_like_any_other_also_without_a_way_to_apply(db) {
        let importer = Importer::new(db);
        let board = Board::new(db);
        importer.rows(&[row_with("1", json!({"description_text": null}))]);
        let id = importer.posting("board", "1").row.id;
        board.pause(id).unwrap();
        board.resume(id).unwrap();
        let content = board.update(id, json!({"title": "Mended title"})).unwrap().row.content.0;
        assert_eq!(content.provenance["locations"], taxonomy::Provenance::Carried, "what the patch leaves alone is still carried");
        board.close(id, CloseReason::Other).unwrap();
        assert_eq!(board.renew(id).unwrap().row.status, PostingStatus::Published);
    }

    fn a_posting_lives_as_long_as_its_source_shows_it(db) {
        let mut importer = Importer::new(db);
        let mut board = Board::new(db);
        let own_end = row_with("own end", json!({"expires_at": "2026-12-24T00:00:00Z"}));
        let rows = [row("1"), own_end];
        importer.rows(&rows);
        importer.now = monday_plus_days(20);
        assert_eq!(counts(&importer.rows(&rows)), [0, 0, 2, 0, 0]);
        importer.now = monday_plus_days(31);
        board.now = importer.now;
        board.expire();
        assert_eq!(counts(&importer.rows(&rows)), [0, 1, 1, 0, 0], "more time for one, none for the other");
        assert_eq!(importer.posting("board", "1").row.expires_at, Some(monday_plus_days(91)));
        assert_eq!(importer.posting("board", "own end").row.status, PostingStatus::Expired);
        importer.now = monday_plus_days(200);
        board.now = importer.now;
        board.expire();
        assert_eq!(importer.posting("board", "1").row.status, PostingStatus::Expired);
        assert_eq!(counts(&importer.rows(&[row("1")])), [0, 1, 0, 0, 0]);
        assert!(importer.posting("board", "1").is_searchable(), "its source shows it again");
    }

    fn a_repeated_identity_is_refused_also_across_batches(db) {
        let importer = Importer::new(db);
        let mut rows = many_rows(600);
        rows.push(row_with("0", json!({"title": "Again"})));
        let summary = importer.rows(&rows);
        assert_eq!(counts(&summary), [600, 0, 0, 0, 1]);
        assert_eq!((summary.rejections[0].line, summary.rejections[0].code.as_str()), (601, "identity_repeated"));
        assert_eq!(importer.posting("board", "0").content().title, "Staff RTL Design Engineer");
    }

    fn a_dry_run_says_what_would_be_and_writes_nothing(db) {
        let mut importer = Importer::new(db);
        let board = Board::new(db);
        importer.rows(&[row("same"), row("changes"), row("ends")]);
        let before = (board.revision(), importer.employers(), board.changes(0).len());
        let rows = [
            row("same"), row_with("changes", json!({"title": "Other"})), row_with("ends", json!({"active": false})),
            row_with("new", json!({"company": "Nova"})), row_with("broken", json!({"title": ""})),
            row_with("a", json!({"external_id": "R"})), row_with("b", json!({"external_id": "R"})),
        ];
        importer.options.dry_run = true;
        let said = importer.rows(&rows);
        assert_eq!(counts(&said), [2, 1, 1, 1, 2]);
        assert_eq!((board.revision(), importer.employers(), board.changes(0).len()), before);
        importer.options.dry_run = false;
        let mut done = importer.rows(&rows);
        for change in &mut done.changes {
            change.posting_id = change.posting_id.filter(|_| change.kind != ChangeKind::Created);
        }
        assert_eq!(done, said, "and then it is so");
    }

    fn an_employer_is_made_once_and_kept_as_it_is(db) {
        let importer = Importer::new(db);
        let rows: Vec<Value> = (0..600).map(|n| row_with(&n.to_string(), json!({"company": if n % 2 == 0 { "Nova Labs" } else { "NOVA  LABS" }}))).collect();
        assert_eq!(importer.rows(&rows).created, 600);
        importer.rows(&[row_with("x", json!({"company": "Nova-Labs"}))]);
        let made = importer.employers();
        assert_eq!(made.iter().map(|(slug, _)| slug.as_str()).collect::<Vec<_>>(), ["nova-labs"]);
        importer.rows(&[row_with("long", json!({"company": "word ".repeat(200)}))]);
        assert!(importer.employers().iter().all(|(slug, name)| slug.len() <= 100 && name.chars().count() <= 200));
    }

    fn rows_go_to_whom_the_run_says(db) {
        let mut importer = Importer::for_employer(db, "chosen");
        let object = |id: &str| row_with(id, json!({"company": null, "employer": {"name": "Named, Inc.", "slug": "named"}}));
        let nameless = |id: &str| row_with(id, json!({"company": null}));
        assert_eq!(counts(&importer.rows(&[row("1"), object("2"), nameless("3")])), [3, 0, 0, 0, 0]);
        assert!(["1", "2", "3"].iter().all(|id| importer.posting("board", id).employer.slug == "chosen"));
        importer.options.employer = EmployerChoice::FromCompany;
        let summary = importer.rows(&[row("4"), object("5"), nameless("6")]);
        assert_eq!(counts(&summary), [2, 0, 0, 0, 1]);
        assert_eq!(importer.posting("board", "5").employer.slug, "named");
        assert_eq!(importer.posting("board", "5").employer.name, "Named, Inc.");
        importer.options.employer = EmployerChoice::FromRow;
        let summary = importer.rows(&[row("7"), object("8"), row_with("9", json!({"employer": "named"}))]);
        assert_eq!((counts(&summary), summary.rejections[0].code.as_str()), ([2, 0, 0, 0, 1], "employer_missing"));
        assert_eq!(importer.posting("board", "9").employer.slug, "named");
    }

    fn no_employer_can_overwrite_anothers_postings(db) {
        let acme = Importer::for_employer(db, "acme");
        let mallory = Importer::for_employer(db, "mallory");
        let own = json!({"title": "RTL Engineer", "description": "Text", "external_id": "R-1"});
        assert_eq!(acme.rows(&[row("1"), own.clone()]).created, 2);
        let before = acme.posting("board", "1");
        for theft in [row("1"), row_with("1", json!({"title": "Mine now"})), row_with("1", json!({"active": false}))] {
            let summary = mallory.rows(&[theft]);
            assert_eq!((counts(&summary), summary.rejections[0].code.as_str()), ([0, 0, 0, 0, 1], "identity_taken"));
        }
        assert_eq!(acme.posting("board", "1"), before);
        assert_eq!(mallory.rows(std::slice::from_ref(&own)).created, 1, "external ids are each employer's own");
        assert_eq!(counts(&acme.rows(&[own])), [0, 0, 1, 0, 0]);
    }

    fn a_taken_external_id_costs_its_row_and_no_other(db) {
        let board = Board::new(db);
        let importer = Importer::for_employer(db, "acme-compute");
        board.try_draft(posting_with(json!({"external_id": "R-1"}))).unwrap();
        let named = |id: &str, name: &str| row_with(id, json!({"external_id": name}));
        let summary = importer.rows(&[named("1", "R-1"), named("2", "R-2"), named("3", "R-2"), row("4")]);
        assert_eq!(counts(&summary), [2, 0, 0, 0, 2]);
        let seen: Vec<_> = summary.rejections.iter().map(|r| (r.line, r.code.as_str())).collect();
        assert_eq!(seen, [(1, "external_id_taken"), (3, "external_id_taken")]);
    }

    fn progress_is_heard_after_each_batch(db) {
        let importer = Importer::new(db);
        let text = lines(&many_rows(1200));
        let mut heard = Vec::new();
        import::run(db, text.as_bytes(), &importer.options, &importer.random, importer.now, &mut |summary| heard.push(summary.created)).unwrap();
        assert_eq!(heard, [500, 1000, 1200]);
    }

    fn the_ledger_knows_every_run(db) {
        let board = Board::new(db);
        let write = |change: &dyn Fn(&mut store::DbConn) -> Result<(), StoreError>| db.write_blocking(change).unwrap();
        let run = db.write_blocking(|tx| import::start_run(tx, Some(board.acme), "ndjson", true, &board.random, board.now)).unwrap();
        let find = || db.read_blocking(|conn| import::find_run(conn, run.id)).unwrap().unwrap();
        assert_eq!((find().state, find().dry_run, find().finished_at), (RunState::Running, true, None));
        let summary = Summary { created: 3, rejected: 1, ..Summary::default() };
        write(&|tx| import::finish_run(tx, run.id, RunState::Completed, &summary, monday_plus_days(1)));
        assert_eq!((find().state, find().summary.0, find().finished_at), (RunState::Completed, summary, Some(monday_plus_days(1))));
        let lost = db.write_blocking(|tx| import::start_run(tx, Some(board.acme), "csv", false, &board.random, monday_plus_days(1))).unwrap();
        let failed = db.write_blocking(|tx| import::fail_interrupted_runs(tx, monday_plus_days(2), monday_plus_days(2))).unwrap();
        assert_eq!(failed, 1, "only the one that never ended");
        let runs = db.read_blocking(|conn| import::list_runs(conn, board.acme, None, None, 10)).unwrap();
        assert_eq!(runs.data.iter().map(|r| (r.id, r.state)).collect::<Vec<_>>(), [(lost.id, RunState::Failed), (run.id, RunState::Completed)]);
    }
}
