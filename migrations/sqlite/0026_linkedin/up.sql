-- The employer's number at LinkedIn, which its feed asks for.
ALTER TABLE employers ADD COLUMN linkedin_company_id BIGINT;
