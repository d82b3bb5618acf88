//! `backplane verify`: does everything that is derived agree with what it is derived from?

mod rules;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use search::{Comparison, Found, Index, IndexError, LiveIndex};
use serde::Serialize;
use store::{Db, invariant};

use crate::cli::VerifyArgs;
use crate::config::Config;
use crate::progress::Progress;
use crate::wiring::{self, ServerLock};

/// Exit status when something disagrees and was not repaired; 1 is kept for what could not be looked at.
pub(super) const DISAGREES: u8 = 3;
/// Findings about a damaged database that are shown.
const FINDINGS: i64 = 10;

/// One line of the report.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    /// What should hold.
    meaning: String,
    /// How many rows or postings break it.
    violations: u64,
    /// What was found, in words.
    detail: Option<String>,
    /// Whether `--repair` mends it.
    repairable: bool,
    /// Whether it was mended just now.
    repaired: bool,
}

impl Check {
    fn new(name: &'static str, meaning: &str, violations: u64, detail: Option<String>) -> Self {
        let meaning = meaning.to_owned();
        Self {
            name,
            meaning,
            violations,
            detail,
            repairable: false,
            repaired: false,
        }
    }

    fn is_open(&self) -> bool {
        self.violations > 0 && !self.repaired
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'r> {
    agrees: bool,
    version: &'static str,
    checks: &'r [Check],
}

/// Looks, and with `--repair` mends what can be mended without losing anything.
pub(super) fn run(config: Config, args: &VerifyArgs) -> Result<ExitCode> {
    // Mending changes what a server works with, so there may be none; looking may go on beside one.
    let lock = args
        .repair
        .then(|| ServerLock::take(&config).context("nothing can be repaired now"))
        .transpose()?;
    let place = if args.repair {
        wiring::open(config)?
    } else {
        wiring::look(config)?
    };
    let mut checks = vec![database(&place.db)?];
    checks.extend(rows(&place.db, args.repair)?);
    checks.push(index(&place.config, &place.db, args.repair)?);
    drop(lock);
    let agrees = !checks.iter().any(Check::is_open);
    let mut out = std::io::stdout().lock();
    if args.json {
        let report = Report {
            agrees,
            version: env!("CARGO_PKG_VERSION"),
            checks: &checks,
        };
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        for check in &checks {
            print(&mut out, check)?;
        }
        let advice = if agrees {
            "Everything agrees."
        } else if checks.iter().any(|check| check.is_open() && !check.repairable) {
            "Something is damaged that cannot be derived again: keep a copy of the data, then restore the last backup."
        } else {
            "Stop the server and run `backplane verify --repair`."
        };
        writeln!(out, "{advice}")?;
    }
    Ok(if agrees {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DISAGREES)
    })
}

fn print(out: &mut impl std::io::Write, check: &Check) -> Result<()> {
    let Check {
        name,
        meaning,
        violations,
        detail,
        ..
    } = check;
    let word = match (violations, check.repaired) {
        (0, _) => "ok      ",
        (_, true) => "repaired",
        (_, false) => "WRONG   ",
    };
    write!(out, "{word}  {name}: {meaning}")?;
    if *violations > 0 {
        write!(out, "; broken by {violations}")?;
    }
    match detail {
        Some(detail) => writeln!(out, " ({detail})")?,
        None => writeln!(out)?,
    }
    Ok(())
}

fn database(db: &Db) -> Result<Check> {
    let found = db.read_blocking(|conn| invariant::damage(conn, FINDINGS))?;
    let detail = (!found.is_empty()).then(|| found.join("; "));
    let meaning = "the database is whole and every reference leads somewhere";
    Ok(Check::new("database", meaning, found.len() as u64, detail))
}

fn rows(db: &Db, repair: bool) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for rule in &rules::RULES {
        let count = db
            .read_blocking(|conn| invariant::count_violations(conn, rule))
            .with_context(|| format!("{} could not be checked", rule.name))?;
        let mut check = Check::new(rule.name, rule.meaning, count.unsigned_abs(), None);
        check.repairable = rule.repair.is_some();
        if count > 0 && repair && check.repairable {
            db.write_blocking(|tx| invariant::repair(tx, rule))?;
            check.repaired = db.read_blocking(|conn| invariant::count_violations(conn, rule))? == 0;
        }
        checks.push(check);
    }
    Ok(checks)
}

fn index(config: &Config, db: &Db, repair: bool) -> Result<Check> {
    let dir = config.index_dir();
    let meaning = "search shows every published posting as it is, and nothing else";
    let mut check = match compared(config, db)? {
        Ok(found) => {
            let wrong = found.missing + found.different + found.surplus + found.repeated;
            Check::new("index", meaning, wrong as u64, Some(in_words(&found)))
        }
        // Built by the next start, so nothing is wrong.
        Err(Found::Nothing) => Check::new(
            "index",
            meaning,
            0,
            Some("none yet; the next start builds it".to_owned()),
        ),
        Err(Found::OtherVersion(version)) => {
            let detail = format!("of version {version}; the server builds it anew while it answers");
            Check::new("index", meaning, 0, Some(detail))
        }
        Err(Found::Damaged(detail)) => Check::new("index", meaning, 1, Some(detail)),
        Err(Found::Index { .. }) => Check::new("index", meaning, 0, None),
    };
    check.repairable = true;
    if repair && check.violations > 0 {
        rebuild(&dir, db)?;
        check.repaired = compared(config, db)?.is_ok_and(|found| found.agrees());
    }
    Ok(check)
}

fn compared(config: &Config, db: &Db) -> Result<Result<Comparison, Found>, IndexError> {
    let mut progress = Progress::new("Comparing", 0);
    let outcome = Index::compare(&config.index_dir(), db, &mut |done| {
        progress.at(done as u64, "postings");
    });
    progress.finish();
    outcome
}

/// Throws the index in `dir` away and builds it from the database.
fn rebuild(dir: &std::path::Path, db: &Db) -> Result<()> {
    LiveIndex::clear(dir)?;
    bring_up_to_date(&LiveIndex::open(dir)?, db)?;
    Ok(())
}

/// Runs passes until `index` has everything and no other is being built.
pub(super) fn bring_up_to_date(index: &LiveIndex, db: &Db) -> Result<()> {
    let latest =
        db.read_blocking(|conn| store::revision::latest(conn, store::revision::Counter::Postings))?;
    let mut progress = Progress::new("Indexing", latest.unsigned_abs());
    loop {
        let report = index.pass(db)?;
        let revision = report.building.unwrap_or(report.cursor);
        progress.at(revision.unsigned_abs(), "changes");
        if report.is_caught_up && report.building.is_none() {
            break;
        }
    }
    progress.finish();
    Ok(())
}

fn in_words(found: &Comparison) -> String {
    let mut parts = vec![format!(
        "{} postings at revision {}",
        found.postings, found.cursor
    )];
    for (count, what) in [
        (found.behind, "changes not taken in yet"),
        (found.missing, "missing"),
        (found.different, "in an old form"),
        (found.surplus, "that do not belong"),
        (found.repeated, "repeated"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if !found.examples.is_empty() {
        let examples: Vec<String> = found.examples.iter().map(ToString::to_string).collect();
        parts.push(format!("such as {}", examples.join(" ")));
    }
    parts.join(", ")
}
