//! Alerts over HTTP.

use api::on_both;
use api::testing::{TestApp, link_in};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rtl_role;

fn ask(email: &str) -> Value {
    json!({"email": email, "query": {"q": "rtl", "country": ["US", "DE"]}, "frequency": "daily", "timezone": "America/Chicago", "hour": 7})
}

/// Id and manage token of an alert, from the newest mail.
async fn managed(app: &TestApp) -> (String, String) {
    let mail = app.mails().await.pop().unwrap().as_text();
    let link = link_in(&mail, "/alerts/manage?alert=").unwrap();
    let (alert, token) = link["/alerts/manage?alert=".len()..]
        .split_once("&token=")
        .unwrap();
    (alert.to_owned(), token.to_owned())
}

on_both! {
    async fn asking_for_an_alert_answers_the_same_whatever_the_address(app) {
        app.sign_up("account@example.org").await;
        app.subscribe("reader@example.org", &json!({"q": "rtl"})).await;
        let mut answers = Vec::new();
        for email in ["new@example.org", "account@example.org", "reader@example.org"] {
            for _ in 0..7 {
                let body = json!({"email": email, "query": {"q": "rtl"}, "frequency": "instant"});
                answers.push(app.post("/v1/alerts").json(&body).send().await.expect(202).text);
            }
        }
        answers.dedup();
        assert_eq!(answers.len(), 1);
        let mails = app.mails().await;
        let to = |email: &str| mails.iter().filter(|mail| mail.recipient.as_str() == email).count();
        assert_eq!((to("new@example.org"), to("account@example.org")), (3, 3), "a mailbox is not flooded");
        assert_eq!(to("reader@example.org"), 0, "who has this alert is not asked again");
    }

    async fn a_confirmation_link_works_once_and_for_two_days(app) {
        app.post("/v1/alerts").json(&ask("reader@example.org")).send().await.expect(202);
        let token = app.token_mailed_to("reader@example.org").await;
        let confirm = |token: &str| app.post("/v1/alerts/confirm").json(&json!({"token": token})).send();
        assert_eq!(confirm("nonsense").await.expect(404).code(), "token_invalid");
        assert_eq!(confirm(&token).await.expect(200).text_at("/status"), "confirmed");
        assert_eq!(confirm(&token).await.expect(200).text_at("/status"), "already_confirmed");

        app.post("/v1/alerts").json(&ask("late@example.org")).send().await.expect(202);
        let late = app.token_mailed_to("late@example.org").await;
        app.advance(SignedDuration::from_hours(48));
        assert_eq!(confirm(&late).await.expect(410).code(), "token_expired");
    }

    async fn two_confirmations_of_the_same_alert_make_one(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let body = json!({"email": "reader@example.org", "query": {"q": "rtl"}, "frequency": "instant"});
        let mut tokens = Vec::new();
        for _ in 0..2 {
            app.post("/v1/alerts").json(&body).send().await.expect(202);
            tokens.push(app.token_mailed_to("reader@example.org").await);
        }
        let confirm = |token: &str| app.post("/v1/alerts/confirm").json(&json!({"token": token})).send();
        assert_eq!(confirm(&tokens[0]).await.expect(200).text_at("/status"), "confirmed");
        assert_eq!(confirm(&tokens[1]).await.expect(200).text_at("/status"), "already_confirmed");
        app.publish(&owner, &employer, &rtl_role()).await;
        assert_eq!(app.mails().await.len(), 1);
    }

    async fn a_query_that_restricts_nothing_is_refused_with_help(app) {
        for query in [json!({}), json!({"q": "  "}), json!({"country": []})] {
            let body = json!({"email": "a@example.org", "query": query, "frequency": "daily"});
            let refused = app.post("/v1/alerts").json(&body).send().await.expect(422);
            assert_eq!((refused.code().as_str(), refused.text_at("/errors/0/pointer").as_str()), ("query_unfiltered", "/query"));
            assert!(refused.text_at("/errors/0/detail").contains("discipline"));
            app.post("/v1/alerts/preview").json(&json!({"query": query})).send().await.expect(422);
        }
        let wrong = |change: fn(&mut Value)| {
            let mut body = ask("a@example.org");
            change(&mut body);
            app.post("/v1/alerts").json(&body).send()
        };
        let pointer = |answer: api::testing::Answer| answer.expect(422).text_at("/errors/0/pointer");
        assert_eq!(pointer(wrong(|body| body["query"] = json!({"country": "Atlantis"})).await), "/query/country");
        assert_eq!(pointer(wrong(|body| body["timezone"] = "Mars/Olympus".into()).await), "/timezone");
        assert_eq!(pointer(wrong(|body| body["hour"] = 24.into()).await), "/hour");
        assert_eq!(pointer(wrong(|body| body["email"] = "nobody".into()).await), "/email");
        assert_eq!(pointer(wrong(|body| body["email"] = Value::Null).await), "/email");
        assert_eq!(pointer(wrong(|body| body["frequency"] = "hourly".into()).await), "/frequency");
        let unknown = wrong(|body| body["query"] = json!({"senority": "staff"})).await.expect(422);
        assert_eq!(unknown.json["did_you_mean"], "seniority");
        assert_eq!(unknown.text_at("/errors/0/pointer"), "/query/senority");
    }

    async fn a_preview_tells_what_the_search_finds(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        for _ in 0..6 {
            app.publish(&owner, &employer, &rtl_role()).await;
        }
        app.settle().await;
        let preview = app.post("/v1/alerts/preview").json(&json!({"query": {"q": "rtl"}})).send().await.expect(200);
        assert_eq!((&preview.json["total"], &preview.json["per_week"]), (&json!(6), &json!(1.5)));
        assert_eq!(crate::titles(&json!({"data": preview.json["sample"]})).len(), 5);
        let none = app.post("/v1/alerts/preview").json(&json!({"query": {"country": "DE"}})).send().await.expect(200);
        assert_eq!(none.json, json!({"total": 0, "per_week": 0.0, "sample": []}));
    }

    async fn pages_show_forms_and_change_nothing(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let body = json!({"email": "reader@example.org", "query": {"q": "rtl"}, "frequency": "instant"});
        app.post("/v1/alerts").json(&body).send().await.expect(202);
        let mail = app.mails().await.pop().unwrap().as_text();
        let link = link_in(&mail, "/alerts/confirm").unwrap();
        for _ in 0..2 {
            let page = app.get(&format!("{link}&utm_source=mail")).send().await.expect(200);
            assert!(page.text.contains("<form method=\"post\"") && page.text.contains("“rtl”"), "{}", page.text);
        }
        app.publish(&owner, &employer, &rtl_role()).await;
        assert!(app.mails().await.is_empty(), "looking at the page confirmed nothing");
        let token = link.split_once("token=").unwrap().1;
        let form = format!("token={token}");
        app.post("/alerts/confirm").body("application/x-www-form-urlencoded", form.clone()).send().await.expect(200);
        let again = app.get(&link).send().await.expect(200).text;
        assert!(again.contains("It was confirmed before") && !again.contains("action=\"/alerts/confirm\""), "{again}");
        assert!(again.contains("action=\"/alerts/manage\""), "it leads on: {again}");
        assert!(again.contains("<a href=\"/\">Board</a>"), "the board has the name that its mails come from: {again}");

        app.publish(&owner, &employer, &rtl_role()).await;
        let mail = app.mails().await.pop().unwrap().as_text();
        let manage = link_in(&mail, "/alerts/manage").unwrap();
        let unsubscribe = link_in(&mail, "/v1/alerts/unsubscribe").unwrap();
        for link in [&manage, &unsubscribe] {
            assert!(app.get(link).send().await.expect(200).text.contains("<form method=\"post\""));
        }
        app.publish(&owner, &employer, &rtl_role()).await;
        assert_eq!(app.mails().await.len(), 1, "nobody was unsubscribed by a GET");
        let token = manage.split_once("&token=").unwrap().1;
        let act = |action: &str| {
            app.post("/alerts/manage").body("application/x-www-form-urlencoded", format!("token={token}&action={action}")).send()
        };
        assert!(act("pause").await.expect(200).text.contains("Resume"));
        assert!(app.get(&link).send().await.expect(200).text.contains("Your alert is paused"));
        app.publish(&owner, &employer, &rtl_role()).await;
        assert!(app.mails().await.is_empty());
        act("resume").await.expect(200);
        act("dance").await.expect(422);
        act("erase").await.expect(200);
        act("resume").await.expect(404);
        app.get(&manage).send().await.expect(404);
        for nonsense in ["/alerts/confirm?token=x", "/alerts/manage?token=x", "/v1/alerts/unsubscribe?token=x", "/alerts/confirm"] {
            app.get(nonsense).send().await.expect(404);
        }
        app.post("/v1/alerts/unsubscribe?token=x").send().await.expect(404);
        app.post(&format!("{unsubscribe}&utm_source=mail")).send().await.expect(200);
    }

    async fn the_manage_token_opens_its_own_alert_and_no_other(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        app.subscribe("reader@example.org", &json!({"q": "rtl", "pay_min": 200_000})).await;
        app.publish(&owner, &employer, &rtl_role()).await;
        let (id, token) = managed(app).await;
        let path = format!("/v1/alerts/{id}");
        let seen = app.get(&path).by(&token).send().await.expect(200);
        assert_eq!((seen.text_at("/email"), seen.text_at("/status")), ("reader@example.org".to_owned(), "active".to_owned()));
        assert_eq!(app.get(&format!("{path}?token={token}")).send().await.expect(200).json, seen.json);
        let again = json!({"query": seen.json["query"]});
        app.post("/v1/alerts/preview").json(&again).send().await.expect(200);

        assert_eq!(app.get(&path).send().await.expect(401).code(), "credentials_missing");
        assert_eq!(app.get(&path).by("nonsense").send().await.expect(401).code(), "token_rejected");
        assert_eq!(app.get(&format!("{path}?token=nonsense")).send().await.expect(401).code(), "token_rejected");
        assert_eq!(app.get(&path).by(&owner).send().await.expect(404).code(), "alert_not_found");
        let other = format!("/v1/alerts/{employer}");
        assert_eq!(app.get(&other).by(&token).send().await.expect(404).code(), "alert_not_found");

        let patch = |body: Value, etag: &str| app.patch(&path).by(&token).header("If-Match", etag).json(&body).send();
        let changed = patch(json!({"frequency": "weekly", "hour": 6, "timezone": "Europe/Zurich"}), seen.header("etag").unwrap()).await.expect(200);
        assert_eq!((changed.text_at("/frequency"), &changed.json["hour"]), ("weekly".to_owned(), &json!(6)));
        assert_eq!(patch(json!({"hour": 7}), seen.header("etag").unwrap()).await.expect(412).code(), "version_conflict");
        assert_eq!(patch(json!({"hour": 70}), "*").await.expect(422).text_at("/errors/0/pointer"), "/hour");
        assert_eq!(patch(json!({"query": {}}), "*").await.expect(422).code(), "query_unfiltered");
        assert_eq!(patch(json!({"status": "ended"}), "*").await.expect(409).code(), "state_conflict");
        assert_eq!(patch(json!({"status": "paused"}), "*").await.expect(200).text_at("/status"), "paused");
        assert_eq!(app.delete(&path).by(&token).header("If-Match", "\"1\"").send().await.expect(412).code(), "version_conflict");
        app.delete(&format!("{path}?token={token}")).send().await.expect(204);
        assert_eq!(app.get(&path).by(&token).send().await.expect(404).code(), "alert_not_found");
    }

    async fn a_person_with_an_account_needs_no_confirmation_for_their_own_address(app) {
        let reader = app.sign_up("reader@example.org").await;
        let other = app.sign_up("other@example.org").await;
        let body = json!({"query": {"q": "rtl"}, "frequency": "instant"});
        let made = app.post("/v1/alerts").by(&reader).json(&body).send().await.expect(201);
        assert_eq!(made.text_at("/status"), "active");
        assert_eq!(made.text_at("/description"), "“rtl”");
        let again = app.post("/v1/alerts").by(&reader).json(&body).send().await.expect(200);
        assert_eq!(again.text_at("/id"), made.text_at("/id"), "nobody has the same alert twice");
        let path = format!("/v1/alerts/{}", made.text_at("/id"));
        app.get(&path).by(&reader).send().await.expect(200);
        app.get(&path).by(&other).send().await.expect(404);
        let mut theirs = body.clone();
        theirs["email"] = "somebody@example.org".into();
        app.post("/v1/alerts").by(&reader).json(&theirs).send().await.expect(202);
        let list = app.get("/v1/alerts").by(&reader).send().await.expect(200);
        assert_eq!(list.json["data"].as_array().unwrap().len(), 1);
        app.get("/v1/alerts").send().await.expect(401);
        for n in 0..49 {
            let more = json!({"query": {"q": format!("word{n}")}, "frequency": "daily"});
            app.post("/v1/alerts").by(&reader).json(&more).send().await.expect(201);
        }
        let more = json!({"query": {"q": "one too many"}, "frequency": "daily"});
        assert_eq!(app.post("/v1/alerts").by(&reader).json(&more).send().await.expect(409).code(), "limit_reached");
        let page = app.get("/v1/alerts?limit=30").by(&reader).send().await.expect(200);
        let next = format!("/v1/alerts?limit=30&cursor={}", page.text_at("/next_cursor"));
        let rest = app.get(&next).by(&reader).send().await.expect(200);
        assert_eq!((rest.json["data"].as_array().unwrap().len(), &rest.json["next_cursor"]), (20, &Value::Null));
    }
}
