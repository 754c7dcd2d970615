//! Questions to the store.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;
use tapeline_clickhouse::{Format, QUERIES, Query, Store};

use super::{block_on, quiet_logs};
use crate::cli;
use crate::config::{Config, ConfigError};
use crate::console;
use crate::failure::Failure;

pub(super) fn run(
    config: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &cli::Query,
) -> Result<(), Failure> {
    let Some(name) = &arguments.name else {
        return list(arguments.json);
    };
    let Some(query) = Query::named(name) else {
        let message = format!("`{name}` is no question; `tapeline query` lists them");
        return Err(Failure::Usage(message));
    };
    let given = given(&arguments.param)?;
    let format = match (arguments.json, arguments.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Table,
    };
    let config = config()?;
    quiet_logs(&config);
    let settings = config.store_settings()?;
    block_on(async {
        let store = Store::connect(&settings)?;
        let mut out = std::io::stdout().lock();
        store
            .ask(query, &given, format, |piece| {
                // A reader that went away is no error.
                let _gone = out.write_all(piece);
            })
            .await?;
        let _gone = out.flush();
        Ok(())
    })
}

fn given(parameters: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::Usage(format!(
            "`{text}` must be like portfolio=growth"
        ))),
    };
    parameters.iter().map(pair).collect()
}

fn list(json: bool) -> Result<(), Failure> {
    if json {
        let parameter = |p: tapeline_clickhouse::Parameter| json!({"name": p.name, "default": p.default, "about": p.about});
        let all: Vec<_> = QUERIES
            .iter()
            .map(|query| {
                json!({
                    "name": query.name,
                    "question": query.question(),
                    "parameters": query.parameters().map(parameter).collect::<Vec<_>>(),
                })
            })
            .collect();
        return console::json(&all);
    }
    let rows: Vec<Vec<String>> = QUERIES
        .iter()
        .map(|query| {
            let names: Vec<&str> = query.parameters().map(|p| p.name).collect();
            vec![
                query.name.to_owned(),
                query.question().to_owned(),
                names.join(" "),
            ]
        })
        .collect();
    console::table(&["NAME", "QUESTION", "PARAMETERS"], &rows);
    Ok(())
}
