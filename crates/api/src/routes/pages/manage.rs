//! The page of everything that is held about an address.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use alerts::subscription::{self, AlertPatch, Resume};
use alerts::{Alert, AlertStatus, ChangeKind, EndReason, Frequency, QuietHours, owner, schedule};
use askama::Template;
use mail::{EmailAddress, SuppressionReason};
use search::Query;
use store::{DbConn, Id, Timestamp};

use super::{message, page, problem_page};
use crate::error::{Code, Problem};
use crate::holder::{Holder, LinkToken};
use crate::routes::me::forget_address;
use crate::state::State;

/// The rhythms, with their words.
pub(super) const FREQUENCIES: [(&str, &str); 3] = [
    ("instant", "At once"),
    ("daily", "Once a day"),
    ("weekly", "Once a week, on Monday"),
];

#[derive(Template)]
#[template(path = "manage.html")]
struct ManagePage<'a> {
    site: &'a str,
    token: &'a str,
    email: String,
    notice: Option<&'a str>,
    mistake: Option<String>,
    suppressed: Option<String>,
    may_lift: bool,
    alerts: Vec<Row>,
    frequencies: [(&'a str, &'a str); 3],
    zones: Vec<String>,
}

/// What can be done with an alert.
enum Shown {
    Waiting,
    Open,
    Retired,
    Ended,
}

struct Row {
    id: Id,
    description: String,
    state: String,
    form: Shown,
    is_first: bool,
    is_paused: bool,
    is_asked: bool,
    frequency: &'static str,
    hour: i16,
    timezone: String,
    quiet_from: Option<i16>,
    quiet_to: Option<i16>,
    notify: Vec<(&'static str, &'static str, bool)>,
    search_url: String,
    last_mailed: Option<String>,
}

fn day(at: Timestamp) -> String {
    at.as_jiff().strftime("%-d %B %Y").to_string()
}

fn row(state: &State, alert: &Alert, is_first: bool) -> Row {
    let form = match (alert.status, alert.end_reason) {
        (AlertStatus::Pending, _) => Shown::Waiting,
        (AlertStatus::Active | AlertStatus::Paused, _) => Shown::Open,
        (AlertStatus::Ended, Some(EndReason::Retired)) => Shown::Retired,
        (AlertStatus::Ended, _) => Shown::Ended,
    };
    let words = match (&form, alert.status) {
        (Shown::Waiting, _) => "Asked for, not confirmed: it is silent.".to_owned(),
        (Shown::Open, AlertStatus::Paused) => "Paused: what is published now is not told later.".to_owned(),
        (Shown::Open, _) => format!(
            "Active since {}.",
            day(alert.confirmed_at.unwrap_or(alert.created_at))
        ),
        (Shown::Retired, _) => format!(
            "Ended on {}, because nobody answered whether to keep it.",
            day(alert.updated_at)
        ),
        (Shown::Ended, _) => format!("You ended it on {}.", day(alert.updated_at)),
    };
    let kinds = ChangeKind::ALL.iter().map(|kind| {
        let label = match kind {
            ChangeKind::PayRaised => "pays more",
            ChangeKind::PlaceAdded => "has a new place",
            ChangeKind::ClosingSoon => "closes soon",
            ChangeKind::Reopened => "is open again",
        };
        (kind.as_str(), label, alert.notify.has(*kind))
    });
    Row {
        id: alert.id,
        description: alert.query.0.describe(),
        state: words,
        form,
        is_first,
        is_paused: alert.status == AlertStatus::Paused,
        is_asked: alert.keep_asked_at.is_some(),
        frequency: alert.frequency.as_str(),
        hour: alert.hour,
        timezone: alert.timezone.clone(),
        quiet_from: alert.quiet_from,
        quiet_to: alert.quiet_to,
        notify: kinds.collect(),
        search_url: state.letterhead.search_url(&alert.query.0),
        last_mailed: alert.last_mailed_at.map(day),
    }
}

/// What is shown on top of the page after something was done.
#[derive(Default)]
struct Outcome {
    notice: Option<&'static str>,
    mistake: Option<String>,
}

