//! Handing mails to a relay by SMTP (RFC 5321), over connections that are kept from mail to mail.
//!
//! A connection that saw anything unexpected is dropped, never kept, and a mail counts as delivered only when the reply
//! to its final dot is 250. Why no client of others: docs/adr/0012-own-smtp-client.md.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::window::{Place, Window};
use super::wire::{Reply, Wire, WireError};
use super::{Delivery, SmtpConfig, Tls, tls};
use crate::status::is_about_the_mailbox;
use crate::{DeliveryRules, Message};

/// An idle connection is kept so long.
const IDLE: Duration = Duration::from_secs(15);
/// Mails over one connection; many relays close it after some number anyway.
const MAILS_PER_CONNECTION: u32 = 200;

/// A relay and the open connections to it.
pub(crate) struct Relay {
    config: SmtpConfig,
    hello: String,
    most: usize,
    connector: OnceLock<Result<TlsConnector, String>>,
    window: Window,
    pool: Mutex<Pool>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Mails that have, or are to have, a connection.
    in_use: usize,
    /// Those of them whose connection is established.
    talking: usize,
}

/// An open connection between two mails.
struct Connection {
    wire: Wire,
    can_pipeline: bool,
    /// Whose mails it carries; see [`Relay::deliver`].
    lane: Option<String>,
    carried: u32,
    since: Instant,
}

/// Counts a connection as in use, also when the future that uses it is dropped.
struct InUse<'r>(&'r Relay);

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.0.pool().in_use -= 1;
    }
}

/// Counts an established connection.
struct Talking<'r>(&'r Relay);

impl Drop for Talking<'_> {
    fn drop(&mut self) {
        self.0.pool().talking -= 1;
    }
}

/// Where in the conversation something went wrong decides whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Sender,
    Recipient,
    Content,
}

