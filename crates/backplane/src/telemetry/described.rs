//! What each figure means: the HELP lines of `GET /metrics`.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Counts that only grow.
const COUNTERS: [(&str, &str); 18] = [
    (
        "backplane_reloads_total",
        "How often settings and data were read again after SIGHUP, by outcome: done or refused",
    ),
    (
        "backplane_traces_dropped_total",
        "Spans that were not sent: too many at once, or nobody took them",
    ),
    (
        "http_requests_total",
        "Requests that were answered, by method, route and status",
    ),
    (
        "http_requests_turned_away_total",
        "Requests that were answered 503 at once, because too many were worked on",
    ),
    (
        "backplane_passes_total",
        "Background passes that were run, by pass and outcome",
    ),
    (
        "backplane_notifications_total",
        "Commits of any node that PostgreSQL told of, by what changed",
    ),
    (
        "backplane_budgets_heard_total",
        "Requests that other nodes said they had answered, and that were taken off the budgets of their clients here",
    ),
    (
        "backplane_index_changes_total",
        "Changes of postings taken into the search index",
    ),
    (
        "backplane_alert_matches_total",
        "Postings that alerts were found to be owed",
    ),
    (
        "backplane_alert_dispatched_total",
        "What alerts were owed and what became of it",
    ),
    (
        "backplane_alert_mails_total",
        "Alert mails written into the outbox",
    ),
    (
        "backplane_alerts_retired_total",
        "Alerts that ended because nobody said that they are wanted",
    ),
    (
        "backplane_mails_total",
        "Mails that left the outbox or were tried, by outcome and by who runs the mailbox",
    ),
    (
        "backplane_mail_reports_total",
        "Bounces, delays and complaints that mail servers handed in, by kind",
    ),
    (
        "backplane_board_fetches_total",
        "Boards that were asked for their postings, by outcome",
    ),
    ("backplane_postings_expired_total", "Postings whose time ended"),
    (
        "backplane_webhook_deliveries_total",
        "Attempts to tell webhooks of a change, by outcome",
    ),
    ("process_cpu_seconds_total", "Processor time used, in seconds"),
];

/// Levels that go up and down.
const GAUGES: [(&str, &str); 32] = [
    (
        "backplane_build_info",
        "1, with the version of the program and the role of the process",
    ),
    (
        "backplane_ready",
        "1 while requests are welcome, 0 while starting and stopping",
    ),
    (
        "http_requests_in_flight",
        "Requests that are worked on at this moment",
    ),
    (
        "backplane_database_connections",
        "Connections to the database, by whether somebody uses them",
    ),
    (
        "backplane_leases_held",
        "Kinds of background work that this node does for all",
    ),
    (
        "backplane_hears_notifications",
        "1 while PostgreSQL tells this node of commits, 0 while it only looks by itself",
    ),
    ("backplane_postings", "Postings, by status"),
    ("backplane_alerts", "Alerts, by status"),
    (
        "backplane_index_postings",
        "Postings in the search index of this node",
    ),
    (
        "backplane_index_revision",
        "Revision up to which the search index of this node is complete",
    ),
    (
        "backplane_index_rebuilding",
        "Whether a new search index is being built while an older one answers",
    ),
    (
        "backplane_index_behind_revisions",
        "Changes that the search index of this node has not taken in",
    ),
    (
        "backplane_alerts_in_memory",
        "Active alerts that new postings are matched against",
    ),
    ("backplane_alerts_due", "Alerts with a mail that is due"),
    (
        "backplane_alerts_waiting",
        "Alerts with something to tell that wait for their time",
    ),
    (
        "backplane_alerts_mailed_last_day",
        "Alerts that wrote in the last 24 hours",
    ),
    (
        "backplane_alerts_oldest_due_seconds",
        "How long the alert waits that is due longest; about 0 in health",
    ),
    (
        "backplane_alerts_suppressed",
        "Active alerts to addresses that get no bulk mail",
    ),
    (
        "backplane_alert_postings_waiting",
        "Postings that alerts will tell, by what they wait for",
    ),
    (
        "backplane_alert_answers",
        "Answers to \"was this right for you?\", by verdict",
    ),
    (
        "backplane_relay_available",
        "1 while the relay answers, 0 while it is left alone because it does not",
    ),
    ("backplane_relay_connections", "Open connections to the relay"),
    (
        "backplane_suppressed_addresses",
        "Addresses that get no bulk mail, by reason",
    ),
    (
        "backplane_outbox_oldest_due_seconds",
        "How long the mail waits that is due longest; about 0 in health",
    ),
    (
        "backplane_outbox_oldest_queued_seconds",
        "Age of the oldest mail that waits in the outbox",
    ),
    ("backplane_outbox_mails", "Mails in the outbox, by state"),
    (
        "backplane_mail_configured",
        "1 when mail leaves this machine, 0 when it is written to files",
    ),
    (
        "process_resident_memory_bytes",
        "Memory in use, with mapped files",
    ),
    ("backplane_webhooks", "Webhooks, by state"),
    (
        "backplane_webhook_queue",
        "What webhooks are still to be told, by state",
    ),
    ("process_open_fds", "Open files and connections"),
    (
        "process_start_time_seconds",
        "When the process started, in seconds since 1970",
    ),
];

/// Durations in seconds.
const HISTOGRAMS: [(&str, &str); 2] = [
    ("http_request_duration_seconds", "How long answers took, by route"),
    (
        "backplane_pass_duration_seconds",
        "How long a background pass took that found something to do, by pass",
    ),
];

/// Says what each figure means.
pub(super) fn all() {
    for (name, meaning) in COUNTERS {
        describe_counter!(name, meaning);
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(name, meaning);
    }
    for (name, meaning) in HISTOGRAMS {
        describe_histogram!(name, meaning);
    }
}
