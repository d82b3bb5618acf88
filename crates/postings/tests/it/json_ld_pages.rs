//! Pages with schema.org's JobPosting in them, as sites write them.

use postings::import::Format;
use postings::{Posting, PostingStatus};
use serde_json::{Value, json};
use store::{Db, on_both};
use taxonomy::{PayPeriod, Workplace};

use crate::support::{Importer, counts};

fn importer(db: &Db) -> Importer<'_> {
    let mut importer = Importer::for_employer(db, "acme-compute");
    importer.options.format = Format::JsonLd;
    importer
}

/// What a careful site writes.
fn careful() -> Value {
    json!({
        "@context": "https://schema.org/", "@type": "JobPosting",
        "title": "Staff RTL Design Engineer",
        "description": "<p>Own the memory subsystem in <b>SystemVerilog</b>.</p>",
        "identifier": {"@type": "PropertyValue", "name": "Acme Compute", "value": "R-1001"},
        "datePosted": "2026-11-01", "validThrough": "2026-12-31",
        "employmentType": ["FULL_TIME", "CONTRACTOR"],
        "hiringOrganization": {"@type": "Organization", "name": "Acme Compute", "sameAs": "https://acme.example"},
        "jobLocation": [
            {"@type": "Place", "address": {"@type": "PostalAddress", "addressLocality": "Austin", "addressRegion": "TX", "addressCountry": "US"}},
            {"@type": "Place", "address": {"@type": "PostalAddress", "addressLocality": "Zurich", "addressCountry": {"@type": "Country", "name": "CH"}}}
        ],
        "baseSalary": {"@type": "MonetaryAmount", "currency": "USD",
            "value": {"@type": "QuantitativeValue", "minValue": 210_000, "maxValue": 290_000, "unitText": "YEAR"}},
        "totalJobOpenings": "4", "url": "https://acme.example/careers/1001"
    })
}

fn with(fields: Value) -> Value {
    let mut all = careful();
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn page(blocks: &[String]) -> String {
    let blocks = blocks
        .iter()
        .map(|block| format!("<SCRIPT data-x='1' type='application/ld+json'>{block}</SCRIPT>\n"))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<!doctype html><html><head><script>var a = '{{\"@type\": \"JobPosting\"}}';</script>{blocks}</head><body>Join us</body></html>"
    )
}

/// The posting of a document that holds only this one.
fn imported(importer: &Importer<'_>, document: &Value) -> Posting {
    let summary = importer.bytes(document.to_string().as_bytes());
    assert_eq!(summary.rejected, 0, "{:?}", summary.rejections);
    let id = document["identifier"]["value"]
        .as_str()
        .or(document["identifier"].as_str())
        .unwrap()
        .to_owned();
    importer.posting("import:acme-compute", &id)
}

fn base(posting: &Posting) -> Option<(f64, f64, String, PayPeriod)> {
    let base = posting.content().pay.as_ref()?.base.as_ref()?;
    let sum =
        |amount: Option<taxonomy::Amount>| amount.map_or(0.0, |amount| amount.hundredths() as f64 / 100.0);
    Some((
        sum(base.min),
        sum(base.max),
        base.currency.to_string(),
        base.period,
    ))
}

