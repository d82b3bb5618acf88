//! What the documents show with curl works as it stands: every block, one after the other, in one shell.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use board::{Board, Settings, binary};
use serde_json::json;

/// The shell blocks of a document, in order.
fn blocks(document: &str) -> String {
    let marked = document.split("```sh\n").skip(1);
    let blocks = marked.map(|rest| rest.split("```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

/// A board that asks nobody on the web.
fn board() -> Board {
    let mut settings = Settings::sqlite();
    settings.set("BACKPLANE_BOARDS__FETCH", "false");
    Board::start(settings)
}

/// Runs `script`; an answer of 400 or more, and any other mistake, ends it. Returns what it printed.
fn run(board: &Board, variables: &[(&str, &str)], script: &str) -> String {
    let prelude = format!(
        "set -euo pipefail\ncurl() {{ command curl --fail-with-body \"$@\"; }}\nbackplane() {{ \"{}\" \"$@\"; }}\n",
        binary().display()
    );
    let script = script.replace("http://127.0.0.1:8080", &board.settings().url());
    let place = board.settings().file("documents");
    std::fs::create_dir_all(&place).unwrap();
    let data = board.settings().data();
    let output = Command::new("bash")
        .args(["-c", &format!("{prelude}{script}")])
        .env("BACKPLANE_DATA_DIR", data)
        .envs(variables.iter().copied())
        .current_dir(place)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{words}");
    text
}

#[test]
fn an_employers_day_works_when_pasted() {
    let board = board();
    let token = board.sign_up("owner@fernhollow.example");
    let printed = run(
        &board,
        &[("T", &token)],
        &blocks(include_str!("../../docs/EMPLOYERS.md")),
    );
    for part in [
        "\"publishable\": true",
        "\"status\": \"scheduled\"",
        "\"status\": \"published\"",
        "\"positions\": 3",
        "BEGIN:VCALENDAR",
        "\"affected\": 1",
        "\"close_reason\": \"filled\"",
        "\"status\": \"closed\"",
        "\"REQ-1042\"",
        "\"succeeded\": 1",
        "https://fernhollow.example/apply/1042",
        "\"created\": 2",
        "{\"Jahresgehalt\":\"salary\",\"Position\":\"title\",\"Ref\":\"source_id\",\"Standort\":\"location\"}",
    ] {
        assert!(printed.contains(part), "{part:?} in {printed}");
    }
}

#[test]
fn every_way_out_works_when_pasted() {
    let board = board();
    let token = board.sign_up("owner@acme.example");
    let employer = board.found_employer(&token, "Acme Compute");
    let draft = json!({
        "title": "Staff RTL Design Engineer", "description": "Own the memory subsystem.", "discipline": "silicon",
        "workplace": "hybrid", "locations": [{"city": "Austin", "region": "TX", "country": "US"}],
        "apply": {"url": "https://acme.example/apply/1"},
    });
    let drafts = format!("/v1/employers/{employer}/postings");
    let posting = board
        .post(&drafts, Some(&token), &draft)
        .expect(201)
        .text_at("/id");
    board
        .post(
            &format!("/v1/postings/{posting}/publish"),
            Some(&token),
            &json!({}),
        )
        .expect(200);
    let url = board.settings().url();
    let variables = [
        ("BOARD", url.as_str()),
        ("TOKEN", &token),
        ("EMPLOYER", &employer),
        ("POSTING", &posting),
    ];
    let printed = run(
        &board,
        &variables,
        &blocks(include_str!("../../docs/SYNDICATION.md")),
    );
    for part in [
        "x-revision",
        "304\n",
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"",
        "<rss version=\"2.0\"",
        "https://jsonfeed.org/version/1.1",
        "<referencenumber>",
        "<partnerJobId>",
        "posting_id",
    ] {
        assert!(printed.contains(part), "{part:?} in {printed}");
    }
}
