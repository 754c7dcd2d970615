//! Questions that users ask, one a file under `queries/`, and the views that answer them.
//!
//! A file begins with the question and the parameters, in comments:
//! `-- param NAME TYPE 'DEFAULT' what it does`. The values of parameters never become a
//! part of the statement: the server is given them beside it.

use std::collections::BTreeMap;
use std::fmt::Write;

use tapeline_schemas::migrations::MIGRATIONS;

use crate::client::Store;
use crate::error::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    pub name: &'static str,
    text: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    pub default: &'static str,
    pub about: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    /// One array of objects; decimals are strings, so that no digit is lost.
    Json,
    Csv,
}

macro_rules! queries {
    ($($name:ident)*) => {
        &[$(Query {
            name: stringify!($name),
            text: include_str!(concat!("../queries/", stringify!($name), ".sql")),
        }),*]
    };
}

pub const QUERIES: &[Query] = queries! {
    pnl_today pnl_by_day pnl_by_symbol pnl_by_strategy fees
    positions equity_curve drawdowns
    worst_trades performance hold_times excursions slippage slippage_by_quote
    risk_headroom why_stopped refused_orders open_orders
    open_alerts alerts_by_day logins errors
    bars quote_gaps latency ingest
};

impl Query {
    pub fn named(name: &str) -> Option<&'static Self> {
        QUERIES.iter().find(|query| query.name == name)
    }

    fn header(&self) -> impl Iterator<Item = &'static str> {
        self.text.lines().map_while(|line| line.strip_prefix("-- "))
    }

    pub fn question(&self) -> &'static str {
        self.header().next().unwrap_or_default()
    }

    pub fn parameters(&self) -> impl Iterator<Item = Parameter> {
        self.header()
            .filter_map(|line| parameter(line.strip_prefix("param ")?))
    }

    pub fn sql(&self) -> &'static str {
        let header: usize = self.header().map(|line| line.len() + "-- \n".len()).sum();
        self.text[header..].trim_end()
    }

    /// A value for each parameter, or what is wrong with those that were given.
    fn values(&self, given: &BTreeMap<String, String>) -> Result<Vec<(&str, String)>, String> {
        let known: Vec<Parameter> = self.parameters().collect();
        if let Some(name) = given
            .keys()
            .find(|name| !known.iter().any(|p| p.name == *name))
        {
            let names: Vec<&str> = known.iter().map(|p| p.name).collect();
            return Err(match names.as_slice() {
                [] => format!("`{}` takes no parameters", self.name),
                _ => format!(
                    "`{}` has no parameter `{name}`; it has {}",
                    self.name,
                    names.join(", ")
                ),
            });
        }
        let value = |parameter: &Parameter| {
            let value = given
                .get(parameter.name)
                .map_or(parameter.default, |given| given);
            if parameter.kind == Kind::Number && value.parse::<u32>().is_err() {
                return Err(format!(
                    "parameter `{}` must be a whole number, and is `{value}`",
                    parameter.name
                ));
            }
            Ok((parameter.name, value.to_owned()))
        };
        known.iter().map(value).collect()
    }
}

/// `portfolio String '' only this portfolio`
fn parameter(text: &'static str) -> Option<Parameter> {
    let (name, rest) = text.split_once(' ')?;
    let (kind, rest) = rest.split_once(' ')?;
    let (default, about) = rest.split_once(' ')?;
    Some(Parameter {
        name,
        default: default.trim_matches('\''),
        about,
        kind: match kind {
            "String" => Kind::Text,
            "UInt32" => Kind::Number,
            _ => return None,
        },
    })
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "PrettyCompactMonoBlock",
            Self::Json => "JSONEachRow",
            Self::Csv => "CSVWithNames",
        }
    }
}

const SETTINGS: &[(&str, &str)] = &[
    ("output_format_json_array_of_rows", "1"),
    ("output_format_json_quote_decimals", "1"),
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_pretty_color", "0"),
    ("output_format_pretty_row_numbers", "0"),
    (
        "output_format_pretty_single_large_number_tip_threshold",
        "0",
    ),
    ("date_time_output_format", "iso"),
];

impl Store {
    /// Asks one of the questions; the answer comes piece by piece.
    pub async fn ask(
        &self,
        query: &Query,
        given: &BTreeMap<String, String>,
        format: Format,
        write: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        let values = query.values(given);
        let values = values.map_err(|problem| StoreError::Parameter { problem })?;
        self.stream(query.sql(), &values, SETTINGS, format.name(), write)
            .await
    }
}

/// A view for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub name: &'static str,
    pub about: &'static str,
}

