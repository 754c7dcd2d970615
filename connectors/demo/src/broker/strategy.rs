//! What the accounts want: small trades around bounded positions, and one large
//! position that is there to be hit by the crash.

use tapeline_model::records::Side;

use crate::accounts::{ACCOUNTS, AccountIndex, MOMENTUM, TradingStyle};
use crate::broker::order::OpenOrder;
use crate::broker::reports::Execution;
use crate::market::{CRASHING, InstrumentIndex, Market};
use crate::names::MIN_SYMBOLS;
use crate::random::Random;
use crate::units::CENTS_PER_DOLLAR;

/// Orders go to the busiest symbols, so that a price is always at hand.
const TRADED: usize = MIN_SYMBOLS as usize;
const SYMBOLS_AN_ACCOUNT: u64 = 10;
const CONCENTRATED_DOLLARS: i64 = 80_000;
const CONCENTRATED_PARTS: i64 = 4;
/// All of it is bought within the first second, well before the crash.
const CONCENTRATED_BETWEEN_PARTS: (i64, i64) = (15, 30);
const MAX_PARTS: i64 = 4;
const CANCELED_ONE_IN: u64 = 10;
const MARKET_ONE_IN: u64 = 5;
/// How far a taking order may follow the price, as a part of it.
const COLLAR_PART: i64 = 200;

/// Shares by account and symbol; negative is short.
#[derive(Debug, Clone, Default)]
pub(crate) struct Positions([[i64; TRADED]; ACCOUNTS.len()]);

#[derive(Debug, Clone)]
pub(crate) struct Strategy {
    random: Random,
}

impl Positions {
    pub(crate) fn apply(&mut self, execution: &Execution, times: i64) {
        let signed = match execution.side {
            Side::Buy => execution.quantity,
            Side::Sell => -execution.quantity,
        };
        self.0[execution.account][execution.instrument] += times * signed;
    }

    fn of(&self, account: AccountIndex, instrument: InstrumentIndex) -> i64 {
        self.0[account][instrument]
    }
}

/// The order that makes up most of the portfolio `momentum`.
pub(crate) fn concentrated(step: u64, market: &Market) -> OpenOrder {
    let quantity = CONCENTRATED_DOLLARS * CENTS_PER_DOLLAR / market.ask(CRASHING);
    OpenOrder {
        between_parts: CONCENTRATED_BETWEEN_PARTS,
        ..OpenOrder::market(
            step,
            MOMENTUM,
            CRASHING,
            Side::Buy,
            quantity,
            CONCENTRATED_PARTS,
        )
    }
}

impl Strategy {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, 5),
        }
    }

    pub(crate) fn decide(
        &mut self,
        step: u64,
        account: AccountIndex,
        positions: &Positions,
        market: &Market,
    ) -> Option<OpenOrder> {
        let chosen = self.random.below(SYMBOLS_AN_ACCOUNT) as usize;
        let instrument = (account * 5 + chosen) % TRADED;
        // The concentrated position is nobody else's, and is kept.
        if instrument == CRASHING {
            return None;
        }
        let style = &ACCOUNTS[account].trading;
        let held = positions.of(account, instrument);
        let (side, quantity) = self.size(style, held, market.ask(instrument));
        let parts = self.random.between(1, MAX_PARTS);
        let order = OpenOrder::market(step, account, instrument, side, quantity, parts);
        Some(self.with_terms(order, market))
    }

    /// Which way and how many shares, such that the position stays bounded.
    fn size(&mut self, style: &TradingStyle, held: i64, cents: i64) -> (Side, i64) {
        let (least, most) = style.order_dollars;
        let dollars = self.random.between(least, most);
        let quantity = (dollars * CENTS_PER_DOLLAR / cents).max(2);
        let bound = style.position_dollars * CENTS_PER_DOLLAR / cents;
        let floor = if style.may_short { -bound } else { 0 };
        let side = if held <= floor {
            Side::Buy
        } else if held >= bound || self.random.one_in(2) {
            Side::Sell
        } else {
            Side::Buy
        };
        match side {
            Side::Sell if !style.may_short => (side, quantity.min(held)),
            _ => (side, quantity),
        }
    }

    fn with_terms(&mut self, mut order: OpenOrder, market: &Market) -> OpenOrder {
        let (bid, ask) = (market.bid(order.instrument), market.ask(order.instrument));
        if self.random.one_in(CANCELED_ONE_IN) {
            order.cancel_at_parts = Some(self.random.between(1, order.parts));
        }
        if self.random.one_in(MARKET_ONE_IN) {
            return order;
        }
        order.makes = self.random.one_in(2);
        order.limit = Some(match (order.side, order.makes) {
            (Side::Buy, true) => bid,
            (Side::Sell, true) => ask,
            (Side::Buy, false) => ask + ask / COLLAR_PART,
            (Side::Sell, false) => (bid - bid / COLLAR_PART).max(1),
        });
        order
    }
}
