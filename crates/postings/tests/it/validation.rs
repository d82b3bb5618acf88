//! From what was written to what is kept.

use postings::{Location, PostingInput, validate};
use serde_json::{Value, json};
use taxonomy::Provenance;

use crate::support::{content_of, expected, mistakes, posting_with};

fn code(fields: Value) -> (String, String) {
    let found = mistakes(fields.clone());
    assert_eq!(found.len(), 1, "{fields} gives {found:?}");
    found.into_iter().next().unwrap()
}

fn pair(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let found = mistakes(json!({
        "title": " ", "description": "x".repeat(100_001), "specialties": ["rtl_desing"], "skills": ["rust", "verylog"],
        "locations": [{"city": "Austin", "country": "XX"}, {"latitude": 1.0}, {"city": "Berlin", "latitude": 91.0, "longitude": 0.0}, {}],
        "remote_from": ["US", "Atlantis"], "openings": 0,
        "pay": {
            "base": {"min": 2, "max": 1, "currency": "USD", "period": "hour"},
            "ranges": [{"min": 1, "currency": "USD", "period": "year"}, {"currency": "USD", "period": "year"}],
        },
        "hardware": {"rack_power_kw": -1.0, "accelerators": ["a\u{7}"]},
        "work_pattern": {"travel_percent": 101, "site_days_per_week": 8},
        "apply": {"url": "javascript:alert(1)", "email": "nobody"}, "external_id": "x".repeat(201),
    }));
    let wanted = expected(&[
        ("/title", "value_missing"),
        ("/description", "value_too_long"),
        ("/specialties/0", "specialty_unknown"),
        ("/skills/1", "skill_unknown"),
        ("/locations/0/country", "country_unknown"),
        ("/locations/1/latitude", "coordinates_invalid"),
        ("/locations/2/latitude", "coordinates_invalid"),
        ("/locations/3", "value_missing"),
        ("/remote_from/1", "country_unknown"),
        ("/pay/base/min", "range_reversed"),
        ("/pay/ranges/1/min", "value_missing"),
        ("/apply/url", "url_invalid"),
        ("/apply/email", "email_invalid"),
        ("/openings", "number_out_of_range"),
        ("/work_pattern/travel_percent", "number_out_of_range"),
        ("/work_pattern/site_days_per_week", "number_out_of_range"),
        ("/hardware/rack_power_kw", "number_out_of_range"),
        ("/hardware/accelerators/0", "characters_not_allowed"),
        ("/external_id", "value_too_long"),
    ]);
    assert_eq!(found, wanted);
}

#[test]
fn every_limit_has_its_place_and_code() {
    let many = |n: usize| vec!["cloud"; n];
    assert_eq!(code(json!({"title": null})), pair("/title", "value_missing"));
    assert_eq!(
        code(json!({"title": "x".repeat(201)})),
        pair("/title", "value_too_long")
    );
    assert_eq!(
        code(json!({"openings": 2, "filled": 3})),
        pair("/filled", "number_out_of_range")
    );
    assert_eq!(
        code(json!({"openings": 100_001})),
        pair("/openings", "number_out_of_range")
    );
    assert_eq!(
        code(json!({"benefits": many(101)})),
        pair("/benefits", "list_too_long")
    );
    assert_eq!(
        code(json!({"benefits": ["x".repeat(501)]})),
        pair("/benefits/0", "value_too_long")
    );
    assert_eq!(
        code(json!({"skills": vec!["rust"; 101]})),
        pair("/skills", "list_too_long")
    );
    assert_eq!(
        code(json!({"locations": vec![json!({"city": "Austin"}); 101]})),
        pair("/locations", "list_too_long")
    );
    assert_eq!(
        code(json!({"remote_from": vec!["US"; 101]})),
        pair("/remote_from", "list_too_long")
    );
    assert_eq!(
        code(json!({"locations": [{"city": "x".repeat(101)}]})),
        pair("/locations/0/city", "value_too_long")
    );
    assert_eq!(
        code(json!({"locations": [{"city": "Austin", "longitude": 181.0, "latitude": 0.0}]})),
        pair("/locations/0/latitude", "coordinates_invalid")
    );
    assert_eq!(
        code(json!({"process": {"stages": ["x".repeat(501)]}})),
        pair("/process/stages/0", "value_too_long")
    );
    assert_eq!(
        code(json!({"hardware": {"process_node": "x".repeat(101)}})),
        pair("/hardware/process_node", "value_too_long")
    );
    assert_eq!(
        code(json!({"hardware": {"fleet_size": "x".repeat(201)}})),
        pair("/hardware/fleet_size", "value_too_long")
    );
    assert_eq!(
        code(json!({"pay": {"equity": {"kind": "rsu", "note": "x".repeat(501)}}})),
        pair("/pay/equity/note", "value_too_long")
    );
    let band = json!({"min": 1, "currency": "USD", "period": "year"});
    assert_eq!(
        code(json!({"pay": {"ranges": vec![band; 101]}})),
        pair("/pay/ranges", "list_too_long")
    );
    content_of(
        json!({"title": "ü".repeat(200), "description": "x".repeat(100_000), "benefits": many(100), "openings": 100_000}),
    );
}

