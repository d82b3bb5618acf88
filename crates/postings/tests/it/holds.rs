//! Pauses, frozen campaigns and frozen employers are one thing, and compose.

use postings::campaigns::{self, CampaignError, CampaignInput, CampaignStatus};
use postings::changes::Change;
use postings::holds::{self, HoldKind, Scope, Why};
use postings::lifecycle::PostingError;
use postings::{CloseReason, PostingStatus, filling};
use serde_json::json;
use store::Id;

use crate::support::{Board, DAY, Importer, monday_plus_days, posting_with, row_with};

impl Board<'_> {
    fn campaign(&self, name: &str) -> Id {
        let input = CampaignInput {
            name: name.to_owned(),
            goal: Some(10),
            ..CampaignInput::default()
        };
        self.in_campaigns(|tx| campaigns::create(tx, self.acme, input, &self.random, self.now))
            .unwrap()
            .id
    }

    fn in_campaigns<T>(
        &self,
        change: impl FnOnce(&mut store::DbConn) -> Result<T, CampaignError>,
    ) -> Result<T, CampaignError> {
        self.db.write_blocking(change)
    }

    fn join(&self, campaign: Id, add: &[Id], remove: &[Id]) -> Result<campaigns::Campaign, CampaignError> {
        self.in_campaigns(|tx| campaigns::change_postings(tx, campaign, add, remove, None, self.now))
    }

    fn freeze(&self, campaign: Id) -> usize {
        let why = Why {
            reason: Some("budget".to_owned()),
            by: None,
        };
        self.in_campaigns(|tx| campaigns::freeze(tx, campaign, why, None, &self.random, self.now))
            .unwrap()
            .1
    }

    fn thaw(&self, campaign: Id) -> usize {
        self.in_campaigns(|tx| campaigns::resume(tx, campaign, None, None, self.now))
            .unwrap()
            .1
    }

    fn freeze_employer(&self) -> usize {
        self.write(|tx| {
            holds::hold(
                tx,
                self.acme,
                Scope::Employer,
                Why::default(),
                &self.random,
                self.now,
            )
        })
        .unwrap()
        .1
    }

    fn thaw_employer(&self) -> usize {
        self.write(|tx| {
            let hold = holds::active(tx, self.acme, Scope::Employer)?.unwrap();
            holds::release(tx, hold.id, None, self.now)
        })
        .unwrap()
    }

    fn status(&self, id: Id) -> PostingStatus {
        self.find(id).unwrap().row.status
    }

    fn view(&self, campaign: Id) -> campaigns::CampaignView {
        self.db
            .read_blocking(|conn| {
                let row = campaigns::find(conn, campaign)?.unwrap();
                campaigns::views(conn, vec![row], self.now)
            })
            .unwrap()
            .remove(0)
    }
}

