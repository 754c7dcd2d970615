//! What may still be done in a portfolio. The guard goes up by itself and comes
//! down by a person alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::ids::output_id;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Command, CommandKind, GuardState};

/// So many causes hold by themselves; later ones are merged into one more. With the texts that
/// are kept of each, the state of a portfolio stays far below what a record may hold.
pub(super) const MAX_CAUSES: usize = 256;
/// Of a message and of an author, in bytes. The verdict has all of it.
const LONGEST_MESSAGE: usize = 512;
const LONGEST_AUTHOR: usize = 128;
/// Ends a text that was longer.
const CUT: char = '…';

/// Latched: whatever raised it holds it up until a reset names the verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    pub(super) holds: Vec<GuardCause>,
}

/// What holds the guard up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardCause {
    /// The verdict about it; a reset must name it.
    pub verdict_id: String,
    pub state: GuardState,
    /// The limit that was breached; empty for a person.
    pub limit: String,
    /// The limit's group. For a person, what tells the command from others; former releases
    /// wrote `HALTED` or `REDUCING`.
    pub group: String,
    pub since: Micros,
    /// The limit's or the command's.
    pub author: String,
    pub message: String,
    /// For how many causes it stands: those that came when [`MAX_CAUSES`] held already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<i64>,
}

impl GuardCause {
    /// Why, for a person.
    pub fn sentence(&self) -> Cow<'_, str> {
        match self.merged {
            Some(count) if count > 1 => {
                format!("{count} causes together, the newest: {}", self.message).into()
            }
            _ => self.message.as_str().into(),
        }
    }

    /// One more cause. The newest verdict names them all, since a reset that names an older one
    /// does not know of what came after it.
    fn merge(&mut self, newest: Self) {
        *self = Self {
            state: self.state.max(newest.state),
            since: self.since,
            merged: self.merged.map(|count| count.saturating_add(1)),
            ..newest
        };
    }
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
        let states = self.holds.iter().map(|cause| cause.state);
        states.max().unwrap_or_default()
    }

    /// Oldest first.
    pub fn causes(&self) -> &[GuardCause] {
        &self.holds
    }

    /// What a verdict must say besides its own cause, if it stands for others as well.
    pub fn merged_note(&self, verdict_id: &str) -> Option<String> {
        let last = self.holds.last();
        let count = last
            .filter(|cause| cause.verdict_id == verdict_id)?
            .merged?;
        Some(format!(
            "; {MAX_CAUSES} causes hold already, so this verdict stands for all later ones, {count} by now"
        ))
    }

    /// Tells whether anything changed. A limit that holds the guard up already keeps its
    /// first verdict, so that a reset need not chase new ones; so does a command that comes
    /// twice.
    pub(super) fn raise(&mut self, cause: GuardCause) -> bool {
        let same =
            |known: &&mut GuardCause| known.limit == cause.limit && known.group == cause.group;
        match self.holds.iter_mut().find(same) {
            Some(known) if known.state >= cause.state => false,
            Some(known) => {
                known.state = cause.state;
                true
            }
            None => {
                self.add(cause);
                true
            }
        }
    }

    fn add(&mut self, cause: GuardCause) {
        let cause = GuardCause {
            author: cut(&cause.author, LONGEST_AUTHOR),
            message: cut(&cause.message, LONGEST_MESSAGE),
            ..cause
        };
        match self.holds.last_mut() {
            Some(last) if last.merged.is_some() => last.merge(cause),
            _ => {
                let merged = (self.holds.len() >= MAX_CAUSES).then_some(1);
                self.holds.push(GuardCause { merged, ..cause });
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
            GuardState::Halted => {
                format!("{} halted trading: {}", author_of(command), command.reason)
            }
            _ => format!(
                "{} allowed nothing but reducing: {}",
                author_of(command),
                command.reason
            ),
        };
        // Whoever stops trading is never refused, not even without a name.
        self.raise(GuardCause {
            verdict_id: verdict_id.to_owned(),
            state,
            limit: String::new(),
            group: key(command),
            since: now,
            author: command.author.clone(),
            message: message.clone(),
            merged: None,
        });
        let note = self.merged_note(verdict_id).unwrap_or_default();
        Ok(GuardChange {
            from,
            to: self.state(),
            reason,
            message: message + &note,
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
            .map(|cause| cause.verdict_id.as_str())
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
                author_of(command),
                command.reason
            ),
        })
    }
}

fn author_of(command: &Command) -> &str {
    match command.author.trim() {
        "" => "somebody",
        author => author,
    }
}

/// The same for a command that comes twice, and different for any other: should two people
/// write one id, neither stop is lost.
fn key(command: &Command) -> String {
    let Command {
        command_id,
        kind,
        author,
        reason,
        ..
    } = command;
    let said = format!("{kind}/{}/{author}/{reason}", author.len());
    output_id(command_id, 0, 0, &said, 0).to_string()
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most - CUT.len_utf8());
    format!("{}{CUT}", &text[..end])
}
