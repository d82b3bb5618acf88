-- A board: where an employer shows its postings outside. Its runs are import_runs with its id.
-- Whoever can put proof into a posting there may import it; proven_at is when that was seen, or an operator vouched.
-- next_fetch_at is null for boards that nobody fetches; etag and last_modified are those of the last whole answer.
CREATE TABLE boards (
    id BLOB NOT NULL PRIMARY KEY,
    employer_id BLOB NOT NULL REFERENCES employers (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    token TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT boards_state_check CHECK (state IN ('new', 'healthy', 'suspect', 'failing')),
    reason TEXT,
    every_minutes INTEGER,
    proof TEXT NOT NULL,
    proven_at BIGINT,
    failures INTEGER NOT NULL,
    etag TEXT,
    last_modified TEXT,
    next_fetch_at BIGINT,
    last_complete_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT boards_employer_id_source_token_key UNIQUE (employer_id, source, token)
);
CREATE INDEX boards_next_fetch_at_idx ON boards (next_fetch_at, id);

-- board_id: the board that shows the posting; no reference, so that the column can be taken back.
-- absent_since: when its board stopped showing it. edits: the fields that people changed after the import.
ALTER TABLE postings ADD COLUMN board_id BLOB;
ALTER TABLE postings ADD COLUMN absent_since BIGINT;
ALTER TABLE postings ADD COLUMN edits TEXT;
CREATE INDEX postings_board_id_idx ON postings (board_id, id);

ALTER TABLE import_runs ADD COLUMN board_id BLOB;
ALTER TABLE import_runs ADD COLUMN changes TEXT;
CREATE INDEX import_runs_board_id_idx ON import_runs (board_id, id);
