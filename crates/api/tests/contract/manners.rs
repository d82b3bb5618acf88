//! Manners that hold for every call.

use api::on_both;
use api::testing::TestApp;
use api::{Code, Limits};
use serde_json::json;
use store::Backend;

use crate::rtl_role;

fn app() -> TestApp {
    TestApp::new(Backend::Sqlite)
}

#[actix_web::test]
async fn a_body_that_is_no_json_is_400_and_wrong_content_is_422_with_its_place() {
    let app = app();
    let token = app.sign_up("a@example.org").await;
    let post = |body: &str| {
        app.post("/v1/employers")
            .by(&token)
            .body("application/json", body)
            .send()
    };
    for malformed in [
        "",
        "{",
        "{\"name\": \"A\"} x",
        "{'name': 'A'}",
        "{\"name\": \"\\ud800\"}",
        "{\"name\": 1e999}",
        "\u{feff}{}",
    ] {
        let answer = post(malformed).await.expect(400);
        assert_eq!(answer.code(), "json_malformed", "{malformed}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(
        post(&"[".repeat(10_000)).await.expect(400).code(),
        "json_malformed"
    );
    for (body, pointer, code) in [
        ("{}", "/name", "value_missing"),
        ("{\"name\": 7}", "/name", "value_invalid"),
        ("[]", "", "value_invalid"),
        ("null", "", "value_invalid"),
        ("{\"name\": \"\"}", "/name", "name_invalid"),
        ("{\"name\": \"A\\u0000\"}", "/name", "character_forbidden"),
        (
            "{\"name\": \"A\", \"description_format\": \"rtf\"}",
            "/description_format",
            "value_unknown",
        ),
    ] {
        let answer = post(body).await.expect(422);
        assert_eq!(answer.code(), "content_invalid", "{body}");
        assert_eq!(
            (
                answer.text_at("/errors/0/pointer").as_str(),
                answer.text_at("/errors/0/code").as_str()
            ),
            (pointer, code),
            "{body}"
        );
        assert!(!answer.text_at("/errors/0/detail").is_empty());
    }
    let unknown = post("{\"name\": \"A\", \"websit\": \"https://a.example\"}")
        .await
        .expect(422);
    assert_eq!(
        (unknown.code().as_str(), unknown.text_at("/did_you_mean").as_str()),
        ("unknown_field", "website")
    );
    assert_eq!(unknown.text_at("/errors/0/pointer"), "/websit");
    post("{\"name\": \"A \\\\u0000 in words\"}").await.expect(201);
}

#[actix_web::test]
async fn a_nested_mistake_names_its_whole_place() {
    let app = app();
    let token = app.sign_up("a@example.org").await;
    let employer = app.found_employer(&token, "Acme Compute").await;
    let mut role = rtl_role();
    role["pay"]["base"]["max"] = "much".into();
    let path = format!("/v1/employers/{employer}/postings");
    let answer = app.post(&path).by(&token).json(&role).send().await.expect(422);
    assert_eq!(answer.text_at("/errors/0/pointer"), "/pay/base/max");
    let mut role = rtl_role();
    role["locations"][0]["contry"] = "US".into();
    let answer = app.post(&path).by(&token).json(&role).send().await.expect(422);
    assert_eq!(
        (
            answer.text_at("/errors/0/pointer").as_str(),
            answer.text_at("/did_you_mean").as_str()
        ),
        ("/locations/0/contry", "country")
    );
}

#[actix_web::test]
async fn another_content_type_is_415_and_a_body_that_is_too_large_413() {
    let app = TestApp::with_limits(
        Backend::Sqlite,
        Limits {
            enabled: false,
            body_bytes: 1000,
            import_bytes: 2000,
            ..Limits::default()
        },
    );
    let token = app.sign_up("a@example.org").await;
    let employer = app.found_employer(&token, "Acme Compute").await;
    let post = |kind: &str, body: &str| app.post("/v1/employers").by(&token).body(kind, body).send();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "",
    ] {
        assert_eq!(
            post(kind, "{\"name\": \"A\"}").await.expect(415).code(),
            "media_type_unsupported",
            "{kind}"
        );
    }
    post("application/json; charset=utf-8", "{\"name\": \"A\"}")
        .await
        .expect(201);
    let large = format!("{{\"name\": \"A\", \"description\": \"{}\"}}", "x".repeat(1000));
    assert_eq!(
        post("application/json", &large).await.expect(413).code(),
        "body_too_large",
        "found out while reading"
    );
    let announced = app
        .post("/v1/employers")
        .by(&token)
        .header("Content-Length", "1001")
        .body("application/json", large)
        .send();
    assert_eq!(
        announced.await.expect(413).code(),
        "body_too_large",
        "refused by its Content-Length"
    );
    let import = format!("/v1/employers/{employer}/imports");
    let rows = |bytes: usize| {
        app.post(&import)
            .by(&token)
            .body("application/x-ndjson", "\n".repeat(bytes))
            .send()
    };
    rows(1500).await.expect(202);
    assert_eq!(rows(2001).await.expect(413).code(), "body_too_large");
    let form = app
        .post("/alerts/confirm")
        .body("application/json", "{}")
        .send()
        .await;
    assert_eq!(
        (form.status, form.code().as_str()),
        (415, "media_type_unsupported")
    );
}

