//! The mails of alerts.

use mail::{Block, Draft, Entry, Footer, Layout, LinkKey, ListHeaders, MailConfig};
use postings::Posting;
use std::sync::Arc;
use store::Timestamp;

use crate::alert::{Alert, Frequency};
use crate::subscription::CONFIRM_WITHIN;

/// Kind of the confirmation mail.
pub(crate) const CONFIRM: &str = "alert_confirm";
/// Purpose of the link that ends an alert.
const UNSUBSCRIBE: &str = "alert_unsubscribe";
/// Purpose of the link that shows and changes an alert.
const MANAGE: &str = "alert_manage";

/// Who we are, and the key for links that act without a login.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// Who we are.
    pub config: Arc<MailConfig>,
    /// Signs the links.
    pub links: Arc<LinkKey>,
}

impl Letterhead {
    /// The token that ends the alert.
    pub fn unsubscribe_token(&self, alert: store::Id) -> String {
        self.links.sign(UNSUBSCRIBE, alert)
    }

    /// The alert that `token` may end. A token that may manage it may end it as well.
    pub fn verify_unsubscribe(&self, token: &str) -> Option<store::Id> {
        self.links
            .verify(UNSUBSCRIBE, token)
            .or_else(|| self.verify_manage(token))
    }

    /// The token that shows and changes the alert.
    pub fn manage_token(&self, alert: store::Id) -> String {
        self.links.sign(MANAGE, alert)
    }

    /// The alert that `token` may show and change.
    pub fn verify_manage(&self, token: &str) -> Option<store::Id> {
        self.links.verify(MANAGE, token)
    }

    fn unsubscribe_url(&self, alert: &Alert) -> String {
        self.config.url(&format!(
            "/v1/alerts/unsubscribe?token={}",
            self.unsubscribe_token(alert.id)
        ))
    }

    fn manage_url(&self, alert: &Alert) -> String {
        self.config.url(&format!(
            "/alerts/manage?alert={}&token={}",
            alert.id,
            self.manage_token(alert.id)
        ))
    }
}

pub(crate) fn confirmation(letterhead: &Letterhead, alert: &Alert, token: &str) -> Draft {
    let url = letterhead.config.url(&format!("/alerts/confirm?token={token}"));
    let hours = CONFIRM_WITHIN.as_hours();
    let search = alert.query.0.describe();
    let layout = Layout {
        title: "Confirm your alert".to_owned(),
        preheader: format!("One click, and new roles for {search} come to you."),
        blocks: vec![
            Block::Paragraph(format!("You asked us to tell you about new roles for: {search}.")),
            Block::Paragraph(format!("We will write {}.", cadence(alert.frequency))),
            Block::Button {
                label: "Confirm this alert".to_owned(),
                url,
            },
            Block::Paragraph(format!(
                "The link works for {hours} hours. If it was not you who asked, do nothing: without this confirmation the alert stays silent."
            )),
        ],
        footer: Footer {
            reason: "You get this mail because somebody, hopefully you, entered this address for an alert."
                .to_owned(),
            links: Vec::new(),
        },
    };
    let rendered = layout.render(&letterhead.config);
    Draft {
        kind: CONFIRM,
        recipient: alert.email.clone(),
        subject: "Confirm your alert for new roles".to_owned(),
        text: rendered.text,
        html: rendered.html,
        list: None,
        dedup_key: format!("{CONFIRM}/{}", alert.id),
        not_after: alert.created_at.plus(CONFIRM_WITHIN),
    }
}

