use std::fmt;
use std::path::{Path, PathBuf};

/// The most of a wrong value that a message repeats.
const SHOWN: usize = 40;

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    File,
    /// Of a text file, from 1 on.
    Line(u64),
    /// Of a Parquet file, from 1 on.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, " line {line}"),
            Self::Row(row) => write!(f, " row {row}"),
        }
    }
}

/// What is wrong with a file, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{place}: {fault}", file.display())]
pub struct HistoryError {
    pub file: PathBuf,
    pub place: Place,
    pub fault: Fault,
}

impl HistoryError {
    pub(super) fn new(file: &Path, place: Place, fault: Fault) -> Self {
        Self {
            file: file.to_owned(),
            place,
            fault,
        }
    }
}

/// A value, where it is one that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub column: Option<&'static str>,
    pub value: Option<String>,
    pub remedy: String,
}

impl Fault {
    pub(super) fn plain(remedy: impl Into<String>) -> Self {
        Self {
            column: None,
            value: None,
            remedy: remedy.into(),
        }
    }

    pub(super) fn of(column: &'static str, value: &str, remedy: impl Into<String>) -> Self {
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self {
            column: Some(column),
            value: Some(shown),
            remedy: remedy.into(),
        }
    }

    pub(super) fn missing(column: &'static str) -> Self {
        Self {
            column: Some(column),
            value: None,
            remedy: "has no value: every row needs one".to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = self.column {
            write!(f, "column {column} ")?;
        }
        if let Some(value) = &self.value {
            write!(f, "`{value}` ")?;
        }
        f.write_str(&self.remedy)
    }
}
