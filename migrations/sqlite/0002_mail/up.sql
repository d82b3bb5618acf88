-- One row is one mail, written in the transaction of its cause; dedup_key names what it is about.
CREATE TABLE outbox (
    id BLOB NOT NULL PRIMARY KEY,
    dedup_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    text_body TEXT NOT NULL,
    html_body TEXT NOT NULL,
    headers TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT outbox_state_check CHECK (state IN ('queued', 'sent', 'failed', 'expired', 'suppressed')),
    attempts INTEGER NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    lease_holder BLOB,
    lease_expires_at BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    CONSTRAINT outbox_dedup_key_key UNIQUE (dedup_key)
);
CREATE INDEX outbox_state_next_attempt_at_idx ON outbox (state, next_attempt_at, id);
CREATE INDEX outbox_recipient_idx ON outbox (recipient, id);

-- Addresses that get no bulk mail.
CREATE TABLE suppressions (
    address TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL CONSTRAINT suppressions_reason_check CHECK (reason IN ('bounce', 'complaint', 'operator')),
    detail TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
