//! Each rule of pay transparency on both sides of each of its limits.

use crate::pay_law::{
    Coverage, Duty, Finding, Outcome, PayLaw, Said, SourceRead, Standing, Statement, Verdict, WorkPlace,
};
use crate::{Amount, PayPeriod, PayRange};

/// Rule, country, region, city, smallest employer, first day, duty, what must be said. What the file says is held against
/// this, so that a slip in one of them is seen.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u32,
    &'static str,
    Duty,
    &'static [Statement],
);

use Statement::{
    AiScreening, Benefits, Deadline, LocalExperience, OtherCompensation, Pay, RangeEnds, RangeWidth, Vacancy,
};

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("us_colorado", "US", "CO", "Denver", 1, "2021-01-01", Duty::InPosting, &[Pay, Benefits, OtherCompensation]),
    ("us_colorado_deadline", "US", "CO", "Denver", 1, "2024-01-01", Duty::InPosting, &[Deadline]),
    ("us_california", "US", "CA", "San Jose", 15, "2023-01-01", Duty::InPosting, &[Pay]),
    ("us_washington", "US", "WA", "Seattle", 15, "2023-01-01", Duty::InPosting, &[Pay, Benefits, OtherCompensation]),
    ("us_new_york", "US", "NY", "Albany", 4, "2023-09-17", Duty::InPosting, &[Pay]),
    ("us_hawaii", "US", "HI", "Honolulu", 50, "2024-01-01", Duty::InPosting, &[Pay]),
    ("us_district_of_columbia", "US", "DC", "Washington", 1, "2024-06-30", Duty::InPosting, &[Pay, RangeEnds]),
    ("us_maryland", "US", "MD", "Baltimore", 1, "2024-10-01", Duty::InPosting, &[Pay, Benefits, OtherCompensation]),
    ("us_illinois", "US", "IL", "Chicago", 15, "2025-01-01", Duty::InPosting, &[Pay, Benefits, OtherCompensation]),
    ("us_minnesota", "US", "MN", "Minneapolis", 30, "2025-01-01", Duty::InPosting, &[Pay, Benefits, OtherCompensation]),
    ("us_new_jersey", "US", "NJ", "Newark", 10, "2025-06-01", Duty::InPosting, &[Pay, Benefits, OtherCompensation]),
    ("us_vermont", "US", "VT", "Burlington", 5, "2025-07-01", Duty::InPosting, &[Pay, RangeEnds]),
    ("us_massachusetts", "US", "MA", "Boston", 25, "2025-10-29", Duty::InPosting, &[Pay]),
    ("us_maine", "US", "ME", "Portland", 10, "2026-01-01", Duty::InPosting, &[Pay]),
    ("us_delaware", "US", "DE", "Dover", 26, "2027-09-26", Duty::InPosting, &[Pay, Benefits]),
    ("us_new_york_city", "US", "NY", "Brooklyn", 4, "2022-11-01", Duty::InPosting, &[Pay, RangeEnds]),
    ("us_jersey_city", "US", "NJ", "Jersey City", 5, "2022-04-13", Duty::InPosting, &[Pay, Benefits]),
    ("us_cleveland", "US", "OH", "Cleveland", 15, "2025-10-27", Duty::InPosting, &[Pay]),
    ("us_connecticut", "US", "CT", "Hartford", 1, "2021-10-01", Duty::OnRequest, &[Pay]),
    ("us_nevada", "US", "NV", "Reno", 1, "2021-10-01", Duty::OnRequest, &[Pay]),
    ("us_rhode_island", "US", "RI", "Providence", 1, "2023-01-01", Duty::OnRequest, &[Pay]),
    ("ca_ontario", "CA", "ON", "Toronto", 25, "2026-01-01", Duty::InPosting, &[Pay, AiScreening, Vacancy, RangeWidth, LocalExperience]),
    ("ca_british_columbia", "CA", "BC", "Vancouver", 1, "2023-11-01", Duty::InPosting, &[Pay, RangeEnds]),
    ("ca_prince_edward_island", "CA", "PE", "Charlottetown", 1, "2022-06-01", Duty::InPosting, &[Pay]),
    ("eu", "DE", "", "Dresden", 1, "2026-06-07", Duty::BeforeInterview, &[Pay]),
];

