use std::borrow::Cow;

use tapeline_model::records::{Quote, Trade, TradeKind};
use tapeline_model::{Event, Micros};

use crate::NAME;
use crate::names::Listing;
use crate::random::Random;
use crate::units::{price, shares};

/// The walk itself is finer than a cent.
const MICROS_PER_CENT: i64 = 10_000;
const BILLION: i64 = 1_000_000_000;
/// A level of the script that leaves the price as the walk has it.
pub(crate) const LEVEL_ONE: i64 = 10_000;
/// The heat of a calm symbol; a burst starts at `BURST_HEAT` and cools down.
const HEAT_ONE: i64 = 256;
const BURST_HEAT: i64 = 5 * HEAT_ONE;
const BURST_EVERY_QUOTES: u64 = 3000;
/// Symbols quoted more often than this, in a thousand seconds, have tight spreads.
const BUSY_RATE: u64 = 10_000;
/// No single quote moves further than this, in billionths.
const MAX_MOVE: i64 = 20_000_000;
/// The walk is drawn back to where it began within some hours.
const PULL_SECONDS: u64 = 4 * 3600;
const MIN_MID_MICROS: i64 = 2_000_000;
const MAX_TIMES_ANCHOR: i64 = 20;
const ROUND_LOT: i64 = 100;

/// How a symbol moves.
#[derive(Debug, Clone)]
pub(crate) struct Character {
    /// Of one quote's move, in billionths.
    deviation: i64,
    /// Per cent of the shared factor's moves.
    beta: i64,
    /// Quotes within which the walk is drawn back.
    pull: i64,
    /// Cents between bid and ask when it is calm, for each 200 dollars of price.
    spread: i64,
    /// Round lots at the best price.
    depth: i64,
}