on_both! {
    fn a_page_is_imported_once_and_a_second_time_changes_nothing(db) {
        let importer = importer(db);
        let page = page(&[careful().to_string()]);
        assert_eq!(counts(&importer.bytes(page.as_bytes())), [1, 0, 0, 0, 0]);
        assert_eq!(counts(&importer.bytes(page.as_bytes())), [0, 0, 1, 0, 0]);
        let posting = importer.posting("import:acme-compute", "R-1001");
        let content = posting.content();
        assert_eq!((content.title.as_str(), posting.row.status, content.openings), ("Staff RTL Design Engineer", PostingStatus::Published, 4));
        let places: Vec<String> = content.locations.iter().map(postings::Location::label).collect();
        assert_eq!(content.locations.len(), 2, "{places:?}");
        assert!(places[0].contains("Austin") && content.locations[1].country.as_deref() == Some("CH"), "{places:?}");
        assert_eq!(base(&posting), Some((210_000.0, 290_000.0, "USD".to_owned(), PayPeriod::Year)));
        assert_eq!(content.apply.as_ref().unwrap().url.as_deref(), Some("https://acme.example/careers/1001"));
        assert!(content.description_html.contains("<b>") || content.description_html.contains("<strong>"), "{}", content.description_html);
        assert_eq!(posting.row.published_at.unwrap().to_string(), "2026-11-01T00:00:00Z");
        assert_eq!(posting.row.expires_at.unwrap().to_string(), "2026-12-31T23:59:59Z", "a day stands for its end");
    }

    fn all_ways_of_writing_more_than_one_are_read(db) {
        let numbered = |n: u32| with(json!({"identifier": format!("R-{n}"), "title": format!("Engineer {n}")}));
        let blocks = [
            json!([numbered(1), numbered(2)]).to_string(),
            json!({"@context": "https://schema.org", "@graph": [{"@type": "Organization", "name": "Acme"}, numbered(3)]}).to_string(),
            json!({"@type": "WebPage", "mainEntity": with(json!({"@type": ["Thing", "https://schema.org/JobPosting"], "identifier": 4, "title": "Engineer 4"}))}).to_string(),
            format!("<!-- //<![CDATA[\n{}\n//]]> -->", numbered(5)),
            json!({"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": numbered(6)}]}).to_string(),
            "{\"@type\": \"JobPosting\", \"title\": \"Broken".to_owned(),
            json!({"@type": "BreadcrumbList"}).to_string(),
        ];
        let importer = importer(db);
        let summary = importer.bytes(page(&blocks).as_bytes());
        assert_eq!(counts(&summary), [6, 0, 0, 0, 1]);
        assert_eq!(summary.rejections[0].code, "json_malformed");
        for n in 1..=6 {
            let id = if n == 4 { "4".to_owned() } else { format!("R-{n}") };
            assert_eq!(importer.posting("import:acme-compute", &id).content().title, format!("Engineer {n}"));
        }
    }

    fn pay_is_read_in_all_its_forms_and_never_made_up(db) {
        let importer = importer(db);
        let quantity = |fields: Value| json!({"@type": "MonetaryAmount", "currency": "USD", "value": fields});
        let cases = [
            (quantity(json!({"value": 95.5, "unitText": "HOUR"})), Some((95.5, 95.5, PayPeriod::Hour))),
            (quantity(json!({"value": "210,000", "unitText": "YEAR"})), Some((210_000.0, 210_000.0, PayPeriod::Year))),
            (quantity(json!({"minValue": "$90,000", "maxValue": "$120,000", "unitText": "ANNUAL"})), Some((90_000.0, 120_000.0, PayPeriod::Year))),
            (quantity(json!({"minValue": 8000, "unitText": "MONTH"})), Some((8000.0, 0.0, PayPeriod::Month))),
            (quantity(json!(180_000)), Some((180_000.0, 180_000.0, PayPeriod::Year))),
            (json!({"@type": "PriceSpecification", "priceCurrency": "USD", "minPrice": 150_000, "maxPrice": 160_000}), Some((150_000.0, 160_000.0, PayPeriod::Year))),
            (json!([quantity(json!({"value": 170_000, "unitText": "YEAR"}))]), Some((170_000.0, 170_000.0, PayPeriod::Year))),
            (quantity(json!({"value": 0, "unitText": "YEAR"})), None),
            (quantity(json!({"minValue": null, "maxValue": null, "unitText": "YEAR"})), None),
            (quantity(json!({"value": 5000})), None),
            (quantity(json!({"value": "competitive", "unitText": "YEAR"})), None),
            (json!({"@type": "MonetaryAmount", "value": {"value": 200_000, "unitText": "YEAR"}}), None),
            (Value::Null, None),
        ];
        for (n, (salary, expected)) in cases.into_iter().enumerate() {
            let guess = quantity(json!({"minValue": 1, "maxValue": 999_999, "unitText": "YEAR"}));
            let posting = imported(&importer, &with(json!({"identifier": format!("P-{n}"), "baseSalary": salary, "estimatedSalary": guess})));
            let found = base(&posting).map(|(min, max, _, period)| (min, max, period));
            assert_eq!(found, expected, "{salary}");
        }
        let of_all = imported(&importer, &with(json!({"identifier": "P-x", "baseSalary": 140_000, "salaryCurrency": "EUR"})));
        assert_eq!(base(&of_all), Some((140_000.0, 140_000.0, "EUR".to_owned(), PayPeriod::Year)));
        let words = imported(&importer, &with(json!({"identifier": "P-y", "baseSalary": "$150,000 - $170,000 per year"})));
        assert_eq!(base(&words), Some((150_000.0, 170_000.0, "USD".to_owned(), PayPeriod::Year)));
    }

    fn remote_work_reaches_as_far_as_the_page_says(db) {
        let importer = importer(db);
        let country = |name: &str| json!({"@type": "Country", "name": name});
        let remote = |n: u32, requirements: Value| with(json!({"identifier": format!("L-{n}"), "jobLocation": null,
            "jobLocationType": "TELECOMMUTE", "applicantLocationRequirements": requirements}));
        let cases = [
            (country("US"), vec!["US"]),
            (country("United States"), vec!["US"]),
            (json!([country("Switzerland"), country("DE")]), vec!["CH", "DE"]),
            (json!({"@type": "State", "name": "Texas"}), vec![]),
            (Value::Null, vec![]),
        ];
        for (n, (requirements, expected)) in cases.into_iter().enumerate() {
            let posting = imported(&importer, &remote(n as u32, requirements));
            assert_eq!(posting.content().workplace, Some(Workplace::Remote));
            let mut found = posting.content().remote_from.clone();
            found.sort();
            assert_eq!(found, expected);
        }
        let office = imported(&importer, &with(json!({"identifier": "L-x", "jobLocation": {"@type": "Place", "address": "Austin, TX"}})));
        assert_ne!(office.content().workplace, Some(Workplace::Remote));
        assert_eq!(office.content().locations[0].city.as_deref(), Some("Austin"));
    }

    fn what_is_over_or_hostile_or_no_posting_is_treated_as_such(db) {
        let importer = importer(db);
        let over = with(json!({"identifier": "O-1", "validThrough": "2026-11-22"}));
        importer.bytes(over.to_string().as_bytes());
        assert_ne!(importer.posting("import:acme-compute", "O-1").row.status, PostingStatus::Published, "it was over yesterday");
        let hostile = with(json!({"identifier": "O-2", "title": "Engineer &amp; Lead <img src=x onerror=alert(1)>",
            "description": "&lt;p&gt;Own timing.&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;", "url": "javascript:alert(1)"}));
        let posting = imported(&importer, &hostile);
        assert_eq!(posting.content().description_html.trim(), "<p>Own timing.</p>");
        assert!(posting.content().apply.is_none());
        let unnamed = importer.bytes(with(json!({"identifier": null, "url": null})).to_string().as_bytes());
        assert_eq!((unnamed.rejected, unnamed.rejections[0].code.as_str()), (1, "identity_missing"));
        for nothing in ["", "<html><body>404</body></html>", "{\"@type\": \"Organization\"}", "[]"] {
            let failed = postings::import::run(db, nothing.as_bytes(), &importer.options, &importer.random, importer.now, &mut |_| {});
            assert!(failed.is_err(), "{nothing}");
        }
        let mut deep = careful();
        for _ in 0..40 {
            deep = json!({"mainEntity": deep});
        }
        assert!(postings::import::run(db, deep.to_string().as_bytes(), &importer.options, &importer.random, importer.now, &mut |_| {}).is_err());
    }
}
