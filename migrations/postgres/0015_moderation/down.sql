DROP TABLE case_decisions;
DROP TABLE posting_reports;
DROP TABLE report_cases;
DROP TABLE posting_reviews;
ALTER TABLE employers DROP COLUMN employees;
