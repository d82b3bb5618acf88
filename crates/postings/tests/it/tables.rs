//! Tables: as spreadsheets write them, with columns that are confirmed.

use postings::import::{self, Format, ImportError, Mapping, TableError, propose};
use store::on_both;

use crate::support::{Importer, counts};

fn table(db: &store::Db) -> Importer<'_> {
    let mut importer = Importer::for_employer(db, "acme-compute");
    importer.options.format = Format::Csv;
    importer
}

fn mapping(pairs: &[(&str, &str)]) -> Mapping {
    Mapping(
        pairs
            .iter()
            .map(|(column, field)| ((*column).to_owned(), (*field).to_owned()))
            .collect(),
    )
}

/// Row, column and code of what was rejected.
fn mistakes(summary: &import::Summary) -> Vec<(u64, Option<&str>, &str)> {
    summary
        .rejections
        .iter()
        .map(|r| (r.line, r.column.as_deref(), r.code.as_str()))
        .collect()
}

const WISHES: &str = "\u{feff}Job Title;Ref;Ort;Min Salary;Max Salary;Currency;Date Posted;Remote?;Notes\r\n\
    \"RTL Engineer; \"\"HBM\"\"\";R-1;Zürich;120'000;150'000;CHF;23.11.2026;no;\r\n\
    \"Liquid cooling\r\ntechnician\";R-2;Berlin;;;;;ja;two lines\r\n";

/// Found by damaged tables: what was proposed for two columns that claim one field was refused by the import.
#[test]
fn two_columns_that_claim_one_field_leave_a_doubt() {
    let both = "title,source_id,location&,location\nRTL Engineer,1,Austin,Zürich\n";
    let proposal = propose(both.as_bytes()).unwrap();
    let fields: Vec<_> = proposal
        .columns
        .iter()
        .map(|column| column.field.as_deref())
        .collect();
    assert_eq!(fields, [Some("title"), Some("source_id"), Some("location"), None]);
    assert!(!proposal.is_certain(), "nobody said which of them it is");
    import::check_table(both.as_bytes(), Some(&proposal.mapping)).unwrap();
    let same = propose(b"title,source_id,location,location\nRTL Engineer,1,Austin,\n").unwrap();
    assert!(!same.is_certain());
}

#[test]
fn columns_are_proposed_with_what_leaves_doubts() {
    let proposal = propose(WISHES.as_bytes()).unwrap();
    assert_eq!(
        (proposal.encoding.as_str(), proposal.delimiter, proposal.rows),
        ("UTF-8", ';', 2)
    );
    let seen: Vec<_> = proposal
        .columns
        .iter()
        .map(|c| (c.column.as_str(), c.field.as_deref(), c.is_certain))
        .collect();
    assert_eq!(
        seen,
        [
            ("Job Title", Some("title"), false),
            ("Ref", Some("source_id"), false),
            ("Ort", Some("location"), false),
            ("Min Salary", Some("pay_min"), false),
            ("Max Salary", Some("pay_max"), false),
            ("Currency", Some("pay_currency"), false),
            ("Date Posted", Some("posted_at"), false),
            ("Remote?", Some("remote"), true),
            ("Notes", None, false),
        ]
    );
    assert_eq!(
        proposal.columns[0].samples,
        ["RTL Engineer; \"HBM\"", "Liquid cooling\r\ntechnician"]
    );
    assert!(proposal.missing.is_empty() && !proposal.is_certain());
    let bare = propose(b"Gehalt,Notes\n1,2\n").unwrap();
    assert_eq!(bare.missing, ["title", "source_id"]);
    assert!(matches!(propose(b""), Err(TableError::Empty)));
    let two = propose(b"position,title,url\n").unwrap();
    assert_eq!(
        two.columns[0].field, None,
        "a column that is named so comes before one that may be meant"
    );
}

