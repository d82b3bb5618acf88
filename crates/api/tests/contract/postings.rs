//! Postings: what they say, who sees them, and their life.

use api::on_both;
use serde_json::{Value, json};

use crate::{rtl_role, titled};

/// Every field that an employer can write.
fn everything() -> Value {
    json!({
        "title": "Staff RTL Design Engineer", "description": "Own it. <b>bold</b>", "description_format": "html",
        "discipline": "silicon", "specialties": ["rtl_design"], "skills": ["systemverilog", "uvm"],
        "seniority": "staff", "employment_type": "full_time", "workplace": "hybrid",
        "locations": [{"city": "Austin", "region": "TX", "country": "US", "latitude": 30.27, "longitude": -97.74}],
        "remote_from": ["US"], "openings": 4, "filled": 1,
        "pay": {
            "base": {"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"},
            "ranges": [{"min": 220_000, "max": 300_000, "currency": "USD", "period": "year", "applies_to": "Austin"}],
            "equity": {"kind": "rsu", "note": "four years"},
            "total": {"min": 350_000, "max": 600_000, "currency": "USD", "period": "year"}
        },
        "hardware": {"accelerators": ["own"], "process_node": "3 nm", "cooling": ["liquid"], "rack_power_kw": 120.5},
        "work_pattern": {"on_call": false, "travel_percent": 10, "site_days_per_week": 3},
        "eligibility": {"export_control": "required", "sponsorship": "accepted"},
        "environment": ["on_premises"], "benefits": ["401(k)"],
        "process": {"stages": ["call", "design review"], "days_to_decision": 14},
        "apply": {"url": "https://acme.example/apply/1", "email": "roles@acme.example"},
        "external_id": "REQ-1", "expires_at": "2027-01-01T00:00:00Z"
    })
}

/// Whether everything in `given` stands in `kept` (numbers by value).
fn assert_within(given: &Value, kept: &Value, place: &str) {
    match (given, kept) {
        (Value::Object(given), Value::Object(_)) => {
            for (name, value) in given {
                assert_within(value, &kept[name], &format!("{place}/{name}"));
            }
        }
        (Value::Array(given), Value::Array(all)) => {
            assert_eq!(given.len(), all.len(), "{place}");
            given
                .iter()
                .zip(all)
                .for_each(|(given, kept)| assert_within(given, kept, place));
        }
        (Value::Number(given), Value::Number(kept)) => assert_eq!(given.as_f64(), kept.as_f64(), "{place}"),
        _ => assert_eq!(given, kept, "{place}"),
    }
}

