//! Secrets are references, looked up when they are needed, and this is where they
//! lead to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_secrets::{
    Kind, Reference, ReferenceParser, SecretError, Section, Settings, Timing, read_here,
};

use super::fault::Fault;
use super::secret_store::SecretStore;
use super::{Config, Span};

macro_rules! places {
    ($($module:ident $({ $section:ident => $settings:ident })?)*) => {
        /// Where secrets are that references lead to, other than environment and files.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct Places {
            /// A secret that was looked up counts for so long.
            pub cache_for: Span,
            /// Secrets in use are looked at this often.
            pub poll_every: Span,
            /// While its place cannot be asked, an old secret counts for so long.
            pub stale_limit: Span,
            $($(pub $module: tapeline_secrets::$section,)?)*
            #[serde(skip)]
            pub store: SecretStore,
        }

        impl Default for Places {
            fn default() -> Self {
                let timing = Timing::default();
                Self {
                    cache_for: Span(timing.cache_for),
                    poll_every: Span(timing.poll_every),
                    stale_limit: Span(timing.stale_limit),
                    $($($module: tapeline_secrets::$section::default(),)?)*
                    store: SecretStore::default(),
                }
            }
        }

        impl Places {
            /// All faults at once. Pure: looks nothing up.
            pub fn settings(&self) -> Result<Settings, Vec<Fault>> {
                let mut parser = ReferenceParser::default();
                let settings = Settings {
                    timing: self.timing(),
                    $($($module: tapeline_secrets::$section::settings(&self.$module, &mut parser),)?)*
                };
                let mut faults = parser.into_faults();
                faults.extend(settings.faults());
                if faults.is_empty() {
                    return Ok(settings);
                }
                let fault = |(key, message)| Fault::new(format!("secrets.{key}"), message);
                Err(faults.into_iter().map(fault).collect())
            }

            /// The credentials of the places themselves, by key, where they are used.
            pub(super) fn references(&self) -> Vec<(String, &str)> {
                let mut references = Vec::new();
                $($(references.extend(tapeline_secrets::$section::references(&self.$module));)?)*
                let references = references.into_iter();
                references
                    .map(|(key, text)| (format!("secrets.{key}"), text))
                    .collect()
            }

            fn has(&self, kind: Kind) -> bool {
                $($(
                    if kind.section() == stringify!($module) {
                        return tapeline_secrets::$section::is_filled(&self.$module);
                    }
                )?)*
                true
            }
        }
    };
}

tapeline_secrets::secret_backends!(places);

impl Places {
    fn timing(&self) -> Timing {
        Timing {
            cache_for: self.cache_for.0,
            poll_every: self.poll_every.0,
            stale_limit: self.stale_limit.0,
            ..Timing::default()
        }
    }
}

/// Of the section, and of every reference elsewhere.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let places = &config.secrets;
    let mut faults = places.settings().err().unwrap_or_default();
    // Told in the order of their keys.
    for (key, text) in BTreeMap::from_iter(config.reference_texts()) {
        let wrong = fault_of_reference(places, text);
        faults.extend(wrong.map(|message| Fault::new(key, message)));
    }
    faults
}

/// What is wrong with a value that must be a reference. Never shows it.
fn fault_of_reference(places: &Places, value: &str) -> Option<String> {
    match value.parse::<Reference>() {
        Ok(reference) if places.has(reference.kind()) => None,
        Ok(reference) => {
            let (kind, section) = (reference.kind().name(), reference.kind().section());
            Some(format!(
                "nothing is configured for {kind}; fill in [secrets.{section}]"
            ))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Empty stays empty.
pub(super) fn resolve_reference(places: &Places, key: &str, value: &str) -> Result<String, Fault> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let reference: Reference = value
        .parse()
        .map_err(|error: tapeline_secrets::ReferenceError| Fault::new(key, error.to_string()))?;
    if reference.is_here() {
        let secret = read_here(&reference);
        let secret = secret.map_err(|SecretError { what, remedy, .. }| {
            Fault::new(key, format!("{what}; {remedy}"))
        })?;
        return Ok(secret.expose().to_owned());
    }
    let lookup = places
        .lookup()
        .map_err(|faults| match faults.into_iter().next() {
            Some(fault) => fault,
            None => Fault::new(key, "the places of secrets cannot be used"),
        })?;
    let value = lookup.get(&reference);
    let value = value.map_err(|error| Fault::new(key, error.to_string()))?;
    Ok(value.secret.expose().to_owned())
}

pub(super) fn resolve_if_reference(
    places: &Places,
    key: &str,
    value: &str,
) -> Result<String, Fault> {
    if Reference::is_meant(value) {
        resolve_reference(places, key, value)
    } else {
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests;