fn at<'a>(row: &Row) -> Said<'a> {
    let text = |text: &'static str| Some(text).filter(|text| !text.is_empty());
    Said {
        places: vec![WorkPlace {
            city: text(row.3),
            region: text(row.2),
            country: text(row.1),
        }],
        employees: Some(row.4),
        day: row.5,
        ..Said::default()
    }
}

fn of(rule: &str, said: &Said<'_>) -> Option<Verdict> {
    PayLaw::bundled()
        .assess(said)
        .into_iter()
        .find(|verdict| verdict.rule == rule)
}

fn range(min: f64, max: f64, currency: &str, period: PayPeriod) -> PayRange {
    PayRange {
        min: Amount::from_f64(min).ok(),
        max: Amount::from_f64(max).ok(),
        currency: currency.parse().unwrap(),
        period,
    }
}

/// The day before, by the calendar.
fn day_before(day: &str) -> String {
    let parts: Vec<u32> = day.split('-').map(|part| part.parse().unwrap()).collect();
    let (year, month, day) = (parts[0], parts[1], parts[2]);
    let last = |month| match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 => 29,
        2 => 28,
        _ => 31,
    };
    match (month, day) {
        (1, 1) => format!("{}-12-31", year - 1),
        (month, 1) => format!("{year}-{:02}-{}", month - 1, last(month - 1)),
        (month, day) => format!("{year}-{month:02}-{:02}", day - 1),
    }
}

#[test]
fn every_rule_of_the_file_is_in_the_table_and_has_its_basis() {
    let law = PayLaw::from_toml(include_str!("../../../config/law/pay_transparency.toml")).unwrap();
    let ids: Vec<&str> = law.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, TABLE.iter().map(|row| row.0).collect::<Vec<_>>());
    for rule in &law.rules {
        assert!(
            rule.source.starts_with("https://") && !rule.law.is_empty(),
            "{}",
            rule.id
        );
        assert!(
            rule.compiled.len() == 10 && rule.compiled <= law.version,
            "{}",
            rule.id
        );
    }
    let read = |which| law.rules.iter().filter(|rule| rule.source_read == which).count();
    assert_eq!(
        (read(SourceRead::Page), read(SourceRead::Excerpt)),
        (1, 4),
        "nothing says that it was read which was not"
    );
}

#[test]
fn a_rule_holds_from_its_day_on_and_from_its_size_on() {
    for row in TABLE {
        let on_the_day = of(row.0, &at(row)).unwrap_or_else(|| panic!("{} holds on {}", row.0, row.5));
        assert_eq!(
            (on_the_day.covers, on_the_day.duty),
            (Coverage::Yes, row.6),
            "{}",
            row.0
        );
        let day = day_before(row.5);
        assert_eq!(
            of(row.0, &Said { day: &day, ..at(row) }),
            None,
            "{} on {day}",
            row.0
        );
        let too_small = of(
            row.0,
            &Said {
                employees: Some(row.4 - 1),
                ..at(row)
            },
        );
        assert_eq!(too_small, None, "{} with {} people", row.0, row.4 - 1);
        let unknown = of(
            row.0,
            &Said {
                employees: None,
                ..at(row)
            },
        )
        .unwrap();
        let expected = if row.4 <= 1 {
            Coverage::Yes
        } else {
            Coverage::Maybe
        };
        assert_eq!(unknown.covers, expected, "{} with an unknown size", row.0);
        assert!(
            row.4 <= 1 || unknown.outcome != Outcome::Missing,
            "{}: nobody is refused for what is not known",
            row.0
        );
        let elsewhere = vec![WorkPlace {
            city: Some("Austin"),
            region: Some("TX"),
            country: Some("US"),
        }];
        assert_eq!(
            of(
                row.0,
                &Said {
                    places: elsewhere,
                    ..at(row)
                }
            ),
            None,
            "{} in Texas",
            row.0
        );
    }
}

