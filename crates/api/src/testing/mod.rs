//! The whole API in one process, for tests: a database of its own, a clock that stands still, seeded randomness, and a
//! mailbox in memory. Tests speak to it in the product's verbs.

mod call;
mod device;
mod provider;
mod txt;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use accounts::{JwtKeys, PasswordHasher, ProviderCalls, Providers, TxtLookup};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App, test};
use alerts::{AlertRules, LastLook, Letterhead, MatchState, dispatch_pass, match_pass};
use jiff::SignedDuration;
use mail::report::ReportDesk;
use mail::{Courier, LinkKey, MailConfig, MemoryMailbox, ReturnPath, SentMail, Transport, delivery_pass};
use postings::PostingRules;
use postings::outward::Reach;
use search::LiveIndex;
use serde_json::{Value, json};
use store::testing::{TestDb, monday_morning};
use store::{Backend, Clock, FixedClock, Random};
use tempfile::TempDir;

pub use call::{Answer, Call, Reading};
pub use device::Device;
pub use provider::FakeProvider;
pub use txt::FixedTxt;

use crate::edge::Edge;
use crate::state::{Limits, Parts, State};

/// The secret with which mail servers hand reports in.
pub const REPORT_TOKEN: &str = "reports-are-handed-in-with-this";

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// An installation of its own.
pub struct TestApp {
    /// The database.
    pub db: TestDb,
    /// The clock; it begins on a Monday at 09:00 UTC.
    pub clock: Arc<FixedClock>,
    /// What was mailed.
    pub mailbox: MemoryMailbox,
    /// What the name servers say.
    pub txt: Arc<FixedTxt>,
    /// The identity provider `acme`, and `closed`, which lets in addresses of `acme.example` only.
    pub provider: Arc<FakeProvider>,
    /// The state behind the routes.
    pub state: State,
    courier: Courier,
    letterhead: Letterhead,
    matching: Mutex<MatchState>,
    service: RefCell<Option<Service>>,
    _dir: TempDir,
}

/// All routes, made once for an installation.
type Service = Rc<dyn Fn(test::TestRequest) -> Pin<Box<dyn Future<Output = ServiceResponse>>>>;

#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot get its installation must fail loudly"
)]
impl TestApp {
    /// A new installation on `backend` that counts no requests.
    pub fn new(backend: Backend) -> Self {
        Self::with_limits(
            backend,
            Limits {
                enabled: false,
                ..Limits::default()
            },
        )
    }

    /// A new installation with these limits.
    ///
    /// # Panics
    /// When a part of it cannot be made.
    pub fn with_limits(backend: Backend, limits: Limits) -> Self {
        Self::with_rules(backend, limits, PostingRules::default())
    }

