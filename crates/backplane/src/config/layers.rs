//! The layers of settings: who says what, and which keys exist.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use super::ConfigError;
use super::oidc::TEMPLATE;

/// The defaults, which also say which keys exist and of what kind their values are.
const DEFAULTS: &str = include_str!("../../../../config/default.toml");
/// Name of the lowest layer.
const DEFAULT_ORIGIN: &str = "default";
/// What begins the name of every environment variable of ours.
const PREFIX: &str = "BACKPLANE_";
/// Variables of the test suites and scripts, which are no settings.
const NOT_SETTINGS: [&str; 2] = ["BACKPLANE_TEST_", "BACKPLANE_ACCEPT_"];
/// From which likeness on (0 to 1) a known key is offered for an unknown one.
const LIKENESS: f64 = 0.5;

/// All layers, merged, each value with its origin.
pub(crate) struct Layers {
    merged: Figment,
    keys: BTreeMap<String, Value>,
}

/// One source of settings.
struct Layer {
    name: String,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

impl Layers {
    /// Defaults, then `file`, then the process's environment.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let text = match file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File {
                    path: path.to_owned(),
                    source,
                })?;
                Some((path, text))
            }
        };
        let text = text.as_ref().map(|(path, text)| (*path, text.as_str()));
        Self::merge(text, std::env::vars_os())
    }

    /// The same from texts.
    pub(super) fn merge(
        file: Option<(&Path, &str)>,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let defaults = parse(Path::new("config/default.toml"), DEFAULTS)?;
        let mut keys = BTreeMap::new();
        flatten("", &defaults, &mut keys);
        let mut layers = Self {
            merged: Figment::from(Layer {
                name: DEFAULT_ORIGIN.to_owned(),
                dict: defaults,
            }),
            keys,
        };
        if let Some((path, text)) = file {
            layers.add_file(path, text)?;
        }
        layers.add_environment(environment)?;
        Ok(layers)
    }

    fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let dict = parse(path, text)?;
        let name = path.display().to_string();
        let mut given = BTreeMap::new();
        flatten("", &dict, &mut given);
        for key in given.keys() {
            self.note(key, &name)?;
        }
        self.add(Layer { name, dict });
        Ok(())
    }

    fn add_environment(
        &mut self,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let mut variables: Vec<(String, OsString)> = environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .filter(|(name, _)| !NOT_SETTINGS.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        variables.sort();
        for (variable, value) in variables {
            let key = variable[PREFIX.len()..].to_lowercase().replace("__", ".");
            self.note(&key, &variable)?;
            let known = self.require_known(&key, &variable)?;
            let value = value.to_str().ok_or_else(|| ConfigError::Value {
                key: key.clone(),
                origin: variable.clone(),
                detail: "is not UTF-8".to_owned(),
            })?;
            let typed = typed_like(known, value).map_err(|detail| ConfigError::Value {
                key: key.clone(),
                origin: variable.clone(),
                detail,
            })?;
            let dict = nest(&key, typed);
            self.add(Layer { name: variable, dict });
        }
        Ok(())
    }

    fn add(&mut self, layer: Layer) {
        self.merged = std::mem::take(&mut self.merged).merge(layer);
    }

    /// Makes sure that there is `key`. A section with a name of the operator's has the keys of its template from here on.
    fn note(&mut self, key: &str, origin: &str) -> Result<(), ConfigError> {
        let known = self.require_known(key, origin)?.clone();
        self.keys.entry(key.to_owned()).or_insert(known);
        Ok(())
    }

    /// The default of `key`, when there is such a key.
    fn require_known(&self, key: &str, origin: &str) -> Result<&Value, ConfigError> {
        let found = self.keys.get(key).or_else(|| self.keys.get(&of_template(key)?));
        found.ok_or_else(|| ConfigError::UnknownKey {
            key: key.to_owned(),
            origin: origin.to_owned(),
            hint: self.hint(key),
        })
    }

    fn hint(&self, key: &str) -> String {
        let section = format!("{key}.");
        let inside: Vec<&str> = self
            .keys
            .keys()
            .filter_map(|known| known.strip_prefix(&section))
            .collect();
        if !inside.is_empty() {
            return format!(" but a section: it takes {}", inside.join(", "));
        }
        let likeness = |known: &str| {
            let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
            let whole = strsim::normalized_damerau_levenshtein(key, known);
            whole.max(strsim::normalized_damerau_levenshtein(&last(key), &last(known)) * 0.95)
        };
        self.keys
            .keys()
            .map(|known| (likeness(known), known))
            .filter(|(likeness, _)| *likeness >= LIKENESS)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map_or_else(
                || "; `backplane config show` prints them all".to_owned(),
                |(_, known)| format!("; did you mean {known}?"),
            )
    }

    /// The merged settings as a `T`.
    pub(super) fn extract<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.merged.extract().map_err(|errors| {
            let error = errors.into_iter().next();
            let key = error.as_ref().map(|e| e.path.join(".")).unwrap_or_default();
            let detail = match error.map(|e| e.kind) {
                Some(figment::error::Kind::InvalidType(actual, expected)) => {
                    format!("is {actual}, but should be {expected}")
                }
                Some(kind) => format!("is wrong: {kind}"),
                None => "is wrong".to_owned(),
            };
            self.refuse(&key, &detail)
        })
    }

    /// The error that `key` has a value that does not fit.
    pub(super) fn refuse(&self, key: &str, detail: &str) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            origin: self.origin(key),
            detail: detail.to_owned(),
        }
    }

    /// Which file or variable decided `key`.
    pub(super) fn origin(&self, key: &str) -> String {
        let metadata = self.merged.find_metadata(key);
        metadata.map_or_else(|| DEFAULT_ORIGIN.to_owned(), |found| found.name.to_string())
    }

    /// Whether nobody said anything about `key`.
    pub(super) fn is_default(&self, key: &str) -> bool {
        self.origin(key) == DEFAULT_ORIGIN
    }

    /// Every key with its value in force and its origin, in order.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, Value, String)> {
        self.keys.keys().filter_map(|key| {
            let value = self.merged.find_value(key).ok()?;
            Some((key.as_str(), value, self.origin(key)))
        })
    }
}

