DROP INDEX import_runs_board_id_idx;
ALTER TABLE import_runs DROP COLUMN changes;
ALTER TABLE import_runs DROP COLUMN board_id;
DROP INDEX postings_board_id_idx;
ALTER TABLE postings DROP COLUMN edits;
ALTER TABLE postings DROP COLUMN absent_since;
ALTER TABLE postings DROP COLUMN board_id;
DROP TABLE boards;
