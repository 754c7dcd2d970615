//! Does one step of the plan to the world, and says whether it met inserts.

use std::time::Duration;

use super::plan::{Kind, Step};
use super::report::Hits;
use super::world::{StoreRecovery, World};
use crate::chaos::failure::Outcome;
use crate::chaos::proxy::Harm;

/// What stands in the way of a fault is waited for this long.
const POSSIBLE_WITHIN: Duration = Duration::from_secs(120);
/// An insert to be hit is waited for this long.
const MEETS_WITHIN: Duration = Duration::from_secs(10);
/// Of a sink that joins: the rows that it has put into the store.
const ROWS: &str = "tapeline_sink_rows_total";

/// Does it; false if it never became possible.
pub(crate) fn inject(world: &mut World, step: Step, hits: &mut Hits) -> Outcome<bool> {
    match step.kind {
        Kind::SinkKill => sink(world, step, hits, |world| {
            world.sink.kill();
            world.recover_later(step.away, StoreRecovery::StartSink);
        }),
        Kind::SinkRestart => sink(world, step, hits, World::restart_sink),
        Kind::EngineKill => engine(world, step, hits, |world| {
            world.kill_store();
            world.recover_later(step.away, StoreRecovery::StartStore);
        }),
        Kind::EngineStall => stall(world, step, hits),
        Kind::LostAnswer => harm(world, step, hits, Harm::LoseAnswer),
        Kind::CutRequest => harm(world, step, hits, Harm::CutRequest),
        Kind::SlowAnswer => {
            world.proxy.inserts().late_by(step.away);
            harm(world, step, hits, Harm::SlowAnswer)
        }
        Kind::FullDisk => full_disk(world, step, hits),
        Kind::Rebalance => rebalance(world, step, hits),
    }
}

/// Waits for a moment with inserts under way; how many there are.
fn inserts(world: &mut World) -> Outcome<u64> {
    let mut met = 0;
    world.until(MEETS_WITHIN, |world| {
        met = world.proxy.inserts().in_flight();
        met > 0
    })?;
    Ok(met)
}

fn sink(
    world: &mut World,
    step: Step,
    hits: &mut Hits,
    then: impl Fn(&mut World),
) -> Outcome<bool> {
    if !world.until(POSSIBLE_WITHIN, |world| world.sink.is_up())? {
        return Ok(false);
    }
    let met = inserts(world)?;
    hits.add(step.kind, met);
    then(world);
    Ok(true)
}

fn engine(
    world: &mut World,
    step: Step,
    hits: &mut Hits,
    then: impl Fn(&mut World),
) -> Outcome<bool> {
    if !world.until(POSSIBLE_WITHIN, |world| world.store_is_well())? {
        return Ok(false);
    }
    let met = inserts(world)?;
    hits.add(step.kind, met);
    then(world);
    Ok(true)
}

fn stall(world: &mut World, step: Step, hits: &mut Hits) -> Outcome<bool> {
    if !world.until(POSSIBLE_WITHIN, |world| world.store_is_well())? {
        return Ok(false);
    }
    world.freeze_store();
    let met = inserts(world)?;
    hits.add(step.kind, met);
    world.recover_later(step.away, StoreRecovery::ThawStore);
    Ok(true)
}

/// Waits for an insert to which it can be done.
fn harm(world: &mut World, step: Step, hits: &mut Hits, harm: Harm) -> Outcome<bool> {
    let before = world.proxy.inserts().done(harm);
    world.proxy.inserts().arm(harm);
    let is_done = world.until(POSSIBLE_WITHIN, |world| {
        world.proxy.inserts().done(harm) > before
    })?;
    world.proxy.inserts().disarm(harm);
    hits.add(step.kind, world.proxy.inserts().done(harm) - before);
    Ok(is_done)
}

fn full_disk(world: &mut World, step: Step, hits: &mut Hits) -> Outcome<bool> {
    if !world.until(POSSIBLE_WITHIN, |world| world.store_is_well())? {
        return Ok(false);
    }
    let before = world.proxy.inserts().without_space();
    if !world.fill_disk()? {
        return Ok(false);
    }
    world.until(MEETS_WITHIN, |world| {
        world.proxy.inserts().without_space() > before
    })?;
    world.recover_later(step.away, StoreRecovery::FreeDisk);
    let met = world.proxy.inserts().without_space() - before;
    hits.add(step.kind, met);
    Ok(true)
}

/// A second sink joins, and is waited for until it has put rows into the store itself.
fn rebalance(world: &mut World, step: Step, hits: &mut Hits) -> Outcome<bool> {
    if !world.until(POSSIBLE_WITHIN, |world| world.second_is_gone())? {
        return Ok(false);
    }
    world.second.start()?;
    let mut rows = 0;
    world.until(POSSIBLE_WITHIN, |world| {
        rows = world.second.counter(ROWS).unwrap_or(0);
        rows > 0 || world.second.is_away()
    })?;
    hits.add(step.kind, rows);
    let by_force = step.pick.is_multiple_of(2);
    world.recover_later(step.away, StoreRecovery::Leave { by_force });
    Ok(rows > 0)
}
