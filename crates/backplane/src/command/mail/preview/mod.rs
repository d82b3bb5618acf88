//! `backplane mail preview`: every kind of mail as files, written by the same code that writes the real ones.
//!
//! The people and postings are made up and live in a database that is thrown away. [`act_of`] knows for each kind what has to
//! be played; where one is not written by its act, nothing is shown and the command says which.

mod accounts;
mod alerts;
mod cast;
mod postings;
mod words;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ::mail::{EmailAddress, LinkKey, Mail, MailConfig, MailKind};
use anyhow::{Context as _, Result, bail};
use jiff::SignedDuration;
use store::{Clock as _, Db, DbOptions, Id, Random, SystemClock, Timestamp};
use tempfile::TempDir;

use crate::config::Config;
use cast::Cast;
use words::{WORDS, Words};

/// Mails that the made-up journey writes at most.
const MAILS: i64 = 1000;

/// A part of the made-up journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Accounts,
    Teams,
    Postings,
    Events,
    Alerts,
}

/// What writes mails of `kind`.
fn act_of(kind: MailKind) -> Act {
    match kind {
        MailKind::VerifyEmail
        | MailKind::AccountExists
        | MailKind::ResetPassword
        | MailKind::PasswordChanged
        | MailKind::NewSignIn
        | MailKind::SecondFactorOn
        | MailKind::SecondFactorOff
        | MailKind::PasskeyAdded
        | MailKind::PasskeyRemoved
        | MailKind::ProviderConnected
        | MailKind::ProviderDisconnected
        | MailKind::EmailChange => Act::Accounts,
        MailKind::Invitation
        | MailKind::DomainProof
        | MailKind::DomainLost
        | MailKind::OwnershipOffered
        | MailKind::OwnershipOfferMade
        | MailKind::OwnershipChanged => Act::Teams,
        MailKind::PostingEnds
        | MailKind::PostingReview
        | MailKind::PostingModerated
        | MailKind::WebhookDisabled => Act::Postings,
        MailKind::EventConfirm | MailKind::EventSeat | MailKind::EventNews => Act::Events,
        MailKind::AlertConfirm | MailKind::AlertInstant | MailKind::AlertDigest | MailKind::AlertKeep => {
            Act::Alerts
        }
    }
}

/// Where the made-up journey takes place.
struct Stage {
    db: Db,
    words: &'static Words,
    random: Arc<Random>,
    config: Arc<MailConfig>,
    links: Arc<LinkKey>,
    now: Cell<Timestamp>,
    /// Mails that are another form of their kind, and which.
    names: RefCell<BTreeMap<Id, &'static str>>,
    _dir: TempDir,
}

impl Stage {
    fn new(config: Arc<MailConfig>, words: &'static Words) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("backplane-preview-")
            .tempdir()
            .context("no temporary directory can be made")?;
        let db = Db::open(&DbOptions {
            pool_size: 1,
            ..DbOptions::new(format!("sqlite:{}", dir.path().join("preview.db").display()))
        })?;
        db.migrate()?;
        let random = Arc::new(Random::system());
        Ok(Self {
            links: Arc::new(LinkKey::random(&random)),
            db,
            words,
            random,
            config,
            now: Cell::new(SystemClock.now().minus(SignedDuration::from_hours(1))),
            names: RefCell::default(),
            _dir: dir,
        })
    }

    /// Two minutes after the last: an address gets one mail a minute that anybody can cause.
    fn now(&self) -> Timestamp {
        let now = self.now.get().plus(SignedDuration::from_mins(2));
        self.now.set(now);
        now
    }

    fn in_days(&self, days: i64) -> Timestamp {
        self.now.get().plus(SignedDuration::from_hours(24 * days))
    }

    /// The newest mail of `kind` to `address` is another form than most of its kind: `name` says which.
    fn name_last(&self, kind: MailKind, address: &EmailAddress, name: &'static str) -> Result<()> {
        let mail = self.last_mail(kind, address)?;
        self.names.borrow_mut().insert(mail.id, name);
        Ok(())
    }

    /// The newest mail of `kind` to `address`.
    fn last_mail(&self, kind: MailKind, address: &EmailAddress) -> Result<Mail> {
        let mails = self
            .db
            .read_blocking(|conn| ::mail::list_for_recipient(conn, address, MAILS))?;
        let mut mails = mails.into_iter().filter(|mail| mail.kind == kind.as_str());
        mails
            .next()
            .with_context(|| format!("no mail of the kind {kind} to {address}"))
    }

    /// The token in the newest mail of `kind` to `address`.
    fn last_token(&self, kind: MailKind, address: &EmailAddress) -> Result<String> {
        let mail = self.last_mail(kind, address)?;
        let (_, rest) = mail
            .text_body
            .split_once("token=")
            .with_context(|| format!("the mail {} has no token", mail.kind))?;
        let token = rest.split(|c: char| c.is_whitespace() || c == '&').next();
        Ok(token.unwrap_or_default().to_owned())
    }
}

