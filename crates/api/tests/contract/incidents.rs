//! What went wrong in similar software, each once: the numbers are those of docs/SECURITY.md.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use api::on_both;
use api::testing::{PASSWORD, TestApp};
use serde_json::json;
use store::Backend;

use crate::employers::join;
use crate::{rtl_role, titled};

on_both! {
    /// CVE-2026-21483, Lemmy 2023-07 (6 and 9): markup of one user running in the page of another.
    async fn incident_06_and_09_markup_of_users_never_runs_and_no_cookie_is_there_to_steal(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "<img src=x onerror=alert(1)>").await;
        let mut role = titled("<script>alert(1)</script> Engineer");
        role["description"] = json!("![a\" onerror=\"alert(1)](https://x.example/a.png) <svg onload=alert(1)> [x](javascript:alert(1)) :<img>:");
        let id = app.publish(&owner, &employer, &role).await;
        app.settle().await;
        let posting = app.get(&format!("/v1/postings/{id}")).send().await.expect(200);
        let slug = posting.text_at("/slug");
        for path in ["/".to_owned(), format!("/postings/{slug}")] {
            let page = app.get(&path).header("Accept", "text/html").send().await.expect(200);
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
            // What search engines read is data, and holds no markup either.
            let opening = "<script type=\"application/ld+json\">";
            let (before, data) = page.text.split_once(opening).unwrap_or((&page.text, ""));
            let text = format!("{before}{}", data.replacen("</script>", "", 1));
            for active in ["<script", "<svg", "<img", "javascript:", "onerror=\""] {
                assert!(!text.contains(active), "{path}: {active}");
            }
        }
        assert!(!posting.text_at("/description_html").contains("javascript:"));
    }

    /// Lemmy #3499 (10): an access token in the address, and one without an end.
    async fn incident_10_a_token_in_the_address_is_refused(app) {
        let token = app.sign_up("ada@example.org").await;
        for path in ["/v1/me", "/v1/search", "/v1/employers"] {
            for name in ["token", "access_token", "auth", "jwt"] {
                let answer = app.get(&format!("{path}?{name}={token}")).send().await;
                assert!(matches!(answer.status, 400 | 401), "{path} {name}: {}", answer.text);
            }
        }
    }

    /// GHSA-r64r-5h43-26qv (11): reporting, exporting and changing somebody else's things by their id.
    async fn incident_11_what_belongs_to_somebody_else_does_not_exist(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let draft = app.draft(&owner, &employer, &rtl_role()).await;
        let body = json!({"email": "owner@acme.example", "query": {"q": "rtl"}, "frequency": "daily"});
        let alert = app.post("/v1/alerts").by(&owner).json(&body).send().await.expect(201).text_at("/id");
        let session = app.get("/v1/me/sessions").by(&owner).send().await.text_at("/data/0/id");
        let stranger = app.sign_up("stranger@example.org").await;
        for path in [
            format!("/v1/postings/{draft}"), format!("/v1/postings/{draft}/history"), format!("/v1/alerts/{alert}"),
        ] {
            app.get(&path).by(&stranger).send().await.expect(404);
        }
        for path in [format!("/v1/postings/{draft}"), format!("/v1/alerts/{alert}"), format!("/v1/me/sessions/{session}")] {
            app.delete(&path).by(&stranger).send().await.expect(404);
        }
        let export = app.get("/v1/me/export").by(&stranger).send().await.expect(200);
        assert!(!export.text.contains("owner@acme.example") && !export.text.contains(&alert));
    }

    /// CVE-2026-27802 (14): a bulk change that looked at the first id only.
    async fn incident_14_a_foreign_id_in_a_bulk_change_is_not_touched(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let victim_owner = app.sign_up("other@example.org").await;
        let other = app.found_employer(&victim_owner, "Other Works").await;
        let victim = app.publish(&victim_owner, &other, &rtl_role()).await;
        let own = app.draft(&owner, &employer, &rtl_role()).await;
        let operations = json!({"operations": [
            {"action": "update", "id": own, "patch": {"openings": 2}},
            {"action": "update", "id": victim, "patch": {"title": "Taken over"}},
            {"action": "pause", "id": victim}, {"action": "close", "id": victim, "reason": "other"},
        ]});
        let path = format!("/v1/employers/{employer}/postings/bulk");
        let done = app.post(&path).by(&owner).json(&operations).send().await.expect(200);
        let statuses: Vec<_> = done.json["outcomes"].as_array().unwrap().iter().map(|outcome| outcome["status"].clone()).collect();
        assert_eq!(statuses, [json!(200), json!(404), json!(404), json!(404)]);
        let untouched = app.get(&format!("/v1/postings/{victim}")).send().await.expect(200);
        assert_eq!((untouched.text_at("/title"), untouched.text_at("/status")), ("Staff RTL Design Engineer".to_owned(), "published".to_owned()));
        app.post(&format!("/v1/employers/{other}/postings/bulk")).by(&owner).json(&operations).send().await.expect(403);
    }

    /// CVE-2026-70594 (20): a session that was there before signing in and goes on after it.
    async fn incident_20_a_session_that_a_client_brings_along_is_never_taken_over(app) {
        app.sign_up("ada@example.org").await;
        let body = json!({"email": "ada@example.org", "password": PASSWORD});
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let answer = app.post("/v1/auth/login").header("Cookie", "session=chosen; __Host-session=chosen").json(&body).send().await;
            let answer = answer.expect(200);
            assert!(answer.header("set-cookie").is_none());
            tokens.push((answer.text_at("/access_token"), answer.text_at("/refresh_token")));
        }
        assert!(tokens[0].0 != tokens[1].0 && tokens[0].1 != tokens[1].1, "each sign-in has a session of its own");
        app.get("/v1/me").header("Cookie", "session=chosen").send().await.expect(401);
    }
}

