//! Events as iCalendar (RFC 5545).
//!
//! Times are UTC, so that no description of time zones is needed; identifiers never change, and `SEQUENCE` grows, so that
//! a calendar program replaces what it has.

use store::Timestamp;

use crate::events::{Event, EventStatus};

/// Octets of a line, without its end (RFC 5545, 3.1).
const LINE: usize = 75;

/// A calendar of these events. `host` stands behind the `@` of their identifiers; `name` is shown by calendar programs.
pub fn render(name: Option<&str>, events: &[Event], host: &str) -> String {
    let mut out = String::new();
    line(&mut out, "BEGIN:VCALENDAR");
    line(&mut out, "VERSION:2.0");
    line(&mut out, "PRODID:-//Backplane//Hiring events//EN");
    line(&mut out, "CALSCALE:GREGORIAN");
    line(&mut out, "METHOD:PUBLISH");
    if let Some(name) = name {
        // Not in the standard; every calendar program shows it.
        line(&mut out, &format!("X-WR-CALNAME:{}", escaped(name)));
    }
    for event in events {
        render_event(&mut out, event, host);
    }
    line(&mut out, "END:VCALENDAR");
    out
}

fn render_event(out: &mut String, event: &Event, host: &str) {
    line(out, "BEGIN:VEVENT");
    line(out, &format!("UID:{}@{host}", event.id));
    line(out, &format!("DTSTAMP:{}", utc(event.updated_at)));
    line(out, &format!("CREATED:{}", utc(event.created_at)));
    line(out, &format!("LAST-MODIFIED:{}", utc(event.updated_at)));
    line(out, &format!("SEQUENCE:{}", event.sequence));
    line(out, &format!("DTSTART:{}", utc(event.starts_at)));
    line(out, &format!("DTEND:{}", utc(event.ends_at)));
    line(out, &format!("SUMMARY:{}", escaped(&event.title)));
    let status = match event.status {
        EventStatus::Scheduled => "CONFIRMED",
        EventStatus::Cancelled => "CANCELLED",
    };
    line(out, &format!("STATUS:{status}"));
    if !event.description_text.is_empty() {
        line(out, &format!("DESCRIPTION:{}", escaped(&event.description_text)));
    }
    if let Some(place) = event.place.as_ref().or(event.online_url.as_ref()) {
        line(out, &format!("LOCATION:{}", escaped(place)));
    }
    if let Some(url) = &event.online_url {
        // A URI is not text: nothing in it is escaped, and it holds no line ends.
        line(out, &format!("URL:{url}"));
    }
    line(out, "END:VEVENT");
}

/// "20261203T150000Z".
fn utc(at: Timestamp) -> String {
    at.as_jiff().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text value (RFC 5545, 3.3.11), without control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push_str("\\n"),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// One content line, folded where it is longer than 75 octets, never inside a character.
fn line(out: &mut String, text: &str) {
    let mut width = 0;
    for c in text.chars() {
        if width + c.len_utf8() > LINE {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}
