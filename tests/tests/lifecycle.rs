//! What changes while the program runs: the search index, settings and data, and where its traces go.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use board::{Board, Settings, Witness, eventually, on_both, run_to_end};
use serde_json::{Value, json};

fn witness(board: &Board) -> Witness {
    let access = board.sign_up("recruiter@acme.example");
    let employer = board.found_employer(&access, "Acme Compute");
    Witness::new("l", &employer, &access)
}

#[track_caller]
fn ends_with(settings: &Settings, args: &[&str], status: i32) -> String {
    let output = run_to_end(args, settings);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
    text
}

/// The generation of the index that answers.
fn generation(settings: &Settings) -> u32 {
    let named = std::fs::read_to_string(settings.data().join("index/in-service"));
    named.map_or(0, |text| text.trim().parse().unwrap())
}

on_both! {
    fn an_index_of_another_version_answers_while_the_new_one_is_built(settings) {
        let mut board = Board::start(settings);
        let mut witness = witness(&board);
        (0..13).for_each(|_| assert!(witness.act(&board)));
        eventually("search as it was acknowledged", || witness.lost(&board).is_empty().then_some(()));
        assert!(board.terminate());
        let version = board.settings().data().join("index/backplane-index-version");
        std::fs::write(&version, "1/of-old").unwrap();
        let said = ends_with(board.settings(), &["verify"], 0);
        assert!(said.contains("of version 1/of-old"), "{said}");
        // It is ready at once, and nothing is missing at any moment.
        board.restart();
        assert!(witness.lost(&board).is_empty(), "{:?}", witness.lost(&board));
        eventually("a new index", || (generation(board.settings()) == 1).then_some(()));
        eventually("nothing of the old one", || (!version.exists()).then_some(()));
        (0..5).for_each(|_| assert!(witness.act(&board)));
        eventually("search as it was acknowledged", || witness.lost(&board).is_empty().then_some(()));
        ends_with(board.settings(), &["verify"], 0);
    }

    fn reindex_beside_a_running_board_loses_no_hit_and_no_change(settings) {
        let mut board = Board::start(settings);
        let mut witness = witness(&board);
        (0..13).for_each(|_| assert!(witness.act(&board)));
        eventually("search as it was acknowledged", || witness.lost(&board).is_empty().then_some(()));
        let before = board.get("/v1/search?q=kernel&limit=1").json["total"].as_u64().unwrap();
        let (stop, searches) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let (board, stop, searches) = (&board, &stop, &searches);
            let reading = scope.spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    let answer = board.get_with("/v1/search?q=kernel&limit=1", &[("Cache-Control", "no-cache")]).expect(200);
                    assert!(answer.json["total"].as_u64() >= Some(before), "{}", answer.text);
                    searches.fetch_add(1, Ordering::Release);
                }
            });
            let said = ends_with(board.settings(), &["reindex"], 0);
            assert!(said.contains("by the running server"), "{said}");
            // Some after the switch, too.
            let so_far = searches.load(Ordering::Acquire);
            eventually("searches", || (reading.is_finished() || searches.load(Ordering::Acquire) > so_far + 3).then_some(()));
            stop.store(true, Ordering::Release);
            reading.join().unwrap();
        });
        assert_eq!(generation(board.settings()), 1);
        (0..5).for_each(|_| assert!(witness.act(&board)));

        // Killed at any moment of a rebuild that somebody asked for: it ends at a later start.
        std::fs::write(board.settings().data().join("index/rebuild-wanted"), "").unwrap();
        board.kill();
        board.restart();
        witness.settle(&board);
        eventually("the next generation", || (generation(board.settings()) >= 2).then_some(()));
        eventually("search as it was acknowledged", || witness.lost(&board).is_empty().then_some(()));
        assert!(board.terminate());
        let said = ends_with(board.settings(), &["reindex"], 0);
        assert!(said.contains("the next start searches it"), "{said}");
        ends_with(board.settings(), &["verify"], 0);
        board.restart();
        assert!(witness.lost(&board).is_empty(), "{:?}", witness.lost(&board));
    }

    fn a_vocabulary_is_exchanged_while_search_and_alerts_stay_of_one_mind(settings) {
        let mut settings = settings;
        let own = settings.file("own");
        std::fs::create_dir_all(&own).unwrap();
        settings.set("BACKPLANE_DATA_OVERRIDE", own.to_str().unwrap());
        let taxonomy = own.join("taxonomy.toml");
        let bundled = run_to_end(&["config", "data", "taxonomy"], &settings);
        let bundled = String::from_utf8(bundled.stdout).unwrap();
        let board = Board::start(settings);
        let access = board.sign_up("recruiter@acme.example");
        let employer = board.found_employer(&access, "Acme Compute");
        let post = |title: &str| {
            let path = format!("/v1/employers/{employer}/postings");
            let body = json!({"title": title, "description": "Write it, test it, keep it."});
            let id = board.post(&path, Some(&access), &body).expect(201).text_at("/id");
            board.post(&format!("/v1/postings/{id}/publish"), Some(&access), &json!({})).expect(200);
            id
        };
        let total = |query: &str| {
            let answer = board.get_with(&format!("/v1/search?strict=on&q={query}"), &[("Cache-Control", "no-cache")]).expect(200);
            answer.json["total"].as_u64().unwrap()
        };
        let alert = json!({"email": "reader@example.org", "query": {"q": "systemverilog"}, "frequency": "instant"});
        board.post("/v1/alerts", None, &alert).expect(202);
        let token = board.token_mailed_to("reader@example.org");
        board.post("/v1/alerts/confirm", None, &json!({"token": token})).expect(200);
        post("SystemVerilog Engineer");
        let before = post("Glorpish Engineer");
        eventually("both in search", || (total("engineer") == 2).then_some(()));
        assert_eq!((total("systemverilog"), total("glorpish")), (1, 1));
        assert_eq!(board.get("/v1/taxonomy").expect(200).text_at("/version").matches('+').count(), 0);

        // The same with a new word for an old thing.
        let line = "synonyms = [\"System Verilog\", ";
        assert_eq!(bundled.matches(line).count(), 1);
        std::fs::write(&taxonomy, bundled.replace(line, &format!("{line}\"Glorpish\", "))).unwrap();
        assert!(ends_with(board.settings(), &["config", "check"], 0).contains("can be read"));
        board.signal("HUP");
        eventually("one meaning of both words", || (total("systemverilog") == 2 && total("glorpish") == 2).then_some(()));
        assert!(board.get("/v1/taxonomy").text_at("/version").contains('+'));
        post("Glorpish Wizard");
        let wizard = eventually("a mail to who asked for the other word", || {
            board.mail_files().into_iter().find(|mail| mail.contains("reader@example.org") && mail.contains("Wizard"))
        });
        assert!(!wizard.contains(&before), "what was published before is no news");
        eventually("the third", || (total("systemverilog") == 3).then_some(()));
        ends_with(board.settings(), &["verify"], 0);

        // A mistake is refused with its place, and what was in force is.
        std::fs::write(&taxonomy, bundled.replace("[[skill]]\nid = \"vhdl\"", "[[skill]]\nid = vhdl")).unwrap();
        let told = ends_with(board.settings(), &["config", "check"], 1);
        assert!(told.contains("taxonomy.toml") && told.contains("line "), "{told}");
        board.signal("HUP");
        eventually("a refusal", || {
            board.get("/metrics").text.contains("backplane_reloads_total{outcome=\"refused\"} 1").then_some(())
        });
        assert_eq!((total("systemverilog"), total("glorpish")), (3, 3));
        // Without the file, the vocabulary that is compiled in is back; what was recognised while it was not stays with its posting.
        std::fs::remove_file(&taxonomy).unwrap();
        board.signal("HUP");
        eventually("two meanings again", || (total("systemverilog") == 2 && total("glorpish") == 2).then_some(()));
        ends_with(board.settings(), &["verify"], 0);
    }
}

