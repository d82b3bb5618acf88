//! Bounces that are written for people alone: Exim, qmail (QSBMF) and many gateways send them instead of a status
//! notification. Whom they are about is told by the return path as ever; here it is only found out what they say.

use mail_parser::Message;

use super::ReportKind;
use crate::status::Status;

/// How systems that deliver mail call themselves in From.
const SYSTEMS: [&str; 9] = [
    "mailer-daemon",
    "mailerdaemon",
    "mail-daemon",
    "postmaster",
    "mdaemon",
    "mail delivery",
    "mailmaster",
    "daemon@",
    "system administrator",
];
/// What the subject of a bounce has in it.
const SUBJECTS: [&str; 16] = [
    "undeliver",
    "not deliver",
    "not be delivered",
    "non-deliver",
    "nondeliver",
    "delivery",
    "delayed",
    "failure notice",
    "returned mail",
    "returned to sender",
    "mail system error",
    "message status",
    "mail error",
    "mail failed",
    "could not be",
    "non remis",
];
/// How the text of a bounce says that it is one, in systems that call themselves nothing of the kind.
const FAILURES: [&str; 9] = [
    "could not be delivered",
    "cannot be delivered",
    "could not deliver",
    "unable to deliver",
    "unable to be delivered",
    "was not delivered",
    "has not been delivered",
    "failed recipient",
    "delivery failed",
];
/// What says that a mailbox is not there, when no code does.
const NO_MAILBOX: [&str; 22] = [
    "user unknown",
    "unknown user",
    "unknown or illegal alias",
    "no such user",
    "no such local user",
    "no such recipient",
    "no such mailbox",
    "unknown recipient",
    "recipient unknown",
    "no mailbox here by that name",
    "mailbox not found",
    "user not found",
    "invalid recipient",
    "address unknown",
    "unknown address",
    "not listed in",
    "doesn't have a",
    "does not have a",
    "no longer valid",
    "not a valid user",
    "domain does not exist",
    "n'existe pas",
];
/// What says that nothing is lost yet.
const NOT_YET: [&str; 7] = [
    "delayed",
    "will be retried",
    "will keep trying",
    "still trying",
    "will continue to be attempted",
    "attempts will continue",
    "you do not need to resend",
];
/// Where the mail that comes back begins: what it says is not what the other side said.
const RETURNED: [&str; 8] = [
    "below this line is a copy",
    "this is a copy of",
    "original message",
    "message follows",
    "message header",
    "\nreceived: from",
    "\nreturn-path:",
    "\nmessage-id:",
];

/// What a bounce in prose says: its kind, the code that it gives or means, and its words.
pub(super) struct Prose {
    pub(super) kind: ReportKind,
    pub(super) status: Option<Status>,
    pub(super) words: String,
}

/// Reads `message` as a bounce without a part for machines, or with one that is empty (`is_report`); `None` when it is not
/// one, but an answer of a person or of somebody's assistant.
pub(super) fn read(message: &Message<'_>, is_report: bool) -> Option<Prose> {
    let header = |name: &str| message.header_raw(name).unwrap_or_default().to_lowercase();
    let subject = message.subject().unwrap_or_default().to_lowercase();
    let is_by_a_system = SYSTEMS.iter().any(|name| header("From").contains(name));
    let is_without_return = header("Return-Path").trim() == "<>";
    let sounds_like_one = SUBJECTS.iter().any(|words| subject.contains(words));
    let text = message.body_text(0).unwrap_or_default().to_lowercase();
    let is_one = is_report
        || message.header_raw("X-Failed-Recipients").is_some()
        || is_by_a_system
        || sounds_like_one && (is_without_return || FAILURES.iter().any(|words| text.contains(words)));
    if !is_one {
        return None;
    }
    let end = RETURNED.iter().filter_map(|mark| text.find(mark)).min();
    let said = end.and_then(|end| text.get(..end)).unwrap_or(&text);
    let status = code_in(said).or_else(|| {
        let is_gone = NO_MAILBOX.iter().any(|words| said.contains(words));
        is_gone.then(|| Status::parse("5.1.1")).flatten()
    });
    let is_over = status.is_some_and(Status::is_permanent);
    let waits = NOT_YET
        .iter()
        .any(|words| said.contains(words) || subject.contains(words));
    let kind = match status {
        Some(_) if !is_over => ReportKind::Delay,
        None if waits => ReportKind::Delay,
        _ => ReportKind::Bounce,
    };
    Some(Prose {
        kind,
        status,
        words: said.to_owned(),
    })
}

/// The first code of a failure (RFC 3463) in `text`.
fn code_in(text: &str) -> Option<Status> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.starts_with(['4', '5']) && word.get(1..2) == Some("."))
        .find_map(Status::parse)
}
