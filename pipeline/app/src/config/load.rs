//! File, then environment, then types, then rules; every fault is collected.

use std::path::{Path, PathBuf};

use toml::Value;

use super::Config;
use super::fault::{ConfigError, Fault};
use super::validate::validate;

const DEFAULT_FILE: &str = "tapeline.toml";
const ENVIRONMENT: &str = "TAPELINE__";
/// A file with more faults than this is told only these.
const MAX_FAULTS: usize = 50;

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// This file, which must be there.
    File(PathBuf),
    /// `tapeline.toml` of this folder if there is one, otherwise the defaults.
    Usual,
}

impl From<Option<PathBuf>> for Source {
    fn from(file: Option<PathBuf>) -> Self {
        file.map_or(Self::Usual, Self::File)
    }
}

pub(crate) fn load(source: &Source) -> Result<Config, ConfigError> {
    let (origin, text) = read(source)?;
    let environment = std::env::vars().filter(|(name, _)| name.starts_with(ENVIRONMENT));
    parse(&origin, &text, environment)
}

fn read(source: &Source) -> Result<(String, String), ConfigError> {
    let path: &Path = match source {
        Source::File(path) => path,
        Source::Usual if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
        Source::Usual => return Ok(("(defaults)".to_owned(), String::new())),
    };
    let origin = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((origin, text)),
        Err(error) => {
            let message =
                format!("cannot be read: {error}; `tapeline init` writes one to start from");
            let faults = vec![Fault::new(&origin, message)];
            Err(ConfigError { origin, faults })
        }
    }
}

/// Pure: what a file and an environment amount to.
pub(super) fn parse(
    origin: &str,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let fail = |faults| ConfigError {
        origin: origin.to_owned(),
        faults,
    };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        fail(vec![Fault::new(origin, error.to_string().trim_end())])
    })?;
    let mut value = Value::Table(table);
    let mut faults = Vec::new();
    for (name, text) in environment {
        if let Err(fault) = set_from_environment(&mut value, &name, &text) {
            faults.push(fault);
        }
    }
    let config = deserialize(value, &mut faults);
    faults.extend(validate(&config));
    if faults.is_empty() {
        Ok(config)
    } else {
        Err(fail(faults))
    }
}

/// `TAPELINE__KAFKA__BOOTSTRAP=x` sets `kafka.bootstrap`.
fn set_from_environment(root: &mut Value, name: &str, text: &str) -> Result<(), Fault> {
    let path = name.trim_start_matches(ENVIRONMENT).to_lowercase();
    let mut keys: Vec<&str> = path.split("__").collect();
    let last = keys.pop().unwrap_or_default();
    let mut node = root;
    for key in keys {
        let Value::Table(table) = node else {
            return Err(Fault::new(
                name,
                "does not lead to a section of the configuration",
            ));
        };
        node = table
            .entry(key)
            .or_insert_with(|| Value::Table(toml::Table::new()));
    }
    let Value::Table(table) = node else {
        return Err(Fault::new(
            name,
            "does not lead to a section of the configuration",
        ));
    };
    table.insert(last.to_owned(), value_of(text, table.get(last), &path));
    Ok(())
}

/// Numbers, booleans and lists as TOML writes them; all else is text.
fn value_of(text: &str, replaced: Option<&Value>, path: &str) -> Value {
    let wants_text = matches!(replaced, Some(Value::String(_))) || is_text(path);
    let parsed = format!("value = {text}").parse::<toml::Table>().ok();
    match parsed.and_then(|mut table| table.remove("value")) {
        Some(value) if !wants_text || value.is_str() => value,
        _ => Value::String(text.to_owned()),
    }
}

/// A text by default, even where the environment holds only digits.
fn is_text(path: &str) -> bool {
    let mut texts = Config::default();
    // Left out by default.
    texts.risk.max_drawdown = Some(String::new());
    let defaults = Value::try_from(texts).ok();
    let found = path
        .split("__")
        .try_fold(defaults.as_ref(), |node, key| Some(node?.get(key)))
        .flatten();
    matches!(found, Some(Value::String(_)))
}

/// Notes the first fault, takes the offending key out, and tries again.
fn deserialize(mut value: Value, faults: &mut Vec<Fault>) -> Config {
    while faults.len() < MAX_FAULTS {
        let error = match serde_path_to_error::deserialize::<_, Config>(value.clone()) {
            Ok(config) => return config,
            Err(error) => error,
        };
        let path = error.path().clone();
        faults.push(Fault::new(
            path.to_string(),
            describe(error.inner(), &value, &path),
        ));
        if !remove(&mut value, &path) {
            break;
        }
    }
    Config::default()
}

fn describe(error: &toml::de::Error, root: &Value, path: &serde_path_to_error::Path) -> String {
    let message = error.message().trim_end();
    if message.starts_with("unknown field") {
        return message.to_owned();
    }
    match find(root, path) {
        Some(value) if !value.is_table() => format!("{value} does not fit: {message}"),
        _ => message.to_owned(),
    }
}

fn find<'v>(root: &'v Value, path: &serde_path_to_error::Path) -> Option<&'v Value> {
    use serde_path_to_error::Segment;
    path.iter().try_fold(root, |node, segment| match segment {
        Segment::Map { key } => node.get(key),
        Segment::Seq { index } => node.get(index),
        _ => None,
    })
}

/// False when there is nothing to take out, so that the loop ends.
fn remove(root: &mut Value, path: &serde_path_to_error::Path) -> bool {
    use serde_path_to_error::Segment;
    let segments: Vec<&Segment> = path.iter().collect();
    let Some((last, parents)) = segments.split_last() else {
        return false;
    };
    let parent = parents
        .iter()
        .try_fold(root, |node, segment| match segment {
            Segment::Map { key } => node.get_mut(key),
            Segment::Seq { index } => node.get_mut(index),
            _ => None,
        });
    match (parent, last) {
        (Some(Value::Table(table)), Segment::Map { key }) => table.remove(key).is_some(),
        (Some(Value::Array(array)), Segment::Seq { index }) if *index < array.len() => {
            array.remove(*index);
            true
        }
        _ => false,
    }
}

/// The JSON Schema of the configuration, for editors.
pub(crate) fn json_schema() -> schemars::Schema {
    schemars::schema_for!(Config)
}

/// For tests: [`parse`] without an environment.
#[cfg(test)]
pub(super) fn parse_text(text: &str) -> Result<Config, ConfigError> {
    parse("test.toml", text, std::iter::empty())
}
