//! Positions since they were last flat: whose they are, and what closing them brought.

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError, Price, Quantity, Rounding};
use tapeline_model::records::{ClosedTrade, Fill, Side};
use tapeline_schemas::codec::Record;

use super::BookKey;
use crate::ledger::{Missing, Position};
use crate::store::Store;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenTrade {
    /// Of the fill that opened it.
    strategy: Option<String>,
    /// What its symbol had brought until then, after fees.
    realised_before: Option<Money>,
    /// None where a former release saw it open, or where it is beyond all amounts.
    #[serde(default)]
    course: Option<TradeProgress>,
}

impl Record for OpenTrade {
    const RECORD: &'static str = "state_trade";
}

/// What was opened and closed so far, as fills reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct TradeProgress {
    opened_at: Micros,
    opened: Quantity,
    opened_value: Money,
    closed: Quantity,
    closed_value: Money,
}

pub(super) struct Trades {
    pub store: Store<BookKey, OpenTrade>,
}

/// A position before a fill.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PositionBefore {
    quantity: Quantity,
    realised: Option<Money>,
}

impl PositionBefore {
    pub fn of(position: Option<&Position>) -> Self {
        position.map_or(
            Self {
                quantity: Quantity::ZERO,
                realised: Some(Money::ZERO),
            },
            |position| Self {
                quantity: position.quantity(),
                realised: position.realised().ok(),
            },
        )
    }
}

/// A trade that a fill ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EndedTrade {
    pub strategy: Option<String>,
    pub result: Result<Money, Missing>,
    /// None where nobody saw all of it.
    pub trade: Option<ClosedTrade>,
}

impl TradeProgress {
    fn new(opened_at: Micros) -> Self {
        Self {
            opened_at,
            opened: Quantity::ZERO,
            opened_value: Money::ZERO,
            closed: Quantity::ZERO,
            closed_value: Money::ZERO,
        }
    }

    fn opening(self, quantity: Quantity, price: Price) -> Option<Self> {
        Some(Self {
            opened: self.opened.checked_add(quantity)?,
            opened_value: more(self.opened_value, quantity, price).ok()?,
            ..self
        })
    }

    fn closing(self, quantity: Quantity, price: Price) -> Option<Self> {
        Some(Self {
            closed: self.closed.checked_add(quantity)?,
            closed_value: more(self.closed_value, quantity, price).ok()?,
            ..self
        })
    }

    fn ended(&self, was: Quantity, result: Option<Money>) -> Option<ClosedTrade> {
        let average = |value: Money, quantity| value.per_unit(quantity, Rounding::HalfEven).ok();
        Some(ClosedTrade {
            side: if was.is_positive() {
                Side::Buy
            } else {
                Side::Sell
            },
            quantity: self.opened,
            entry_price: average(self.opened_value, self.opened)?,
            exit_price: average(self.closed_value, self.closed)?,
            opened_at: self.opened_at,
            result,
        })
    }
}

fn more(value: Money, quantity: Quantity, price: Price) -> Result<Money, MoneyError> {
    value.checked_add(price.notional(quantity, Rounding::HalfEven)?)
}

impl Trades {
    pub fn new() -> Self {
        Self {
            store: Store::new("trades"),
        }
    }

    pub fn strategy(&self, key: &BookKey) -> Option<&str> {
        self.store.get(key)?.strategy.as_deref()
    }

    /// A fill made of the position what it is now. Parts of one order that close a position
    /// bit by bit are one trade; a flip ends one and begins another.
    pub fn filled(
        &mut self,
        key: &BookKey,
        before: PositionBefore,
        now: &Position,
        fill: &Fill,
    ) -> Option<EndedTrade> {
        let quantity = now.quantity();
        let was_flat = before.quantity.is_zero();
        let flips = before.quantity.signum() * quantity.signum() < 0;
        if was_flat && quantity.is_zero() {
            return None;
        }
        if was_flat {
            self.begin(key, before.realised, fill, quantity);
            return None;
        }
        if !quantity.is_zero() && !flips {
            self.extend(key, before.quantity, fill);
            return None;
        }
        let closed = self.end(key, before.quantity, now, fill);
        if flips {
            self.begin(key, now.realised().ok(), fill, quantity);
        } else {
            self.store.remove(key.clone());
        }
        Some(closed)
    }

    fn begin(
        &mut self,
        key: &BookKey,
        realised_before: Option<Money>,
        fill: &Fill,
        quantity: Quantity,
    ) {
        let course = TradeProgress::new(fill.event_time);
        let trade = OpenTrade {
            strategy: fill.strategy.clone(),
            realised_before,
            course: course.opening(quantity.abs(), fill.price),
        };
        self.store.put(key.clone(), trade);
    }

    fn extend(&mut self, key: &BookKey, held: Quantity, fill: &Fill) {
        let Some(trade) = self.store.change(key) else {
            return;
        };
        let adds = held.is_positive() == (fill.side == Side::Buy);
        trade.course = trade.course.and_then(|course| {
            if adds {
                course.opening(fill.quantity, fill.price)
            } else {
                course.closing(fill.quantity, fill.price)
            }
        });
    }

    /// A position that no fill opened has a cost that may be unknown.
    fn end(&self, key: &BookKey, held: Quantity, now: &Position, fill: &Fill) -> EndedTrade {
        let known = self.store.get(key);
        let began = known.and_then(|trade| trade.realised_before);
        let result = began
            .zip(now.realised().ok())
            .ok_or(Missing::Cost)
            .and_then(|(began, ended)| Ok(ended.checked_sub(began)?));
        let course = known.and_then(|trade| trade.course);
        let course = course.and_then(|course| course.closing(held.abs(), fill.price));
        EndedTrade {
            strategy: known.and_then(|trade| trade.strategy.clone()),
            trade: course.and_then(|course| course.ended(held, result.ok())),
            result,
        }
    }
}
