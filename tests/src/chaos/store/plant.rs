//! Faults that are put into the store on purpose, after a run that was clean: each must be found.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::check::{self, Findings};
use super::feed::Feeder;
use super::world::{DATABASE, REFERENCE, World};
use crate::chaos::failure::{Failure, Outcome};
use crate::chaos::proxy::Harm;

const WITHIN: Duration = Duration::from_secs(60);
const WRONG_VIEW: &str = "v_quote_rates";

/// Statements that break the tables; what each is called.
fn statements(world: &World) -> Outcome<[(&'static str, String); 4]> {
    let oldest = |table: &str| -> Outcome<String> {
        let sql = format!("SELECT _partition, min(_offset) FROM {table} GROUP BY 1 LIMIT 1");
        let place = world.ask(DATABASE, &sql);
        let place = place.map_err(Failure::while_doing("choosing a row"))?;
        Ok(format!(
            "(_partition, _offset) = ({})",
            place.replace('\t', ", ")
        ))
    };
    Ok([
        (
            "row_deleted",
            format!(
                "ALTER TABLE fills DELETE WHERE {} SETTINGS mutations_sync = 2",
                oldest("fills")?
            ),
        ),
        (
            "row_twice",
            "INSERT INTO account_events SELECT * FROM account_events ORDER BY _partition, _offset LIMIT 1"
                .to_owned(),
        ),
        (
            "value_changed",
            format!(
                "ALTER TABLE orders UPDATE filled_quantity = filled_quantity + 1 WHERE {} \
                 SETTINGS mutations_sync = 2",
                oldest("orders")?
            ),
        ),
        (
            "view_wrong",
            format!(
                "CREATE OR REPLACE VIEW {WRONG_VIEW} AS \
                 SELECT symbol, minute, quotes + 1 AS quotes, widest_spread \
                 FROM {REFERENCE}.{WRONG_VIEW}"
            ),
        ),
    ])
}

/// What each makes of counters that were 0 before: by its name, only what changed.
pub(crate) fn plant(world: &mut World, seed: u64, before: &Findings) -> Outcome<Value> {
    let mut before = before.clone();
    let mut told = Map::new();
    for (name, sql) in statements(world)? {
        let done = world.ask(DATABASE, &sql);
        done.map_err(Failure::while_doing(format!("planting {name}")))?;
        let after = found(world)?;
        told.insert(name.to_owned(), growth(&before, &after));
        before = after;
    }
    spoil_tokens(world, seed)?;
    let after = found(world)?;
    told.insert("tokens_spoilt".to_owned(), growth(&before, &after));
    Ok(told.into())
}

fn found(world: &World) -> Outcome<Findings> {
    let mut findings = Findings::default();
    let compared = check::compare_with(world, &[WRONG_VIEW], &mut findings)?;
    compared.map_err(Failure::Outside)?;
    Ok(findings)
}

/// What a sink does whose ranges have another token each time, when an answer is lost.
fn spoil_tokens(world: &mut World, seed: u64) -> Outcome<()> {
    let lost = world.proxy.inserts().done(Harm::LoseAnswer);
    world.proxy.inserts().spoil_tokens(true);
    world.proxy.inserts().arm(Harm::LoseAnswer);
    let feeder = Feeder::start(&world.kafka, seed)?;
    world.until(WITHIN, |world| {
        world.proxy.inserts().done(Harm::LoseAnswer) > lost
    })?;
    feeder.stop()?;
    Ok(())
}

fn growth(before: &Findings, after: &Findings) -> Value {
    let counters = |of: &Findings| {
        [
            ("lost", of.lost),
            ("duplicated", of.duplicated),
            ("extra", of.extra),
            ("rows_differ", of.rows_differ),
            ("views_differ", of.views_differ),
        ]
    };
    let mut grown = json!({});
    for ((name, before), (_, after)) in counters(before).into_iter().zip(counters(after)) {
        if after != before {
            grown[name] = (after as i64 - before as i64).into();
        }
    }
    grown
}
