//! Asking a board over HTTP and reading its mail, with both sides printed.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use mail::{EmailAddress, Mail, MailState};
use serde_json::Value;
use store::{Db, Id};
use tokio::runtime::Handle;

/// How long something may take that happens in the background.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Characters of an answer that are printed.
const SHOWN_CHARS: usize = 400;
/// Fields that are secrets, also in a demonstration.
const SECRETS: [&str; 4] = ["password", "token", "access_token", "refresh_token"];

/// A conversation with a board.
pub(super) struct Talk {
    base: String,
    db: Db,
    clock: Handle,
    agent: ureq::Agent,
    step: Cell<usize>,
    read: RefCell<Vec<Id>>,
}

/// What the board answered.
pub(super) struct Answer {
    status: u16,
    body: Value,
}

/// A mail that was sent.
pub(super) struct Letter(Mail);

impl Talk {
    /// A conversation with the board at `base`, whose mails are in `db`.
    pub(super) fn new(base: String, db: Db, clock: Handle) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        Self {
            base,
            db,
            clock,
            agent,
            step: Cell::new(0),
            read: RefCell::default(),
        }
    }

    /// Says what comes now.
    pub(super) fn step(&self, what: &str) {
        self.step.set(self.step.get() + 1);
        println!("{}. {what}", self.step.get());
    }

    /// Posts `body` and prints both sides.
    pub(super) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Answer> {
        println!("   → POST {} {}", without_token(path), brief(body));
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Content-Type", "application/json");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let answer = Answer::of(request.send(body.to_string()))?;
        println!("   ← {} {}\n", answer.status, brief(&answer.body));
        Ok(answer)
    }

    /// Gets `path` and prints nothing.
    pub(super) fn get_quietly(&self, path: &str) -> Result<Answer> {
        Answer::of(self.agent.get(format!("{}{path}", self.base)).call())
    }

    /// Repeats `look` until it finds something.
    ///
    /// # Errors
    /// `complaint`, when it takes too long.
    pub(super) fn until<T>(&self, complaint: &str, look: impl Fn() -> Result<Option<T>>) -> Result<T> {
        let began = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "{complaint} after {} s",
                PATIENCE.as_secs()
            );
            // The timer belongs to the runtime: it is made inside.
            self.clock
                .block_on(async { tokio::time::sleep(LOOK_EVERY).await });
        }
    }

    /// The next mail to `address` that was sent and not yet read; prints it.
    pub(super) fn next_mail(&self, address: &str) -> Result<Letter> {
        let recipient: EmailAddress = address.parse()?;
        let began = Instant::now();
        let mail = self.until(&format!("no mail to {address} arrived"), || {
            let mails = self
                .db
                .read_blocking(|conn| mail::list_for_recipient(conn, &recipient, 10))?;
            let is_new =
                |mail: &Mail| mail.state == MailState::Sent && !self.read.borrow().contains(&mail.id);
            Ok(mails.into_iter().rfind(is_new))
        })?;
        self.read.borrow_mut().push(mail.id);
        println!(
            "   ✉ to {address}, {} ms later: {}",
            began.elapsed().as_millis(),
            mail.subject
        );
        for line in mail.text_body.lines() {
            println!("     │ {}", without_token(line));
        }
        println!();
        Ok(Letter(mail))
    }
}

impl Answer {
    fn of(outcome: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Self> {
        let mut response = outcome.context("the board does not answer")?;
        let text = response
            .body_mut()
            .read_to_string()
            .context("the answer ended early")?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Self {
            status: response.status().as_u16(),
            body,
        })
    }

    /// The texts at `pointer` in each item of the list at `list`.
    pub(super) fn texts(&self, list: &str, pointer: &str) -> Vec<String> {
        let items = self.body.pointer(list).and_then(Value::as_array);
        let texts = items
            .into_iter()
            .flatten()
            .filter_map(|item| item.pointer(pointer)?.as_str());
        texts.map(str::to_owned).collect()
    }

    /// Prints itself as what the search at `path` found.
    pub(super) fn show_search(&self, path: &str) {
        println!("   → GET {path}");
        println!("   ← {} total {}", self.status, self.body["total"]);
        for hit in self.body["data"].as_array().into_iter().flatten() {
            let of = |pointer: &str| {
                hit.pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            println!(
                "       {} · {} · {}",
                of("/title"),
                of("/employer/name"),
                of("/workplace")
            );
        }
        println!();
    }

    /// Itself, when its status is `status`.
    pub(super) fn expect(&self, status: u16) -> Result<&Self> {
        if self.status != status {
            bail!(
                "the answer was {} instead of {status}: {}",
                self.status,
                self.body
            );
        }
        Ok(self)
    }

    /// The text at `pointer`.
    pub(super) fn text(&self, pointer: &str) -> Result<String> {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        Ok(found
            .with_context(|| format!("the answer has no {pointer}"))?
            .to_owned())
    }
}

impl Letter {
    /// The secret in its link.
    pub(super) fn token(&self) -> Result<String> {
        let text = &self.0.text_body;
        let (_, rest) = text
            .split_once("token=")
            .context("the mail has no link with a token")?;
        Ok(rest.chars().take_while(|c| is_of_token(*c)).collect())
    }

    /// The path and query of the link whose path begins with `start`.
    pub(super) fn path_of(&self, start: &str) -> Result<String> {
        let text = &self.0.text_body;
        let at = text
            .find(start)
            .with_context(|| format!("the mail has no link to {start}"))?;
        let token: String = text[at + start.len()..]
            .chars()
            .take_while(|c| is_of_token(*c))
            .collect();
        Ok(format!("{start}{token}"))
    }

    /// Whether `words` stand in it.
    pub(super) fn says(&self, words: &str) -> bool {
        self.0.text_body.contains(words)
    }
}

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.'
}

/// `line` with the secrets of its links shortened.
fn without_token(line: &str) -> String {
    match line.split_once("token=") {
        None => line.to_owned(),
        Some((before, rest)) => {
            let rest: String = rest.chars().skip_while(|c| is_of_token(*c)).collect();
            format!("{before}token=…{rest}")
        }
    }
}

/// `value` in one line, secrets left out, cut where it gets long.
fn brief(value: &Value) -> String {
    let mut shown = value.clone();
    if let Some(fields) = shown.as_object_mut() {
        for (name, field) in fields {
            if SECRETS.contains(&name.as_str()) {
                *field = Value::from("…");
            }
        }
    }
    let text = match shown {
        Value::String(text) => text,
        other => other.to_string(),
    };
    if text.chars().count() <= SHOWN_CHARS {
        return text;
    }
    text.chars().take(SHOWN_CHARS).chain(['…']).collect()
}
