-- publish_at: when a scheduled posting becomes public. warned_for: the end that its employer was warned of.
ALTER TABLE postings ADD COLUMN publish_at BIGINT;
ALTER TABLE postings ADD COLUMN warned_for BIGINT;
CREATE INDEX postings_status_publish_at_idx ON postings (status, publish_at);
