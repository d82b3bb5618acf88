//! What the owner of an address can do, over HTTP and on pages, and what an operator sees.

use api::on_both;
use api::testing::{Answer, TestApp, link_in};
use serde_json::{Value, json};

use crate::rtl_role;

const FORM: &str = "application/x-www-form-urlencoded";

/// Id and manage token of an alert of `reader@example.org` that was told of one posting, with that mail.
async fn told(app: &TestApp) -> (String, String, String) {
    let owner = app.sign_up("owner@acme.example").await;
    let employer = app.found_employer(&owner, "Acme Compute").await;
    app.subscribe("reader@example.org", &json!({"q": "rtl"})).await;
    app.publish(&owner, &employer, &rtl_role()).await;
    let mail = app.mails().await.pop().unwrap().as_text();
    let link = link_in(&mail, "/alerts/manage?alert=").unwrap();
    let (id, token) = link["/alerts/manage?alert=".len()..]
        .split_once("&token=")
        .unwrap();
    (id.to_owned(), token.to_owned(), mail)
}

async fn submit(app: &TestApp, token: &str, fields: &str) -> Answer {
    app.post("/alerts/manage")
        .body(FORM, format!("token={token}&{fields}"))
        .send()
        .await
}

on_both! {
    async fn an_alert_comes_back_with_its_options(app) {
        let reader = app.sign_up("reader@example.org").await;
        let mut body = json!({"query": {"q": "rtl"}, "frequency": "instant", "timezone": "America/Chicago",
            "notify": ["closing_soon", "pay_raised"], "quiet_hours": {"from": 22, "to": 7}});
        let made = app.post("/v1/alerts").by(&reader).json(&body).send().await.expect(201);
        assert_eq!(made.json["notify"], json!(["pay_raised", "closing_soon"]));
        assert_eq!(made.json["quiet_hours"], json!({"from": 22, "to": 7}));
        assert_eq!((&made.json["end_reason"], &made.json["last_mailed_at"]), (&Value::Null, &Value::Null));
        let path = format!("/v1/alerts/{}", made.text_at("/id"));
        let patch = |change: Value| app.patch(&path).by(&reader).json(&change).send();
        let same = patch(json!({"hour": 6})).await.expect(200);
        assert_eq!((&same.json["quiet_hours"], &same.json["notify"]), (&made.json["quiet_hours"], &made.json["notify"]));
        let none = patch(json!({"quiet_hours": null, "notify": []})).await.expect(200);
        assert_eq!((&none.json["quiet_hours"], &none.json["notify"]), (&Value::Null, &json!([])));
        assert_eq!(patch(json!({"quiet_hours": {"from": 7, "to": 7}})).await.expect(422).text_at("/errors/0/pointer"), "/quiet_hours");
        patch(json!({"notify": ["pay_lowered"]})).await.expect(422);
        patch(json!({"quiet_hours": {"from": 7}})).await.expect(422);
        body["query"] = json!({"q": "dft"});
        body["quiet_hours"] = json!({"from": 24, "to": 7});
        assert_eq!(app.post("/v1/alerts").by(&reader).json(&body).send().await.expect(422).text_at("/errors/0/pointer"), "/quiet_hours");
    }

    async fn who_fills_in_what_people_do_not_see_gets_the_usual_answer_and_no_mail(app) {
        let body = |homepage: &str| json!({"email": "victim@example.org", "query": {"q": "rtl"}, "frequency": "daily", "homepage": homepage});
        let caught = app.post("/v1/alerts").json(&body("https://spam.example")).send().await.expect(202);
        assert!(app.mails().await.is_empty());
        let sent = app.post("/v1/alerts").json(&body("")).send().await.expect(202);
        assert_eq!((caught.text, app.mails().await.len()), (sent.text, 1));
    }

    async fn one_link_exports_and_erases_everything_about_an_address(app) {
        let (id, token, _) = told(app).await;
        app.subscribe("reader@example.org", &json!({"q": "dft"})).await;
        let export = app.get("/v1/alerts/address").by(&token).send().await.expect(200);
        assert_eq!(export.text_at("/email"), "reader@example.org");
        assert_eq!(export.json["alerts"].as_array().unwrap().len(), 2);
        assert_eq!(export.text_at("/told/0/alert_id"), id);
        assert!(export.json["alerts"][0]["confirmed_at"].is_string() && export.json["mails"].as_array().unwrap().len() == 3);
        assert_eq!(app.get(&format!("/v1/alerts/address?token={token}")).send().await.expect(200).json, export.json);
        app.get("/v1/alerts/address").send().await.expect(401);
        app.get("/v1/alerts/address?token=nonsense").send().await.expect(401);
        app.delete("/v1/alerts/address").send().await.expect(401);
        let stranger = app.sign_up("stranger@example.org").await;
        let none = app.get("/v1/alerts/address").by(&stranger).send().await.expect(200);
        assert_eq!((none.text_at("/email").as_str(), &none.json["alerts"]), ("stranger@example.org", &json!([])));
        app.delete(&format!("/v1/alerts/address?token={token}")).send().await.expect(204);
        app.get("/v1/alerts/address").by(&token).send().await.expect(404);
        app.get(&format!("/v1/alerts/{id}")).by(&token).send().await.expect(404);
    }

    async fn the_token_of_one_alert_opens_the_others_of_its_address_and_no_more(app) {
        let (_, token, _) = told(app).await;
        app.subscribe("reader@example.org", &json!({"q": "dft"})).await;
        app.subscribe("other@example.org", &json!({"q": "dft"})).await;
        let ids = |address: &str| {
            let alerts = app.db.read_blocking(|conn| alerts::owner::list_of_address(conn, &address.parse().unwrap())).unwrap();
            alerts.into_iter().map(|alert| alert.id.to_string()).collect::<Vec<_>>()
        };
        for id in ids("reader@example.org") {
            app.get(&format!("/v1/alerts/{id}")).by(&token).send().await.expect(200);
        }
        let foreign = ids("other@example.org").remove(0);
        app.get(&format!("/v1/alerts/{foreign}")).by(&token).send().await.expect(404);
        for action in ["pause", "erase", "unsubscribe", "keep", "confirm", "save&frequency=daily"] {
            submit(app, &token, &format!("alert={foreign}&action={action}")).await.expect(404);
        }
        assert_eq!(ids("other@example.org").len(), 1);
    }

    async fn the_page_changes_what_its_form_says(app) {
        let (id, token, mail) = told(app).await;
        let page = app.get(&link_in(&mail, "/alerts/manage").unwrap()).send().await.expect(200);
        for words in ["“rtl”", "Active since 23 November 2026", "<option value=\"instant\" selected>", "Erase everything", "reader@example.org"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert!(!page.text.contains("<script"));
        let form = format!("alert={id}&action=save&frequency=weekly&hour=6&timezone=Europe/Zurich&quiet_from=22&quiet_to=7&notify_reopened=on&search=https%3A%2F%2Fboard.example%2F%3Fq%3Ddft%26country%3DUS%26cursor%3Dx");
        assert!(submit(app, &token, &form).await.expect(200).text.contains("Your changes are saved."));
        let seen = app.get(&format!("/v1/alerts/{id}")).by(&token).send().await.expect(200);
        assert_eq!(seen.json["query"], json!({"q": "dft", "country": "US"}));
        assert_eq!((seen.text_at("/frequency"), seen.text_at("/timezone"), &seen.json["hour"]), ("weekly".to_owned(), "Europe/Zurich".to_owned(), &json!(6)));
        assert_eq!((&seen.json["quiet_hours"], &seen.json["notify"]), (&json!({"from": 22, "to": 7}), &json!(["reopened"])));
        for (fields, words) in [
            ("timezone=Mars", "timezone: an IANA name"), ("search=https%3A%2F%2Fboard.example%2F", "name at least one word"),
            ("quiet_from=7", "a beginning and an end"), ("search=%3Fsenority%3Dstaff", "senority"), ("hour=99", "an hour from 0 to 23"),
        ] {
            let refused = submit(app, &token, &format!("alert={id}&action=save&{fields}")).await.expect(422);
            assert!(refused.text.contains(words) && refused.text.contains("role=\"alert\""), "{fields}: {}", refused.text);
        }
        assert_eq!(app.get(&format!("/v1/alerts/{id}")).by(&token).send().await.expect(200).json["version"], seen.json["version"]);
        assert!(submit(app, &token, &format!("alert={id}&action=unsubscribe")).await.expect(200).text.contains("You ended it on"));
        assert!(submit(app, &token, "action=erase_all&sure=on").await.expect(200).text.contains("Nothing is kept"));
        submit(app, &token, "action=show").await.expect(404);
    }

    async fn a_suppressed_owner_sees_why_and_may_be_written_to_again(app) {
        let (_, token, _) = told(app).await;
        let address = "reader@example.org".parse().unwrap();
        let (page, now) = (format!("/alerts/manage?token={token}"), store::Clock::now(&*app.clock));
        for (reason, words, can_lift) in [
            (mail::SuppressionReason::Complaint, "reported as spam", true),
            (mail::SuppressionReason::Operator, "operator stopped it", false),
        ] {
            app.db.write_blocking(|tx| mail::suppress(tx, &address, reason, "test", now)).unwrap();
            let seen = app.get(&page).send().await.expect(200);
            assert!(seen.text.contains(words) && seen.text.contains("Write to me again") == can_lift, "{}", seen.text);
            submit(app, &token, "action=lift").await.expect(200);
            assert_eq!(app.db.read_blocking(|conn| mail::is_suppressed(conn, &address)).unwrap(), !can_lift);
        }
    }

    async fn an_answer_is_given_on_a_page_and_counted_for_the_operator(app) {
        let (_, _, mail) = told(app).await;
        let link = link_in(&mail, "/alerts/feedback").unwrap();
        for _ in 0..2 {
            assert!(app.get(&format!("{link}&utm_source=x")).send().await.expect(200).text.contains("Was this role right for you?"));
        }
        let operator = app.sign_up("operator@board.example").await;
        app.get("/v1/alerts/health").send().await.expect(401);
        app.get("/v1/alerts/health").by(&operator).send().await.expect(403);
        let now = store::Clock::now(&*app.clock);
        app.db.write_blocking(|tx| accounts::make_operator(tx, &"operator@board.example".parse().unwrap(), now)).unwrap();
        let health = || async { app.get("/v1/alerts/health").by(&operator).send().await.expect(200).json };
        assert_eq!(health().await["right"], 0, "looking at the page answered nothing");
        let (posting, token) = link.split_once("posting=").unwrap().1.split_once("&token=").unwrap();
        app.post("/alerts/feedback").body(FORM, format!("posting={posting}&token={token}&verdict=right")).send().await.expect(200);
        let body = |token: &str, verdict: &str| json!({"token": token, "posting_id": posting, "verdict": verdict});
        assert_eq!((&health().await["right"], &health().await["wrong"]), (&json!(1), &json!(0)));
        app.post("/v1/alerts/feedback").json(&body(token, "wrong")).send().await.expect(200);
        let seen = health().await;
        assert_eq!((&seen["right"], &seen["wrong"], &seen["active"], &seen["warnings"]), (&json!(0), &json!(1), &json!(1), &json!([])));
        assert_eq!(app.post("/v1/alerts/feedback").json(&body("nonsense", "right")).send().await.expect(404).code(), "token_invalid");
        app.post("/v1/alerts/feedback").json(&body(token, "maybe")).send().await.expect(422);
        app.get("/alerts/feedback?posting=x&token=y").send().await.expect(404);
    }

    async fn a_search_on_the_board_becomes_an_alert(app) {
        let page = app.get("/alerts/new?q=rtl&country=US&utm_source=x").send().await;
        assert_eq!(page.status, 422, "a parameter that is none is refused with help");
        let page = app.get("/alerts/new?q=rtl&country=US").send().await.expect(200);
        assert!(page.text.contains("“rtl”") && page.text.contains("name=\"homepage\""), "{}", page.text);
        app.get("/alerts/new").send().await.expect(422);
        let ask = |email: &str, more: &str| {
            let form = format!("search=https%3A%2F%2Fboard.example%2F%3Fq%3Drtl&email={email}&frequency=instant&hour=8&timezone=UTC{more}");
            app.post("/alerts/new").body(FORM, form).send()
        };
        assert!(ask("nobody", "").await.expect(422).text.contains("not an e-mail address"));
        let caught = ask("reader%40example.org", "&homepage=x").await.expect(200);
        assert!(app.mails().await.is_empty());
        let sent = ask("reader%40example.org", "").await.expect(200);
        assert_eq!(caught.text, sent.text);
        let mail = app.mails().await.pop().unwrap().as_text();
        let token = link_in(&mail, "/alerts/confirm?token=").unwrap();
        let token = token.split_once("token=").unwrap().1;
        let done = app.post("/alerts/confirm").body(FORM, format!("token={token}")).send().await.expect(200);
        assert!(done.text.contains("Your alert is active") && done.text.contains("See and change your alerts"), "{}", done.text);
        let front = app.get("/?q=rtl").send().await.expect(200);
        assert!(front.text.contains("/alerts/new?q=rtl"));
    }
}