store::on_both! {
    fn what_is_imported_while_its_employer_is_frozen_comes_out_with_the_others(db) {
        let board = Board::new(db);
        let importer = Importer::for_employer(db, "acme-compute");
        importer.rows(&[row_with("old", json!({}))]);
        board.freeze_employer();
        importer.rows(&[row_with("old", json!({})), row_with("new", json!({}))]);
        let new = importer.posting("board", "new");
        assert_eq!((new.row.status, new.row.first_revision), (PostingStatus::Paused, None));
        let before = board.revision();
        assert_eq!(board.thaw_employer(), 2);
        let told: Vec<Id> = board.changes(before).into_iter().map(|(_, change)| match change {
            Change::Upsert(posting) => posting.row.id,
            Change::Remove(id) => panic!("{id} left"),
        }).collect();
        assert!(told.contains(&new.row.id), "search and alerts hear of it");
        let new = importer.posting("board", "new");
        assert_eq!(new.row.status, PostingStatus::Published);
        assert!(new.row.first_revision > Some(before), "it is news now");
    }

    fn an_imported_posting_leaves_the_campaign_of_the_employer_that_it_leaves(db) {
        let board = Board::new(db);
        let importer = Importer::new(db);
        importer.rows(&[row_with("1", json!({"company": "Acme Compute"}))]);
        let posting = importer.posting("board", "1");
        assert_eq!(posting.row.employer_id, board.acme);
        let campaign = board.campaign("Push");
        board.join(campaign, &[posting.row.id], &[]).unwrap();
        importer.rows(&[row_with("1", json!({"company": "Another One"}))]);
        let moved = importer.posting("board", "1");
        assert_ne!(moved.row.employer_id, board.acme);
        assert_eq!(moved.row.campaign_id, None);
    }

    fn a_frozen_campaign_takes_its_postings_out_at_once_and_resume_brings_exactly_those_back(db) {
        let board = Board::new(db);
        let ids: Vec<Id> = ["RTL Engineer", "DFT Engineer", "Verification Engineer"].map(|title| board.published(title)).to_vec();
        let (other, draft) = (board.published("Site Reliability Engineer"), board.draft("CAD Engineer"));
        let campaign = board.campaign("Accelerator 80");
        board.join(campaign, &[ids[0], ids[1], ids[2], draft], &[]).unwrap();
        board.pause(ids[2]).unwrap();
        let before = board.revision();
        assert_eq!(board.freeze(campaign), 3, "the paused one is held as well, the draft is not public");
        assert_eq!(ids.iter().map(|id| board.status(*id)).collect::<Vec<_>>(), [PostingStatus::Paused; 3]);
        assert_eq!((board.status(other), board.status(draft)), (PostingStatus::Published, PostingStatus::Draft));
        let changes = db.read_blocking(|conn| postings::changes::changed_since(conn, before, 10)).unwrap();
        assert!(changes.len() == 2 && changes.iter().all(|(_, change)| matches!(change, Change::Remove(_))), "two left search: {changes:?}");
        assert_eq!(board.view(campaign).status, CampaignStatus::Frozen);
        assert!(matches!(board.resume(ids[0]), Err(PostingError::Held(HoldKind::Campaign))));
        assert_eq!(board.thaw(campaign), 2);
        assert_eq!(ids.iter().map(|id| board.status(*id)).collect::<Vec<_>>(), [PostingStatus::Published, PostingStatus::Published, PostingStatus::Paused]);
        assert_eq!(board.view(campaign).status, CampaignStatus::Active);
        let memory = db.read_blocking(|conn| holds::list_of_posting(conn, ids[0])).unwrap();
        assert_eq!((memory.len(), memory[0].kind, memory[0].reason.as_deref(), memory[0].released_at), (1, HoldKind::Campaign, Some("budget"), Some(board.now)));
        assert!(matches!(board.in_campaigns(|tx| campaigns::resume(tx, campaign, None, None, board.now)), Err(CampaignError::StateConflict(CampaignStatus::Active, "resumed"))));
    }

    fn a_posting_returns_only_when_nothing_holds_it(db) {
        let board = Board::new(db);
        let campaign = board.campaign("Accelerator 80");
        // Every order of three holds made, and of the same three released.
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for (n, made) in orders.into_iter().enumerate() {
            for released in orders {
                let id = board.published(&format!("Engineer {n} {released:?}"));
                board.join(campaign, &[id], &[]).unwrap();
                for which in made {
                    match which {
                        0 => board.pause(id).map(|_| ()).unwrap(),
                        1 => assert!(board.freeze(campaign) > 0),
                        _ => assert!(board.freeze_employer() > 0),
                    }
                    assert_eq!(board.status(id), PostingStatus::Paused);
                }
                for (step, which) in released.into_iter().enumerate() {
                    match which {
                        0 => board.resume(id).map(|_| ()).unwrap(),
                        1 => { board.thaw(campaign); }
                        _ => { board.thaw_employer(); }
                    }
                    let expected = if step == 2 { PostingStatus::Published } else { PostingStatus::Paused };
                    assert_eq!(board.status(id), expected, "{made:?} {released:?} {step}");
                }
                assert!(db.read_blocking(|conn| holds::list_active(conn, id)).unwrap().is_empty());
                board.close(id, CloseReason::Other).unwrap();
            }
        }
    }

    fn what_is_published_or_joins_while_frozen_is_held_and_news_when_it_comes_out(db) {
        let mut board = Board::new(db);
        let campaign = board.campaign("Accelerator 80");
        let (draft, public) = (board.draft("RTL Engineer"), board.published("DFT Engineer"));
        board.join(campaign, &[draft], &[]).unwrap();
        assert_eq!(board.freeze(campaign), 0);
        let published = board.publish(draft).unwrap().row;
        assert_eq!((published.status, published.first_revision), (PostingStatus::Paused, None), "nobody saw it yet");
        board.join(campaign, &[public], &[]).unwrap();
        assert_eq!(board.status(public), PostingStatus::Paused);
        board.join(campaign, &[], &[public]).unwrap();
        assert_eq!(board.status(public), PostingStatus::Published, "it left the frozen campaign");
        board.join(campaign, &[public], &[]).unwrap();
        assert_eq!(board.status(public), PostingStatus::Paused, "and joined it again");
        board.now = monday_plus_days(1);
        let before = board.revision();
        assert_eq!(board.thaw(campaign), 2);
        let row = board.find(draft).unwrap().row;
        assert!(row.status == PostingStatus::Published && row.first_revision.is_some_and(|revision| revision > before));
    }

    fn what_ends_while_held_stays_ended_and_comes_back_held(db) {
        let mut board = Board::new(db);
        let campaign = board.campaign("Accelerator 80");
        let (closed, expired, paused) = (board.published("RTL Engineer"), board.published("DFT Engineer"), board.published("CAD Engineer"));
        board.join(campaign, &[closed, expired], &[]).unwrap();
        board.freeze(campaign);
        board.close(closed, CloseReason::Withdrawn).unwrap();
        board.pause(paused).unwrap();
        board.close(paused, CloseReason::Other).unwrap();
        board.now = monday_plus_days(61);
        board.expire();
        assert_eq!(board.renew(closed).unwrap().row.status, PostingStatus::Paused, "its campaign is frozen");
        assert_eq!(board.renew(paused).unwrap().row.status, PostingStatus::Published, "closing forgot the pause");
        assert_eq!(board.thaw(campaign), 1);
        assert_eq!((board.status(closed), board.status(expired)), (PostingStatus::Published, PostingStatus::Expired));
    }

    fn what_lost_its_text_while_held_stays_paused_until_it_is_whole(db) {
        let board = Board::new(db);
        let campaign = board.campaign("Accelerator 80");
        let ids = ["RTL Engineer", "DFT Engineer", "CAD Engineer"].map(|title| board.published(title));
        let [emptied, moved, whole] = ids;
        board.join(campaign, &ids, &[]).unwrap();
        board.freeze(campaign);
        for id in [emptied, moved] {
            board.update(id, json!({"description": ""})).unwrap();
        }
        board.join(campaign, &[], &[moved]).unwrap();
        assert_eq!(board.status(moved), PostingStatus::Paused, "leaving a frozen campaign does not make it public either");
        board.freeze_employer();
        assert_eq!(board.thaw(campaign), 0);
        assert_eq!(board.thaw_employer(), 1);
        assert_eq!(ids.map(|id| board.status(id)), [PostingStatus::Paused, PostingStatus::Paused, PostingStatus::Published]);
        for id in [emptied, moved] {
            let active = db.read_blocking(|conn| holds::list_active(conn, id)).unwrap();
            assert_eq!(active.iter().map(|hold| hold.kind).collect::<Vec<_>>(), [HoldKind::Posting], "as its own pause");
            assert!(active[0].reason.is_some(), "which says why");
            assert!(matches!(board.resume(id), Err(PostingError::Invalid(_))));
            board.update(id, json!({"description": "You own timing closure."})).unwrap();
            assert_eq!(board.resume(id).unwrap().row.status, PostingStatus::Published);
        }
        assert_eq!(board.status(whole), PostingStatus::Published);
    }

    fn an_import_does_not_bring_back_what_a_freeze_holds(db) {
        let board = Board::new(db);
        let importer = Importer::for_employer(db, "acme-compute");
        let campaign = board.campaign("Accelerator 80");
        let all = |active: bool| [row_with("1", json!({"active": active})), row_with("2", json!({"active": active}))];
        importer.rows(&all(true));
        let [member, other] = ["1", "2"].map(|id| importer.posting("board", id).row.id);
        board.join(campaign, &[member], &[]).unwrap();
        importer.rows(&all(false));
        assert_eq!(board.freeze(campaign), 0, "nothing of it is public now");
        importer.rows(&all(true));
        assert_eq!((board.status(member), board.status(other)), (PostingStatus::Paused, PostingStatus::Published));
        assert_eq!(board.thaw(campaign), 1);
        assert_eq!(board.status(member), PostingStatus::Published);
        board.freeze(campaign);
        board.join(campaign, &[], &[member]).unwrap();
        assert_eq!(board.status(member), PostingStatus::Published, "it left");
    }

    fn progress_counts_what_was_public(db) {
        let board = Board::new(db);
        let campaign = board.campaign("Accelerator 80");
        let with = |openings: u32| {
            let id = board.try_draft(posting_with(json!({"openings": openings}))).unwrap().row.id;
            board.publish(id).unwrap();
            id
        };
        let (many, few, draft) = (with(8), with(2), board.try_draft(posting_with(json!({"openings": 50}))).unwrap().row.id);
        board.join(campaign, &[many, few, draft], &[]).unwrap();
        board.write(|tx| filling::fill(tx, many, 3, None, board.now)).unwrap();
        board.close(few, CloseReason::Withdrawn).unwrap();
        let progress = board.view(campaign).progress;
        assert_eq!((progress.postings, progress.published, progress.positions, progress.filled, progress.open, progress.percent), (2, 1, 8, 3, 5, Some(30)));
    }

    fn filling_the_last_opening_closes_the_posting(db) {
        let board = Board::new(db);
        let of_four = || {
            let id = board.try_draft(posting_with(json!({"openings": 4}))).unwrap().row.id;
            board.publish(id).unwrap();
            id
        };
        let id = of_four();
        let fill = |count: u32| board.write(|tx| filling::fill(tx, id, count, None, board.now));
        let some = fill(3).unwrap().row;
        assert_eq!((some.content.0.filled, some.status), (3, PostingStatus::Published));
        for wrong in [0, 2] {
            assert!(matches!(fill(wrong), Err(PostingError::Invalid(_))));
        }
        let all = fill(1).unwrap().row;
        assert_eq!((all.content.0.filled, all.status, all.close_reason), (4, PostingStatus::Closed, Some(CloseReason::Filled)));
        assert!(matches!(fill(1), Err(PostingError::StateConflict { .. })));
        let patched = board.update(of_four(), json!({"filled": 4})).unwrap().row;
        assert_eq!((patched.status, patched.close_reason), (PostingStatus::Closed, Some(CloseReason::Filled)));
        let said = board.close(of_four(), CloseReason::Filled).unwrap().row;
        assert_eq!(said.content.0.filled, 4);
    }

    fn a_posting_that_comes_again_says_so(db) {
        let mut board = Board::new(db);
        let first = board.published("Staff RTL Engineer");
        board.now = monday_plus_days(10);
        board.close(first, CloseReason::Withdrawn).unwrap();
        let elsewhere = board.published("DFT Engineer");
        board.now = monday_plus_days(50);
        let again = board.published("Staff  RTL engineer");
        assert_eq!(board.find(again).unwrap().row.reposted_from, Some(first));
        assert_eq!(board.find(elsewhere).unwrap().row.reposted_from, None);
        board.close(again, CloseReason::Withdrawn).unwrap();
        board.now = monday_plus_days(50).plus(DAY * 91);
        let late = board.published("Staff RTL engineer");
        assert_eq!(board.find(late).unwrap().row.reposted_from, None, "that is long ago");
        let row = board.find(again).unwrap().row;
        assert_eq!((postings::trust::days_open(&board.find(first).unwrap().row, board.now), postings::trust::days_open(&row, board.now)), (Some(10), Some(0)));
    }

    fn a_campaign_is_planned_runs_and_ends(db) {
        let mut board = Board::new(db);
        let input = CampaignInput { name: "Batch".to_owned(), starts_at: Some(monday_plus_days(2)), ends_at: Some(monday_plus_days(9)), ..CampaignInput::default() };
        let id = board.in_campaigns(|tx| campaigns::create(tx, board.acme, input.clone(), &board.random, board.now)).unwrap().id;
        let second = board.in_campaigns(|tx| campaigns::create(tx, board.acme, input, &board.random, board.now)).unwrap();
        assert_eq!(second.slug, "batch-2");
        let mut seen = Vec::new();
        for day in [0, 2, 9] {
            board.now = monday_plus_days(day);
            seen.push(board.view(id).status);
        }
        assert_eq!(seen, [CampaignStatus::Planned, CampaignStatus::Active, CampaignStatus::Ended]);
        let wrong = CampaignInput { name: " ".to_owned(), goal: Some(0), starts_at: Some(board.now), ends_at: Some(board.now), ..CampaignInput::default() };
        let errors = board.in_campaigns(|tx| campaigns::create(tx, board.acme, wrong, &board.random, board.now)).unwrap_err();
        let CampaignError::Invalid(errors) = errors else { panic!("{errors}") };
        assert_eq!(errors.iter().map(|error| error.pointer.as_str()).collect::<Vec<_>>(), ["/name", "/goal", "/ends_at"]);
        let foreign = board.try_draft_of(board.employer("nova", None), posting_with(json!({}))).unwrap().row.id;
        assert!(matches!(board.join(id, &[foreign], &[]), Err(CampaignError::Invalid(_))));
        let posting = board.published("RTL Engineer");
        board.join(id, &[posting], &[]).unwrap();
        board.in_campaigns(|tx| campaigns::delete(tx, id, None, board.now)).unwrap();
        assert_eq!(board.find(posting).unwrap().row.campaign_id, None);
    }
}
