//! What is looked at before trading begins.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_processors::limits::Calendars;

use super::limits::calendars;
use super::{Config, Fault, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Preflight {
    /// Connectors do not start while something fails that they cannot do without.
    pub at_start: bool,
    /// Everything is checked so long before the market opens; "0s" for never.
    pub before_open: Span,
    /// Whose opening that is.
    pub calendar: String,
    /// Older secrets are told; "0s" for never.
    pub secrets_older_than: Span,
    /// So much room there must be for sessions.
    pub disk_free_mb: u64,
}

impl Default for Preflight {
    fn default() -> Self {
        Self {
            at_start: true,
            before_open: Span(Duration::from_mins(30)),
            calendar: Calendars::DEFAULT.to_owned(),
            secrets_older_than: Span(Duration::from_hours(180 * 24)),
            disk_free_mb: 50,
        }
    }
}

pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let name = &config.preflight.calendar;
    if calendars().get(name).is_some() {
        return Vec::new();
    }
    let calendars = calendars();
    let known: Vec<&str> = calendars.names().into_iter().collect();
    let message = format!("`{name}` is no calendar; there are: {}", known.join(", "));
    vec![Fault::new("preflight.calendar", message)]
}
