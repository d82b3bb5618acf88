//! Search, suggestions, similar postings, the taxonomy.

use std::collections::BTreeSet;

use api::on_both;
use api::testing::TestApp;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{rtl_role, titled};

/// A board with three roles, none like the other; returns the owner's token and the employer's id.
async fn board(app: &TestApp) -> (String, String) {
    let owner = app.sign_up("owner@acme.example").await;
    let employer = app.found_employer(&owner, "Acme Compute").await;
    app.publish(&owner, &employer, &rtl_role()).await;
    app.advance(SignedDuration::from_hours(48));
    let owner = app.sign_in("owner@acme.example").await;
    let technician = json!({
        "title": "Data Center Technician", "description": "Racks, cables and liquid cooling.",
        "discipline": "data_center", "seniority": "entry", "employment_type": "contract", "workplace": "on_site",
        "locations": [{"city": "Frankfurt am Main", "country": "DE"}], "environment": ["colocation"],
        "hardware": {"accelerators": ["h100"]},
        "pay": {"base": {"min": 20, "max": 30, "currency": "EUR", "period": "hour"}},
        "apply": {"url": "https://acme.example/apply/2"}
    });
    app.publish(&owner, &employer, &technician).await;
    app.advance(SignedDuration::from_hours(48));
    let owner = app.sign_in("owner@acme.example").await;
    let other = app.found_employer(&owner, "Other Works").await;
    let platform = json!({
        "title": "Senior ML Platform Engineer", "description": "Kubernetes for training at scale.",
        "discipline": "ml_platform", "skills": ["kubernetes"], "seniority": "senior", "employment_type": "full_time",
        "workplace": "remote", "remote_from": ["US", "CA"], "apply": {"url": "https://other.example/apply"}
    });
    app.publish(&owner, &other, &platform).await;
    (owner, employer)
}

const RTL: &str = "Staff RTL Design Engineer";
const TECHNICIAN: &str = "Data Center Technician";
const PLATFORM: &str = "Senior ML Platform Engineer";

