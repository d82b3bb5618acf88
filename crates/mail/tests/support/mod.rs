//! What the tests of this crate share: a courier over a test database, and a real SMTP server that can be told to fail.
#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "each test binary uses its part"
)]
#![expect(clippy::unwrap_used, reason = "tests")]

mod server;

pub(crate) use server::{Encryption, SmtpServer, Treat};

use std::sync::Arc;

use jiff::SignedDuration;
use mail::{
    Courier, Draft, ListHeaders, Mail, MailConfig, MailKind, MemoryMailbox, PassReport, Transport,
    delivery_pass,
};
use store::testing::{TestDb, monday_morning};
use store::{Clock as _, FixedClock, Random};

pub(crate) fn config() -> MailConfig {
    MailConfig {
        from: "Silicon Board <board@board.example>".parse().unwrap(),
        postal_address: "Silicon Board, 1 Main Street, Austin, TX 78701, USA".to_owned(),
        public_url: "https://board.example".to_owned(),
        dkim: Vec::new(),
    }
}

pub(crate) fn draft(n: usize) -> Draft {
    Draft {
        kind: MailKind::VerifyEmail,
        recipient: format!("reader{n}@inbox.example").parse().unwrap(),
        subject: format!("Mail {n}"),
        text: format!("Hello {n}\n.\nbye"),
        html: format!("<p>Hello {n}</p>"),
        list: None,
        dedup_key: format!("mail:{n}"),
        not_after: monday_morning().plus(SignedDuration::from_hours(24 * 365)),
    }
}

pub(crate) fn bulk_draft(n: usize) -> Draft {
    Draft {
        list: Some(ListHeaders {
            unsubscribe_url: format!("https://board.example/v1/alerts/unsubscribe?token={n:0>64}"),
            list: "alerts".to_owned(),
        }),
        kind: MailKind::AlertInstant,
        ..draft(n)
    }
}

/// A test database with a courier of its own clock.
pub(crate) struct House<'d> {
    pub(crate) db: &'d TestDb,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) random: Arc<Random>,
    pub(crate) mailbox: MemoryMailbox,
    pub(crate) courier: Courier,
    runtime: tokio::runtime::Runtime,
}

impl<'d> House<'d> {
    pub(crate) fn new(db: &'d TestDb) -> Self {
        let clock = Arc::new(FixedClock::new(monday_morning()));
        let random = Arc::new(Random::seeded(7));
        let mailbox = MemoryMailbox::default();
        let courier = Courier::new(
            (**db).clone(),
            &Transport::Memory(mailbox.clone()),
            Arc::new(config()),
            Arc::clone(&random),
            Arc::clone(&clock) as _,
            random.id(monday_morning()),
        );
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self {
            db,
            clock,
            random,
            mailbox,
            courier,
            runtime,
        }
    }

    pub(crate) fn use_transport(&mut self, transport: &Transport) {
        self.courier = self.courier.with_transport(transport);
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn enqueue(&self, drafts: &[Draft]) -> usize {
        let now = self.clock.now();
        self.db
            .write_blocking(|tx| mail::enqueue(tx, drafts, &self.random, now))
            .unwrap()
    }

    pub(crate) fn pass(&self) -> PassReport {
        self.block_on(delivery_pass(&self.courier)).unwrap()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// All mails, oldest first.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let mut mails = self
            .db
            .read_blocking(|c| mail::list_recent(c, None, 1000))
            .unwrap();
        mails.sort_by(|a, b| a.dedup_key.cmp(&b.dedup_key));
        mails
    }
}
