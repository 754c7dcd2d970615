//! Quotes and prints: a random walk per symbol, a factor that all share, and one
//! symbol that crashes by a script.

mod crash;
mod instrument;

use crate::market::crash::Crash;
use crate::market::instrument::{Character, Instrument};
use crate::names::listing;
use crate::outbox::Outbox;
use crate::random::Random;
use crate::settings::DemoSettings;
use crate::steps::STEPS_PER_SECOND;

/// A symbol by its place in the market; the busiest come first.
pub(crate) type InstrumentIndex = usize;

/// The symbol that crashes.
pub(crate) const CRASHING: InstrumentIndex = 3;

/// The shared factor's deviation a step, in billionths: 80 millionths a √second.
const FACTOR_DEVIATION: i64 = 5_600;
/// Now and then the whole market is nervous for about a second.
const NERVOUS_EVERY_STEPS: u64 = 15 * STEPS_PER_SECOND;
const NERVOUS_STEPS: u64 = STEPS_PER_SECOND;
const NERVOUS_TIMES: i64 = 4;
const PRINT_EVERY_QUOTES: u64 = 10;

#[derive(Debug, Clone)]
pub(crate) struct Market {
    random: Random,
    prints: Random,
    quotes_per_second: u64,
    instruments: Vec<Instrument>,
    /// Every symbol is quoted once before the walk begins.
    opened: InstrumentIndex,
    /// The sum of the shared factor's moves, in billionths.
    factor: i64,
    nervous_until: u64,
    crash: Crash,
}

impl Market {
    pub(crate) fn new(settings: &DemoSettings) -> Self {
        let mut random = Random::new(settings.seed, 1);
        let count = u64::from(settings.symbols);
        let rate = u64::from(settings.quotes_per_second);
        let instruments = (0..count)
            .map(|index| {
                let listing = listing(index as usize, &mut random);
                let rate = quotes_per_thousand_seconds(index, count, rate);
                let character = Character::draw(rate, index as usize == CRASHING, &mut random);
                Instrument::new(listing, character)
            })
            .collect();
        Self {
            random,
            prints: Random::new(settings.seed, 7),
            quotes_per_second: rate,
            instruments,
            opened: 0,
            factor: 0,
            nervous_until: 0,
            crash: Crash::new(settings.seed),
        }
    }

    pub(crate) fn step(&mut self, step: u64, outbox: &mut Outbox<'_>) {
        self.move_factor(step);
        // Who holds the crashing symbol sees every stage of it at once.
        let mut urgent = self.crash.step(step).map(|level| {
            self.instruments[CRASHING].set_level(level);
            CRASHING
        });
        for _ in 0..quota(step, self.quotes_per_second) {
            let index = urgent.take().unwrap_or_else(|| self.pick());
            let quote = self.instruments[index].quote(self.factor, &mut self.random);
            let is_taken = self.prints.one_in(PRINT_EVERY_QUOTES);
            let (seq, now) = (outbox.next_seq(), outbox.now);
            let print = is_taken.then(|| quote.print(seq + 1, now, &mut self.prints));
            outbox.push(quote.into_event(seq, now));
            if let Some(print) = print {
                outbox.push(print);
            }
        }
        if urgent.is_some() {
            self.crash.repeat();
        }
    }

    pub(crate) fn name(&self, index: InstrumentIndex) -> &'static str {
        self.instruments[index].name()
    }

    /// In cents, as last quoted.
    pub(crate) fn bid(&self, index: InstrumentIndex) -> i64 {
        self.instruments[index].bid()
    }

    /// In cents, as last quoted.
    pub(crate) fn ask(&self, index: InstrumentIndex) -> i64 {
        self.instruments[index].ask()
    }

    fn move_factor(&mut self, step: u64) {
        if self.random.one_in(NERVOUS_EVERY_STEPS) {
            self.nervous_until = step + NERVOUS_STEPS;
        }
        let nervous = step < self.nervous_until;
        let times = if nervous { NERVOUS_TIMES } else { 1 };
        self.factor += self.random.normal(FACTOR_DEVIATION * times);
    }

    /// Who is quoted next: the square of a uniform number, so that the first
    /// symbols are quoted far more often than the last.
    fn pick(&mut self) -> InstrumentIndex {
        if self.opened < self.instruments.len() {
            self.opened += 1;
            return self.opened - 1;
        }
        let uniform = self.random.below(1 << 24);
        let square = u128::from(uniform * uniform);
        ((square * self.instruments.len() as u128) >> 48) as InstrumentIndex
    }
}

/// How many quotes a step holds, so that each second holds the rate exactly.
fn quota(step: u64, per_second: u64) -> u64 {
    let within = step % STEPS_PER_SECOND;
    (within + 1) * per_second / STEPS_PER_SECOND - within * per_second / STEPS_PER_SECOND
}

/// How often the symbol at `index` of `count` is quoted, after [`Market::pick`].
fn quotes_per_thousand_seconds(index: u64, count: u64, quotes_per_second: u64) -> u64 {
    const ONE: u64 = 1_000_000;
    let below = |index: u64| (index * ONE * ONE / count).isqrt();
    quotes_per_second * 1000 * (below(index + 1) - below(index)) / ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_holds_the_rate() {
        for rate in [100, 2500, 2501, 1_000_000] {
            let second = |from: u64| (from..from + 200).map(|s| quota(s, rate)).sum::<u64>();
            assert_eq!((second(0), second(1400)), (rate, rate));
        }
    }

    #[test]
    fn busy_symbols_are_quoted_far_more_often() {
        assert_eq!(quotes_per_thousand_seconds(0, 500, 2500), 111_802);
        assert_eq!(quotes_per_thousand_seconds(499, 500, 2500), 2_502);

        let mut market = Market::new(&DemoSettings::default());
        market.opened = market.instruments.len();
        let mut picked = vec![0_u32; 500];
        for _ in 0..250_000 {
            picked[market.pick()] += 1;
        }
        assert!((10_500..12_000).contains(&picked[0]), "{}", picked[0]);
        assert!((150..400).contains(&picked[499]), "{}", picked[499]);
    }

    #[test]
    fn the_opening_quotes_every_symbol_once() {
        let mut market = Market::new(&DemoSettings::default());
        let opening: Vec<usize> = (0..500).map(|_| market.pick()).collect();
        assert!(opening.into_iter().eq(0..500));
    }
}
