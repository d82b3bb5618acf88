//! API keys: what a program may do, and what it may not.

use api::on_both;
use serde_json::json;

use crate::employers::join;
use crate::rtl_role;

on_both! {
    async fn a_key_writes_its_employers_postings_and_nothing_else(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let other_owner = app.sign_up("other@example.org").await;
        let other = app.found_employer(&other_owner, "Other Works").await;
        let keys = format!("/v1/employers/{employer}/api-keys");
        let made = app.post(&keys).by(&owner).json(&json!({"name": "ATS sync"})).send().await.expect(201);
        let secret = made.text_at("/secret");
        assert!(secret.starts_with("bp_"));
        let list = app.get(&keys).by(&owner).send().await.expect(200);
        assert!(!list.text.contains(&secret), "the secret is shown once");

        let id = app.publish(&secret, &employer, &rtl_role()).await;
        app.get(&format!("/v1/employers/{employer}/postings?status=draft,published")).by(&secret).send().await.expect(200);
        app.post(&format!("/v1/employers/{employer}/imports")).by(&secret)
            .body("application/x-ndjson", "").send().await.expect(202);
        for (path, body) in [
            (format!("/v1/employers/{other}/postings"), rtl_role()),
            (keys.clone(), json!({"name": "one more"})),
            (format!("/v1/employers/{employer}/invitations"), json!({"email": "x@example.org", "role": "owner"})),
            ("/v1/employers".to_owned(), json!({"name": "Mine"})),
        ] {
            let refused = app.post(&path).by(&secret).json(&body).send().await.expect(403);
            assert_eq!(refused.code(), "not_allowed", "{path}");
        }
        for path in ["/v1/me", "/v1/me/sessions", "/v1/me/export", "/v1/alerts", keys.as_str()] {
            app.get(path).by(&secret).send().await.expect(403);
        }
        app.patch(&format!("/v1/employers/{employer}")).by(&secret).json(&json!({"name": "X"})).send().await.expect(403);
        app.post(&format!("/v1/employers/{employer}/pause")).by(&secret).send().await.expect(403);
        app.delete("/v1/me").by(&secret).send().await.expect(403);

        let one = format!("{keys}/{}", made.text_at("/id"));
        app.delete(&one).by(&secret).send().await.expect(403);
        app.delete(&one).by(&owner).send().await.expect(204);
        let gone = app.post(&format!("/v1/postings/{id}/pause")).by(&secret).send().await.expect(401);
        assert_eq!(gone.code(), "token_rejected");
        assert_eq!(app.delete(&one).by(&owner).send().await.expect(404).code(), "api_key_not_found");
        app.get("/v1/search").by("bp_nonsense").send().await.expect(200);
        app.get("/v1/me").by("bp_nonsense").send().await.expect(401);
    }

    async fn only_owners_make_keys(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let recruiter = join(app, &owner, &employer, "recruiter@acme.example", "recruiter").await;
        let keys = format!("/v1/employers/{employer}/api-keys");
        app.post(&keys).by(&recruiter).json(&json!({"name": "K"})).send().await.expect(403);
        app.get(&keys).by(&recruiter).send().await.expect(403);
    }
}
