-- The second factor. The secret is sealed with a key that is not in the database; last_step is the newest time step of
-- which a code was taken, so that none is taken twice.
CREATE TABLE totp_factors (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed_secret BLOB NOT NULL,
    last_step BIGINT NOT NULL,
    confirmed_at BIGINT,
    created_at BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    used_at BIGINT,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash)
);

-- A password was right; the second factor is awaited.
CREATE TABLE mfa_challenges (
    token_hash BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    attempts INTEGER NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX mfa_challenges_user_id_idx ON mfa_challenges (user_id);

-- Attempts to sign in, by a keyed hash of what is guessed at: an address, an address from a known client, a client.
CREATE TABLE sign_in_attempts (
    bucket BLOB NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    blocked_until BIGINT,
    last_at BIGINT NOT NULL
);
CREATE INDEX sign_in_attempts_last_at_idx ON sign_in_attempts (last_at);

-- Clients from which a user has signed in, by keyed hash of network and program.
CREATE TABLE known_clients (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_hash BLOB NOT NULL,
    last_seen_at BIGINT NOT NULL,
    CONSTRAINT known_clients_pkey PRIMARY KEY (user_id, client_hash)
);
CREATE INDEX known_clients_last_seen_at_idx ON known_clients (last_seen_at);

-- A new address that waits for both mailboxes to agree.
CREATE TABLE email_changes (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    new_email TEXT NOT NULL,
    old_token_hash BLOB NOT NULL,
    new_token_hash BLOB NOT NULL,
    old_confirmed_at BIGINT,
    new_confirmed_at BIGINT,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT email_changes_old_token_hash_key UNIQUE (old_token_hash),
    CONSTRAINT email_changes_new_token_hash_key UNIQUE (new_token_hash)
);
