//! The OpenAPI document is valid, complete and stays as it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use api::testing::TestApp;
use serde_json::Value;
use store::Backend;

/// One operation of the document.
pub(crate) struct Operation {
    pub(crate) path: String,
    pub(crate) method: String,
    pub(crate) parameters: Vec<Value>,
    /// Media type and schema of the body.
    pub(crate) body: Option<(String, Value)>,
    pub(crate) needs_credentials: bool,
    pub(crate) value: Value,
}

pub(crate) fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, value) in item.as_object().unwrap() {
            let content = value["requestBody"]["content"].as_object();
            let body = content.and_then(|content| content.iter().next());
            let security = value["security"].as_array();
            all.push(Operation {
                path: path.clone(),
                method: method.clone(),
                parameters: value["parameters"].as_array().cloned().unwrap_or_default(),
                body: body.map(|(kind, media)| (kind.clone(), media["schema"].clone())),
                needs_credentials: security
                    .is_some_and(|ways| ways.iter().all(|way| !way.as_object().unwrap().is_empty())),
                value: value.clone(),
            });
        }
    }
    all
}

async fn document() -> Value {
    TestApp::new(Backend::Sqlite)
        .get("/openapi.json")
        .send()
        .await
        .expect(200)
        .json
}

#[actix_web::test]
async fn the_document_changes_only_on_purpose() {
    let document = document().await;
    let name = |schema: &Value| -> String {
        let reference = schema["$ref"].as_str().or(schema["items"]["$ref"].as_str());
        let kind = schema["type"].as_str().unwrap_or("-");
        reference.map_or_else(
            || kind.to_owned(),
            |reference| reference.rsplit('/').next().unwrap_or_default().to_owned(),
        )
    };
    let mut lines = Vec::new();
    for operation in operations(&document) {
        let body = operation
            .body
            .as_ref()
            .map(|(_, schema)| format!(" ← {}", name(schema)))
            .unwrap_or_default();
        let credentials = if operation.needs_credentials {
            " (signed in)"
        } else {
            ""
        };
        lines.push(format!(
            "{} {}{body}{credentials}",
            operation.method.to_uppercase(),
            operation.path
        ));
        for (status, response) in operation.value["responses"].as_object().unwrap() {
            let content = response["content"]
                .as_object()
                .and_then(|content| content.iter().next());
            let schema = content
                .map(|(_, media)| name(&media["schema"]))
                .unwrap_or_default();
            lines.push(format!("    {status} {schema}"));
        }
    }
    insta::assert_snapshot!("operations", lines.join("\n"));
    insta::assert_json_snapshot!("openapi", document);
}

#[actix_web::test]
async fn every_reference_leads_somewhere_and_every_operation_has_its_own_name() {
    let document = document().await;
    assert_eq!(
        document["openapi"]
            .as_str()
            .and_then(|version| version.strip_prefix("3.1."))
            .map(str::len),
        Some(1)
    );
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        assert!(
            document.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference} leads nowhere"
        );
    }
    let mut names = BTreeSet::new();
    for operation in operations(&document) {
        let place = format!("{} {}", operation.method, operation.path);
        assert!(
            names.insert(operation.value["operationId"].as_str().unwrap().to_owned()),
            "{place}: a name twice"
        );
        assert!(
            !operation.value["summary"].as_str().unwrap_or_default().is_empty(),
            "{place}: no summary"
        );
        assert_eq!(
            operation.value["tags"].as_array().map(Vec::len),
            Some(1),
            "{place}"
        );
        let declared: BTreeSet<&str> = operation
            .parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| {
                assert_eq!(parameter["required"], true, "{place}");
                parameter["name"].as_str().unwrap()
            })
            .collect();
        let used: BTreeSet<&str> = operation
            .path
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap())
            .collect();
        assert_eq!(declared, used, "{place}");
        let responses = operation.value["responses"].as_object().unwrap();
        assert!(
            responses.contains_key("default"),
            "{place}: problems are not documented"
        );
        assert!(
            responses
                .values()
                .all(|response| response["description"].is_string()),
            "{place}"
        );
        assert!(
            responses.keys().any(|status| status.starts_with(['2', '3'])),
            "{place}"
        );
    }
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

/// The routes as the source registers them: method and path.
fn registered() -> BTreeSet<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes");
    let mut routes = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue; // The pages for people are no part of the API.
        }
        let source: String = fs::read_to_string(path).unwrap().split_whitespace().collect();
        for resource in source.split("web::resource(\"").skip(1) {
            let (path, rest) = resource.split_once('"').unwrap();
            for method in ["get", "post", "put", "patch", "delete"] {
                if rest.contains(&format!(".route(web::{method}()")) {
                    routes.insert((method.to_owned(), path.to_owned()));
                }
            }
        }
    }
    // The page that asks before a POST to the same address.
    routes.remove(&("get".to_owned(), "/v1/alerts/unsubscribe".to_owned()));
    routes
}

#[actix_web::test]
async fn the_document_holds_every_route_and_no_other() {
    let documented = operations(&document().await)
        .into_iter()
        .map(|operation| (operation.method, operation.path))
        .collect();
    let routes: BTreeSet<_> = registered();
    assert!(routes.len() > 50, "the source was read");
    assert_eq!(routes, documented);
}
