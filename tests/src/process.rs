//! A running board.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use store::Backend;
use store::testing::TestDb;
use tempfile::TempDir;

use crate::{Answer, eventually, link_token};

/// The program under test, beside the test's own.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let dir = own.parent().and_then(Path::parent).expect("the target directory");
    let path = dir.join("backplane");
    assert!(
        path.exists(),
        "{} is missing: build it with `cargo build -p backplane`",
        path.display()
    );
    path
}

/// Runs the program to its end.
pub fn run_to_end(args: &[&str], settings: &Settings) -> Output {
    settings.command(args).output().expect("the program starts")
}

#[derive(Debug)]
enum Database {
    Embedded,
    Own(TestDb),
    At(String),
}

/// Where a board keeps its things and how it sends mail. Deleted in the end.
#[derive(Debug)]
pub struct Settings {
    dir: TempDir,
    database: Database,
    environment: Vec<(String, String)>,
    words: Vec<String>,
    /// The program that starts ours, with its arguments; empty for none.
    pub under: Vec<String>,
    /// `mail.url`; files in the data directory when empty.
    pub mail_url: String,
    port: u16,
}

impl Settings {
    /// On the embedded database.
    pub fn sqlite() -> Self {
        Self::new(Database::Embedded)
    }

    /// On the PostgreSQL at `url`, which somebody else looks after.
    pub fn at(url: &str) -> Self {
        Self::new(Database::At(url.to_owned()))
    }

    /// Another node of the same installation, with a directory of its own and a copy of the keys.
    pub fn beside(&self) -> Self {
        let url = self.database_url().expect("nodes share a PostgreSQL");
        let mut settings = Self::at(&url);
        settings.mail_url.clone_from(&self.mail_url);
        settings.environment.clone_from(&self.environment);
        // One installation has one address.
        settings.set("BACKPLANE_SERVER__PUBLIC_URL", &self.url());
        let (from, to) = (self.data().join("keys"), settings.data().join("keys"));
        std::fs::create_dir_all(&to).expect("a directory");
        for entry in std::fs::read_dir(from).expect("the keys") {
            let path = entry.expect("a key").path();
            std::fs::copy(&path, to.join(path.file_name().expect("its name"))).expect("a copy");
        }
        settings
    }

    /// What is run instead of `serve`.
    #[must_use]
    pub fn running(mut self, words: &[&str]) -> Self {
        self.words = words.iter().map(ToString::to_string).collect();
        self
    }

    /// Sets one variable of the environment, instead of what it was.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The address of the PostgreSQL; none for the embedded database.
    pub fn database_url(&self) -> Option<String> {
        match &self.database {
            Database::Embedded => None,
            Database::Own(database) => Some(database.url().to_owned()),
            Database::At(url) => Some(url.clone()),
        }
    }

    /// On a PostgreSQL database of its own.
    pub fn postgres() -> Self {
        Self::new(Database::Own(TestDb::new(Backend::Postgres)))
    }

    fn new(database: Database) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its address").port();
        let dir = TempDir::with_prefix("backplane-board-").expect("a directory");
        Self {
            dir,
            database,
            environment: Vec::new(),
            words: vec!["serve".to_owned()],
            under: Vec::new(),
            mail_url: String::new(),
            port,
        }
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A file beside the data directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the board answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The program with these settings in its environment and nothing else of ours.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.dir.path());
        command.env("BACKPLANE_DATA_DIR", self.data());
        command.env("BACKPLANE_SERVER__BIND", format!("127.0.0.1:{}", self.port));
        command.env("BACKPLANE_LIMITS__ENABLED", "false");
        command.env("BACKPLANE_MAIL__POSTAL_ADDRESS", "1 Main Street, Springfield");
        // The relays here answer at once, on however slow a machine: how many mails a crash repeats is no matter of time.
        command.env("BACKPLANE_MAIL__UNCONFIRMED_WAIT_MS", "60000");
        if let Some(url) = self.database_url() {
            command.env("BACKPLANE_DATABASE__URL", url);
        }
        if !self.mail_url.is_empty() {
            command.env("BACKPLANE_MAIL__URL", &self.mail_url);
        }
        command.env_remove("BACKPLANE_TEST_POSTGRES_URL");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A board that answers. Killed when it goes out of scope.
#[derive(Debug)]
pub struct Board {
    settings: Settings,
    child: Child,
    agent: ureq::Agent,
}

impl Board {
    /// Starts a board and waits until it is ready.
    pub fn start(settings: Settings) -> Self {
        let child = spawn(&settings);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        let mut board = Self {
            settings,
            child,
            agent: config.into(),
        };
        board.wait_until_ready();
        board
    }

