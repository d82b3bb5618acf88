//! The address of an SMTP relay and how to speak to it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::CertificateDer;
use url::{Host, Url};

use super::TransportError;

/// Whether the way to the relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    Off,
    /// STARTTLS when it is offered, with a certificate that verifies. Who sits on the way can take the offer away.
    WhenOffered,
    /// STARTTLS, or no mail.
    Required,
    /// From the first byte (`smtps`).
    Implicit,
}

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmtpTimeouts {
    /// TCP and TLS handshakes, each.
    pub connect: Duration,
    /// The reply to one command, also the greeting.
    pub command: Duration,
    /// Sending the content and the reply to the final dot.
    pub content: Duration,
    /// The reply to the final dot, before the mails behind this one go past it.
    pub others_wait: Duration,
}

impl Default for SmtpTimeouts {
    /// 10, 20 and 90 seconds: together with a reconnection less than [`crate::LEASE`].
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(20),
            content: Duration::from_secs(90),
            others_wait: Duration::from_millis(250),
        }
    }
}

/// An SMTP relay.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpConfig {
    /// Name or address; the name is the one in the certificate.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password, when the relay asks for them. Sent over TLS or loopback only.
    pub credentials: Option<(String, String)>,
    /// Encryption.
    pub tls: Tls,
    /// Patience.
    pub timeouts: SmtpTimeouts,
    /// The authorities that may vouch for the relay; those that browsers believe when there are none.
    pub roots: Vec<CertificateDer<'static>>,
}

impl SmtpConfig {
    /// Whether the relay is on this machine.
    pub fn is_local(&self) -> bool {
        let address = self.host.trim_matches(['[', ']']).parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

pub(super) fn parse(text: &str) -> Result<SmtpConfig, TransportError> {
    let url = Url::parse(text).map_err(|_| TransportError("it is not a URL"))?;
    let (implicit, default_port) = match url.scheme() {
        "smtp" => (None, 25),
        "smtps" => (Some(Tls::Implicit), 465),
        _ => return Err(TransportError("unknown scheme")),
    };
    let mut asked = implicit;
    for (key, value) in url.query_pairs() {
        asked = match (key.as_ref(), value.as_ref(), implicit) {
            ("tls", "required", None) => Some(Tls::Required),
            ("tls", "when-offered", None) => Some(Tls::WhenOffered),
            ("tls", "none", None) => Some(Tls::Off),
            ("tls", "required", Some(tls)) => Some(tls),
            _ => {
                return Err(TransportError(
                    "the only parameter is tls=required, tls=when-offered or tls=none",
                ));
            }
        };
    }
    let host = match url.host() {
        // The parser knows no special schemes but the web's, so an IPv4 address arrives as a name.
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => return Err(TransportError("the host is missing")),
    };
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => Some((
            percent_decode(user)?,
            percent_decode(password.unwrap_or_default())?,
        )),
    };
    let port = url.port().unwrap_or(default_port);
    let mut config = SmtpConfig {
        host,
        port,
        credentials,
        tls: Tls::Required,
        timeouts: SmtpTimeouts::default(),
        roots: Vec::new(),
    };
    if let Some(tls) = asked {
        config.tls = tls;
    } else if config.is_local() {
        // Nobody listens on the way, and a relay of one's own rarely has a certificate for 127.0.0.1.
        config.tls = Tls::Off;
    }
    Ok(config)
}

fn percent_decode(text: &str) -> Result<String, TransportError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(TransportError("user and password must be percent-encoded")),
        }
    }
    String::from_utf8(bytes).map_err(|_| TransportError("user and password must be UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_named_by_its_url() {
        let plain = parse("smtp://127.0.0.1:2525").unwrap();
        assert_eq!(
            (plain.host.as_str(), plain.port, plain.tls),
            ("127.0.0.1", 2525, Tls::Off)
        );
        assert!(plain.is_local() && plain.credentials.is_none());
        let login = parse("smtps://us%40er:p%3Aw%2F@relay.example").unwrap();
        assert_eq!((login.port, login.tls), (465, Tls::Implicit));
        assert_eq!(login.credentials, Some(("us@er".to_owned(), "p:w/".to_owned())));
        assert!(!format!("{login:?}").contains("p:w"), "no password in a log");
        for (url, tls) in [
            ("smtp://relay.example", Tls::Required),
            ("smtp://relay.example?tls=required", Tls::Required),
            ("smtp://relay.example?tls=when-offered", Tls::WhenOffered),
            ("smtp://relay.example?tls=none", Tls::Off),
            ("smtp://localhost?tls=required", Tls::Required),
        ] {
            assert_eq!(parse(url).unwrap().tls, tls, "{url}");
        }
        assert_eq!(parse("smtp://[::1]:25?tls=none").unwrap().tls, Tls::Off);
        assert!(parse("smtp://[::1]:25").unwrap().is_local());
        for bad in [
            "smtp:",
            "smtp://",
            "http://x",
            "x",
            "smtp://h?tls=maybe",
            "smtp://h?x=1",
            "smtp://%zz@h",
            "smtps://h?tls=none",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
