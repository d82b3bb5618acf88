//! Where a request really comes from, and which other sites' pages may ask.

use std::net::IpAddr;
use std::str::FromStr;

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// What stands between the world and us.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    /// Proxies whose word about a client's address is taken: single addresses or networks. Nobody else's is.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they write it.
    pub forwarded_header: ForwardedHeader,
    /// Origins whose pages may read answers (`https://careers.example`); `*` is all of them. Credentials of browsers are never
    /// allowed: there are none.
    pub cors_origins: Vec<String>,
    /// `Strict-Transport-Security` (RFC 6797), said while the installation is reached by https; nothing when empty.
    pub hsts: String,
}

/// The header in which proxies write the client's address. One of them: a proxy that sets the one hands the other through as
/// the client sent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

impl FromStr for ForwardedHeader {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(()),
        }
    }
}

/// The client's address; the observer leaves it with the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

/// The client's address, as far as it is known.
pub(crate) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    request
        .extensions()
        .get::<ClientAddress>()
        .and_then(|address| address.0)
}

/// A `Proxies` list in text: addresses and networks with commas.
pub fn parse_networks(text: &str) -> Option<Vec<IpNet>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.parse::<IpNet>()
                .ok()
                .or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from))
        })
        .collect()
}

impl Edge {
    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Who sent `request`: the peer, or, when that is a trusted proxy, the rightmost address in the header that is none. What
    /// stands further left was written by whoever that is, and may be anything.
    pub(crate) fn client_of(&self, request: &ServiceRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        Some(self.behind(peer, request.headers()))
    }

    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let mut nearest = peer;
        for hop in self.hops(headers).into_iter().rev() {
            // What is no address was not written by a proxy of ours; nor is what stands before it to be believed.
            let Some(address) = hop else { return nearest };
            nearest = address.to_canonical();
            if !self.trusts(nearest) {
                return nearest;
            }
        }
        nearest
    }

    /// The addresses in the header, from left to right, over all its lines.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let name = match self.forwarded_header {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        };
        let lines = headers
            .get_all(name)
            .map(|line| line.to_str().unwrap_or("?").to_owned());
        lines
            .collect::<Vec<_>>()
            .join(",")
            .split(',')
            .filter(|hop| !hop.trim().is_empty())
            .map(|hop| match self.forwarded_header {
                ForwardedHeader::XForwardedFor => address_in(hop),
                ForwardedHeader::Forwarded => hop
                    .split(';')
                    .filter_map(|pair| pair.split_once('='))
                    .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
                    .and_then(|(_, node)| address_in(node)),
            })
            .collect()
    }

    /// The value of `Access-Control-Allow-Origin` for a page of `origin`; `None` when it may not read.
    pub(crate) fn allowed_origin<'o>(&self, origin: &'o str) -> Option<&'o str> {
        if self.cors_origins.iter().any(|known| known == "*") {
            return Some("*");
        }
        self.cors_origins
            .iter()
            .any(|known| known == origin)
            .then_some(origin)
    }
}

/// `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1`, `[2001:db8::1]:1234`, with or without quotes.
fn address_in(text: &str) -> Option<IpAddr> {
    let plain = text.trim().trim_matches('"');
    if let Ok(address) = plain.parse::<IpAddr>() {
        return Some(address);
    }
    if let Some(rest) = plain.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    let (address, port) = plain.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    address.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn edge(header: ForwardedHeader) -> Edge {
        Edge {
            trusted_proxies: parse_networks("10.0.0.0/8, 2001:db8:1::/48,127.0.0.1").unwrap(),
            forwarded_header: header,
            cors_origins: Vec::new(),
            hsts: String::new(),
        }
    }

    fn client(header: ForwardedHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        edge(header).behind(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_own_address() {
        let x = |peer: &str, value: &str| {
            client(
                ForwardedHeader::XForwardedFor,
                peer,
                &[("x-forwarded-for", value)],
            )
        };
        assert_eq!(
            x("198.51.100.1", "192.0.2.9"),
            "198.51.100.1",
            "a stranger's word is not taken"
        );
        assert_eq!(x("10.0.0.1", "192.0.2.9"), "192.0.2.9");
        assert_eq!(
            x("10.0.0.1", "1.1.1.1, 192.0.2.9"),
            "192.0.2.9",
            "the rightmost that is no proxy"
        );
        assert_eq!(
            x("10.0.0.1", "1.1.1.1, 192.0.2.9, 10.0.0.7"),
            "192.0.2.9",
            "two proxies"
        );
        assert_eq!(
            x("10.0.0.1", "10.0.0.9, 10.0.0.7"),
            "10.0.0.9",
            "nobody but proxies"
        );
        assert_eq!(
            x("10.0.0.1", "192.0.2.9, nonsense"),
            "10.0.0.1",
            "what is no address ends the chain"
        );
        assert_eq!(x("10.0.0.1", "192.0.2.9, unknown, 10.0.0.7"), "10.0.0.7");
        assert_eq!(x("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(x("10.0.0.1", "192.0.2.9:4711"), "192.0.2.9");
        assert_eq!(x("10.0.0.1", "[2001:db8:2::1]:443"), "2001:db8:2::1");
        assert_eq!(x("2001:db8:1::5", "2001:db8:2::1"), "2001:db8:2::1");
        assert_eq!(
            x("::ffff:10.0.0.1", "::ffff:192.0.2.9"),
            "192.0.2.9",
            "written as IPv6"
        );
        let two = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.9")];
        assert_eq!(
            client(ForwardedHeader::XForwardedFor, "10.0.0.1", &two),
            "192.0.2.9",
            "a second line"
        );
    }

    #[test]
    fn only_the_configured_header_counts() {
        let both = [
            ("x-forwarded-for", "192.0.2.1"),
            (
                "forwarded",
                "for=192.0.2.2;proto=https, FOR=\"[2001:db8:2::7]:80\"",
            ),
        ];
        assert_eq!(
            client(ForwardedHeader::XForwardedFor, "10.0.0.1", &both),
            "192.0.2.1"
        );
        assert_eq!(
            client(ForwardedHeader::Forwarded, "10.0.0.1", &both),
            "2001:db8:2::7"
        );
        assert_eq!(
            client(
                ForwardedHeader::Forwarded,
                "10.0.0.1",
                &[("forwarded", "for=_hidden")]
            ),
            "10.0.0.1"
        );
    }

    #[test]
    fn networks_are_addresses_or_cidr() {
        assert!(parse_networks("").unwrap().is_empty());
        assert_eq!(parse_networks("10.0.0.0/8, ::1").unwrap().len(), 2);
        assert!(parse_networks("10.0.0.0/8, proxy.example").is_none());
    }
}
