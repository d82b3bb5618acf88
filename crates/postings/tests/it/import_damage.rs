//! Damaged rows: each is reported with its line, and none stops the rest.

use std::io::{self, BufReader, Read};

use postings::import::{self, ImportError};
use serde_json::{Value, json};
use store::on_both;

use crate::support::{Importer, counts, lines, many_rows, row, row_with};

on_both! {
    fn every_kind_of_damage_is_reported_with_its_line(db) {
        let importer = Importer::new(db);
        let mut text: Vec<u8> = Vec::new();
        let mut line = |bytes: &[u8]| { text.extend_from_slice(bytes); text.push(b'\n'); };
        line(row("1").to_string().as_bytes());
        line(b"{\"title\": ");
        line(b"{\"title\": \"\xff\xfe\"}");
        line(format!("{{\"title\": \"{}\"}}", "x".repeat(4 << 20)).as_bytes());
        line(b"");
        line(row_with("6", json!({"title": null})).to_string().as_bytes());
        line(row_with("7", json!({"source_id": null})).to_string().as_bytes());
        line(row_with("8", json!({"company": " "})).to_string().as_bytes());
        line(row_with("9", json!({"title": ["x"]})).to_string().as_bytes());
        line(row_with("10", json!({"locations": [{"city": 1}]})).to_string().as_bytes());
        line(b"[1, 2]");
        line(b"null");
        line(b"{} {}");
        line(row("1").to_string().as_bytes());
        line(row_with("15", json!({"openings": 2, "filled": 3})).to_string().as_bytes());
        line(row_with("16", json!({"source_id": "x".repeat(1001)})).to_string().as_bytes());
        line(br#"{"title": "\ud800"}"#);
        line(br#"{"title": "a", "title": "b"}"#);
        line("[".repeat(5000).as_bytes());
        line(row("20").to_string().as_bytes());
        let summary = importer.bytes(&text);
        assert_eq!(counts(&summary), [2, 0, 0, 0, 17]);
        let seen: Vec<(u64, &str)> = summary.rejections.iter().map(|r| (r.line, r.code.as_str())).collect();
        assert_eq!(seen, [
            (2, "json_malformed"), (3, "encoding_invalid"), (4, "line_too_long"), (6, "title_missing"),
            (7, "identity_missing"), (8, "employer_missing"), (9, "value_invalid"), (10, "value_invalid"),
            (11, "value_invalid"), (12, "value_invalid"), (13, "json_malformed"), (14, "identity_repeated"),
            (15, "number_out_of_range"), (16, "identity_too_long"), (17, "json_malformed"), (18, "value_invalid"),
            (19, "json_malformed"),
        ]);
        assert_eq!(summary.reasons["value_invalid"], 5);
        assert_eq!(summary.reasons.values().sum::<u64>(), summary.rejected);
        let detail = |line: u64| &summary.rejections.iter().find(|r| r.line == line).unwrap().detail;
        assert!(detail(9).starts_with("/title: "), "{}", detail(9));
        assert!(detail(10).starts_with("/locations"), "{}", detail(10));
        assert!(detail(15).starts_with("/filled: "), "{}", detail(15));
    }

    fn line_ends_marks_and_blank_lines_do_not_matter(db) {
        let importer = Importer::new(db);
        let text = format!("\u{feff}{}\r\n\r\n   \n{}\n\n{}", row("1"), row("2"), row("3"));
        assert_eq!(counts(&importer.bytes(text.as_bytes())), [3, 0, 0, 0, 0]);
        assert_eq!(counts(&importer.rows(&[row("2"), row("3")])), [0, 0, 2, 0, 0]);
        assert_eq!(counts(&importer.bytes(b"")), [0; 5]);
        assert_eq!(counts(&importer.bytes(b"\n\r\n \n")), [0; 5]);
    }

    fn at_most_a_hundred_rejections_are_listed_and_all_are_counted(db) {
        let importer = Importer::new(db);
        let summary = importer.bytes("x\n".repeat(250).as_bytes());
        assert_eq!((summary.rejected, summary.rejections.len(), summary.reasons["json_malformed"]), (250, 100, 250));
    }

    fn an_input_that_breaks_off_fails_the_run_and_keeps_what_was_written(db) {
        struct Breaks;
        impl Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let importer = Importer::new(db);
        let good = lines(&many_rows(500)) + "\n";
        let input = BufReader::new(io::Cursor::new(good).chain(Breaks));
        let outcome = import::run(db, input, &importer.options, &importer.random, importer.now, &mut |_| {});
        assert!(matches!(outcome, Err(ImportError::Input(_))), "{outcome:?}");
        assert!(importer.find("board", "499").is_some());
    }

    fn strange_values_are_tamed(db) {
        let importer = Importer::new(db);
        let strange = row_with("1", json!({
            "title": format!("  \u{202e}RTL\u{0} Engineer {} ", "x".repeat(300)), "company": "A\u{0}cme\u{feff}",
            "description_text": "a\u{0}b \u{1b}[31m", "benefits": ["good"], "url": "javascript:alert(1)",
            "posted_at": "-9999-01-01T00:00:00Z", "employment_type": "\u{0}", "salary_raw": "\u{0}", "locations": ["\u{0}Austin\u{0}, TX"],
        }));
        assert_eq!(counts(&importer.rows(&[strange])), [1, 0, 0, 0, 0]);
        let posting = importer.posting("board", "1");
        let content = posting.content();
        assert!(content.title.starts_with("RTL Engineer x") && content.title.chars().count() == 200);
        assert_eq!((posting.employer.name.as_str(), &content.apply), ("Acme", &None));
        assert_eq!(posting.row.published_at, Some(importer.now));
        assert_eq!(content.locations[0].city.as_deref(), Some("Austin"));
        for value in ["9999-12-31T23:59:59Z", "99999999999999999999", "soon", "", "0", "NaN", "-1"] {
            let rows = [row_with(&format!("at {value}"), json!({"posted_at": value, "expires_at": value}))];
            assert_eq!(counts(&importer.rows(&rows)), [1, 0, 0, 0, 0], "{value}");
            let posting = importer.posting("board", format!("at {value}").trim());
            assert_eq!(posting.row.published_at, Some(importer.now), "{value}");
            assert!(posting.is_searchable());
        }
    }

    fn rows_of_any_json_never_stop_an_import(db) {
        let importer = Importer::new(db);
        let values = [json!(null), json!(true), json!(-1), json!(1.5e300), json!(""), json!("x"), json!([]), json!(["x"]), json!([null]), json!({}), json!({"x": 1})];
        let fields = [
            "title", "company", "employer", "locations", "location", "remote", "remote_from", "workplace", "workplace_raw", "employment_type",
            "seniority", "discipline", "specialties", "skills", "salary_raw", "pay", "posted_at", "published_at", "updated_at", "expires_at", "url",
            "apply", "active", "status", "description", "description_format", "description_html", "description_text", "openings", "filled",
            "hardware", "work_pattern", "eligibility", "environment", "benefits", "process", "id", "source", "source_id", "external_id",
        ];
        let mut rows: Vec<Value> = Vec::new();
        for field in fields {
            for (n, value) in values.iter().enumerate() {
                rows.push(row_with(&format!("{field}-{n}"), json!({field: value})));
            }
        }
        let summary = importer.rows(&rows);
        let sum: u64 = counts(&summary).iter().sum();
        assert_eq!(sum, rows.len() as u64, "every row has one outcome");
        assert!(summary.created > 100, "{summary:?}");
    }
}
