//! Log lines and figures.

use anyhow::{Context as _, Result};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let started = match config.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}

/// Collects figures from here on, for `GET /metrics`.
pub(crate) fn start_metrics() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("the buckets of the histograms are wrong")?
        .install_recorder()
        .context("figures could not be collected")?;
    describe_counter!(
        "backplane_passes_total",
        "Background passes that were run, by pass and outcome"
    );
    describe_histogram!(
        "backplane_pass_duration_seconds",
        Unit::Seconds,
        "How long a background pass took that found something to do, by pass"
    );
    describe_counter!(
        "backplane_index_changes_total",
        "Changes of postings taken into the search index"
    );
    describe_gauge!("backplane_index_postings", "Postings in the search index");
    describe_gauge!(
        "backplane_index_revision",
        "Revision up to which the search index is complete"
    );
    describe_counter!(
        "backplane_alert_matches_total",
        "Postings that alerts were found to be owed"
    );
    describe_gauge!(
        "backplane_alerts_in_memory",
        "Active alerts that new postings are matched against"
    );
    describe_counter!(
        "backplane_alert_mails_total",
        "Alert mails written into the outbox"
    );
    describe_counter!(
        "backplane_mails_total",
        "Mails that left the outbox or were tried, by outcome and by who runs the mailbox"
    );
    describe_counter!(
        "backplane_mail_reports_total",
        "Bounces, delays and complaints that mail servers handed in, by kind"
    );
    describe_gauge!(
        "backplane_relay_available",
        "1 while the relay answers, 0 while it is left alone because it does not"
    );
    describe_gauge!("backplane_relay_connections", "Open connections to the relay");
    describe_gauge!(
        "backplane_suppressed_addresses",
        "Addresses that get no bulk mail, by reason"
    );
    describe_gauge!(
        "backplane_outbox_oldest_due_seconds",
        Unit::Seconds,
        "How long the mail waits that is due longest; about 0 in health"
    );
    describe_gauge!(
        "backplane_mail_configured",
        "1 when mail leaves this machine, 0 when it is written to files"
    );
    describe_gauge!("backplane_outbox_mails", "Mails in the outbox, by state");
    describe_gauge!(
        "backplane_outbox_oldest_queued_seconds",
        Unit::Seconds,
        "Age of the oldest mail that waits in the outbox"
    );
    describe_counter!("backplane_postings_expired_total", "Postings whose time ended");
    Ok(handle)
}
