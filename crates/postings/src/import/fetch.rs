//! Asking boards for their postings over HTTPS, and nothing else: no addresses inside our own network, no redirects, no
//! proxies, limits on time and size.

use std::fmt;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use super::board::Board;
use super::format::Format;
use super::lever::PAGE;

/// The largest answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// How long an answer may take, with everything.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a connection may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Pages of one Lever board at most.
const MAX_PAGES: usize = 100;

/// Where the sources of boards answer.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Greenhouse's Job Board API, without a slash at the end.
    pub greenhouse: String,
    /// Lever's deployments: a site is at one of them.
    pub lever: Vec<String>,
    /// Ashby's posting API.
    pub ashby: String,
    /// Whether answers may come from this machine and its networks, and without TLS: for an operator's own mirror.
    pub allow_local: bool,
}

/// Asks boards for their postings.
#[derive(Debug)]
pub struct Fetcher {
    agent: Agent,
    endpoints: Endpoints,
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The same as last time.
    NotModified,
    /// An answer, everything that the board shows.
    Answer {
        bytes: Vec<u8>,
        etag: Option<String>,
        last_modified: Option<String>,
    },
    /// No answer: why, and when to ask again, in seconds, when the board said so.
    Failed {
        reason: String,
        retry_after: Option<u64>,
    },
}

impl Fetched {
    fn failed(reason: impl Into<String>) -> Self {
        Self::Failed {
            reason: reason.into(),
            retry_after: None,
        }
    }
}

impl Fetcher {
    /// A client for `endpoints`.
    pub fn new(endpoints: Endpoints) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = Agent::config_builder()
            .https_only(!endpoints.allow_local)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT_PATIENCE))
            .user_agent(concat!("backplane/", env!("CARGO_PKG_VERSION")))
            .tls_config(
                TlsConfig::builder()
                    .unversioned_rustls_crypto_provider(provider)
                    .build(),
            )
            .build();
        let resolver = PublicOnly {
            allow_local: endpoints.allow_local,
            inner: DefaultResolver::default(),
        };
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            endpoints,
        }
    }

    /// Asks `board`; `is_conditional` whether "the same as last time" is an answer.
    pub(crate) fn fetch(&self, board: &Board, format: Format, is_conditional: bool) -> Fetched {
        let token = &board.token;
        match format {
            Format::Greenhouse => {
                let base = &self.endpoints.greenhouse;
                let url = format!("{base}/v1/boards/{token}/jobs?content=true&pay_transparency=true");
                self.fetch_one(&url, board, is_conditional)
            }
            Format::Ashby => {
                let base = &self.endpoints.ashby;
                let url = format!("{base}/posting-api/job-board/{token}?includeCompensation=true");
                self.fetch_one(&url, board, is_conditional)
            }
            Format::Lever => self.fetch_pages(token),
            Format::Ndjson | Format::Csv => Fetched::failed("nobody answers in this format"),
        }
    }

    fn fetch_one(&self, url: &str, board: &Board, is_conditional: bool) -> Fetched {
        let conditions = [
            ("If-None-Match", &board.etag),
            ("If-Modified-Since", &board.last_modified),
        ];
        let conditions = conditions.into_iter().filter(|_| is_conditional);
        let conditions = conditions.filter_map(|(name, value)| Some((name, value.as_deref()?)));
        match self.get(url, conditions) {
            Ok(response) => read(response),
            Err(reason) => Fetched::failed(reason),
        }
    }

    fn get<'a>(
        &self,
        url: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Response<Body>, String> {
        let mut request = self.agent.get(url).header("Accept", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request
            .call()
            .map_err(|error| format!("the board cannot be reached: {error}"))
    }

    /// All pages of a site, from the deployment that knows it.
    fn fetch_pages(&self, token: &str) -> Fetched {
        let mut outcome = Fetched::failed("no deployment of Lever is configured");
        for base in &self.endpoints.lever {
            outcome = self.fetch_pages_at(base, token);
            // Only "there is no such site" lets another deployment speak.
            if !matches!(&outcome, Fetched::Failed { reason, .. } if reason == NO_SUCH_BOARD) {
                break;
            }
        }
        outcome
    }

    fn fetch_pages_at(&self, base: &str, token: &str) -> Fetched {
        let mut rows: Vec<Value> = Vec::new();
        let mut bytes_read = 0;
        for page in 0..MAX_PAGES {
            let skip = page * PAGE;
            let url = format!("{base}/v0/postings/{token}?mode=json&skip={skip}&limit={PAGE}");
            let answer = match self.get(&url, std::iter::empty()) {
                Ok(response) => read(response),
                Err(reason) => return Fetched::failed(reason),
            };
            let Fetched::Answer { bytes, .. } = answer else {
                return answer;
            };
            bytes_read += bytes.len() as u64;
            if bytes_read > MAX_ANSWER_BYTES {
                return Fetched::failed("the answer is too large");
            }
            let Ok(Value::Array(further)) = serde_json::from_slice(&bytes) else {
                return Fetched::failed("a page is not a list of postings");
            };
            let is_last = further.len() < PAGE;
            rows.extend(further);
            if is_last {
                return Fetched::Answer {
                    bytes: Value::Array(rows).to_string().into_bytes(),
                    etag: None,
                    last_modified: None,
                };
            }
        }
        Fetched::failed("the board has more pages than are read")
    }
}

const NO_SUCH_BOARD: &str = "there is no board of this name (404)";

fn read(response: Response<Body>) -> Fetched {
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned()).filter(|value| value.len() <= 500)
    };
    match response.status().as_u16() {
        200 => {}
        304 => return Fetched::NotModified,
        404 => return Fetched::failed(NO_SUCH_BOARD),
        status => {
            return Fetched::Failed {
                reason: format!("the board answered with status {status}"),
                retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
            };
        }
    }
    let (etag, last_modified) = (header("etag"), header("last-modified"));
    let mut bytes = Vec::new();
    let mut body = response.into_body();
    let mut reader = body.with_config().limit(MAX_ANSWER_BYTES + 1).reader();
    match reader.read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 <= MAX_ANSWER_BYTES => Fetched::Answer {
            bytes,
            etag,
            last_modified,
        },
        Ok(_) => Fetched::failed("the answer is too large"),
        Err(error) => Fetched::failed(format!("the answer broke off: {error}")),
    }
}

/// Names are looked up once, and the connection goes to exactly the addresses that were looked at here.
struct PublicOnly {
    allow_local: bool,
    inner: DefaultResolver,
}

impl fmt::Debug for PublicOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicOnly")
            .field("allow_local", &self.allow_local)
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
        if !self.allow_local && found.iter().any(|address| !is_public(address.ip())) {
            let detail = "the name leads into a network that is not public";
            return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, detail).into());
        }
        Ok(found)
    }
}

/// Whether an address is one of the public internet (IANA's special-purpose registries, RFC 6890).
pub(crate) fn is_public(ip: IpAddr) -> bool {
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
        [0x2001, 0..=0x1ff | 0xdb8, ..] => false,
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
