//! Tables about the safety of accounts, and about teams.

diesel::table! {
    use diesel::sql_types::{Binary, Integer, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    employer_domains (id) {
        id -> Identifier,
        employer_id -> Identifier,
        domain -> Text,
        state -> Text,
        proof -> Nullable<Text>,
        challenge -> Text,
        mail_token_hash -> Nullable<Binary>,
        mail_expires_at -> Nullable<Moment>,
        verified_at -> Nullable<Moment>,
        checked_at -> Nullable<Moment>,
        next_check_at -> Nullable<Moment>,
        misses -> Integer,
        created_at -> Moment,
    }
}

diesel::table! {
    use crate::column::sql::{Identifier, Moment};

    ownership_offers (employer_id) {
        employer_id -> Identifier,
        from_user_id -> Identifier,
        to_user_id -> Identifier,
        expires_at -> Moment,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable};
    use crate::column::sql::{Identifier, Moment};

    employer_quotas (employer_id) {
        employer_id -> Identifier,
        live_postings -> Nullable<Integer>,
        drafts -> Nullable<Integer>,
        members -> Nullable<Integer>,
        api_keys -> Nullable<Integer>,
        webhooks -> Nullable<Integer>,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::column::sql::{Document, Identifier, Moment};

    audit_entries (id) {
        id -> Identifier,
        at -> Moment,
        employer_id -> Nullable<Identifier>,
        actor_kind -> Text,
        actor_id -> Nullable<Identifier>,
        action -> Text,
        subject_kind -> Text,
        subject_id -> Nullable<Identifier>,
        detail -> Document,
        request_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};
    use crate::column::sql::{Identifier, Moment};

    totp_factors (user_id) {
        user_id -> Identifier,
        sealed_secret -> Binary,
        last_step -> BigInt,
        confirmed_at -> Nullable<Moment>,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use crate::column::sql::{Identifier, Moment};

    recovery_codes (user_id, code_hash) {
        user_id -> Identifier,
        code_hash -> Binary,
        used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Integer};
    use crate::column::sql::{Identifier, Moment};

    mfa_challenges (token_hash) {
        token_hash -> Binary,
        user_id -> Identifier,
        attempts -> Integer,
        expires_at -> Moment,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Integer, Nullable};
    use crate::column::sql::Moment;

    sign_in_attempts (bucket) {
        bucket -> Binary,
        failures -> Integer,
        blocked_until -> Nullable<Moment>,
        last_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::column::sql::{Identifier, Moment};

    known_clients (user_id, client_hash) {
        user_id -> Identifier,
        client_hash -> Binary,
        last_seen_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    email_changes (user_id) {
        user_id -> Identifier,
        new_email -> Text,
        old_token_hash -> Binary,
        new_token_hash -> Binary,
        old_confirmed_at -> Nullable<Moment>,
        new_confirmed_at -> Nullable<Moment>,
        expires_at -> Moment,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    passkeys (id) {
        id -> Identifier,
        user_id -> Identifier,
        credential_id -> Binary,
        public_key -> Binary,
        name -> Text,
        sign_count -> BigInt,
        is_synced -> Bool,
        created_at -> Moment,
        last_used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use crate::column::sql::{Identifier, Moment};

    passkey_challenges (challenge_hash) {
        challenge_hash -> Binary,
        user_id -> Nullable<Identifier>,
        expires_at -> Moment,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::column::sql::{Identifier, Moment};

    provider_identities (id) {
        id -> Identifier,
        user_id -> Identifier,
        provider -> Text,
        issuer -> Text,
        subject -> Text,
        created_at -> Moment,
        last_used_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::column::sql::{Identifier, Moment};

    provider_flows (token_hash) {
        token_hash -> Binary,
        provider -> Text,
        state_hash -> Binary,
        nonce -> Text,
        code_verifier -> Text,
        user_id -> Nullable<Identifier>,
        expires_at -> Moment,
        created_at -> Moment,
    }
}