/// The mail about `postings`; `waiting` more come with the next one.
pub(crate) fn matches(
    letterhead: &Letterhead,
    alert: &Alert,
    postings: &[Posting],
    waiting: usize,
    now: Timestamp,
) -> Draft {
    let count = postings.len();
    let subject = subject(postings);
    let search = alert.query.0.describe();
    let more = if waiting == 0 {
        Vec::new()
    } else {
        vec![
            Block::Paragraph(match waiting {
                1 => "One more role comes with the next mail.".to_owned(),
                count => format!("{count} more roles come with the next mails."),
            }),
            Block::Button {
                label: "See all roles of this search".to_owned(),
                url: search_url(letterhead, alert),
            },
        ]
    };
    let entries = postings
        .iter()
        .map(|posting| entry(letterhead, posting))
        .collect();
    let layout = Layout {
        title: if count == 1 {
            "A new role for you".to_owned()
        } else {
            format!("{count} new roles for you")
        },
        preheader: preheader(postings, &search),
        blocks: [
            Block::Paragraph(format!("Your alert: {search}")),
            Block::List(entries),
        ]
        .into_iter()
        .chain(more)
        .collect(),
        footer: Footer {
            reason: format!(
                "You get this mail because you confirmed this alert. It writes {}.",
                cadence(alert.frequency)
            ),
            links: vec![
                (
                    "Change, pause or end this alert".to_owned(),
                    letterhead.manage_url(alert),
                ),
                ("Unsubscribe".to_owned(), letterhead.unsubscribe_url(alert)),
            ],
        },
    };
    let rendered = layout.render(&letterhead.config);
    let latest = postings
        .iter()
        .filter_map(|posting| posting.row.revision)
        .max()
        .unwrap_or_default();
    let first = postings
        .first()
        .map(|posting| posting.row.id.to_string())
        .unwrap_or_default();
    Draft {
        kind: if alert.frequency == Frequency::Instant {
            "alert_instant"
        } else {
            "alert_digest"
        },
        recipient: alert.email.clone(),
        subject,
        text: rendered.text,
        html: rendered.html,
        list: Some(ListHeaders {
            unsubscribe_url: letterhead.unsubscribe_url(alert),
            list: "alerts".to_owned(),
        }),
        dedup_key: format!("alert/{}/{latest}/{first}", alert.id),
        // News that is days old is none.
        not_after: now.plus(jiff::SignedDuration::from_hours(48)),
    }
}

fn subject(postings: &[Posting]) -> String {
    let Some(first) = postings.first() else {
        return "New roles".to_owned();
    };
    let lead = format!(
        "{} at {}",
        shortened(&first.content().title, 80),
        shortened(&first.employer.name, 40)
    );
    match postings.len() {
        1 => lead,
        2 => format!("{lead} and 1 more role"),
        count => format!("{lead} and {} more roles", count - 1),
    }
}

fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars - 1).chain(['…']).collect()
}

fn entry(letterhead: &Letterhead, posting: &Posting) -> Entry {
    let content = posting.content();
    let places: Vec<String> = content
        .locations
        .iter()
        .take(3)
        .map(postings::Location::label)
        .collect();
    let more_places = content.locations.len().saturating_sub(3);
    let place = match more_places {
        0 => places.join("; "),
        more => format!("{} and {more} more", places.join("; ")),
    };
    let workplace = content.workplace.map(|workplace| workplace.label().to_owned());
    let parts = [
        Some(posting.employer.name.clone()),
        Some(place).filter(|place| !place.is_empty()),
        workplace,
    ];
    let mut lines = vec![parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")];
    let pay = content.pay.as_ref();
    let band = pay.and_then(|pay| pay.base.as_ref().or(pay.total.as_ref()));
    let openings = (content.openings > 1).then(|| format!("{} openings", content.openings));
    let facts: Vec<String> = band
        .map(postings::PayBand::label)
        .into_iter()
        .chain(openings)
        .collect();
    if !facts.is_empty() {
        lines.push(facts.join(" · "));
    }
    Entry {
        title: content.title.clone(),
        url: letterhead.config.url(&format!("/postings/{}", posting.row.slug)),
        lines,
        links: Vec::new(),
    }
}

/// What stands beside the subject: what the subject does not say yet.
fn preheader(postings: &[Posting], search: &str) -> String {
    let titles: Vec<&str> = postings
        .iter()
        .skip(1)
        .take(3)
        .map(|posting| posting.content().title.as_str())
        .collect();
    if titles.is_empty() {
        format!("New for your alert {search}")
    } else {
        titles.join(", ")
    }
}

/// The alert's search on the board.
fn search_url(letterhead: &Letterhead, alert: &Alert) -> String {
    let pairs = alert.query.0.to_pairs();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    letterhead.config.url(&format!("/?{query}"))
}

fn cadence(frequency: Frequency) -> &'static str {
    match frequency {
        Frequency::Instant => "as soon as a matching role is published",
        Frequency::Daily => "at most once a day",
        Frequency::Weekly => "at most once a week",
    }
}
