//! Every operation of the served OpenAPI document, asked badly.

use actix_web::http::Method;
use api::on_both;
use api::testing::TestApp;
use serde_json::{Value, json};

use crate::openapi::{Operation, operations};
use crate::rtl_role;

/// The address of an operation with these values for its path parameters; what it requires in its query is `x`.
fn filled(operation: &Operation, value: &dyn Fn(&str) -> String) -> String {
    let mut path = operation.path.clone();
    let mut query = String::new();
    for parameter in &operation.parameters {
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "path" {
            path = path.replace(&format!("{{{name}}}"), &value(name));
        } else if parameter["in"] == "query" && parameter["required"] == true {
            query = format!("?{name}=x");
        }
    }
    path + &query
}

/// A value that the schema might accept.
pub(crate) fn sample(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = resolve(document, schema);
    if let Some(example) = schema.get("example").or(schema.pointer("/examples/0")) {
        return example.clone();
    }
    if let Some(first) = schema.pointer("/enum/0") {
        return first.clone();
    }
    let kind = schema["type"]
        .as_str()
        .or(schema.pointer("/type/0").and_then(Value::as_str))
        .unwrap_or("object");
    match kind {
        "string" => json!("x"),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "array" => json!([]),
        _ if depth > 3 => json!({}),
        _ => {
            let required: Vec<&str> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties
                .filter(|(name, _)| required.contains(&name.as_str()))
                .map(|(name, schema)| (name.clone(), sample(document, schema, depth + 1)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
    }
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolve(
            document,
            document.pointer(reference.trim_start_matches('#')).unwrap(),
        ),
        None => schema,
    }
}

/// What nobody should send in place of a value, as JSON text.
fn hostile_values() -> Vec<String> {
    let texts = [
        "null",
        "true",
        "-1",
        "18446744073709551616",
        "1e308",
        "1e999",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "[[[]]]",
    ];
    let mut values: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    values.push(format!("\"{}\"", "x".repeat(20_000)));
    values.push("[".repeat(10_000) + &"]".repeat(10_000));
    values.push(
        json!("\u{202e}\u{fffd}\u{10ffff}'; DROP TABLE postings; -- ${7*7} %s \r\nBcc: x@example.org")
            .to_string(),
    );
    values.push(json!({"\u{0}": {"a/b~c": [null]}}).to_string());
    values
}

/// Hostile bodies for an operation: each property of its schema spoilt in turn, and bodies of the wrong kind.
fn bodies(document: &Value, schema: &Value) -> Vec<String> {
    let good = sample(document, schema, 0);
    let mut bodies = hostile_values();
    let properties = resolve(document, schema)["properties"]
        .as_object()
        .into_iter()
        .flatten();
    for (name, _) in properties {
        for value in hostile_values() {
            let mut body = good.clone();
            body[name] = "@@".into();
            bodies.push(body.to_string().replace("\"@@\"", &value));
        }
    }
    bodies
}

/// A board with one of everything; the owner's token and the ids by the names of path parameters.
async fn stage(app: &TestApp) -> (String, String, String) {
    let owner = app.sign_up("owner@acme.example").await;
    let employer = app.found_employer(&owner, "Acme Compute").await;
    let posting = app.publish(&owner, &employer, &rtl_role()).await;
    app.settle().await;
    (owner, employer, posting)
}

on_both! {
    async fn hostile_bodies_and_addresses_never_break_the_server(app) {
        let (owner, employer, posting) = stage(app).await;
        let document = app.get("/openapi.json").send().await.expect(200).json;
        let real = |name: &str| if name == "employer" { employer.clone() } else { posting.clone() };
        let mut all = operations(&document);
        // What ends things comes last; a session that is ended would end the walk.
        all.sort_by_key(|operation| operation.method == "delete");
        all.retain(|operation| operation.path != "/v1/auth/logout" && operation.path != "/readyz");
        for operation in &all {
            let method: Method = operation.method.to_uppercase().parse().unwrap();
            for garbage in ["x", "%20", "%FF%FE", "..%2F..", "0", "-1", "00000000-0000-0000-0000-000000000000", "%F0%9F%92%A9", &"a".repeat(3000)] {
                let path = filled(operation, &|_| garbage.to_owned());
                let answer = app.call(&method, &path).by(&owner).send().await;
                assert!(answer.status < 500, "{method} {path}: {}", answer.text);
                if operation.path.contains('{') {
                    assert!(answer.status >= 400, "{method} {path}: {}", answer.text);
                }
            }
            let Some((kind, schema)) = &operation.body else { continue };
            let path = filled(operation, &real);
            for body in bodies(&document, schema) {
                let answer = app.call(&method, &path).by(&owner).body(kind, body.clone()).send().await;
                let shown: String = body.chars().take(200).collect();
                assert!(answer.status < 500, "{method} {path} {shown}: {}", answer.text);
                if answer.status >= 400 {
                    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path} {shown}");
                }
            }
        }
        // What a hostile body left behind breaks nothing later.
        app.settle().await;
        for path in ["/v1/search", "/v1/changes", "/v1/employers", "/"] {
            app.get(path).send().await.expect(200);
        }
    }

    async fn strangers_and_bad_tokens_are_refused_by_every_operation_that_needs_credentials(app) {
        let (_, employer, posting) = stage(app).await;
        let real = |name: &str| if name == "employer" { employer.clone() } else { posting.clone() };
        let document = app.get("/openapi.json").send().await.expect(200).json;
        let mut guarded = 0;
        for operation in operations(&document) {
            let method: Method = operation.method.to_uppercase().parse().unwrap();
            for path in [filled(&operation, &real), filled(&operation, &|_| "x".to_owned())] {
                if operation.needs_credentials {
                    guarded += 1;
                    let answer = app.call(&method, &path).send().await;
                    assert_eq!((answer.status, answer.code().as_str()), (401, "credentials_missing"), "{method} {path}");
                    for bad in ["nonsense", "bp_nonsense", ""] {
                        let answer = app.call(&method, &path).by(bad).json(&json!({})).send().await;
                        assert!(matches!(answer.status, 401 | 415 | 422), "{method} {path} {bad}: {}", answer.text);
                    }
                }
                let basic = app.call(&method, &path).header("Authorization", "Basic YTpi").send().await;
                assert!(basic.status < 500, "{method} {path}: {}", basic.text);
            }
        }
        assert!(guarded > 60, "{guarded}");
    }
}
