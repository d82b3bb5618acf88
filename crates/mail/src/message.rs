//! From a row to the final bytes of a mail.

use store::Id;

use crate::encoding::{
    address_header, mailbox_header, quoted_printable, text_header, token_header, without_turns,
};
use crate::{EmailAddress, ListHeaders, Mail, MailConfig, dkim};

/// Longer subjects are cut; nobody sees more.
const SUBJECT_CHARS: usize = 200;

/// A mail as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Message {
    /// The outbox row.
    pub id: Id,
    /// Envelope sender.
    pub sender: EmailAddress,
    /// Envelope recipient.
    pub recipient: EmailAddress,
    /// Headers and body. ASCII, lines of at most 998 bytes that end in CRLF, no other CR or LF.
    pub bytes: Vec<u8>,
}

/// A mail that cannot be put on the wire.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A bare CR or LF, a NUL, a byte beyond ASCII or an overlong line: it could smuggle commands (RUSTSEC-2026-0561).
    #[error("the final bytes of the mail are not safe to send")]
    UnsafeBytes,
    /// A key that cannot sign.
    #[error("the mail could not be signed")]
    Signing,
}

/// The final bytes of `mail`: the same for every attempt, but for the time of a signature.
pub fn render(mail: &Mail, config: &MailConfig, signed_at: store::Timestamp) -> Result<Message, RenderError> {
    let mut headers = headers(mail, config);
    let boundary = format!("=_{}", mail.id);
    headers.push(("MIME-Version", "MIME-Version: 1.0\r\n".to_owned()));
    headers.push((
        "Content-Type",
        format!("Content-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n"),
    ));
    let body = body(mail, &boundary);
    // The one place where a mail is signed: nothing may change after this.
    let signatures = dkim::sign(&config.dkim, &headers, body.as_bytes(), signed_at)?;
    let mut bytes = Vec::with_capacity(body.len() + 2048);
    for signature in &signatures {
        bytes.extend_from_slice(signature.as_bytes());
    }
    for (_, line) in &headers {
        bytes.extend_from_slice(line.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_bytes());
    check_bytes(&bytes)?;
    Ok(Message {
        id: mail.id,
        sender: config.from.address.clone(),
        recipient: mail.recipient.clone(),
        bytes,
    })
}

/// Name and whole text (CRLF included) of each header.
type Headers = Vec<(&'static str, String)>;

fn headers(mail: &Mail, config: &MailConfig) -> Headers {
    let domain = config.from.address.domain();
    let date = mail
        .created_at
        .as_jiff()
        .strftime("%a, %d %b %Y %H:%M:%S +0000")
        .to_string();
    let subject: String = mail.subject.chars().take(SUBJECT_CHARS).collect();
    let mut headers = vec![
        ("Date", token_header("Date", &date)),
        ("From", mailbox_header("From", &config.from)),
        ("To", address_header("To", &mail.recipient)),
        ("Subject", text_header("Subject", &subject)),
        (
            "Message-ID",
            token_header("Message-ID", &format!("<{}@{domain}>", mail.id)),
        ),
        ("Auto-Submitted", token_header("Auto-Submitted", "auto-generated")),
    ];
    if let Some(list) = mail.list() {
        headers.extend(list_headers(list, &mail.kind, domain));
    }
    headers
}

fn list_headers(list: &ListHeaders, kind: &str, domain: &str) -> Headers {
    let url: String = list
        .unsubscribe_url
        .chars()
        .filter(|c| !matches!(c, '<' | '>' | ',' | ' '))
        .collect();
    let name: String = list.list.chars().filter(char::is_ascii_alphanumeric).collect();
    let kind: String = kind
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    vec![
        (
            "List-Unsubscribe",
            token_header("List-Unsubscribe", &format!("<{url}>")),
        ),
        (
            "List-Unsubscribe-Post",
            token_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ),
        ("List-Id", token_header("List-Id", &format!("<{name}.{domain}>"))),
        (
            "Feedback-ID",
            token_header("Feedback-ID", &format!("{kind}:{name}:{}", sender_id(domain))),
        ),
        ("Precedence", token_header("Precedence", "bulk")),
    ]
}

/// Who sends, in the 5 to 15 letters and digits that Gmail's Feedback-ID asks for; always the same for one domain.
fn sender_id(domain: &str) -> String {
    let letters: String = domain
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(15)
        .collect();
    format!("{letters:x<5}")
}

fn body(mail: &Mail, boundary: &str) -> String {
    let mut body = String::with_capacity(mail.text_body.len() + mail.html_body.len() + 1024);
    for (content_type, content) in [("text/plain", &mail.text_body), ("text/html", &mail.html_body)] {
        body.push_str("--");
        body.push_str(boundary);
        body.push_str("\r\nContent-Type: ");
        body.push_str(content_type);
        body.push_str("; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
        body.push_str(&quoted_printable(&without_turns(content)));
    }
    body.push_str("--");
    body.push_str(boundary);
    body.push_str("--\r\n");
    body
}

/// Refuses what could end the mail early or begin another one. Our own encoding never makes such bytes; this holds when
/// somebody changes it.
fn check_bytes(bytes: &[u8]) -> Result<(), RenderError> {
    let mut line = 0;
    let mut previous = 0;
    for &byte in bytes {
        let is_line_end = byte == b'\n' && previous == b'\r';
        let is_bare = (previous == b'\r') != (byte == b'\n');
        if is_bare || byte == 0 || !byte.is_ascii() || line > 998 {
            return Err(RenderError::UnsafeBytes);
        }
        line = if is_line_end { 0 } else { line + 1 };
        previous = byte;
    }
    if bytes.ends_with(b"\r\n") {
        Ok(())
    } else {
        Err(RenderError::UnsafeBytes)
    }
}

#[cfg(test)]
mod tests {
    use super::check_bytes;

    #[test]
    fn bytes_that_could_smuggle_a_command_are_refused() {
        assert!(check_bytes(b"A: b\r\n\r\nbody\r\n").is_ok());
        let bad: [&[u8]; 9] = [
            b"A: b\r\n\r\nx\n.\r\nMAIL FROM:<ceo@bank.example>\r\n",
            b"x\r.\r\n",
            b"\nx\r\n",
            b"x\r\r\n",
            b"x\n\r\n",
            b"x\0\r\n",
            b"\xc3\xa4\r\n",
            b"x",
            b"x\r",
        ];
        for bytes in bad {
            assert!(check_bytes(bytes).is_err(), "{bytes:?}");
        }
        let mut long = vec![b'x'; 999];
        long.extend_from_slice(b"\r\n");
        assert!(check_bytes(&long).is_err());
    }
}
