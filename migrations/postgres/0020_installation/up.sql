-- What holds for the installation as a whole, whichever node looks. keys: fingerprint of the keys that sign links and
-- tokens. oldest_step: the last step that a program must know to be allowed to use this schema (docs/UPGRADING.md).
CREATE TABLE installation (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Wakes the passes of every node when a transaction commits; whoever does not hear it looks by itself soon after.
CREATE FUNCTION backplane_wake_readers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('backplane', NEW.name);
    RETURN NULL;
END $$;
CREATE TRIGGER counters_wake AFTER UPDATE ON counters
    FOR EACH ROW WHEN (OLD.value IS DISTINCT FROM NEW.value) EXECUTE FUNCTION backplane_wake_readers();

CREATE FUNCTION backplane_wake_mail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('backplane', 'mail');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION backplane_wake_mail();
