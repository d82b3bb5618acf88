//! `[telemetry]`.

use serde::Deserialize;
use url::Url;

use super::{ConfigError, Layers};

#[derive(Deserialize)]
pub(super) struct Telemetry {
    otlp_endpoint: String,
    sample_one_in: u64,
}

/// Where traces are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traces {
    /// The whole address, with its path.
    pub(crate) endpoint: Url,
    /// Of how many requests one is traced.
    pub(crate) one_in: u64,
}

impl Telemetry {
    pub(super) fn checked(self, layers: &Layers) -> Result<Option<Traces>, ConfigError> {
        if self.sample_one_in == 0 {
            return Err(layers.refuse("telemetry.sample_one_in", "must be at least 1"));
        }
        let written = self.otlp_endpoint.trim();
        if written.is_empty() {
            return Ok(None);
        }
        let endpoint = Url::parse(written)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match endpoint {
            Some(endpoint) => Ok(Some(Traces {
                endpoint,
                one_in: self.sample_one_in,
            })),
            None => Err(layers.refuse(
                "telemetry.otlp_endpoint",
                "must be an address such as http://127.0.0.1:4318/v1/traces",
            )),
        }
    }
}
