DROP INDEX webhook_events_posting_id_idx;
DROP INDEX posting_numbers_day_idx;
