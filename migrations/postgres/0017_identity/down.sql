DROP TABLE email_changes;
DROP TABLE known_clients;
DROP TABLE sign_in_attempts;
DROP TABLE mfa_challenges;
DROP TABLE recovery_codes;
DROP TABLE totp_factors;
