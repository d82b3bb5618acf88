//! A board with one employer, in the product's verbs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use accounts::{EmployerStatus, NewEmployer};
use alerts::subscription::{self, AlertError, Confirmed, NewAlert, Resume};
use alerts::{
    Alert, AlertRules, AlertStatus, Frequency, Letterhead, MatchState, Notify, dispatch_pass, match_pass,
};
use jiff::SignedDuration;
use mail::{LinkKey, Mail, MailConfig};
use postings::lifecycle;
use postings::{CloseReason, PostingInput};
use search::{Query, query_from_json};
use serde_json::{Value, json};
use store::testing::{TestDb, monday_morning};
use store::{Clock, FixedClock, Id, Random, Timestamp};

pub(crate) struct Board<'a> {
    pub(crate) db: &'a TestDb,
    pub(crate) clock: FixedClock,
    pub(crate) random: Random,
    pub(crate) letterhead: Letterhead,
    pub(crate) employer: Id,
    matching: Mutex<MatchState>,
    read: Mutex<BTreeSet<Id>>,
}

impl<'a> Board<'a> {
    pub(crate) fn new(db: &'a TestDb) -> Self {
        let random = Random::seeded(11);
        let config = MailConfig {
            from: "Board <board@board.example>".parse().unwrap(),
            postal_address: "1 Main Street, Springfield".to_owned(),
            public_url: "https://board.example".to_owned(),
            dkim: Vec::new(),
        };
        let links = Arc::new(LinkKey::random(&random));
        let new = NewEmployer {
            name: "Acme Compute".to_owned(),
            website: Some("https://acme.example".to_owned()),
            description_html: String::new(),
            headquarters: None,
            employees: None,
        };
        let now = monday_morning();
        let employer = db
            .write_blocking(|tx| accounts::create_employer(tx, None, &new, &random, now))
            .unwrap()
            .id;
        Self {
            db,
            clock: FixedClock::new(now),
            random,
            letterhead: Letterhead {
                config: Arc::new(config),
                links,
                rules: AlertRules {
                    confirmation_gap: SignedDuration::ZERO,
                    confirmations_per_day: 100,
                    ..AlertRules::default()
                },
            },
            employer,
            matching: Mutex::new(MatchState::new()),
            read: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn wait(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// Asks by address; returns the token of the confirmation mail, if one was written.
    pub(crate) fn request(&self, new: NewAlert) -> Option<String> {
        self.try_request(new).unwrap();
        let mail = self.unread().pop()?;
        let token = mail.text_body.split_once("/alerts/confirm?token=")?.1;
        Some(token.split_whitespace().next()?.to_owned())
    }

    pub(crate) fn try_request(&self, new: NewAlert) -> Result<(), AlertError> {
        let now = self.now();
        self.db
            .write_blocking(|tx| subscription::request(tx, new, &self.letterhead, &self.random, now))
    }

    pub(crate) fn confirm(&self, token: &str) -> Result<Confirmed, AlertError> {
        let now = self.now();
        self.db
            .write_blocking(|tx| subscription::confirm(tx, token, Resume::NotAsked, now))
    }

    /// A confirmed alert of `reader@example.org`.
    pub(crate) fn subscribe(&self, query: Value, frequency: Frequency) -> Id {
        self.subscribe_as(wish("reader@example.org", query, frequency))
    }

    pub(crate) fn subscribe_as(&self, new: NewAlert) -> Id {
        let token = self.request(new).unwrap();
        match self.confirm(&token).unwrap() {
            Confirmed::Now(id) | Confirmed::Already(id) => id,
        }
    }

    pub(crate) fn alert(&self, id: Id) -> Alert {
        self.db
            .read_blocking(|conn| subscription::find(conn, id))
            .unwrap()
            .unwrap()
    }

    pub(crate) fn change(&self, id: Id, patch: subscription::AlertPatch) -> Alert {
        let now = self.now();
        self.db
            .write_blocking(|tx| subscription::update(tx, id, patch, None, now))
            .unwrap()
    }

    pub(crate) fn set_status(&self, id: Id, status: AlertStatus) {
        self.change(
            id,
            subscription::AlertPatch {
                status: Some(status),
                ..Default::default()
            },
        );
    }

    pub(crate) fn publish(&self, title: &str) -> Id {
        self.publish_as(self.employer, json!({"title": title}))
    }

    /// Publishes a role with these fields besides the usual.
    pub(crate) fn publish_as(&self, employer: Id, fields: Value) -> Id {
        let mut role = json!({
            "description": "Own the memory subsystem in SystemVerilog.", "discipline": "silicon", "seniority": "staff",
            "workplace": "hybrid", "locations": [{"city": "Austin", "region": "TX", "country": "US"}],
            "apply": {"url": "https://acme.example/apply"}
        });
        role.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let input: PostingInput = serde_json::from_value(role).unwrap();
        let now = self.now();
        self.db
            .write_blocking(|tx| {
                let draft = lifecycle::create(tx, employer, input, &self.random, now)?;
                lifecycle::publish(tx, draft.row.id, None, now)
            })
            .unwrap()
            .row
            .id
    }

    pub(crate) fn edit(&self, posting: Id, patch: &Value) {
        let now = self.now();
        self.db
            .write_blocking(|tx| lifecycle::update(tx, posting, patch, None, now))
            .unwrap();
    }

    pub(crate) fn close(&self, posting: Id) {
        let now = self.now();
        self.db
            .write_blocking(|tx| lifecycle::close(tx, posting, CloseReason::Filled, None, now))
            .unwrap();
    }

    pub(crate) fn renew(&self, posting: Id) {
        let now = self.now();
        self.db
            .write_blocking(|tx| lifecycle::renew(tx, posting, None, now))
            .unwrap();
    }

    pub(crate) fn pause(&self, posting: Id) {
        let now = self.now();
        self.db
            .write_blocking(|tx| lifecycle::pause(tx, posting, None, now))
            .unwrap();
    }

    pub(crate) fn resume(&self, posting: Id) {
        let now = self.now();
        self.db
            .write_blocking(|tx| lifecycle::resume(tx, posting, None, now))
            .unwrap();
    }

    /// One more employer.
    pub(crate) fn found(&self, name: &str) -> Id {
        let new = NewEmployer {
            name: name.to_owned(),
            website: Some("https://other.example".to_owned()),
            description_html: String::new(),
            headquarters: None,
            employees: None,
        };
        let now = self.now();
        self.db
            .write_blocking(|tx| accounts::create_employer(tx, None, &new, &self.random, now))
            .unwrap()
            .id
    }

    /// Freezes the employer, or brings it back.
    pub(crate) fn set_employer(&self, status: EmployerStatus) {
        let now = self.now();
        let freeze = |tx: &mut store::DbConn| {
            accounts::set_employer_status(tx, self.employer, status, None, now)?;
            postings::employers::touch_postings(tx, self.employer, now)?;
            Ok::<_, accounts::EmployerError>(())
        };
        self.db.write_blocking(freeze).unwrap();
    }

    /// Runs the match pass until it is caught up.
    pub(crate) fn match_all(&self) {
        let mut matching = self.matching.lock().unwrap();
        while !match_pass(self.db, &mut matching, self.now())
            .unwrap()
            .is_caught_up
        {}
    }

    /// A process that starts anew knows nothing.
    pub(crate) fn restart(&self) {
        *self.matching.lock().unwrap() = MatchState::new();
    }

    pub(crate) fn settle(&self) {
        self.match_all();
        loop {
            let report = dispatch_pass(self.db, &self.letterhead, &self.random, self.now()).unwrap();
            if report.is_caught_up && report.mails == 0 {
                return;
            }
        }
    }

    fn unread(&self) -> Vec<Mail> {
        let mut read = self.read.lock().unwrap();
        let all = self
            .db
            .read_blocking(|conn| mail::list_recent(conn, None, 10_000))
            .unwrap();
        all.into_iter()
            .rev()
            .filter(|mail| read.insert(mail.id))
            .collect()
    }

    /// The mails since the last time, with the passes settled.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.settle();
        self.unread()
    }

    /// The titles in the mails since the last time, sorted.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut titles: Vec<String> = self.mails().iter().flat_map(titles_in).collect();
        titles.sort();
        titles
    }
}

/// An alert that somebody wants, at eight o'clock UTC.
pub(crate) fn wish(email: &str, query: Value, frequency: Frequency) -> NewAlert {
    NewAlert {
        email: email.parse().unwrap(),
        user_id: None,
        query: query_of(query),
        frequency,
        timezone: "UTC".to_owned(),
        hour: 8,
        notify: Notify::default(),
        quiet_hours: None,
    }
}

pub(crate) fn query_of(value: Value) -> Query {
    query_from_json(&value).unwrap()
}

/// The titles of the roles in a mail.
pub(crate) fn titles_in(mail: &Mail) -> Vec<String> {
    let lines = mail.text_body.lines();
    lines
        .filter_map(|line| line.strip_prefix("* "))
        .filter(|title| !title.starts_with('+'))
        .map(str::to_owned)
        .collect()
}
