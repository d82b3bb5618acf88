//! `backplane mail dkim`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use mail::{DkimAlgorithm, DkimKey, keyfile};

use crate::cli::{DkimCommand, KeyKind};
use crate::config::Config;
use crate::wiring::prepare_data_dir;

/// Makes or shows keys.
pub(super) fn run(config: &Config, command: DkimCommand) -> Result<()> {
    match command {
        DkimCommand::Generate {
            selector,
            domain,
            algorithm,
            out,
        } => generate(config, &selector, domain, algorithm, out),
        DkimCommand::Show => show(config),
    }
}

fn generate(
    config: &Config,
    selector: &str,
    domain: Option<String>,
    algorithm: KeyKind,
    out: Option<PathBuf>,
) -> Result<()> {
    let domain = domain.unwrap_or_else(|| config.mail_domain().to_owned());
    let algorithm = match algorithm {
        KeyKind::Rsa => DkimAlgorithm::Rsa,
        KeyKind::Ed25519 => DkimAlgorithm::Ed25519,
    };
    let (key, pem) = DkimKey::generate(selector, &domain, algorithm)?;
    let path = if let Some(path) = out {
        path
    } else {
        let keys = config.data_dir.join("keys");
        prepare_data_dir(&config.data_dir)?;
        prepare_data_dir(&keys)?;
        keys.join(format!("dkim-{selector}.pem"))
    };
    match keyfile::create(&path, pem.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!(
                "{} exists already, and a key is never written over",
                path.display()
            )
        }
        outcome => outcome.with_context(|| format!("{} cannot be written", path.display()))?,
    }
    let mut text = std::io::stdout().lock();
    writeln!(
        text,
        "The private key is in {}, readable by you alone.",
        path.display()
    )?;
    writeln!(text)?;
    writeln!(text, "1. Publish this TXT record at {}", key.dns_name())?;
    writeln!(text)?;
    writeln!(text, "{}", key.dns_record())?;
    writeln!(text)?;
    writeln!(text, "   or, as a line of a zone file:")?;
    writeln!(text)?;
    writeln!(text, "{}", key.zone_line())?;
    writeln!(text)?;
    let shown = path.display();
    match algorithm {
        DkimAlgorithm::Rsa => {
            writeln!(text, "2. When it is visible in the DNS, set")?;
            writeln!(text)?;
            writeln!(text, "[mail.dkim]")?;
            writeln!(text, "selector = \"{selector}\"")?;
            writeln!(text, "domain = \"{domain}\"")?;
            writeln!(text, "key_file = \"{shown}\"")?;
        }
        DkimAlgorithm::Ed25519 => {
            writeln!(text, "2. When it is visible in the DNS, set beside your RSA key")?;
            writeln!(text)?;
            writeln!(text, "[mail.dkim]")?;
            writeln!(text, "second_selector = \"{selector}\"")?;
            writeln!(text, "second_key_file = \"{shown}\"")?;
        }
    }
    Ok(())
}

fn show(config: &Config) -> Result<()> {
    let mail = config.mail_config()?;
    if mail.dkim.is_empty() {
        bail!("mail.dkim has no key; `backplane mail dkim generate` makes one");
    }
    let mut text = std::io::stdout().lock();
    for key in &mail.dkim {
        writeln!(text, "{}\n{}", key.dns_name(), key.dns_record())?;
        writeln!(text, "{}", key.zone_line())?;
    }
    Ok(())
}