#[test]
fn rules_hold_from_the_moment_they_are_read_again() {
    let mut settings = Settings::sqlite();
    let file = settings.file("backplane.toml");
    std::fs::write(&file, "[postings]\nreview = \"none\"\n").unwrap();
    settings = settings.running(&["--config", file.to_str().unwrap(), "serve"]);
    let board = Board::start(settings);
    let access = board.sign_up("recruiter@acme.example");
    let employer = board.found_employer(&access, "Acme Compute");
    let publish = || {
        let path = format!("/v1/employers/{employer}/postings");
        let body = json!({"title": "Kernel Engineer", "description": "Write kernels."});
        let id = board.post(&path, Some(&access), &body).expect(201).text_at("/id");
        let answer = board.post(&format!("/v1/postings/{id}/publish"), Some(&access), &json!({}));
        answer.expect(200).text_at("/status")
    };
    assert_eq!(publish(), "published");
    let reloads = |outcome: &str| {
        let line = format!("backplane_reloads_total{{outcome=\"{outcome}\"}} 1");
        eventually("a reload", || {
            board.get("/metrics").text.contains(&line).then_some(())
        });
    };
    std::fs::write(&file, "[postings]\nreview = \"all\"\n[server]\ndrain_s = 1\n").unwrap();
    board.signal("HUP");
    reloads("done");
    assert_eq!(publish(), "in_review");
    std::fs::write(&file, "[postings]\nreview = \"sometimes\"\n").unwrap();
    board.signal("HUP");
    reloads("refused");
    assert_eq!(publish(), "in_review");
}

