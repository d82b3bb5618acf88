//! From registering to the alert mail, with the real program.
#![expect(clippy::unwrap_used, reason = "tests")]

use board::{Board, SmtpServer, eventually, link_token, on_both};
use serde_json::json;

on_both! {
    fn a_subscriber_gets_one_mail_by_smtp_about_a_published_posting(settings) {
        let smtp = SmtpServer::start();
        let mut settings = settings;
        settings.mail_url = smtp.url();
        let board = Board::start(settings);
        let token_for = |address: &str| eventually("a mail with a token", || {
            let mails = smtp.accepted();
            mails.iter().rev().find(|mail| mail.recipient == address).and_then(|mail| link_token(&mail.content))
        });
        let body = json!({"email": "recruiter@acme.example", "password": "a long enough password", "name": "Acme"});
        board.post("/v1/auth/register", None, &body).expect(202);
        let verified = board.post("/v1/auth/verify-email", None, &json!({"token": token_for("recruiter@acme.example")}));
        let access = verified.expect(200).text_at("/access_token");
        let employer = board.found_employer(&access, "Acme Compute");
        let alert = json!({"email": "reader@example.org", "query": {"q": "hbm", "workplace": "hybrid"}, "frequency": "instant"});
        board.post("/v1/alerts", None, &alert).expect(202);
        board.post("/v1/alerts/confirm", None, &json!({"token": token_for("reader@example.org")})).expect(200);

        let draft = json!({"title": "HBM Controller Architect", "description": "Own the memory.", "workplace": "hybrid"});
        let id = board.post(&format!("/v1/employers/{employer}/postings"), Some(&access), &draft).expect(201).text_at("/id");
        board.post(&format!("/v1/postings/{id}/publish"), Some(&access), &json!({})).expect(200);
        let told = |mails: &[board::Accepted]| mails.iter().filter(|mail| mail.content.contains("HBM Controller")).count();
        eventually("the alert mail", || (told(&smtp.accepted()) == 1).then_some(()));
        eventually("the posting in search", || (board.get("/v1/search?q=hbm").json["total"] == 1).then_some(()));

        // A posting that nobody waits for, as a sign that the passes went on, and still no second mail.
        let other = json!({"title": "Chiller Technician", "description": "Keep it cool."});
        let id = board.post(&format!("/v1/employers/{employer}/postings"), Some(&access), &other).expect(201).text_at("/id");
        board.post(&format!("/v1/postings/{id}/publish"), Some(&access), &json!({})).expect(200);
        eventually("the next posting in search", || (board.get("/v1/search?q=chiller").json["total"] == 1).then_some(()));
        assert_eq!(told(&smtp.accepted()), 1);
    }

    fn a_board_stops_when_asked_and_starts_where_it_was(settings) {
        let mut board = Board::start(settings);
        let access = board.sign_up("recruiter@acme.example");
        let employer = board.found_employer(&access, "Acme Compute");
        assert!(board.terminate(), "a signal ends it with success");
        board.restart();
        assert_eq!(board.get(&format!("/v1/employers/{employer}")).expect(200).text_at("/slug"), "acme-compute");
        let me = board.try_send("GET", "/v1/me", Some(&access), None).unwrap();
        assert_eq!(me.expect(200).text_at("/email"), "recruiter@acme.example", "tokens outlive a restart");
    }

    fn the_index_comes_back_after_it_was_deleted_or_damaged(settings) {
        let mut board = Board::start(settings);
        let access = board.sign_up("recruiter@acme.example");
        let employer = board.found_employer(&access, "Acme Compute");
        let draft = json!({"title": "Fabric Engineer", "description": "Own the network."});
        let id = board.post(&format!("/v1/employers/{employer}/postings"), Some(&access), &draft).expect(201).text_at("/id");
        board.post(&format!("/v1/postings/{id}/publish"), Some(&access), &json!({})).expect(200);
        let index = board.settings().data().join("index");
        for damage in ["delete", "truncate"] {
            board.kill();
            match damage {
                "delete" => std::fs::remove_dir_all(&index).unwrap(),
                _ => for entry in std::fs::read_dir(&index).unwrap() {
                    std::fs::write(entry.unwrap().path(), b"").unwrap();
                },
            }
            board.restart();
            eventually("the posting in search again", || (board.get("/v1/search?q=fabric").json["total"] == 1).then_some(()));
        }
    }
}

#[test]
fn a_second_server_on_the_same_data_refuses_and_says_why() {
    let board = Board::start(board::Settings::sqlite());
    let second = board::run_to_end(&["serve"], board.settings());
    assert!(!second.status.success());
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(words.contains("in use by a running Backplane server"), "{words}");
}
