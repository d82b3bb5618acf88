//! What must not be so where the world can reach the program.

use std::net::IpAddr;
use std::path::Path;

use mail::{Tls, Transport};
use postings::outward::Reach;
use url::{Host, Url};

use super::Config;

impl Config {
    /// Every setting that is unsafe in production, in words that begin with its key; empty on one's own machine.
    ///
    /// It is production when the program listens to other machines, or is reached under a name that is not this machine's.
    pub(crate) fn dangers(&self) -> Vec<String> {
        let public_url = Url::parse(&self.public_url).ok();
        let host = public_url.as_ref().and_then(Url::host);
        let is_home = self.bind.ip().is_loopback() && host.as_ref().is_none_or(is_this_machine);
        if is_home {
            return Vec::new();
        }
        let mut dangers = Vec::new();
        let mut refuse = |is_unsafe: bool, words: &str| {
            if is_unsafe {
                dangers.push(words.to_owned());
            }
        };
        refuse(
            !self.public_url.starts_with("https://"),
            "server.public_url is not https://: passwords and tokens would cross the network in the clear",
        );
        refuse(
            host.as_ref().is_none_or(is_this_machine),
            "server.public_url names this machine: links in mails would lead readers to their own",
        );
        refuse(
            !self.limits.enabled,
            "limits.enabled is false: passwords could be guessed and mailboxes flooded without end",
        );
        refuse(
            self.limits.body_bytes > LARGEST_BODY,
            "limits.body_bytes is more than 16 MiB: a few requests would fill the memory",
        );
        refuse(
            self.limits.import_bytes > LARGEST_IMPORT,
            "limits.import_bytes is more than 1 GiB: a few imports would fill the memory",
        );
        refuse(
            self.webhook_reach == Reach::Local,
            "webhooks.allow_local is true: every employer could send requests into this network",
        );
        refuse(
            self.boards.as_ref().is_some_and(|boards| boards.allow_local),
            "boards.allow_local is true: imports could ask servers in this network",
        );
        refuse(
            self.edge
                .trusted_proxies
                .iter()
                .any(|network| is_wide(network.network(), network.prefix_len())),
            "server.trusted_proxies holds a network of the public internet wider than /8 (IPv4) or /16 (IPv6): strangers could choose their own address",
        );
        refuse(
            self.edge
                .cors_origins
                .iter()
                .any(|origin| origin.starts_with("http://")),
            "server.cors_origins holds an http:// origin: whoever is on its network could read answers",
        );
        refuse(
            ["debug", "trace"]
                .iter()
                .any(|level| self.log_filter.to_lowercase().contains(level)),
            "log.filter lets debug or trace through: what other libraries write there is not looked after",
        );
        refuse(
            matches!(&self.transport, Transport::Smtp(relay) if !relay.is_local() && relay.tls != Tls::Implicit && relay.tls != Tls::Required),
            "mail.url does without TLS: mailed links would cross the network in the clear",
        );
        refuse(
            is_database_in_the_clear(&self.database_url),
            "database.url leads to another machine without sslmode=require, verify-ca or verify-full",
        );
        refuse(
            self.notify_url
                .as_ref()
                .is_some_and(|url| *url != self.database_url && is_database_in_the_clear(url)),
            "database.notify_url leads to another machine without sslmode=require, verify-ca or verify-full",
        );
        for provider in self.oidc.iter().filter(|provider| provider.is_in_the_clear()) {
            refuse(
                true,
                &format!(
                    "oidc.{}.issuer is not https://: who signs in there could be anybody",
                    provider.name()
                ),
            );
        }
        for path in self.secret_files() {
            refuse(
                is_readable_by_others(&path),
                &format!(
                    "{} can be read by every user of this machine: chmod 600 it",
                    path.display()
                ),
            );
        }
        dangers
    }

