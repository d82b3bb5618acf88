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
pub(crate) async fn ended(app: &TestApp, by: &str, run: &str) -> Answer {
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
        app.post(&path).by(&owner).body("application/xml", "<a/>").send().await.expect(415);
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

    async fn a_board_s_answer_is_imported_and_the_board_is_judged(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/employers/{employer}/imports");
        let posting = |id: u32| json!({"id": id, "internal_job_id": 1, "title": format!("RTL Engineer {id}"), "location": {"name": "Austin, TX"},
            "absolute_url": "https://acme.example/careers", "content": "&lt;p&gt;Own timing.&lt;/p&gt;"});
        let answer = |ids: std::ops::Range<u32>| json!({"jobs": ids.clone().map(posting).collect::<Vec<_>>(), "meta": {"total": ids.len()}}).to_string();
        let run = async |query: &str, body: String| {
            app.advance(jiff::SignedDuration::from_secs(1));
            let path = format!("{path}?format=greenhouse{query}");
            let started = app.post(&path).by(&owner).body("application/json", body).send().await.expect(202);
            ended(app, &owner, &started.text_at("/id")).await
        };
        let first = run("&board=acme", answer(0..8)).await;
        assert_eq!((&first.json["summary"]["created"], &first.json["summary"]["board"]["state"]), (&json!(8), &json!("healthy")), "{}", first.text);
        assert_eq!(first.json["changes"].as_array().unwrap().len(), 8);
        let trial = run("&dry_run=true", answer(0..7)).await;
        assert_eq!((&trial.json["summary"]["closed"], &trial.json["changes"][0]["kind"]), (&json!(1), &json!("closed")));
        let empty = run("", answer(0..0)).await;
        assert_eq!((&empty.json["summary"]["closed"], &empty.json["summary"]["board"]["held"]), (&json!(0), &json!(8)));
        let boards = app.get(&format!("/v1/employers/{employer}/boards")).by(&owner).send().await.expect(200);
        assert_eq!((boards.text_at("/data/0/state"), boards.text_at("/data/0/token")), ("suspect".to_owned(), "acme".to_owned()));
        assert_eq!(boards.json["data"][0]["reason"], empty.json["summary"]["board"]["reason"]);
        let broken = run("", "{\"jobs\": [".to_owned()).await;
        assert_eq!(broken.text_at("/state"), "failed");
        assert!(broken.text_at("/summary/error").contains("not one whole JSON document"), "{}", broken.text);
        let sure = run("&confirm=true", answer(0..1)).await;
        assert_eq!((&sure.json["summary"]["closed"], &sure.json["summary"]["board"]["state"]), (&json!(7), &json!("healthy")));
        let runs = app.get(&format!("{path}?limit=2")).by(&owner).send().await.expect(200);
        assert_eq!((runs.text_at("/data/0/id"), runs.json["data"][0].get("changes")), (sure.text_at("/id"), None));
        let more = app.get(&format!("{path}?cursor={}", runs.text_at("/next_cursor"))).by(&owner).send().await.expect(200);
        assert_eq!((more.json["data"].as_array().unwrap().len(), &more.json["next_cursor"]), (3, &Value::Null));
        let stranger = app.sign_up("stranger@example.org").await;
        for path in [&path, &format!("/v1/employers/{employer}/boards")] {
            app.get(path).by(&stranger).send().await.expect(403);
        }
        let wrong = app.post(&path).by(&owner).body("application/json", "[]").send().await.expect(400);
        assert_eq!(wrong.text_at("/errors/0/pointer"), "/format");
        app.post(&format!("{path}?format=lever")).by(&owner).body("text/csv", "a,b").send().await.expect(400);
    }

    async fn a_table_s_columns_are_proposed_confirmed_and_imported(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/employers/{employer}/imports");
        let table = "Position;Ref;Ort\nRTL Engineer;1;Austin, TX\n";
        let refused = app.post(&path).by(&owner).body("text/csv", table).send().await.expect(422);
        assert_eq!((refused.text_at("/errors/0/pointer"), refused.text_at("/errors/0/code")), ("/mapping/Position".to_owned(), "mapping_unconfirmed".to_owned()));
        let proposal = app.post(&format!("{path}/mapping")).by(&owner).body("text/csv", table).send().await.expect(200);
        assert_eq!(proposal.json["mapping"], json!({"Position": "title", "Ref": "source_id", "Ort": "location"}));
        let confirmed = |mapping: &Value| json!({"table": table, "mapping": mapping}).to_string();
        let send = |body: String| app.post(&format!("{path}?format=csv")).by(&owner).body("application/json", body).send();
        let run = send(confirmed(&proposal.json["mapping"])).await.expect(202);
        let run = ended(app, &owner, &run.text_at("/id")).await;
        assert_eq!(run.json["summary"]["created"], 1, "{}", run.text);
        let wrong = send(confirmed(&json!({"Position": "title"}))).await.expect(422);
        assert_eq!(wrong.text_at("/errors/0/code"), "mapping_invalid");
        assert!(app.found("q=rtl").await.contains(&"RTL Engineer".to_owned()));
    }
}
