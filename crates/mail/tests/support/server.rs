//! A real SMTP server that does as it is told.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::{SmtpTimeouts, Transport};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

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
    /// This reply to DATA.
    AtData(&'static str),
    /// The connection ends instead of a reply to MAIL FROM.
    DropAtSender,
    /// The connection ends instead of a reply to RCPT TO.
    DropAtRecipient,
    /// The reply to RCPT TO never comes.
    HangAtRecipient,
    /// The connection ends in the middle of the content.
    DropInContent,
    /// Takes the mail, and the connection ends before the reply: the maker of duplicates.
    TakeAndDrop,
    /// Takes the mail, but the reply never comes: its sender dies before.
    TakeAndHang,
    /// Takes the mail and answers a byte at a time.
    TakeSlowly,
    /// Answers to the final dot with what is no SMTP, without taking the mail.
    Garbage,
    /// Answers to the final dot with lines that never end, without taking the mail.
    Endless,
}

/// How a server speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From the first byte.
    Implicit,
    /// After STARTTLS.
    StartTls,
    /// After STARTTLS, with a reply slipped in before the handshake, as somebody on the way would.
    StartTlsInjected,
}

#[derive(Default)]
struct Seen {
    plan: VecDeque<Treat>,
    by_recipient: HashMap<String, VecDeque<Treat>>,
    tried: HashMap<String, usize>,
    is_down: bool,
    limit: Option<usize>,
    lanes: Vec<HashSet<String>>,
    closed: HashSet<usize>,
    most_by_domain: HashMap<String, usize>,
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
                if serving.is_down() {
                    continue;
                }
                let serving = serving.clone();
                tokio::spawn(async move {
                    if serving.enter() {
                        let _ = serving.serve(stream).await;
                        serving.count(-1);
                    } else {
                        let mut stream = BufReader::new(stream);
                        let _ = say(&mut stream, "421 4.7.0 too many connections").await;
                    }
                });
            }
        });
        server
    }

    /// A server with the certificate of `tests/tls/authority.pem`, which takes mail over TLS only and wants the login
    /// `user`, `secret`.
    pub(crate) async fn start_tls(encryption: Encryption) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            seen: Arc::default(),
            port,
        };
        let serving = server.clone();
        let acceptor = acceptor();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (serving, acceptor) = (serving.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if encryption != Encryption::Implicit {
                        start_tls(&mut stream, encryption).await?;
                    }
                    let stream = acceptor.accept(stream).await?;
                    serving.count(1);
                    let ended = serving.serve_encrypted(stream, encryption).await;
                    serving.count(-1);
                    ended
                });
            }
        });
        server
    }

    async fn serve_encrypted(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        encryption: Encryption,
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        if encryption == Encryption::Implicit {
            say(&mut stream, "220 test ESMTP").await?;
        }
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        say(&mut stream, "250-test\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN").await?;
        line.clear();
        stream.read_line(&mut line).await?;
        if line.trim() != "AUTH PLAIN AHVzZXIAc2VjcmV0" {
            return say(&mut stream, "535 5.7.8 wrong").await;
        }
        say(&mut stream, "235 2.7.0 welcome").await?;
        self.converse(stream).await
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn transport(&self) -> Transport {
        let mut transport: Transport = format!("smtp://127.0.0.1:{}", self.port).parse().unwrap();
        if let Transport::Smtp(smtp) = &mut transport {
            let short = Duration::from_millis(400);
            smtp.timeouts = SmtpTimeouts {
                connect: short,
                command: short,
                content: short,
                others_wait: short,
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

    /// How often mails to `recipient` came as far as RCPT TO.
    pub(crate) fn tried(&self, recipient: &str) -> usize {
        self.seen
            .lock()
            .unwrap()
            .tried
            .get(recipient)
            .copied()
            .unwrap_or(0)
    }

    /// Treats mails to `recipient` like this, one entry each, then like any other.
    pub(crate) fn plan_for(&self, recipient: &str, treats: &[Treat]) {
        let plan = treats.iter().copied().collect();
        self.seen
            .lock()
            .unwrap()
            .by_recipient
            .insert(recipient.to_owned(), plan);
    }

    /// Whether connections end as soon as they begin.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.seen.lock().unwrap().is_down = is_down;
    }

    /// Greets a connection that is one too many with 421.
    pub(crate) fn limit_connections(&self, limit: usize) {
        self.seen.lock().unwrap().limit = Some(limit);
    }

    /// The domains that each connection carried mail for.
    pub(crate) fn lanes(&self) -> Vec<HashSet<String>> {
        self.seen.lock().unwrap().lanes.clone()
    }

    /// The most connections that carried mail for `domain` at once.
    pub(crate) fn most_open_for(&self, domain: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.most_by_domain.get(domain).copied().unwrap_or(0)
    }

    fn carries(&self, lane: usize, recipient: &str) {
        let mut seen = self.seen.lock().unwrap();
        let Some((_, domain)) = recipient.split_once('@') else {
            return;
        };
        seen.lanes[lane].insert(domain.to_owned());
        let open =
            |(at, domains): &(usize, &HashSet<String>)| !seen.closed.contains(at) && domains.contains(domain);
        let count = seen.lanes.iter().enumerate().filter(open).count();
        let most = seen.most_by_domain.entry(domain.to_owned()).or_default();
        *most = count.max(*most);
    }

    /// Takes a place, when there is one.
    fn enter(&self) -> bool {
        let mut seen = self.seen.lock().unwrap();
        if seen.limit.is_some_and(|limit| seen.open >= limit) {
            return false;
        }
        seen.open += 1;
        seen.most_open = seen.most_open.max(seen.open);
        seen.connections += 1;
        true
    }

    fn is_down(&self) -> bool {
        let mut seen = self.seen.lock().unwrap();
        seen.connections += usize::from(seen.is_down);
        seen.is_down
    }

    fn treat_for(&self, recipient: &str, treat: Treat) -> Treat {
        let mut seen = self.seen.lock().unwrap();
        *seen.tried.entry(recipient.to_owned()).or_default() += 1;
        let planned = seen.by_recipient.get_mut(recipient).and_then(VecDeque::pop_front);
        planned.unwrap_or(treat)
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

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let greeting = self.seen.lock().unwrap().greeting;
        say(&mut stream, greeting.unwrap_or("220 test ESMTP")).await?;
        self.converse(stream).await
    }

    async fn converse(
        &self,
        mut stream: BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    ) -> std::io::Result<()> {
        let lane = {
            let mut seen = self.seen.lock().unwrap();
            seen.lanes.push(HashSet::new());
            seen.lanes.len() - 1
        };
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
                    if treat == Treat::DropAtSender {
                        return Ok(());
                    }
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
                    let recipient = line.split(['<', '>']).nth(1).unwrap_or_default();
                    treat = self.treat_for(recipient, treat);
                    self.carries(lane, recipient);
                    match treat {
                        Treat::DropAtRecipient => return Ok(()),
                        Treat::HangAtRecipient => std::future::pending().await,
                        _ => {}
                    }
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
                    if let Treat::AtData(reply) = treat {
                        say(&mut stream, reply).await?;
                        continue;
                    }
                    say(&mut stream, "354 go on").await?;
                    if treat == Treat::DropInContent {
                        stream.read_line(&mut line).await?;
                        return Ok(());
                    }
                    let content = read_content(&mut stream).await?;
                    match treat {
                        Treat::TakeAndDrop => {
                            self.seen.lock().unwrap().accepted.push(content);
                            return Ok(());
                        }
                        Treat::TakeAndHang => {
                            self.seen.lock().unwrap().accepted.push(content);
                            std::future::pending::<()>().await;
                        }
                        Treat::TakeSlowly => {
                            self.seen.lock().unwrap().accepted.push(content);
                            for byte in b"250-2.0.0 one\r\n250 2.0.0 two\r\n" {
                                stream.get_mut().write_all(&[*byte]).await?;
                                stream.get_mut().flush().await?;
                                tokio::task::yield_now().await;
                            }
                        }
                        Treat::Garbage => {
                            stream.get_mut().write_all(b"2x0 \xff\xfe what\r\n").await?;
                            return Ok(());
                        }
                        Treat::Endless => loop {
                            stream.get_mut().write_all(b"250-more\r\n").await?;
                        },
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
                "QUIT" => {
                    self.seen.lock().unwrap().closed.insert(lane);
                    return say(&mut stream, "221 bye").await;
                }
                _ => say(&mut stream, "250 ok").await?,
            }
        }
    }
}

async fn say(
    stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    reply: &str,
) -> std::io::Result<()> {
    stream
        .get_mut()
        .write_all(format!("{reply}\r\n").as_bytes())
        .await?;
    stream.get_mut().flush().await
}

/// The content as it came, dots unstuffed.
async fn read_content(
    stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
) -> std::io::Result<String> {
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

/// Says what comes before the handshake.
async fn start_tls(stream: &mut TcpStream, encryption: Encryption) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 test ESMTP").await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    say(&mut stream, "250-test\r\n250 STARTTLS").await?;
    line.clear();
    stream.read_line(&mut line).await?;
    assert_eq!(line, "STARTTLS\r\n", "nothing is said before the encryption");
    match encryption {
        Encryption::StartTlsInjected => say(&mut stream, "220 go\r\n250-evil\r\n250 AUTH LOGIN").await,
        _ => say(&mut stream, "220 go").await,
    }
}

fn acceptor() -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(include_bytes!("../tls/relay.pem"))
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tls/relay.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
