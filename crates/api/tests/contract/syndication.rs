//! Postings for machines of others.

use std::collections::{BTreeMap, BTreeSet};

use api::on_both;
use serde_json::{Value, json};

use crate::{rtl_role, titled};

/// The texts of all `element`s of a document, which must be well-formed.
fn elements(text: &str, element: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    let named = document
        .descendants()
        .filter(|node| node.has_tag_name(element) || node.tag_name().name() == element);
    named
        .map(|node| node.text().unwrap_or_default().to_owned())
        .collect()
}

/// What Google would complain about (developers.google.com/search/docs/appearance/structured-data/job-posting): fields that are
/// required, and the forms of those that are recommended.
fn complaints(document: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let mut require = |is_fine: bool, what: &str| {
        if !is_fine {
            all.push(what.to_owned());
        }
    };
    let text = |pointer: &str| {
        document
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let list = |name: &str| match &document[name] {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let is_time =
        |words: &str| words.parse::<store::Timestamp>().is_ok() || words.parse::<jiff::civil::Date>().is_ok();
    require(text("/@context").starts_with("https://schema.org"), "@context");
    require(text("/@type") == "JobPosting", "@type");
    require(!text("/title").is_empty(), "title");
    require(
        !text("/description").is_empty() && text("/description") != text("/title"),
        "description",
    );
    require(is_time(&text("/datePosted")), "datePosted");
    require(
        document["validThrough"].is_null() || is_time(&text("/validThrough")),
        "validThrough",
    );
    require(!text("/hiringOrganization/name").is_empty(), "hiringOrganization");
    let is_remote = text("/jobLocationType") == "TELECOMMUTE";
    require(
        document["jobLocationType"].is_null() || is_remote,
        "jobLocationType",
    );
    let places = list("jobLocation");
    require(
        places.iter().all(|place| {
            place["@type"] == "Place"
                && place["address"]["@type"] == "PostalAddress"
                && place["address"]["addressCountry"]
                    .as_str()
                    .is_some_and(|code| code.len() == 2)
        }),
        "jobLocation",
    );
    let reach = list("applicantLocationRequirements");
    require(
        reach
            .iter()
            .all(|area| area["@type"] == "Country" && area["name"].is_string()),
        "applicantLocationRequirements",
    );
    require(
        !places.is_empty() || (is_remote && !reach.is_empty()),
        "neither place nor country",
    );
    require(is_remote || reach.is_empty(), "a reach without remote work");
    let kinds = [
        "FULL_TIME",
        "PART_TIME",
        "CONTRACTOR",
        "TEMPORARY",
        "INTERN",
        "VOLUNTEER",
        "PER_DIEM",
        "OTHER",
    ];
    require(
        list("employmentType")
            .iter()
            .all(|kind| kinds.iter().any(|known| kind == known)),
        "employmentType",
    );
    if !document["baseSalary"].is_null() {
        let value = &document["baseSalary"]["value"];
        require(
            text("/baseSalary/@type") == "MonetaryAmount" && text("/baseSalary/currency").len() == 3,
            "baseSalary",
        );
        require(
            ["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]
                .iter()
                .any(|unit| value["unitText"] == *unit),
            "unitText",
        );
        require(
            value["value"].is_number() || value["minValue"].is_number() || value["maxValue"].is_number(),
            "a figure",
        );
    }
    require(
        document["identifier"].is_null() || text("/identifier/@type") == "PropertyValue",
        "identifier",
    );
    require(
        document["directApply"].is_null() || document["directApply"].is_boolean(),
        "directApply",
    );
    let has_null = document
        .as_object()
        .is_some_and(|fields| fields.values().any(Value::is_null));
    require(!has_null, "a field without a value");
    all
}

/// The JSON-LD in a page, which its policy must allow.
fn embedded(page: &api::testing::Answer) -> Option<Value> {
    let (_, rest) = page.text.split_once("<script type=\"application/ld+json\">")?;
    let (data, _) = rest.split_once("</script>").unwrap();
    let hash = data_encoding::BASE64
        .encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data.as_bytes()).as_ref());
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains(&format!("script-src 'sha256-{hash}';")),
        "{policy}"
    );
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(page.text.matches("<script").count(), 1);
    Some(serde_json::from_str(data).unwrap())
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

    async fn the_page_of_an_open_posting_carries_it_and_no_other_does(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme </script><script>alert(1)</script>").await;
        let with = |fields: Value| { let mut role = rtl_role(); for (name, value) in fields.as_object().unwrap() { role[name] = value.clone(); } role };
        let cases = [
            (json!({}), true),
            (json!({"title": "Lead </script><script>alert(1)</script> & <!-- Co"}), true),
            (json!({"workplace": "remote", "remote_from": ["US", "CA"], "locations": []}), true),
            (json!({"workplace": "remote", "remote_from": ["US"]}), true),
            (json!({"workplace": "on_site", "pay": {"base": {"min": 95, "max": 95, "currency": "USD", "period": "hour"}}}), true),
            (json!({"pay": {"base": {"max": 200_000, "currency": "EUR", "period": "year"}}}), true),
            (json!({"employment_type": "apprenticeship", "pay": null}), true),
            (json!({"workplace": "remote", "remote_from": [], "locations": [], "pay": null}), false),
        ];
        for (fields, is_embedded) in cases {
            let id = app.publish(&owner, &employer, &with(fields.clone())).await;
            let slug = app.get(&format!("/v1/postings/{id}")).send().await.expect(200).text_at("/slug");
            let page = app.get(&format!("/postings/{slug}")).send().await.expect(200);
            let found = embedded(&page);
            assert_eq!(found.is_some(), is_embedded, "{fields}");
            if let Some(document) = found {
                assert_eq!(complaints(&document), Vec::<String>::new(), "{document}");
                assert_eq!(document, app.get(&format!("/v1/postings/{id}/jsonld")).send().await.expect(200).json);
                for shown in ["validThrough", "datePosted"] {
                    let day = document[shown].as_str().unwrap().split('T').next().unwrap().to_owned();
                    assert!(page.text.contains(&day), "what the markup says stands on the page: {shown}");
                }
            }
            app.post(&format!("/v1/postings/{id}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
            let closed = app.get(&format!("/postings/{slug}")).send().await.expect(200);
            assert!(embedded(&closed).is_none() && closed.text.contains("noindex"));
        }
        let broken = json!({"@type": "JobPosting", "title": "x", "jobLocationType": "REMOTE", "validThrough": "soon"});
        assert!(complaints(&broken).len() >= 7, "the checker finds something: {:?}", complaints(&broken));
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
            assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), ids, "{path}");
            assert_eq!(names.len(), 210, "{path}: each once");
            assert!(elements(&feed.text, "title").contains(&hostile.to_owned()));
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

    async fn aggregators_get_a_country_of_each_posting_every_range_and_the_employers_number(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let (indeed, linkedin) = ("/v1/feeds/indeed.xml", "/v1/feeds/linkedin.xml");
        let mut remote = titled("RTL Engineer");
        remote["workplace"] = "remote".into();
        remote["locations"] = json!([]);
        remote["remote_from"] = json!(["EU", "CA"]);
        let band = |min: u32, whom: &str| json!({"min": min, "max": min + 50_000, "currency": "CAD", "period": "year", "applies_to": whom});
        remote["pay"] = json!({"base": band(120_000, "Toronto"), "ranges": [band(150_000, "Vancouver")]});
        remote["apply"] = json!({"email": "roles@acme.example"});
        app.publish(&owner, &employer, &remote).await;
        for path in [indeed, linkedin] {
            assert_eq!(elements(&app.get(path).send().await.expect(200).text, "country"), ["CA"], "{path}");
        }
        let salary = elements(&app.get(indeed).send().await.expect(200).text, "salary");
        assert_eq!(salary, ["CAD 120,000 – 170,000 a year (Toronto); CAD 150,000 – 200,000 a year (Vancouver)"]);
        let before = app.get(linkedin).send().await.expect(200);
        assert_eq!((elements(&before.text, "companyId").len(), elements(&before.text, "location"), elements(&before.text, "posterEmail")),
            (0, vec!["CA".to_owned()], vec!["roles@acme.example".to_owned()]));
        let page = format!("/v1/employers/{employer}");
        let set = |number: Value| app.patch(&page).by(&owner).json(&json!({"linkedin_company_id": number})).send();
        for wrong in [json!(0), json!(-4), json!(99_999_999_999_999_i64)] {
            assert_eq!(set(wrong).await.expect(422).text_at("/errors/0/pointer"), "/linkedin_company_id");
        }
        assert_eq!(set(json!(1_234_567)).await.expect(200).json["linkedin_company_id"], 1_234_567);
        let etag = before.header("etag").unwrap();
        let after = app.get(linkedin).header("If-None-Match", etag).send().await.expect(200);
        assert_eq!(elements(&after.text, "companyId"), ["1234567"]);
        assert_eq!(set(Value::Null).await.expect(200).json["linkedin_company_id"], Value::Null);
    }

    async fn a_feed_is_read_while_it_is_sent_and_never_held_as_a_whole(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let rows: Vec<String> = (0..850).map(|n| json!({
            "source": "ats", "source_id": n.to_string(), "title": format!("RTL Engineer {n}"), "company": "Acme Compute",
            "locations": ["Austin, TX"], "description_text": "Own the RTL.", "url": "https://acme.example/apply",
        }).to_string()).collect();
        let path = format!("/v1/employers/{employer}/imports");
        let run = app.post(&path).by(&owner).body("application/x-ndjson", rows.join("\n")).send().await.expect(202);
        let run = crate::imports::ended(app, &owner, &run.text_at("/id")).await;
        assert_eq!(run.json["summary"]["created"], 850, "{}", run.text);
        let snapshot = app.get("/v1/feeds/postings.ndjson").send().await.expect(200);
        let ids_by_slug: BTreeMap<String, String> = snapshot.text.lines().map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            (row["slug"].as_str().unwrap().to_owned(), row["id"].as_str().unwrap().to_owned())
        }).collect();
        for (left, path) in ["/v1/feeds/postings.ndjson", "/v1/feeds/indeed.xml", "/v1/feeds/linkedin.xml", "/sitemaps/1.xml"].into_iter().enumerate() {
            let left = 850 - left;
            let slugs = |text: &str| -> Vec<String> {
                let places = text.match_indices("/postings/").map(|(at, mark)| &text[at + mark.len()..]);
                let names = places.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default().to_owned());
                let mut known: Vec<String> = names.filter(|name| ids_by_slug.contains_key(name)).collect();
                known.dedup();
                known
            };
            let whole = slugs(&app.get(path).send().await.expect(200).text);
            assert_eq!(whole.len(), left, "{path}");
            // Whoever has read one piece of five changes what only the last one says: it must not have been read yet.
            let last = &ids_by_slug[whole.last().unwrap()];
            let mut feed = app.get(path).open().await;
            let first = feed.next().await.unwrap();
            app.post(&format!("/v1/postings/{last}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
            let mut pieces = vec![slugs(&String::from_utf8_lossy(&first)).len()];
            while let Some(piece) = feed.next().await {
                pieces.push(slugs(&String::from_utf8_lossy(&piece)).len());
            }
            assert_eq!(pieces.iter().sum::<usize>(), left - 1, "{path}: what was closed meanwhile is not in it: {pieces:?}");
            assert!(pieces.iter().all(|piece| *piece <= 200), "{path}: {pieces:?}");
        }
        let unchanged = async |path: &str| {
            let first = app.get(path).header("Accept-Encoding", "identity").send().await.expect(200);
            let etag = first.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned();
            app.get(path).header("If-None-Match", &etag).send().await.expect(304);
            let small = app.get(path).header("Accept-Encoding", "gzip").send().await.expect(200);
            assert_eq!(small.header("content-encoding"), Some("gzip"), "{path}");
        };
        for path in ["/v1/feeds/postings.ndjson", "/v1/feeds/indeed.xml", "/v1/feeds/linkedin.xml", "/sitemap.xml", "/sitemaps/1.xml",
            "/v1/feeds/search.atom", "/v1/feeds/search.rss", "/v1/feeds/search.json", "/v1/changes?after=0&limit=20"] {
            unchanged(path).await;
        }
    }
}
