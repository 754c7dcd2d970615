//! What people and scripts read: results on standard output, all else on
//! standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::tcgetwinsize;
use serde::Serialize;
use tapeline_model::records::Severity;

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

/// Rows under a heading. On a terminal they are cut to its width, unless [`show_wide`] was asked
/// for; whoever reads them by a program gets all of them.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) {
    let width = Some(terminal_width()).filter(|_| !WIDE.load(Ordering::Relaxed));
    for row in laid_out(heading, rows, width.flatten()) {
        line(row);
    }
}

static WIDE: AtomicBool = AtomicBool::new(false);

/// Tables are as wide as they are, from now on.
pub(crate) fn show_wide() {
    WIDE.store(true, Ordering::Relaxed);
}

/// None, where the results go to no terminal.
fn terminal_width() -> Option<usize> {
    let output = std::io::stdout();
    let size = tcgetwinsize(&output).ok()?;
    Some(size.ws_col.into()).filter(|columns| *columns > 0 && output.is_terminal())
}

fn laid_out(heading: &[&str], rows: &[Vec<String>], width: Option<usize>) -> Vec<String> {
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..heading.len()).map(widest).collect();
    if let Some(most) = width {
        shrink(
            &mut widths,
            most.saturating_sub(GAP.len() * heading.len().saturating_sub(1)),
        );
    }
    let lay_out = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{:width$}", cut(cell, *width), width = *width))
            .collect();
        padded.join(GAP).trim_end().to_owned()
    };
    let mut lines = vec![lay_out(&mut heading.iter().copied())];
    lines.extend(
        rows.iter()
            .map(|row| lay_out(&mut row.iter().map(String::as_str))),
    );
    lines
}

const GAP: &str = "  ";
/// No column is cut to less.
const NARROWEST: usize = 8;

/// Takes from the widest columns until all fit.
fn shrink(widths: &mut [usize], most: usize) {
    while widths.iter().sum::<usize>() > most {
        let widest = widths.iter_mut().max();
        match widest {
            Some(width) if *width > NARROWEST => *width -= 1,
            _ => return,
        }
    }
}

fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The severity of an alert, in its colour on a terminal that may show one (<https://no-color.org>).
pub(crate) fn severity(severity: Severity, text: &str) -> String {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_plain =
        is_set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let code = match severity {
        _ if is_plain || !std::io::stdout().is_terminal() => return text.to_owned(),
        Severity::Info => return text.to_owned(),
        Severity::Warning => "33",
        Severity::Critical => "1;31",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![
            row(["growth", "1", "AAPL has gone 12 minutes without a quote"]),
            row(["income", "22", "ok"]),
        ]
    }

    #[test]
    fn a_table_is_cut_where_it_is_widest_and_only_on_a_terminal() {
        let heading = ["PORTFOLIO", "N", "MESSAGE"];
        let whole = laid_out(&heading, &rows(), None);
        assert_eq!(
            whole[1],
            "growth     1   AAPL has gone 12 minutes without a quote"
        );
        let narrow = laid_out(&heading, &rows(), Some(30));
        assert_eq!(narrow[0], "PORTFOLIO  N   MESSAGE");
        assert_eq!(narrow[1], "growth     1   AAPL has gone …");
        assert!(
            narrow.iter().all(|line| line.chars().count() <= 30),
            "{narrow:?}"
        );
        // Nothing is cut to less than can be read, however narrow the terminal.
        assert_eq!(
            laid_out(&heading, &rows(), Some(3))[1],
            "growth    1   AAPL ha…"
        );
        assert_eq!(laid_out(&heading, &[], Some(80)), ["PORTFOLIO  N  MESSAGE"]);
    }
}
