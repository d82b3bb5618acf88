//! What the program talks to: database, index, mail, itself.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use mail::{SmtpConfig, Tls, Transport};
use search::{Found, Index};
use store::revision::{self, Counter};
use store::{Db, DbOptions, pending_migrations};

use super::Chart;
use crate::command::healthcheck;
use crate::config::Config;
use crate::wiring;

/// How long anybody may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn address(config: &Config, chart: &mut Chart) {
    for danger in config.dangers() {
        chart.fail(
            "settings",
            danger,
            "backplane config check says what else is unsafe",
        );
    }
    let url = &config.public_url;
    if url.starts_with("https://") {
        chart.ok("address", format!("{} as {url}", config.bind));
    } else {
        let advice = "put a proxy that speaks TLS in front and set server.public_url to https://…, before the world can reach it";
        chart.warn(
            "address",
            format!("{} as {url}: links in mails lead there", config.bind),
            advice,
        );
    }
    match (wiring::server_of(config), healthcheck::ask(config, "/readyz")) {
        (_, Ok(200)) => chart.ok("server", "it runs and is ready"),
        (_, Ok(status)) => chart.warn(
            "server",
            format!("it runs and is not ready ({status})"),
            format!(
                "curl http://{}/readyz says what it waits for",
                healthcheck::reachable(config.bind)
            ),
        ),
        (Some(process), Err(error)) => chart.fail(
            "server",
            format!("process {process} has the data directory and does not answer: {error:#}"),
            "look into its log; journalctl -u backplane -n 100",
        ),
        (None, Err(_)) => chart.warn(
            "server",
            "it does not run",
            "systemctl start backplane, or backplane serve",
        ),
    }
}

pub(super) fn database(config: &Config, chart: &mut Chart) -> Option<Db> {
    if let Some(path) = config.sqlite_path().filter(|path| !path.exists()) {
        chart.warn(
            "database",
            format!("SQLite in {} does not exist yet", path.display()),
            "the first start makes it",
        );
        return None;
    }
    let options = DbOptions {
        pool_size: 1,
        acquire_timeout: PATIENCE,
        ..wiring::db_options(config)
    };
    let db = match Db::open(&options) {
        Ok(db) => db,
        Err(error) => {
            let advice = "is the server up, and are address, user and password in database.url right? psql \"$URL\" -c 'SELECT 1'";
            chart.fail("database", error.to_string(), advice);
            return None;
        }
    };
    let kind = config.sqlite_path().map_or_else(
        || "PostgreSQL".to_owned(),
        |path| format!("SQLite in {}", path.display()),
    );
    match db.read_blocking(pending_migrations) {
        Ok(missing) if missing.0.is_empty() => chart.ok("database", format!("{kind}, up to date")),
        Ok(missing) => {
            let count = missing.0.len();
            chart.warn(
                "database",
                format!("{kind}, {count} steps behind"),
                "the next start takes them; make a backup first",
            );
            return None;
        }
        Err(error) => {
            chart.fail(
                "database",
                error.to_string(),
                "the schema cannot be read: restore the last backup",
            );
            return None;
        }
    }
    match db.read_blocking(store::server_settings) {
        Ok(found) => {
            for (what, is_well, advice) in found {
                if is_well {
                    chart.ok("database", what);
                } else {
                    chart.warn("database", what, advice);
                }
            }
        }
        Err(error) => chart.warn("database", format!("its settings cannot be read: {error}"), ""),
    }
    match wiring::keys_agree(&db, config) {
        Ok(true) => {}
        Ok(false) => chart.fail(
            "keys",
            "they are not those that this database was used with",
            "copy the directory keys from another node or from the backup; after exchanging keys on purpose: backplane admin accept-keys",
        ),
        Err(error) => chart.warn("keys", format!("{error:#}"), ""),
    }
    Some(db)
}

pub(super) fn index(config: &Config, db: Option<&Db>, chart: &mut Chart) {
    let latest = db.and_then(|db| {
        db.read_blocking(|conn| revision::latest(conn, Counter::Postings))
            .ok()
    });
    match Index::look(&config.index_dir()) {
        Ok(Found::Index { cursor, postings }) => match latest {
            Some(latest) if latest < cursor => chart.warn(
                "index",
                format!("it is ahead of the database ({cursor} > {latest}), which was restored to an earlier state"),
                "the server builds it anew by itself",
            ),
            Some(latest) if latest > cursor => chart.warn(
                "index",
                format!("{postings} postings, {} changes behind", latest - cursor),
                "a running server takes them in by itself; if not, look into its log for \"a background pass failed\"",
            ),
            _ => chart.ok("index", format!("{postings} postings at revision {cursor}")),
        },
        Ok(Found::Nothing) => chart.ok("index", "none yet; the next start builds it"),
        Ok(Found::OtherVersion(_)) => chart.ok("index", "of another version; the server builds another while it answers"),
        Ok(Found::Damaged(detail)) => {
            chart.warn("index", format!("damaged: {detail}"), "restart the server, which builds it anew; or backplane reindex");
        }
        Err(error) => chart.fail("index", error.to_string(), "the user that runs the server must own the directory index"),
    }
}

pub(super) fn mail(config: &Config, chart: &mut Chart) {
    let settings = match config.mail_config() {
        Ok(settings) => settings,
        Err(error) => {
            chart.fail("mail", error.to_string(), "correct the settings under mail");
            return;
        }
    };
    match &config.transport {
        Transport::File(dir) => chart.warn(
            "mail",
            format!("it is written to files in {} and reaches nobody", dir.display()),
            "set mail.url to smtp://…",
        ),
        Transport::Smtp(relay) => match greeting(relay) {
            Ok(words) => chart.ok("mail", format!("{}:{} answers {words}", relay.host, relay.port)),
            Err(error) => chart.fail(
                "mail",
                format!("{}:{} does not answer: {error}", relay.host, relay.port),
                "mails wait in the outbox and leave by themselves when it does; is mail.url right, and may this machine connect there?",
            ),
        },
        Transport::Memory(_) => {}
    }
    for key in &settings.dkim {
        let found = format!("mails are signed; {} must hold the key", key.dns_name());
        let advice = format!(
            "dig +short TXT {} must print \"{}\" (in pieces of up to 255 characters)",
            key.dns_name(),
            key.dns_record()
        );
        chart.note(super::Level::Ok, "dkim", found, advice);
    }
    if let (Some(warning), Transport::Smtp(_)) = (config.mail_warning(), &config.transport) {
        chart.warn("mail", warning, "docs/MAIL.md says how");
    }
}

/// The first line that the relay says; nothing when it wants to speak TLS first.
fn greeting(relay: &SmtpConfig) -> std::io::Result<String> {
    let host = relay.host.trim_matches(['[', ']']);
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name leads nowhere");
    for address in (host, relay.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) if relay.tls == Tls::Implicit => {
                drop(stream);
                return Ok("by TLS".to_owned());
            }
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                let mut line = String::new();
                BufReader::new(stream).read_line(&mut line)?;
                let line = line.trim_end().to_owned();
                if line.starts_with("220") {
                    return Ok(line);
                }
                last = std::io::Error::new(std::io::ErrorKind::InvalidData, format!("it says {line:?}"));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
