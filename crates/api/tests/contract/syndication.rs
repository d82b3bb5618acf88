//! Postings for machines of others.

use std::collections::BTreeSet;

use api::on_both;
use serde_json::{Value, json};

use crate::{rtl_role, titled};

/// Checks that `text` is well-formed as far as our feeds go, and gives each `element`'s content.
fn elements(text: &str, element: &str) -> Vec<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .unwrap()
        .trim();
    while let Some(at) = rest.find('<') {
        assert!(
            !rest[..at].contains('&') || rest[..at].contains(';'),
            "a bare ampersand in {:?}",
            &rest[..at]
        );
        if let Some(section) = rest[at..].strip_prefix("<![CDATA[") {
            rest = &section[section.find("]]>").unwrap() + 3..];
            continue;
        }
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split(' ').next().unwrap()),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    let (from, to) = (format!("<{element}>"), format!("</{element}>"));
    text.split(&from)
        .skip(1)
        .map(|part| part.split(&to).next().unwrap().to_owned())
        .collect()
}

on_both! {
    async fn a_posting_is_a_schema_org_posting_by_googles_rules(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let ld = async |id: &str| app.get(&format!("/v1/postings/{id}/jsonld")).send().await.expect(200).json;
        let with = |fields: Value| { let mut role = titled("RTL Engineer"); for (name, value) in fields.as_object().unwrap() { role[name] = value.clone(); } role };
        let pay = json!({"base": {"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"}});
        let id = app.publish(&owner, &employer, &with(json!({"pay": pay, "workplace": "hybrid", "employment_type": "full_time"}))).await;
        let document = ld(&id).await;
        for required in ["title", "description", "datePosted", "hiringOrganization", "jobLocation", "validThrough", "identifier", "url"] {
            assert!(!document[required].is_null(), "{required} in {document}");
        }
        assert_eq!((&document["@type"], &document["employmentType"]), (&json!("JobPosting"), &json!("FULL_TIME")));
        assert_eq!(document["baseSalary"]["value"], json!({"@type": "QuantitativeValue", "minValue": 210_000, "maxValue": 290_000, "unitText": "YEAR"}));
        assert_eq!(document["jobLocation"][0]["address"]["addressCountry"], "US");
        assert_eq!(document.get("jobLocationType"), None, "hybrid is not remote");
        let remote = app.publish(&owner, &employer, &with(json!({"workplace": "remote", "remote_from": ["US", "CA"], "locations": []}))).await;
        let document = ld(&remote).await;
        assert_eq!((&document["jobLocationType"], document["applicantLocationRequirements"].as_array().unwrap().len()), (&json!("TELECOMMUTE"), 2));
        let read = with(json!({"pay": null, "description": "The base salary range for this role is $150,000 - $200,000 per year."}));
        let inferred = app.publish(&owner, &employer, &read).await;
        let shown = app.get(&format!("/v1/postings/{inferred}")).send().await.expect(200);
        assert_eq!(shown.json["provenance"]["pay"], "inferred", "{}", shown.text);
        assert_eq!(ld(&inferred).await.get("baseSalary"), None, "an estimate is not the employer's own pay");
        app.advance(jiff::SignedDuration::from_mins(1));
        app.post(&format!("/v1/postings/{id}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        let closed = app.get(&format!("/v1/postings/{id}")).send().await.expect(200);
        assert_eq!(ld(&id).await["validThrough"], closed.json["closed_at"], "an end in the past");
        let draft = app.draft(&owner, &employer, &rtl_role()).await;
        app.get(&format!("/v1/postings/{draft}/jsonld")).send().await.expect(404);
    }

    async fn feeds_hold_what_is_open_and_nothing_else(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let hostile = "RTL & <DFT> ]]> Engineer";
        let mut ids = BTreeSet::new();
        for n in 0..210 {
            let title = if n == 7 { hostile.to_owned() } else { format!("Engineer {n}") };
            ids.insert(app.publish(&owner, &employer, &titled(&title)).await);
        }
        let closed = app.publish(&owner, &employer, &titled("Closed")).await;
        app.post(&format!("/v1/postings/{closed}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        app.draft(&owner, &employer, &titled("Draft")).await;

        let snapshot = app.get("/v1/feeds/postings.ndjson").send().await.expect(200);
        let rows: Vec<Value> = snapshot.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), ids, "more than a page");
        let after = snapshot.header("x-revision").unwrap();
        let changes = app.get(&format!("/v1/changes?after={after}")).send().await.expect(200);
        assert_eq!(changes.json["data"], json!([]), "the change feed goes on where the snapshot ends");

        for (path, own) in [("/v1/feeds/indeed.xml", "referencenumber"), ("/v1/feeds/linkedin.xml", "partnerJobId")] {
            let feed = app.get(path).send().await.expect(200);
            let names = elements(&feed.text, own);
            assert_eq!(names.len(), 210, "{path}");
            assert!(names.iter().all(|name| ids.contains(name.trim_start_matches("<![CDATA[").trim_end_matches("]]>"))));
            assert!(feed.text.contains("<title><![CDATA[RTL & <DFT> ]]]]><![CDATA[> Engineer]]></title>"));
            for required in ["title", "company", "description", "country"] {
                assert_eq!(elements(&feed.text, required).len(), 210, "{required}");
            }
            let etag = feed.header("etag").unwrap();
            app.get(path).header("If-None-Match", etag).send().await.expect(304);
        }
        let index = app.get("/sitemap.xml").send().await.expect(200);
        let maps = elements(&index.text, "loc");
        assert_eq!(maps.len(), 1, "{}", index.text);
        let path = &maps[0][maps[0].find("/sitemaps").unwrap()..];
        let map = app.get(path).send().await.expect(200);
        assert_eq!((elements(&map.text, "loc").len(), elements(&map.text, "lastmod").len()), (210, 210));
        let etag = map.header("etag").unwrap().to_owned();
        let gone = ids.first().unwrap();
        app.post(&format!("/v1/postings/{gone}/pause")).by(&owner).send().await.expect(200);
        let later = app.get(path).header("If-None-Match", &etag).send().await.expect(200);
        assert_eq!(elements(&later.text, "loc").len(), 209);
        for missing in ["/sitemaps/9.xml", "/sitemaps/0.xml", "/sitemaps/x.xml", "/sitemaps/999999999999999999.xml"] {
            app.get(missing).send().await.expect(404);
        }
    }
}
