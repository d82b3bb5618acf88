//! The real binary, started, spoken to over HTTP, killed, started again. What only a whole program can show.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot run its program must fail loudly"
)]

mod cluster;
pub mod parsers;
mod process;
mod smtp;
mod witness;

pub use cluster::Cluster;
pub use process::{Board, Settings, binary, run_to_end};
pub use smtp::{Accepted, SmtpServer};
pub use witness::{Witness, repetitions};

use serde_json::Value;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON, or null.
    pub json: Value,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The text at a JSON pointer.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        let value = self.json.pointer(pointer).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text))
            .to_owned()
    }
}

/// The value of the first `token=` in a mail's bytes, whatever its transfer encoding folded.
pub fn link_token(mail: &str) -> Option<String> {
    let text = mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let start = text.find("token=")? + 6;
    let token: String = text[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    (!token.is_empty()).then_some(token)
}

/// How long anything is waited for: long enough for a machine that is very busy with something else.
const PATIENCE_S: u64 = 120;

/// Tries `look` until it gives something, for at most two minutes.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed().as_secs() < PATIENCE_S,
            "{what} did not happen in {PATIENCE_S} s"
        );
        // Another process is being waited for; there is nothing to be woken by.
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

/// Writes one test for each database from one body: `on_both! { fn a_fact(settings) { … } }`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($settings:ident) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes)]
            use super::*;
            fn check($settings: $crate::Settings) $body
            #[test]
            fn sqlite() { check($crate::Settings::sqlite()); }
            #[test]
            fn postgres() { check($crate::Settings::postgres()); }
        }
    )+};
}
