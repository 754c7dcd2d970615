use serde::{Deserialize, Serialize};
use tapeline_model::ids::OrderId;
use tapeline_model::money::{MoneyError, Quantity};

use super::queue::{Named, Queue};
use super::terms::Positive;

/// How many orders are watched for overfills, the most recently touched ones.
pub const ORDERS: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    order_id: OrderId,
    ordered: Option<Positive>,
    filled: Quantity,
}

impl Named for Tally {
    fn name(&self) -> Option<&str> {
        Some(self.order_id.as_str())
    }
}

impl Tally {
    /// How much was filled beyond what was ordered.
    pub fn overfilled(&self) -> Option<Quantity> {
        let beyond = self.filled.checked_sub(self.ordered?.get())?;
        beyond.is_positive().then_some(beyond)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct OrderTallies(Queue<Tally>);

impl OrderTallies {
    pub fn filled(&self, order_id: &OrderId, change: Quantity) -> Result<Tally, MoneyError> {
        let known = self.known(order_id);
        Ok(Tally {
            filled: known
                .filled
                .checked_add(change)
                .ok_or(MoneyError::Overflow)?,
            ..known
        })
    }

    pub fn ordered(&self, order_id: &OrderId, quantity: Positive) -> Tally {
        Tally {
            ordered: Some(quantity),
            ..self.known(order_id)
        }
    }

    pub fn put(&mut self, tally: Tally) {
        if let Some((at, _)) = self.0.find(tally.order_id.as_str()) {
            self.0.remove(at);
        }
        if self.0.len() >= ORDERS {
            self.0.pop_front();
        }
        self.0.push_back(tally);
    }

    pub fn holds(&self, tally: &Tally) -> bool {
        self.0
            .find(tally.order_id.as_str())
            .is_some_and(|(_, known)| known == tally)
    }

    fn known(&self, order_id: &OrderId) -> Tally {
        match self.0.find(order_id.as_str()) {
            Some((_, known)) => known.clone(),
            None => Tally {
                order_id: order_id.clone(),
                ordered: None,
                filled: Quantity::ZERO,
            },
        }
    }
}