/// A step that did not go as it should.
#[derive(Debug)]
enum Fault {
    Reply(Reply),
    Broken(String),
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Relay {
    /// A relay to which no more connections are open at once than `rules` say.
    pub(crate) fn new(config: SmtpConfig, hello: &str, rules: &DeliveryRules) -> Self {
        Self {
            config,
            hello: hello.to_owned(),
            most: rules.connections,
            connector: OnceLock::new(),
            window: Window::new(rules.unconfirmed),
            pool: Mutex::default(),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `message` over. Connections are shared by everything in one `lane`. A kept connection that turns out to be
    /// dead before the sender was accepted is replaced once.
    ///
    /// No more mails than the window is wide have had their final dot and still hold their place.
    pub(crate) async fn deliver(&self, message: &Message, lane: Option<&str>) -> (Delivery, Place) {
        let (kept, surplus, in_use) = self.take(lane);
        for connection in surplus {
            self.quit(connection).await;
        }
        let was_kept = kept.is_some();
        let mut outcome = self.attempt(kept, message, lane).await;
        if was_kept && matches!(outcome, (Delivery::RelayFault { is_dead: true, .. }, _)) {
            outcome = self.attempt(None, message, lane).await;
        }
        drop(in_use);
        outcome
    }

    /// A kept connection of `lane`, and those of others that must be closed so that no more than `most` are open.
    fn take(&self, lane: Option<&str>) -> (Option<Connection>, Vec<Connection>, InUse<'_>) {
        let mut pool = self.pool();
        pool.in_use += 1;
        let fitting = pool.idle.iter().rposition(|kept| kept.lane.as_deref() == lane);
        let kept = fitting.map(|at| pool.idle.remove(at));
        let room = self.most.saturating_sub(pool.in_use);
        let over = pool.idle.len().saturating_sub(room);
        let surplus = pool.idle.drain(..over).collect();
        drop(pool);
        (kept, surplus, InUse(self))
    }

    fn keep(&self, mut connection: Connection) {
        connection.carried += 1;
        connection.since = Instant::now();
        if connection.carried < MAILS_PER_CONNECTION && !connection.wire.has_unread() {
            self.pool().idle.push(connection);
        }
    }

    /// Closes the connections that nobody used for a while.
    pub(crate) async fn close_idle(&self) {
        let now = Instant::now();
        let old: Vec<Connection> = {
            let mut pool = self.pool();
            let (old, fresh) = std::mem::take(&mut pool.idle)
                .into_iter()
                .partition(|kept| now.duration_since(kept.since) > IDLE);
            pool.idle = fresh;
            old
        };
        for connection in old {
            self.quit(connection).await;
        }
    }

    /// From now on no mail gets its final dot.
    pub(crate) fn say_no_more(&self) {
        self.window.close();
    }

    /// Closes every connection that is not in use.
    pub(crate) async fn close(&self) {
        let all = std::mem::take(&mut self.pool().idle);
        for connection in all {
            self.quit(connection).await;
        }
    }

    /// Established connections.
    pub(crate) fn open(&self) -> usize {
        let pool = self.pool();
        pool.idle.len() + pool.talking
    }

    async fn quit(&self, mut connection: Connection) {
        // Everything is delivered already; a relay that does not answer here loses nothing.
        let _ = connection.wire.ask("QUIT\r\n", Duration::from_secs(1)).await;
    }

    async fn attempt(
        &self,
        kept: Option<Connection>,
        message: &Message,
        lane: Option<&str>,
    ) -> (Delivery, Place) {
        let mut connection = match kept {
            Some(connection) => connection,
            None => match self.connect(lane).await {
                Ok(connection) => connection,
                Err(detail) => {
                    let is_surplus = detail.starts_with("greeting: 421") && self.open() > 0;
                    return (Delivery::NoRelay { detail, is_surplus }, Place::none());
                }
            },
        };
        self.pool().talking += 1;
        let talking = Talking(self);
        let conversation = self.converse(&mut connection, message).await;
        drop(talking);
        match conversation {
            Ok(place) => {
                self.keep(connection);
                (Delivery::Accepted, place)
            }
            Err((step, fault)) => {
                let limit = self.config.timeouts.command;
                let mut is_dead = true;
                if matches!(&fault, Fault::Reply(reply) if reply.code != 421) {
                    let reset = connection.wire.ask("RSET\r\n", limit).await;
                    if matches!(reset, Ok(reply) if reply.code == 250) {
                        self.keep(connection);
                        is_dead = false;
                    }
                }
                (judge(step, fault, is_dead), Place::none())
            }
        }
    }

    async fn converse(&self, connection: &mut Connection, message: &Message) -> Result<Place, (Step, Fault)> {
        let limit = self.config.timeouts.command;
        if connection.wire.has_unread() {
            let said = "the relay said something unasked".to_owned();
            return Err((Step::Sender, Fault::Broken(said)));
        }
        let wire = &mut connection.wire;
        let sender = format!("MAIL FROM:<{}>\r\n", message.sender);
        let recipient = format!("RCPT TO:<{}>\r\n", message.recipient);
        if connection.can_pipeline {
            let both = format!("{sender}{recipient}");
            wire.say(both.as_bytes(), limit).await.map_err(at(Step::Sender))?;
            let to_sender = wire.hear(limit).await.map_err(at(Step::Sender))?;
            // Both replies are read before either is judged.
            let to_recipient = wire.hear(limit).await.map_err(at(Step::Sender))?;
            positive(to_sender).map_err(|fault| (Step::Sender, fault))?;
            positive(to_recipient).map_err(|fault| (Step::Recipient, fault))?;
        } else {
            let reply = wire.ask(&sender, limit).await.map_err(at(Step::Sender))?;
            positive(reply).map_err(|fault| (Step::Sender, fault))?;
            let reply = wire.ask(&recipient, limit).await.map_err(at(Step::Recipient))?;
            positive(reply).map_err(|fault| (Step::Recipient, fault))?;
        }
        let reply = wire.ask("DATA\r\n", limit).await.map_err(at(Step::Content))?;
        exactly(reply, 354).map_err(|fault| (Step::Content, fault))?;
        let limit = self.config.timeouts.content;
        let content = stuffed(&message.bytes);
        wire.say(&content, limit).await.map_err(at(Step::Content))?;
        let Some(mut place) = self.window.enter().await else {
            let detail = "the outcome of other mails could not be written down".to_owned();
            return Err((Step::Content, Fault::Broken(detail)));
        };
        let patience = self.config.timeouts.others_wait;
        let reply = place.until(wire.ask(".\r\n", limit), patience).await;
        exactly(reply.map_err(at(Step::Content))?, 250).map_err(|fault| (Step::Content, fault))?;
        Ok(place)
    }

    async fn connect(&self, lane: Option<&str>) -> Result<Connection, String> {
        let limits = self.config.timeouts;
        let mut wire = self.dial().await?;
        if self.config.tls == Tls::Implicit {
            wire = self.encrypt(wire).await?;
        }
        let greeting = wire.hear(limits.command).await.map_err(said("greeting"))?;
        welcome("greeting", greeting, 220)?;
        let mut offers = self.say_hello(&mut wire).await?;
        let wants_tls = match self.config.tls {
            Tls::Off | Tls::Implicit => false,
            Tls::WhenOffered => offers.has("STARTTLS"),
            Tls::Required => true,
        };
        if wants_tls {
            if !offers.has("STARTTLS") {
                return Err(
                    "the relay offers no STARTTLS, and mail does not leave without encryption; \
                            `?tls=none` in mail.url does without"
                        .to_owned(),
                );
            }
            let reply = wire
                .ask("STARTTLS\r\n", limits.command)
                .await
                .map_err(said("STARTTLS"))?;
            welcome("STARTTLS", reply, 220)?;
            wire = self.encrypt(wire).await?;
            // What was offered before was not encrypted, and is forgotten (RFC 3207, section 4.2).
            offers = self.say_hello(&mut wire).await?;
        }
        if let Some(credentials) = &self.config.credentials {
            if !(wants_tls || self.config.tls == Tls::Implicit || self.config.is_local()) {
                return Err(
                    "the connection is not encrypted, and the password is not sent without".to_owned(),
                );
            }
            self.log_in(&mut wire, &offers, credentials).await?;
        }
        Ok(Connection {
            wire,
            can_pipeline: offers.has("PIPELINING"),
            lane: lane.map(str::to_owned),
            carried: 0,
            since: Instant::now(),
        })
    }

    async fn dial(&self) -> Result<Wire, String> {
        let address = (self.config.host.as_str(), self.config.port);
        let limit = self.config.timeouts.connect;
        let tcp = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => tcp,
            Ok(Err(error)) => return Err(format!("no connection: {error}")),
            Err(_) => return Err(format!("no connection in {} ms", limit.as_millis())),
        };
        // Without this every mail waits 40 ms for an acknowledgement before its final dot.
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Wire::plain(tcp))
    }

    async fn encrypt(&self, wire: Wire) -> Result<Wire, String> {
        let connector = self
            .connector
            .get_or_init(|| tls::connector(&self.config.roots))
            .as_ref()
            .map_err(Clone::clone)?;
        let host = self.config.host.trim_matches(['[', ']']);
        let name = match host.parse::<IpAddr>() {
            Ok(address) => ServerName::from(address),
            Err(_) => ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?,
        };
        wire.encrypted(connector, name, self.config.timeouts.connect)
            .await
            .map_err(said("TLS"))
    }

    async fn say_hello(&self, wire: &mut Wire) -> Result<Offers, String> {
        let hello = format!("EHLO {}\r\n", self.hello);
        let reply = wire
            .ask(&hello, self.config.timeouts.command)
            .await
            .map_err(said("EHLO"))?;
        let offers = Offers(
            reply
                .lines
                .iter()
                .skip(1)
                .map(|line| line.to_ascii_uppercase())
                .collect(),
        );
        welcome("EHLO", reply, 250)?;
        Ok(offers)
    }

    async fn log_in(
        &self,
        wire: &mut Wire,
        offers: &Offers,
        (user, password): &(String, String),
    ) -> Result<(), String> {
        let limit = self.config.timeouts.command;
        let encoded = |text: &str| BASE64.encode(text.as_bytes());
        let lines = if offers.has_mechanism("PLAIN") || !offers.has_mechanism("LOGIN") {
            vec![format!(
                "AUTH PLAIN {}\r\n",
                encoded(&format!("\0{user}\0{password}"))
            )]
        } else {
            vec![
                "AUTH LOGIN\r\n".to_owned(),
                format!("{}\r\n", encoded(user)),
                format!("{}\r\n", encoded(password)),
            ]
        };
        let last = lines.len() - 1;
        for (at, line) in lines.iter().enumerate() {
            let reply = wire.ask(line, limit).await.map_err(said("AUTH"))?;
            welcome("AUTH", reply, if at == last { 235 } else { 334 })?;
        }
        Ok(())
    }
}

/// What a relay can do, in capitals.
struct Offers(Vec<String>);

impl Offers {
    fn has(&self, keyword: &str) -> bool {
        self.0.iter().any(|line| line.split(' ').next() == Some(keyword))
    }