/// Of views that tell about every moment, one asks for a part.
const EXAMPLES: &[(&str, &str)] = &[
    ("v_alerts_by_day", "WHERE day > today() - 7"),
    ("v_auth_outcomes", "WHERE day > today() - 7"),
    (
        "v_bars",
        "WHERE symbol = 'SYM001' AND interval = '1m' AND start > now() - INTERVAL 1 DAY",
    ),
    (
        "v_equity",
        "WHERE portfolio = 'P1' AND account IS NULL AND minute > now() - INTERVAL 1 DAY",
    ),
    ("v_latency", "WHERE minute > now() - INTERVAL 1 HOUR"),
    ("v_pnl", "WHERE day > today() - 7"),
    ("v_pnl_by_day", "WHERE day > today() - 30"),
    (
        "v_quote_bars_1d",
        "WHERE symbol = 'SYM001' AND start > now() - INTERVAL 30 DAY",
    ),
    (
        "v_quote_bars_1h",
        "WHERE symbol = 'SYM001' AND start > now() - INTERVAL 7 DAY",
    ),
    (
        "v_quote_bars_1m",
        "WHERE symbol = 'SYM001' AND start > now() - INTERVAL 1 DAY",
    ),
    (
        "v_quote_bars_1s",
        "WHERE symbol = 'SYM001' AND start > now() - INTERVAL 10 MINUTE",
    ),
    ("v_quote_gaps", "WHERE symbol = 'SYM001'"),
    (
        "v_quote_rates",
        "WHERE symbol = 'SYM001' AND minute > now() - INTERVAL 1 DAY",
    ),
    ("v_slippage", "WHERE event_time > now() - INTERVAL 1 DAY"),
    ("v_trades", "WHERE closed_at > now() - INTERVAL 7 DAY"),
    (
        "v_underwater",
        "WHERE portfolio = 'P1' AND minute > now() - INTERVAL 1 DAY",
    ),
];

impl View {
    /// How one asks it.
    pub fn example(&self) -> String {
        let of_it = EXAMPLES.iter().find(|(view, _)| *view == self.name);
        let part = of_it.map_or("", |(_, part)| part);
        format!("SELECT * FROM {} {part}", self.name)
            .trim_end()
            .to_owned()
    }
}

/// As the newest migration that has each of them says.
pub fn views() -> Vec<View> {
    const BEGIN: &str = "CREATE OR REPLACE VIEW ";
    let mut views: BTreeMap<&str, View> = BTreeMap::new();
    for statement in MIGRATIONS
        .iter()
        .flat_map(|migration| migration.sql.split(";\n"))
    {
        let Some((_, rest)) = statement.split_once(BEGIN) else {
            continue;
        };
        let name = rest.split_whitespace().next().unwrap_or_default();
        let about = rest.rsplit_once("COMMENT '").map_or("", |(_, about)| about);
        let about = about
            .trim_end()
            .trim_end_matches(';')
            .trim_end_matches('\'');
        views.insert(name, View { name, about });
    }
    views.into_values().collect()
}

/// The page of the reference.
pub fn reference() -> String {
    let mut page = String::from(
        "# Questions to the store\n\n\
         Made by `tapeline reference queries`. `tapeline query NAME` asks each of these questions \
         ([how](#parameters)); so does their SQL, sent to ClickHouse by whatever speaks with it. Days \
         are UTC. An amount that is `NULL` is not known, which is something else than 0.\n\n",
    );
    for query in QUERIES {
        // Writing to a string cannot fail.
        let _ = write!(page, "## {}\n\n", query.question());
        let _ = write!(page, "`tapeline query {}`\n\n", query.name);
        for parameter in query.parameters() {
            let Parameter {
                name,
                default,
                about,
                ..
            } = parameter;
            let default = if default.is_empty() { "all" } else { default };
            let _ = writeln!(page, "- `--param {name}=…`: {about} ({default})");
        }
        if query.parameters().next().is_some() {
            page.push('\n');
        }
        let _ = write!(page, "```sql\n{}\n```\n\n", query.sql());
    }
    page.push_str(
        "## Parameters\n\n\
         In SQL, `{portfolio:String}` is a parameter of the query: over HTTP its value is \
         `param_portfolio` in the URL, `clickhouse-client` takes `--param_portfolio`, and the value \
         cannot become a part of the statement.\n\n\
         ## The views\n\n\
         Each can be asked by itself, joined and filtered.\n\n\
         | View | What it shows | Example |\n|---|---|---|\n",
    );
    for view in views() {
        let (View { name, about }, example) = (view, view.example());
        let _ = writeln!(page, "| `{name}` | {about} | `{example}` |");
    }
    page
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
