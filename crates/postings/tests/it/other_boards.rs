//! Answers of SmartRecruiters, Recruitee and Workday, and a feed with JSON-LD in it. Made-up employers only.

use postings::import::Format;
use postings::{PayBand, PostingStatus};
use serde_json::{Value, json};
use store::on_both;
use taxonomy::{EmploymentType, Workplace};

use crate::boards::with;
use crate::support::{Importer, counts};

/// Imports a document twice: nothing changes the second time, and nothing is closed by one that shows less.
fn twice(importer: &Importer<'_>, document: &Value, fewer: &Value, expected: [u64; 5]) {
    let bytes = |document: &Value| importer.bytes(document.to_string().as_bytes());
    assert_eq!(counts(&bytes(document)), expected);
    assert_eq!(counts(&bytes(document)), [0, 0, expected[0], 0, expected[4]]);
    assert_eq!(bytes(fewer).closed, 0, "it is a page of several");
}

fn importer(db: &store::Db, format: Format) -> Importer<'_> {
    let mut importer = Importer::for_employer(db, "acme-compute");
    importer.options.format = format;
    importer
}

on_both! {
    fn smartrecruiters_lists_have_no_texts_and_a_single_posting_has(db) {
        let importer = importer(db, Format::Smartrecruiters);
        let row = json!({"id": "744", "name": "Failure Analysis Technician ", "company": {"identifier": "Acme", "name": "Acme Compute"},
            "releasedDate": "2026-08-17T07:35:02.787Z", "ref": "https://api.smartrecruiters.example/744", "visibility": "PUBLIC",
            "location": {"city": "Austin", "region": "TX", "country": "us", "remote": false, "hybrid": true, "fullLocation": "Austin, TX, United States"},
            "typeOfEmployment": {"id": "permanent", "label": "Full-time"}, "department": {}});
        let inside = with(row.clone(), json!({"id": "745", "visibility": "INTERNAL"}));
        let list = |rows: &[Value]| json!({"offset": 0, "limit": 100, "totalFound": 359, "content": rows});
        twice(&importer, &list(&[row.clone(), inside]), &list(&[]), [1, 0, 0, 0, 1]);
        let posting = importer.posting("smartrecruiters", "744");
        let said = posting.content();
        assert_eq!((said.title.as_str(), said.workplace, said.employment_type), ("Failure Analysis Technician", Some(Workplace::Hybrid), Some(EmploymentType::FullTime)));
        assert_eq!((said.locations[0].label(), said.apply.is_none()), ("Austin, TX, US".to_owned(), true), "ref is for programs");
        let sections = json!({"sections": {"jobDescription": {"text": "<p>Find what broke.</p>"}, "qualifications": {"text": "<p>Patience.</p>"}}});
        let whole = with(row.clone(), json!({"jobAd": sections, "applyUrl": "https://acme.example/apply/744"}));
        assert_eq!(counts(&importer.bytes(whole.to_string().as_bytes())), [0, 1, 0, 0, 0]);
        importer.bytes(list(&[row]).to_string().as_bytes());
        let posting = importer.posting("smartrecruiters", "744");
        assert_eq!(posting.content().description_text, "Find what broke.\n\nPatience.", "a list takes no text away");
    }

    fn recruitee_s_flags_texts_for_numbers_and_times_are_read(db) {
        let importer = importer(db, Format::Recruitee);
        let offer = json!({"id": 27, "title": "DFT Engineer", "company_name": "Acme", "status": "published", "remote": false, "hybrid": true, "on_site": false,
            "published_at": "2026-08-05 10:10:39 UTC", "close_at": null, "employment_type_code": "fulltime_permanent", "location": "Berlin, Berlin, Germany",
            "locations": [{"city": "Berlin", "state_code": "BE", "country_code": "DE"}], "salary": {"min": "60000", "max": "75000", "period": "year", "currency": "EUR"},
            "description": "<p>Scan chains.</p>", "requirements": "<p>Patience.</p>", "careers_apply_url": "https://acme.example/o/dft/c/new"});
        let open = with(offer.clone(), json!({"id": 28, "on_site": true, "salary": {"min": "0", "max": null, "period": null, "currency": null}, "locations": []}));
        let draft = with(offer.clone(), json!({"id": 29, "status": "draft"}));
        twice(&importer, &json!({"offers": [offer, open, draft]}), &json!({"offers": []}), [2, 0, 0, 0, 1]);
        let posting = importer.posting("recruitee", "27");
        let said = posting.content();
        assert_eq!((said.workplace, said.employment_type), (Some(Workplace::Hybrid), Some(EmploymentType::FullTime)));
        let base = said.pay.as_ref().and_then(|pay| pay.base.as_ref()).map(PayBand::label);
        assert_eq!(base.as_deref(), Some("EUR 60,000 – 75,000 a year"));
        assert_eq!(posting.row.published_at.unwrap().to_string(), "2026-08-05T10:10:39Z");
        assert_eq!(said.description_text, "Scan chains.\n\nPatience.");
        assert!(said.locations[0].label().starts_with("Berlin"), "{:?}", said.locations);
        let other = importer.posting("recruitee", "28");
        assert_eq!((other.content().workplace, other.content().pay.clone()), (None, None), "two flags leave it open");
    }

    fn workday_names_a_requisition_twice_and_says_how_many_places_there_are(db) {
        let importer = importer(db, Format::Workday);
        let row = |id: &str, place: &str, path: &str| json!({"title": "Reliability Engineer", "externalPath": format!("/job/{path}/Reliability-Engineer_{id}"),
            "locationsText": place, "postedOn": "Posted Today", "bulletFields": ["JR1"]});
        let rows = [row("JR1", "US, CA, Santa Clara", "x"), row("JR1-1", "2 Locations", "US-CA-Santa-Clara"), row("JR2", "3 Locations", "Somewhere-Else-Entirely"), json!({"title": "Nameless"})];
        twice(&importer, &json!({"total": 2000, "jobPostings": rows}), &json!({"total": 0, "jobPostings": []}), [3, 0, 0, 0, 1]);
        for id in ["JR1", "JR1-1"] {
            assert_eq!(importer.posting("workday", id).content().locations[0].label(), "Santa Clara, CA, US", "{id}");
        }
        let other = importer.posting("workday", "JR2");
        assert!(other.content().locations.is_empty(), "what we do not know we do not say");
        assert_eq!((other.row.status, other.row.published_at), (PostingStatus::Published, Some(importer.now)), "today is no date");
    }

    fn a_json_feed_with_json_ld_in_it_is_read_like_a_page(db) {
        let importer = importer(db, Format::JsonLd);
        let item = |id: u32| json!({"id": format!("uuid-{id}"), "title": "RTL Engineer", "url": format!("https://career.acme.example/{id}"),
            "_jobposting": {"@context": "http://schema.org/", "@type": "JobPosting", "title": "RTL Engineer", "identifier": {"@type": "PropertyValue", "name": "Acme", "value": id},
                "datePosted": "2026-02-04T09:26:20+01:00", "jobLocation": [{"@type": "Place", "address": {"@type": "PostalAddress", "addressLocality": "Madrid", "addressCountry": "ES"}}]}});
        let feed = json!({"version": "https://jsonfeed.org/version/1.1", "title": "Acme", "items": [item(1), item(2)]});
        twice(&importer, &feed, &json!({"items": [item(1)]}), [2, 0, 0, 0, 0]);
    }

    fn what_is_no_such_answer_changes_nothing(db) {
        for format in [Format::Smartrecruiters, Format::Recruitee, Format::Workday] {
            let importer = importer(db, format);
            for broken in ["", "[]", "{\"error\": \"throttled\"}", "{\"content\": {}}", "<html>"] {
                let outcome = postings::import::run(db, broken.as_bytes(), &importer.options, &importer.random, importer.now, &mut |_| {});
                assert!(outcome.is_err(), "{format} {broken}");
            }
        }
    }
}
