//! Webhooks as their owners handle them; `crates/postings` tests what they are told.

use actix_web::http::Method;
use api::on_both;
use jiff::SignedDuration;
use postings::webhooks;
use serde_json::{Value, json};

use crate::rtl_role;
use crate::teams::make_operator;

on_both! {
    async fn an_employer_looks_after_its_webhooks(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/employers/{employer}/webhooks");
        let body = json!({"url": "https://hooks.acme.example/backplane", "description": "our mirror", "events": ["posting.published", "posting.closed"]});
        let made = app.post(&path).by(&owner).json(&body).send().await.expect(201);
        let (id, secret) = (made.text_at("/id"), made.text_at("/secret"));
        assert!(secret.starts_with("whsec_") && secret.len() > 40);
        assert_eq!((&made.json["state"], &made.json["events"], &made.json["employer_id"]), (&json!("enabled"), &body["events"], &json!(employer)));
        let one = format!("/v1/webhooks/{id}");
        let shown = app.get(&one).by(&owner).send().await.expect(200);
        assert!(shown.json.get("secret").is_none() && !shown.text.contains("whsec_"), "once is enough");
        assert_eq!(app.get(&path).by(&owner).send().await.expect(200).json["data"], json!([shown.json]));
        let etag = shown.header("etag").unwrap().to_owned();
        let renamed = app.patch(&one).by(&owner).header("If-Match", &etag).json(&json!({"description": "mirror"})).send().await.expect(200);
        assert_eq!((renamed.text_at("/description"), &renamed.json["version"]), ("mirror".to_owned(), &json!(2)));
        assert_eq!(app.patch(&one).by(&owner).header("If-Match", &etag).json(&json!({"description": "x"})).send().await.expect(412).code(), "version_conflict");
        let rotated = app.post(&format!("{one}/rotate-secret")).by(&owner).send().await.expect(200);
        assert_ne!(rotated.text_at("/secret"), secret);
        assert_eq!(rotated.text_at("/previous_secret_until"), "2026-11-24T09:00:00Z");

        let trial = app.post(&format!("{one}/test")).by(&owner).send().await.expect(202).text_at("/id");
        app.publish(&owner, &employer, &rtl_role()).await;
        let (state, random) = (app.state.clone(), store::Random::seeded(3));
        app.advance(SignedDuration::from_secs(1));
        webhooks::note_pass(&app.db, &|posting| state.render(posting), &random, 100, monday_plus_a_second()).unwrap();
        let deliveries = format!("{one}/deliveries");
        let listed = app.get(&format!("{deliveries}?limit=1")).by(&owner).send().await.expect(200);
        assert_eq!((&listed.json["data"][0]["type"], &listed.json["data"][0]["state"]), (&json!("posting.published"), &json!("queued")));
        let next = listed.text_at("/next_cursor");
        let rest = app.get(&format!("{deliveries}?limit=1&cursor={next}")).by(&owner).send().await.expect(200);
        assert_eq!((&rest.json["data"][0]["id"], &rest.json["next_cursor"]), (&json!(trial), &Value::Null));
        let event = listed.text_at("/data/0/id");
        let told = app.get(&format!("{deliveries}/{event}")).by(&owner).send().await.expect(200);
        let posting = &told.json["payload"]["data"]["posting"];
        let whole = app.get(&format!("/v1/postings/{}", posting["id"].as_str().unwrap())).send().await.expect(200);
        assert_eq!(posting, &whole.json, "the posting as the API shows it");
        let off = app.patch(&one).by(&owner).json(&json!({"state": "disabled"})).send().await.expect(200);
        assert_eq!(off.text_at("/disabled_reason"), "by its owner");
        let held = app.get(&format!("{deliveries}?state=held")).by(&owner).send().await.expect(200);
        assert_eq!(held.json["data"].as_array().unwrap().len(), 2);
        for (step, body) in [("test", Value::Null), ("replay", json!({"since": "2026-11-23T00:00:00Z"}))] {
            assert_eq!(app.post(&format!("{one}/{step}")).by(&owner).json(&body).send().await.expect(409).code(), "state_conflict");
        }
        app.patch(&one).by(&owner).json(&json!({"state": "enabled"})).send().await.expect(200);
        let again = app.post(&format!("{one}/replay")).by(&owner).json(&json!({"since": "2026-11-23T00:00:00Z"})).send().await.expect(202);
        assert_eq!(again.json, json!({"queued": 2}));
        for wrong in [json!({}), json!({"since": "2026-11-23T00:00:00Z", "delivery": event})] {
            app.post(&format!("{one}/replay")).by(&owner).json(&wrong).send().await.expect(422);
        }
        app.delete(&one).by(&owner).send().await.expect(204);
        assert_eq!(app.get(&one).by(&owner).send().await.expect(404).code(), "webhook_not_found");
    }

    async fn nobody_sees_or_makes_webhooks_of_others(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/employers/{employer}/webhooks");
        let body = json!({"url": "https://hooks.acme.example/backplane"});
        let id = app.post(&path).by(&owner).json(&body).send().await.expect(201).text_at("/id");
        let stranger = app.sign_up("stranger@else.example").await;
        app.get(&path).send().await.expect(401);
        app.get(&path).by(&stranger).send().await.expect(403);
        app.post(&path).by(&stranger).json(&body).send().await.expect(403);
        let one = format!("/v1/webhooks/{id}");
        for call in [app.get(&one), app.delete(&one), app.patch(&one).json(&json!({})), app.post(&format!("{one}/test")),
            app.post(&format!("{one}/rotate-secret")), app.get(&format!("{one}/deliveries")),
            app.post(&format!("{one}/replay")).json(&json!({"since": "2026-11-23T00:00:00Z"}))] {
            assert_eq!(call.by(&stranger).send().await.expect(404).code(), "webhook_not_found");
        }
        for call in [app.get("/v1/webhooks"), app.post("/v1/webhooks").json(&body)] {
            assert_eq!(call.by(&owner).send().await.expect(403).code(), "not_allowed", "the whole board is the operator's");
        }
        for url in ["http://hooks.acme.example/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://169.254.169.254/"] {
            let refused = app.post(&path).by(&owner).json(&json!({"url": url})).send().await.expect(422);
            assert_eq!(refused.text_at("/errors/0/pointer"), "/url", "{url}");
        }
        for wrong in [json!({"url": "https://a.example", "events": ["posting.exploded"]}), json!({"url": "https://a.example", "secret": "mine"}), json!({})] {
            app.post(&path).by(&owner).json(&wrong).send().await.expect(422);
        }
        for n in 1..10 {
            app.post(&path).by(&owner).json(&json!({"url": format!("https://a{n}.example")})).send().await.expect(201);
        }
        assert_eq!(app.post(&path).by(&owner).json(&body).send().await.expect(409).code(), "quota_exceeded");
    }

    async fn the_operator_decides_how_many_webhooks_an_employer_may_have(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let operator = app.sign_up("operator@board.example").await;
        make_operator(app, "operator@board.example");
        app.call(&Method::PUT, &format!("/v1/employers/{employer}/quotas")).by(&operator).json(&json!({"webhooks": 1})).send().await.expect(204);
        let path = format!("/v1/employers/{employer}/webhooks");
        let make = |token: &str| app.post(&path).by(token).header("Idempotency-Key", "one").json(&json!({"url": "https://hooks.acme.example/a"})).send();
        let made = make(&owner).await.expect(201);
        let refused = make(&owner).await.expect(409);
        assert_eq!(refused.code(), "quota_exceeded", "an answer with a secret is not kept for repetitions");
        make(&operator).await.expect(201);
        app.delete(&format!("/v1/webhooks/{}", made.text_at("/id"))).by(&owner).send().await.expect(204);
        let trail = app.get(&format!("/v1/employers/{employer}/audit")).by(&owner).send().await.expect(200);
        let entry = trail.json["data"].as_array().unwrap().iter().find(|entry| entry["action"] == "webhook.deleted").unwrap();
        assert_eq!((&entry["subject_id"], &entry["detail"]), (&made.json["id"], &json!({"host": "hooks.acme.example"})));
    }
}

fn monday_plus_a_second() -> store::Timestamp {
    store::testing::monday_morning().plus(SignedDuration::from_secs(1))
}
