//! What the operator chose, what moderators decide, what laws want said, and what employers name themselves.

use std::collections::BTreeSet;

use diesel::prelude::*;
use mail::MailConfig;
use postings::bulk::{self, Operation};
use postings::changes::Change;
use postings::holds::HoldKind;
use postings::import::MemberRules;
use postings::lifecycle::PostingError;
use postings::reports::{self, CaseState, Decision, NewReport, ReportError, ReportReason};
use postings::review::{self, Bench, ReviewDecision};
use postings::{
    CloseReason, PayTransparency, PostingRules, PostingStatus, Review, find, schedule, transparency,
};
use serde_json::{Value, json};
use store::schema::{employers, members, outbox, users};
use store::{Db, Id, StoreError};

use crate::support::{Board, DAY, Importer, expected, many_rows, pairs, posting_with, row, row_with};

struct Court<'d> {
    board: Board<'d>,
    config: MailConfig,
    moderator: Id,
}

impl<'d> Court<'d> {
    fn new(db: &'d Db) -> Self {
        let board = Board::new(db);
        let moderator = add_user(&board, "moderator@board.example");
        let owner = add_user(&board, "owner@acme.example");
        db.write_blocking::<_, StoreError>(|tx| {
            diesel::insert_into(members::table)
                .values((
                    members::employer_id.eq(board.acme),
                    members::user_id.eq(owner),
                    members::role.eq("owner"),
                    members::created_at.eq(board.now),
                ))
                .execute(tx)?;
            Ok(())
        })
        .unwrap();
        let config = MailConfig {
            from: "Board <board@board.example>".parse().unwrap(),
            postal_address: "1 Main Street, Springfield".to_owned(),
            public_url: "https://board.example".to_owned(),
            dkim: Vec::new(),
        };
        Self {
            board,
            config,
            moderator,
        }
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            config: &self.config,
            random: &self.board.random,
            by: self.moderator,
        }
    }

    fn publish(&self, id: Id, rules: PostingRules) -> Result<PostingStatus, PostingError> {
        self.board
            .write(|tx| review::publish(tx, id, None, &rules, self.board.now))
            .map(|posting| posting.row.status)
    }

    fn approve(&self, id: Id) -> Result<PostingStatus, PostingError> {
        let seen = self.board.find(id).unwrap().row.version;
        self.approve_seen(id, seen, PostingRules::default())
    }

    fn approve_seen(&self, id: Id, seen: i32, rules: PostingRules) -> Result<PostingStatus, PostingError> {
        self.board
            .write(|tx| review::approve(tx, id, seen, &rules, &self.bench(), self.board.now))
            .map(|posting| posting.row.status)
    }

    fn mails(&self) -> Vec<(String, String, String)> {
        self.board
            .db
            .read_blocking::<_, StoreError>(|conn| {
                Ok(outbox::table
                    .order(outbox::id)
                    .select((outbox::recipient, outbox::subject, outbox::text_body))
                    .load(conn)?)
            })
            .unwrap()
    }

    fn report(&self, posting: Id, reason: ReportReason, detail: &str) -> Result<(), ReportError> {
        let new = NewReport {
            reason,
            detail: detail.to_owned(),
            email: "reader@reader.example".parse().ok(),
        };
        self.board
            .db
            .write_blocking(|tx| reports::report(tx, posting, new, &self.board.random, self.board.now))
    }

    fn decide(&self, case: Id, decision: Decision) -> Result<reports::CaseView, ReportError> {
        let words = Some("asked for a deposit".to_owned());
        self.board.db.write_blocking(|tx| {
            reports::decide(tx, case, decision, words, None, &self.bench(), self.board.now)
        })
    }

    fn open_cases(&self) -> Vec<reports::CaseView> {
        self.board
            .db
            .read_blocking(|conn| reports::list(conn, CaseState::Open, None, 10))
            .unwrap()
            .data
    }

    fn employ(&self, count: i32) {
        self.board
            .db
            .write_blocking::<_, StoreError>(|tx| {
                diesel::update(employers::table.find(self.board.acme))
                    .set(employers::employees.eq(count))
                    .execute(tx)?;
                Ok(())
            })
            .unwrap();
    }
}

