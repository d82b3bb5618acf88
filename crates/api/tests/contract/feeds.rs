//! The feed of changes, and what operators and machines ask.

use api::on_both;
use serde_json::{Value, json};

use crate::{rtl_role, titled};

on_both! {
    async fn the_feed_is_walked_to_its_end_and_on_from_there(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(app.publish(&owner, &employer, &titled(&format!("Role {n}"))).await);
        }
        app.draft(&owner, &employer, &rtl_role()).await;
        let (mut seen, mut after, mut last) = (Vec::new(), "0".to_owned(), 0);
        loop {
            let page = app.get(&format!("/v1/changes?after={after}&limit=2")).send().await.expect(200);
            for change in page.json["data"].as_array().unwrap() {
                let revision = change["revision"].as_i64().unwrap();
                assert!(revision > last, "in order");
                last = revision;
                assert_eq!(change["kind"], "upsert");
                seen.push(change["posting"]["id"].as_str().unwrap().to_owned());
            }
            match page.json["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        assert_eq!(seen, ids, "every public posting, no draft");
        let whole = app.get(&format!("/v1/postings/{}", ids[0])).send().await.expect(200);
        let feed = app.get("/v1/changes").send().await.expect(200);
        assert_eq!(feed.json["data"][0]["posting"], whole.json, "the posting as it is read alone");

        let quiet = app.get(&format!("/v1/changes?after={last}")).send().await.expect(200);
        assert_eq!(quiet.json, json!({"data": [], "next_cursor": null}), "the last revision is a place to go on from");
        app.post(&format!("/v1/postings/{}/close", ids[0])).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        app.delete(&format!("/v1/postings/{}", ids[1])).by(&owner).send().await.expect(204);
        let gone = app.get(&format!("/v1/changes?after={last}")).send().await.expect(200);
        let kinds: Vec<(&str, &Value)> = gone.json["data"].as_array().unwrap().iter()
            .map(|change| (change["kind"].as_str().unwrap(), &change["posting"])).collect();
        assert_eq!(kinds, [("remove", &json!({"id": ids[0]})), ("remove", &json!({"id": ids[1]}))]);

        let last = gone.json["data"][1]["revision"].as_i64().unwrap();
        let since = format!("/v1/changes?after={last}");
        for (step, kind) in [("pause", "remove"), ("resume", "upsert")] {
            app.post(&format!("/v1/employers/{employer}/{step}")).by(&owner).send().await.expect(200);
            let changes = app.get(&since).send().await.expect(200);
            let all = changes.json["data"].as_array().unwrap();
            let open: Vec<&Value> = all.iter().filter(|change| ids[2..].iter().any(|id| change["posting"]["id"] == **id)).collect();
            assert_eq!(open.len(), 3, "{step}");
            assert!(open.iter().all(|change| change["kind"] == kind), "{step}: {open:?}");
        }
        for nonsense in ["after=zzz", "after=1.5", "after=99999999999999999999"] {
            assert_eq!(app.get(&format!("/v1/changes?{nonsense}")).send().await.expect(400).code(), "cursor_invalid");
        }
    }

    async fn machines_get_what_they_ask_for(app) {
        assert_eq!(app.get("/healthz").send().await.expect(200).json, json!({"status": "ok"}));
        app.settle().await;
        let ready = app.get("/readyz").send().await.expect(200);
        assert_eq!(ready.json, json!({"status": "ready", "database": "ok", "migrations": "ok", "index": "ok",
            "index_revision": 0, "latest_revision": 0}));
        app.state.set_ready(false);
        let waiting = app.get("/readyz").send().await.expect(503);
        assert_eq!((waiting.text_at("/status"), waiting.text_at("/index")), ("not_ready".to_owned(), "catching_up".to_owned()));
        // A process that stops says so, and its passes do not take that back.
        app.state.set_stopping();
        app.state.set_ready(true);
        let stopping = app.get("/readyz").send().await.expect(503);
        assert_eq!((stopping.text_at("/status"), stopping.text_at("/index")), ("not_ready".to_owned(), "ok".to_owned()));
        app.get("/healthz").send().await.expect(200);
        assert!(app.get("/metrics").send().await.expect(200).header("content-type").unwrap().starts_with("text/plain"));
        let keys = app.get("/.well-known/jwks.json").send().await.expect(200);
        assert!(!keys.json["keys"].as_array().unwrap().is_empty());
        assert!(keys.json["keys"][0].get("d").is_none(), "public parts only");
        assert_eq!(app.get("/openapi.json").send().await.expect(200).text_at("/openapi").split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
        let docs = app.get("/docs").send().await.expect(303);
        assert_eq!(docs.header("location"), Some("/docs/"));
        let docs = app.get("/docs/").send().await.expect(200);
        assert!(docs.header("content-type").unwrap().starts_with("text/html"));
        assert!(docs.header("content-security-policy").unwrap().contains("default-src 'self'"), "its scripts may run");
        app.get("/docs/swagger-ui-bundle.js").send().await.expect(200);
    }
}
