//! The lines of an SMTP conversation (RFC 5321, section 4.2), plain or encrypted, each with a deadline.
//!
//! Every method ends within its limit. Whoever sees an error, or drops a future half way, drops the wire with it: a
//! connection whose replies are not all read answers the next mail with the reply to the last one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// Longest line of a reply that is read. RFC 5321 allows 512 bytes.
const LINE_BYTES: usize = 4096;
/// Most lines of one reply.
const REPLY_LINES: usize = 200;
/// Longest text of a reply that is kept.
const TEXT_BYTES: usize = 2000;

/// What the other side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// Three digits.
    pub(super) code: u16,
    /// What came behind the code, one line for each line.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Everything that was said, in one line.
    pub(super) fn text(&self) -> String {
        let mut text = self.lines.join(" ");
        let mut end = text.len().min(TEXT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The connection ended or failed.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The limit was reached.
    #[error("no reply in {0} ms")]
    TooSlow(u128),
    /// What came is not SMTP.
    #[error("the answer is not SMTP: {0}")]
    Nonsense(&'static str),
}

/// One connection.
pub(super) struct Wire(BufReader<Stream>);

impl Wire {
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self(BufReader::new(Stream::Plain(tcp)))
    }

    /// The same connection, encrypted from here on.
    ///
    /// # Errors
    /// When the handshake fails, and when the other side said something more before it: that was not encrypted, and
    /// would be taken for what comes after (the STARTTLS injection of CVE-2011-0411).
    pub(super) async fn encrypted(
        self,
        connector: &TlsConnector,
        name: ServerName<'static>,
        limit: Duration,
    ) -> Result<Self, WireError> {
        if !self.0.buffer().is_empty() {
            return Err(WireError::Nonsense("it goes on before the encryption begins"));
        }
        let Stream::Plain(tcp) = self.0.into_inner() else {
            return Err(WireError::Nonsense("it is encrypted already"));
        };
        let stream = in_time(limit, connector.connect(name, tcp)).await?;
        Ok(Self(BufReader::new(Stream::Encrypted(Box::new(stream)))))
    }

    /// Whether something came that nobody asked for, such as a goodbye: the wire is of no use then.
    pub(super) fn has_unread(&self) -> bool {
        !self.0.buffer().is_empty()
    }

    /// Says `bytes` and waits for nothing.
    pub(super) async fn say(&mut self, bytes: &[u8], limit: Duration) -> Result<(), WireError> {
        in_time(limit, async {
            self.0.get_mut().write_all(bytes).await?;
            self.0.get_mut().flush().await
        })
        .await
    }

    /// Reads one reply.
    pub(super) async fn hear(&mut self, limit: Duration) -> Result<Reply, WireError> {
        match tokio::time::timeout(limit, self.reply()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(WireError::TooSlow(limit.as_millis())),
        }
    }

    /// Says one command and reads the reply to it.
    pub(super) async fn ask(&mut self, command: &str, limit: Duration) -> Result<Reply, WireError> {
        self.say(command.as_bytes(), limit).await?;
        self.hear(limit).await
    }

    async fn reply(&mut self) -> Result<Reply, WireError> {
        let mut reply = Reply {
            code: 0,
            lines: Vec::new(),
        };
        for _ in 0..REPLY_LINES {
            let line = self.line().await?;
            let (code, more, text) = parse_line(&line)?;
            if reply.code != 0 && reply.code != code {
                return Err(WireError::Nonsense("the code changes within a reply"));
            }
            reply.code = code;
            reply.lines.push(text);
            if !more {
                return Ok(reply);
            }
        }
        Err(WireError::Nonsense("it has no end"))
    }

    /// One line without its end.
    async fn line(&mut self) -> Result<Vec<u8>, WireError> {
        let mut line = Vec::new();
        loop {
            let available = self.0.fill_buf().await?;
            if available.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let (used, is_whole) = match available.iter().position(|&byte| byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (available.len(), false),
            };
            line.extend(available.iter().take(used));
            self.0.consume(used);
            if line.len() > LINE_BYTES {
                return Err(WireError::Nonsense("a line is too long"));
            }
            if is_whole {
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                return Ok(text.strip_suffix(b"\r").unwrap_or(text).to_vec());
            }
        }
    }
}

/// Code, whether more lines follow, and text.
fn parse_line(line: &[u8]) -> Result<(u16, bool, String), WireError> {
    let nonsense = WireError::Nonsense("a line does not begin with three digits");
    let Some((digits, rest)) = line.split_at_checked(3) else {
        return Err(nonsense);
    };
    let code = match std::str::from_utf8(digits).map(str::parse::<u16>) {
        Ok(Ok(code)) if (200..600).contains(&code) && digits.iter().all(u8::is_ascii_digit) => code,
        _ => return Err(nonsense),
    };
    let (more, text) = match rest.split_first() {
        None => (false, rest),
        Some((b' ', text)) => (false, text),
        Some((b'-', text)) => (true, text),
        Some(_) => return Err(nonsense),
    };
    Ok((code, more, String::from_utf8_lossy(text).trim().to_owned()))
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> Result<T, WireError> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(WireError::TooSlow(limit.as_millis())),
    }
}

enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Encrypted(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Encrypted(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Encrypted(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Encrypted(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_three_digits_and_what_is_not_is_refused() {
        assert_eq!(
            parse_line(b"250 2.0.0 ok").unwrap(),
            (250, false, "2.0.0 ok".to_owned())
        );
        assert_eq!(
            parse_line(b"250-SIZE 1").unwrap(),
            (250, true, "SIZE 1".to_owned())
        );
        assert_eq!(parse_line(b"354").unwrap(), (354, false, String::new()));
        for bad in [
            &b"2x0 \xff\xfe what"[..],
            b"",
            b"25",
            b"250ok",
            b"100 x",
            b"999 x",
            b"+50 x",
        ] {
            assert!(parse_line(bad).is_err(), "{bad:?}");
        }
    }
}
