//! A server that is told by webhooks, and a board that tells it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{LinkKey, MailConfig};
use postings::Posting;
use postings::outward::Reach;
use postings::webhooks::{
    self, Delivery, DeliveryReport, Endpoint, EndpointChange, EndpointError, EndpointState, EventKind,
    Messenger, NewEndpoint, Replay, Secret,
};
use serde_json::{Value, json};
use store::testing::monday_morning;
use store::{Clock, Db, FixedClock, Id, Random, StoreError};

use crate::support::Board;

/// What a server was told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) answered: u16,
}

impl Told {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn signatures(&self) -> Vec<&str> {
        self.headers["webhook-signature"].split(' ').collect()
    }

    /// Which of the signatures are by this secret: HMAC (RFC 2104) written out.
    pub(crate) fn is_signed_by(&self, secret: &Secret) -> Vec<bool> {
        let key = BASE64
            .decode(secret.as_str().strip_prefix("whsec_").unwrap().as_bytes())
            .unwrap();
        let pad =
            |with: u8| -> Vec<u8> { (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect() };
        let message = format!(
            "{}.{}.{}",
            self.id(),
            self.headers["webhook-timestamp"],
            self.body
        );
        let inner = digest(&SHA256, &[pad(0x36), message.into_bytes()].concat());
        let outer = digest(&SHA256, &[pad(0x5c), inner.as_ref().to_vec()].concat());
        let right = format!("v1,{}", BASE64.encode(outer.as_ref()));
        self.signatures().into_iter().map(|one| one == right).collect()
    }
}

/// A server whose answer to the nth message, from 0, is a line of status and perhaps headers.
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) told: Arc<Mutex<Vec<Told>>>,
}

