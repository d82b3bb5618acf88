//! Speaking SMTP, one mail after another over one connection.
//!
//! The connection is lettre's, driven by hand: its pooled transport has no timeout after connecting, and puts a
//! connection back whose reply was never read, so that every later reply is off by one. Here a connection that saw
//! anything unexpected is dropped, and a mail counts as delivered only when the reply to its final dot is 250.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Delivery, SmtpConfig, Tls};
use crate::Message;

/// A connection to one relay, opened when needed.
pub(crate) struct Line {
    config: SmtpConfig,
    hello: ClientId,
    open: Option<AsyncSmtpConnection>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("config", &self.config)
            .finish_non_exhaustive()
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
    Reply { code: u16, text: String },
    Broken(String),
}

impl Line {
    pub(crate) fn new(config: SmtpConfig, hello: &str) -> Self {
        let hello = ClientId::Domain(hello.to_owned());
        Self {
            config,
            hello,
            open: None,
        }
    }

    /// Hands `message` over. A kept connection that turns out to be dead before the sender was named is replaced once.
    pub(crate) async fn deliver(&mut self, message: &Message) -> Delivery {
        let was_kept = self.open.is_some();
        let outcome = self.attempt(message).await;
        if was_kept && matches!(outcome, Delivery::RelayFault { .. }) && self.open.is_none() {
            return self.attempt(message).await;
        }
        outcome
    }

    /// The connection is in `self.open` only between mails; whatever ends this future early drops it.
    async fn attempt(&mut self, message: &Message) -> Delivery {
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => match self.connect().await {
                Ok(connection) => connection,
                Err(detail) => return Delivery::RelayFault { detail },
            },
        };
        match self.converse(&mut connection, message).await {
            Ok(()) => {
                self.open = Some(connection);
                Delivery::Accepted
            }
            Err((step, fault)) => {
                let usable = matches!(&fault, Fault::Reply { code, .. } if *code != 421);
                if usable && self.command(&mut connection, "RSET\r\n").await.is_ok() {
                    self.open = Some(connection);
                }
                judge(step, fault)
            }
        }
    }

    async fn converse(
        &self,
        connection: &mut AsyncSmtpConnection,
        message: &Message,
    ) -> Result<(), (Step, Fault)> {
        let mail_from = format!("MAIL FROM:<{}>\r\n", message.sender);
        self.command(connection, &mail_from)
            .await
            .map_err(|fault| (Step::Sender, fault))?;
        let rcpt_to = format!("RCPT TO:<{}>\r\n", message.recipient);
        self.command(connection, &rcpt_to)
            .await
            .map_err(|fault| (Step::Recipient, fault))?;
        let go_ahead = self
            .command(connection, "DATA\r\n")
            .await
            .map_err(|fault| (Step::Content, fault))?;
        expect(&go_ahead, 354).map_err(|fault| (Step::Content, fault))?;
        // The client adds CRLF before the dot by itself.
        let content = message.bytes.strip_suffix(b"\r\n").unwrap_or(&message.bytes);
        let reply = within(self.config.timeouts.content, connection.message(content))
            .await
            .map_err(|fault| (Step::Content, fault))?;
        expect(&reply, 250).map_err(|fault| (Step::Content, fault))
    }

    async fn command(&self, connection: &mut AsyncSmtpConnection, line: &str) -> Result<Response, Fault> {
        within(self.config.timeouts.command, connection.command(line)).await
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let timeouts = self.config.timeouts;
        let stream = in_time(timeouts.connect, "connecting", self.dial()).await?;
        let hello = AsyncSmtpConnection::connect_with_transport(stream, &self.hello);
        let mut connection = within(timeouts.command, hello)
            .await
            .map_err(|fault| fault.to_text("greeting"))?;
        let wants_tls = match self.config.tls {
            Tls::Off | Tls::Implicit => false,
            Tls::WhenOffered => connection.can_starttls() && !self.config.is_local(),
            Tls::Required => true,
        };
        if wants_tls {
            let parameters =
                TlsParameters::new(self.config.host.clone()).map_err(|error| error.to_string())?;
            within(timeouts.connect, connection.starttls(parameters, &self.hello))
                .await
                .map_err(|fault| fault.to_text("STARTTLS"))?;
        }
        if let Some((user, password)) = &self.config.credentials {
            if !(wants_tls || self.config.tls == Tls::Implicit || self.config.is_local()) {
                return Err(
                    "the relay offers no encryption, and the password is not sent without".to_owned(),
                );
            }
            let credentials = Credentials::new(user.clone(), password.clone());
            within(
                timeouts.command,
                connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials),
            )
            .await
            .map_err(|fault| fault.to_text("AUTH"))?;
        }
        Ok(connection)
    }

    async fn dial(&self) -> Result<Box<dyn AsyncTokioStream>, String> {
        let address = (self.config.host.as_str(), self.config.port);
        let tcp = TcpStream::connect(address)
            .await
            .map_err(|error| format!("no connection: {error}"))?;
        // Without this every mail waits 40 ms for an acknowledgement before its final dot.
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        if self.config.tls != Tls::Implicit {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(self.config.host.clone()).map_err(|error| error.to_string())?;
        let stream = tls_connector()?
            .connect(name, tcp)
            .await
            .map_err(|error| format!("TLS: {error}"))?;
        Ok(Box::new(Encrypted(stream)))
    }

    pub(crate) async fn close(mut self) {
        if let Some(mut connection) = self.open.take() {
            // Everything is delivered already; a relay that does not answer here loses nothing.
            let _ = within(Duration::from_secs(1), connection.quit()).await;
        }
    }
}

