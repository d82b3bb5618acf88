//! Numbers for employers, and the way to apply that counts.

use api::on_both;
use api::testing::{Answer, TestApp};
use serde_json::json;

use crate::{rtl_role, titled};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Mobile/15E148 Safari/604.1";

async fn visit(app: &TestApp, path: &str, agent: &str) -> Answer {
    app.get(path).header("User-Agent", agent).send().await
}

fn flush(app: &TestApp) -> usize {
    app.state.counters().flush(&app.db).unwrap()
}

on_both! {
    async fn an_employer_sees_what_readers_did_and_nobody_else_does(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let id = app.publish(&owner, &employer, &titled("=cmd()")).await;
        let other = app.publish(&owner, &employer, &rtl_role()).await;
        app.settle().await;
        let slug = app.get(&format!("/v1/postings/{id}")).send().await.expect(200).text_at("/slug");
        for agent in [FIREFOX, SAFARI, "curl/8.5.0", "Mozilla/5.0 (compatible; Googlebot/2.1)"] {
            for _ in 0..2 {
                visit(app, "/v1/search?discipline=silicon", agent).await.expect(200);
            }
        }
        visit(app, "/", FIREFOX).await.expect(200);
        visit(app, &format!("/postings/{slug}"), FIREFOX).await.expect(200);
        visit(app, &format!("/v1/postings/{id}"), FIREFOX).await.expect(200);
        visit(app, &format!("/v1/postings/{id}"), SAFARI).await.expect(200);
        app.get(&format!("/v1/postings/{other}")).by(&owner).header("User-Agent", FIREFOX).send().await.expect(200);
        app.get(&format!("/v1/postings/{other}")).header("User-Agent", FIREFOX).header("Sec-Purpose", "prefetch").send().await.expect(200);
        let away = visit(app, &format!("/v1/postings/{id}/apply"), FIREFOX).await.expect(303);
        assert_eq!(away.header("location"), Some("https://acme.example/apply/1"));
        assert_eq!((flush(app), flush(app)), (2, 0));

        let path = format!("/v1/employers/{employer}/numbers");
        let days = app.get(&path).by(&owner).send().await.expect(200);
        let sums = json!({"impressions": 4, "views": 2, "apply_clicks": 1});
        assert_eq!((&days.json["total"], days.json["data"].as_array().unwrap().len()), (&sums, 1), "{}", days.text);
        assert_eq!((days.text_at("/from"), days.text_at("/to"), days.text_at("/data/0/day")), ("2026-10-27".into(), "2026-11-23".into(), "2026-11-23".into()));
        let by_posting = app.get(&format!("{path}?group=posting")).by(&owner).send().await.expect(200);
        assert_eq!(by_posting.json["data"][0], json!({"posting_id": id, "title": "=cmd()", "impressions": 2, "views": 2, "apply_clicks": 1}));
        let one = app.get(&format!("/v1/postings/{id}/numbers?from=2026-11-23&to=2026-11-23")).by(&owner).send().await.expect(200);
        assert_eq!(one.json["total"], json!({"impressions": 2, "views": 2, "apply_clicks": 1}));
        let by_accept = app.get(&format!("{path}?group=posting")).by(&owner).header("Accept", "text/csv").send().await.expect(200);
        let table = app.get(&format!("{path}.csv?group=posting")).by(&owner).send().await.expect(200);
        assert_eq!(by_accept.text, table.text);
        assert!(table.header("content-type").unwrap().starts_with("text/csv"));
        assert!(table.header("content-disposition").unwrap().contains("attachment"));
        assert!(table.text.contains(",\"'=cmd()\",2,2,1\r\n"), "{}", table.text);

        for (query, code) in [("from=yesterday", "parameters_invalid"), ("from=2026-12-01&to=2026-11-01", "parameters_invalid"),
            ("form=2026-11-01", "unknown_parameter"), ("group=week", "parameters_invalid")] {
            assert_eq!(app.get(&format!("{path}?{query}")).by(&owner).send().await.expect(400).code(), code, "{query}");
        }
        let stranger = app.sign_up("stranger@else.example").await;
        for path in [path.clone(), format!("{path}.csv"), format!("/v1/postings/{id}/numbers")] {
            app.get(&path).send().await.expect(401);
            app.get(&path).by(&stranger).send().await.expect(403);
        }
    }

    async fn the_way_to_apply_leads_to_a_page_a_mailbox_or_back(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let mut by_mail = rtl_role();
        by_mail["apply"] = json!({"email": "roles@acme.example"});
        let mut nowhere = rtl_role();
        nowhere["apply"] = json!(null);
        let target = async |id: &str| visit(app, &format!("/v1/postings/{id}/apply"), FIREFOX).await.expect(303).header("location").unwrap().to_owned();
        let mail = app.publish(&owner, &employer, &by_mail).await;
        assert_eq!(target(&mail).await, "mailto:roles@acme.example");
        let website = app.publish(&owner, &employer, &nowhere).await;
        assert!(target(&website).await.starts_with("https://employer.example"));
        let page = app.get(&format!("/v1/postings/{mail}")).send().await.expect(200).text_at("/slug");
        let page = app.get(&format!("/postings/{page}")).send().await.expect(200);
        assert!(page.text.contains(&format!("href=\"/v1/postings/{mail}/apply\"")), "{}", page.text);
        app.post(&format!("/v1/postings/{mail}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        flush(app);
        assert!(target(&mail).await.starts_with("https://board.example/postings/"), "its page says that it is closed");
        assert_eq!(flush(app), 0, "nobody applied");
        let draft = app.draft(&owner, &employer, &rtl_role()).await;
        app.get(&format!("/v1/postings/{draft}/apply")).send().await.expect(404);
        app.get("/v1/postings/x/apply").send().await.expect(404);
    }
}
