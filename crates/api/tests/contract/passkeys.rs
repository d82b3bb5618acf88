//! Passkeys: adding, signing in, and everything that is no passkey.

use api::on_both;
use api::testing::{Answer, Device, PASSWORD, TestApp};
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::Clock as _;

use crate::providers::connected;

const EMAIL: &str = "ada@acme.example";

async fn offered(app: &TestApp, token: &str, proof: &Value) -> Answer {
    let path = "/v1/me/passkeys/options";
    app.post(path).by(token).json(proof).send().await
}

async fn added(app: &TestApp, token: &str, device: &mut Device, options: &Value) -> Answer {
    let body = json!({"name": "Laptop", "credential": device.create(options)});
    app.post("/v1/me/passkeys").by(token).json(&body).send().await
}

/// Adds a passkey to the account of `token`; returns its id.
pub(crate) async fn add_passkey(app: &TestApp, token: &str, device: &mut Device) -> String {
    let options = offered(app, token, &json!({"password": PASSWORD}))
        .await
        .expect(200);
    added(app, token, device, &options.json)
        .await
        .expect(201)
        .text_at("/id")
}

async fn asked(app: &TestApp) -> Value {
    let path = "/v1/auth/passkey/options";
    app.post(path).json(&json!({})).send().await.expect(200).json
}

async fn signed_in(app: &TestApp, credential: &Value) -> Answer {
    let body = json!({"credential": credential});
    app.post("/v1/auth/passkey").json(&body).send().await
}

fn code(app: &TestApp, secret: &str) -> String {
    // Each code works once; the next comes after half a minute.
    app.advance(SignedDuration::from_secs(30));
    accounts::totp_code(secret, app.clock.now()).unwrap()
}

