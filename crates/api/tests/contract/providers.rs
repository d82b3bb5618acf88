//! Signing in with identity providers: accounts are made, connected, and never taken over.

use api::on_both;
use api::testing::{Answer, PASSWORD, TestApp};
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::Clock as _;

const EMAIL: &str = "ada@acme.example";

async fn started(app: &TestApp, provider: &str) -> Answer {
    let path = format!("/v1/auth/providers/{provider}/start");
    app.post(&path).json(&json!({})).send().await
}

/// What the browser brings back after somebody agreed to sign in.
fn returned(app: &TestApp, flow: &Answer, claims: Value) -> Value {
    let url = flow.text_at("/authorization_url");
    let mut back = app.provider.agree(&url, claims, app.clock.now().seconds());
    back["flow_token"] = flow.json["flow_token"].clone();
    back
}

async fn finished(app: &TestApp, provider: &str, back: &Value) -> Answer {
    let path = format!("/v1/auth/providers/{provider}/finish");
    app.post(&path).json(back).send().await
}

async fn signed_in(app: &TestApp, claims: Value) -> Answer {
    let flow = started(app, "acme").await.expect(200);
    finished(app, "acme", &returned(app, &flow, claims)).await
}

/// Connects the provider to the account of `token`; `claims` say who it is there.
pub(crate) async fn connected(app: &TestApp, token: &str, claims: Value) -> Answer {
    let start = json!({"provider": "acme", "password": PASSWORD});
    let flow = app
        .post("/v1/me/identities/start")
        .by(token)
        .json(&start)
        .send()
        .await;
    let mut back = returned(app, &flow.expect(200), claims);
    back["provider"] = "acme".into();
    app.post("/v1/me/identities").by(token).json(&back).send().await
}