async fn show(state: &State, token: &str, outcome: Outcome) -> Result<HttpResponse, Problem> {
    let Some(id) = state.letterhead.verify_manage(token) else {
        return Ok(problem_page(state, &Problem::new(Code::TokenInvalid)));
    };
    let held = state
        .read(move |conn, _| {
            let Some(alert) = subscription::find(conn, id)? else {
                return Ok(None);
            };
            let all = owner::list_of_address(conn, &alert.email)?;
            Ok::<_, Problem>(Some((owner::suppression(conn, &alert.email)?, alert, all)))
        })
        .await?;
    let Some((suppression, own, all)) = held else {
        return Ok(problem_page(state, &Problem::new(Code::TokenInvalid)));
    };
    // The alert whose mail led here comes first, the ended ones last.
    let mut sorted: Vec<&Alert> = all.iter().collect();
    sorted.sort_by_key(|alert| (alert.status == AlertStatus::Ended, alert.id != own.id, alert.id));
    let (suppressed, may_lift) = suppression.map_or((None, false), |(reason, at)| {
        let (why, may_lift) = match reason {
            SuppressionReason::Bounce => ("a mail to this address came back", true),
            SuppressionReason::Complaint => ("one of our mails to this address was reported as spam", true),
            SuppressionReason::Operator => ("the board's operator stopped it; please write to them", false),
        };
        let words = format!("We write no alerts to this address since {}: {why}.", day(at));
        (Some(words), may_lift)
    });
    let status = match outcome.mistake {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    Ok(page(
        status,
        &ManagePage {
            site: state.site(),
            token,
            email: own.email.to_string(),
            notice: outcome.notice,
            mistake: outcome.mistake,
            suppressed,
            may_lift,
            alerts: sorted
                .into_iter()
                .map(|alert| row(state, alert, alert.id == own.id))
                .collect(),
            frequencies: FREQUENCIES,
            zones: schedule::zone_names(),
        },
    ))
}

pub(super) async fn manage_page(state: State, LinkToken(token): LinkToken) -> Result<HttpResponse, Problem> {
    show(&state, &token, Outcome::default()).await
}

/// The fields of the form by name; each is there once.
type Fields = HashMap<String, String>;

pub(super) async fn manage_form(
    state: State,
    form: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let fields: Fields = form.into_inner().into_iter().collect();
    let token = fields.get("token").cloned().unwrap_or_default();
    let Some(own) = state.letterhead.verify_manage(&token) else {
        return Ok(problem_page(&state, &Problem::new(Code::TokenInvalid)));
    };
    let action = fields.get("action").cloned().unwrap_or_default();
    let outcome = act(&state, own, &action, fields).await;
    Ok(match (outcome, action.as_str()) {
        (Ok(_), "erase_all") => erased(&state, "Nothing is kept about this address."),
        (Ok(notice), "erase") => {
            let page = show(
                &state,
                &token,
                Outcome {
                    notice: Some(notice),
                    mistake: None,
                },
            )
            .await?;
            // The link went with its alert.
            if page.status().is_success() {
                page
            } else {
                erased(&state, "Nothing is kept about this alert.")
            }
        }
        (Ok(notice), _) => {
            let notice = Some(notice).filter(|notice| !notice.is_empty());
            show(
                &state,
                &token,
                Outcome {
                    notice,
                    mistake: None,
                },
            )
            .await?
        }
        (Err(problem), _) if problem.code().status() == 422 => {
            let mistake = Some(problem.in_words());
            show(
                &state,
                &token,
                Outcome {
                    notice: None,
                    mistake,
                },
            )
            .await?
        }
        (Err(problem), _) => match problem.code() {
            Code::AlertNotFound => problem_page(&state, &Problem::new(Code::TokenInvalid)),
            _ => problem_page(&state, &problem),
        },
    })
}

fn erased(state: &State, words: &str) -> HttpResponse {
    message(state, StatusCode::OK, "Erased", words, Vec::new())
}

/// Does what the button says; returns what to tell.
async fn act(state: &State, own: Id, action: &str, fields: Fields) -> Result<&'static str, Problem> {
    let now = state.now();
    let holder = Holder::by_link(own);
    let id = match fields.get("alert") {
        Some(text) => text.parse().map_err(|_| Problem::new(Code::AlertNotFound))?,
        None => own,
    };
    let patch = |status| AlertPatch {
        status: Some(status),
        ..AlertPatch::default()
    };
    let (change, notice) = match action {
        "pause" => (Some(patch(AlertStatus::Paused)), "The alert is paused."),
        "resume" => (Some(patch(AlertStatus::Active)), "The alert is active again."),
        "save" => (Some(patch_of(&fields)?), "Your changes are saved."),
        "show" => return Ok(""),
        "keep" => (None, "The alert goes on."),
        "confirm" => (None, "The alert is active."),
        "unsubscribe" => (None, "The alert has ended."),
        "erase" => (None, "The alert is erased."),
        "erase_all" => (None, "Everything is erased."),
        "lift" => (None, "We write to you again."),
        frequency => match frequency.parse() {
            Ok(frequency) => (
                Some(AlertPatch {
                    frequency: Some(frequency),
                    ..AlertPatch::default()
                }),
                "Your changes are saved.",
            ),
            Err(_) => return Err(Problem::new(Code::ContentInvalid)),
        },
    };
    let action = action.to_owned();
    state
        .write(move |tx, state| match change {
            Some(patch) => {
                holder.require(tx, id)?;
                subscription::update(tx, id, patch, None, now)?;
                Ok::<_, Problem>(())
            }
            None => act_plainly(tx, state, &holder, &action, id),
        })
        .await?;
    Ok(notice)
}

