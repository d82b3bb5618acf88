-- A webhook endpoint: where an employer, or with no employer_id the whole board, is told of changes.
-- events: the kinds that it wants; all when empty. Deliveries begin after start_revision.
-- previous_secret signs too until previous_until. failing_since: when the present row of failures began.
CREATE TABLE webhook_endpoints (
    id BLOB NOT NULL PRIMARY KEY,
    employer_id BLOB REFERENCES employers (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    events TEXT NOT NULL,
    secret TEXT NOT NULL,
    previous_secret TEXT,
    previous_until BIGINT,
    state TEXT NOT NULL CONSTRAINT webhook_endpoints_state_check CHECK (state IN ('enabled', 'disabled')),
    disabled_reason TEXT,
    failing_since BIGINT,
    start_revision BIGINT NOT NULL,
    last_status INTEGER,
    last_error TEXT,
    last_attempt_at BIGINT,
    last_success_at BIGINT,
    version INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX webhook_endpoints_employer_id_idx ON webhook_endpoints (employer_id, id);

-- What happened, once for all endpoints. The id is the webhook-id; revision is null for trials.
CREATE TABLE webhook_events (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    posting_id BLOB,
    revision BIGINT CONSTRAINT webhook_events_revision_key UNIQUE,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX webhook_events_created_at_idx ON webhook_events (created_at, id);

-- The ledger: what each endpoint is told, once. next_attempt_at is the end of the lease while somebody tells it.
CREATE TABLE webhook_deliveries (
    endpoint_id BLOB NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_id BLOB NOT NULL REFERENCES webhook_events (id) ON DELETE CASCADE,
    state TEXT NOT NULL CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('queued', 'delivered', 'failed', 'held')),
    attempts INTEGER NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    lease_holder BLOB,
    lease_expires_at BIGINT,
    last_status INTEGER,
    last_error TEXT,
    last_attempt_at BIGINT,
    duration_ms INTEGER,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (endpoint_id, event_id)
);
CREATE INDEX webhook_deliveries_state_idx ON webhook_deliveries (state, next_attempt_at);
CREATE INDEX webhook_deliveries_event_id_idx ON webhook_deliveries (event_id);
