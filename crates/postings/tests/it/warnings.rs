//! Employers are told before a posting ends.

use diesel::prelude::*;
use mail::MailConfig;
use postings::warning::warn_due;
use serde_json::json;
use store::schema::{members, outbox, users};
use store::{StoreError, on_both};

use crate::support::{Board, DAY, Importer, monday_plus_days, posting_with, row};

fn config() -> MailConfig {
    MailConfig {
        from: "Backplane <board@board.example>".parse().unwrap(),
        postal_address: String::new(),
        public_url: "https://board.example".to_owned(),
        dkim: Vec::new(),
    }
}

fn add_member(board: &Board<'_>, name: &str, role: &str, is_verified: bool) {
    board
        .db
        .write_blocking::<_, StoreError>(|tx| {
            let id = board.random.id(board.now);
            diesel::insert_into(users::table)
                .values((
                    users::id.eq(id),
                    users::email.eq(format!("{name}@acme.example")),
                    users::name.eq(name),
                    users::password_hash.eq("x"),
                    users::verified_at.eq(is_verified.then_some(board.now)),
                    users::is_operator.eq(false),
                    users::version.eq(1),
                    users::created_at.eq(board.now),
                    users::updated_at.eq(board.now),
                ))
                .execute(tx)?;
            diesel::insert_into(members::table)
                .values((
                    members::employer_id.eq(board.acme),
                    members::user_id.eq(id),
                    members::role.eq(role),
                    members::created_at.eq(board.now),
                ))
                .execute(tx)?;
            Ok(())
        })
        .unwrap();
}

fn warn(board: &Board<'_>) -> usize {
    let written = board
        .db
        .write_blocking(|tx| warn_due(tx, &config(), &board.random, 100, board.now));
    written.unwrap()
}

/// Recipient, subject and text of every mail.
fn mails(board: &Board<'_>) -> Vec<(String, String, String)> {
    let mut mails: Vec<(String, String, String)> = board
        .db
        .read_blocking::<_, StoreError>(|conn| {
            let columns = (outbox::recipient, outbox::subject, outbox::text_body);
            Ok(outbox::table.select(columns).load(conn)?)
        })
        .unwrap();
    mails.sort();
    mails
}

on_both! {
    fn the_members_are_told_once_a_week_before(db) {
        let mut board = Board::new(db);
        for (name, role, is_verified) in [("owner", "owner", true), ("recruiter", "recruiter", true), ("viewer", "viewer", true), ("new", "owner", false)] {
            add_member(&board, name, role, is_verified);
        }
        let soon = board.published("RTL Engineer");
        let other = board.try_draft(posting_with(json!({"title": "DFT Engineer", "expires_at": monday_plus_days(5)}))).unwrap().row.id;
        board.publish(other).unwrap();
        Importer::for_employer(db, "acme-compute").rows(&[row("imported")]);
        assert_eq!(warn(&board), 0, "whoever has just published it knows");
        board.now = monday_plus_days(1);
        assert_eq!((warn(&board), warn(&board)), (1, 0));
        let told: Vec<_> = mails(&board).into_iter().map(|(to, subject, _)| (to, subject)).collect();
        assert_eq!(told, ["owner", "recruiter"].map(|name| (format!("{name}@acme.example"), "Ends soon: DFT Engineer".to_owned())));
        let (_, _, text) = &mails(&board)[0];
        assert!(text.contains("https://board.example/postings/dft-engineer-") && text.contains("Ends on 2026-11-28"), "{text}");
        board.renew(other).unwrap();
        board.now = monday_plus_days(53).plus(DAY / 2);
        assert_eq!((warn(&board), mails(&board).len()), (1, 4), "the other one; what is imported lives as long as its source shows it");
        assert!(mails(&board)[0].2.contains("postings/"), "{soon}");
        board.now = monday_plus_days(55);
        assert_eq!(warn(&board), 1, "its new end is near");
    }
}
