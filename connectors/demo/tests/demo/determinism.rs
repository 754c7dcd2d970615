use std::collections::HashSet;

use tapeline_demo::{DemoSettings, Simulation};
use tapeline_venue::Outgoing;

use crate::{run, settings, simulation, time_of};

fn first(settings: &DemoSettings, count: usize) -> Vec<Outgoing> {
    let mut simulation = Simulation::new(settings).unwrap();
    let mut out = Vec::new();
    while out.len() < count {
        simulation.step(time_of(simulation.steps()), &mut out);
    }
    out.truncate(count);
    out
}

/// FNV-1a over the numbers and the bytes that stand in the topics.
fn fingerprint(emissions: &[Outgoing]) -> u64 {
    let mut bytes = Vec::new();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for emission in emissions {
        emission.event.encode(&mut bytes).unwrap();
        for byte in emission.seq.to_be_bytes().iter().chain(&bytes) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn the_first_100_000_emissions_are_golden() {
    let emissions = first(&settings(1), 100_000);
    assert_eq!(
        format!("{:016x}", fingerprint(&emissions)),
        "68783aeae058272c",
        "a demo that is resumed must go on as it began: change this only on purpose"
    );
}

#[test]
fn another_seed_is_another_market() {
    let (one, two) = (first(&settings(1), 5000), first(&settings(2), 5000));
    assert_ne!(fingerprint(&one), fingerprint(&two));
}

#[test]
fn the_times_given_decide_nothing_else() {
    let (mut one, mut two) = (simulation(1), simulation(1));
    let (mut timed, mut also_timed) = (Vec::new(), Vec::new());
    for step in 0..1000 {
        one.step(time_of(step), &mut timed);
        two.step(time_of(7 * step + 1), &mut also_timed);
    }
    let what = |emission: &Outgoing| {
        let event = &emission.event;
        (emission.seq, event.topic(), event.key().to_owned())
    };
    assert!(timed.iter().map(what).eq(also_timed.iter().map(what)));
    assert_eq!(one.next_seq(), two.next_seq());
}

#[test]
fn numbers_rise_from_one_without_a_gap() {
    let emissions = run(1, 5);
    assert!((1..).zip(&emissions).all(|(seq, e)| e.seq == seq));
}

#[test]
fn ids_are_unique() {
    let mut ids = HashSet::new();
    for emission in run(1, 60) {
        let id = match emission.event {
            tapeline_model::Event::Fill(fill) => fill.exec_id.to_string(),
            tapeline_model::Event::Account(event) => event.event_id,
            _ => continue,
        };
        assert!(ids.insert(id.clone()), "{id} twice");
    }
}
