//! Campaigns, events, reports and moderation over HTTP.

use api::testing::{TestApp, link_in};
use api::{Limits, on_both};
use postings::{PayTransparency, PostingRules, Review};
use serde_json::{Value, json};
use store::Backend;

use crate::employers::join;
use crate::{rtl_role, titled};

/// Makes the person an operator.
async fn promote(app: &TestApp, email: &str) -> String {
    let token = app.sign_up(email).await;
    let now = store::Clock::now(&*app.clock);
    app.db
        .write_blocking(|tx| accounts::make_operator(tx, &email.parse().unwrap(), now))
        .unwrap();
    token
}

/// Announces a day of interviews with so many seats; its address.
async fn interview_day(app: &TestApp, owner: &str, employer: &str, seats: i32) -> String {
    let event = json!({"title": "Interview day", "kind": "batch_interview", "starts_at": "2026-12-03T15:00:00Z",
        "ends_at": "2026-12-03T23:00:00Z", "timezone": "America/Chicago", "place": "1 Fab Road, Austin", "capacity": seats});
    let path = format!("/v1/employers/{employer}/events");
    let made = app.post(&path).by(owner).json(&event).send().await.expect(201);
    format!("/v1/events/{}", made.text_at("/id"))
}

on_both! {
    async fn a_frozen_campaign_leaves_search_and_comes_back(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let rtl = app.publish(&owner, &employer, &titled("RTL Engineer")).await;
        let dft = app.publish(&owner, &employer, &titled("DFT Engineer")).await;
        app.publish(&owner, &employer, &titled("CAD Engineer")).await;
        let made = app.post(&format!("/v1/employers/{employer}/campaigns")).by(&owner)
            .json(&json!({"name": "Accelerator 80", "goal": 80, "description": "Eighty *roles*."})).send().await.expect(201);
        assert_eq!((made.text_at("/slug"), made.text_at("/status"), made.text_at("/description_html")), ("accelerator-80".to_owned(), "active".to_owned(), "<p>Eighty <em>roles</em>.</p>".to_owned()));
        let one = format!("/v1/campaigns/{}", made.text_at("/id"));
        let step = |verb: &str, body: Value| app.post(&format!("{one}/{verb}")).by(&owner).json(&body).send();
        let joined = step("postings", json!({"add": [rtl, dft]})).await.expect(200);
        assert_eq!((&joined.json["progress"]["postings"], &joined.json["progress"]["positions"], joined.json["postings"].as_array().unwrap().len()), (&json!(2), &json!(8), 2));
        assert_eq!(app.get(&format!("/v1/postings/{rtl}")).send().await.expect(200).json["campaign_id"], joined.json["id"]);
        let frozen = step("freeze", json!({"reason": "budget"})).await.expect(200);
        assert_eq!((&frozen.json["affected"], frozen.text_at("/status")), (&json!(2), "frozen".to_owned()));
        assert_eq!(app.found("q=engineer").await, ["CAD Engineer"]);
        assert_eq!(step("freeze", json!({})).await.expect(409).code(), "state_conflict");
        let refused = app.post(&format!("/v1/postings/{rtl}/resume")).by(&owner).send().await.expect(409);
        assert!(refused.text_at("/detail").contains("resume the campaign"), "{}", refused.text);
        app.post(&format!("/v1/postings/{dft}/pause")).by(&owner).send().await.expect(200);
        let back = app.post(&format!("{one}/resume")).by(&owner).send().await.expect(200);
        assert_eq!((&back.json["affected"], back.text_at("/status")), (&json!(1), "active".to_owned()));
        let mut found = app.found("q=engineer").await;
        found.sort();
        assert_eq!(found, ["CAD Engineer", "RTL Engineer"], "the one that was paused stays");
        app.patch(&one).by(&owner).json(&json!({"goal": 40})).send().await.expect(200);
        let trail = app.get(&format!("/v1/employers/{employer}/audit?limit=100")).by(&owner).send().await.expect(200);
        let about = |entry: &&Value| entry["subject_kind"] == "campaign";
        let entries = trail.json["data"].as_array().unwrap();
        let mut deeds: Vec<_> = entries.iter().filter(about).map(|entry| (entry["action"].as_str().unwrap(), entry["detail"].clone())).collect();
        deeds.sort_by_key(|(action, _)| *action);
        let actions: Vec<_> = deeds.iter().map(|(action, _)| *action).collect();
        assert_eq!(actions, ["campaign.created", "campaign.frozen", "campaign.postings_changed", "campaign.resumed", "campaign.updated"]);
        assert_eq!((&deeds[2].1, &deeds[4].1), (&json!({"added": 2, "removed": 0}), &json!({"fields": ["goal"]})));
        let holds = app.get(&format!("/v1/postings/{dft}/holds")).by(&owner).send().await.expect(200);
        let kinds: Vec<_> = holds.json["data"].as_array().unwrap().iter().map(|hold| (hold["kind"].as_str().unwrap(), hold["released_at"].is_null())).collect();
        assert_eq!(kinds.len(), 2);
        assert!(kinds.contains(&("posting", true)) && kinds.contains(&("campaign", false)), "{kinds:?}");
        let of_employer = app.get(&format!("/v1/employers/{employer}/holds")).by(&owner).send().await.expect(200);
        assert!(of_employer.json["data"].as_array().unwrap().iter().any(|hold| hold["reason"] == "budget" && hold["held_by"].is_string()));
        app.get(&format!("/v1/employers/{employer}/holds")).send().await.expect(401);
        let stranger = app.sign_up("stranger@example.org").await;
        app.post(&format!("{one}/freeze")).by(&stranger).json(&json!({})).send().await.expect(403);
        app.get(&format!("/v1/postings/{dft}/holds")).by(&stranger).send().await.expect(403);
        app.patch(&one).by(&owner).json(&json!({"starts_at": "2027-01-01T00:00:00Z", "goal": null})).send().await.expect(200);
        app.get(&one).send().await.expect(404);
        assert_eq!(app.get(&format!("/v1/employers/{employer}/campaigns")).send().await.expect(200).json["data"], json!([]));
        app.delete(&one).by(&owner).send().await.expect(204);
        assert_eq!(app.get(&one).by(&owner).send().await.expect(404).code(), "campaign_not_found");
    }

    async fn a_paused_employer_and_a_frozen_campaign_compose(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let id = app.publish(&owner, &employer, &titled("RTL Engineer")).await;
        let campaign = app.post(&format!("/v1/employers/{employer}/campaigns")).by(&owner).json(&json!({"name": "Push"})).send().await.expect(201).text_at("/id");
        let call = |path: String, body: Value| app.post(&path).by(&owner).json(&body).send();
        call(format!("/v1/campaigns/{campaign}/postings"), json!({"add": [id]})).await.expect(200);
        app.post(&format!("/v1/employers/{employer}/pause")).by(&owner).send().await.expect(200);
        call(format!("/v1/campaigns/{campaign}/freeze"), json!({})).await.expect(200);
        app.post(&format!("/v1/employers/{employer}/resume")).by(&owner).send().await.expect(200);
        assert!(app.found("q=rtl").await.is_empty());
        let body = app.get(&format!("/v1/postings/{id}")).send().await.expect(200);
        assert_eq!(body.text_at("/status"), "paused");
        app.post(&format!("/v1/campaigns/{campaign}/resume")).by(&owner).send().await.expect(200);
        assert_eq!(app.found("q=rtl").await, ["RTL Engineer"]);
        let draft = app.draft(&owner, &employer, &titled("DFT Engineer")).await;
        app.post(&format!("/v1/employers/{employer}/pause")).by(&owner).send().await.expect(200);
        let held = app.post(&format!("/v1/postings/{draft}/publish")).by(&owner).send().await.expect(200);
        assert_eq!((held.text_at("/status"), held.json["warnings"].as_array().unwrap().iter().any(|w| w["code"] == "held")), ("paused".to_owned(), true));
    }

    async fn filling_the_last_opening_ends_a_posting(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let id = app.publish(&owner, &employer, &rtl_role()).await;
        let fill = |body: Value| app.post(&format!("/v1/postings/{id}/fill")).by(&owner).json(&body).send();
        let some = fill(json!({"count": 3})).await.expect(200);
        assert_eq!((&some.json["filled"], some.text_at("/status")), (&json!(3), "published".to_owned()));
        assert_eq!(fill(json!({"count": 2})).await.expect(422).text_at("/errors/0/pointer"), "/count");
        let all = fill(json!({})).await.expect(200);
        assert_eq!((&all.json["filled"], all.text_at("/status"), all.text_at("/close_reason")), (&json!(4), "closed".to_owned(), "filled".to_owned()));
        assert!(app.found("q=rtl").await.is_empty());
        assert_eq!((&all.json["days_open"], all.json["first_published_at"] == all.json["published_at"]), (&json!(0), true));
    }

    async fn a_seat_is_asked_for_confirmed_and_given_back(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let posting = app.publish(&owner, &employer, &rtl_role()).await;
        let made = app.post(&format!("/v1/employers/{employer}/events")).by(&owner).json(&json!({
            "title": "Batch interview day", "kind": "batch_interview", "starts_at": "2026-12-03T15:00:00Z", "ends_at": "2026-12-03T23:00:00Z",
            "timezone": "America/Chicago", "place": "1 Fab Road, Austin", "capacity": 1, "postings": [posting]})).send().await.expect(201);
        assert_eq!((made.text_at("/starts_local"), &made.json["seats_left"], &made.json["confirmed"]), ("2026-12-03T09:00:00-06:00".to_owned(), &json!(1), &json!(0)));
        let one = format!("/v1/events/{}", made.text_at("/id"));
        let public = app.get("/v1/events").send().await.expect(200);
        assert_eq!((public.text_at("/data/0/title"), &public.json["data"][0]["confirmed"]), ("Batch interview day".to_owned(), &Value::Null));
        app.get("/v1/events?when=never").send().await.expect(400);
        assert_eq!(app.get("/v1/events?kind=fair").send().await.expect(200).json["data"], json!([]));
        let ask = |email: &str| app.post(&format!("{one}/registrations")).json(&json!({"email": email, "name": "Kim Reader"})).send();
        ask("kim@reader.example").await.expect(202);
        let mails = app.mails().await;
        let path = link_in(&mails[0].as_text(), "/events/confirm").unwrap();
        let page = app.get(&path).send().await.expect(200);
        assert!(page.text.contains("Thursday, 3 December 2026, 09:00"), "{}", page.text);
        assert_eq!(app.get(&one).send().await.expect(200).json["seats_left"], 1, "looking takes no seat");
        let token = path.split("token=").nth(1).unwrap();
        let seat = app.post("/v1/events/registrations/confirm").json(&json!({"token": token})).send().await.expect(200);
        assert_eq!(seat.text_at("/status"), "confirmed");
        let mails = app.mails().await;
        let text = mails[0].as_text();
        assert!(link_in(&text, "/v1/events/").unwrap().contains(".ics"));
        let back = link_in(&text, "/events/cancel").unwrap();
        ask("lee@reader.example").await.expect(202);
        let second = app.token_mailed_to("lee@reader.example").await;
        assert_eq!(app.post("/v1/events/registrations/confirm").json(&json!({"token": second})).send().await.expect(200).text_at("/status"), "waitlisted");
        let list = app.get(&format!("{one}/registrations")).by(&owner).send().await.expect(200);
        assert_eq!(list.json["data"].as_array().unwrap().len(), 2);
        app.get(&format!("{one}/registrations")).send().await.expect(401);
        app.mails().await;
        let form = format!("token={}", back.split("token=").nth(1).unwrap());
        app.post("/events/cancel").body("application/x-www-form-urlencoded", form).send().await.expect(200);
        let mails = app.mails().await;
        assert_eq!((mails.len(), mails[0].recipient.as_str()), (1, "lee@reader.example"), "whoever waited has it now");
        let file = app.get(&format!("{one}.ics")).send().await.expect(200);
        assert!(file.text.starts_with("BEGIN:VCALENDAR\r\n") && file.text.contains("DTSTART:20261203T150000Z\r\n"), "{}", file.text);
        let calendar = app.get(&format!("/v1/employers/{employer}/events.ics")).send().await.expect(200);
        assert!(calendar.text.contains("X-WR-CALNAME:Acme Compute") && calendar.text.contains("@board.example"));
        app.patch(&one).by(&owner).json(&json!({"description": "Bring a laptop."})).send().await.expect(200);
        let off = app.post(&format!("{one}/cancel")).by(&owner).send().await.expect(200);
        assert_eq!(off.text_at("/status"), "cancelled");
        assert!(app.get(&format!("{one}.ics")).send().await.expect(200).text.contains("STATUS:CANCELLED\r\n"));
        assert_eq!(app.mails().await.len(), 1);
        ask("max@reader.example").await.expect(409);
        app.post(&format!("{one}/registrations")).json(&json!({"email": "b@reader.example", "name": "x", "homepage": "x"})).send().await.expect(202);
        app.get("/v1/events/nothing").send().await.expect(404);
        let trail = app.get(&format!("/v1/employers/{employer}/audit?limit=100")).by(&owner).send().await.expect(200);
        let entries = trail.json["data"].as_array().unwrap().iter().filter(|entry| entry["subject_kind"] == "event");
        let mut deeds: Vec<_> = entries.map(|entry| (entry["action"].as_str().unwrap(), entry["detail"].clone())).collect();
        deeds.sort_by_key(|(action, _)| *action);
        let expected = [("event.cancelled", json!({"told": 1})), ("event.created", Value::Null), ("event.updated", json!({"fields": ["description"]}))];
        assert_eq!(deeds, expected, "who changed what, and no address");
    }

    async fn who_comes_is_told_to_people_who_write_postings_and_nobody_else(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let viewer = join(app, &owner, &employer, "viewer@acme.example", "viewer").await;
        let recruiter = join(app, &owner, &employer, "recruiter@acme.example", "recruiter").await;
        let key = app.post(&format!("/v1/employers/{employer}/api-keys")).by(&owner).json(&json!({"name": "sync"})).send().await.expect(201).text_at("/secret");
        let path = format!("{}/registrations", interview_day(app, &owner, &employer, 1).await);
        app.get(&path).by(&recruiter).send().await.expect(200);
        for other in [&viewer, &key] {
            assert_eq!(app.get(&path).by(other).send().await.expect(403).code(), "not_allowed");
        }
    }

    async fn an_erased_account_leaves_no_seat_and_no_address(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let posting = app.publish(&owner, &employer, &rtl_role()).await;
        let reader = app.sign_up("kim@reader.example").await;
        let one = interview_day(app, &owner, &employer, 1).await;
        let seats = format!("{one}/registrations");
        for email in ["kim@reader.example", "lee@reader.example"] {
            app.post(&seats).json(&json!({"email": email, "name": "Kim Reader"})).send().await.expect(202);
            let token = app.token_mailed_to(email).await;
            app.post("/v1/events/registrations/confirm").json(&json!({"token": token})).send().await.expect(200);
        }
        let report = json!({"reason": "scam", "email": "kim@reader.example"});
        app.post(&format!("/v1/postings/{posting}/reports")).json(&report).send().await.expect(202);
        let export = app.get("/v1/me/export").by(&reader).send().await.expect(200);
        assert_eq!((export.text_at("/registrations/0/name"), export.text_at("/registrations/0/status")), ("Kim Reader".to_owned(), "confirmed".to_owned()));
        app.mails().await;
        app.delete("/v1/me").by(&reader).send().await.expect(204);
        let left = app.get(&seats).by(&owner).send().await.expect(200);
        assert_eq!((left.json["data"].as_array().unwrap().len(), left.text_at("/data/0/email"), left.text_at("/data/0/status")), (1, "lee@reader.example".to_owned(), "confirmed".to_owned()), "the seat is somebody else's now");
        let told = app.mails().await;
        assert_eq!((told.len(), told[0].recipient.as_str()), (1, "lee@reader.example"));
        let moderator = promote(app, "moderator@board.example").await;
        let cases = app.get("/v1/moderation/reports").by(&moderator).send().await.expect(200);
        assert_eq!((cases.text_at("/data/0/latest/0/reason"), &cases.json["data"][0]["latest"][0]["email"]), ("scam".to_owned(), &Value::Null));
    }

    async fn a_report_becomes_a_case_and_a_moderator_decides(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let (id, draft) = (app.publish(&owner, &employer, &rtl_role()).await, app.draft(&owner, &employer, &titled("Draft")).await);
        let report = |id: &str, body: Value| app.post(&format!("/v1/postings/{id}/reports")).json(&body).send();
        report(&id, json!({"reason": "scam", "detail": "They asked for money.", "email": "kim@reader.example"})).await.expect(202);
        report(&id, json!({"reason": "not_real"})).await.expect(202);
        report(&id, json!({"reason": "scam", "homepage": "http://x"})).await.expect(202);
        report(&id, json!({"reason": "other"})).await.expect(422);
        report(&draft, json!({"reason": "scam"})).await.expect(404);
        app.get("/v1/moderation/reports").by(&owner).send().await.expect(403);
        let moderator = promote(app, "moderator@board.example").await;
        let cases = app.get("/v1/moderation/reports").by(&moderator).send().await.expect(200);
        assert_eq!((cases.json["data"].as_array().unwrap().len(), &cases.json["data"][0]["reports"], cases.text_at("/data/0/posting/title")), (1, &json!(2), "Staff RTL Design Engineer".to_owned()));
        let case = format!("/v1/moderation/reports/{}", cases.text_at("/data/0/id"));
        let decide = |body: Value| app.post(&format!("{case}/decisions")).by(&moderator).json(&body).send();
        app.mails().await;
        let frozen = decide(json!({"decision": "freeze", "note": "We look into it."})).await.expect(200);
        assert_eq!((frozen.text_at("/state"), frozen.text_at("/posting/status"), frozen.text_at("/decisions/0/note")), ("open".to_owned(), "paused".to_owned(), "We look into it.".to_owned()));
        assert!(app.found("q=rtl").await.is_empty());
        let mails = app.mailbox.take();
        assert!(mails.iter().any(|mail| mail.recipient.as_str() == "owner@acme.example"));
        app.post(&format!("/v1/postings/{id}/resume")).by(&owner).send().await.expect(409);
        decide(json!({"decision": "dismiss"})).await.expect(200);
        assert_eq!(app.found("q=rtl").await.len(), 1);
        assert_eq!(app.get(&case).by(&moderator).send().await.expect(200).text_at("/state"), "dismissed");
        decide(json!({"decision": "close"})).await.expect(409);
    }

    async fn attributes_filter_an_employers_postings(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let mut role = titled("With");
        role["attributes"] = json!({"cost_center": "HW-12", "team_size": 9});
        app.publish(&owner, &employer, &role).await;
        app.publish(&owner, &employer, &titled("Without")).await;
        let list = |query: &str| app.get(&format!("/v1/employers/{employer}/postings?{query}")).send();
        assert_eq!(crate::titles(&list("attribute.cost_center=HW-12&attribute.team_size=9").await.expect(200).json), ["With"]);
        assert!(crate::titles(&list("attribute.cost_center=HW-13").await.expect(200).json).is_empty());
        assert_eq!(list("attribute.Bad=1").await.expect(400).code(), "parameters_invalid");
        assert_eq!(list("attributes.cost_center=1").await.expect(400).code(), "unknown_parameter");
    }

    async fn what_laws_want_said_is_told_with_its_basis(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        app.patch(&format!("/v1/employers/{employer}")).by(&owner).json(&json!({"employees": 240})).send().await.expect(200);
        app.patch(&format!("/v1/employers/{employer}")).by(&owner).json(&json!({"employees": 0})).send().await.expect(422);
        let mut role = rtl_role();
        role["pay"] = Value::Null;
        role["locations"] = json!([{"city": "Toronto", "region": "ON", "country": "CA"}]);
        let looked = app.post(&format!("/v1/postings/validate?employer={employer}")).by(&owner).json(&role).send().await.expect(200);
        assert_eq!((&looked.json["publishable"], looked.text_at("/pay_transparency/verdicts/0/rule")), (&json!(true), "ca_ontario".to_owned()), "{}", looked.text);
        let codes: Vec<_> = looked.json["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect();
        assert!(["law_pay", "law_vacancy", "law_ai_screening"].iter().all(|code| codes.contains(code)), "{codes:?}");
        let id = app.publish(&owner, &employer, &role).await;
        let path = format!("/v1/postings/{id}/pay-transparency");
        let law = app.get(&path).by(&owner).send().await.expect(200);
        assert_eq!((&law.json["employees"], law.text_at("/verdicts/0/outcome"), law.text_at("/notice").contains("not legal advice")), (&json!(240), "missing".to_owned(), true));
        assert!(law.text_at("/verdicts/0/law").contains("O. Reg. 476/24") && law.text_at("/verdicts/0/source").starts_with("https://"));
        app.get(&path).send().await.expect(401);
    }
}

#[actix_web::test]
async fn postings_wait_and_are_refused_as_the_operator_chose() {
    let rules = PostingRules {
        review: Review::First,
        pay_transparency: PayTransparency::Refuse,
    };
    let app = &TestApp::with_rules(
        Backend::Sqlite,
        Limits {
            enabled: false,
            ..Limits::default()
        },
        rules,
    );
    let owner = app.sign_up("owner@acme.example").await;
    let employer = app.found_employer(&owner, "Acme Compute").await;
    let mut role = rtl_role();
    role["locations"] = json!([{"city": "Denver", "region": "CO", "country": "US"}]);
    let silent = app.draft(&owner, &employer, &role).await;
    let publish = |id: &str| app.post(&format!("/v1/postings/{id}/publish")).by(&owner).send();
    assert_eq!(
        publish(&silent).await.expect(422).text_at("/errors/0/code"),
        "law_benefits"
    );
    app.patch(&format!("/v1/postings/{silent}"))
        .by(&owner)
        .json(&json!({"benefits": ["Health insurance"]}))
        .send()
        .await
        .expect(200);
    assert_eq!(publish(&silent).await.expect(200).text_at("/status"), "in_review");
    app.get(&format!("/v1/postings/{silent}"))
        .send()
        .await
        .expect(404);
    let moderator = promote(app, "moderator@board.example").await;
    let queue = app
        .get("/v1/moderation/queue")
        .by(&moderator)
        .send()
        .await
        .expect(200);
    assert_eq!(queue.json["data"][0]["id"], silent);
    app.post(&format!("/v1/postings/{silent}/approve"))
        .by(&owner)
        .send()
        .await
        .expect(403);
    let stranger = app.sign_up("stranger@reader.example").await;
    app.post(&format!("/v1/postings/{silent}/approve"))
        .by(&stranger)
        .send()
        .await
        .expect(404);
    app.post(&format!("/v1/postings/{silent}/reject"))
        .by(&moderator)
        .json(&json!({}))
        .send()
        .await
        .expect(422);
    app.post(&format!("/v1/postings/{silent}/reject"))
        .by(&moderator)
        .json(&json!({"reason": "Which chip?"}))
        .send()
        .await
        .expect(200);
    assert!(app.mails().await.iter().any(
        |mail| mail.recipient.as_str() == "owner@acme.example" && mail.as_text().contains("Which chip?")
    ));
    assert_eq!(publish(&silent).await.expect(200).text_at("/status"), "in_review");
    let unseen = app.post(&format!("/v1/postings/{silent}/approve")).by(&moderator);
    assert_eq!(unseen.send().await.expect(400).code(), "header_invalid");
    let shown = app.get(&format!("/v1/postings/{silent}")).by(&moderator).send();
    let version = shown.await.expect(200).json["version"].to_string();
    app.post(&format!("/v1/postings/{silent}/approve"))
        .by(&moderator)
        .header("If-Match", &format!("\"{version}\""))
        .send()
        .await
        .expect(200);
    assert_eq!(app.found("q=rtl").await.len(), 1);
    // An import is no way around: not for members, and not for what another employer's members bring.
    let other = app.sign_up("owner@other.example").await;
    let works = app.found_employer(&other, "Other Works").await;
    let import = async |by: &str, id: &str| {
        let row = json!({"source": "ats", "source_id": id, "title": "Chiplet Architect", "company": "Other Works",
            "locations": ["Austin, TX"], "description_text": "UCIe.", "url": "https://other.example/apply"});
        let path = format!("/v1/employers/{works}/imports");
        let run = app
            .post(&path)
            .by(by)
            .body("application/x-ndjson", row.to_string());
        let run = run.send().await.expect(202).text_at("/id");
        crate::imports::ended(app, by, &run).await.json["summary"].clone()
    };
    let brought = import(&other, "1").await;
    assert_eq!((&brought["created"], &brought["waiting"]), (&json!(1), &json!(1)));
    assert!(app.found("q=chiplet").await.is_empty());
    let list = format!("/v1/employers/{works}/postings");
    assert_eq!(app.get(&list).send().await.expect(200).json["data"], json!([]));
    let own = app.get(&list).by(&other).send().await.expect(200);
    assert_eq!(own.text_at("/data/0/status"), "in_review");
    assert_eq!(
        import(&moderator, "2").await["waiting"],
        0,
        "the operator answers for it"
    );
    assert_eq!(app.found("q=chiplet").await.len(), 1);
    let reviews = app
        .get(&format!("/v1/postings/{silent}/reviews"))
        .by(&owner)
        .send()
        .await
        .expect(200);
    let reviews = reviews.json["data"].as_array().unwrap();
    assert!(reviews.len() == 2 && reviews.iter().any(|review| review["decision"] == "approved"));
    assert!(reviews.iter().any(|review| review["reason"] == "Which chip?"));
}
