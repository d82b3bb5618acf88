-- Old days are deleted by day, and an erased posting's messages are found by posting.
CREATE INDEX posting_numbers_day_idx ON posting_numbers (day);
CREATE INDEX webhook_events_posting_id_idx ON webhook_events (posting_id);
