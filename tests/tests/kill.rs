//! `kill -9` at any moment: nothing that was acknowledged is lost, and no mail goes twice.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use board::{Accepted, Board, SmtpServer, eventually, link_token, on_both};
use serde_json::json;

/// How often it is killed.
const KILLS: usize = 5;
/// Postings in one life at most.
const POSTINGS: usize = 30;
/// Mails that can be past their final dot without a record of it at a kill: `mail.unconfirmed`.
const UNCONFIRMED: usize = 1;
/// Subscribers of every posting.
const READERS: [&str; 3] = ["one@example.org", "two@example.org", "three@example.org"];

on_both! {
    fn killed_under_load_it_loses_nothing_acknowledged_and_mails_nothing_twice(settings) {
        let smtp = SmtpServer::start();
        let mut settings = settings;
        settings.mail_url = smtp.url();
        let mut board = Board::start(settings);
        let access = prepare(&board, &smtp);
        let employer = board.found_employer(&access, "Acme Compute");

        let mut acknowledged: Vec<String> = Vec::new();
        for round in 0..KILLS {
            let stop = AtomicBool::new(false);
            let pid = board.pid().to_string();
            let more = std::thread::scope(|scope| {
                let (poster, stop, employer, access) = (&board, &stop, &employer, &access);
                let posting = scope.spawn(move || {
                    let mut done = Vec::new();
                    for n in 100..100 + POSTINGS {
                        if stop.load(Ordering::Relaxed) { break }
                        let title = format!("Kernel Engineer {round}-{n}");
                        let Some(title) = publish(poster, employer, access, &title) else { break };
                        done.push(title);
                    }
                    done
                });
                // In the middle of whatever it does: after some mails were taken, at a different point each time. One mail tells
                // of many postings when it comes late, so there may be fewer: then after the last posting.
                let before = smtp.accepted().len();
                eventually("some load", || {
                    (smtp.accepted().len() > before + round * 7 || posting.is_finished()).then_some(())
                });
                std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
                stop.store(true, Ordering::Relaxed);
                posting.join().unwrap()
            });
            acknowledged.extend(more);
            board.kill();
            board.restart();
        }
        assert!(!acknowledged.is_empty());
        nothing_is_lost(&board, &acknowledged);
        nobody_is_told_twice(&smtp, &acknowledged);
    }
}

/// Registers a recruiter and confirms the readers' alerts; returns an access token.
fn prepare(board: &Board, smtp: &SmtpServer) -> String {
    let token_for = |address: &str| {
        eventually("a mail with a token", || {
            let mails = smtp.accepted();
            mails
                .iter()
                .rev()
                .find(|mail| mail.recipient == address)
                .and_then(|mail| link_token(&mail.content))
        })
    };
    let body =
        json!({"email": "recruiter@acme.example", "password": "a long enough password", "name": "Acme"});
    board.post("/v1/auth/register", None, &body).expect(202);
    let token = token_for("recruiter@acme.example");
    let access = board
        .post("/v1/auth/verify-email", None, &json!({"token": token}))
        .expect(200)
        .text_at("/access_token");
    for reader in READERS {
        let alert = json!({"email": reader, "query": {"q": "kernel engineer"}, "frequency": "instant"});
        board.post("/v1/alerts", None, &alert).expect(202);
        board
            .post("/v1/alerts/confirm", None, &json!({"token": token_for(reader)}))
            .expect(200);
    }
    access
}

/// The title, when publishing it was acknowledged.
fn publish(board: &Board, employer: &str, access: &str, title: &str) -> Option<String> {
    let draft = json!({"title": title, "description": "Write kernels."});
    let path = format!("/v1/employers/{employer}/postings");
    let made = board
        .try_send("POST", &path, Some(access), Some(&draft))
        .filter(|answer| answer.status == 201)?;
    let path = format!("/v1/postings/{}/publish", made.text_at("/id"));
    let published = board.try_send("POST", &path, Some(access), Some(&json!({})))?;
    (published.status == 200).then(|| title.to_owned())
}

fn nothing_is_lost(board: &Board, acknowledged: &[String]) {
    eventually("every acknowledged posting in search", || {
        let mut found = HashSet::new();
        let mut cursor = String::new();
        loop {
            let answer = board
                .get(&format!(
                    "/v1/search?q=kernel&sort=newest&limit=100&cursor={cursor}"
                ))
                .expect(200);
            for hit in answer.json["data"].as_array().unwrap() {
                found.insert(hit["title"].as_str().unwrap().to_owned());
            }
            match answer.json["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        acknowledged
            .iter()
            .all(|title| found.contains(title))
            .then_some(())
    });
}

/// Every reader hears of every acknowledged posting. Only mails that were on their way at a kill may come again, and
/// then under the same Message-ID.
fn nobody_is_told_twice(smtp: &SmtpServer, acknowledged: &[String]) {
    let told = eventually("a mail about every posting to every reader", || {
        let told = mails_about(&smtp.accepted());
        let is_told = |reader: &str, title: &String| told.contains_key(&(reader.to_owned(), title.clone()));
        READERS
            .iter()
            .all(|reader| acknowledged.iter().all(|title| is_told(reader, title)))
            .then_some(told)
    });
    for ((reader, title), ids) in told {
        assert_eq!(ids.len(), 1, "{reader} was told about {title} by different mails");
    }
    let mut copies: HashMap<String, usize> = HashMap::new();
    for mail in smtp.accepted() {
        *copies.entry(mail.message_id).or_default() += 1;
    }
    let repeated: usize = copies.values().map(|count| count - 1).sum();
    assert!(repeated <= KILLS * UNCONFIRMED, "{repeated} repetitions");
}

/// The Message-IDs of the mails about each posting to each reader.
fn mails_about(mails: &[Accepted]) -> HashMap<(String, String), HashSet<String>> {
    let mut about: HashMap<(String, String), HashSet<String>> = HashMap::new();
    for mail in mails {
        for (at, lead) in mail.content.match_indices("Kernel Engineer ") {
            let rest = &mail.content[at + lead.len()..];
            let number: String = rest
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '-')
                .collect();
            let key = (mail.recipient.clone(), format!("{lead}{number}"));
            about.entry(key).or_default().insert(mail.message_id.clone());
        }
    }
    // The words of the alert name no number, and a fold may cut one off.
    about.retain(|(_, title), _| title.len() == "Kernel Engineer 0-100".len());
    about
}
