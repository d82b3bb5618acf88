//! What must hold between rows.

use store::invariant::Invariant;

macro_rules! rule {
    ($name:ident, $meaning:literal, $violations:literal) => {
        Invariant {
            name: stringify!($name),
            meaning: $meaning,
            violations: $violations,
            repair: None,
        }
    };
    ($name:ident, $meaning:literal, $violations:literal, $repair:literal) => {
        Invariant {
            name: stringify!($name),
            meaning: $meaning,
            violations: $violations,
            repair: Some($repair),
        }
    };
}

/// Every rule; none of them holds only most of the time.
pub(super) const RULES: [Invariant; 25] = [
    rule!(
        posting_counter,
        "the counter of changes is not behind any posting",
        "SELECT count(*) FROM postings WHERE revision > (SELECT value FROM counters WHERE name = 'postings')",
        "UPDATE counters SET value = (SELECT max(revision) FROM postings)
          WHERE name = 'postings' AND value < (SELECT max(revision) FROM postings)"
    ),
    rule!(
        alert_counter,
        "the counter of alerts is not behind any alert",
        "SELECT count(*) FROM alerts WHERE sequence > (SELECT value FROM counters WHERE name = 'alerts')",
        "UPDATE counters SET value = (SELECT max(sequence) FROM alerts)
          WHERE name = 'alerts' AND value < (SELECT max(sequence) FROM alerts)"
    ),
    rule!(
        cursors,
        "no reader of changes is ahead of them",
        "SELECT count(*) FROM cursors WHERE revision > (SELECT max(value) FROM counters)",
        "UPDATE cursors SET revision = (SELECT value FROM counters WHERE name = 'postings')
          WHERE revision > (SELECT max(value) FROM counters)"
    ),
    rule!(
        published_has_revision,
        "every published posting stands in the feed of changes",
        "SELECT count(*) FROM postings WHERE status = 'published' AND revision IS NULL"
    ),
    rule!(
        first_revision,
        "a posting's first change is not after its last",
        "SELECT count(*) FROM postings WHERE first_revision > revision OR (first_revision IS NOT NULL AND revision IS NULL)"
    ),
    rule!(
        published_has_version,
        "every published posting keeps the version that is public",
        "SELECT count(*) FROM postings WHERE status = 'published' AND NOT EXISTS
           (SELECT 1 FROM posting_versions WHERE posting_versions.posting_id = postings.id)"
    ),
    rule!(
        outbox_finished,
        "a mail has an end exactly when it is no longer queued",
        "SELECT count(*) FROM outbox WHERE (state = 'queued') <> (finished_at IS NULL)"
    ),
    rule!(
        outbox_lease,
        "a claim on a mail names who and until when",
        "SELECT count(*) FROM outbox WHERE (lease_holder IS NULL) <> (lease_expires_at IS NULL)",
        "UPDATE outbox SET lease_holder = NULL, lease_expires_at = NULL
          WHERE (lease_holder IS NULL) <> (lease_expires_at IS NULL)"
    ),
    rule!(
        outbox_claimed,
        "only queued mails are claimed",
        "SELECT count(*) FROM outbox WHERE state <> 'queued' AND lease_holder IS NOT NULL",
        "UPDATE outbox SET lease_holder = NULL, lease_expires_at = NULL WHERE state <> 'queued'"
    ),
    rule!(
        alerts_confirmed,
        "no alert writes that nobody confirmed",
        "SELECT count(*) FROM alerts WHERE status = 'active' AND confirmed_at IS NULL"
    ),
    rule!(
        ledger_start,
        "no alert that was never changed is owed a posting from before its confirmation",
        "SELECT count(*) FROM alert_matches JOIN alerts ON alerts.id = alert_matches.alert_id
          WHERE alert_matches.revision <= alerts.start_revision AND alerts.version <= 2"
    ),
    rule!(
        ledger_counter,
        "no alert is owed a change that has not happened",
        "SELECT count(*) FROM alert_matches
          WHERE revision > (SELECT value FROM counters WHERE name = 'postings')"
    ),
    rule!(
        ledger_told,
        "what was mailed says when",
        "SELECT count(*) FROM alert_matches WHERE outcome = 'mailed' AND told_at IS NULL"
    ),
    rule!(
        ledger_ended,
        "an alert that ended is owed nothing",
        "SELECT count(*) FROM alert_matches JOIN alerts ON alerts.id = alert_matches.alert_id
          WHERE alerts.status = 'ended' AND alert_matches.outcome = 'pending'",
        "UPDATE alert_matches SET outcome = 'dropped' WHERE outcome = 'pending'
            AND alert_id IN (SELECT id FROM alerts WHERE status = 'ended')"
    ),
    rule!(
        sessions_outlive_tokens,
        "every key that can refresh a sign-in belongs to one",
        "SELECT count(*) FROM refresh_tokens WHERE NOT EXISTS
           (SELECT 1 FROM sessions WHERE sessions.id = refresh_tokens.session_id)",
        "DELETE FROM refresh_tokens WHERE NOT EXISTS
           (SELECT 1 FROM sessions WHERE sessions.id = refresh_tokens.session_id)"
    ),
    rule!(
        held_is_hidden,
        "nothing that is held is public",
        "SELECT count(*) FROM held_postings JOIN postings ON postings.id = held_postings.posting_id
          WHERE held_postings.released_at IS NULL AND postings.status = 'published'"
    ),
    rule!(
        hold_released,
        "what is released holds nothing",
        "SELECT count(*) FROM held_postings JOIN holds ON holds.id = held_postings.hold_id
          WHERE held_postings.released_at IS NULL AND holds.released_at IS NOT NULL"
    ),
    rule!(
        campaign_of_employer,
        "a posting's campaign is its employer's",
        "SELECT count(*) FROM postings WHERE campaign_id IS NOT NULL AND NOT EXISTS
           (SELECT 1 FROM campaigns WHERE campaigns.id = postings.campaign_id AND campaigns.employer_id = postings.employer_id)"
    ),
    rule!(
        event_of_employer,
        "a hiring event names postings of its employer",
        "SELECT count(*) FROM event_postings JOIN hiring_events ON hiring_events.id = event_postings.event_id
           JOIN postings ON postings.id = event_postings.posting_id
          WHERE postings.employer_id <> hiring_events.employer_id AND postings.source IS NULL"
    ),
    rule!(
        seat_confirmed,
        "nobody has or waits for a seat who did not confirm",
        "SELECT count(*) FROM event_registrations
          WHERE status IN ('confirmed', 'waitlisted') AND confirmed_at IS NULL"
    ),
    rule!(
        case_open,
        "a posting has one open case of reports at most",
        "SELECT count(*) FROM report_cases
          WHERE (state = 'open') <> (open_for IS NOT NULL) OR open_for <> posting_id"
    ),
    rule!(
        reporter_forgotten,
        "no address of a reader outlives the case that it is about",
        "SELECT count(*) FROM posting_reports JOIN report_cases ON report_cases.id = posting_reports.case_id
          WHERE posting_reports.email IS NOT NULL AND report_cases.state <> 'open'",
        "UPDATE posting_reports SET email = NULL
          WHERE case_id IN (SELECT id FROM report_cases WHERE state <> 'open')"
    ),
    rule!(
        webhook_lease,
        "a claim on a message names who and until when",
        "SELECT count(*) FROM webhook_deliveries WHERE (lease_holder IS NULL) <> (lease_expires_at IS NULL)",
        "UPDATE webhook_deliveries SET lease_holder = NULL, lease_expires_at = NULL
          WHERE (lease_holder IS NULL) <> (lease_expires_at IS NULL)"
    ),
    rule!(
        webhook_claimed,
        "only queued messages are claimed",
        "SELECT count(*) FROM webhook_deliveries WHERE state <> 'queued' AND lease_holder IS NOT NULL",
        "UPDATE webhook_deliveries SET lease_holder = NULL, lease_expires_at = NULL WHERE state <> 'queued'"
    ),
    rule!(
        numbers_count,
        "nothing was counted less than never",
        "SELECT count(*) FROM posting_numbers WHERE impressions < 0 OR views < 0 OR apply_clicks < 0"
    ),
];
