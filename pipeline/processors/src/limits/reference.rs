//! The reference pages of reason codes and of limits, in Markdown.

use std::fmt::{self, Write};

use tapeline_model::reasons::{About, Reason};

use super::calendar::Calendars;
use super::definition::DEFAULT_RELEASE;
use super::rules::{Gate, Grouping, RULES, RuleInfo, Unit};

/// Every reason code, by what it is about, and what it means.
pub fn reason_codes() -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_reasons(&mut page);
    page
}

/// Every rule of a limit: its keys, its unit, what it measures.
pub fn limits() -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_limits(&mut page);
    page
}

const REASONS: &str = "\
# Reason codes

Every record that is refused and every verdict has one. \
*Dead letters* are records that were not used: `tapeline deadletters list` shows them, \
so does the table `deadletters`, and the message beside the code says what to do. \
*Verdicts* are what the risk processor decided: `tapeline risk status` shows the newest of each portfolio, \
the table `verdicts` all of them. *Alerts* of the market have the code in small letters as their `rule`.
";

fn write_reasons(page: &mut String) -> fmt::Result {
    page.push_str(REASONS);
    for about in About::ALL {
        let (title, text) = heading(*about);
        writeln!(
            page,
            "\n## {title}\n\n{text}\n\n| Code | Meaning | Seen in |\n|---|---|---|"
        )?;
        for reason in Reason::ALL.iter().filter(|reason| reason.about() == *about) {
            let (code, meaning, seen) = (reason.code(), reason.meaning(), reason.seen_in());
            writeln!(page, "| `{code}` | {meaning} | {seen} |")?;
        }
    }
    Ok(())
}

fn heading(about: About) -> (&'static str, &'static str) {
    match about {
        About::Bytes => (
            "Records of any topic",
            "Who reads the topic refuses the record, the sink as well as processors; each writes a dead letter of its own.",
        ),
        About::Market => (
            "Quotes and trades",
            "The processor `market` refuses the record or does not believe its price.",
        ),
        About::Reports => (
            "What brokers report",
            "The processor `risk` refuses a fill, an order, an account event or an order request. Nothing of it is counted.",
        ),
        About::Limits => (
            "Limits",
            "With the grade `WARN`, `BREACH` or `PASS` a limit changed; with the grade `REFUSE` an order would lead beyond it.",
        ),
        About::Orders => (
            "Orders that are judged",
            "An order request gets one verdict, `APPROVE` or `REFUSE`. Its code is the first thing that is against it, \
             its message says all of them. A code of a limit, `BAD_QUANTITY` and `AMOUNT_OVERFLOW` can stand there, too.",
        ),
        About::Commands => (
            "The guard and commands",
            "What a person ordered with `tapeline risk`. A command that is carried out has a verdict, one that is refused a dead letter.",
        ),
        About::Reconciliation => (
            "Reconciliation",
            "What brokers report of positions and balances, compared with what was computed.",
        ),
    }
}

const INTRODUCTION: &str = "\
# Limits

A limit is an entry of `[[limits]]` in the configuration. While everything runs, \
`tapeline risk limit set` takes the same keys as JSON, and `tapeline risk limit list` shows what is in force. \
Where the configuration lists none, those of `tapeline init` hold. \
What the numbers mean that are limited stands in [numbers.md](numbers.md).

";

fn write_limits(page: &mut String) -> fmt::Result {
    page.push_str(INTRODUCTION);
    page.push_str("| Rule | Limits |\n|---|---|\n");
    for info in RULES {
        let RuleInfo { name, title, .. } = info;
        writeln!(page, "| [`{name}`](#{}) | {title} |", anchor(info))?;
    }
    page.push_str("\n## Keys of every limit\n\n| Key | Meaning |\n|---|---|\n");
    for (key, meaning) in common_keys() {
        writeln!(page, "| `{key}` | {meaning} |")?;
    }
    page.push_str("\n## Keys of single rules\n\n| Key | Meaning |\n|---|---|\n");
    for (key, meaning) in own_keys() {
        writeln!(page, "| `{key}` | {meaning} |")?;
    }
    page.push_str(LEVELS);
    page.push_str(MODES);
    page.push_str(CALENDARS);
    page.push_str("\n## Rules\n");
    RULES.iter().try_for_each(|info| write_rule(page, info))
}

/// As GitHub makes it of the heading.
fn anchor(info: &RuleInfo) -> String {
    let heading = format!("{} {}", info.title, info.name).to_lowercase();
    heading.replace(' ', "-")
}

fn common_keys() -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    vec![
        ("name", text("What verdicts and commands call it.")),
        ("rule", text("One of the rules below.")),
        (
            "portfolio`, `account`, `strategy`, `symbol",
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
                "The most that is allowed: a value beyond it is a breach, the value itself is not. \
                 What it means for orders stands with each rule.",
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
                 closer to zero, `halted` lets none pass. The last two hold until a person resets them. Must be said.",
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
                "Whose days and hours: {}; `{}` unless said. With `max_drawdown` in the mode `session` only.",
                names.join(", "),
                Calendars::DEFAULT
            ),
        ),
        (
            "window",
            text(
                "A length of time from `1s` to `366d`. It is remembered in 64 pieces, so up to a 64th too long. \
                 With `max_drawdown` in the mode `rolling` only.",
            ),
        ),
        ("symbols", text("What must not be traded.")),
    ]
}

const LEVELS: &str = "\n## Levels\n\n\
    With `warn = \"1500\"`, `breach = \"2000\"` and a release of 20 percent:\n\n\
    | Value | What is told |\n|---|---|\n\
    | 1,500 | nothing: a level itself is allowed |\n\
    | 1,501 | `WARN` |\n\
    | 2,001 | `BREACH` |\n\
    | 1,601 | nothing: still a breach, until it is down to 80 percent of 2,000 |\n\
    | 1,600 | `WARN`: back within the limit, not within the warning level |\n\
    | 1,200 | `PASS`: 80 percent of 1,500 |\n\n\
    Each change is told once, with a verdict and an alert. A value that is unknown, because a price or a rate is \
    missing, changes nothing: the limit stays as it was, and orders that could raise an exposure are refused.\n";

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

const CALENDARS: &str = "\n## Calendars\n\n\
    | Calendar | Its day begins | Open |\n|---|---|---|\n\
    | `XNYS`, `XNAS` | at 9:30 in New York, on trading days | until 16:00; holidays and early closes by the rules of the New York Stock Exchange |\n\
    | `24x5` | at 17:00 in New York, from Sunday to Thursday | until Friday 17:00 |\n\
    | `24x7` | at midnight UTC | always |\n\n\
    Summer time of New York counts: the exchange opens at 14:30 UTC in winter and at 13:30 in summer.\n";

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
    writeln!(page, "- Reason: `{}`", info.reason.code())?;
    write_example(page, info)
}

fn write_example(page: &mut String, info: &RuleInfo) -> fmt::Result {
    page.push_str("\n```toml\n[[limits]]\n");
    for (place, (key, value)) in info.example.iter().enumerate() {
        writeln!(page, "{key} = {value}")?;
        if place == 0 {
            writeln!(page, "rule = \"{}\"", info.name)?;
        }
    }
    page.push_str("```\n");
    Ok(())
}

fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Money => "money, in the currency of `[risk]`",
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
        Gate::ByGuard => {
            "stopped by the guard, once the limit is breached and its action is `reducing` or `halted`"
        }
        Gate::Projected => {
            "refused if they would lead further beyond it with all open orders filled, whatever its action is"
        }
        Gate::AtOnce => "refused at once, whatever its action is",
    }
}