#[test]
fn characters_that_disguise_text_are_refused_in_every_line() {
    for bad in ["\u{0}", "\u{1b}", "\u{202e}", "\u{2066}", "\u{feff}"] {
        let text = format!("a{bad}b");
        let fields = [
            ("/title", json!({"title": text})),
            ("/benefits/0", json!({"benefits": [text]})),
            ("/locations/0/city", json!({"locations": [{"city": text}]})),
            ("/external_id", json!({"external_id": text})),
            (
                "/work_pattern/shift_pattern",
                json!({"work_pattern": {"shift_pattern": text}}),
            ),
            (
                "/work_pattern/physical_demands",
                json!({"work_pattern": {"physical_demands": text}}),
            ),
            ("/hardware/cooling/0", json!({"hardware": {"cooling": [text]}})),
            (
                "/pay/equity/note",
                json!({"pay": {"equity": {"kind": "other", "note": text}}}),
            ),
            (
                "/pay/base/applies_to",
                json!({"pay": {"base": {"min": 1, "currency": "USD", "period": "year", "applies_to": text}}}),
            ),
        ];
        for (pointer, fields) in fields {
            let found = mistakes(fields);
            assert_eq!(found[0], pair(pointer, "characters_not_allowed"), "{bad:?}");
            assert!(
                !found
                    .iter()
                    .any(|(at, code)| at == pointer && code == "value_missing"),
                "one mistake is one error"
            );
        }
        assert_eq!(
            code(json!({"apply": {"url": format!("https://acme.example/{bad}")}})),
            pair("/apply/url", "url_invalid")
        );
    }
    let content = content_of(json!({"title": " Staff\tRTL \n Engineer ", "benefits": ["  a  b ", " "]}));
    assert_eq!(
        (content.title.as_str(), content.benefits),
        ("Staff RTL Engineer", vec!["a b".to_owned()])
    );
    assert_eq!(
        content_of(json!({"title": "芯片工程师 (مهندس)"})).title,
        "芯片工程师 (مهندس)"
    );
}

#[test]
fn unknown_words_come_with_a_suggestion() {
    let input: PostingInput =
        serde_json::from_value(posting_with(json!({"skills": ["sistemverilog", "qqqqqqqqqqqq"]}))).unwrap();
    let errors = validate(input).unwrap_err();
    assert!(
        errors[0].detail.contains("did you mean \"systemverilog\"?"),
        "{}",
        errors[0].detail
    );
    assert!(!errors[1].detail.contains("did you mean"), "{}", errors[1].detail);
}

#[test]
fn synonyms_and_labels_become_ids_and_each_stands_once() {
    let content = content_of(
        json!({"skills": ["K8s", "kubernetes", "SystemVerilog", "Kubernetes"], "specialties": ["RTL design", "DV"]}),
    );
    assert_eq!(content.skills, ["kubernetes", "systemverilog"]);
    assert_eq!(content.specialties, ["rtl_design", "verification"]);
    assert_eq!(content.provenance["skills"], Provenance::Stated);
}

#[test]
fn places_are_completed_from_the_gazetteer() {
    let content = content_of(json!({"locations": [
        {"city": "Austin", "region": "TX", "country": "us"}, {"city": "Berlin"},
        {"city": "Austin", "latitude": 1.5, "longitude": 2.5}, {"country": "DE"}, {"city": "Nowhereville", "country": "US"},
    ]}));
    let near = |place: &Location, lat: f64, lon: f64| {
        (place.latitude.unwrap() - lat).abs() < 0.2 && (place.longitude.unwrap() - lon).abs() < 0.2
    };
    let places = &content.locations;
    assert!(near(&places[0], 30.27, -97.74) && places[0].country.as_deref() == Some("US"));
    assert!(
        near(&places[1], 52.52, 13.4) && places[1].country.as_deref() == Some("DE"),
        "{:?}",
        places[1]
    );
    assert_eq!(
        (places[2].latitude, places[2].longitude),
        (Some(1.5), Some(2.5)),
        "given coordinates stay"
    );
    assert_eq!(places[3].city, None);
    assert_eq!(
        (&places[4].city, places[4].latitude),
        (&Some("Nowhereville".to_owned()), None)
    );
}

#[test]
fn a_place_of_the_same_name_elsewhere_lends_no_coordinates() {
    let content = content_of(json!({"locations": [
        {"city": "Austin", "region": "TX", "country": "DE"}, {"city": "Paris", "region": "TX", "country": "US"},
        {"city": "Portland", "region": "Maine", "country": "US"},
    ]}));
    assert_eq!(content.locations[0].latitude, None, "{:?}", content.locations[0]);
    if let Some(latitude) = content.locations[1].latitude {
        assert!((latitude - 33.66).abs() < 0.5, "Paris, Texas is not in France");
    }
    if let Some(latitude) = content.locations[2].latitude {
        assert!(
            (latitude - 43.66).abs() < 0.5,
            "Portland, Maine: {:?}",
            content.locations[2]
        );
    }
}

