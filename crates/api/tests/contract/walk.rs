//! Every operation of the OpenAPI document, asked by everybody: the answers stand in a checked-in table.
//!
//! A new route, a changed rule and a forgotten check all show as a difference. Look at it, and then take it over with
//! `INSTA_UPDATE=always cargo nextest run -p backplane-api -E 'test(walk)'`. What no table may ever say is asserted beside it.

use actix_web::http::Method;
use api::testing::{Device, PASSWORD, TestApp};
use serde_json::{Value, json};
use store::Backend;

use crate::employers::join;
use crate::hostile::sample;
use crate::openapi::{Operation, operations};
use crate::passkeys::add_passkey;
use crate::providers::connected;
use crate::rtl_role;
use crate::teams::make_operator;

/// Who asks. `foreign_key` is a key of another employer with every scope.
const CALLERS: [&str; 10] = [
    "nobody",
    "stranger",
    "viewer",
    "recruiter",
    "owner",
    "operator",
    "key_read",
    "key_postings",
    "key_imports",
    "foreign_key",
];

/// A board on which everybody has a part.
struct Stage {
    app: TestApp,
    owner: String,
    employer: String,
    spare: String,
    /// The caller's token or key.
    caller: Option<String>,
    /// The caller's address, when it is a person.
    email: Option<&'static str>,
}

impl Stage {
    async fn with(caller: &str) -> Self {
        let app = TestApp::new(Backend::Sqlite);
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let spare = join(&app, &owner, &employer, "spare@acme.example", "viewer").await;
        let spare = app.get("/v1/me").by(&spare).send().await.text_at("/id");
        let key = async |token: &str, employer: &str, scopes: &[&str]| {
            let body = json!({"name": "K", "scopes": scopes});
            let path = format!("/v1/employers/{employer}/api-keys");
            app.post(&path)
                .by(token)
                .json(&body)
                .send()
                .await
                .expect(201)
                .text_at("/secret")
        };
        let token = match caller {
            "nobody" => None,
            "stranger" => {
                let token = app.sign_up("stranger@other.example").await;
                app.found_employer(&token, "Other Works").await;
                Some(token)
            }
            "viewer" | "recruiter" => {
                Some(join(&app, &owner, &employer, "caller@acme.example", caller).await)
            }
            "owner" => Some(owner.clone()),
            "operator" => {
                let token = app.sign_up("operator@board.example").await;
                make_operator(&app, "operator@board.example");
                Some(token)
            }
            "foreign_key" => {
                let token = app.sign_up("stranger@other.example").await;
                let other = app.found_employer(&token, "Other Works").await;
                Some(key(&token, &other, &["read", "postings", "imports"]).await)
            }
            scope => Some(key(&owner, &employer, &[scope.trim_start_matches("key_")]).await),
        };
        let email = match caller {
            "stranger" => Some("stranger@other.example"),
            "viewer" | "recruiter" => Some("caller@acme.example"),
            "owner" => Some("owner@acme.example"),
            "operator" => Some("operator@board.example"),
            _ => None,
        };
        // Mails that a stranger can cause leave once a minute.
        app.advance(jiff::SignedDuration::from_mins(2));
        Self {
            app,
            email,
            owner,
            employer,
            spare,
            caller: token,
        }
    }

    /// The owner makes something new at `path`; returns its id.
    async fn made(&self, path: &str, body: Value) -> String {
        let path = path.replace("{employer}", &self.employer);
        let answer = self.app.post(&path).by(&self.owner).json(&body).send().await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.text_at("/id")
    }