on_both! {
    async fn a_passkey_signs_in_without_password_and_code_until_it_is_removed(app) {
        let token = app.sign_up(EMAIL).await;
        let enrolled = app.post("/v1/me/second-factor").by(&token).json(&json!({"password": PASSWORD})).send().await;
        let secret = enrolled.expect(201).text_at("/secret");
        let body = json!({"code": code(app, &secret)});
        app.post("/v1/me/second-factor/confirm").by(&token).json(&body).send().await.expect(200);
        app.mails().await;

        let mut device = Device::new(b"first");
        let options = offered(app, &token, &json!({"code": code(app, &secret)})).await.expect(200).json;
        assert_eq!(options["public_key"]["rp"]["id"], "board.example");
        assert_eq!(options["public_key"]["authenticatorSelection"]["userVerification"], "required");
        let passkey = added(app, &token, &mut device, &options).await.expect(201);
        assert_eq!(passkey.text_at("/name"), "Laptop");
        assert!(app.mails().await.iter().any(|mail| mail.as_text().contains("A passkey was added")));
        let again = offered(app, &token, &json!({"password": PASSWORD})).await.expect(200).json;
        assert_eq!(again["public_key"]["excludeCredentials"][0]["id"], "Zmlyc3Q", "the device is not asked for another");

        // A password alone is one step of two; a passkey is both.
        let body = json!({"email": EMAIL, "password": PASSWORD});
        assert_eq!(app.post("/v1/auth/login").json(&body).send().await.expect(403).code(), "mfa_required");
        let tokens = signed_in(app, &device.sign(&asked(app).await)).await.expect(200);
        let token = tokens.text_at("/access_token");
        assert_eq!(app.get("/v1/me").by(&token).send().await.expect(200).text_at("/email"), EMAIL);

        let id = passkey.text_at("/id");
        let one = format!("/v1/me/passkeys/{id}");
        let renamed = app.patch(&one).by(&token).json(&json!({"name": "Old laptop"})).send().await;
        assert_eq!(renamed.expect(200).text_at("/name"), "Old laptop");
        let hidden = app.patch(&one).by(&token).json(&json!({"name": "a\u{202e}b"})).send().await;
        assert_eq!(hidden.expect(422).text_at("/errors/0/code"), "name_invalid");
        let export = app.get("/v1/me/export").by(&token).send().await.expect(200);
        assert_eq!(export.text_at("/passkeys/0/name"), "Old laptop");
        assert!(export.json["passkeys"][0]["last_used_at"].is_string());
        assert_eq!(export.text_at("/safety_changes/0/action"), "passkey.added");
        assert!(!export.text.contains("Zmlyc3Q"), "no keys in it");

        app.post(&format!("{one}/remove")).by(&token).json(&json!({})).send().await.expect(204);
        let refused = signed_in(app, &device.sign(&asked(app).await)).await;
        assert_eq!(refused.expect(401).code(), "credentials_invalid");
        let list = app.get("/v1/me/passkeys").by(&token).send().await.expect(200);
        assert_eq!(list.json["data"], json!([]));
        assert!(app.mails().await.iter().any(|mail| mail.as_text().contains("A passkey was removed")));
    }

    async fn nothing_signs_in_but_a_fresh_signature_of_the_owners_device_on_our_page(app) {
        let token = app.sign_up(EMAIL).await;
        let mut device = Device::new(b"counting");
        device.count = 7;
        add_passkey(app, &token, &mut device).await;
        let other = app.sign_up("eve@elsewhere.example").await;
        let mut eves = Device::new(b"eve");
        add_passkey(app, &other, &mut eves).await;
        device.count = 8;

        type Bent = Box<dyn Fn(&mut Device)>;
        let bends: [(&str, Bent); 8] = [
            ("a page of another site", Box::new(|d| "https://board.example.evil.example".clone_into(&mut d.origin))),
            ("without TLS", Box::new(|d| "http://board.example".clone_into(&mut d.origin))),
            ("inside another page", Box::new(|d| d.cross_origin = true)),
            ("for another site", Box::new(|d| "evil.example".clone_into(&mut d.rp_id))),
            ("not touched", Box::new(|d| d.flags = 0x04)),
            ("its user not checked", Box::new(|d| d.flags = 0x01)),
            ("a copy that has counted less", Box::new(|d| d.count = 7)),
            ("suddenly carried elsewhere", Box::new(|d| d.flags = 0x1d)),
        ];
        let right = (device.origin.clone(), device.rp_id.clone());
        let mut answers = Vec::new();
        for (what, bend) in bends {
            bend(&mut device);
            answers.push((what, signed_in(app, &device.sign(&asked(app).await)).await));
            (device.origin, device.rp_id) = right.clone();
            (device.cross_origin, device.flags, device.count) = (false, 0x05, 8);
        }
        let mut bent = |what: &'static str, answer: Answer| answers.push((what, answer));
        device.user_handle = eves.user_handle.clone();
        bent("in another's name", signed_in(app, &device.sign(&asked(app).await)).await);
        let body = json!({"password": PASSWORD});
        let for_adding = offered(app, &token, &body).await.expect(200).json;
        device.user_handle = for_adding["public_key"]["user"]["id"].as_str().unwrap().to_owned();
        bent("a challenge for something else", signed_in(app, &device.sign(&for_adding)).await);
        let mut forged = device.sign(&asked(app).await);
        forged["response"]["signature"] = eves.sign(&asked(app).await)["response"]["signature"].clone();
        bent("another's signature", signed_in(app, &forged).await);
        let unknown = Device::new(b"unknown");
        bent("a key that nobody has", signed_in(app, &unknown.sign(&asked(app).await)).await);
        let options = asked(app).await;
        app.advance(SignedDuration::from_secs(5 * 60));
        bent("too late", signed_in(app, &device.sign(&options)).await);
        let made_up = json!({"public_key": {"challenge": "AAAA"}});
        bent("a challenge that nobody gave", signed_in(app, &device.sign(&made_up)).await);
        let junk = json!({"rawId": "!", "response": {"clientDataJSON": "e30", "authenticatorData": "", "signature": ""}});
        bent("junk", signed_in(app, &junk).await);
        let right = device.sign(&asked(app).await);
        signed_in(app, &right).await.expect(200);
        bent("the same once more", signed_in(app, &right).await);

        let words = |answer: &Answer| {
            let mut said = answer.json.clone();
            said["request_id"] = Value::Null;
            said
        };
        for (what, answer) in &answers {
            assert_eq!(answer.status, 401, "{what}: {}", answer.text);
            assert_eq!(words(answer), words(&answers[0].1), "{what}: nobody learns what was wrong");
        }
    }

    async fn a_device_that_does_not_count_may_stay_at_zero(app) {
        let token = app.sign_up(EMAIL).await;
        let mut device = Device::new(b"synced");
        device.flags = 0x1d;
        add_passkey(app, &token, &mut device).await;
        for _ in 0..2 {
            signed_in(app, &device.sign(&asked(app).await)).await.expect(200);
        }
        let list = app.get("/v1/me/passkeys").by(&token).send().await.expect(200);
        assert_eq!(list.json["data"][0]["is_synced"], true);
    }

    async fn only_who_shows_once_more_that_it_is_them_adds_and_removes_passkeys(app) {
        let token = app.sign_up(EMAIL).await;
        let mut device = Device::new(b"first");
        let id = add_passkey(app, &token, &mut device).await;
        app.advance(SignedDuration::from_mins(9));
        offered(app, &token, &json!({})).await.expect(200);
        app.advance(SignedDuration::from_mins(1));
        let token = {
            // The session is ten minutes old; so is its token.
            let fresh = app.sign_in(EMAIL).await;
            app.advance(SignedDuration::from_secs(9 * 60 + 59));
            offered(app, &fresh, &json!({})).await.expect(200);
            app.advance(SignedDuration::from_secs(2));
            fresh
        };
        let remove = format!("/v1/me/passkeys/{id}/remove");
        for (body, status, code) in [
            (json!({}), 403, "proof_required"),
            (json!({"password": "wrong"}), 401, "credentials_invalid"),
            (json!({"code": "123456"}), 409, "state_conflict"),
        ] {
            assert_eq!(offered(app, &token, &body).await.expect(status).code(), code);
            let refused = app.post(&remove).by(&token).json(&body).send().await;
            assert_eq!(refused.expect(status).code(), code);
        }
        // Nobody else's passkey, nor with anybody else's challenge.
        let other = app.sign_up("eve@elsewhere.example").await;
        let body = json!({"password": PASSWORD});
        let foreign = app.post(&remove).by(&other).json(&body).send().await;
        assert_eq!(foreign.expect(404).code(), "passkey_not_found");
        let foreign = app.patch(&format!("/v1/me/passkeys/{id}")).by(&other).json(&json!({"name": "Mine"})).send().await;
        assert_eq!(foreign.expect(404).code(), "passkey_not_found");
        let options = offered(app, &token, &body).await.expect(200).json;
        let refused = added(app, &other, &mut Device::new(b"second"), &options).await;
        assert_eq!(refused.expect(422).code(), "passkey_invalid");
        // The challenge is used up by that; and a key is registered once.
        let late = added(app, &token, &mut Device::new(b"second"), &options).await;
        assert_eq!(late.expect(422).code(), "passkey_invalid");
        let options = offered(app, &other, &body).await.expect(200).json;
        let taken = added(app, &other, &mut Device::new(b"first"), &options).await;
        assert_eq!(taken.expect(409).code(), "state_conflict");
        app.post(&remove).by(&token).json(&body).send().await.expect(204);
    }

    async fn a_new_key_is_believed_only_whole(app) {
        let token = app.sign_up(EMAIL).await;
        type Bent = fn(&mut Device, &mut Value);
        let bends: [(&str, Bent); 5] = [
            ("another site", |d, _| "evil.example".clone_into(&mut d.rp_id)),
            ("nobody checked", |d, _| d.flags = 0x01),
            ("backed up and yet not to be", |d, _| d.flags = 0x15),
            ("an id too long", |d, _| d.credential_id = vec![7; 1024]),
            ("a page elsewhere", |d, _| "https://evil.example".clone_into(&mut d.origin)),
        ];
        for (what, bend) in bends {
            let mut options = offered(app, &token, &json!({"password": PASSWORD})).await.expect(200).json;
            let mut device = Device::new(b"first");
            bend(&mut device, &mut options);
            let refused = added(app, &token, &mut device, &options).await;
            assert_eq!((refused.status, refused.code().as_str()), (422, "passkey_invalid"), "{what}");
        }
        let options = offered(app, &token, &json!({"password": PASSWORD})).await.expect(200).json;
        let mut credential = Device::new(b"first").create(&options);
        credential["rawId"] = json!("c2Vjb25k");
        let body = json!({"name": "Laptop", "credential": credential});
        let refused = app.post("/v1/me/passkeys").by(&token).json(&body).send().await;
        assert!(refused.expect(422).text_at("/detail").contains("contradict"));
    }

    async fn a_new_password_by_mail_takes_the_account_back_from_whoever_added_a_passkey(app) {
        let token = app.sign_up(EMAIL).await;
        let mut device = Device::new(b"thief");
        add_passkey(app, &token, &mut device).await;
        connected(app, &token, json!({"sub": "thief"})).await.expect(201);
        app.mails().await;
        app.advance(SignedDuration::from_mins(2));
        let half_done = offered(app, &token, &json!({})).await.expect(200).json;
        app.post("/v1/auth/password/forgot").json(&json!({"email": EMAIL})).send().await.expect(202);
        let mailed = app.token_mailed_to(EMAIL).await;
        let body = json!({"token": mailed, "password": "another long passphrase"});
        app.post("/v1/auth/password/reset").json(&body).send().await.expect(204);
        signed_in(app, &device.sign(&asked(app).await)).await.expect(401);
        added(app, &token, &mut Device::new(b"second"), &half_done).await.expect(401);
        let body = json!({"email": EMAIL, "password": "another long passphrase"});
        let token = app.post("/v1/auth/login").json(&body).send().await.expect(200).text_at("/access_token");
        for kind in ["passkeys", "identities"] {
            let list = app.get(&format!("/v1/me/{kind}")).by(&token).send().await.expect(200);
            assert_eq!(list.json["data"], json!([]), "{kind}");
        }
    }

    async fn a_sign_in_with_a_passkey_from_elsewhere_is_told_by_mail(app) {
        let token = app.sign_up(EMAIL).await;
        let mut device = Device::new(b"first");
        add_passkey(app, &token, &mut device).await;
        app.mails().await;
        for mails in [1, 0] {
            let body = json!({"credential": device.sign(&asked(app).await)});
            let call = app.post("/v1/auth/passkey").header("user-agent", "Elsewhere/1").json(&body);
            call.send().await.expect(200);
            let told = app.mails().await;
            let told: Vec<_> = told.iter().filter(|mail| mail.as_text().contains("A new sign-in")).collect();
            assert_eq!(told.len(), mails);
        }
    }

    async fn an_erased_account_takes_its_passkeys_along(app) {
        let token = app.sign_up(EMAIL).await;
        let mut device = Device::new(b"first");
        add_passkey(app, &token, &mut device).await;
        let options = asked(app).await;
        app.delete("/v1/me").by(&token).send().await.expect(204);
        signed_in(app, &device.sign(&options)).await.expect(401);
        // The key itself may come again.
        let token = app.sign_up("ada@new.example").await;
        add_passkey(app, &token, &mut device).await;
    }
}
