DROP TABLE audit_entries;
DROP TABLE employer_quotas;
DROP TABLE ownership_offers;
DROP TABLE employer_domains;
ALTER TABLE employers DROP COLUMN verified_domain;
ALTER TABLE api_keys DROP COLUMN expires_at;
ALTER TABLE api_keys DROP COLUMN scopes;
