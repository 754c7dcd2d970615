//! In place of `local`, in a program that was built without that feature: whoever asks for the
//! demo or the embedded stack learns that it is not in here, and what to do.

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

use super::{Config, Fault};

const WITHOUT: &str =
    "this program was built without `local`, that is without the demo and the embedded stack";
/// What the configuration has of them.
const SECTIONS: &[&str] = &["[demo]", "[demo.settings]", "[local]"];

/// A section that may stand in a configuration, but holds nothing here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Absent {}

pub(crate) type Demo = Absent;
pub(crate) type Local = Absent;

#[expect(clippy::unused_self, reason = "as with the feature")]
impl Absent {
    pub fn is_on(&self) -> bool {
        false
    }
}

impl<'de> Deserialize<'de> for Absent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if asks_for_nothing(&Value::deserialize(deserializer)?) {
            return Ok(Self {});
        }
        Err(D::Error::custom(format!(
            "{WITHOUT}; take this section out, or use a program that was built with it \
             (`cargo build -p tapeline`)"
        )))
    }
}

/// One configuration may serve both kinds of program.
fn asks_for_nothing(section: &Value) -> bool {
    let Value::Table(keys) = section else {
        return false;
    };
    keys.iter().all(|(key, value)| {
        (key == "enabled" && *value == Value::Boolean(false)) || asks_for_nothing(value)
    })
}

/// The configuration as it is.
pub(crate) fn with_demo(config: Config, is_asked_for: bool) -> Result<Config, Fault> {
    if is_asked_for {
        return Err(not_built_in("--demo"));
    }
    Ok(config)
}

pub(super) fn faults(_config: &Config) -> Vec<Fault> {
    Vec::new()
}

/// There is no embedded store whose password could be meant.
#[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
pub(super) fn store_password(_config: &Config) -> Result<Option<String>, Fault> {
    Ok(None)
}

/// The template of the configuration, without the sections that would be refused.
pub(super) fn template(whole: &str) -> String {
    let mut is_left_out = false;
    let mut lines = String::new();
    for line in whole.split_inclusive('\n') {
        if line.starts_with('[') {
            is_left_out = SECTIONS.contains(&line.trim_end());
        }
        if !is_left_out {
            lines.push_str(line);
        }
    }
    lines
}

/// Of a command or an option.
pub(crate) fn not_built_in(what: &str) -> Fault {
    Fault::new(
        what,
        format!(
            "{WITHOUT}; use a program that was built with it (`cargo build -p tapeline`), or \
             `tapeline run` with a Kafka and a ClickHouse that are there already"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse_text;
    use crate::config::template;

    #[test]
    fn a_section_of_what_is_not_there_is_refused() {
        for text in [
            "[demo]\nenabled = true\n",
            "[demo.settings]\nseed = 2\n",
            "[local]\ndata = '/tmp/x'\n",
            "demo = 1\n",
        ] {
            let error = parse_text(text).unwrap_err();
            let [fault] = error.faults.as_slice() else {
                panic!("{error}");
            };
            assert!(["demo", "local"].contains(&&*fault.key), "{fault}");
            assert!(fault.message.contains("built without `local`"), "{fault}");
            assert!(fault.message.contains("take this section out"), "{fault}");
        }
    }

    #[test]
    fn a_section_that_asks_for_nothing_is_fine() {
        let text = "[demo]\nenabled = false\n[demo.settings]\n[local]\n";
        assert_eq!(parse_text(text).unwrap(), Config::default());
    }

    #[test]
    fn the_demo_is_refused_if_it_is_asked_for() {
        let fault = with_demo(Config::default(), true).unwrap_err();
        assert!(fault.to_string().starts_with("--demo: this program"));
        let config = with_demo(Config::default(), false).unwrap();
        assert_eq!(config, Config::default());
    }

    #[test]
    fn the_template_names_no_section_that_is_refused() {
        let template = template();
        for section in SECTIONS {
            assert!(!template.contains(&format!("\n{section}\n")), "{section}");
        }
        assert!(template.contains("\n[sink]\n") && template.contains("\n[secrets]\n"));
    }
}
