//! The mails of alerts.

use alerts::subscription::{self, NewAlert, Resume};
use alerts::{AlertRules, Frequency, Letterhead, MatchState, Notify, dispatch_pass, keep_pass, match_pass};
use anyhow::{Context as _, Result, anyhow};
use jiff::SignedDuration;
use mail::EmailAddress;
use postings::{PostingInput, lifecycle};
use serde_json::{Value, json};
use store::Timestamp;

use super::Stage;
use crate::samples;

/// Plays what makes every mail of an alert.
pub(super) fn write_mails(stage: &Stage) -> Result<()> {
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
    let narrow = json!({"q": "chiplet architect", "country": ["US"]});
    subscribe(stage, &letterhead, &ines, narrow, Frequency::Instant, earlier)?;
    samples::load(&stage.db, &stage.random, earlier)?;
    publish(stage)?;
    settle(stage, &letterhead, earlier)?;
    settle(stage, &letterhead, stage.now())?;
    // A year later nobody has touched the alerts.
    let much_later = stage
        .now()
        .plus(letterhead.rules.keep_after + SignedDuration::from_hours(24));
    keep_pass(&stage.db, &letterhead, &stage.random, much_later)?;
    Ok(())
}

/// A confirmed alert.
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
        notify: Notify::default(),
        quiet_hours: None,
    };
    stage
        .db
        .write_blocking(|tx| subscription::request(tx, new, letterhead, &stage.random, now))?;
    let token = stage.last_token(email)?;
    stage
        .db
        .write_blocking(|tx| subscription::confirm(tx, &token, Resume::NotAsked, now))?;
    Ok(())
}

/// A posting with everything that a mail can show, in several scripts.
fn publish(stage: &Stage) -> Result<()> {
    let employers = stage
        .db
        .read_blocking(|conn| accounts::list_employers(conn, None, 1))?;
    let employer = employers.data.first().context("the samples have no employer")?.id;
    let posting = json!({
        "title": "Principal Chiplet Architect (首席芯粒架构师) – UCIe & 3D packaging",
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
    let now = stage.now();
    stage.db.write_blocking(|tx| {
        let draft = lifecycle::create(tx, employer, input, &stage.random, now)?;
        lifecycle::publish(tx, draft.row.id, None, now)
    })?;
    Ok(())
}

/// Runs the passes until nothing is left to do.
fn settle(stage: &Stage, letterhead: &Letterhead, now: Timestamp) -> Result<()> {
    let mut matching = MatchState::new();
    while !match_pass(&stage.db, &mut matching, now)?.is_caught_up {}
    while !dispatch_pass(&stage.db, letterhead, &stage.random, now)?.is_caught_up {}
    Ok(())
}
