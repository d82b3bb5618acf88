//! Several nodes on one PostgreSQL: one is cut off, one is killed, and nobody notices.
#![expect(clippy::expect_used, reason = "a test")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use board::{Board, Settings, SmtpServer, Witness, eventually, link_token, repetitions, run_to_end};
use serde_json::json;

const READERS: [&str; 2] = ["one@example.org", "two@example.org"];

#[test]
fn three_nodes_share_the_work_and_survive_the_loss_of_two() {
    let smtp = SmtpServer::start();
    let mut settings = Settings::postgres();
    settings.mail_url = smtp.url();
    let first = Board::start(settings);
    let second = Board::start(first.settings().beside());
    let mut worker = Board::start(first.settings().beside().running(&["worker"]));
    assert_eq!(
        worker.get("/v1/search?q=x").status,
        404,
        "a worker answers nobody"
    );

    // Signed up on one, known to the other.
    let token_for = |address: &str| {
        eventually("a mail with a token", || {
            let mails = smtp.accepted();
            let to = mails.iter().rev().find(|mail| mail.recipient == address);
            to.and_then(|mail| link_token(&mail.content))
        })
    };
    let body =
        json!({"email": "recruiter@acme.example", "password": "a long enough password", "name": "Acme"});
    first.post("/v1/auth/register", None, &body).expect(202);
    let token = json!({"token": token_for("recruiter@acme.example")});
    let signed_in = second.post("/v1/auth/verify-email", None, &token).expect(200);
    let (access, refresh) = (
        signed_in.text_at("/access_token"),
        signed_in.text_at("/refresh_token"),
    );
    first
        .try_send("GET", "/v1/me", Some(&access), None)
        .unwrap()
        .expect(200);
    first
        .post("/v1/auth/refresh", None, &json!({"refresh_token": refresh}))
        .expect(200);
    for reader in READERS {
        let alert = json!({"email": reader, "query": {"q": "kernel engineer"}, "frequency": "instant"});
        first.post("/v1/alerts", None, &alert).expect(202);
        second
            .post("/v1/alerts/confirm", None, &json!({"token": token_for(reader)}))
            .expect(200);
    }
    let employer = second.found_employer(&access, "Acme Compute");

    // One key, one posting, whichever node is asked.
    let path = format!("/v1/employers/{employer}/postings");
    let draft = json!({"title": "Fabric Engineer", "description": "Own the network."});
    let made = first
        .try_send_keyed("POST", &path, &access, "one-key", &draft)
        .unwrap()
        .expect(201);
    let again = second
        .try_send_keyed("POST", &path, &access, "one-key", &draft)
        .unwrap()
        .expect(201);
    assert_eq!(made.text_at("/id"), again.text_at("/id"));

    // The first is cut off in the middle of its work, the worker dies: the second does everything.
    let mut before = Witness::new("a", &employer, &access);
    let mut after = Witness::new("b", &employer, &access);
    (0..12).for_each(|_| assert!(before.act(&first)));
    first.signal("STOP");
    worker.kill();
    (0..18).for_each(|_| assert!(after.act(&second)));
    let told = |witness: &Witness| {
        let mails = smtp.accepted();
        let is_told = |reader: &str, title: &str| {
            let title = title.trim_end_matches(" revised");
            mails
                .iter()
                .any(|mail| mail.recipient == reader && mail.content.replace("=\r\n", "").contains(title))
        };
        let titles = witness.public_titles();
        READERS
            .iter()
            .all(|reader| titles.iter().all(|title| is_told(reader, title)))
    };
    eventually("the postings of both in search", || {
        (before.lost(&second).is_empty() && after.lost(&second).is_empty()).then_some(())
    });
    eventually("mails from the only node that is left", || {
        told(&after).then_some(())
    });

    // They come back, and everybody agrees.
    first.signal("CONT");
    worker.restart();
    for node in [&first, &second] {
        eventually("the same postings on every node", || {
            (before.lost(node).is_empty() && after.lost(node).is_empty()).then_some(())
        });
    }
    eventually("every mail", || (told(&before) && told(&after)).then_some(()));
    let (repeated, differing) = repetitions(&smtp.accepted());
    assert_eq!(differing, Vec::new(), "told by different mails");
    assert!(repeated <= 1, "{repeated} repetitions after one kill");
    println!(
        "nodes: {} acknowledged, lost = 0, {repeated} of {} mails repeated",
        before.acknowledged() + after.acknowledged(),
        smtp.accepted().len()
    );
    for node in [&first, &second] {
        let verified = run_to_end(&["verify"], node.settings());
        assert!(
            verified.status.success(),
            "{}",
            String::from_utf8_lossy(&verified.stdout)
        );
    }
    let joined = Instant::now();
    let third = Board::start(first.settings().beside().running(&["serve", "--front"]));
    assert!(
        after.lost(&third).is_empty(),
        "a node that joins is ready when it knows everything"
    );
    println!(
        "nodes: a node that joins was ready after {:.1} s",
        joined.elapsed().as_secs_f64()
    );
}

