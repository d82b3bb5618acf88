-- content holds every field of the vocabulary; the columns beside it are those that rules and readers ask for.
-- revision is that of the last visible change, first_revision that of the first; null before the first publication.
CREATE TABLE postings (
    id UUID NOT NULL PRIMARY KEY,
    employer_id UUID NOT NULL REFERENCES employers (id),
    slug TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT postings_status_check CHECK (status IN (
        'draft', 'in_review', 'scheduled', 'published', 'paused', 'closed', 'expired', 'rejected')),
    version INTEGER NOT NULL,
    revision BIGINT,
    first_revision BIGINT,
    content JSONB NOT NULL,
    content_hash BYTEA NOT NULL,
    source TEXT,
    source_id TEXT,
    external_id TEXT,
    close_reason TEXT CONSTRAINT postings_close_reason_check CHECK (close_reason IN ('filled', 'withdrawn', 'expired', 'other')),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    published_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    CONSTRAINT postings_slug_key UNIQUE (slug),
    CONSTRAINT postings_revision_key UNIQUE (revision),
    CONSTRAINT postings_source_source_id_key UNIQUE (source, source_id),
    CONSTRAINT postings_employer_id_external_id_key UNIQUE (employer_id, external_id)
);
CREATE INDEX postings_employer_id_idx ON postings (employer_id, id);
CREATE INDEX postings_status_expires_at_idx ON postings (status, expires_at);

-- Every version that was ever public.
CREATE TABLE posting_versions (
    posting_id UUID NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    content JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT posting_versions_pkey PRIMARY KEY (posting_id, version)
);

CREATE TABLE import_runs (
    id UUID NOT NULL PRIMARY KEY,
    employer_id UUID REFERENCES employers (id) ON DELETE CASCADE,
    format TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT import_runs_state_check CHECK (state IN ('running', 'completed', 'failed')),
    dry_run BOOLEAN NOT NULL,
    summary JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ
);
CREATE INDEX import_runs_employer_id_idx ON import_runs (employer_id, id);
