//! Limits that are set and removed while the pipeline runs.

use serde::{Deserialize, Serialize};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Command, CommandKind};
use tapeline_schemas::codec::Record;

use super::calendar::Calendars;
use super::definition::{Fault, LimitDefinition};
use super::limit::Limits;

/// What a command made of one limit; it counts in place of the configuration's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitChange {
    pub name: String,
    /// As JSON; none once it was removed.
    pub definition: Option<String>,
    pub version: i64,
    pub author: String,
}

impl Record for LimitChange {
    const RECORD: &'static str = "state_limit";
}

impl LimitChange {
    /// What SET_LIMIT or REMOVE_LIMIT asks for, if it can be done.
    pub fn from_command(
        command: &Command,
        limits: &Limits,
        calendars: &Calendars,
    ) -> Result<Self, Refusal> {
        let refuse = |message: String| {
            let message = format!("command {}: {message}", command.command_id);
            Refusal::new(Reason::BadLimit, message)
        };
        let name = command.limit.as_deref().unwrap_or_default();
        let known = limits.get(name);
        let change = Self {
            name: name.to_owned(),
            definition: match command.kind {
                CommandKind::RemoveLimit => None,
                _ => command.definition.clone(),
            },
            version: known.map_or(1, |known| known.version.saturating_add(1)),
            author: command.author.clone(),
        };
        if change.author.trim().is_empty() {
            return Err(refuse("say in `author` who changes the limit".to_owned()));
        }
        match command.kind {
            CommandKind::RemoveLimit if known.is_none() => {
                let message = format!("no limit is named `{name}`, nothing is removed");
                return Err(Refusal::new(Reason::UnknownLimit, message));
            }
            CommandKind::SetLimit if change.definition.is_none() => {
                return Err(refuse(
                    "write the limit in `definition`, as JSON".to_owned(),
                ));
            }
            _ => {}
        }
        let mut tried = limits.clone();
        change
            .apply(&mut tried, calendars)
            .map_err(|faults| refuse(list(&faults)))?;
        Ok(change)
    }

    /// Sets or removes the limit. On a fault nothing changes.
    pub fn apply(&self, limits: &mut Limits, calendars: &Calendars) -> Result<(), Vec<Fault>> {
        let Some(text) = &self.definition else {
            limits.remove(&self.name);
            return Ok(());
        };
        let definition = LimitDefinition::from_json(text).map_err(|fault| vec![fault])?;
        if definition.name != self.name {
            return Err(vec![Fault {
                key: "definition.name".to_owned(),
                value: definition.name,
                remedy: format!("must be the name that the command gives, `{}`", self.name),
            }]);
        }
        let limit = definition.parse(calendars, &self.author, self.version)?;
        limits.set(limit).map_err(|fault| vec![fault])
    }
}

/// All of them in one line.
pub fn list(faults: &[Fault]) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
