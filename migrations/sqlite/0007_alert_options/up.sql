-- What a subscriber may choose besides the rhythm, and what an alert remembers. quiet_from and quiet_to are hours in the
-- subscriber's zone, both or neither. touched_at: the owner's last act. paced_until: up to when the mails of an instant
-- alert have used up their pace. end_reason: why an alert that ended did.
ALTER TABLE alerts ADD COLUMN notify_pay_raised BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE alerts ADD COLUMN notify_place_added BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE alerts ADD COLUMN notify_closing_soon BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE alerts ADD COLUMN notify_reopened BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE alerts ADD COLUMN quiet_from SMALLINT;
ALTER TABLE alerts ADD COLUMN quiet_to SMALLINT;
ALTER TABLE alerts ADD COLUMN touched_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN keep_asked_at BIGINT;
ALTER TABLE alerts ADD COLUMN paced_until BIGINT;
ALTER TABLE alerts ADD COLUMN last_mailed_at BIGINT;
ALTER TABLE alerts ADD COLUMN end_reason TEXT CONSTRAINT alerts_end_reason_check CHECK (end_reason IN ('unsubscribed', 'retired'));
UPDATE alerts SET touched_at = COALESCE(confirmed_at, created_at);
UPDATE alerts SET end_reason = 'unsubscribed' WHERE status = 'ended';
CREATE INDEX alerts_touched_at_idx ON alerts (status, touched_at);

-- told_at and told_version: when the subscriber last heard of the posting, and which version. closed_at: it closed after
-- that. end_told: the end that the subscriber was told of, or need not be. held_by: what a pending row waits for.
ALTER TABLE alert_matches ADD COLUMN told_at BIGINT;
ALTER TABLE alert_matches ADD COLUMN told_version INTEGER;
ALTER TABLE alert_matches ADD COLUMN closed_at BIGINT;
ALTER TABLE alert_matches ADD COLUMN end_told BIGINT;
ALTER TABLE alert_matches ADD COLUMN held_by TEXT CONSTRAINT alert_matches_held_by_check
    CHECK (held_by IN ('digest', 'quiet_hours', 'pace', 'overflow'));
UPDATE alert_matches SET told_at = matched_at,
    told_version = (SELECT version FROM postings WHERE postings.id = alert_matches.posting_id)
    WHERE outcome = 'mailed';

-- Changes of postings that a subscriber was told of. mark tells two changes of a kind apart: the posting's revision, or
-- for closing_soon its end in seconds since 1970.
CREATE TABLE alert_changes (
    alert_id BLOB NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    posting_id BLOB NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CONSTRAINT alert_changes_kind_check
        CHECK (kind IN ('pay_raised', 'place_added', 'closing_soon', 'reopened')),
    mark BIGINT NOT NULL,
    outcome TEXT NOT NULL CONSTRAINT alert_changes_outcome_check CHECK (outcome IN ('pending', 'mailed', 'dropped')),
    due_at BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    CONSTRAINT alert_changes_pkey PRIMARY KEY (alert_id, posting_id, kind, mark)
);
CREATE INDEX alert_changes_outcome_due_at_idx ON alert_changes (outcome, due_at, alert_id);
CREATE INDEX alert_changes_posting_id_idx ON alert_changes (posting_id);

-- What subscribers answered to "was this right for you?": one answer for each posting, the last one counts.
CREATE TABLE alert_feedback (
    alert_id BLOB NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    posting_id BLOB NOT NULL REFERENCES postings (id) ON DELETE CASCADE,
    verdict TEXT NOT NULL CONSTRAINT alert_feedback_verdict_check CHECK (verdict IN ('right', 'wrong')),
    created_at BIGINT NOT NULL,
    CONSTRAINT alert_feedback_pkey PRIMARY KEY (alert_id, posting_id)
);
CREATE INDEX alert_feedback_posting_id_idx ON alert_feedback (posting_id);
