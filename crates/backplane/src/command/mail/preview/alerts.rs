//! The mails of alerts.

use ::alerts::subscription::{self, NewAlert, Resume};
use ::alerts::{
    AlertRules, ChangeKind, Frequency, Letterhead, MatchState, Notify, dispatch_pass, keep_pass, match_pass,
};
use ::postings::{PostingInput, lifecycle};
use anyhow::{Context as _, Result, anyhow};
use jiff::SignedDuration;
use mail::{EmailAddress, MailKind};
use serde_json::{Value, json};
use store::{Id, Timestamp};

use super::{Cast, Stage};
use crate::samples;

/// Roles of the one employer: more than a mail shows of it.
const ROLES: usize = 9;

/// Plays what makes every mail of an alert.
pub(super) fn write_mails(stage: &Stage, cast: &Cast) -> Result<()> {
    let letterhead = Letterhead {
        config: stage.config.clone(),
        links: stage.links.clone(),
        rules: AlertRules::default(),
    };
    // The digest is due in the hour after the postings, and written after that.
    let earlier = stage.now().minus(SignedDuration::from_hours(4));
    let carl: EmailAddress = "carl@candidate.example".parse()?;
    let wide = json!({"discipline": ["silicon", "distributed_systems"]});
    subscribe(stage, &letterhead, &carl, wide, Frequency::Daily, earlier)?;
    let ines: EmailAddress = "ines@candidate.example".parse()?;
    let narrow = json!({"q": stage.words.search, "country": ["US"]});
    subscribe(stage, &letterhead, &ines, narrow, Frequency::Instant, earlier)?;
    if stage.words.language == "en" {
        samples::load(&stage.db, &stage.random, earlier)?;
    }
    let first = publish(stage, cast, stage.words.title, earlier)?;
    settle(stage, &letterhead, earlier)?;
    for n in 1..ROLES {
        publish(stage, cast, &format!("{} {n}", stage.words.title), earlier)?;
    }
    settle(stage, &letterhead, earlier.plus(SignedDuration::from_mins(1)))?;
    settle(stage, &letterhead, stage.now())?;
    // What was told changes, and closes within days.
    let patch = json!({
        "pay": {"base": {"min": 300_000, "max": 450_000, "currency": "USD", "period": "year"}},
        "locations": [{"city": "Austin", "region": "TX", "country": "US"}, {"city": "Dresden", "country": "DE"}]
    });
    let now = stage.now();
    stage
        .db
        .write_blocking(|tx| lifecycle::update(tx, first, &patch, None, now))?;
    settle(stage, &letterhead, now)?;
    stage.name_last(MailKind::AlertInstant, &ines, "changes")?;
    settle(stage, &letterhead, stage.in_days(2))?;
    stage.name_last(MailKind::AlertDigest, &carl, "changes")?;
    // A year later nobody has touched the alerts.
    let much_later = stage
        .now()
        .plus(letterhead.rules.keep_after + SignedDuration::from_hours(24));
    keep_pass(&stage.db, &letterhead, &stage.random, much_later)?;
    Ok(())
}

/// A confirmed alert that tells every change.
fn subscribe(
    stage: &Stage,
    letterhead: &Letterhead,
    email: &EmailAddress,
    query: Value,
    frequency: Frequency,
    now: Timestamp,
) -> Result<()> {
    let new = NewAlert {
        email: email.clone(),
        user_id: None,
        query: search::query_from_json(&query)
            .map_err(|errors| anyhow!("the sample query is wrong: {errors:?}"))?,
        frequency,
        timezone: "UTC".to_owned(),
        hour: ((now.seconds() / 3600 + 2) % 24) as i16,
        notify: ChangeKind::ALL.iter().copied().collect::<Notify>(),
        quiet_hours: None,
    };
    stage
        .db
        .write_blocking(|tx| subscription::request(tx, new, letterhead, &stage.random, now))?;
    let token = stage.last_token(MailKind::AlertConfirm, email)?;
    stage
        .db
        .write_blocking(|tx| subscription::confirm(tx, &token, Resume::NotAsked, now))?;
    Ok(())
}

/// A posting with everything that a mail can show.
fn publish(stage: &Stage, cast: &Cast, title: &str, now: Timestamp) -> Result<Id> {
    let posting = json!({
        "title": title,
        "description": "Own the chiplet architecture from the product requirements to the packaged part.",
        "discipline": "silicon", "seniority": "principal", "workplace": "hybrid", "openings": 4,
        "locations": [
            {"city": "Austin", "region": "TX", "country": "US"}, {"city": "Zürich", "country": "CH"},
            {"city": "Hsinchu", "country": "TW"}, {"city": "Bengaluru", "country": "IN"}
        ],
        "pay": {"base": {"min": 290_000, "max": 410_000, "currency": "USD", "period": "year"}, "equity": {"kind": "rsu"}},
        "apply": {"url": "https://fernhollow.example/apply/1"}
    });
    let input: PostingInput = serde_json::from_value(posting).context("the sample posting is wrong")?;
    let posting = stage.db.write_blocking(|tx| {
        let draft = lifecycle::create(tx, cast.employer.id, input, &stage.random, now)?;
        lifecycle::publish(tx, draft.row.id, None, now)
    })?;
    Ok(posting.row.id)
}

/// Runs the passes until nothing is left to do.
fn settle(stage: &Stage, letterhead: &Letterhead, now: Timestamp) -> Result<()> {
    let mut matching = MatchState::new();
    while !match_pass(&stage.db, &mut matching, now)?.is_caught_up {}
    while !dispatch_pass(&stage.db, letterhead, &stage.random, now)?.is_caught_up {}
    Ok(())
}
