//! The settings in force, for people to read.

use std::fmt::Write as _;

use figment::value::Value;

use super::Layers;
use super::oidc::TEMPLATE;

/// What stands in place of a secret.
const HIDDEN: &str = "***";

impl Layers {
    /// Every setting as a line of TOML with its origin behind it; passwords are hidden.
    pub(crate) fn show(&self) -> String {
        let mut out = String::new();
        let template = format!(".{TEMPLATE}.");
        let values = self.values().filter(|(key, ..)| !key.contains(&template));
        for (key, value, origin) in values {
            let text = match &value {
                Value::String(_, text) if key.ends_with("url") => quoted(&redacted(text)),
                Value::String(_, text) if key.ends_with("_token") && !text.is_empty() => quoted(HIDDEN),
                other => serde_json::to_string(other).unwrap_or_default(),
            };
            // Writing into a text cannot fail.
            let _ = writeln!(out, "{key} = {text}  # {origin}");
        }
        out
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `url` without its password, wherever it may stand: rather too much is hidden than too little.
pub(super) fn redacted(url: &str) -> String {
    let (login, rest) = match url.rsplit_once('@') {
        Some((before, rest)) => match before.split_once("://") {
            Some((scheme, login)) => {
                let user = login.split_once(':').map(|(user, _)| format!("{user}:{HIDDEN}"));
                (format!("{scheme}://{}@", user.as_deref().unwrap_or(login)), rest)
            }
            None => (String::new(), url),
        },
        None => (String::new(), url),
    };
    let Some((place, query)) = rest.split_once('?') else {
        return format!("{login}{rest}");
    };
    let parts: Vec<String> = query
        .split('&')
        .map(|part| match part.split_once('=') {
            Some((name, _)) if name.to_lowercase().contains("pass") => format!("{name}={HIDDEN}"),
            _ => part.to_owned(),
        })
        .collect();
    format!("{login}{place}?{}", parts.join("&"))
}
