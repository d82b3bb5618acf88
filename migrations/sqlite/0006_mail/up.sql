-- Mails that somebody waits for go before bulk.
ALTER TABLE outbox ADD COLUMN is_bulk BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE outbox SET is_bulk = TRUE WHERE headers <> 'null';
CREATE INDEX outbox_state_is_bulk_next_attempt_at_idx ON outbox (state, is_bulk, next_attempt_at, id);

-- What other mail systems told about a mail of ours after they had taken it. One row for each mail and kind of report.
CREATE TABLE mail_reports (
    id BLOB NOT NULL PRIMARY KEY,
    mail_id BLOB NOT NULL,
    kind TEXT NOT NULL CONSTRAINT mail_reports_kind_check CHECK (kind IN ('bounce', 'delay', 'complaint')),
    status TEXT,
    detail TEXT NOT NULL,
    suppressed BOOLEAN NOT NULL,
    received_at BIGINT NOT NULL,
    CONSTRAINT mail_reports_mail_id_kind_key UNIQUE (mail_id, kind),
    CONSTRAINT mail_reports_mail_id_fkey FOREIGN KEY (mail_id) REFERENCES outbox (id) ON DELETE CASCADE
);
CREATE INDEX mail_reports_received_at_idx ON mail_reports (received_at, id);
