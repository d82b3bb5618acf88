-- start_revision: the alert is owed postings that became visible after it. sequence orders changes of alerts for
-- whoever keeps them in memory.
CREATE TABLE alerts (
    id UUID NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    user_id UUID REFERENCES users (id) ON DELETE CASCADE,
    query JSONB NOT NULL,
    frequency TEXT NOT NULL CONSTRAINT alerts_frequency_check CHECK (frequency IN ('instant', 'daily', 'weekly')),
    timezone TEXT NOT NULL,
    hour SMALLINT NOT NULL,
    status TEXT NOT NULL CONSTRAINT alerts_status_check CHECK (status IN ('pending', 'active', 'paused', 'ended')),
    confirm_token_hash BYTEA,
    confirm_expires_at TIMESTAMPTZ,
    start_revision BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ,
    CONSTRAINT alerts_confirm_token_hash_key UNIQUE (confirm_token_hash),
    CONSTRAINT alerts_sequence_key UNIQUE (sequence)
);
CREATE INDEX alerts_email_idx ON alerts (email, id);
CREATE INDEX alerts_user_id_idx ON alerts (user_id, id);
CREATE INDEX alerts_status_created_at_idx ON alerts (status, created_at);

-- The ledger: one row for each posting that an alert was ever owed.
CREATE TABLE alert_matches (
    alert_id UUID NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    posting_id UUID NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    outcome TEXT NOT NULL CONSTRAINT alert_matches_outcome_check CHECK (outcome IN ('pending', 'mailed', 'dropped')),
    due_at TIMESTAMPTZ NOT NULL,
    matched_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT alert_matches_pkey PRIMARY KEY (alert_id, posting_id)
);
CREATE INDEX alert_matches_outcome_due_at_idx ON alert_matches (outcome, due_at, alert_id);
CREATE INDEX alert_matches_posting_id_idx ON alert_matches (posting_id);