#[test]
fn a_rule_wants_what_its_law_wants() {
    for row in TABLE {
        let verdict = of(row.0, &at(row)).unwrap();
        let wanted: Vec<Statement> = verdict.findings.iter().map(|finding| finding.statement).collect();
        assert_eq!(wanted, row.7, "{}", row.0);
        let silent = match row.6 {
            Duty::InPosting => Outcome::Missing,
            Duty::BeforeInterview | Duty::OnRequest => Outcome::Advised,
        };
        assert_eq!(verdict.outcome, silent, "{} when nothing is said", row.0);
        let all = Said {
            pay: vec![range(
                90_000.0,
                120_000.0,
                if row.1 == "CA" { "CAD" } else { "USD" },
                PayPeriod::Year,
            )],
            has_benefits: true,
            has_other_compensation: true,
            has_deadline: true,
            ai_screening: Some(false),
            has_vacancy: true,
            ..at(row)
        };
        assert_eq!(
            of(row.0, &all).unwrap().outcome,
            Outcome::Met,
            "{} when all is said",
            row.0
        );
    }
}

#[test]
fn one_missing_statement_is_enough_and_only_what_there_may_not_be_is_advised() {
    let ontario = TABLE.iter().find(|row| row.0 == "ca_ontario").unwrap();
    let said = || Said {
        pay: vec![range(100_000.0, 150_000.0, "CAD", PayPeriod::Year)],
        ai_screening: Some(true),
        has_vacancy: true,
        ..at(ontario)
    };
    let outcome = |said: Said<'_>| of("ca_ontario", &said).unwrap().outcome;
    assert_eq!(outcome(said()), Outcome::Met);
    assert_eq!(
        outcome(Said {
            pay: Vec::new(),
            ..said()
        }),
        Outcome::Missing
    );
    assert_eq!(
        outcome(Said {
            has_vacancy: false,
            ..said()
        }),
        Outcome::Missing
    );
    assert_eq!(
        outcome(Said {
            asks_local_experience: true,
            ..said()
        }),
        Outcome::Missing
    );
    assert_eq!(
        outcome(Said {
            ai_screening: None,
            ..said()
        }),
        Outcome::Advised,
        "there may be none"
    );
    let colorado = TABLE.iter().find(|row| row.0 == "us_colorado").unwrap();
    let pay = vec![range(50.0, 60.0, "USD", PayPeriod::Hour)];
    let without_bonus = of(
        "us_colorado",
        &Said {
            pay,
            has_benefits: true,
            ..at(colorado)
        },
    )
    .unwrap();
    assert_eq!(without_bonus.outcome, Outcome::Advised);
    assert_eq!(without_bonus.findings[2].standing, Standing::IfAny);
}

#[test]
fn ontario_counts_the_width_of_a_range_in_its_own_dollars_a_year() {
    let ontario = TABLE.iter().find(|row| row.0 == "ca_ontario").unwrap();
    let width = |pay: PayRange| -> Finding {
        let verdict = of(
            "ca_ontario",
            &Said {
                pay: vec![pay],
                ..at(ontario)
            },
        )
        .unwrap();
        verdict
            .findings
            .into_iter()
            .find(|finding| finding.statement == RangeWidth)
            .unwrap()
    };
    let cad = |min: f64, max: f64| width(range(min, max, "CAD", PayPeriod::Year)).standing;
    assert_eq!(cad(100_000.0, 150_000.0), Standing::Stated);
    assert_eq!(cad(100_000.0, 150_001.0), Standing::Missing);
    assert_eq!(cad(100_000.0, 200_000.0), Standing::Missing);
    assert_eq!(
        cad(100_000.0, 200_001.0),
        Standing::Stated,
        "what ends above 200,000 is free"
    );
    // 2080 hours: 24.03 dollars an hour are 49,982 a year, 24.05 are 50,024.
    assert_eq!(
        width(range(30.0, 54.03, "CAD", PayPeriod::Hour)).standing,
        Standing::Stated
    );
    assert_eq!(
        width(range(30.0, 54.05, "CAD", PayPeriod::Hour)).standing,
        Standing::Missing
    );
    let usd = width(range(80_000.0, 130_000.0, "USD", PayPeriod::Year));
    assert!(
        usd.standing == Standing::Missing && usd.detail.contains("CAD a year"),
        "{}",
        usd.detail
    );
}

