//! Reading a report. Whoever writes to the return path of a mail can write anything, so nothing here is believed yet.

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};

use super::{ReportKind, prose};
use crate::status::Status;

/// Largest report that is read. Who returns a whole mail returns at most this.
pub const REPORT_BYTES: usize = 4 << 20;
/// Parts of a report that are looked at.
const PARTS: usize = 20;
/// Bytes of a part that are looked at: fields stand at its beginning.
const PART_BYTES: usize = 64 << 10;
/// Fields of one block that are looked at.
const FIELDS: usize = 200;
/// Longest text that is kept of what the other side said.
const DETAIL_CHARS: usize = 300;

/// A report as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it says.
    pub kind: ReportKind,
    pub(crate) status: Option<Status>,
    /// What the other side said, in one line.
    pub(crate) detail: String,
    /// Addresses among which the return path of the mail should be.
    pub(crate) return_paths: Vec<String>,
    /// Message-IDs of the mail that it is about.
    pub(crate) message_ids: Vec<String>,
}

/// Why something is no report that says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Larger than any report.
    #[error("it is larger than 4 MiB")]
    TooLarge,
    /// Not a mail.
    #[error("it is not a mail")]
    NotMail,
    /// A mail, but neither a delivery status notification, nor a feedback report, nor a bounce in prose.
    #[error(
        "it is neither a delivery status notification (RFC 3464) nor a feedback report (RFC 5965), nor a bounce in prose"
    )]
    NotReport,
    /// A report of success.
    #[error("it reports nothing that went wrong")]
    NothingWrong,
}

impl Report {
    /// Reads a whole mail as it arrived.
    ///
    /// # Errors
    /// When it is not a report, or one of success.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        if bytes.len() > REPORT_BYTES {
            return Err(ReportError::TooLarge);
        }
        let message = MessageParser::default()
            .parse(bytes)
            .ok_or(ReportError::NotMail)?;
        let parts: Vec<(String, Vec<u8>)> = message
            .parts
            .iter()
            .take(PARTS)
            .filter_map(|part| {
                let kind = part.content_type()?;
                let name = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default());
                let body = match &part.body {
                    PartType::Message(inner) => inner.raw_message(),
                    _ => part.contents(),
                };
                let cut = body.get(..PART_BYTES).unwrap_or(body);
                Some((name.to_ascii_lowercase(), cut.to_vec()))
            })
            .collect();
        let part = |name: &str| parts.iter().find(|(kind, _)| kind == name).map(|(_, body)| body);
        let mut report = if let Some(body) = part("message/feedback-report") {
            complaint(&fields(body))?
        } else if let Some(body) =
            part("message/delivery-status").or_else(|| part("message/global-delivery-status"))
        {
            match delivery_status(body)? {
                Some(report) => report,
                None => in_prose(&message, true)?,
            }
        } else {
            in_prose(&message, false)?
        };
        // A DSN is addressed to the return path of the mail.
        let addressed = ["To", "Delivered-To", "X-Original-To", "Envelope-To"];
        report.return_paths.extend(headers(&message, &addressed));
        let returned = [
            "message/rfc822",
            "text/rfc822-headers",
            "message/rfc822-headers",
            "message/global",
            "message/global-headers",
        ];
        for name in returned {
            let Some(body) = part(name) else { continue };
            for (field, value) in fields(body) {
                match field.as_str() {
                    "return-path" => report.return_paths.extend(addresses(&value)),
                    "message-id" => report.message_ids.push(value),
                    _ => {}
                }
            }
        }
        Ok(report)
    }
}

fn headers(message: &Message<'_>, names: &[&str]) -> Vec<String> {
    let values = names.iter().filter_map(|name| message.header_raw(*name));
    values.flat_map(addresses).collect()
}

/// What looks like an address in `text`.
fn addresses(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"'))
        .filter(|word| word.contains('@') && word.len() <= 320)
        .take(20)
        .map(str::to_owned)
        .collect()
}

