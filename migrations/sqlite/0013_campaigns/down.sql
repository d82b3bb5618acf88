DROP TABLE held_postings;
DROP TABLE holds;
DROP INDEX postings_campaign_id_idx;
ALTER TABLE postings DROP COLUMN reposted_from;
ALTER TABLE postings DROP COLUMN verified_at;
ALTER TABLE postings DROP COLUMN campaign_id;
DROP TABLE campaigns;
