//! What a position is worth at the prices of the moment.

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError, Price, Quantity};

use super::ROUNDING;
use super::amount::{Amount, Missing};
use super::position::Position;
use super::terms::{Currency, Positive, Settlement};
use super::valuation::{Booked, Open, Valuation};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    pub price: Price,
    pub time: Micros,
}

/// What is known of a symbol's price, each with its own time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    pub mark: Option<Quoted>,
    pub bid: Option<Quoted>,
    pub ask: Option<Quoted>,
    pub last: Option<Quoted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceKind {
    Mark,
    Bid,
    Ask,
    Last,
}

/// The price a position was valued at: its time tells whether it is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Valued {
    pub price: Price,
    pub time: Micros,
    pub kind: PriceKind,
}

impl Prices {
    /// The mark, else what closing would get at once, else the last trade.
    pub fn for_closing(&self, is_long: bool) -> Option<Valued> {
        let side = if is_long {
            (self.bid, PriceKind::Bid)
        } else {
            (self.ask, PriceKind::Ask)
        };
        [
            (self.mark, PriceKind::Mark),
            side,
            (self.last, PriceKind::Last),
        ]
        .into_iter()
        .find_map(|(quoted, kind)| {
            let Quoted { price, time } = quoted?;
            Some(Valued { price, time, kind })
        })
    }
}

/// All of a position that its value depends on, besides prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    pub quantity: Quantity,
    cost: Result<Money, Missing>,
    multiplier: Positive,
    settlement: Settlement,
}

/// What is open of one position, and what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// None when flat, or when no price is known.
    pub price: Option<Valued>,
    pub market_value: Result<Money, Missing>,
    pub unrealised: Result<Money, Missing>,
    settlement: Settlement,
}

/// By how much a new price changes what a position is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    pub unrealised: Money,
    pub net: Money,
    pub gross: Money,
    pub equity: Money,
}

impl Holding {
    /// From what it was before; none where something was missing, or is now.
    pub fn shift_from(&self, before: &Self) -> Option<Shift> {
        let (value, was) = (self.market_value.ok()?, before.market_value.ok()?);
        let unrealised = self.unrealised.ok()?.checked_sub(before.unrealised.ok()?);
        let (unrealised, net) = (unrealised.ok()?, value.checked_sub(was).ok()?);
        Some(Shift {
            unrealised,
            net,
            gross: value.abs().checked_sub(was.abs()).ok()?,
            equity: match self.settlement {
                Settlement::InFull => net,
                Settlement::Margined => unrealised,
            },
        })
    }
}

impl From<&Holding> for Open {
    fn from(holding: &Holding) -> Self {
        Self {
            unrealised: holding.unrealised.into(),
            net: holding.market_value.into(),
            gross: holding.market_value.map(Money::abs).into(),
            equity: match holding.settlement {
                Settlement::InFull => holding.market_value.into(),
                Settlement::Margined => holding.unrealised.into(),
            },
        }
    }
}

/// What a position adds to its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionValue {
    pub currency: Currency,
    pub booked: Booked,
    /// Fees in other currencies.
    pub elsewhere: Vec<(Currency, Booked)>,
    pub holding: Holding,
}

impl PositionValue {
    /// In the position's own currency.
    pub fn valuation(&self) -> Valuation {
        Valuation {
            booked: self.booked,
            open: Open::from(&self.holding),
        }
    }

    pub fn booked(&self) -> impl Iterator<Item = (Currency, &Booked)> {
        let elsewhere = self
            .elsewhere
            .iter()
            .map(|(currency, fees)| (*currency, fees));
        std::iter::once((self.currency, &self.booked)).chain(elsewhere)
    }
}

impl Exposure {
    pub fn holding(&self, prices: &Prices) -> Holding {
        if self.quantity.is_zero() {
            return Holding {
                price: None,
                market_value: Ok(Money::ZERO),
                unrealised: Ok(Money::ZERO),
                settlement: self.settlement,
            };
        }
        let price = prices.for_closing(self.quantity.is_positive());
        let market_value = self.market_value(price);
        Holding {
            price,
            market_value,
            unrealised: market_value.and_then(|value| Ok(value.checked_sub(self.cost?)?)),
            settlement: self.settlement,
        }
    }

    fn market_value(&self, price: Option<Valued>) -> Result<Money, Missing> {
        let price = price.ok_or(Missing::Price)?.price;
        Ok(price.value(self.quantity, self.multiplier.get(), ROUNDING)?)
    }
}

impl Position {
    pub fn value(&self, prices: &Prices) -> PositionValue {
        let currency = self.terms().currency;
        let elsewhere = self.totals().fees.iter();
        PositionValue {
            currency,
            booked: self.booked().unwrap_or_else(|_| Booked::too_large()),
            elsewhere: elsewhere
                .filter(|charge| charge.currency != currency)
                .map(|charge| (charge.currency, fees_paid(charge.amount)))
                .collect(),
            holding: self.holding(prices),
        }
    }

    /// All of its worth that a price can change.
    pub fn holding(&self, prices: &Prices) -> Holding {
        self.exposure().holding(prices)
    }

    pub fn exposure(&self) -> Exposure {
        let cost = self.totals().inventory.cost();
        Exposure {
            quantity: self.quantity(),
            cost: match cost {
                Ok(cost) => cost.ok_or(Missing::Cost),
                Err(e) => Err(e.into()),
            },
            multiplier: self.terms().multiplier,
            settlement: self.terms().settlement,
        }
    }

    fn booked(&self) -> Result<Booked, MoneyError> {
        let (terms, now) = (self.terms(), self.totals());
        let closed =
            Amount::missing(Missing::Cost, now.unknown_costs).plus(&now.realised.into())?;
        let fees = Amount::missing(Missing::Fee, now.unknown_fees)
            .plus(&now.fees.get(terms.currency).into())?;
        let income = now.income.into();
        let traded = match terms.settlement {
            Settlement::InFull => now.proceeds.into(),
            Settlement::Margined => closed,
        };
        Ok(Booked {
            closed,
            fees,
            income,
            cash: traded.plus(&income)?.minus(&fees)?,
        })
    }
}

/// Fees alone, and the cash they took.
fn fees_paid(fees: Money) -> Booked {
    Booked {
        fees: fees.into(),
        cash: fees.negated().into(),
        ..Booked::default()
    }
}