    /// Its settings, to be changed for the next start.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Sends it a signal, such as `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill").success());
    }

    /// Sends the children of its process a signal; it has none unless something else starts it.
    pub fn signal_children(&self, name: &str) {
        // None is left when it died already.
        let _ = Command::new("pkill")
            .args([&format!("-{name}"), "-P", &self.child.id().to_string()])
            .status();
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says that it is ready.
    pub fn wait_until_ready(&mut self) {
        eventually("readiness", || {
            if let Some(status) = self.child.try_wait().expect("the child's state") {
                let mut words = String::new();
                let _ = self
                    .child
                    .stderr
                    .as_mut()
                    .map(|stderr| stderr.read_to_string(&mut words));
                panic!("the board ended with {status}: {words}");
            }
            self.try_get("/readyz").filter(|answer| answer.status == 200)
        });
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("the signal");
        self.child.wait().expect("the end");
    }

    /// Starts it again on what it left.
    pub fn restart(&mut self) {
        self.child = spawn(&self.settings);
        self.wait_until_ready();
    }

    /// Starts it again; false when it ended before it was ready.
    pub fn try_restart(&mut self) -> bool {
        self.child = spawn(&self.settings);
        eventually("readiness or an end", || {
            if self.child.try_wait().expect("the child's state").is_some() {
                return Some(false);
            }
            let answer = self.try_get("/readyz").filter(|answer| answer.status == 200);
            answer.map(|_| true)
        })
    }

    /// Asks it to stop and waits; returns whether it ended by itself with success.
    pub fn terminate(&mut self) -> bool {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .expect("kill");
        assert!(asked.success());
        self.child.wait().expect("the end").success()
    }

    /// Sends a request; `None` when no answer came.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        self.send(
            method,
            path,
            &[("Authorization", token.map(|token| format!("Bearer {token}")))],
            body,
        )
    }

    /// Sends a write that can be repeated under its key; `None` when no answer came.
    pub fn try_send_keyed(
        &self,
        method: &str,
        path: &str,
        token: &str,
        key: &str,
        body: &Value,
    ) -> Option<Answer> {
        let key = (method == "POST").then(|| key.to_owned());
        let headers = [
            ("Authorization", Some(format!("Bearer {token}"))),
            ("Idempotency-Key", key),
        ];
        self.send(method, path, &headers, Some(body))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, Option<String>)],
        body: Option<&Value>,
    ) -> Option<Answer> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.settings.url()));
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(*name, value);
            }
        }
        let response = match body {
            Some(body) => {
                let request = request
                    .header("Content-Type", "application/json")
                    .body(body.to_string());
                self.agent.run(request.expect("a request"))
            }
            None => self.agent.run(request.body(()).expect("a request")),
        };
        let mut response = response.ok()?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().ok()?;
        Some(Answer {
            status,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        })
    }

    /// A GET with further headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let headers: Vec<(&str, Option<String>)> = headers
            .iter()
            .map(|(name, value)| (*name, Some((*value).to_owned())))
            .collect();
        self.send("GET", path, &headers, None).expect("an answer")
    }

    /// Waits for it to end by itself; returns whether it says that all was well.
    pub fn wait_for_end(&mut self) -> bool {
        let status = eventually("the end of the program", || {
            self.child.try_wait().expect("the child's state")
        });
        status.success()
    }

    /// A GET; `None` when no answer came.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send("GET", path, None, None)
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("an answer")
    }

    /// A POST with JSON.
    pub fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.try_send("POST", path, token, Some(body)).expect("an answer")
    }

    /// The mails that were written as files, oldest first.
    pub fn mail_files(&self) -> Vec<String> {
        let Ok(dir) = std::fs::read_dir(self.settings.data().join("mail")) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = dir.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        // Names are UUIDv7 and so in the order of time.
        paths.sort();
        paths
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect()
    }

    /// The token in the newest mail to `address`, once it is there.
    pub fn token_mailed_to(&self, address: &str) -> String {
        eventually("a mail with a token", || {
            let mails = self.mail_files();
            let to = mails.iter().rev().find(|mail| {
                mail.contains(&format!("To: {address}")) || mail.contains(&format!("<{address}>"))
            });
            to.and_then(|mail| link_token(mail))
        })
    }

    /// Registers, verifies; returns an access token.
    pub fn sign_up(&self, email: &str) -> String {
        let body = json!({"email": email, "password": "a long enough password", "name": "Test Person"});
        self.post("/v1/auth/register", None, &body).expect(202);
        let token = self.token_mailed_to(email);
        self.post("/v1/auth/verify-email", None, &json!({"token": token}))
            .expect(200)
            .text_at("/access_token")
    }

    /// Makes an employer; returns its id.
    pub fn found_employer(&self, token: &str, name: &str) -> String {
        let body = json!({"name": name, "website": "https://employer.example"});
        self.post("/v1/employers", Some(token), &body)
            .expect(201)
            .text_at("/id")
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(settings: &Settings) -> Child {
    let words: Vec<&str> = settings.words.iter().map(String::as_str).collect();
    let mut command = settings.command(&words);
    if let [program, args @ ..] = settings.under.as_slice() {
        let plain = command;
        command = Command::new(program);
        command.args(args).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(settings.dir.path());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // Somebody has to read what it says, or it would stop to wait.
    if let Some(stderr) = child.stderr.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("board: {line}");
            }
        });
    }
    child
}