/// RUSTSEC-2026-0258 and others (18): the protocol that brings them is not compiled in.
#[test]
fn incident_18_http2_is_not_there() {
    let lock = include_str!("../../../../Cargo.lock");
    assert!(lock.contains("name = \"actix-http\""), "the lock file was read");
    assert!(!lock.contains("name = \"h2\""));
}

/// RUSTSEC-2026-0009 and RUSTSEC-2024-0421 (19): dates that recurse, and punycode that means another domain.
#[test]
fn incident_19_parsers_of_dates_and_domains_are_mended_ones() {
    let lock = include_str!("../../../../Cargo.lock");
    let versions = |name: &str| -> Vec<(u32, u32, u32)> {
        let start = format!("name = \"{name}\"\nversion = \"");
        let found = lock
            .split(&start)
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap());
        let parts = |version: &str| {
            version
                .split('.')
                .map(|part| part.parse().unwrap())
                .collect::<Vec<u32>>()
        };
        found
            .map(parts)
            .map(|parts| (parts[0], parts[1], parts[2]))
            .collect()
    };
    assert!(!versions("idna").is_empty());
    assert!(
        versions("idna").iter().all(|version| *version >= (1, 0, 0)),
        "{:?}",
        versions("idna")
    );
    assert!(
        versions("time").iter().all(|version| *version >= (0, 3, 47)),
        "{:?}",
        versions("time")
    );
}

#[actix_web::test]
async fn a_small_body_that_unpacks_into_a_large_one_is_refused() {
    let app = TestApp::new(Backend::Sqlite);
    let token = app.sign_up("ada@example.org").await;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(b"{\"name\": \"").unwrap();
    for _ in 0..200 {
        bomb.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 500_000, "{}", bomb.len());
    for path in ["/v1/employers", "/v1/auth/login"] {
        let call = app.post(path).by(&token).header("Content-Encoding", "gzip");
        let refused = call
            .body("application/json", bomb.clone())
            .send()
            .await
            .expect(413);
        assert_eq!(refused.code(), "body_too_large");
    }
}

/// Everything that was logged, by everybody.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// crates.io 2025-04 (22): secrets of users in logs. The whole journey, also where it goes wrong, leaves none of them there,
/// nor an address.
#[actix_web::test]
async fn incident_22_neither_secrets_nor_addresses_reach_the_logs() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // Every test has a process of its own; beside others in one process this would only hear more.
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    let app = TestApp::new(Backend::Sqlite);
    let canary = "canary-owner@canary.example";
    let owner = app.sign_up(canary).await;
    let employer = app.found_employer(&owner, "Acme Compute").await;
    let joined = join(
        &app,
        &owner,
        &employer,
        "canary-second@canary.example",
        "recruiter",
    )
    .await;
    let keys = format!("/v1/employers/{employer}/api-keys");
    let key = app
        .post(&keys)
        .by(&owner)
        .json(&json!({"name": "K"}))
        .send()
        .await
        .expect(201)
        .text_at("/secret");
    app.publish(&key, &employer, &rtl_role()).await;
    app.subscribe("canary-reader@canary.example", &json!({"q": "rtl"}))
        .await;
    app.publish(&owner, &employer, &titled("RTL Engineer")).await;
    app.mails().await;
    let login = |password: &str| json!({"email": canary, "password": password});
    let session = app
        .post("/v1/auth/login")
        .json(&login(PASSWORD))
        .send()
        .await
        .expect(200);
    let refresh = session.text_at("/refresh_token");
    for _ in 0..7 {
        app.post("/v1/auth/login")
            .json(&login("canary-wrong-password"))
            .send()
            .await;
    }
    let again = json!({"refresh_token": refresh});
    app.post("/v1/auth/refresh").json(&again).send().await.expect(200);
    app.advance(jiff::SignedDuration::from_mins(1));
    app.post("/v1/auth/refresh").json(&again).send().await.expect(401);
    app.get(&format!("/v1/me?access_token={owner}")).send().await;
    app.get("/v1/me")
        .by(&format!("{owner}x"))
        .header("Cookie", "id=canary-cookie")
        .send()
        .await;
    app.get(&format!("/verify-email?token=canary-token&email={canary}"))
        .send()
        .await;
    app.post("/v1/auth/register")
        .body("application/json", format!("{{\"email\": \"{canary}\", \"pass"))
        .send()
        .await;
    app.post("/v1/me/email")
        .by(&joined)
        .json(&json!({"email": "canary-third@canary.example", "password": PASSWORD}))
        .send()
        .await;
    app.mails().await;
    app.delete("/v1/me").by(&joined).send().await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(
        text.contains("answered"),
        "the log was heard: {} bytes",
        text.len()
    );
    for secret in ["canary", PASSWORD, &owner, &joined, &key, &refresh] {
        let line = text.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "in the log: {line:?}");
    }
    assert!(!text.contains("eyJ"), "the beginning of every access token");
    // Who got in and who was kept out is there all the same (ASVS 16.3).
    let told = |word: &str, code: &str| {
        let is_told =
            |line: &&str| line.contains("backplane::access") && line.contains(word) && line.contains(code);
        text.lines().filter(is_told).count()
    };
    assert!(told("signed in", "/v1/auth/login") >= 1);
    assert!(told("kept out", "credentials_invalid") >= 5);
    assert!(told("kept out", "token_rejected") >= 1);
}
