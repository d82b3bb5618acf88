//! The mails to those who look after postings, and to those who come to events.

use ::postings::registrations::{self, Desk};
use ::postings::reports::{self, Decision, NewReport, ReportReason};
use ::postings::review::{self, Bench};
use ::postings::webhooks::{self, NewEndpoint};
use ::postings::{Posting, PostingInput, PostingRules, Review, events, lifecycle, outward, warning};
use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use mail::{EmailAddress, MailKind};
use serde_json::json;

use super::{Cast, Stage};

/// Plays what makes every mail about a posting or a webhook.
pub(super) fn write_mails(stage: &Stage, cast: &Cast) -> Result<()> {
    let db = &stage.db;
    let bench = Bench {
        config: &stage.config,
        random: &stage.random,
        by: cast.colleague.id,
    };
    let refused = hand_in(stage, cast, stage.words.title)?;
    db.write_blocking(|tx| {
        review::reject(tx, refused.row.id, stage.words.reason, None, &bench, stage.now())
    })?;
    for member in [&cast.recruiter, &cast.colleague] {
        stage.name_last(MailKind::PostingReview, &member.email, "rejected")?;
    }
    let approved = hand_in(stage, cast, stage.words.title)?;
    let rules = PostingRules::default();
    let seen = approved.row.version;
    db.write_blocking(|tx| review::approve(tx, approved.row.id, seen, &rules, &bench, stage.now()))?;
    db.write_blocking(|tx| warning::warn_due(tx, &stage.config, &stage.random, 10, stage.in_days(58)))?;
    let report = NewReport {
        reason: ReportReason::Other,
        detail: "It asks for money.".to_owned(),
        email: None,
    };
    db.write_blocking(|tx| reports::report(tx, approved.row.id, report, &stage.random, stage.now()))?;
    let case = db
        .read_blocking(|conn| reports::list(conn, reports::CaseState::Open, None, 1))?
        .data
        .pop()
        .context("there is no case")?
        .case;
    let reason = Some(stage.words.reason.to_owned());
    db.write_blocking(|tx| {
        reports::decide(tx, case.id, Decision::Freeze, reason, None, &bench, stage.now())
    })?;
    switch_off_webhook(stage, cast)
}

/// A posting that waits for a moderator.
fn hand_in(stage: &Stage, cast: &Cast, title: &str) -> Result<Posting> {
    let input: PostingInput = serde_json::from_value(json!({
        "title": title, "description": "Own it.", "apply": {"url": "https://fernhollow.example/apply/1"}
    }))?;
    let rules = PostingRules {
        review: Review::All,
        ..PostingRules::default()
    };
    Ok(stage.db.write_blocking(|tx| {
        let draft = lifecycle::create(tx, cast.employer.id, input, &stage.random, stage.now())?;
        review::publish(tx, draft.row.id, None, &rules, stage.now())
    })?)
}

fn switch_off_webhook(stage: &Stage, cast: &Cast) -> Result<()> {
    let new = NewEndpoint {
        url: "https://hooks.fernhollow.example/backplane".to_owned(),
        description: stage.words.title.to_owned(),
        events: Vec::new(),
    };
    let (employer, now) = (cast.employer.id, stage.now());
    let (endpoint, _) = stage.db.write_blocking(|tx| {
        webhooks::create(
            tx,
            Some(employer),
            new,
            outward::Reach::Public,
            &stage.links,
            &stage.random,
            now,
        )
    })?;
    let reason = "every attempt has failed for five days";
    stage.db.write_blocking(|tx| {
        webhooks::write_letters(tx, &endpoint, reason, &stage.config, &stage.random, stage.now())
    })?;
    Ok(())
}

/// Plays what makes every mail about a seat.
pub(super) fn write_event_mails(stage: &Stage, cast: &Cast) -> Result<()> {
    let db = &stage.db;
    let desk = Desk {
        config: &stage.config,
        links: &stage.links,
        random: &stage.random,
    };
    let input = serde_json::from_value(json!({
        "title": stage.words.event, "starts_at": stage.in_days(10).to_string(),
        "ends_at": stage.in_days(10).plus(SignedDuration::from_hours(8)).to_string(), "timezone": "America/Chicago",
        "place": stage.words.place, "online_url": "https://meet.fernhollow.example/day", "capacity": 1
    }))?;
    let employer = cast.employer.id;
    let event = db.write_blocking(|tx| events::create(tx, employer, input, &stage.random, stage.now()))?;
    let ann: EmailAddress = "ann@candidate.example".parse()?;
    let ben: EmailAddress = "ben@candidate.example".parse()?;
    for address in [&ann, &ben] {
        let name = stage.words.colleague;
        db.write_blocking(|tx| {
            registrations::request(tx, event.id, address.clone(), name, &desk, stage.now())
        })?;
        let token = stage.last_token(MailKind::EventConfirm, address)?;
        db.write_blocking(|tx| registrations::confirm(tx, &token, &desk, stage.now()))?;
    }
    stage.name_last(MailKind::EventSeat, &ben, "waiting")?;
    let patch = json!({"place": format!("{} (2)", stage.words.place)});
    let moved = db.write_blocking(|tx| events::update(tx, event.id, &patch, None, stage.now()))?;
    db.write_blocking(|tx| registrations::tell(tx, &moved.event, &desk, stage.now()))?;
    let off = db.write_blocking(|tx| events::cancel(tx, event.id, None, stage.now()))?;
    db.write_blocking(|tx| registrations::tell(tx, &off, &desk, stage.now()))?;
    stage.name_last(MailKind::EventNews, &ann, "cancelled")?;
    stage.name_last(MailKind::EventNews, &ben, "cancelled")
}
