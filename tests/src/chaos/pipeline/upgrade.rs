//! A rolling upgrade under load: as an operator does it, one process after the other.

use super::wait;
use super::world::{Group, World};
use crate::chaos::failure::Outcome;

/// Asks each member of the former program to end and starts the present one in its place; how
/// many. Nobody goes back: state that the new program wrote, the former one may not read.
pub(crate) fn roll(world: &mut World, stuck: &mut Vec<String>) -> Outcome<u64> {
    world.deploy_present()?;
    let mut upgraded = 0;
    // Readers first: what the new processors write, the former sinks may not know.
    for group in [Group::Sinks, Group::Processors] {
        for at in 0..world.members(group).len() {
            world.upgrade(group, at);
            if !wait::recovers(world)? {
                let name = world.members(group)[at].name;
                stuck.push(format!("stuck: no flow after {name} was upgraded"));
                return Ok(upgraded);
            }
            upgraded += 1;
        }
    }
    Ok(upgraded)
}