on_both! {
    async fn the_first_sign_in_makes_an_account_and_the_next_ones_find_it_whatever_the_address(app) {
        let list = app.get("/v1/auth/providers").send().await.expect(200);
        assert_eq!(list.json["data"][0], json!({"name": "acme", "title": "Acme"}));
        let token = signed_in(app, json!({})).await.expect(200).text_at("/access_token");
        let me = app.get("/v1/me").by(&token).send().await.expect(200);
        assert_eq!((me.text_at("/email").as_str(), me.text_at("/name").as_str()), (EMAIL, "Ada Example"));
        assert!(app.mails().await.iter().any(|mail| mail.as_text().contains("Another way to sign in")));
        // Who they are is issuer and subject; the address may change there, and need not be verified any more.
        let claims = json!({"email": "other@acme.example", "email_verified": false});
        let token = signed_in(app, claims).await.expect(200).text_at("/access_token");
        let again = app.get("/v1/me").by(&token).send().await.expect(200);
        assert_eq!(again.text_at("/id"), me.text_at("/id"));
        let export = app.get("/v1/me/export").by(&token).send().await.expect(200);
        assert_eq!(export.text_at("/identities/0/subject"), "1");
        assert_eq!(export.text_at("/safety_changes/0/action"), "identity.connected");
        // Nobody knows its password, and it is there all the same.
        let body = json!({"email": EMAIL, "password": ""});
        assert_eq!(app.post("/v1/auth/login").json(&body).send().await.expect(401).code(), "credentials_invalid");
    }

    async fn an_account_is_connected_by_its_owner_and_never_taken_over_by_an_address(app) {
        let token = app.sign_up(EMAIL).await;
        assert_eq!(signed_in(app, json!({})).await.expect(409).code(), "identity_unconnected");
        let start = json!({"provider": "acme", "password": "wrong"});
        let refused = app.post("/v1/me/identities/start").by(&token).json(&start).send().await;
        assert_eq!(refused.expect(401).code(), "credentials_invalid");

        let identity = connected(app, &token, json!({})).await.expect(201);
        let found = signed_in(app, json!({})).await.expect(200).text_at("/access_token");
        let id = app.get("/v1/me").by(&token).send().await.expect(200).text_at("/id");
        assert_eq!(app.get("/v1/me").by(&found).send().await.expect(200).text_at("/id"), id);

        let other = app.sign_up("eve@elsewhere.example").await;
        assert_eq!(connected(app, &other, json!({})).await.expect(409).code(), "identity_taken");
        let one = format!("/v1/me/identities/{}/remove", identity.text_at("/id"));
        let foreign = app.post(&one).by(&other).json(&json!({"password": PASSWORD})).send().await;
        assert_eq!(foreign.expect(404).code(), "identity_not_found");
        app.post(&one).by(&token).json(&json!({"password": PASSWORD})).send().await.expect(204);
        assert_eq!(signed_in(app, json!({})).await.expect(409).code(), "identity_unconnected");
        assert!(app.mails().await.iter().any(|mail| mail.as_text().contains("One way less to sign in")));
    }

    async fn a_flow_of_one_person_does_not_connect_the_account_of_another(app) {
        let ada = app.sign_up(EMAIL).await;
        let eve = app.sign_up("eve@elsewhere.example").await;
        let start = json!({"provider": "acme"});
        for by in [None, Some(&eve)] {
            let flow = match by {
                None => started(app, "acme").await.expect(200),
                Some(eve) => app.post("/v1/me/identities/start").by(eve).json(&start).send().await.expect(200),
            };
            let mut back = returned(app, &flow, json!({}));
            back["provider"] = "acme".into();
            let refused = app.post("/v1/me/identities").by(&ada).json(&back).send().await;
            assert_eq!(refused.expect(401).code(), "flow_invalid");
        }
        let flow = app.post("/v1/me/identities/start").by(&eve).json(&start).send().await.expect(200);
        let refused = finished(app, "acme", &returned(app, &flow, json!({"email": "new@acme.example"}))).await;
        assert_eq!(refused.expect(401).code(), "flow_invalid");
    }

    async fn only_a_verified_address_makes_an_account(app) {
        for claims in [
            json!({"email_verified": false}),
            json!({"email_verified": null}),
            json!({"email_verified": "true"}),
            json!({"email_verified": 1}),
            json!({"email": null}),
            json!({"email": "no address"}),
        ] {
            let refused = signed_in(app, claims.clone()).await;
            assert_eq!((refused.status, refused.code().as_str()), (403, "not_allowed"), "{claims}");
        }
        signed_in(app, json!({})).await.expect(200);
    }

    async fn what_the_token_does_not_say_is_asked_for_and_has_to_be_about_the_same_person(app) {
        app.provider.publish("userinfo_endpoint", json!("https://login.acme.example/me"));
        app.provider.publish("about", json!({"sub": "2", "email": EMAIL, "email_verified": true, "name": "Ada"}));
        let bare = json!({"email": null, "email_verified": null, "name": null});
        assert_eq!(signed_in(app, bare.clone()).await.expect(401).code(), "provider_refused");
        app.provider.publish("about", json!({"sub": "1", "email": EMAIL, "email_verified": false}));
        assert_eq!(signed_in(app, bare.clone()).await.expect(403).code(), "not_allowed");
        app.provider.publish("about", json!({"sub": "1", "email": EMAIL, "email_verified": true, "name": "Ada"}));
        let token = signed_in(app, bare).await.expect(200).text_at("/access_token");
        assert_eq!(app.get("/v1/me").by(&token).send().await.expect(200).text_at("/name"), "Ada");
    }

    async fn a_registration_that_nobody_verified_does_not_wait_for_its_victim(app) {
        let body = json!({"email": EMAIL, "password": PASSWORD, "name": "Mallory"});
        app.post("/v1/auth/register").json(&body).send().await.expect(202);
        let mailed = app.token_mailed_to(EMAIL).await;
        let token = signed_in(app, json!({})).await.expect(200).text_at("/access_token");
        let me = app.get("/v1/me").by(&token).send().await.expect(200);
        assert_eq!(me.text_at("/name"), "Ada Example");
        let body = json!({"email": EMAIL, "password": PASSWORD});
        app.post("/v1/auth/login").json(&body).send().await.expect(401);
        let body = json!({"token": mailed});
        app.post("/v1/auth/verify-email").json(&body).send().await.expect(404);
    }

    async fn a_token_is_believed_only_when_all_of_it_is_right(app) {
        let now = app.clock.now().seconds();
        let header = json!({});
        let claims = json!({});
        let wrong: Vec<(&str, Value, Value)> = vec![
            ("no signature", json!({"alg": "none"}), claims.clone()),
            ("signed with the public key as a secret", json!({"alg": "HS256"}), claims.clone()),
            ("an algorithm that is not the key's", json!({"alg": "RS256"}), claims.clone()),
            ("a key that nobody published", json!({"kid": "7"}), claims.clone()),
            ("the key brought along", json!({"kid": null, "jwk": {"kty": "OKP"}, "alg": "ES256"}), claims.clone()),
            ("an access token", json!({"typ": "at+jwt"}), claims.clone()),
            ("a header that has to be understood", json!({"crit": ["b64"], "b64": false}), claims.clone()),
            ("another issuer", header.clone(), json!({"iss": "https://login.evil.example"})),
            ("another issuer by a slash", header.clone(), json!({"iss": "https://login.acme.example/"})),
            ("for somebody else", header.clone(), json!({"aud": "other"})),
            ("for several, and nobody knows by whom", header.clone(), json!({"aud": ["board", "other"]})),
            ("for several, by another", header.clone(), json!({"aud": ["board", "other"], "azp": "other"})),
            ("for nobody", header.clone(), json!({"aud": null})),
            ("for another sign-in", header.clone(), json!({"nonce": "1"})),
            ("for any sign-in", header.clone(), json!({"nonce": null})),
            ("over", header.clone(), json!({"exp": now - 61})),
            ("without an end", header.clone(), json!({"exp": null})),
            ("with an end that is text", header.clone(), json!({"exp": "99999999999"})),
            ("not yet", header.clone(), json!({"nbf": now + 61})),
            ("from the future", header.clone(), json!({"iat": now + 61})),
            ("of yesterday", header.clone(), json!({"iat": now - 86400})),
            ("about nobody", header.clone(), json!({"sub": null})),
            ("about an empty name", header.clone(), json!({"sub": ""})),
        ];
        for (what, header, claims) in wrong {
            let flow = started(app, "acme").await.expect(200);
            let mut back = app.provider.agree_with(&flow.text_at("/authorization_url"), claims, header, now);
            back["flow_token"] = flow.json["flow_token"].clone();
            let refused = finished(app, "acme", &back).await;
            assert_eq!((refused.status, refused.code().as_str()), (401, "provider_refused"), "{what}");
        }
        let fine = json!({"aud": ["board", "other"], "azp": "board", "exp": now - 59, "nbf": now + 59});
        signed_in(app, fine).await.expect(200);
    }

    async fn what_comes_back_counts_once_in_its_browser_in_time_and_from_its_provider(app) {
        let flow = started(app, "acme").await.expect(200);
        let right = returned(app, &flow, json!({}));
        let other = started(app, "acme").await.expect(200);
        let mut mixed = right.clone();
        mixed["flow_token"] = other.json["flow_token"].clone();
        assert_eq!(finished(app, "acme", &mixed).await.expect(401).code(), "flow_invalid", "another browser");
        assert_eq!(finished(app, "unheard-of", &right).await.expect(404).code(), "provider_not_found");
        finished(app, "acme", &right).await.expect(200);
        assert_eq!(finished(app, "acme", &right).await.expect(401).code(), "flow_invalid", "twice");

        let flow = started(app, "acme").await.expect(200);
        let back = returned(app, &flow, json!({}));
        assert_eq!(finished(app, "closed", &back).await.expect(401).code(), "flow_invalid", "another provider");
        for issuer in [json!("https://login.evil.example"), Value::Null] {
            let flow = started(app, "acme").await.expect(200);
            let mut back = returned(app, &flow, json!({}));
            back["iss"] = issuer;
            assert_eq!(finished(app, "acme", &back).await.expect(401).code(), "provider_refused");
        }
        let flow = started(app, "acme").await.expect(200);
        let mut back = returned(app, &flow, json!({}));
        back["code"] = json!("guessed");
        assert_eq!(finished(app, "acme", &back).await.expect(401).code(), "provider_refused");
        let flow = started(app, "acme").await.expect(200);
        app.advance(SignedDuration::from_mins(15));
        let late = finished(app, "acme", &returned(app, &flow, json!({}))).await;
        assert_eq!(late.expect(401).code(), "flow_invalid");
    }

    async fn what_was_begun_and_never_finished_is_forgotten(app) {
        started(app, "acme").await.expect(200);
        app.post("/v1/auth/passkey/options").json(&json!({})).send().await.expect(200);
        let purged = || {
            let now = app.clock.now();
            app.db.write_blocking(|tx| accounts::purge_expired(tx, &accounts::Retention::default(), 100, now)).unwrap()
        };
        app.advance(SignedDuration::from_secs(5 * 60 - 1));
        assert_eq!(purged(), 0);
        app.advance(SignedDuration::from_mins(1));
        assert_eq!(purged(), 1, "the challenge");
        app.advance(SignedDuration::from_mins(10));
        assert_eq!(purged(), 1, "the flow");
    }

    async fn a_provider_may_change_its_keys_and_is_not_asked_for_them_without_end(app) {
        signed_in(app, json!({})).await.expect(200);
        app.provider.rotate();
        // Asked for just now: a stream of unknown keys makes no stream of calls.
        assert_eq!(signed_in(app, json!({})).await.expect(401).code(), "provider_refused");
        app.advance(SignedDuration::from_secs(30));
        signed_in(app, json!({})).await.expect(200);
        let before = app.provider.calls();
        signed_in(app, json!({})).await.expect(200);
        assert_eq!(app.provider.calls(), before + 1, "the code is exchanged, nothing else is asked");
    }

    async fn an_account_with_a_second_factor_is_asked_for_it(app) {
        let token = app.sign_up(EMAIL).await;
        connected(app, &token, json!({})).await.expect(201);
        let enrolled = app.post("/v1/me/second-factor").by(&token).json(&json!({"password": PASSWORD})).send().await;
        let secret = enrolled.expect(201).text_at("/secret");
        let code = accounts::totp_code(&secret, app.clock.now()).unwrap();
        app.post("/v1/me/second-factor/confirm").by(&token).json(&json!({"code": code})).send().await.expect(200);
        let asked = signed_in(app, json!({})).await.expect(403);
        assert_eq!(asked.code(), "mfa_required");
        app.advance(SignedDuration::from_secs(30));
        let code = accounts::totp_code(&secret, app.clock.now()).unwrap();
        let body = json!({"mfa_token": asked.text_at("/mfa_token"), "code": code});
        app.post("/v1/auth/mfa").json(&body).send().await.expect(200);
    }

    async fn a_closed_provider_lets_in_addresses_of_its_domains_only(app) {
        for (claims, status) in [
            (json!({"email": "ada@evil.example"}), 403),
            (json!({"email": "ada@sub.acme.example"}), 403),
            (json!({"email_verified": false}), 403),
            (json!({}), 200),
            // The identity is known by now, and its address is another one.
            (json!({"email": "ada@evil.example"}), 403),
        ] {
            let flow = started(app, "closed").await.expect(200);
            let answer = finished(app, "closed", &returned(app, &flow, claims.clone())).await;
            assert_eq!(answer.status, status, "{claims}: {}", answer.text);
        }
    }

    async fn a_provider_that_publishes_nonsense_is_not_followed(app) {
        assert_eq!(started(app, "unheard-of").await.expect(404).code(), "provider_not_found");
        for (name, value) in [
            ("issuer", json!("https://login.evil.example")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("token_endpoint", json!("http://login.acme.example/token")),
            ("jwks_uri", Value::Null),
        ] {
            let app = TestApp::new(app.db.backend());
            app.provider.publish(name, value);
            assert_eq!(started(&app, "acme").await.expect(503).code(), "service_unavailable", "{name}");
            // Nobody makes us call without end, and it may come right.
            let calls = app.provider.calls();
            started(&app, "acme").await.expect(503);
            assert_eq!(app.provider.calls(), calls, "{name}");
            app.advance(SignedDuration::from_secs(10));
            started(&app, "acme").await.expect(503);
            assert!(app.provider.calls() > calls, "{name}");
        }
    }
}
