use std::collections::BTreeMap;

use proptest::prelude::*;
use tapeline_model::money::{Price, Quantity};

use super::*;

const MAX_LATENESS_MS: i64 = 4_000;

#[derive(Debug, Clone)]
enum Step {
    /// Microseconds after the newest so far (negative is late), price, quantity.
    Take(i64, i64, i64),
    /// Which of the prints so far, and what it is instead.
    Correct(usize, i64, i64),
    Cancel(usize),
    Silence(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let price = -500_i64..1_500;
    let quantity = 1_i64..1_000;
    // Mostly small steps, sometimes over minutes, hours and days.
    let ahead = prop_oneof![
        8 => 0_i64..700_000,
        3 => -5_000_000_i64..0,
        2 => 0_i64..90_000_000,
        1 => 0_i64..90_000_000_000,
    ];
    let step = prop_oneof![
        10 => (ahead.clone(), price.clone(), quantity.clone()).prop_map(|(t, p, q)| Step::Take(t, p, q)),
        2 => (any::<usize>(), price, quantity).prop_map(|(n, p, q)| Step::Correct(n, p, q)),
        2 => any::<usize>().prop_map(Step::Cancel),
        1 => ahead.prop_map(Step::Silence),
    ];
    prop::collection::vec(step, 1..120)
}

/// What somebody knows who listened to every event.
#[derive(Default)]
struct Listener {
    bars: BTreeMap<(Frame, Micros), Ohlcv>,
    revisions: BTreeMap<(Frame, Micros), i32>,
}

impl Listener {
    fn hear(&mut self, event: BarEvent) {
        let (key, revision, ohlcv) = match event {
            BarEvent::Closed(bar) => {
                assert_eq!(bar.revision, 0);
                ((bar.frame, bar.start), 0, Some(bar.ohlcv))
            }
            BarEvent::Amended(bar) => ((bar.frame, bar.start), bar.revision, Some(bar.ohlcv)),
            BarEvent::Withdrawn {
                frame,
                start,
                revision,
                ..
            } => ((frame, start), revision, None),
        };
        let expected = self.revisions.get(&key).map_or(0, |last| last + 1);
        assert_eq!(revision, expected, "of {key:?}");
        self.revisions.insert(key, revision);
        match ohlcv {
            Some(ohlcv) => self.bars.insert(key, ohlcv),
            None => self.bars.remove(&key),
        };
    }
}

/// Plays the steps, and returns what was told and the prints that were accepted.
fn play(steps: &[Step], max_prints: usize) -> (Listener, Vec<Print>) {
    let retention = Retention::new(MAX_LATENESS_MS, max_prints).unwrap();
    let mut series = Series::default();
    let mut listener = Listener::default();
    let mut accepted: Vec<Print> = Vec::new();
    let mut events = Vec::new();
    let mut newest = 1_000_000_000_000_i64;
    for (seq, step) in steps.iter().enumerate() {
        let seq = seq as i64;
        let trade = |time, id: &str, price: i64, quantity: i64| {
            let price = Price::from_raw(price * 1_000_003).unwrap();
            let quantity = Quantity::from_raw(quantity * 7_000_001).unwrap();
            Print::trade(Micros(time), seq, id, price, quantity).unwrap()
        };
        match *step {
            Step::Take(ahead, price, quantity) => {
                let print = trade(newest + ahead, &seq.to_string(), price, quantity);
                if series.take(print.clone(), &retention, &mut events).is_ok() {
                    newest = newest.max(print.time().0);
                    accepted.push(print);
                }
            }
            Step::Correct(which, price, quantity) if !accepted.is_empty() => {
                let which = which % accepted.len();
                let old = &accepted[which];
                let id = old.id().unwrap().to_owned();
                let print = trade(old.time().0, &id, price, quantity);
                if series
                    .correct(&id, print.clone(), &retention, &mut events)
                    .is_ok()
                {
                    accepted[which] = print;
                }
            }
            Step::Cancel(which) if !accepted.is_empty() => {
                let which = which % accepted.len();
                let id = accepted[which].id().unwrap().to_owned();
                if series.cancel(&id, &retention, &mut events).is_ok() {
                    accepted.remove(which);
                }
            }
            Step::Silence(ahead) => {
                newest += ahead.max(0);
                series.close_until(Micros(newest), &retention, &mut events);
            }
            _ => {}
        }
        events.drain(..).for_each(|event| listener.hear(event));
    }
    let end = Micros(newest + 2 * Frame::Day.micros());
    series.close_until(end, &retention, &mut events);
    events.drain(..).for_each(|event| listener.hear(event));
    (listener, accepted)
}

fn from_scratch(prints: &[Print]) -> BTreeMap<(Frame, Micros), Ohlcv> {
    let mut sorted: Vec<&Print> = prints.iter().collect();
    sorted.sort_by_key(|print| print.order());
    let mut bars: BTreeMap<(Frame, Micros), Ohlcv> = BTreeMap::new();
    for print in sorted {
        for frame in Frame::ALL {
            let next = Ohlcv::from(print);
            bars.entry((frame, frame.start_of(print.time())))
                .and_modify(|bar| *bar = bar.then(next))
                .or_insert(next);
        }
    }
    bars
}

proptest! {
    #[test]
    fn what_was_told_last_is_what_the_accepted_prints_make(
        steps in steps(),
        max_prints in prop_oneof![1_usize..8, Just(1_000)],
    ) {
        let (listener, accepted) = play(&steps, max_prints);
        prop_assert_eq!(listener.bars, from_scratch(&accepted));
    }

    #[test]
    fn a_higher_bar_is_the_sum_of_the_lower_ones(
        steps in steps(),
        max_prints in prop_oneof![1_usize..8, Just(1_000)],
    ) {
        let (listener, _) = play(&steps, max_prints);
        for pair in Frame::ALL.windows(2) {
            let of = |frame| listener.bars.iter().filter(move |((f, _), _)| *f == frame);
            let mut folded: BTreeMap<Micros, Ohlcv> = BTreeMap::new();
            for ((_, start), bar) in of(pair[0]) {
                folded
                    .entry(pair[1].start_of(*start))
                    .and_modify(|sum| *sum = sum.then(*bar))
                    .or_insert(*bar);
            }
            let higher: BTreeMap<Micros, Ohlcv> =
                of(pair[1]).map(|((_, start), bar)| (*start, *bar)).collect();
            prop_assert_eq!(folded, higher);
        }
    }
}
