//! Numbers for employers.

use std::net::IpAddr;

use jiff::SignedDuration;
use postings::numbers::{self, Counters, Group, Period, Reader, Sight, Sums};
use serde_json::json;
use store::{Db, Id, Timestamp, on_both};

use crate::support::{Board, posting_with};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn reader(n: u8) -> Reader<'static> {
    Reader {
        address: Some(IpAddr::from([192, 0, 2, n])),
        agent: Some(FIREFOX),
    }
}

fn sums(impressions: i64, views: i64, apply_clicks: i64) -> Sums {
    Sums {
        impressions,
        views,
        apply_clicks,
    }
}

fn of(db: &Db, employer: Id, group: Group, now: Timestamp) -> (Vec<numbers::Line>, Sums) {
    let period = Period::parse(None, None, now).unwrap();
    db.read_blocking(|conn| numbers::of_employer(conn, employer, period, group))
        .unwrap()
}

on_both! {
    fn sights_are_added_up_by_posting_and_day(db) {
        let mut board = Board::new(db);
        let globex = board.employer("globex", Some("https://globex.example"));
        let [one, two] = ["One", "=Two, \"quoted\""].map(|title| board.published(title));
        let other = board.try_draft_of(globex, posting_with(json!({}))).unwrap().row.id;
        let counters = Counters::default();
        let note = |board: &Board<'_>, sight, ids: &[Id], n| counters.note(sight, ids, reader(n), &board.random, board.now);
        for n in 0..3 {
            note(&board, Sight::Impression, &[one, two, other], n);
        }
        note(&board, Sight::View, &[one], 1);
        note(&board, Sight::View, &[one], 2);
        note(&board, Sight::ApplyClick, &[one], 2);
        assert_eq!(of(db, board.acme, Group::Day, board.now).1, sums(0, 0, 0), "nothing is written by the way");
        assert_eq!(counters.flush(db).unwrap(), 3);
        assert_eq!(counters.flush(db).unwrap(), 0);
        note(&board, Sight::View, &[two], 3);
        counters.flush(db).unwrap();
        board.now = board.now.plus(SignedDuration::from_hours(24));
        note(&board, Sight::View, &[one], 1);
        counters.flush(db).unwrap();

        let (days, total) = of(db, board.acme, Group::Day, board.now);
        assert_eq!(total, sums(6, 4, 1), "without those of others");
        let days: Vec<(&str, Sums)> = days.iter().map(|line| (line.day.as_deref().unwrap(), line.sums)).collect();
        assert_eq!(days, [("2026-11-23", sums(6, 3, 1)), ("2026-11-24", sums(0, 1, 0))]);
        let (lines, _) = of(db, board.acme, Group::Posting, board.now);
        let lines: Vec<(Id, &str, Sums)> = lines.iter().map(|line| (line.posting_id.unwrap(), line.title.as_deref().unwrap(), line.sums)).collect();
        assert_eq!(lines, [(one, "One", sums(3, 3, 1)), (two, "=Two, \"quoted\"", sums(3, 1, 0))]);
        let (lines, _) = of(db, board.acme, Group::PostingDay, board.now);
        assert_eq!(lines.len(), 3);
        let table = numbers::csv(&lines, Group::PostingDay);
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        assert_eq!(rows.headers().unwrap(), vec!["day", "posting_id", "external_id", "title", "impressions", "views", "apply_clicks"]);
        let titles: Vec<String> = rows.records().map(|row| row.unwrap()[3].to_owned()).collect();
        assert!(titles.contains(&"'=Two, \"quoted\"".to_owned()), "{titles:?}");
        assert!(!table.contains(",=") && !table.contains("\"="), "{table}");
        let period = Period::parse(Some("2026-11-24"), Some("2026-11-24"), board.now).unwrap();
        let (lines, total) = db.read_blocking(|conn| numbers::of_posting(conn, one, period)).unwrap();
        assert_eq!((lines.len(), total), (1, sums(0, 1, 0)));
    }

    fn programs_and_repeats_are_left_out_and_a_new_day_begins_afresh(db) {
        let mut board = Board::new(db);
        let one = board.published("One");
        let counters = Counters::default();
        let note = |board: &Board<'_>, reader| counters.note(Sight::View, &[one], reader, &board.random, board.now);
        for _ in 0..100 {
            note(&board, reader(1));
        }
        let from = |agent| Reader { agent, ..reader(2) };
        note(&board, from(Some("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")));
        note(&board, from(Some("curl/8.5.0")));
        note(&board, from(None));
        let neighbours = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::7"].map(|ip| ip.parse::<IpAddr>().ok());
        for address in neighbours {
            note(&board, Reader { address, agent: Some(FIREFOX) });
        }
        counters.flush(db).unwrap();
        assert_eq!(of(db, board.acme, Group::Day, board.now).1, sums(0, 2, 0), "one reader, and one network of IPv6");
        note(&board, reader(1));
        counters.flush(db).unwrap();
        assert_eq!(of(db, board.acme, Group::Day, board.now).1, sums(0, 2, 0), "also after what was counted was written");
        board.now = board.now.plus(SignedDuration::from_hours(24));
        note(&board, reader(1));
        counters.flush(db).unwrap();
        assert_eq!(of(db, board.acme, Group::Day, board.now).1, sums(0, 3, 0));
    }

    fn figures_that_no_report_reaches_are_forgotten(db) {
        let mut board = Board::new(db);
        let one = board.published("One");
        let counters = Counters::default();
        counters.note(Sight::View, &[one], reader(1), &board.random, board.now);
        counters.flush(db).unwrap();
        let old = |now| db.read_blocking(|conn| numbers::find_old_day(conn, now)).unwrap();
        board.now = board.now.plus(SignedDuration::from_hours(731 * 24));
        assert_eq!(old(board.now), None);
        board.now = board.now.plus(SignedDuration::from_hours(24));
        let day = old(board.now).unwrap();
        assert_eq!(db.write_blocking(|tx| numbers::forget_day(tx, day)).unwrap(), 1);
        assert_eq!(old(board.now), None);
    }
}
