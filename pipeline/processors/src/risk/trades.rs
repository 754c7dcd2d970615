//! Positions since they were last flat: whose they are, and what closing them brought.

use serde::{Deserialize, Serialize};
use tapeline_model::money::{Money, Quantity};
use tapeline_schemas::codec::Record;

use super::BookKey;
use crate::ledger::{Missing, Position};
use crate::store::Store;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trade {
    /// Of the fill that opened it.
    strategy: Option<String>,
    /// What its symbol had brought until then, after fees.
    realised_before: Option<Money>,
}

impl Record for Trade {
    const RECORD: &'static str = "state_trade";
}

pub(super) struct Trades {
    pub store: Store<BookKey, Trade>,
}

/// A position before a fill.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    quantity: Quantity,
    realised: Option<Money>,
}

impl Before {
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
pub(super) struct Closed {
    pub strategy: Option<String>,
    pub result: Result<Money, Missing>,
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
        before: Before,
        now: &Position,
        strategy: Option<&String>,
    ) -> Option<Closed> {
        let quantity = now.quantity();
        let was_flat = before.quantity.is_zero();
        let flips = before.quantity.signum() * quantity.signum() < 0;
        let ends = !was_flat && (quantity.is_zero() || flips);
        let closed = ends.then(|| self.close(key, now));
        if (was_flat && !quantity.is_zero()) || flips {
            let trade = Trade {
                strategy: strategy.cloned(),
                realised_before: if flips {
                    now.realised().ok()
                } else {
                    before.realised
                },
            };
            self.store.put(key.clone(), trade);
        } else if quantity.is_zero() {
            self.store.remove(key.clone());
        }
        closed
    }

    /// A position that no fill opened has a cost that nobody may have told.
    fn close(&self, key: &BookKey, now: &Position) -> Closed {
        let known = self.store.get(key);
        let began = known.and_then(|trade| trade.realised_before);
        let result = began
            .zip(now.realised().ok())
            .ok_or(Missing::Cost)
            .and_then(|(began, ended)| Ok(ended.checked_sub(began)?));
        Closed {
            strategy: known.and_then(|trade| trade.strategy.clone()),
            result,
        }
    }
}
