//! What stands between the world and the server.

use super::{ConfigError, Layers, Server};

/// Proxies and origins, checked.
pub(super) fn edge(layers: &Layers, server: &Server) -> Result<api::Edge, ConfigError> {
    let trusted_proxies = api::parse_networks(&server.trusted_proxies).ok_or_else(|| {
        layers.refuse(
            "server.trusted_proxies",
            "must be IP addresses and networks such as 10.0.0.0/8, with commas",
        )
    })?;
    if trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
        let detail = "must not be everybody: then each client could choose its own address";
        return Err(layers.refuse("server.trusted_proxies", detail));
    }
    let forwarded_header = server
        .forwarded_header
        .trim()
        .to_lowercase()
        .parse()
        .map_err(|()| layers.refuse("server.forwarded_header", "must be x-forwarded-for or forwarded"))?;
    let origins = server.cors_origins.split(',').map(str::trim);
    let cors_origins: Vec<String> = origins
        .filter(|origin| !origin.is_empty())
        .map(str::to_owned)
        .collect();
    let is_origin = |text: &String| {
        text == "*" || url::Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == *text)
    };
    if !cors_origins.iter().all(is_origin) {
        let detail = "must be origins such as https://careers.example, without a path, with commas; or *";
        return Err(layers.refuse("server.cors_origins", detail));
    }
    Ok(api::Edge {
        trusted_proxies,
        forwarded_header,
        cors_origins,
        hsts: hsts(layers, server.hsts.trim())?,
    })
}

/// What browsers are told about https; a `max-age` comes first.
fn hsts(layers: &Layers, written: &str) -> Result<String, ConfigError> {
    let mut parts = written.split(';').map(str::trim);
    let is_age = |part: &str| {
        part.strip_prefix("max-age=")
            .is_some_and(|age| age.parse::<u64>().is_ok())
    };
    let is_known = |part: &str| ["includeSubDomains", "preload"].contains(&part);
    if written.is_empty() || (parts.next().is_some_and(is_age) && parts.all(is_known)) {
        return Ok(written.to_owned());
    }
    let detail = "must be max-age=SECONDS, perhaps with ; includeSubDomains and ; preload, or empty";
    Err(layers.refuse("server.hsts", detail))
}
