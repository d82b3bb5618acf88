//! Boards' answers: every oddity of their formats, and what may be concluded from an answer. Made-up employers only.

use postings::import::{self, BoardState, ChangeKind, Format, ImportError, Summary};
use postings::{CloseReason, PostingContent, PostingStatus};
use serde_json::{Value, json};
use store::on_both;
use taxonomy::{EmploymentType, Provenance, Workplace};

use crate::support::{Board, Importer, counts, monday_plus_days};

/// An import of Acme's board of one system.
pub(crate) fn acme(db: &store::Db, format: Format) -> Importer<'_> {
    let mut importer = Importer::for_employer(db, "acme-compute");
    importer.options.format = format;
    importer
}

pub(crate) fn answer(importer: &Importer<'_>, answer: &Value) -> Summary {
    importer.bytes(answer.to_string().as_bytes())
}

/// A row with some fields other than usual.
pub(crate) fn with(mut row: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

pub(crate) fn greenhouse(id: u64) -> Value {
    json!({"id": id, "internal_job_id": 9, "title": " RTL Engineer ", "company_name": "Acme Compute ",
        "absolute_url": format!("https://acme.example/careers?gh_jid={id}"), "location": {"name": "Austin, TX"},
        "updated_at": "2026-11-01T17:05:44-04:00", "first_published": "2026-09-29T02:02:50-04:00",
        "content": "&lt;p&gt;Own &lt;strong&gt;timing&lt;/strong&gt; &amp;amp; power.&lt;/p&gt;"})
}

pub(crate) fn list(rows: &[Value]) -> Value {
    json!({"jobs": rows, "meta": {"total": rows.len()}})
}

fn lever(id: &str) -> Value {
    json!({"id": id, "text": "Physical Design Engineer", "createdAt": 1_787_046_089_466_u64, "country": "US",
        "categories": {"commitment": "Full-time", "location": "Austin, TX", "allLocations": ["Austin, TX", "Toronto, ON"]},
        "workplaceType": "hybrid", "opening": "<div>About us</div>", "openingPlain": "About us",
        "description": "<div>About us</div><div>Own timing closure.</div>", "descriptionPlain": "About us\nOwn timing closure.",
        "descriptionBody": "", "descriptionBodyPlain": "",
        "lists": [{"text": "Tools & flows", "content": "<li>Innovus</li><li>5 nm</li>"}], "additional": "", "additionalPlain": "",
        "hostedUrl": format!("https://jobs.lever.co/acme/{id}"), "applyUrl": format!("https://jobs.lever.co/acme/{id}/apply")})
}

fn ashby(id: &str) -> Value {
    json!({"id": id, "title": " Training Engineer", "employmentType": "FullTime", "location": "San Francisco, CA (HQ)",
        "secondaryLocations": [{"location": "Remote (Canada)", "address": {"postalAddress": {"addressCountry": "Canada"}}}],
        "address": {"postalAddress": {"addressLocality": "San Francisco", "addressRegion": "California", "addressCountry": "USA"}},
        "isRemote": true, "workplaceType": "Hybrid", "publishedAt": "2026-10-07T17:12:35.753+00:00", "isListed": true,
        "jobUrl": format!("https://jobs.ashbyhq.com/acme/{id}"), "applyUrl": format!("https://jobs.ashbyhq.com/acme/{id}/application"),
        "descriptionHtml": "<p>Keep 20k GPUs busy.</p>", "descriptionPlain": "Keep 20k GPUs busy.",
        "shouldDisplayCompensationOnJobPostings": true})
}

fn ashby_list(rows: &[Value]) -> Value {
    json!({"apiVersion": "1", "jobs": rows})
}

fn salary(min: f64, max: f64, interval: &str) -> Value {
    json!({"compensationType": "Salary", "interval": interval, "currencyCode": "USD", "minValue": min, "maxValue": max})
}

fn places(content: &PostingContent) -> Vec<String> {
    content.locations.iter().map(postings::Location::label).collect()
}

fn base(content: &PostingContent) -> Option<String> {
    content.pay.as_ref()?.base.as_ref().map(postings::PayBand::label)
}

fn content(importer: &Importer<'_>, source_id: &str) -> PostingContent {
    importer
        .posting(importer.options.format.as_str(), source_id)
        .row
        .content
        .0
}

on_both! {
    fn a_greenhouse_row_is_read_with_all_its_oddities(db) {
        let importer = acme(db, Format::Greenhouse);
        let row = with(greenhouse(7_954_688_002), json!({
            "location": {"name": "Abilene, TX; Remote - US"}, "application_deadline": "2026-12-24T00:00:00Z",
            "metadata": [{"name": "Shift", "value": ["Nights"], "value_type": "multi_select"}, {"name": "Clearance", "value": null},
                {"name": "Employment Type", "value": "Full-time"}, {"name": "Baseline Budgeted Salary",
                    "value": {"unit": "USD", "min_value": "1", "max_value": "2"}, "value_type": "currency_range"}],
            "pay_input_ranges": [{"min_cents": 9_800_000, "max_cents": 13_200_000, "currency_type": "USD", "title": "Annual base"},
                {"min_cents": 4_500, "max_cents": 6_000, "currency_type": "USD", "title": "Night shift", "blurb": "<p>hourly</p>"}],
        }));
        assert_eq!(counts(&answer(&importer, &list(&[row]))), [1, 0, 0, 0, 0]);
        let posting = importer.posting("greenhouse", "7954688002");
        let said = &posting.row.content.0;
        assert_eq!((said.title.as_str(), said.description_html.as_str()), ("RTL Engineer", "<p>Own <strong>timing</strong> &amp; power.</p>"));
        assert_eq!(said.apply.as_ref().unwrap().url.as_deref(), Some("https://acme.example/careers?gh_jid=7954688002"), "gh_jid stays");
        assert_eq!((places(said), said.remote_from.clone()), (vec!["Abilene, TX, US".to_owned()], vec!["US".to_owned()]));
        assert_eq!(said.employment_type, Some(EmploymentType::FullTime));
        assert_eq!(base(said).as_deref(), Some("USD 98,000 – 132,000 a year"), "cents, and a period only in words");
        assert_eq!(said.pay.as_ref().unwrap().ranges[0].label(), "USD 45 – 60 an hour");
        assert_eq!(posting.row.published_at, Some("2026-09-29T06:02:50Z".parse().unwrap()), "not the time of an edit");
        assert_eq!(posting.row.expires_at, Some("2026-12-24T00:00:00Z".parse().unwrap()));
        assert_eq!(said.provenance["pay"], Provenance::Carried);
    }

    fn a_greenhouse_posting_without_a_position_is_not_taken_and_internal_pay_is_none(db) {
        let importer = acme(db, Format::Greenhouse);
        let budget = json!({"name": "Baseline Budgeted Salary", "value": {"unit": "USD", "max_value": "200000"}});
        let rows = [with(greenhouse(1), json!({"internal_job_id": null})), with(greenhouse(2), json!({"metadata": [budget]})),
            with(greenhouse(3), json!({"pay_input_ranges": [{"min_cents": 100_000, "max_cents": 200_000, "currency_type": "USD", "title": "Base"}]}))];
        let summary = answer(&importer, &list(&rows));
        assert_eq!((counts(&summary), summary.reasons["posting_prospect"]), ([2, 0, 0, 0, 1], 1));
        assert_eq!(content(&importer, "2").pay, None, "a budget is not an offer");
        assert_eq!(content(&importer, "3").pay, None, "1,000 to 2,000 of an unknown period");
    }

    fn a_greenhouse_list_without_descriptions_takes_none_away(db) {
        let importer = acme(db, Format::Greenhouse);
        let pay = json!({"pay_input_ranges": [{"min_cents": 9_800_000, "max_cents": 13_200_000, "currency_type": "USD", "title": "Annual"}]});
        answer(&importer, &list(&[with(greenhouse(1), pay)]));
        let mut bare = with(greenhouse(1), json!({"title": "Senior RTL Engineer", "updated_at": "2026-11-20T00:00:00Z"}));
        bare.as_object_mut().unwrap().remove("content");
        assert_eq!(counts(&answer(&importer, &list(std::slice::from_ref(&bare)))), [0, 1, 0, 0, 0]);
        let said = content(&importer, "1");
        assert_eq!((said.title.as_str(), said.description_text.as_str()), ("Senior RTL Engineer", "Own timing & power."));
        assert!(base(&said).is_some(), "nobody asked for pay, so nothing is known about it");
        assert_eq!(said.provenance["pay"], Provenance::Carried);
        let emptied = with(bare, json!({"content": "", "pay_input_ranges": []}));
        answer(&importer, &list(&[emptied]));
        assert_eq!((content(&importer, "1").description_text.as_str(), content(&importer, "1").pay), ("", None), "now it is said");
    }

    fn an_edit_that_nobody_can_see_is_no_edit(db) {
        let importer = acme(db, Format::Greenhouse);
        let board = Board::new(db);
        answer(&importer, &list(&[greenhouse(1)]));
        let before = (board.revision(), importer.posting("greenhouse", "1"));
        let touched = with(greenhouse(1), json!({"updated_at": "2026-11-22T00:00:00Z", "title": "RTL  Engineer", "requisition_id": "X"}));
        assert_eq!(counts(&answer(&importer, &list(&[touched]))), [0, 0, 1, 0, 0]);
        assert_eq!(importer.posting("greenhouse", "1").row.version, before.1.row.version);
    }

    fn a_lever_row_is_read_with_all_its_oddities(db) {
        let importer = acme(db, Format::Lever);
        let pay = |min: u32, max: u32, interval: &str| json!({"salaryRange": {"min": min, "max": max, "currency": "USD", "interval": interval}});
        let rows = [
            with(lever("full"), pay(185_000, 265_000, "per-year-salary")),
            with(lever("hour"), pay(48, 60, "per-hour-wage")),
            with(lever("zero"), pay(0, 0, "per-month-salary")),
            with(lever("turned"), pay(200_000, 100_000, "per-year-salary")),
            with(lever("nonsense"), pay(185_000, 265_000, "per-hour-wage")),
            with(lever("onsite"), json!({"workplaceType": "onsite", "country": "DZ", "categories": {"location": "Nowheretown"}})),
            with(lever("unspecified"), json!({"workplaceType": "unspecified", "categories": {}, "country": null})),
            with(lever("remote"), json!({"workplaceType": "remote", "country": "PT", "categories": {"location": "Remote"}})),
        ];
        assert_eq!(counts(&answer(&importer, &Value::from(rows.to_vec()))), [8, 0, 0, 0, 0]);
        let said = content(&importer, "full");
        assert_eq!(said.description_text, "About us\nOwn timing closure.\n\nTools & flows\n\n- Innovus\n- 5 nm", "the intro once");
        assert_eq!(places(&said), ["Austin, TX, US", "Toronto, ON, CA"], "the country is that of the main place alone");
        assert_eq!((said.workplace, said.employment_type), (Some(Workplace::Hybrid), Some(EmploymentType::FullTime)));
        assert_eq!(importer.posting("lever", "full").row.published_at.unwrap().seconds(), 1_787_046_089, "milliseconds");
        let pays: Vec<_> = ["full", "hour", "zero", "turned", "nonsense"].map(|id| base(&content(&importer, id))).into();
        assert_eq!(pays, [Some("USD 185,000 – 265,000 a year".to_owned()), Some("USD 48 – 60 an hour".to_owned()), None, None, None]);
        let workplaces = ["onsite", "unspecified", "remote"].map(|id| content(&importer, id).workplace);
        assert_eq!(workplaces, [Some(Workplace::OnSite), None, Some(Workplace::Remote)]);
        assert_eq!(places(&content(&importer, "onsite")), ["Nowheretown, DZ"]);
        assert_eq!(content(&importer, "remote").remote_from, ["PT"]);
    }

    fn an_ashby_row_is_read_with_all_its_oddities(db) {
        let importer = acme(db, Format::Ashby);
        let equity = json!({"compensationType": "EquityPercentage", "interval": "NONE", "currencyCode": null, "minValue": null, "maxValue": null});
        let tiers = json!({"compensation": {"compensationTiers": [
            {"title": "US - L5", "components": [equity.clone(), salary(250_000.0, 445_000.0, "1 YEAR")]},
            {"title": "US - L4", "components": [salary(210_000.0, 300_000.0, "1 YEAR")]}]}});
        let hollow = json!({"compensation": {"compensationTierSummary": null, "compensationTiers": [], "summaryComponents": []}});
        let summary_only = json!({"compensation": {"compensationTiers": [], "summaryComponents": [equity, salary(600.0, 1200.0, "6 MONTH"), salary(40.0, 50.0, "1 HOUR")]}});
        let flat = json!({"secondaryLocations": [{"location": "Toronto", "address": {"addressLocality": "Toronto", "addressCountry": "Canada"}}],
            "isRemote": true, "workplaceType": null, "employmentType": null});
        let rows = [with(ashby("tiers"), tiers.clone()), with(ashby("hollow"), hollow), with(ashby("summary"), summary_only),
            with(ashby("flat"), flat), with(ashby("onsite"), json!({"workplaceType": "Onsite", "compensation": null, "address": null}))];
        assert_eq!(counts(&answer(&importer, &ashby_list(&rows))), [5, 0, 0, 0, 0]);
        let said = content(&importer, "tiers");
        assert_eq!((said.title.as_str(), said.workplace), ("Training Engineer", Some(Workplace::Hybrid)), "isRemote says nothing");
        assert_eq!((places(&said), said.remote_from.clone()), (vec!["San Francisco, CA, US".to_owned()], vec!["CA".to_owned()]));
        let pay = said.pay.clone().unwrap();
        assert_eq!((base(&said).as_deref(), pay.base.unwrap().applies_to.as_deref()), (Some("USD 250,000 – 445,000 a year"), Some("US - L5")), "salary is not first");
        assert_eq!((pay.ranges[0].applies_to.as_deref(), pay.equity.is_some()), (Some("US - L4"), true));
        assert_eq!(content(&importer, "hollow").pay, None);
        assert_eq!(base(&content(&importer, "summary")).as_deref(), Some("USD 100 – 200 a month"), "a sum for half a year");
        let flat = content(&importer, "flat");
        assert_eq!((places(&flat), flat.workplace), (vec!["San Francisco, CA, US".to_owned(), "Toronto, ON, CA".to_owned()], None));
        let onsite = content(&importer, "onsite");
        assert_eq!((onsite.workplace, places(&onsite)), (Some(Workplace::OnSite), vec!["San Francisco, CA, US".to_owned()]), "without (HQ)");
    }

    fn pay_that_ashby_hides_stays_hidden_also_when_it_was_shown_before(db) {
        let importer = acme(db, Format::Ashby);
        let board = Board::new(db);
        let pay = json!({"compensation": {"compensationTiers": [{"title": null, "components": [salary(250_000.0, 445_000.0, "1 YEAR")]}]}});
        let hidden = with(with(ashby("1"), pay.clone()), json!({"shouldDisplayCompensationOnJobPostings": false}));
        answer(&importer, &ashby_list(std::slice::from_ref(&hidden)));
        assert_eq!(content(&importer, "1").pay, None);
        answer(&importer, &ashby_list(&[with(ashby("1"), pay)]));
        assert!(content(&importer, "1").pay.is_some());
        let mut unasked = hidden;
        unasked.as_object_mut().unwrap().remove("compensation");
        answer(&importer, &ashby_list(&[unasked]));
        assert_eq!(content(&importer, "1").pay, None);
        let id = importer.posting("ashby", "1").row.id;
        let kept = db.read_blocking(|conn| postings::find::list_versions(conn, id, 10)).unwrap();
        assert_eq!(kept.iter().filter(|(_, content, _)| content.pay.is_some()).count(), 1, "only while it was shown");
        assert!(board.changes(0).len() == 1);
    }

    fn what_a_board_does_not_list_is_not_taken_and_counts_as_gone(db) {
        let importer = acme(db, Format::Ashby);
        answer(&importer, &ashby_list(&[ashby("1"), ashby("2")]));
        let summary = answer(&importer, &ashby_list(&[ashby("1"), with(ashby("2"), json!({"isListed": false}))]));
        assert_eq!((counts(&summary), summary.reasons["posting_unlisted"]), ([0, 0, 1, 1, 1], 1));
        assert_eq!(importer.posting("ashby", "2").row.status, PostingStatus::Closed);
    }

    fn a_board_closes_what_it_no_longer_shows_and_brings_it_back(db) {
        let mut importer = acme(db, Format::Greenhouse);
        let board = Board::new(db);
        answer(&importer, &list(&[greenhouse(1), greenhouse(2)]));
        importer.now = monday_plus_days(1);
        let edited = with(greenhouse(1), json!({"title": "RTL Engineer II"}));
        let summary = answer(&importer, &list(&[edited.clone(), greenhouse(3)]));
        assert_eq!(counts(&summary), [1, 1, 0, 1, 0]);
        let changes: Vec<_> = summary.changes.iter().map(|c| (c.kind, c.source_id.as_str(), c.fields.clone())).collect();
        assert_eq!(changes, [(ChangeKind::Updated, "1", vec!["seniority".to_owned(), "title".to_owned()]), (ChangeKind::Created, "3", vec![]), (ChangeKind::Closed, "2", vec![])]);
        let gone = importer.posting("greenhouse", "2").row;
        assert_eq!((gone.status, gone.close_reason, gone.closed_at), (PostingStatus::Closed, Some(CloseReason::Other), Some(importer.now)));
        assert!(gone.revision.unwrap() >= board.revision() - 1, "readers of changes hear of it");
        let summary = answer(&importer, &list(&[edited, greenhouse(2), greenhouse(3)]));
        assert_eq!((counts(&summary), summary.changes[0].kind), ([0, 1, 2, 0, 0], ChangeKind::Reopened), "though its row is as it was");
        assert_eq!(importer.posting("greenhouse", "2").row.status, PostingStatus::Published);
        assert_eq!(counts(&answer(&importer, &list(&[greenhouse(2), greenhouse(3)]))), [0, 0, 2, 1, 0]);
    }

    fn a_posting_that_a_person_ended_stays_ended_when_its_board_shows_it_again(db) {
        let importer = acme(db, Format::Greenhouse);
        let board = Board::new(db);
        answer(&importer, &list(&[greenhouse(1), greenhouse(2)]));
        board.close(importer.posting("greenhouse", "1").row.id, CloseReason::Filled).unwrap();
        answer(&importer, &list(&[greenhouse(2)]));
        answer(&importer, &list(&[greenhouse(1), greenhouse(2)]));
        assert_eq!(importer.posting("greenhouse", "1").row.close_reason, Some(CloseReason::Filled));
    }

    fn an_empty_or_shrunken_answer_closes_nothing_until_a_person_looked(db) {
        let mut importer = acme(db, Format::Greenhouse);
        let board = Board::new(db);
        let rows: Vec<Value> = (1..=10).map(greenhouse).collect();
        answer(&importer, &list(&rows));
        let before = board.revision();
        for few in [&rows[..0], &rows[..4]] {
            let summary = answer(&importer, &list(few));
            let outcome = summary.board.clone().unwrap();
            assert_eq!((outcome.state, outcome.held, summary.closed), (BoardState::Suspect, 10 - few.len() as u64, 0));
            let kept = db.read_blocking(|conn| import::find_board(conn, outcome.id.unwrap())).unwrap().unwrap();
            assert_eq!((kept.state, kept.reason), (BoardState::Suspect, outcome.reason));
        }
        assert_eq!(board.revision(), before, "nobody hears of it");
        let summary = answer(&importer, &list(&rows[..9]));
        assert_eq!((counts(&summary), summary.board.unwrap().state), ([0, 0, 9, 1, 0], BoardState::Healthy));
        importer.options.is_confirmed = true;
        let summary = answer(&importer, &list(&rows[..1]));
        assert_eq!((counts(&summary), summary.board.unwrap().state), ([0, 0, 1, 8, 0], BoardState::Healthy));
    }

    fn an_answer_that_is_not_whole_closes_nothing(db) {
        let importer = acme(db, Format::Greenhouse);
        answer(&importer, &list(&[greenhouse(1), greenhouse(2)]));
        let of_more = json!({"jobs": [greenhouse(1)], "meta": {"total": 2}});
        let untold = json!({"jobs": [greenhouse(1)]});
        let nameless = with(greenhouse(3), json!({"id": null}));
        let unreadable = json!({"jobs": [greenhouse(1), nameless], "meta": {"total": 2}});
        for partial in [of_more, untold, unreadable, greenhouse(1)] {
            let summary = answer(&importer, &partial);
            assert_eq!((summary.closed, summary.unchanged), (0, 1), "{partial}");
            let outcome = summary.board.unwrap();
            assert_eq!((outcome.state, outcome.held, outcome.reason.is_some()), (BoardState::Healthy, 1, true), "the board is not to blame");
        }
        let damaged = with(greenhouse(2), json!({"title": "  "}));
        let summary = answer(&importer, &list(&[greenhouse(1), damaged]));
        assert_eq!((counts(&summary), summary.reasons["title_missing"]), ([0, 0, 1, 0, 1], 1), "it is shown, only badly written");
        assert_eq!(importer.posting("greenhouse", "2").row.status, PostingStatus::Published);
    }

    fn a_full_page_of_lever_may_not_be_all(db) {
        let importer = acme(db, Format::Lever);
        let rows: Vec<Value> = (0..101).map(|n| lever(&n.to_string())).collect();
        answer(&importer, &rows.clone().into());
        let summary = answer(&importer, &rows[..100].to_vec().into());
        assert_eq!((summary.closed, summary.board.unwrap().held), (0, 1));
    }

    fn what_is_no_answer_changes_nothing(db) {
        let importer = acme(db, Format::Greenhouse);
        answer(&importer, &list(&[greenhouse(1)]));
        let whole = list(&[greenhouse(1)]).to_string();
        let broken = [&whole[..whole.len() - 20], "", "<html>Too many requests</html>", "{\"status\": 404, \"error\": \"Job not found\"}", "[]", "{\"jobs\": {}}"];
        for format in [Format::Greenhouse, Format::Ashby] {
            for text in broken {
                let mut options = importer.options.clone();
                options.format = format;
                let outcome = import::run(db, text.as_bytes(), &options, &importer.random, importer.now, &mut |_| {});
                assert!(matches!(outcome, Err(ImportError::Answer { .. })), "{format} {text}: {outcome:?}");
            }
        }
        let mut options = importer.options.clone();
        options.format = Format::Lever;
        let gone = "{\"ok\": false, \"error\": \"Document not found\"}";
        let error = import::run(db, gone.as_bytes(), &options, &importer.random, importer.now, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("Document not found"), "{error}");
        assert_eq!(importer.posting("greenhouse", "1").row.status, PostingStatus::Published);
    }

    fn a_trial_says_what_would_be_and_writes_nothing(db) {
        let mut importer = acme(db, Format::Greenhouse);
        let board = Board::new(db);
        importer.options.dry_run = true;
        let summary = answer(&importer, &list(&[greenhouse(1)]));
        assert_eq!((counts(&summary), summary.board.unwrap().id), ([1, 0, 0, 0, 0], None));
        assert!(importer.find("greenhouse", "1").is_none());
        assert!(db.read_blocking(|conn| import::list_boards(conn, board.acme, 10)).unwrap().is_empty());
        importer.options.dry_run = false;
        answer(&importer, &list(&[greenhouse(1), greenhouse(2), greenhouse(3)]));
        importer.options.dry_run = true;
        let edited = with(greenhouse(1), json!({"title": "Senior RTL Engineer"}));
        let trial = answer(&importer, &list(&[edited, greenhouse(2), greenhouse(4)]));
        assert_eq!(counts(&trial), [1, 1, 1, 1, 0]);
        let said: Vec<_> = trial.changes.iter().map(|c| (c.kind, c.source_id.as_str(), c.posting_id.is_some())).collect();
        assert_eq!(said, [(ChangeKind::Updated, "1", true), (ChangeKind::Created, "4", false), (ChangeKind::Closed, "3", true)]);
        assert_eq!(importer.posting("greenhouse", "3").row.status, PostingStatus::Published);
        assert_eq!(answer(&importer, &list(&[])).board.unwrap().state, BoardState::Suspect);
        let kept = db.read_blocking(|conn| import::list_boards(conn, board.acme, 10)).unwrap();
        assert_eq!(kept[0].state, BoardState::Healthy);
    }

    fn each_board_of_an_employer_closes_only_its_own(db) {
        let mut importer = acme(db, Format::Greenhouse);
        importer.options.token = Some("acme-us".to_owned());
        answer(&importer, &list(&[greenhouse(1), greenhouse(2)]));
        importer.options.token = Some("acme-eu".to_owned());
        assert_eq!(counts(&answer(&importer, &list(&[greenhouse(3)]))), [1, 0, 0, 0, 0]);
        let moved = answer(&importer, &list(&[greenhouse(3), greenhouse(2)]));
        assert_eq!(counts(&moved), [0, 0, 2, 0, 0]);
        importer.options.token = Some("acme-us".to_owned());
        assert_eq!(counts(&answer(&importer, &list(&[greenhouse(1)]))), [0, 0, 1, 0, 0], "2 is the other board's now");
    }

    fn the_company_is_the_board_s_where_rows_name_it(db) {
        let mut importer = acme(db, Format::Greenhouse);
        importer.options.employer = import::EmployerChoice::FromCompany;
        answer(&importer, &list(&[greenhouse(1)]));
        importer.options.format = Format::Lever;
        answer(&importer, &json!([lever("1")]));
        assert_eq!(importer.employers(), [("acme".to_owned(), "acme".to_owned()), ("acme-compute".to_owned(), "Acme Compute".to_owned())]);
        assert_eq!(counts(&answer(&importer, &json!([]))), [0; 5], "an answer of nobody");
    }
}
