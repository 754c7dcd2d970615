//! A range of one processor's transactions in one file: journal, starting state
//! and inputs in the order in which a replay wants them.

mod contents;
mod format;
mod play;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use contents::{Contents, TaskContents};
pub use format::Head;
pub use play::{Played, replay};
pub use read::Reader;
pub use write::Writer;

#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("reading or writing it failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("it is no recording that this release can read: {0}")]
    NoRecording(String),
    #[error("its header is not what was exported: export or copy it again")]
    Header,
    #[error(
        "it is damaged after record {after}{place}: {what}; nothing behind that can be read, \
         export or copy it again"
    )]
    Damaged {
        after: u64,
        place: Place,
        what: String,
    },
    #[error(
        "it ends after record {after}{place}, without its closing record: the last transaction is incomplete, \
         export or copy it again"
    )]
    CutOff { after: u64, place: Place },
    #[error("a record cannot be put into a recording: {0}")]
    Unwritable(String),
}

/// The last record that could be read, for messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    record: Option<String>,
    /// A task and its transaction.
    transaction: Option<(i32, i64)>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(record) = &self.record else {
            return Ok(());
        };
        write!(f, " ({record}")?;
        if let Some((task, transaction)) = self.transaction {
            write!(f, ", in transaction {transaction} of task {task}")?;
        }
        f.write_str(")")
    }
}
