//! Hiring events: their seats, and their calendar files read by somebody else's parser.

use icalendar::{Calendar, CalendarComponent, Component, EventLike};
use jiff::SignedDuration;
use mail::{LinkKey, MailConfig};
use postings::calendar;
use postings::events::{self, Event, EventError, EventInput, EventKind, EventStatus, When};
use postings::registrations::{self, Desk, SeatStatus};
use serde_json::{Value, json};
use store::{Db, DbConn, Id};

use crate::support::{Board, DAY, monday_plus_days};

struct Hall<'d> {
    board: Board<'d>,
    config: MailConfig,
    links: LinkKey,
}

impl<'d> Hall<'d> {
    fn new(db: &'d Db) -> Self {
        let board = Board::new(db);
        let links = LinkKey::random(&board.random);
        let config = MailConfig {
            from: "Board <board@board.example>".parse().unwrap(),
            postal_address: "1 Main Street, Springfield".to_owned(),
            public_url: "https://board.example".to_owned(),
            dkim: Vec::new(),
        };
        Self { board, config, links }
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            config: &self.config,
            links: &self.links,
            random: &self.board.random,
        }
    }

    fn write<T>(&self, change: impl FnOnce(&mut DbConn) -> Result<T, EventError>) -> Result<T, EventError> {
        self.board.db.write_blocking(change)
    }

    fn create(&self, fields: Value) -> Result<Event, EventError> {
        let mut all = json!({"title": "Batch interview day", "kind": "batch_interview", "starts_at": "2026-12-03T15:00:00Z",
            "ends_at": "2026-12-03T23:00:00Z", "timezone": "America/Chicago", "place": "1 Fab Road, Austin"});
        for (name, value) in fields.as_object().unwrap() {
            all[name] = value.clone();
        }
        let input: EventInput = serde_json::from_value(all).unwrap();
        self.write(|tx| events::create(tx, self.board.acme, input, &self.board.random, self.board.now))
    }

    fn ask(&self, event: Id, email: &str) {
        self.write(|tx| {
            registrations::request(
                tx,
                event,
                email.parse().unwrap(),
                "Kim Reader",
                &self.desk(),
                self.board.now,
            )
        })
        .unwrap();
    }

    /// The texts of the mails of a kind to an address, oldest first.
    fn mails(&self, kind: &str, email: &str) -> Vec<String> {
        use diesel::prelude::*;
        use store::schema::outbox;
        self.board
            .db
            .read_blocking::<_, store::StoreError>(|conn| {
                Ok(outbox::table
                    .filter(outbox::kind.eq(kind).and(outbox::recipient.eq(email)))
                    .order(outbox::id)
                    .select(outbox::text_body)
                    .load(conn)?)
            })
            .unwrap()
    }

    fn token(&self, kind: &str, email: &str) -> String {
        let mails = self.mails(kind, email);
        let text = mails.last().unwrap();
        let start = text.find("token=").unwrap() + 6;
        text[start..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
            .collect()
    }

    fn confirm(&self, email: &str) -> Result<SeatStatus, EventError> {
        let token = self.token("event_confirm", email);
        self.write(|tx| registrations::confirm(tx, &token, &self.desk(), self.board.now))
    }

    fn seats(&self, event: Id) -> (i64, i64) {
        self.board
            .db
            .read_blocking(|conn| registrations::counts(conn, &[event]))
            .unwrap()
            .get(&event)
            .copied()
            .unwrap_or_default()
    }
}

fn parsed(text: &str) -> Vec<icalendar::Event> {
    let calendar: Calendar = text.parse().unwrap();
    calendar
        .components
        .into_iter()
        .map(|component| match component {
            CalendarComponent::Event(event) => event,
            other => panic!("{other:?}"),
        })
        .collect()
}

