//! What was fed against what the input topics hold.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tapeline_processors::Processor;
use tapeline_processors::market::Market;
use tapeline_processors::risk::Risk;
use tapeline_schemas::topics::Topic;

use super::{Findings, Observed, oracle_settings};
use crate::chaos::pipeline::feed::id_of;

pub(super) fn check(observed: &Observed, findings: &mut Findings) {
    foreign_topics(observed, findings);
    for (topic, fed) in &observed.fed {
        let place: HashMap<&str, usize> = fed
            .iter()
            .zip(0..)
            .map(|(f, n)| (f.id.as_str(), n))
            .collect();
        let mut found = HashSet::new();
        let mut newest: BTreeMap<String, usize> = BTreeMap::new();
        for (seen, event) in observed.events(*topic) {
            let at = seen.place();
            let id = id_of(&event).unwrap_or_else(|| "a record without an id".to_owned());
            let Some(number) = place.get(id.as_str()).copied() else {
                findings.aborted_visible(format!("{topic} {at:?} holds {id}, which nobody fed"));
                continue;
            };
            if !found.insert(number) {
                findings.duplicated(1, format!("{topic} {at:?} holds {id} again"));
                continue;
            }
            let last = newest.entry(event.key().to_owned()).or_insert(number);
            if number < *last {
                findings.reordered(format!("{topic} {at:?} holds {id} behind a later one"));
            }
            *last = number.max(*last);
        }
        for (number, fed) in fed.iter().enumerate() {
            if fed.acknowledged && !found.contains(&number) {
                findings.lost(1, format!("{topic} does not hold {}, acknowledged", fed.id));
            }
        }
    }
    // Nothing that is fed is bad: a refused record is a lost one. Fills are told as positions
    // that are missing.
    for (seen, event) in observed.events(Topic::DeadLetters) {
        if let tapeline_model::Event::DeadLetter(letter) = event
            && letter.topic != Topic::BrokerFills.name()
        {
            let place = (letter.partition, letter.offset);
            let text = format!(
                "{} {place:?} is the dead letter {:?}: {}",
                letter.topic,
                seen.place(),
                letter.message
            );
            findings.lost(1, text);
        }
    }
}

/// What is neither fed nor written by the processors of the run stays empty.
fn foreign_topics(observed: &Observed, findings: &mut Findings) {
    let market = Market::default();
    let risk = Risk::new(oracle_settings(observed));
    let processors: [&dyn Processor; 2] = [&market, &risk];
    let mut known: BTreeSet<Topic> = observed.fed.keys().copied().collect();
    known.extend(processors.iter().flat_map(|it| it.outputs()).copied());
    known.insert(Topic::DeadLetters);
    for (topic, seen) in &observed.topics {
        if !known.contains(topic) && !seen.is_empty() {
            let count = seen.len();
            findings.aborted_visible(format!("{topic} holds {count} records that were not fed"));
        }
    }
}