    /// What stands for `{id}`: a fresh thing of the owner's, so that nobody is in the way of the next.
    async fn id_for(&self, path: &str, turn: usize) -> String {
        let employer = "/v1/employers/{employer}";
        match path {
            path if path.starts_with("/v1/postings/") => {
                self.app.draft(&self.owner, &self.employer, &rtl_role()).await
            }
            path if path.contains("/domains/") => {
                self.made(&format!("{employer}/domains"), json!({"domain": "acme.example"}))
                    .await
            }
            path if path.contains("/api-keys/") => {
                self.made(&format!("{employer}/api-keys"), json!({"name": "K"}))
                    .await
            }
            path if path.contains("/invitations/") => {
                let body = json!({"email": format!("n{turn}@acme.example"), "role": "viewer"});
                self.made(&format!("{employer}/invitations"), body).await
            }
            path if path.starts_with("/v1/boards/") => {
                let body = json!({"source": "greenhouse", "token": format!("acme{turn}")});
                self.made(&format!("{employer}/boards"), body).await
            }
            path if path.starts_with("/v1/imports/") => {
                let path = format!("/v1/employers/{}/imports", self.employer);
                let started = self
                    .app
                    .post(&path)
                    .by(&self.owner)
                    .body("application/x-ndjson", "")
                    .send()
                    .await;
                started.expect(202).text_at("/id")
            }
            path if path.starts_with("/v1/me/passkeys/") => {
                let token = self.app.sign_in("owner@acme.example").await;
                let mut device = Device::new(format!("walk {turn}").as_bytes());
                add_passkey(&self.app, &token, &mut device).await
            }
            path if path.starts_with("/v1/me/identities/") => {
                let token = self.app.sign_in("owner@acme.example").await;
                let claims = json!({"sub": format!("walk {turn}")});
                connected(&self.app, &token, claims)
                    .await
                    .expect(201)
                    .text_at("/id")
            }
            path if path.starts_with("/v1/me/sessions/") => {
                let token = self.app.sign_in("owner@acme.example").await;
                let list = self.app.get("/v1/me/sessions").by(&token).send().await;
                list.text_at("/data/0/id")
            }
            path if path.starts_with("/v1/alerts/") => {
                let body = json!({"email": "owner@acme.example", "query": {"q": format!("rtl {turn}")}, "frequency": "daily"});
                self.made("/v1/alerts", body).await
            }
            // Of what a later version names by an id, nothing is known here: an id that nobody has.
            _ => "01a207a2-3280-7000-8000-000000000000".to_owned(),
        }
    }

    async fn address(&self, operation: &Operation, turn: usize) -> String {
        let mut path = operation
            .path
            .replace("{employer}", &self.employer)
            .replace("{user}", &self.spare)
            .replace("{provider}", "acme");
        let mut query = String::new();
        for parameter in &operation.parameters {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "query" && parameter["required"] == true {
                query = format!("?{name}=1");
            }
        }
        if path.contains("{id}") {
            path = path.replace("{id}", &self.id_for(&operation.path, turn).await);
        }
        while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
            path.replace_range(from..=to, "1");
        }
        path + &query
    }

    /// A body that can be read, so that an answer is about the caller.
    fn body(&self, document: &Value, operation: &Operation, turn: usize) -> Option<(String, String)> {
        let (kind, schema) = operation.body.as_ref()?;
        let email = format!("somebody{turn}@elsewhere.example");
        let query = json!({"q": "rtl", "country": "US"});
        let place = format!("{} {}", operation.method, operation.path);
        if operation.path.starts_with("/v1/employers/{employer}/imports") {
            let table = "title,location\nRTL Engineer,\"Austin, TX\"\n";
            let is_mapping = operation.path.ends_with("/mapping");
            let (kind, text) = if is_mapping {
                ("text/csv", table)
            } else {
                ("application/x-ndjson", "")
            };
            return Some((kind.to_owned(), text.to_owned()));
        }
        let body = match place.as_str() {
            "post /v1/auth/register" => json!({"email": email, "password": PASSWORD, "name": "Some Body"}),
            "post /v1/auth/login" | "post /v1/me/email" => json!({"email": email, "password": PASSWORD}),
            "post /v1/auth/password/forgot" => json!({"email": email}),
            "post /v1/me/identities/start" => json!({"provider": "acme"}),
            "post /v1/me/password" => json!({"current_password": "wrong", "password": PASSWORD}),
            "post /v1/alerts" => json!({"email": email, "query": query, "frequency": "daily"}),
            "post /v1/alerts/preview" => json!({"query": query}),
            "post /v1/employers/{employer}/invitations" => json!({"email": email, "role": "viewer"}),
            "post /v1/employers/{employer}/postings" => rtl_role(),
            "patch /v1/postings/{id}" => json!({"openings": 2}),
            "post /v1/postings/{id}/reject" => json!({"reason": "the pay is missing"}),
            "post /v1/postings/{id}/fill" => json!({"count": 1}),
            "post /v1/postings/{id}/close" => json!({"reason": "filled"}),
            "post /v1/postings/{id}/schedule" => json!({"publish_at": "2026-12-24T09:00:00Z"}),
            "post /v1/employers/{employer}/ownership" => json!({"user_id": self.spare}),
            "patch /v1/employers/{employer}/members/{user}" => json!({"role": "viewer"}),
            "patch /v1/employers/{employer}" => json!({"headquarters": "Austin"}),
            "put /v1/employers/{employer}/quotas" => json!({}),
            _ => sample(document, schema, 0),
        };
        let text = if kind.contains("json") && !kind.contains("ndjson") {
            body.to_string()
        } else {
            String::new()
        };
        Some((kind.clone(), text))
    }
}

/// What ends or closes something comes last, and what ends the caller after that.
fn turn_of(operation: &Operation) -> u8 {
    match (operation.method.as_str(), operation.path.as_str()) {
        ("delete", "/v1/me") => 3,
        ("delete", "/v1/employers/{employer}/members/{user}") => 2,
        ("delete", _) => 1,
        _ => 0,
    }
}

