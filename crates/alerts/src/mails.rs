//! The mails about an alert itself: confirm it, keep it.

use mail::{Block, Draft, Footer, Layout, ListHeaders, MailKind};
use store::{Id, Timestamp};

use crate::alert::{Alert, Frequency};
use crate::letterhead::Letterhead;
use crate::subscription::CONFIRM_WITHIN;

/// Kind of the confirmation mail.
pub(crate) const CONFIRM: MailKind = MailKind::AlertConfirm;
/// Kind of the mail of an instant alert.
pub(crate) const INSTANT: MailKind = MailKind::AlertInstant;
/// Kind of a digest.
pub(crate) const DIGEST: MailKind = MailKind::AlertDigest;
/// Kind of the mail that asks whether to keep an alert.
pub(crate) const KEEP: MailKind = MailKind::AlertKeep;
/// Every kind of mail that an alert causes.
pub(crate) const KINDS: [MailKind; 4] = [CONFIRM, INSTANT, DIGEST, KEEP];

/// How the dedup keys of an alert's mails begin.
pub(crate) fn dedup_prefix(alert: Id) -> String {
    format!("alert/{alert}/")
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
        dedup_key: format!("{}confirm", dedup_prefix(alert.id)),
        not_after: alert.created_at.plus(CONFIRM_WITHIN),
    }
}

/// Asks whether to keep an alert that nobody touched for long; without an answer it ends at `until`.
pub(crate) fn keep(letterhead: &Letterhead, alert: &Alert, until: Timestamp) -> Draft {
    let search = alert.query.0.describe();
    let since = alert.touched_at.as_jiff().strftime("%-d %B %Y");
    let end = until.as_jiff().strftime("%-d %B %Y").to_string();
    let layout = Layout {
        title: "Keep this alert?".to_owned(),
        preheader: format!("Without an answer it ends on {end}."),
        blocks: vec![
            Block::Paragraph(format!("Your alert for new roles: {search}.")),
            Block::Paragraph(format!(
                "You last changed or confirmed it on {since}. Is it still of use to you?"
            )),
            Block::Button {
                label: "Keep this alert".to_owned(),
                url: letterhead.manage_url(alert.id),
            },
            Block::Paragraph(format!(
                "If you do nothing, the alert ends on {end} and we write no more about it. You can take it up again later with the same link."
            )),
        ],
        footer: Footer {
            reason: "You get this mail because you confirmed this alert.".to_owned(),
            links: vec![("Unsubscribe".to_owned(), letterhead.unsubscribe_url(alert.id))],
        },
    };
    let rendered = layout.render(&letterhead.config);
    Draft {
        kind: KEEP,
        recipient: alert.email.clone(),
        subject: format!("Keep your alert {search}?"),
        text: rendered.text,
        html: rendered.html,
        list: Some(ListHeaders {
            unsubscribe_url: letterhead.unsubscribe_url(alert.id),
            list: "alerts".to_owned(),
        }),
        dedup_key: format!("{}keep/{}", dedup_prefix(alert.id), alert.touched_at.seconds()),
        not_after: until,
    }
}

pub(crate) fn cadence(frequency: Frequency) -> &'static str {
    match frequency {
        Frequency::Instant => "as soon as a matching role is published",
        Frequency::Daily => "at most once a day",
        Frequency::Weekly => "at most once a week",
    }
}
