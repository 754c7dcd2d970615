//! The reference pages of reason codes and of limits, in Markdown.

use std::fmt::{self, Write};

use tapeline_model::reasons::Reason;

use super::calendar::Calendars;
use super::definition::DEFAULT_RELEASE;
use super::rule::{Gate, Grouping, RULES, RuleInfo, Unit};

/// Every reason code and what it means.
pub fn reason_codes() -> String {
    let mut page = String::from(
        "# Reason codes\n\n\
         Every dead letter, verdict and refused order has one.\n\n\
         | Code | Meaning |\n|---|---|\n",
    );
    for reason in Reason::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{}` | {} |", reason.code(), reason.meaning());
    }
    page
}

/// Every rule of a limit: its keys, its unit, what it measures.
pub fn limits() -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_limits(&mut page);
    page
}

fn write_limits(page: &mut String) -> fmt::Result {
    page.push_str(
        "# Limits\n\n\
         A limit is an entry of `limits` in the configuration, or the same as JSON in a command:\n\n\
         ```toml\n\
         { name = \"day\", rule = \"daily_loss\", basis = \"marked\", portfolio = \"growth\", \
         warn = \"1500\", breach = \"2000\", action = \"reducing\" }\n\
         ```\n\n\
         ## Keys of every limit\n\n\
         | Key | Meaning |\n|---|---|\n",
    );
    for (key, meaning) in common_keys() {
        writeln!(page, "| `{key}` | {meaning} |")?;
    }
    page.push_str("\n## Keys of single rules\n\n| Key | Meaning |\n|---|---|\n");
    for (key, meaning) in own_keys() {
        writeln!(page, "| `{key}` | {meaning} |")?;
    }
    page.push_str(MODES);
    page.push_str("\n## Rules\n");
    RULES.iter().try_for_each(|info| write_rule(page, info))
}

fn common_keys() -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    vec![
        ("name", text("What verdicts and commands call it.")),
        ("rule", text("One of the rules below.")),
        (
            "portfolio` `account` `strategy` `symbol",
            text(
                "Whom it binds; what is left out is everything. Of limits that measure the same, the \
                 narrowest counts: a symbol before a strategy, an account, a portfolio, everything. \
                 A limit of an account measures the account, one without measures the portfolio as \
                 a whole, so both count.",
            ),
        ),
        (
            "warn",
            text("A value beyond it is told. Below `breach`; may be left out."),
        ),
        (
            "breach",
            text(
                "The most that is allowed: a value beyond it is a breach. What it means for orders stands with each rule.",
            ),
        ),
        (
            "release",
            format!(
                "How far back a value must be before it is over, in percent of the level; {DEFAULT_RELEASE} unless said."
            ),
        ),
        (
            "action",
            text(
                "What a breach does: `alert` tells, `reducing` lets only orders pass that bring positions \
                 closer to zero, `halted` lets none pass. The last two hold until a person resets them.",
            ),
        ),
    ]
}

fn own_keys() -> Vec<(&'static str, String)> {
    let calendars = Calendars::built_in();
    let names: Vec<String> = calendars
        .iter()
        .flat_map(Calendars::names)
        .map(|name| format!("`{name}`"))
        .collect();
    let text = str::to_owned;
    vec![
        (
            "mode",
            text("From where a drawdown is counted, see below. Must be said."),
        ),
        (
            "basis",
            text(
                "`marked` is equity at the prices of the moment, `realised` is equity without what open positions gained or lost. Must be said.",
            ),
        ),
        (
            "calendar",
            format!(
                "Whose days and hours: {}; `{}` unless said.",
                names.join(", "),
                Calendars::DEFAULT
            ),
        ),
        (
            "window",
            text(
                "A length of time from `1s` to `366d`. It is remembered in 64 pieces, so up to a 64th too long.",
            ),
        ),
        ("symbols", text("What must not be traded.")),
    ]
}

const MODES: &str = "\n## Modes of a drawdown\n\n\
    Equity is 10,000 at the start, 12,000 last week, 11,000 when New York opens today, 11,300 at noon, 10,900 now:\n\n\
    | Mode | Counted from | Here |\n|---|---|---|\n\
    | `static` | the equity at the start | −900: it is 900 above |\n\
    | `trailing` | the highest equity ever | 1,100 |\n\
    | `session` | the highest equity since the exchange's day began | 400 |\n\
    | `rolling` | the highest equity in `window` up to now | 1,100 with `30d` |\n\n\
    The daily loss is counted from the equity at the open: 100. Deposits and withdrawals move every one of \
    these points by their amount, so they are neither profit nor drawdown. A day lasts until the next one opens: \
    what is lost over night counts to the day before, and the jump at the open to the new day.\n";

fn write_rule(page: &mut String, info: &RuleInfo) -> fmt::Result {
    let RuleInfo {
        name,
        title,
        measures,
        keys,
        scopes,
        ..
    } = info;
    writeln!(page, "\n### {title} (`{name}`)\n")?;
    writeln!(page, "Measures {measures}.\n")?;
    writeln!(page, "- Unit: {}", unit(info.unit))?;
    if !keys.is_empty() {
        writeln!(page, "- Keys: {}", quoted(keys))?;
    }
    writeln!(page, "- Scope: {}", quoted(scopes))?;
    if info.grouping != Grouping::Whole {
        writeln!(page, "- One value for each {}", group(info.grouping))?;
    }
    writeln!(page, "- Orders: {}", gate(info.gate))?;
    writeln!(page, "- Reason: `{}`", info.reason.code())
}

fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "the portfolio's currency",
        Unit::Units => "units of the symbol",
        Unit::Count => "a number",
        Unit::Times => "times the equity",
        Unit::Seconds => "seconds",
        Unit::Nothing => "none, it has no levels and no action",
    }
}

fn group(grouping: Grouping) -> &'static str {
    match grouping {
        Grouping::Whole => "",
        Grouping::Symbol => "symbol",
        Grouping::Sector => "sector",
        Grouping::Currency => "currency",
        Grouping::Account => "account",
    }
}

fn gate(gate: Gate) -> &'static str {
    match gate {
        Gate::ByGuard => "stopped by the guard, once the limit is breached and has such an action",
        Gate::Projected => "refused if they would lead beyond it with all open orders filled",
        Gate::AtOnce => "refused at once",
    }
}
