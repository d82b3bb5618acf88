//! What the tests of this crate share: a board with a clock, whose users are arranged with the crate's own verbs.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses its part"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use accounts::{
    AccountError, Client, Employer, Letters, NewEmployer, PasswordHasher, Registration, Rotation, SignIn,
    SignInDesk, SignInError, SignInRequest, StartedSession, User,
};
use jiff::SignedDuration;
use mail::{EmailAddress, LinkKey, Mail, MailConfig};
use store::testing::{TestDb, monday_morning};
use store::{Clock as _, DbConn, FixedClock, Id, Random, StoreError, Timestamp};

pub(crate) const PASSWORD: &str = "a long enough phrase";

pub(crate) struct Board<'d> {
    pub(crate) db: &'d TestDb,
    pub(crate) clock: FixedClock,
    pub(crate) random: Arc<Random>,
    pub(crate) config: MailConfig,
    pub(crate) key: Arc<LinkKey>,
    pub(crate) hasher: PasswordHasher,
    runtime: tokio::runtime::Runtime,
}

impl<'d> Board<'d> {
    pub(crate) fn new(db: &'d TestDb) -> Self {
        let random = Arc::new(Random::seeded(11));
        Self {
            db,
            clock: FixedClock::new(monday_morning()),
            config: MailConfig {
                from: "Silicon Board <board@board.example>".parse().unwrap(),
                postal_address: "1 Main Street, Austin, TX 78701, USA".to_owned(),
                public_url: "https://board.example".to_owned(),
                dkim: Vec::new(),
            },
            key: Arc::new(LinkKey::random(&random)),
            hasher: PasswordHasher::with_cost(64, 1, Arc::clone(&random)).unwrap(),
            random,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    pub(crate) fn letters(&self) -> Letters<'_> {
        Letters {
            config: &self.config,
            random: &self.random,
        }
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn write<T, E: From<StoreError> + std::fmt::Debug>(
        &self,
        change: impl FnOnce(&mut DbConn) -> Result<T, E>,
    ) -> T {
        self.db.write_blocking(change).unwrap()
    }

    pub(crate) fn read<T, E: From<StoreError> + std::fmt::Debug>(
        &self,
        look: impl FnOnce(&mut DbConn) -> Result<T, E>,
    ) -> T {
        self.db.read_blocking(look).unwrap()
    }

    pub(crate) fn register(&self, name: &str, password: &str) {
        let password_hash = self.block_on(self.hasher.hash(password.to_owned())).unwrap();
        let registration = Registration {
            email: address(name),
            name: name.to_owned(),
            password_hash,
        };
        let now = self.now();
        self.write(|tx| accounts::register(tx, &registration, self.letters(), now));
    }

    pub(crate) fn verify(&self, token: &str) -> Result<User, AccountError> {
        let now = self.now();
        self.db
            .write_blocking(|tx| accounts::verify_email(tx, token, now))
    }

    /// A registered and verified user with the password [`PASSWORD`].
    pub(crate) fn user(&self, name: &str) -> User {
        self.register(name, PASSWORD);
        self.verify(&self.newest_token(name)).unwrap()
    }

    /// What signing in works with.
    pub(crate) fn desk(&self) -> SignInDesk {
        SignInDesk {
            db: (**self.db).clone(),
            hasher: self.hasher.clone(),
            links: Arc::clone(&self.key),
            mail: Arc::new(self.config.clone()),
            random: Arc::clone(&self.random),
        }
    }

    /// Signs in without a second factor, from where [`client`] is.
    pub(crate) fn sign_in(&self, name: &str, password: &str) -> Result<(User, StartedSession), SignInError> {
        match self.sign_in_from(&client("192.0.2.1"), name, password)? {
            SignIn::Started(user, started) => Ok((*user, started)),
            SignIn::SecondStep(_) => panic!("a second factor is asked for"),
        }
    }

    pub(crate) fn sign_in_from(
        &self,
        from: &Client,
        name: &str,
        password: &str,
    ) -> Result<SignIn, SignInError> {
        let request = SignInRequest {
            email: address(name),
            password: password.to_owned(),
            client: from.clone(),
        };
        self.block_on(self.desk().sign_in(request, self.now()))
    }

    pub(crate) fn session(&self, user: &User) -> StartedSession {
        let now = self.now();
        self.write(|tx| accounts::start_session(tx, user.id, None, &self.random, now))
    }

    pub(crate) fn rotate(&self, token: &str) -> Rotation {
        let now = self.now();
        self.write(|tx| accounts::rotate_refresh(tx, token, &self.key, now))
    }

    pub(crate) fn rotated(&self, token: &str) -> StartedSession {
        match self.rotate(token) {
            Rotation::Rotated(started) => started,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn is_active(&self, session: Id) -> bool {
        let now = self.now();
        self.db
            .read_blocking(|c| accounts::require_active_session(c, session, now))
            .is_ok()
    }

    pub(crate) fn employer(&self, owner: &User, name: &str) -> Employer {
        let new = NewEmployer {
            name: name.to_owned(),
            ..NewEmployer::default()
        };
        let now = self.now();
        self.write(|tx| accounts::create_employer(tx, Some(owner.id), &new, &self.random, now))
    }

    /// Mails to `name`, newest first.
    pub(crate) fn mails(&self, name: &str) -> Vec<Mail> {
        self.read(|c| mail::list_for_recipient(c, &address(name), 100))
    }

    pub(crate) fn kinds(&self, name: &str) -> Vec<String> {
        self.mails(name).into_iter().map(|mail| mail.kind).collect()
    }

    /// The token in the newest mail to `name` that has one.
    pub(crate) fn newest_token(&self, name: &str) -> String {
        self.mails(name).iter().find_map(token_in).unwrap()
    }
}

pub(crate) fn address(name: &str) -> EmailAddress {
    format!("{name}@inbox.example").parse().unwrap()
}

pub(crate) fn token_in(mail: &Mail) -> Option<String> {
    let (_, rest) = mail.text_body.split_once("?token=")?;
    Some(rest.chars().take(43).collect())
}

/// A browser at this address.
pub(crate) fn client(network: &str) -> Client {
    Client {
        network: Some(network.to_owned()),
        user_agent: Some("Firefox\r\n".to_owned()),
        is_counted: true,
    }
}