impl Character {
    pub(crate) fn draw(rate: u64, steady: bool, random: &mut Random) -> Self {
        // Quoted more often, it moves less each time: the same walk a second.
        let per_root_second = random.between(150_000, 500_000);
        // The script alone decides where the crashing symbol goes.
        let per_root_second = if steady { 100_000 } else { per_root_second };
        let root_of_rate = (rate * 1000).isqrt().max(1) as i64;
        Self {
            deviation: per_root_second * 1000 / root_of_rate,
            beta: if steady { 50 } else { random.between(40, 160) },
            pull: (PULL_SECONDS * rate / 1000).max(100) as i64,
            spread: if rate > BUSY_RATE {
                1
            } else {
                random.between(1, 4)
            },
            depth: random.between(3, 30),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Instrument {
    listing: Listing,
    character: Character,
    /// Millionths of a dollar.
    mid: i64,
    heat: i64,
    factor_seen: i64,
    /// What the script makes of the walk's price, in ten-thousandths.
    level: i64,
    bid: i64,
    ask: i64,
}

/// A quote in cents and shares.
#[derive(Debug)]
pub(crate) struct RawQuote {
    listing: Listing,
    bid: i64,
    ask: i64,
    bid_size: i64,
    ask_size: i64,
}

impl Instrument {
    pub(crate) fn new(listing: Listing, character: Character) -> Self {
        Self {
            mid: listing.cents * MICROS_PER_CENT,
            heat: HEAT_ONE,
            factor_seen: 0,
            level: LEVEL_ONE,
            bid: listing.cents,
            ask: listing.cents + 1,
            listing,
            character,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.listing.name
    }

    pub(crate) fn bid(&self) -> i64 {
        self.bid
    }

    pub(crate) fn ask(&self) -> i64 {
        self.ask
    }

    pub(crate) fn set_level(&mut self, level: i64) {
        self.level = level;
    }

    pub(crate) fn quote(&mut self, factor: i64, random: &mut Random) -> RawQuote {
        self.walk(factor, random);
        self.set_prices(random);
        let mut size = || ROUND_LOT * random.between(1, self.character.depth);
        RawQuote {
            listing: self.listing,
            bid: self.bid,
            ask: self.ask,
            bid_size: size(),
            ask_size: size(),
        }
    }

    fn walk(&mut self, factor: i64, random: &mut Random) {
        if random.one_in(BURST_EVERY_QUOTES) {
            self.heat = BURST_HEAT;
        }
        self.heat -= (self.heat - HEAT_ONE) / 32;
        let own = random.normal(self.character.deviation) * self.heat / HEAT_ONE;
        let shared = (factor - self.factor_seen) * self.character.beta / 100;
        self.factor_seen = factor;
        let anchor = self.listing.cents * MICROS_PER_CENT;
        // The bounds below keep every product within i64.
        let away = (self.mid - anchor) * 1000 / anchor * (BILLION / 1000);
        let moved = (own + shared - away / self.character.pull).clamp(-MAX_MOVE, MAX_MOVE);
        self.mid += self.mid * moved / BILLION;
        self.mid = self.mid.clamp(MIN_MID_MICROS, anchor * MAX_TIMES_ANCHOR);
    }

    fn set_prices(&mut self, random: &mut Random) {
        let middle = self.mid * self.level / LEVEL_ONE / MICROS_PER_CENT;
        let calm = 1 + self.character.spread * middle / 20_000;
        let wider = random.between(0, calm * self.heat / HEAT_ONE);
        let spread = calm + wider;
        self.bid = (middle - spread / 2).max(1);
        self.ask = self.bid + spread;
    }
}

impl RawQuote {
    /// Somebody takes a part of what is offered, or sells into what is bid.
    pub(crate) fn print(&self, seq: u64, now: Micros, random: &mut Random) -> Event<'static> {
        let (cents, size) = if random.one_in(2) {
            (self.ask, self.ask_size)
        } else {
            (self.bid, self.bid_size)
        };
        Event::Trade(Trade {
            kind: TradeKind::Trade,
            trade_id: Cow::Owned(format!("DEMO-T-{seq}")),
            ref_trade_id: None,
            symbol: Cow::Borrowed(self.listing.name),
            venue: Cow::Borrowed(self.listing.venue),
            seq: seq as i64,
            price: price(cents),
            size: shares(random.between(1, size)),
            event_time: now,
            ingest_time: now,
            source: Cow::Borrowed(NAME),
        })
    }

    pub(crate) fn into_event(self, seq: u64, now: Micros) -> Event<'static> {
        Event::Quote(Quote {
            symbol: Cow::Borrowed(self.listing.name),
            venue: Cow::Borrowed(self.listing.venue),
            seq: seq as i64,
            bid_price: price(self.bid),
            ask_price: price(self.ask),
            bid_size: shares(self.bid_size),
            ask_size: shares(self.ask_size),
            event_time: now,
            ingest_time: now,
            source: Cow::Borrowed(NAME),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument(cents: i64) -> Instrument {
        let listing = Listing {
            name: "TEST",
            venue: "XNAS",
            cents,
        };
        let character = Character::draw(5000, false, &mut Random::new(1, 1));
        Instrument::new(listing, character)
    }

    #[test]
    fn a_falling_market_ends_above_a_dollar() {
        let mut random = Random::new(1, 2);
        let mut instrument = instrument(500);
        instrument.set_level(8_600);
        for step in 0..100_000 {
            instrument.quote(-step * 10_000_000, &mut random);
            assert!(instrument.bid > 100, "{instrument:?}");
        }
    }

    #[test]
    fn a_rising_market_ends_as_well() {
        let mut random = Random::new(1, 2);
        let mut instrument = instrument(90_000);
        for step in 0..100_000 {
            instrument.quote(step * 10_000_000, &mut random);
            assert!(instrument.ask < 2_000_000, "{instrument:?}");
        }
    }

    #[test]
    fn left_alone_it_returns_to_where_it_began() {
        let mut random = Random::new(1, 2);
        let mut instrument = instrument(10_000);
        instrument.mid *= 2;
        for _ in 0..1_000_000 {
            instrument.quote(0, &mut random);
        }
        assert!((8_000..12_500).contains(&instrument.bid), "{instrument:?}");
    }
}
