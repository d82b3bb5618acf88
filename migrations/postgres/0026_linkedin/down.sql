ALTER TABLE employers DROP COLUMN linkedin_company_id;
