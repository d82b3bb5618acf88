DROP TRIGGER outbox_wake ON outbox;
DROP FUNCTION backplane_wake_mail();
DROP TRIGGER counters_wake ON counters;
DROP FUNCTION backplane_wake_readers();
DROP TABLE installation;