store::on_both! {
    fn seats_are_confirmed_by_mail_never_more_than_there_are_and_given_back(db) {
        let mut hall = Hall::new(db);
        let event = hall.create(json!({"capacity": 2})).unwrap().id;
        for email in ["a@reader.example", "b@reader.example", "c@reader.example", "d@reader.example"] {
            hall.ask(event, email);
            assert_eq!(hall.mails("event_confirm", email).len(), 1);
        }
        assert_eq!(hall.seats(event), (0, 0), "asking takes no seat");
        assert_eq!(hall.confirm("a@reader.example").unwrap(), SeatStatus::Confirmed);
        assert_eq!(hall.confirm("a@reader.example").unwrap(), SeatStatus::Confirmed, "twice is once");
        assert_eq!(hall.confirm("b@reader.example").unwrap(), SeatStatus::Confirmed);
        assert_eq!(hall.confirm("c@reader.example").unwrap(), SeatStatus::Waitlisted);
        hall.board.now = hall.board.now.plus(SignedDuration::from_secs(1));
        assert_eq!(hall.confirm("d@reader.example").unwrap(), SeatStatus::Waitlisted);
        assert_eq!(hall.seats(event), (2, 2));
        let token = hall.token("event_seat", "a@reader.example");
        let id = registrations::verify_cancel(&hall.links, &token).unwrap();
        for _ in 0..2 {
            hall.write(|tx| registrations::give_back(tx, id, &hall.desk(), hall.board.now)).unwrap();
        }
        assert_eq!(hall.seats(event), (2, 1), "whoever waited longest has it");
        assert_eq!(hall.confirm("c@reader.example").unwrap(), SeatStatus::Confirmed);
        assert_eq!(hall.mails("event_seat", "c@reader.example").len(), 2, "the list, and the seat");
        hall.write(|tx| {
            events::update(tx, event, &json!({"capacity": 5}), None, hall.board.now)?;
            registrations::promote(tx, event, &hall.desk(), hall.board.now)
        }).unwrap();
        assert_eq!(hall.seats(event), (3, 0));
    }

    fn many_who_confirm_at_once_get_no_more_seats_than_there_are(db) {
        let hall = Hall::new(db);
        let event = hall.create(json!({"capacity": 3})).unwrap().id;
        let emails: Vec<String> = (0..12).map(|n| format!("r{n}@reader.example")).collect();
        for email in &emails {
            hall.ask(event, email);
        }
        let confirmed = std::thread::scope(|scope| {
            let threads: Vec<_> = emails.iter().map(|email| scope.spawn(|| hall.confirm(email))).collect();
            threads.into_iter().filter(|_| true).map(|thread| thread.join().unwrap()).filter(|outcome| matches!(outcome, Ok(SeatStatus::Confirmed))).count()
        });
        assert_eq!((confirmed, hall.seats(event)), (3, (3, 9)));
    }

    fn asking_again_writes_no_flood_and_a_late_click_gives_nothing(db) {
        let mut hall = Hall::new(db);
        let event = hall.create(json!({})).unwrap().id;
        for _ in 0..3 {
            hall.ask(event, "a@reader.example");
        }
        assert_eq!(hall.mails("event_confirm", "a@reader.example").len(), 1);
        hall.board.now = hall.board.now.plus(SignedDuration::from_hours(49));
        assert!(matches!(hall.confirm("a@reader.example"), Err(EventError::TokenExpired)));
        hall.ask(event, "a@reader.example");
        assert_eq!(hall.confirm("a@reader.example").unwrap(), SeatStatus::Confirmed);
        hall.ask(event, "a@reader.example");
        assert_eq!(hall.mails("event_confirm", "a@reader.example").len(), 2, "who has a seat gets nothing new");
        let wrong = hall.write(|tx| registrations::confirm(tx, "x", &hall.desk(), hall.board.now));
        assert!(matches!(wrong, Err(EventError::TokenInvalid)));
        for n in 0..7 {
            let other = hall.create(json!({"title": format!("Open house {n}")})).unwrap().id;
            hall.ask(other, "b@reader.example");
        }
        assert_eq!(hall.mails("event_confirm", "b@reader.example").len(), 5, "a day");
        hall.board.now = monday_plus_days(60);
        assert_eq!(db.write_blocking(|tx| registrations::forget_past(tx, 100, hall.board.now)).unwrap(), 6);
        assert_eq!(hall.seats(event), (0, 0));
    }

    fn a_change_of_time_or_place_tells_those_with_seats_and_a_cancelled_event_too(db) {
        let hall = Hall::new(db);
        let event = hall.create(json!({"capacity": 1})).unwrap().id;
        for email in ["a@reader.example", "b@reader.example"] {
            hall.ask(event, email);
            hall.confirm(email).unwrap();
        }
        hall.ask(event, "pending@reader.example");
        let patch = |patch: Value| hall.write(|tx| events::update(tx, event, &patch, None, hall.board.now)).unwrap();
        let described = patch(json!({"description": "Bring a *laptop*."}));
        assert_eq!((described.is_moved, described.event.sequence, described.event.description_html.contains("<em>laptop</em>")), (false, 0, true));
        let moved = patch(json!({"place": "2 Fab Road, Austin"}));
        assert_eq!((moved.is_moved, moved.event.sequence, moved.event.version), (true, 1, 3));
        let told = hall.write(|tx| registrations::tell(tx, &moved.event, &hall.desk(), hall.board.now)).unwrap();
        assert_eq!(told, 2);
        let off = hall.write(|tx| events::cancel(tx, event, None, hall.board.now)).unwrap();
        assert_eq!((off.status, off.sequence), (EventStatus::Cancelled, 2));
        hall.write(|tx| registrations::tell(tx, &off, &hall.desk(), hall.board.now)).unwrap();
        let mails = hall.mails("event_news", "b@reader.example");
        let moved_words = ["at another time or place", "2 Fab Road", "Thursday, 3 December 2026, 09:00 – 17:00 (America/Chicago)"];
        assert!(mails.len() == 2 && mails.iter().any(|mail| mail.contains("does not take place")), "{mails:?}");
        assert!(mails.iter().any(|mail| moved_words.iter().all(|words| mail.contains(words))), "{mails:?}");
        assert!(hall.mails("event_news", "pending@reader.example").is_empty());
        assert!(matches!(hall.write(|tx| events::cancel(tx, event, None, hall.board.now)), Err(EventError::StateConflict(_))));
        let late = hall.write(|tx| registrations::request(tx, event, "c@reader.example".parse().unwrap(), "Kim", &hall.desk(), hall.board.now));
        assert!(matches!(late, Err(EventError::StateConflict(_))));
    }

    fn an_event_says_everything_that_is_wrong_with_it(db) {
        let hall = Hall::new(db);
        let nova = hall.board.employer("nova", None);
        let foreign = hall.board.try_draft_of(nova, crate::support::posting_with(json!({}))).unwrap().row.id;
        let wrong = hall.create(json!({"title": " ", "starts_at": "2026-12-03T15:00:00Z", "ends_at": "2026-12-03T15:00:00Z", "timezone": "Mars",
            "place": null, "capacity": 0, "postings": [foreign], "campaign_id": nova, "online_url": "ftp://x"})).unwrap_err();
        let EventError::Invalid(errors) = wrong else { panic!("{wrong}") };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/title", "/online_url", "/ends_at", "/timezone", "/capacity", "/campaign_id", "/postings"]);
        assert!(matches!(hall.create(json!({"starts_at": "2020-12-03T15:00:00Z", "ends_at": "2020-12-03T16:00:00Z"})), Err(EventError::Invalid(_))));
    }

    fn events_are_listed_by_their_time_in_pages(db) {
        let mut hall = Hall::new(db);
        for (title, day) in [("third", 9), ("first", 1), ("second", 5), ("second too", 5)] {
            let start = hall.board.now.plus(DAY * day);
            hall.create(json!({"title": title, "kind": if day == 9 { "fair" } else { "open_house" }, "starts_at": start, "ends_at": start.plus(SignedDuration::from_hours(2))})).unwrap();
        }
        let page = |hall: &Hall<'_>, kind, when, after, limit| {
            let page = hall.board.db.read_blocking(|conn| events::list(conn, None, kind, when, after, limit, hall.board.now)).unwrap();
            (page.data.iter().map(|(event, _)| event.title.clone()).collect::<Vec<_>>(), page.next)
        };
        let (first, next) = page(&hall, None, When::Upcoming, None, 2);
        let (rest, end) = page(&hall, None, When::Upcoming, next, 2);
        let mut between = vec![first[1].clone(), rest[0].clone()];
        between.sort();
        assert_eq!((first[0].as_str(), between, rest[1].as_str(), end), ("first", vec!["second".to_owned(), "second too".to_owned()], "third", None), "two that begin together are both there, once");
        assert_eq!(page(&hall, Some(EventKind::Fair), When::Upcoming, None, 9).0, ["third"]);
        hall.board.now = monday_plus_days(6);
        assert_eq!(page(&hall, None, When::Past, None, 9).0.last().unwrap(), "first");
        assert_eq!(page(&hall, None, When::Upcoming, None, 9).0, ["third"]);
    }

    fn a_calendar_file_is_what_the_standard_asks_for(db) {
        let hall = Hall::new(db);
        let title = "Tag der offenen Tür, „Rechenzentrum“; Führung \\ Gespräche mit unseren Ingenieurinnen und Ingenieuren 🚀";
        let event = hall.create(json!({"title": title, "description": "First line.\n\nSecond, with a comma; and more.", "online_url": "https://meet.example/a;b,c"})).unwrap();
        let file = calendar::render(Some("Acme, Compute"), std::slice::from_ref(&event), "board.example");
        assert!(file.ends_with("END:VCALENDAR\r\n") && !file.replace("\r\n", "").contains(['\r', '\n']), "only CRLF");
        assert!(file.split("\r\n").all(|line| line.len() <= 75), "folded at 75 octets");
        assert!(file.split("\r\n").any(|line| line.starts_with(' ')), "and something was folded");
        let read = parsed(&file);
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].get_summary(), Some(title));
        assert_eq!(read[0].get_uid(), Some(format!("{}@board.example", event.id).as_str()));
        assert_eq!(read[0].property_value("DTSTART"), Some("20261203T150000Z"));
        assert_eq!(read[0].property_value("DTEND"), Some("20261203T230000Z"));
        assert_eq!((read[0].property_value("STATUS"), read[0].property_value("SEQUENCE")), (Some("CONFIRMED"), Some("0")));
        let description = read[0].get_description().unwrap();
        assert!(description.contains("First line.") && description.contains("Second, with a comma; and more.") && description.contains('\n'), "{description:?}");
        assert_eq!(read[0].get_location(), Some("1 Fab Road, Austin"));
        hall.write(|tx| events::update(tx, event.id, &json!({"starts_at": "2026-12-04T15:00:00Z", "ends_at": "2026-12-04T16:00:00Z"}), None, hall.board.now)).unwrap();
        let off = hall.write(|tx| events::cancel(tx, event.id, None, hall.board.now)).unwrap();
        let again = parsed(&calendar::render(None, &[off], "board.example"));
        assert_eq!(again[0].get_uid(), read[0].get_uid(), "the same event");
        assert_eq!((again[0].property_value("STATUS"), again[0].property_value("SEQUENCE"), again[0].property_value("DTSTART")), (Some("CANCELLED"), Some("2"), Some("20261204T150000Z")));
        let both = db.read_blocking(|conn| events::list_for_calendar(conn, hall.board.acme, hall.board.now)).unwrap();
        assert_eq!(parsed(&calendar::render(Some("x"), &both, "h")).len(), 1);
        assert!(parsed(&calendar::render(Some("x"), &[], "h")).is_empty());
    }
}