async fn statuses(caller: &str, document: &Value, all: &[Operation]) -> Vec<u16> {
    let stage = Stage::with(caller).await;
    let mut answers = vec![0; all.len()];
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|n| turn_of(&all[*n]));
    for n in order {
        let operation = &all[n];
        let path = stage.address(operation, n).await;
        let method: Method = operation.method.to_uppercase().parse().unwrap();
        let mut call = stage.app.call(&method, &path);
        let is_logout = operation.path == "/v1/auth/logout";
        let token = match stage.email.filter(|_| is_logout) {
            // A session of its own: the others go on.
            Some(email) => Some(stage.app.sign_in(email).await),
            None => stage.caller.clone(),
        };
        if let Some(token) = &token {
            call = call.by(token);
        }
        if let Some((kind, body)) = stage.body(document, operation, n) {
            call = call.body(&kind, body);
        }
        answers[n] = call.send().await.status;
        // What was made is taken away again where there can be one only.
        if operation.path.contains("/domains") {
            let list = format!("/v1/employers/{}/domains", stage.employer);
            let domains = stage.app.get(&list).by(&stage.owner).send().await;
            for domain in domains.json["data"].as_array().into_iter().flatten() {
                let one = format!("{list}/{}", domain["id"].as_str().unwrap());
                stage.app.delete(&one).by(&stage.owner).send().await.expect(204);
            }
        }
    }
    answers
}

#[actix_web::test]
async fn the_walk_of_every_caller_through_every_operation_is_as_it_was_looked_at() {
    let app = TestApp::new(Backend::Sqlite);
    let document = app.get("/openapi.json").send().await.expect(200).json;
    let mut all = operations(&document);
    all.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    let mut columns = Vec::new();
    for caller in CALLERS {
        columns.push(statuses(caller, &document, &all).await);
    }
    let mut table = format!("operation\t{}\n", CALLERS.join("\t"));
    for (n, operation) in all.iter().enumerate() {
        let place = format!("{} {}", operation.method.to_uppercase(), operation.path);
        let row: Vec<u16> = columns.iter().map(|column| column[n]).collect();
        never(&place, operation, &row);
        let row: Vec<String> = row.iter().map(ToString::to_string).collect();
        table.extend([place.as_str(), "\t", &row.join("\t"), "\n"]);
    }
    insta::assert_snapshot!("walk", table);
}

/// What no table may ever say.
fn never(place: &str, operation: &Operation, row: &[u16]) {
    let of = |caller: &str| row[CALLERS.iter().position(|known| *known == caller).unwrap()];
    let succeeds = |caller: &str| (200..300).contains(&of(caller));
    for (caller, status) in CALLERS.iter().zip(row) {
        assert!(
            *status < 500 || place.ends_with("/readyz") || place.ends_with("/check"),
            "{place} {caller}: {status}"
        );
    }
    if operation.needs_credentials {
        assert_eq!(of("nobody"), 401, "{place} needs credentials");
    }
    let is_inside = operation.needs_credentials && operation.path.starts_with("/v1/employers/{employer}");
    if is_inside {
        for outsider in ["stranger", "foreign_key"] {
            assert!(
                matches!(of(outsider), 403 | 404),
                "{place} {outsider}: {}",
                of(outsider)
            );
        }
    }
    let is_hidden = operation.path.starts_with("/v1/postings/{id}")
        || operation.path.starts_with("/v1/boards/{id}")
        || operation.path.starts_with("/v1/imports/{id}");
    if is_hidden {
        for outsider in ["stranger", "foreign_key"] {
            assert_eq!(
                of(outsider),
                404,
                "{place} {outsider}: somebody else's draft does not exist"
            );
        }
    }
    let is_write = operation.method != "get" && operation.needs_credentials;
    if is_write && (is_inside || is_hidden) {
        assert!(
            !succeeds("viewer") || of("viewer") == 204 && place.ends_with("members/{user}"),
            "{place}: a viewer writes"
        );
        assert!(!succeeds("key_read"), "{place}: a key that reads writes");
    }
    let is_account = operation.path.starts_with("/v1/me");
    if is_account && operation.needs_credentials {
        for key in ["key_read", "key_postings", "key_imports", "foreign_key"] {
            assert_eq!(of(key), 403, "{place}: a key does no account management");
        }
    }
    for part in [
        "/members",
        "/invitations",
        "/api-keys",
        "/audit",
        "/ownership",
        "/domains",
        "/quotas",
    ] {
        if is_inside && operation.path.contains(part) && (is_write || part == "/audit" || part == "/api-keys")
        {
            for lesser in ["viewer", "recruiter", "key_read", "key_postings", "key_imports"] {
                assert!(!succeeds(lesser), "{place}: {lesser} manages the employer");
            }
        }
    }
}
