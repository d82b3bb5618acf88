//! Two-step sign-in, throttling, passwords and addresses, over HTTP.

use accounts::totp_code;
use api::on_both;
use api::testing::{PASSWORD, TestApp};
use jiff::SignedDuration;
use serde_json::json;
use store::Clock as _;

/// Switches the second factor on; returns the secret and a recovery code.
async fn switch_on(app: &TestApp, token: &str) -> (String, String) {
    let path = "/v1/me/second-factor";
    let enrolled = app
        .post(path)
        .by(token)
        .json(&json!({"password": PASSWORD}))
        .send()
        .await
        .expect(201);
    let secret = enrolled.text_at("/secret");
    assert!(
        enrolled.text_at("/uri").starts_with("otpauth://totp/Board:"),
        "{}",
        enrolled.text
    );
    let code = totp_code(&secret, app.clock.now()).unwrap();
    let on = app
        .post(&format!("{path}/confirm"))
        .by(token)
        .json(&json!({"code": code}))
        .send()
        .await
        .expect(200);
    app.advance(SignedDuration::from_secs(30));
    (secret, on.text_at("/recovery_codes/0"))
}

fn login(password: &str) -> serde_json::Value {
    json!({"email": "ada@example.org", "password": password})
}

on_both! {
    async fn signing_in_with_a_second_factor_takes_two_steps(app) {
        let token = app.sign_up("ada@example.org").await;
        app.post("/v1/me/second-factor").by(&token).json(&json!({"password": "wrong"})).send().await.expect(401);
        let (secret, recovery) = switch_on(app, &token).await;
        let state = app.get("/v1/me/second-factor").by(&token).send().await.expect(200);
        assert_eq!(state.json["recovery_codes_left"], 10);
        let first = app.post("/v1/auth/login").json(&login(PASSWORD)).send().await.expect(403);
        assert_eq!(first.code(), "mfa_required");
        assert!(first.json.get("access_token").is_none());
        let mfa_token = first.text_at("/mfa_token");
        // The token is good for the second step and for nothing else.
        app.get("/v1/me").by(&mfa_token).send().await.expect(401);
        for path in ["/v1/auth/refresh", "/v1/auth/verify-email", "/v1/invitations/accept"] {
            let body = if path.ends_with("refresh") { json!({"refresh_token": mfa_token}) } else { json!({"token": mfa_token}) };
            let answer = app.post(path).by(&token).json(&body).send().await;
            assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.text);
        }
        let step = |code: String| json!({"mfa_token": mfa_token, "code": code});
        assert_eq!(app.post("/v1/auth/mfa").json(&step("123".to_owned())).send().await.expect(401).code(), "mfa_invalid");
        let code = totp_code(&secret, app.clock.now()).unwrap();
        let done = app.post("/v1/auth/mfa").json(&step(code)).send().await.expect(200);
        app.get("/v1/me").by(&done.text_at("/access_token")).send().await.expect(200);
        let second = app.post("/v1/auth/login").json(&login(PASSWORD)).send().await.expect(403);
        let body = json!({"mfa_token": second.text_at("/mfa_token"), "code": recovery});
        app.post("/v1/auth/mfa").json(&body).send().await.expect(200);
        app.advance(SignedDuration::from_secs(30));
        let code = totp_code(&secret, app.clock.now()).unwrap();
        let off = json!({"password": PASSWORD, "code": code});
        app.post("/v1/me/second-factor/disable").by(&token).json(&off).send().await.expect(204);
        app.post("/v1/auth/login").json(&login(PASSWORD)).send().await.expect(200);
        let subjects: Vec<String> = app.mails().await.iter().map(|mail| mail.as_text().clone()).collect();
        assert!(subjects.iter().any(|mail| mail.contains("asks for a code now")));
        assert!(subjects.iter().any(|mail| mail.contains("asks for no code any more")));
    }

    /// CVE-2026-128333: a reset that signed in around the second factor.
    async fn incident_08_a_password_reset_does_not_go_around_the_second_factor(app) {
        let token = app.sign_up("ada@example.org").await;
        switch_on(app, &token).await;
        app.advance(SignedDuration::from_mins(2));
        app.mails().await;
        app.post("/v1/auth/password/forgot").json(&json!({"email": "ada@example.org"})).send().await.expect(202);
        let reset = app.token_mailed_to("ada@example.org").await;
        let body = json!({"token": reset, "password": "another long phrase"});
        let done = app.post("/v1/auth/password/reset").json(&body).send().await.expect(204);
        assert!(done.text.is_empty() && done.header("set-cookie").is_none(), "a reset signs nobody in");
        app.get("/v1/me").by(&token).send().await.expect(401);
        let next = app.post("/v1/auth/login").json(&login("another long phrase")).send().await.expect(403);
        assert_eq!(next.code(), "mfa_required");
    }

    async fn a_changed_password_ends_every_other_session_at_once(app) {
        let here = app.sign_up("ada@example.org").await;
        let elsewhere = app.sign_in("ada@example.org").await;
        let change = |current: &str, next: &str| json!({"current_password": current, "password": next});
        let path = "/v1/me/password";
        assert_eq!(app.post(path).by(&here).json(&change("wrong", "another long phrase")).send().await.expect(401).code(), "credentials_invalid");
        let weak = app.post(path).by(&here).json(&change(PASSWORD, "ada example")).send().await.expect(422);
        assert_eq!(weak.text_at("/errors/0/code"), "password_unfit");
        app.post(path).by(&here).json(&change(PASSWORD, "another long phrase")).send().await.expect(204);
        app.get("/v1/me").by(&here).send().await.expect(200);
        app.get("/v1/me").by(&elsewhere).send().await.expect(401);
        app.post("/v1/auth/login").json(&login(PASSWORD)).send().await.expect(401);
        app.post("/v1/auth/login").json(&login("another long phrase")).send().await.expect(200);
    }

    async fn an_address_changes_when_both_mailboxes_agree(app) {
        let token = app.sign_up("ada@example.org").await;
        app.advance(SignedDuration::from_mins(2));
        let body = json!({"email": "lovelace@example.org", "password": PASSWORD});
        app.post("/v1/me/email").by(&token).json(&json!({"email": "x@example.org", "password": "no"})).send().await.expect(401);
        app.post("/v1/me/email").by(&token).json(&body).send().await.expect(202);
        let mails = app.mails().await;
        let token_to = |address: &str| {
            let mail = mails.iter().find(|mail| mail.recipient.as_str() == address).unwrap();
            api::testing::link_token(&mail.as_text()).unwrap()
        };
        let (old, new) = (token_to("ada@example.org"), token_to("lovelace@example.org"));
        let page = app.get(&format!("/confirm-email-change?token={new}")).send().await.expect(200);
        assert!(page.text.contains("both mailboxes"));
        let form = format!("token={new}");
        let agreed = app.post("/confirm-email-change").body("application/x-www-form-urlencoded", form).send().await.expect(200);
        assert!(agreed.text.contains("the other address, too"), "{}", agreed.text);
        assert_eq!(app.get("/v1/me").by(&token).send().await.text_at("/email"), "ada@example.org");
        let changed = app.post("/v1/me/email/confirm").json(&json!({"token": old})).send().await.expect(200);
        assert_eq!(changed.json["status"], "changed");
        assert_eq!(app.get("/v1/me").by(&token).send().await.text_at("/email"), "lovelace@example.org");
    }

    /// CVE-2026-43914: a limit that other ways to sign in did not know.
    async fn incident_13_every_way_to_guess_is_slowed_down_alike_for_known_and_unknown(app) {
        app.sign_up("ada@example.org").await;
        let course = async |email: &str, agent: &str| {
            let mut answers = Vec::new();
            for _ in 0..7 {
                let body = json!({"email": email, "password": "guess after guess"});
                let answer = app.post("/v1/auth/login").header("User-Agent", agent).json(&body).send().await;
                answers.push((answer.status, answer.header("retry-after").map(str::to_owned), answer.text.len()));
            }
            answers
        };
        let (known, unknown) = (course("ada@example.org", "Stranger").await, course("bob@example.org", "Stranger").await);
        assert_eq!(known, unknown, "nobody learns who has an account");
        let statuses: Vec<u16> = known.iter().map(|(status, _, _)| *status).collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
        // The owner, where they signed in before, is let in; so is whoever reads the owner's mail.
        app.sign_in("ada@example.org").await;
        app.advance(SignedDuration::from_mins(2));
        app.post("/v1/auth/password/forgot").json(&json!({"email": "ada@example.org"})).send().await.expect(202);
        let reset = app.token_mailed_to("ada@example.org").await;
        app.post("/v1/auth/password/reset").json(&json!({"token": reset, "password": "another long phrase"})).send().await.expect(204);
        let from_anywhere = app.post("/v1/auth/login").header("User-Agent", "Somewhere Else").json(&login("another long phrase"));
        from_anywhere.send().await.expect(200);
    }

    async fn pages_of_other_sites_read_answers_only_when_they_are_named(app) {
        let named = "https://careers.acme.example";
        let seen = app.get("/v1/employers").header("Origin", named).send().await.expect(200);
        assert_eq!(seen.header("access-control-allow-origin"), Some(named));
        assert!(seen.header("access-control-allow-credentials").is_none());
        for other in ["https://evil.example", "null", "https://careers.acme.example.evil.example"] {
            let seen = app.get("/v1/employers").header("Origin", other).send().await.expect(200);
            assert_eq!(seen.header("access-control-allow-origin"), None, "{other}");
            assert!(seen.header("vary").is_some_and(|vary| vary.contains("Origin")));
        }
        let ask = |origin: &str| {
            app.call(&"OPTIONS".parse().unwrap(), "/v1/employers").header("Origin", origin)
                .header("Access-Control-Request-Method", "POST").send()
        };
        let preflight = ask(named).await.expect(204);
        assert!(preflight.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
        assert!(ask("https://evil.example").await.status >= 400);
    }
}
