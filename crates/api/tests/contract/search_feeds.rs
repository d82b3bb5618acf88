//! Any search as RSS, Atom and JSON Feed, read by a real parser.

use api::on_both;
use api::testing::Answer;
use feed_rs::model::{Feed, FeedType};
use jiff::SignedDuration;
use serde_json::json;

use crate::{rtl_role, titled};

const FORMATS: [(&str, &str, FeedType); 3] = [
    ("rss", "application/rss+xml; charset=utf-8", FeedType::RSS2),
    ("atom", "application/atom+xml; charset=utf-8", FeedType::Atom),
    ("json", "application/feed+json; charset=utf-8", FeedType::JSON),
];

fn parsed(answer: &Answer) -> Feed {
    feed_rs::parser::parse(answer.text.as_bytes())
        .unwrap_or_else(|error| panic!("{error} in {}", answer.text))
}

fn titles(feed: &Feed) -> Vec<String> {
    feed.entries
        .iter()
        .map(|entry| entry.title.as_ref().unwrap().content.clone())
        .collect()
}

on_both! {
    async fn a_search_is_a_feed_in_three_forms(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme & <Sons>").await;
        let hostile = "RTL & <b>DFT</b> ]]> \"Engineer\" – ünïcode 🚀";
        let first = app.publish(&owner, &employer, &rtl_role()).await;
        app.advance(SignedDuration::from_mins(5));
        let second = app.publish(&owner, &employer, &titled(hostile)).await;
        let mut cook = titled("Data Center Technician");
        cook["discipline"] = "data_center".into();
        cook["specialties"] = json!([]);
        cook["skills"] = json!([]);
        app.publish(&owner, &employer, &cook).await;
        app.settle().await;
        app.advance(SignedDuration::from_mins(5));
        for (name, media_type, kind) in FORMATS {
            let path = format!("/v1/feeds/search.{name}?discipline=silicon");
            let answer = app.get(&path).send().await.expect(200);
            assert_eq!(answer.header("content-type"), Some(media_type));
            let feed = parsed(&answer);
            assert_eq!(feed.feed_type, kind);
            assert_eq!(titles(&feed), [format!("{hostile} – Acme & <Sons>"), "Staff RTL Design Engineer – Acme & <Sons>".to_owned()], "newest first");
            let ids: Vec<&str> = feed.entries.iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, [format!("urn:uuid:{second}"), format!("urn:uuid:{first}")], "{name}");
            let entry = &feed.entries[0];
            assert!(entry.links[0].href.starts_with("https://board.example/postings/"));
            assert_eq!(entry.published.unwrap().to_rfc3339(), "2026-11-23T09:05:00+00:00");
            let text = entry.content.as_ref().and_then(|content| content.body.clone()).or_else(|| entry.summary.as_ref().map(|text| text.content.clone()));
            assert!(text.unwrap().contains("memory subsystem"), "{name}");
            if kind == FeedType::Atom {
                assert_eq!(feed.id, "https://board.example/v1/feeds/search.atom?discipline=silicon");
                assert_eq!(feed.updated.unwrap().to_rfc3339(), "2026-11-23T09:05:00+00:00");
                assert_eq!(entry.authors[0].name, "Acme & <Sons>");
            }
        }
        let all = app.get("/v1/feeds/search.json").send().await.expect(200);
        assert_eq!(all.json["items"].as_array().unwrap().len(), 3);
        assert_eq!(all.json["version"], "https://jsonfeed.org/version/1.1");
        let page = app.get("/v1/feeds/search.json?limit=2").send().await.expect(200);
        let next = page.text_at("/next_url").replace("https://board.example", "");
        let rest = app.get(&next).send().await.expect(200);
        assert_eq!((rest.json["items"].as_array().unwrap().len(), rest.json.get("next_url")), (1, None));
        let other_order = app.get("/v1/feeds/search.atom?sort=relevance&q=rtl").send().await.expect(200);
        assert!(parsed(&other_order).id.contains("sort=relevance"), "another order is another feed");
        let front = app.get("/?discipline=silicon").send().await.expect(200);
        for (name, _, _) in FORMATS {
            assert!(front.text.contains(&format!("href=\"/v1/feeds/search.{name}?discipline=silicon\"")), "{}", front.text);
        }
        assert_eq!(app.get("/v1/feeds/search.rss?dicipline=silicon").send().await.expect(400).code(), "unknown_parameter");
        let empty = app.get("/v1/feeds/search.atom?q=zymurgist&strict=on").send().await.expect(200);
        assert!(parsed(&empty).entries.is_empty());
    }

    async fn a_feed_is_read_again_only_when_it_changed(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let first = app.publish(&owner, &employer, &rtl_role()).await;
        let second = app.publish(&owner, &employer, &titled("DFT Engineer")).await;
        app.settle().await;
        let path = "/v1/feeds/search.atom?discipline=silicon";
        let fresh = app.get(path).send().await.expect(200);
        assert_eq!(fresh.header("last-modified"), None, "more may happen in this second");
        app.advance(SignedDuration::from_mins(5));
        let answer = app.get(path).send().await.expect(200);
        let (etag, modified) = (answer.header("etag").unwrap(), answer.header("last-modified").unwrap());
        assert_eq!(fresh.header("etag"), Some(etag), "the same while nothing changes");
        assert_eq!(modified, "Mon, 23 Nov 2026 09:00:00 GMT");
        assert!(answer.header("cache-control").unwrap().contains("max-age"));
        let again = app.get(path).header("If-None-Match", etag).send().await.expect(304);
        assert_eq!((again.text.as_str(), again.header("etag")), ("", Some(etag)));
        app.get(path).header("If-Modified-Since", modified).send().await.expect(304);
        app.get(path).header("If-Modified-Since", modified).header("If-None-Match", "\"x\"").send().await.expect(200);
        let windowed = app.get("/v1/feeds/search.atom?posted_within=7d").header("If-Modified-Since", modified).send().await.expect(200);
        assert_eq!(windowed.header("last-modified"), None, "time alone changes it");
        let patch = json!({"openings": 9});
        app.patch(&format!("/v1/postings/{first}")).by(&owner).json(&patch).send().await.expect(200);
        app.settle().await;
        let changed = app.get(path).header("If-None-Match", etag).header("If-Modified-Since", modified).send().await.expect(200);
        let feed = parsed(&changed);
        assert_eq!(feed.updated.unwrap().to_rfc3339(), "2026-11-23T09:05:00+00:00");
        let by_id = |id: &str| feed.entries.iter().find(|entry| entry.id == format!("urn:uuid:{id}")).unwrap().updated.unwrap().to_rfc3339();
        assert_eq!((by_id(&first), by_id(&second)), ("2026-11-23T09:05:00+00:00".to_owned(), "2026-11-23T09:00:00+00:00".to_owned()));
        app.post(&format!("/v1/postings/{first}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        let left = app.get(path).send().await.expect(200);
        assert_eq!(titles(&parsed(&left)), ["DFT Engineer – Acme Compute"], "at once");
    }
}
