use std::fmt::{self, Write};

use super::DEFINITIONS;
use super::definition::{Definition, IndicatorLine, Need};

/// The page about all indicators, in Markdown.
pub fn reference() -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page);
    page
}

const INTRODUCTION: &str = "\
# Indicators

An indicator reads samples, one after the other: the bars of a symbol as they are closed, or its quotes. \
It has one or more lines. A line reads a number, or it reads nothing yet, since it has seen fewer samples than \
it needs, or it reads nothing here, since its formula has no value. While one of its values reads nothing, \
a rule tells no signal; what rules are stands in [signals.md](signals.md).

A rule of the configuration names an indicator, the parameters that shall differ from their defaults, \
and a line where there are several:

```toml
[[market.rules]]
name = \"overbought\"
symbols = [\"AAPL\"]
interval = \"1m\"
when.threshold = { of = { indicator = \"rsi\", parameters = { period = 9 } }, above = 70, back = 60 }

[[market.rules]]
name = \"momentum\"
symbols = [\"AAPL\"]
interval = \"1m\"
when.cross = { a = { indicator = \"macd\", line = \"macd\" }, b = { indicator = \"macd\", line = \"signal\" } }
```

| Indicator | Reads | Lines |
|---|---|---|
";

fn write_page(page: &mut String) -> fmt::Result {
    page.push_str(INTRODUCTION);
    for definition in DEFINITIONS {
        let Definition {
            name, title, reads, ..
        } = definition;
        let anchor = format!("{title} {name}").to_lowercase().replace(' ', "-");
        let lines: Vec<String> = definition
            .lines
            .iter()
            .map(|line| format!("`{}`", line.name))
            .collect();
        let lines = lines.join(", ");
        writeln!(page, "| [`{name}`](#{anchor}) | {reads} | {lines} |")?;
    }
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
fn first(line: &IndicatorLine) -> String {
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
