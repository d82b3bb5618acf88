//! Settings that follow from several keys together.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mail::{DeliveryRules, EmailAddress, Mailbox, ReturnPath, Transport};

use super::{ConfigError, Database, Layers, Mail};

/// Where to listen for commits of other nodes: only PostgreSQL tells, and a pooler cannot pass it on.
pub(super) fn notify_url(
    layers: &Layers,
    written: &Database,
    database_url: &str,
) -> Result<Option<String>, ConfigError> {
    let is_postgres = |url: &str| url.starts_with("postgres://") || url.starts_with("postgresql://");
    match written.notify_url.trim() {
        "none" => Ok(None),
        "" if written.pooler || !is_postgres(database_url) => Ok(None),
        "" => Ok(Some(database_url.to_owned())),
        url if is_postgres(url) => Ok(Some(url.to_owned())),
        _ => Err(layers.refuse(
            "database.notify_url",
            "must be postgres://user:password@host/name, none, or empty",
        )),
    }
}

/// The way out with its authorities, the pace, and where undeliverable mail returns.
pub(super) fn delivery(
    layers: &Layers,
    written: &Mail,
    transport: Transport,
    from: &Mailbox,
) -> Result<(Transport, DeliveryRules, Option<EmailAddress>), ConfigError> {
    let transport = if written.ca_file.as_os_str().is_empty() {
        transport
    } else {
        transport
            .with_authorities(&written.ca_file)
            .map_err(|_| layers.refuse("mail.ca_file", "is not a readable file with certificates in PEM"))?
    };
    if !(1..=60_000).contains(&written.unconfirmed_wait_ms) {
        return Err(layers.refuse("mail.unconfirmed_wait_ms", "must be between 1 and 60000"));
    }
    let transport = transport.with_others_wait(Duration::from_millis(written.unconfirmed_wait_ms));
    let rules = DeliveryRules::parse(
        written.connections,
        written.domain_connections,
        written.domain_per_second,
        &written.domains,
        &written.retry_after_s,
    )
    .and_then(|rules| rules.with_unconfirmed(written.unconfirmed))
    .map_err(|error| ConfigError::Together(error.to_string()))?;
    let has_room = |address: &EmailAddress| {
        let local = address.as_str().split('@').next().unwrap_or_default();
        local.len() <= ReturnPath::LOCAL_CHARS
    };
    let return_path = match written.return_path.trim() {
        "" => Some(from.address.clone()).filter(has_room),
        "none" => None,
        address => {
            let address: EmailAddress = address
                .parse()
                .map_err(|error| layers.refuse("mail.return_path", &format!("is not an address: {error}")))?;
            if !has_room(&address) {
                let detail = "must have at most 18 characters before the @";
                return Err(layers.refuse("mail.return_path", detail));
            }
            Some(address)
        }
    };
    Ok((transport, rules, return_path))
}

/// `written`, or what follows from `bind` when it is empty.
pub(super) fn public_url(layers: &Layers, written: &str, bind: SocketAddr) -> Result<String, ConfigError> {
    let trimmed = written.trim().trim_end_matches('/');
    if trimmed.is_empty() {
        return Ok(match bind.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => format!("http://localhost:{}", bind.port()),
            IpAddr::V6(ip) if ip.is_unspecified() => format!("http://localhost:{}", bind.port()),
            _ => format!("http://{bind}"),
        });
    }
    let is_usable = url::Url::parse(trimmed).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    if is_usable {
        Ok(trimmed.to_owned())
    } else {
        Err(layers.refuse(
            "server.public_url",
            "must be an http:// or https:// URL such as https://board.example",
        ))
    }
}
