//! Which faults come, in which order: the same for the same seed.

use std::time::Duration;

use super::random::Random;

/// What a suite can do to what runs.
pub(crate) trait Fault: Copy + 'static {
    const ALL: &'static [Self];

    fn name(self) -> &'static str;

    /// How long it lasts, in milliseconds.
    fn lasts(self) -> (u64, u64);

    fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.name() == name)
    }

    /// Of the names of kinds, the kinds.
    fn of(names: &[&str]) -> Vec<Self> {
        names.iter().filter_map(|name| Self::named(name)).collect()
    }
}

/// An enum of faults with their names; how long each lasts is said by its own `away`.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind { $($(#[$doc])* $variant),* }

        impl $crate::chaos::plan::Fault for Kind {
            const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }

            fn lasts(self) -> (u64, u64) {
                self.away()
            }
        }
    };
}
pub(crate) use kinds;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step<K> {
    pub(crate) kind: K,
    /// Chooses among what the kind can hit.
    pub(crate) pick: u64,
    /// How long what was hit stays away.
    pub(crate) away: Duration,
    /// The next fault comes this long after, without waiting for a recovery; `None` waits.
    pub(crate) next_after: Option<Duration>,
}

const OVERLAP: (u64, u64) = (100, 1_500);
/// Of ten faults, this many do not wait for the recovery from the one before.
const OVERLAPPING: u64 = 6;

/// Kinds are dealt like cards, so that after n full decks each came n times.
pub(crate) fn plan<K: Fault>(seed: u64, faults: usize, kinds: &[K]) -> Vec<Step<K>> {
    let mut random = Random::new(seed);
    let mut deck: Vec<K> = Vec::new();
    let mut steps = Vec::with_capacity(faults);
    while steps.len() < faults && !kinds.is_empty() {
        let Some(kind) = deck.pop() else {
            deck = kinds.to_vec();
            random.shuffle(&mut deck);
            continue;
        };
        let (shortest, longest) = kind.lasts();
        let away = Duration::from_millis(random.between(shortest, longest));
        let pick = random.next();
        let overlaps = random.below(10) < OVERLAPPING;
        let gap = Duration::from_millis(random.between(OVERLAP.0, OVERLAP.1));
        steps.push(Step {
            kind,
            pick,
            away,
            next_after: overlaps.then_some(gap),
        });
    }
    steps
}
