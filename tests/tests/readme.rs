//! The README's first five minutes work as they stand.

use std::process::Command;

use board::{Board, Settings};

#[test]
fn the_first_five_minutes_work_when_pasted() {
    let readme = include_str!("../../README.md");
    let section = readme.split("## The first five minutes").nth(1).unwrap();
    let script = section
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let board = Board::start(Settings::sqlite());
    let script = script.replace("http://127.0.0.1:8080", &board.settings().url());
    let dir = board.settings().data();
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        .current_dir(dir.parent().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{words}");
    for part in [
        "\"status\":\"confirmed\"",
        "\n200\n",
        "\"total\":1",
        "\"slug\":\"acme-compute\"",
        "Subject: Staff RTL Design Engineer at Acme Compute",
    ] {
        assert!(text.contains(part), "{part:?} in {text}\n{words}");
    }
}
