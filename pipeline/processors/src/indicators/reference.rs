use std::fmt::{self, Write};

use super::DEFINITIONS;
use super::definition::{Definition, Line, Need};

/// The page about all indicators, in Markdown.
pub fn reference() -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page);
    page
}

fn write_page(page: &mut String) -> fmt::Result {
    page.push_str(
        "# Indicators\n\n\
         A line reads a value, `not enough data (have of need)` until it has seen as many samples as it needs, \
         or `undefined` where its formula has no value.\n",
    );
    DEFINITIONS.iter().try_for_each(|d| write_one(page, d))
}

fn write_one(page: &mut String, definition: &Definition) -> fmt::Result {
    let Definition {
        name,
        title,
        reads,
        formula,
        seeding,
        flat,
        ..
    } = definition;
    writeln!(page, "\n## {title} (`{name}`)\n\nReads {reads}.\n")?;
    if !definition.parameters.is_empty() {
        page.push_str("| Parameter | Default | Allowed | Meaning |\n|---|---|---|---|\n");
        for p in definition.parameters {
            writeln!(
                page,
                "| `{}` | {} | {p} | {} |",
                p.name, p.default, p.meaning
            )?;
        }
        if let Some((lower, higher)) = definition.ascending {
            writeln!(page, "\n`{lower}` must be below `{higher}`.")?;
        }
        page.push('\n');
    }
    page.push_str("| Line | First value at sample | Meaning |\n|---|---|---|\n");
    for line in definition.lines {
        writeln!(
            page,
            "| `{}` | {} | {} |",
            line.name,
            first(line),
            line.meaning
        )?;
    }
    writeln!(
        page,
        "\n- Formula: {formula}\n- Start: {seeding}\n- Flat market: {flat}"
    )
}

/// `the larger of period and atr_period + 1`
fn first(line: &Line) -> String {
    let needs: Vec<String> = line.needs.iter().map(ToString::to_string).collect();
    match needs.as_slice() {
        [only] => only.clone(),
        several => format!("the larger of {}", several.join(" and ")),
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum: Vec<String> = self.parameters.iter().map(|p| format!("`{p}`")).collect();
        match (sum.is_empty(), self.plus) {
            (true, plus) => write!(f, "{plus}"),
            (false, 0) => f.write_str(&sum.join(" + ")),
            (false, plus) => {
                let sign = if plus < 0 { '−' } else { '+' };
                write!(f, "{} {sign} {}", sum.join(" + "), plus.abs())
            }
        }
    }
}
