//! What a posting must say about pay: places × remote reach × size of the employer × date × what is said → verdicts.
//!
//! The rules are data (`config/law/pay_transparency.toml`, with legal basis, source and what of it was read). This is
//! not legal advice, and every assessment says so.

use std::sync::{OnceLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::currency::{Currency, Rates};
use crate::money::{PayRange, yearly};
use crate::regions::{members_of, region_covers};

/// Stands in every assessment.
pub const NOTICE: &str = "This is not legal advice. It compares the posting with a dated list of rules; laws change, and their exceptions are many.";

/// Where and how soon something must be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// In the posting.
    InPosting,
    /// In the posting, or otherwise before an interview.
    BeforeInterview,
    /// When somebody asks.
    OnRequest,
}

/// Something that a rule wants said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    /// A figure or a range.
    Pay,
    /// Both ends of the range.
    RangeEnds,
    /// A range that is not too wide.
    RangeWidth,
    /// Benefits.
    Benefits,
    /// Bonus, commission, equity, if there is any.
    OtherCompensation,
    /// Until when one can apply.
    Deadline,
    /// That software screens applications, if it does.
    AiScreening,
    /// Whether there is a vacancy.
    Vacancy,
    /// No experience in the country is asked for.
    LocalExperience,
}

/// What of a rule's source was read for its entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceRead {
    /// The page of the law or of its office.
    Page,
    /// Excerpts of it.
    Excerpt,
    /// Nothing: the entry comes from summaries.
    #[default]
    No,
}

/// What of a remote posting that can be done in the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RemoteReach {
    Doable,
    ReportsThere,
    Unclear,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaxWidth {
    currency: Currency,
    /// Main units a year.
    width: i64,
    /// A range that ends above this is free.
    not_above: i64,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayRule {
    /// Stable name.
    pub id: String,
    /// The place in words.
    pub name: String,
    country: String,
    region: Option<String>,
    #[serde(default)]
    cities: Vec<String>,
    /// Covered from so many employees on.
    pub min_employees: u32,
    /// First day.
    pub from: String,
    /// First day on which it no longer holds.
    pub until: Option<String>,
    /// Where it must be said.
    pub duty: Duty,
    states: Vec<Statement>,
    #[serde(default)]
    forbids: Vec<Statement>,
    max_width: Option<MaxWidth>,
    remote: RemoteReach,
    /// Legal basis.
    pub law: String,
    /// Where it can be read.
    pub source: String,
    /// Day on which the entry was put together.
    pub compiled: String,
    /// What of its source was read for it.
    #[serde(default)]
    pub source_read: SourceRead,
    /// Some figure of it comes from memory.
    #[serde(default)]
    pub recheck: bool,
    /// What else to know.
    pub note: Option<String>,
}

/// The rules with their version.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayLaw {
    /// Grows with each change of the list: a date.
    pub version: String,
    /// The rules.
    #[serde(rename = "rule")]
    pub rules: Vec<PayRule>,
}

/// A place of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkPlace<'a> {
    /// City.
    pub city: Option<&'a str>,
    /// Region, as postings write it.
    pub region: Option<&'a str>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
}

/// What a posting says, as far as the rules ask.
#[derive(Debug, Clone, Default)]
pub struct Said<'a> {
    /// Places of work.
    pub places: Vec<WorkPlace<'a>>,
    /// Whether the work can be done from elsewhere.
    pub is_remote: bool,
    /// From where: countries and groups of countries.
    pub remote_from: Vec<&'a str>,
    /// How many work for the employer, when that is known.
    pub employees: Option<u32>,
    /// The day of publication, "2026-11-23".
    pub day: &'a str,
    /// Ranges of pay, those that the posting states.
    pub pay: Vec<PayRange>,
    /// Benefits are stated.
    pub has_benefits: bool,
    /// Bonus, commission or equity are stated.
    pub has_other_compensation: bool,
    /// An end is stated.
    pub has_deadline: bool,
    /// Whether software screens applications, when that is said.
    pub ai_screening: Option<bool>,
    /// Whether there is a vacancy is said.
    pub has_vacancy: bool,
    /// Experience in the country is asked for.
    pub asks_local_experience: bool,
}

/// Whether a rule covers a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// It does.
    Yes,
    /// It may: the employer's size is not known, or the law is unclear about remote work.
    Maybe,
}

/// How one statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Said.
    Stated,
    /// Not said, or not as it must be.
    Missing,
    /// Not said, which is right only when there is none.
    IfAny,
}

/// How one statement that a rule wants stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wanted.
    pub statement: Statement,
    /// How it stands.
    pub standing: Standing,
    /// What to do about it.
    pub detail: String,
}

