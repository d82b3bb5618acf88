//! What surrounds publishing, over HTTP.

use api::on_both;
use serde_json::{Value, json};

use crate::{rtl_role, titled};

on_both! {
    async fn a_posting_is_looked_at_before_it_is_made(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let look = |body: Value| app.post(&format!("/v1/postings/validate?employer={employer}")).by(&owner).json(&body).send();
        let wrong = look(json!({"title": "", "pay": {"base": {"min": 2, "max": 1, "currency": "USD", "period": "hour"}}})).await.expect(200);
        assert_eq!((&wrong.json["publishable"], wrong.text_at("/errors/0/pointer"), wrong.text_at("/errors/1/code")),
            (&json!(false), "/title".to_owned(), "range_reversed".to_owned()), "{}", wrong.text);
        let fine = look(rtl_role()).await.expect(200);
        assert_eq!((&fine.json["publishable"], &fine.json["posting"]["discipline"]), (&json!(true), &json!("silicon")), "{}", fine.text);
        app.publish(&owner, &employer, &rtl_role()).await;
        let again = look(rtl_role()).await.expect(200);
        assert!(again.json["near_duplicates"][0]["id"].is_string(), "{}", again.text);
        let draft = app.draft(&owner, &employer, &rtl_role()).await;
        let published = app.post(&format!("/v1/postings/{draft}/publish")).by(&owner).send().await.expect(200);
        let warned = published.json["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "near_duplicate");
        assert!(warned, "{}", published.text);
        app.post("/v1/postings/validate").json(&rtl_role()).send().await.expect(401);
        let stranger = app.sign_up("stranger@example.org").await;
        app.post(&format!("/v1/postings/validate?employer={employer}")).by(&stranger).json(&rtl_role()).send().await.expect(403);
        app.post("/v1/postings/validate").by(&stranger).json(&rtl_role()).send().await.expect(200);
    }

    async fn a_posting_is_scheduled_copied_and_its_history_is_public(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let draft = app.draft(&owner, &employer, &titled("RTL Engineer")).await;
        let one = format!("/v1/postings/{draft}");
        let at = |text: &str| app.post(&format!("{one}/schedule")).by(&owner).json(&json!({"publish_at": text})).send();
        assert_eq!(at("2020-01-01T00:00:00Z").await.expect(422).text_at("/errors/0/pointer"), "/publish_at");
        let scheduled = at("2026-12-01T09:00:00Z").await.expect(200);
        assert_eq!((scheduled.text_at("/status"), scheduled.text_at("/publish_at")), ("scheduled".to_owned(), "2026-12-01T09:00:00Z".to_owned()));
        app.get(&one).send().await.expect(404);
        app.get(&format!("{one}/history")).send().await.expect(404);
        app.post(&format!("{one}/unschedule")).by(&owner).send().await.expect(200);
        app.post(&format!("{one}/publish")).by(&owner).send().await.expect(200);
        app.patch(&one).by(&owner).json(&json!({"openings": 3})).send().await.expect(200);
        let history = app.get(&format!("{one}/history")).send().await.expect(200);
        assert_eq!(history.json["data"][0]["changes"], json!([{"field": "openings", "before": 4, "after": 3}]));
        let first = history.json["data"][1]["version"].clone();
        let version = app.get(&format!("{one}/history/{first}")).send().await.expect(200);
        assert_eq!((&version.json["openings"], version.text_at("/title")), (&json!(4), "RTL Engineer".to_owned()));
        app.get(&format!("{one}/history/1")).send().await.expect(404);
        app.get(&format!("{one}/history/x")).send().await.expect(404);
        let copy = app.post(&format!("{one}/duplicate")).by(&owner).send().await.expect(201);
        assert_eq!((copy.text_at("/status"), copy.text_at("/title")), ("draft".to_owned(), "RTL Engineer".to_owned()));
        let stranger = app.sign_up("stranger@example.org").await;
        app.post(&format!("{one}/duplicate")).by(&stranger).send().await.expect(403);
    }

    async fn a_taken_external_id_leads_to_its_posting(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let mut role = rtl_role();
        role["external_id"] = "R-1".into();
        let first = app.draft(&owner, &employer, &role).await;
        let second = app.post(&format!("/v1/employers/{employer}/postings")).by(&owner).json(&role).send().await.expect(409);
        assert_eq!((second.code(), second.text_at("/conflicts_with")), ("external_id_taken".to_owned(), format!("/v1/postings/{first}")));
        app.get(&second.text_at("/conflicts_with")).by(&owner).send().await.expect(200);
    }

    async fn many_postings_are_changed_at_once(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let draft = app.draft(&owner, &employer, &titled("RTL Engineer")).await;
        let path = format!("/v1/employers/{employer}/postings/bulk");
        let send = |operations: Value| app.post(&path).by(&owner).json(&json!({"operations": operations})).send();
        let done = send(json!([
            {"action": "publish", "id": draft}, {"action": "create", "posting": titled("DFT Engineer")},
            {"action": "resume", "id": draft}, {"action": "update", "id": draft, "patch": {"openings": 0}},
        ])).await.expect(200);
        assert_eq!((&done.json["succeeded"], &done.json["failed"]), (&json!(2), &json!(2)), "{}", done.text);
        let statuses: Vec<_> = done.json["outcomes"].as_array().unwrap().iter().map(|outcome| outcome["status"].as_i64().unwrap()).collect();
        assert_eq!(statuses, [200, 201, 409, 422]);
        assert_eq!((done.text_at("/outcomes/2/problem/code"), done.text_at("/outcomes/3/problem/errors/0/pointer")), ("state_conflict".to_owned(), "/openings".to_owned()));
        assert_eq!(app.found("q=rtl").await, ["RTL Engineer"]);
        let made = done.text_at("/outcomes/1/id");
        send(json!([{"action": "close", "id": draft, "reason": "filled"}, {"action": "delete", "id": made}])).await.expect(200);
        let trail = app.get(&format!("/v1/employers/{employer}/audit?limit=100")).by(&owner).send().await.expect(200);
        let mut told: Vec<_> = trail.json["data"].as_array().unwrap().iter()
            .filter(|entry| entry["subject_kind"] == "posting")
            .map(|entry| (entry["action"].as_str().unwrap().to_owned(), entry["subject_id"] == json!(draft))).collect();
        told.sort();
        let expected = [("posting.closed", true), ("posting.erased", false), ("posting.made", false), ("posting.made", true), ("posting.published", true)];
        assert_eq!(told, expected.map(|(action, is_first)| (action.to_owned(), is_first)), "who did what to which posting");
        let drafts: Vec<Value> = (0..500).map(|n| json!({"action": "create", "posting": titled(&format!("Engineer {n}"))})).collect();
        assert_eq!(send(drafts.clone().into()).await.expect(200).json["succeeded"], 500);
        let mut too_many = drafts;
        too_many.push(json!({"action": "publish", "id": draft}));
        assert_eq!(send(too_many.into()).await.expect(422).text_at("/errors/0/code"), "list_too_long");
        send(json!([{"action": "explode", "id": draft}])).await.expect(422);
        let stranger = app.sign_up("stranger@example.org").await;
        app.post(&path).by(&stranger).json(&json!({"operations": []})).send().await.expect(403);
    }
}