fn act_plainly(tx: &mut DbConn, state: &State, holder: &Holder, action: &str, id: Id) -> Result<(), Problem> {
    let now = state.now();
    let address: EmailAddress = holder.require_address(tx)?;
    match action {
        "confirm" => owner::confirm_waiting(tx, &address, id, now).map(|_| ())?,
        "erase_all" => {
            forget_address(tx, state, &address)?;
            owner::erase_address(tx, &address)?;
        }
        "lift" => subscription::lift_suppression(tx, &address, Resume::Asked).map(|_| ())?,
        "keep" => {
            let alert = holder.require(tx, id)?;
            alerts::keep(tx, &alert, now)?;
        }
        "unsubscribe" => {
            holder.require(tx, id)?;
            subscription::unsubscribe(tx, id, now)?;
        }
        _ => {
            holder.require(tx, id)?;
            subscription::erase(tx, id)?;
        }
    }
    Ok(())
}

fn patch_of(fields: &Fields) -> Result<AlertPatch, Problem> {
    let text = |name: &str| {
        fields
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    };
    let number = |name: &str| text(name).map(str::parse::<i16>).transpose();
    let wrong = |_| Problem::new(Code::ContentInvalid);
    let frequency = text("frequency").map(str::parse::<Frequency>).transpose();
    let quiet_hours = match (
        number("quiet_from").map_err(wrong)?,
        number("quiet_to").map_err(wrong)?,
    ) {
        (Some(from), Some(to)) => Some(QuietHours { from, to }),
        (None, None) => None,
        _ => {
            let detail = "quiet hours need a beginning and an end";
            return Err(Problem::field("/quiet_hours", "value_missing", detail));
        }
    };
    let is_on = |kind: &ChangeKind| fields.contains_key(&format!("notify_{kind}"));
    Ok(AlertPatch {
        query: text("search").map(query_in_address).transpose()?,
        frequency: frequency.map_err(|_| Problem::new(Code::ContentInvalid))?,
        timezone: text("timezone").map(str::to_owned),
        hour: number("hour").map_err(wrong)?,
        notify: Some(ChangeKind::ALL.iter().copied().filter(is_on).collect()),
        quiet_hours: Some(quiet_hours),
        status: None,
    })
}

/// The query of a search page's address, or of the part after its question mark.
pub(super) fn query_in_address(address: &str) -> Result<Query, Problem> {
    let query = match address.split_once('?') {
        Some((_, query)) => query,
        None if address.contains('/') => "",
        None => address,
    };
    let query = query.split('#').next().unwrap_or_default();
    let pairs: Vec<(String, String)> = crate::extract::pairs(query)
        .into_iter()
        .filter(|(name, _)| !matches!(name.as_str(), "cursor" | "limit" | "sort"))
        .collect();
    let parsed =
        search::parse_pairs(&pairs).map_err(|errors| crate::error::parameters_problem(errors, true))?;
    if parsed.query.is_unfiltered() {
        return Err(subscription::AlertError::QueryUnfiltered.into());
    }
    Ok(parsed.query)
}