#[test]
fn both_ends_are_wanted_where_the_law_says_so() {
    let vermont = TABLE.iter().find(|row| row.0 == "us_vermont").unwrap();
    let open = PayRange {
        max: None,
        ..range(100_000.0, 1.0, "USD", PayPeriod::Year)
    };
    assert_eq!(
        of(
            "us_vermont",
            &Said {
                pay: vec![open],
                ..at(vermont)
            }
        )
        .unwrap()
        .outcome,
        Outcome::Missing
    );
    let california = TABLE.iter().find(|row| row.0 == "us_california").unwrap();
    assert_eq!(
        of(
            "us_california",
            &Said {
                pay: vec![open],
                ..at(california)
            }
        )
        .unwrap()
        .outcome,
        Outcome::Met
    );
}

#[test]
fn remote_work_reaches_where_it_can_be_done() {
    let remote = |from: &'static str, day: &'static str| Said {
        is_remote: true,
        remote_from: vec![from],
        employees: Some(1000),
        day,
        ..Said::default()
    };
    let covered = |said: &Said<'_>| -> Vec<(String, Coverage)> {
        PayLaw::bundled()
            .assess(said)
            .into_iter()
            .map(|verdict| (verdict.rule, verdict.covers))
            .collect()
    };
    let us = covered(&remote("US", "2026-11-23"));
    let find = |id: &str| us.iter().find(|(rule, _)| rule == id).map(|(_, covers)| *covers);
    assert_eq!(find("us_colorado"), Some(Coverage::Yes));
    assert_eq!(
        find("us_new_york"),
        Some(Coverage::Maybe),
        "only when the person reports there"
    );
    assert_eq!(find("us_massachusetts"), Some(Coverage::Maybe));
    assert_eq!(
        (find("us_new_york_city"), find("ca_ontario"), find("eu")),
        (None, None, None)
    );
    let germany = covered(&remote("DE", "2026-11-23"));
    assert_eq!(germany, [("eu".to_owned(), Coverage::Yes)]);
    let union = covered(&remote("EU", "2026-06-06"));
    assert!(union.is_empty(), "a day too early: {union:?}");
    let everywhere = covered(&remote("WORLDWIDE", "2026-11-23"));
    assert!(
        everywhere.iter().any(|(rule, _)| rule == "ca_ontario")
            && everywhere.iter().any(|(rule, _)| rule == "eu")
    );
    let on_site = Said {
        is_remote: false,
        ..remote("US", "2026-11-23")
    };
    assert!(covered(&on_site).is_empty(), "nobody works from there");
}

#[test]
fn a_rule_that_ended_says_nothing_any_more() {
    let text = r#"
version = "2026-01-01"
[[rule]]
id = "x"
name = "X"
country = "US"
region = "CO"
min_employees = 1
from = "2021-01-01"
until = "2024-01-01"
duty = "in_posting"
states = ["pay"]
remote = "doable"
law = "L"
source = "https://example.org"
compiled = "2026-01-01"
"#;
    let law = PayLaw::from_toml(text).unwrap();
    let colorado = &TABLE[0];
    let count = |day: &'static str| law.assess(&Said { day, ..at(colorado) }).len();
    assert_eq!((count("2023-12-31"), count("2024-01-01")), (1, 0));
    assert!(
        PayLaw::from_toml(&text.replace("until", "untill")).is_err(),
        "a slip of the pen is seen"
    );
}