/// What follows from one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is said.
    Met,
    /// Something must be said that is not.
    Missing,
    /// Something is not said that must be told otherwise, or may have to be.
    Advised,
}

/// What one rule says about a posting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Stable name of the rule.
    pub rule: String,
    /// The place.
    pub jurisdiction: String,
    /// Whether it covers the posting.
    pub covers: Coverage,
    /// What follows.
    pub outcome: Outcome,
    /// Where it must be said.
    pub duty: Duty,
    /// Each statement.
    pub findings: Vec<Finding>,
    /// Legal basis.
    pub law: String,
    /// Where it can be read.
    pub source: String,
    /// Since when the rule holds.
    pub in_force_since: String,
    /// Day on which the entry was put together.
    pub compiled: String,
    /// What of its source was read for it.
    pub source_read: SourceRead,
    /// Some figure of the entry comes from memory and wants a look.
    pub recheck: bool,
    /// What else to know.
    pub note: Option<String>,
}

const TEXT: &str = include_str!("../../../config/law/pay_transparency.toml");

/// What an operator put in place of the rules that are compiled in.
static REPLACEMENT: RwLock<Option<&'static PayLaw>> = RwLock::new(None);

impl PayLaw {
    /// The rules in force: those that are compiled in, until they are replaced.
    pub fn bundled() -> &'static Self {
        let replacement = *REPLACEMENT.read().unwrap_or_else(PoisonError::into_inner);
        replacement.unwrap_or_else(Self::compiled_in)
    }

    /// Puts `rules` in force, or those that are compiled in. What is in use stays in memory until the process ends.
    pub fn replace(rules: Option<Self>) {
        let replacement = rules.map(|rules| &*Box::leak(Box::new(rules)));
        *REPLACEMENT.write().unwrap_or_else(PoisonError::into_inner) = replacement;
    }

    /// The text that is compiled in: a starting point for an operator's own file.
    pub fn bundled_toml() -> &'static str {
        TEXT
    }

    fn compiled_in() -> &'static Self {
        static LAW: OnceLock<PayLaw> = OnceLock::new();
        LAW.get_or_init(|| {
            // A test holds that the file can be read.
            Self::from_toml(TEXT).unwrap_or_else(|_| Self {
                version: String::new(),
                rules: Vec::new(),
            })
        })
    }

    /// Rules as they are written.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// What the rules say about a posting, in their order; those that do not cover it say nothing.
    pub fn assess(&self, said: &Said<'_>) -> Vec<Verdict> {
        let covering = self
            .rules
            .iter()
            .filter_map(|rule| Some((rule, rule.covers(said)?)));
        covering
            .map(|(rule, covers)| rule.verdict(covers, said))
            .collect()
    }
}

impl PayRule {
    /// Whether the rule covers what is said; `None` when it does not.
    fn covers(&self, said: &Said<'_>) -> Option<Coverage> {
        let is_in_force =
            self.from.as_str() <= said.day && self.until.as_deref().is_none_or(|until| said.day < until);
        let is_large_enough = said.employees.is_none_or(|count| count >= self.min_employees);
        if !is_in_force || !is_large_enough {
            return None;
        }
        let is_there = said.places.iter().any(|place| self.holds_in(place));
        let is_size_known = said.employees.is_some() || self.min_employees <= 1;
        if is_there {
            return Some(if is_size_known {
                Coverage::Yes
            } else {
                Coverage::Maybe
            });
        }
        // A place of work elsewhere says nothing about where a remote person sits; a city's rule wants a place.
        let is_reached = said.is_remote && self.cities.is_empty() && self.is_reached_from(&said.remote_from);
        match (is_reached, self.remote) {
            (false, _) => None,
            (true, RemoteReach::Doable) if is_size_known => Some(Coverage::Yes),
            (true, _) => Some(Coverage::Maybe),
        }
    }

