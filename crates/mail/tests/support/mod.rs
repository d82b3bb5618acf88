//! What the tests of this crate share: a courier over a test database, and a real SMTP server that can be told to fail.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses its part"
)]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use mail::{
    Courier, Draft, ListHeaders, Mail, MailConfig, MemoryMailbox, PassReport, SmtpTimeouts, Transport,
    delivery_pass,
};
use store::testing::{TestDb, monday_morning};
use store::{Clock as _, FixedClock, Random};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

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
        kind: "verify_email",
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
        kind: "alert_instant",
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

/// How the SMTP server treats one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treat {
    Accept,
    /// This reply to MAIL FROM.
    AtSender(&'static str),
    /// This reply to RCPT TO.
    AtRecipient(&'static str),
    /// This reply to the final dot.
    AtDot(&'static str),
    /// The connection ends after the content came, before a reply.
    DropAfterContent,
    /// Takes the mail, but the reply never comes.
    HangAfterContent,
    /// A reply that is positive, but no 250: what a client reads that is one reply behind.
    WrongReply,
}

#[derive(Default)]
struct Seen {
    plan: VecDeque<Treat>,
    accepted: Vec<String>,
    attempts: usize,
    connections: usize,
    open: usize,
    most_open: usize,
    greeting: Option<&'static str>,
}

/// A real SMTP server on a port of its own. Mails beyond its plan are accepted.
#[derive(Clone)]
pub(crate) struct SmtpServer {
    seen: Arc<Mutex<Seen>>,
    port: u16,
}

impl SmtpServer {
    pub(crate) async fn start(plan: &[Treat]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen {
            plan: plan.iter().copied().collect(),
            ..Seen::default()
        }));
        let server = Self { seen, port };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move {
                    serving.count(1);
                    let _ = serving.serve(stream).await;
                    serving.count(-1);
                });
            }
        });
        server
    }

    pub(crate) fn transport(&self) -> Transport {
        let mut transport: Transport = format!("smtp://127.0.0.1:{}", self.port).parse().unwrap();
        if let Transport::Smtp(smtp) = &mut transport {
            let short = Duration::from_millis(400);
            smtp.timeouts = SmtpTimeouts {
                connect: short,
                command: short,
                content: short,
            };
        }
        transport
    }

    pub(crate) fn accepted(&self) -> Vec<String> {
        self.seen.lock().unwrap().accepted.clone()
    }

    pub(crate) fn attempts(&self) -> usize {
        self.seen.lock().unwrap().attempts
    }

    /// Connections so far, and the most that were open at once.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.connections, seen.most_open)
    }

    pub(crate) fn greet_with(&self, greeting: Option<&'static str>) {
        self.seen.lock().unwrap().greeting = greeting;
    }

    /// From here on every mail is accepted.
    pub(crate) fn recover(&self) {
        self.seen.lock().unwrap().plan.clear();
    }

    fn count(&self, change: isize) {
        let mut seen = self.seen.lock().unwrap();
        seen.open = seen.open.checked_add_signed(change).unwrap();
        seen.most_open = seen.most_open.max(seen.open);
        seen.connections += usize::from(change > 0);
    }

    fn next_treat(&self) -> Treat {
        let mut seen = self.seen.lock().unwrap();
        seen.attempts += 1;
        seen.plan.pop_front().unwrap_or(Treat::Accept)
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let greeting = self.seen.lock().unwrap().greeting;
        say(&mut stream, greeting.unwrap_or("220 test ESMTP")).await?;
        let mut treat = Treat::Accept;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => say(&mut stream, "250-test\r\n250 8BITMIME").await?,
                "MAIL" => {
                    treat = self.next_treat();
                    say(
                        &mut stream,
                        if let Treat::AtSender(reply) = treat {
                            reply
                        } else {
                            "250 ok"
                        },
                    )
                    .await?;
                }
                "RCPT" => {
                    say(
                        &mut stream,
                        if let Treat::AtRecipient(reply) = treat {
                            reply
                        } else {
                            "250 ok"
                        },
                    )
                    .await?;
                }
                "DATA" => {
                    say(&mut stream, "354 go on").await?;
                    let content = read_content(&mut stream).await?;
                    match treat {
                        Treat::AtDot(reply) => say(&mut stream, reply).await?,
                        Treat::DropAfterContent => return Ok(()),
                        Treat::HangAfterContent => std::future::pending().await,
                        Treat::WrongReply => say(&mut stream, "354 go on").await?,
                        _ => {
                            self.seen.lock().unwrap().accepted.push(content);
                            say(&mut stream, "250 2.0.0 queued").await?;
                        }
                    }
                }
                "QUIT" => return say(&mut stream, "221 bye").await,
                _ => say(&mut stream, "250 ok").await?,
            }
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, reply: &str) -> std::io::Result<()> {
    stream
        .get_mut()
        .write_all(format!("{reply}\r\n").as_bytes())
        .await
}

/// The content as it came, dots unstuffed.
async fn read_content(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut content = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(content);
        }
        content.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
