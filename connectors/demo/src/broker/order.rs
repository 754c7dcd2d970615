use tapeline_model::records::Side;

use crate::accounts::AccountIndex;
use crate::market::InstrumentIndex;
use crate::random::Random;
use crate::steps::STEPS_PER_SECOND;

/// An order waits so long for a price within its limit.
const PATIENCE_STEPS: u64 = 4 * STEPS_PER_SECOND;
const CHECK_INTERVAL: u64 = STEPS_PER_SECOND / 10;
const BETWEEN_PARTS: (i64, i64) = (15, 80);

#[derive(Debug, Clone)]
pub(crate) struct OpenOrder {
    pub(crate) number: u64,
    pub(crate) account: AccountIndex,
    pub(crate) instrument: InstrumentIndex,
    pub(crate) side: Side,
    pub(crate) quantity: i64,
    pub(crate) filled: i64,
    /// In cents.
    pub(crate) limit: Option<i64>,
    /// It waits in the book instead of taking what is there.
    pub(crate) makes: bool,
    /// Into how many fills the rest is to be cut.
    pub(crate) parts: i64,
    /// Its owner takes back what is left at this number of parts.
    pub(crate) cancel_at_parts: Option<i64>,
    /// The fewest and the most steps from one part to the next.
    pub(crate) between_parts: (i64, i64),
    pub(crate) due: u64,
    pub(crate) expires: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    Filled { cents: i64, quantity: i64 },
    Canceled(&'static str),
}

impl OpenOrder {
    /// An order over `quantity` shares, taken from the market in `parts`.
    pub(crate) fn market(
        step: u64,
        account: AccountIndex,
        instrument: InstrumentIndex,
        side: Side,
        quantity: i64,
        parts: i64,
    ) -> Self {
        Self {
            number: 0,
            account,
            instrument,
            side,
            quantity,
            filled: 0,
            limit: None,
            makes: false,
            parts: parts.clamp(1, quantity.max(1)),
            cancel_at_parts: None,
            between_parts: BETWEEN_PARTS,
            due: step + CHECK_INTERVAL / 2,
            expires: step + PATIENCE_STEPS,
        }
    }

    pub(crate) fn numbered(self, number: u64) -> Self {
        Self { number, ..self }
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.filled == self.quantity
    }

    /// What happens to it now, counted in already.
    pub(crate) fn progress(
        &mut self,
        step: u64,
        bid: i64,
        ask: i64,
        random: &mut Random,
    ) -> Progress {
        if self.cancel_at_parts == Some(self.parts) {
            return Progress::Canceled("canceled by the trader");
        }
        let cents = self.price(bid, ask);
        if !self.accepts(cents) {
            if step >= self.expires {
                return Progress::Canceled("its limit was not reached in time");
            }
            self.due = step + CHECK_INTERVAL;
            return Progress::Waiting;
        }
        let quantity = self.next_part(random);
        self.filled += quantity;
        self.parts -= 1;
        let (soonest, latest) = self.between_parts;
        self.due = step + random.between(soonest, latest) as u64;
        // A part that was filled makes the owner patient again.
        self.expires = self.due + PATIENCE_STEPS;
        Progress::Filled { cents, quantity }
    }

    /// A taker pays the other side's price, a maker gets its own.
    fn price(&self, bid: i64, ask: i64) -> i64 {
        match (self.side, self.makes) {
            (Side::Buy, false) | (Side::Sell, true) => ask,
            (Side::Buy, true) | (Side::Sell, false) => bid,
        }
    }

    fn accepts(&self, cents: i64) -> bool {
        self.limit.is_none_or(|limit| match self.side {
            Side::Buy => cents <= limit,
            Side::Sell => cents >= limit,
        })
    }

    /// About an equal part, and enough left for one share in each later part.
    fn next_part(&self, random: &mut Random) -> i64 {
        let rest = self.quantity - self.filled;
        if self.parts <= 1 {
            return rest;
        }
        let equal = rest / self.parts;
        let part = random.between(equal / 2, equal * 3 / 2);
        part.clamp(1, (rest - (self.parts - 1)).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(quantity: i64, parts: i64) -> OpenOrder {
        OpenOrder::market(0, 0, 0, Side::Buy, quantity, parts)
    }

    #[test]
    fn parts_add_up_to_the_order() {
        let mut random = Random::new(1, 1);
        for quantity in 1..60 {
            for parts in 1..8 {
                let mut order = order(quantity, parts);
                while !order.is_filled() {
                    let filled = order.progress(0, 99, 100, &mut random);
                    let Progress::Filled {
                        cents: 100,
                        quantity,
                    } = filled
                    else {
                        panic!("{filled:?}");
                    };
                    assert!(quantity > 0 && order.filled <= order.quantity);
                }
                assert_eq!(order.parts, 0);
            }
        }
    }

    #[test]
    fn a_limit_is_never_crossed() {
        let mut random = Random::new(1, 1);
        let mut order = order(10, 1);
        order.limit = Some(99);
        assert_eq!(order.progress(0, 99, 100, &mut random), Progress::Waiting);
        let late = order.progress(order.expires, 99, 100, &mut random);
        assert_eq!(
            late,
            Progress::Canceled("its limit was not reached in time")
        );
        order.makes = true;
        let made = order.progress(0, 99, 100, &mut random);
        let expected = Progress::Filled {
            cents: 99,
            quantity: 10,
        };
        assert_eq!(made, expected);
    }
}
