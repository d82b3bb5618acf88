//! The mails about seats.

use jiff::tz::TimeZone;
use mail::{Block, Draft, Footer, Layout, MailConfig, MailKind};
use store::Timestamp;

use super::{CANCEL, CONFIRM, CONFIRM_WITHIN, Desk, NEWS, Registration, SEAT, SeatStatus};
use crate::events::{Event, EventStatus};

/// "Thursday, 3 December 2026, 09:00 – 17:00 (America/Chicago)", and where.
fn particulars(event: &Event) -> Vec<Block> {
    let zone = TimeZone::get(&event.timezone).unwrap_or(TimeZone::UTC);
    let (start, end) = (
        jiff::ZonedDateTime::new(event.starts_at.as_jiff(), zone.clone()),
        jiff::ZonedDateTime::new(event.ends_at.as_jiff(), zone),
    );
    let until = if start.date() == end.date() {
        "%H:%M"
    } else {
        "%A, %-d %B %Y, %H:%M"
    };
    let times = format!(
        "{} – {} ({})",
        start.strftime("%A, %-d %B %Y, %H:%M"),
        end.strftime(until),
        event.timezone
    );
    let places = [&event.place, &event.online_url];
    let places: Vec<&str> = places.into_iter().flatten().map(String::as_str).collect();
    vec![
        Block::Heading(event.title.clone()),
        Block::Paragraph(times),
        Block::Paragraph(places.join(" · ")),
    ]
}

/// Where the subject, which stands on top of the mail, has the event's title already.
fn is_title(block: &Block) -> bool {
    matches!(block, Block::Heading(_))
}

pub(super) fn confirmation(config: &MailConfig, event: &Event, to: &Registration, token: &str) -> Draft {
    // Not by name: whoever types in a stranger's address must not get words of theirs into a mail.
    let mut blocks = vec![Block::Paragraph("You asked for a seat at:".to_owned())];
    blocks.extend(particulars(event));
    blocks.push(Block::Button {
        label: "Confirm my seat".to_owned(),
        url: config.url(&format!("/events/confirm?token={token}")),
    });
    let hours = CONFIRM_WITHIN.as_hours();
    blocks.push(Block::Paragraph(format!(
        "The link works for {hours} hours. If it was not you who asked, do nothing: nobody gets a seat without it."
    )));
    let reason = "You get this mail because somebody, hopefully you, entered this address for an event.";
    draft(
        config,
        CONFIRM,
        to,
        "Confirm your seat",
        blocks,
        reason,
        Vec::new(),
        format!("{CONFIRM}/{}/{}", to.id, to.asked_at.micros()),
        to.asked_at.plus(CONFIRM_WITHIN),
    )
}

pub(super) fn seat_mail(desk: &Desk<'_>, event: &Event, to: &Registration, now: Timestamp) -> Draft {
    let has_seat = to.status == SeatStatus::Confirmed;
    let (subject, words) = if has_seat {
        ("You have a seat", "Your seat is reserved.")
    } else {
        (
            "You are on the waiting list",
            "Every seat is taken at the moment. We write to you as soon as one becomes free.",
        )
    };
    let subject = format!("{subject}: {}", event.title);
    let mut blocks = vec![Block::Paragraph(words.to_owned())];
    blocks.extend(particulars(event).into_iter().filter(|block| !is_title(block)));
    if has_seat {
        blocks.push(Block::Button {
            label: "Add it to my calendar".to_owned(),
            url: desk.config.url(&format!("/v1/events/{}.ics", event.id)),
        });
    }
    let reason = "You get this mail because you confirmed your address for this event.";
    let key = format!("{SEAT}/{}/{}/{}", to.id, to.status, to.asked_at.micros());
    let links = vec![give_back_link(desk, to)];
    draft(
        desk.config,
        SEAT,
        to,
        &subject,
        blocks,
        reason,
        links,
        key,
        event.ends_at.max(now),
    )
}

pub(super) fn news_mail(desk: &Desk<'_>, event: &Event, to: &Registration, now: Timestamp) -> Draft {
    let is_off = event.status == EventStatus::Cancelled;
    let (subject, words) = if is_off {
        (
            "Cancelled",
            "This event does not take place. Your seat is void; you need to do nothing.",
        )
    } else {
        ("Changed", "This event is at another time or place now:")
    };
    let mut blocks = vec![Block::Paragraph(words.to_owned())];
    blocks.extend(particulars(event).into_iter().filter(|block| !is_title(block)));
    let links = if is_off {
        Vec::new()
    } else {
        vec![give_back_link(desk, to)]
    };
    if !is_off {
        blocks.push(Block::Button {
            label: "Update my calendar".to_owned(),
            url: desk.config.url(&format!("/v1/events/{}.ics", event.id)),
        });
    }
    let reason = "You get this mail because you confirmed your address for this event.";
    let subject = format!("{subject}: {}", event.title);
    let key = format!("{NEWS}/{}/{}", to.id, event.sequence);
    draft(
        desk.config,
        NEWS,
        to,
        &subject,
        blocks,
        reason,
        links,
        key,
        event.ends_at.max(now.plus(CONFIRM_WITHIN)),
    )
}

fn give_back_link(desk: &Desk<'_>, to: &Registration) -> (String, String) {
    let token = desk.links.sign(CANCEL, to.id);
    let url = desk.config.url(&format!("/events/cancel?token={token}"));
    ("I cannot come".to_owned(), url)
}

#[expect(clippy::too_many_arguments, reason = "what three mails differ in")]
fn draft(
    config: &MailConfig,
    kind: MailKind,
    to: &Registration,
    subject: &str,
    blocks: Vec<Block>,
    reason: &str,
    links: Vec<(String, String)>,
    dedup_key: String,
    not_after: Timestamp,
) -> Draft {
    let layout = Layout {
        title: subject.to_owned(),
        preheader: String::new(),
        blocks,
        footer: Footer {
            reason: reason.to_owned(),
            links,
        },
    };
    let rendered = layout.render(config);
    Draft {
        kind,
        recipient: to.email.clone(),
        subject: subject.to_owned(),
        text: rendered.text,
        html: rendered.html,
        list: None,
        dedup_key,
        not_after,
    }
}

/// What an event says about itself, for a page.
pub fn in_words(event: &Event) -> Vec<String> {
    let texts = particulars(event).into_iter().filter_map(|block| match block {
        Block::Heading(text) | Block::Paragraph(text) => Some(text),
        _ => None,
    });
    texts.collect()
}