    fn holds_in(&self, place: &WorkPlace<'_>) -> bool {
        let same =
            |ours: &str, theirs: Option<&str>| theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(ours));
        let in_country = match place.country {
            Some(country) => self.country == country || region_covers(&self.country, country),
            None => false,
        };
        in_country
            && self
                .region
                .as_deref()
                .is_none_or(|region| same(region, place.region))
            && (self.cities.is_empty() || self.cities.iter().any(|city| same(city, place.city)))
    }

    fn is_reached_from(&self, remote_from: &[&str]) -> bool {
        let countries = match members_of(&self.country) {
            members if members.is_empty() => vec![self.country.as_str()],
            members => members,
        };
        remote_from.iter().any(|from| {
            *from == self.country
                || countries
                    .iter()
                    .any(|country| from == country || region_covers(from, country))
        })
    }

    fn verdict(&self, covers: Coverage, said: &Said<'_>) -> Verdict {
        let mut findings: Vec<Finding> = self
            .states
            .iter()
            .map(|statement| self.finding(*statement, said))
            .collect();
        if self.max_width.is_some() {
            findings.push(self.finding(Statement::RangeWidth, said));
        }
        findings.extend(
            self.forbids
                .iter()
                .map(|statement| self.finding(*statement, said)),
        );
        let is_missing = findings
            .iter()
            .any(|finding| finding.standing == Standing::Missing);
        let is_all_said = findings
            .iter()
            .all(|finding| finding.standing == Standing::Stated);
        let outcome = match (is_missing, is_all_said) {
            (_, true) => Outcome::Met,
            (true, _) if self.duty == Duty::InPosting && covers == Coverage::Yes => Outcome::Missing,
            _ => Outcome::Advised,
        };
        Verdict {
            rule: self.id.clone(),
            jurisdiction: self.name.clone(),
            covers,
            outcome,
            duty: self.duty,
            findings,
            law: self.law.clone(),
            source: self.source.clone(),
            in_force_since: self.from.clone(),
            compiled: self.compiled.clone(),
            source_read: self.source_read,
            recheck: self.recheck,
            note: self.note.clone(),
        }
    }

    fn finding(&self, statement: Statement, said: &Said<'_>) -> Finding {
        let is_free = self.max_width.as_ref().is_some_and(|most| most.frees(&said.pay));
        let has_both = !said.pay.is_empty()
            && said
                .pay
                .iter()
                .all(|range| range.min.is_some() && range.max.is_some());
        let too_wide = self
            .max_width
            .as_ref()
            .and_then(|most| most.exceeded_by(&said.pay));
        let (is_said, missing, detail) = match statement {
            Statement::Pay => (
                !said.pay.is_empty(),
                Standing::Missing,
                "state the pay, or its range".to_owned(),
            ),
            Statement::RangeEnds => (
                has_both,
                Standing::Missing,
                "state the lowest and the highest pay; \"from\" and \"up to\" are not enough".to_owned(),
            ),
            Statement::RangeWidth => (
                is_free || too_wide.is_none(),
                Standing::Missing,
                too_wide.unwrap_or_else(|| "the range is narrow enough, or free".to_owned()),
            ),
            Statement::Benefits => (
                said.has_benefits,
                Standing::Missing,
                "describe the benefits".to_owned(),
            ),
            Statement::OtherCompensation => (
                said.has_other_compensation,
                Standing::IfAny,
                "describe bonus, commission and equity, if there is any".to_owned(),
            ),
            Statement::Deadline => (
                said.has_deadline,
                Standing::Missing,
                "say until when one can apply (expires_at)".to_owned(),
            ),
            Statement::AiScreening => (
                said.ai_screening.is_some(),
                Standing::IfAny,
                "say whether software screens, assesses or selects applicants (disclosures.ai_screening)"
                    .to_owned(),
            ),
            Statement::Vacancy => (
                said.has_vacancy,
                Standing::Missing,
                "say whether the posting is for an existing vacancy (disclosures.vacancy)".to_owned(),
            ),
            Statement::LocalExperience => (
                !said.asks_local_experience,
                Standing::Missing,
                "do not ask for experience in the country".to_owned(),
            ),
        };
        let standing = if is_said { Standing::Stated } else { missing };
        Finding {
            statement,
            standing,
            detail: if is_said && statement != Statement::RangeWidth {
                "said".to_owned()
            } else {
                detail
            },
        }
    }
}

impl MaxWidth {
    fn end_of(&self, range: &PayRange) -> Option<i64> {
        let end = range.max.or(range.min)?;
        Some(yearly(
            end,
            range.currency,
            range.period,
            self.currency,
            Rates::bundled(),
        ))
    }

    /// Whether all of these end so high that nothing need be said.
    fn frees(&self, pay: &[PayRange]) -> bool {
        !pay.is_empty()
            && pay
                .iter()
                .all(|range| self.end_of(range).is_some_and(|end| end > self.not_above))
    }

    /// What is wrong with the first range that is too wide.
    fn exceeded_by(&self, pay: &[PayRange]) -> Option<String> {
        let wide = pay.iter().find_map(|range| {
            let end = self.end_of(range)?;
            let start = yearly(
                range.min?,
                range.currency,
                range.period,
                self.currency,
                Rates::bundled(),
            );
            (end <= self.not_above && end - start > self.width).then_some(end - start)
        })?;
        Some(format!(
            "the range spans {wide} {} a year; at most {} unless it ends above {}",
            self.currency, self.width, self.not_above
        ))
    }
}
