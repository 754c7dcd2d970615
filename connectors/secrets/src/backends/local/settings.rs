use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backends::section::{Faults, ReferenceParser, Section, must_be_here};
use crate::reference::Reference;

/// secret://local/NAME: an encrypted file of this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "LocalPlace")]
pub struct LocalSection {
    pub file: PathBuf,
    /// A reference to an environment variable or a file; empty where there is no such file.
    pub passphrase: String,
}

impl Default for LocalSection {
    fn default() -> Self {
        Self {
            file: PathBuf::from("tapeline.secrets"),
            passphrase: String::new(),
        }
    }
}

impl Section for LocalSection {
    type Settings = LocalSettings;

    fn is_filled(&self) -> bool {
        !self.passphrase.is_empty()
    }

    fn settings(&self, parser: &mut ReferenceParser) -> Option<LocalSettings> {
        (!self.passphrase.is_empty()).then(|| LocalSettings {
            file: self.file.clone(),
            passphrase: parser.wanted("local.passphrase", &self.passphrase),
        })
    }

    fn references(&self) -> Vec<(&'static str, &str)> {
        vec![("local.passphrase", &self.passphrase)]
    }
}

/// The encrypted file of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    pub file: PathBuf,
    /// To an environment variable or a file.
    pub passphrase: Reference,
}

impl LocalSettings {
    pub(crate) fn faults(&self, faults: &mut Faults) {
        if self.file.as_os_str().is_empty() {
            faults.push(("local.file", "must name a file".to_owned()));
        }
        must_be_here(faults, "local.passphrase", &self.passphrase);
    }
}
