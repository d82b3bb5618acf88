-- How many people work for an employer, by its own word; pay-transparency rules ask for it.
ALTER TABLE employers ADD COLUMN employees INTEGER;

-- What moderators decided about postings that waited for them.
CREATE TABLE posting_reviews (
    id UUID NOT NULL PRIMARY KEY,
    posting_id UUID NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    decision TEXT NOT NULL CONSTRAINT posting_reviews_decision_check CHECK (decision IN ('approved', 'rejected')),
    reason TEXT,
    decided_by UUID REFERENCES users (id) ON DELETE SET NULL,
    decided_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX posting_reviews_posting_id_idx ON posting_reviews (posting_id, id);

-- Reports of one posting until somebody decides. open_for is its posting while it is open, so that there is one at most.
CREATE TABLE report_cases (
    id UUID NOT NULL PRIMARY KEY,
    posting_id UUID NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    open_for UUID,
    state TEXT NOT NULL CONSTRAINT report_cases_state_check CHECK (state IN ('open', 'dismissed', 'acted')),
    reports INTEGER NOT NULL,
    version INTEGER NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT report_cases_open_for_key UNIQUE (open_for)
);
CREATE INDEX report_cases_state_idx ON report_cases (state, id);
CREATE INDEX report_cases_posting_id_idx ON report_cases (posting_id);

CREATE TABLE posting_reports (
    id UUID NOT NULL PRIMARY KEY,
    case_id UUID NOT NULL REFERENCES report_cases (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    email TEXT,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX posting_reports_case_id_idx ON posting_reports (case_id, id);

CREATE TABLE case_decisions (
    id UUID NOT NULL PRIMARY KEY,
    case_id UUID NOT NULL REFERENCES report_cases (id) ON DELETE CASCADE,
    decision TEXT NOT NULL CONSTRAINT case_decisions_decision_check CHECK (decision IN (
        'dismiss', 'freeze', 'unfreeze', 'close')),
    note TEXT,
    decided_by UUID REFERENCES users (id) ON DELETE SET NULL,
    decided_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX case_decisions_case_id_idx ON case_decisions (case_id, id);
