-- How often a posting was shown, looked at and clicked on, by day (days since 1970-01-01, UTC). No reference to postings:
-- what was counted for one that is gone must not keep the others from being written.
CREATE TABLE posting_numbers (
    posting_id BLOB NOT NULL,
    day INTEGER NOT NULL,
    impressions BIGINT NOT NULL,
    views BIGINT NOT NULL,
    apply_clicks BIGINT NOT NULL,
    PRIMARY KEY (posting_id, day)
);
