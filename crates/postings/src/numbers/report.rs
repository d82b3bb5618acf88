//! What was counted, for those whose postings they are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use store::schema::{posting_numbers, postings};
use store::{DbConn, Id, Json, StoreError, Timestamp, text_enum};

/// Rows of one report.
const MAX_LINES: usize = 10_000;
/// Figures that are added up for one report.
const MAX_FIGURES: i64 = 1_000_000;
/// Titles that are read at once.
const NAMED_AT_ONCE: usize = 500;
/// The longest period, in days.
const MAX_DAYS: i32 = 731;
/// The period when none is given, in days.
const USUAL_DAYS: i32 = 28;

text_enum! {
    /// What a line of a report stands for.
    pub enum Group {
        /// A day.
        Day = "day",
        /// A posting.
        Posting = "posting",
        /// A posting on a day.
        PostingDay = "posting_day",
    }
}

/// The days of a report, both included, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    first: i32,
    last: i32,
}

/// A period that cannot be: which parameter, and what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}: {1}")]
pub struct NumbersError(pub &'static str, pub &'static str);

/// The day of a moment: days since 1970-01-01, UTC.
pub(super) fn day_of(at: Timestamp) -> i32 {
    i32::try_from(at.seconds().div_euclid(86_400)).unwrap_or(0)
}

fn date_of(day: i32) -> String {
    let midnight = Timestamp::from_seconds(i64::from(day) * 86_400).to_string();
    midnight.split('T').next().unwrap_or_default().to_owned()
}

fn parse_day(text: &str) -> Option<i32> {
    let midnight = format!("{text}T00:00:00Z").parse().ok();
    midnight.filter(|_| text.len() == 10).map(day_of)
}

