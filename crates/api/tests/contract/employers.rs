//! Employers, their members and invitations, and freezing them.

use api::on_both;
use api::testing::TestApp;
use serde_json::json;

use crate::rtl_role;

/// Invites a person with an account and accepts for them; returns their access token.
pub(crate) async fn join(app: &TestApp, owner: &str, employer: &str, email: &str, role: &str) -> String {
    let token = app.sign_up(email).await;
    let path = format!("/v1/employers/{employer}/invitations");
    app.post(&path)
        .by(owner)
        .json(&json!({"email": email, "role": role}))
        .send()
        .await
        .expect(201);
    let invitation = app.token_mailed_to(email).await;
    let accept = json!({"token": invitation});
    app.post("/v1/invitations/accept")
        .by(&token)
        .json(&accept)
        .send()
        .await
        .expect(200);
    token
}

on_both! {
    async fn an_employer_is_public_and_only_its_owner_changes_it(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let stranger = app.sign_up("stranger@example.org").await;
        let body = json!({"name": "Acme Compute", "website": "https://acme.example", "headquarters": "Austin, TX",
            "description": "We make **chips**. <script>alert(1)</script>"});
        let made = app.post("/v1/employers").by(&owner).json(&body).send().await.expect(201);
        let (id, slug) = (made.text_at("/id"), made.text_at("/slug"));
        assert_eq!(slug, "acme-compute");
        assert!(made.text_at("/description_html").contains("<strong>chips</strong>"));
        assert!(!made.text.contains("<script"));
        for name in [&id, &slug] {
            let seen = app.get(&format!("/v1/employers/{name}")).send().await.expect(200);
            assert_eq!(seen.json, made.json);
            assert_eq!(seen.header("etag"), made.header("etag"));
        }
        let path = format!("/v1/employers/{slug}");
        let patch = json!({"headquarters": null, "name": "Acme"});
        assert_eq!(app.patch(&path).by(&stranger).json(&patch).send().await.expect(403).code(), "not_allowed");
        let stale = app.patch(&path).by(&owner).header("If-Match", "\"9\"").json(&patch).send().await.expect(412);
        assert_eq!(stale.code(), "version_conflict");
        let changed = app.patch(&path).by(&owner).header("If-Match", "\"1\"").json(&patch).send().await.expect(200);
        assert_eq!((changed.text_at("/name"), &changed.json["headquarters"]), ("Acme".to_owned(), &json!(null)));
        assert_eq!(changed.text_at("/website"), "https://acme.example/", "what is not named stays");
        let wrong = app.patch(&path).by(&owner).json(&json!({"website": "javascript:alert(1)"})).send().await.expect(422);
        assert_eq!(wrong.text_at("/errors/0/pointer"), "/website");
        let list = app.get("/v1/employers").send().await.expect(200);
        assert_eq!(list.json["data"].as_array().unwrap().len(), 1);
    }

    async fn pausing_an_employer_takes_all_its_postings_out_of_search_and_resuming_brings_them_back(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        for _ in 0..3 {
            app.publish(&owner, &employer, &rtl_role()).await;
        }
        assert_eq!(app.found("q=rtl").await.len(), 3);
        let stranger = app.sign_up("stranger@example.org").await;
        let pause = format!("/v1/employers/{employer}/pause");
        app.post(&pause).by(&stranger).send().await.expect(403);
        let paused = app.post(&pause).by(&owner).send().await.expect(200);
        assert_eq!(paused.text_at("/status"), "paused");
        let at_once = app.get("/v1/search?q=rtl").send().await.expect(200);
        assert_eq!((crate::titles(&at_once.json).len(), &at_once.json["total"]), (0, &json!(0)), "before the index knows");
        assert!(app.found("q=rtl").await.is_empty());
        app.post(&pause).by(&owner).send().await.expect(200);
        app.post(&format!("/v1/employers/{employer}/resume")).by(&owner).send().await.expect(200);
        assert_eq!(app.found("q=rtl").await.len(), 3);
    }

    async fn a_new_name_shows_in_search(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        app.publish(&owner, &employer, &rtl_role()).await;
        app.patch(&format!("/v1/employers/{employer}")).by(&owner).json(&json!({"name": "Zenith"})).send().await.expect(200);
        app.settle().await;
        let hits = app.get("/v1/search?q=rtl").send().await.expect(200);
        assert_eq!(hits.text_at("/data/0/employer/name"), "Zenith");
    }

    async fn members_are_invited_and_do_what_their_role_allows(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let recruiter = join(app, &owner, &employer, "recruiter@acme.example", "recruiter").await;
        let viewer = join(app, &owner, &employer, "viewer@acme.example", "viewer").await;
        let stranger = app.sign_up("stranger@example.org").await;
        let draft = app.draft(&recruiter, &employer, &rtl_role()).await;
        let drafts = format!("/v1/employers/{employer}/postings");
        app.post(&drafts).by(&viewer).json(&rtl_role()).send().await.expect(403);
        app.get(&format!("/v1/postings/{draft}")).by(&viewer).send().await.expect(200);
        app.post(&format!("/v1/postings/{draft}/publish")).by(&viewer).send().await.expect(403);
        let members = format!("/v1/employers/{employer}/members");
        let list = app.get(&members).by(&viewer).send().await.expect(200);
        assert_eq!(list.json["data"].as_array().unwrap().len(), 3);
        app.get(&members).by(&stranger).send().await.expect(403);
        let viewer_id = app.get("/v1/me").by(&viewer).send().await.expect(200).text_at("/id");
        let owner_id = app.get("/v1/me").by(&owner).send().await.expect(200).text_at("/id");
        let path = format!("{members}/{viewer_id}");
        app.patch(&path).by(&recruiter).json(&json!({"role": "owner"})).send().await.expect(403);
        app.patch(&path).by(&owner).json(&json!({"role": "recruiter"})).send().await.expect(204);
        app.post(&drafts).by(&viewer).json(&rtl_role()).send().await.expect(201);
        let last = app.delete(&format!("{members}/{owner_id}")).by(&owner).send().await.expect(409);
        assert_eq!(last.code(), "last_owner");
        app.delete(&path).by(&viewer).send().await.expect(204);
        app.post(&drafts).by(&viewer).json(&rtl_role()).send().await.expect(403);
        assert_eq!(app.delete(&path).by(&owner).send().await.expect(404).code(), "member_not_found");
        app.get(&format!("/v1/postings/{draft}")).by(&viewer).send().await.expect(404);
    }

    async fn an_invitation_is_for_one_address_and_can_be_taken_back(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let stranger = app.sign_up("stranger@example.org").await;
        let path = format!("/v1/employers/{employer}/invitations");
        let invite = |email: &str| app.post(&path).by(&owner).json(&json!({"email": email, "role": "viewer"})).send();
        app.post(&path).by(&stranger).json(&json!({"email": "x@example.org", "role": "owner"})).send().await.expect(403);
        let made = invite("guest@example.org").await.expect(201);
        assert!(made.json.get("token").is_none(), "only the mail holds the token");
        let token = app.token_mailed_to("guest@example.org").await;
        let accept = json!({"token": token});
        let wrong = app.post("/v1/invitations/accept").by(&stranger).json(&accept).send().await.expect(403);
        assert_eq!(wrong.code(), "not_allowed");
        let list = app.get(&path).by(&owner).send().await.expect(200);
        assert_eq!(list.json["data"].as_array().unwrap().len(), 1);
        let one = format!("{path}/{}", made.text_at("/id"));
        app.delete(&one).by(&owner).send().await.expect(204);
        assert_eq!(app.delete(&one).by(&owner).send().await.expect(404).code(), "invitation_not_found");
        let guest = app.sign_up("guest@example.org").await;
        let late = app.post("/v1/invitations/accept").by(&guest).json(&accept).send().await.expect(404);
        assert_eq!(late.code(), "token_invalid");
        invite("owner@acme.example").await.expect(409);
    }
}
