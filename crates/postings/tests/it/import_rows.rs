//! What the rows of an import become.

use postings::PostingStatus;
use serde_json::{Value, json};
use store::{Timestamp, on_both};
use taxonomy::{EmploymentType, Provenance, Seniority, Workplace};

use crate::support::{Importer, counts, monday_plus_days, row, row_with};

fn at(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

on_both! {
    fn a_loose_row_becomes_a_public_posting_with_carried_and_inferred_facts(db) {
        let importer = Importer::new(db);
        let loose = json!({
            "source": "board", "source_id": "1", "title": " Senior  RTL Design Engineer ", "company": "Acme Compute, Inc.",
            "company_key": "acme", "locations": ["Austin, TX", "Austin, TX", "Remote (US)"], "remote": null, "workplace_raw": "Hybrid",
            "employment_type": "Full-time", "department": "Silicon", "salary_raw": "$210K – $290K • Offers Equity",
            "posted_at": "2026-11-01", "updated_at": "2026-11-02T00:00:00Z", "url": "https://acme.example/1", "active": true,
            "description_html": "<div><p>You write <b>SystemVerilog</b>.</p></div>", "description_text": "You write SystemVerilog.",
        });
        assert_eq!(counts(&importer.rows(&[loose])), [1, 0, 0, 0, 0]);
        let posting = importer.posting("board", "1");
        let content = posting.content();
        assert_eq!((posting.row.status, posting.row.version, posting.row.revision), (PostingStatus::Published, 1, Some(1)));
        assert_eq!((posting.row.published_at, posting.row.expires_at), (at("2026-11-01T00:00:00Z"), Some(monday_plus_days(60))));
        assert_eq!((posting.employer.name.as_str(), posting.employer.slug.as_str()), ("Acme Compute, Inc.", "acme-compute-inc"));
        assert_eq!(content.title, "Senior RTL Design Engineer");
        assert_eq!(content.description_html, "<div><p>You write <b>SystemVerilog</b>.</p></div>");
        assert_eq!(content.locations.len(), 1);
        assert_eq!(content.locations[0].label(), "Austin, TX, US");
        assert_eq!((content.workplace, content.employment_type, content.seniority),
            (Some(Workplace::Hybrid), Some(EmploymentType::FullTime), Some(Seniority::Senior)));
        assert_eq!(content.apply.as_ref().unwrap().url.as_deref(), Some("https://acme.example/1"));
        let pay = content.pay.as_ref().unwrap();
        assert!(pay.yearly_usd() == Some(290_000) && pay.equity.is_some());
        for (field, provenance) in [
            ("locations", Provenance::Carried), ("workplace", Provenance::Carried), ("employment_type", Provenance::Carried),
            ("pay", Provenance::Carried), ("seniority", Provenance::Inferred), ("skills", Provenance::Inferred), ("discipline", Provenance::Inferred),
        ] {
            assert_eq!(content.provenance.get(field), Some(&provenance), "{field}");
        }
        assert!(!content.provenance.values().any(|p| *p == Provenance::Stated), "an import states nothing");
    }

    fn a_posting_object_as_the_api_writes_it_keeps_all_its_facts(db) {
        let importer = Importer::new(db);
        let object = json!({
            "id": "0190a0b0-0000-7000-8000-000000000001", "slug": "x", "url": "https://board.example/postings/x", "version": 3,
            "employer": {"id": "0190a0b0-0000-7000-8000-000000000002", "name": "Acme Compute", "slug": "acme"},
            "title": "Staff RTL Design Engineer", "description_html": "<p>Text</p>", "description_text": "Text",
            "discipline": "silicon", "specialties": ["rtl_design"], "skills": ["systemverilog", "uvm", "no such skill"], "seniority": "staff",
            "employment_type": "full_time", "workplace": "remote", "remote_from": ["us", "Mars"],
            "locations": [{"city": "Austin", "region": "TX", "country": "US", "latitude": 30.27, "longitude": -97.74}], "openings": 4, "filled": 1,
            "pay": {"base": {"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"}, "equity": {"kind": "rsu"}},
            "apply": {"url": "https://acme.example/apply/1"}, "status": "published", "source": null, "source_id": null, "external_id": null,
            "published_at": "2026-11-20T09:00:00Z", "expires_at": "2027-01-01T09:00:00Z", "updated_at": "2026-11-20T09:00:00Z",
            "eligibility": {"us_person": "required"}, "environment": ["cloud"], "benefits": ["Health"], "hardware": {"process_node": "3nm"},
            "work_pattern": {"on_call": true}, "process": {"days_to_decision": 14},
        });
        assert_eq!(counts(&importer.rows(&[object])), [1, 0, 0, 0, 0]);
        let posting = importer.posting("import", "0190a0b0-0000-7000-8000-000000000001");
        let content = serde_json::to_value(posting.content()).unwrap();
        for (pointer, value) in [
            ("/discipline", json!("silicon")), ("/specialties", json!(["rtl_design"])), ("/skills", json!(["systemverilog", "uvm"])),
            ("/seniority", json!("staff")), ("/workplace", json!("remote")), ("/remote_from", json!(["US"])), ("/openings", json!(4)),
            ("/filled", json!(1)), ("/locations/0/latitude", json!(30.27)), ("/pay/base/max", json!(290_000)), ("/apply/url", json!("https://acme.example/apply/1")),
            ("/eligibility/us_person", json!("required")), ("/environment", json!(["cloud"])), ("/benefits", json!(["Health"])),
            ("/hardware/process_node", json!("3nm")), ("/work_pattern/on_call", json!(true)), ("/process/days_to_decision", json!(14)),
            ("/provenance/skills", json!("carried")),
        ] {
            assert_eq!(content.pointer(pointer), Some(&value), "{pointer}");
        }
        assert_eq!(posting.employer.slug, "acme");
        assert_eq!((posting.row.published_at, posting.row.expires_at), (at("2026-11-20T09:00:00Z"), at("2027-01-01T09:00:00Z")));
    }

    fn times_are_read_in_every_form_that_collectors_write(db) {
        let importer = Importer::new(db);
        let noon = at("2026-11-01T12:00:00Z");
        let forms = [
            (json!("2026-11-01T12:00:00Z"), noon), (json!("2026-11-01T14:00:00+02:00"), noon), (json!("2026-11-01T12:00:00"), noon),
            (json!("2026-11-01 12:00:00"), noon), (json!(" 2026-11-01T12:00:00.000Z "), noon), (json!("1793534400"), noon),
            (json!(1_793_534_400), noon), (json!(1_793_534_400_000_i64), noon), (json!("1793534400000"), noon), (json!(1_793_534_400.0), noon),
            (json!("2026-11-01"), at("2026-11-01T00:00:00Z")), (json!(null), Some(importer.now)), (json!("yesterday"), Some(importer.now)),
            (json!("2030-01-01"), Some(importer.now)),
        ];
        for (n, (form, wanted)) in forms.into_iter().enumerate() {
            let id = format!("{n}");
            importer.rows(&[row_with(&id, json!({"posted_at": form}))]);
            assert_eq!(importer.posting("board", &id).row.published_at, wanted, "{form}");
        }
        let later = row_with("fallback", json!({"posted_at": "?", "published_at": null, "updated_at": "2026-11-01T12:00:00Z"}));
        importer.rows(&[later]);
        assert_eq!(importer.posting("board", "fallback").row.published_at, noon);
    }

    fn workplace_and_reach_are_read_from_flags_and_places(db) {
        let importer = Importer::new(db);
        let cases = [
            (json!({"remote": true, "locations": []}), Some(Workplace::Remote)),
            (json!({"locations": ["Remote - US"]}), Some(Workplace::Remote)),
            (json!({"locations": ["Berlin, Germany (Hybrid)"]}), Some(Workplace::Hybrid)),
            (json!({"remote": true, "workplace_raw": "OnSite"}), Some(Workplace::OnSite)),
            (json!({"remote": true, "description_html": "<p>You are in the office 3 days a week.</p>"}), Some(Workplace::Hybrid)),
            (json!({"remote": true, "description_text": "This position is onsite."}), Some(Workplace::OnSite)),
            (json!({"remote": true, "locations": ["Remote (US)"], "description_text": "Our office is hybrid. #LI-Hybrid"}), Some(Workplace::Remote)),
            (json!({"remote": false}), None),
        ];
        for (n, (fields, wanted)) in cases.into_iter().enumerate() {
            let id = n.to_string();
            assert_eq!(importer.rows(&[row_with(&id, fields.clone())]).created, 1);
            assert_eq!(importer.posting("board", &id).content().workplace, wanted, "{fields}");
        }
        importer.rows(&[row_with("us", json!({"locations": ["Remote - US"]}))]);
        assert_eq!(importer.posting("board", "us").content().remote_from, ["US"]);
        importer.rows(&[row_with("one", json!({"locations": "Austin, TX; Berlin, Germany"}))]);
        let places: Vec<String> = importer.posting("board", "one").content().locations.iter().map(postings::Location::label).collect();
        assert_eq!(places.len(), 2, "one text with several places: {places:?}");
    }

    fn ids_may_be_numbers_and_are_looked_for_in_four_fields(db) {
        let importer = Importer::new(db);
        let without = |fields: Value| row_with("x", json!({"source": null, "source_id": null}).as_object().unwrap().iter()
            .chain(fields.as_object().unwrap()).map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into());
        let rows = [
            row_with("x", json!({"source_id": 42})), without(json!({"external_id": 7})), without(json!({"id": "abc"})),
            without(json!({"url": "https://acme.example/1"})), without(json!({"source_id": "s"})),
        ];
        assert_eq!(counts(&importer.rows(&rows)), [5, 0, 0, 0, 0]);
        for (source, id) in [("board", "42"), ("import:acme-compute-inc", "7"), ("import", "abc"), ("import", "https://acme.example/1"), ("import:acme-compute-inc", "s")] {
            assert!(importer.find(source, id).is_some(), "{source} {id}");
        }
        assert_eq!(importer.posting("import:acme-compute-inc", "7").row.external_id.as_deref(), Some("7"));
    }

    fn rows_that_their_source_ended_are_kept_closed(db) {
        let importer = Importer::new(db);
        let ended = [json!({"active": false}), json!({"status": "closed"}), json!({"status": "Expired"}), json!({"expires_at": "2026-11-20T00:00:00Z"})];
        for (n, fields) in ended.into_iter().enumerate() {
            let id = n.to_string();
            assert_eq!(counts(&importer.rows(&[row_with(&id, fields.clone())])), [1, 0, 0, 0, 0]);
            let posting = importer.posting("board", &id);
            assert_eq!((posting.row.status, posting.row.closed_at), (PostingStatus::Closed, Some(importer.now)), "{fields}");
        }
        importer.rows(&[row_with("null", json!({"active": null})), row("open")]);
        assert!(importer.posting("board", "null").is_searchable() && importer.posting("board", "open").is_searchable());
    }
}
