DROP TABLE mail_reports;
DROP INDEX outbox_state_is_bulk_next_attempt_at_idx;
ALTER TABLE outbox DROP COLUMN is_bulk;
