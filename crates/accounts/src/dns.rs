//! Looking up TXT records, by which somebody shows that a domain is theirs.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

/// How long one name server may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asked so often before the answer counts as missing.
const ATTEMPTS: usize = 2;

/// Nobody answered, or what was answered makes no sense: nothing is known about the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name servers did not answer")]
pub struct LookupFailed;

/// The texts under a name; none when there are none.
pub type Texts<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, LookupFailed>> + Send + 'a>>;

/// Whoever knows the TXT records of a domain.
pub trait TxtLookup: Send + Sync + fmt::Debug {
    /// The TXT records of `domain`, each with its parts put together.
    ///
    /// # Errors
    /// [`LookupFailed`] when nothing is known; a domain without records is no failure.
    fn texts<'a>(&'a self, domain: &'a str) -> Texts<'a>;
}

/// Asks the name servers of this machine, or one that is given.
pub struct Dns(TokioResolver);

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dns")
    }
}

impl Dns {
    /// Asks the name servers that this machine is set up with.
    ///
    /// # Errors
    /// [`LookupFailed`] when the machine names none.
    pub fn of_this_machine() -> Result<Self, LookupFailed> {
        let builder = TokioResolver::builder_tokio().map_err(|_| LookupFailed)?;
        Self::finish(builder)
    }

    /// Asks the name server at `address`.
    ///
    /// # Errors
    /// [`LookupFailed`] when it cannot be asked at all.
    pub fn at(address: SocketAddr) -> Result<Self, LookupFailed> {
        let mut udp = ConnectionConfig::udp();
        udp.port = address.port();
        let mut tcp = ConnectionConfig::tcp();
        tcp.port = address.port();
        let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let provider = TokioRuntimeProvider::default();
        Self::finish(TokioResolver::builder_with_config(config, provider))
    }

    fn finish(
        mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>,
    ) -> Result<Self, LookupFailed> {
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = ATTEMPTS;
        // Somebody who has just published a record asks at once: nothing is remembered from the time before.
        options.cache_size = 0;
        builder.build().map(Self).map_err(|_| LookupFailed)
    }
}

impl TxtLookup for Dns {
    fn texts<'a>(&'a self, domain: &'a str) -> Texts<'a> {
        Box::pin(async move {
            // The dot at the end keeps the machine's own search domains out.
            let found = match self.0.txt_lookup(format!("{domain}.")).await {
                Ok(found) => found,
                Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
                Err(_) => return Err(LookupFailed),
            };
            let texts = found.answers().iter().filter_map(|record| match &record.data {
                RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
                _ => None,
            });
            Ok(texts.collect())
        })
    }
}
