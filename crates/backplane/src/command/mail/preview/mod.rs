//! `backplane mail preview`: every kind of mail as files, written by the same code that writes the real ones.
//!
//! The people and postings are made up and live in a database that is thrown away. A new kind of mail needs a step in
//! [`accounts`] or [`alerts`]; the test below counts the kinds.

mod accounts;
mod alerts;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ::mail::{EmailAddress, LinkKey, Mail, MailConfig};
use anyhow::{Context as _, Result, bail};
use jiff::SignedDuration;
use store::{Clock as _, Db, DbOptions, Random, SystemClock, Timestamp};
use tempfile::TempDir;

use crate::config::Config;

/// Mails that the made-up journey writes at most.
const MAILS: i64 = 1000;

/// Where the made-up journey takes place.
struct Stage {
    db: Db,
    random: Random,
    config: Arc<MailConfig>,
    links: Arc<LinkKey>,
    now: Cell<Timestamp>,
    _dir: TempDir,
}

impl Stage {
    fn new(config: Arc<MailConfig>) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("backplane-preview-")
            .tempdir()
            .context("no temporary directory can be made")?;
        let db = Db::open(&DbOptions {
            pool_size: 1,
            ..DbOptions::new(format!("sqlite:{}", dir.path().join("preview.db").display()))
        })?;
        db.migrate()?;
        let random = Random::system();
        Ok(Self {
            links: Arc::new(LinkKey::random(&random)),
            db,
            random,
            config,
            now: Cell::new(SystemClock.now().minus(SignedDuration::from_hours(1))),
            _dir: dir,
        })
    }

    /// Two minutes after the last: an address gets one mail a minute that anybody can cause.
    fn now(&self) -> Timestamp {
        let now = self.now.get().plus(SignedDuration::from_mins(2));
        self.now.set(now);
        now
    }

    /// The newest mail to `address`.
    fn last_mail(&self, address: &EmailAddress) -> Result<Mail> {
        let mut mails = self
            .db
            .read_blocking(|conn| ::mail::list_for_recipient(conn, address, 1))?;
        mails.pop().with_context(|| format!("no mail to {address}"))
    }

    /// The token in the newest mail to `address`.
    fn last_token(&self, address: &EmailAddress) -> Result<String> {
        let mail = self.last_mail(address)?;
        let (_, rest) = mail
            .text_body
            .split_once("token=")
            .with_context(|| format!("the mail {} has no token", mail.kind))?;
        let token = rest.split(|c: char| c.is_whitespace() || c == '&').next();
        Ok(token.unwrap_or_default().to_owned())
    }
}

/// Writes the mails of `kind`, or of every kind, into `dir`.
pub(super) fn run(config: &Config, kind: Option<&str>, dir: &Path) -> Result<()> {
    let mails = all_kinds(config.mail_config()?)?;
    if let Some(kind) = kind.filter(|kind| !mails.contains_key(*kind)) {
        let kinds: Vec<&str> = mails.keys().map(String::as_str).collect();
        bail!("{kind} is no kind of mail; there are {}", kinds.join(", "));
    }
    fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let mail_config = config.mail_config()?;
    for (name, mail) in mails {
        if kind.is_some_and(|kind| kind != name) {
            continue;
        }
        let message = ::mail::render(&mail, &mail_config, SystemClock.now())?;
        for (ending, bytes) in [
            ("eml", message.bytes.as_slice()),
            ("html", mail.html_body.as_bytes()),
            ("txt", mail.text_body.as_bytes()),
        ] {
            let path = dir.join(format!("{name}.{ending}"));
            fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        println!("{name:<20} {}", mail.subject);
    }
    println!("Written to {}: .eml, .html and .txt of each.", dir.display());
    Ok(())
}

/// One mail of each kind, the longest there is.
fn all_kinds(config: Arc<MailConfig>) -> Result<BTreeMap<String, Mail>> {
    let stage = Stage::new(config)?;
    accounts::write_mails(&stage)?;
    alerts::write_mails(&stage)?;
    let mut kinds: BTreeMap<String, Mail> = BTreeMap::new();
    let mails = stage
        .db
        .read_blocking(|conn| ::mail::list_recent(conn, None, MAILS))?;
    for mail in mails {
        let known = kinds.get(&mail.kind);
        if known.is_none_or(|known| known.html_body.len() < mail.html_body.len()) {
            kinds.insert(mail.kind.clone(), mail);
        }
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_mail_is_shown_without_anything_from_elsewhere() {
        let config = Config::from_text("test", "[server]\npublic_url = \"https://board.example\"\n").unwrap();
        let mail_config = config.mail_config().unwrap();
        let kinds = all_kinds(Arc::clone(&mail_config)).unwrap();
        let names: Vec<&str> = kinds.keys().map(String::as_str).collect();
        for kind in [
            "account_exists",
            "alert_confirm",
            "alert_digest",
            "alert_instant",
            "alert_keep",
            "invitation",
            "password_changed",
            "reset_password",
            "verify_email",
        ] {
            assert!(names.contains(&kind), "{kind} is missing among {names:?}");
        }
        for (kind, mail) in &kinds {
            let html = mail.html_body.to_lowercase();
            for foreign in ["<img", "<script", "@import", "url(", "<link", "<iframe", "src="] {
                assert!(!html.contains(foreign), "{kind} has {foreign}");
            }
            let ours = |url: &str| url.starts_with("https://board.example");
            let links = mail.html_body.split("href=\"").skip(1);
            for link in links.filter_map(|rest| rest.split('"').next()) {
                assert!(ours(link), "{kind} leads to {link}");
            }
            let bytes = ::mail::render(mail, &mail_config, mail.created_at).unwrap().bytes;
            assert!(
                bytes.len() < 102_000,
                "{kind} has {} bytes: Gmail would cut it",
                bytes.len()
            );
            let is_bulk = !["alert_confirm"].contains(&kind.as_str()) && kind.starts_with("alert_");
            assert!(
                mail.list().is_some() || !is_bulk,
                "{kind} cannot be unsubscribed from"
            );
        }
    }
}
