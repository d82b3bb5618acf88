//! An SMTP server that writes down what it accepted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A mail that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Envelope recipient.
    pub recipient: String,
    /// The Message-ID.
    pub message_id: String,
    /// Everything after DATA.
    pub content: String,
}

/// Speaks enough SMTP to take mails (RFC 5321), one thread a connection.
#[derive(Debug)]
pub struct SmtpServer {
    port: u16,
    accepted: Arc<Mutex<Vec<Accepted>>>,
    is_away: Arc<AtomicBool>,
}

impl SmtpServer {
    /// Starts it on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let is_away = Arc::new(AtomicBool::new(false));
        let (log, away) = (Arc::clone(&accepted), Arc::clone(&is_away));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if away.load(Ordering::Acquire) {
                    continue;
                }
                let away = Arc::clone(&away);
                let log = Arc::clone(&log);
                // A client that goes away in the middle is what some tests are about.
                std::thread::spawn(move || drop(converse(&stream, &log, &away)));
            }
        });
        Self {
            port,
            accepted,
            is_away,
        }
    }

    /// The `mail.url` that leads here.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Ends conversations in the middle and begins none, until it is back.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Release);
    }

    /// What was accepted so far, in order.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.accepted.lock().expect("the log").clone()
    }
}

fn converse(stream: &TcpStream, log: &Mutex<Vec<Accepted>>, away: &AtomicBool) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    let mut recipient = String::new();
    out.write_all(b"220 test ESMTP\r\n")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if away.load(Ordering::Acquire) {
            return Ok(());
        }
        let command = line.to_ascii_uppercase();
        if command.starts_with("EHLO") {
            out.write_all(b"250-test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")?;
        } else if command.starts_with("RCPT TO:<") {
            line[9..]
                .split('>')
                .next()
                .unwrap_or_default()
                .clone_into(&mut recipient);
            out.write_all(b"250 ok\r\n")?;
        } else if command.starts_with("DATA") {
            out.write_all(b"354 go on\r\n")?;
            let content = read_content(&mut lines)?;
            let id = content
                .lines()
                .find_map(|line| line.strip_prefix("Message-ID: "))
                .unwrap_or_default();
            let mail = Accepted {
                recipient: recipient.clone(),
                message_id: id.trim().to_owned(),
                content: content.clone(),
            };
            log.lock().expect("the log").push(mail);
            out.write_all(b"250 taken\r\n")?;
        } else if command.starts_with("QUIT") {
            out.write_all(b"221 bye\r\n")?;
            return Ok(());
        } else {
            out.write_all(b"250 ok\r\n")?;
        }
    }
}

fn read_content(lines: &mut impl std::io::BufRead) -> std::io::Result<String> {
    let mut content = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(content);
        }
        content.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