    /// Keys that are named by settings. Those in the data directory get their mode when they are read.
    fn secret_files(&self) -> Vec<std::path::PathBuf> {
        let dkim = [&self.dkim.key_file, &self.dkim.second_key_file];
        let of_providers = self.oidc.iter().filter_map(super::oidc::Named::secret_file);
        dkim.into_iter()
            .map(std::path::PathBuf::as_path)
            .filter(|path| !path.as_os_str().is_empty())
            .chain(of_providers)
            .map(Path::to_owned)
            .collect()
    }
}

/// The largest JSON body that a public server should take, in bytes.
const LARGEST_BODY: usize = 16 << 20;
/// The largest import that a public server should take, in bytes.
const LARGEST_IMPORT: usize = 1 << 30;

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => ip.is_loopback() || ip.is_unspecified(),
        Host::Ipv6(ip) => ip.is_loopback() || ip.is_unspecified(),
    }
}

/// Whether a network reaches far into the public internet.
fn is_wide(network: IpAddr, prefix: u8) -> bool {
    let widest = if network.is_ipv4() { 8 } else { 16 };
    let is_inside = match network {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        // Unique local addresses (RFC 4193).
        IpAddr::V6(ip) => ip
            .segments()
            .first()
            .is_some_and(|first| first & 0xfe00 == 0xfc00),
    };
    prefix < widest || (prefix == widest && !is_inside)
}

