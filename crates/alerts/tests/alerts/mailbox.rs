//! Every mail of an alert, whole.

use alerts::Frequency;
use jiff::SignedDuration;
use mail::Mail;
use serde_json::{Value, json};
use store::Backend;
use store::testing::TestDb;

use crate::board::{Board, wish};

/// Subject, list headers, text and HTML, with what differs between runs taken out.
fn whole(mail: &Mail) -> String {
    let list = mail.list().map_or_else(String::new, |list| {
        format!("List: {} <{}>\n", list.list, list.unsubscribe_url)
    });
    format!(
        "To: {}\nSubject: {}\nKind: {}\nNot after: {}\n{list}\n{}\n================\n{}",
        mail.recipient, mail.subject, mail.kind, mail.not_after, mail.text_body, mail.html_body
    )
}

/// The snapshot `name` of the only mail.
#[track_caller]
fn assert_mail(name: &str, mails: &[Mail]) {
    assert_eq!(mails.len(), 1);
    insta::with_settings!({filters => vec![
        (r"token(=|&#61;)[\w-]+", "token=[token]"),
        (r"alert(=|&#61;)[0-9a-f-]{36}", "alert=[id]"),
        (r"acme-compute-[0-9a-f]{4,12}", "acme-compute-[id]"),
    ]}, {
        insta::assert_snapshot!(name, whole(&mails[0]));
    });
}

fn board(db: &TestDb) -> Board<'_> {
    Board::new(db)
}

fn wide_query() -> Value {
    json!({"q": "rtl", "discipline": "silicon", "seniority": ["staff", "principal"], "near": "Austin,TX", "pay_min": 200_000})
}

#[test]
fn a_confirmation_says_what_was_asked_for() {
    let db = TestDb::new(Backend::Sqlite);
    let board = board(&db);
    board
        .try_request(wish("reader@example.org", wide_query(), Frequency::Daily))
        .unwrap();
    assert_mail("confirmation", &board.mails());
}

#[test]
fn an_instant_mail_shows_one_role() {
    let db = TestDb::new(Backend::Sqlite);
    let board = board(&db);
    board.subscribe(wide_query(), Frequency::Instant);
    board.publish_as(board.employer, json!({
        "title": "Staff RTL Design Engineer <memory & cache>", "openings": 4,
        "pay": {"base": {"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"}},
        "locations": [{"city": "Austin", "region": "TX", "country": "US"}, {"city": "Santa Clara", "region": "CA", "country": "US"},
            {"city": "Toronto", "region": "ON", "country": "CA"}, {"city": "Munich", "country": "DE"}]
    }));
    assert_mail("instant", &board.mails());
}

#[test]
fn a_digest_lists_what_is_new() {
    let db = TestDb::new(Backend::Sqlite);
    let board = board(&db);
    board.subscribe(json!({"q": "rtl"}), Frequency::Weekly);
    for title in [
        "RTL Engineer, memory",
        "RTL Engineer, interconnect",
        "RTL Engineer, remote",
    ] {
        let workplace = if title.ends_with("remote") {
            "remote"
        } else {
            "on_site"
        };
        board.publish_as(board.employer, json!({"title": title, "workplace": workplace, "remote_from": if workplace == "remote" { json!(["US"]) } else { json!([]) }}));
        board.wait(SignedDuration::from_mins(1));
    }
    board.settle();
    board.wait(SignedDuration::from_hours(7 * 24));
    assert_mail("digest", &board.mails());
}

#[test]
fn a_mail_that_is_full_says_how_many_follow() {
    let db = TestDb::new(Backend::Sqlite);
    let board = board(&db);
    board.subscribe(json!({"q": "rtl", "country": ["US", "DE"]}), Frequency::Daily);
    for n in 0..30 {
        board.publish(&format!("RTL Engineer {n:02}"));
        board.wait(SignedDuration::from_secs(1));
    }
    board.settle();
    board.wait(SignedDuration::from_hours(24));
    assert_mail("full_digest", &board.mails());
}