    /// A new installation with these limits, whose operator chose these rules for postings.
    ///
    /// # Panics
    /// When a part of it cannot be made.
    pub fn with_rules(backend: Backend, limits: Limits, posting_rules: PostingRules) -> Self {
        let dir = TempDir::with_prefix("backplane-app-").expect("a temporary directory");
        let db = TestDb::new(backend);
        let random = Arc::new(Random::seeded(7));
        let clock = Arc::new(FixedClock::new(monday_morning()));
        let mailbox = MemoryMailbox::default();
        let mail_config = Arc::new(MailConfig {
            from: "Board <board@board.example>".parse().expect("a mailbox"),
            postal_address: "1 Main Street, Springfield".to_owned(),
            public_url: "https://board.example".to_owned(),
            dkim: Vec::new(),
        });
        let links = Arc::new(LinkKey::random(&random));
        let return_path = ReturnPath::new(mail_config.from.address.clone(), Arc::clone(&links)).map(Arc::new);
        let letterhead = Letterhead {
            config: Arc::clone(&mail_config),
            links,
            // People in tests ask for several alerts within the hour.
            rules: AlertRules {
                confirmation_gap: SignedDuration::ZERO,
                ..AlertRules::default()
            },
        };
        let courier = Courier::new(
            db.clone(),
            &Transport::Memory(mailbox.clone()),
            Arc::clone(&mail_config),
            Arc::clone(&random),
            Arc::clone(&clock) as Arc<dyn Clock>,
            random.id(monday_morning()),
        )
        .with_return_path(return_path.clone())
        .with_review(Arc::new(LastLook::new(letterhead.clone())));
        let txt = Arc::new(FixedTxt::default());
        let provider = Arc::new(FakeProvider::new(&random));
        let named = ["acme", "closed"].map(|name| {
            let calls = Arc::clone(&provider) as Arc<dyn ProviderCalls>;
            (provider::settings(name), calls)
        });
        let state = State::new(Parts {
            db: db.clone(),
            index: Arc::new(LiveIndex::open(&dir.path().join("index")).expect("an index")),
            mail_config: Arc::clone(&mail_config),
            letterhead: letterhead.clone(),
            jwt: JwtKeys::random("https://board.example", &random).expect("keys"),
            hasher: PasswordHasher::with_cost(64, 1, Arc::clone(&random)).expect("a hasher"),
            random,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            limits,
            posting_rules,
            metrics: None,
            reports: ReportDesk::new(&mail_config, return_path.clone(), Some(REPORT_TOKEN)),
            reach: Reach::Public,
            dns: Some(Arc::clone(&txt) as Arc<dyn TxtLookup>),
            edge: Edge {
                trusted_proxies: crate::edge::parse_networks("10.0.0.0/8").expect("a network"),
                cors_origins: vec!["https://careers.acme.example".to_owned()],
                hsts: "max-age=31536000".to_owned(),
                ..Edge::default()
            },
            providers: Providers::new(named),
        });
        state.set_ready(true);
        Self {
            db,
            clock,
            mailbox,
            txt,
            provider,
            state,
            courier,
            letterhead,
            matching: Mutex::new(MatchState::new()),
            service: RefCell::new(None),
            _dir: dir,
        }
    }

    async fn service(&self) -> Service {
        if let Some(service) = self.service.borrow().clone() {
            return service;
        }
        let app = App::new()
            .wrap(from_fn(crate::observe))
            .configure(crate::configure(&self.state));
        let routes = Rc::new(test::init_service(app).await);
        let service: Service = Rc::new(move |request| {
            let routes = Rc::clone(&routes);
            Box::pin(async move { test::call_service(&*routes, request.to_request()).await })
        });
        self.service.replace(Some(Rc::clone(&service)));
        service
    }

    /// A request.
    pub fn call(&self, method: &Method, path: &str) -> Call<'_> {
        Call {
            app: self,
            request: test::TestRequest::with_uri(path).method(method.clone()),
        }
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(&Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(&Method::POST, path)
    }

