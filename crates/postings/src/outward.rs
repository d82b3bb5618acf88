//! The one client with which this program talks to addresses that others give it: no addresses inside our own network, no
//! redirects, no proxies, limits on time.

use std::fmt;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};
use url::Url;

/// How long a connection may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Where a client may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the public internet, with TLS.
    Public,
    /// Also this machine and its networks, also without TLS: for an operator's own servers, and for tests.
    Local,
}

/// A client that waits `patience` for a whole answer. Statuses are answers, also those of redirects and errors.
pub(crate) fn agent(reach: Reach, patience: Duration) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = Agent::config_builder()
        .https_only(reach == Reach::Public)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(patience))
        .timeout_connect(Some(CONNECT_PATIENCE.min(patience)))
        .user_agent(concat!("backplane/", env!("CARGO_PKG_VERSION")))
        .tls_config(
            TlsConfig::builder()
                .unversioned_rustls_crypto_provider(provider)
                .build(),
        )
        .build();
    let resolver = PublicOnly {
        reach,
        inner: DefaultResolver::default(),
    };
    Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// Asks single questions, for others than this crate. Statuses are answers.
#[derive(Debug)]
pub struct Caller {
    agent: Agent,
    reach: Reach,
    most_bytes: u64,
}

impl Caller {
    /// A caller that goes as far as `reach`, waits `patience` for a whole answer, and takes `most_bytes` of it.
    pub fn new(reach: Reach, patience: Duration, most_bytes: u64) -> Self {
        Self {
            agent: agent(reach, patience),
            reach,
            most_bytes,
        }
    }

    /// Whether anybody may be sent to `url`.
    pub fn may_reach(&self, url: &str) -> bool {
        check(url, self.reach).is_ok()
    }

    /// Status and body of the JSON at `url`; else what went wrong. `authorization` is the header of that name. Blocks.
    pub fn get(&self, url: &str, authorization: Option<&str>) -> Result<(u16, Vec<u8>), String> {
        let mut request = self.agent.get(url).header("Accept", "application/json");
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        self.read(request.call())
    }

    /// Status and body of the answer to an encoded `form`. Blocks.
    pub fn post_form(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<(u16, Vec<u8>), String> {
        let mut request = self
            .agent
            .post(url)
            .header("Accept", "application/json")
            .header("Content-Type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        self.read(request.send(form))
    }

    fn read(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<(u16, Vec<u8>), String> {
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let (mut body, mut bytes) = (answer.into_body(), Vec::new());
        let mut reader = body.with_config().limit(self.most_bytes + 1).reader();
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        if bytes.len() as u64 > self.most_bytes {
            return Err("the answer is too large".to_owned());
        }
        Ok((status, bytes))
    }
}

/// Longest address, in bytes.
const URL_BYTES: usize = 1000;

/// Whether `text` is an address to which a client of `reach` may be sent; else what would be. Names are looked at again when they
/// are resolved.
pub(crate) fn check(text: &str, reach: Reach) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "an https:// address")?;
    let is_secure = url.scheme() == "https" || (reach == Reach::Local && url.scheme() == "http");
    if !is_secure || text.len() > URL_BYTES {
        return Err("an https:// address of at most 1000 characters");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("an address without user, password and fragment");
    }
    let is_inside = match url.host() {
        None => true,
        Some(url::Host::Ipv4(ip)) => !is_public(ip.into()),
        Some(url::Host::Ipv6(ip)) => !is_public(ip.into()),
        Some(url::Host::Domain(name)) => !name.trim_end_matches('.').contains('.'),
    };
    if is_inside && reach == Reach::Public {
        return Err("an address that the public internet can reach");
    }
    Ok(())
}

/// Names are looked up once, and the connection goes to exactly the addresses that were looked at here.
struct PublicOnly {
    reach: Reach,
    inner: DefaultResolver,
}

impl fmt::Debug for PublicOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicOnly")
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

impl Resolver for PublicOnly {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.reach == Reach::Public && found.iter().any(|address| !is_public(address.ip())) {
            let detail = "the name leads into a network that is not public";
            return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, detail).into());
        }
        Ok(found)
    }
}

/// Whether an address is one of the public internet (IANA's special-purpose registries, RFC 6890).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // shared address space, RFC 6598
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19)); // benchmarks
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // Addresses that stand for one of IPv4 are as public as that one.
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let parts = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // NAT64 and 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Documentation and protocol assignments.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only this block is given out as global unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_networks_are_not_public() {
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "3fff:1::1",
            "::127.0.0.1",
        ];
        for ip in inside {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "104.18.3.4",
            "2606:4700::6812:304",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
