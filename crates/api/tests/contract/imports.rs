//! Imports over HTTP.

use api::on_both;
use api::testing::{Answer, TestApp};
use serde_json::{Value, json};

/// Rows as NDJSON.
fn ndjson(rows: &[Value]) -> String {
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.join("\n")
}

fn row(id: &str, title: &str) -> Value {
    json!({"source": "ats", "source_id": id, "title": title, "company": "Acme Compute", "locations": ["Austin, TX"],
        "description_html": "<p>Own the RTL of our accelerator in SystemVerilog, from specification to tape-out.</p>",
        "url": "https://acme.example/apply"})
}

/// The run when it has ended.
async fn ended(app: &TestApp, by: &str, run: &str) -> Answer {
    loop {
        let answer = app
            .get(&format!("/v1/imports/{run}"))
            .by(by)
            .send()
            .await
            .expect(200);
        if answer.text_at("/state") != "running" {
            return answer;
        }
        tokio_yield().await;
    }
}

/// Lets the import's thread go on.
async fn tokio_yield() {
    actix_web::rt::task::yield_now().await;
}

on_both! {
    async fn an_import_is_accepted_runs_on_and_tells_what_it_did(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/employers/{employer}/imports");
        let rows = ndjson(&[row("1", "RTL Engineer"), row("2", "Verification Engineer"), json!({"title": 7})]);
        let run = |path: &str| app.post(path).by(&owner).body("application/x-ndjson", rows.clone()).send();

        let trial = run(&format!("{path}?dry_run=true")).await.expect(202);
        let trial = ended(app, &owner, &trial.text_at("/id")).await;
        assert_eq!((&trial.json["dry_run"], &trial.json["summary"]["created"]), (&json!(true), &json!(2)), "{}", trial.text);
        assert!(app.found("q=engineer").await.is_empty(), "a dry run writes nothing");

        let first = run(&path).await.expect(202);
        assert_eq!(first.text_at("/state"), "running");
        let first = ended(app, &owner, &first.text_at("/id")).await;
        assert_eq!(first.text_at("/state"), "completed");
        assert_eq!((&first.json["summary"]["created"], &first.json["summary"]["rejected"]), (&json!(2), &json!(1)));
        assert_eq!(first.json["summary"]["rejections"][0]["line"], 3);
        let mut found = app.found("q=engineer").await;
        found.sort();
        assert_eq!(found, ["RTL Engineer", "Verification Engineer"]);

        let again = run(&path).await.expect(202);
        let again = ended(app, &owner, &again.text_at("/id")).await;
        assert_eq!(again.json["summary"]["unchanged"], 2, "{}", again.text);

        let stranger = app.sign_up("stranger@example.org").await;
        let one = format!("/v1/imports/{}", again.text_at("/id"));
        assert_eq!(app.get(&one).by(&stranger).send().await.expect(404).code(), "import_not_found");
        app.get(&one).send().await.expect(401);
        app.post(&path).by(&stranger).body("application/x-ndjson", "").send().await.expect(403);
        app.post(&path).by(&owner).body("text/csv", "a,b").send().await.expect(415);
        app.post(&format!("{path}?dry_run=perhaps")).by(&owner).body("application/x-ndjson", "").send().await.expect(400);
    }

    async fn a_repeated_key_starts_no_second_run(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/employers/{employer}/imports");
        let rows = ndjson(&[row("1", "RTL Engineer")]);
        let run = |rows: String| {
            app.post(&path).by(&owner).header("Idempotency-Key", "k").body("application/x-ndjson", rows).send()
        };
        let first = run(rows.clone()).await.expect(202);
        assert_eq!(first.header("idempotency-replayed"), None);
        let second = run(rows).await.expect(202);
        assert_eq!(second.text, first.text);
        assert_eq!(second.header("idempotency-replayed"), Some("true"));
        assert_eq!(run(String::new()).await.expect(422).code(), "idempotency_key_reused");
        ended(app, &owner, &first.text_at("/id")).await;
    }

    async fn a_row_with_nul_is_refused_and_the_rest_goes_in(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let rows = ndjson(&[row("1", "RTL \u{0} Engineer"), row("2", "Verification Engineer"), row("3\u{0}", "DFT Engineer")]);
        let path = format!("/v1/employers/{employer}/imports");
        let run = app.post(&path).by(&owner).body("application/x-ndjson", rows).send().await.expect(202);
        let run = ended(app, &owner, &run.text_at("/id")).await;
        assert_eq!(run.text_at("/state"), "completed", "{}", run.text);
        assert!(app.found("q=verification").await.contains(&"Verification Engineer".to_owned()));
    }
}