impl Receiver {
    pub(crate) fn start(answer: impl Fn(usize) -> &'static str + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let heard = Arc::clone(&told);
        // Ends with the test's process.
        thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                assert_eq!(line, "POST /hook HTTP/1.1\r\n");
                let mut headers = BTreeMap::new();
                loop {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                    let Some((name, value)) = line.trim().split_once(": ") else {
                        break;
                    };
                    headers.insert(name.to_lowercase(), value.to_owned());
                }
                let mut body = vec![0; headers["content-length"].parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                let answer = answer(n);
                let answered = answer.split(' ').next().unwrap().parse().unwrap();
                heard.lock().unwrap().push(Told {
                    headers,
                    body: String::from_utf8(body).unwrap(),
                    answered,
                });
                let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                // Who hung up does not hear it.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, told }
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

/// A board with a clock and a messenger.
pub(crate) struct Hooks<'d> {
    pub(crate) board: Board<'d>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) messenger: Arc<Messenger>,
}

impl<'d> Hooks<'d> {
    pub(crate) fn new(db: &'d Db, reach: Reach) -> Self {
        let clock = Arc::new(FixedClock::new(monday_morning()));
        let messenger = messenger(db, reach, &clock);
        Self {
            board: Board::new(db),
            clock,
            messenger,
        }
    }

    pub(crate) fn advance(&mut self, by: SignedDuration) {
        self.clock.advance(by);
        self.board.now = self.clock.now();
    }

    pub(crate) fn try_endpoint(
        &self,
        owner: Option<Id>,
        url: &str,
        events: &[EventKind],
        reach: Reach,
    ) -> Result<(Endpoint, Secret), EndpointError> {
        let new = NewEndpoint {
            url: url.to_owned(),
            description: "our mirror".to_owned(),
            events: events.to_vec(),
        };
        self.board.db.write_blocking(|tx| {
            webhooks::create(
                tx,
                owner,
                new,
                reach,
                &sealing_key(),
                &self.board.random,
                self.board.now,
            )
        })
    }

    pub(crate) fn endpoint(&self, owner: Option<Id>, url: &str, events: &[EventKind]) -> (Endpoint, Secret) {
        self.try_endpoint(owner, url, events, Reach::Local).unwrap()
    }

    pub(crate) fn note(&self) -> usize {
        let render = |posting: Posting| json!({"id": posting.row.id, "title": posting.content().title, "status": posting.row.status});
        let mut noted = 0;
        loop {
            let report =
                webhooks::note_pass(self.board.db, &render, &self.board.random, 7, self.board.now).unwrap();
            noted += report.deliveries;
            if report.is_caught_up {
                return noted;
            }
        }
    }

    /// Everything that is due now.
    pub(crate) fn pass(&self) -> DeliveryReport {
        let mut all = DeliveryReport::default();
        loop {
            let report = webhooks::delivery_pass(&self.messenger).unwrap();
            self.messenger.wait(Duration::from_secs(30));
            let rest = webhooks::delivery_pass(&self.messenger).unwrap();
            if report.done() + rest.done() == 0 {
                return all;
            }
            for one in [report, rest] {
                all.delivered += one.delivered;
                all.retried += one.retried;
                all.failed += one.failed;
                all.disabled += one.disabled;
            }
        }
    }

    /// Passes, each at the time when the next row is due, until nothing is queued.
    pub(crate) fn settle(&mut self) -> DeliveryReport {
        let mut all = DeliveryReport::default();
        for _ in 0..2000 {
            let report = self.pass();
            all.delivered += report.delivered;
            all.retried += report.retried;
            all.failed += report.failed;
            let next = self.board.db.read_blocking(|conn| {
                use store::schema::webhook_deliveries as d;
                Ok::<_, StoreError>(
                    d::table
                        .filter(d::state.eq("queued"))
                        .select(diesel::dsl::min(d::next_attempt_at))
                        .first::<Option<store::Timestamp>>(conn)?,
                )
            });
            let Some(next) = next.unwrap() else { return all };
            let wait = next.micros() - self.board.now.micros();
            self.advance(SignedDuration::from_micros(wait.max(0)));
        }
        panic!("never came to rest");
    }

    pub(crate) fn kept(&self, id: Id) -> Endpoint {
        self.board
            .db
            .read_blocking(|conn| webhooks::find(conn, id))
            .unwrap()
            .unwrap()
    }

    pub(crate) fn ledger(&self, id: Id) -> Vec<Delivery> {
        let page = self
            .board
            .db
            .read_blocking(|conn| webhooks::list_deliveries(conn, id, None, None, 1000))
            .unwrap();
        assert!(page.next.is_none());
        page.data.into_iter().rev().collect()
    }

    pub(crate) fn replay(&self, id: Id, what: Replay) -> Result<usize, EndpointError> {
        self.board
            .db
            .write_blocking(|tx| webhooks::replay(tx, id, what, self.board.now))
    }

    pub(crate) fn set_state(&self, id: Id, state: EndpointState) -> Endpoint {
        let change = EndpointChange {
            state: Some(state),
            ..EndpointChange::default()
        };
        self.board
            .db
            .write_blocking(|tx| webhooks::update(tx, id, change, None, Reach::Local, self.board.now))
            .unwrap()
    }

    /// Somebody verified who owns Acme.
    pub(crate) fn add_owner(&self, email: &str) {
        use store::schema::{members, users};
        let (id, now) = (self.board.random.id(self.board.now), self.board.now);
        self.board
            .db
            .write_blocking::<_, StoreError>(|tx| {
                diesel::insert_into(users::table)
                    .values((
                        users::id.eq(id),
                        users::email.eq(email),
                        users::name.eq("Owner"),
                        users::password_hash.eq(""),
                        users::verified_at.eq(Some(now)),
                        users::is_operator.eq(false),
                        users::version.eq(1),
                        users::created_at.eq(now),
                        users::updated_at.eq(now),
                    ))
                    .execute(tx)?;
                diesel::insert_into(members::table)
                    .values((
                        members::employer_id.eq(self.board.acme),
                        members::user_id.eq(id),
                        members::role.eq("owner"),
                        members::created_at.eq(now),
                    ))
                    .execute(tx)?;
                Ok(())
            })
            .unwrap();
    }

    pub(crate) fn mails(&self) -> Vec<mail::Mail> {
        self.board
            .db
            .read_blocking(|conn| mail::list_recent(conn, None, 100))
            .unwrap()
    }
}

/// The same key each time: what one part of a test seals, another opens.
pub(crate) fn sealing_key() -> LinkKey {
    LinkKey::random(&Random::seeded(11))
}

pub(crate) fn messenger(db: &Db, reach: Reach, clock: &Arc<FixedClock>) -> Arc<Messenger> {
    let config = MailConfig {
        from: "Board <board@board.example>".parse().unwrap(),
        postal_address: "1 Main Street".to_owned(),
        public_url: "https://board.example".to_owned(),
        dkim: Vec::new(),
    };
    let random = Arc::new(Random::seeded(5));
    let holder = random.id(clock.now());
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Arc::new(Messenger::new(
        db.clone(),
        reach,
        Arc::new(config),
        Arc::new(sealing_key()),
        random,
        clock,
        holder,
    ))
}

pub(crate) fn kinds(told: &[Told]) -> Vec<String> {
    told.iter()
        .map(|one| one.json()["type"].as_str().unwrap().to_owned())
        .collect()
}
