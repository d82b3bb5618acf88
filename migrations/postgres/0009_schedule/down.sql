DROP INDEX postings_status_publish_at_idx;
ALTER TABLE postings DROP COLUMN warned_for;
ALTER TABLE postings DROP COLUMN publish_at;
