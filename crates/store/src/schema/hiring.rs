//! Campaigns, holds, hiring events and moderation.

use super::{employers, postings};

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    campaigns (id) {
        id -> Identifier,
        employer_id -> Identifier,
        slug -> Text,
        name -> Text,
        description_html -> Text,
        goal -> Nullable<Integer>,
        starts_at -> Nullable<Moment>,
        ends_at -> Nullable<Moment>,
        ended_at -> Nullable<Moment>,
        version -> Integer,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    holds (id) {
        id -> Identifier,
        employer_id -> Identifier,
        kind -> Text,
        campaign_id -> Nullable<Identifier>,
        posting_id -> Nullable<Identifier>,
        reason -> Nullable<Text>,
        held_by -> Nullable<Identifier>,
        held_at -> Moment,
        released_by -> Nullable<Identifier>,
        released_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::Nullable;
    use crate::column::sql::{Identifier, Moment};

    held_postings (hold_id, posting_id) {
        hold_id -> Identifier,
        posting_id -> Identifier,
        held_at -> Moment,
        released_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    hiring_events (id) {
        id -> Identifier,
        employer_id -> Identifier,
        campaign_id -> Nullable<Identifier>,
        title -> Text,
        kind -> Text,
        status -> Text,
        starts_at -> Moment,
        ends_at -> Moment,
        timezone -> Text,
        place -> Nullable<Text>,
        online_url -> Nullable<Text>,
        capacity -> Nullable<Integer>,
        description_html -> Text,
        description_text -> Text,
        sequence -> Integer,
        version -> Integer,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use crate::column::sql::Identifier;

    event_postings (event_id, posting_id) {
        event_id -> Identifier,
        posting_id -> Identifier,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    event_registrations (id) {
        id -> Identifier,
        event_id -> Identifier,
        email -> Text,
        name -> Text,
        status -> Text,
        token_hash -> Binary,
        asked_at -> Moment,
        confirmed_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    posting_reviews (id) {
        id -> Identifier,
        posting_id -> Identifier,
        version -> Integer,
        decision -> Text,
        reason -> Nullable<Text>,
        decided_by -> Nullable<Identifier>,
        decided_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    report_cases (id) {
        id -> Identifier,
        posting_id -> Identifier,
        open_for -> Nullable<Identifier>,
        state -> Text,
        reports -> Integer,
        version -> Integer,
        opened_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    posting_reports (id) {
        id -> Identifier,
        case_id -> Identifier,
        reason -> Text,
        detail -> Text,
        email -> Nullable<Text>,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    case_decisions (id) {
        id -> Identifier,
        case_id -> Identifier,
        decision -> Text,
        note -> Nullable<Text>,
        decided_by -> Nullable<Identifier>,
        decided_at -> Moment,
    }
}

diesel::joinable!(campaigns -> employers (employer_id));
diesel::joinable!(held_postings -> holds (hold_id));
diesel::joinable!(held_postings -> postings (posting_id));
diesel::joinable!(hiring_events -> employers (employer_id));
diesel::joinable!(event_postings -> hiring_events (event_id));
diesel::joinable!(event_postings -> postings (posting_id));
diesel::joinable!(event_registrations -> hiring_events (event_id));
diesel::joinable!(posting_reviews -> postings (posting_id));
diesel::joinable!(report_cases -> postings (posting_id));
diesel::joinable!(posting_reports -> report_cases (case_id));
diesel::joinable!(case_decisions -> report_cases (case_id));
