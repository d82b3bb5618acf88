//! Reading settings and data again while the program runs.

use anyhow::Result;

use crate::config::Config;

/// What begins the keys that hold without a restart.
const HOT: [&str; 5] = [
    "data_override",
    "limits.enabled",
    "limits.in_flight",
    "postings.",
    "quotas.",
];

/// What came of it.
pub(crate) struct Reloaded {
    /// The settings in force.
    pub(crate) config: Config,
    /// Whether the vocabulary is another one now: what was derived with the old one has to be made anew.
    pub(crate) is_vocabulary_new: bool,
    /// Keys that changed and hold after a restart only.
    pub(crate) waiting: Vec<String>,
}

/// Reads the settings of `running` and the operator's own data again, all of them before anything changes.
///
/// # Errors
/// What is wrong, with the place of the fault; everything is as it was then.
pub(crate) fn reload(running: &Config) -> Result<Reloaded> {
    let config = Config::load(running.file.as_deref())?;
    let data = config.read_own_data()?;
    let changed = config
        .written
        .iter()
        .filter(|(key, value)| running.written.get(*key) != Some(value));
    let waiting = changed
        .map(|(key, _)| key.clone())
        .filter(|key| !HOT.iter().any(|hot| key.starts_with(hot)))
        .collect();
    let is_vocabulary_new = data.put_in_force();
    Ok(Reloaded {
        config,
        is_vocabulary_new,
        waiting,
    })
}
