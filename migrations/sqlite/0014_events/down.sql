DROP TABLE event_registrations;
DROP TABLE event_postings;
DROP TABLE hiring_events;
