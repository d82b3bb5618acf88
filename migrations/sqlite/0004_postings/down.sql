DROP TABLE import_runs;
DROP TABLE posting_versions;
DROP TABLE postings;
