//! Does one step of the plan to the world.

use std::time::Duration;

use super::plan::{Kind, Step};
use super::wire;
use super::world::{Group, Recovery, World};
use crate::chaos::failure::Outcome;
use crate::chaos::proxy::Harm;

/// What stands in the way of a fault is waited for this long.
const POSSIBLE_WITHIN: Duration = Duration::from_secs(120);

/// Does it; false if it never became possible.
pub(crate) fn inject(world: &mut World, step: Step) -> Outcome<bool> {
    match step.kind {
        Kind::ProcessorKill => kill(world, Group::Processors, step),
        Kind::SinkKill => kill(world, Group::Sinks, step),
        Kind::ProcessorFreeze => freeze(world, Group::Processors, step),
        Kind::SinkFreeze => freeze(world, Group::Sinks, step),
        Kind::ProcessorRestart => restart(world, Group::Processors, step),
        Kind::SinkRestart => restart(world, Group::Sinks, step),
        Kind::LeaderKill
        | Kind::LeaderFreeze
        | Kind::CoordinatorKill
        | Kind::CoordinatorFreeze
        | Kind::ControllerKill => broker(world, step),
        Kind::StoreKill => store_kill(world, step),
        Kind::AnswerDrop => answer_drop(world),
        Kind::BrokerCut => broker_cut(world, step),
        Kind::StoreCut => world.until(POSSIBLE_WITHIN, |world| world.store_proxy.cut() > 0),
        Kind::Stall => Ok(stall(world, step)),
        Kind::StoreStall => {
            world.store_proxy.stall(true);
            world.recover_later(step.away, Recovery::LetStoreThrough);
            Ok(true)
        }
    }
}

/// One that is up, preferably the picked one, once there is one.
fn target(world: &mut World, group: Group, pick: u64) -> Outcome<Option<usize>> {
    let mut found = None;
    world.until(POSSIBLE_WITHIN, |world| {
        let members = world.members(group);
        let count = members.len();
        let picked = (pick % count as u64) as usize;
        found = (0..count)
            .map(|step| (picked + step) % count)
            .find(|at| members[*at].is_up());
        found.is_some()
    })?;
    Ok(found)
}

fn kill(world: &mut World, group: Group, step: Step) -> Outcome<bool> {
    let Some(at) = target(world, group, step.pick)? else {
        return Ok(false);
    };
    world.members(group)[at].kill();
    world.recover_later(step.away, Recovery::Start(group, at));
    Ok(true)
}

fn freeze(world: &mut World, group: Group, step: Step) -> Outcome<bool> {
    let Some(at) = target(world, group, step.pick)? else {
        return Ok(false);
    };
    world.members(group)[at].freeze();
    world.recover_later(step.away, Recovery::Thaw(group, at));
    Ok(true)
}

fn restart(world: &mut World, group: Group, step: Step) -> Outcome<bool> {
    let Some(at) = target(world, group, step.pick)? else {
        return Ok(false);
    };
    world.restart_gracefully(group, at);
    Ok(true)
}

/// Only one broker is away at a time, and the others hold everything: two in sync is what a
/// write needs.
fn broker(world: &mut World, step: Step) -> Outcome<bool> {
    let mut found = None;
    world.until(POSSIBLE_WITHIN, |world| {
        found = whole_cluster(world).and_then(|at| victim(world, at, step));
        found.is_some()
    })?;
    let Some(at) = found else { return Ok(false) };
    if step.kind.is_freeze() {
        world.freeze_broker(at);
        world.recover_later(step.away, Recovery::ThawBroker(at));
    } else {
        world.kill_broker(at);
        world.recover_later(step.away, Recovery::StartBroker(at));
    }
    Ok(true)
}

/// The port of a broker that answers, if none is away and every replica is in sync.
fn whole_cluster(world: &World) -> Option<u16> {
    let any = world.brokers.first()?.port;
    if world.brokers.iter().any(|broker| broker.away) {
        return None;
    }
    let partitions = wire::partitions(any).ok()?;
    partitions
        .values()
        .all(|state| state.in_sync == state.replicas && state.leader > 0)
        .then_some(any)
}

fn victim(world: &World, port: u16, step: Step) -> Option<usize> {
    let partitions = wire::partitions(port).ok()?;
    let leader = |topic: &str, partition: i32| {
        let state = partitions.get(&(topic.to_owned(), partition))?;
        usize::try_from(state.leader - 1).ok()
    };
    let names = world.kafka.names();
    let partition = (step.pick / 16 % u64::from(super::PARTITIONS)) as i32;
    match step.kind {
        Kind::ControllerKill => {
            let controller = wire::controller(port).ok()?;
            usize::try_from(controller - 1).ok()
        }
        Kind::CoordinatorKill | Kind::CoordinatorFreeze => {
            let (topic, id) = match step.pick % 4 {
                0 => (
                    TRANSACTIONS,
                    names.transactional_id("risk", partition as u32),
                ),
                1 => (
                    TRANSACTIONS,
                    names.transactional_id("market", partition as u32),
                ),
                2 => (GROUPS, names.group("risk-lease")),
                _ => (GROUPS, names.group("sink")),
            };
            let count = partitions.keys().filter(|(name, _)| name == topic).count();
            leader(topic, wire::coordinator_partition(&id, count as i32))
        }
        _ => {
            use tapeline_schemas::topics::Topic;
            let topics = [
                names.topic(Topic::BrokerFills).to_owned(),
                names.topic(Topic::RiskPositions).to_owned(),
                names.changelog("risk"),
                names.changelog("market"),
                names.topic(Topic::MarketMarks).to_owned(),
            ];
            leader(
                &topics[(step.pick % topics.len() as u64) as usize],
                partition,
            )
        }
    }
}

const TRANSACTIONS: &str = "__transaction_state";
const GROUPS: &str = "__consumer_offsets";

fn store_kill(world: &mut World, step: Step) -> Outcome<bool> {
    if !world.until(POSSIBLE_WITHIN, |world| world.store_is_up())? {
        return Ok(false);
    }
    world.kill_store();
    world.recover_later(step.away, Recovery::StartStore);
    Ok(true)
}

/// Waits for an insert that the store accepts, and loses its answer.
fn answer_drop(world: &mut World) -> Outcome<bool> {
    let before = world.store_proxy.inserts().done(Harm::LoseAnswer);
    world.store_proxy.inserts().arm(Harm::LoseAnswer);
    let lost = world.until(POSSIBLE_WITHIN, |world| {
        world.store_proxy.inserts().done(Harm::LoseAnswer) > before
    })?;
    world.store_proxy.inserts().disarm(Harm::LoseAnswer);
    Ok(lost)
}

fn stall(world: &mut World, step: Step) -> bool {
    for broker in &world.brokers {
        broker.proxy.stall(true);
    }
    world.recover_later(step.away, Recovery::LetThrough);
    true
}

fn broker_cut(world: &mut World, step: Step) -> Outcome<bool> {
    let count = world.brokers.len();
    let first = (step.pick % count as u64) as usize;
    // One that was just started again leads nothing yet, and nobody is connected to it.
    world.until(POSSIBLE_WITHIN, |world| {
        let mut turns = (first..first + count).map(|at| &world.brokers[at % count]);
        turns.any(|broker| broker.proxy.cut() > 0)
    })
}
