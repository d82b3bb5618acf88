//! Ten made-up employers and 75 postings, for looking around and for `backplane demo`.

use accounts::NewEmployer;
use anyhow::{Context as _, Result, bail};
use jiff::SignedDuration;
use postings::import::{self, EmployerChoice, Format, ImportOptions, Summary};
use postings::{DescriptionFormat, PostingInput};
use serde::Deserialize;
use serde_json::Value;
use store::{Db, Random, Timestamp};

const EMPLOYERS: &str = include_str!("../../../config/samples/employers.json");
const POSTINGS: &str = include_str!("../../../config/samples/postings.ndjson");

#[derive(Deserialize)]
struct SampleEmployer {
    name: String,
    slug: String,
    website: String,
    description: String,
    headquarters: String,
}

/// Whether nobody is on the board yet.
pub(crate) fn is_wanted(db: &Db) -> Result<bool> {
    let employers = db.read_blocking(|conn| accounts::list_employers(conn, None, 1))?;
    Ok(employers.data.is_empty())
}

/// Creates the sample employers and imports their postings, published on their day before `now`.
pub(crate) fn load(db: &Db, random: &Random, now: Timestamp) -> Result<Summary> {
    create_employers(db, random, now)?;
    let rows = rows(now)?;
    let options = ImportOptions::new(EmployerChoice::FromRow, Format::Ndjson);
    let summary = import::run(db, rows.as_bytes(), &options, random, now, &mut |_| {})?;
    if let Some(rejection) = summary.rejections.first() {
        bail!(
            "sample posting {} was rejected: {}",
            rejection.line,
            rejection.detail
        );
    }
    Ok(summary)
}

fn create_employers(db: &Db, random: &Random, now: Timestamp) -> Result<()> {
    let employers: Vec<SampleEmployer> =
        serde_json::from_str(EMPLOYERS).context("the sample employers are damaged")?;
    for sample in employers {
        let new = NewEmployer {
            description_html: html_of(&sample)?,
            name: sample.name,
            website: Some(sample.website),
            headquarters: Some(sample.headquarters),
            employees: None,
        };
        let made = db
            .write_blocking(|tx| accounts::create_employer(tx, None, &new, random, now))
            .with_context(|| format!("the sample employer {} is wrong", new.name))?;
        if made.slug != sample.slug {
            bail!("the sample employer {} became {}", sample.slug, made.slug);
        }
    }
    Ok(())
}

/// The employer's description, rendered and sanitised as that of a posting is.
fn html_of(employer: &SampleEmployer) -> Result<String> {
    let input = PostingInput {
        title: Some(employer.name.clone()),
        description: Some(employer.description.clone()),
        description_format: DescriptionFormat::Markdown,
        ..PostingInput::default()
    };
    match postings::validate(input) {
        Ok(content) => Ok(content.description_html),
        Err(_) => bail!(
            "the description of the sample employer {} is wrong",
            employer.slug
        ),
    }
}

/// The sample postings with the time of publication that follows from `posted_days_ago`.
fn rows(now: Timestamp) -> Result<String> {
    let mut out = String::with_capacity(POSTINGS.len() + 4096);
    for line in POSTINGS.lines() {
        let mut row: Value = serde_json::from_str(line).context("a sample posting is damaged")?;
        let fields = row.as_object_mut().context("a sample posting is not an object")?;
        let days = fields
            .remove("posted_days_ago")
            .and_then(|days| days.as_i64())
            .context("a sample posting has no posted_days_ago")?;
        let posted_at = now.minus(SignedDuration::from_hours(24 * days));
        fields.insert("posted_at".to_owned(), posted_at.to_string().into());
        out.push_str(&row.to_string());
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use postings::changes::{Change, changed_since};
    use store::Backend;
    use store::testing::{TestDb, monday_morning};

    use super::*;

    /// Whether `kept` says all that `stated` says; it may say more.
    fn says_all(kept: &Value, stated: &Value) -> bool {
        match (kept, stated) {
            (Value::Object(kept), Value::Object(stated)) => stated
                .iter()
                .all(|(name, value)| kept.get(name).is_some_and(|kept| says_all(kept, value))),
            (Value::Array(kept), Value::Array(stated)) => {
                kept.len() == stated.len()
                    && stated.iter().all(|value| kept.iter().any(|k| says_all(k, value)))
            }
            (Value::Number(kept), Value::Number(stated)) => kept.as_f64() == stated.as_f64(),
            _ => kept == stated,
        }
    }

    #[test]
    fn every_sample_is_imported_and_keeps_what_it_states() {
        let db = TestDb::new(Backend::Sqlite);
        let now = monday_morning();
        assert!(is_wanted(&db).unwrap());
        let summary = load(&db, &Random::seeded(1), now).unwrap();
        assert_eq!((summary.created, summary.rejected), (75, 0));
        assert!(!is_wanted(&db).unwrap());

        let changes = db.read_blocking(|conn| changed_since(conn, 0, 500)).unwrap();
        let mut kept = HashMap::new();
        for (_, change) in changes {
            let Change::Upsert(posting) = change else {
                panic!("a sample is not in search")
            };
            kept.insert(posting.row.source_id.clone().unwrap(), posting);
        }
        for line in POSTINGS.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let id = row["source_id"].as_str().unwrap();
            let posting = &kept[id];
            let content = serde_json::to_value(posting.content()).unwrap();
            for (name, stated) in row.as_object().unwrap() {
                let is_content = ![
                    "source",
                    "source_id",
                    "employer",
                    "description",
                    "posted_days_ago",
                ]
                .contains(&name.as_str());
                if is_content {
                    assert!(
                        says_all(&content[name], stated),
                        "{id} {name}: {stated} became {}",
                        content[name]
                    );
                }
            }
            assert_eq!(posting.employer.slug, row["employer"].as_str().unwrap());
            let days = row["posted_days_ago"].as_i64().unwrap();
            assert_eq!(
                posting.row.published_at,
                Some(now.minus(SignedDuration::from_hours(24 * days)))
            );
        }

        let employer = db
            .read_blocking(|conn| accounts::find_employer(conn, "quarrystone-compute"))
            .unwrap()
            .unwrap();
        assert_eq!(employer.name, "Quarrystone Compute");
        assert!(employer.description_html.contains("<strong>Basalt</strong>"));
        assert!(employer.website.is_some() && employer.headquarters.is_some());
    }
}
