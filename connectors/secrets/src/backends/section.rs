//! What `[secrets.NAME]` of the configuration says of a backend.

use super::env;
use crate::reference::Reference;

/// What is wrong, by key.
pub(crate) type Faults = Vec<(&'static str, String)>;

/// The section of one backend, as users write it.
pub trait Section {
    type Settings;

    /// Whether it says that the backend is used.
    fn is_filled(&self) -> bool;

    /// None where the backend is not used. Pure: looks nothing up.
    fn settings(&self, parser: &mut ReferenceParser) -> Option<Self::Settings>;

    /// Its own credentials by key, where they are used.
    fn references(&self) -> Vec<(&'static str, &str)>;
}

/// Takes references out of texts, and notes what is wrong with them.
#[derive(Debug, Default)]
pub struct ReferenceParser {
    faults: Vec<(&'static str, String)>,
}

impl ReferenceParser {
    /// Of a setting that must not be left out.
    pub fn wanted(&mut self, key: &'static str, text: &str) -> Reference {
        text.parse().unwrap_or_else(|error| {
            let message = match text {
                "" => {
                    "must be secret://env/NAME, secret://file/PATH or secret://os/NAME".to_owned()
                }
                _ => ToString::to_string(&error),
            };
            self.faults.push((key, message));
            env::nowhere()
        })
    }

    pub fn into_faults(self) -> Vec<(&'static str, String)> {
        self.faults
    }
}

/// What opens other places must be on this machine, or looking up would never end.
pub(crate) fn must_be_here(faults: &mut Faults, key: &'static str, reference: &Reference) {
    if !reference.is_here() {
        let message = "must be secret://env/NAME or secret://file/PATH".to_owned();
        faults.push((key, message));
    }
}