on_both! {
    async fn every_field_comes_back_as_it_was_given(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let given = everything();
        let id = app.publish(&owner, &employer, &given).await;
        let kept = app.get(&format!("/v1/postings/{id}")).send().await.expect(200);
        let mut told = given.clone();
        for input_only in ["description", "description_format"] {
            told.as_object_mut().unwrap().remove(input_only);
        }
        assert_within(&told, &kept.json, "");
        assert_eq!(kept.text_at("/description_html"), "Own it. <b>bold</b>");
        assert_eq!(kept.text_at("/description_text"), "Own it. bold");
        assert_eq!(kept.text_at("/status"), "published");
        assert_eq!(kept.text_at("/published_at"), "2026-11-23T09:00:00Z");
        assert_eq!(kept.text_at("/employer/slug"), "acme-compute");
        assert_eq!(kept.text_at("/url"), format!("https://board.example/postings/{}", kept.text_at("/slug")));
        assert!(kept.text_at("/slug").starts_with("staff-rtl-design-engineer-acme-compute"));
        for null in ["source", "source_id", "closed_at", "close_reason"] {
            assert_eq!(kept.json.get(null), Some(&Value::Null), "{null}");
        }
    }

    async fn an_edit_on_an_old_version_is_refused(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/postings/{}", app.draft(&owner, &employer, &everything()).await);
        let patch = |etag: &str, body: Value| app.patch(&path).by(&owner).header("If-Match", etag).json(&body).send();
        let first = patch("\"1\"", json!({"openings": 5, "pay": {"total": null}})).await.expect(200);
        assert_eq!(first.header("etag"), Some("\"2\""));
        assert_eq!(first.json["version"], 2);
        assert_eq!((&first.json["openings"], first.json.pointer("/pay/total")), (&json!(5), None));
        assert_eq!(first.json["pay"]["base"]["min"].as_f64(), Some(210_000.0), "what is not named stays");
        assert_eq!(patch("\"1\"", json!({"openings": 6})).await.expect(412).code(), "version_conflict");
        assert_eq!(patch("what?", json!({"openings": 6})).await.expect(400).code(), "header_invalid");
        patch("*", json!({"openings": 6})).await.expect(200);
        let gone = app.delete(&path).by(&owner).header("If-Match", "\"1\"").send().await.expect(412);
        assert_eq!(gone.code(), "version_conflict");
        let unknown = patch("*", json!({"titel": "x"})).await.expect(422);
        assert!(unknown.text.contains("titel"), "{}", unknown.text);
        let wrong = patch("*", json!({"openings": "many"})).await.expect(422);
        assert_eq!(wrong.text_at("/errors/0/pointer"), "/openings");
        patch("*", json!([1])).await.expect(422);
    }

    async fn a_posting_moves_only_along_its_life(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let path = format!("/v1/postings/{}", app.draft(&owner, &employer, &rtl_role()).await);
        let step = |name: &str| app.post(&format!("{path}/{name}")).by(&owner).send();
        let close = |reason: &str| app.post(&format!("{path}/close")).by(&owner).json(&json!({"reason": reason})).send();
        for name in ["pause", "resume", "renew"] {
            assert_eq!(step(name).await.expect(409).code(), "state_conflict", "{name} a draft");
        }
        close("filled").await.expect(409);
        assert_eq!(step("publish").await.expect(200).text_at("/status"), "published");
        step("publish").await.expect(409);
        step("resume").await.expect(409);
        assert_eq!(step("pause").await.expect(200).text_at("/status"), "paused");
        step("pause").await.expect(409);
        assert_eq!(step("resume").await.expect(200).text_at("/status"), "published");
        let unknown = close("bored").await.expect(422);
        assert_eq!(unknown.text_at("/errors/0/pointer"), "/reason");
        let closed = close("withdrawn").await.expect(200);
        assert_eq!((closed.text_at("/status"), closed.text_at("/close_reason")), ("closed".to_owned(), "withdrawn".to_owned()));
        close("filled").await.expect(409);
        app.advance(jiff::SignedDuration::from_hours(24));
        let owner = app.sign_in("owner@acme.example").await;
        let renewed = app.post(&format!("{path}/renew")).by(&owner).send().await.expect(200);
        assert_eq!((renewed.text_at("/status"), &renewed.json["close_reason"]), ("published".to_owned(), &Value::Null));
        assert_eq!(renewed.text_at("/expires_at"), "2027-01-23T09:00:00Z", "60 days from the renewal");
    }

    async fn a_closed_posting_is_shown_by_its_link_and_never_found(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let closed = app.publish(&owner, &employer, &rtl_role()).await;
        let paused = app.publish(&owner, &employer, &rtl_role()).await;
        let deleted = app.publish(&owner, &employer, &rtl_role()).await;
        app.settle().await;
        app.post(&format!("/v1/postings/{closed}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        app.post(&format!("/v1/postings/{paused}/pause")).by(&owner).send().await.expect(200);
        app.delete(&format!("/v1/postings/{deleted}")).by(&owner).send().await.expect(204);
        assert_eq!(app.get("/v1/search?q=rtl").send().await.expect(200).json["total"], 0, "before the index knows");
        assert!(app.found("q=rtl").await.is_empty());
        assert_eq!(app.get(&format!("/v1/postings/{closed}")).send().await.expect(200).text_at("/status"), "closed");
        app.get(&format!("/v1/postings/{deleted}")).send().await.expect(404);
    }

    async fn only_members_see_what_is_not_published(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        app.publish(&owner, &employer, &titled("Public")).await;
        app.advance(jiff::SignedDuration::from_secs(1));
        app.draft(&owner, &employer, &titled("Secret")).await;
        let path = format!("/v1/employers/{employer}/postings");
        let all = app.get(&path).by(&owner).send().await.expect(200);
        assert_eq!(crate::titles(&all.json), ["Secret", "Public"], "newest first");
        let drafts = app.get(&format!("{path}?status=draft")).by(&owner).send().await.expect(200);
        assert_eq!(crate::titles(&drafts.json), ["Secret"]);
        assert_eq!(crate::titles(&app.get(&path).send().await.expect(200).json), ["Public"]);
        app.get(&format!("{path}?status=published")).send().await.expect(200);
        assert_eq!(app.get(&format!("{path}?status=draft")).send().await.expect(401).code(), "credentials_missing");
        let stranger = app.sign_up("stranger@example.org").await;
        assert_eq!(app.get(&format!("{path}?status=draft")).by(&stranger).send().await.expect(403).code(), "not_allowed");
        assert_eq!(app.get(&format!("{path}?status=gone")).send().await.expect(400).code(), "parameters_invalid");
        let first = app.get(&format!("{path}?limit=1")).by(&owner).send().await.expect(200);
        let rest = format!("{path}?limit=1&cursor={}", first.text_at("/next_cursor"));
        let second = app.get(&rest).by(&owner).send().await.expect(200);
        assert_eq!((crate::titles(&second.json), &second.json["next_cursor"]), (vec!["Public"], &Value::Null));
        assert_eq!(app.get(&format!("{path}?cursor=zzz")).send().await.expect(400).code(), "cursor_invalid");
    }

    async fn an_external_id_is_one_postings_alone(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        app.draft(&owner, &employer, &everything()).await;
        let path = format!("/v1/employers/{employer}/postings");
        let taken = app.post(&path).by(&owner).json(&everything()).send().await.expect(409);
        assert_eq!(taken.code(), "external_id_taken");
        let other = app.found_employer(&owner, "Other Works").await;
        app.draft(&owner, &other, &everything()).await;
    }

    async fn what_is_missing_is_said_when_a_draft_is_published(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let id = app.draft(&owner, &employer, &json!({"title": "Engineer"})).await;
        let refused = app.post(&format!("/v1/postings/{id}/publish")).by(&owner).send().await.expect(422);
        assert_eq!(refused.code(), "content_invalid");
        assert!(refused.json["errors"].as_array().unwrap().iter().all(|error| error["pointer"].as_str().unwrap().starts_with('/')));
        let path = format!("/v1/employers/{employer}/postings");
        let bad = json!({"title": "E", "pay": {"base": {"min": 5, "max": 1, "currency": "USD", "period": "year"}},
            "locations": [{"country": "Atlantis"}]});
        let refused = app.post(&path).by(&owner).json(&bad).send().await.expect(422);
        let pointers: Vec<&str> = refused.json["errors"].as_array().unwrap().iter()
            .map(|error| error["pointer"].as_str().unwrap()).collect();
        assert!(pointers.iter().any(|pointer| pointer.starts_with("/pay/base")), "{pointers:?}");
        assert!(pointers.iter().any(|pointer| pointer.starts_with("/locations/0")), "{pointers:?}");
    }
}