    fn has_mechanism(&self, mechanism: &str) -> bool {
        self.0
            .iter()
            .filter_map(|line| line.strip_prefix("AUTH").map(|rest| rest.trim_start_matches('=')))
            .any(|rest| rest.split(' ').any(|word| word == mechanism))
    }
}

fn at(step: Step) -> impl Fn(WireError) -> (Step, Fault) {
    move |error| (step, Fault::from(error))
}

fn said(step: &'static str) -> impl Fn(WireError) -> String {
    move |error| format!("{step}: {error}")
}

fn welcome(step: &str, reply: Reply, code: u16) -> Result<(), String> {
    if reply.code == code {
        Ok(())
    } else {
        Err(format!("{step}: {} {}", reply.code, reply.text()))
    }
}

fn positive(reply: Reply) -> Result<(), Fault> {
    match reply.code {
        250..=252 => Ok(()),
        400.. => Err(Fault::Reply(reply)),
        code => Err(Fault::Broken(format!("expected 250, got {code}"))),
    }
}

fn exactly(reply: Reply, code: u16) -> Result<(), Fault> {
    match reply.code {
        found if found == code => Ok(()),
        400.. => Err(Fault::Reply(reply)),
        found => Err(Fault::Broken(format!("expected {code}, got {found}"))),
    }
}

/// `content` as it goes over the wire before its final dot: dots at the start of lines doubled (RFC 5321, section 4.5.2). Its lines end in CRLF and nothing else ends a line; [`crate::render`] sees to that.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 64);
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out
}

