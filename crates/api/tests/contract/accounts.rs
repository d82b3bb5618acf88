//! Accounts: registration, sign-in, tokens, passwords, `/v1/me`.

use api::on_both;
use api::testing::{PASSWORD, link_token};
use jiff::SignedDuration;
use serde_json::json;

on_both! {
    async fn all_256_characters_of_a_password_count_and_a_257th_is_refused(app) {
        let long: String = "quarzuhr\u{1f511}bindfaden\u{fc}bermut ".chars().cycle().take(255).collect();
        let register = |last: &str| json!({"email": "long@example.org", "password": format!("{long}{last}"), "name": "L"});
        let refused = app.post("/v1/auth/register").json(&register("xy")).send().await;
        assert_eq!(refused.expect(422).text_at("/errors/0/pointer"), "/password");
        app.post("/v1/auth/register").json(&register("x")).send().await.expect(202);
        let token = app.token_mailed_to("long@example.org").await;
        app.post("/v1/auth/verify-email").json(&json!({"token": token})).send().await.expect(200);
        for (last, status) in [("y", 401), ("", 401), ("xy", 401), ("x", 200)] {
            let body = json!({"email": "long@example.org", "password": format!("{long}{last}")});
            app.post("/v1/auth/login").json(&body).send().await.expect(status);
        }
    }

    async fn registering_answers_the_same_for_a_known_and_an_unknown_address(app) {
        app.sign_up("known@example.org").await;
        app.advance(SignedDuration::from_mins(20));
        let ask = |email: &str| json!({"email": email, "password": PASSWORD, "name": "N"});
        let known = app.post("/v1/auth/register").json(&ask("known@example.org")).send().await.expect(202);
        let unknown = app.post("/v1/auth/register").json(&ask("new@example.org")).send().await.expect(202);
        assert_eq!(known.text, unknown.text);
        let mut told: Vec<String> = app.mails().await.iter().map(|mail| mail.recipient.to_string()).collect();
        told.sort();
        assert_eq!(told, ["known@example.org", "new@example.org"], "the owner of either address learns of it");
        app.post("/v1/auth/login").json(&json!({"email": "known@example.org", "password": PASSWORD})).send().await.expect(200);
    }

    async fn who_is_unverified_or_wrong_does_not_get_in(app) {
        let body = json!({"email": "new@example.org", "password": PASSWORD, "name": "N"});
        app.post("/v1/auth/register").json(&body).send().await.expect(202);
        let login = |email: &str, password: &str| {
            app.post("/v1/auth/login").json(&json!({"email": email, "password": password})).send()
        };
        assert_eq!(login("new@example.org", PASSWORD).await.expect(403).code(), "email_unverified");
        let wrong = login("new@example.org", "wrong password").await.expect(401);
        let unknown = login("nobody@example.org", "wrong password").await.expect(401);
        let garbage = login("not an address", "wrong password").await.expect(401);
        for answer in [&wrong, &unknown, &garbage] {
            assert_eq!(answer.code(), "credentials_invalid");
            assert_eq!(answer.text_at("/detail"), wrong.text_at("/detail"), "no answer says which of the two was wrong");
        }
        let token = app.token_mailed_to("new@example.org").await;
        let verify = || app.post("/v1/auth/verify-email").json(&json!({"token": token})).send();
        verify().await.expect(200);
        assert_eq!(verify().await.expect(404).code(), "token_invalid");
        let tokens = login("new@example.org", PASSWORD).await.expect(200);
        assert_eq!(tokens.text_at("/token_type"), "Bearer");
        assert!(tokens.json["expires_in"].as_i64().unwrap() > 0);
        app.get("/v1/me").by(&tokens.text_at("/access_token")).send().await.expect(200);
        assert_eq!(tokens.header("cache-control"), Some("no-store"));
    }

    async fn a_refresh_token_works_once_and_its_reuse_ends_the_family(app) {
        app.sign_up("a@example.org").await;
        let login = json!({"email": "a@example.org", "password": PASSWORD});
        let first = app.post("/v1/auth/login").json(&login).send().await.expect(200);
        let refresh = |token: String| app.post("/v1/auth/refresh").json(&json!({"refresh_token": token})).send();
        let second = refresh(first.text_at("/refresh_token")).await.expect(200);
        assert_ne!(second.text_at("/refresh_token"), first.text_at("/refresh_token"));
        app.advance(SignedDuration::from_mins(1));
        let reused = refresh(first.text_at("/refresh_token")).await.expect(401);
        assert_eq!(reused.code(), "refresh_token_invalid");
        let successor = refresh(second.text_at("/refresh_token")).await.expect(401);
        assert_eq!(successor.code(), "refresh_token_invalid");
        let me = app.get("/v1/me").by(&second.text_at("/access_token")).send().await.expect(401);
        assert_eq!(me.code(), "token_rejected");
        assert_eq!(refresh("nonsense".to_owned()).await.expect(401).code(), "refresh_token_invalid");
    }

    async fn logging_out_ends_the_session_at_once(app) {
        app.sign_up("a@example.org").await;
        let login = json!({"email": "a@example.org", "password": PASSWORD});
        let tokens = app.post("/v1/auth/login").json(&login).send().await.expect(200);
        let access = tokens.text_at("/access_token");
        app.post("/v1/auth/logout").by(&access).send().await.expect(204);
        app.get("/v1/me").by(&access).send().await.expect(401);
        let body = json!({"refresh_token": tokens.text_at("/refresh_token")});
        app.post("/v1/auth/refresh").json(&body).send().await.expect(401);
    }

    async fn a_forgotten_password_is_set_anew_and_every_session_ends(app) {
        app.sign_up("a@example.org").await;
        app.advance(SignedDuration::from_mins(20));
        let access = app.sign_in("a@example.org").await;
        let forgot = |email: &str| app.post("/v1/auth/password/forgot").json(&json!({"email": email})).send();
        let known = forgot("a@example.org").await.expect(202);
        assert_eq!(forgot("nobody@example.org").await.expect(202).text, known.text);
        let token = app.token_mailed_to("a@example.org").await;
        let reset = |token: &str, password: &str| {
            app.post("/v1/auth/password/reset").json(&json!({"token": token, "password": password})).send()
        };
        let weak = reset(&token, "short").await.expect(422);
        assert_eq!(weak.text_at("/errors/0/pointer"), "/password");
        assert_eq!(reset("nonsense", "another fine phrase").await.expect(404).code(), "token_invalid");
        reset(&token, "another fine phrase").await.expect(204);
        assert_eq!(reset(&token, "yet another phrase").await.expect(404).code(), "token_invalid", "a token works once");
        app.get("/v1/me").by(&access).send().await.expect(401);
        let login = |password: &str| {
            app.post("/v1/auth/login").json(&json!({"email": "a@example.org", "password": password})).send()
        };
        login(PASSWORD).await.expect(401);
        login("another fine phrase").await.expect(200);
        let told = app.mails().await;
        assert_eq!(told.len(), 1, "the owner is told that the password was changed");
        assert_eq!(link_token(&told[0].as_text()), None);
    }

    async fn a_person_sees_and_changes_their_account(app) {
        let token = app.sign_up("a@example.org").await;
        let me = app.get("/v1/me").by(&token).send().await.expect(200);
        assert_eq!((me.text_at("/email"), me.text_at("/name")), ("a@example.org".to_owned(), "Test Person".to_owned()));
        let etag = me.header("etag").unwrap().to_owned();
        let rename = |name: &str, etag: &str| {
            app.patch("/v1/me").by(&token).header("If-Match", etag).json(&json!({"name": name})).send()
        };
        let renamed = rename("Ada", &etag).await.expect(200);
        assert_eq!(renamed.text_at("/name"), "Ada");
        assert_eq!(rename("Eve", &etag).await.expect(412).code(), "version_conflict");
        assert_eq!(rename("", renamed.header("etag").unwrap()).await.expect(422).text_at("/errors/0/pointer"), "/name");
    }

    async fn sessions_are_listed_and_ended_one_by_one(app) {
        let token = app.sign_up("a@example.org").await;
        let login = json!({"email": "a@example.org", "password": PASSWORD});
        let other = app.post("/v1/auth/login").header("User-Agent", "phone").json(&login).send().await.expect(200);
        let list = app.get("/v1/me/sessions").by(&token).send().await.expect(200);
        let sessions = list.json["data"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        let phone = sessions.iter().find(|session| session["user_agent"] == "phone").unwrap();
        let path = format!("/v1/me/sessions/{}", phone["id"].as_str().unwrap());
        let stranger = app.sign_up("b@example.org").await;
        assert_eq!(app.delete(&path).by(&stranger).send().await.expect(404).code(), "session_not_found");
        app.delete(&path).by(&token).send().await.expect(204);
        app.get("/v1/me").by(&other.text_at("/access_token")).send().await.expect(401);
        app.get("/v1/me").by(&token).send().await.expect(200);
        assert_eq!(app.delete(&path).by(&token).send().await.expect(404).code(), "session_not_found");
    }

    async fn an_account_takes_everything_along_when_it_goes(app) {
        let token = app.sign_up("a@example.org").await;
        let employer = app.found_employer(&token, "Acme Compute").await;
        let body = json!({"query": {"q": "rtl"}, "frequency": "instant"});
        let alert = app.post("/v1/alerts").by(&token).json(&body).send().await.expect(201).text_at("/id");
        let export = app.get("/v1/me/export").by(&token).send().await.expect(200);
        assert_eq!(export.text_at("/user/email"), "a@example.org");
        assert_eq!(export.text_at("/memberships/0/employer_id"), employer);
        assert_eq!(export.text_at("/alerts/0/id"), alert);
        assert_eq!((&export.json["second_factor"]["recovery_codes_left"], &export.json["email_change"], &export.json["registrations"]), (&json!(0), &json!(null), &json!([])));
        assert!(!export.text.contains("password"), "{}", export.text);

        assert_eq!(app.delete("/v1/me").by(&token).send().await.expect(409).code(), "last_owner");
        let heir = app.sign_up("heir@example.org").await;
        let path = format!("/v1/employers/{employer}/invitations");
        let invite = json!({"email": "heir@example.org", "role": "owner"});
        app.post(&path).by(&token).json(&invite).send().await.expect(201);
        let invitation = app.token_mailed_to("heir@example.org").await;
        app.post("/v1/invitations/accept").by(&heir).json(&json!({"token": invitation})).send().await.expect(200);
        app.delete("/v1/me").by(&token).send().await.expect(204);
        app.get("/v1/me").by(&token).send().await.expect(401);
        app.publish(&heir, &employer, &crate::rtl_role()).await;
        assert!(app.mails().await.is_empty(), "the alert went along");
    }
}