#[test]
fn pay_is_kept_as_the_employer_wrote_it() {
    let band = json!({"min": 48.25, "max": 60, "currency": "USD", "period": "hour"});
    let content = content_of(
        json!({"pay": {"base": band, "total": {"max": 200_000, "currency": "EUR", "period": "year"}}}),
    );
    let pay = content.pay.unwrap();
    assert_eq!(serde_json::to_value(&pay.base).unwrap()["min"], json!(48.25));
    assert_eq!(pay.yearly_usd(), Some(124_800), "60 × 2080");
    let total_only = content_of(json!({"pay": {"total": {"min": 100, "currency": "USD", "period": "day"}}}));
    assert_eq!(total_only.pay.unwrap().yearly_usd(), Some(26_000));
    let ranges = json!([{"max": 10, "currency": "USD", "period": "year"}, {"min": 30, "currency": "USD", "period": "year", "applies_to": " NYC "}]);
    let pay = content_of(json!({"pay": {"ranges": ranges}})).pay.unwrap();
    assert_eq!(
        (pay.yearly_usd(), pay.ranges[1].applies_to.as_deref()),
        (Some(30), Some("NYC"))
    );
    for wrong in [
        json!({"base": {"min": -1, "currency": "USD", "period": "year"}}),
        json!({"base": {"min": 1, "currency": "XXX", "period": "year"}}),
        json!({"base": {"min": 1, "currency": "USD", "period": "fortnight"}}),
        json!({"base": {"min": 1e13, "currency": "USD", "period": "year"}}),
        json!({"bass": {}}),
    ] {
        let parsed = serde_json::from_value::<PostingInput>(posting_with(json!({"pay": wrong})));
        assert!(parsed.is_err(), "{wrong}");
    }
}

#[test]
fn pay_is_said_in_words() {
    let label = |band: Value| serde_json::from_value::<postings::PayBand>(band).unwrap().label();
    assert_eq!(
        label(json!({"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"})),
        "USD 210,000 – 290,000 a year"
    );
    assert_eq!(
        label(json!({"min": 48.5, "currency": "EUR", "period": "hour"})),
        "EUR from 48.50 an hour"
    );
    assert_eq!(
        label(json!({"max": 999, "currency": "EUR", "period": "day"})),
        "EUR up to 999 a day"
    );
    assert_eq!(
        label(json!({"min": 1000, "max": 1000, "currency": "EUR", "period": "month"})),
        "EUR 1,000 a month"
    );
}

#[test]
fn what_is_not_stated_is_recognised_and_marked_so() {
    let text = "We write SystemVerilog on site. The base salary range is $210,000 - $290,000 per year.";
    let content = content_of(json!({"description": text, "workplace": "hybrid"}));
    let provenance = |field: &str| content.provenance.get(field).copied();
    assert_eq!(provenance("workplace"), Some(Provenance::Stated));
    for field in ["discipline", "specialties", "skills", "seniority", "pay"] {
        assert_eq!(provenance(field), Some(Provenance::Inferred), "{field}");
    }
    assert_eq!(
        (provenance("locations"), provenance("environment")),
        (None, None),
        "nothing is claimed about what is not there"
    );
    assert!(content.skills.contains(&"systemverilog".to_owned()));
    assert_eq!(content.pay.unwrap().yearly_usd(), Some(290_000));
}

#[test]
fn apply_takes_a_page_or_a_mailbox() {
    for url in ["https://acme.example/apply?a=1", "http://acme.example"] {
        content_of(json!({"apply": {"url": url}}));
    }
    for url in [
        "acme.example",
        "/apply",
        "ftp://acme.example",
        "mailto:x@acme.example",
        "data:text/html,x",
        "https://",
        "",
    ] {
        assert_eq!(
            code(json!({"apply": {"url": url}})),
            pair("/apply/url", "url_invalid"),
            "{url}"
        );
    }
    for email in ["", "a@b@c", "a\n@b.example", "Bob <bob@acme.example>"] {
        assert_eq!(
            code(json!({"apply": {"email": email}})),
            pair("/apply/email", "email_invalid"),
            "{email}"
        );
    }
    assert_eq!(content_of(json!({"apply": {}})).apply, None);
}

#[test]
fn a_posting_survives_the_way_through_json() {
    let content = content_of(json!({
        "discipline": "none", "seniority": "staff", "eligibility": {"us_person": "required"}, "environment": ["edge"],
        "pay": {"base": {"min": 1.5, "currency": "USD", "period": "hour"}}, "work_pattern": {"on_call": true},
    }));
    let text = serde_json::to_string(&content).unwrap();
    assert_eq!(
        serde_json::from_str::<postings::PostingContent>(&text).unwrap(),
        content
    );
    assert!(text.contains(r#""discipline":"none""#));
}
