//! Faults that are put into the store on purpose, after a run that was clean: each must be found.

use std::time::Duration;

use serde_json::{Value, json};

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
            "a row is deleted",
            format!(
                "ALTER TABLE fills DELETE WHERE {} SETTINGS mutations_sync = 2",
                oldest("fills")?
            ),
        ),
        (
            "a row is there twice",
            "INSERT INTO account_events SELECT * FROM account_events ORDER BY _partition, _offset LIMIT 1"
                .to_owned(),
        ),
        (
            "a value is changed",
            format!(
                "ALTER TABLE orders UPDATE filled_quantity = filled_quantity + 1 WHERE {} \
                 SETTINGS mutations_sync = 2",
                oldest("orders")?
            ),
        ),
        (
            "a view is wrong",
            format!(
                "CREATE OR REPLACE VIEW {WRONG_VIEW} AS \
                 SELECT symbol, minute, quotes + 1 AS quotes, widest_spread \
                 FROM {REFERENCE}.{WRONG_VIEW}"
            ),
        ),
    ])
}

/// What the checker finds of them, where it found nothing before: of the statements together, each
/// of which has a table of its own, and of retries that are spoilt.
pub(crate) fn plant(world: &mut World, seed: u64) -> Outcome<Value> {
    for (name, sql) in statements(world)? {
        let done = world.ask(DATABASE, &sql);
        done.map_err(Failure::while_doing(format!("planting: {name}")))?;
    }
    let broken = found(world)?;
    spoil_retries(world, seed)?;
    let doubled = found(world)?;
    Ok(json!({
        "lost": broken.lost,
        "duplicated": broken.duplicated,
        "rows_differ": broken.rows_differ,
        "views_differ": broken.views_differ,
        "doubled_by_spoilt_retries": doubled.duplicated.saturating_sub(broken.duplicated),
    }))
}

/// How many of the planted faults the checker did not find.
pub(crate) fn unfound(planted: &Value) -> u64 {
    let counters = [
        "lost",
        "duplicated",
        "rows_differ",
        "views_differ",
        "doubled_by_spoilt_retries",
    ];
    let is_unfound = |name: &&&str| planted[**name].as_u64().is_none_or(|found| found == 0);
    counters.iter().filter(is_unfound).count() as u64
}

fn found(world: &World) -> Outcome<Findings> {
    let mut findings = Findings::default();
    let compared = check::compare_with(world, &[WRONG_VIEW], &mut findings)?;
    compared.map_err(Failure::Outside)?;
    Ok(findings)
}

/// What a sink does when an answer is lost whose ranges have another token each time, and which
/// does not see what is there. One of both would not do: each guards against the other's failing.
fn spoil_retries(world: &mut World, seed: u64) -> Outcome<()> {
    let lost = world.proxy.inserts().done(Harm::LoseAnswer);
    world.proxy.inserts().spoil_retries(true);
    world.proxy.inserts().arm(Harm::LoseAnswer);
    let feeder = Feeder::start(&world.kafka, seed)?;
    let is_lost = world.until(WITHIN, |world| {
        world.proxy.inserts().done(Harm::LoseAnswer) > lost
    })?;
    feeder.stop()?;
    if !is_lost {
        let text = "planting: no insert came whose answer could be lost";
        return Err(Failure::Outside(text.to_owned()));
    }
    Ok(())
}