on_both! {
    async fn what_employers_name_themselves_is_a_filter_of_search_alerts_and_their_own_list(app) {
        let (owner, employer) = board(app).await;
        let mut role = titled("Verification Engineer");
        role["attributes"] = json!({"team": "Compute, East", "team_size": 9, "lab": true});
        let id = app.publish(&owner, &employer, &role).await;
        app.settle().await;
        for (wanted, total) in [
            ("attribute=team_size:9", 1), ("attribute=team_size:8", 0), ("attribute=team:compute,%20east", 1),
            ("attribute=team_size:9&attribute=lab:false", 0), ("attribute=team_size:8&attribute=team_size:9", 1),
            ("attribute=lab:true&discipline=data_center", 0),
        ] {
            let answer = app.get(&format!("/v1/search?facets=discipline&{wanted}")).send().await.expect(200);
            assert_eq!(answer.json["total"], total, "{wanted}");
            let counted: i64 = answer.json["facets"]["discipline"].as_array().unwrap().iter().map(|of| of["count"].as_i64().unwrap()).sum();
            assert!(counted >= total && counted <= 1, "counts heed attributes: {wanted} {:?}", answer.json["facets"]);
        }
        let why = app.get(&format!("/v1/postings/{id}/why?attribute=team_size:8")).send().await.expect(200);
        assert_eq!(why.json["parts"][0]["because"], "it states 9");
        let none = app.get("/v1/search?attribute=team_size:8").send().await.expect(200);
        assert_eq!(none.json["help"], json!([{"parameter": "attribute", "value": null, "total": 4}]));
        let wrong = app.get("/v1/search?attribute=team_size").send().await.expect(400);
        assert_eq!(wrong.json["errors"][0]["code"], "value_invalid");
        for wanted in ["attribute.team_size=9", "attribute=team_size:9", "attribute=team_size:9&attribute.lab=true"] {
            let own = app.get(&format!("/v1/employers/{employer}/postings?{wanted}")).send().await.expect(200);
            assert_eq!(own.json["data"].as_array().unwrap().len(), 1, "{wanted}");
        }
        let query = json!({"attribute": ["team_size:9", "lab:true"], "q": "verification"});
        let preview = app.post("/v1/alerts/preview").json(&json!({"query": query})).send().await.expect(200);
        assert_eq!(preview.json["total"], 1);
        let alert = app.post("/v1/alerts").by(&owner)
            .json(&json!({"email": "owner@acme.example", "query": query, "frequency": "daily"})).send().await.expect(201);
        assert_eq!(alert.json["query"], json!({"q": "verification", "attribute": ["lab:true", "team_size:9"]}));
    }

    async fn an_answer_that_is_given_again_never_shows_what_has_left(app) {
        let (owner, employer) = board(app).await;
        app.settle().await;
        let titles = async |header: Option<&str>| {
            let mut call = app.get("/v1/search?q=systemverilog");
            if let Some(value) = header {
                call = call.header("Cache-Control", value);
            }
            let answer = call.send().await.expect(200);
            assert_eq!(answer.json["total"], answer.json["data"].as_array().unwrap().len());
            answer.json["data"].as_array().unwrap().iter().map(|hit| hit["id"].clone()).collect::<Vec<_>>()
        };
        let first = titles(None).await;
        assert_eq!(first.len(), 1);
        assert_eq!(titles(None).await, first);
        assert_eq!(titles(Some("no-cache")).await, first);
        let pause = format!("/v1/employers/{employer}/pause");
        app.post(&pause).by(&owner).send().await.expect(200);
        assert!(titles(None).await.is_empty(), "not even before the index has heard of it");
        app.settle().await;
        assert!(titles(None).await.is_empty());
        let resume = format!("/v1/employers/{employer}/resume");
        app.post(&resume).by(&owner).send().await.expect(200);
        app.settle().await;
        assert_eq!(titles(None).await, first);
    }

    async fn every_parameter_filters(app) {
        board(app).await;
        for (query, expected) in [
            ("", vec![PLATFORM, TECHNICIAN, RTL]),
            ("q=systemverilog", vec![RTL]),
            ("q=%22memory+subsystem%22", vec![RTL]),
            ("discipline=silicon", vec![RTL]),
            ("discipline=silicon&discipline=data_center", vec![TECHNICIAN, RTL]),
            ("discipline=silicon,data_center&country=DE", vec![TECHNICIAN]),
            ("specialty=rtl_design", vec![RTL]),
            ("skill=kubernetes", vec![PLATFORM]),
            ("seniority=entry", vec![TECHNICIAN]),
            ("employment_type=contract", vec![TECHNICIAN]),
            ("workplace=remote", vec![PLATFORM]),
            ("employer=other-works", vec![PLATFORM]),
            ("country=US", vec![RTL]),
            ("region=TX", vec![RTL]),
            ("city=Austin", vec![RTL]),
            ("near=Austin,TX", vec![RTL]),
            ("near=Round+Rock,TX&within_km=5", vec![]),
            ("near=Round+Rock,TX&within_km=60", vec![RTL]),
            ("remote_from=CA", vec![PLATFORM]),
            ("remote_from=DE", vec![]),
            ("environment=colocation", vec![TECHNICIAN]),
            ("accelerator=h100", vec![TECHNICIAN]),
            ("pay_min=200000", vec![RTL]),
            ("pay_min=200000&pay_currency=EUR", vec![RTL]),
            ("pay_min=290001", vec![]),
            ("posted_within=24h", vec![PLATFORM]),
            ("posted_within=3d", vec![PLATFORM, TECHNICIAN]),
            ("posted_within=1w", vec![PLATFORM, TECHNICIAN, RTL]),
            ("sort=newest", vec![PLATFORM, TECHNICIAN, RTL]),
            ("sort=pay", vec![RTL, TECHNICIAN, PLATFORM]),
        ] {
            assert_eq!(app.found(query).await, expected, "{query}");
        }
    }

    async fn what_cannot_be_meant_is_refused_with_its_place(app) {
        for (query, code, pointer, meant) in [
            ("senority=staff", "unknown_parameter", "/senority", Some("seniority")),
            ("seniority=stuff", "parameters_invalid", "/seniority", Some("staff")),
            ("limit=0", "parameters_invalid", "/limit", None),
            ("limit=101", "parameters_invalid", "/limit", None),
            ("pay_min=lots", "parameters_invalid", "/pay_min", None),
            ("pay_min=NaN", "parameters_invalid", "/pay_min", None),
            ("within_km=1e400", "parameters_invalid", "/within_km", None),
            ("posted_within=99999999999999w", "parameters_invalid", "/posted_within", None),
            ("sort=best", "parameters_invalid", "/sort", None),
            ("facets=disciplines", "parameters_invalid", "/facets", Some("discipline")),
            ("near=Nowhereville,ZZ", "parameters_invalid", "/near", None),
        ] {
            let answer = app.get(&format!("/v1/search?{query}")).send().await.expect(400);
            assert_eq!((answer.code().as_str(), answer.text_at("/errors/0/pointer").as_str()), (code, pointer), "{query}");
            if meant.is_some() {
                assert_eq!(answer.json["did_you_mean"].as_str(), meant, "{query}");
            }
        }
        assert_eq!(app.get("/v1/search?cursor=nonsense").send().await.expect(400).code(), "cursor_invalid");
    }

    async fn pages_walk_every_posting_once(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        for n in 0..7 {
            app.publish(&owner, &employer, &titled(&format!("Role {n}"))).await;
        }
        app.settle().await;
        for sort in ["relevance", "newest", "pay"] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = app.get(&format!("/v1/search?q=rtl&sort={sort}&limit=3&cursor={cursor}")).send().await.expect(200);
                assert_eq!(page.json["total"], 7, "{sort}");
                seen.extend(crate::titles(&page.json).into_iter().map(str::to_owned));
                match page.json["next_cursor"].as_str() {
                    Some(next) => next.clone_into(&mut cursor),
                    None => break,
                }
            }
            assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (7, 7), "{sort}: {seen:?}");
        }
    }

    async fn an_answer_says_what_it_understood_and_counts(app) {
        board(app).await;
        app.settle().await;
        let answer = app.get("/v1/search?q=senior+engineer&facets=discipline,seniority").send().await.expect(200);
        assert_eq!(answer.json["interpreted"][0]["kind"], "seniority");
        assert_eq!(answer.json["interpreted"][0]["value"], "senior");
        assert_eq!(answer.json["interpreted"][0]["text"], "senior");
        assert_eq!(answer.json["did_you_mean"], Value::Null);
        assert_eq!(answer.json["facets"].as_object().unwrap().len(), 2);

        let counted = app.get("/v1/search?discipline=silicon&facets=discipline,country").send().await.expect(200);
        assert_eq!(counted.json["total"], 1);
        let disciplines = counted.json["facets"]["discipline"].as_array().unwrap();
        assert_eq!(disciplines.len(), 3, "counted as if the facet itself were not filtered: {disciplines:?}");
        assert_eq!(counted.json["facets"]["country"], json!([{"value": "US", "label": "United States", "count": 1}]));

        let found = app.get("/v1/search?q=systemverilog").send().await.expect(200);
        let hit = &found.json["data"][0];
        assert!(hit["score"].as_f64().unwrap() > 0.0);
        assert!(hit["highlights"]["description"].as_str().unwrap().contains("<mark>SystemVerilog</mark>"), "{hit}");
        let posting = app.get(&format!("/v1/postings/{}", hit["id"].as_str().unwrap())).send().await.expect(200);
        for field in ["slug", "url", "title", "employer", "discipline", "seniority", "workplace", "published_at", "locations"] {
            assert_eq!(hit[field], posting.json[field], "{field}");
        }
        assert_eq!(app.get("/v1/search?sort=newest").send().await.expect(200).json["data"][0]["score"], Value::Null);
    }

    async fn suggestions_complete_what_is_typed(app) {
        board(app).await;
        app.settle().await;
        let answer = app.get("/v1/suggest?q=acm").send().await.expect(200);
        assert!(answer.text.contains("acme-compute"), "{}", answer.text);
        let answer = app.get("/v1/suggest?q=kuber").send().await.expect(200);
        assert!(answer.text.contains("kubernetes"), "{}", answer.text);
        for kind in ["titles", "skills", "employers", "places"] {
            assert!(answer.json[kind].is_array(), "{kind} in {}", answer.text);
        }
        assert_eq!(app.get("/v1/suggest").send().await.expect(400).text_at("/errors/0/pointer"), "/q");
        app.get("/v1/suggest?q=a&limit=1000").send().await.expect(400);
    }

    async fn similar_postings_leave_out_the_posting_itself_and_the_closed(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let this = app.publish(&owner, &employer, &titled("RTL Engineer, memory")).await;
        app.publish(&owner, &employer, &titled("RTL Engineer, interconnect")).await;
        let closed = app.publish(&owner, &employer, &titled("RTL Engineer, closed")).await;
        app.settle().await;
        app.post(&format!("/v1/postings/{closed}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        let answer = app.get(&format!("/v1/postings/{this}/similar")).send().await.expect(200);
        assert_eq!(crate::titles(&answer.json), ["RTL Engineer, interconnect"]);
        let draft = app.draft(&owner, &employer, &rtl_role()).await;
        app.get(&format!("/v1/postings/{draft}/similar")).send().await.expect(404);
        app.get(&format!("/v1/postings/{draft}/similar")).by(&owner).send().await.expect(200);
    }

    async fn the_taxonomy_is_served(app) {
        let answer = app.get("/v1/taxonomy").send().await.expect(200);
        let ids = |list: &str| -> Vec<String> {
            answer.json[list].as_array().unwrap().iter().map(|term| term["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids("disciplines"), ["silicon", "data_center", "distributed_systems", "ml_platform", "ai_operations"]);
        assert_eq!(ids("seniorities").len(), 10);
        assert_eq!(ids("workplaces"), ["on_site", "hybrid", "remote"]);
        assert!(ids("specialties").contains(&"rtl_design".to_owned()));
        assert!(!answer.text_at("/version").is_empty());
        assert_eq!(app.get("/v1/taxonomy?lang=de").send().await.expect(400).code(), "unknown_parameter");
    }
}