store::on_both! {
    fn a_frozen_employers_events_and_what_is_not_public_are_nobodys_business(db) {
        let hall = Hall::new(db);
        let (public, draft) = (hall.board.published("RTL Engineer"), hall.board.draft("DFT Engineer"));
        let event = hall.create(json!({"postings": [public, draft]})).unwrap().id;
        let named = db.read_blocking(|conn| events::list_public_postings(conn, &[event])).unwrap();
        assert_eq!(named[&event], [public]);
        hall.ask(event, "a@reader.example");
        hall.board.set_employer_status(hall.board.acme, "paused");
        assert!(matches!(hall.confirm("a@reader.example"), Err(EventError::StateConflict(_))));
        assert!(db.read_blocking(|conn| events::find_shown(conn, event)).unwrap().is_none());
        assert!(db.read_blocking(|conn| events::list_for_calendar(conn, hall.board.acme, hall.board.now)).unwrap().is_empty());
        hall.board.set_employer_status(hall.board.acme, "active");
        assert_eq!(hall.confirm("a@reader.example").unwrap(), SeatStatus::Confirmed);
        hall.board.delete(public);
        let named = db.read_blocking(|conn| events::list_postings(conn, &[event])).unwrap();
        assert_eq!(named[&event], [draft], "an erased posting is nobody's");
        hall.write(|tx| events::update(tx, event, &json!({"title": "Another day"}), None, hall.board.now)).unwrap();
    }

    fn an_erased_address_leaves_its_seat_to_who_waits(db) {
        let hall = Hall::new(db);
        let event = hall.create(json!({"capacity": 1})).unwrap().id;
        for email in ["a@reader.example", "b@reader.example"] {
            hall.ask(event, email);
            hall.confirm(email).unwrap();
        }
        let gone = hall.write(|tx| registrations::erase_address(tx, &"a@reader.example".parse().unwrap(), &hall.desk(), hall.board.now)).unwrap();
        assert_eq!((gone, hall.seats(event)), (1, (1, 0)));
    }
}
