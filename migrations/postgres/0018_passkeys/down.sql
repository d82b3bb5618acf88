DROP INDEX audit_entries_actor_id_idx;
DROP TABLE passkey_challenges;
DROP TABLE passkeys;
