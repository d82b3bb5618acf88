-- What a key may do, and until when. Keys of before may do what they could.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '["read","postings","imports"]';
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;

-- The domain that the employer has proven to be its own, shown to everybody.
ALTER TABLE employers ADD COLUMN verified_domain TEXT;

-- Domains that employers say are theirs. `challenge` is what they publish in the DNS, so it is no secret.
CREATE TABLE employer_domains (
    id BLOB NOT NULL PRIMARY KEY,
    employer_id BLOB NOT NULL REFERENCES employers (id) ON DELETE CASCADE,
    domain TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT employer_domains_state_check CHECK (state IN ('pending', 'verified', 'lost')),
    proof TEXT CONSTRAINT employer_domains_proof_check CHECK (proof IN ('dns', 'mail')),
    challenge TEXT NOT NULL,
    mail_token_hash BLOB,
    mail_expires_at BIGINT,
    verified_at BIGINT,
    checked_at BIGINT,
    next_check_at BIGINT,
    misses INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT employer_domains_employer_id_domain_key UNIQUE (employer_id, domain),
    CONSTRAINT employer_domains_mail_token_hash_key UNIQUE (mail_token_hash)
);
CREATE INDEX employer_domains_next_check_at_idx ON employer_domains (next_check_at, id);

-- An owner's offer to hand the employer over to a member; one at a time.
CREATE TABLE ownership_offers (
    employer_id BLOB NOT NULL PRIMARY KEY REFERENCES employers (id) ON DELETE CASCADE,
    from_user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    to_user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What the operator allows an employer instead of the configured numbers.
CREATE TABLE employer_quotas (
    employer_id BLOB NOT NULL PRIMARY KEY REFERENCES employers (id) ON DELETE CASCADE,
    live_postings INTEGER,
    drafts INTEGER,
    members INTEGER,
    api_keys INTEGER,
    webhooks INTEGER,
    updated_at BIGINT NOT NULL
);

-- Who did what for which employer. Entries are added, never changed: the trigger refuses it, whoever asks.
-- No foreign keys: an entry outlives what it is about.
CREATE TABLE audit_entries (
    id BLOB NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    employer_id BLOB,
    actor_kind TEXT NOT NULL
        CONSTRAINT audit_entries_actor_kind_check CHECK (actor_kind IN ('user', 'api_key', 'operator', 'system')),
    actor_id BLOB,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BLOB,
    detail TEXT NOT NULL,
    request_id TEXT
);
CREATE INDEX audit_entries_employer_id_idx ON audit_entries (employer_id, id);
CREATE INDEX audit_entries_at_idx ON audit_entries (at, id);
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'an audit entry cannot be changed');
END;
