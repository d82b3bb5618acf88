//! Log lines and figures.

mod described;
mod traces;

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::command::serve::Role;
use crate::config::{Config, LogFormat};
use traces::TraceLayer;

/// Limits of the buckets of everything that is measured in seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Who logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A server: everything that `log.filter` says.
    Server,
    /// A person at a terminal: warnings only, unless they set `log.filter`.
    Person,
}

/// Sends log lines to standard error from here on.
pub(crate) fn start_logging(config: &Config, audience: Audience) -> Result<()> {
    let directives = match audience {
        Audience::Person if !config.log_filter_is_set => "warn",
        _ => &config.log_filter,
    };
    let filter = EnvFilter::try_new(directives).context("log.filter is not a filter")?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let lines = match config.log_format {
        LogFormat::Text => lines.with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let mut layers = vec![lines];
    if let (Audience::Server, Some(wanted)) = (audience, &config.traces) {
        let spans = Targets::new().with_target(traces::TARGET, tracing::Level::TRACE);
        let layer = TraceLayer::start(wanted).context("traces cannot be sent")?;
        layers.push(layer.with_filter(spans).boxed());
    }
    let started = tracing_subscriber::registry().with(layers).try_init();
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}

/// Sends the traces that are not sent yet.
pub(crate) fn send_traces_left() {
    traces::send_left();
}

/// Collects figures from here on, for `GET /metrics`.
pub(crate) fn start_metrics(role: Role) -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("the buckets of the histograms are wrong")?
        .install_recorder()
        .context("figures could not be collected")?;
    described::all();
    metrics::gauge!("backplane_build_info", "version" => env!("CARGO_PKG_VERSION"), "role" => role.as_str())
        .set(1.0);
    Ok(handle)
}
