//! Facts about settings.

use std::ffi::OsString;
use std::path::Path;

use super::show::redacted;
use super::{Config, ConfigError, Layers, LogFormat};

fn layers(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Layers, ConfigError> {
    let variables = environment
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Layers::merge(file.map(|text| (Path::new("my.toml"), text)), variables)
}

fn config(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Config, String> {
    layers(file, environment)
        .and_then(|layers| Config::from_layers(&layers))
        .map_err(|error| error.to_string())
}

fn refusal(file: Option<&str>, environment: &[(&str, &str)]) -> String {
    config(file, environment).err().unwrap()
}

#[test]
fn the_defaults_need_nothing_installed() {
    let config = config(None, &[]).unwrap();
    assert_eq!(config.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.database_url, "sqlite:./data/backplane.db");
    assert!(matches!(&config.transport, mail::Transport::File(dir) if dir == Path::new("./data/mail")));
    assert!(config.limits.enabled);
    assert_eq!(config.log_format, LogFormat::Text);
    config.mail_config().unwrap();
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "data_dir = \"/srv/board\"\n[server]\nbind = \"127.0.0.1:1\"\nworkers = 3\n";
    let config = config(
        Some(file),
        &[("BACKPLANE_SERVER__BIND", "0.0.0.0:2"), ("HOME", "/x")],
    )
    .unwrap();
    assert_eq!((config.bind.port(), config.workers), (2, 3));
    assert_eq!(config.public_url, "http://localhost:2");
    assert_eq!(
        config.sqlite_path().unwrap(),
        Path::new("/srv/board/backplane.db")
    );
}

#[test]
fn a_variable_keeps_the_kind_of_its_setting() {
    let environment = [
        ("BACKPLANE_MAIL__POSTAL_ADDRESS", "12345"),
        ("BACKPLANE_LIMITS__ENABLED", "false"),
        ("BACKPLANE_DATABASE__POOL_SIZE", "3"),
        ("BACKPLANE_LOG__FORMAT", "json"),
        ("BACKPLANE_TEST_POSTGRES_URL", "postgres:///x"),
    ];
    let config = config(None, &environment).unwrap();
    assert_eq!(config.mail_config().unwrap().postal_address, "12345");
    assert_eq!((config.limits.enabled, config.pool_size), (false, 3));
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn an_unknown_key_is_refused_with_its_origin_and_the_nearest_one() {
    assert_eq!(
        refusal(Some("[server]\nbnd = \"x\"\n"), &[]),
        "server.bnd (my.toml) is not a setting; did you mean server.bind?"
    );
    assert_eq!(
        refusal(None, &[("BACKPLANE_PUBLIC_URL", "x")]),
        "public_url (BACKPLANE_PUBLIC_URL) is not a setting; did you mean server.public_url?"
    );
    assert_eq!(
        refusal(Some("log = 5"), &[]),
        "log (my.toml) is not a setting but a section: it takes filter, format"
    );
}

#[test]
fn a_wrong_value_is_refused_in_a_sentence() {
    assert_eq!(
        refusal(None, &[("BACKPLANE_LIMITS__ENABLED", "maybe")]),
        "limits.enabled (BACKPLANE_LIMITS__ENABLED) must be true or false"
    );
    assert_eq!(
        refusal(Some("[server]\nbind = 8080\n"), &[]),
        "server.bind (my.toml) is signed int `8080`, but should be a string"
    );
    assert_eq!(
        refusal(None, &[("BACKPLANE_SERVER__BIND", "localhost")]),
        "server.bind (BACKPLANE_SERVER__BIND) must be an IP address and a port, such as 127.0.0.1:8080"
    );
    assert!(
        refusal(None, &[("BACKPLANE_LOG__FORMAT", "xml")])
            .starts_with("log.format (BACKPLANE_LOG__FORMAT) is wrong")
    );
    assert!(refusal(Some("= 1"), &[]).starts_with("my.toml is not valid TOML"));
    assert!(refusal(None, &[("BACKPLANE_DATABASE__URL", "mysql://h/x")]).contains("must be sqlite:PATH"));
}

#[test]
fn mail_by_smtp_needs_what_the_law_asks_for() {
    let environment = [("BACKPLANE_MAIL__URL", "smtp://user:secret@relay.example:587")];
    let config = config(None, &environment).unwrap();
    let error = config.mail_config().unwrap_err().to_string();
    assert!(error.contains("mail.postal_address"), "{error}");
}

#[test]
fn secrets_are_never_shown() {
    let environment = [
        (
            "BACKPLANE_MAIL__URL",
            "smtp://user:s3cret@relay.example:587?tls=required",
        ),
        (
            "BACKPLANE_DATABASE__URL",
            "postgres://u:p%40ss@h/db?sslmode=require&password=other",
        ),
    ];
    let shown = layers(None, &environment).unwrap().show();
    assert!(
        !shown.contains("s3cret") && !shown.contains("p%40ss") && !shown.contains("other"),
        "{shown}"
    );
    assert!(
        shown
            .contains("mail.url = \"smtp://user:***@relay.example:587?tls=required\"  # BACKPLANE_MAIL__URL")
    );
    assert!(shown.contains("server.workers = 0  # default"));
    assert_eq!(redacted("postgres:///db?host=/tmp"), "postgres:///db?host=/tmp");
}

#[test]
fn settings_of_delivery_are_checked_before_anything_starts() {
    for (variable, value, complaint) in [
        ("BACKPLANE_MAIL__CONNECTIONS", "0", "mail.connections"),
        ("BACKPLANE_MAIL__UNCONFIRMED", "0", "mail.unconfirmed"),
        (
            "BACKPLANE_MAIL__UNCONFIRMED_WAIT_MS",
            "0",
            "mail.unconfirmed_wait_ms",
        ),
        (
            "BACKPLANE_MAIL__DOMAINS",
            "example.com",
            "mail.domains must read like",
        ),
        ("BACKPLANE_MAIL__RETRY_AFTER_S", "5, 1", "mail.retry_after_s"),
        ("BACKPLANE_MAIL__REPORT_TOKEN", "short", "at least 24 characters"),
        ("BACKPLANE_MAIL__RETURN_PATH", "nobody", "is not an address"),
        (
            "BACKPLANE_MAIL__RETURN_PATH",
            "a-name-much-too-long@board.example",
            "at most 18 characters",
        ),
        (
            "BACKPLANE_MAIL__URL",
            "smtp://relay.example?tls=maybe",
            "mail.url",
        ),
    ] {
        let error = refusal(None, &[(variable, value)]);
        assert!(error.contains(complaint), "{variable}={value}: {error}");
    }
    let smtp = ("BACKPLANE_MAIL__URL", "smtps://relay.example");
    let error = refusal(None, &[smtp, ("BACKPLANE_MAIL__CA_FILE", "missing.pem")]);
    assert!(error.contains("mail.ca_file"), "{error}");
}

#[test]
fn undeliverable_mail_returns_to_the_sender_unless_said_otherwise() {
    let links = std::sync::Arc::new(mail::LinkKey::random(&store::Random::seeded(1)));
    let has_path =
        |environment: &[(&str, &str)]| config(None, environment).unwrap().return_path(&links).is_some();
    assert!(has_path(&[]));
    assert!(has_path(&[(
        "BACKPLANE_MAIL__RETURN_PATH",
        "bounces@board.example"
    )]));
    assert!(!has_path(&[("BACKPLANE_MAIL__RETURN_PATH", "none")]));
    let long = ("BACKPLANE_MAIL__FROM", "a-name-much-too-long@board.example");
    assert!(
        !has_path(&[long]),
        "there is no room for a token, and mail leaves all the same"
    );
}

#[test]
fn a_second_key_needs_a_first_one_of_another_name() {
    let of = |environment: &[(&str, &str)]| {
        let config = config(None, environment).unwrap();
        config.mail_config().map(|_| ()).unwrap_err().to_string()
    };
    let second = [
        ("BACKPLANE_MAIL__DKIM__SECOND_SELECTOR", "s1"),
        ("BACKPLANE_MAIL__DKIM__SECOND_KEY_FILE", "x.pem"),
    ];
    assert!(of(&second).contains("need each other, and a first key"));
    let mut both = second.to_vec();
    both.extend([
        ("BACKPLANE_MAIL__DKIM__SELECTOR", "s1"),
        ("BACKPLANE_MAIL__DKIM__DOMAIN", "backplane.example"),
        ("BACKPLANE_MAIL__DKIM__KEY_FILE", "y.pem"),
    ]);
    assert!(of(&both).contains("must differ"));
}

#[test]
fn what_keeps_mail_from_reaching_anybody_is_said() {
    let warning = |environment: &[(&str, &str)]| config(None, environment).unwrap().mail_warning();
    assert_eq!(warning(&[]), None, "files are right on one's own machine");
    let public = ("BACKPLANE_SERVER__PUBLIC_URL", "https://board.dev");
    assert!(warning(&[public]).unwrap().contains("reaches nobody"));
    let smtp = ("BACKPLANE_MAIL__URL", "smtp://relay.board.dev");
    assert!(
        warning(&[public, smtp])
            .unwrap()
            .contains("receivers will refuse")
    );
    let from = ("BACKPLANE_MAIL__FROM", "board@board.dev");
    assert!(warning(&[public, smtp, from]).unwrap().contains("not signed"));
    assert_eq!(
        warning(&[public, smtp, from, ("BACKPLANE_MAIL__DKIM__SELECTOR", "s1")]),
        None
    );
}

#[test]
fn the_token_for_reports_is_never_shown() {
    let token = ("BACKPLANE_MAIL__REPORT_TOKEN", "a secret of twenty-four bytes");
    let shown = layers(None, &[token]).unwrap().show();
    assert!(shown.contains("mail.report_token = \"***\"") && !shown.contains("twenty-four"));
}

#[test]
fn every_identity_provider_has_a_section_of_its_own() {
    let text = "[server]\npublic_url = \"https://board.example\"\n[oidc.acme]\nissuer = \"https://login.acme.example\"\nclient_id = \"board\"\n";
    let providers = config(
        Some(text),
        &[(
            "BACKPLANE_OIDC__ACME__EMAIL_DOMAINS",
            "Acme.example, acme.co.example",
        )],
    )
    .unwrap()
    .identity_providers()
    .unwrap();
    let all: Vec<_> = providers.settings().cloned().collect();
    assert_eq!(all.len(), 1, "the pattern is none");
    assert_eq!((all[0].name.as_str(), all[0].title.as_str()), ("acme", "acme"));
    assert_eq!(all[0].redirect_url, "https://board.example/sign-in/acme");
    assert_eq!(all[0].scopes, ["openid", "email", "profile"]);
    assert_eq!(all[0].email_domains, ["acme.example", "acme.co.example"]);
    assert!(
        config(None, &[])
            .unwrap()
            .identity_providers()
            .unwrap()
            .settings()
            .next()
            .is_none()
    );
    for (addition, complaint) in [
        (
            "issuer = \"http://login.acme.example\"",
            "oidc.acme.issuer (my.toml) must be",
        ),
        (
            "isuer = \"https://login.acme.example\"",
            "oidc.acme.isuer (my.toml) is not a setting; did you mean oidc.NAME.issuer?",
        ),
        (
            "issuer = \"https://login.acme.example\"",
            "oidc.acme.client_id (default) must be set",
        ),
        (
            "issuer = \"https://login.acme.example\"\nclient_id = \"b\"\nscopes = \"email\"",
            "must contain openid",
        ),
    ] {
        let error = refusal(Some(&format!("[oidc.acme]\n{addition}\n")), &[]);
        assert!(error.contains(complaint), "{error}");
    }
    let missing = format!("{text}client_secret_file = \"nowhere/secret\"\n");
    let error = config(Some(&missing), &[])
        .unwrap()
        .identity_providers()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the secret of oidc.acme in nowhere/secret cannot be read"),
        "{error}"
    );
    let shown = layers(Some(text), &[]).unwrap().show();
    assert!(
        shown.contains("oidc.acme.client_id = \"board\"  # my.toml"),
        "{shown}"
    );
    assert!(!shown.contains("NAME"), "{shown}");
}