impl Layers {
    /// Every key with its value in force as text; secrets too.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        self.values()
            .map(|(key, value, _)| (key.to_owned(), serde_json::to_string(&value).unwrap_or_default()))
            .collect()
    }
}

/// The key of the defaults that stands for `key`, which is in a section with a name of the operator's.
fn of_template(key: &str) -> Option<String> {
    let (_, name) = key.strip_prefix("oidc.")?.split_once('.')?;
    Some(format!("oidc.{TEMPLATE}.{name}"))
}

fn parse(path: &Path, text: &str) -> Result<Dict, ConfigError> {
    Toml::from_str(text).map_err(|error| ConfigError::Toml {
        path: path.to_owned(),
        detail: error.to_string().trim_end().to_owned(),
    })
}

fn flatten(prefix: &str, dict: &Dict, out: &mut BTreeMap<String, Value>) {
    for (name, value) in dict {
        let key = match prefix {
            "" => name.clone(),
            section => format!("{section}.{name}"),
        };
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, out),
            leaf => {
                out.insert(key, leaf.clone());
            }
        }
    }
}

fn nest(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        None => Dict::from([(key.to_owned(), value)]),
        Some((section, rest)) => {
            let inner = Value::Dict(Tag::Default, nest(rest, value));
            Dict::from([(section.to_owned(), inner)])
        }
    }
}

/// `text` as a value of the same kind as `known`: a postal code must not become a number, nor a name `true`.
fn typed_like(known: &Value, text: &str) -> Result<Value, String> {
    match known {
        Value::Bool(..) => match text.trim().to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Value::from(true)),
            "false" | "0" | "no" | "off" => Ok(Value::from(false)),
            _ => Err("must be true or false".to_owned()),
        },
        Value::Num(..) => match text.trim().parse::<u64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => Err("must be a whole number that is not negative".to_owned()),
        },
        _ => Ok(Value::from(text)),
    }
}