    /// A PATCH.
    pub fn patch(&self, path: &str) -> Call<'_> {
        self.call(&Method::PATCH, path)
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(&Method::DELETE, path)
    }

    /// Moves the clock.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// Runs the background passes until none has anything to do.
    ///
    /// # Panics
    /// When a pass fails or they never come to rest.
    pub async fn settle(&self) {
        for _ in 0..1000 {
            let now = self.clock.now();
            let index = self.state.index.pass(&self.db).expect("an index pass");
            let matched = {
                let mut matching = self.matching.lock().unwrap_or_else(PoisonError::into_inner);
                match_pass(&self.db, &mut matching, now).expect("a match pass")
            };
            let written =
                dispatch_pass(&self.db, &self.letterhead, &self.state.random, now).expect("a dispatch pass");
            let delivered = delivery_pass(&self.courier).await.expect("a delivery pass");
            let is_quiet =
                index.applied == 0 && matched.changes == 0 && written.mails == 0 && delivered.done() == 0;
            if is_quiet && index.is_caught_up && matched.is_caught_up && written.is_caught_up {
                return;
            }
        }
        panic!("the passes never came to rest");
    }

    /// The mails since the last time, with the passes settled.
    pub async fn mails(&self) -> Vec<SentMail> {
        self.settle().await;
        self.mailbox.take()
    }

    /// The token in the link of the newest mail to `address`.
    ///
    /// # Panics
    /// When there is no such mail, or no token in it.
    pub async fn token_mailed_to(&self, address: &str) -> String {
        let mails = self.mails().await;
        let mail = mails
            .iter()
            .rev()
            .find(|mail| mail.recipient.as_str() == address)
            .expect("a mail");
        link_token(&mail.as_text()).expect("a token in the mail")
    }

    /// Registers, verifies and signs in; returns an access token.
    pub async fn sign_up(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD, "name": "Test Person"});
        self.post("/v1/auth/register")
            .json(&body)
            .send()
            .await
            .expect(202);
        let token = self.token_mailed_to(email).await;
        let answer = self
            .post("/v1/auth/verify-email")
            .json(&json!({"token": token}))
            .send()
            .await
            .expect(200);
        answer.text_at("/access_token")
    }

    /// Signs in who signed up; returns an access token.
    pub async fn sign_in(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.post("/v1/auth/login").json(&body).send().await;
        answer.expect(200).text_at("/access_token")
    }

    /// Makes an employer; returns its id.
    pub async fn found_employer(&self, token: &str, name: &str) -> String {
        let body = json!({"name": name, "website": "https://employer.example"});
        self.post("/v1/employers")
            .by(token)
            .json(&body)
            .send()
            .await
            .expect(201)
            .text_at("/id")
    }

    /// Makes a draft; returns its id.
    pub async fn draft(&self, token: &str, employer: &str, body: &Value) -> String {
        let path = format!("/v1/employers/{employer}/postings");
        self.post(&path)
            .by(token)
            .json(body)
            .send()
            .await
            .expect(201)
            .text_at("/id")
    }

    /// Makes and publishes a posting; returns its id.
    pub async fn publish(&self, token: &str, employer: &str, body: &Value) -> String {
        let id = self.draft(token, employer, body).await;
        self.post(&format!("/v1/postings/{id}/publish"))
            .by(token)
            .send()
            .await
            .expect(200);
        id
    }

    /// Asks for an instant alert and confirms it.
    pub async fn subscribe(&self, email: &str, query: &Value) {
        let body = json!({"email": email, "query": query, "frequency": "instant"});
        self.post("/v1/alerts").json(&body).send().await.expect(202);
        let token = self.token_mailed_to(email).await;
        self.post("/v1/alerts/confirm")
            .json(&json!({"token": token}))
            .send()
            .await
            .expect(200);
    }

    /// Titles that a search finds, in order, with the passes settled.
    pub async fn found(&self, query: &str) -> Vec<String> {
        self.settle().await;
        let answer = self.get(&format!("/v1/search?{query}")).send().await.expect(200);
        let hits = answer.json["data"].as_array().cloned().unwrap_or_default();
        hits.iter()
            .map(|hit| hit["title"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// The value of the first `token=` in a mail's bytes.
pub fn link_token(mail: &str) -> Option<String> {
    let text = decoded(mail);
    let start = text.find("token=")? + 6;
    let token: String = text[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    (!token.is_empty()).then_some(token)
}

/// The path and query of the first link in a mail to this path.
pub fn link_in(mail: &str, path: &str) -> Option<String> {
    let text = decoded(mail);
    let start = text.find(&format!("https://board.example{path}"))? + "https://board.example".len();
    let is_end = |c: char| c.is_whitespace() || "<>\"".contains(c);
    Some(text[start..].chars().take_while(|c| !is_end(*c)).collect())
}

/// A mail with its quoted-printable parts in plain.
pub fn decoded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}

/// Writes one test for each database from one body: `on_both! { async fn a_fact(app) { … } }`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes)]
            use super::*;
            async fn check($app: &$crate::testing::TestApp) $body
            #[actix_web::test]
            async fn sqlite() { check(&$crate::testing::TestApp::new(store::Backend::Sqlite)).await; }
            #[actix_web::test]
            async fn postgres() { check(&$crate::testing::TestApp::new(store::Backend::Postgres)).await; }
        }
    )+};
}
