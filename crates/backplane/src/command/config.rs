//! `backplane config`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use mail::Transport;
use store::{Db, DbOptions, pending_migrations};

use crate::cli::{ConfigCommand, OwnFile};
use crate::config::{Config, Layers};
use crate::wiring;

/// Looks at the settings; changes nothing.
pub(super) fn run(file: Option<&Path>, command: &ConfigCommand) -> Result<ExitCode> {
    match command {
        ConfigCommand::Show => {
            let layers = Layers::read(file)?;
            let shown = layers.show();
            std::io::stdout().lock().write_all(shown.as_bytes())?;
            Config::from_layers(&layers)?;
        }
        ConfigCommand::Check => check(&Config::load(file)?)?,
        ConfigCommand::Data { which } => {
            let text = match which {
                OwnFile::Taxonomy => taxonomy::Taxonomy::bundled_toml(),
                OwnFile::PayTransparency => taxonomy::PayLaw::bundled_toml(),
            };
            std::io::stdout().lock().write_all(text.as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check(config: &Config) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mail = config.mail_config()?;
    config.read_own_data()?;
    writeln!(out, "settings: every key is known and every value fits")?;
    if !config.data_override.as_os_str().is_empty() {
        writeln!(out, "data:     {} can be read", config.data_override.display())?;
    }
    writeln!(out, "address:  {} as {}", config.bind, config.public_url)?;
    writeln!(out, "database: {}", database(config)?)?;
    match &config.transport {
        Transport::File(dir) => writeln!(out, "mail:     files in {}", dir.display())?,
        Transport::Smtp(relay) => writeln!(out, "mail:     {relay:?}")?,
        Transport::Memory(_) => {}
    }
    for provider in config.identity_providers()?.settings() {
        let (name, issuer) = (&provider.name, &provider.issuer);
        writeln!(
            out,
            "sign-in:  {name} by {issuer}, which returns to {}",
            provider.redirect_url
        )?;
    }
    for key in &mail.dkim {
        writeln!(out, "dkim:     publish this TXT record at {}:", key.dns_name())?;
        writeln!(out, "          {}", key.dns_record())?;
    }
    if let Some(warning) = config.mail_warning() {
        writeln!(out, "warning:  {warning}")?;
    }
    let dangers = config.dangers();
    for danger in &dangers {
        writeln!(out, "unsafe:   {danger}")?;
    }
    if !dangers.is_empty() {
        bail!(
            "these settings are not safe where the world can reach them: {} of them",
            dangers.len()
        );
    }
    Ok(())
}

/// Connects to the database and says how it is; a SQLite database that does not exist yet is not made.
fn database(config: &Config) -> Result<String> {
    if let Some(path) = config.sqlite_path().filter(|path| !path.exists()) {
        return Ok(format!("SQLite in {}, which will be made", path.display()));
    }
    let options = DbOptions {
        pool_size: 1,
        ..wiring::db_options(config)
    };
    let db = Db::open(&options).context("the database cannot be opened")?;
    let missing = db.read_blocking(pending_migrations)?.0;
    let kind = config.sqlite_path().map_or_else(
        || "PostgreSQL".to_owned(),
        |path| format!("SQLite in {}", path.display()),
    );
    Ok(match missing.len() {
        0 => format!("{kind}, up to date"),
        count => format!("{kind}, {count} steps behind; the next start takes them"),
    })
}
