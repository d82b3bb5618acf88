//! Data of an operator's own in place of what is compiled in.

use std::path::Path;

use taxonomy::{PayLaw, Taxonomy};

use super::{Config, ConfigError};

/// The vocabulary, in `data_override`.
const TAXONOMY: &str = "taxonomy.toml";
/// What laws want said about pay, in `data_override`.
const PAY_LAW: &str = "pay_transparency.toml";

/// Data that was read and understood, not yet in force.
pub(crate) struct OwnData {
    taxonomy: Option<Taxonomy>,
    pay_law: Option<PayLaw>,
}

impl Config {
    /// Reads the data in `data_override`, and changes nothing.
    ///
    /// # Errors
    /// A file that cannot be read or understood, with the place of the fault.
    pub(crate) fn read_own_data(&self) -> Result<OwnData, ConfigError> {
        let dir = &self.data_override;
        if dir.as_os_str().is_empty() {
            return Ok(OwnData {
                taxonomy: None,
                pay_law: None,
            });
        }
        if !dir.is_dir() {
            let detail = format!("data_override: {} is no directory", dir.display());
            return Err(ConfigError::Together(detail));
        }
        let wrong = |name: &str, detail: String| {
            let path = dir.join(name);
            ConfigError::Together(format!("{}: {}", path.display(), detail.trim_end()))
        };
        let taxonomy = text_of(&dir.join(TAXONOMY))?
            .map(|text| {
                let read = Taxonomy::from_toml(&text).map_err(|error| wrong(TAXONOMY, error.to_string()))?;
                Ok(read.named_by(&text))
            })
            .transpose()?;
        let pay_law = text_of(&dir.join(PAY_LAW))?
            .map(|text| PayLaw::from_toml(&text).map_err(|detail| wrong(PAY_LAW, detail)))
            .transpose()?;
        Ok(OwnData { taxonomy, pay_law })
    }
}

impl OwnData {
    /// Puts the data in force; returns whether the vocabulary is another one now.
    pub(crate) fn put_in_force(self) -> bool {
        let before = Taxonomy::bundled().version();
        let is_same = match &self.taxonomy {
            Some(taxonomy) => taxonomy.version() == before,
            // Only what is compiled in has a version without a hash.
            None => !before.contains('+'),
        };
        if !is_same {
            Taxonomy::replace(self.taxonomy);
        }
        PayLaw::replace(self.pay_law);
        !is_same
    }
}

fn text_of(path: &Path) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::File {
            path: path.to_owned(),
            source,
        }),
    }
}
