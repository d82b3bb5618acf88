-- Keys in people's devices with which they sign in (WebAuthn). Only the public half is here; sign_count is what the device
-- counted last, 0 for devices that do not count.
CREATE TABLE passkeys (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id BLOB NOT NULL,
    public_key BLOB NOT NULL,
    name TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    is_synced BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    CONSTRAINT passkeys_credential_id_key UNIQUE (credential_id)
);
CREATE INDEX passkeys_user_id_idx ON passkeys (user_id);

-- What a device is to sign, once: for a new passkey of a user, or for a sign-in of whoever it will be.
CREATE TABLE passkey_challenges (
    challenge_hash BLOB NOT NULL PRIMARY KEY,
    user_id BLOB REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_user_id_idx ON passkey_challenges (user_id);
CREATE INDEX passkey_challenges_expires_at_idx ON passkey_challenges (expires_at);

-- What people changed about how they sign in belongs to no employer's trail.
CREATE INDEX audit_entries_actor_id_idx ON audit_entries (actor_id, id) WHERE employer_id IS NULL;