fn judge(step: Step, fault: Fault, is_dead: bool) -> Delivery {
    let name = match step {
        Step::Sender => "MAIL FROM",
        Step::Recipient => "RCPT TO",
        Step::Content => "DATA",
    };
    let reply = match fault {
        Fault::Broken(text) => {
            let detail = format!("{name}: {text}");
            return match step {
                Step::Sender => Delivery::RelayFault { detail, is_dead },
                Step::Recipient | Step::Content => Delivery::Unknown { detail },
            };
        }
        Fault::Reply(reply) => reply,
    };
    let text = reply.text();
    let detail = format!("{name}: {} {text}", reply.code);
    match (step, reply.code) {
        // It wants a login.
        (_, 530 | 535) | (Step::Sender, 421 | 500..) => Delivery::RelayFault { detail, is_dead },
        (_, 421) => Delivery::Later {
            detail,
            is_throttled: true,
        },
        (Step::Recipient, 500..) => Delivery::Refused {
            detail,
            no_such_mailbox: is_about_the_mailbox(&text),
        },
        // What was said about the content says nothing about the mailbox.
        (Step::Content, 500..) => Delivery::Refused {
            detail,
            no_such_mailbox: false,
        },
        _ => Delivery::Later {
            detail,
            is_throttled: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::stuffed;

    #[test]
    fn a_dot_that_begins_a_line_is_doubled() {
        assert_eq!(stuffed(b".a\r\n..\r\nb.\r\n"), b"..a\r\n...\r\nb.\r\n");
    }
}