fn add_user(board: &Board<'_>, email: &str) -> Id {
    let id = board.random.id(board.now);
    board
        .db
        .write_blocking::<_, StoreError>(|tx| {
            diesel::insert_into(users::table)
                .values((
                    users::id.eq(id),
                    users::email.eq(email),
                    users::name.eq("Person"),
                    users::password_hash.eq("x"),
                    users::verified_at.eq(board.now),
                    users::is_operator.eq(false),
                    users::version.eq(1),
                    users::created_at.eq(board.now),
                    users::updated_at.eq(board.now),
                ))
                .execute(tx)?;
            Ok(())
        })
        .unwrap();
    id
}

fn reviewing(review: Review) -> PostingRules {
    PostingRules {
        review,
        ..PostingRules::default()
    }
}

const REFUSING: PostingRules = PostingRules {
    review: Review::None,
    pay_transparency: PayTransparency::Refuse,
};

fn in_colorado(fields: Value) -> Value {
    let mut all = posting_with(json!({"locations": [{"city": "Denver", "region": "CO", "country": "US"}]}));
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

store::on_both! {
    fn a_posting_waits_for_a_moderator_where_the_operator_wants_it(db) {
        let court = Court::new(db);
        let board = &court.board;
        let [first, second, third] = ["RTL Engineer", "DFT Engineer", "CAD Engineer"].map(|title| board.draft(title));
        assert_eq!(court.publish(first, reviewing(Review::First)).unwrap(), PostingStatus::InReview);
        assert_eq!(court.publish(second, reviewing(Review::First)).unwrap(), PostingStatus::InReview, "none was public yet");
        let waiting = db.read_blocking(|conn| review::list_waiting(conn, None, 10)).unwrap().data;
        assert_eq!(waiting.iter().map(|posting| posting.row.id).collect::<BTreeSet<_>>(), BTreeSet::from([first, second]));
        assert!(waiting[0].row.first_revision.is_none() && !waiting[0].row.status.is_public(), "nobody sees it");
        assert_eq!(court.approve(first).unwrap(), PostingStatus::Published);
        assert_eq!(court.publish(third, reviewing(Review::First)).unwrap(), PostingStatus::Published, "the employer is known now");
        let rejected = board.write(|tx| review::reject(tx, second, "Which chip?", None, &court.bench(), board.now)).unwrap();
        assert_eq!(rejected.row.status, PostingStatus::Rejected);
        board.update(second, json!({"title": "DFT Engineer, accelerator"})).unwrap();
        assert_eq!(court.publish(second, reviewing(Review::None)).unwrap(), PostingStatus::InReview, "whatever the rules say now");
        assert_eq!(court.approve(second).unwrap(), PostingStatus::Published);
        assert!(matches!(court.approve(second), Err(PostingError::StateConflict { .. })));
        let subjects: BTreeSet<String> = court.mails().into_iter().map(|(to, subject, _)| format!("{to}: {subject}")).collect();
        assert_eq!(subjects, BTreeSet::from(["owner@acme.example: Approved: RTL Engineer", "owner@acme.example: Not approved: DFT Engineer", "owner@acme.example: Approved: DFT Engineer, accelerator"].map(str::to_owned)));
        assert!(court.mails().iter().any(|(_, subject, text)| subject.starts_with("Not") && text.contains("Which chip?")));
        let decisions = db.read_blocking(|conn| review::list_decisions(conn, second)).unwrap();
        assert!([ReviewDecision::Approved, ReviewDecision::Rejected].iter().all(|which| decisions.iter().any(|d| d.decision == *which && d.decided_by == Some(court.moderator))));
    }

    fn what_is_scheduled_is_approved_first_and_again_when_it_changes(db) {
        let court = Court::new(db);
        let board = &court.board;
        let (id, at, rules) = (board.draft("RTL Engineer"), board.now.plus(DAY), reviewing(Review::All));
        let status = |change: Result<postings::Posting, PostingError>| change.unwrap().row.status;
        assert_eq!(status(board.write(|tx| review::schedule(tx, id, at, None, &rules, board.now))), PostingStatus::InReview);
        assert_eq!(court.approve(id).unwrap(), PostingStatus::Scheduled);
        assert_eq!(status(board.write(|tx| review::update(tx, id, &json!({"openings": 9}), None, &rules, board.now))), PostingStatus::InReview);
        assert_eq!(court.approve(id).unwrap(), PostingStatus::Scheduled);
        assert_eq!(board.write(|tx| schedule::publish_due(tx, &rules, 10, at)).unwrap(), 1);
        assert_eq!(board.find(id).unwrap().row.status, PostingStatus::Published);
        let other = board.draft("DFT Engineer");
        court.publish(other, rules).unwrap();
        assert_eq!(status(board.write(|tx| schedule::unschedule(tx, other, None, board.now))), PostingStatus::Draft, "taken back");
    }

    fn what_the_law_wants_stays_said_wherever_a_posting_becomes_public(db) {
        let court = Court::new(db);
        let board = &court.board;
        let pay = json!({"base": {"min": 180_000, "max": 240_000, "currency": "USD", "period": "year"}});
        let sound = |title: &str| board.try_draft(in_colorado(json!({"title": title, "pay": pay, "benefits": ["Lunch"]}))).unwrap().row.id;
        let [scheduled, paused, closed, waiting, late] = ["One", "Two", "Three", "Four", "Five"].map(sound);
        let at = board.now.plus(DAY);
        let strip = |id: Id, rules: PostingRules| board.write(|tx| review::update(tx, id, &json!({"pay": null}), None, &rules, board.now));
        let is_refused = |outcome: Result<postings::Posting, PostingError>| matches!(outcome, Err(PostingError::Invalid(_)));
        for id in [scheduled, late] {
            board.write(|tx| review::schedule(tx, id, at, None, &REFUSING, board.now)).unwrap();
        }
        for id in [paused, closed] {
            court.publish(id, REFUSING).unwrap();
        }
        board.pause(paused).unwrap();
        board.close(closed, CloseReason::Other).unwrap();
        assert_eq!(court.publish(waiting, PostingRules { review: Review::All, ..REFUSING }).unwrap(), PostingStatus::InReview);
        for id in [scheduled, paused, waiting] {
            assert!(is_refused(strip(id, REFUSING)));
        }
        strip(closed, REFUSING).unwrap();
        assert!(is_refused(board.write(|tx| review::renew(tx, closed, None, &REFUSING, board.now))));
        let operation = Operation::Renew { id: closed };
        assert!(matches!(board.write(|tx| bulk::apply(tx, board.acme, operation, &REFUSING, &board.random, board.now)), Err(PostingError::Invalid(_))));
        // What was stripped before the operator refused it.
        for id in [waiting, late] {
            strip(id, PostingRules::default()).unwrap();
        }
        let version = board.find(waiting).unwrap().row.version;
        assert!(matches!(court.approve_seen(waiting, version - 1, REFUSING), Err(PostingError::VersionConflict { .. })), "it was changed since");
        assert!(matches!(court.approve_seen(waiting, version, REFUSING), Err(PostingError::Invalid(_))));
        assert_eq!(board.write(|tx| schedule::publish_due(tx, &REFUSING, 10, at)).unwrap(), 2);
        assert_eq!([scheduled, late].map(|id| board.find(id).unwrap().row.status), [PostingStatus::Published, PostingStatus::Draft]);
    }

    fn what_was_changed_after_it_ended_is_looked_at_before_it_is_renewed(db) {
        let court = Court::new(db);
        let board = &court.board;
        let rules = reviewing(Review::All);
        let [same, other] = ["RTL Engineer", "DFT Engineer"].map(|title| board.published(title));
        for id in [same, other] {
            board.close(id, CloseReason::Filled).unwrap();
        }
        board.update(other, json!({"title": "Send us a deposit"})).unwrap();
        let renew = |id: Id| board.write(|tx| review::renew(tx, id, None, &rules, board.now)).unwrap().row.status;
        assert_eq!((renew(same), renew(other)), (PostingStatus::Published, PostingStatus::InReview));
        let before = board.find(other).unwrap().row;
        assert!(board.changes(0).iter().any(|(_, change)| matches!(change, Change::Remove(id) if *id == other)), "nobody sees it");
        assert_eq!(court.approve(other).unwrap(), PostingStatus::Published);
        let after = board.find(other).unwrap().row;
        assert_eq!((after.published_at, after.reposted_from), (before.published_at, None), "it is no new posting");
    }

    fn a_rejected_posting_that_was_taken_back_still_waits(db) {
        let court = Court::new(db);
        let board = &court.board;
        board.published("RTL Engineer");
        let id = board.draft("DFT Engineer");
        assert_eq!(court.publish(id, reviewing(Review::All)).unwrap(), PostingStatus::InReview);
        board.write(|tx| review::reject(tx, id, "Which chip?", None, &court.bench(), board.now)).unwrap();
        assert_eq!(court.publish(id, reviewing(Review::First)).unwrap(), PostingStatus::InReview);
        board.write(|tx| schedule::unschedule(tx, id, None, board.now)).unwrap();
        let at = board.now.plus(DAY);
        let scheduled = board.write(|tx| review::schedule(tx, id, at, None, &reviewing(Review::First), board.now)).unwrap();
        assert_eq!(scheduled.row.status, PostingStatus::InReview);
        board.write(|tx| schedule::unschedule(tx, id, None, board.now)).unwrap();
        assert_eq!(court.publish(id, reviewing(Review::First)).unwrap(), PostingStatus::InReview);
        assert_eq!(court.approve(id).unwrap(), PostingStatus::Published);
        board.close(id, CloseReason::Other).unwrap();
        let renewed = board.write(|tx| review::renew(tx, id, None, &reviewing(Review::First), board.now)).unwrap();
        assert_eq!(renewed.row.status, PostingStatus::Published, "the last word was yes");
    }

    fn an_import_does_not_bring_back_what_a_moderator_closed(db) {
        let court = Court::new(db);
        let importer = Importer::new(db);
        let shown = |title: &str| row_with("1", json!({"title": title}));
        importer.rows(&[shown("RTL Engineer")]);
        let id = importer.posting("board", "1").row.id;
        court.report(id, ReportReason::Scam, "They asked for money.").unwrap();
        // Its source had stopped showing it, so that the moderator's hold was upon nothing public.
        importer.rows(&[row_with("1", json!({"active": false}))]);
        assert_eq!(court.board.find(id).unwrap().row.status, PostingStatus::Closed);
        let case = court.open_cases()[0].case.id;
        court.decide(case, Decision::Close).unwrap();
        importer.rows(&[shown("Senior RTL Engineer")]);
        assert_eq!(court.board.find(id).unwrap().row.status, PostingStatus::Paused);
        assert!(matches!(court.board.resume(id), Err(PostingError::Held(HoldKind::Moderation))));
    }

    fn what_members_import_is_looked_at_like_what_they_write(db) {
        let court = Court::new(db);
        let mut importer = Importer::for_employer(db, "acme-compute");
        // The operator, and a board that is fetched: nobody waits.
        assert_eq!(importer.rows(&[row_with("0", json!({}))]).waiting, 0);
        assert_eq!(importer.posting("board", "0").row.status, PostingStatus::Published);
        let rules = |review, live_postings, drafts| Some(MemberRules { review, live_postings, drafts });
        importer.options.members = rules(Review::First, 100, 100);
        let seen = row_with("1", json!({"title": "RTL Engineer", "posted_at": "2026-11-01"}));
        let summary = importer.rows(&[seen.clone(), row_with("2", json!({"title": "DFT Engineer"}))]);
        assert_eq!((summary.created, summary.waiting, summary.rejected), (2, 2, 0));
        let posting = importer.posting("board", "1");
        assert_eq!((posting.row.status, posting.row.revision, posting.row.first_revision), (PostingStatus::InReview, None, None));
        assert!(!posting.row.status.is_public(), "nobody sees it");
        // The same again changes nothing, other words are what the moderator sees, and what is over is not asked about.
        assert_eq!(importer.rows(&[seen]).unchanged, 1);
        let summary = importer.rows(&[row_with("1", json!({"title": "Senior RTL Engineer", "posted_at": "2026-11-01"})), row_with("2", json!({"title": "DFT Engineer", "active": false}))]);
        assert_eq!((summary.updated, summary.waiting), (2, 0));
        let posting = importer.posting("board", "1");
        assert_eq!((posting.row.status, posting.row.revision), (PostingStatus::InReview, None));
        assert_eq!(importer.posting("board", "2").row.status, PostingStatus::Closed);
        assert_eq!(importer.posting("board", "2").row.revision, None, "no reader ever heard of it");
        assert_eq!(court.approve(posting.row.id).unwrap(), PostingStatus::Published);
        let posting = importer.posting("board", "1");
        assert!(posting.row.first_revision.is_some());
        assert_eq!(posting.row.published_at.unwrap().to_string(), "2026-11-01T00:00:00Z", "since when its source shows it");
        assert_eq!(importer.rows(&[row("3")]).waiting, 0, "a moderator knows the employer now");
        // Where all are looked at: also what comes back with other words, but not what comes back as it was.
        importer.options.members = rules(Review::All, 100, 100);
        let shown = |title: &str, active: bool| row_with("1", json!({"title": title, "posted_at": "2026-11-01", "active": active}));
        importer.rows(&[shown("Senior RTL Engineer", false)]);
        importer.rows(&[shown("Senior RTL Engineer", true)]);
        assert_eq!(importer.posting("board", "1").row.status, PostingStatus::Published);
        importer.rows(&[shown("Senior RTL Engineer", false)]);
        importer.rows(&[shown("Work from home, call now", true)]);
        assert_eq!(importer.posting("board", "1").row.status, PostingStatus::InReview);
        let rejected = court.board.write(|tx| review::reject(tx, importer.posting("board", "1").row.id, "No.", None, &court.bench(), court.board.now)).unwrap();
        assert_eq!(court.publish(rejected.row.id, reviewing(Review::None)).unwrap(), PostingStatus::InReview, "its source does not help");
    }

    fn members_import_no_more_than_there_is_room_for(db) {
        let _court = Court::new(db);
        let mut importer = Importer::for_employer(db, "acme-compute");
        importer.options.members = Some(MemberRules { review: Review::None, live_postings: 3, drafts: 1 });
        let summary = importer.rows(&many_rows(5));
        assert_eq!((summary.created, summary.reasons.get("quota_exceeded")), (3, Some(&2)), "{summary:?}");
        assert_eq!(importer.rows(&many_rows(3)).unchanged, 3, "what is there may be imported again");
        importer.rows(&[row_with("0", json!({"active": false}))]);
        assert_eq!(importer.rows(&[row("4")]).created, 1, "one ended, so another may come");
        let summary = importer.rows(&[row("0")]);
        assert_eq!((summary.updated, summary.rejected), (0, 1), "and the first finds no room any more");
        importer.options.members = Some(MemberRules { review: Review::All, live_postings: 3, drafts: 1 });
        let summary = importer.rows(&[row("7"), row("8")]);
        assert_eq!((summary.waiting, summary.rejected), (1, 1), "what waits is counted among the drafts");
    }

    fn several_reports_are_one_case_and_each_decision_is_remembered(db) {
        let court = Court::new(db);
        let board = &court.board;
        let (bad, other) = (board.published("RTL Engineer"), board.published("DFT Engineer"));
        for n in 0..3 {
            court.report(bad, if n == 0 { ReportReason::Scam } else { ReportReason::NotReal }, "They asked for money.").unwrap();
        }
        court.report(other, ReportReason::Other, "It moved.").unwrap();
        assert!(matches!(court.report(other, ReportReason::Other, " "), Err(ReportError::Invalid(_))));
        let mut cases = court.open_cases();
        cases.sort_by_key(|view| view.case.reports);
        assert_eq!(cases.iter().map(|view| (view.case.posting_id, view.case.reports)).collect::<Vec<_>>(), [(other, 1), (bad, 3)]);
        assert_eq!((cases[1].reasons["scam"], cases[1].reasons["not_real"]), (1, 2));
        let case = cases[1].case.id;
        let frozen = court.decide(case, Decision::Freeze).unwrap();
        assert_eq!((frozen.case.state, board.find(bad).unwrap().row.status), (CaseState::Open, PostingStatus::Paused));
        assert!(matches!(board.resume(bad), Err(PostingError::Held(HoldKind::Moderation))), "its employer cannot bring it back");
        assert!(matches!(court.decide(case, Decision::Freeze), Err(ReportError::StateConflict(_))));
        court.decide(case, Decision::Unfreeze).unwrap();
        assert_eq!(board.find(bad).unwrap().row.status, PostingStatus::Published);
        let closed = court.decide(case, Decision::Close).unwrap();
        assert_eq!((closed.case.state, closed.decisions.len(), closed.latest[0].email.as_ref()), (CaseState::Acted, 3, None));
        assert!(closed.decisions.iter().all(|decision| decision.decided_by == Some(court.moderator)));
        assert_eq!(board.find(bad).unwrap().row.status, PostingStatus::Closed);
        assert_eq!(board.renew(bad).unwrap().row.status, PostingStatus::Paused, "renewing does not bring it back");
        assert!(matches!(court.decide(case, Decision::Dismiss), Err(ReportError::StateConflict(_))));
        let subjects: BTreeSet<String> = court.mails().into_iter().map(|(_, subject, _)| subject).collect();
        assert_eq!(subjects, BTreeSet::from(["Taken out of search: RTL Engineer", "Released by a moderator: RTL Engineer", "Closed by a moderator: RTL Engineer"].map(str::to_owned)));
        assert!(court.mails()[0].2.contains("asked for a deposit"));
        let dismissed = court.decide(cases[0].case.id, Decision::Dismiss).unwrap();
        assert_eq!((dismissed.case.state, board.find(other).unwrap().row.status), (CaseState::Dismissed, PostingStatus::Published));
        court.report(other, ReportReason::Scam, "").unwrap();
        assert_eq!(court.open_cases().len(), 1, "a new report opens a new case");
    }

    fn a_posting_that_does_not_say_what_the_law_wants_is_refused_where_the_operator_wants_it(db) {
        let court = Court::new(db);
        let board = &court.board;
        let silent = board.try_draft(in_colorado(json!({}))).unwrap().row.id;
        let PostingError::Invalid(errors) = court.publish(silent, REFUSING).unwrap_err() else { panic!() };
        assert_eq!(pairs(errors.clone()), expected(&[("/pay", "law_pay"), ("/benefits", "law_benefits")]));
        assert!(errors[0].detail.contains("Colorado") && errors[0].detail.contains("not legal advice"), "{}", errors[0].detail);
        let assessment = db.read_blocking(|conn| {
            let posting = find::find(conn, silent)?.unwrap();
            transparency::assess_posting(conn, &posting, board.now)
        }).unwrap();
        assert!(assessment.is_missing_something && assessment.verdicts[0].law.contains("C.R.S."));
        let pay = json!({"base": {"min": 180_000, "max": 240_000, "currency": "USD", "period": "year"}});
        board.update(silent, json!({"pay": pay, "benefits": ["Health insurance"]})).unwrap();
        assert_eq!(court.publish(silent, REFUSING).unwrap(), PostingStatus::Published);
        let stripped = board.write(|tx| review::update(tx, silent, &json!({"pay": null}), None, &REFUSING, board.now));
        assert!(matches!(stripped, Err(PostingError::Invalid(_))), "nor may a public one stop saying it");
        assert_eq!(court.publish(board.try_draft(in_colorado(json!({"title": "Other"}))).unwrap().row.id, PostingRules::default()).unwrap(), PostingStatus::Published, "only warned of");
        // New York asks employers of four and more.
        let albany = |title: &str| board.try_draft(posting_with(json!({"title": title, "locations": [{"city": "Albany", "region": "NY", "country": "US"}]}))).unwrap().row.id;
        court.employ(3);
        assert_eq!(court.publish(albany("One"), REFUSING).unwrap(), PostingStatus::Published);
        court.employ(4);
        assert!(matches!(court.publish(albany("Two"), REFUSING), Err(PostingError::Invalid(_))));
    }

    fn attributes_are_kept_shown_and_filtered(db) {
        let board = Board::new(db);
        let with = |title: &str, attributes: Value| board.try_draft(posting_with(json!({"title": title, "attributes": attributes})));
        with("One", json!({"team": "Phy \"A\"", "size": 4, "lead": true, "ratio": 0.5})).unwrap();
        with("Two", json!({"team": "phy", "size": "4", "lead": false, "ratio": 2.0})).unwrap();
        with("Three", json!({})).unwrap();
        let found = |filters: &[(&str, &str)]| -> Vec<String> {
            let filters: Vec<(String, String)> = filters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let page = db.read_blocking(|conn| find::list_of_employer(conn, board.acme, PostingStatus::ALL, &filters, None, 10)).unwrap();
            page.data.iter().map(|posting| posting.content().title.clone()).collect()
        };
        assert_eq!(found(&[]), ["Three", "Two", "One"]);
        assert_eq!(found(&[("team", "Phy \"A\"")]), ["One"]);
        assert_eq!(found(&[("size", "4")]), ["Two", "One"], "a number and a text alike");
        assert_eq!((found(&[("size", "4"), ("lead", "true")]), found(&[("ratio", "2")]), found(&[("ratio", "0.5")])), (vec!["One".to_owned()], vec!["Two".to_owned()], vec!["One".to_owned()]));
        assert!(found(&[("nothing", "4")]).is_empty() && found(&[("x'; --", "4")]).is_empty());
        let PostingError::Invalid(errors) = with("Bad", json!({"Team": "x", "ok": " ", "long": "x".repeat(201), "big": 1e16})).unwrap_err() else { panic!() };
        assert_eq!(pairs(errors.clone()), expected(&[("/attributes", "name_invalid"), ("/attributes/big", "number_out_of_range"), ("/attributes/long", "value_too_long"), ("/attributes/ok", "value_missing")]));
        let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("a{n}"), json!(n))).collect();
        assert!(matches!(with("Many", many.into()), Err(PostingError::Invalid(_))));
        let id = with("Patched", json!({"size": 1, "team": "x"})).unwrap().row.id;
        let patched = board.update(id, json!({"attributes": {"size": null, "floor": 2}})).unwrap();
        assert_eq!(serde_json::to_value(&patched.content().attributes).unwrap(), json!({"floor": 2, "team": "x"}));
    }

    fn what_laws_and_readers_want_told_is_kept(db) {
        let board = Board::new(db);
        let posting = board.try_draft(posting_with(json!({"disclosures": {"ai_screening": false, "vacancy": "existing"}, "remote_utc_offsets": {"min": -8, "max": -4.5}}))).unwrap();
        let content = serde_json::to_value(posting.content()).unwrap();
        assert_eq!((&content["disclosures"], &content["remote_utc_offsets"]), (&json!({"ai_screening": false, "vacancy": "existing"}), &json!({"min": -8.0, "max": -4.5})));
        let patched = board.update(posting.row.id, json!({"openings": 2})).unwrap();
        assert_eq!(patched.content().disclosures, posting.content().disclosures);
        let wrong = board.try_draft(posting_with(json!({"remote_utc_offsets": {"min": 3, "max": 2}})));
        assert!(matches!(wrong, Err(PostingError::Invalid(_))));
    }
}