/// The end of `work`, or [`Fault::Broken`] after `limit`. The caller drops the connection then.
async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, SmtpError>>) -> Result<T, Fault> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Fault::from(error)),
        Err(_) => Err(Fault::Broken(format!("no reply in {} ms", limit.as_millis()))),
    }
}

async fn in_time<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(format!("{what} took more than {} ms", limit.as_millis())))
}

fn expect(reply: &Response, code: u16) -> Result<(), Fault> {
    if reply.has_code(code) {
        Ok(())
    } else {
        Err(Fault::Broken(format!("expected {code}, got {}", reply.code())))
    }
}

impl From<SmtpError> for Fault {
    fn from(error: SmtpError) -> Self {
        let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        match error.status() {
            Some(code) => Self::Reply {
                code: u16::from(code),
                text,
            },
            None => Self::Broken(error.to_string()),
        }
    }
}

impl Fault {
    fn to_text(&self, step: &str) -> String {
        match self {
            Self::Reply { code, text } => format!("{step}: {code} {text}"),
            Self::Broken(text) => format!("{step}: {text}"),
        }
    }
}

fn judge(step: Step, fault: Fault) -> Delivery {
    let detail = fault.to_text(match step {
        Step::Sender => "MAIL FROM",
        Step::Recipient => "RCPT TO",
        Step::Content => "DATA",
    });
    match (step, fault) {
        // 421: the relay is closing; 530, 535: it wants a login.
        (
            _,
            Fault::Reply {
                code: 421 | 530 | 535,
                ..
            },
        ) => Delivery::RelayFault { detail },
        (Step::Sender, Fault::Reply { code: 500.., .. } | Fault::Broken(_)) => {
            Delivery::RelayFault { detail }
        }
        (_, Fault::Broken(_)) => Delivery::Unknown { detail },
        (Step::Recipient, Fault::Reply { code: 500.., text }) => Delivery::Refused {
            detail,
            no_such_mailbox: says_no_such_mailbox(&text),
        },
        (Step::Content, Fault::Reply { code: 500.., .. }) => Delivery::Refused {
            detail,
            no_such_mailbox: false,
        },
        (_, Fault::Reply { .. }) => Delivery::Later { detail },
    }
}

/// Whether an enhanced status code (RFC 3463) says that the mailbox or its domain does not exist. 5.1.7 and 5.1.8 are
/// about the sender.
fn says_no_such_mailbox(text: &str) -> bool {
    let status = text.split_whitespace().next().unwrap_or_default();
    matches!(
        status,
        "5.1.0" | "5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1"
    )
}

fn tls_connector() -> Result<TlsConnector, String> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// TLS from the first byte, as lettre takes it. Its own way there offers no `TCP_NODELAY`.
#[derive(Debug)]
struct Encrypted(TlsStream<TcpStream>);

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