/// Whether the way to a PostgreSQL on another machine may do without TLS.
fn is_database_in_the_clear(text: &str) -> bool {
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return false;
    }
    let Ok(url) = Url::parse(text) else {
        // Several servers with their ports are no URL to anybody but PostgreSQL.
        return !["require", "verify-ca", "verify-full"]
            .iter()
            .any(|mode| text.contains(&format!("sslmode={mode}")));
    };
    let of = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    // No host, or a path as host, is a socket of this machine.
    let named = url.host_str().map(str::to_owned).filter(|host| !host.is_empty());
    let host = named.or_else(|| of("host")).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    let is_near = host.is_empty()
        || host.starts_with('/')
        || host.starts_with("%2F")
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let mode = of("sslmode").unwrap_or_default();
    !is_near && !["require", "verify-ca", "verify-full"].contains(&mode.as_str())
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Settings with which nothing is wrong in production.
    const SAFE: &str = "[server]\nbind = \"0.0.0.0:8080\"\npublic_url = \"https://board.dev\"\n";

    fn dangers(text: &str) -> Vec<String> {
        Config::from_text("my.toml", text).unwrap().dangers()
    }

    /// The one danger of safe settings with `more`.
    fn danger(more: &str) -> String {
        let mut text = String::new();
        let (server, rest): (Vec<&str>, Vec<&str>) =
            more.lines().partition(|line| line.starts_with("server."));
        _ = write!(text, "{SAFE}");
        for line in server {
            let (key, value) = line.trim_start_matches("server.").split_once(" = ").unwrap();
            let kept = text
                .lines()
                .filter(|old| !old.starts_with(&format!("{key} =")))
                .collect::<Vec<_>>();
            text = format!("{}\n{key} = {value}\n", kept.join("\n"));
        }
        let text = format!("{text}{}\n", rest.join("\n"));
        let found = dangers(&text);
        assert_eq!(found.len(), 1, "{text}\n{found:?}");
        found[0].clone()
    }

    #[test]
    fn nothing_is_dangerous_on_ones_own_machine_and_with_safe_settings() {
        assert_eq!(dangers(""), Vec::<String>::new());
        assert_eq!(
            dangers("[limits]\nenabled = false\n[webhooks]\nallow_local = true\n"),
            Vec::<String>::new()
        );
        assert_eq!(dangers(SAFE), Vec::<String>::new());
        let proxied = "[server]\npublic_url = \"https://board.dev\"\ntrusted_proxies = \"127.0.0.1, 10.0.0.0/8, 203.0.113.0/24\"\n";
        assert_eq!(dangers(proxied), Vec::<String>::new());
        for url in [
            "postgres:///board",
            "postgres://u:p@localhost/board",
            "postgres://u:p@127.0.0.1:5432/board",
            "postgres://u:p@[::1]/board",
            "postgres://u@%2Fvar%2Frun%2Fpostgresql/board",
            "postgres:///board?host=/run/postgresql",
            "postgres://u:p@db.board.dev/board?sslmode=verify-full",
            "postgres://u@db1.board.dev:5432,db2.board.dev:5432/board?sslmode=verify-full",
        ] {
            let text = format!("{SAFE}[database]\nurl = \"{url}\"\n");
            assert_eq!(dangers(&text), Vec::<String>::new(), "{url}");
        }
    }

    #[test]
    fn every_unsafe_setting_is_refused_in_production() {
        for (more, key) in [
            (
                "server.public_url = \"http://board.dev\"",
                "server.public_url is not https",
            ),
            (
                "server.public_url = \"https://localhost\"",
                "server.public_url names this machine",
            ),
            (
                "server.public_url = \"https://127.0.0.1\"",
                "server.public_url names this machine",
            ),
            (
                "server.trusted_proxies = \"128.0.0.0/1\"",
                "server.trusted_proxies",
            ),
            ("server.trusted_proxies = \"8.0.0.0/8\"", "server.trusted_proxies"),
            ("server.trusted_proxies = \"2000::/3\"", "server.trusted_proxies"),
            (
                "server.cors_origins = \"https://a.dev, http://b.dev\"",
                "server.cors_origins",
            ),
            ("[limits]\nenabled = false", "limits.enabled"),
            ("[limits]\nbody_bytes = 100000000", "limits.body_bytes"),
            ("[limits]\nimport_bytes = 10000000000", "limits.import_bytes"),
            ("[webhooks]\nallow_local = true", "webhooks.allow_local"),
            ("[boards]\nallow_local = true", "boards.allow_local"),
            ("[log]\nfilter = \"info,h2=TRACE\"", "log.filter"),
            ("[log]\nfilter = \"debug\"", "log.filter"),
            (
                "[database]\nurl = \"postgres://u:p@db.board.dev/board\"",
                "database.url",
            ),
            (
                "[database]\nurl = \"postgres://u:p@10.0.0.5/board?sslmode=prefer\"",
                "database.url",
            ),
            (
                "[database]\nurl = \"postgres:///board?host=db.board.dev\"",
                "database.url",
            ),
            (
                "[database]\nurl = \"postgres://u@db1.board.dev:5432,db2.board.dev:5432/board?connect_timeout=3\"",
                "database.url",
            ),
            (
                "[database]\nurl = \"postgres://u@localhost:6432/board\"\npooler = true\nnotify_url = \"postgres://u@db.board.dev/board\"",
                "database.notify_url",
            ),
            (
                "[oidc.acme]\nissuer = \"http://login.acme.dev\"\nclient_id = \"board\"\nallow_local = true",
                "oidc.acme.issuer",
            ),
            (
                "[mail]\nurl = \"smtp://relay.board.dev?tls=none\"\npostal_address = \"1 Main Street\"",
                "mail.url",
            ),
            (
                "[mail]\nurl = \"smtp://relay.board.dev?tls=when-offered\"\npostal_address = \"1 Main Street\"",
                "mail.url",
            ),
        ] {
            assert!(danger(more).starts_with(key), "{more}: {}", danger(more));
        }
        // All at once: each is said.
        let all = dangers(
            "[server]\nbind = \"0.0.0.0:1\"\n[limits]\nenabled = false\n[boards]\nallow_local = true\n",
        );
        assert_eq!(all.len(), 4, "{all:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_everybody_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("dkim.pem");
        std::fs::write(&key, "x").unwrap();
        let more = format!(
            "[mail.dkim]\nselector = \"s\"\ndomain = \"board.dev\"\nkey_file = \"{}\"",
            key.display()
        );
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(danger(&more).contains("chmod 600"));
        let secret = format!(
            "[oidc.acme]\nissuer = \"https://login.acme.dev\"\nclient_id = \"board\"\nclient_secret_file = \"{}\"",
            key.display()
        );
        assert!(danger(&secret).contains("chmod 600"));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(dangers(&format!("{SAFE}{more}\n")), Vec::<String>::new());
    }
}
