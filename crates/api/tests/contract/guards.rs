//! What stands before every handler: headers, and bodies that are large or deep.

use actix_web::http::Method;
use api::testing::TestApp;
use serde_json::json;
use store::Backend;

use crate::openapi::operations;

fn app() -> TestApp {
    TestApp::new(Backend::Sqlite)
}

/// ASVS 3.4 and 14.3.2, for answers and problems of every kind.
#[actix_web::test]
async fn every_answer_carries_the_headers_that_browsers_obey() {
    let app = app();
    let token = app.sign_up("ada@example.org").await;
    let paths = [
        "/",
        "/v1/search",
        "/v1/me",
        "/v1/nothing",
        "/nothing",
        "/healthz",
        "/openapi.json",
        "/docs/",
    ];
    for path in paths {
        for call in [
            app.get(path),
            app.get(path).by(&token),
            app.call(&Method::DELETE, path),
        ] {
            let answer = call.send().await;
            let of = |name: &str| answer.header(name).unwrap_or_default().to_owned();
            assert_eq!(of("strict-transport-security"), "max-age=31536000", "{path}");
            assert_eq!(of("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(of("referrer-policy"), "no-referrer", "{path}");
            let policy = of("content-security-policy");
            assert!(
                policy.contains("frame-ancestors 'none'") && policy.contains("default-src"),
                "{path}: {policy}"
            );
            assert!(
                !policy.contains("script-src 'unsafe") && !policy.contains("unsafe-eval"),
                "{path}: {policy}"
            );
            assert!(
                !of("cache-control").is_empty() && !of("x-request-id").is_empty(),
                "{path}"
            );
            assert_eq!(of("set-cookie"), "", "{path}");
        }
    }
    assert_eq!(
        app.get("/v1/me")
            .by(&token)
            .send()
            .await
            .expect(200)
            .header("cache-control"),
        Some("no-store")
    );
    let guessed = app.get("/v1/me").send().await.expect(401);
    assert_eq!(guessed.header("cache-control"), Some("no-store"));
}

/// ASVS 13.4.4.
#[actix_web::test]
async fn trace_and_connect_are_answered_nowhere() {
    let app = app();
    for method in [Method::TRACE, Method::CONNECT] {
        for path in ["/", "/v1/search", "/v1/me", "/healthz"] {
            let answer = app.call(&method, path).send().await;
            assert!(
                matches!(answer.status, 404 | 405),
                "{method} {path}: {}",
                answer.status
            );
            assert!(!answer.text.contains("TRACE"), "nothing is sent back");
        }
    }
}

/// Every operation with a body, sent 100,000 opening brackets: they are refused before anything recurses.
#[actix_web::test]
async fn bodies_of_any_depth_are_refused_by_every_operation() {
    let app = app();
    let token = app.sign_up("ada@example.org").await;
    let deep = [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        format!("{{\"name\":{}1{}}}", "[".repeat(60_000), "]".repeat(60_000)),
    ];
    let mut asked = 0;
    let document = app.get("/openapi.json").send().await.expect(200).json;
    for operation in operations(&document) {
        let method: Method = operation.method.to_uppercase().parse().unwrap();
        if operation.body.is_none() {
            continue;
        }
        let path = operation.path.replace(['{', '}'], "");
        for body in &deep {
            let answer = app
                .call(&method, &path)
                .by(&token)
                .body("application/json", body.as_str())
                .send()
                .await;
            assert!(
                (400..500).contains(&answer.status),
                "{method} {path}: {} {}",
                answer.status,
                answer.text
            );
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    app.get("/v1/me").by(&token).send().await.expect(200);
}

/// A name with letters of another alphabet, or that turns the text behind it around, is no name of a person or an employer.
#[actix_web::test]
async fn names_that_look_like_others_are_refused() {
    let app = app();
    let owner = app.sign_up("owner@acme.example").await;
    app.found_employer(&owner, "Acme Compute").await;
    for name in [
        "\u{410}cme Compute",
        "Acme\u{200b} Compute",
        "Acme \u{202e}etupmoC",
        "\u{ff21}cme Compute",
    ] {
        let refused = app
            .post("/v1/employers")
            .by(&owner)
            .json(&json!({"name": name}))
            .send()
            .await
            .expect(422);
        assert_eq!(refused.text_at("/errors/0/pointer"), "/name", "{name:?}");
        let body = json!({"name": name});
        app.patch("/v1/me")
            .by(&owner)
            .json(&body)
            .send()
            .await
            .expect(422);
    }
    let named = app
        .patch("/v1/me")
        .by(&owner)
        .json(&json!({"name": "Ада Лавлейс"}))
        .send()
        .await
        .expect(200);
    assert_eq!(named.text_at("/name"), "Ада Лавлейс");
}