impl Period {
    /// From one day to another, as `2026-11-23`; the last four weeks up to today when nothing is said.
    pub fn parse(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<Self, NumbersError> {
        let day = |name, text: Option<&str>| match text {
            None => Ok(None),
            Some(text) => parse_day(text)
                .map(Some)
                .ok_or(NumbersError(name, "a day such as 2026-11-23")),
        };
        let last = day("to", to)?.unwrap_or(day_of(now));
        let first = day("from", from)?.unwrap_or(last - USUAL_DAYS + 1);
        if first > last {
            return Err(NumbersError("from", "the first day is after the last"));
        }
        if last - first >= MAX_DAYS {
            return Err(NumbersError("from", "at most two years at once"));
        }
        Ok(Self { first, last })
    }

    /// The first day.
    pub fn from(self) -> String {
        date_of(self.first)
    }

    /// The last day.
    pub fn to(self) -> String {
        date_of(self.last)
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, utoipa::ToSchema)]
pub struct Sums {
    /// How often searches showed it.
    pub impressions: i64,
    /// How often it was read.
    pub views: i64,
    /// How often the way to apply was taken.
    pub apply_clicks: i64,
}

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Line {
    /// The day, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-23")]
    pub day: Option<String>,
    /// The posting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posting_id: Option<Id>,
    /// Its title now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What its employer calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What was counted.
    #[serde(flatten)]
    pub sums: Sums,
}

/// The numbers of an employer's postings, and their sum. Days in their order; postings with the most views first; at most 10,000
/// lines.
pub fn of_employer(
    conn: &mut DbConn,
    employer_id: Id,
    period: Period,
    group: Group,
) -> Result<(Vec<Line>, Sums), StoreError> {
    let figures: Vec<(Id, i32, i64, i64, i64)> = posting_numbers::table
        .inner_join(postings::table)
        .filter(postings::employer_id.eq(employer_id))
        .filter(posting_numbers::day.between(period.first, period.last))
        .order((posting_numbers::day, posting_numbers::posting_id))
        .limit(MAX_FIGURES)
        .select((
            posting_numbers::posting_id,
            posting_numbers::day,
            posting_numbers::impressions,
            posting_numbers::views,
            posting_numbers::apply_clicks,
        ))
        .load(conn)?;
    let mut total = Sums::default();
    let mut by_key: BTreeMap<(Option<i32>, Option<Id>), Sums> = BTreeMap::new();
    for (id, day, impressions, views, apply_clicks) in figures {
        let key = match group {
            Group::Day => (Some(day), None),
            Group::Posting => (None, Some(id)),
            Group::PostingDay => (Some(day), Some(id)),
        };
        for sums in [&mut total, by_key.entry(key).or_default()] {
            sums.impressions += impressions;
            sums.views += views;
            sums.apply_clicks += apply_clicks;
        }
    }
    let mut lines: Vec<Line> = by_key
        .into_iter()
        .map(|((day, posting_id), sums)| Line {
            day: day.map(date_of),
            posting_id,
            title: None,
            external_id: None,
            sums,
        })
        .collect();
    if group == Group::Posting {
        lines.sort_by_key(|line| Reverse((line.sums.views, line.sums.impressions, line.posting_id)));
    }
    lines.truncate(MAX_LINES);
    name(conn, &mut lines)?;
    Ok((lines, total))
}

/// Writes the titles of the lines' postings into them.
fn name(conn: &mut DbConn, lines: &mut [Line]) -> Result<(), StoreError> {
    let ids: BTreeSet<Id> = lines.iter().filter_map(|line| line.posting_id).collect();
    let ids: Vec<Id> = ids.into_iter().collect();
    let mut names: HashMap<Id, (String, Option<String>)> = HashMap::new();
    for chunk in ids.chunks(NAMED_AT_ONCE) {
        let found: Vec<(Id, Option<String>, Json<Titled>)> = postings::table
            .filter(postings::id.eq_any(chunk.to_vec()))
            .select((postings::id, postings::external_id, postings::content))
            .load(conn)?;
        names.extend(
            found
                .into_iter()
                .map(|(id, external_id, content)| (id, (content.0.title, external_id))),
        );
    }
    for line in lines {
        if let Some((title, external_id)) = line.posting_id.and_then(|id| names.get(&id)) {
            line.title = Some(title.clone());
            line.external_id.clone_from(external_id);
        }
    }
    Ok(())
}

/// As much of a posting as a report shows.
#[derive(Debug, Clone, Deserialize)]
struct Titled {
    title: String,
}

/// The oldest day that has figures and that no report reaches any more. Reads all figures: once in a while is enough.
pub fn find_old_day(conn: &mut DbConn, now: Timestamp) -> Result<Option<i32>, StoreError> {
    Ok(posting_numbers::table
        .filter(posting_numbers::day.lt(day_of(now) - MAX_DAYS))
        .select(diesel::dsl::min(posting_numbers::day))
        .first(conn)?)
}

/// Deletes the figures of a day; returns how many. A pass: safe to run twice.
pub fn forget_day(tx: &mut DbConn, day: i32) -> Result<usize, StoreError> {
    Ok(diesel::delete(posting_numbers::table.filter(posting_numbers::day.eq(day))).execute(tx)?)
}

/// The numbers of one posting by day, and their sum.
pub fn of_posting(
    conn: &mut DbConn,
    posting_id: Id,
    period: Period,
) -> Result<(Vec<Line>, Sums), StoreError> {
    let figures: Vec<(i32, i64, i64, i64)> = posting_numbers::table
        .filter(posting_numbers::posting_id.eq(posting_id))
        .filter(posting_numbers::day.between(period.first, period.last))
        .order(posting_numbers::day)
        .limit(i64::from(MAX_DAYS))
        .select((
            posting_numbers::day,
            posting_numbers::impressions,
            posting_numbers::views,
            posting_numbers::apply_clicks,
        ))
        .load(conn)?;
    let mut total = Sums::default();
    let lines = figures
        .into_iter()
        .map(|(day, impressions, views, apply_clicks)| {
            total.impressions += impressions;
            total.views += views;
            total.apply_clicks += apply_clicks;
            Line {
                day: Some(date_of(day)),
                posting_id: None,
                title: None,
                external_id: None,
                sums: Sums {
                    impressions,
                    views,
                    apply_clicks,
                },
            }
        });
    let lines = lines.collect();
    Ok((lines, total))
}

/// Lines as a table for a spreadsheet (RFC 4180), with the columns of `group`. A cell that a spreadsheet would take for a formula
/// begins with an apostrophe.
pub fn csv(lines: &[Line], group: Group) -> String {
    let has_day = group != Group::Posting;
    let has_posting = group != Group::Day;
    let mut columns = Vec::new();
    if has_day {
        columns.push("day");
    }
    if has_posting {
        columns.extend(["posting_id", "external_id", "title"]);
    }
    columns.extend(["impressions", "views", "apply_clicks"]);
    let mut out = columns.join(",") + "\r\n";
    for line in lines {
        let mut cells = Vec::new();
        if has_day {
            cells.push(line.day.clone().unwrap_or_default());
        }
        if has_posting {
            cells.push(line.posting_id.map(|id| id.to_string()).unwrap_or_default());
            cells.push(cell(line.external_id.as_deref().unwrap_or_default()));
            cells.push(cell(line.title.as_deref().unwrap_or_default()));
        }
        let Sums {
            impressions,
            views,
            apply_clicks,
        } = line.sums;
        cells.extend([impressions, views, apply_clicks].map(|count| count.to_string()));
        out += &cells.join(",");
        out += "\r\n";
    }
    out
}

/// A text as a cell that is only a text (OWASP, CSV injection).
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\r', '\n', ';', '\t']) || is_formula {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (text, expected) in [
            ("Engineer", "Engineer"),
            ("Engineer, RTL", "\"Engineer, RTL\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            (
                "=HYPERLINK(\"https://evil.example\")",
                "\"'=HYPERLINK(\"\"https://evil.example\"\")\"",
            ),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("＝1", "\"'＝1\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn a_period_is_the_last_four_weeks_or_what_was_asked_for() {
        let now = monday_morning();
        let usual = Period::parse(None, None, now).unwrap();
        assert_eq!(
            (usual.from(), usual.to()),
            ("2026-10-27".to_owned(), "2026-11-23".to_owned())
        );
        let one = Period::parse(Some("2026-11-01"), Some("2026-11-01"), now).unwrap();
        assert_eq!(
            (one.from(), one.to()),
            ("2026-11-01".to_owned(), "2026-11-01".to_owned())
        );
        for (from, to) in [
            ("2026-11-02", "2026-11-01"),
            ("2026-13-01", "2026-11-01"),
            ("yesterday", "2026-11-01"),
            ("2020-01-01", "2026-11-01"),
        ] {
            assert_eq!(Period::parse(Some(from), Some(to), now).unwrap_err().0, "from");
        }
    }
}
