DROP TABLE api_keys;
DROP TABLE invitations;
DROP TABLE members;
DROP TABLE employers;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE one_time_tokens;
DROP TABLE users;
