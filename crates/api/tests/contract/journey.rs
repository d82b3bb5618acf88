//! The main journey: an employer posts, a candidate finds, a subscriber is told.

use api::on_both;
use api::testing::{TestApp, decoded};
use serde_json::{Value, json};

use crate::rtl_role;

on_both! {
    async fn a_confirmed_subscriber_is_told_once_about_a_matching_posting(app) {
        let token = app.sign_up("recruiter@acme.example").await;
        let employer = app.found_employer(&token, "Acme Compute").await;
        app.subscribe("reader@example.org", &json!({"q": "rtl", "country": "US"})).await;
        app.subscribe("other@example.org", &json!({"q": "verilog", "country": "DE"})).await;

        let id = app.publish(&token, &employer, &rtl_role()).await;
        let mails = app.mails().await;
        assert_eq!(mails.len(), 1, "only whose query matches is told");
        assert_eq!(mails[0].recipient.as_str(), "reader@example.org");
        let text = decoded(&mails[0].as_text());
        for part in ["Staff RTL Design Engineer", "Acme Compute", "Austin", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // An edit, a pause and a resumption of the same posting are no news.
        let patch = json!({"openings": 5});
        app.call(&actix_web::http::Method::PATCH, &format!("/v1/postings/{id}")).by(&token).json(&patch).send().await.expect(200);
        for step in ["pause", "resume"] {
            app.post(&format!("/v1/postings/{id}/{step}")).by(&token).send().await.expect(200);
        }
        assert!(app.mails().await.is_empty());
    }

    async fn a_published_posting_is_found_and_a_closed_one_is_not_even_before_the_index_knows(app) {
        let token = app.sign_up("recruiter@acme.example").await;
        let employer = app.found_employer(&token, "Acme Compute").await;
        let id = app.publish(&token, &employer, &rtl_role()).await;
        assert_eq!(app.found("q=rtl&near=Austin,TX&pay_min=250000&facets=discipline").await, ["Staff RTL Design Engineer"]);
        assert_eq!(app.found("q=rtl&pay_min=300000").await, Vec::<String>::new());

        app.post(&format!("/v1/postings/{id}/close")).by(&token).json(&json!({"reason": "filled"})).send().await.expect(200);
        let answer = app.get("/v1/search?q=rtl").send().await.expect(200);
        assert_eq!((answer.json["data"].as_array().unwrap().len(), &answer.json["total"]), (0, &json!(0)));
        let closed = app.get(&format!("/v1/postings/{id}")).send().await.expect(200);
        assert_eq!(closed.text_at("/status"), "closed");
        let feed = app.get("/v1/changes?after=0").send().await.expect(200);
        assert_eq!(feed.json["data"][0]["kind"], "remove");
    }

    async fn the_same_key_makes_one_draft_and_another_body_is_refused(app) {
        let token = app.sign_up("recruiter@acme.example").await;
        let employer = app.found_employer(&token, "Acme Compute").await;
        let path = format!("/v1/employers/{employer}/postings");
        let ask = |body: Value| app.post(&path).by(&token).header("Idempotency-Key", "key-1").json(&body).send();
        let first = ask(rtl_role()).await.expect(201);
        let second = ask(rtl_role()).await.expect(201);
        assert_eq!(first.text, second.text);
        assert_eq!(second.header("etag"), Some("\"1\""));
        assert_eq!(ask(json!({"title": "Other"})).await.expect(422).code(), "idempotency_key_reused");
        let list = app.get(&path).by(&token).send().await.expect(200);
        assert_eq!(list.json["data"].as_array().unwrap().len(), 1);
    }

    async fn somebody_elses_draft_does_not_exist(app) {
        let token = app.sign_up("recruiter@acme.example").await;
        let stranger = app.sign_up("stranger@example.org").await;
        let employer = app.found_employer(&token, "Acme Compute").await;
        let draft = app.draft(&token, &employer, &rtl_role()).await;
        let path = format!("/v1/postings/{draft}");
        assert_eq!(app.get(&path).send().await.expect(404).code(), "posting_not_found");
        assert_eq!(app.get(&path).by(&stranger).send().await.expect(404).code(), "posting_not_found");
        let publish = format!("{path}/publish");
        assert_eq!(app.post(&publish).by(&stranger).send().await.expect(404).code(), "posting_not_found");
        assert_eq!(app.post(&publish).send().await.expect(401).code(), "credentials_missing");
        app.post(&publish).by(&token).send().await.expect(200);
        assert_eq!(app.post(&format!("{path}/pause")).by(&stranger).send().await.expect(403).code(), "not_allowed");
    }

    async fn one_click_unsubscribes_and_a_get_changes_nothing(app) {
        let token = app.sign_up("recruiter@acme.example").await;
        let employer = app.found_employer(&token, "Acme Compute").await;
        app.subscribe("reader@example.org", &json!({"discipline": "silicon"})).await;
        app.publish(&token, &employer, &rtl_role()).await;
        let mail = decoded(&app.mails().await[0].as_text());
        let start = mail.find("<https://board.example/v1/alerts/unsubscribe").unwrap() + "<https://board.example".len();
        let path: String = mail[start..].chars().filter(|c| !c.is_whitespace()).take_while(|c| *c != '>').collect();

        let page = app.get(&path).send().await.expect(200);
        assert!(page.text.contains("<form"), "{}", page.text);
        app.publish(&token, &employer, &rtl_role()).await;
        assert_eq!(app.mails().await.len(), 1, "a GET changed nothing");
        for _ in 0..2 {
            let form = app.post(&path).body("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click");
            assert_eq!(form.send().await.expect(200).text_at("/status"), "unsubscribed");
        }
        app.publish(&token, &employer, &rtl_role()).await;
        assert!(app.mails().await.is_empty());
    }
}

#[actix_web::test]
async fn every_answer_carries_its_request_id_and_unknown_paths_are_problems() {
    let app = TestApp::new(store::Backend::Sqlite);
    let answer = app
        .get("/v1/nothing")
        .header("X-Request-Id", "abcdef-1234")
        .send()
        .await
        .expect(404);
    assert_eq!(answer.code(), "route_not_found");
    assert_eq!(answer.header("x-request-id"), Some("abcdef-1234"));
    assert_eq!(answer.text_at("/request_id"), "abcdef-1234");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let wrong_method = app
        .call(&actix_web::http::Method::DELETE, "/v1/search")
        .send()
        .await
        .expect(405);
    assert_eq!(wrong_method.code(), "method_not_allowed");
}
