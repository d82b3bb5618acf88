-- A day on which an employer meets people. sequence grows when its time, place or status changes (RFC 5545).
CREATE TABLE hiring_events (
    id UUID NOT NULL PRIMARY KEY,
    employer_id UUID NOT NULL REFERENCES employers (id) ON DELETE CASCADE,
    campaign_id UUID REFERENCES campaigns (id) ON DELETE SET NULL,
    title TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT hiring_events_kind_check CHECK (kind IN (
        'batch_interview', 'open_house', 'fair', 'info_session', 'other')),
    status TEXT NOT NULL CONSTRAINT hiring_events_status_check CHECK (status IN ('scheduled', 'cancelled')),
    starts_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    timezone TEXT NOT NULL,
    place TEXT,
    online_url TEXT,
    capacity INTEGER,
    description_html TEXT NOT NULL,
    description_text TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX hiring_events_employer_id_idx ON hiring_events (employer_id, id);
CREATE INDEX hiring_events_starts_at_idx ON hiring_events (starts_at, id);

CREATE TABLE event_postings (
    event_id UUID NOT NULL REFERENCES hiring_events (id) ON DELETE CASCADE,
    posting_id UUID NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    CONSTRAINT event_postings_pkey PRIMARY KEY (event_id, posting_id)
);
CREATE INDEX event_postings_posting_id_idx ON event_postings (posting_id);

-- A seat, or the wish for one. token_hash: SHA-256 of the token of the confirmation mail.
CREATE TABLE event_registrations (
    id UUID NOT NULL PRIMARY KEY,
    event_id UUID NOT NULL REFERENCES hiring_events (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT event_registrations_status_check CHECK (status IN (
        'pending', 'confirmed', 'waitlisted', 'cancelled')),
    token_hash BYTEA NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ,
    CONSTRAINT event_registrations_event_id_email_key UNIQUE (event_id, email),
    CONSTRAINT event_registrations_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX event_registrations_event_id_idx ON event_registrations (event_id, status, confirmed_at);
