//! Every table, once for both databases. A test selects every column on both, so this cannot drift from the migrations.

#![expect(missing_docs, reason = "the migrations describe the tables and their columns")]

mod hiring;
mod people;
mod syndication;

pub use hiring::*;
pub use people::*;
pub use syndication::*;

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    counters (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    cursors (name) {
        name -> Text,
        revision -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::column::sql::{Identifier, Moment};

    leases (name) {
        name -> Text,
        holder -> Identifier,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Integer, Text};
    use crate::column::sql::Moment;

    idempotency_keys (scope, key) {
        scope -> Text,
        key -> Text,
        request_hash -> Binary,
        status -> Integer,
        body -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Integer, Nullable, Text};
    use crate::column::sql::{Document, Identifier, Moment};

    outbox (id) {
        id -> Identifier,
        dedup_key -> Text,
        kind -> Text,
        recipient -> Text,
        subject -> Text,
        text_body -> Text,
        html_body -> Text,
        headers -> Document,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> Moment,
        not_after -> Moment,
        lease_holder -> Nullable<Identifier>,
        lease_expires_at -> Nullable<Moment>,
        last_error -> Nullable<Text>,
        created_at -> Moment,
        finished_at -> Nullable<Moment>,
        is_bulk -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    mail_reports (id) {
        id -> Identifier,
        mail_id -> Identifier,
        kind -> Text,
        status -> Nullable<Text>,
        detail -> Text,
        suppressed -> Bool,
        received_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::column::sql::Moment;

    suppressions (address) {
        address -> Text,
        reason -> Text,
        detail -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    users (id) {
        id -> Identifier,
        email -> Text,
        name -> Text,
        password_hash -> Text,
        verified_at -> Nullable<Moment>,
        is_operator -> Bool,
        version -> Integer,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::column::sql::{Identifier, Moment};

    one_time_tokens (token_hash) {
        token_hash -> Binary,
        user_id -> Identifier,
        purpose -> Text,
        expires_at -> Moment,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    sessions (id) {
        id -> Identifier,
        user_id -> Identifier,
        user_agent -> Nullable<Text>,
        created_at -> Moment,
        last_used_at -> Moment,
        expires_at -> Moment,
        revoked_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use crate::column::sql::{Identifier, Moment};

    refresh_tokens (token_hash) {
        token_hash -> Binary,
        session_id -> Identifier,
        expires_at -> Moment,
        spent_at -> Nullable<Moment>,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    employers (id) {
        id -> Identifier,
        slug -> Text,
        name -> Text,
        website -> Nullable<Text>,
        description_html -> Text,
        headquarters -> Nullable<Text>,
        status -> Text,
        version -> Integer,
        created_at -> Moment,
        updated_at -> Moment,
        employees -> Nullable<Integer>,
        verified_domain -> Nullable<Text>,
        linkedin_company_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::column::sql::{Identifier, Moment};

    members (employer_id, user_id) {
        employer_id -> Identifier,
        user_id -> Identifier,
        role -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::column::sql::{Identifier, Moment};

    invitations (id) {
        id -> Identifier,
        employer_id -> Identifier,
        email -> Text,
        role -> Text,
        token_hash -> Binary,
        expires_at -> Moment,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::column::sql::{Document, Identifier, Moment};

    api_keys (id) {
        id -> Identifier,
        employer_id -> Identifier,
        name -> Text,
        key_hash -> Binary,
        hint -> Text,
        created_at -> Moment,
        last_used_at -> Nullable<Moment>,
        revoked_at -> Nullable<Moment>,
        scopes -> Document,
        expires_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
    use crate::column::sql::{Document, Identifier, Moment};

    postings (id) {
        id -> Identifier,
        employer_id -> Identifier,
        slug -> Text,
        status -> Text,
        version -> Integer,
        revision -> Nullable<BigInt>,
        first_revision -> Nullable<BigInt>,
        content -> Document,
        content_hash -> Binary,
        source -> Nullable<Text>,
        source_id -> Nullable<Text>,
        external_id -> Nullable<Text>,
        close_reason -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
        published_at -> Nullable<Moment>,
        expires_at -> Nullable<Moment>,
        closed_at -> Nullable<Moment>,
        deleted_at -> Nullable<Moment>,
        board_id -> Nullable<Identifier>,
        absent_since -> Nullable<Moment>,
        edits -> Nullable<Document>,
        publish_at -> Nullable<Moment>,
        warned_for -> Nullable<Moment>,
        campaign_id -> Nullable<Identifier>,
        verified_at -> Nullable<Moment>,
        reposted_from -> Nullable<Identifier>,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    boards (id) {
        id -> Identifier,
        employer_id -> Identifier,
        source -> Text,
        token -> Text,
        state -> Text,
        reason -> Nullable<Text>,
        every_minutes -> Nullable<Integer>,
        proof -> Text,
        proven_at -> Nullable<Moment>,
        failures -> Integer,
        etag -> Nullable<Text>,
        last_modified -> Nullable<Text>,
        next_fetch_at -> Nullable<Moment>,
        last_complete_at -> Nullable<Moment>,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Integer;
    use crate::column::sql::{Document, Identifier, Moment};

    posting_versions (posting_id, version) {
        posting_id -> Identifier,
        version -> Integer,
        content -> Document,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::column::sql::{Document, Identifier, Moment};

    import_runs (id) {
        id -> Identifier,
        employer_id -> Nullable<Identifier>,
        format -> Text,
        state -> Text,
        dry_run -> Bool,
        summary -> Document,
        created_at -> Moment,
        finished_at -> Nullable<Moment>,
        board_id -> Nullable<Identifier>,
        changes -> Nullable<Document>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};
    use crate::column::sql::{Document, Identifier, Moment};

    alerts (id) {
        id -> Identifier,
        email -> Text,
        user_id -> Nullable<Identifier>,
        query -> Document,
        frequency -> Text,
        timezone -> Text,
        hour -> SmallInt,
        status -> Text,
        confirm_token_hash -> Nullable<Binary>,
        confirm_expires_at -> Nullable<Moment>,
        start_revision -> BigInt,
        sequence -> BigInt,
        version -> Integer,
        created_at -> Moment,
        updated_at -> Moment,
        confirmed_at -> Nullable<Moment>,
        notify_pay_raised -> Bool,
        notify_place_added -> Bool,
        notify_closing_soon -> Bool,
        notify_reopened -> Bool,
        quiet_from -> Nullable<SmallInt>,
        quiet_to -> Nullable<SmallInt>,
        touched_at -> Moment,
        keep_asked_at -> Nullable<Moment>,
        paced_until -> Nullable<Moment>,
        last_mailed_at -> Nullable<Moment>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    alert_matches (alert_id, posting_id) {
        alert_id -> Identifier,
        posting_id -> Identifier,
        revision -> BigInt,
        outcome -> Text,
        due_at -> Moment,
        matched_at -> Moment,
        told_at -> Nullable<Moment>,
        told_version -> Nullable<Integer>,
        closed_at -> Nullable<Moment>,
        end_told -> Nullable<Moment>,
        held_by -> Nullable<Text>,
        told_in -> Nullable<Identifier>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    alert_changes (alert_id, posting_id, kind, mark) {
        alert_id -> Identifier,
        posting_id -> Identifier,
        kind -> Text,
        mark -> BigInt,
        outcome -> Text,
        due_at -> Moment,
        noted_at -> Moment,
        told_in -> Nullable<Identifier>,
        told_from -> Nullable<Integer>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::column::sql::{Identifier, Moment};

    alert_feedback (alert_id, posting_id) {
        alert_id -> Identifier,
        posting_id -> Identifier,
        verdict -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    installation (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::joinable!(mail_reports -> outbox (mail_id));
diesel::joinable!(one_time_tokens -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(members -> employers (employer_id));
diesel::joinable!(members -> users (user_id));
diesel::joinable!(api_keys -> employers (employer_id));
diesel::joinable!(invitations -> employers (employer_id));
diesel::joinable!(employer_domains -> employers (employer_id));
diesel::joinable!(ownership_offers -> employers (employer_id));
diesel::joinable!(postings -> employers (employer_id));
diesel::joinable!(posting_versions -> postings (posting_id));
diesel::joinable!(boards -> employers (employer_id));
diesel::joinable!(alert_matches -> alerts (alert_id));
diesel::joinable!(alert_matches -> postings (posting_id));
diesel::joinable!(alert_changes -> alerts (alert_id));
diesel::joinable!(alert_changes -> postings (posting_id));
diesel::joinable!(alert_feedback -> alerts (alert_id));
diesel::joinable!(alert_feedback -> postings (posting_id));
diesel::joinable!(posting_numbers -> postings (posting_id));

diesel::allow_tables_to_appear_in_same_query!(
    counters,
    cursors,
    leases,
    idempotency_keys,
    outbox,
    mail_reports,
    suppressions,
    users,
    one_time_tokens,
    sessions,
    refresh_tokens,
    employers,
    members,
    invitations,
    api_keys,
    employer_domains,
    ownership_offers,
    employer_quotas,
    audit_entries,
    totp_factors,
    recovery_codes,
    mfa_challenges,
    passkeys,
    passkey_challenges,
    provider_identities,
    provider_flows,
    sign_in_attempts,
    known_clients,
    email_changes,
    postings,
    posting_versions,
    boards,
    campaigns,
    holds,
    held_postings,
    hiring_events,
    event_postings,
    event_registrations,
    posting_reviews,
    report_cases,
    posting_reports,
    case_decisions,
    import_runs,
    alerts,
    alert_matches,
    alert_changes,
    alert_feedback,
    webhook_endpoints,
    webhook_events,
    webhook_deliveries,
    posting_numbers,
    installation,
);