on_both! {
    fn a_table_is_imported_once_its_columns_are_confirmed(db) {
        let mut importer = table(db);
        let refused = import::run(db, WISHES.as_bytes(), &importer.options, &importer.random, importer.now, &mut |_| {});
        let Err(ImportError::Table(TableError::Unconfirmed(proposal))) = refused else { panic!("{refused:?}") };
        assert!(importer.find("import:acme-compute", "R-1").is_none());
        importer.options.mapping = Some(proposal.mapping);
        assert_eq!(counts(&importer.bytes(WISHES.as_bytes())), [2, 0, 0, 0, 0]);
        assert_eq!(counts(&importer.bytes(WISHES.as_bytes())), [0, 0, 2, 0, 0]);
        let posting = importer.posting("import:acme-compute", "R-1");
        let said = &posting.row.content.0;
        assert_eq!((said.title.as_str(), said.locations[0].country.as_deref()), ("RTL Engineer; \"HBM\"", Some("CH")));
        assert_eq!(said.pay.as_ref().unwrap().base.as_ref().unwrap().label(), "CHF 120,000 – 150,000 a year");
        assert_eq!(posting.row.published_at, Some("2026-11-23T00:00:00Z".parse().unwrap()));
        assert_eq!(importer.posting("import:acme-compute", "R-2").row.content.0.title, "Liquid cooling technician");
    }

    fn columns_named_like_fields_need_no_confirmation(db) {
        let importer = table(db);
        let text = "Title,source_id,company,location,description,skills\n\
            RTL Engineer,1,Acme Compute,\"Austin, TX\",<p>Own <b>timing</b>.</p>,\"SystemVerilog, UVM\"\n\n,,,,,\n\
            DFT Engineer,2,Acme Compute,Boston\n";
        assert_eq!(counts(&importer.bytes(text.as_bytes())), [2, 0, 0, 0, 0]);
        let said = importer.posting("import:acme-compute", "1").row.content.0;
        assert_eq!((said.description_html.as_str(), said.skills.len()), ("<p>Own <b>timing</b>.</p>", 2));
        let latin: Vec<u8> = "title,source_id,location\nIngénieur,3,Zürich\n".chars().map(|c| c as u8).collect();
        assert_eq!(counts(&importer.bytes(&latin)), [1, 0, 0, 0, 0]);
        assert_eq!(importer.posting("import:acme-compute", "3").row.content.0.title, "Ingénieur");
    }

    fn a_mistake_names_its_row_and_its_column(db) {
        let mut importer = table(db);
        importer.options.mapping = Some(mapping(&[("Role", "title"), ("No", "source_id"), ("Pay from", "pay_min"), ("Money", "pay_currency"),
            ("Posted", "posted_at"), ("Land", "country"), ("Heads", "openings"), ("Own id", "external_id"), ("Mail", "apply_email")]));
        let long = "x".repeat(201);
        let text = format!("Role,No,Pay from,Money,Posted,Land,Heads,Own id,Mail\n\
            \"Two\nlines\",1,,,,,,,\n\
            A,2,plenty,USD,,,,,\n\
            A,3,120000,,,,,,\n\
            A,4,,,11/12/2026,,,,\n\
            A,5,,,,Atlantis,,,\n\
            A,6,,,,,many,,\n\
            ,7,,,,,,,\n\
            A,8,,,,,,,,surplus\n\
            A,9,,,,,,{long},\n\
            A,10,,,,,,,nobody\n\
            A,11,120k,usd,2026-11-01,germany,2,,\n");
        let summary = importer.bytes(text.as_bytes());
        assert_eq!(counts(&summary), [2, 0, 0, 0, 9]);
        assert_eq!(mistakes(&summary), [
            (4, Some("Pay from"), "value_invalid"), (5, Some("Pay from"), "value_missing"), (6, Some("Posted"), "value_invalid"),
            (7, Some("Land"), "value_invalid"), (8, Some("Heads"), "value_invalid"), (9, Some("Role"), "title_missing"),
            (10, None, "columns_mismatch"), (11, Some("Own id"), "value_too_long"), (12, Some("Mail"), "email_invalid"),
        ]);
    }

    fn a_mapping_that_does_not_fit_changes_nothing(db) {
        let mut importer = table(db);
        let text = "a,b,c\nRTL Engineer,1,2\n";
        let wrong = [
            mapping(&[("a", "title"), ("z", "source_id")]), mapping(&[("a", "title"), ("b", "magic")]),
            mapping(&[("a", "title"), ("b", "title"), ("c", "source_id")]), mapping(&[("a", "title")]), mapping(&[]),
        ];
        for mapping in wrong {
            importer.options.mapping = Some(mapping);
            let refused = import::run(db, text.as_bytes(), &importer.options, &importer.random, importer.now, &mut |_| {});
            assert!(matches!(refused, Err(ImportError::Table(TableError::Mapping(_)))), "{refused:?}");
        }
        assert!(importer.find("import:acme-compute", "1").is_none());
    }
}
