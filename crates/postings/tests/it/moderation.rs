//! What the operator chose, what moderators decide, what laws want said, and what employers name themselves.

use std::collections::BTreeSet;

use diesel::prelude::*;
use mail::MailConfig;
use postings::holds::HoldKind;
use postings::lifecycle::PostingError;
use postings::reports::{self, CaseState, Decision, NewReport, ReportError, ReportReason};
use postings::review::{self, Bench, ReviewDecision};
use postings::{PayTransparency, PostingRules, PostingStatus, Review, find, schedule, transparency};
use serde_json::{Value, json};
use store::schema::{employers, members, outbox, users};
use store::{Db, Id, StoreError};

use crate::support::{Board, DAY, expected, pairs, posting_with};

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
        self.board
            .write(|tx| review::approve(tx, id, None, &self.bench(), self.board.now))
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
        assert_eq!(board.write(|tx| schedule::publish_due(tx, 10, at)).unwrap(), 1);
        assert_eq!(board.find(id).unwrap().row.status, PostingStatus::Published);
        let other = board.draft("DFT Engineer");
        court.publish(other, rules).unwrap();
        assert_eq!(status(board.write(|tx| schedule::unschedule(tx, other, None, board.now))), PostingStatus::Draft, "taken back");
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
