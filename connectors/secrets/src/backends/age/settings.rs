use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backends::section::{Faults, ReferenceParser, Section, must_be_here};
use crate::reference::Reference;

/// secret://age/PATH#FIELD and secret://sops/PATH#KEY/KEY: files that were encrypted with age,
/// and files of SOPS whose values were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "AgePlace")]
pub struct AgeSection {
    /// A reference to what `age-keygen` writes; empty where there are no such files.
    pub identity: String,
}

impl Section for AgeSection {
    type Settings = AgeSettings;

    fn is_filled(&self) -> bool {
        !self.identity.is_empty()
    }

    fn settings(&self, parser: &mut ReferenceParser) -> Option<AgeSettings> {
        (!self.identity.is_empty()).then(|| AgeSettings {
            identity: parser.wanted("age.identity", &self.identity),
        })
    }

    fn references(&self) -> Vec<(&'static str, &str)> {
        vec![("age.identity", &self.identity)]
    }
}

/// For files that were encrypted with age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgeSettings {
    /// To an environment variable or a file, as `age-keygen` writes it.
    pub identity: Reference,
}

impl AgeSettings {
    pub(crate) fn faults(&self, faults: &mut Faults) {
        must_be_here(faults, "age.identity", &self.identity);
    }
}
