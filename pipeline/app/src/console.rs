//! What people and scripts read: results on standard output, all else on
//! standard error.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

use crate::failure::Failure;

/// A line on standard output. A reader that went away is no error.
pub(crate) fn line(text: impl Display) {
    let _gone = writeln!(std::io::stdout().lock(), "{text}");
}

pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(Failure::external)?;
    line(text);
    Ok(())
}

/// A line for people on standard error.
pub(crate) fn say(text: impl Display) {
    let _gone = writeln!(std::io::stderr().lock(), "{text}");
}

pub(crate) fn complain(failure: &Failure) {
    say(format!("tapeline: {failure}"));
}

/// `1 record`, `2 records`.
pub(crate) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Rows under a heading, each column as wide as its widest cell.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let show = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}", width = *width))
            .collect();
        line(padded.join("  ").trim_end());
    };
    show(&mut heading.iter().copied());
    for row in rows {
        show(&mut row.iter().map(String::as_str));
    }
}
