//! Ten made-up employers and 75 postings, for looking around and for `backplane demo`.

use accounts::NewEmployer;
use anyhow::{Context as _, Result, bail};
use jiff::SignedDuration;
use postings::import::{self, EmployerChoice, ImportOptions, Summary};
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
    let options = ImportOptions {
        employer: EmployerChoice::FromRow,
        dry_run: false,
    };
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
