-- What holds for the installation as a whole, whichever node looks. keys: fingerprint of the keys that sign links and
-- tokens. oldest_step: the last step that a program must know to be allowed to use this schema (docs/UPGRADING.md).
CREATE TABLE installation (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
