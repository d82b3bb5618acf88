//! Slow and odd connections to the real program, and keys that change under it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use board::{Board, Settings, SmtpServer, binary, eventually, link_token, run_to_end};
use serde_json::json;

fn connect(board: &Board) -> TcpStream {
    let address = board.settings().url().replace("http://", "");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// What comes until the other side closes.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn connections_that_say_nothing_or_too_little_are_closed_and_hold_up_nobody() {
    let board = Board::start(Settings::sqlite());
    let mut slow: Vec<TcpStream> = (0..300).map(|_| connect(&board)).collect();
    for stream in &mut slow {
        stream
            .write_all(b"GET /v1/search HTTP/1.1\r\nHost: board.example\r\nX-Slow: ")
            .unwrap();
    }
    let began = Instant::now();
    for _ in 0..50 {
        board.get("/v1/search?q=rtl").expect(200);
    }
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "others are answered beside them: {:?}",
        began.elapsed()
    );
    for stream in slow {
        let answer = rest(stream);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "all of them are gone: {:?}",
        began.elapsed()
    );
}

#[test]
fn incident_18_http2_and_broken_heads_are_refused() {
    let board = Board::start(Settings::sqlite());
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(400_000));
    for head in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        &long,
    ] {
        let mut stream = connect(&board);
        // The other side may close before everything was said.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let answer = rest(stream);
        let shown: String = head.chars().take(60).collect();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{shown:?}: {answer}"
        );
    }
    let mut stream = connect(&board);
    let upgrade = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).unwrap();
    let answer = rest(stream);
    assert!(!answer.starts_with("HTTP/1.1 101"), "no upgrade: {answer}");
    board.get("/healthz").expect(200);
}

/// Found by an attack: forty imports of 130 kB each, which unpack into 63 MB each, took 5 GB.
#[test]
fn large_bodies_get_room_one_after_the_other_and_not_all_the_memory() {
    let board = Board::start(Settings::sqlite());
    let token = board.sign_up("owner@acme.example");
    let employer = board.found_employer(&token, "Acme Compute");
    let head = |length: usize| {
        format!(
            "POST /v1/employers/{employer}/imports?dry_run=true HTTP/1.1\r\nHost: board.example\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed
        .write_all(b"{\"title\": \"RTL Engineer\", \"source_id\": \"1\"}\n")
        .unwrap();
    let body = packed.finish().unwrap();
    let import = || {
        let mut stream = connect(&board);
        stream.write_all(head(body.len()).as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
        rest(stream)
    };
    assert!(import().starts_with("HTTP/1.1 202"), "{}", import());
    // Bodies that begin and do not go on have what room there is.
    let mut waiting: Vec<TcpStream> = Vec::new();
    let refused = eventually("no more room", || {
        let mut stream = connect(&board);
        stream.write_all(head(1_000_000).as_bytes()).unwrap();
        waiting.push(stream);
        let answer = import();
        (!answer.starts_with("HTTP/1.1 202")).then_some(answer)
    });
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: 5"), "{refused}");
    board.get("/v1/search?q=rtl").expect(200);
    drop(waiting);
    eventually("room again", || {
        import().starts_with("HTTP/1.1 202").then_some(())
    });
}

#[test]
fn keys_are_rotated_by_command_beside_a_running_server() {
    let board = Board::start(Settings::sqlite());
    let access = board.sign_up("ada@example.org");
    let rotated = run_to_end(&["admin", "keys", "rotate"], board.settings());
    let words = String::from_utf8_lossy(&rotated.stdout).into_owned();
    assert!(
        rotated.status.success() && words.contains("signed with the key"),
        "{words}"
    );
    let me = board.try_send("GET", "/v1/me", Some(&access), None).unwrap();
    me.expect(200);
    assert!(binary().exists());
}

/// ASVS 7.4.5.
#[test]
fn an_operator_ends_the_sessions_of_one_person_beside_a_running_server() {
    let board = Board::start(Settings::sqlite());
    let (ada, grace) = (
        board.sign_up("ada@example.org"),
        board.sign_up("grace@example.org"),
    );
    let ended = run_to_end(&["admin", "end-sessions", "ada@example.org"], board.settings());
    let words = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        ended.status.success() && words.starts_with("1 sessions of ada@example.org"),
        "{words}"
    );
    let me = |access: &str| board.try_send("GET", "/v1/me", Some(access), None).unwrap();
    me(&ada).expect(401);
    me(&grace).expect(200);
    let nobody = run_to_end(&["admin", "end-sessions", "nobody@example.org"], board.settings());
    assert_eq!(nobody.status.code(), Some(1));
}

/// Every file below `dir` that holds `word`.
fn files_with(dir: &std::path::Path, word: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, word));
        } else if holds(&std::fs::read(&path).unwrap(), word.as_bytes()) {
            found.push(path);
        }
    }
    found
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

/// S14: also what a database leaves behind where a row was.
#[test]
fn nothing_in_the_data_directory_names_who_was_erased() {
    let smtp = SmtpServer::start();
    let mut settings = Settings::sqlite();
    settings.mail_url = smtp.url();
    let mut board = Board::start(settings);
    let token_for = |address: &str| {
        eventually("a mail with a token", || {
            let mails = smtp.accepted();
            let to = mails.iter().rev().find(|mail| mail.recipient == address);
            to.and_then(|mail| link_token(&mail.content))
        })
    };
    let data = board.settings().data();
    let sign_up = |board: &Board, address: &str, name: &str| {
        let body = json!({"email": address, "password": "a long enough password", "name": name});
        board.post("/v1/auth/register", None, &body).expect(202);
        let token = json!({"token": token_for(address)});
        let tokens = board.post("/v1/auth/verify-email", None, &token).expect(200);
        tokens.text_at("/access_token")
    };
    let stays = sign_up(&board, "who-stays@example.org", "Stays Here");
    let access = sign_up(&board, "who-goes@example.org", "Zaphira Quillfeather");
    let alert = json!({"email": "who-goes@example.org", "query": {"q": "kernel"}, "frequency": "daily"});
    board.post("/v1/alerts", Some(&access), &alert).expect(201);
    let wrong = json!({"email": "who-goes@example.org", "password": "a wrong password"});
    board.post("/v1/auth/login", None, &wrong).expect(401);
    board
        .post(
            "/v1/auth/password/forgot",
            None,
            &json!({"email": "who-goes@example.org"}),
        )
        .expect(202);
    assert!(board.terminate());
    for word in ["who-goes", "Quillfeather", "who-stays"] {
        assert!(!files_with(&data, word).is_empty(), "{word} is there before");
    }
    board.restart();
    board
        .try_send("DELETE", "/v1/me", Some(&access), None)
        .unwrap()
        .expect(204);
    assert!(board.terminate());
    for word in ["who-goes", "Quillfeather"] {
        assert_eq!(
            files_with(&data, word),
            Vec::<std::path::PathBuf>::new(),
            "{word}"
        );
    }
    board.restart();
    board
        .try_send("GET", "/v1/me", Some(&stays), None)
        .unwrap()
        .expect(200);
}
