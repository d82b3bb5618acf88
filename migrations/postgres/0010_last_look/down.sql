DROP INDEX alert_changes_told_in_idx;
DROP INDEX alert_matches_told_in_idx;
ALTER TABLE alert_changes DROP COLUMN told_from;
ALTER TABLE alert_changes DROP COLUMN told_in;
ALTER TABLE alert_matches DROP COLUMN told_in;