/// How many times each of two nodes is restarted, where nobody asks for more.
const RESTARTS: usize = 2;

fn restarts() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to go on is asked for from outside"
    )]
    let asked = std::env::var("BACKPLANE_TEST_CHAOS_ROUNDS");
    let asked = asked.ok().and_then(|text| text.parse::<usize>().ok());
    asked.map_or(RESTARTS, |rounds| rounds.div_ceil(2))
}

/// Sends each request to a node that says it is ready, as a load balancer does; returns how many were answered.
fn balanced(nodes: &[String; 2], stop: &AtomicBool) -> usize {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let is_ready = |url: &String| {
        let answer = agent.get(format!("{url}/readyz")).call();
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    let mut answered = 0;
    while !stop.load(Ordering::Acquire) {
        let ready = eventually("a node that is ready", || nodes.iter().find(|url| is_ready(url)));
        let answer = agent.get(format!("{ready}/v1/search?q=kernel")).call();
        let status = answer.expect("an answer of a node that was ready").status();
        assert_eq!(status, 200);
        answered += 1;
    }
    answered
}

#[test]
fn nodes_are_restarted_one_after_the_other_and_no_request_fails() {
    let mut settings = Settings::postgres();
    // Longer than anybody needs from asking whether a node is ready to sending it a request.
    settings.set("BACKPLANE_SERVER__DRAIN_S", "2");
    let first = Board::start(settings);
    let second = Board::start(first.settings().beside());
    let access = first.sign_up("recruiter@acme.example");
    let employer = first.found_employer(&access, "Acme Compute");
    let mut witness = Witness::new("w", &employer, &access);
    (0..6).for_each(|_| assert!(witness.act(&first)));
    let urls = [first.settings().url(), second.settings().url()];
    let mut nodes = [first, second];
    let stop = AtomicBool::new(false);
    let (mut count, mut longest) = (0, Duration::ZERO);
    let answered: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..2).map(|_| scope.spawn(|| balanced(&urls, &stop))).collect();
        for _ in 0..restarts() {
            for node in &mut nodes {
                let began = Instant::now();
                assert!(node.terminate(), "it ends by itself, with success");
                longest = longest.max(began.elapsed());
                node.restart();
                count += 1;
            }
        }
        stop.store(true, Ordering::Release);
        let ended = clients
            .into_iter()
            .map(|client| client.join().expect("no failed request"));
        ended.sum()
    });
    println!(
        "nodes: {count} restarts in turn, {answered} requests answered, 0 failed, longest stop {:.1} s with a drain of 2 s",
        longest.as_secs_f64()
    );
    assert!(witness.lost(&nodes[0]).is_empty());
}

#[test]
fn a_node_without_the_keys_of_the_others_refuses_to_start() {
    let first = Board::start(Settings::postgres());
    let other = Settings::at(&first.settings().database_url().unwrap());
    let refused = run_to_end(&["serve"], &other);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(words.contains("copy the directory from another node"), "{words}");
}

#[test]
fn a_worker_needs_a_database_that_can_be_shared() {
    let refused = run_to_end(&["worker"], &Settings::sqlite());
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(words.contains("SQLite belongs to one process"), "{words}");
}

/// The value of a figure of a board; 0 while it does not show it.
fn figure(board: &Board, name: &str) -> u64 {
    let shown = board.get("/metrics").expect(200).text;
    let line = shown
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.trim().parse().expect("a number"))
}

/// Guesses at a mailed token until it is told to wait; returns how many were answered.
fn guesses(board: &Board) -> u64 {
    let body = json!({"token": "guessed"});
    let guess = || board.post("/v1/auth/verify-email", None, &body).status;
    (0..100)
        .take_while(|_| {
            let status = guess();
            assert!(matches!(status, 404 | 429), "{status}");
            status == 404
        })
        .count() as u64
}

#[test]
fn a_client_has_one_budget_on_all_nodes_together() {
    let mut settings = Settings::postgres();
    settings.set("BACKPLANE_LIMITS__ENABLED", "true");
    let first = Board::start(settings);
    let nodes = [
        Board::start(first.settings().beside()),
        Board::start(first.settings().beside().running(&["serve", "--front"])),
    ];
    for node in &nodes {
        eventually("a node that hears the others", || {
            (figure(node, "backplane_hears_notifications") == 1).then_some(())
        });
    }
    let on_first = guesses(&first);
    assert!(on_first >= 20, "{on_first}");
    for node in &nodes {
        eventually("what was spent elsewhere", || {
            (figure(node, "backplane_budgets_heard_total") >= on_first).then_some(())
        });
    }
    // One more is free every 45 s, so a slow machine answers a few.
    let elsewhere: Vec<u64> = nodes.iter().map(guesses).collect();
    println!("nodes: {on_first} guesses on the first node, {elsewhere:?} on the others");
    assert!(elsewhere.iter().all(|answered| *answered < 10), "{elsewhere:?}");
}
