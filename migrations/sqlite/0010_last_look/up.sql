-- told_in: the mail that tells the posting, or the change, so that it can be looked at again before it leaves.
-- told_from: the version that the subscriber had heard of before the change was told.
ALTER TABLE alert_matches ADD COLUMN told_in BLOB;
ALTER TABLE alert_changes ADD COLUMN told_in BLOB;
ALTER TABLE alert_changes ADD COLUMN told_from INTEGER;
CREATE INDEX alert_matches_told_in_idx ON alert_matches (told_in) WHERE told_in IS NOT NULL;
CREATE INDEX alert_changes_told_in_idx ON alert_changes (told_in) WHERE told_in IS NOT NULL;
