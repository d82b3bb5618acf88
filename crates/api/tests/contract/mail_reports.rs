//! Reports of bounces and complaints.

use api::on_both;
use api::testing::{REPORT_TOKEN, TestApp};
use serde_json::json;

const SUBSCRIBER: &str = "carl@candidate.example";

/// A delivery status notification to `to`.
fn dsn(to: &str, status: &str) -> String {
    format!(
        "From: mailer-daemon@mx.example\r\nTo: {to}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; {SUBSCRIBER}\r\nAction: failed\r\n\
         Status: {status}\r\n\r\n--b--\r\n"
    )
}

/// The envelope's sender of the newest mail to the subscriber.
async fn sender(app: &TestApp) -> String {
    let mails = app.mails().await;
    let mail = mails
        .iter()
        .rev()
        .find(|mail| mail.recipient.as_str() == SUBSCRIBER);
    mail.unwrap().sender.to_string()
}

on_both! {
    async fn a_mail_server_with_the_token_hands_a_bounce_in_and_the_address_gets_nothing_more(app) {
        let alert = json!({"email": SUBSCRIBER, "query": {"q": "chiplet"}, "frequency": "daily"});
        app.post("/v1/alerts").json(&alert).send().await.expect(202);
        let sender = sender(app).await;
        let hand_in = |to: String, status: &'static str| {
            app.post("/v1/mail/reports").by(REPORT_TOKEN).body("message/rfc822", dsn(&to, status))
        };
        let forged = hand_in("board+aaaa@board.example".to_owned(), "5.1.1").send().await.expect(200);
        assert_eq!((forged.text_at("/outcome").as_str(), &forged.json["mail_id"]), ("unknown", &json!(null)));
        let answer = hand_in(sender.clone(), "5.1.1").send().await.expect(200);
        assert_eq!(answer.text_at("/outcome"), "suppressed");
        assert_eq!(answer.text_at("/kind"), "bounce");
        let again = hand_in(sender, "5.1.1").send().await.expect(200);
        assert_eq!(again.text_at("/outcome"), "repeated");
    }

    async fn strangers_and_users_hand_nothing_in(app) {
        let user = app.sign_up("rita@acme.example").await;
        let report = dsn("x@board.example", "5.1.1");
        let post = || app.post("/v1/mail/reports");
        let nobody = post().body("message/rfc822", report.clone()).send().await.expect(401);
        assert_eq!(nobody.code(), "credentials_missing");
        post().by("reports-are-handed-in-with-thiS").body("message/rfc822", report.clone()).send().await.expect(401);
        let refused = post().by(&user).body("message/rfc822", report).send().await.expect(403);
        assert_eq!(refused.code(), "not_allowed");
    }

    async fn what_is_no_report_is_said_to_be_none(app) {
        let post = || app.post("/v1/mail/reports").by(REPORT_TOKEN);
        post().body("application/json", "{}").send().await.expect(415);
        let answer = post().body("message/rfc822", "Subject: hello\r\n\r\nHi\r\n").send().await.expect(422);
        assert_eq!(answer.code(), "content_invalid");
    }
}
