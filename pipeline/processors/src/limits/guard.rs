//! What may still be done in a portfolio. The guard goes up by itself and comes
//! down by a person alone.

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Command, CommandKind, GuardState};

/// Latched: whatever raised it holds it up until a reset names the verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    holds: Vec<Hold>,
}

/// What holds the guard up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The verdict that told it; a reset must name it.
    pub verdict_id: String,
    pub state: GuardState,
    /// The limit that was breached; empty for a person.
    pub limit: String,
    pub group: String,
    pub since: Micros,
    /// The limit's or the command's.
    pub author: String,
    pub message: String,
}

/// A change of the guard, or a command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardChange {
    pub from: GuardState,
    pub to: GuardState,
    pub reason: Reason,
    pub message: String,
}

impl Guard {
    pub fn state(&self) -> GuardState {
        let states = self.holds.iter().map(|hold| hold.state);
        states.max().unwrap_or_default()
    }

    /// Oldest first.
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// Tells whether anything changed. A limit that holds the guard up already keeps its
    /// first verdict, so that a reset need not chase new ones.
    pub(super) fn raise(&mut self, hold: Hold) -> bool {
        let same = |known: &&mut Hold| known.limit == hold.limit && known.group == hold.group;
        match self.holds.iter_mut().find(same) {
            Some(known) if known.state >= hold.state => false,
            Some(known) => {
                known.state = hold.state;
                true
            }
            None => {
                self.holds.push(hold);
                true
            }
        }
    }

    pub(super) fn command(
        &mut self,
        command: &Command,
        verdict_id: &str,
        now: Micros,
    ) -> Result<GuardChange, Refusal> {
        let (state, reason) = match command.kind {
            CommandKind::Halt => (GuardState::Halted, Reason::HaltedByPerson),
            CommandKind::Reduce => (GuardState::Reducing, Reason::ReducedByPerson),
            CommandKind::Reset => return self.reset(command),
            other => {
                let message = format!(
                    "command {}: the guard knows HALT, REDUCE and RESET, not {other}",
                    command.command_id
                );
                return Err(Refusal::new(Reason::UnknownCommand, message));
            }
        };
        let from = self.state();
        let message = match state {
            GuardState::Halted => format!("{} halted trading: {}", who(command), command.reason),
            _ => format!(
                "{} allowed nothing but reducing: {}",
                who(command),
                command.reason
            ),
        };
        // Whoever stops trading is never refused, not even without a name.
        self.raise(Hold {
            verdict_id: verdict_id.to_owned(),
            state,
            limit: String::new(),
            group: state.as_str().to_owned(),
            since: now,
            author: command.author.clone(),
            message: message.clone(),
        });
        Ok(GuardChange {
            from,
            to: self.state(),
            reason,
            message,
        })
    }

    fn reset(&mut self, command: &Command) -> Result<GuardChange, Refusal> {
        let refuse = |reason, message: String| {
            let message = format!("reset {}: {message}", command.command_id);
            Err(Refusal::new(reason, message))
        };
        if command.author.trim().is_empty() {
            return refuse(
                Reason::ResetWithoutAuthor,
                "say in `author` who wants it".to_owned(),
            );
        }
        if command.reason.trim().is_empty() {
            return refuse(
                Reason::ResetUnexplained,
                "say in `reason` why it is safe".to_owned(),
            );
        }
        let from = self.state();
        if from == GuardState::Active {
            let message = "the guard is ACTIVE, nothing is to be reset".to_owned();
            return refuse(Reason::NothingToReset, message);
        }
        let unnamed: Vec<&str> = self
            .holds
            .iter()
            .map(|hold| hold.verdict_id.as_str())
            .filter(|id| !command.overrides.iter().any(|named| named == id))
            .collect();
        if !unnamed.is_empty() {
            let message = format!(
                "the guard is {from} because of verdicts that it does not name; look at them, then add to `overrides`: {}",
                unnamed.join(", ")
            );
            return refuse(Reason::ResetNotNamed, message);
        }
        self.holds.clear();
        Ok(GuardChange {
            from,
            to: GuardState::Active,
            reason: Reason::GuardReset,
            message: format!(
                "{} reset the guard from {from}: {}",
                who(command),
                command.reason
            ),
        })
    }
}

fn who(command: &Command) -> &str {
    match command.author.trim() {
        "" => "somebody",
        author => author,
    }
}