/// Takes what a collector would be sent.
fn collector() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let spans = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&spans);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let taken = Arc::clone(&taken);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                while let Some(message) = one_message(&mut reader) {
                    for resource in message["resourceSpans"].as_array().unwrap() {
                        assert_eq!(
                            resource["resource"]["attributes"][0]["value"]["stringValue"],
                            "backplane"
                        );
                        let of_scope = &resource["scopeSpans"][0]["spans"];
                        taken
                            .lock()
                            .unwrap()
                            .extend(of_scope.as_array().unwrap().iter().cloned());
                    }
                    let answer =
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                    reader.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    (endpoint, spans)
}

fn one_message(reader: &mut impl std::io::BufRead) -> Option<Value> {
    let (mut length, mut line) = (0, String::new());
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert!(line.starts_with("POST /v1/traces "), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

#[test]
fn traces_reach_a_collector_and_go_on_where_the_caller_began() {
    let (endpoint, spans) = collector();
    let mut settings = Settings::sqlite();
    settings.set("BACKPLANE_TELEMETRY__OTLP_ENDPOINT", &endpoint);
    let mut board = Board::start(settings);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    board
        .get_with("/v1/search?q=kernel+secret", &[("traceparent", &parent)])
        .expect(200);
    board.sign_up("recruiter@acme.example");
    // What waits is sent at the end, too.
    assert!(board.terminate());
    let found = |look: &dyn Fn(&Value) -> bool| {
        let spans = spans.lock().unwrap();
        spans.iter().find(|span| look(span)).cloned()
    };
    let search = eventually("the search", || found(&|span| span["traceId"] == trace));
    assert_eq!(
        (&search["name"], &search["parentSpanId"], &search["kind"]),
        (&json!("GET /v1/search"), &json!("00f067aa0ba902b7"), &json!(2))
    );
    let attribute = |name: &str| {
        let all = search["attributes"].as_array().unwrap();
        all.iter()
            .find(|one| one["key"] == name)
            .map(|one| one["value"].clone())
    };
    assert_eq!(
        attribute("http.response.status_code"),
        Some(json!({"intValue": "200"}))
    );
    assert_eq!(
        attribute("http.route"),
        Some(json!({"stringValue": "/v1/search"}))
    );
    let time = |name: &str| search[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
    let mail = eventually("a pass", || found(&|span| span["name"] == "pass mail"));
    assert_eq!(
        (&mail["kind"], mail["traceId"].as_str().unwrap().len()),
        (&json!(1), 32)
    );
    let all = serde_json::to_string(&*spans.lock().unwrap()).unwrap();
    assert!(!all.contains("secret") && !all.contains("acme.example"), "{all}");
}

#[test]
fn without_a_collector_the_board_goes_on() {
    let mut settings = Settings::sqlite();
    settings.set(
        "BACKPLANE_TELEMETRY__OTLP_ENDPOINT",
        "http://127.0.0.1:9/v1/traces",
    );
    settings.set("BACKPLANE_TELEMETRY__SAMPLE_ONE_IN", "1");
    let mut board = Board::start(settings);
    board.get("/v1/search").expect(200);
    eventually("spans that nobody took", || {
        board
            .get("/metrics")
            .text
            .contains("backplane_traces_dropped_total")
            .then_some(())
    });
    assert!(board.terminate());
}

#[test]
fn completions_and_manual_page_are_made() {
    let settings = Settings::sqlite();
    let said = |args: &[&str]| ends_with(&settings, args, 0);
    for shell in ["bash", "zsh", "fish"] {
        let script = said(&["completions", shell]);
        assert!(
            script.contains("reindex") && script.contains("backplane"),
            "{shell}"
        );
        if Path::new("/bin/bash").exists() && shell == "bash" {
            let path = settings.file("backplane.bash");
            std::fs::write(&path, script).unwrap();
            let checked = std::process::Command::new("/bin/bash")
                .arg("-n")
                .arg(&path)
                .status();
            assert!(checked.is_ok_and(|status| status.success()));
        }
    }
    for command in ["serve", "reindex", "verify"] {
        assert!(said(&["man", command]).contains(".TH"), "{command}");
    }
    assert!(said(&["man"]).contains(".SH SUBCOMMANDS"));
}
