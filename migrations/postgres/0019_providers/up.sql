-- Who somebody is at an identity provider (OpenID Connect): issuer and subject, never the address.
CREATE TABLE provider_identities (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT provider_identities_issuer_subject_key UNIQUE (issuer, subject)
);
CREATE INDEX provider_identities_user_id_idx ON provider_identities (user_id);

-- A sign-in that is on its way through a provider. Without a user it signs in, with one it connects their account.
CREATE TABLE provider_flows (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    state_hash BYTEA NOT NULL,
    nonce TEXT NOT NULL,
    code_verifier TEXT NOT NULL,
    user_id UUID REFERENCES users (id) ON DELETE CASCADE,
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX provider_flows_user_id_idx ON provider_flows (user_id);
CREATE INDEX provider_flows_expires_at_idx ON provider_flows (expires_at);