#[actix_web::test]
async fn who_asks_too_often_waits_and_is_told_how_long() {
    let app = TestApp::with_limits(Backend::Sqlite, Limits::default());
    let login = || {
        app.post("/v1/auth/login")
            .json(&json!({"email": "a@example.org", "password": "x"}))
            .send()
    };
    let first = login().await.expect(401);
    assert_eq!(first.header("ratelimit-policy"), Some("\"account\";q=20;w=900"));
    assert_eq!(first.header("ratelimit"), Some("\"account\";r=19;t=45"));
    for _ in 0..19 {
        login().await.expect(401);
    }
    let refused = login().await.expect(429);
    assert_eq!(refused.code(), "rate_limited");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=46).contains(&wait), "{wait}");
    assert_eq!(
        refused.header("ratelimit"),
        Some(format!("\"account\";r=0;t={wait}").as_str())
    );
    assert_eq!(
        refused.header("x-request-id"),
        Some(refused.text_at("/request_id").as_str())
    );
    let form = app
        .post("/forgot-password")
        .body("application/x-www-form-urlencoded", "email=a%40example.org");
    form.send().await.expect(429);
    let search = app.get("/v1/search").send().await.expect(200);
    assert_eq!(search.header("ratelimit-policy"), Some("\"read\";q=600;w=60"));
    assert_eq!(
        app.get("/healthz").send().await.expect(200).header("ratelimit"),
        None
    );
    app.post("/v1/alerts/unsubscribe?token=x")
        .send()
        .await
        .expect(404);
}

#[actix_web::test]
async fn an_answer_names_its_request_and_a_client_may_choose_the_name() {
    let app = app();
    for path in [
        "/v1/search",
        "/v1/nothing",
        "/healthz",
        "/",
        "/docs/",
        "/v1/postings/%FF",
        "/v1/me",
    ] {
        let answer = app.get(path).send().await;
        let id = answer
            .header("x-request-id")
            .unwrap_or_else(|| panic!("{path} answers without an id"));
        if answer.status >= 400 {
            assert_eq!(answer.text_at("/request_id"), id, "{path}");
        }
        for evil in ["short", "with space 1234", "x\"y'z<12345", &"a".repeat(65)] {
            let answer = app.get(path).header("X-Request-Id", evil).send().await;
            assert_ne!(answer.header("x-request-id"), Some(evil), "{path}");
        }
    }
}

#[actix_web::test]
async fn a_head_is_answered_like_a_get() {
    let app = app();
    for path in ["/healthz", "/v1/search", "/"] {
        app.call(&actix_web::http::Method::HEAD, path)
            .send()
            .await
            .expect(200);
    }
}

