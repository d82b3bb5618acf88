//! Webhooks and numbers.

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use crate::column::sql::{Document, Identifier, Moment};

    webhook_endpoints (id) {
        id -> Identifier,
        employer_id -> Nullable<Identifier>,
        url -> Text,
        description -> Text,
        events -> Document,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_until -> Nullable<Moment>,
        state -> Text,
        disabled_reason -> Nullable<Text>,
        failing_since -> Nullable<Moment>,
        start_revision -> BigInt,
        last_status -> Nullable<Integer>,
        last_error -> Nullable<Text>,
        last_attempt_at -> Nullable<Moment>,
        last_success_at -> Nullable<Moment>,
        version -> Integer,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    webhook_events (id) {
        id -> Identifier,
        kind -> Text,
        posting_id -> Nullable<Identifier>,
        revision -> Nullable<BigInt>,
        payload -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    webhook_deliveries (endpoint_id, event_id) {
        endpoint_id -> Identifier,
        event_id -> Identifier,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> Moment,
        lease_holder -> Nullable<Identifier>,
        lease_expires_at -> Nullable<Moment>,
        last_status -> Nullable<Integer>,
        last_error -> Nullable<Text>,
        last_attempt_at -> Nullable<Moment>,
        duration_ms -> Nullable<Integer>,
        created_at -> Moment,
        finished_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer};
    use crate::column::sql::Identifier;

    posting_numbers (posting_id, day) {
        posting_id -> Identifier,
        day -> Integer,
        impressions -> BigInt,
        views -> BigInt,
        apply_clicks -> BigInt,
    }
}

diesel::joinable!(webhook_deliveries -> webhook_endpoints (endpoint_id));
diesel::joinable!(webhook_deliveries -> webhook_events (event_id));
