//! Domains, ownership, quotas, keys with scopes, and the audit trail, over HTTP.

use api::on_both;
use api::testing::TestApp;
use serde_json::{Value, json};

use crate::employers::join;
use crate::rtl_role;

/// Makes whoever signed up with this address an operator.
pub(crate) fn make_operator(app: &TestApp, email: &str) {
    let (email, now) = (email.parse().unwrap(), store::Clock::now(&*app.clock));
    assert!(
        app.db
            .write_blocking(|tx| accounts::make_operator(tx, &email, now))
            .unwrap()
    );
}

/// The actions of an employer's trail, oldest first.
async fn trail(app: &TestApp, token: &str, employer: &str) -> Vec<String> {
    let list = app
        .get(&format!("/v1/employers/{employer}/audit?limit=100"))
        .by(token)
        .send()
        .await
        .expect(200);
    let entries = list.json["data"].as_array().unwrap();
    entries
        .iter()
        .rev()
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect()
}

on_both! {
    async fn a_domain_is_named_shown_by_dns_and_seen_by_everybody(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let recruiter = join(app, &owner, &employer, "recruiter@acme.example", "recruiter").await;
        let domains = format!("/v1/employers/{employer}/domains");
        let body = json!({"domain": "acme.example"});
        app.post(&domains).by(&recruiter).json(&body).send().await.expect(403);
        let named = app.post(&domains).by(&owner).json(&body).send().await.expect(201);
        assert_eq!(named.json["state"], "pending");
        assert_eq!((&named.json["record"]["name"], &named.json["record"]["type"]), (&json!("acme.example"), &json!("TXT")));
        let value = named.text_at("/record/value");
        assert!(value.starts_with("backplane-verification="), "{value}");
        assert_eq!(app.post(&domains).by(&owner).json(&body).send().await.expect(409).code(), "domain_exists");
        for bad in ["https://acme.example", "localhost", "10.0.0.1"] {
            let answer = app.post(&domains).by(&owner).json(&json!({"domain": bad})).send().await.expect(422);
            assert_eq!(answer.text_at("/errors/0/code"), "domain_invalid");
        }
        let one = format!("{domains}/{}", named.text_at("/id"));
        let check = format!("{one}/check");
        assert_eq!(app.post(&check).by(&owner).send().await.expect(409).code(), "domain_unproven");
        app.txt.publish("acme.example", &["v=spf1 -all", "backplane-verification=of-somebody-else"]);
        app.post(&check).by(&owner).send().await.expect(409);
        app.txt.silence("acme.example");
        let silent = app.post(&check).by(&owner).send().await.expect(503);
        assert!(silent.header("retry-after").is_some());
        app.txt.publish("acme.example", &["v=spf1 -all", &value]);
        assert_eq!(app.post(&check).by(&owner).send().await.expect(200).json["state"], "verified");
        let public = app.get("/v1/employers/acme-compute").send().await.expect(200);
        assert_eq!(public.json["verified_domain"], "acme.example");
        app.delete(&one).by(&owner).send().await.expect(204);
        assert_eq!(app.delete(&one).by(&owner).send().await.expect(404).code(), "domain_not_found");
        let public = app.get("/v1/employers/acme-compute").send().await.expect(200);
        assert_eq!(public.json["verified_domain"], Value::Null);
    }

    async fn a_domain_is_shown_by_a_mail_whose_link_asks_first(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let domains = format!("/v1/employers/{employer}/domains");
        let named = app.post(&domains).by(&owner).json(&json!({"domain": "acme.example"})).send().await.expect(201);
        let mail = format!("{domains}/{}/mail", named.text_at("/id"));
        app.post(&mail).by(&owner).json(&json!({"mailbox": "owner"})).send().await.expect(422);
        app.post(&mail).by(&owner).json(&json!({"mailbox": "postmaster"})).send().await.expect(202);
        app.post(&mail).by(&owner).json(&json!({"mailbox": "admin"})).send().await.expect(429);
        let token = app.token_mailed_to("postmaster@acme.example").await;
        let page = app.get(&format!("/confirm-domain?token={token}")).send().await.expect(200);
        assert!(page.text.contains("Yes, it is ours"));
        let list = app.get(&domains).by(&owner).send().await.expect(200);
        assert_eq!(list.json["data"][0]["state"], "pending", "looking at the page changes nothing");
        app.post("/confirm-domain").body("application/x-www-form-urlencoded", format!("token={token}")).send().await.expect(200);
        let list = app.get(&domains).by(&owner).send().await.expect(200);
        assert_eq!((&list.json["data"][0]["state"], &list.json["data"][0]["proof"]), (&json!("verified"), &json!("mail")));
        let used = app.post("/v1/domains/confirm").json(&json!({"token": token})).send().await.expect(404);
        assert_eq!(used.code(), "token_invalid");
    }

    async fn an_employer_changes_hands_when_the_other_accepts(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let heir = join(app, &owner, &employer, "heir@acme.example", "recruiter").await;
        let viewer = join(app, &owner, &employer, "viewer@acme.example", "viewer").await;
        let heir_id = app.get("/v1/me").by(&heir).send().await.text_at("/id");
        let ownership = format!("/v1/employers/{employer}/ownership");
        let accept = format!("{ownership}/accept");
        let body = json!({"user_id": heir_id});
        app.post(&ownership).by(&heir).json(&body).send().await.expect(403);
        app.post(&ownership).by(&owner).json(&body).send().await.expect(201);
        assert_eq!(app.post(&accept).by(&viewer).send().await.expect(404).code(), "offer_not_found");
        app.delete(&ownership).by(&viewer).send().await.expect(403);
        app.delete(&ownership).by(&heir).send().await.expect(204); // declined
        app.post(&accept).by(&heir).send().await.expect(404);
        app.advance(jiff::SignedDuration::from_mins(1));
        app.post(&ownership).by(&owner).json(&body).send().await.expect(201);
        app.get(&ownership).by(&viewer).send().await.expect(200);
        app.post(&accept).by(&heir).send().await.expect(204);
        let kinds: Vec<_> = app.mails().await.iter().map(|mail| mail.as_text().contains("was handed over")).collect();
        assert_eq!(kinds.iter().filter(|is_news| **is_news).count(), 2);
        app.patch(&format!("/v1/employers/{employer}")).by(&owner).json(&json!({"name": "Mine"})).send().await.expect(403);
        app.patch(&format!("/v1/employers/{employer}")).by(&heir).json(&json!({"name": "Mine"})).send().await.expect(200);
        assert_eq!(app.delete(&format!("/v1/employers/{employer}/members/{heir_id}")).by(&heir).send().await.expect(409).code(), "last_owner");
    }

    async fn what_is_done_for_an_employer_stands_in_its_trail_without_addresses_and_secrets(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let recruiter = join(app, &owner, &employer, "recruiter@acme.example", "recruiter").await;
        let keys = format!("/v1/employers/{employer}/api-keys");
        let made = app.post(&keys).by(&owner).header("X-Request-Id", "known-request-1")
            .json(&json!({"name": "ATS", "scopes": ["postings"]})).send().await.expect(201);
        let posting = app.publish(&made.text_at("/secret"), &employer, &rtl_role()).await;
        app.post(&format!("/v1/postings/{posting}/close")).by(&recruiter).json(&json!({"reason": "filled"})).send().await.expect(200);
        app.patch(&format!("/v1/employers/{employer}")).by(&owner).json(&json!({"headquarters": "Austin"})).send().await.expect(200);
        app.post(&format!("/v1/employers/{employer}/pause")).by(&owner).send().await.expect(200);
        app.delete(&format!("{keys}/{}", made.text_at("/id"))).by(&owner).send().await.expect(204);
        // The clock stands still, so they have no order here; accounts::teams looks at the order.
        let mut actions = trail(app, &owner, &employer).await;
        actions.sort();
        assert_eq!(actions, [
            "api_key.made", "api_key.revoked", "employer.changed", "employer.made", "employer.paused", "member.invited",
            "member.joined", "posting.closed", "posting.made", "posting.published",
        ]);
        let path = format!("/v1/employers/{employer}/audit");
        let list = app.get(&path).by(&owner).send().await.expect(200);
        assert!(!list.text.contains('@') && !list.text.contains(&made.text_at("/secret")), "{}", list.text);
        let entry = |action: &str| list.json["data"].as_array().unwrap().iter().find(|entry| entry["action"] == action).unwrap().clone();
        assert_eq!(entry("api_key.made")["request_id"], "known-request-1");
        assert_eq!(entry("posting.published")["actor_kind"], "api_key");
        assert_eq!(entry("posting.published")["actor_id"], made.json["id"]);
        assert_eq!(entry("posting.closed")["actor_kind"], "user");
        assert_eq!(entry("employer.changed")["detail"], json!({"fields": ["headquarters"]}));
        let first = app.get(&format!("{path}?limit=4")).by(&owner).send().await.expect(200);
        let rest = app.get(&format!("{path}?limit=100&cursor={}", first.text_at("/next_cursor"))).by(&owner).send().await.expect(200);
        assert_eq!(rest.json["data"].as_array().map(Vec::len), Some(6));
        app.get(&path).by(&recruiter).send().await.expect(403);
        app.get(&path).send().await.expect(401);
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            app.call(&method.parse().unwrap(), &path).by(&owner).json(&json!({})).send().await.expect(405);
        }
    }

    async fn a_quota_stops_the_next_one_and_an_operator_can_raise_it(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let operator = app.sign_up("operator@board.example").await;
        make_operator(app, "operator@board.example");
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let quotas = format!("/v1/employers/{employer}/quotas");
        let low = json!({"live_postings": 1, "drafts": 2, "api_keys": 1, "members": 1});
        app.call(&"PUT".parse().unwrap(), &quotas).by(&owner).json(&low).send().await.expect(403);
        app.call(&"PUT".parse().unwrap(), &quotas).by(&operator).json(&low).send().await.expect(204);
        let first = app.publish(&owner, &employer, &rtl_role()).await;
        let second = app.draft(&owner, &employer, &rtl_role()).await;
        let full = app.post(&format!("/v1/postings/{second}/publish")).by(&owner).send().await.expect(409);
        assert_eq!(full.code(), "quota_exceeded");
        assert!(full.text_at("/detail").contains("1 live_postings"), "{}", full.text);
        let body = json!({"publish_at": "2026-12-24T09:00:00Z"});
        app.post(&format!("/v1/postings/{second}/schedule")).by(&owner).json(&body).send().await.expect(409);
        let operations = json!({"operations": [{"action": "publish", "id": second}]});
        let bulk = app.post(&format!("/v1/employers/{employer}/postings/bulk")).by(&owner).json(&operations).send().await;
        assert!(bulk.status == 409 || bulk.json["failed"] == 1, "{}", bulk.text);
        app.post(&format!("/v1/postings/{second}/duplicate")).by(&owner).send().await.expect(201);
        let drafts = format!("/v1/employers/{employer}/postings");
        assert_eq!(app.post(&drafts).by(&owner).json(&rtl_role()).send().await.expect(409).code(), "quota_exceeded");
        app.post(&format!("/v1/postings/{first}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        app.post(&format!("/v1/postings/{second}/publish")).by(&owner).send().await.expect(200);
        app.post(&format!("/v1/postings/{first}/renew")).by(&owner).send().await.expect(409);
        let invitation = json!({"email": "new@acme.example", "role": "viewer"});
        app.post(&format!("/v1/employers/{employer}/invitations")).by(&owner).json(&invitation).send().await.expect(409);
        let keys = format!("/v1/employers/{employer}/api-keys");
        app.post(&keys).by(&owner).json(&json!({"name": "one"})).send().await.expect(201);
        app.post(&keys).by(&owner).json(&json!({"name": "two"})).send().await.expect(409);
        let shown = app.get(&quotas).by(&owner).send().await.expect(200);
        assert_eq!((&shown.json["limits"]["live_postings"], &shown.json["present"]["live_postings"]), (&json!(1), &json!(1)));
        assert_eq!(shown.json["limits"]["webhooks"], 10, "what is not said is as configured");
    }

    async fn a_key_does_what_its_scopes_say_and_no_more(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let posting = app.draft(&owner, &employer, &rtl_role()).await;
        let keys = format!("/v1/employers/{employer}/api-keys");
        let mut secrets = Vec::new();
        for scope in ["read", "postings", "imports"] {
            let made = app.post(&keys).by(&owner).json(&json!({"name": scope, "scopes": [scope]})).send().await.expect(201);
            secrets.push(made.text_at("/secret"));
        }
        let imports = format!("/v1/employers/{employer}/imports");
        for (secret, [seen, edited, imported]) in secrets.iter().zip([[200, 403, 403], [200, 200, 403], [404, 404, 202]]) {
            app.get(&format!("/v1/postings/{posting}")).by(secret).send().await.expect(seen);
            app.patch(&format!("/v1/postings/{posting}")).by(secret).json(&json!({"openings": 2})).send().await.expect(edited);
            app.post(&imports).by(secret).body("application/x-ndjson", "").send().await.expect(imported);
            app.get(&format!("/v1/employers/{employer}/audit")).by(secret).send().await.expect(403);
        }
        let refused = app.post(&imports).by(&secrets[0]).body("application/x-ndjson", "").send().await.expect(403);
        assert_eq!(refused.text_at("/detail"), "the key's scopes are read");
        app.post(&keys).by(&owner).json(&json!({"name": "none", "scopes": []})).send().await.expect(422);
        app.post(&keys).by(&owner).json(&json!({"name": "odd", "scopes": ["everything"]})).send().await.expect(422);
        let soon = json!({"name": "soon", "expires_at": "2026-11-23T09:30:00Z"});
        let brief = app.post(&keys).by(&owner).json(&soon).send().await.expect(201).text_at("/secret");
        app.get(&format!("/v1/postings/{posting}")).by(&brief).send().await.expect(200);
        app.advance(jiff::SignedDuration::from_mins(30));
        let over = app.get(&format!("/v1/postings/{posting}")).by(&brief).send().await.expect(401);
        assert_eq!(over.code(), "token_rejected");
    }
}