#[actix_web::test]
async fn what_no_address_can_hold_is_400() {
    let app = app();
    for path in [
        "/v1/employers/%00",
        "/postings/a%00b",
        "/v1/search?q=%00",
        "/v1/suggest?q=a%00",
        "/?q=%00",
    ] {
        assert_eq!(
            app.get(path).send().await.expect(400).code(),
            "request_invalid",
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_parameter_is_given_once_and_known() {
    let app = app();
    let twice = app.get("/v1/employers?limit=1&limit=2").send().await.expect(400);
    assert_eq!(
        (twice.code().as_str(), twice.text_at("/errors/0/pointer").as_str()),
        ("parameters_invalid", "/limit")
    );
    let unknown = app.get("/v1/employers?limt=1").send().await.expect(400);
    assert_eq!(
        (unknown.code().as_str(), unknown.text_at("/did_you_mean").as_str()),
        ("unknown_parameter", "limit")
    );
    assert_eq!(
        app.get("/v1/employers?cursor=zzz")
            .send()
            .await
            .expect(400)
            .code(),
        "cursor_invalid"
    );
    for limit in ["0", "101", "-1", "ten", ""] {
        app.get(&format!("/v1/employers?limit={limit}"))
            .send()
            .await
            .expect(400);
    }
}

on_both! {
    async fn a_repeated_key_gets_the_first_answer(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let other = app.sign_up("other@example.org").await;
        let post = |by: &str, key: &str, name: &str| {
            app.post("/v1/employers").by(by).header("Idempotency-Key", key).json(&json!({"name": name})).send()
        };
        let first = post(&owner, "k", "Acme").await.expect(201);
        let again = post(&owner, "k", "Acme").await.expect(201);
        assert_eq!((again.text.as_str(), again.header("etag")), (first.text.as_str(), first.header("etag")));
        assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), (None, Some("true")));
        assert_eq!(post(&owner, "k", "Zenith").await.expect(422).code(), "idempotency_key_reused");
        assert_ne!(post(&other, "k", "Acme").await.expect(201).text, first.text, "a key is its caller's own");
        post(&owner, "f", "").await.expect(422);
        post(&owner, "f", "Mended").await.expect(201);
        let long = "k".repeat(256);
        for bad in ["", long.as_str()] {
            assert_eq!(post(&owner, bad, "Acme").await.expect(400).code(), "header_invalid");
        }
        app.advance(jiff::SignedDuration::from_hours(25));
        let fresh = app.sign_in("owner@acme.example").await;
        assert_ne!(post(&fresh, "k", "Acme").await.expect(201).text, first.text, "a key is remembered for a day");

        let ask = |email: &str| {
            let body = json!({"email": email, "query": {"q": "rtl"}, "frequency": "instant"});
            app.post("/v1/alerts").header("Idempotency-Key", "k").json(&body).send()
        };
        ask("a@example.org").await.expect(202);
        ask("a@example.org").await.expect(202);
        ask("b@example.org").await.expect(202);
        assert_eq!(app.mails().await.len(), 2, "those without an account do not meet in each other's keys");
    }
}

#[test]
fn every_code_has_its_status() {
    let lines: Vec<String> = Code::ALL
        .iter()
        .map(|code| format!("{} {:<24} {}", code.status(), code.as_str(), code.title()))
        .collect();
    insta::assert_snapshot!("error_codes", lines.join("\n"));
    let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Code::ALL.len(), "no code twice");
}

#[actix_web::test]
async fn the_type_of_a_problem_leads_to_its_meaning() {
    let app = app();
    let problem = app.get("/v1/me").send().await.expect(401);
    assert_eq!(problem.header("www-authenticate"), Some("Bearer"));
    let (page, anchor) = problem
        .text_at("/type")
        .split_once('#')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let page = app.get(&page).send().await.expect(200);
    assert!(page.text.contains(&format!("id=\"{anchor}\"")), "{}", page.text);
}