/// The fields up to the first empty line: names in lower case, values unfolded.
fn fields(block: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(block);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.trim_start_matches(['\r', '\n']).split('\n') {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || fields.len() >= FIELDS {
            break;
        }
        match (line.strip_prefix([' ', '\t']), fields.last_mut()) {
            (Some(more), Some((_, value))) => {
                value.push(' ');
                value.push_str(more.trim());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
    }
    fields
}

fn value<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let found = fields.iter().find(|(field, _)| field == name)?;
    Some(found.1.as_str())
}

fn complaint(fields: &[(String, String)]) -> Result<Report, ReportError> {
    let kind = value(fields, "feedback-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    // RFC 5965, section 7.3; `not-spam` (RFC 6430) and `auth-failure` (RFC 6591) are no complaints.
    if !matches!(
        kind.as_str(),
        "abuse" | "fraud" | "virus" | "other" | "opt-out" | "opt-out-list"
    ) {
        return Err(ReportError::NothingWrong);
    }
    let from = value(fields, "original-mail-from").map(addresses);
    Ok(Report {
        kind: ReportKind::Complaint,
        status: None,
        detail: shortened(&format!(
            "{kind} reported by {}",
            value(fields, "user-agent").unwrap_or("a receiver")
        )),
        return_paths: from.unwrap_or_default(),
        message_ids: Vec::new(),
    })
}

fn in_prose(message: &Message<'_>, is_report: bool) -> Result<Report, ReportError> {
    let found = prose::read(message, is_report).ok_or(ReportError::NotReport)?;
    let code = found.status.map(|status| status.to_string()).unwrap_or_default();
    Ok(Report {
        kind: found.kind,
        status: found.status,
        detail: shortened(&format!("{code} {}", found.words)),
        return_paths: Vec::new(),
        message_ids: Vec::new(),
    })
}

/// The worst that is said about any recipient; our mails have one each. `None` when nothing is said about any, as old gateways do.
fn delivery_status(body: &[u8]) -> Result<Option<Report>, ReportError> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let mut worst: Option<(u8, Report)> = None;
    let mut is_about_someone = false;
    // The first block is about the mail, each further one about a recipient; some leave the first one out.
    for block in text.split("\n\n").take(FIELDS) {
        let fields = fields(block.as_bytes());
        let Some(action) = value(&fields, "action") else {
            continue;
        };
        is_about_someone = true;
        let status = value(&fields, "status").and_then(Status::parse);
        let action = action.to_ascii_lowercase();
        let (rank, kind) = match (action.split_whitespace().next().unwrap_or_default(), status) {
            // RFC 3464 knows "failed" alone; some write it otherwise.
            ("failed" | "failure" | "error", Some(status)) if !status.is_permanent() => {
                (1, ReportKind::Delay)
            }
            ("failed" | "failure" | "error", _) => (2, ReportKind::Bounce),
            ("delayed", _) => (1, ReportKind::Delay),
            _ => continue,
        };
        if worst.as_ref().is_some_and(|(found, _)| *found >= rank) {
            continue;
        }
        let said = value(&fields, "diagnostic-code").unwrap_or_default();
        let code = status.map(|status| status.to_string()).unwrap_or_default();
        let report = Report {
            kind,
            status,
            detail: shortened(&format!("{code} {said}")),
            return_paths: Vec::new(),
            message_ids: Vec::new(),
        };
        worst = Some((rank, report));
    }
    match worst {
        Some((_, report)) => Ok(Some(report)),
        None if is_about_someone => Err(ReportError::NothingWrong),
        None => Ok(None),
    }
}

/// One line without control characters, and not too long.
fn shortened(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(DETAIL_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: &str = "From: mailer-daemon@mx.example\r\nTo: board+token@board.example\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
        --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
        Final-Recipient: rfc822; gone@inbox.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 no such\r\n user here\r\n\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <board+other@board.example>\r\n\
        Message-ID: <abc@board.example>\r\nSubject: x\r\n\r\nbody\r\n--b--\r\n";

    #[test]
    fn a_bounce_names_its_reason_and_the_mail() {
        let report = Report::parse(PLAIN.as_bytes()).unwrap();
        assert_eq!(report.kind, ReportKind::Bounce);
        assert_eq!(report.detail, "5.1.1 smtp; 550 5.1.1 no such user here");
        assert_eq!(
            report.return_paths,
            ["board+token@board.example", "board+other@board.example"]
        );
        assert_eq!(report.message_ids, ["<abc@board.example>"]);
        let with_lf = PLAIN.replace("\r\n", "\n");
        assert_eq!(
            Report::parse(with_lf.as_bytes()).unwrap(),
            report,
            "also from a pipe with bare LF"
        );
    }

    #[test]
    fn what_passes_is_a_delay_and_success_is_nothing() {
        let kind = |from: &str, to: &str| {
            Report::parse(PLAIN.replace(from, to).as_bytes()).map(|report| report.kind)
        };
        assert_eq!(kind("Action: failed", "Action: delayed"), Ok(ReportKind::Delay));
        assert_eq!(kind("Status: 5.1.1", "Status: 4.4.7"), Ok(ReportKind::Delay));
        for action in ["delivered", "relayed", "expanded", "nonsense", ""] {
            let changed = kind("Action: failed", &format!("Action: {action}"));
            assert_eq!(changed, Err(ReportError::NothingWrong), "{action}");
        }
        let prose = PLAIN.replace("message/delivery-status", "text/html");
        let read = Report::parse(prose.as_bytes()).unwrap();
        assert_eq!((read.kind, read.status), (ReportKind::Bounce, None), "in prose");
        let of_a_person = prose.replace("mailer-daemon@", "reader@");
        assert_eq!(Report::parse(of_a_person.as_bytes()), Err(ReportError::NotReport));
    }

    #[test]
    fn a_complaint_is_told_from_praise() {
        let report = "To: fbl@board.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/plain\r\n\r\nHi\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n\
            Feedback-Type: abuse\r\nUser-Agent: SomeFBL/1.0\r\nVersion: 1\r\nOriginal-Mail-From: <board+t@board.example>\r\n\r\n\
            --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <m@board.example>\r\n\r\n--b--\r\n";
        let read = Report::parse(report.as_bytes()).unwrap();
        assert_eq!(
            (read.kind, read.detail.as_str()),
            (ReportKind::Complaint, "abuse reported by SomeFBL/1.0")
        );
        assert!(read.return_paths.contains(&"board+t@board.example".to_owned()));
        assert_eq!(read.message_ids, ["<m@board.example>"]);
        let praise = report.replace("abuse", "not-spam");
        assert_eq!(Report::parse(praise.as_bytes()), Err(ReportError::NothingWrong));
    }

    #[test]
    fn the_worst_of_several_recipients_counts_and_encodings_are_undone() {
        let two = PLAIN.replace(
            "Final-Recipient: rfc822; gone@inbox.example",
            "Final-Recipient: rfc822; a@inbox.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\nFinal-Recipient: rfc822; gone@inbox.example",
        );
        assert_eq!(Report::parse(two.as_bytes()).unwrap().kind, ReportKind::Bounce);
    }

    #[test]
    fn nothing_that_can_be_sent_breaks_the_reader() {
        let deep = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
            "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".repeat(3000)
        );
        assert!(Report::parse(deep.as_bytes()).is_err());
        let nested = format!("{}{PLAIN}", "Content-Type: message/rfc822\r\n\r\n".repeat(3000));
        let _ = Report::parse(nested.as_bytes());
        let long = PLAIN.replace("Status:", &format!("X: {}\r\nStatus:", "y".repeat(1 << 20)));
        let _ = Report::parse(long.as_bytes());
        assert_eq!(
            Report::parse(&vec![b'x'; REPORT_BYTES + 1]),
            Err(ReportError::TooLarge)
        );
        assert!(Report::parse(b"").is_err());
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let damage = proptest::collection::vec((0..PLAIN.len(), any::<u8>()), 0..40);
        runner
            .run(&(damage, 0..=PLAIN.len()), |(changes, end)| {
                let mut bytes = PLAIN.as_bytes().to_vec();
                for (at, byte) in changes {
                    bytes[at] = byte;
                }
                bytes.truncate(end);
                let _ = Report::parse(&bytes);
                Ok(())
            })
            .unwrap();
    }
}