/// Writes the mails of `kind`, or of every kind, into `dir`; with names and titles in `language`, or in each of them, which has
/// a directory of its own then.
pub(super) fn run(config: &Config, kind: Option<&str>, language: &str, dir: &Path) -> Result<()> {
    let kinds: Vec<MailKind> = match kind {
        None => MailKind::ALL.to_vec(),
        Some(word) => vec![word.parse().map_err(|_| {
            let words: Vec<&str> = MailKind::ALL.iter().map(|kind| kind.as_str()).collect();
            anyhow::anyhow!("{word} is no kind of mail; there are {}", words.join(", "))
        })?],
    };
    let mail_config = config.mail_config()?;
    if language == "all" {
        for words in WORDS {
            write(&mail_config, &kinds, words, &dir.join(words.language))?;
        }
    } else if let Some(words) = WORDS.iter().find(|words| words.language == language) {
        write(&mail_config, &kinds, words, dir)?;
    } else {
        let known: Vec<&str> = WORDS.iter().map(|words| words.language).collect();
        bail!(
            "there is nothing in {language}; there are all, {}",
            known.join(", ")
        );
    }
    println!("Written to {}: .eml, .html and .txt of each.", dir.display());
    Ok(())
}

fn write(config: &Arc<MailConfig>, kinds: &[MailKind], words: &'static Words, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let now = SystemClock.now();
    for (name, mut mail) in play(config.clone(), kinds, words)? {
        // Some were played in days to come.
        mail.created_at = now;
        let message = ::mail::render(&mail, config, now)?;
        for (ending, bytes) in [
            ("eml", message.bytes.as_slice()),
            ("html", mail.html_body.as_bytes()),
            ("txt", mail.text_body.as_bytes()),
        ] {
            let path = dir.join(format!("{name}.{ending}"));
            fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        println!("{name:<24} {}", mail.subject);
    }
    Ok(())
}

/// The mails of these kinds by name: of each kind the longest one, and of its other forms too.
fn play(
    config: Arc<MailConfig>,
    kinds: &[MailKind],
    words: &'static Words,
) -> Result<BTreeMap<String, Mail>> {
    let stage = Stage::new(config, words)?;
    let cast = cast::assemble(&stage)?;
    let acts: BTreeSet<Act> = kinds.iter().copied().map(act_of).collect();
    for act in acts {
        match act {
            Act::Accounts => accounts::write_mails(&stage, &cast)?,
            Act::Teams => accounts::write_team_mails(&stage, &cast)?,
            Act::Postings => postings::write_mails(&stage, &cast)?,
            Act::Events => postings::write_event_mails(&stage, &cast)?,
            Act::Alerts => alerts::write_mails(&stage, &cast)?,
        }
    }
    let mails = stage
        .db
        .read_blocking(|conn| ::mail::list_recent(conn, None, MAILS))?;
    let mut shown: BTreeMap<String, Mail> = BTreeMap::new();
    for mail in mails {
        if !kinds.iter().any(|kind| kind.as_str() == mail.kind) {
            continue;
        }
        let name = match stage.names.borrow().get(&mail.id) {
            Some(form) => format!("{}-{form}", mail.kind),
            None => mail.kind.clone(),
        };
        let known = shown.get(&name);
        if known.is_none_or(|known| known.html_body.len() < mail.html_body.len()) {
            shown.insert(name, mail);
        }
    }
    for kind in kinds {
        if !shown.contains_key(kind.as_str()) {
            bail!("the journey writes no mail of the kind {kind}");
        }
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Arc<MailConfig> {
        let config = Config::from_text("test", "[server]\npublic_url = \"https://board.example\"\n").unwrap();
        config.mail_config().unwrap()
    }

    #[test]
    fn every_kind_of_mail_is_shown_without_anything_from_elsewhere() {
        let config = config();
        let mails = play(Arc::clone(&config), MailKind::ALL, &WORDS[0]).unwrap();
        let forms = [
            "email_change-new",
            "posting_review-rejected",
            "event_seat-waiting",
            "event_news-cancelled",
            "alert_instant-changes",
            "alert_digest-changes",
        ];
        for form in forms {
            assert!(
                mails.contains_key(form),
                "{form} is missing among {:?}",
                mails.keys()
            );
        }
        assert_eq!(mails.len(), MailKind::ALL.len() + forms.len());
        for (name, mail) in &mails {
            let html = mail.html_body.to_lowercase();
            for foreign in ["<img", "<script", "@import", "url(", "<link", "<iframe", "src="] {
                assert!(!html.contains(foreign), "{name} has {foreign}");
            }
            let ours = |url: &str| url.starts_with("https://board.example");
            let links = mail.html_body.split("href=\"").skip(1);
            for link in links.filter_map(|rest| rest.split('"').next()) {
                assert!(ours(link), "{name} leads to {link}");
            }
            let bytes = ::mail::render(mail, &config, mail.created_at).unwrap().bytes;
            assert!(
                bytes.len() < 102_000,
                "{name} has {} bytes: Gmail would cut it",
                bytes.len()
            );
            let bulk = ["alert_instant", "alert_digest", "alert_keep"];
            assert_eq!(
                mail.list().is_some(),
                bulk.contains(&mail.kind.as_str()),
                "{name}"
            );
        }
    }

    #[test]
    fn names_and_titles_of_any_script_come_through() {
        for words in WORDS {
            let mails = play(config(), &[MailKind::PostingReview, MailKind::EventNews], words).unwrap();
            let refused = &mails["posting_review-rejected"];
            assert!(refused.subject.ends_with(words.title), "{}", refused.subject);
            assert!(refused.text_body.contains(words.reason), "{}", refused.text_body);
            assert!(mails["event_news"].text_body.contains(words.place));
        }
    }
}
